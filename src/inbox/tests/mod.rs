//! Every inbox against a model of it: whatever happens in whatever sequence, the events of an order are
//! claimed one at a time, in the order received, and none is forgotten.

mod begun;
mod damaged;
mod held;
mod kept;
mod model;
mod notices;
pub(crate) mod place;
mod standing;

use proptest::prelude::*;

use model::{BODIES, Both, FETCHES};
use place::{InPostgres, InSqlite, Place};

use jiff::Timestamp;
use uuid::Uuid;

use super::{Action, Deed, State};

/// One thing that happens. Numbers choose among what is there.
#[derive(Debug, Clone)]
enum Step {
    Store {
        order: Option<usize>,
    },
    StoreAgain {
        event: usize,
    },
    /// Under the same `messageId`, another message.
    StoreOther {
        event: usize,
    },
    /// An event of an order that some of the handlers want, or none.
    StoreFor {
        order: usize,
        wanted: [bool; 2],
    },
    /// Without a `messageId`, one of two bodies of an order.
    StoreUnnamed {
        order: usize,
        body: usize,
    },
    /// Something of an order is to be fetched.
    Notice {
        order: usize,
    },
    /// What was fetched is put in the place of a notice: in time, too late, once more.
    Fetched {
        event: usize,
        wanted: [bool; 2],
    },
    Claim {
        handler: usize,
        most: usize,
    },
    Begin {
        claim: usize,
    },
    Finish {
        claim: usize,
        how: How,
    },
    Release {
        claim: usize,
    },
    Deliver {
        event: usize,
        handler: Option<usize>,
        only: Option<State>,
    },
    Discard {
        event: usize,
        handler: Option<usize>,
        only: Option<State>,
    },
    /// Somebody has everything delivered, or set aside, that is in that state.
    DeliverAll {
        only: State,
    },
    DiscardAll {
        only: State,
    },
    /// Somebody has the body of an event removed.
    Erase {
        event: usize,
    },
    Hurry {
        event: usize,
    },
    /// One of some bodies that cannot be taken as events.
    Refuse {
        body: usize,
    },
    /// Somebody sets such a one aside.
    DiscardRefused {
        body: usize,
    },
    /// Somebody makes an event of such a one.
    Accept {
        body: usize,
    },
    /// Removes what is finished, and what no handler wanted or not.
    Sweep {
        unwanted: bool,
    },
    Crash,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Done,
    RetryNow,
    RetryLater,
    Dead,
}

/// The states that somebody may do something about.
fn open() -> impl Strategy<Value = State> {
    prop::sample::select(vec![State::Pending, State::Fetching, State::Dead])
}

fn step() -> impl Strategy<Value = Step> {
    let how =
        prop_oneof![3 => Just(How::Done), 1 => Just(How::RetryNow), 2 => Just(How::RetryLater), 2 => Just(How::Dead)];
    let states =
        prop::sample::select(vec![State::Pending, State::Fetching, State::Done, State::Dead, State::Discarded]);
    let only = prop::option::weighted(0.3, states);
    prop_oneof![
        6 => prop::option::weighted(0.9, 0..3_usize).prop_map(|order| Step::Store { order }),
        1 => any::<usize>().prop_map(|event| Step::StoreAgain { event }),
        1 => any::<usize>().prop_map(|event| Step::StoreOther { event }),
        2 => (0..3_usize, any::<[bool; 2]>()).prop_map(|(order, wanted)| Step::StoreFor { order, wanted }),
        3 => (0..3_usize, 0..2_usize).prop_map(|(order, body)| Step::StoreUnnamed { order, body }),
        4 => (0..3_usize).prop_map(|order| Step::Notice { order }),
        4 => (any::<usize>(), any::<[bool; 2]>()).prop_map(|(event, wanted)| Step::Fetched { event, wanted }),
        8 => (0..3_usize, 1..4_usize).prop_map(|(handler, most)| Step::Claim { handler, most }),
        4 => any::<usize>().prop_map(|claim| Step::Begin { claim }),
        6 => (any::<usize>(), how).prop_map(|(claim, how)| Step::Finish { claim, how }),
        1 => any::<usize>().prop_map(|claim| Step::Release { claim }),
        3 => (any::<usize>(), prop::option::of(0..3_usize), only)
            .prop_map(|(event, handler, only)| Step::Deliver { event, handler, only }),
        2 => (any::<usize>(), prop::option::weighted(0.3, 0..3_usize), prop::option::weighted(0.3, open()))
            .prop_map(|(event, handler, only)| Step::Discard { event, handler, only }),
        1 => open().prop_map(|only| Step::DeliverAll { only }),
        1 => open().prop_map(|only| Step::DiscardAll { only }),
        1 => any::<usize>().prop_map(|event| Step::Erase { event }),
        1 => any::<usize>().prop_map(|event| Step::Hurry { event }),
        3 => (0..BODIES).prop_map(|body| Step::Refuse { body }),
        1 => (0..BODIES).prop_map(|body| Step::DiscardRefused { body }),
        1 => (0..BODIES).prop_map(|body| Step::Accept { body }),
        1 => any::<bool>().prop_map(|unwanted| Step::Sweep { unwanted }),
        1 => Just(Step::Crash),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..80)
}

/// Something that somebody does.
pub(super) fn action(what: Deed) -> Action {
    Action {
        id: Uuid::new_v4(),
        at: Timestamp::now(),
        who: "anna".to_owned(),
        via: "cli",
        address: Some("10.1.2.3".to_owned()),
        what,
        handler: None,
        filter: None,
        reason: Some("because".to_owned()),
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn follow(place: impl Place + 'static, steps: &[Step]) {
    let mut both = Both::new(place);
    for step in steps {
        both.apply(step);
    }
    both.compare();
    both.compare_lists();
    both.finish_all();
}

proptest! {
    #![proptest_config(cases(48))]
    #[test]
    fn in_sqlite_events_of_an_order_go_one_at_a_time_in_the_order_received_and_none_is_forgotten(steps in steps()) {
        follow(InSqlite::new(), &steps);
    }
}

proptest! {
    #![proptest_config(cases(24))]
    #[test]
    fn in_postgresql_events_of_an_order_go_one_at_a_time_in_the_order_received_and_none_is_forgotten(steps in steps()) {
        follow(InPostgres::new(), &steps);
    }
}

/// Discarded and removed while it is worked on, so that its number may be free for the next.
fn end_an_attempt_at_an_event_that_is_gone(place: impl Place + 'static) {
    let mut both = Both::new(place);
    let steps = [
        Step::Store { order: None },
        Step::Claim { handler: 0, most: 1 },
        Step::Discard { event: 0, handler: None, only: None },
        Step::Sweep { unwanted: true },
        Step::Store { order: None },
        Step::Finish { claim: 0, how: How::Done },
    ];
    for step in &steps {
        both.apply(step);
    }
    both.compare();
    both.finish_all();
}

/// A message and another one under its id, each twice; and an order that goes to and fro without a `messageId`.
fn repeat_this_and_that(place: impl Place + 'static) {
    let mut both = Both::new(place);
    let to_and_fro = [0, 0, 1, 1, 0, 0, 1].map(|body| Step::StoreUnnamed { order: 1, body });
    let steps = [
        Step::Store { order: Some(0) },
        Step::StoreAgain { event: 0 },
        Step::StoreOther { event: 0 },
        Step::StoreAgain { event: 1 },
        Step::StoreAgain { event: 0 },
    ];
    for step in steps.iter().chain(&to_and_fro) {
        both.apply(step);
    }
    both.compare();
    both.finish_all();
    // The newest of the order is gone, and something else has come since.
    for step in [Step::Sweep { unwanted: true }, Step::StoreUnnamed { order: 1, body: 0 }] {
        both.apply(&step);
    }
    both.finish_all();
}

/// What nobody wanted stays until it is swept or asked for; a refused body until somebody decides, each equal one
/// counted.
fn refuse_decide_and_sweep(place: impl Place + 'static) {
    let mut both = Both::new(place);
    let steps = [
        Step::StoreFor { order: 0, wanted: [false, false] },
        Step::StoreFor { order: 0, wanted: [false, true] },
        Step::StoreFor { order: 1, wanted: [false, false] },
        Step::Refuse { body: 0 },
        Step::Refuse { body: 1 },
        Step::Refuse { body: 0 },
        Step::Sweep { unwanted: false },
        Step::Deliver { event: 0, handler: Some(1), only: None },
        Step::Claim { handler: 1, most: 2 },
        Step::Sweep { unwanted: true },
        Step::DiscardRefused { body: 0 },
        Step::DiscardRefused { body: 1 },
        Step::Refuse { body: 1 },
    ];
    for step in &steps {
        both.apply(step);
        both.compare();
        both.compare_lists();
    }
    let decisions = [
        Step::Sweep { unwanted: false },
        Step::Refuse { body: 0 },
        Step::Accept { body: 1 },
        Step::Refuse { body: 1 },
        Step::Accept { body: 1 },
    ];
    for step in &decisions {
        both.apply(step);
        both.compare();
        both.compare_lists();
    }
    both.finish_all();
}

/// What came again after it was erased is the same event still, and nothing is delivered of it.
fn erase_and_repeat(place: impl Place + 'static) {
    let mut both = Both::new(place);
    let steps = [
        Step::Store { order: Some(0) },
        Step::Store { order: Some(0) },
        Step::Claim { handler: 0, most: 1 },
        Step::Finish { claim: 0, how: How::Dead },
        Step::Erase { event: 0 },
        Step::StoreAgain { event: 0 },
        Step::Deliver { event: 0, handler: None, only: None },
        Step::Deliver { event: 0, handler: Some(1), only: None },
        Step::Erase { event: 0 },
        Step::Claim { handler: 0, most: 1 },
        Step::Refuse { body: 0 },
    ];
    for step in &steps {
        both.apply(step);
        both.compare();
        both.compare_lists();
    }
    both.finish_all();
}

/// One that is called for while it waits, while it is fetched, and after that; killed between what was fetched and the
/// end of the attempt.
fn call_fetch_and_deliver(place: impl Place + 'static) {
    let mut both = Both::new(place);
    let both_handlers = [true, true];
    let steps = [
        Step::Notice { order: 0 },
        Step::Notice { order: 0 },
        Step::Store { order: Some(0) },
        Step::Claim { handler: FETCHES, most: 2 },
        Step::Notice { order: 0 },
        Step::Begin { claim: 0 },
        Step::Notice { order: 0 },
        Step::Notice { order: 0 },
        Step::Finish { claim: 0, how: How::RetryNow },
        Step::Notice { order: 0 },
        Step::Deliver { event: 0, handler: Some(0), only: None },
        Step::Deliver { event: 1, handler: Some(FETCHES), only: None },
        Step::Claim { handler: FETCHES, most: 2 },
        Step::Begin { claim: 0 },
        Step::Claim { handler: 0, most: 1 },
        Step::Fetched { event: 0, wanted: [true, false] },
        Step::Crash,
        Step::Fetched { event: 0, wanted: both_handlers },
        Step::Notice { order: 0 },
        Step::Claim { handler: FETCHES, most: 2 },
        Step::Begin { claim: 0 },
        Step::Fetched { event: 0, wanted: both_handlers },
        Step::Finish { claim: 0, how: How::Done },
        Step::Deliver { event: 0, handler: Some(FETCHES), only: None },
        Step::Claim { handler: 0, most: 2 },
        Step::DiscardAll { only: State::Pending },
        Step::Fetched { event: 2, wanted: [false, false] },
        Step::Claim { handler: FETCHES, most: 2 },
        Step::Finish { claim: 1, how: How::Dead },
        Step::Notice { order: 0 },
        Step::DiscardAll { only: State::Fetching },
        Step::Fetched { event: 3, wanted: both_handlers },
        Step::Notice { order: 0 },
        Step::Erase { event: 4 },
        Step::Fetched { event: 4, wanted: both_handlers },
        Step::Sweep { unwanted: false },
    ];
    for step in &steps {
        both.apply(step);
        both.compare();
        both.compare_lists();
    }
    both.finish_all();
}

#[test]
fn a_notice_stands_for_the_calls_before_its_fetch_and_for_none_after() {
    call_fetch_and_deliver(InSqlite::new());
    call_fetch_and_deliver(InPostgres::new());
}

/// Somebody discards what is being delivered and has it delivered again, or has a handler get what it had not wanted.
fn begin_anew_what_goes_on(place: impl Place + 'static) {
    let mut both = Both::new(place);
    let anew = [
        Step::Discard { event: 0, handler: None, only: None },
        Step::Deliver { event: 0, handler: Some(0), only: None },
    ];
    let steps = [
        Step::StoreFor { order: 0, wanted: [true, false] },
        Step::Store { order: Some(0) },
        Step::Claim { handler: 0, most: 1 },
        Step::Begin { claim: 0 },
    ]
    .into_iter()
    .chain(anew.clone())
    .chain([Step::Finish { claim: 0, how: How::Done }, Step::Claim { handler: 0, most: 1 }, Step::Begin { claim: 0 }])
    .chain(anew.clone())
    .chain([Step::Finish { claim: 0, how: How::Dead }, Step::Claim { handler: 0, most: 1 }])
    // Before it has begun: then there is nothing to begin.
    .chain(anew)
    .chain([Step::Begin { claim: 0 }, Step::Finish { claim: 0, how: How::RetryLater }])
    .chain([Step::Deliver { event: 0, handler: Some(1), only: None }]);
    for step in steps {
        both.apply(&step);
        both.compare();
    }
    both.finish_all();
}

#[test]
fn what_is_begun_anew_while_an_attempt_goes_on_is_not_over_with_that_attempt() {
    begin_anew_what_goes_on(InSqlite::new());
    begin_anew_what_goes_on(InPostgres::new());
}

#[test]
fn what_is_erased_is_known_again_and_never_delivered() {
    erase_and_repeat(InSqlite::new());
    erase_and_repeat(InPostgres::new());
}

#[test]
fn what_is_unwanted_or_refused_stays_until_its_time_or_until_somebody_decides() {
    refuse_decide_and_sweep(InSqlite::new());
    refuse_decide_and_sweep(InPostgres::new());
}

#[test]
fn what_says_the_same_is_one_event_and_what_does_not_is_another() {
    repeat_this_and_that(InSqlite::new());
    repeat_this_and_that(InPostgres::new());
}

#[test]
fn the_end_of_an_attempt_is_never_noted_on_another_event_that_has_its_number() {
    end_an_attempt_at_an_event_that_is_gone(InSqlite::new());
    end_an_attempt_at_an_event_that_is_gone(InPostgres::new());
}
