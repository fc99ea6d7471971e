//! The inbox: where an event is safe before anyone says so.
//!
//! A store is one folder with one type that implements [`Inbox`] (and [`Archive`], if anything stays in it), and one
//! line in [`STORES`]. Every write returns only when it is durable. That a message is new is found out in the same
//! transaction that stores it; what is to be done if it is not is in `repeat`.
//!
//! `incoming` is what comes in, `notice` what is still to be fetched, `claim` what is worked on, `view` what people see,
//! `action` what they do, and `key` what a message is recognised by and the lane that it goes in. `copy` is how copies of
//! an inbox are made. `retention` keeps an inbox in order, by the clock as far as `trusted` believes it. `stored` and
//! `refused` are what the stores do alike; `left_out` stands in for one that a build was made without, and `tests` has
//! each of them beside a model. `unreadable` is what a damaged disk has left of it.

mod action;
mod archive;
mod claim;
pub mod copy;
mod incoming;
mod kept;
mod key;
#[cfg(not(feature = "postgres"))]
mod left_out;
pub mod none;
mod notice;
#[cfg(feature = "postgres")]
pub mod postgres;
mod refused;
mod repeat;
pub(crate) mod retention;
pub mod sqlite;
mod stored;
#[cfg(test)]
#[cfg(feature = "postgres")]
pub(crate) mod tests;
pub(crate) mod trusted;
mod unreadable;
pub mod view;

use std::path::PathBuf;
use std::sync::Arc;

#[cfg(not(feature = "postgres"))]
use left_out as postgres;

pub use action::{ActedOn, Action, ActionView, Deed, DeedView};
pub(crate) use archive::AT_ONCE;
pub use archive::{Archive, Overdue, Swept, Verified};
pub use claim::{Attempt, Claim, Due, Ending, Finish, Mended, Standing};
pub use incoming::{Arrival, Incoming, Receipt, RefusedBody};
pub use key::EventKey;
pub use notice::{FETCH, Notice};
pub use retention::Kept;
pub use view::{AttemptView, Count, DeliveryView, EventView, Filter, State, Unread};

use copy::{Copies, NoCopies};

use crate::config::Section;
use crate::model::Reference;

/// An inbox as the rest of the program holds it.
pub type SharedInbox = Arc<dyn Inbox>;

type Read = fn(&Section) -> Option<Box<dyn Open>>;

/// The stores, by the `store` in the configuration.
pub const STORES: &[(&str, Read)] = &[("sqlite", sqlite::read), ("postgres", postgres::read), ("none", none::read)];

/// Where the embedded store is unless it says otherwise; the others keep nothing of theirs on this machine.
const FOLDER: &str = "data";

/// `[inbox]`
#[derive(Debug)]
pub struct Settings {
    /// How to open the store.
    pub store: Box<dyn Open>,
    /// How long what is kept.
    pub kept: Kept,
    /// Whether it is kept what back ends said.
    pub keep_answers: bool,
}

impl Settings {
    /// Reads and checks the section.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let [keep, keep_unwanted, keep_actions] =
            ["keep", "keep_unwanted", "keep_actions"].map(|key| section.duration(key));
        let keep_answers = section.boolean("keep_answers");
        // Without a store nobody knows which keys belong here.
        let read = section.choice("store", STORES)?;
        let store = read(&section);
        // What the defaults say for one store is not asked for by every other one.
        section.ignore("path");
        section.ignore("refused_space");
        section.finish();
        let kept = Kept { finished: keep?, unwanted: keep_unwanted?, actions: keep_actions? };
        Some(Self { store: store?, kept, keep_answers: keep_answers? })
    }
}

/// What an inbox is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To receive and deliver: one process at a time, where the store cannot share the work.
    Serve,
    /// To look and to intervene, beside a receiver that may be running; fails if there is nothing to look at.
    Tool,
}

/// Why a store could not be opened to look at it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoInbox {
    /// It has not been made yet.
    #[error("there is no inbox at {place}. Has the receiver run with this configuration, and in this directory?")]
    NotYet {
        /// Where there is none.
        place: String,
    },
    /// The receiver works without one.
    #[error("there is no inbox to look at (inbox.store = \"none\"): the events are where the handlers put them")]
    KeepsNothing,
}

/// Checked settings of a store, ready to be opened.
#[async_trait::async_trait]
pub trait Open: Send + Sync + std::fmt::Debug {
    /// Which store it is, and where, for people. Nothing that is secret.
    fn describe(&self) -> String;

    /// The folder for what else a receiver has to keep on this machine.
    fn beside(&self) -> PathBuf {
        PathBuf::from(FOLDER)
    }

    /// Whether events stay until they are delivered: there is an [`Archive`] then.
    fn keeps(&self) -> bool {
        true
    }

    /// Opens the store, and makes it if it is new (but only to serve).
    ///
    /// # Errors
    /// If it cannot be opened; the message says what to do. [`NoInbox`] if there is nothing to look at.
    async fn open(&self, purpose: Purpose) -> anyhow::Result<SharedInbox>;

    /// How copies of it are made.
    ///
    /// # Errors
    /// Why none are made here.
    fn copies(&self) -> Result<Box<dyn Copies>, NoCopies> {
        Err(NoCopies::KeepsNothing)
    }

    /// Finds out whether [`Open::open`] would work to serve, beside a receiver that may be running, and leaves nothing
    /// behind; says in a few words what it found.
    ///
    /// # Errors
    /// What a start would end with.
    async fn rehearse(&self) -> anyhow::Result<String>;
}

/// Whether an inbox that was opened to look at it can be written, for [`Open::rehearse`].
async fn try_to_write(inbox: SharedInbox) -> anyhow::Result<String> {
    let probed = inbox.probe().await;
    inbox.close().await;
    probed?;
    Ok("can be written".to_owned())
}

/// Why the inbox could not do something. Always transient: the caller is to try again, or to have the
/// sender try again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InboxError {
    /// The store failed: full, read-only, broken, or not to be reached.
    #[error("the store failed: {0}")]
    Failed(String),
    /// The store is not where it was, or another one is in its place.
    #[error("the inbox is not there: {0}")]
    Gone(String),
    /// Whether a large message has come before is not found out now: others are looked at.
    #[error("too many large messages are compared with what is there")]
    Busy,
    /// What was asked takes longer than questions may.
    #[error(
        "looking took longer than two seconds and was ended, so that no delivery has to wait. Ask for less: with --since, --until, --number or --state"
    )]
    TooLong,
    /// The inbox is closed.
    #[error("the inbox is closed")]
    Closed,
}

impl InboxError {
    /// Whether the inbox itself has said so to the log, once for all whom it concerns.
    pub fn is_told(&self) -> bool {
        matches!(self, Self::Gone(_))
    }
}

/// A store of events. Every method may fail with [`InboxError`], which is always transient.
///
/// What there is besides, where events stay until they are delivered, is in [`Archive`]. Where they do not, it is the
/// sender's repetition that gets an event through after a failed attempt, and nothing may be acknowledged before
/// handlers are done.
#[async_trait::async_trait]
pub trait Inbox: Send + Sync {
    // Who brings events.

    /// Stores an event with a delivery for each handler that wants it, unless the same message is there already.
    /// Durable on return.
    async fn store(&self, incoming: Incoming) -> Result<Receipt, InboxError>;

    /// Keeps a refused body; returns the id it is kept under, or nothing if this inbox keeps none. Durable
    /// on return.
    async fn refuse(&self, refused: RefusedBody) -> Result<Option<String>, InboxError>;

    /// Stores a notice, unless one of the same id waits whose fetch has not begun: then that one counts it as repeated,
    /// and the receipt is its. Durable on return. An inbox that keeps nothing keeps no notices either.
    async fn notice(&self, _notice: Notice) -> Result<Receipt, InboxError> {
        Err(InboxError::Failed("this inbox keeps no notices".to_owned()))
    }

    /// Notes the references that were found in a refused body: not before it is kept, as that must not depend on it.
    async fn refer(&self, _id: &str, _references: Vec<Reference>) -> Result<(), InboxError> {
        Ok(())
    }

    /// Notes what an event was answered with, if that is not what [`Arrival::answer`] says. It need not be durable.
    async fn answered(&self, _key: EventKey, _status: u16) -> Result<(), InboxError> {
        Ok(())
    }

    /// How far an event has come with each handler that wants it: with none, if none does. An event that is
    /// not there is an error: that nothing is known of it must not be taken for "nobody wanted it".
    async fn standing(&self, key: EventKey) -> Result<Vec<Standing>, InboxError>;

    /// Makes the event's waiting deliveries due at once: its sender asks for it again.
    async fn hurry(&self, key: EventKey) -> Result<(), InboxError>;

    // Who delivers them.

    /// Claims up to `most` deliveries of `handler` that are due: of every order or shipment the first
    /// that is not finished, if nobody works on it.
    async fn claim(&self, handler: &str, most: usize) -> Result<Due, InboxError>;

    /// The event of a claim, for its next attempt.
    async fn load(&self, claim: &Claim) -> Result<crate::event::Event, InboxError>;

    /// Notes that an attempt begins: should the process not survive it, [`Claim::ends`] of the next claim
    /// says so. Outlives the process, but not a power cut. Returns whether it is still the turn of that delivery: it
    /// may have been discarded since it was claimed, or an earlier event of its order may be to be delivered again.
    async fn begin(&self, _claim: &Claim) -> Result<bool, InboxError> {
        Ok(true)
    }

    /// Takes that back until [`Inbox::begin`] is called again for the claim, which stays: what is done meanwhile takes
    /// long and is no part of the attempt, and that the process ends in it says nothing about the event.
    async fn pause(&self, _claim: &Claim) -> Result<(), InboxError> {
        Ok(())
    }

    /// Notes how an attempt ended, and lets the next event of the same order or shipment be claimed. Without an
    /// `attempt`, none was made: it is given up. Returns whether the delivery is as that says: somebody may have discarded
    /// it meanwhile, or begun it anew, or another receiver may have taken it over, and then that stands.
    async fn finish(&self, claim: &Claim, finish: Finish, attempt: Option<Attempt>) -> Result<bool, InboxError>;

    /// Gives a claim back without an attempt having ended.
    async fn release(&self, claim: &Claim);

    // Who has it open.

    /// What it can do besides, if events stay until they are delivered.
    fn archive(self: Arc<Self>) -> Option<Arc<dyn Archive>>;

    /// Whether events can be stored now: writes, durably.
    async fn probe(&self) -> Result<(), InboxError>;

    /// Says that the receiver ends because it was told to: what it is at now, it need not survive. Somebody may not
    /// wait until it has ended by itself.
    async fn ending(&self) {}

    /// Finishes what was begun and closes the store.
    async fn close(&self);
}
