//! How long what stays, in each inbox: by clocks that the tests make up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::action;
use super::place::{InPostgres, InSqlite, Place};
use crate::dispatch::{Dispatch, Route};
use crate::inbox::retention::{self, Upkeep};
use crate::inbox::trusted::TrustedClock;
use crate::inbox::{Archive, Arrival, Attempt, Deed, Ending, Finish, Incoming, RefusedBody};
use crate::model::{Envelope, Format, Kind};

const DAYS: u64 = 86_400;

/// An inbox that is looked after, and the moments since that began.
struct Kept {
    inbox: Arc<dyn Archive>,
    upkeep: Upkeep,
    time: Timestamp,
    at: Instant,
    place: Box<dyn Place>,
}

fn upkeep(inbox: &Arc<dyn Archive>, handlers: &[&str], keep: Duration) -> Upkeep {
    let dispatch = Dispatch::new(handlers.iter().map(|name| Route::all(*name)).collect());
    let kept = retention::Kept {
        finished: keep,
        unwanted: Duration::from_secs(90 * DAYS),
        actions: Duration::from_secs(400 * DAYS),
    };
    Upkeep::new(Arc::clone(inbox), TrustedClock::default(), dispatch, kept)
}

impl Kept {
    async fn new(place: impl Place + 'static, handlers: &[&str]) -> Self {
        let inbox = place.open().await;
        // As exact as an inbox keeps it.
        let time = Timestamp::from_microsecond(Timestamp::now().as_microsecond()).unwrap();
        let at = Instant::now();
        let upkeep = upkeep(&inbox, handlers, Duration::from_secs(30 * DAYS));
        let mut kept = Self { inbox, upkeep, time, at, place: Box::new(place) };
        kept.round(Duration::ZERO, Duration::ZERO).await;
        kept
    }

    /// What is done at the moment that is so long after the beginning, by a clock that is so much ahead.
    async fn round(&mut self, passed: Duration, ahead: Duration) {
        self.upkeep.round(self.time + passed + ahead, self.at + passed).await;
    }

    /// After so many days, on a clock that is right.
    async fn after_days(&mut self, days: u64) {
        self.round(Duration::from_secs(days * DAYS), Duration::ZERO).await;
    }

    /// An event for the handlers that want it, so old.
    fn event(&self, id: &str, days_old: i64) -> Incoming {
        let envelope = Envelope {
            kind: Kind::Order,
            format: Format::Json,
            event_name: None,
            message_id: Some(id.to_owned()),
            subject: Some(id.to_owned()),
            number: None,
            company_id: None,
            companies: Vec::new(),
            created: None,
        };
        let received = self.time - SignedDuration::from_hours(24 * days_old);
        Incoming::new(envelope, received, "/".to_owned(), None, Bytes::from(id.to_owned()))
    }

    async fn store(&self, id: &str, handlers: &[&str]) {
        self.inbox.store(self.event(id, 0).wanted_by(handlers.iter().copied())).await.unwrap();
    }

    async fn end(&self, handler: &str, finish: Finish) {
        for claim in self.inbox.claim(handler, 10).await.unwrap().claims {
            self.inbox.finish(&claim, finish.clone(), None).await.unwrap();
        }
    }

    /// A refused body; its id.
    async fn refuse(&self, days_old: i64) -> String {
        let refused = RefusedBody {
            received: self.time - SignedDuration::from_hours(24 * days_old),
            path: "/".to_owned(),
            content_type: None,
            reason: "no JSON".to_owned(),
            status: 400,
            body: Bytes::from_static(b"no JSON"),
            arrival: Arrival::default(),
        };
        self.inbox.refuse(refused).await.unwrap().unwrap()
    }

    async fn number(&self, id: &str) -> i64 {
        self.inbox.show(id).await.unwrap().unwrap().sequence
    }

    async fn has(&self, id: &str) -> bool {
        self.inbox.show(id).await.unwrap().is_some()
    }

    /// By how much an event was stamped ahead of the beginning.
    async fn ahead(&self, id: &str) -> SignedDuration {
        self.inbox.show(id).await.unwrap().unwrap().received.duration_since(self.time)
    }
}

/// In each store, one after the other.
macro_rules! in_each_store {
    ($name:ident, $handlers:expr, $kept:ident => $work:block) => {
        #[tokio::test]
        async fn $name() {
            {
                let mut $kept = Kept::new(InSqlite::new(), $handlers).await;
                // Not every test changes it.
                let _ = &mut $kept;
                $work
            }
            {
                let mut $kept = Kept::new(InPostgres::new(), $handlers).await;
                // Not every test changes it.
                let _ = &mut $kept;
                $work
            }
        }
    };
}

in_each_store!(what_is_done_goes_first_what_nobody_wanted_later_and_what_waits_for_somebody_never, &["erp"], kept => {
    kept.store("done", &["erp"]).await;
    kept.end("erp", Finish::Done).await;
    kept.store("dead", &["script"]).await;
    kept.end("script", Finish::Dead { reason: "no".to_owned(), status: None }).await;
    kept.store("pending", &["paused"]).await;
    kept.store("unwanted", &[]).await;
    let refused = kept.refuse(0).await;

    kept.after_days(29).await;
    assert!(kept.has("done").await && kept.has("unwanted").await);
    kept.after_days(31).await;
    assert!(!kept.has("done").await);
    assert!(kept.has("unwanted").await, "it counts on being delivered");
    kept.after_days(91).await;
    assert!(!kept.has("unwanted").await);
    kept.after_days(4000).await;
    for id in ["dead", "pending", &refused] {
        assert!(kept.has(id).await, "{id}");
    }
});

in_each_store!(without_any_handler_nothing_is_unwanted, &[], kept => {
    kept.store("early", &[]).await;
    kept.after_days(4000).await;
    assert!(kept.has("early").await);
});

in_each_store!(a_refused_body_that_becomes_an_event_is_kept_from_then_on, &["erp"], kept => {
    let refused = kept.refuse(400).await;
    let (number, event) = (kept.number(&refused).await, kept.event("accepted", 400));
    kept.inbox.accept(number, event, &action(Deed::Accept)).await.unwrap();

    kept.after_days(89).await;
    assert!(!kept.has(&refused).await && kept.has("accepted").await);
    kept.after_days(91).await;
    assert!(!kept.has("accepted").await);
});

in_each_store!(a_refused_body_that_is_set_aside_is_kept_from_then_on, &["erp"], kept => {
    let refused = kept.refuse(400).await;
    let number = kept.number(&refused).await;
    assert_eq!(kept.inbox.discard(&[number], None, &[], &action(Deed::Discard)).await.unwrap(), [1]);

    kept.after_days(29).await;
    assert!(kept.has(&refused).await, "it may have been a mistake");
    kept.after_days(31).await;
    assert!(!kept.has(&refused).await);
});

in_each_store!(who_did_what_is_known_for_longer_than_the_event_and_not_for_ever, &["erp"], kept => {
    kept.store("done", &["erp"]).await;
    let number = kept.number("done").await;
    kept.inbox.discard(&[number], None, &[], &action(Deed::Discard)).await.unwrap();

    kept.after_days(399).await;
    assert!(!kept.has("done").await);
    assert_eq!(kept.inbox.actions("done").await.unwrap()[0].what, Deed::Discard);
    kept.after_days(401).await;
    assert!(kept.inbox.actions("done").await.unwrap().is_empty());
});

in_each_store!(of_each_round_the_first_and_the_last_attempts_are_kept, &["erp"], kept => {
    kept.store("failing", &["erp"]).await;
    let attempt = |ending| {
        let took = Duration::from_millis(1);
        Some(Attempt { begun: Timestamp::now(), took, ending, status: None, answer: Some("said".to_owned()) })
    };
    for _ in 0..59 {
        let claim = kept.inbox.claim("erp", 1).await.unwrap().claims.remove(0);
        let again = Finish::Retry { at: Timestamp::now(), reason: "locked".to_owned() };
        kept.inbox.finish(&claim, again, attempt(Ending::Unreachable)).await.unwrap();
    }
    let claim = kept.inbox.claim("erp", 1).await.unwrap().claims.remove(0);
    kept.inbox.finish(&claim, Finish::Done, attempt(Ending::Done)).await.unwrap();
    let number = kept.number("failing").await;
    kept.inbox.deliver(&[number], Some("erp"), &[], &action(Deed::Deliver)).await.unwrap();
    let claim = kept.inbox.claim("erp", 1).await.unwrap().claims.remove(0);
    kept.inbox.finish(&claim, Finish::Done, attempt(Ending::Done)).await.unwrap();

    kept.after_days(1).await;
    let shown = kept.inbox.show("failing").await.unwrap().unwrap();

    let made: Vec<_> = shown.attempts.iter().map(|attempt| (attempt.round, attempt.attempt)).collect();
    let of_the_first = (1..=5).chain(11..=60).map(|attempt| (1, attempt));
    assert_eq!(made, of_the_first.chain([(2, 1)]).collect::<Vec<_>>());
});

in_each_store!(by_a_clock_that_jumps_ahead_nothing_is_removed_before_it_has_stayed_so_for_an_hour, &["erp"], kept => {
    kept.store("done", &["erp"]).await;
    kept.end("erp", Finish::Done).await;
    let (minute, ahead) = (60, Duration::from_secs(400 * DAYS));

    kept.round(Duration::from_secs(61 * minute), ahead).await;
    kept.round(Duration::from_secs(120 * minute), ahead).await;
    assert!(kept.has("done").await);

    kept.round(Duration::from_secs(122 * minute), ahead).await;
    assert!(!kept.has("done").await);
});

in_each_store!(at_the_start_nothing_is_removed_at_once, &["erp"], kept => {
    kept.store("done", &["erp"]).await;
    kept.end("erp", Finish::Done).await;
    kept.upkeep = upkeep(&kept.inbox, &["erp"], Duration::ZERO);
    for minute in [1, 59] {
        kept.round(Duration::from_secs(60 * minute), Duration::ZERO).await;
    }
    assert!(kept.has("done").await);
});

in_each_store!(what_is_due_is_removed_after_an_hour_however_often_the_receiver_is_started_anew, &["erp"], kept => {
    kept.store("done", &["erp"]).await;
    kept.end("erp", Finish::Done).await;
    for (minutes, there) in [(20, true), (40, true), (59, true), (61, false)] {
        kept.upkeep = upkeep(&kept.inbox, &["erp"], Duration::ZERO);
        kept.round(Duration::from_secs(60 * minutes), Duration::ZERO).await;
        assert_eq!(kept.has("done").await, there, "{minutes}");
    }
});

in_each_store!(a_clock_that_was_years_ahead_when_the_inbox_was_cleared_does_not_keep_it_from_being_cleared, &["erp"], kept => {
    kept.store("done", &["erp"]).await;
    kept.end("erp", Finish::Done).await;
    kept.upkeep = upkeep(&kept.inbox, &["erp"], Duration::ZERO);
    kept.inbox.note("swept", kept.time + SignedDuration::from_hours(24 * 4000)).await.unwrap();

    for (minutes, there) in [(61, true), (120, true), (122, false)] {
        kept.round(Duration::from_secs(60 * minutes), Duration::ZERO).await;
        assert_eq!(kept.has("done").await, there, "{minutes}");
    }
});

in_each_store!(what_comes_after_a_clock_was_a_year_ahead_is_stamped_a_day_ahead_at_the_most, &["erp"], kept => {
    let (hour, day) = (SignedDuration::from_hours(1), SignedDuration::from_hours(24));
    let (by_wrong_clock, next) = (kept.event("wrong", -365), kept.event("next", -3));
    let mut one_hour_later = kept.event("an hour later", 0);
    one_hour_later.received = kept.time + hour;

    kept.inbox.store(by_wrong_clock).await.unwrap();
    kept.store("right", &[]).await;
    kept.inbox.store(one_hour_later).await.unwrap();
    let refused = kept.refuse(0).await;
    assert_eq!((kept.ahead("wrong").await, kept.ahead("right").await), (day * 365, day));
    let ahead = kept.ahead("an hour later").await;
    assert!(ahead > day && ahead < day + hour, "in the order received, until the clock has caught up: {ahead}");
    let ahead = kept.ahead(&refused).await;
    assert_eq!(ahead, day, "a refused body likewise");
    kept.inbox.store(next).await.unwrap();
    assert_eq!(kept.ahead("next").await, day * 3, "by then it has");

    // By one that does not know what it has stored last.
    kept.inbox.store(kept.event("wrong again", -365)).await.unwrap();
    kept.inbox.close().await;
    kept.inbox = kept.place.open().await;
    kept.store("right again", &[]).await;
    assert_eq!(kept.ahead("right again").await, day);
});

in_each_store!(what_a_wrong_clock_has_stamped_holds_up_nothing_that_comes_after_it, &["erp"], kept => {
    // So many as one step looks at.
    for number in 0..499 {
        kept.store(&number.to_string(), &[]).await;
    }
    kept.inbox.store(kept.event("by a wrong clock", -400)).await.unwrap();
    kept.store("done", &["erp"]).await;
    kept.end("erp", Finish::Done).await;

    kept.after_days(30).await;
    assert!(kept.has("done").await, "stamped a day ahead, it stays a day longer");
    kept.after_days(32).await;
    assert!(!kept.has("done").await && kept.has("by a wrong clock").await);
});

in_each_store!(the_time_that_the_inbox_knows_outlives_the_receiver, &["erp"], kept => {
    kept.after_days(0).await;
    let known = kept.time - SignedDuration::from_hours(24 * 10);
    TrustedClock::default().note(&*kept.inbox, known).await.unwrap();

    let clock = TrustedClock::default();
    clock.recall(&*kept.inbox).await.unwrap();

    assert!(!clock.is_believed(), "it has been off for so long, or the clock is wrong");
    assert!(clock.look(known + SignedDuration::from_hours(1), Instant::now()));
});

in_each_store!(of_a_refused_body_that_is_erased_it_is_known_how_often_it_came_and_not_why_it_was_refused, &["erp"], kept => {
    let id = kept.refuse(0).await;
    kept.refuse(0).await;
    let number = kept.number(&id).await;

    assert!(kept.inbox.erase(number, &action(Deed::Erase)).await.unwrap());

    let shown = kept.inbox.show(&id).await.unwrap().unwrap();
    assert_eq!((shown.copies, shown.reason, shown.size), (Some(2), None, 0));
    assert_eq!(shown.state, crate::inbox::State::Discarded);
    assert_eq!(kept.inbox.verify(0).await.unwrap().damaged, []);
});

in_each_store!(what_was_removed_leaves_its_sequence_to_nobody, &["erp"], kept => {
    kept.store("first", &["erp"]).await;
    let refused = kept.refuse(0).await;
    let highest = kept.number(&refused).await;
    // It says what is there already, so it goes and nothing comes in its place.
    assert!(kept.inbox.accept(highest, kept.event("first", 0), &action(Deed::Accept)).await.unwrap().repeated);
    kept.store("second", &[]).await;
    assert!(kept.number("second").await > highest);

    let highest = kept.number("second").await;
    kept.after_days(100).await;
    assert!(!kept.has("second").await, "nobody wanted it");
    kept.store("third", &["erp"]).await;
    assert!(kept.number("third").await > highest);
});

in_each_store!(equal_refused_bodies_are_one_with_a_count_until_somebody_makes_an_event_of_it, &["erp"], kept => {
    let first = kept.refuse(3).await;
    for _ in 0..4 {
        assert_eq!(kept.refuse(0).await, first);
    }
    let shown = kept.inbox.show(&first).await.unwrap().unwrap();
    assert_eq!((shown.copies, shown.received < kept.time), (Some(5), true), "{shown:?}");

    kept.inbox.discard(&[shown.sequence], None, &[], &action(Deed::Discard)).await.unwrap();
    kept.refuse(0).await;
    let again = kept.inbox.show(&first).await.unwrap().unwrap();
    assert_eq!((again.copies, again.state), (Some(6), crate::inbox::State::Refused), "somebody is to look once more");

    let event = kept.event("accepted", 0);
    kept.inbox.accept(again.sequence, event, &action(Deed::Accept)).await.unwrap();
    assert_eq!(kept.refuse(0).await, first);
    kept.after_days(4000).await;
    assert_eq!(kept.inbox.show(&first).await.unwrap().unwrap().copies, Some(1));
});
