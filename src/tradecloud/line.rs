//! One request after another, as Tradecloud wants it, and no more in a second than are allowed.
//!
//! Whoever wants to ask gets a place, in the order in which they came, and keeps it until he is done: so whoever has one
//! is alone, and what is learnt with it, such as another session, is learnt once for all who wait. A server that asks to
//! be left alone is left alone by all, and one that is out of order is asked ever more seldom. Nobody is kept waiting for
//! that: he hears how long it takes.

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Certificate, Request, Response, Url};
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::time::{Instant, sleep_until, timeout};

use bytes::{Bytes, BytesMut};

use super::error::ApiError;
use super::hidden::Secrets;
use crate::dispatch::chance;
use crate::outgoing::{Caller, Failure, advice, cause, failed, late, place, retry_after, say};
use crate::telemetry::events;

/// The pause after a failure, which doubles with each further one,
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// If a server says for how long it wants to be left alone, it is at the most this.
const LONGEST_ASKED: Duration = Duration::from_secs(15 * 60);
/// A pause that is over this soon is waited for.
const SHORT: Duration = Duration::from_secs(2);
/// After so many failures in a row it is told.
const TOLD_AFTER: u32 = 3;
/// After so many answers of 500 in a row it is perhaps not what was asked for that is at fault,
const MOST_FAULTS: u32 = 10;
/// and there is so much time between two requests.
const CAREFUL: Duration = Duration::from_secs(1);

/// How long an answer may take, and how large it may be.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    /// Until its head is there.
    pub(super) head: Duration,
    /// Without a byte of its body.
    pub(super) silence: Duration,
    /// Until its body is whole: it must not hold up all others by a byte now and then.
    pub(super) whole: Duration,
    /// In bytes.
    pub(super) largest: usize,
    /// About how long a receiver whose session was ended by another one lets that one have it.
    pub(super) moment: Duration,
}

impl Bounds {
    /// What holds for Tradecloud, whose own time-out is five seconds.
    pub(super) const USUAL: Self = Self {
        head: Duration::from_secs(20),
        silence: Duration::from_secs(20),
        whole: Duration::from_secs(5 * 60),
        largest: 64 * 1024 * 1024,
        moment: Duration::from_secs(2),
    };
}

/// The queue before one server.
pub(super) struct Line {
    caller: Caller,
    url: Url,
    spacing: Duration,
    /// How many ask that server in the same name, each in a line of its own.
    sharers: AtomicU32,
    bounds: Bounds,
    /// Whether nothing more is asked.
    over: watch::Sender<bool>,
    state: Mutex<State>,
}

struct State {
    /// Before that, nothing goes out.
    next: Instant,
    /// Until when the server is left alone, and why.
    pause: Option<(Instant, String)>,
    /// In a row.
    failures: u32,
    /// Answers of 500 in a row.
    faults: u32,
}

/// What was answered: anything but that the server is out of order, or overloaded.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// Of an answer that is no success, only the beginning.
    pub(super) body: Bytes,
    /// The answer in words, for whom it is no good.
    pub(super) words: String,
}

impl Line {
    pub(super) fn new(
        url: &Url,
        roots: &[Certificate],
        spacing: Duration,
        bounds: Bounds,
    ) -> Result<Self, reqwest::Error> {
        let state = Mutex::new(State { next: Instant::now(), pause: None, failures: 0, faults: 0 });
        let (caller, over) = (Caller::new(url, roots)?, watch::Sender::new(false));
        let sharers = AtomicU32::new(1);
        Ok(Self { caller, url: url.clone(), spacing, sharers, bounds, over, state })
    }

    /// Waits for a place, but not for a server that is left alone for long.
    pub(super) async fn place(&self) -> Result<Place<'_>, ApiError> {
        let mut state = self.state.lock().await;
        if *self.over.borrow() {
            return Err(ApiError::Over);
        }
        if let Some((until, why)) = &state.pause {
            let left = until.saturating_duration_since(Instant::now());
            if left > SHORT {
                return Err(ApiError::paused(format!("{why}; it is asked again in {}", in_words(left)), left));
            }
            sleep_until(*until).await;
            state.pause = None;
        }
        Ok(Place { line: self, state })
    }

    /// From now on so many ask, and all of them together no more often than one may.
    pub(super) fn share(&self, sharers: u32) {
        self.sharers.store(sharers.max(1), Ordering::Relaxed);
    }

    fn spacing(&self) -> Duration {
        self.spacing.saturating_mul(self.sharers.load(Ordering::Relaxed))
    }

    /// From now on nobody is asked, not even for who waits for his turn. What is under way comes to its end.
    pub(super) fn close(&self) {
        self.over.send_replace(true);
    }

    /// The last that is asked, after the line was closed.
    pub(super) async fn last(&self, request: Request) {
        let state = self.state.lock().await;
        sleep_until(state.next).await;
        let _ = self.exchange(request).await;
    }

    /// Asks beside the queue, and waits for the head of the answer. What is wrong with the server is the caller's own.
    pub(super) async fn beside(&self, request: Request) -> Result<Response, Failure> {
        match timeout(self.bounds.head, self.caller.execute(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let failure = failed(&self.url, &error);
                let reason = format!("{}{}", failure.reason, advice(&error));
                Err(Failure { reason, ..failure })
            }
            Err(_) => Err(late(&self.url, self.bounds.head)),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Failed> {
        let secrets = Secrets::of(request.headers());
        let response = self.beside(request).await.map_err(Failed::Server)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if response.status().is_success() {
            let words = format!("{} answered {}", place(&self.url), response.status());
            let body = timeout(self.bounds.whole, self.body(response)).await;
            let body = body.unwrap_or_else(|_| Err(Failed::Server(self.broken_off("takes too long for its answer"))));
            return Ok(Answer { status, headers, body: body?, words });
        }
        let (words, beginning) = say(response).await;
        let words = secrets.hide(words);
        // A 500 may be for this one thing that is asked for.
        if status == 429 || status > 500 {
            return Err(Failed::Server(Failure { reason: words, late: false, pause: retry_after(&headers) }));
        }
        Ok(Answer { status, headers, body: beginning.body.into(), words })
    }

    async fn body(&self, mut response: Response) -> Result<Bytes, Failed> {
        let mut body = BytesMut::new();
        loop {
            let chunk = match timeout(self.bounds.silence, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(body.freeze()),
                Ok(Err(error)) => {
                    let reason = format!("{} broke off its answer: {}", place(&self.url), cause(&error));
                    return Err(Failed::Server(Failure { reason, late: false, pause: None }));
                }
                Err(_) => return Err(Failed::Server(self.broken_off("stopped in the middle of its answer"))),
            };
            if body.len() + chunk.len() > self.bounds.largest {
                let most = bytesize::ByteSize(self.bounds.largest as u64).display().iec();
                return Err(Failed::Answer(format!("{} gave an answer of more than {most}", place(&self.url))));
            }
            body.extend_from_slice(&chunk);
        }
    }

    fn broken_off(&self, how: &str) -> Failure {
        Failure { reason: format!("{} {how}", place(&self.url)), late: true, pause: None }
    }
}

/// Why there is no answer.
enum Failed {
    /// Whatever is asked next would fare no better.
    Server(Failure),
    /// This one is of no use.
    Answer(String),
}

/// The place at the head of the queue.
pub(super) struct Place<'a> {
    line: &'a Line,
    state: MutexGuard<'a, State>,
}

impl Place<'_> {
    /// Asks, and waits for the whole answer.
    pub(super) async fn ask(&mut self, mut request: Request) -> Result<Answer, ApiError> {
        request.headers_mut().entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        let mut over = self.line.over.subscribe();
        let closed = async {
            if over.wait_for(|over| *over).await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            () = closed => return Err(ApiError::Over),
            () = sleep_until(self.state.next) => {}
        }
        self.state.next = Instant::now() + self.line.spacing();
        match self.line.exchange(request).await {
            Ok(answer) => {
                self.worked();
                self.state.faults = if answer.status == 500 { self.state.faults.saturating_add(1) } else { 0 };
                if self.state.faults >= MOST_FAULTS {
                    self.state.next = Instant::now() + self.line.spacing().max(CAREFUL);
                }
                Ok(answer)
            }
            Err(Failed::Answer(words)) => {
                self.worked();
                Err(ApiError::Useless { reason: words, pause: None })
            }
            Err(Failed::Server(failure)) => Err(self.failed(failure)),
        }
    }

    pub(super) const fn bounds(&self) -> &Bounds {
        &self.line.bounds
    }

    fn worked(&mut self) {
        self.state.pause = None;
        if std::mem::take(&mut self.state.failures) >= TOLD_AFTER {
            events::tradecloud::back(&place(&self.line.url));
        }
    }

    fn failed(&mut self, failure: Failure) -> ApiError {
        let doubled = growing(FIRST_PAUSE, 2, self.state.failures, LONGEST_PAUSE);
        // Whoever wants to be asked at once is not asked at once for ever.
        let pause = failure.pause.map_or(doubled, |asked| asked.clamp(FIRST_PAUSE, LONGEST_ASKED));
        self.state.failures = self.state.failures.saturating_add(1);
        if self.state.failures == TOLD_AFTER {
            events::tradecloud::away(&place(&self.line.url), &failure.reason);
        }
        self.state.pause = Some((Instant::now() + pause, failure.reason.clone()));
        Failure { pause: Some(pause), ..failure }.into()
    }
}

/// A pause that was `first`, and is longer by `factor` after each of `failures`, up to `longest`; give or take a fifth.
pub(super) fn growing(first: Duration, factor: u32, failures: u32, longest: Duration) -> Duration {
    let pause = factor.checked_pow(failures).and_then(|times| first.checked_mul(times)).unwrap_or(longest);
    pause.min(longest).mul_f64(0.8 + 0.4 * chance())
}

/// A time for people, in whole seconds.
pub(super) fn in_words(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}
