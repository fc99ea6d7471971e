//! What comes again is one event, and what only looks like it is another one. In every store.

use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::erp::{Answer, Erp, Received};
use crate::support::receiver::Receiver;
use crate::support::sender::{self, Message, message_id, order_event};
use crate::support::store::Store;
use crate::support::{eventually, sample};
use In::{Nothing, Postgres, Sqlite};

/// Where a receiver has its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    Sqlite,
    Postgres,
    /// In no inbox at all.
    Nothing,
}

impl In {
    /// A receiver that answers once the ERP has an event.
    fn receiver_for(self, erp: &Erp) -> Receiver {
        self.receiver_within("30s", erp)
    }

    /// The same, within that time.
    fn receiver_within(self, answer_within: &str, erp: &Erp) -> Receiver {
        let store = if self == Self::Nothing { "inbox.store = \"none\"" } else { "" };
        let configuration = format!(
            r#"server.answer_within = "{answer_within}"
{store}
endpoints = [{{ path = "/webhooks/tradecloud", acknowledge = "handled" }}]
handlers.erp = {{ type = "http", url = "{}" }}"#,
            erp.url("/")
        );
        match self {
            Self::Postgres => Store::Postgres.with(&configuration),
            Self::Sqlite | Self::Nothing => Receiver::with(&configuration),
        }
    }
}

/// Sends a message that has to be handled.
async fn send(receiver: &Receiver, message: impl Into<Message>) -> sender::Answer {
    let answer = receiver.sender().send(message).await;
    assert_eq!(answer.status, Some(200), "{answer:?}");
    answer
}

/// Whether it was answered like one that has come before.
fn is_repeated(answer: &sender::Answer) -> bool {
    answer.json().get("repeated").is_some_and(|repeated| *repeated == true)
}

fn ids(received: &[Received]) -> Vec<String> {
    received.iter().map(|request| request.json()["id"].as_str().unwrap().to_owned()).collect()
}

/// Whether an id is that of an event beside another one.
fn is_beside(id: &str, other: &str) -> bool {
    id.strip_prefix(other).and_then(|rest| rest.strip_prefix('~')).is_some_and(|digits| {
        digits.len() == 8 && digits.chars().all(|digit| digit.is_ascii_digit() || ('a'..='f').contains(&digit))
    })
}

/// What is an event of its own beside `event` although it has its `messageId`.
fn other_messages(event: &Value) -> Vec<Value> {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut other = event.clone();
        change(&mut other);
        other
    };
    vec![
        changed(&|other| other["orderEvent"]["orderId"] = json!("another order")),
        changed(&|other| other["eventName"] = json!("OrderLinesUpdatedByBuyer")),
        changed(&|other| {
            let order = other["orderEvent"].take();
            other.as_object_mut().unwrap().remove("orderEvent");
            other["orderDocumentsEvent"] = order;
        }),
        changed(&|other| other["orderEvent"]["lines"][0]["buyerLine"]["description"] = json!("new")),
        changed(&|other| other["orderEvent"]["lines"] = json!([])),
    ]
}

#[rstest]
#[tokio::test]
async fn what_says_something_else_under_a_message_id_that_is_taken_is_an_event_of_its_own(
    #[values(Sqlite, Postgres, Nothing)] place: In,
) {
    let erp = Erp::start();
    let receiver = place.receiver_for(&erp);
    let event = order_event("1");
    let others = other_messages(&event);
    send(&receiver, event.clone()).await;

    let mut answers = Vec::new();
    for other in &others {
        answers.push(send(&receiver, other.clone()).await);
    }
    let again: Vec<_> = {
        let mut again = Vec::new();
        for other in &others {
            again.push(send(&receiver, other.clone()).await);
        }
        again
    };

    let received = erp.received();
    assert_eq!(received.len(), 1 + others.len(), "{:?}", ids(&received));
    for (number, (first, second)) in answers.iter().zip(&again).enumerate() {
        assert!(is_beside(&first.id(), &message_id(&event)), "{first:?}");
        assert_eq!((is_repeated(first), is_repeated(second)), (false, true), "{number}: {second:?}");
        assert_eq!(second.id(), first.id());
        assert_eq!(received[1 + number].json()["data"], others[number]);
        assert_eq!(received[1 + number].json()["id"], first.id());
    }
    let warned = receiver.logged("an event has the messageId of another one").await;
    assert_eq!(warned["level"], "WARN");
    assert!(warned["id"].as_str().unwrap().contains(&answers[0].id()), "{warned}");
    assert!(warned["other"].as_str().unwrap().contains(&message_id(&event)), "{warned}");
}

#[rstest]
#[tokio::test]
async fn digits_make_a_difference_and_the_order_of_fields_and_the_meta_do_not(
    #[values(Sqlite, Postgres, Nothing)] place: In,
) {
    let erp = Erp::start();
    let receiver = place.receiver_for(&erp);
    let body = |quantity: &str, created: &str| {
        Message::json(format!(
            r#"{{"meta":{{"messageId":"digits","createdDateTime":"{created}"}},
                "orderEvent":{{"orderId":"1","lines":[{{"deliverySchedule":[{{"quantity":{quantity}}}]}}]}}}}"#
        ))
    };
    let turned = r#"{"orderEvent":{"lines":[{"deliverySchedule":[{"quantity":1.0}]}],"order\u0049d":"1","meta":{"a":1}},
                     "meta":{"messageId":"digits"}}"#;

    let first = send(&receiver, body("1.0", "2026-03-01T10:11:12Z")).await;
    let later = send(&receiver, body("1.0", "2026-03-01T10:11:13Z")).await;
    let turned = send(&receiver, Message::json(turned)).await;
    let longer = send(&receiver, body("1.00", "2026-03-01T10:11:12Z")).await;

    assert_eq!([&first, &later, &turned, &longer].map(is_repeated), [false, true, true, false]);
    assert_eq!(ids(&erp.received()), ["digits".to_owned(), longer.id()]);
}

#[rstest]
#[case("order-event")]
#[case("order-documents-event")]
#[case("single-delivery-order-event")]
#[tokio::test]
async fn a_message_that_comes_as_json_and_as_txml_is_one_event(
    #[values(Sqlite, Postgres, Nothing)] place: In,
    #[case] name: &str,
) {
    let erp = Erp::start();
    let receiver = place.receiver_for(&erp);
    let (in_json, in_xml) = (sample(&format!("{name}.json")), sample(&format!("{name}.xml")));

    let first = send(&receiver, Message::json(in_json)).await;
    let second = send(&receiver, Message::xml(in_xml)).await;

    assert_eq!((is_repeated(&first), is_repeated(&second)), (false, true), "{second:?}");
    assert_eq!((second.id(), erp.received().len()), (first.id(), 1));
}

#[rstest]
#[tokio::test]
async fn large_messages_are_told_apart_like_small_ones(#[values(Sqlite, Postgres, Nothing)] place: In) {
    let erp = Erp::start();
    let receiver = place.receiver_for(&erp);
    let mut event = order_event("1");
    let line = event["orderEvent"]["lines"][0].clone();
    event["orderEvent"]["lines"] = Value::Array(vec![line; 10_000]);
    let mut other = event.clone();
    other["orderEvent"]["lines"][9_999]["id"] = json!("2");
    let spaced = serde_json::to_string_pretty(&event).unwrap();

    send(&receiver, event.clone()).await;
    let (again, changed) = tokio::join!(send(&receiver, Message::json(spaced)), send(&receiver, other));

    assert_eq!((is_repeated(&again), is_repeated(&changed)), (true, false));
    assert_eq!(erp.received().len(), 2);
}

/// An order of very many tiny fields, which take long to compare where something stands in another order.
fn huge(before: &str, behind: &str) -> Message {
    let fields = vec![r#""":1"#; 600_000].join(",");
    Message::json(format!(
        r#"{{"orderEvent":{{{before}"fields":{{{fields}}}{behind}}},"meta":{{"messageId":"huge"}}}}"#
    ))
}

#[rstest]
#[tokio::test]
async fn a_huge_message_that_takes_longer_to_compare_than_an_answer_may_is_known_when_it_comes_again(
    #[values(Sqlite, Nothing)] place: In,
) {
    let erp = Erp::start();
    let receiver = place.receiver_within("3s", &erp);
    let sender = receiver.sender();
    let handled = async |message: &Message| {
        let answer = sender.send(message.clone()).await;
        if answer.status == Some(200) {
            return true;
        }
        assert!(answer.will_retry(), "{answer:?}");
        tokio::time::sleep(Duration::from_secs(2)).await;
        false
    };
    let (message, turned) = (huge(r#""orderId":"1","#, ""), huge("", r#","orderId":"1""#));

    eventually("it is handled", async || handled(&message).await).await;
    eventually("it is known in another order of its fields", async || handled(&turned).await).await;

    assert_eq!(erp.received().len(), 1);
}

/// An order without a `messageId`, as the oldest settings of the portal send it.
fn bare(state: &str) -> Value {
    json!({"id": "1", "buyerOrder": {"purchaseOrderNumber": "PO1"}, "status": {"processStatus": state}, "lines": []})
}

#[rstest]
#[tokio::test]
async fn without_a_message_id_an_order_that_is_again_what_it_was_is_delivered_again(
    #[values(Sqlite, Postgres, Nothing)] place: In,
) {
    let erp = Erp::start();
    let receiver = place.receiver_for(&erp);

    let mut answers = Vec::new();
    for state in ["Confirmed", "InProgress", "Confirmed", "Confirmed", "InProgress", "InProgress", "Confirmed"] {
        answers.push(send(&receiver, bare(state)).await);
    }

    let repeated: Vec<_> = answers.iter().map(is_repeated).collect();
    assert_eq!(repeated, [false, false, false, true, false, true, false]);
    let states: Vec<_> =
        erp.received().iter().map(|request| request.json()["data"]["status"]["processStatus"].clone()).collect();
    assert_eq!(states, ["Confirmed", "InProgress", "Confirmed", "InProgress", "Confirmed"]);
    assert!(is_beside(&answers[2].id(), &answers[0].id()), "{answers:?}");
    assert_eq!(answers[3].id(), answers[2].id(), "the third, once more");
}

#[rstest]
#[tokio::test]
async fn what_came_in_between_may_have_a_message_id_or_be_of_another_order(
    #[values(Sqlite, Postgres, Nothing)] place: In,
) {
    let erp = Erp::start();
    let receiver = place.receiver_for(&erp);
    let mut other_order = bare("Confirmed");
    other_order["id"] = json!("2");

    let first = send(&receiver, bare("Confirmed")).await;
    send(&receiver, other_order).await;
    let same = send(&receiver, bare("Confirmed")).await;
    send(&receiver, order_event("1")).await;
    let new = send(&receiver, bare("Confirmed")).await;

    assert_eq!([&first, &same, &new].map(is_repeated), [false, true, false]);
    assert_eq!(erp.received().len(), 4);
}

#[rstest]
#[tokio::test]
async fn without_a_message_id_a_body_that_names_its_state_is_one_event_whatever_came_in_between(
    #[values(Sqlite, Postgres, Nothing)] place: In,
) {
    let erp = Erp::start();
    let receiver = place.receiver_for(&erp);
    let named = |field: &str, value: Value| {
        let mut order = bare("Confirmed");
        order[field] = value;
        order
    };
    let at = "2026-03-01T10:11:12.345Z";
    let bodies = [
        Message::from(named("version", json!(7))),
        Message::from(named("lastUpdatedAt", json!(at))),
        Message::from(json!({"orderEvent": {"orderId": "1", "version": 8}})),
        Message::from(json!({"shipment": {"id": "1", "meta": {"lastUpdatedAt": at}}})),
        Message::xml(format!("<W><shipment><id>1</id><meta><lastUpdatedAt>{at}</lastUpdatedAt></meta></shipment></W>")),
    ];
    let unnamed = [
        Message::from(named("version", Value::Null)),
        Message::from(json!({"orderEvent": {"orderId": "1"}, "meta": {"lastUpdatedAt": at}, "version": 1})),
        Message::from(json!({"shipment": {"id": "1", "meta": {}}})),
    ];
    let all: Vec<_> = bodies.iter().chain(&unnamed).collect();

    for body in &all {
        assert!(!is_repeated(&send(&receiver, (*body).clone()).await));
    }
    for (number, body) in all.iter().enumerate() {
        let again = send(&receiver, (*body).clone()).await;
        // The last of a shipment is the newest of it.
        let is_newest = number + 1 == all.len();
        assert_eq!(is_repeated(&again), number < bodies.len() || is_newest, "{number}: {again:?}");
    }
}

#[rstest]
#[tokio::test]
async fn an_event_beside_another_is_known_after_a_restart_too(#[values(Sqlite, Postgres)] place: In) {
    let erp = Erp::start();
    let mut receiver = place.receiver_for(&erp);
    let event = order_event("1");
    let other = other_messages(&event).remove(0);
    send(&receiver, event.clone()).await;
    let first = send(&receiver, other.clone()).await;
    send(&receiver, bare("Confirmed")).await;
    let bare_again = {
        send(&receiver, bare("InProgress")).await;
        send(&receiver, bare("Confirmed")).await
    };
    receiver.kill();
    receiver.restart();

    let again = send(&receiver, other).await;
    let last = send(&receiver, bare("Confirmed")).await;

    assert_eq!((is_repeated(&again), again.id()), (true, first.id()));
    assert_eq!((is_repeated(&last), last.id()), (true, bare_again.id()));
    let shown = receiver.events(&["show", &first.id(), "--json"]);
    assert_eq!((&shown[0]["state"], &shown[0]["subject"]), (&json!("done"), &json!("another order")));
    assert_eq!(receiver.log().iter().filter(|line| line["message"] == "event repeated").count(), 2);
    assert_eq!(receiver.log().iter().filter(|line| line["message"] == "event stored").count(), 0);
}

#[rstest]
#[tokio::test]
async fn who_repeats_an_event_beside_another_waits_with_it(#[values(Sqlite, Postgres, Nothing)] place: In) {
    let erp = Erp::start();
    let receiver = place.receiver_for(&erp);
    receiver.expects_error("rejected: a dead letter");
    let event = order_event("1");
    let other = other_messages(&event).remove(0);
    send(&receiver, event).await;
    erp.answer([Answer::status(422).after(Duration::from_secs(2))]);

    let (sender, message) = (receiver.sender(), other.clone());
    let first = tokio::spawn(async move { sender.send(message).await });
    erp.wait_for(2).await;
    let repeat = receiver.sender().send(other).await;

    assert_eq!((first.await.unwrap().status, repeat.status), (Some(422), Some(422)), "{repeat:?}");
    assert_eq!(erp.received().len(), 2);
}

#[rstest]
#[tokio::test]
async fn a_refused_body_whose_message_id_is_taken_becomes_an_event_of_its_own(#[values(Sqlite, Postgres)] place: In) {
    let erp = Erp::start();
    let receiver = place.receiver_for(&erp);
    let event = order_event("1");
    let other = other_messages(&event).remove(0);
    let elsewhere = receiver.sender().to(receiver.url("/elsewhere"));
    let refused = elsewhere.send(other.clone()).await;
    send(&receiver, event.clone()).await;

    let output = receiver.run(&["events", "deliver", &refused.id()]);

    let said = String::from_utf8(output.stdout).unwrap();
    let inbox = receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let id = inbox[1]["id"].as_str().unwrap();
    assert_eq!(inbox.len(), 2, "it is no refused body any more");
    assert!(is_beside(id, &message_id(&event)) && said.contains(&format!("is event {id} now")), "{said}");
    assert!(said.contains(&format!("beside event {}", message_id(&event))), "{said}");
    assert_eq!(erp.received()[1].json()["data"], other);
    assert!(is_repeated(&send(&receiver, other).await));
}

#[rstest]
#[tokio::test]
async fn a_message_id_that_is_the_id_of_a_refused_body_costs_no_event(#[values(Sqlite, Postgres)] place: In) {
    let erp = Erp::start();
    let receiver = place.receiver_for(&erp);
    let refused = receiver.sender().send(Message::json("{}")).await;
    let mut event = order_event("1");
    event["meta"]["messageId"] = json!(refused.id());

    let first = send(&receiver, event.clone()).await;
    let again = send(&receiver, event.clone()).await;

    assert!(is_beside(&first.id(), &refused.id()), "{first:?}");
    assert_eq!((is_repeated(&first), is_repeated(&again), again.id()), (false, true, first.id()));
    assert_eq!(receiver.events(&["show", &refused.id(), "--json"])[0]["state"], "refused");
    eventually("it is delivered", async || erp.received().len() == 1).await;
}
