//! What is to be fetched, in each inbox: beside other receivers, and across their ends.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::place::{InPostgres, InSqlite, Place, open};
use crate::inbox::{Archive, Arrival, Claim, FETCH, Finish, Incoming, Notice, Purpose, Receipt};
use crate::model::{Envelope, Format, Kind, What};
use crate::outgoing::postgres::server::Postgres;

fn notice(of: &str) -> Notice {
    let arrival = Arrival { origin: "get", ..Arrival::default() };
    Notice { what: What::OrderId, of: of.to_owned(), received: Timestamp::now(), path: "/order/1".to_owned(), arrival }
}

/// What was fetched for a notice.
fn answer(key: crate::inbox::EventKey, of: &str, body: &str) -> Incoming {
    let envelope = Envelope {
        kind: Kind::Order,
        format: Format::Json,
        event_name: None,
        message_id: None,
        subject: Some(of.to_owned()),
        number: Some("PO1".to_owned()),
        company_id: None,
        companies: Vec::new(),
        created: None,
    };
    let body = Bytes::from(body.to_owned());
    let incoming = Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, body).wanted_by(["erp"]);
    Incoming { key, ..incoming }
}

async fn claim(inbox: &Arc<dyn Archive>, handler: &str) -> Claim {
    inbox.claim(handler, 1).await.unwrap().claims.pop().expect("something is due")
}

/// In each store, one after the other.
macro_rules! in_each_store {
    ($name:ident, $place:ident => $work:block) => {
        #[tokio::test]
        async fn $name() {
            {
                let $place = InSqlite::new();
                $work
            }
            let $place = InPostgres::new();
            $work
        }
    };
}

in_each_store!(what_was_fetched_is_delivered_once_although_the_process_dies_before_it_has_said_so, place => {
    let inbox = place.open().await;
    let Receipt { key, id, .. } = inbox.notice(notice("1")).await.unwrap();
    let fetching = claim(&inbox, FETCH).await;
    assert!(inbox.begin(&fetching).await.unwrap());
    assert!(inbox.fetched(answer(key, "1", "first")).await.unwrap());
    drop(inbox);

    let inbox = place.open_after_a_crash().await;
    let first = claim(&inbox, "erp").await;
    assert_eq!(inbox.load(&first).await.unwrap().body, "first");
    inbox.finish(&first, Finish::Done, None).await.unwrap();
    let call = inbox.notice(notice("1")).await.unwrap();
    assert!(!call.repeated, "what was fetched is from before it");
    let again = claim(&inbox, FETCH).await;
    assert_eq!(again.id, id);
    inbox.begin(&again).await.unwrap();
    assert!(inbox.fetched(answer(key, "1", "second")).await.unwrap());
    inbox.finish(&again, Finish::Done, None).await.unwrap();

    let shown = inbox.show(&id).await.unwrap().unwrap();
    assert_eq!(inbox.body(shown.sequence).await.unwrap(), "first", "the handler has it, under this id");
    assert!(inbox.claim("erp", 1).await.unwrap().claims.is_empty());
    assert_eq!(claim(&inbox, FETCH).await.id, call.id);
});

in_each_store!(what_is_fetched_goes_before_what_came_after_its_notice, place => {
    let inbox = place.open().await;
    let Receipt { key, id, .. } = inbox.notice(notice("1")).await.unwrap();
    let later = Incoming { key: crate::inbox::EventKey([7; 16]), id: "later".to_owned(), ..answer(key, "1", "later") };
    inbox.store(later).await.unwrap();
    let under_way = claim(&inbox, "erp").await;

    assert!(inbox.fetched(answer(key, "1", "noticed")).await.unwrap());

    assert!(!inbox.begin(&under_way).await.unwrap(), "it is not its turn any more");
    inbox.release(&under_way).await;
    let first = claim(&inbox, "erp").await;
    assert_eq!((&first.id, first.number.as_deref()), (&id, Some("PO1")));
    inbox.finish(&first, Finish::Done, None).await.unwrap();
    assert_eq!(claim(&inbox, "erp").await.id, "later");
});

in_each_store!(a_body_of_any_size_takes_the_place_of_a_notice, place => {
    let inbox = place.open().await;
    for size in [1, 64 << 10, 3 << 20] {
        let Receipt { key, id, .. } = inbox.notice(notice(&size.to_string())).await.unwrap();
        let body = "x".repeat(size);

        assert!(inbox.fetched(answer(key, &size.to_string(), &body)).await.unwrap());

        let sequence = inbox.show(&id).await.unwrap().unwrap().sequence;
        assert_eq!(inbox.body(sequence).await.unwrap(), body);
    }
    assert_eq!(inbox.verify(i64::MIN).await.unwrap().damaged, []);
});

in_each_store!(a_cursor_is_where_it_was_left, place => {
    let inbox = place.open().await;
    assert_eq!(inbox.cursor("orders").await.unwrap(), None);

    for value in ["2026-05-01T00:00:00.000+02:00", "2026-05-02T00:00:00Z"] {
        inbox.move_cursor("orders", value).await.unwrap();
    }
    inbox.move_cursor("shipments", "other").await.unwrap();
    drop(inbox);

    let inbox = place.open_after_a_crash().await;
    assert_eq!(inbox.cursor("orders").await.unwrap().as_deref(), Some("2026-05-02T00:00:00Z"));
});

#[tokio::test]
async fn receivers_make_one_notice_of_one_id_however_many_are_called_at_once() {
    let place = InPostgres::new();
    let (one, two, three) = tokio::join!(place.open(), place.open(), place.open());
    let inboxes = [one, two, three];
    let calls = (0..300).map(|call| {
        let inbox = Arc::clone(&inboxes[call % 3]);
        tokio::spawn(async move { inbox.notice(notice(&(call % 5).to_string())).await.unwrap() })
    });
    let calls: Vec<_> = calls.collect();

    let (mut ids, mut repeated) = (HashSet::new(), 0);
    for call in calls {
        let receipt = call.await.unwrap();
        repeated += usize::from(receipt.repeated);
        ids.insert(receipt.id);
    }

    assert_eq!((ids.len(), repeated), (5, 295));
    let mut counted = 0;
    for id in ids {
        counted += inboxes[0].show(&id).await.unwrap().unwrap().repeats;
    }
    assert_eq!(counted, 295);
}

/// Whoever calls does not know whether a fetch has just begun: no call may count on one that had.
#[tokio::test]
async fn a_call_never_counts_on_a_fetch_that_has_begun() {
    let place = InPostgres::new();
    let (one, other) = tokio::join!(place.open(), place.open());
    for round in 0..30 {
        let of = round.to_string();
        let first = one.notice(notice(&of)).await.unwrap();
        let fetching = claim(&one, FETCH).await;
        let (begun, call) = tokio::join!(one.begin(&fetching), other.notice(notice(&of)));
        assert!(begun.unwrap());
        let second = other.notice(notice(&of)).await.unwrap();

        assert_ne!(second.id, first.id);
        assert_eq!(second.repeated, !call.unwrap().repeated, "the first call has made that notice, or was before");
        one.finish(&fetching, Finish::Done, None).await.unwrap();
        let rest = claim(&one, FETCH).await;
        one.finish(&rest, Finish::Done, None).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_fetched_with_a_claim_that_others_have_taken_over_does_not_count() {
    let place = InPostgres::new();
    let inbox = place.open().await;
    let Receipt { key, id, .. } = inbox.notice(notice("1")).await.unwrap();
    let fetching = claim(&inbox, FETCH).await;
    inbox.begin(&fetching).await.unwrap();
    place.sql("UPDATE claims SET token = token + 1");

    let error = inbox.fetched(answer(key, "1", "old")).await.unwrap_err();

    assert!(error.to_string().contains("taken over"), "{error}");
    assert_eq!(inbox.show(&id).await.unwrap().unwrap().size, 0);
}

#[tokio::test]
async fn one_of_three_receivers_leads_and_another_one_only_after_its_time_or_its_end() {
    let place = InPostgres::new();
    let (one, two, three) = tokio::join!(place.open(), place.open(), place.open());
    let inboxes = [one, two, three];
    let time = Duration::from_secs(3);
    let mut led: Option<(usize, Instant)> = None;
    for round in 0..60 {
        let asked = Instant::now();
        let [first, second, third] = inboxes.each_ref().map(|inbox| inbox.lead("fetch", time));
        let (first, second, third) = tokio::join!(first, second, third);
        let leads: Vec<_> = [first, second, third].into_iter().map(Result::unwrap).collect();
        let leading: Vec<_> = (0..3).filter(|one| leads[*one]).collect();
        assert_eq!(leading.len(), 1, "{round}");
        if let Some((before, until)) = led {
            assert!(leading[0] == before || asked >= until, "{round}: it had it for longer");
        }
        led = Some((leading[0], asked + time));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let leading = led.unwrap().0;
    assert!(inboxes[(leading + 1) % 3].lead("other", time).await.unwrap(), "each thing has its own");

    // Dead without a word: nobody has it before its time is over.
    assert!(inboxes[leading].lead("fetch", time).await.unwrap());
    let began = Instant::now();
    let (next, last) = (&inboxes[(leading + 1) % 3], &inboxes[(leading + 2) % 3]);
    while !next.lead("fetch", Duration::from_secs(600)).await.unwrap() {
        assert!(began.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(began.elapsed() + Duration::from_millis(500) > time, "{:?}", began.elapsed());

    // One that ends gives it back.
    assert!(!last.lead("fetch", time).await.unwrap());
    next.close().await;
    assert!(last.lead("fetch", time).await.unwrap());
}

#[tokio::test]
async fn a_lead_does_not_last_for_hours_because_a_clock_was_set_back() {
    let place = InPostgres::new();
    let (one, other) = tokio::join!(place.open(), place.open());
    let time = Duration::from_millis(300);
    assert!(one.lead("fetch", time).await.unwrap());
    place.sql("UPDATE leads SET until = until + interval '5 hours'");

    let began = Instant::now();
    while !other.lead("fetch", time).await.unwrap() {
        assert!(began.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_command_sees_whether_a_receiver_is_there_and_never_leads() {
    let folder = TempDir::new().unwrap();
    let sqlite = format!("path = '{}'", folder.path().join("inbox.db").display());
    let postgres = format!("url = '{}'", Postgres::shared().url(&Postgres::shared().database()));
    for (store, settings) in [("sqlite", sqlite), ("postgres", postgres)] {
        let receiver = open(store, &settings, Purpose::Serve).await;
        let tool = open(store, &settings, Purpose::Tool).await;
        assert!(tool.is_served().await.unwrap() && receiver.is_served().await.unwrap());
        assert!(!tool.lead("fetch", Duration::from_secs(9)).await.unwrap());
        assert!(receiver.lead("fetch", Duration::from_secs(9)).await.unwrap());

        receiver.close().await;
        drop(receiver);

        let began = Instant::now();
        while tool.is_served().await.unwrap() {
            assert!(began.elapsed() < Duration::from_secs(60), "{store}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// As many as an outage of some hours leaves.
#[tokio::test]
async fn ten_thousand_that_wait_cost_a_new_one_nothing() {
    let place = InSqlite::new();
    let inbox = place.open().await;
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let Receipt { id, .. } = inbox.notice(notice("0")).await.unwrap();
    let first = claim(&inbox, FETCH).await;
    inbox.finish(&first, Finish::Retry { at: later, reason: "away".to_owned() }, None).await.unwrap();
    let mut waiting = Vec::new();
    for of in 1..10_000 {
        let inbox = Arc::clone(&inbox);
        waiting.push(tokio::spawn(async move { inbox.notice(notice(&of.to_string())).await.unwrap() }));
    }
    for one in waiting {
        assert!(!one.await.unwrap().repeated);
    }

    let began = Instant::now();
    for _ in 0..200 {
        assert_eq!(inbox.notice(notice("0")).await.unwrap().id, id);
    }

    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(inbox.backlog(20_000).await.unwrap(), [(FETCH.to_owned(), 10_000)]);
}
