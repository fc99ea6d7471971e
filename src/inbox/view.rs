//! The inbox as people see it: events with the state they are in.

use std::time::Duration;

use jiff::Timestamp;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::action::ActionView;
use super::claim::Ending;
use crate::event::rfc3339;
use crate::model::{Kind, Reference};

/// How far something has come. For an event it is the state that needs the most attention of those its
/// deliveries are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// To be delivered, or to be tried again.
    Pending,
    /// To be fetched from Tradecloud: nothing but its id has come so far.
    Fetching,
    /// Every handler that wanted it is done.
    Done,
    /// Rejected by a handler, or given up: waits for somebody.
    Dead,
    /// Set aside by somebody.
    Discarded,
    /// The body could not be taken as an event: waits for somebody.
    Refused,
    /// No handler wanted it.
    Unwanted,
}

impl State {
    /// The state of an event that has these deliveries: what wants attention most comes first. Of a refused body,
    /// which is none, it is whether it was set aside.
    pub(super) fn of(is_event: bool, discarded: bool, deliveries: &[DeliveryView]) -> Self {
        if !is_event {
            return if discarded { Self::Discarded } else { Self::Refused };
        }
        [Self::Dead, Self::Fetching, Self::Pending, Self::Discarded, Self::Done]
            .into_iter()
            .find(|state| deliveries.iter().any(|delivery| delivery.state == *state))
            .unwrap_or(Self::Unwanted)
    }

    /// Whether a delivery in that state is still to be made: by a handler, or by the one that fetches.
    pub const fn is_to_be_made(self) -> bool {
        matches!(self, Self::Pending | Self::Fetching)
    }

    /// The name in answers and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Fetching => "fetching",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
            Self::Refused => "refused",
            Self::Unwanted => "unwanted",
        }
    }
}

/// An event (or refused body) with its deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// Its key in the form of a UUID: what a repeated message is recognised by.
    pub key: Uuid,
    /// The store's own number; later events have higher ones. In JSON it also goes by the name it had before.
    #[serde(flatten, serialize_with = "by_both_names")]
    pub sequence: i64,
    /// Its id.
    pub id: String,
    /// The state that needs the most attention.
    pub state: State,
    /// When it was received.
    #[serde(serialize_with = "in_utc")]
    pub received: Timestamp,
    /// Its kind; a refused body has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Its event name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    /// The order's or shipment's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The purchase order or shipment number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_number: Option<String>,
    /// The company on whose behalf it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_id: Option<String>,
    /// The path it was sent to.
    pub path: String,
    /// Its media type, if the sender named one.
    pub content_type: Option<String>,
    /// Size of the body in bytes.
    pub size: u64,
    /// Why a body was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The status a refused body was answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How often a refused body has come that is equal to the byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<u32>,
    /// How it came: `webhook`, `get`, `poll`, `missed`, `fetch` or `backfill`.
    pub origin: String,
    /// The address it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The credential that let it in, by its name in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The status it was answered with, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<u16>,
    /// How often the same message came again,
    pub repeats: u32,
    /// and when it did last.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_utc_if_any")]
    pub repeated: Option<Timestamp>,
    /// When its body and what was said about it were erased.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_utc_if_any")]
    pub erased: Option<Timestamp>,
    /// Every reference in it by which somebody may look for it. None: it has not been read for them yet.
    pub references: Option<Vec<Reference>>,
    /// One for each handler that wanted it.
    pub deliveries: Vec<DeliveryView>,
    /// Every attempt at it that is kept, in the order they were made.
    pub attempts: Vec<AttemptView>,
    /// What people did to it, in the order they did.
    pub actions: Vec<ActionView>,
}

impl EventView {
    /// Whether it names that reference, spelled exactly so.
    pub fn names(&self, reference: &str) -> bool {
        let named = self.references.iter().flatten().any(|one| one.value == reference);
        named || [&self.subject, &self.document_number].into_iter().flatten().any(|one| one == reference)
    }
}

/// How far an event has come with one handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryView {
    /// The handler's name.
    pub handler: String,
    /// Pending, done, dead or discarded; fetching in the place of pending, if it is the one that fetches.
    pub state: State,
    /// Attempts that ended, since somebody has begun the delivery anew if anybody has.
    pub attempts: u32,
    /// 1, and one more each time that somebody has begun the delivery anew.
    pub round: u32,
    /// When it is tried next; absent if it is finished or waits for an earlier event of its order.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_utc_if_any")]
    pub due: Option<Timestamp>,
    /// Whether an attempt goes on. Should its process have died, it seems to until a receiver is there again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub being_delivered: bool,
    /// The id of the earlier event of its order or shipment that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// When its state last changed.
    #[serde(serialize_with = "in_utc")]
    pub changed: Timestamp,
    /// Why it is dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The attempts of those at the event that failed here, as they were told before there were others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureView>,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// The handler's name.
    pub handler: String,
    /// Which of the times that the delivery was begun it belongs to, from 1.
    pub round: u32,
    /// 1 for the first attempt of a round.
    pub attempt: u32,
    /// When it began.
    #[serde(serialize_with = "in_utc")]
    pub begun: Timestamp,
    /// How long it took.
    pub milliseconds: u64,
    /// What became of it. None: it failed before that was kept.
    pub outcome: Option<Ending>,
    /// The status of the back end's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of what the back end said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureView {
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When it ended.
    #[serde(serialize_with = "in_utc")]
    pub at: Timestamp,
    /// How long it took.
    pub milliseconds: u64,
    /// Why it failed.
    pub reason: String,
}

impl DeliveryView {
    /// With the attempts that failed, of those at its event; and why it is dead, if that was no attempt's doing.
    pub(super) fn with_failures(self, attempts: &[AttemptView]) -> Self {
        let failed = attempts.iter().filter(|attempt| attempt.handler == self.handler);
        let view = |attempt: &AttemptView| {
            let took = Duration::from_millis(attempt.milliseconds);
            let at = attempt.begun.saturating_add(took).unwrap_or(attempt.begun);
            let (attempt, milliseconds, reason) = (attempt.attempt, attempt.milliseconds, attempt.reason.clone()?);
            Some(FailureView { attempt, at, milliseconds, reason })
        };
        let mut failures: Vec<_> = failed.filter_map(view).collect();
        if let Some(reason) = self.reason.clone()
            && failures.last().is_none_or(|last| last.reason != reason)
        {
            failures.push(FailureView { attempt: self.attempts + 1, at: self.changed, milliseconds: 0, reason });
        }
        Self { failures, ..self }
    }
}

/// How many there are, counted up to a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Exactly(usize),
    /// More than that.
    MoreThan(usize),
}

/// How far the references of events that came before those were kept have been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// What came after that time has been read; this is when the newest came that has not been.
    #[serde(serialize_with = "in_utc")]
    pub newest: Timestamp,
    /// How many have not been, counted up to a bound.
    pub events: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out a reference to the field")]
fn by_both_names<S: Serializer>(sequence: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("sequence", sequence)?;
    map.serialize_entry("number", sequence)?;
    map.end()
}

/// Times with as many digits as any other: programs sort them as text.
pub(super) fn in_utc<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

#[expect(clippy::ref_option, reason = "serde hands out a reference to the field")]
fn in_utc_if_any<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(rfc3339).serialize(serializer)
}

/// Which events to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In one of these states only, if there are any: a delivery of the event is; with `handler`, that by the handler.
    pub states: Vec<State>,
    /// Of that kind only.
    pub kind: Option<Kind>,
    /// With an event name that matches this pattern (`*` and `?`).
    pub event: Option<String>,
    /// With a delivery by that handler.
    pub handler: Option<String>,
    /// That names this reference, however it is spelled.
    pub number: Option<String>,
    /// That came that way.
    pub origin: Option<String>,
    /// Received at that time or later.
    pub since: Option<Timestamp>,
    /// Received before that time.
    pub until: Option<Timestamp>,
    /// With a sequence below that one: where the page before ended.
    pub before: Option<i64>,
    /// So many at the most.
    pub limit: usize,
}
