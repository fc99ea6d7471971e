//! What happens next with an event, in sentences: who has to do something, and for those at a terminal by which command.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::names::{capitalised, short};
use super::standing::{dead, last, refused, said, soon};
use crate::desk::{Configured, Desk};
use crate::inbox::{Deed, DeliveryView, EventView, FETCH, State};
use crate::shown::{printable, time};

/// Where it is read: commands help only at a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// In a terminal.
    Terminal,
    /// On a page, which has its own ways to act.
    Page,
}

impl Reader {
    /// The command for it, where one can be typed.
    fn by(self, command: &str) -> String {
        match self {
            Self::Terminal => format!(" (`{command}`)"),
            Self::Page => String::new(),
        }
    }
}

/// A sentence or more on what is open; one, if nothing is.
pub(crate) fn sentences(event: &EventView, desk: &Desk, zone: &TimeZone, reader: Reader) -> Vec<String> {
    let id = short(event);
    if let Some(erased) = event.erased {
        return vec![format!("Erased at {}: what it said is gone, that it came stays.", time(erased, zone))];
    }
    if event.kind.is_none() && event.state == State::Refused {
        return vec![
            format!("{}.", capitalised(&refused(event))),
            format!(
                "Nothing more happens until somebody corrects the cause and takes it as an event{}, or sets it aside{}.",
                reader.by(&format!("events deliver {id}")),
                reader.by(&format!("events discard {id}")),
            ),
        ];
    }
    let mut open: Vec<_> =
        event.deliveries.iter().filter(|one| one.state == State::Dead || one.state.is_to_be_made()).collect();
    open.sort_by_key(|delivery| delivery.state != State::Dead);
    let sentences: Vec<_> = open.into_iter().flat_map(|one| of_delivery(one, event, desk, zone, reader)).collect();
    if sentences.is_empty() { vec![nothing_open(event, zone, reader)] } else { sentences }
}

fn of_delivery(
    delivery: &DeliveryView,
    event: &EventView,
    desk: &Desk,
    zone: &TimeZone,
    reader: Reader,
) -> Vec<String> {
    let (id, who) = (short(event), who(delivery));
    if delivery.state == State::Dead {
        let next = format!(
            "Nothing more happens until somebody delivers it again{} or sets it aside{}.",
            reader.by(&format!("events deliver {id}")),
            reader.by(&format!("events discard {id}")),
        );
        return vec![format!("{}: {}.", capitalised(&who), dead(delivery, &event.attempts)), next];
    }
    let why = last(delivery, &event.attempts).filter(|_| delivery.attempts > 0);
    let why = why.map(|last| {
        let status = last.status.map(|status| format!("{status} ")).unwrap_or_default();
        format!("{}: attempt {} failed: {status}{}.", capitalised(&who), last.attempt, said(last).unwrap_or_default())
    });
    why.into_iter().chain([what_is_next(delivery, &who, desk.configured(&delivery.handler), zone)]).collect()
}

fn what_is_next(delivery: &DeliveryView, who: &str, configured: Configured, zone: &TimeZone) -> String {
    let number = delivery.attempts + 1;
    match (configured, delivery.due, &delivery.waits_for) {
        (Configured::No, ..) => {
            format!(
                "It waits for {who}, which is not in the configuration: until it is there, or somebody sets it aside."
            )
        }
        (Configured::Paused, ..) => format!("It waits for {who}, which is paused in the configuration."),
        _ if delivery.being_delivered => format!("The receiver is at it now, for {who} (attempt {number})."),
        (_, Some(due), _) if due > Timestamp::now() => {
            format!("The receiver tries again at {}, for {who} (attempt {number}).", soon(due, zone))
        }
        (_, Some(due), _) => {
            format!("It is due for {who} since {}: a running receiver is at it within seconds.", soon(due, zone))
        }
        (_, None, Some(first)) => {
            format!("For {who} it waits for event {} of its order or shipment.", printable(first))
        }
        (_, None, None) => format!("It waits for its turn, for {who}."),
    }
}

/// What is said where nobody has to do anything.
fn nothing_open(event: &EventView, zone: &TimeZone, reader: Reader) -> String {
    let id = short(event);
    match event.state {
        State::Unwanted => {
            let by = match reader {
                Reader::Terminal => format!(" `events deliver {id} --handler NAME` gives it to one all the same."),
                Reader::Page => String::new(),
            };
            format!("No handler wanted it.{by}")
        }
        State::Discarded => {
            let action = event.actions.iter().rev().find(|action| action.what == Deed::Discard);
            let who = action.map_or("Somebody", |action| &action.who);
            let why = action.and_then(|action| action.reason.as_deref()).map(|why| format!(": {why}"));
            let set_aside = printable(&format!("{who} set it aside{}.", why.unwrap_or_default()));
            let by = reader.by(&format!("events deliver {id}"));
            format!("{set_aside} Nothing more happens, unless somebody delivers it{by}.")
        }
        _ => {
            let handlers: Vec<_> = event.deliveries.iter().map(who).collect();
            let at = event.deliveries.iter().map(|delivery| delivery.changed).max();
            let at = at.map(|at| format!(" since {}", time(at, zone))).unwrap_or_default();
            format!("Done{at}, by {}. Nobody has to do anything.", handlers.join(", "))
        }
    }
}

fn who(delivery: &DeliveryView) -> String {
    match delivery.handler.as_str() {
        FETCH => "what fetches it".to_owned(),
        name => format!("handler {}", printable(name)),
    }
}
