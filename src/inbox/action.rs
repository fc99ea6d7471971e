//! What a person did to events: who, when, from where, and why. It is kept in the same transaction as the change, and
//! longer than the events.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::EventKey;
use super::view::in_utc;

/// Something that a person does, to one event or to many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What it is known by.
    pub id: Uuid,
    /// When it began.
    pub at: Timestamp,
    /// Who does it: the user of the operating system, or of the pages.
    pub who: String,
    /// What he does it with: `cli`, `page` or `api`.
    pub via: &'static str,
    /// From where, if that is another machine.
    pub address: Option<String>,
    /// What is done.
    pub what: Deed,
    /// To that handler only.
    pub handler: Option<String>,
    /// What was asked for, if not single events: the filter, in the words of the command line.
    pub filter: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// What a person can do to events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    /// Has them delivered, again or at once.
    Deliver,
    /// Sets them aside.
    Discard,
    /// Makes an event of a refused body.
    Accept,
    /// Removes the body and what was answered.
    Erase,
}

impl Deed {
    const ALL: [Self; 4] = [Self::Deliver, Self::Discard, Self::Accept, Self::Erase];

    /// The name in answers and in the inbox.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Discard => "discard",
            Self::Accept => "accept",
            Self::Erase => "erase",
        }
    }

    /// The one of that name, if there is one.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == name)
    }
}

/// What was done to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionView {
    /// What the action is known by; one that was about many events is the same on each of them.
    pub id: Uuid,
    /// When it was done to this event.
    #[serde(serialize_with = "in_utc")]
    pub at: Timestamp,
    /// Who did it.
    pub who: String,
    /// What with: `cli`, `page` or `api`.
    pub via: String,
    /// From where, if from another machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was done.
    pub what: Deed,
    /// To that handler only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// What was asked for, if it was not this event by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many events it was about.
    pub events: u64,
    /// The id of the event that it was done to.
    pub event: String,
    /// The id of the event that this refused body became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub became: Option<String>,
}

/// An event that something was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActedOn {
    /// When.
    pub at: Timestamp,
    /// By what the event is known.
    pub key: EventKey,
    /// Its sequence, if it is still there.
    pub sequence: Option<i64>,
}

/// What somebody did, to however many events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeedView {
    /// What the action is known by.
    pub id: Uuid,
    /// When it changed the first event.
    #[serde(serialize_with = "in_utc")]
    pub at: Timestamp,
    /// Who did it.
    pub who: String,
    /// What with: `cli`, `page` or `api`.
    pub via: String,
    /// From where, if from another machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What was done.
    pub what: Deed,
    /// To that handler only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// What was asked for, if not single events by their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many events it has changed.
    pub events: u64,
}
