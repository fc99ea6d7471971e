//! How long a connection may stay. A connection of a stranger has one short time for everything, from the
//! first byte of TLS to the right credentials; one of a known caller may be idle for as long between
//! requests. Whoever only keeps a connection open, in whichever way, is gone by then.
//!
//! The clock belongs to the connection, because most ways of being slow show only there: silence after the
//! handshake, a head that comes byte by byte, answers that are not read, HTTP/2 windows that stay shut, pings
//! without end. While a request is worked on, it stands still; bodies have a time of their own (see
//! [`crate::listener::requests::body`]).

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// So long a stranger keeps its place, whoever else wants it: in an overload the one who has waited longest
/// is the next to be served.
const FAIR: Duration = Duration::from_secs(5);
/// At the most one place in that time is asked for: whoever has to give his place away connects again, and a
/// handshake costs as much as many events.
const ASK_PAUSE: Duration = Duration::from_millis(50);
/// What is left of a connection for the answer to a request that did not come whole.
const LAST_WORD: Duration = Duration::from_secs(1);
/// So long before its end a connection is told of it, over HTTP/2; but no more than
const NOTICE: Duration = Duration::from_secs(1);
/// one part in so many of the time that it may be idle.
const NOTICE_OF_IDLE: u32 = 4;

/// The times of all connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// From the start until a caller has proved who it is.
    pub(crate) unknown: Duration,
    /// What a request may add to that while its credentials are checked or its body is taken in, if it has begun by
    /// then.
    pub(crate) checking: Duration,
    /// After that: from an answer to the end of the next head.
    pub(crate) idle: Duration,
}

/// How many places are asked for by those who have waited for one for long.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(Arc<Asking>);

#[derive(Debug, Default)]
struct Asking {
    places: AtomicUsize,
    last: Mutex<Option<Instant>>,
}

impl Asked {
    /// Asks for one more, unless one was asked for a moment ago; says whether it did.
    pub(crate) fn ask(&self) -> bool {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < ASK_PAUSE) {
            return false;
        }
        *last = Some(Instant::now());
        self.0.places.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Takes one back; says whether there was one.
    pub(crate) fn settle(&self) -> bool {
        self.0.places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |asked| asked.checked_sub(1)).is_ok()
    }
}

/// The lease of one connection, shared by its stream and the requests on it. An extension of each request.
#[derive(Debug, Clone)]
pub(crate) struct Lease(Arc<Shared>);

/// What has a lease.
pub(crate) trait Leased {
    /// Its lease.
    fn lease(&self) -> &Lease;
}

#[derive(Debug)]
struct Shared {
    terms: Terms,
    asked: Asked,
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    known: bool,
    /// Requests that are worked on.
    working: usize,
    /// When it ends, if none is.
    end: Instant,
    /// A request did not come whole; nothing more is expected.
    concluded: bool,
    /// Revoked, or the stream is no more.
    over: bool,
    /// Of the task that has the stream.
    waker: Option<Waker>,
}

impl Lease {
    /// One that begins now, and ends after an answer if its place is `asked` for.
    pub(crate) fn new(terms: Terms, asked: Asked) -> Self {
        let begun = Instant::now();
        let end = begun + terms.unknown;
        let state = State { known: false, working: 0, end, concluded: false, over: false, waker: None };
        Self(Arc::new(Shared { terms, asked, begun, state: Mutex::new(state) }))
    }

    /// A request is worked on from now until what is returned is dropped.
    pub(crate) fn work(&self) -> Work {
        self.state().working += 1;
        Work(self.clone())
    }

    /// A request has proved who its caller is.
    pub(crate) fn know(&self) {
        let mut state = self.state();
        state.known = true;
        state.concluded = false;
        state.end = Instant::now() + self.0.terms.idle;
    }

    /// A request did not come whole, over HTTP/1.1: there is only its answer to be taken, unless another one comes.
    pub(crate) fn conclude(&self) {
        self.state().concluded = true;
    }

    /// Whether the connection is to be closed after this answer, because somebody else needs its place.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.0.asked.settle()
    }

    /// Ends it at once, unless its caller is known or about to be, or has just come; says whether it did.
    pub(crate) fn revoke(&self) -> bool {
        let mut state = self.state();
        if state.known || state.over || state.working > 0 || self.is_young() {
            return false;
        }
        state.over = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        true
    }

    /// Whether it began a moment ago.
    pub(crate) fn is_young(&self) -> bool {
        self.0.begun.elapsed() < FAIR
    }

    /// Whether it is that of a stranger, and still there.
    pub(crate) fn is_strangers(&self) -> bool {
        let state = self.state();
        !state.known && !state.over
    }

    /// Until it ends in a moment, unless something is done on it: time to say so.
    pub(crate) async fn ending(&self) {
        let notice = NOTICE.min(self.0.terms.idle / NOTICE_OF_IDLE);
        loop {
            let goodbye = self.due(&self.state()) - notice;
            if goodbye <= Instant::now() {
                return;
            }
            sleep_until(goodbye).await;
        }
    }

    /// When it ends, as far as can be said now; `None` if it has been revoked.
    fn end(&self, waker: &Waker) -> Option<Instant> {
        let mut state = self.state();
        if state.over {
            return None;
        }
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        Some(self.due(&state))
    }

    fn due(&self, state: &State) -> Instant {
        match (state.working > 0, state.known) {
            (true, true) => Instant::now() + self.0.terms.idle,
            (true, false) => state.end + self.0.terms.checking,
            (false, _) => state.end,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is worked on.
#[derive(Debug)]
pub(crate) struct Work(Lease);

impl Drop for Work {
    fn drop(&mut self) {
        let idle = self.0.0.terms.idle;
        let mut state = self.0.state();
        state.working -= 1;
        if state.known {
            state.end = Instant::now() + if state.concluded { LAST_WORD } else { idle };
        }
    }
}

/// The stream's clock for its lease.
#[derive(Debug)]
pub(crate) struct Clock {
    lease: Lease,
    timer: Pin<Box<Sleep>>,
}

impl Clock {
    pub(crate) fn new(lease: Lease) -> Self {
        Self { lease, timer: Box::pin(sleep_until(Instant::now())) }
    }

    /// The lease.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Ready once the lease is over.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(end) = self.lease.end(cx.waker()) else { return Poll::Ready(()) };
            // Mostly the end moves on; the timer is set again only when it has run out.
            if end < self.timer.deadline() {
                self.timer.as_mut().reset(end);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(end);
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.lease.state().over = true;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const TERMS: Terms =
        Terms { unknown: Duration::from_secs(10), checking: Duration::from_secs(2), idle: Duration::from_secs(5) };

    /// How many seconds it takes from now on until the lease is over.
    async fn left(lease: &Lease) -> f64 {
        let (mut clock, begun) = (Clock::new(lease.clone()), Instant::now());
        poll_fn(|cx| clock.poll_over(cx)).await;
        begun.elapsed().as_secs_f64().round()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_has_one_time_for_everything() {
        let lease = Lease::new(TERMS, Asked::default());
        tokio::time::advance(Duration::from_secs(4)).await;
        drop(lease.work());
        assert!((left(&lease).await - 6.0).abs() < 0.1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_never_ends_does_not_keep_a_connection() {
        let lease = Lease::new(TERMS, Asked::default());
        let _work = lease.work();
        assert!((left(&lease).await - 12.0).abs() < 0.1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_known_caller_may_be_idle_after_each_answer_and_wait_for_it() {
        let lease = Lease::new(TERMS, Asked::default());
        let work = lease.work();
        lease.know();
        let waiting = tokio::spawn({
            let lease = lease.clone();
            async move { left(&lease).await }
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(work);
        assert!((waiting.await.unwrap() - 65.0).abs() < 0.1);
    }

    #[tokio::test(start_paused = true)]
    async fn shortly_before_its_end_there_is_time_to_say_so() {
        let lease = Lease::new(TERMS, Asked::default());
        let begun = Instant::now();
        let telling = tokio::spawn({
            let lease = lease.clone();
            async move { lease.ending().await }
        });
        tokio::time::sleep(Duration::from_secs(8)).await;
        let work = lease.work();
        lease.know();
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(work);

        telling.await.unwrap();

        assert!((begun.elapsed().as_secs_f64() - 72.0).abs() < 0.1, "{:?}", begun.elapsed());
        assert!((left(&lease).await - 1.0).abs() < 0.1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_concluded_has_time_for_a_last_word() {
        let lease = Lease::new(TERMS, Asked::default());
        let work = lease.work();
        lease.know();
        lease.conclude();
        drop(work);
        assert!((left(&lease).await - 1.0).abs() < 0.1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_asked_for_now_and_then_only() {
        let asked = Asked::default();
        assert!(asked.ask() && !asked.ask());
        tokio::time::advance(ASK_PAUSE).await;
        assert!(asked.ask());
        assert!(asked.settle() && asked.settle() && !asked.settle());
    }

    #[tokio::test(start_paused = true)]
    async fn only_that_of_a_stranger_is_revoked() {
        let (stranger, known, checked) = (
            Lease::new(TERMS, Asked::default()),
            Lease::new(TERMS, Asked::default()),
            Lease::new(TERMS, Asked::default()),
        );
        known.know();
        let _work = checked.work();
        assert!(!stranger.revoke(), "it has just come");
        tokio::time::advance(FAIR).await;
        assert!(!known.revoke() && !checked.revoke());
        let waiting = tokio::spawn({
            let stranger = stranger.clone();
            async move { left(&stranger).await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(stranger.revoke() && !stranger.revoke());
        assert!((waiting.await.unwrap() - 1.0).abs() < 0.1);
    }
}
