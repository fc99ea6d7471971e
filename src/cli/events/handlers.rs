//! What is said of the handlers that an event has gone to: how far it has come, each attempt, and what became of it.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::desk::{Configured, NotWanted};
use crate::inbox::{AttemptView, DeliveryView, State};
use crate::shown::{first_line, printable, time};
pub(super) use crate::wording::attempts::{attempts_that_are, counted, ending, in_words};

/// One handler's line, and below it every attempt of each time that the delivery was begun.
pub(super) fn in_full(
    delivery: &DeliveryView,
    attempts: &[AttemptView],
    configured: Configured,
    zone: &TimeZone,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    writeln!(out, "{}", head(delivery, attempts, configured, zone))?;
    let (mut round, mut next, mut is_first) = (1, 1, true);
    for attempt in attempts.iter().filter(|attempt| attempt.handler == delivery.handler) {
        if attempt.round != round {
            (round, next) = (attempt.round, 1);
            // Of one that it had not wanted before, or that was set aside before an attempt, there is nothing to begin anew.
            writeln!(out, "  begun{} by somebody (round {round}):", if is_first { "" } else { " anew" })?;
        }
        is_first = false;
        if attempt.attempt > next {
            writeln!(out, "  … {} not kept", attempts_that_are(attempt.attempt - next))?;
        }
        next = attempt.attempt + 1;
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
    writeln!(out, "  {}", head(delivery, attempts, configured, zone))?;
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
fn head(delivery: &DeliveryView, attempts: &[AttemptView], configured: Configured, zone: &TimeZone) -> String {
    let handler_is = match configured {
        Configured::No => " (not in the configuration)",
        Configured::Paused => " (paused)",
        Configured::Yes => "",
    };
    format!(
        "handler {}{handler_is}: {}, {}, since {}{}",
        printable(&delivery.handler),
        delivery.state.as_str(),
        of_all_rounds(delivery, attempts),
        time(delivery.changed, zone),
        what_is_next(delivery, configured, zone)
    )
}

/// How many attempts there were: `6 attempts (1 since it was begun anew)`. Of a round before, the last is always kept.
fn of_all_rounds(delivery: &DeliveryView, attempts: &[AttemptView]) -> String {
    let mut rounds = BTreeMap::from([(delivery.round, delivery.attempts)]);
    // One that ended after it was set aside is not counted at the delivery, but it was made.
    for attempt in attempts.iter().filter(|one| one.handler == delivery.handler && one.round <= delivery.round) {
        let last = rounds.entry(attempt.round).or_insert(attempt.attempt);
        *last = attempt.attempt.max(*last);
    }
    let since = rounds.get(&delivery.round).copied().unwrap_or_default();
    let all = rounds.into_values().fold(0, u32::saturating_add);
    match delivery.round {
        // Nor was anything begun anew of which there were no attempts before.
        _ if all == since => counted(all),
        _ => format!("{} ({since} since it was begun anew)", counted(all)),
    }
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
    let (number, begun, took) = (attempt.attempt, time(attempt.begun, zone), attempt.milliseconds);
    format!("attempt {number} at {begun}: {} after {took} ms", ending(attempt))
}

fn attempt_in_full(attempt: &AttemptView, zone: &TimeZone, out: &mut impl Write) -> anyhow::Result<()> {
    let (first, others) = in_words(attempt);
    write!(out, "  {}", outcome(attempt, zone))?;
    match first {
        Some(first) => writeln!(out, ": {first}")?,
        None => writeln!(out)?,
    }
    for line in others {
        writeln!(out, "    {line}")?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Ending;

    fn attempt(round: u32, attempt: u32) -> AttemptView {
        AttemptView {
            handler: "erp".to_owned(),
            round,
            attempt,
            begun: Timestamp::UNIX_EPOCH,
            milliseconds: 6,
            outcome: Some(Ending::Unreachable),
            status: Some(500),
            answer: None,
            reason: None,
        }
    }

    fn shown(round: u32, made: u32, attempts: &[AttemptView]) -> String {
        let delivery = DeliveryView {
            handler: "erp".to_owned(),
            state: State::Done,
            attempts: made,
            round,
            due: None,
            being_delivered: false,
            waits_for: None,
            changed: Timestamp::UNIX_EPOCH,
            reason: None,
            failures: Vec::new(),
        };
        let mut out = Vec::new();
        in_full(&delivery, attempts, Configured::Yes, &TimeZone::UTC, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn attempts_that_are_not_kept_are_counted_where_they_were() {
        let text = shown(1, 243, &[attempt(1, 4), attempt(1, 5), attempt(1, 194), attempt(1, 196)]);

        let lines: Vec<_> = text.lines().map(|line| line.split(" at ").next().unwrap()).collect();
        assert!(lines[0].starts_with("handler erp: done, 243 attempts, since "), "{text}");
        assert_eq!(
            lines[1..],
            [
                "  … 3 attempts that are not kept",
                "  attempt 4",
                "  attempt 5",
                "  … 188 attempts that are not kept",
                "  attempt 194",
                "  … 1 attempt that is not kept",
                "  attempt 196",
            ]
        );
    }

    #[test]
    fn attempts_of_all_rounds_are_counted_and_those_of_the_last_besides() {
        let text = shown(3, 1, &[attempt(1, 2), attempt(1, 3), attempt(2, 1), attempt(2, 2), attempt(3, 1)]);

        assert!(text.starts_with("handler erp: done, 6 attempts (1 since it was begun anew), since "), "{text}");
    }

    #[test]
    fn what_was_first_tried_by_hand_was_not_begun_anew() {
        let text = shown(2, 1, &[attempt(2, 1)]);

        assert!(text.starts_with("handler erp: done, 1 attempt, since "), "{text}");
        assert!(text.contains("\n  begun by somebody (round 2):\n"), "{text}");
    }

    #[test]
    fn an_attempt_that_ended_after_the_delivery_was_set_aside_counts() {
        let first = shown(1, 0, &[attempt(1, 1)]);
        let later = shown(2, 0, &[attempt(1, 1), attempt(2, 1)]);

        assert!(first.starts_with("handler erp: done, 1 attempt, since "), "{first}");
        assert!(later.starts_with("handler erp: done, 2 attempts (1 since it was begun anew), since "), "{later}");
    }
}
