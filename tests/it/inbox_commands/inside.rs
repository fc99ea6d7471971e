//! A partner and an item are looked for in bodies: the newest first, for a while, and one can go on from there.

use rstest::rstest;
use serde_json::{Value, json};

use super::said;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// An order of that item, from a supplier of that name.
fn order(number: &str, supplier: &str, item: &str) -> Value {
    let mut event = order_event(number);
    event["orderEvent"]["buyerOrder"]["supplierParty"] = json!({"names": [supplier]});
    event["orderEvent"]["lines"][0]["buyerLine"]["item"] = json!({"number": item, "name": "Bolt"});
    event
}

fn in_xml(number: &str, supplier: &str, item: &str) -> Message {
    Message::xml(format!(
        "<OrderWebhook><eventName>OrderIssuedByBuyer</eventName><orderEvent><orderId>{number}</orderId><buyerOrder>\
         <purchaseOrderNumber>PO-{number}</purchaseOrderNumber><supplierParty><name>{supplier}</name></supplierParty>\
         </buyerOrder><line><buyerLine><item><number>{item}</number></item></buyerLine></line></orderEvent></OrderWebhook>"
    ))
}

/// Orders 1 to 4, of two suppliers and two items, one of each in XML; all done, but the second.
async fn filled(store: Store) -> Receiver {
    let receiver =
        store.with("[handlers.erp]\ntype = 'exec'\ncommand = ['/bin/sh', '-c', 'grep -q PO-2 && exit 65; exit 0']\n");
    receiver.expects_error("rejected: a dead letter");
    for message in [
        Message::from(order("1", "Müller & Söhne", "M12-ZN")),
        Message::from(order("2", "Acme Inc.", "M12-ZN")),
        in_xml("3", "müller gmbh", "M16"),
        in_xml("4", "Acme Inc.", "M16"),
    ] {
        assert!(receiver.sender().send(message).await.is_delivered());
    }
    receiver.inbox_until(|events| events.len() == 4 && events.iter().all(|event| event["state"] != "pending")).await;
    receiver
}

fn numbers(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["documentNumber"].as_str().unwrap()).collect()
}

#[rstest]
#[tokio::test]
async fn a_partner_and_an_item_are_found_in_json_and_txml_beside_every_other_filter(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let receiver = filled(store).await;
    for (filter, found) in [
        (&["--partner", "MÜLLER"][..], &["PO-3", "PO-1"][..]),
        (&["--item", "m12"], &["PO-2", "PO-1"]),
        (&["--item", "bolt", "--partner", "acme"], &["PO-2"]),
        (&["--partner", "acme", "--state", "dead"], &["PO-2"]),
        (&["--partner", "acme", "--number", "PO-4"], &["PO-4"]),
        (&["--partner", "acme", "--until", "2020-01-01"], &[]),
        (&["--partner", "nobody"], &[]),
    ] {
        let listed = receiver.events(&[&["list", "--json"], filter].concat());
        assert_eq!(numbers(&listed), found, "{filter:?}");
        let exported = receiver.events(&[&["export"], filter].concat());
        assert_eq!(numbers(&exported).into_iter().rev().collect::<Vec<_>>(), found, "{filter:?}");
    }
    let page = receiver.run(&["events", "list", "--json", "--partner", "acme", "--limit", "1"]);
    let told = String::from_utf8(page.stderr.clone()).unwrap();
    let (first, before) = (said(&page), told.trim().rsplit(' ').next().unwrap().to_owned());
    let rest = receiver.events(&["list", "--json", "--partner", "acme", "--before", &before]);

    assert!(first.contains("PO-4") && told.starts_with("1 event; go on with --before "), "{first} {told}");
    assert_eq!(numbers(&rest), ["PO-2"]);
}

#[tokio::test]
async fn who_acts_cannot_name_a_partner() {
    let receiver = filled(Sqlite).await;

    for command in [&["deliver", "--all", "--yes"][..], &["discard", "--all", "--state", "dead", "--reason", "x"]] {
        for filter in ["--partner", "--item"] {
            let output = receiver.run(&[&["events"], command, &[filter, "acme"]].concat());
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{told}");
            assert!(told.contains("events list") && told.contains("--number"), "{told}");
        }
    }
    assert!(receiver.inbox().iter().all(|event| event["actions"] == json!([])));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn among_twenty_thousand_it_is_found_in_steps_that_end() {
    use crate::inbox_scale::{add_events, fill_inbox};

    let mut receiver = Receiver::prepared("");
    fill_inbox(&receiver, |db| {
        add_events(db, 20_000, jiff::Timestamp::now() - jiff::SignedDuration::from_hours(48))?;
        let body = order("1", "The one supplier", "M12").to_string();
        db.execute("UPDATE events SET body = CAST(?1 AS BLOB) WHERE number = 500", [body]).map(drop)
    });
    receiver.restart();

    let (mut before, mut steps) = (i64::MAX.to_string(), 0);
    let found = loop {
        let output = receiver.run(&["events", "list", "--json", "--partner", "one supplier", "--before", &before]);
        steps += 1;
        let told = String::from_utf8(output.stderr.clone()).unwrap();
        if !output.stdout.is_empty() {
            break said(&output);
        }
        assert!(told.starts_with("0 events; looked back to "), "{told}");
        let next = told.trim().rsplit(' ').next().unwrap().to_owned();
        assert!(next.parse::<i64>().unwrap() < before.parse().unwrap(), "it goes on: {told}");
        before = next;
    };

    let found: Value = serde_json::from_str(found.trim()).unwrap();
    assert_eq!(found["sequence"], 500);
    assert!(steps < 1000, "{steps}");
}
