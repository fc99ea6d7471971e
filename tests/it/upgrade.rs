//! This program on what the version before it has left: configuration, inbox, scripts.
//!
//! `tests/fixtures/upgrade` was made by version 0.1.0: a configuration with every table it knew, the script of its
//! README, and the inboxes of schema version 1 that it wrote under that configuration, in which there is an event in
//! every state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rstest::rstest;
use serde_json::{Value, json};
use tradecloud_webhook::inbox::EventKey;

use crate::support::erp::{Erp, Received};
use crate::support::eventually;
use crate::support::postgres::{Postgres, ROLE};
use crate::support::receiver::{PASSWORD, Receiver, write_private};
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres as InPostgres, Sqlite};

/// Every event in it with its state, the oldest first.
const STATES: [(&str, &str); 13] = [
    ("a-1", "done"),
    ("a-2", "done"),
    ("b-1", "dead"),
    ("b-2", "done"),
    ("c-1", "discarded"),
    ("d-1", "pending"),
    ("d-2", "pending"),
    ("d-3", "pending"),
    ("e-1", "pending"),
    ("00000000-0000-4000-8000-000000000001", "refused"),
    ("00000000-0000-4000-8000-000000000002", "refused"),
    ("00000000-0000-4000-8000-000000000003", "discarded"),
    ("s-1", "unwanted"),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/upgrade").join(name)
}

/// A dump in which `ago(N)` is made what `time` makes of N microseconds ago.
fn dump(store: &str, time: impl Fn(i64) -> String) -> String {
    let text = std::fs::read_to_string(fixture(&format!("inbox.{store}.sql"))).unwrap();
    let (head, rest) = text.split_once("PRAGMA").or_else(|| text.split_once("CREATE")).unwrap();
    let statements = &text[head.len()..];
    assert!(!rest.is_empty());
    let mut parts = statements.split("ago(");
    let mut sql = parts.next().unwrap().to_owned();
    for part in parts {
        let (number, after) = part.split_once(')').unwrap();
        sql += &time(number.parse().unwrap());
        sql += after;
    }
    sql
}

/// What there is after the update of the program, before its first start. `version` is what the inbox says its schema
/// is, if it is another one than was written.
pub fn left_behind(store: Store, erp: &Erp, version: Option<u32>) -> Receiver {
    let receiver = Receiver::prepared("");
    std::fs::copy(fixture("import-order"), receiver.path("import-order")).unwrap();
    write_private(&receiver.path("config/receiver.toml"), &std::fs::read_to_string(fixture("receiver.toml")).unwrap());
    for (name, secret) in [("portal", PASSWORD), ("erp", "erp-token")] {
        std::fs::create_dir_all(receiver.path("secrets")).unwrap();
        write_private(&receiver.path("secrets").join(name), secret);
    }
    let mut receiver = receiver.setting("HANDLERS__ERP__URL", &erp.url("/tradecloud"));
    for (name, value) in [
        ("SERVER__LISTEN", "127.0.0.1:0"),
        ("ADMIN__LISTEN", "127.0.0.1:0"),
        ("LOG__FORMAT", "json"),
        ("LOG__LEVEL", "debug"),
    ] {
        receiver = receiver.setting(name, value);
    }
    let now = jiff::Timestamp::now().as_microsecond();
    match store {
        Sqlite => {
            std::fs::create_dir(receiver.path("data")).unwrap();
            let db = rusqlite::Connection::open(receiver.path("data/inbox.db")).unwrap();
            db.execute_batch(&dump("sqlite", |ago| (now - ago).to_string())).unwrap();
            if let Some(version) = version {
                db.pragma_update(None, "user_version", version).unwrap();
            }
            receiver
        }
        InPostgres => {
            let server = Postgres::shared();
            let database = server.database();
            let sql = dump("postgres", |ago| format!("now() - interval '{ago} microseconds'"));
            server.sql(&database, &format!("SET ROLE {ROLE}; {sql}"));
            if let Some(version) = version {
                server.sql(&database, &format!("UPDATE tradecloud_inbox.version SET version = {version}"));
            }
            receiver.inbox_at(&server.url(&database))
        }
    }
}

fn states(events: &[Value]) -> BTreeMap<String, String> {
    let text = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
    events.iter().map(|event| (text(event, "id"), text(event, "state"))).collect()
}

fn expected(pending: &str) -> BTreeMap<String, String> {
    let state = |state: &str| if state == "pending" { pending.to_owned() } else { state.to_owned() };
    STATES.iter().map(|(id, was)| ((*id).to_owned(), state(was))).collect()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_arrives_once_and_in_order_and_everything_else_stays_as_it_was(
    #[values(Sqlite, InPostgres)] store: Store,
) {
    let erp = Erp::start();
    let mut receiver = left_behind(store, &erp, None);

    receiver.restart();

    let events = receiver.inbox_until(|events| states(events) == expected("done")).await;
    let received: Vec<Value> = erp.received().iter().map(Received::json).collect();
    let mut ids: Vec<_> = received.iter().map(|event| event["id"].as_str().unwrap()).collect();
    let of_one_order: Vec<_> = ids.iter().filter(|id| id.starts_with("d-")).copied().collect();
    assert_eq!(of_one_order, ["d-1", "d-2", "d-3"]);
    ids.sort_unstable();
    assert_eq!(ids, ["d-1", "d-2", "d-3", "e-1"], "each once, and nothing that was done");
    let first = received.iter().find(|event| event["id"] == "d-1").unwrap();
    assert_eq!(first["tcattempt"], 9, "attempts are counted on");
    let digits = erp.received().iter().any(|request| String::from_utf8_lossy(&request.body).contains("1234.5600"));
    assert!(digits, "{first}");
    assert_eq!(erp.received()[0].header("authorization"), "Bearer erp-token");
    assert!(!receiver.path("imported").exists() && !receiver.path("data/events").exists(), "those were done");
    let order: Vec<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(order, STATES.map(|(id, _)| id));
    let dead = &receiver.events(&["show", "b-1", "--json"])[0]["deliveries"][1];
    assert!(dead["failures"][0]["reason"].as_str().unwrap().contains("article 4711 is not known"), "{dead}");
    assert_eq!(events[9]["reason"], "line 1, column 20: the body ends inside a string");
    assert!(String::from_utf8(receiver.body_of("e-1")).unwrap().starts_with("<OrderWebhook>"));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_the_version_before_has_taken_is_known_and_new_ones_are_taken(
    #[values(Sqlite, InPostgres)] store: Store,
) {
    let erp = Erp::start();
    let mut receiver = left_behind(store, &erp, None);
    receiver.restart();
    erp.wait_for(4).await;

    let again = receiver.sender().send(Message::json(receiver.body_of("a-1"))).await;
    let new = order_event("order-d");
    assert!(receiver.sender().send(new.clone()).await.is_delivered());

    assert!(again.is_delivered(), "{again:?}");
    let id = message_id(&new);
    receiver.inbox_until(|events| events.iter().any(|event| event["id"] == *id && event["state"] == "done")).await;
    assert_eq!(receiver.inbox().len(), STATES.len() + 1, "the repeated one is none of its own");
    let imported = receiver.path("imported").join(format!("{id}.json"));
    let imported: Value = serde_json::from_slice(&std::fs::read(imported).unwrap()).unwrap();
    assert_eq!(imported["data"]["orderEvent"]["buyerOrder"]["purchaseOrderNumber"], "PO-order-d");
}

/// An order without a `messageId` and without its state.
fn bare_order(order: &str) -> String {
    json!({"id": order, "buyerOrder": {"purchaseOrderNumber": format!("PO-{order}")}, "lines": []}).to_string()
}

/// What the version before has stored besides: an order, and what became of it so long ago.
struct Old<'a> {
    order: &'a str,
    message_id: Option<&'a str>,
    state: i64,
    seconds_ago: i64,
}

impl Old<'_> {
    fn body(&self) -> String {
        bare_order(self.order)
    }

    fn key(&self) -> (EventKey, String) {
        EventKey::of_event(self.message_id, self.body().as_bytes())
    }

    /// Statements that put it there, behind what there is.
    fn insert(&self, store: Store, place: i64) -> String {
        let ((key, id), Self { order, state, seconds_ago: ago, .. }) = (self.key(), self);
        let key = format!("{:032x}", u128::from_be_bytes(key.0));
        let message_id = self.message_id.map_or("NULL".to_owned(), |id| format!("'{id}'"));
        let (number, key, body, time, columns, lane) = match store {
            Sqlite => {
                let time = jiff::Timestamp::now().as_microsecond() - ago * 1_000_000;
                (place, format!("X'{key}'"), format!("CAST('{}' AS BLOB)", self.body()), time.to_string(), "", "")
            }
            InPostgres => (
                place * 1024,
                format!("'\\x{key}'"),
                format!("convert_to('{}', 'UTF8')", self.body()),
                format!("now() - interval '{ago} seconds'"),
                ", lane",
                &*format!(", ('x' || left(encode(sha256('order {order}'), 'hex'), 16))::bit(64)::bigint"),
            ),
        };
        format!(
            "INSERT INTO events (number, key, id, received, path, kind, format, message_id, subject, body{columns})
             VALUES ({number}, {key}, '{id}', {time}, '/', 'order', 'json', {message_id}, '{order}', {body}{lane});
             INSERT INTO deliveries (event, handler, lane, state, since, changed)
             VALUES ({number}, 'script', 0, {state}, {time}, {time});"
        )
    }
}

/// As it was left by the version before, or by one that made version 2 of it without looking at what was there.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_without_a_message_id_that_the_version_before_has_taken_is_known_unless_something_came_in_between(
    #[values(Sqlite, InPostgres)] store: Store,
    #[values(1, 2)] version: u32,
) {
    let erp = Erp::start();
    let mut receiver = left_behind(store, &erp, None);
    let (done, dead) = (1, 2);
    let old = [
        Old { order: "newest", message_id: None, state: done, seconds_ago: 3 },
        Old { order: "not the newest", message_id: None, state: done, seconds_ago: 2 },
        Old { order: "not the newest", message_id: Some("newer"), state: done, seconds_ago: 1 },
        // Before anything was done that still is there: what came after it may have been removed.
        Old { order: "long ago", message_id: None, state: dead, seconds_ago: 1000 },
    ];
    let mut sql: String = (14..).zip(&old).map(|(place, old)| old.insert(store, place)).collect();
    if store == InPostgres {
        sql += "SELECT setval('batches', 20);";
    }
    if version == 2 {
        sql += match store {
            Sqlite => concat!(include_str!("../../src/inbox/sqlite/schema2.sql"), "PRAGMA user_version = 2;"),
            InPostgres => {
                concat!(include_str!("../../src/inbox/postgres/schema2.sql"), "UPDATE version SET version = 2;")
            }
        };
    }
    store.sql(&receiver, &sql);
    receiver.restart();
    erp.wait_for(4).await;

    let mut repeated = Vec::new();
    for order in ["newest", "not the newest", "long ago", "newest", "not the newest", "long ago"] {
        let answer = receiver.sender().send(Message::json(bare_order(order))).await;
        assert_eq!(answer.status, Some(202), "{answer:?}");
        let of = old.iter().find(|old| old.order == order).unwrap().key().1;
        assert!(answer.id() == of || answer.id().starts_with(&format!("{of}~")), "{answer:?}");
        repeated.push(answer.json().get("repeated").is_some());
    }

    assert_eq!(repeated, [true, false, false, true, true, true]);
    assert_eq!(receiver.inbox().len(), STATES.len() + old.len() + 2);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_and_a_script_did_with_it_works_as_before(#[values(Sqlite, InPostgres)] store: Store) {
    let erp = Erp::start();
    let mut receiver = left_behind(store, &erp, None);
    receiver.restart();
    receiver.inbox_until(|events| states(events) == expected("done")).await;

    let ids = |arguments: &[&str]| -> Vec<String> {
        let events = receiver.events(&[&["list", "--json"], arguments].concat());
        events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&["--state", "dead"]), ["b-1"]);
    assert_eq!(ids(&["--subject", "PO-D"]), ["d-3", "d-2", "d-1"]);
    assert_eq!(ids(&["--handler", "erp", "--state", "discarded"]), ["c-1"]);
    assert_eq!(ids(&["--kind", "shipment", "--since", "1h"]), ["s-1"]);
    // A script takes the numbers to go on where it was.
    let step = if store == Sqlite { 1 } else { 1024 };
    let numbers: Vec<_> = receiver.inbox().iter().map(|event| event["number"].as_i64().unwrap() / step).collect();
    assert_eq!(numbers, (1..=13).collect::<Vec<_>>());
    let export = receiver.run(&["events", "export", "--since", "7d", "-o", "events.jsonl"]);
    assert!(export.status.success(), "{export:?}");
    assert_eq!(std::fs::read_to_string(receiver.path("events.jsonl")).unwrap().lines().count(), 13);

    let refused = STATES[9].0;
    for arguments in [
        &["deliver", "b-1"][..],
        &["deliver", "c-1", "--handler", "erp"],
        &["discard", refused, "--reason", "settled by hand"],
    ] {
        let output = receiver.run(&[&["events"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }

    eventually("both are delivered", async || {
        let now = states(&receiver.inbox());
        now["b-1"] == "done" && now["c-1"] == "done" && now[refused] == "discarded"
    })
    .await;
}

#[tokio::test]
async fn its_configuration_is_valid_with_every_table_that_there_was() {
    let erp = Erp::start();
    let receiver = left_behind(Sqlite, &erp, None);

    let output = receiver.run(&["check"]);

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !said.contains("error"), "{said}");
    assert!(receiver.run(&["events", "list"]).status.success());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbox_of_a_later_version_is_left_alone_with_a_sentence(#[values(Sqlite, InPostgres)] store: Store) {
    let erp = Erp::start();
    let mut receiver = left_behind(store, &erp, Some(99));

    let (status, log) = receiver.try_restart().unwrap_err();
    let list = receiver.run(&["events", "list"]);

    let said = log.iter().map(ToString::to_string).collect::<String>();
    assert!(!status.success() && said.contains("it was written by a newer version of this program"), "{said}");
    assert!(!list.status.success());
    let said = String::from_utf8_lossy(&list.stderr);
    assert!(said.contains("schema 99") && said.contains("Use that one"), "{said}");
    assert_eq!(erp.received().len(), 0);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_whether_it_would_start_upgrades_nothing(#[values(Sqlite, InPostgres)] store: Store) {
    let erp = Erp::start();
    let receiver = left_behind(store, &erp, None);
    let version = || match store {
        Sqlite => {
            let db = rusqlite::Connection::open(receiver.path("data/inbox.db")).unwrap();
            db.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).unwrap().to_string()
        }
        InPostgres => {
            let database = receiver.inbox_url().unwrap().rsplit_once('/').unwrap().1.split('?').next().unwrap();
            Postgres::shared().sql(database, "SELECT version FROM tradecloud_inbox.version")
        }
    };

    let output = receiver.run(&["check", "--online"]);

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("works: inbox: has version 1 of the schema; `serve` brings it to 4"), "{said}");
    assert_eq!(version(), "1");
}
