//! What people did to an event: who, when, with what, from where, and why. That is known for longer than the event.

use std::io::Write;

use jiff::tz::TimeZone;
use serde_json::json;

use crate::inbox::ActionView;
use crate::shown::{printable, time};
use crate::wording::history::in_words;

/// Every action, one per line, in the order of time.
pub(super) fn in_full(id: &str, actions: &[ActionView], zone: &TimeZone, out: &mut impl Write) -> anyhow::Result<()> {
    for action in actions {
        writeln!(out, "{} {}", time(action.at, zone), printable(&in_words(id, action)))?;
    }
    Ok(())
}

/// What is known of an id that no event has any more: most often that of a refused body, which is an event now.
pub(super) fn of_what_was(
    id: &str,
    actions: &[ActionView],
    zone: &TimeZone,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let accepted = actions.iter().rev().find(|action| action.event == id && action.became.is_some());
    let became = accepted.and_then(|action| action.became.as_deref());
    if json {
        writeln!(out, "{}", json!({"id": id, "became": became, "actions": actions}))?;
        return Ok(());
    }
    let shown = printable(id);
    match (accepted, became.map(printable)) {
        (Some(action), Some(became)) => writeln!(
            out,
            "{shown} was a refused body. {} accepted it at {}, and it is event {became} now: `events show {became}`",
            printable(&action.who),
            time(action.at, zone)
        )?,
        _ => writeln!(out, "{shown} is not in the inbox any more. This was done to it:")?,
    }
    in_full(id, actions, zone, out)
}
