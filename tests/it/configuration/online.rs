//! `check --online`: what is behind the configuration is tried.

use serde_json::Value;

use super::said;
use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;

#[tokio::test]
async fn check_online_tries_what_is_behind_and_delivers_nothing() {
    let mut erp = Erp::start();
    let receiver = Receiver::prepared(&format!(
        "handlers.erp = {{ type = \"http\", url = \"{}\" }}\nhandlers.disk = {{ type = \"file\", directory = \"events\" }}",
        erp.url("/")
    ));
    erp.answer([Answer::status(405)]);

    let up = receiver.run(&["check", "--online"]);
    let requests = erp.received();
    erp.stop();
    let down = receiver.run(&["check", "--online"]);
    let down_for_scripts = receiver.run(&["check", "--online", "--json"]);

    assert!(up.status.success(), "{up:?}");
    for what in ["works: inbox: ", "works: handler erp: ", "works: handler disk: "] {
        assert!(said(&up).contains(what), "{what}: {}", said(&up));
    }
    assert!(requests.iter().all(|request| request.method == "OPTIONS" && request.body.is_empty()), "{requests:?}");
    assert!(!receiver.path("data").exists(), "the inbox was made");
    assert_eq!(down.status.code(), Some(1), "the configuration is valid, but something does not work");
    assert!(said(&down).contains("FAILS: handler erp: cannot connect to "), "{}", said(&down));
    assert!(said(&down).ends_with("valid, but 1 of 3 that were tried failed.\n"), "{}", said(&down));
    let down: Value = serde_json::from_slice(&down_for_scripts.stdout).unwrap();
    assert_eq!((down["valid"].as_bool(), down["online"].as_array().map(Vec::len)), (Some(true), Some(3)));
}

#[test]
fn check_online_works_beside_a_running_receiver() {
    let receiver = Receiver::start();

    let output = receiver.run(&["check", "--online"]);

    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains("works: inbox: can be written"), "{}", said(&output));
}
