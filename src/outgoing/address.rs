//! Addresses of others, as they stand in the configuration and in reasons.

use std::net::IpAddr;

use reqwest::Url;

use crate::config::Section;

/// An address to send to. Credentials in it would end up in logs.
pub(crate) fn url(section: &Section, key: &str, example: &str) -> Option<Url> {
    let text = section.required_text(key, example)?;
    let url = match text.parse::<Url>() {
        Ok(url) => url,
        Err(error) => {
            section.error(key, format!("is no address: {error}. Write it like {example}"));
            return None;
        }
    };
    if !matches!(url.scheme(), "http" | "https") {
        section.error(key, format!("starts with `{}:`, but must be https (or http)", url.scheme()));
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        let instead = "auth = { type = \"basic\", username = \"…\", password_file = \"…\" }";
        section.error(key, format!("has credentials in it. Take them out and use `{instead}`"));
        return None;
    }
    Some(url)
}

/// Credentials over plain HTTP work, and everybody on the way can read them.
pub(crate) fn warn_of_plain_http(section: &Section, key: &str, url: &Url) {
    if url.scheme() == "http" && !url.host_str().is_some_and(on_loopback) {
        section.warning(key, "sends credentials unencrypted. Use https");
    }
}

/// Whether the host is this very machine.
pub(crate) fn on_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host == "localhost", |address| address.is_loopback())
}

/// Host and port: path and query of an address may hold keys that do not belong into a log.
pub(crate) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
