//! What a valid configuration comes to, and when valid is not good enough.

use serde_json::{Value, json};

use super::said;
use crate::support::receiver::{PASSWORD, Receiver, TOKEN};

/// Something ends TLS in front of it, and there is nothing to warn of.
const GOOD: &str = "server.tls = 'off'\nhandlers.disk = { type = 'file', directory = 'events' }";

#[test]
fn a_warning_fails_a_strict_check_and_no_other() {
    let (good, doubtful) = (Receiver::prepared(GOOD), Receiver::prepared(""));

    let of_good = good.run(&["check", "--strict"]);
    let of_doubtful = doubtful.run(&["check", "--strict"]);

    assert!(of_good.status.success() && said(&of_good).ends_with("The configuration is valid.\n"), "{of_good:?}");
    assert_eq!(of_doubtful.status.code(), Some(1));
    assert!(said(&of_doubtful).contains("The configuration is valid, but there are 2 warning(s)."), "{of_doubtful:?}");
    assert_eq!(doubtful.run(&["check", "--strict", "--json"]).status.code(), Some(1));
    assert!(doubtful.run(&["check"]).status.success());
}

#[test]
fn a_script_reads_what_a_configuration_comes_to_and_nothing_secret() {
    let receiver = Receiver::prepared(
        r#"
[[endpoints]]
path = "/orders"
auth = ["portal"]
allow_from = ["10.0.0.0/8", "tradecloud-production", "192.0.2.1"]
[[endpoints]]
path = "/shipments"
acknowledge = "handled"
[handlers.erp]
type = "http"
url = "https://erp.example/import?key=hidden"
auth = { type = "bearer", token = "hidden" }
[handlers.script]
type = "exec"
command = ["/bin/sh", "-c", "echo hidden"]
paused = true
"#,
    );

    let output = receiver.run(&["check", "--json"]);

    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &report["found"];
    assert_eq!(found["endpoints"][0]["url"], "https://localhost:0/orders");
    assert_eq!(found["endpoints"][0]["allow_from"], json!(["tradecloud-production", "10.0.0.0/8", "192.0.2.1"]));
    assert_eq!(found["endpoints"][0]["auth"], json!([{"name": "portal", "what": "basic, user tradecloud"}]));
    assert_eq!(found["endpoints"][1]["acknowledge"], "handled");
    assert_eq!(found["endpoints"][1]["auth"][1], json!({"name": "token", "what": "bearer"}));
    assert_eq!(found["tls"]["names"], json!(["localhost", "127.0.0.1"]));
    assert_eq!((&found["tls"]["issuer"], &found["tls"]["accepted"]), (&json!("CA of the tests"), &json!(false)));
    assert_eq!(found["inbox"], "sqlite, data/inbox.db");
    assert_eq!(
        found["handlers"],
        json!([
            {"name": "erp", "what": "http, https://erp.example", "paused": false},
            {"name": "script", "what": "exec, /bin/sh", "paused": true},
        ])
    );
    let all = [said(&output), said(&receiver.run(&["check"]))].concat();
    assert!(!all.contains("hidden") && !all.contains(PASSWORD) && !all.contains(TOKEN), "{all}");
}
