//! A proxy in front that says who it is: believed if the configuration trusts it, and nobody else is.

use std::net::{SocketAddr, UdpSocket};

use super::{Ask, OVERVIEW, USERS, get, log_in, post};
use crate::support::receiver::Receiver;

const HEADERS: &str =
    "admin.trusted_user_header = 'X-Forwarded-User'\nadmin.trusted_role_header = 'X-Forwarded-Role'\n";

fn behind(proxy: &str, more: &str) -> Receiver {
    Receiver::with(&format!("admin.trusted_proxies = ['{proxy}']\n{HEADERS}{more}"))
}

fn announced(receiver: &Receiver, path: &str) -> Ask {
    get(receiver, path).header("x-forwarded-user: dora").header("x-forwarded-role: operator")
}

#[tokio::test]
async fn only_of_a_trusted_proxy_it_is_believed_who_it_is() {
    let (trusted, other) = (behind("127.0.0.1", ""), behind("192.0.2.1", ""));
    let nobody_said = Receiver::with("admin.trusted_proxies = ['127.0.0.1']");

    let home = announced(&trusted, "/").send();
    assert!(home.status == 200 && home.text().contains("<strong>dora</strong>, operator"), "{}", home.text());
    assert_eq!(announced(&trusted, OVERVIEW).send().status, 200);
    assert_eq!(announced(&other, OVERVIEW).send().status, 401, "that is no proxy");
    assert_eq!(announced(&nobody_said, OVERVIEW).send().status, 401, "that no header is believed in");
    for odd in ["", " ", &"a".repeat(101)] {
        assert_eq!(get(&trusted, OVERVIEW).header(&format!("x-forwarded-user: {odd}")).send().status, 401, "{odd:?}");
    }
    let twice = announced(&trusted, OVERVIEW).header("x-forwarded-user: eve").send();
    assert_eq!(twice.status, 401, "one of them came from somebody else");
}

#[tokio::test]
async fn whoever_is_announced_without_a_role_only_looks() {
    let receiver = behind("127.0.0.1", "");

    for role in ["", "x-forwarded-role: viewer", "x-forwarded-role: Operator", "x-forwarded-role: admin"] {
        let home = get(&receiver, "/").header("x-forwarded-user: dora");
        let home = if role.is_empty() { home } else { home.header(role) };
        assert!(home.send().text().contains("<strong>dora</strong>, viewer"), "{role}");
    }
    let twice = announced(&receiver, "/").header("x-forwarded-role: viewer").send();
    assert!(twice.text().contains("<strong>dora</strong>, viewer"), "{}", twice.text());
}

#[tokio::test]
async fn a_proxy_that_ends_tls_makes_cookies_secure_and_may_have_another_name() {
    let receiver = behind("127.0.0.1", &format!("admin.hosts = ['inbox.example.com']\n{USERS}"));
    let form = || post(&receiver, "/login", "user=anna&password=a+password+of+anna").header("x-forwarded-proto: https");

    let said = form().header("origin: https://inbox.example.com").send();
    let foreign = form().header("origin: https://evil.example").send();

    let cookie = said.header("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("__Host-tradecloud_inspector=") && cookie.contains("; Secure"), "{cookie}");
    let overview = get(&receiver, OVERVIEW).header("x-forwarded-proto: https").cookie(&said.cookie()).send();
    assert_eq!((overview.status, foreign.status), (200, 403));
    assert!(!log_in(&receiver, "anna", "a password of anna").head.contains("Secure"), "that came in the clear");
}

#[tokio::test]
async fn off_loopback_nobody_passes_by_the_proxy() {
    let mut receiver = Receiver::prepared(&format!("admin.trusted_proxies = ['127.0.0.1']\n{HEADERS}"))
        .setting("ADMIN__LISTEN", "0.0.0.0:0");
    receiver.restart();
    // Of a machine without a network there is only the loopback address.
    let network = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("192.0.2.1:9").map(|()| socket));
    let own = network.ok().and_then(|socket| socket.local_addr().ok()).map(|address| address.ip());

    assert_eq!(announced(&receiver, OVERVIEW).send().status, 200);

    if let Some(own) = own.filter(|own| !own.is_loopback()) {
        let at = SocketAddr::new(own, receiver.admin_port());
        assert_eq!(Ask { at, ..announced(&receiver, OVERVIEW) }.send().status, 403);
        assert_eq!(Ask { at, ..get(&receiver, "/login") }.send().status, 403);
        assert_eq!(Ask { at, ..get(&receiver, "/livez") }.send().status, 200);
    }
}
