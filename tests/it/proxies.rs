//! Behind a load balancer: whose word counts for who the client is.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, TcpStream};
use std::time::Duration;

use crate::support::haproxy::{self, HaProxy};
use crate::support::raw::{Connection, content_length};
use crate::support::receiver::Receiver;
use crate::support::sender::{Answer, order_event};

const TRADECLOUD: &str = "35.204.224.107";

/// A receiver that takes events from Tradecloud's production only, and trusts what `proxies` say of that.
fn receiver_behind(proxies: &str) -> Receiver {
    Receiver::with(&format!(
        "server.trusted_proxies = [\"{proxies}\"]\n\
         endpoints = [{{ path = \"/webhooks/tradecloud\", allow_from = [\"tradecloud-production\", \"2001:db8:7::/48\"] }}]"
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
    header_of_version_2(0x20 | command, 0x11, &[source, [10, 0, 0, 1]].concat())
}

/// The same for IPv6.
fn version_2_of(source: Ipv6Addr) -> Vec<u8> {
    header_of_version_2(0x21, 0x21, &[source.octets(), Ipv6Addr::LOCALHOST.octets()].concat())
}

fn header_of_version_2(version_and_command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([version_and_command, family, 0, u8::try_from(addresses.len()).unwrap() + 4 + 4]);
    header.extend(addresses);
    // The ports.
    header.extend([0x10, 0, 0x01, 0xbb]);
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

    let taken = [
        format!("PROXY TCP4 {TRADECLOUD} 10.0.0.1 4096 443\r\n").into_bytes(),
        b"PROXY TCP6 2001:db8:7::1 2001:db8::2 4096 443\r\n".to_vec(),
        format!("PROXY TCP6 ::ffff:{TRADECLOUD} ::ffff:10.0.0.1 4096 443\r\n").into_bytes(),
        version_2(1, [34, 90, 20, 233]),
        version_2_of("2001:db8:7::1".parse().unwrap()),
        version_2_of(format!("::ffff:{TRADECLOUD}").parse().unwrap()),
    ];
    for header in &taken {
        assert_eq!(post(&receiver, header, &[]).status, Some(202), "{header:?}");
    }
    let turned_away = [
        b"PROXY TCP4 6.6.6.6 10.0.0.1 4096 443\r\n".to_vec(),
        b"PROXY TCP6 2001:db8::1 2001:db8::2 4096 443\r\n".to_vec(),
        b"PROXY UNKNOWN\r\n".to_vec(),
        version_2(1, [6, 6, 6, 6]),
        version_2_of("2001:db8:8::1".parse().unwrap()),
        // The proxy's own look at whether we live.
        version_2(0, [34, 90, 20, 233]),
        // Neither of IPv4 nor of IPv6.
        header_of_version_2(0x21, 0x00, &[]),
        header_of_version_2(0x21, 0x31, &[b'/'; 216]),
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
        &header_of_version_2(0x11, 0x11, &[34, 90, 20, 233, 10, 0, 0, 1])[..],
        &header_of_version_2(0x2f, 0x11, &[34, 90, 20, 233, 10, 0, 0, 1]),
        &header_of_version_2(0x21, 0x21, &[34, 90, 20, 233, 10, 0, 0, 1]),
        b"PROXY TCP4 1.2.3.4\r\n",
        b"PROXY TCP4 35.204.224.107 10.0.0.1 4096 99999\r\n",
        b"PROXY TCP6 35.204.224.107 10.0.0.1 4096 443\r\n",
        b"PROXY\r\n",
        b"PROXY TCP4 999.2.3.4 10.0.0.1 1 2\r\n",
        b"PROXY nonsense that goes on and on for longer than any header of the first version may be, which is 107\r\n",
        &endless,
    ] {
        let connection = Connection::open_after(header, receiver.public_port(), &receiver.ca());
        assert!(connection.closed_silently(), "{header:?}");
    }
    assert_eq!(post(&receiver, format!("PROXY TCP4 {TRADECLOUD} 10.0.0.1 4096 443\r\n"), &[]).status, Some(202));
}

#[test]
fn a_proxy_that_begins_a_header_and_does_not_end_it_is_not_waited_for_long() {
    let receiver = Receiver::with(
        "server.trusted_proxies = [\"127.0.0.1\"]
server.limits.tls_handshake = \"1s\"",
    );

    for begun in [&b"PROXY TCP4 35."[..], b"\r\n\r\n\0\r\nQU", &version_2(1, [34, 90, 20, 233])[..20]] {
        let mut connection = TcpStream::connect(("127.0.0.1", receiver.public_port())).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        connection.write_all(begun).unwrap();
        let end = connection.read(&mut [0; 16]).map_err(|error| error.kind());
        assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{begun:?}: {end:?}");
    }
}

#[test]
fn a_header_that_comes_byte_by_byte_is_a_header() {
    let receiver = receiver_behind("127.0.0.1");
    let body = order_event("1").to_string();

    for header in
        [format!("PROXY TCP4 {TRADECLOUD} 10.0.0.1 4096 443\r\n").into_bytes(), version_2(1, [34, 90, 20, 233])]
    {
        let mut connection = Connection::open_slowly_after(&header, receiver.public_port(), &receiver.ca());
        connection.write_head(&[&content_length(&body)]);
        connection.write(&body);
        assert_eq!(connection.answer().status, Some(202), "{header:?}");
    }
}

/// One socket for both families: a client of IPv4 arrives as `::ffff:127.0.0.1`.
#[tokio::test]
async fn lists_of_addresses_hold_on_a_socket_for_ipv6_too() {
    let mut receiver = Receiver::prepared(
        r#"endpoints = [
            { path = "/four", allow_from = ["127.0.0.0/8"] },
            { path = "/six", allow_from = ["::1"] },
            { path = "/mapped", allow_from = ["::ffff:127.0.0.0/104"] },
            { path = "/elsewhere", allow_from = ["2001:db8::/32", "10.0.0.0/8", "::ffff:10.0.0.1"] },
        ]"#,
    )
    .setting("SERVER__LISTEN", "[::]:0");
    receiver.restart();

    for (path, status) in [("/four", 202), ("/six", 403), ("/mapped", 202), ("/elsewhere", 403)] {
        let sender = receiver.sender().to(receiver.url(path));
        assert_eq!(sender.send(order_event("1")).await.status, Some(status), "{path}");
    }
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
        ("172.31.0.1:8443", true),
        ("169.254.1.1:8443", true),
        ("[::1]:8443", true),
        ("[fe80::1]:8443", true),
        ("[::ffff:10.0.0.1]:8443", true),
        ("172.32.0.1:8443", false),
        ("100.64.0.1:8443", false),
        ("[2001:db8::1]:8443", false),
        ("[::ffff:203.0.113.7]:8443", false),
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
fn tls_is_off_only_if_that_is_what_is_written() {
    for value in ["\"on\"", "\"Off\"", "\"\"", "false"] {
        let output = Receiver::prepared(&format!("server.tls = {value}")).run(&["check"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(78), "{value}: {said}");
        assert!(said.contains("`server.tls`"), "{value}: {said}");
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

/// What a proxy does not set itself, its clients can.
#[test]
fn only_the_word_that_the_proxies_are_said_to_give_is_believed() {
    let first = format!("PROXY TCP4 {TRADECLOUD} 10.0.0.1 4096 443\r\n");
    let (forwarded, older) = (format!("Forwarded: for={TRADECLOUD}"), format!("X-Forwarded-For: {TRADECLOUD}"));
    for (header, by_protocol, by_forwarded, by_older) in [
        ("proxy-protocol", Some(202), Some(403), Some(403)),
        ("forwarded", None, Some(202), Some(403)),
        ("x-forwarded-for", None, Some(403), Some(202)),
    ] {
        let receiver = Receiver::with(&format!(
            "server.trusted_proxies = [\"127.0.0.1\"]\nserver.proxy_header = \"{header}\"\n\
             endpoints = [{{ path = \"/webhooks/tradecloud\", allow_from = [\"tradecloud-production\"] }}]"
        ));

        if by_protocol.is_some() {
            assert_eq!(post(&receiver, &first, &[]).status, by_protocol, "{header}");
        } else {
            let caller = Connection::open_after(first.as_bytes(), receiver.public_port(), &receiver.ca());
            assert!(caller.closed_silently(), "{header}");
        }
        assert_eq!(post(&receiver, "", &[&forwarded]).status, by_forwarded, "{header}");
        assert_eq!(post(&receiver, "", &[&older]).status, by_older, "{header}");
        let both = format!("{forwarded}\r\nX-Forwarded-For: 6.6.6.6");
        assert_eq!(post(&receiver, "", &[&both]).status, by_forwarded, "{header}: the other one does not count");
        assert!(!format!("{:?}", receiver.log()).contains("server.proxy_header"));
    }
}

#[tokio::test]
async fn proxies_of_which_nobody_says_what_they_send_are_warned_of() {
    const WARNING: &str = "server.proxy_header";
    let checked = |configuration: &str| {
        let output = Receiver::prepared(configuration).run(&["check"]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };

    let (status, said) = checked("server.trusted_proxies = [\"10.0.0.0/8\"]");
    assert!(status == Some(0) && said.contains(WARNING) && said.contains("\"proxy-protocol\""), "{said}");
    let (status, said) = checked("server.proxy_header = \"forwarded\"");
    assert!(status == Some(0) && said.contains(WARNING), "{said}");
    let (status, said) = checked("server.trusted_proxies = [\"::1\"]\nserver.proxy_header = \"forwarded\"");
    assert!(status == Some(0) && !said.contains(WARNING), "{said}");
    let (status, said) = checked("server.proxy_header = \"x-real-ip\"");
    assert!(status == Some(78) && said.contains("\"x-forwarded-for\""), "{said}");

    let receiver = Receiver::with("server.trusted_proxies = [\"10.0.0.0/8\"]");
    let line = receiver.log().into_iter().find(|line| line.to_string().contains(WARNING));
    assert_eq!(line.unwrap()["level"], "WARN");
}

#[tokio::test]
async fn which_header_counts_is_taken_over_while_it_runs() {
    let receiver = receiver_behind("127.0.0.1");
    let line = format!("X-Forwarded-For: {TRADECLOUD}");
    assert_eq!(post(&receiver, "", &[&line]).status, Some(202));
    let seen = receiver.log().len();

    receiver.configure(|text| format!("server.proxy_header = \"proxy-protocol\"\n{text}"));

    assert!(receiver.reloaded_since(seen).await.contains("configuration reloaded"));
    assert_eq!(post(&receiver, "", &[&line]).status, Some(403));
}
