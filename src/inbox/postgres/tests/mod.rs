//! The inbox itself on a real server: what a whole receiver shows only by chance, or after hours.

mod people;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use tokio::time::sleep;
use uuid::Uuid;

use super::{Postgres, Space, open};
use crate::inbox::{
    Action, Archive as _, Attempt, Claim, Deed, Ending, Finish, Inbox as _, Incoming, Mended, Overdue, Purpose, State,
};
use crate::model::{Envelope, Format, Kind};
use crate::outgoing::postgres::server::{Postgres as Server, ROLE};
use crate::outgoing::postgres::{Connection, Database};

/// The handler of all deliveries here.
const HANDLER: &str = "erp";

/// Longer than any of the server's limits.
const PATIENCE: Duration = Duration::from_secs(60);

/// A database, and what its inbox is opened by.
struct Place<'a> {
    server: &'a Server,
    name: String,
    database: Database,
}

impl<'a> Place<'a> {
    fn new(server: &'a Server) -> Self {
        let name = server.database();
        let database = Database::parse(&server.url(&name)).unwrap();
        Self { server, name, database }
    }

    async fn open(&self) -> Postgres {
        self.try_open().await.unwrap()
    }

    async fn try_open(&self) -> anyhow::Result<Postgres> {
        Postgres::open(&self.database, Purpose::Serve, Space::new(u64::MAX)).await
    }

    /// Something done to the tables by others.
    fn sql(&self, statement: &str) -> String {
        self.server.sql(&self.name, &format!("SET search_path = tradecloud_inbox; {statement}"))
    }

    /// A connection as the inbox has them.
    async fn connection(&self) -> Connection {
        self.database.pool(1, open::SETUP).get().await.unwrap()
    }
}

/// An event of an order; returns what it is stored under.
async fn store(inbox: &Postgres, order: &str, message: &str) -> Incoming {
    let envelope = Envelope {
        kind: Kind::Order,
        format: Format::Json,
        event_name: None,
        message_id: Some(message.to_owned()),
        subject: Some(order.to_owned()),
        number: Some("PO1".to_owned()),
        company_id: None,
        companies: Vec::new(),
        created: None,
    };
    let incoming = Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, Bytes::from(message.to_owned()))
        .wanted_by([HANDLER]);
    assert!(!inbox.store(incoming.clone()).await.unwrap().repeated);
    incoming
}

/// Something that somebody does.
fn action(what: Deed) -> Action {
    Action {
        id: Uuid::new_v4(),
        at: Timestamp::now(),
        who: "ann".to_owned(),
        via: "cli",
        address: None,
        what,
        handler: None,
        filter: None,
        reason: Some("why not".to_owned()),
    }
}

/// The one delivery that is due, as soon as there is one.
async fn claim(inbox: &Postgres) -> Claim {
    eventually("something can be claimed", async || inbox.claim(HANDLER, 1).await.unwrap().claims.pop()).await
}

async fn is_idle(inbox: &Postgres) -> bool {
    inbox.claim(HANDLER, 1).await.unwrap().claims.is_empty()
}

/// Waits until there is something.
async fn eventually<T>(what: &str, mut something: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = something().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "it never came so far: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// What must not wait for anything.
async fn at_once<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it waits for something")
}

async fn retry(inbox: &Postgres, claim: &Claim, pause: SignedDuration) {
    let finish = Finish::Retry { at: Timestamp::now() + pause, reason: "not now".to_owned() };
    let (begun, took) = (Timestamp::now(), Duration::from_millis(1));
    let attempt = Attempt { begun, took, ending: Ending::Unreachable, status: None, answer: None };
    inbox.finish(claim, finish, Some(attempt)).await.unwrap();
}

#[tokio::test]
async fn a_claim_of_a_living_receiver_that_it_does_not_know_is_removed_and_those_it_knows_are_not() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    store(&inbox, "1", "known").await;
    let known = claim(&inbox).await;
    store(&inbox, "2", "unknown").await;
    // As a commit leaves it that hung when its connection was given up.
    place.sql(
        "INSERT INTO claims (handler, lane, receiver, token)
         SELECT d.handler, d.lane, c.receiver, c.token - 1 FROM claims c JOIN deliveries d ON d.lane <> c.lane",
    );

    let unknown = claim(&inbox).await;

    assert_eq!((known.id.as_str(), unknown.id.as_str()), ("known", "unknown"));
    inbox.load(&known).await.unwrap();
    inbox.load(&unknown).await.unwrap();
}

#[tokio::test]
async fn claims_that_fail_while_the_database_is_away_leave_nothing_behind() {
    let mut server = Server::start();
    let inbox = Place::new(&server).open().await;
    server.stop();

    for _ in 0..100 {
        inbox.claim(HANDLER, 1).await.unwrap_err();
    }

    assert!(inbox.held.is_empty());
}

#[tokio::test]
async fn who_claims_begins_and_gives_back_does_not_wait_for_a_standby() {
    let server = Server::start();
    let place = Place::new(&server);
    let inbox = place.open().await;
    store(&inbox, "1", "one").await;

    server.lose_standby();

    let first = at_once(inbox.claim(HANDLER, 1)).await.unwrap().claims.remove(0);
    at_once(inbox.begin(&first)).await.unwrap();
    at_once(inbox.release(&first)).await;
    let again = at_once(inbox.claim(HANDLER, 1)).await.unwrap().claims;
    assert_eq!(again.len(), 1, "it was given back");
    assert_eq!(server.hanging(ROLE), 0);
    server.regain_standby();
}

/// Where a transaction sees what was there when it began, and not what it has waited for.
#[rstest]
#[case("repeatable read")]
#[case("serializable")]
#[tokio::test]
async fn an_event_that_waited_for_the_one_before_it_is_due_whatever_isolation_is_usual_here(#[case] isolation: &str) {
    let place = Place::new(Server::shared());
    let role =
        format!("ALTER ROLE {ROLE} IN DATABASE {} SET default_transaction_isolation = '{isolation}'", place.name);
    place.sql(&role);
    let inbox = Arc::new(place.open().await);
    store(&inbox, "1", "first").await;
    // Another receiver finishes the first event, while this one stores the next.
    let other = place.connection().await;
    other.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await.unwrap();
    other.execute("SELECT pg_advisory_xact_lock(lane) FROM deliveries", &[]).await.unwrap();
    let storing = tokio::spawn({
        let inbox = Arc::clone(&inbox);
        async move { store(&inbox, "1", "second").await }
    });
    eventually("it waits", async || {
        let waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        (place.sql(waits) == "1").then_some(())
    })
    .await;
    other.execute("UPDATE deliveries SET state = 1, due = NULL", &[]).await.unwrap();
    other.batch_execute("COMMIT").await.unwrap();
    storing.await.unwrap();

    assert_eq!(claim(&inbox).await.id, "second");
}

#[tokio::test]
async fn what_a_role_is_set_to_is_not_what_the_inbox_goes_by() {
    let place = Place::new(Server::shared());
    let settings = [
        ("search_path", "public", "tradecloud_inbox"),
        ("default_transaction_isolation", "serializable", "read committed"),
        ("default_transaction_deferrable", "on", "off"),
        ("statement_timeout", "1s", "10s"),
        ("lock_timeout", "1ms", "8s"),
        ("idle_in_transaction_session_timeout", "1ms", "10s"),
        ("idle_session_timeout", "1s", "0"),
        ("synchronous_commit", "off", "on"),
        ("standard_conforming_strings", "off", "on"),
        ("row_security", "on", "off"),
        ("session_replication_role", "origin", "origin"),
        ("default_table_access_method", "heap", "heap"),
        ("enable_indexscan", "off", "on"),
        ("enable_nestloop", "off", "on"),
    ];
    for (name, theirs, _) in settings {
        place.sql(&format!("ALTER ROLE {ROLE} IN DATABASE {} SET {name} = '{theirs}'", place.name));
    }

    let connection = place.connection().await;

    for (name, _, ours) in settings {
        let found: String = connection.query_one("SELECT current_setting($1)", &[&name]).await.unwrap().get(0);
        assert_eq!(found, ours, "{name}");
    }
    let inbox = place.open().await;
    store(&inbox, "1", "one").await;
    assert_eq!(claim(&inbox).await.id, "one");
}

#[tokio::test]
async fn without_foreign_keys_there_is_no_connection() {
    let place = Place::new(Server::shared());
    place.sql(&format!("ALTER ROLE {ROLE} IN DATABASE {} SET session_replication_role = replica", place.name));

    let error = place.try_open().await.err().unwrap();

    assert!(format!("{error:#}").contains("session_replication_role"), "{error:#}");
}

#[tokio::test]
async fn a_database_that_was_fenced_off_is_not_written_to() {
    let place = Place::new(Server::shared());
    place.sql(&format!("ALTER ROLE {ROLE} IN DATABASE {} SET default_transaction_read_only = on", place.name));

    let error = place.try_open().await.err().unwrap();

    assert!(format!("{error:#}").contains("default_transaction_read_only is on"), "{error:#}");
}

#[tokio::test]
async fn a_lane_that_stands_still_is_mended_and_one_that_waits_is_left_alone() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    for (order, message) in [("1", "stands"), ("1", "behind it"), ("2", "waits"), ("2", "behind that")] {
        store(&inbox, order, message).await;
    }
    let first = claim(&inbox).await;
    let second = claim(&inbox).await;
    for claimed in [first, second] {
        retry(&inbox, &claimed, SignedDuration::from_hours(1)).await;
    }
    place.sql("UPDATE deliveries d SET due = NULL FROM events e WHERE e.number = d.event AND e.id = 'stands'");
    assert!(is_idle(&inbox).await);

    let mended = inbox.mend().await.unwrap();

    let number = Some("PO1".to_owned());
    assert_eq!(mended, [Mended { id: "stands".to_owned(), number, handler: HANDLER.to_owned() }]);
    assert_eq!(claim(&inbox).await.id, "stands");
    assert!(is_idle(&inbox).await);
    assert!(inbox.mend().await.unwrap().is_empty());
}

#[tokio::test]
async fn among_many_lanes_one_that_stands_still_is_found_step_by_step() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    let lanes = super::archive::MENDING_STEPS * 2000 + 500;
    place.sql(&format!(
        "INSERT INTO events (number, key, id, received, path, kind, format, lane, discarded, body)
         SELECT n, decode(lpad(to_hex(n), 32, '0'), 'hex'), 'event ' || n, now(), '/', 'order', 'json', n / 2, false, ''
         FROM generate_series(2, {lanes} * 2 + 1) AS n;
         INSERT INTO deliveries (event, handler, lane, state, since, changed, due)
         SELECT number, '{HANDLER}', lane, 0, now(), now(), CASE WHEN number % 2 = 0 AND lane <> {lanes} THEN now() END
         FROM events"
    ));

    let calls = [inbox.mend().await.unwrap(), inbox.mend().await.unwrap(), inbox.mend().await.unwrap()];

    let found = vec![Mended { id: format!("event {}", lanes * 2), number: None, handler: HANDLER.to_owned() }];
    assert_eq!(calls, [Vec::new(), found, Vec::new()], "a call is bounded, and the next one goes on from there");
}

#[tokio::test]
async fn who_asks_for_a_delivery_that_stands_still_gets_it() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    store(&inbox, "1", "one").await;
    place.sql("UPDATE deliveries SET due = NULL");
    let sequence = inbox.show("one").await.unwrap().unwrap().sequence;

    let changed = inbox.deliver(&[sequence], None, &[State::Pending], &action(Deed::Deliver)).await.unwrap();

    assert_eq!(changed, [1]);
    assert_eq!(claim(&inbox).await.id, "one");
}

/// To let hours pass, or to let them come back, all that was noted is moved.
fn set_the_clock_back(place: &Place<'_>) {
    place.sql(
        "UPDATE deliveries SET due = due + interval '5 hours', since = since + interval '5 hours',
                               changed = changed + interval '5 hours';
         UPDATE receivers SET until = until + interval '5 hours', steady = steady + interval '5 hours'",
    );
}

#[tokio::test]
async fn neither_deliveries_nor_the_claims_of_a_dead_receiver_wait_for_a_clock_that_was_set_back() {
    let place = Place::new(Server::shared());
    let dead = place.open().await;
    for order in ["at work", "tried", "new"] {
        store(&dead, order, order).await;
    }
    let at_work = claim(&dead).await;
    let tried = claim(&dead).await;
    retry(&dead, &tried, SignedDuration::from_secs(1)).await;
    drop(dead);
    set_the_clock_back(&place);

    let inbox = place.open().await;

    let mut claimed = [claim(&inbox).await.id, claim(&inbox).await.id, claim(&inbox).await.id];
    claimed.sort();
    assert_eq!(claimed, ["at work", "new", "tried"]);
    assert_eq!(at_work.id, "at work");
}

#[tokio::test]
async fn a_delivery_that_waits_for_its_next_attempt_goes_on_waiting_by_a_clock_that_is_right() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    store(&inbox, "1", "one").await;
    let claimed = claim(&inbox).await;
    retry(&inbox, &claimed, SignedDuration::from_hours(1)).await;

    let moved = super::clock::look(&inbox.pool, true).await.unwrap();

    assert_eq!(moved, 0);
    assert!(is_idle(&inbox).await);
}

#[tokio::test]
async fn time_that_was_skipped_does_not_count_as_waited() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    store(&inbox, "1", "one").await;
    let connection = place.connection().await;
    let now = Timestamp::now();
    let (earlier, later) = (now - SignedDuration::from_hours(1000), now - SignedDuration::from_hours(10));
    place.sql("UPDATE deliveries SET since = now() - interval '1001 hours'");

    // Each receiver notices, one a little later.
    super::clock::note(&connection, earlier, later).await.unwrap();
    super::clock::note(&connection, earlier + SignedDuration::from_secs(1), later).await.unwrap();

    let age = Timestamp::now().duration_since(claim(&inbox).await.since);
    assert!(age > SignedDuration::from_mins(10 * 60) && age < SignedDuration::from_hours(12), "{age}");
}

#[tokio::test]
async fn a_step_of_the_clock_is_forgotten_once_nothing_waits_that_was_there_before_it() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    store(&inbox, "1", "one").await;
    let connection = place.connection().await;
    place.sql("UPDATE deliveries SET since = now() - interval '1001 hours'");
    for hours in [2000, 1000, 10] {
        let later = Timestamp::now() - SignedDuration::from_hours(hours);
        super::clock::note(&connection, later - SignedDuration::from_mins(5), later).await.unwrap();
    }
    let just_now = Timestamp::now() - SignedDuration::from_mins(1);
    super::clock::note(&connection, just_now - SignedDuration::from_secs(5), just_now).await.unwrap();
    let sweep = async || {
        let time = Timestamp::UNIX_EPOCH;
        let overdue = Overdue { finished: time, unwanted: None, soon: time, possible: Timestamp::now() };
        assert!(inbox.sweep(overdue).await.unwrap().complete);
    };
    let known =
        "SELECT string_agg(round(extract(epoch FROM now() - later) / 3600)::text, ' ' ORDER BY later) FROM jumps";

    sweep().await;
    assert_eq!(place.sql(known), "1000 10 0");

    let claimed = claim(&inbox).await;
    inbox.finish(&claimed, Finish::Done, None).await.unwrap();
    sweep().await;
    assert_eq!(place.sql(known), "0", "something may just be on its way");
}

/// Two receivers are started anew on an inbox of version 1 that has very many events in it. The longest of what is
/// done to it then takes longer here than anything else may.
#[tokio::test]
async fn an_inbox_that_takes_its_time_to_become_one_of_this_version_is_waited_for() {
    let place = Place::new(Server::shared());
    place.server.sql(
        &place.name,
        &format!(
            "SET ROLE {ROLE}; CREATE SCHEMA tradecloud_inbox; SET search_path = tradecloud_inbox; {};
             INSERT INTO version (version) VALUES (1)",
            include_str!("../schema.sql")
        ),
    );
    place.sql(
        "CREATE SEQUENCE indexes;
         CREATE FUNCTION take_time() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN IF nextval('tradecloud_inbox.indexes') = 1 THEN PERFORM pg_sleep(11); END IF; END $$;
         CREATE EVENT TRIGGER long ON ddl_command_start WHEN TAG IN ('CREATE INDEX')
         EXECUTE FUNCTION take_time()",
    );

    let (one, other) = tokio::join!(place.try_open(), place.try_open());

    let inboxes = [one.unwrap(), other.unwrap()];
    store(&inboxes[0], "1", "one").await;
    assert_eq!(claim(&inboxes[1]).await.id, "one");
}

#[tokio::test]
async fn an_attempt_that_its_receiver_did_not_survive_is_counted_until_one_ends() {
    let place = Place::new(Server::shared());
    let dead = place.open().await;
    for order in ["begun", "not begun", "paused", "ended"] {
        store(&dead, order, order).await;
    }
    for _ in 0..4 {
        let claimed = claim(&dead).await;
        match claimed.id.as_str() {
            "begun" => assert!(dead.begin(&claimed).await.unwrap()),
            "paused" => {
                assert!(dead.begin(&claimed).await.unwrap());
                dead.pause(&claimed).await.unwrap();
            }
            "ended" => {
                dead.begin(&claimed).await.unwrap();
                retry(&dead, &claimed, SignedDuration::ZERO).await;
            }
            _ => {}
        }
    }
    drop(dead);

    let inbox = place.open().await;

    let claimed = [claim(&inbox).await, claim(&inbox).await, claim(&inbox).await, claim(&inbox).await];
    for claim in &claimed {
        assert_eq!(claim.ends, u32::from(claim.id == "begun"), "{}", claim.id);
    }
    let begun = claimed.iter().find(|claim| claim.id == "begun").unwrap();
    retry(&inbox, begun, SignedDuration::ZERO).await;
    assert_eq!(claim(&inbox).await.ends, 0);
}

#[tokio::test]
async fn attempts_of_a_receiver_that_ends_as_it_should_are_not_counted() {
    let place = Place::new(Server::shared());
    let leaving = place.open().await;
    store(&leaving, "1", "one").await;
    let claimed = claim(&leaving).await;
    leaving.begin(&claimed).await.unwrap();
    leaving.close().await;

    let inbox = place.open().await;

    assert_eq!(claim(&inbox).await.ends, 0);
}

#[tokio::test]
async fn an_attempt_does_not_begin_with_a_claim_that_others_have_taken_over() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    store(&inbox, "1", "one").await;
    let claimed = claim(&inbox).await;
    place.sql("UPDATE claims SET token = token + 1");

    let error = inbox.begin(&claimed).await.unwrap_err();

    assert!(error.to_string().contains("taken over"), "{error}");
}
