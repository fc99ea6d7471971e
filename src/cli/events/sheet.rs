//! An event as a person at a terminal reads it: what happens next, what it is, what happened to it in the order of time,
//! and what is in it.

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::headline;
use super::lines::{number, short, style_of, title};
use super::{contents, handlers, history, show};
use crate::cli::terminal::{FAINT, STRONG, Terminal};
use crate::desk::Desk;
use crate::inbox::{AttemptView, EventView, FETCH, State};
use crate::shown::{printable, time};

/// Something that happened.
struct Moment {
    at: Timestamp,
    what: String,
    /// Said besides, a line each.
    more: Vec<String>,
}

/// Shows it.
pub(super) async fn run(
    event: &EventView,
    desk: &Desk,
    zone: &TimeZone,
    terminal: Terminal,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let state = terminal.painted(style_of(event.state), event.state.as_str());
    let number = number(event).map(|number| format!("  {}", printable(number))).unwrap_or_default();
    writeln!(out, "{}  {state}", terminal.painted(STRONG, &format!("{}{number}", title(event))))?;
    for sentence in headline::sentences(event, desk, zone) {
        writeln!(out, "{sentence}")?;
    }
    writeln!(out)?;
    facts(event, out)?;
    for handler in desk.not_wanted(event).await? {
        handlers::not_wanted(&handler, out)?;
    }
    writeln!(out)?;
    timeline(event, zone, terminal, out)?;
    what_is_in_it(event, desk, terminal, out).await?;
    let (id, content) = (short(event), event.erased.is_none() && event.size > 0);
    if content {
        let more = if event.kind.is_some() { ", --as-delivered or --diff" } else { "" };
        writeln!(out)?;
        writeln!(out, "{}", terminal.painted(FAINT, &format!("More: events show {id} --body{more}")))?;
    }
    Ok(())
}

fn facts(event: &EventView, out: &mut impl Write) -> anyhow::Result<()> {
    let key = event.key.hyphenated().to_string();
    let size = match event.content_type.as_deref() {
        _ if event.erased.is_some() => "erased".to_owned(),
        Some(content_type) => format!("{} bytes, {content_type}", event.size),
        None => format!("{} bytes", event.size),
    };
    let rows = [
        ("id", Some(event.id.clone())),
        ("key", Some(key).filter(|key| !key.eq_ignore_ascii_case(&event.id))),
        ("event", event.event_name.clone()),
        ("kind", event.kind.map(|kind| kind.to_string())),
        ("company", event.company_id.clone()),
        ("size", Some(size)),
    ];
    for (what, value) in rows {
        if let Some(value) = value {
            writeln!(out, "{what:<13} {}", printable(&value))?;
        }
    }
    show::references(event, out)
}

fn timeline(event: &EventView, zone: &TimeZone, terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    let mut moments = vec![Moment { at: event.received, what: arrival(event), more: Vec::new() }];
    if let (Some(at), times) = (event.repeated, event.copies.unwrap_or(event.repeats + 1)) {
        let what = format!("came again: {} in all, this is the last time", show::times(times));
        moments.push(Moment { at, what, more: Vec::new() });
    }
    moments.extend(attempts(event));
    moments.extend(ends(event));
    for action in &event.actions {
        moments.push(Moment { at: action.at, what: history::in_words(&event.id, action), more: Vec::new() });
    }
    moments.sort_by_key(|moment| moment.at);
    for moment in moments {
        let at = terminal.painted(FAINT, &time(moment.at, zone));
        writeln!(out, "{at}  {}", printable(&moment.what))?;
        for line in moment.more {
            writeln!(out, "    {line}")?;
        }
    }
    Ok(())
}

/// `came by webhook from 192.0.2.1, let in by credential portal, to /webhooks/tradecloud; answered 202`.
fn arrival(event: &EventView) -> String {
    let from = event.address.as_ref().map(|address| format!(" from {address}")).unwrap_or_default();
    let credential = event.credential.as_ref().map(|name| format!(", let in by credential {name}")).unwrap_or_default();
    let answer = event.answer.or(event.status).map(|status| format!("; answered {status}")).unwrap_or_default();
    format!("came by {}{from}{credential}, to {}{answer}", event.origin, event.path)
}

fn attempts(event: &EventView) -> Vec<Moment> {
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
    let (why, mut more) = handlers::in_words(attempt);
    let who = match attempt.handler.as_str() {
        FETCH => "fetching".to_owned(),
        name => format!("handler {name}"),
    };
    let round = if attempt.round > 1 { format!(" of round {}", attempt.round) } else { String::new() };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let (number, ended, took) = (attempt.attempt, handlers::ending(attempt), attempt.milliseconds);
    if missing > 0 {
        more.insert(0, format!("(before it {} not kept)", handlers::attempts_that_are(missing)));
    }
    Moment { at: attempt.begun, what: format!("{who}, attempt {number}{round}: {ended} after {took} ms{why}"), more }
}

/// What ended otherwise than by an attempt or by somebody.
fn ends(event: &EventView) -> impl Iterator<Item = Moment> {
    event.deliveries.iter().filter_map(|delivery| {
        let why = delivery.reason.as_deref().filter(|_| delivery.state == State::Dead)?;
        let was_said = event.attempts.iter().any(|one| one.reason.as_deref() == Some(why));
        let what = format!("handler {}: dead, because {}", delivery.handler, why.lines().next().unwrap_or_default());
        (!was_said).then_some(Moment { at: delivery.changed, what, more: Vec::new() })
    })
}

async fn what_is_in_it(event: &EventView, desk: &Desk, terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(event) = desk.event(event).await? else { return Ok(()) };
    match event.message() {
        Ok(message) => contents::table(&message, terminal, out),
        Err(error) => {
            writeln!(out)?;
            writeln!(out, "What is in it is not shown as a table: {}", printable(&error.to_string()))?;
            Ok(())
        }
    }
}
