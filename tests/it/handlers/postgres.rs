//! Handler `postgres`, against a real server.

use std::time::{Duration, Instant};

use tradecloud_webhook::handlers::{Fault, Outcome, SharedHandler};

use super::{assert_not_stuck, event, handler, rejection, unavailable};
use crate::support::postgres::{Postgres, ROLE};
use crate::support::proxy::Proxy;
use crate::support::receiver::Receiver;
use crate::support::sender::Message;
use crate::support::{eventually, sample};

/// The table of most tests.
const TABLE: &str = "tradecloud_events";

/// A handler for a table in a database.
fn writer(server: &Postgres, database: &str, table: &str) -> SharedHandler {
    handler(&format!("type = 'postgres'\nurl = '{}'\ntable = '{table}'\ntimeout = '2s'", server.url(database)))
}

/// What `check` prints as the statement that makes the table.
fn statement(url: &str, table: &str) -> String {
    let configuration = format!("handlers.rows = {{ type = 'postgres', url = '{url}', table = '{table}' }}");
    let output = Receiver::prepared(&configuration).run(&["check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let (start, end) = (said.find("CREATE TABLE").unwrap(), said.find(");\n").unwrap());
    said[start..end + 2].to_owned()
}

/// Makes the table, as the role that the receiver logs in as.
pub(super) fn make(server: &Postgres, database: &str, table: &str) {
    server.sql(database, &format!("SET ROLE {ROLE}; {}", statement(&server.url(database), table)));
}

/// A database of the shared server with the table in it.
fn prepared() -> (&'static Postgres, String) {
    let server = Postgres::shared();
    let database = server.database();
    make(server, &database, TABLE);
    (server, database)
}

#[tokio::test]
async fn the_table_that_check_prints_takes_an_event_with_all_that_it_says() {
    let (server, database) = prepared();
    let mut event = event("m-1");
    event.envelope.number = Some("PO-7".to_owned());

    let outcome = writer(server, &database, TABLE).deliver(&event).await;

    assert_eq!(outcome, Outcome::Done);
    let row = server.sql(
        &database,
        "SET timezone = 'UTC'; SELECT id, source, type, subject, time, tcreceived, tcattempt, tcformat, kind, \
         event_name, number, company_id FROM tradecloud_events",
    );
    let columns = [
        "m-1",
        "https://tradecloud1.com/company/company-1",
        "com.tradecloud1.order.OrderIssuedByBuyer",
        "order-1",
        "2026-11-21 01:38:12+00",
        "2026-11-21 01:38:12.123456+00",
        "1",
        "json",
        "order",
        "OrderIssuedByBuyer",
        "PO-7",
        "company-1",
    ];
    assert_eq!(row, columns.join("|"));
    let data = server.sql(&database, "SELECT data FROM tradecloud_events");
    let exact = r#"{"price": 1234.5600000000000000001, "unheard": {"of": []}, "eventName": "OrderIssuedByBuyer"}"#;
    assert_eq!(data, exact);
}

#[tokio::test]
async fn an_event_that_is_there_already_is_done_and_stays_one_row() {
    let (server, database) = prepared();
    let writer = writer(server, &database, TABLE);
    let mut again = event("m-1");
    again.attempt = 2;

    let outcomes = [writer.deliver(&event("m-1")).await, writer.deliver(&again).await];

    assert_eq!(outcomes, [Outcome::Done, Outcome::Done]);
    assert_eq!(server.sql(&database, "SELECT count(*), max(tcattempt) FROM tradecloud_events"), "1|1");
}

#[tokio::test]
async fn a_row_is_on_disk_when_it_counts_even_if_the_role_says_otherwise() {
    let (server, database) = prepared();
    let role = format!("ALTER ROLE {ROLE} IN DATABASE {database} SET synchronous_commit = off");
    server.sql(&database, &role);
    // A column of the user's own, which notes how the row was written.
    let column = "ADD COLUMN safe text DEFAULT current_setting('synchronous_commit')";
    server.sql(&database, &format!("ALTER TABLE {TABLE} {column}"));

    writer(server, &database, TABLE).deliver(&event("m-1")).await;

    assert_eq!(server.sql(&database, "SELECT safe FROM tradecloud_events"), "on");
}

#[tokio::test]
async fn an_event_that_somebody_else_just_wrote_is_done_whatever_isolation_is_usual_in_the_database() {
    let (server, database) = prepared();
    let usual = format!("ALTER ROLE {ROLE} IN DATABASE {database} SET default_transaction_isolation = 'serializable'");
    server.sql(&database, &usual);
    let settings = format!("type = 'postgres'\nurl = '{}'\ntable = '{TABLE}'\ntimeout = '60s'", server.url(&database));
    let writer = handler(&settings);
    let (other, connection) = tokio_postgres::connect(&server.url(&database), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let row = "INSERT INTO tradecloud_events SELECT 'm-1', 's', 't', 'o', now(), now(), 1, 'json', 'order', 'n', \
               NULL, NULL, '{}'";
    other.batch_execute(&format!("BEGIN; {row}")).await.unwrap();
    let delivery = tokio::spawn(async move { writer.deliver(&event("m-1")).await });
    let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted AND pid IN
                 (SELECT pid FROM pg_stat_activity WHERE datname = current_database())";
    eventually("it waits", async || server.sql(&database, waits) == "1").await;

    other.batch_execute("COMMIT").await.unwrap();

    assert_eq!(delivery.await.unwrap(), Outcome::Done);
}

#[tokio::test]
async fn the_name_of_a_table_is_a_name_whatever_is_in_it() {
    let server = Postgres::shared();
    let database = server.database();
    server.sql(&database, &format!(r#"CREATE SCHEMA "Sales" AUTHORIZATION {ROLE}; CREATE TABLE victim ()"#));
    let table = r#"Sales.in"; DROP TABLE victim; --"#;
    make(server, &database, table);

    let outcome = writer(server, &database, table).deliver(&event("m-1")).await;

    assert_eq!(outcome, Outcome::Done);
    assert_eq!(server.sql(&database, r#"SELECT id FROM "Sales"."in""; DROP TABLE victim; --""#), "m-1");
    assert_eq!(server.sql(&database, "SELECT count(*) FROM victim"), "0");
}

#[tokio::test]
async fn what_the_database_cannot_hold_is_rejected_and_said() {
    let (server, database) = prepared();
    let writer = writer(server, &database, TABLE);
    let cases = [
        (r#"{"eventName":"E","text":"a\u0000b"}"#, r"\u0000"),
        (r#"{"eventName":"E","price":1e200000}"#, "beyond what numeric holds"),
    ];

    for (body, why) in cases {
        let mut event = event("m-1");
        event.body = body.into();
        let reason = rejection(writer.deliver(&event).await).reason;
        assert!(reason.contains(why), "{reason}");
    }

    assert_eq!(writer.deliver(&event("m-2")).await, Outcome::Done, "others go on");
}

#[tokio::test]
async fn a_constraint_of_the_user_rejects_in_its_own_words() {
    let (server, database) = prepared();
    server.sql(
        &database,
        "ALTER TABLE tradecloud_events ADD CONSTRAINT no_such_item CHECK (data->>'eventName' <> 'OrderIssuedByBuyer')",
    );

    let rejection = rejection(writer(server, &database, TABLE).deliver(&event("m-1")).await);

    assert!(rejection.reason.contains("no_such_item"), "{}", rejection.reason);
    assert!(!rejection.reason.contains("1234"), "no values of the row: {}", rejection.reason);
}

#[tokio::test]
async fn what_an_administrator_can_mend_is_tried_again_and_says_what_to_do() {
    let server = Postgres::shared();
    let database = server.database();
    let writer = writer(server, &database, TABLE);
    let make = statement(&server.url(&database), TABLE);
    let faults = [
        ("SELECT", make.as_str(), "Make the table with the statement that `check` prints"),
        (
            "ALTER TABLE tradecloud_events DROP COLUMN kind",
            "ALTER TABLE tradecloud_events ADD COLUMN kind text",
            "Compare the table",
        ),
        (
            "ALTER TABLE tradecloud_events DROP CONSTRAINT tradecloud_events_pkey",
            "ALTER TABLE tradecloud_events ADD PRIMARY KEY (id)",
            "Compare the table",
        ),
        ("SELECT", "GRANT INSERT, SELECT ON tradecloud_events TO receiver", "Grant INSERT and SELECT"),
    ];

    for (fault, mend, what_to_do) in faults {
        server.sql(&database, fault);
        let probe = writer.probe().await.unwrap_err();
        let why = unavailable(writer.deliver(&event("m-1")).await);
        assert!(why.reason.contains(what_to_do), "{}", why.reason);
        assert_eq!((why.fault, probe), (Fault::Unreachable, why.reason));
        server.sql(&database, mend);
    }

    assert_eq!(writer.deliver(&event("m-1")).await, Outcome::Done);
    assert_eq!(server.sql(&database, "SELECT count(*) FROM tradecloud_events"), "1");
}

#[tokio::test]
async fn a_standby_is_no_place_to_write_to() {
    let (server, database) = prepared();
    server.sql(&database, &format!("ALTER ROLE {ROLE} IN DATABASE {database} SET default_transaction_read_only = on"));
    let writer = writer(server, &database, TABLE);

    let probe = writer.probe().await.unwrap_err();
    let why = unavailable(writer.deliver(&event("m-1")).await);

    assert!(probe.contains("target_session_attrs=read-write"), "{probe}");
    assert!(why.reason.contains("target_session_attrs=read-write"), "{}", why.reason);
}

#[tokio::test]
async fn a_table_that_is_locked_is_late_and_nothing_waits_on() {
    let (server, database) = prepared();
    let lock = std::thread::spawn({
        let database = database.clone();
        move || server.sql(&database, "BEGIN; LOCK TABLE tradecloud_events; SELECT pg_sleep(4); COMMIT")
    });
    let waits = |what: &str| {
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND {what}");
        server.sql("postgres", &sql) != "0"
    };
    eventually("the table is locked", async || waits("wait_event = 'PgSleep'")).await;

    let started = Instant::now();
    let why = unavailable(writer(server, &database, TABLE).deliver(&event("m-1")).await);

    assert_eq!(why.fault, Fault::Late);
    assert!(why.reason.contains("within 2s") && started.elapsed() < Duration::from_secs(3), "{}", why.reason);
    eventually("nobody waits for the lock", async || !waits("wait_event_type = 'Lock'")).await;
    assert!(waits("wait_event = 'PgSleep'"), "while it is still held");
    lock.join().unwrap();
    assert_eq!(server.sql(&database, "SELECT count(*) FROM tradecloud_events"), "0");
}

#[tokio::test]
async fn a_database_that_vanished_or_hangs_is_noticed_and_welcome_when_it_comes_back() {
    let mut server = Postgres::start();
    let database = server.database();
    make(&server, &database, TABLE);
    let writer = writer(&server, &database, TABLE);
    assert_eq!(writer.deliver(&event("m-1")).await, Outcome::Done);

    server.stop();
    let probe_of_nothing = writer.probe().await;
    let gone = unavailable(writer.deliver(&event("m-2")).await);
    server.restart();
    let probe = writer.probe().await;
    let back = writer.deliver(&event("m-2")).await;
    let frozen = server.freeze();
    let hangs = unavailable(writer.deliver(&event("m-3")).await);
    drop(frozen);
    let thawed = writer.deliver(&event("m-3")).await;

    assert!(probe_of_nothing.is_err(), "{probe_of_nothing:?}");
    assert_eq!((gone.fault, hangs.fault), (Fault::Unreachable, Fault::Late));
    assert!(probe.as_ref().is_ok_and(|found| found.ends_with("can be written")), "{probe:?}");
    assert_eq!((back, thawed), (Outcome::Done, Outcome::Done));
    assert_eq!(server.sql(&database, "SELECT string_agg(id, ',' ORDER BY id) FROM tradecloud_events"), "m-1,m-2,m-3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_died_without_a_word_is_replaced() {
    let (server, database) = prepared();
    let network = Proxy::to(([127, 0, 0, 1], server.port()).into()).await;
    let port = network.address().port().to_string();
    let url = server.url(&database).replace(&server.port().to_string(), &port);
    let table = format!("type = 'postgres'\nurl = '{url}'\ntable = '{TABLE}'\ntimeout = '1s'");

    assert_not_stuck(&handler(&table), &network).await;
}

#[tokio::test]
async fn the_right_certificate_is_asked_for() {
    let (server, database) = prepared();
    let url = |host: &str| {
        let ca = server.ca().display().to_string().replace('/', "%2F");
        server.url_with(host, &database, &format!("sslmode=verify-full&sslrootcert={ca}"))
    };
    let table = |host: &str| format!("type = 'postgres'\nurl = '{}'\ntable = '{TABLE}'", url(host));

    let right = handler(&table("localhost")).deliver(&event("m-1")).await;
    let wrong = handler(&table("127.0.0.1")).deliver(&event("m-2")).await;

    assert_eq!(right, Outcome::Done);
    assert_eq!(unavailable(wrong).fault, Fault::Unreachable);
}

#[tokio::test]
async fn looking_for_the_table_writes_nothing() {
    let (server, database) = prepared();

    writer(server, &database, TABLE).probe().await.unwrap();

    assert_eq!(server.sql(&database, "SELECT count(*) FROM tradecloud_events"), "0");
}

#[tokio::test]
async fn events_go_from_tradecloud_into_the_table() {
    let (server, database) = prepared();
    let receiver = Receiver::with(&format!(
        "handlers.rows = {{ type = 'postgres', url = '{}', table = '{TABLE}' }}\n\
         [[endpoints]]\npath = '/webhooks/tradecloud'\nacknowledge = 'handled'",
        server.url(&database)
    ));

    for name in ["order-event.json", "order-documents-event.json", "shipment-event.json"] {
        assert_eq!(receiver.sender().send(Message::json(sample(name))).await.status, Some(200), "{name}");
    }
    let xml = receiver.sender().send(Message::xml(sample("single-delivery-order-event.xml"))).await;

    assert_eq!(xml.status, Some(200));
    let rows = "SELECT string_agg(kind || ' ' || tcformat, ',' ORDER BY tcreceived) FROM tradecloud_events";
    assert_eq!(server.sql(&database, rows), "order json,order-documents json,shipment json,order txml");
    assert_eq!(server.sql(&database, "SELECT count(*) FROM tradecloud_events WHERE number IS NULL"), "0");
}

#[tokio::test]
async fn check_prints_the_statement_for_scripts_too() {
    let (server, database) = prepared();
    let receiver = Receiver::prepared(&format!(
        "handlers.rows = {{ type = 'postgres', url = '{}', table = '{TABLE}' }}",
        server.url(&database)
    ));

    let output = receiver.run(&["check", "--json", "--online"]);

    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["preparations"][0]["handler"], "rows");
    assert_eq!(said["preparations"][0]["statement"], statement(&server.url(&database), TABLE));
    assert_eq!(said["online"][1]["works"], true, "{said}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("p%40ss"));
}
