//! An event is found by the beginning of its id and by a number in it; acted on is only what was named beyond doubt.

use rstest::rstest;
use serde_json::{Value, json};

use super::said;
use crate::support::erp::Erp;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

const ONE: &str = "2b607af1-7b1c-4fed-9f8b-abcc3e8fb907";
const ALIKE: &str = "2b607af1-7b1c-4fed-9f8b-abcc3e8fb908";
const OTHER: &str = "99607af1-7b1c-4fed-9f8b-abcc3e8fb907";

fn order(number: &str, id: &str) -> Value {
    let mut event = order_event(number);
    event["meta"]["messageId"] = id.into();
    event
}

async fn with_dead_letters(store: Store) -> (Receiver, Erp) {
    let erp = Erp::start();
    erp.answer([422; 3]);
    let receiver = store.with(&format!("handlers.erp = {{ type = \"http\", url = \"{}\" }}", erp.url("/")));
    receiver.expects_error("rejected: a dead letter");
    for (number, id) in [("4711", ONE), ("4711", ALIKE), ("4712", OTHER)] {
        receiver.sender().send(order(number, id)).await;
    }
    receiver.inbox_until(|events| events.len() == 3 && events.iter().all(|event| event["state"] == "dead")).await;
    (receiver, erp)
}

#[rstest]
#[tokio::test]
async fn an_event_is_shown_by_the_beginning_of_its_id_or_by_a_number(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, _erp) = with_dead_letters(store).await;
    for (text, id) in [
        ("99607af1", OTHER),
        ("99607AF1-7b", OTHER),
        ("99", OTHER),
        ("2b607af1-7b1c-4fed-9f8b-abcc3e8fb908", ALIKE),
        ("2b607af17b1c4fed9f8babcc3e8fb907", ONE),
        ("PO-4712", OTHER),
        ("po 4711", ALIKE),
        ("4711", ALIKE),
    ] {
        let output = receiver.run(&["events", "show", text, "--json"]);

        let shown: Value = serde_json::from_str(&said(&output)).unwrap_or_else(|_| panic!("{text}: {output:?}"));
        assert_eq!(shown["id"], id, "{text}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            told.contains("names 4711:") || told.contains("2 events that name"),
            id == ALIKE && text.len() < 9,
            "{told}"
        );
    }
}

#[rstest]
#[tokio::test]
async fn where_several_are_meant_they_are_named_and_nothing_is_done(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, _erp) = with_dead_letters(store).await;

    for arguments in [
        &["show", "2b607af1"][..],
        &["deliver", "2b607af1"],
        &["deliver", OTHER, "2b607af1-7b1c"],
        &["discard", "2b607af1", "--reason", "twice"],
        &["erase", "2b607af1", "--reason", "twice"],
    ] {
        let output = receiver.run(&[&["events"], arguments].concat());

        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(ONE) && told.contains(ALIKE) && !told.contains(OTHER), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(receiver.inbox().iter().all(|event| event["state"] == "dead" && event["actions"] == json!([])));
}

#[rstest]
#[tokio::test]
async fn who_acts_names_eight_characters_of_an_id_and_no_number(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, _erp) = with_dead_letters(store).await;
    let discard = |id: &str| receiver.run(&["events", "discard", id, "--reason", "paid by hand"]);

    for too_little in ["99607af", "99", "PO-4712", "4712"] {
        assert_eq!(discard(too_little).status.code(), Some(1), "{too_little}");
    }
    let left_alone = receiver.inbox().iter().all(|event| event["state"] == "dead");
    let discarded = discard("99607af1");

    assert!(left_alone && discarded.status.success(), "{discarded:?}");
    assert!(said(&discarded).starts_with(OTHER), "{}", said(&discarded));
    let states: Vec<_> = receiver.inbox().iter().map(|event| event["state"].clone()).collect();
    assert_eq!(states, ["dead", "dead", "discarded"]);
}

#[rstest]
#[tokio::test]
async fn what_has_changed_since_the_event_before_is_shown_to_the_digit(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let text = |number: &str, id: &str, quantity: &str| {
        let mut event = order(number, id);
        event["orderEvent"]["lines"][0]["deliverySchedule"] = json!([{"quantity": "Q"}]);
        Message::json(event.to_string().replace("\"Q\"", quantity))
    };
    let sender = receiver.sender();
    sender.send(text("4711", ONE, "1234.560")).await;
    sender.send(text("4712", OTHER, "7")).await;
    sender.send(text("4711", ALIKE, "1234.56")).await;

    let diff = |id: &str| said(&receiver.run(&["events", "show", id, "--diff"]));

    let changed = diff(ALIKE);
    assert!(changed.starts_with(&format!("- {ONE}")), "{changed}");
    let changes: Vec<_> = changed.lines().skip(2).collect();
    assert_eq!(changes, ["$.orderEvent.lines[0].deliverySchedule[0].quantity: 1234.560 → 1234.56"]);
    assert!(diff(ONE).contains("is the first event of its order"), "{}", diff(ONE));
}

#[tokio::test]
async fn what_a_handler_gets_is_shown_as_it_gets_it() {
    let erp = Erp::start();
    let receiver = Receiver::with(&format!("handlers.erp = {{ type = \"http\", url = \"{}\" }}", erp.url("/")));
    for message in [
        Message::json(order("4711", ONE).to_string().replace("0001", "0001\", \"x\": 1.500e3, \"y\":\"")),
        Message::xml(crate::support::sample("order-event.xml")),
    ] {
        let id = receiver.sender().send(message).await.id();
        receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
        let request = erp.received().pop().unwrap();

        let shown = receiver.run(&["events", "show", &id, "--as-delivered"]).stdout;

        assert_eq!(String::from_utf8_lossy(&shown).trim_end(), String::from_utf8_lossy(&request.body));
    }
}
