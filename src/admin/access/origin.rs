//! What browsers are led to do by pages of others: to call a name that leads here (the `Host` tells), and to send what
//! nobody here has filled in (the `Origin` tells). Both are turned away whoever is signed in, as a browser sends along who
//! it is.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{HOST, ORIGIN};

use super::Way;
use crate::admin::settings::Rules;

const SITE: &str = "sec-fetch-site";

/// Whether a request calls this address by a name that it has: an IP address, which no name of others leads to, that of
/// the machine for itself, or one of the configuration.
pub(super) fn is_called_by_name(rules: &Rules, request: &Request) -> bool {
    let headers = request.headers().get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
    let mut called: Vec<_> = headers.chain(request.uri().authority().map(axum::http::uri::Authority::as_str)).collect();
    called.dedup();
    !called.is_empty() && called.iter().all(|authority| is_ours(authority, &rules.hosts))
}

fn is_ours(authority: &str, hosts: &[String]) -> bool {
    let Some((host, _)) = parts(authority) else { return false };
    let is_address = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(six) => six.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    };
    is_address || host.eq_ignore_ascii_case("localhost") || hosts.iter().any(|name| name.eq_ignore_ascii_case(host))
}

/// Host and port; `None` if it is no such thing. A host in brackets is left in them.
fn parts(authority: &str) -> Option<(&str, Option<u16>)> {
    let end_of_host = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[end_of_host..].split_once(':') {
        Some((rest, port)) => (&authority[..end_of_host + rest.len()], Some(port)),
        None => (authority, None),
    };
    let is_number = |port: &str| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    match port {
        Some(port) if is_number(port) => port.parse().ok().map(|port| (host, Some(port))),
        Some(_) => None,
        None => Some((host, None)),
    }
}

/// Whether a page of another site has sent the request. What is no browser says nothing of that. Browsers say it in two
/// headers, of which over plain HTTP only the older one comes.
pub(super) fn is_foreign(rules: &Rules, way: Way, request: &Request) -> bool {
    let headers = request.headers();
    let site = headers.get(SITE).map(HeaderValue::as_bytes);
    if site.is_some_and(|site| ![b"same-origin".as_slice(), b"same-site", b"none"].contains(&site)) {
        return true;
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    match (origins.next().map(|origin| origin.to_str().unwrap_or_default()), origins.next()) {
        (_, Some(_)) => true,
        (None, None) => site == Some(b"same-site".as_slice()),
        // It does not say where from, as some pages ask for. The other header does.
        (Some("null"), None) => site != Some(b"same-origin".as_slice()),
        (Some(origin), None) => !is_own(origin, rules, way, request),
    }
}

fn is_own(origin: &str, rules: &Rules, way: Way, request: &Request) -> bool {
    let (authority, default) = match origin.split_once("://") {
        Some(("https", authority)) => (authority, 443),
        Some(("http", authority)) => (authority, 80),
        _ => return false,
    };
    let Some((host, port)) = parts(authority) else { return false };
    let called = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let called = called.or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str));
    let is_called = called.and_then(parts).is_some_and(|(called, called_at)| {
        called.eq_ignore_ascii_case(host) && called_at.unwrap_or(default) == port.unwrap_or(default)
    });
    // A proxy may call us by another name than the browser called it.
    is_called || way.by_proxy && port.is_none() && rules.hosts.iter().any(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_localhost_and_the_names_of_the_configuration_are_ours() {
        let hosts = ["inbox.example.com".to_owned()];
        for ours in [
            "127.0.0.1",
            "127.0.0.1:8081",
            "[::1]:8081",
            "[::1]",
            "LocalHost:1",
            "192.0.2.1:80",
            "Inbox.Example.com:8081",
        ] {
            assert!(is_ours(ours, &hosts), "{ours}");
        }
        for other in [
            "",
            ":80",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "inbox.example.com.evil.example",
            "x.inbox.example.com",
            "127.1",
            "0x7f000001",
            "2130706433",
            "[::1",
            "::1",
            "[::1]x",
            "127.0.0.1:",
            "127.0.0.1:x",
            "127.0.0.1:80:80",
            "a@127.0.0.1",
            "127.0.0.1@evil.example",
            "localhost:99999",
            "[127.0.0.1]",
        ] {
            assert!(!is_ours(other, &hosts), "{other}");
        }
    }
}
