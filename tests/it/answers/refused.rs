//! 400 and 415: what is no event is refused, with the place of the fault, and kept all the same.

use rstest::rstest;
use serde_json::json;

use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// Stands for what nobody but the inbox may repeat.
const SECRET: &str = "hunter2";

/// Bodies that are refused: what is wrong, the body, and how the detail begins.
const MALFORMED: [(&str, &str, &str); 17] = [
    ("truncated JSON", "{\"orderEvent\": {\n  \"orderId\": \"hunter2\"", "line 2, column 23: "),
    ("JSON cut in a text", r#"{"orderEvent": {"orderId": "hunter2"#, "line 1, column 36: "),
    ("a bare word", r#"{"orderEvent": hunter2}"#, "line 1, column 16: "),
    ("no colon", r#"{"hunter2" {}}"#, "line 1, column 12: "),
    ("text after the object", r#"{"orderEvent": {}} "hunter2""#, "line 1, column 20: "),
    ("a comma too many", r#"{"orderEvent": {"orderId": "hunter2",}}"#, "line 1, column 38: "),
    ("an unclosed root", "<hunter2><orderEvent>hunter2</orderEvent>", "line 1, column 42: "),
    ("an unclosed element", "<a><orderEvent><hunter2>", "line 1, column "),
    ("a wrong end tag", "<a><orderEvent></hunter2></a>", "line 1, column "),
    ("two roots", "<a><orderEvent/></a><hunter2/>", "line 1, column 21: "),
    ("text after the root", "<a><orderEvent/></a>hunter2", "line 1, column 21: "),
    ("a document type", "<!DOCTYPE hunter2 [<!ENTITY b \"hunter2\">]><a><orderEvent/></a>", "line 1, column 1: "),
    ("an unknown entity", "<a><orderEvent><orderId>&hunter2;</orderId></orderEvent></a>", "line 1, column "),
    ("an attribute twice", "<a hunter2='1' hunter2='2'><orderEvent/></a>", "line 1, column "),
    ("an attribute without quotes", "<a hunter2=hunter2><orderEvent/></a>", "line 1, column "),
    ("a forbidden character", "<a><orderEvent>hunter2\u{1}</orderEvent></a>", "line 1, column 23: "),
    ("the end of CDATA in a text", "<a><orderEvent>hunter2]]></orderEvent></a>", "line 1, column "),
];

#[rstest]
#[tokio::test]
async fn what_is_malformed_is_refused_with_line_and_column_and_kept(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.prepared("").setting("LOG__LEVEL", "trace");
    let receiver = started(receiver);

    for (fault, body, place) in MALFORMED {
        let typed = if body.starts_with('<') { Message::xml(body) } else { Message::json(body) };

        let answer = receiver.sender().send(typed).await;

        assert_eq!(answer.status, Some(400), "{fault}: {answer:?}");
        assert!(answer.detail().starts_with(place), "{fault}: {answer:?}");
        assert!(answer.is_lost(), "{fault}: it would come again without end");
        assert!(!answer.body.contains(SECRET), "{fault}: the answer repeats the body: {answer:?}");
        let kept = receiver.events(&["show", &answer.id(), "--json"]).remove(0);
        assert_eq!(kept["state"], "refused", "{fault}");
        assert_eq!(kept["status"], 400, "{fault}");
        assert_eq!(kept["reason"], answer.detail(), "{fault}");
        assert_eq!(String::from_utf8(receiver.body_of(&answer.id())).unwrap(), body, "{fault}");
    }
    let log = format!("{:?}", receiver.log());
    assert!(!log.contains(SECRET), "the log repeats a body: {log}");
    assert_eq!(receiver.inbox().len(), MALFORMED.len());
}

#[tokio::test]
async fn what_is_well_formed_but_no_event_is_refused_and_kept() {
    let receiver = Receiver::start();
    let bodies = [
        r#"{"hunter2": "hunter2"}"#,
        r#"{"orderEvent": "hunter2"}"#,
        r#"{"orderEvent": null, "shipment": ["hunter2"]}"#,
        r#"["hunter2"]"#,
        r#""hunter2""#,
        "{}",
        "null",
        "<hunter2><hunter2>hunter2</hunter2></hunter2>",
    ];

    for body in bodies {
        let typed = if body.starts_with('<') { Message::xml(body) } else { Message::json(body) };

        let answer = receiver.sender().send(typed).await;

        assert_eq!(answer.status, Some(400), "{body}: {answer:?}");
        assert!(answer.detail().contains("no Tradecloud event"), "{body}: {answer:?}");
        assert!(!answer.body.contains(SECRET), "{body}: the answer repeats it: {answer:?}");
        assert_eq!(receiver.body_of(&answer.id()), body.as_bytes());
    }
    assert!(!format!("{:?}", receiver.log()).contains(SECRET));
    assert_eq!(receiver.events(&["list", "--json", "--state", "refused"]).len(), bodies.len());
}

#[rstest]
#[tokio::test]
async fn bytes_that_are_no_text_are_refused_and_kept(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");
    let latin_1 = b"{\"orderEvent\": {\"orderId\": \"caf\xE9\"}}".to_vec();
    let utf_16 = [b"\xFF\xFE".as_slice(), b"<\0a\0\0\xD8>\0"].concat();

    let first = receiver.sender().send(Message::json(latin_1.clone())).await;
    let second = receiver.sender().send(Message::xml(utf_16.clone())).await;

    assert_eq!((first.status, second.status), (Some(400), Some(400)));
    assert!(first.detail().starts_with("line 1, column 32: "), "{first:?}");
    assert!(second.detail().contains("UTF-16"), "{second:?}");
    assert_eq!(receiver.body_of(&first.id()), latin_1);
    assert_eq!(receiver.body_of(&second.id()), utf_16);
}

#[tokio::test]
async fn what_is_neither_json_nor_xml_is_told_so_and_kept() {
    let receiver = Receiver::start();
    let bodies = [
        Message::typed("text/plain", "hunter2"),
        Message::typed("application/x-www-form-urlencoded", "orderEvent=hunter2"),
        Message::untyped(""),
        Message::typed("application/octet-stream", b"\x1f\x8b\x08hunter2".to_vec()),
    ];

    for message in bodies {
        let answer = receiver.sender().send(message.clone()).await;

        assert_eq!(answer.status, Some(415), "{message:?}: {answer:?}");
        assert!(!answer.body.contains(SECRET), "{answer:?}");
        assert_eq!(receiver.body_of(&answer.id()), message.body);
    }
    assert_eq!(receiver.events(&["list", "--json", "--state", "refused"]).len(), 4);
}

#[rstest]
#[tokio::test]
async fn the_same_refused_body_twice_is_kept_once_and_blocks_nothing(#[values(Sqlite, Postgres)] store: Store) {
    let receiver = store.with("");

    let first = receiver.sender().send(Message::json("{")).await;
    let second = receiver.sender().send(Message::json("{")).await;
    let event = receiver.sender().send(order_event("1")).await;

    assert_eq!((first.status, second.status, event.status), (Some(400), Some(400), Some(202)));
    assert_eq!(first.id(), second.id());
    let states: Vec<_> = receiver.inbox().iter().map(|event| event["state"].clone()).collect();
    assert_eq!(states, [json!("refused"), json!("unwanted")]);
}

#[tokio::test]
async fn the_answer_is_a_problem_document() {
    let receiver = Receiver::start();

    let answer = receiver.sender().send(Message::json("{}")).await;

    let problem = answer.json();
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["title"], "Bad Request");
    assert_eq!(problem["status"], 400);
    assert_eq!(problem["id"], answer.id());
}

fn started(mut receiver: Receiver) -> Receiver {
    receiver.restart();
    receiver
}
