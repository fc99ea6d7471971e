//! How things stand with an event, in a few words: who is to act on it and why, and what became of it at each handler.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::desk::{Configured, Desk};
use crate::inbox::{AttemptView, DeliveryView, Ending, EventView, State};
use crate::shown::{first_line, printable};

/// Who is to act on it and why; nothing, if nobody has to. With a handler, as far as that is concerned.
pub(crate) fn to_act(event: &EventView, handler: Option<&str>, desk: &Desk, zone: &TimeZone) -> Option<String> {
    if event.kind.is_none() && event.state == State::Refused {
        return Some(format!("somebody: {}", refused(event)));
    }
    let is_asked = |one: &&DeliveryView| handler.is_none_or(|handler| one.handler == handler);
    let open = event.deliveries.iter().filter(is_asked).filter_map(|delivery| {
        let (rank, words) = open(delivery, event, desk.configured(&delivery.handler), zone)?;
        Some((rank, words))
    });
    open.min_by_key(|(rank, _)| *rank).map(|(_, words)| words)
}

/// `refused 400: line 12, column 8: …`.
pub(crate) fn refused(event: &EventView) -> String {
    let status = event.status.map(|status| format!(" {status}")).unwrap_or_default();
    match event.reason.as_deref().and_then(|reason| first_line(reason.as_bytes())) {
        Some(reason) => format!("refused{status}: {reason}"),
        None => format!("refused{status}"),
    }
}

/// What is open of a delivery, and how urgent that is: less is more.
fn open(delivery: &DeliveryView, event: &EventView, configured: Configured, zone: &TimeZone) -> Option<(u8, String)> {
    let handler = printable(&delivery.handler);
    match (delivery.state, configured) {
        (State::Dead, _) => Some((0, format!("somebody: {}", dead(delivery, &event.attempts)))),
        (state, _) if !state.is_to_be_made() => None,
        (_, Configured::No) => Some((1, format!("somebody: handler {handler} is not in the configuration"))),
        (_, Configured::Paused) => Some((2, format!("somebody: handler {handler} is paused"))),
        _ if delivery.being_delivered => Some((3, "the receiver: at it now".to_owned())),
        _ => Some((4, format!("the receiver: {}", next(delivery, zone)))),
    }
}

/// `rejected 422 item unknown`, or why it was given up.
pub(crate) fn dead(delivery: &DeliveryView, attempts: &[AttemptView]) -> String {
    let last = last(delivery, attempts);
    let is_rejected = last.is_some_and(|last| last.outcome == Some(Ending::Rejected));
    if let (false, Some(why)) = (is_rejected, delivery.reason.as_deref().and_then(|why| first_line(why.as_bytes()))) {
        return why;
    }
    let status = last.and_then(|last| last.status).map(|status| format!(" {status}")).unwrap_or_default();
    let said = last.and_then(said).map(|said| format!(" {said}")).unwrap_or_default();
    format!("{}{status}{said}", if is_rejected { "rejected" } else { "given up" })
}

/// When the receiver goes on with it.
fn next(delivery: &DeliveryView, zone: &TimeZone) -> String {
    match (delivery.due, &delivery.waits_for) {
        (Some(due), _) if due > Timestamp::now() && delivery.attempts > 0 => format!("again at {}", soon(due, zone)),
        (Some(due), _) if due > Timestamp::now() => format!("at {}", soon(due, zone)),
        (Some(due), _) => format!("due since {}", soon(due, zone)),
        (None, Some(first)) => format!("after event {} of its order or shipment", printable(first)),
        (None, None) => "when its turn comes".to_owned(),
    }
}

/// What was said at each handler, what wants attention first: `erp: done, 204, 45 ms; disk: attempt 7 at 14:05`.
pub(crate) fn at_handlers(event: &EventView, handler: Option<&str>, zone: &TimeZone) -> String {
    let words: Vec<_> = said_at(event, handler, zone).into_iter().map(Said::in_line).collect();
    words.join("; ")
}

/// What was said at a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// How far the event has come there.
    pub(crate) state: State,
    /// The handler's name.
    pub(crate) handler: String,
    /// What was said.
    pub(crate) words: String,
}

impl Said {
    fn in_line(self) -> String {
        format!("{}: {}", self.handler, self.words)
    }
}

/// The same, one for each handler.
pub(crate) fn said_at(event: &EventView, handler: Option<&str>, zone: &TimeZone) -> Vec<Said> {
    let is_asked = |one: &&DeliveryView| handler.is_none_or(|handler| one.handler == handler);
    let mut deliveries: Vec<_> = event.deliveries.iter().filter(is_asked).collect();
    deliveries.sort_by_key(|delivery| match delivery.state {
        State::Dead => 0,
        state if state.is_to_be_made() => 1,
        _ => 2,
    });
    deliveries.into_iter().map(|one| at_handler(one, &event.attempts, zone)).collect()
}

fn at_handler(delivery: &DeliveryView, attempts: &[AttemptView], zone: &TimeZone) -> Said {
    let last = last(delivery, attempts);
    let status = last.and_then(|last| last.status).map(|status| format!(", {status}")).unwrap_or_default();
    let words = match delivery.state {
        State::Done => {
            let took = last.map(|last| format!(", {} ms", last.milliseconds)).unwrap_or_default();
            format!("done{status}{took}")
        }
        State::Dead => {
            let said = last.and_then(said).map(|said| format!(" {said}")).unwrap_or_default();
            let is_rejected = last.is_some_and(|last| last.outcome == Some(Ending::Rejected));
            format!("{}{status}{said}", if is_rejected { "rejected" } else { "given up" })
        }
        state if state.is_to_be_made() && delivery.being_delivered => {
            format!("attempt {} goes on", delivery.attempts + 1)
        }
        state if state.is_to_be_made() => match delivery.due {
            Some(due) if due > Timestamp::now() => {
                format!("attempt {} at {}", delivery.attempts + 1, soon(due, zone))
            }
            _ => "waits".to_owned(),
        },
        state => state.as_str().to_owned(),
    };
    Said { state: delivery.state, handler: printable(&delivery.handler), words }
}

/// The last attempt of a delivery that is kept.
pub(crate) fn last<'a>(delivery: &DeliveryView, attempts: &'a [AttemptView]) -> Option<&'a AttemptView> {
    attempts.iter().rev().find(|attempt| attempt.handler == delivery.handler)
}

/// What the back end said in its first line, or why the attempt failed.
pub(crate) fn said(attempt: &AttemptView) -> Option<String> {
    let line = |text: &Option<String>| text.as_deref().and_then(|text| first_line(text.as_bytes()));
    line(&attempt.answer).or_else(|| line(&attempt.reason))
}

/// A time that is near: without the day, if that is this one.
pub(crate) fn soon(at: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), Timestamp::now().to_zoned(zone.clone()));
    at.strftime(if at.date() == now.date() { "%H:%M" } else { "%F %H:%M" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(outcome: Ending, status: u16, answer: &str) -> AttemptView {
        AttemptView {
            handler: "erp".to_owned(),
            round: 1,
            attempt: 1,
            begun: Timestamp::UNIX_EPOCH,
            milliseconds: 45,
            outcome: Some(outcome),
            status: Some(status),
            answer: Some(answer.to_owned()).filter(|answer| !answer.is_empty()),
            reason: None,
        }
    }

    fn delivery(state: State) -> DeliveryView {
        DeliveryView {
            handler: "erp".to_owned(),
            state,
            attempts: 6,
            round: 1,
            due: None,
            being_delivered: false,
            waits_for: None,
            changed: Timestamp::UNIX_EPOCH,
            reason: None,
            failures: Vec::new(),
        }
    }

    #[test]
    fn what_a_handler_said_is_told_in_a_few_words() {
        let at = |delivery: &DeliveryView, attempt| at_handler(delivery, &[attempt], &TimeZone::UTC).in_line();
        let later = Timestamp::now() + std::time::Duration::from_secs(3 * 24 * 3600);
        let again = DeliveryView { due: Some(later), ..delivery(State::Pending) };

        assert_eq!(at(&delivery(State::Done), attempt(Ending::Done, 204, "")), "erp: done, 204, 45 ms");
        assert_eq!(
            at(&delivery(State::Dead), attempt(Ending::Rejected, 422, "item unknown\nat line 5")),
            "erp: rejected, 422 item unknown"
        );
        assert_eq!(at(&delivery(State::Dead), attempt(Ending::Unreachable, 503, "")), "erp: given up, 503");
        assert_eq!(
            at(&again, attempt(Ending::Unreachable, 503, "busy")),
            format!("erp: attempt 7 at {}", later.to_zoned(TimeZone::UTC).strftime("%F %H:%M"))
        );
    }

    #[test]
    fn of_what_is_dead_it_is_said_what_the_back_end_said_of_it() {
        assert_eq!(
            dead(&delivery(State::Dead), &[attempt(Ending::Rejected, 422, "item unknown")]),
            "rejected 422 item unknown"
        );
        let gone = DeliveryView { reason: Some("given up after 14 days".to_owned()), ..delivery(State::Dead) };
        assert_eq!(dead(&gone, &[]), "given up after 14 days");
    }
}
