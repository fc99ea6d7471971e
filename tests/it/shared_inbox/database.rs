//! The database of the inbox: down, silent, not fit, not to be trusted.

use std::path::Path;
use std::time::{Duration, Instant};

use rstest::rstest;

use super::{ids, prepared};
use crate::support::erp::Erp;
use crate::support::eventually;
use crate::support::load::{Load, Tally};
use crate::support::postgres::{PASSWORD, Postgres, ROLE};
use crate::support::receiver::{Receiver, STORE_FAILS};
use crate::support::sender::{Message, message_id, order_event};

/// One receiver with its inbox at `url`, at work.
fn receiver_at(url: &str, erp: &Erp) -> Receiver {
    let mut receiver = prepared(1, url, erp).remove(0);
    receiver.restart();
    receiver
}

/// What `serve` says if it cannot start with its inbox at `url`; nothing of it is a password.
fn does_not_start(url: &str) -> String {
    let output = Receiver::prepared("").inbox_at(url).run(&["serve"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains(PASSWORD) && !said.contains("p%40ss") && !said.contains("hidden"), "{said}");
    said
}

/// What `check --online` says of an inbox at `url`.
fn tried(url: &str) -> String {
    let output = Receiver::prepared("").inbox_at(url).run(&["check", "--online"]);
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_down_is_answered_503_until_it_is_back_and_then_all_goes_on_by_itself() {
    let erp = Erp::start();
    let mut server = Postgres::start();
    let receiver = receiver_at(&server.url(&server.database()), &erp);
    receiver.expects_errors(&STORE_FAILS);
    let sender = receiver.sender();
    let events = [order_event("1"), order_event("1"), order_event("1")];
    assert_eq!(sender.send(events[0].clone()).await.status, Some(202));
    erp.wait_for(1).await;

    server.stop();
    let during = sender.send(events[1].clone()).await;
    let refused = sender.send(Message::json("{ no JSON")).await;
    assert_eq!((during.status, refused.status), (Some(503), Some(503)));
    assert!(during.headers.contains_key("retry-after"));
    assert_eq!(receiver.admin("/readyz").await.0, 503);
    server.restart();

    eventually("it is taken", async || sender.send(events[1].clone()).await.status == Some(202)).await;
    assert_eq!(sender.send(events[2].clone()).await.status, Some(202));
    assert_eq!(receiver.admin("/readyz").await.0, 200);
    assert_eq!(ids(&erp.wait_for(3).await), events.iter().map(message_id).collect::<Vec<_>>());
    receiver.logged("the inbox can write again").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_says_nothing_costs_a_repetition_and_no_event() {
    let erp = Erp::start();
    let server = Postgres::start();
    let mut receiver = receiver_at(&server.url(&server.database()), &erp);
    // Which of them there are depends on what it was doing when the database fell silent.
    receiver.expects_errors(&STORE_FAILS);
    let sender = receiver.sender();
    let event = order_event("1");
    assert_eq!(sender.send(order_event("1")).await.status, Some(202));

    let frozen = server.freeze();
    let begun = Instant::now();
    let late = sender.send(event.clone()).await;
    assert!(late.status.is_some() && late.will_retry(), "{late:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    drop(frozen);

    eventually("it is taken", async || sender.send(event.clone()).await.status == Some(202)).await;
    erp.wait_until("it is delivered", |received| ids(received).contains(&message_id(&event))).await;
    assert_eq!(receiver.inbox().len(), 2);
    let frozen = server.freeze();
    let begun = Instant::now();
    assert!(receiver.end().await.success());
    assert!(begun.elapsed() < Duration::from_secs(120), "it cannot end: {:?}", begun.elapsed());
    drop(frozen);
}

/// Without its own setting of `synchronous_commit`, it acknowledges what is in the server's memory only. There
/// is no handler, whose work would bring that to the disk soon after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_survives_a_crash_of_a_database_that_is_set_to_be_careless() {
    let mut server = Postgres::with(&[("synchronous_commit", "off"), ("wal_writer_delay", "10s")]);
    let mut receiver = Receiver::prepared("").inbox_at(&server.url(&server.database()));
    receiver.expects_errors(&STORE_FAILS);
    receiver.restart();
    let mut tally = Tally::default();

    for _ in 0..2 {
        let load = Load::start(&receiver, 8);
        load.acknowledged(60).await;
        server.kill();
        tally.add(load.stop().await);
        server.restart();
        eventually("it is taken", async || receiver.sender().send(order_event("x")).await.is_delivered()).await;
    }

    assert!(tally.lost.is_empty(), "{tally:?}");
    let kept: Vec<_> = receiver.inbox().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    for id in tally.acknowledged.keys() {
        assert!(kept.contains(id), "lost: {id}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_sync_is_refused() {
    let server = Postgres::with(&[("fsync", "off")]);

    let url = server.url(&server.database());
    let (before, said) = (tried(&url), does_not_start(&url));

    assert!(before.contains("FAILS: inbox: ") && before.contains("fsync = off"), "{before}");
    assert!(said.contains("fsync = off"), "{said}");
}

#[tokio::test]
async fn an_inbox_of_a_newer_program_is_left_alone() {
    let erp = Erp::start();
    let server = Postgres::shared();
    let database = server.database();
    let mut receiver = receiver_at(&server.url(&database), &erp);
    receiver.end().await;
    server.sql(&database, "UPDATE tradecloud_inbox.version SET version = 99");

    let said = does_not_start(&server.url(&database));

    assert!(said.contains("newer version of this program (schema 99, this one knows 4)"), "{said}");
    assert_eq!(server.sql(&database, "SELECT version FROM tradecloud_inbox.version"), "99");
}

#[tokio::test]
async fn a_role_that_may_make_nothing_is_told_what_it_needs_and_works_with_that() {
    let erp = Erp::start();
    let server = Postgres::shared();
    let database = server.database();
    server.sql("postgres", &format!("ALTER DATABASE {database} OWNER TO postgres"));

    let before = tried(&server.url(&database));
    let said = does_not_start(&server.url(&database));

    let cure = "CREATE SCHEMA tradecloud_inbox AUTHORIZATION";
    assert!(before.contains("FAILS: inbox: cannot prepare the inbox ") && before.contains(cure), "{before}");
    assert!(said.contains(cure), "{said}");
    server.sql(&database, &format!("CREATE SCHEMA tradecloud_inbox AUTHORIZATION {ROLE}"));
    let works = tried(&server.url(&database));
    assert!(works.contains("works: inbox: is not there yet; `serve` makes it"), "{works}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'tradecloud_inbox'";
    assert_eq!(server.sql(&database, tables), "0", "it was only tried");
    let receiver = receiver_at(&server.url(&database), &erp);
    eventually("it is taken", async || receiver.sender().send(order_event("1")).await.is_delivered()).await;
}

/// What a start would come upon is told by `check --online` in the same words.
#[rstest]
#[case("ALTER TABLE tradecloud_inbox.deliveries OWNER TO postgres", "may not read and write deliveries")]
#[case("UPDATE tradecloud_inbox.version SET version = 99", "schema 99, this one knows 4")]
#[case(
    "UPDATE tradecloud_inbox.version SET version = 2; ALTER TABLE tradecloud_inbox.events OWNER TO postgres",
    "may not bring it to 4: events belong(s) to another one"
)]
#[tokio::test]
async fn an_inbox_that_a_role_cannot_work_with_is_told_beforehand(#[case] change: &str, #[case] what: &str) {
    let erp = Erp::start();
    let server = Postgres::shared();
    let database = server.database();
    receiver_at(&server.url(&database), &erp).end().await;
    let works = tried(&server.url(&database));
    server.sql(&database, change);

    let fails = tried(&server.url(&database));

    assert!(works.contains("works: inbox: can be written"), "{works}");
    assert!(fails.contains("FAILS: inbox: ") && fails.contains(what), "{fails}");
}

#[tokio::test]
async fn over_tls_the_server_must_be_the_one_that_its_certificate_says() {
    let erp = Erp::start();
    let server = Postgres::shared();
    let database = server.database();
    let settings = format!("sslmode=verify-full&sslrootcert={}", server.ca().display());

    let wrong_name = does_not_start(&server.url_with("127.0.0.1", &database, &settings));
    let unknown = does_not_start(&server.url_with("localhost", &database, "sslmode=verify-full"));

    assert!(wrong_name.contains("is not for the name 127.0.0.1"), "{wrong_name}");
    assert!(unknown.contains("issuer is unknown"), "{unknown}");
    let receiver = receiver_at(&server.url_with("localhost", &database, &settings), &erp);
    eventually("it is taken", async || receiver.sender().send(order_event("1")).await.is_delivered()).await;
    assert_eq!(unencrypted(server, &database), "0");
}

#[rstest]
#[case("require", "0")]
#[case("disable", "t")]
#[tokio::test]
async fn without_verify_full_it_does_as_told(#[case] mode: &str, #[case] plain: &str) {
    let erp = Erp::start();
    let server = Postgres::shared();
    let database = server.database();

    let receiver = receiver_at(&server.url_with("127.0.0.1", &database, &format!("sslmode={mode}")), &erp);

    eventually("it is taken", async || receiver.sender().send(order_event("1")).await.is_delivered()).await;
    assert_eq!(unencrypted(server, &database) == "0", plain == "0");
}

/// How many connections to the database are not encrypted, beside the one that asks.
fn unencrypted(server: &Postgres, database: &str) -> String {
    let of = "FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)";
    let them = format!("datname = '{database}' AND usename = '{ROLE}' AND NOT ssl");
    server.sql("postgres", &format!("SELECT count(*) {of} WHERE {them}"))
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    let server = Postgres::shared();
    let url = server.url(&server.database()).replace("p%40ss", "hidden");

    let said = does_not_start(&url);

    assert!(said.contains("password authentication failed"), "{said}");
    assert!(said.contains(&format!("127.0.0.1:{}", server.port())), "it names the database: {said}");
}

#[test]
fn a_password_stays_out_of_what_is_said_about_a_url_that_is_wrong() {
    let receiver = Receiver::prepared("").inbox_at("postgresql://me:hidden@db:99999999/x");

    let output = receiver.run(&["check"]);

    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("inbox.url") && !said.contains("hidden"), "{said}");
    assert!(!Path::new(&receiver.path("data")).exists(), "check makes nothing");
}
