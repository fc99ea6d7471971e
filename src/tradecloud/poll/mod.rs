//! Asks Tradecloud now and then what has changed, and hands on what has not come.
//!
//! `round` is one poll from its first page to its last, `pages` are what it reads, and `seen` is what it has read before.
//! How far it has come is noted in the inbox, never before all that came until then is stored; and each poll begins a
//! little earlier than the one before ended, because what is polled lags behind what is, and may come out of order. Only
//! the receiver that leads polls.

mod pages;
mod round;
mod seen;
mod settings;

use std::time::{Duration, Instant};

use tokio::time::sleep;

pub(super) use self::pages::{Pages, time};
pub(super) use self::round::{RoundError, store};
pub(crate) use self::settings::{Deliver, Settings};

use self::round::{Handled, Round};
use super::api::{Api, Polled};
use super::fetch::Fetch;
use crate::telemetry::events;

/// After this time without a poll that worked, somebody is told; and so long the first one waits at the most.
const ALARM: Duration = Duration::from_secs(15 * 60);

/// How often to look whether the inbox has been read.
const LOOK: Duration = Duration::from_secs(2);

/// Under which name it is noted how far the poll of a platform has come.
pub(crate) fn cursor_name(of: Polled, platform: &str) -> String {
    format!("poll {} {platform}", of.as_str())
}

/// What is polled, and how it comes in.
#[derive(Clone)]
pub(crate) struct Polling {
    pub(super) fetch: Fetch,
    pub(super) settings: Settings,
    /// The own company.
    pub(super) company: Option<String>,
    /// What tells cursors of one platform from those of another.
    pub(super) platform: String,
}

impl Polling {
    /// Polls for as long as it is let.
    pub(crate) async fn run(self) {
        self.until_all_is_read().await;
        let mut rounds: Vec<_> = self.settings.of.iter().map(|of| (self.round(*of), Standing::new())).collect();
        loop {
            for (round, standing) in &mut rounds {
                let of = round.of;
                match round.run().await {
                    Ok(handled) => standing.worked(of, &handled),
                    Err(error) => standing.failed(of, &error),
                }
            }
            sleep(self.settings.every).await;
        }
    }

    /// What an inbox of an earlier version holds is known only once it has been read for the numbers in it. What cannot
    /// be read must not hold up the polls for ever: twice is better than not at all.
    async fn until_all_is_read(&self) {
        let begun = Instant::now();
        let mut is_told = false;
        while begun.elapsed() < ALARM && !matches!(self.fetch.archive.unread().await, Ok(None)) {
            if !is_told {
                events::tradecloud::polls_wait();
                is_told = true;
            }
            sleep(LOOK).await;
        }
    }

    fn round(&self, of: Polled) -> Round {
        Round::new(self.clone(), of)
    }

    fn api(&self) -> &Api {
        &self.fetch.api
    }
}

/// How long one of the polls has not worked.
struct Standing {
    since: Instant,
    failed: bool,
    alarmed: bool,
}

impl Standing {
    fn new() -> Self {
        Self { since: Instant::now(), failed: false, alarmed: false }
    }

    fn worked(&mut self, of: Polled, handled: &Handled) {
        if self.failed {
            events::tradecloud::polls_again(of.as_str());
        }
        if handled.new > 0 || handled.missed > 0 {
            events::tradecloud::polled(of.as_str(), handled.new, handled.missed, handled.known);
        }
        *self = Self::new();
    }

    fn failed(&mut self, of: Polled, error: &RoundError) {
        let alarm = self.since.elapsed() >= ALARM && !self.alarmed;
        if alarm {
            events::tradecloud::polls_fail(of.as_str(), error);
        } else {
            events::tradecloud::poll_failed(of.as_str(), error);
        }
        self.alarmed |= alarm;
        self.failed = true;
    }
}
