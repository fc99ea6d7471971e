//! What a person at a terminal sees: tables as wide as that is, colours where they are wanted, and whose turn it is. The
//! lines of a pipe are in `outputs`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::said;
use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sample;
use crate::support::sender::{Message, order_event};

/// Runs `events …` at a terminal of so many columns; what is said there is all in one text.
fn at(receiver: &Receiver, columns: u16, variables: &str, arguments: &str) -> String {
    let program = env!("CARGO_BIN_EXE_tradecloud-webhook");
    let output = receiver.shell(&format!(
        "printf '' | env TERM=xterm {variables} script -qec 'stty rows 50 cols {columns}; {program} events {arguments}' /dev/null"
    ));
    said(&output).replace('\r', "").replace("^D\u{8}\u{8}", "")
}

/// The same with marks for what steers a terminal, and with one time and duration for all, as wide as they are: columns
/// stay where they are.
fn still(text: &str) -> String {
    let text = text.replace('\u{1b}', "<ESC>");
    let text = each(&text, "0000-00-00 00:00:00", |_| "2026-03-01 12:00:00".to_owned());
    let text = each(&text, "00-00 00:00", |_| "03-01 12:00".to_owned());
    // In a narrow list the hour of today, or the day if that is another by now.
    let mut text = text;
    for (before, after) in [("  ", "  "), ("[2m", "<ESC>")] {
        for day_or_hour in ["00:00", "00-00"] {
            let still = format!("{before}12:00{after}");
            text = each(&text, &format!("{before}{day_or_hour}{after}"), |_| still.clone());
        }
    }
    // With as much more behind it as there were digits, which the column has less.
    for digits in ["0000", "000", "00", "0"] {
        for (before, lacks) in [(", ", digits.len()), (" after ", 0)] {
            let shorter = |_: &str| format!("{before}<ms>ms{}", " ".repeat(lacks));
            text = each(&text, &format!("{before}{digits} ms"), shorter);
        }
    }
    while let Some(at) = text.find("<ms>ms") {
        let (before, after) = text.split_at(at);
        let after = &after["<ms>ms".len()..];
        let blanks = after.len() - after.trim_start_matches(' ').len();
        let is_last = after[blanks..].starts_with('\n') || after.len() == blanks;
        let left = if is_last || blanks < 2 { 0 } else { blanks };
        text = format!("{before}<n> ms{}{}", " ".repeat(left), &after[blanks.min(after.len())..]);
    }
    text
}

/// Replaces what looks like that, `0` being any digit.
fn each(text: &str, like: &str, with: impl Fn(&str) -> String) -> String {
    let (letters, like): (Vec<char>, Vec<char>) = (text.chars().collect(), like.chars().collect());
    let is_like = |at: usize| {
        let found = letters.get(at..at + like.len())?;
        let same =
            found.iter().zip(&like).all(|(one, like)| if *like == '0' { one.is_ascii_digit() } else { one == like });
        same.then(|| found.iter().collect::<String>())
    };
    let (mut replaced, mut at) = (String::new(), 0);
    while at < letters.len() {
        if let Some(found) = is_like(at) {
            replaced.push_str(&with(&found));
            at += like.len();
        } else {
            replaced.push(letters[at]);
            at += 1;
        }
    }
    replaced
}

/// An order with that message id.
fn order(number: &str, id: &str) -> Value {
    let mut event = order_event(number);
    event["meta"]["messageId"] = id.into();
    event["meta"]["source"]["traceId"] = "00000000-0000-4000-8000-000000000000".into();
    event["orderEvent"]["lines"] = json!([{
        "id": "1",
        "buyerLine": {"position": "10", "item": {"number": "M12-ZN", "name": "注文 bolt", "purchaseUnitOfMeasureIso": "PCE"}},
        "deliverySchedule": [{"quantity": 1234, "date": "2026-05-01"}],
        "prices": {"netPrice": {"priceInTransactionCurrency": {"value": 12, "currencyIso": "EUR"}}}
    }]);
    event
}

/// The text of an event with digits that no binary fraction has.
fn exact(event: &Value) -> Message {
    Message::json(event.to_string().replace("1234", "1234.5600000000000000001").replace(":12,", ":12.50,"))
}

/// A receiver with a dead letter that came three times, a shipment that is done, documents that nobody wanted, an order for
/// a handler that is paused, and a refused body.
async fn filled() -> (Receiver, Erp) {
    let erp = Erp::start();
    let receiver = Receiver::with(&format!(
        "log.time_zone = \"UTC\"\n[handlers.erp]\ntype = \"http\"\nurl = \"{}\"\nkinds = [\"order\", \"shipment\"]\n",
        erp.url("/")
    ));
    receiver.expects_error("rejected: a dead letter");
    let sender = receiver.sender();
    erp.answer([
        Answer::status(422).body("text/plain", "item M12-ZN unknown\nat line 5"),
        Answer::status(201).body("text/plain", "booked as 4900000002"),
    ]);
    let dead = order("4711", "2b607af1-7b1c-4fed-9f8b-abcc3e8fb907");
    sender.send(exact(&dead)).await;
    receiver.inbox_until(|events| events.iter().any(|event| event["state"] == "dead")).await;
    sender.send(exact(&dead)).await;
    sender.send(exact(&dead)).await;
    sender.send(Message::json(sample("shipment-event.json"))).await;
    receiver.inbox_until(|events| events.iter().any(|event| event["state"] == "done")).await;
    sender.send(Message::xml(sample("order-documents-event.xml"))).await;
    sender.send(Message::typed("text/plain", "no event")).await;
    receiver.inbox_until(|events| events.len() == 4 && events[0]["repeats"] == 2).await;
    (receiver, erp)
}

#[tokio::test]
async fn a_list_is_a_table_as_wide_as_the_terminal() {
    let (receiver, _erp) = filled().await;

    let shown = [(80, "NO_COLOR=1"), (160, "NO_COLOR=1"), (80, ""), (160, "")]
        .map(|(columns, variables)| format!("{columns} {variables}\n{}", at(&receiver, columns, variables, "list")));

    for text in &shown[..2] {
        let width = text.lines().skip(1).map(|line| line.chars().count()).max().unwrap();
        assert!(width <= if text.starts_with("80") { 80 } else { 160 }, "{width}: {text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    assert_snapshot!(still(&shown.join("\n")));
}

#[tokio::test]
async fn an_order_is_a_table_as_wide_as_the_terminal() {
    let (receiver, _erp) = filled().await;
    receiver.sender().send(order_event("4711")).await;
    receiver.inbox_until(|events| events.len() == 5 && events.iter().all(|event| event["state"] != "pending")).await;

    let shown = [(80, "NO_COLOR=1"), (160, "NO_COLOR=1"), (160, "")].map(|(columns, variables)| {
        format!("{columns} {variables}\n{}", at(&receiver, columns, variables, "order po-4711"))
    });
    let piped = said(&receiver.run(&["events", "order", "4711"]));

    for text in &shown[..2] {
        let width = text.lines().skip(1).map(|line| line.chars().count()).max().unwrap();
        assert!(width <= if text.starts_with("80") { 80 } else { 160 }, "{width}: {text}");
        assert!(!text.contains('\u{1b}') && text.trim_end().ends_with("2 events: 1 dead, 1 done"), "{text}");
        assert!(text.find("dead").unwrap() < text.find("done").unwrap(), "the oldest first: {text}");
    }
    assert!(
        shown[1].contains("somebody: rejected 422 item M12-ZN") && shown[1].contains("erp: done, 200"),
        "{shown:?}"
    );
    assert!(shown[2].contains('\u{1b}'));
    assert!(
        piped.contains("the back end said: item M12-ZN unknown")
            && !piped.contains("STATE")
            && !piped.contains("2 events"),
        "{piped}"
    );
}

#[tokio::test]
async fn a_list_says_how_many_there_are_and_who_is_to_act() {
    let (receiver, erp) = filled().await;
    erp.answer([503]);
    receiver.configure(|text| text + "[delivery]\nfirst_retry = \"15m\"\n");
    assert!(receiver.hang_up().await.contains("reloaded"));
    receiver.sender().send(order_event("4712")).await;
    receiver.inbox_until(|events| events.iter().any(|event| event["attempts"][0]["status"] == 503)).await;

    let list = at(&receiver, 160, "NO_COLOR=1", "list --limit 2");
    let attention = at(&receiver, 160, "NO_COLOR=1", "list --needs-attention");

    assert!(list.contains("the receiver: again at ") && list.contains("erp: attempt 2 at "), "{list}");
    assert!(list.trim_end().ends_with("2 of 5; --limit shows more"), "{list}");
    assert!(attention.contains("somebody: rejected 422 item M12-ZN"), "{attention}");
    assert!(attention.contains("somebody: refused 415: ") && attention.trim_end().ends_with("2 events"), "{attention}");
}

#[tokio::test]
async fn an_event_is_shown_as_a_story() {
    let (receiver, erp) = filled().await;
    let ids: Vec<_> = receiver.inbox().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();

    let shown = ids.iter().map(|id| at(&receiver, 100, "NO_COLOR=1", &format!("show {id}")));
    let at_the_erp = erp.url("/").replace("http://", "").replace('/', "");
    let all = still(&shown.collect::<Vec<_>>().join("\n\n")).replace(&at_the_erp, "<erp>");

    for exact in ["1234.5600000000000000001", "12.50 EUR"] {
        assert!(all.contains(exact), "{exact}: {all}");
    }
    assert_snapshot!(all);
}

#[tokio::test]
async fn a_table_of_a_hostile_event_steers_no_terminal() {
    let receiver = Receiver::start();
    let mut event = order_event("4711");
    event["orderEvent"]["buyerOrder"]["purchaseOrderNumber"] = "PO\u{1b}[2J\u{202e}\u{9b}31m".into();
    event["orderEvent"]["lines"][0]["buyerLine"]["item"] = json!({"number": "\u{1b}]0;owned\u{7}", "name": "a\nb"});
    event["eventName"] = "Order\u{1b}[2J".into();
    let answer = receiver.sender().send(event).await;

    let shown = ["list".to_owned(), format!("show {}", answer.id()), format!("show {} --diff", answer.id())]
        .map(|arguments| at(&receiver, 100, "NO_COLOR=1", &arguments));

    for text in shown {
        assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}']), "{text:?}");
    }
}
