//! What is said of the handlers that an event has gone to: how far it has come, each attempt, and what became of it.

use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::desk::{Configured, NotWanted};
use crate::inbox::{AttemptView, DeliveryView, Ending, State};
use crate::shown::{first_line, lines, printable, time};

/// One handler's line, and below it every attempt of each time that the delivery was begun.
pub(super) fn in_full(
    delivery: &DeliveryView,
    attempts: &[AttemptView],
    configured: Configured,
    zone: &TimeZone,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    writeln!(out, "{}", head(delivery, configured, zone))?;
    let mut round = 1;
    for attempt in attempts.iter().filter(|attempt| attempt.handler == delivery.handler) {
        if attempt.round != round {
            round = attempt.round;
            writeln!(out, "  begun anew by somebody (round {round}):")?;
        }
        attempt_in_full(attempt, zone, out)?;
    }
    Ok(())
}

/// The same with nothing but the latest: what the back end has said last, and why it is over.
pub(super) fn in_short(
    delivery: &DeliveryView,
    attempts: &[AttemptView],
    configured: Configured,
    zone: &TimeZone,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    writeln!(out, "  {}", head(delivery, configured, zone))?;
    let last = attempts.iter().rev().find(|attempt| attempt.handler == delivery.handler);
    if let Some(attempt) = last {
        writeln!(out, "    last {}", outcome(attempt, zone))?;
        if let Some(said) = attempt.answer.as_deref().and_then(|answer| first_line(answer.as_bytes())) {
            writeln!(out, "    the back end said: {said}")?;
        }
    }
    let why = delivery.reason.as_deref().filter(|_| delivery.state == State::Dead);
    let why = why.or(last.and_then(|attempt| attempt.reason.as_deref()).filter(|_| delivery.state != State::Done));
    if let Some(why) = why.and_then(|why| first_line(why.as_bytes())) {
        writeln!(out, "    {}: {why}", if delivery.state == State::Dead { "dead, because" } else { "why" })?;
    }
    Ok(())
}

/// How far it has come.
fn head(delivery: &DeliveryView, configured: Configured, zone: &TimeZone) -> String {
    let handler_is = match configured {
        Configured::No => " (not in the configuration)",
        Configured::Paused => " (paused)",
        Configured::Yes => "",
    };
    format!(
        "handler {}{handler_is}: {}, {} attempt(s), since {}{}",
        printable(&delivery.handler),
        delivery.state.as_str(),
        delivery.attempts,
        time(delivery.changed, zone),
        what_is_next(delivery, configured, zone)
    )
}

/// What is to become of a delivery, as the end of its line. Nobody tries at a time that has passed, or while the
/// handler is paused or not there.
fn what_is_next(delivery: &DeliveryView, configured: Configured, zone: &TimeZone) -> String {
    match (delivery.due, &delivery.waits_for) {
        _ if delivery.being_delivered => ", being delivered".to_owned(),
        (None, Some(first)) => format!(", waits for event {} of its order or shipment", printable(first)),
        (Some(due), _) if configured == Configured::Yes && due > Timestamp::now() => {
            format!(", next at {}", time(due, zone))
        }
        (Some(due), _) if configured == Configured::Yes => format!(", due since {}", time(due, zone)),
        _ => String::new(),
    }
}

/// `attempt 1 at 2026-03-01 12:00:00Z: rejected with 422 after 6 ms`.
fn outcome(attempt: &AttemptView, zone: &TimeZone) -> String {
    let ending = attempt.outcome.map_or("failed", Ending::as_str);
    let status = attempt.status.map(|status| format!(" with {status}")).unwrap_or_default();
    let (number, begun, took) = (attempt.attempt, time(attempt.begun, zone), attempt.milliseconds);
    format!("attempt {number} at {begun}: {ending}{status} after {took} ms")
}

fn attempt_in_full(attempt: &AttemptView, zone: &TimeZone, out: &mut impl Write) -> anyhow::Result<()> {
    let reason = attempt.reason.as_deref().unwrap_or_default();
    let mut of_reason = reason.lines().map(printable);
    write!(out, "  {}", outcome(attempt, zone))?;
    match of_reason.next() {
        Some(first) => writeln!(out, ": {first}")?,
        None => writeln!(out)?,
    }
    for line in of_reason {
        writeln!(out, "    {line}")?;
    }
    let said = attempt.answer.as_deref().map(|answer| lines(answer.as_bytes())).unwrap_or_default();
    // Of many back ends the reason is what they said.
    if !said.is_empty() && !lines(reason.as_bytes()).contains(&said) {
        writeln!(out, "    the back end said:")?;
        for line in said.lines() {
            writeln!(out, "      {line}")?;
        }
    }
    Ok(())
}

/// A handler that an event has not gone to, and why.
pub(super) fn not_wanted(NotWanted { handler, filter }: &NotWanted, out: &mut impl Write) -> anyhow::Result<()> {
    let handler = printable(handler);
    match filter {
        Some(filter) => writeln!(out, "handler {handler}: not wanted: left out by its `{filter}`")?,
        None => writeln!(
            out,
            "handler {handler}: did not want it, or was not there, when it came. `events deliver --handler {handler}` \
             catches up"
        )?,
    }
    Ok(())
}
