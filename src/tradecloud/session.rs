//! The session of an account: logged in once, renewed before it ends, and again if it was ended.
//!
//! A login is the last resort. Too many get the account banned, and each may end the session of another receiver. So
//! only who has the place at the head of the line renews, once for all who wait; logins that fail have pauses between
//! them; a refused password is tried no more for a while; and whatever happens, there are few logins in ten minutes.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Method, Request, Url};
use secrecy::SecretString;
use serde::Deserialize;
use tokio::time::{Instant, sleep, timeout};

use super::account::Account;
use super::error::ApiError;
use super::line::{Answer, Line, Place, growing, in_words};
use super::path::below;
use super::token::{Granted, Token, refreshing};
use crate::outgoing::retry_after;
use crate::shown;
use crate::telemetry::events;

/// So many logins,
const MOST_LOGINS: usize = 3;
/// in this time.
const IN: Duration = Duration::from_secs(10 * 60);
/// The pause after a login that failed, which is three times as long after each further one,
const FIRST_PAUSE: Duration = Duration::from_secs(20);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// A session that was ended is renewed at once; if that happens again within this time, only when it is over. It may be
/// that the account may not do something, which no other session changes.
const BETWEEN_RENEWALS: Duration = Duration::from_secs(60);
/// The same for a session that was good for nothing yet.
const BETWEEN_USELESS: Duration = Duration::from_secs(10 * 60);
/// Nobody waits longer for a logout.
const FAREWELL: Duration = Duration::from_secs(2);
/// That the account may not do something is told again after this time.
const TOLD_AGAIN: Duration = Duration::from_secs(3600);
/// Of what a login says of the account, so much is shown.
const SHOWN: usize = 60;

/// The session there is, or how to get one.
pub(super) struct Session {
    login: Url,
    refresh: Url,
    logout: Url,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    refresh: Option<SecretString>,
    /// How many tokens there were.
    number: u64,
    /// When the latest logins were.
    logins: VecDeque<Instant>,
    /// Logins that failed in a row, and until when there is none for that reason.
    failures: u32,
    not_before: Option<(Instant, String)>,
    /// When a session was last refused.
    refused: Option<Instant>,
    /// The number of the token that was refused right after it was made.
    useless: Option<u64>,
    told_held: bool,
    told_refused: Option<Instant>,
}

impl Session {
    pub(super) fn new(base: &Url) -> Self {
        let [login, refresh, logout] =
            ["login", "refresh", "logout"].map(|what| below(base, &format!("v2/authentication/{what}")));
        Self { login, refresh, logout, state: Mutex::default() }
    }

    /// The token to use, if there is one.
    pub(super) fn current(&self) -> Option<Token> {
        self.state().token.clone().filter(|token| token.until > Instant::now())
    }

    /// The token to use, and whether it was made for that.
    pub(super) async fn token(&self, account: &Account, place: &mut Place<'_>) -> Result<(Token, bool), ApiError> {
        match self.current() {
            Some(token) => Ok((token, false)),
            None => self.renew(account, place, false).await.map(|token| (token, true)),
        }
    }

    /// The API took that token, whatever it answered.
    pub(super) fn accepted(&self, token: &Token) {
        let mut state = self.state();
        if state.useless == Some(token.number) {
            state.useless = None;
        }
    }

    /// Another token in place of one that was answered 401, in these words; and whether it was made for that.
    pub(super) async fn instead_of(
        &self,
        refused: &Token,
        words: &str,
        account: &Account,
        place: &mut Place<'_>,
    ) -> Result<(Token, bool), ApiError> {
        // Somebody else was here before.
        if let Some(current) = self.current()
            && current.number != refused.number
        {
            return Ok((current, false));
        }
        self.end(refused, words)?;
        self.renew(account, place, true).await.map(|token| (token, true))
    }

    /// Gives up a token that was refused, unless one was given up lately.
    fn end(&self, refused: &Token, words: &str) -> Result<(), ApiError> {
        let mut state = self.state();
        let is_useless = state.useless == Some(refused.number);
        let between = if is_useless { BETWEEN_USELESS } else { BETWEEN_RENEWALS };
        let left = state.refused.and_then(|at| between.checked_sub(at.elapsed())).filter(|left| !left.is_zero());
        match left {
            None => {}
            Some(left) if !is_useless => {
                let reason = format!("{words}; the session was renewed lately, and is again in {}", in_words(left));
                return Err(ApiError::paused(reason, left));
            }
            Some(_) => return Err(ApiError::NotAllowed(words.to_owned())),
        }
        state.refused = Some(Instant::now());
        state.token = None;
        Ok(())
    }

    /// A token that was made a moment ago was refused, in these words: another one would be, too.
    pub(super) fn not_allowed(&self, token: &Token, words: &str) -> ApiError {
        let mut state = self.state();
        state.useless = Some(token.number);
        state.refused = Some(Instant::now());
        if state.told_refused.is_none_or(|at| at.elapsed() >= TOLD_AGAIN) {
            state.told_refused = Some(Instant::now());
            events::tradecloud::not_allowed(words);
        }
        ApiError::NotAllowed(format!("{words}, although the login worked a moment ago"))
    }

    /// `ended`: somebody else ended the session, such as another receiver that logged in.
    async fn renew(&self, account: &Account, place: &mut Place<'_>, ended: bool) -> Result<Token, ApiError> {
        let refresh = self.state().refresh.clone();
        if let Some(refresh) = refresh {
            let answer = place.ask(refreshing(Method::GET, &self.refresh, &refresh)).await?;
            if let Some(token) = self.granted(&answer) {
                return Ok(token);
            }
            if answer.status >= 500 {
                return Err(ApiError::unavailable(answer.words));
            }
            // It was of no use, and is not tried again.
            self.state().refresh = None;
        }
        account.check()?;
        if ended {
            // Two who log each other out should not do so at the same pace.
            sleep(growing(place.bounds().moment, 1, 0, Duration::MAX)).await;
        }
        self.log_in(account, place).await
    }

    async fn log_in(&self, account: &Account, place: &mut Place<'_>) -> Result<Token, ApiError> {
        self.note_login()?;
        let request = account.on(Request::new(Method::GET, self.login.clone()));
        let answer = place.ask(request).await.map_err(|error| self.failed(error))?;
        if matches!(answer.status, 401 | 403) {
            return Err(account.refused(&answer.words, retry_after(&answer.headers)));
        }
        if answer.status >= 500 {
            return Err(self.failed(ApiError::unavailable(answer.words)));
        }
        let good = (200..300).contains(&answer.status);
        if let Some(status) =
            status(&answer.body).filter(|_| good).filter(|status| !status.eq_ignore_ascii_case("authenticated"))
        {
            let status = shown::quoted(&status, SHOWN);
            let words = format!("{}, but with the status {status}: a second factor cannot be given", answer.words);
            return Err(account.refused(&words, None));
        }
        let Some(token) = self.granted(&answer) else {
            let reason = format!("no login: {}, but without a token. Is the address right?", answer.words);
            return Err(self.failed(ApiError::unavailable(reason)));
        };
        account.taken();
        Ok(token)
    }

    /// Takes over what an answer brought, if it is a session.
    fn granted(&self, answer: &Answer) -> Option<Token> {
        if !(200..300).contains(&answer.status) {
            return None;
        }
        let granted = Granted::from(&answer.headers);
        let mut state = self.state();
        let token = granted.token(state.number)?;
        state.number += 1;
        (state.token, state.refresh) = (Some(token.clone()), granted.refresh);
        (state.failures, state.not_before, state.told_held) = (0, None, false);
        Some(token)
    }

    /// Whether there may be a login now; if so, it counts as made.
    fn note_login(&self) -> Result<(), ApiError> {
        let (mut state, now) = (self.state(), Instant::now());
        if let Some((until, why)) = &state.not_before
            && *until > now
        {
            let left = until.duration_since(now);
            return Err(ApiError::paused(format!("{why}; the next login is in {}", in_words(left)), left));
        }
        while state.logins.front().is_some_and(|at| at.elapsed() >= IN) {
            state.logins.pop_front();
        }
        if let (true, Some(first)) = (state.logins.len() >= MOST_LOGINS, state.logins.front()) {
            let left = IN.saturating_sub(first.elapsed());
            if !std::mem::replace(&mut state.told_held, true) {
                events::tradecloud::logins_held(MOST_LOGINS, &in_words(left));
            }
            let often = format!("there were {MOST_LOGINS} logins within {}", in_words(IN));
            return Err(ApiError::paused(format!("{often}; the next is in {}", in_words(left)), left));
        }
        state.logins.push_back(now);
        Ok(())
    }

    /// A login failed, and not for the password.
    fn failed(&self, error: ApiError) -> ApiError {
        let ApiError::Unavailable { reason, late, pause } = error else { return error };
        let mut state = self.state();
        let growing = growing(FIRST_PAUSE, 3, state.failures, LONGEST_PAUSE);
        let pause = pause.map_or(growing, |pause| pause.max(growing));
        state.failures = state.failures.saturating_add(1);
        state.not_before = Some((Instant::now() + pause, reason.clone()));
        ApiError::Unavailable { reason, late, pause: Some(pause) }
    }

    /// Ends the session. Whatever is answered, it is over for us.
    pub(super) async fn end_all(&self, line: &Line) {
        let refresh = {
            let mut state = self.state();
            state.token = None;
            state.refresh.take()
        };
        let Some(refresh) = refresh else { return };
        let _ = timeout(FAREWELL, line.last(refreshing(Method::POST, &self.logout, &refresh))).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a login says of the account, if it says anything.
fn status(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        status: String,
    }
    serde_json::from_slice::<Body>(body).ok().map(|body| body.status)
}
