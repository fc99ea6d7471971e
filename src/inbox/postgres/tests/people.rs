//! What people ask and do, and what is kept of it: by statements that only PostgreSQL has.

use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::{HANDLER, Place, Server, action, claim, store};
use crate::inbox::postgres::Postgres;
use crate::inbox::postgres::changes::{HURRY, WAIT_AGAIN};
use crate::inbox::postgres::row::lookup;
use crate::inbox::{
    Archive as _, Arrival, Attempt, Count, Deed, Ending, Filter, Finish, Inbox as _, InboxError, Overdue, RefusedBody,
    State,
};
use crate::model::Kind;
use crate::model::folded;
use crate::outgoing::postgres::server::ROLE;

/// What `filter` finds, by ids, the newest first; and as many are counted.
async fn found(inbox: &Postgres, filter: Filter) -> Vec<String> {
    let filter = Filter { limit: usize::MAX, ..filter };
    let events = inbox.list(&filter).await.unwrap();
    let sequences: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(inbox.sequences(&filter).await.unwrap(), sequences);
    assert_eq!(inbox.count(&filter, 1000).await.unwrap(), Count::Exactly(events.len()));
    events.into_iter().map(|event| event.id).collect()
}

fn in_states(states: &[State]) -> Filter {
    Filter { states: states.to_vec(), ..Filter::default() }
}

async fn refuse(inbox: &Postgres) -> String {
    let refused = RefusedBody {
        received: Timestamp::now(),
        path: "/".to_owned(),
        content_type: None,
        reason: "no JSON".to_owned(),
        status: 400,
        body: "{".into(),
        arrival: Arrival { address: Some("192.0.2.1".to_owned()), ..Arrival::default() },
    };
    inbox.refuse(refused).await.unwrap().unwrap()
}

fn attempt(answer: &str) -> Attempt {
    let (begun, took) = (Timestamp::now(), std::time::Duration::from_millis(5));
    Attempt { begun, took, ending: Ending::Rejected, status: Some(422), answer: Some(answer.to_owned()) }
}

async fn reject(inbox: &Postgres) {
    let claimed = claim(inbox).await;
    let finish = Finish::Dead { reason: "no such item".to_owned(), status: Some(422) };
    inbox.finish(&claimed, finish, Some(attempt("not here"))).await.unwrap();
}

#[tokio::test]
async fn whatever_is_asked_for_is_found_by_every_way_there_is() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    for id in ["a", "b", "c"] {
        store(&inbox, id, id).await;
    }
    reject(&inbox).await;
    let done = claim(&inbox).await;
    inbox.finish(&done, Finish::Done, Some(attempt("thanks"))).await.unwrap();
    let refused = refuse(&inbox).await;
    let everything = [refused.as_str(), "c", "b", "a"];
    let now = Timestamp::now();

    assert_eq!(found(&inbox, Filter::default()).await, everything);
    assert_eq!(found(&inbox, in_states(&[State::Dead])).await, ["a"]);
    assert_eq!(found(&inbox, in_states(&[State::Done, State::Refused])).await, [refused.as_str(), "b"]);
    assert_eq!(found(&inbox, in_states(&[State::Pending, State::Unwanted])).await, ["c"]);
    let orders = Filter { kind: Some(Kind::Order), event: Some("Ch*".to_owned()), ..Filter::default() };
    assert_eq!(found(&inbox, orders).await, ["c", "b", "a"]);
    let erp = |states: &[State]| Filter { handler: Some(HANDLER.to_owned()), ..in_states(states) };
    assert_eq!(found(&inbox, erp(&[])).await, ["c", "b", "a"]);
    assert_eq!(found(&inbox, erp(&[State::Dead, State::Done])).await, ["b", "a"]);
    assert!(found(&inbox, erp(&[State::Refused])).await.is_empty());
    assert!(found(&inbox, Filter { origin: Some("poll".to_owned()), ..erp(&[]) }).await.is_empty());
    let webhook = Filter { origin: Some("webhook".to_owned()), ..Filter::default() };
    assert_eq!(found(&inbox, webhook).await, everything);
    for (since, until, all) in [(-1, 1, true), (-1, -1, false), (1, 1, false), (-50, 50, true)] {
        let time = |hours: i64| Some(now.checked_add(hours.hours()).unwrap());
        let span = Filter { since: time(since), until: time(until), ..Filter::default() };
        assert_eq!(found(&inbox, span).await, if all { &everything[..] } else { &[] }, "{since} {until}");
        let of_erp = Filter { since: time(since), until: time(until), ..erp(&[]) };
        assert_eq!(found(&inbox, of_erp).await.len(), if all { 3 } else { 0 }, "{since} {until}");
    }
    let just_now = Filter { since: Some(now - SignedDuration::from_mins(2)), until: Some(now), ..Filter::default() };
    assert!(found(&inbox, just_now).await.len() >= 3);
    assert_eq!(inbox.count(&Filter::default(), 3).await.unwrap(), Count::MoreThan(3));
    place.sql(&format!("INSERT INTO refs SELECT {}, event FROM deliveries", lookup(&folded("PO1"))));
    let number = |number: &str| Filter { number: Some(number.to_owned()), ..Filter::default() };
    assert_eq!(found(&inbox, number("PO1")).await, ["c", "b", "a"]);
    assert_eq!(found(&inbox, Filter { number: Some("po1".to_owned()), ..erp(&[State::Dead]) }).await, ["a"]);
    assert!(found(&inbox, number("PO2")).await.is_empty());
}

#[tokio::test]
async fn an_attempt_is_kept_with_what_was_answered_also_if_the_delivery_was_set_aside_meanwhile() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    store(&inbox, "1", "one").await;
    let sequence = inbox.show("one").await.unwrap().unwrap().sequence;
    reject(&inbox).await;
    let dead = inbox.show("one").await.unwrap().unwrap();
    assert_eq!(dead.deliveries[0].reason.as_deref(), Some("no such item"));

    assert_eq!(inbox.deliver(&[sequence], None, &[], &action(Deed::Deliver)).await.unwrap(), [1]);
    let claimed = claim(&inbox).await;
    assert_eq!(inbox.discard(&[sequence, 4711], None, &[], &action(Deed::Discard)).await.unwrap(), [1, 0]);
    inbox.finish(&claimed, Finish::Done, Some(attempt("thanks"))).await.unwrap();

    let event = inbox.show("one").await.unwrap().unwrap();
    assert_eq!((event.state, &event.deliveries[0].reason), (State::Discarded, &None));
    let attempts: Vec<_> = event.attempts.iter().map(|one| (one.round, one.attempt, one.answer.as_deref())).collect();
    assert_eq!(attempts, [(1, 1, Some("not here")), (2, 1, Some("thanks"))]);
    assert_eq!(event.deliveries[0].failures.len(), 1);
    let deeds: Vec<_> = event.actions.iter().map(|action| (action.what, action.events)).collect();
    assert_eq!(deeds, [(Deed::Deliver, 1), (Deed::Discard, 1)]);
    assert_eq!(found(&inbox, in_states(&[State::Discarded])).await, ["one"]);
    assert_eq!(inbox.discard(&[sequence], None, &[], &action(Deed::Discard)).await.unwrap(), [0]);
    assert_eq!(inbox.actions("one").await.unwrap(), event.actions, "nothing is kept of what has changed nothing");
}

#[tokio::test]
async fn what_is_erased_is_gone_and_is_recognised_when_it_comes_again() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    let incoming = store(&inbox, "1", "one").await;
    reject(&inbox).await;
    let sequence = inbox.show("one").await.unwrap().unwrap().sequence;
    let refused = refuse(&inbox).await;
    let body = inbox.show(&refused).await.unwrap().unwrap();
    assert_eq!((body.copies, body.repeats, body.address.as_deref()), (Some(1), 0, Some("192.0.2.1")));

    let erase = action(Deed::Erase);
    for event in [sequence, body.sequence] {
        assert!(inbox.erase(event, &erase).await.unwrap());
        assert!(!inbox.erase(event, &erase).await.unwrap());
    }
    assert!(inbox.store(incoming).await.unwrap().repeated);
    assert_eq!(refuse(&inbox).await, refused);

    let event = inbox.show("one").await.unwrap().unwrap();
    assert_eq!((event.size, event.repeats, event.state), (0, 1, State::Discarded));
    assert!(event.erased.is_some() && event.repeated.is_some());
    assert_eq!((&event.attempts[0].answer, &event.attempts[0].reason), (&None, &None));
    assert_eq!(event.actions[0].events, 2);
    let body = inbox.show(&refused).await.unwrap().unwrap();
    assert_eq!((body.size, body.repeats, body.state, body.reason), (0, 1, State::Discarded, None));
    assert_eq!(inbox.deliver(&[sequence], None, &[], &action(Deed::Deliver)).await.unwrap(), [0]);
    let verified = inbox.verify(0).await.unwrap();
    assert_eq!((verified.events, verified.without, verified.damaged), (2, 0, Vec::new()));
}

#[tokio::test]
async fn a_refused_body_and_what_became_of_it_know_of_each_other() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    let incoming = store(&inbox, "1", "one").await;
    let refused = refuse(&inbox).await;
    inbox.refer(&refused, Vec::new()).await.unwrap();
    inbox.answered(incoming.key, 202).await.unwrap();
    let body = inbox.show(&refused).await.unwrap().unwrap();
    assert_eq!((body.references, body.answer), (Some(Vec::new()), Some(400)));

    inbox.accept(body.sequence, incoming, &action(Deed::Accept)).await.unwrap();

    assert!(inbox.show(&refused).await.unwrap().is_none());
    assert_eq!(inbox.actions(&refused).await.unwrap()[0].became.as_deref(), Some("one"));
    let event = inbox.show("one").await.unwrap().unwrap();
    assert_eq!((event.actions.len(), event.answer), (1, Some(202)));
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    assert_eq!(inbox.forget_actions(later).await.unwrap(), 2);
    assert!(inbox.actions("one").await.unwrap().is_empty());
}

#[tokio::test]
async fn what_came_before_references_were_kept_is_read_and_then_swept_with_everything_else() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    for id in ["a", "b"] {
        store(&inbox, id, id).await;
        let claimed = claim(&inbox).await;
        inbox.finish(&claimed, Finish::Done, Some(attempt("thanks"))).await.unwrap();
    }
    place.sql("UPDATE listed SET refs = NULL, checksum = NULL");
    assert_eq!(inbox.unread().await.unwrap().unwrap().events, 2);
    assert_eq!(inbox.verify(0).await.unwrap().without, 2);

    assert_eq!((inbox.read_on().await.unwrap(), inbox.read_on().await.unwrap()), (Some(2), Some(0)));

    assert!(inbox.unread().await.unwrap().is_none());
    let verified = inbox.verify(0).await.unwrap();
    assert_eq!((verified.without, verified.damaged.len()), (0, 0));
    assert_eq!(inbox.verify(verified.last.unwrap()).await.unwrap().last, None);
    place.sql("UPDATE events SET subject = 'another' WHERE id = 'a'; UPDATE listed SET checksum = checksum + 1");
    assert_eq!(inbox.verify(0).await.unwrap().damaged.len(), 2);
    let soon = Timestamp::now() + SignedDuration::from_secs(60);
    let overdue = Overdue { finished: soon, unwanted: Some(soon), soon, possible: soon };
    assert_eq!(inbox.sweep(overdue).await.unwrap().removed, 2);
    let left = "SELECT (SELECT count(*) FROM listed) + (SELECT count(*) FROM refs) + (SELECT count(*) FROM attempts)
                       + (SELECT count(*) FROM deliveries)";
    assert_eq!(place.sql(left), "0");
}

/// Such as a block of the disk that has gone bad, which takes a database apart to make.
#[tokio::test]
async fn one_that_cannot_be_read_is_left_unread_and_keeps_nobody_from_the_others() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    for id in ["a", "b", "c"] {
        store(&inbox, id, id).await;
    }
    place.sql(&format!(
        "UPDATE listed SET refs = NULL, checksum = NULL; ALTER TABLE events RENAME TO sound;
         CREATE FUNCTION unreadable() RETURNS bytea LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'invalid page' USING ERRCODE = 'data_corrupted'; END $$;
         CREATE VIEW events AS SELECT number, key, id, received, path, content_type, kind, format, event_name, message_id,
             subject, document, company, companies, created, reason, status, discarded, lane,
             CASE id WHEN 'b' THEN unreadable() ELSE body END AS body FROM sound; GRANT SELECT ON events TO {ROLE}"
    ));

    assert_eq!((inbox.read_on().await.unwrap(), inbox.read_on().await.unwrap()), (Some(3), Some(0)));

    let read = place.sql(
        "SELECT string_agg(id, ' ' ORDER BY id) FROM listed JOIN sound ON number = event
                          WHERE refs IS NOT NULL",
    );
    assert_eq!(read, "a c");
}

#[tokio::test]
async fn what_is_listed_of_an_event_in_another_state_than_it_is_in_is_found() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    for id in ["a", "b"] {
        store(&inbox, id, id).await;
    }
    assert_eq!(inbox.verify(0).await.unwrap().damaged, []);
    place.sql("UPDATE listed SET states = 0 WHERE event = (SELECT number FROM events WHERE id = 'b')");

    let damaged = inbox.verify(0).await.unwrap().damaged;

    assert_eq!(damaged.len(), 1, "{damaged:?}");
    assert!(damaged[0].1.contains("listed in another state"), "{damaged:?}");
}

#[tokio::test]
async fn who_asks_for_too_much_is_told_so() {
    let place = Place::new(Server::shared());
    let inbox = place.open().await;
    let [_one, _other] = [inbox.people.get().await.unwrap(), inbox.people.get().await.unwrap()];

    let late = inbox.list(&Filter::default()).await.unwrap_err();

    assert!(matches!(late, InboxError::TooLong), "{late}");
    assert!(inbox.claim(HANDLER, 1).await.unwrap().claims.is_empty(), "the work goes another way");
}

/// Else what a person does to a hundred thousand events takes seconds for each five hundred, and ends at the limit.
#[tokio::test]
async fn what_is_done_to_events_goes_by_their_own_lanes_however_many_others_are_due() {
    let place = Place::new(Server::shared());
    let _inbox = place.open().await;
    // As it is known to whoever plans: nothing waited when the statistics were made.
    place.sql(
        "INSERT INTO deliveries (event, handler, lane, state, since, changed)
             SELECT n, 'erp', n, 1, now(), now() FROM generate_series(1, 20000) n;
         ANALYZE; UPDATE deliveries SET state = 0, due = now() + interval '1 hour'",
    );
    let connection = place.connection().await;

    for (name, types, statement, values) in [
        ("wait_again", "text[], bigint[]", WAIT_AGAIN, "'{erp}', '{1}'"),
        ("hurry", "bigint[], text[]", HURRY, "'{1}', '{erp}'"),
    ] {
        let explained = format!("PREPARE {name} ({types}) AS {statement}; EXPLAIN EXECUTE {name} ({values})");
        let rows = connection.simple_query(&explained).await.unwrap();

        let plan = format!("{rows:?}");
        assert!(plan.contains("deliveries_pkey") && !plan.contains("deliveries_due"), "{plan}");
    }
}
