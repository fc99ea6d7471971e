//! Classes of events: those that are in the same states, of the same kind and event name, and came in the same way.
//!
//! There are a few dozen of them, however many events there are. Which match is found out by looking at each once.

use super::row::storable;
use crate::inbox::State;

/// The classes that there are, each found by a step in the index `listed_class`.
pub(super) const CLASSES: &str = "\
    classes AS (
        (SELECT states, kind, event_name, origin FROM listed ORDER BY states, kind, event_name, origin LIMIT 1)
        UNION ALL
        SELECT next.* FROM classes c, LATERAL (
            SELECT l.states, l.kind, l.event_name, l.origin FROM listed l
            WHERE (l.states, l.kind, l.event_name, l.origin) > (c.states, c.kind, c.event_name, c.origin)
            ORDER BY l.states, l.kind, l.event_name, l.origin LIMIT 1) AS next
    )";

/// Whether a class is in a state: a delivery of its events is; or all of them are done. (See `listed.states`.)
pub(super) fn in_state(state: State, row: &str) -> String {
    match state {
        State::Pending => format!("{row}.states & 1 <> 0"),
        State::Fetching => format!("{row}.states & 32 <> 0"),
        // Done with one handler is not done yet.
        State::Done => format!("{row}.states = 2"),
        State::Dead => format!("{row}.states & 4 <> 0"),
        State::Discarded => format!("{row}.states & 8 <> 0"),
        State::Refused => format!("{row}.states & 16 <> 0"),
        State::Unwanted => format!("{row}.states = 0 AND {row}.kind <> ''"),
    }
}

/// A pattern with `*` and `?`, as `LIKE` takes it.
pub(super) fn like(pattern: &str) -> String {
    let mut like = String::new();
    for character in storable(pattern.to_owned()).chars() {
        match character {
            '*' => like.push('%'),
            '?' => like.push('_'),
            '%' | '_' | '\\' => like.extend(['\\', character]),
            other => like.push(other),
        }
    }
    like
}
