//! Behind a load balancer: whose word counts for who the client is.

use std::net::IpAddr;

use crate::support::haproxy::{self, HaProxy};
use crate::support::raw::{Connection, content_length};
use crate::support::receiver::Receiver;
use crate::support::sender::{Answer, order_event};

const TRADECLOUD: &str = "35.204.224.107";

/// A receiver that takes events from Tradecloud's production only, and trusts what `proxies` say of that.
fn receiver_behind(proxies: &str) -> Receiver {
    Receiver::with(&format!(
        "server.trusted_proxies = [\"{proxies}\"]\n\
         endpoints = [{{ path = \"/webhooks/tradecloud\", allow_from = [\"tradecloud-production\"] }}]"
    ))
}

/// Sends an event after these first bytes, with these lines in its head.
fn post(receiver: &Receiver, first: impl AsRef<[u8]>, lines: &[&str]) -> Answer {
    let body = order_event("1").to_string();
    let mut connection = Connection::open_after(first.as_ref(), receiver.public_port(), &receiver.ca());
    connection.write_head(&[&[&*content_length(&body)], lines].concat());
    connection.write(&body);
    connection.answer()
}

/// A header of version 2 with these addresses, and a field that nobody knows.
fn version_2(command: u8, source: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, 0x11, 0, 12 + 4]);
    header.extend(source);
    header.extend([10, 0, 0, 1, 0x10, 0, 0x01, 0xbb]);
    header.extend([0xee, 0, 1, 7]);
    header
}

#[test]
fn a_trusted_proxy_says_in_the_head_who_the_client_is() {
    let receiver = receiver_behind("127.0.0.1");

    let taken = [
        format!("X-Forwarded-For: 6.6.6.6, {TRADECLOUD}"),
        format!("Forwarded: for=6.6.6.6, for=\"{TRADECLOUD}:443\";proto=https"),
    ];
    for line in &taken {
        assert_eq!(post(&receiver, "", &[line]).status, Some(202), "{line}");
    }
    let turned_away =
        [format!("X-Forwarded-For: {TRADECLOUD}, 6.6.6.6"), format!("Forwarded: for={TRADECLOUD}, for=6.6.6.6")];
    for line in &turned_away {
        assert_eq!(post(&receiver, "", &[line]).status, Some(403), "{line}");
    }
    assert_eq!(post(&receiver, "", &[]).status, Some(403), "the proxy itself is not Tradecloud");
}

#[tokio::test]
async fn the_client_and_not_the_proxy_is_in_the_log() {
    let receiver = receiver_behind("127.0.0.1");

    post(&receiver, "", &[&format!("X-Forwarded-For: {TRADECLOUD}")]);

    assert_eq!(receiver.logged("event stored").await["from"], TRADECLOUD);
}

#[test]
fn the_word_of_anybody_else_counts_for_nothing() {
    let receiver = receiver_behind("127.0.0.2");

    assert_eq!(post(&receiver, "", &[&format!("X-Forwarded-For: {TRADECLOUD}")]).status, Some(403));
    assert_eq!(post(&receiver, "", &[&format!("Forwarded: for={TRADECLOUD}")]).status, Some(403));
    let header = format!("PROXY TCP4 {TRADECLOUD} 10.0.0.1 4096 443\r\n");
    assert!(Connection::open_after(header.as_bytes(), receiver.public_port(), &receiver.ca()).closed_silently());
}

#[test]
fn the_proxy_protocol_is_understood_in_both_versions() {
    let receiver = receiver_behind("127.0.0.1");

    let taken =
        [format!("PROXY TCP4 {TRADECLOUD} 10.0.0.1 4096 443\r\n").into_bytes(), version_2(1, [34, 90, 20, 233])];
    for header in &taken {
        assert_eq!(post(&receiver, header, &[]).status, Some(202), "{header:?}");
    }
    let turned_away = [
        b"PROXY TCP4 6.6.6.6 10.0.0.1 4096 443\r\n".to_vec(),
        b"PROXY TCP6 2001:db8::1 2001:db8::2 4096 443\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        version_2(1, [6, 6, 6, 6]),
        // The proxy's own look at whether we live.
        version_2(0, [34, 90, 20, 233]),
    ];
    for header in &turned_away {
        assert_eq!(post(&receiver, header, &[]).status, Some(403), "{header:?}");
    }
    // Whom the proxy protocol names is no trusted proxy: what it says itself counts for nothing.
    let lie = format!("X-Forwarded-For: {TRADECLOUD}");
    assert_eq!(post(&receiver, "PROXY TCP4 6.6.6.6 10.0.0.1 4096 443\r\n", &[&lie]).status, Some(403));
}

#[test]
fn a_header_that_cannot_be_read_ends_the_connection() {
    let receiver = receiver_behind("127.0.0.1");
    let mut endless = version_2(1, [34, 90, 20, 233]);
    endless[14] = 0xff;
    for header in [
        &b"PROXY TCP4 1.2.3.4\r\n"[..],
        b"PROXY TCP4 999.2.3.4 10.0.0.1 1 2\r\n",
        b"PROXY nonsense that goes on and on for longer than any header of the first version may be, which is 107\r\n",
        &endless,
    ] {
        let connection = Connection::open_after(header, receiver.public_port(), &receiver.ca());
        assert!(connection.closed_silently(), "{header:?}");
    }
    assert_eq!(post(&receiver, format!("PROXY TCP4 {TRADECLOUD} 10.0.0.1 4096 443\r\n"), &[]).status, Some(202));
}

#[tokio::test]
async fn haproxy_in_front_is_understood_whichever_way_it_speaks() {
    let behind = format!(
        "server.trusted_proxies = [\"{}\"]\n\
         endpoints = [{{ path = \"/webhooks/tradecloud\", allow_from = [\"127.0.0.5\"] }}]",
        haproxy::ADDRESS
    );
    let encrypted = Receiver::with(&behind);
    let plain = Receiver::with(&format!("server.tls = \"off\"\n{behind}"));
    let ways = [
        (&encrypted, "https", HaProxy::start(encrypted.public_port(), "tcp", "send-proxy", "")),
        (&encrypted, "https", HaProxy::start(encrypted.public_port(), "tcp", "send-proxy-v2", "")),
        (&plain, "http", HaProxy::start(plain.public_port(), "tcp", "send-proxy", "")),
        (&plain, "http", HaProxy::start(plain.public_port(), "tcp", "send-proxy-v2", "")),
        (&plain, "http", HaProxy::start(plain.public_port(), "http", "", "option forwardfor")),
        (
            &plain,
            "http",
            HaProxy::start(plain.public_port(), "http", "", "http-request set-header Forwarded for=%[src]"),
        ),
    ];

    for (way, (receiver, scheme, proxy)) in ways.iter().enumerate() {
        let sender = receiver.sender().to(proxy.url(scheme));
        let from = |address: &str| sender.clone().from(address.parse::<IpAddr>().unwrap());
        assert_eq!(from("127.0.0.5").send(order_event("1")).await.status, Some(202), "way {way}");
        assert_eq!(from("127.0.0.6").send(order_event("1")).await.status, Some(403), "way {way}");
    }
}

#[tokio::test]
async fn without_tls_everything_else_is_the_same() {
    let receiver = Receiver::with("server.tls = \"off\"");
    let url = receiver.url("/webhooks/tradecloud").replace("https:", "http:");

    assert_eq!(receiver.sender().to(url.clone()).send(order_event("1")).await.status, Some(202));
    assert_eq!(receiver.sender().anonymous().to(url).send(order_event("1")).await.status, Some(401));
    receiver.logged("TLS is off").await;
}

#[test]
fn tls_is_off_only_where_nobody_else_can_listen_in() {
    for (listen, valid) in [
        ("127.0.0.1:0", true),
        ("192.168.1.10:8443", true),
        ("10.1.2.3:8443", true),
        ("[fd00::1]:8443", true),
        ("0.0.0.0:8443", false),
        ("[::]:8443", false),
        ("203.0.113.7:8443", false),
    ] {
        let receiver = Receiver::prepared("server.tls = \"off\"").setting("SERVER__LISTEN", listen);
        let output = receiver.run(&["check"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(if valid { 0 } else { 78 }), "{listen}: {said}");
        assert!(valid || said.contains("`server.tls` is \"off\""), "{said}");
    }
}

#[test]
fn a_trusted_proxy_is_given_by_its_network() {
    let output =
        Receiver::prepared("server.trusted_proxies = [\"10.0.0.0/8\", \"lb.internal\", \"tradecloud-production\"]")
            .run(&["check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(78));
    assert!(said.contains("\"lb.internal\"") && said.contains("\"tradecloud-production\""), "{said}");
}
