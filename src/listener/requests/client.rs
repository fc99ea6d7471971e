//! Who the client is where a load balancer or reverse proxy stands in front (`server.trusted_proxies`).
//!
//! A proxy says so in one of three ways: in the head of the request (`Forwarded`, RFC 7239, or the older
//! `X-Forwarded-For`), or before it in the PROXY protocol (see `proxy_protocol`). All are believed only from
//! the addresses of trusted proxies, and of a list only as far from its right end as trusted proxies
//! wrote it: what stands further left came from the client, who may write anything.
//!
//! What a proxy does not set itself, it passes on from the client. So it is to be said which one it sets
//! (`server.proxy_header`), and only that is believed. If it is not said, each is, but if both headers are there and
//! disagree, one of them came from the client, and neither is believed.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, Request};

use crate::auth::AddressList;
use crate::config::Section;
use crate::listener::connections::proxy_protocol::Source;
use crate::telemetry::events;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The keys of the configuration.
const TRUSTED: &str = "trusted_proxies";
const HEADER: &str = "proxy_header";

/// The ways in which a proxy says whom it passes something on for, as the configuration names them.
const HEADERS: &[(&str, ProxyHeader)] = &[
    ("proxy-protocol", ProxyHeader::Protocol),
    ("forwarded", ProxyHeader::Forwarded),
    (X_FORWARDED_FOR, ProxyHeader::XForwardedFor),
];

/// How a proxy says whom it passes something on for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The PROXY protocol, before the first byte of TLS.
    Protocol,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

/// Proxies whose word counts for whom they pass requests on for.
#[derive(Debug, Clone, Default)]
pub struct Proxies {
    /// Their networks.
    pub trusted: AddressList,
    /// How they say it; `None` if that is not known.
    pub header: Option<ProxyHeader>,
}

impl Proxies {
    /// Reads `trusted_proxies` and `proxy_header` of `[server]`.
    pub(crate) fn read(section: &Section) -> Self {
        let (entries, trusted) = read_trusted(section);
        let said = section.has(HEADER);
        let header = section.choice(HEADER, HEADERS);
        if !entries.is_empty() && !said {
            let what = "is not set: whatever of the PROXY protocol, Forwarded and X-Forwarded-For comes from \
                        trusted_proxies is believed, and what they do not set themselves comes from the client. Say \
                        which one they send: \"proxy-protocol\", \"forwarded\" or \"x-forwarded-for\"";
            section.warning(HEADER, what);
        }
        if entries.is_empty() && said {
            section.warning(HEADER, "has no effect: `trusted_proxies` names nobody whose word counts");
        }
        Self { trusted, header }
    }

    /// Whether `peer` may begin a connection with the header of the PROXY protocol.
    pub(crate) fn may_begin_with_header(&self, peer: IpAddr) -> bool {
        self.believe(ProxyHeader::Protocol) && self.trusted.contains(peer)
    }

    /// The address a request came from. If that cannot be said, it is the address of the last proxy whose
    /// word counts.
    pub(crate) fn client<B>(&self, peer: IpAddr, request: &Request<B>) -> IpAddr {
        let trusted = &self.trusted;
        let peer = request.extensions().get::<Source>().and_then(|source| source.0).unwrap_or(peer).to_canonical();
        if !trusted.contains(peer) {
            return peer;
        }
        let headers = request.headers();
        let listed = |header, name, read| {
            let chain = chain(headers, name, read).filter(|_| self.believe(header))?;
            Some(client(trusted, peer, chain))
        };
        let standard = listed(ProxyHeader::Forwarded, FORWARDED.as_str(), forwarded as fn(&str) -> _);
        let older = listed(ProxyHeader::XForwardedFor, X_FORWARDED_FOR, plain);
        match (standard, older) {
            (Some(one), Some(other)) if one != other => {
                events::callers::proxy_contradicts_itself(peer);
                peer
            }
            (Some(address), _) | (None, Some(address)) => address,
            (None, None) => peer,
        }
    }

    fn believe(&self, header: ProxyHeader) -> bool {
        self.header.is_none_or(|sent| sent == header)
    }
}

/// The entries of `trusted_proxies`, and the networks that they are.
pub(crate) fn read_trusted(section: &Section) -> (Vec<String>, AddressList) {
    let entries = section.texts(TRUSTED).unwrap_or_default();
    let trusted = AddressList::read_networks(&entries).unwrap_or_else(|wrong| {
        for entry in wrong {
            let what = format!("has \"{entry}\", which is no network such as \"10.0.0.0/8\" nor an address");
            section.error(TRUSTED, what);
        }
        AddressList::default()
    });
    (entries, trusted)
}

/// What a header lists, the last proxy's word last; `None` for what is no address.
fn chain(headers: &HeaderMap, name: &str, read: fn(&str) -> Vec<Option<IpAddr>>) -> Option<Vec<Option<IpAddr>>> {
    let values = headers.get_all(name);
    values.iter().next()?;
    Some(values.iter().flat_map(|value| value.to_str().map_or_else(|_| vec![None], read)).collect())
}

/// The first address from the right that is no trusted proxy.
fn client(trusted: &AddressList, peer: IpAddr, chain: Vec<Option<IpAddr>>) -> IpAddr {
    let mut last = peer;
    for address in chain.into_iter().rev() {
        match address {
            Some(address) if trusted.contains(address) => last = address,
            Some(address) => return address,
            None => return last,
        }
    }
    last
}

/// `X-Forwarded-For`: addresses with commas between them.
fn plain(value: &str) -> Vec<Option<IpAddr>> {
    value.split(',').map(|part| node(part.trim())).collect()
}

/// `Forwarded`: elements with commas between them, each of `name=value` with semicolons between them. A
/// value that is written wrongly says nothing at all: its quotes could hide what a proxy has added.
fn forwarded(value: &str) -> Vec<Option<IpAddr>> {
    let mut addresses = Vec::new();
    let mut address = None;
    let mut rest = value;
    loop {
        let Some((name, after)) = rest.split_once('=') else { return vec![None] };
        let Some((text, after)) = value_of(after) else { return vec![None] };
        if name.trim().eq_ignore_ascii_case("for") {
            address = node(text);
        }
        let after = after.trim_start();
        match after.chars().next() {
            Some(';') => {}
            Some(',') => addresses.push(address.take()),
            None => {
                addresses.push(address);
                return addresses;
            }
            Some(_) => return vec![None],
        }
        rest = &after[1..];
    }
}

/// A value at the beginning of `text`, and what follows it. Nothing that needs a backslash is an address.
fn value_of(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted.split_once('"').filter(|(value, _)| !value.contains('\\'));
    }
    let end = text.find([',', ';']).unwrap_or(text.len());
    let (value, after) = text.split_at(end);
    (!value.contains(['"', '='])).then(|| (value.trim_end(), after))
}

/// An address, with or without a port; IPv6 may stand in brackets. The port may be one that the proxy hides
/// (`_abc`, RFC 7239, §6.3); an address that it hides is none.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.rsplit_once(":_").map_or(text, |(address, _)| address);
    let address = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address.ok().or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::http::Request;

    use super::{Proxies, ProxyHeader};
    use crate::auth::AddressList;
    use crate::listener::connections::proxy_protocol::Source;

    /// The client of a request from `peer` with these headers, behind proxies of 10.0.0.0/8 and 2001:db8::/32.
    fn client(peer: &str, headers: &[(&str, &str)]) -> String {
        client_by(None, peer, headers)
    }

    /// The same, if it is known that the proxies send this.
    fn client_by(header: Option<ProxyHeader>, peer: &str, headers: &[(&str, &str)]) -> String {
        let trusted = AddressList::read_networks(&["10.0.0.0/8".into(), "2001:db8::/32".into()]).unwrap();
        let mut request = Request::new(());
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        Proxies { trusted, header }.client(peer.parse().unwrap(), &request).to_string()
    }

    #[test]
    fn the_word_of_a_stranger_counts_for_nothing() {
        let lies = [("forwarded", "for=35.204.224.107"), ("x-forwarded-for", "35.204.224.107")];
        assert_eq!(client("192.0.2.1", &lies), "192.0.2.1");
    }

    #[test]
    fn the_client_is_the_last_one_that_is_no_trusted_proxy() {
        for (header, value) in [
            ("x-forwarded-for", "35.204.224.107"),
            ("x-forwarded-for", "6.6.6.6, 35.204.224.107"),
            ("x-forwarded-for", "6.6.6.6,35.204.224.107:1234 , 10.1.1.1"),
            ("forwarded", "for=35.204.224.107"),
            ("forwarded", "for=6.6.6.6;proto=http, For=\"35.204.224.107:80\";by=10.0.0.2, for=10.1.1.1"),
            ("forwarded", "proto=https;for=35.204.224.107;host=\"a,b;c\""),
            ("forwarded", "for=\"35.204.224.107:_hidden\""),
            ("forwarded", "for=_hidden, for=unknown, FOR=35.204.224.107, for=\"10.1.1.1:_a\""),
            ("x-forwarded-for", "unknown, 35.204.224.107"),
        ] {
            assert_eq!(client("10.0.0.1", &[(header, value)]), "35.204.224.107", "{header}: {value}");
        }
        assert_eq!(client("10.0.0.1", &[("forwarded", "for=\"[2a00:1450::5]:443\"")]), "2a00:1450::5");
        for value in ["[2a00:1450::5]", "2a00:1450::5", "[2a00:1450::5]:443", "2A00:1450:0::5"] {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", value)]), "2a00:1450::5", "{value}");
        }
        assert_eq!(
            client("2001:db8::1", &[("forwarded", "for=\"[2a00:1450::5]:_p\", for=\"[2001:db8::2]\"")]),
            "2a00:1450::5"
        );
        assert_eq!(client("::ffff:10.0.0.1", &[("x-forwarded-for", "::ffff:35.204.224.107")]), "35.204.224.107");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "10.0.0.7")]), "10.0.0.7");
    }

    #[test]
    fn several_lines_are_one_list() {
        let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "35.204.224.107")];
        assert_eq!(client("10.0.0.1", &lines), "35.204.224.107");
        let lines = [("forwarded", "for=35.204.224.107, for=6.6.6.6"), ("forwarded", "for=10.1.1.1")];
        assert_eq!(client("10.0.0.1", &lines), "6.6.6.6");
        let lines = [("x-forwarded-for", "35.204.224.107"), ("x-forwarded-for", "nonsense")];
        assert_eq!(client("10.0.0.1", &lines), "10.0.0.1");
    }

    #[test]
    fn what_is_no_address_ends_what_is_believed() {
        for (header, value) in [
            ("x-forwarded-for", "35.204.224.107, unknown"),
            ("x-forwarded-for", ""),
            ("forwarded", "for=35.204.224.107, for=_hidden"),
            ("forwarded", "for=35.204.224.107, for=\"_hidden:80\""),
            ("forwarded", "for=35.204.224.107, for=unknown"),
            ("forwarded", "for=35.204.224.107,"),
            ("forwarded", "for=35.204.224.107:"),
            ("forwarded", "for=\"35.204.224.107:99999\""),
            ("forwarded", "for=\"35.204.224.107\"\"6.6.6.6\""),
            ("forwarded", "by=35.204.224.107"),
            ("x-forwarded-for", "35.204.224.107,"),
            ("x-forwarded-for", "35.204.224.107 6.6.6.6"),
            ("x-forwarded-for", "35.204.224.107/32"),
            ("x-forwarded-for", "0x23.0xcc.0xe0.0x6b"),
            ("x-forwarded-for", "600629355"),
            ("x-forwarded-for", "fe80::1%eth0"),
            ("x-forwarded-for", "webhook.tradecloud1.com"),
            ("forwarded", "for=35.204.224.107;x=\", for=6.6.6.6"),
            ("forwarded", "for=35.204.224.107;x=\", for=\"[2a00:1450::5]\""),
            ("forwarded", "for=\"35.204.224.107\\\""),
            ("forwarded", "35.204.224.107"),
            ("forwarded", "for=35.204.224.107 x"),
            ("forwarded", "proto=https"),
        ] {
            assert_eq!(client("10.0.0.1", &[(header, value)]), "10.0.0.1", "{header}: {value}");
        }
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "6.6.6.6, nobody, 10.0.0.9")]), "10.0.0.9");
    }

    #[test]
    fn two_headers_count_only_if_they_agree() {
        let both = |one, other| client("10.0.0.1", &[("forwarded", one), ("x-forwarded-for", other)]);
        assert_eq!(both("for=6.6.6.6", "6.6.6.6"), "6.6.6.6");
        assert_eq!(both("for=35.204.224.107", "6.6.6.6"), "10.0.0.1");
    }

    #[test]
    fn only_what_the_proxies_send_counts() {
        let (one, other) = ("35.204.224.107", "6.6.6.6");
        let for_one = format!("for={one}");
        let both = [("forwarded", &*for_one), ("x-forwarded-for", other)];
        assert_eq!(client_by(Some(ProxyHeader::Forwarded), "10.0.0.1", &both), one);
        assert_eq!(client_by(Some(ProxyHeader::XForwardedFor), "10.0.0.1", &both), other);
        assert_eq!(client_by(Some(ProxyHeader::Protocol), "10.0.0.1", &both), "10.0.0.1");
        assert_eq!(client_by(Some(ProxyHeader::Forwarded), "10.0.0.1", &both[1..]), "10.0.0.1");
    }

    #[test]
    fn the_proxy_protocol_comes_before_the_headers() {
        let trusted = AddressList::read_networks(&["10.0.0.0/8".into()]).unwrap();
        let proxies = Proxies { trusted, header: None };
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let mut request = Request::new(());
        request.headers_mut().append("x-forwarded-for", "35.204.224.107".parse().unwrap());
        request.extensions_mut().insert(Source(Some("6.6.6.6".parse().unwrap())));
        assert_eq!(proxies.client(peer, &request).to_string(), "6.6.6.6");
        request.extensions_mut().insert(Source(Some("10.0.0.2".parse().unwrap())));
        assert_eq!(proxies.client(peer, &request).to_string(), "35.204.224.107");
    }
}
