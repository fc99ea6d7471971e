//! Handlers: the last stage, where an event reaches the company's systems.
//!
//! A handler sees one event and says one of three things: done, rejected, unavailable. Everything
//! else (order, retry, dead letters, time-outs, panics) is the work of [`crate::dispatch`].
//!
//! A handler type is one file or folder and one line in [`TYPES`]. `broker` and `template` are what those for message
//! brokers share; `left_out` stands in for a type that a build was made without.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::config::{Problem, Problems, Section, table};
use crate::decode::DecodeError;
use crate::event::Event;
use crate::outgoing::Failure;

#[cfg(feature = "amqp")]
pub mod amqp;
#[cfg(any(feature = "amqp", feature = "kafka", feature = "nats"))]
mod broker;
pub mod exec;
pub mod file;
pub mod http;
pub mod kafka;
#[cfg(any(test, not(all(feature = "amqp", feature = "nats", feature = "postgres"))))]
mod left_out;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(test, feature = "amqp", feature = "nats"))]
mod template;

#[cfg(not(feature = "amqp"))]
use left_out as amqp;
#[cfg(not(feature = "nats"))]
use left_out as nats;
#[cfg(not(feature = "postgres"))]
use left_out as postgres;

/// The handler types by their name in the configuration (`type = "file"`). A new one is a file with
/// its `Settings`, and a line here. What needs a library of its own is behind a feature of the same name.
pub const TYPES: &[(&str, Read)] = &[
    ("amqp", read::<amqp::Settings>),
    ("exec", read::<exec::Settings>),
    ("file", read::<file::Settings>),
    ("http", read::<http::Settings>),
    ("kafka", read::<kafka::Settings>),
    ("nats", read::<nats::Settings>),
    ("postgres", read::<postgres::Settings>),
];

/// Reads the keys of one handler type out of its table; `None` if a problem was noted in the section.
///
/// Nothing is started or written: at most secrets and certificates are read. The caller reads the keys
/// that all handlers have in common, says how long one attempt may take, and finishes the section.
pub type Read = fn(&Section, Duration) -> Option<Box<dyn Configured>>;

/// A handler as the dispatcher holds it.
pub type SharedHandler = Arc<dyn DynHandler>;

/// How long one attempt may take if nothing else is said.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads `timeout`: how long one attempt may take.
pub(crate) fn timeout(section: &Section) -> Duration {
    section.duration("timeout").unwrap_or(DEFAULT_TIMEOUT)
}

/// Sets up one handler by its table in TOML, for programs that embed one without the rest of the
/// configuration.
///
/// # Errors
/// Everything that is wrong with the table, each with its key.
pub fn from_toml(name: &str, table: &str) -> Result<SharedHandler, Problems> {
    let (settings, _warnings) = table::read(name, table, |section| {
        let timeout = timeout(&section);
        // Without a type nobody has asked for the keys, and all of them would be unknown.
        let read = section.required_text("type", "\"file\"").and_then(|_| section.choice("type", TYPES))?;
        let settings = read(&section, timeout);
        section.finish();
        settings
    })?;
    settings.build(name).map_err(|error| Problem::error(name, error.what).into())
}

/// The checked settings of one handler: all that is needed to set it up.
pub trait Configured: fmt::Debug + Send + Sync {
    /// Sets the handler up under the name the user gave it. Nothing is sent or written yet.
    ///
    /// # Errors
    /// If the machine lacks what the handler needs, such as any trusted root certificate.
    fn build(self: Box<Self>, name: &str) -> Result<SharedHandler, BuildError>;

    /// Its type, and where it hands events to, for people. Nothing that is secret: of an address its host only.
    fn describe(&self) -> String;

    /// What somebody has to do at the back end once, before the handler can work, in the back end's own
    /// words, such as a statement in SQL. `check` shows it.
    fn preparation(&self) -> Option<String> {
        None
    }
}

/// Settings that can be read from the handler's table.
trait Readable: Configured + Sized + 'static {
    fn read(section: &Section, timeout: Duration) -> Option<Self>;
}

fn read<S: Readable>(section: &Section, timeout: Duration) -> Option<Box<dyn Configured>> {
    S::read(section, timeout).map(|settings| Box::new(settings) as Box<dyn Configured>)
}

/// Why a handler with correct settings cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("handler `{name}` cannot be set up: {what}")]
pub struct BuildError {
    /// The name the user gave the handler.
    pub name: String,
    /// What is missing and what to do.
    pub what: String,
}

/// What became of one attempt to hand an event on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The system behind the handler has the event for good. It is not delivered again.
    Done,
    /// The same event would be refused again: a functional fault. The delivery becomes a dead letter,
    /// kept until somebody delivers it again or discards it.
    Rejected(Rejection),
    /// Not now: a technical fault. The delivery is tried again, with increasing pauses.
    Unavailable(Unavailability),
}

/// Why an event was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// For people: what is wrong with the event. Shown in the inbox and in the log.
    pub reason: String,
    /// The HTTP status the back end answered with, if it speaks HTTP. Some are passed on to
    /// Tradecloud where an endpoint acknowledges with `handled`.
    pub status: Option<u16>,
}

/// Why an event could not be handed on now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailability {
    /// For people: what failed. Shown in the inbox and in the log.
    pub reason: String,
    /// Which kind of fault.
    pub fault: Fault,
    /// Whether it concerns this event alone: the back end is there, and may take others. If not, several in
    /// a row mean that the handler is down.
    pub of_one: bool,
    /// How long the back end asks to be left alone.
    pub pause: Option<Duration>,
}

impl Unavailability {
    /// For this reason, whatever the event is; the back end has not said for how long.
    pub fn new(fault: Fault, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), fault, of_one: false, pause: None }
    }

    /// It concerns this event alone.
    #[must_use]
    pub fn of_one(self) -> Self {
        Self { of_one: true, ..self }
    }

    /// The back end asks to be left alone for so long.
    #[must_use]
    pub fn pause(self, pause: Option<Duration>) -> Self {
        Self { pause, ..self }
    }
}

impl From<Failure> for Unavailability {
    fn from(Failure { reason, late, pause }: Failure) -> Self {
        Self::new(if late { Fault::Late } else { Fault::Unreachable }, reason).pause(pause)
    }
}

/// The kinds of technical fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The back end cannot be reached, or answers that it is out of order.
    Unreachable,
    /// The back end did not finish in time.
    Late,
    /// The fault is on our own side: a panic, a full disk.
    Ours,
}

impl Outcome {
    /// Rejected, with a reason and no HTTP status.
    pub fn rejected(reason: impl Into<String>) -> Self {
        Self::Rejected(Rejection { reason: reason.into(), status: None })
    }

    /// Unavailable because the back end cannot be reached or is out of order.
    pub fn unreachable(reason: impl Into<String>) -> Self {
        Self::unavailable(Fault::Unreachable, reason)
    }

    /// Unavailable because the back end did not finish in time.
    pub fn late(reason: impl Into<String>) -> Self {
        Self::unavailable(Fault::Late, reason)
    }

    /// Unavailable because of a fault on our own side.
    pub fn ours(reason: impl Into<String>) -> Self {
        Self::unavailable(Fault::Ours, reason)
    }

    fn unavailable(fault: Fault, reason: impl Into<String>) -> Self {
        Self::Unavailable(Unavailability::new(fault, reason))
    }
}

/// One way to hand events to a back end.
///
/// Implement it to embed the receiver in a program of your own (see `examples/`). `deliver` may be
/// called for several events at once, but never for two events of the same order or shipment. It is
/// called again for the same event after [`Outcome::Unavailable`], and may be called again after
/// [`Outcome::Done`] if the receiver was killed before it could note that down: make it idempotent
/// on [`Event::id`]. A panic counts as unavailable. The future is dropped when the handler's time-out
/// has passed. What the back end says besides, it hands to [`Event::answered`].
pub trait Handler: Send + Sync + 'static {
    /// Hands `event` on and says what became of it.
    fn deliver(&self, event: &Event) -> impl Future<Output = Outcome> + Send;

    /// Finds out whether the back end can be reached, without delivering anything. Used by
    /// `check --online`; says in a few words what it found.
    ///
    /// # Errors
    /// If the back end cannot be reached: why, and what to do.
    fn probe(&self) -> impl Future<Output = Result<String, String>> + Send {
        std::future::ready(Ok("nothing to try".to_owned()))
    }

    /// Called once when the receiver begins to work with the handler, beside the first deliveries: to put in
    /// order what a process before may have left, and to warn of what will not work.
    fn start(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// A future on the heap, so that handlers of different types fit into one list.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Handler`] in a form that fits behind a pointer. Every handler is one; implement [`Handler`].
pub trait DynHandler: Send + Sync + 'static {
    /// As [`Handler::deliver`].
    fn deliver<'a>(&'a self, event: &'a Event) -> Boxed<'a, Outcome>;

    /// As [`Handler::probe`].
    fn probe(&self) -> Boxed<'_, Result<String, String>>;

    /// As [`Handler::start`].
    fn start(&self) -> Boxed<'_, ()>;
}

impl<H: Handler> DynHandler for H {
    fn deliver<'a>(&'a self, event: &'a Event) -> Boxed<'a, Outcome> {
        Box::pin(Handler::deliver(self, event))
    }

    fn probe(&self) -> Boxed<'_, Result<String, String>> {
        Box::pin(Handler::probe(self))
    }

    fn start(&self) -> Boxed<'_, ()> {
        Box::pin(Handler::start(self))
    }
}

/// Makes the bytes to hand on away from the threads that answer requests: for a body of many
/// megabytes this takes long enough to make Tradecloud wait.
async fn render(event: &Event, make: fn(&Event) -> Result<Bytes, DecodeError>) -> Result<Bytes, Outcome> {
    let event = event.clone();
    match tokio::task::spawn_blocking(move || make(&event)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(Outcome::rejected(format!("the body cannot be passed on: {error}"))),
        Err(_) => Err(Outcome::ours("a fault of this program: making the event's JSON panicked")),
    }
}
