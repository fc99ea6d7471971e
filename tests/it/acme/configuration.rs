//! `[server.tls.acme]`: what `check` says of it.

use super::configuration;
use crate::support::pebble::Pebble;
use crate::support::receiver::Receiver;

/// What `check` says of a receiver with these lines in `[server.tls.acme]`.
fn said(acme: &str) -> (bool, String) {
    let receiver =
        Receiver::prepared(&format!("endpoints = [{{ path = \"/x\" }}]\nhandlers = {{}}\n[server.tls.acme]\n{acme}"));
    let output = receiver.run(&["check"]);
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    for (acme, wanted) in [
        ("", "`server.tls.acme.domains` is missing. Add `domains = [\"webhooks.example.com\"]`"),
        ("domains = []", "`server.tls.acme.domains` is empty. Name what stands in Tradecloud's URL"),
        (
            "domains = [\"*.example.com\"]",
            "`server.tls.acme.domains` has \"*.example.com\", which stands for many names",
        ),
        ("domains = [\"10.0.0.1\"]", "which is an address: a certificate is for a name"),
        ("domains = [\"https://a.example\"]", "has \"https://a.example\", which is no name: letters"),
        (
            "domains = [\"a.example\"]\ncontact = [\"it\"]",
            "`server.tls.acme.contact` has \"it\", which is no mail address",
        ),
        ("domains = [\"a.example\"]\ndirectory = \"http://ca.example/\"", "`server.tls.acme.directory` must be https"),
        ("domains = [\"a.example\"]\nca_file = \"none.pem\"", "`server.tls.acme.ca_file` none.pem cannot be read"),
        (
            "domains = [\"a.example\"]\neab_key_id = \"x\"",
            "`server.tls.acme.eab_hmac_key` is missing. Add `eab_hmac_key_file",
        ),
        ("domains = [\"a.example\"]\neab_hmac_key = \"c2VjcmV0\"", "`server.tls.acme.eab_key_id` is missing"),
        (
            "domains = [\"a.example\"]\neab_key_id = \"x\"\neab_hmac_key = \"not base64!\"",
            "`server.tls.acme.eab_hmac_key` is not what CAs give out",
        ),
        ("domain = [\"a.example\"]", "`server.tls.acme.domain` is unknown. Did you mean `domains`?"),
        (
            "domains = [\"a.example\"]\n[server.tls]\ncertificate = \"certs/fullchain.pem\"",
            "`server.tls.certificate` is given, and so is `acme`, which gets a certificate by itself. Remove one of both",
        ),
    ] {
        let (valid, text) = said(acme);
        assert!(!valid && text.contains(wanted), "{acme}\n{text}");
        assert!(!text.contains("not base64!") && !text.contains("c2VjcmV0"), "{text}");
    }
}

#[test]
fn before_the_first_certificate_check_says_where_it_will_come_from() {
    let (valid, text) = said("domains = [\"A.example\"]");

    assert!(valid, "{text}");
    let wanted = "note: certificate for a.example: not there yet; `serve` gets one from acme-v02.api.letsencrypt.org";
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn check_online_asks_whether_the_ca_is_there() {
    let mut ca = Pebble::start(1, super::LONG);
    let receiver = Receiver::prepared(&configuration(&ca, ""));

    let there = receiver.run(&["check", "--online"]);
    let unkept = Receiver::prepared(&configuration(&ca, "cache = \"/proc/acme\"")).run(&["check", "--online"]);
    ca.stop();
    let away = receiver.run(&["check", "--online"]);

    let there = String::from_utf8_lossy(&there.stdout);
    assert!(there.contains(&format!("works: server.tls.acme: {} answers", ca.directory())), "{there}");
    assert!(!receiver.path("data").exists(), "what is only tried is not made");
    let unkept = String::from_utf8_lossy(&unkept.stdout);
    assert!(unkept.contains("FAILS: server.tls.acme: cannot write to /proc/acme (server.tls.acme.cache)"), "{unkept}");
    let away = String::from_utf8_lossy(&away.stdout);
    assert!(away.contains("FAILS: server.tls.acme: cannot connect to localhost:"), "{away}");
}
