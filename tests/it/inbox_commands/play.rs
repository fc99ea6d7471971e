//! `send` and `replay` against the real receiver.

use std::net::TcpListener;
use std::path::Path;

use super::said;
use crate::support::receiver::{PASSWORD, Receiver, TOKEN, USERNAME};
use crate::support::sender::{Message, message_id, order_event, order_event_in_xml};
use crate::support::server::free_address;

/// Runs `send` or `replay` to the receiver, with the right credentials.
fn play(receiver: &Receiver, arguments: &[&str]) -> (Option<i32>, String) {
    let (url, basic) = (receiver.url("/webhooks/tradecloud"), format!("{USERNAME}:{PASSWORD}"));
    let target = ["--url", &url, "--ca", "ca.pem", "--basic", &basic];
    let output = receiver.run(&[arguments, &target].concat());
    assert!(!format!("{output:?}").contains(PASSWORD), "the password is printed");
    (output.status.code(), said(&output))
}

fn sample(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/samples").join(name).to_str().unwrap().to_owned()
}

#[test]
fn every_built_in_event_is_delivered() {
    let receiver = Receiver::start();
    let samples = ["order", "single-delivery", "order-documents", "shipment"];
    let arguments: Vec<_> = ["send"].into_iter().chain(samples.iter().flat_map(|name| ["--sample", name])).collect();

    let (status, out) = play(&receiver, &arguments);

    assert_eq!(status, Some(0), "{out}");
    assert_eq!(out.matches("delivered   202").count(), 4, "{out}");
    assert!(out.ends_with("4 sent: 4 delivered, 0 lost, 0 will retry\n"), "{out}");
    let kinds: Vec<_> = receiver.inbox().iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["order", "order", "order-documents", "shipment"]);
}

#[test]
fn files_are_delivered_in_either_encoding_and_what_is_refused_is_lost() {
    let receiver = Receiver::start();
    std::fs::write(receiver.path("broken.json"), "{\n\"orderEvent\": ").unwrap();
    let (json, xml) = (sample("order-event.json"), sample("order-documents-event.xml"));

    let (status, out) = play(&receiver, &["send", &json, &xml, "broken.json"]);

    let lines: Vec<_> = out.lines().collect();
    assert_eq!(status, Some(1));
    assert!(lines[0].starts_with("delivered   202") && lines[1].starts_with("delivered   202"), "{out}");
    assert!(lines[2].starts_with("lost        400") && lines[2].contains("line 2, column "), "{out}");
    assert_eq!(receiver.inbox().len(), 3);
}

#[test]
fn a_wrong_password_is_lost() {
    let receiver = Receiver::start();
    let url = receiver.url("/webhooks/tradecloud");
    let send = |credentials: &[&str]| {
        let target = ["send", "--sample", "order", "--url", &url, "--ca", "ca.pem"];
        let output = receiver.run(&[&target, credentials].concat());
        (output.status.code(), said(&output))
    };

    let (wrong, out) = send(&["--basic", "tradecloud:wrong"]);
    let (none, _) = send(&[]);
    let (right, _) = send(&["--bearer", TOKEN]);

    assert_eq!((wrong, none, right), (Some(1), Some(1), Some(0)));
    assert!(out.starts_with("lost        401") && out.contains("the credentials are wrong"), "{out}");
}

#[test]
fn an_address_that_is_not_let_in_is_told_what_to_do() {
    let receiver =
        Receiver::with("[[endpoints]]\npath = \"/webhooks/tradecloud\"\nallow_from = [\"tradecloud-production\"]");

    let (status, out) = play(&receiver, &["send", "--sample", "order"]);

    assert_eq!(status, Some(1));
    assert!(out.starts_with("lost        403") && out.contains("add the address of this machine"), "{out}");
}

#[tokio::test]
async fn what_a_handler_was_done_with_before_is_repeated_too() {
    let receiver = Receiver::with(
        "[[endpoints]]\npath = \"/webhooks/tradecloud\"\nacknowledge = \"handled\"\n\
         [handlers.disk]\ntype = \"file\"\ndirectory = \"events\"",
    );
    let event = sample("order-event.json");

    let (_, first) = play(&receiver, &["send", &event]);
    let (status, second) = play(&receiver, &["send", &event]);

    assert_eq!(status, Some(0));
    assert!(first.starts_with("delivered   200") && second.starts_with("repeated    200"), "{first}{second}");
}

#[cfg(unix)]
#[test]
fn a_password_file_of_windows_works_on_the_command_line() {
    let receiver = Receiver::start();
    let (url, target) = (receiver.url("/webhooks/tradecloud"), "--sample order --ca ca.pem");
    std::fs::write(receiver.path("password"), format!("\u{feff}{PASSWORD}\r\n")).unwrap();
    let program = env!("CARGO_BIN_EXE_tradecloud-webhook");

    let output = receiver.shell(&format!("{program} send {target} --url {url} --basic \"{USERNAME}:$(cat password)\""));

    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_receiver_that_is_down_or_unknown_is_tried_again_by_tradecloud() {
    let mut receiver = Receiver::start();
    let url = receiver.url("/webhooks/tradecloud");
    let send = |receiver: &Receiver, more: &[&str]| {
        let output = receiver.run(&[&["send", "--sample", "order", "--url", &url], more].concat());
        (output.status.code(), said(&output))
    };

    let (unknown, without_ca) = send(&receiver, &[]);
    receiver.kill();
    let (down, out) = send(&receiver, &["--ca", "ca.pem"]);

    assert_eq!((unknown, down), (Some(1), Some(1)));
    assert!(without_ca.starts_with("will retry") && without_ca.contains("--ca"), "{without_ca}");
    assert!(out.starts_with("will retry") && out.contains("is the receiver running?"), "{out}");
}

#[test]
fn with_retry_an_event_is_sent_until_the_receiver_is_back() {
    // Holds the port, and hangs up on the first attempt.
    let busy = TcpListener::bind(free_address()).unwrap();
    let address = busy.local_addr().unwrap().to_string();
    let mut receiver = Receiver::prepared("").setting("SERVER__LISTEN", &address);
    let outside = Receiver::bare();
    let ca = receiver.path("ca.pem");
    let url = format!("https://localhost:{}/webhooks/tradecloud", busy.local_addr().unwrap().port());

    let output = std::thread::scope(|threads| {
        let sending = threads.spawn(|| {
            let target = ["--url", &url, "--ca", ca.to_str().unwrap(), "--bearer", TOKEN];
            outside.run(&[&["send", "--sample", "order", "--retry"][..], &target].concat())
        });
        drop(busy.accept().unwrap());
        drop(busy);
        receiver.restart();
        sending.join().unwrap()
    });

    let out = said(&output);
    assert!(output.status.success(), "{out}");
    assert!(out.starts_with("will retry") && out.contains("again in 1s"), "{out}");
    assert!(out.lines().last().unwrap().starts_with("delivered   202"), "{out}");
    assert_eq!(receiver.inbox().len(), 1);
}

#[test]
fn what_webhook_site_recorded_arrives_and_arrives_once() {
    let receiver = Receiver::start();
    let export = sample("webhook-site-export.json");

    let (first, out) = play(&receiver, &["replay", &export]);
    let events = receiver.inbox();
    let (second, again) = play(&receiver, &["replay", &export]);

    assert_eq!((first, second), (Some(0), Some(0)), "{out}");
    assert!(out.ends_with("3 sent: 3 delivered, 0 lost, 0 will retry; 1 skipped\n"), "{out}");
    assert_eq!(again.matches("repeated    202").count(), 3, "{again}");
    assert!(again.ends_with("3 sent: 0 delivered, 3 repeated, 0 lost, 0 will retry; 1 skipped\n"), "{again}");
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].clone()).collect();
    assert_eq!(kinds, ["order", "shipment", "order-documents"]);
    let known = receiver.inbox();
    let ids = |events: &[serde_json::Value]| events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&known), ids(&events), "the second time they were known");
    assert!(known.iter().all(|event| event["repeats"] == 1 && event["repeated"].is_string()), "{known:#?}");
}

#[tokio::test]
async fn an_export_that_is_replayed_elsewhere_arrives_as_the_same_events() {
    let (old, new) = (Receiver::start(), Receiver::start());
    let without_id = serde_json::json!({"eventName": "OrderResentByBuyer", "orderEvent": {"orderId": "ünïcode"}});
    old.sender().send(order_event("1")).await;
    old.sender().send(Message::typed("text/plain", order_event("2").to_string())).await;
    old.sender().send(Message::xml(order_event_in_xml("3", &message_id(&order_event("3"))))).await;
    old.sender().send(Message::untyped(format!("\u{feff}{without_id}"))).await;
    let file = old.path("export.jsonl");
    old.events(&["export", "--output", file.to_str().unwrap()]);

    let (status, out) = play(&new, &["replay", file.to_str().unwrap()]);

    assert_eq!(status, Some(0), "{out}");
    let identity = |receiver: &Receiver| {
        let of = |event: &serde_json::Value| {
            let id = event["id"].as_str().unwrap();
            (id.to_owned(), event["contentType"].clone(), event["subject"].clone(), receiver.body_of(id))
        };
        receiver.inbox().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(identity(&new).len(), 4);
    assert!(identity(&new) == identity(&old), "{:?}\n{:?}", new.inbox(), old.inbox());
}

#[tokio::test]
async fn replaying_what_is_refused_again_fails_but_goes_on() {
    let receiver = Receiver::start();
    receiver.sender().send(Message::json("{")).await;
    receiver.sender().send(order_event("1")).await;
    receiver.events(&["export", "--output", "export.jsonl"]);

    let (status, out) = play(&receiver, &["replay", "export.jsonl"]);

    assert_eq!(status, Some(1));
    assert!(out.contains("lost        400") && out.contains("repeated    202"), "{out}");
}
