//! Everything that happens and that somebody may want to know: one function for each, a file per stage.
//!
//! What the alarms of users look for stands here in one place, and on the page of alarms; a test holds them together.
//! A line never has a credential in it, nor a whole body: of what came from outside, only the beginning.

pub(crate) mod bulk;
pub(crate) mod callers;
pub(crate) mod certificates;
pub(crate) mod configuration;
pub(crate) mod delivery;
pub(crate) mod documents;
pub(crate) mod handlers;
pub(crate) mod inbox;
pub(crate) mod inspector;
pub(crate) mod intake;
pub(crate) mod receiver;
pub(crate) mod tradecloud;

use std::borrow::Cow;

/// Of an id or a number, whoever made it up, so much is told.
const LONGEST: usize = 200;

/// The event that a line is about. Every line about one has the number of its purchase order or shipment, by which it
/// is looked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    /// Its id; a body that nobody keeps has none.
    pub(crate) id: Option<&'a str>,
    /// The purchase order or shipment number.
    pub(crate) number: Option<&'a str>,
    /// The event name.
    pub(crate) event: Option<&'a str>,
}

/// A line about an event.
macro_rules! about {
    ($level:ident, $about:expr, $($rest:tt)*) => {{
        let about: $crate::telemetry::events::About<'_> = $about;
        tracing::$level!(
            target: TARGET,
            id = about.id.map($crate::telemetry::events::beginning).as_deref(),
            number = about.number.map($crate::telemetry::events::beginning).as_deref(),
            event = about.event.map($crate::telemetry::events::beginning).as_deref(),
            $($rest)*
        );
    }};
}
use about;

/// The beginning of a text that may be of any length.
fn beginning(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Milliseconds, of which a number is made in every form of the log.
fn milliseconds(took: std::time::Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
