//! What hits many events is done only if somebody has said so: at a terminal when asked, elsewhere by `--yes`.

use std::process::Output;

use rstest::rstest;
use serde_json::Value;

use super::said;
use crate::support::erp::Erp;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// A receiver with a dead letter of each of these orders.
async fn with_dead_letters(store: Store, erp: &Erp, orders: &[&str]) -> Receiver {
    let receiver = store.with(&format!("handlers.erp = {{ type = \"http\", url = \"{}\" }}", erp.url("/")));
    receiver.expects_error("rejected: a dead letter");
    erp.answer(vec![422; orders.len()]);
    for order in orders {
        assert!(receiver.sender().send(order_event(order)).await.is_delivered());
    }
    receiver
        .inbox_until(|events| events.len() == orders.len() && events.iter().all(|event| event["state"] == "dead"))
        .await;
    receiver
}

fn states(receiver: &Receiver) -> Vec<Value> {
    receiver.inbox().iter().map(|event| event["state"].clone()).collect()
}

fn warned(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs `events …` as somebody does who types that at a terminal; what it says there is all in its standard output.
#[cfg(target_os = "linux")]
fn at_a_terminal(receiver: &Receiver, arguments: &str, typed: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_tradecloud-webhook");
    receiver.shell(&format!("printf '{typed}' | script -qec '{program} events {arguments}' /dev/null"))
}

#[rstest]
#[tokio::test]
async fn where_nobody_can_be_asked_many_events_are_left_alone_without_a_yes(
    #[values(Sqlite, Postgres)] store: Store,
    #[values(
        &["deliver", "--all"],
        &["deliver", "--handler", "erp"],
        &["discard", "--all", "--state", "dead", "--reason", "old"]
    )]
    arguments: &[&str],
) {
    let erp = Erp::start();
    let receiver = with_dead_letters(store, &erp, &["1", "2"]).await;

    let asked = receiver.run(&[&["events"], arguments].concat());
    let left_alone = states(&receiver);
    let agreed = receiver.run(&[&["events"], arguments, &["--yes"]].concat());

    assert_eq!((asked.status.code(), agreed.status.code()), (Some(2), Some(0)), "{asked:?} {agreed:?}");
    for part in ["2 events", "dead 2", "order 2", "received from 2", "--yes"] {
        assert!(warned(&asked).contains(part), "{part}: {}", warned(&asked));
    }
    assert!(asked.stdout.is_empty(), "{asked:?}");
    assert_eq!(left_alone, ["dead", "dead"]);
    let state = if arguments[0] == "deliver" { "done" } else { "discarded" };
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == state)).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn at_a_terminal_many_events_are_asked_about_and_only_a_yes_is_one() {
    let erp = Erp::start();
    let receiver = with_dead_letters(Sqlite, &erp, &["1", "2"]).await;

    let refused = at_a_terminal(&receiver, "deliver --all", "\\n");
    let left_alone = states(&receiver);
    let agreed = at_a_terminal(&receiver, "deliver --all", "y\\n");

    assert!(said(&refused).contains("Deliver these 2 events? [y/N]"), "{}", said(&refused));
    assert!(said(&refused).contains("Nothing was done."), "{}", said(&refused));
    assert_eq!((refused.status.code(), left_alone), (Some(1), vec!["dead".into(), "dead".into()]));
    assert!(agreed.status.success(), "{}", said(&agreed));
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn at_a_terminal_a_discard_asks_why() {
    let erp = Erp::start();
    let receiver = with_dead_letters(Sqlite, &erp, &["1"]).await;
    let id = receiver.inbox()[0]["id"].as_str().unwrap().to_owned();

    let blank = at_a_terminal(&receiver, &format!("discard {id}"), " \\n");
    let left_alone = states(&receiver);
    let told = at_a_terminal(&receiver, &format!("discard {id}"), "paid by hand\\n");

    assert_eq!((blank.status.code(), left_alone), (Some(2), vec!["dead".into()]), "{}", said(&blank));
    assert!(said(&told).contains("Why?") && told.status.success(), "{}", said(&told));
    let action = receiver.events(&["show", &id, "--json"])[0]["actions"][0].clone();
    assert_eq!((&action["what"], &action["reason"]), (&"discard".into(), &"paid by hand".into()), "{action}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn at_a_terminal_it_is_shown_what_would_be_discarded_before_anybody_is_asked_why() {
    let erp = Erp::start();
    let receiver = with_dead_letters(Sqlite, &erp, &["1", "2"]).await;

    let output = at_a_terminal(&receiver, "discard --all --state dead", "y\\npaid by hand\\n");

    let text = said(&output);
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(["To discard: 2 events", "Discard these 2 events? [y/N]", "Why?"].map(at).is_sorted(), "{text}");
    assert_eq!(states(&receiver), ["discarded", "discarded"]);
}

#[rstest]
#[tokio::test]
async fn nothing_is_set_aside_or_erased_without_a_reason(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let refused = receiver.sender().send(Message::json("{")).await;
    let endless = "x".repeat(501);

    for command in ["discard", "erase"] {
        for reason in [&[][..], &["--reason", " "], &["--reason", &endless]] {
            let output = receiver.run(&[&["events", command, &refused.id()], reason].concat());

            assert_eq!(output.status.code(), Some(2), "{command} {reason:?}: {output:?}");
            assert!(warned(&output).contains("reason"), "{}", warned(&output));
        }
    }
    // Before anything is shown that would not be done.
    let many = receiver.run(&["events", "discard", "--all", "--state", "refused"]);
    assert!(warned(&many).starts_with("error: `discard` needs --reason"), "{}", warned(&many));
    assert_eq!(states(&receiver), ["refused"]);
}

#[rstest]
#[tokio::test]
async fn a_single_id_never_asks(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = with_dead_letters(store, &erp, &["1"]).await;
    let id = receiver.inbox()[0]["id"].as_str().unwrap().to_owned();

    let output = receiver.run(&["events", "deliver", &id]);

    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
}

#[rstest]
#[tokio::test]
async fn whoever_acts_on_a_number_hits_only_what_is_spelled_so(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = with_dead_letters(store, &erp, &["4711", "04711"]).await;

    let found = receiver.events(&["list", "--number", "po4711", "--json"]).len();
    let none = receiver.run(&["events", "deliver", "--all", "--number", "po4711", "--yes"]);
    let one = receiver.run(&["events", "deliver", "--all", "--number", "PO-4711", "--yes"]);

    assert_eq!(none.status.code(), Some(1), "{none:?}");
    assert!(warned(&none).contains("no event names po4711 exactly"), "{}", warned(&none));
    assert!(warned(&none).contains("1 names PO-4711"), "{}", warned(&none));
    assert!(one.status.success(), "{one:?}");
    assert_eq!(said(&one).matches("1 delivery(s) due").count(), 1, "{}", said(&one));
    let events = receiver.inbox_until(|events| events[0]["state"] == "done").await;
    assert_eq!(events[1]["state"], "dead", "PO-04711 is another order");
    assert!(found >= 1, "to look, any spelling does");
}

#[rstest]
#[tokio::test]
async fn several_states_are_one_plan(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = with_dead_letters(store, &erp, &["1"]).await;
    let misdirected = receiver.sender().to(receiver.url("/elsewhere")).send(order_event("2")).await;
    assert_eq!(misdirected.status, Some(404));

    let asked = receiver.run(&["events", "deliver", "--all", "--state", "dead,refused"]);
    let output = receiver.run(&["events", "deliver", "--all", "--state", "dead", "--state", "refused", "--yes"]);

    assert!(warned(&asked).contains("dead 1, refused 1"), "{}", warned(&asked));
    assert!(said(&output).contains("1 delivery(s) due") && said(&output).contains(" now"), "{}", said(&output));
    receiver.inbox_until(|events| events.len() == 2 && events.iter().all(|event| event["state"] == "done")).await;
    assert!(
        said(&receiver.run(&["events", "deliver", "--all", "--state", "dead,refused"])).contains("dead or refused")
    );
}
