//! A user name and its password, and whether they were refused. Failed attempts are counted on the other side, and too
//! many get the account banned: so after one, nothing is tried for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Request;
use reqwest::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::error::ApiError;
use super::line::in_words;
use super::settings::Login;
use crate::outgoing::basic;
use crate::telemetry::events;

/// How long nothing is tried after a refusal. A configuration that has changed makes another account of it.
const BLOCKED: Duration = Duration::from_secs(15 * 60);
/// If the other side says how long it wants to be left alone, as it may after a ban: so long at the most.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// One account of one platform.
#[derive(Debug)]
pub(super) struct Account {
    /// The table of the configuration that it stands in.
    table: &'static str,
    username: String,
    password: SecretString,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Until when nothing is tried, and what was answered.
    blocked: Option<(Instant, String)>,
    /// That it was refused is told, and not yet that it is good again.
    told: bool,
}

impl Account {
    pub(super) fn new(table: &'static str, login: &Login) -> Self {
        let (username, password) = (login.username.clone(), login.password.clone());
        Self { table, username, password, state: Mutex::default() }
    }

    /// The request, with user name and password.
    pub(super) fn on(&self, mut request: Request) -> Request {
        // Base64 fits into any header.
        if let Some(header) = basic(&self.username, self.password.expose_secret()) {
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        request
    }

    /// Whether it may be tried.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        match &self.state().blocked {
            Some((until, words)) if *until > Instant::now() => {
                let left = in_words(until.duration_since(Instant::now()));
                Err(ApiError::Credentials(format!("{}; it is tried again in {left}", self.refusal(words))))
            }
            _ => Ok(()),
        }
    }

    /// It was refused, in these words; perhaps with a time for which the other side wants to be left alone.
    pub(super) fn refused(&self, words: &str, asked: Option<Duration>) -> ApiError {
        let pause = BLOCKED.max(asked.unwrap_or_default().min(LONGEST));
        let mut state = self.state();
        state.blocked = Some((Instant::now() + pause, words.to_owned()));
        if !std::mem::replace(&mut state.told, true) {
            events::tradecloud::account_refused(self.table, words, &in_words(pause));
        }
        ApiError::Credentials(self.refusal(words))
    }

    /// It was taken.
    pub(super) fn taken(&self) {
        let mut state = self.state();
        state.blocked = None;
        if std::mem::take(&mut state.told) {
            events::tradecloud::account_taken(self.table);
        }
    }

    fn refusal(&self, words: &str) -> String {
        format!("`username` and `password` of {} are not taken, correct them: {words}", self.table)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
