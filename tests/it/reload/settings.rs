//! Credentials, addresses and endpoints that change under way, and what cannot.

use std::io::Write as _;
use std::time::Duration;

use reqwest::Method;

use crate::support::eventually;
use crate::support::receiver::{PASSWORD, Receiver, USERNAME};
use crate::support::sender::{Sender, order_event};

const RELOADED: &str = "configuration reloaded";

async fn status(sender: &Sender) -> u16 {
    sender.send(order_event("1")).await.status.unwrap()
}

/// Waits until an event is answered with this status.
async fn answered(sender: &Sender, wanted: u16) {
    eventually(&format!("a {wanted}"), async || status(sender).await == wanted).await;
}

#[tokio::test]
async fn a_secret_in_a_file_is_exchanged_without_a_signal() {
    let mut receiver =
        Receiver::prepared("auth.file = { type = \"basic\", username = \"file\", password_file = \"password\" }");
    std::fs::write(receiver.path("password"), "first\n").unwrap();
    receiver.restart();
    let (old, new) = (receiver.sender().basic("file", "first"), receiver.sender().basic("file", "second"));
    assert_eq!([status(&old).await, status(&new).await], [202, 401]);

    std::fs::write(receiver.path("password"), "second\n").unwrap();

    answered(&new, 202).await;
    assert_eq!(status(&old).await, 401);
    let changed = receiver.logged(RELOADED).await["changed"].clone();
    assert_eq!(changed, "auth.file.password_file");
}

#[tokio::test]
async fn a_password_is_rotated_without_a_request_refused() {
    let receiver = Receiver::start();
    let (old, new) = (receiver.sender(), receiver.sender().basic(USERNAME, "new"));

    receiver
        .configure(|text| text + "auth.new = { type = \"basic\", username = \"tradecloud\", password = \"new\" }\n");
    answered(&new, 202).await;
    assert_eq!(status(&old).await, 202);
    receiver.configure(|text| text.replace(PASSWORD, "nobody knows"));

    answered(&old, 401).await;
    assert_eq!(status(&new).await, 202);
}

#[tokio::test]
async fn what_is_removed_is_said_to_be_removed() {
    let receiver = Receiver::prepared("").setting("LOG__FORMAT", "json");
    let more = "auth.old = { type = \"basic\", username = \"old\", password = \"old\" }\n\
                handlers.disk = { type = \"file\", directory = \"events\", timeout = \"9s\" }\n\
                handlers.other = { type = \"file\", directory = \"other\" }\n";
    receiver.configure(|text| text + more);
    let mut receiver = receiver;
    receiver.restart();

    let without = "handlers.disk = { type = \"file\", directory = \"elsewhere\" }\n";
    receiver.configure(|text| text.replace(more, without));
    assert_eq!(receiver.hang_up().await, RELOADED);

    let line = receiver.logged(RELOADED).await;
    assert_eq!(line["changed"], "handlers.disk.directory");
    assert_eq!(line["removed"], "auth.old, handlers.disk.timeout, handlers.other");
}

#[tokio::test]
async fn what_takes_a_restart_is_said_to_and_nothing_else_is() {
    let receiver = Receiver::start();

    receiver.configure(|text| format!("server.answer_within = \"3s\"\n{text}"));
    let waits = receiver.hang_up().await;
    let again = receiver.hang_up().await;

    assert_eq!(waits, "configuration read again: all that has changed takes a restart");
    assert_eq!(again, waits, "it still does");
    receiver.logged("`server.answer_within` has changed, but takes effect only after a restart").await;
}

#[tokio::test]
async fn addresses_and_endpoints_change_at_a_signal() {
    let receiver = Receiver::start();
    let there = receiver.sender();
    let elsewhere = receiver.sender().to(receiver.url("/elsewhere"));
    assert_eq!([status(&there).await, status(&elsewhere).await], [202, 404]);

    receiver.configure(|text| text + "endpoints = [{ path = \"/elsewhere\" }]\n");
    assert!(receiver.hang_up().await.contains(RELOADED));
    assert_eq!([status(&there).await, status(&elsewhere).await], [404, 202]);

    receiver.configure(|text| text.replace("elsewhere\" }", "elsewhere\", allow_from = [\"10.0.0.0/8\"] }"));
    assert!(receiver.hang_up().await.contains(RELOADED));
    assert_eq!(status(&elsewhere).await, 403);
}

#[tokio::test]
async fn a_new_load_balancer_is_believed_from_a_reload_on() {
    let receiver = Receiver::with("endpoints = [{ path = \"/webhooks/tradecloud\", allow_from = [\"192.0.2.1\"] }]");
    let passed_on = async || {
        let request = receiver.sender().request(Method::POST).header("x-forwarded-for", "192.0.2.1");
        receiver.sender().finish(request.body(order_event("1").to_string())).await.status
    };
    assert_eq!(passed_on().await, Some(403));

    receiver.configure(|text| format!("server.trusted_proxies = [\"127.0.0.1\"]\n{text}"));
    assert!(receiver.hang_up().await.contains(RELOADED));

    assert_eq!(passed_on().await, Some(202));
}

#[tokio::test]
async fn what_cannot_change_under_way_is_said_and_kept() {
    let receiver = Receiver::start();

    receiver.configure(|text| {
        let text = text.replace("server.listen = \"127.0.0.1:0\"", "server.listen = \"127.0.0.1:1\"");
        text + "inbox.path = \"elsewhere/inbox.db\"\nauth.new = { type = \"bearer\", token = \"new-token\" }\n"
    });
    assert!(receiver.hang_up().await.contains(RELOADED));

    for key in ["`server.listen`", "`inbox.path`"] {
        let line = receiver.logged(key).await;
        assert_eq!(line["level"], "WARN");
        assert!(line["message"].as_str().unwrap().contains("only after a restart"), "{line}");
    }
    assert_eq!(status(&receiver.sender().bearer("new-token")).await, 202, "the rest is in place");
    assert!(!receiver.path("elsewhere").exists());
}

#[tokio::test]
async fn each_setting_that_has_changed_is_named_once() {
    let receiver = Receiver::with(
        "endpoints = [{ path = \"/a\" }]\nhandlers.script = { type = \"exec\", command = [\"true\"], timeout = \"9s\" }",
    );

    receiver.configure(|text| {
        let text = text.replace("[{ path = \"/a\" }]", "[{ path = \"/a\" }, { path = \"/b\" }]");
        text.replace("[\"true\"]", "[\"sh\", \"-c\", \"true\"]").replace("9s", "8s")
    });
    assert!(receiver.hang_up().await.contains(RELOADED));
    let changed = receiver.logged(RELOADED).await["changed"].clone();
    assert_eq!(changed, "endpoints, handlers.script.command, handlers.script.timeout");

    // A table in whose place a text stands.
    receiver.configure(|text| format!("server.tls = \"off\"\n{text}"));
    receiver.hang_up().await;
    let log = receiver.log();
    let restarts: Vec<_> = log
        .iter()
        .filter_map(|line| line["message"].as_str()?.split_once(" has changed, but takes effect only after a restart"))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(restarts, ["`server.tls`"]);
}

#[tokio::test]
async fn a_file_that_is_still_being_written_is_not_read() {
    let receiver = Receiver::start();
    let text = std::fs::read_to_string(receiver.path("config/receiver.toml")).unwrap();
    let text = text + "auth.new = { type = \"bearer\", token = \"new-token\" }\n";

    // From here on it hears of changes.
    receiver.hang_up().await;

    // Every beginning of it is broken, or lacks something.
    let mut file = std::fs::File::create(receiver.path("config/receiver.toml")).unwrap();
    for part in 1..=8 {
        file.write_all(&text.as_bytes()[text.len() * (part - 1) / 8..text.len() * part / 8]).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    drop(file);

    answered(&receiver.sender().bearer("new-token"), 202).await;
    let log = receiver.log();
    let refused = log.iter().find(|entry| entry["message"].as_str().is_some_and(|text| text.contains("refused as a")));
    assert!(refused.is_none(), "{refused:?}");
    assert_eq!(log.iter().filter(|entry| entry["message"] == RELOADED).count(), 1);
}

#[tokio::test]
async fn a_configuration_file_that_comes_later_replaces_the_development_set_up() {
    let mut receiver = Receiver::prepared("").setting("SERVER__LISTEN", "127.0.0.1:0");
    receiver = receiver.setting("ADMIN__LISTEN", "127.0.0.1:0").setting("LOG__FORMAT", "json");
    let (file, aside) = (receiver.path("config/receiver.toml"), receiver.path("aside.toml"));
    std::fs::rename(&file, &aside).unwrap();
    receiver.restart();
    let development = std::fs::read(receiver.path("certs/dev-ca.pem")).unwrap();
    let password = std::fs::read_to_string(receiver.path("certs/dev-password")).unwrap();
    let sender = Sender::new(receiver.url("/webhooks/tradecloud"), development).basic(USERNAME, &password);
    assert_eq!(status(&sender).await, 202);

    std::fs::rename(aside, file).unwrap();

    receiver.logged(RELOADED).await;
    assert_eq!(status(&receiver.sender()).await, 202);
}

#[tokio::test]
async fn a_reload_while_it_ends_changes_nothing_and_cuts_nothing() {
    let mut receiver = Receiver::start();
    let body = order_event("1").to_string();
    let mut open = receiver.connect();
    open.write_head(&[&crate::support::raw::content_length(&body)]);
    open.write(&body[..10]);
    assert!(receiver.sender().send(order_event("2")).await.is_delivered());

    receiver.ask_to_end();
    receiver.logged("draining").await;
    receiver.configure(|text| text.replace(PASSWORD, "another"));
    receiver.signal("-HUP");
    open.write(&body[10..]);

    assert_eq!(open.answer().status, Some(202));
    open.leave();
    assert!(receiver.wait().success());
}
