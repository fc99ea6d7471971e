//! `events discard`: what somebody sets aside is not delivered, by any handler or by one.

use std::time::Duration;

use rstest::rstest;

use super::deliver::receiver_for;
use super::said;
use crate::support::erp::{Answer, Erp};
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

#[rstest]
#[tokio::test]
async fn what_is_discarded_for_one_handler_goes_to_the_others(#[values(Sqlite, Postgres)] store: Store) {
    let (erp, crm) = (Erp::start(), Erp::start());
    let receiver = store.with(&format!(
        "delivery.first_retry = \"15m\"
         handlers.erp = {{ type = \"http\", url = \"{}\" }}
         handlers.crm = {{ type = \"http\", url = \"{}\" }}",
        erp.url("/"),
        crm.url("/")
    ));
    erp.answer([503]);
    crm.answer([503]);
    receiver.sender().send(order_event("1")).await;
    receiver.sender().send(Message::json("{")).await;
    let tried = |event: &serde_json::Value| {
        event["deliveries"].as_array().is_some_and(|all| all.len() == 2 && all.iter().all(|of| of["attempts"] == 1))
    };
    receiver.inbox_until(|events| events.iter().any(tried)).await;
    let arguments = ["--all", "--state", "pending,refused", "--handler", "erp", "--reason", "settled by hand"];

    let asked = receiver.run(&[&["events", "discard"], &arguments[..]].concat());
    let output = receiver.run(&[&["events", "discard"], &arguments[..], &["--yes"]].concat());

    let plan = String::from_utf8(asked.stderr).unwrap();
    assert!(plan.contains("To discard: 1 event, for handler erp"), "{plan}");
    assert!(output.status.success() && said(&output).ends_with(": discarded for handler erp\n"), "{output:?}");
    let events = receiver.inbox();
    let states: Vec<_> = events[0]["deliveries"].as_array().unwrap().iter().map(|of| of["state"].clone()).collect();
    assert_eq!(states, ["pending", "discarded"], "crm and erp: {}", events[0]);
    assert_eq!(events[1]["state"], "refused");
}

/// Nobody can take back what is on the wire.
#[rstest]
#[tokio::test]
async fn what_is_under_way_while_it_is_discarded_is_told_so(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    erp.answer_by(|_| Answer::hang());
    let events = [order_event("1"), order_event("2")];
    for (number, event) in events.iter().enumerate() {
        receiver.sender().send(event.clone()).await;
        erp.wait_for(number + 1).await;
    }

    let [discarded, erased] = [("discard", &events[0]), ("erase", &events[1])]
        .map(|(command, event)| receiver.run(&["events", command, &message_id(event), "--reason", "settled by hand"]));

    for output in [discarded, erased] {
        let expected = "; handler erp is being given it at this moment: look at `events show` again\n";
        assert!(output.status.success() && said(&output).contains(expected), "{}", said(&output));
    }
}

/// Else somebody is asked about what cannot be done.
#[rstest]
#[tokio::test]
async fn what_is_done_is_in_no_plan_to_discard_it_nor_to_deliver_it_to_all(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    receiver.sender().send(order_event("1")).await;
    receiver.inbox_until(|events| events[0]["state"] == "done").await;

    let discard = receiver.run(&["events", "discard", "--all", "--state", "done", "--reason", "old"]);
    let deliver = receiver.run(&["events", "deliver", "--all", "--state", "done"]);
    let to_one = receiver.run(&["events", "deliver", "--all", "--state", "done", "--handler", "erp"]);

    for (output, what) in
        [(&discard, "Nothing to discard: 1 event matches, but "), (&deliver, "Nothing to deliver: 1 ")]
    {
        assert!(output.status.success() && said(output).starts_with(what), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
    assert!(String::from_utf8_lossy(&to_one.stderr).contains("To deliver: 1 event, to handler erp"), "{to_one:?}");
}

/// A name with a slip in it would be taken for a handler that has nothing to discard.
#[rstest]
#[tokio::test]
async fn a_handler_that_there_never_was_is_named(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);

    let output = receiver.run(&[
        "events",
        "discard",
        "--all",
        "--state",
        "dead",
        "--handler",
        "epr",
        "--reason",
        "old",
        "--yes",
    ]);

    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no handler \"epr\""), "{output:?}");
}

/// Somebody has decided while the ERP was at it; what it says then is no dead letter, nor does it end what comes next.
#[rstest]
#[tokio::test]
async fn what_is_begun_anew_while_it_is_under_way_is_delivered_once_that_has_ended(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    let mut is_first = true;
    erp.answer_by(move |_| {
        if std::mem::take(&mut is_first) {
            Answer::status(422).after(Duration::from_secs(10))
        } else {
            Answer::status(200)
        }
    });
    let event = order_event("1");
    let id = message_id(&event);
    receiver.sender().send(event).await;
    erp.wait_for(1).await;

    assert!(receiver.run(&["events", "discard", &id, "--reason", "settled by hand"]).status.success());
    assert!(receiver.run(&["events", "deliver", &id, "--handler", "erp"]).status.success());

    receiver.logged("not taken, but it had been set aside").await;
    assert_eq!(erp.wait_for(2).await[1].json()["id"], id);
    let events = receiver.inbox_until(|events| events[0]["state"] == "done").await;
    let rounds =
        events[0]["attempts"].as_array().unwrap().iter().map(|one| (one["round"].clone(), one["outcome"].clone()));
    assert_eq!(rounds.collect::<Vec<_>>(), [(1.into(), "rejected".into()), (2.into(), "done".into())]);
}

/// The log would say that it is tried again, and what the ERP said about what somebody had erased.
#[rstest]
#[tokio::test]
async fn what_fails_after_it_was_set_aside_is_not_said_to_be_tried_again(#[values(Sqlite, Postgres)] store: Store) {
    let script = "touch begun; while [ ! -e go ]; do sleep 0.05; done; echo 'no time for Anna' >&2; exit 1";
    let receiver =
        store.with(&format!("handlers.erp = {{ type = \"exec\", command = [\"/bin/sh\", \"-c\", \"{script}\"] }}"));
    let event = order_event("1");
    let id = message_id(&event);
    receiver.sender().send(event).await;
    eventually("it has begun", async || receiver.path("begun").exists()).await;

    assert!(receiver.run(&["events", "erase", &id, "--reason", "asked to"]).status.success());
    std::fs::write(receiver.path("go"), "").unwrap();

    let line = receiver.logged("not taken, but it had been set aside").await;
    let log = receiver.log();
    assert!(log.iter().all(|line| !line["message"].to_string().contains("it is tried again")), "{log:#?}");
    assert!(!log.iter().any(|line| line["reason"].to_string().contains("Anna")), "{line}: {log:#?}");
    assert_eq!(receiver.inbox()[0]["state"], "discarded");
}

#[test]
fn what_there_is_not_to_discard_is_said() {
    let receiver = Receiver::start();

    let output = receiver.run(&["events", "discard", "--all", "--state", "refused", "--reason", "old"]);

    assert!(output.status.success(), "{output:?}");
    assert_eq!(said(&output), "Nothing to discard: no event is refused and matches.\n");
}

#[rstest]
#[tokio::test]
async fn what_is_discarded_is_not_delivered_and_lets_the_next_one_through(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = receiver_for(store, &erp);
    let (first, second) = (order_event("1"), order_event("1"));
    erp.answer([503]);
    receiver.sender().send(first.clone()).await;
    receiver.inbox_until(|events| events[0]["deliveries"][0]["attempts"] == 1).await;
    receiver.sender().send(second.clone()).await;

    let output = receiver.run(&["events", "discard", &message_id(&first), "--reason", "settled by hand"]);
    let again = receiver.run(&["events", "discard", &message_id(&first), "--reason", "settled by hand"]);

    let requests = erp.wait_for(2).await;
    assert!(output.status.success() && said(&output).ends_with(": discarded\n"), "{output:?}");
    assert_eq!(again.status.code(), Some(1), "there is nothing left of it to discard");
    assert_eq!(requests[1].json()["id"], message_id(&second));
    receiver.inbox_until(|events| events[0]["state"] == "discarded" && events[1]["state"] == "done").await;
    receiver.sender().send(first).await;
    assert_eq!(receiver.inbox()[0]["state"], "discarded", "its sender cannot bring it back");
}

#[rstest]
#[tokio::test]
async fn everything_of_a_state_is_discarded_only_if_the_state_is_said(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    receiver.sender().send(Message::json("{")).await;
    receiver.sender().send(order_event("1")).await;

    let without = receiver.run(&["events", "discard", "--all"]);
    let refused =
        receiver.events(&["discard", "--all", "--state", "refused", "--yes", "--reason", "settled by hand", "--json"]);

    assert_eq!(without.status.code(), Some(2));
    assert!(String::from_utf8(without.stderr).unwrap().contains("--state"));
    assert_eq!(refused.len(), 1);
    let states: Vec<_> = receiver.inbox().iter().map(|event| event["state"].clone()).collect();
    assert_eq!(states, ["discarded", "unwanted"]);
}
