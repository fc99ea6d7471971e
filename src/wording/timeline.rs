//! What happened to an event, in the order of time: how it came, every attempt with its answer, and what people did.

use jiff::Timestamp;

use super::numbers::times;
use super::{attempts, history};
use crate::inbox::{AttemptView, Ending, EventView, FETCH, State};

/// Something that happened.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// When.
    pub(crate) at: Timestamp,
    /// What kind of thing it is.
    pub(crate) tone: Tone,
    /// What, as one line.
    pub(crate) what: String,
    /// Said besides, a line each.
    pub(crate) more: Vec<String>,
}

/// What kind of thing has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// It came, or came again.
    Came,
    /// An attempt that was good.
    Good,
    /// One that is to be made again.
    Again,
    /// The end of the attempts.
    Bad,
    /// Somebody did something.
    Person,
}

/// All of it, the oldest first.
pub(crate) fn moments(event: &EventView) -> Vec<Moment> {
    let mut moments = vec![moment(event.received, Tone::Came, arrival(event))];
    if let (Some(at), often) = (event.repeated, event.copies.unwrap_or(event.repeats + 1)) {
        let what = format!("came again: {} in all, this is the last time", times(often));
        moments.push(moment(at, Tone::Came, what));
    }
    moments.extend(of_attempts(event));
    moments.extend(ends(event));
    moments.extend(
        event.actions.iter().map(|action| moment(action.at, Tone::Person, history::in_words(&event.id, action))),
    );
    moments.sort_by_key(|moment| moment.at);
    moments
}

fn moment(at: Timestamp, tone: Tone, what: String) -> Moment {
    Moment { at, tone, what, more: Vec::new() }
}

/// `came by webhook from 192.0.2.1, let in by credential portal, to /webhooks/tradecloud; answered 202`.
fn arrival(event: &EventView) -> String {
    let from = event.address.as_ref().map(|address| format!(" from {address}")).unwrap_or_default();
    let credential = event.credential.as_ref().map(|name| format!(", let in by credential {name}")).unwrap_or_default();
    let answer = event.answer.or(event.status).map(|status| format!("; answered {status}")).unwrap_or_default();
    format!("came by {}{from}{credential}, to {}{answer}", event.origin, event.path)
}

fn of_attempts(event: &EventView) -> Vec<Moment> {
    let mut moments = Vec::with_capacity(event.attempts.len());
    for (at, attempt) in event.attempts.iter().enumerate() {
        let before = event.attempts[..at].iter().rev().find(|one| one.handler == attempt.handler);
        let last = before.filter(|one| one.round == attempt.round).map_or(0, |one| one.attempt);
        let missing = attempt.attempt.saturating_sub(last + 1);
        moments.push(of_attempt(attempt, missing));
    }
    moments
}

fn of_attempt(attempt: &AttemptView, missing: u32) -> Moment {
    let (why, mut more) = attempts::in_words(attempt);
    let who = match attempt.handler.as_str() {
        FETCH => "fetching".to_owned(),
        name => format!("handler {name}"),
    };
    let round = if attempt.round > 1 { format!(" of round {}", attempt.round) } else { String::new() };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let (number, ended, took) = (attempt.attempt, attempts::ending(attempt), attempt.milliseconds);
    if missing > 0 {
        more.insert(0, format!("(before it {} not kept)", attempts::attempts_that_are(missing)));
    }
    let tone = match attempt.outcome {
        Some(Ending::Done) => Tone::Good,
        Some(Ending::Rejected) => Tone::Bad,
        _ => Tone::Again,
    };
    let what = format!("{who}, attempt {number}{round}: {ended} after {took} ms{why}");
    Moment { at: attempt.begun, tone, what, more }
}

/// What ended otherwise than by an attempt or by somebody.
fn ends(event: &EventView) -> impl Iterator<Item = Moment> {
    event.deliveries.iter().filter_map(|delivery| {
        let why = delivery.reason.as_deref().filter(|_| delivery.state == State::Dead)?;
        let was_said = event.attempts.iter().any(|one| one.reason.as_deref() == Some(why));
        let what = format!("handler {}: dead, because {}", delivery.handler, why.lines().next().unwrap_or_default());
        (!was_said).then_some(moment(delivery.changed, Tone::Bad, what))
    })
}
