//! An event comes in: a body and where it came from → is it an event → who wants it → stored → the workers wake.
//!
//! Whoever brings one comes through here: a request, and somebody at the desk who has a refused body accepted. How
//! it came, how long its bringer waits and what he is answered is known there; what became of it is told here, to
//! the log, once for all of them.
//!
//! A GET webhook brings a notice, which is stored as such: what it is about comes later. Where nothing is kept, it is
//! fetched at once, by the [`Fetcher`].

mod fetched;
mod origin;
mod said;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::task::spawn_blocking;

pub(crate) use self::fetched::Fetcher;
pub(crate) use self::origin::Origin;

use self::said::{Told, say};
use crate::decode::{self, DecodeError, Decoded};
use crate::dispatch::Dispatch;
use crate::inbox::{Action, Archive, EventKey, InboxError, Incoming, Receipt, SharedInbox};
use crate::model::Envelope;
use crate::telemetry::events::{self, About};

/// Bodies from this size on are decoded on a thread of their own, so that nobody else waits.
const LARGE: usize = 256 << 10;

/// The way into the inbox.
#[derive(Clone)]
pub(crate) struct Intake {
    inbox: SharedInbox,
    keeps: bool,
    dispatch: Dispatch,
    fetcher: Arc<ArcSwapOption<Box<dyn Fetcher>>>,
}

/// An event that was read, with those who want it, and is safe nowhere yet.
pub(crate) struct Arrived<'o> {
    incoming: Incoming,
    origin: &'o Origin,
}

impl Arrived<'_> {
    /// What it is recognised by, unless another event has that.
    pub(crate) fn key(&self) -> EventKey {
        self.incoming.key
    }
}

/// An event that was taken: it is durable, if anything is kept here.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The key it has in the inbox.
    pub(crate) key: EventKey,
    /// The id it has in the inbox.
    pub(crate) id: String,
    /// It had come before.
    pub(crate) repeated: bool,
    /// The id of another event that has its `messageId` or body, if there is one.
    pub(crate) beside: Option<String>,
    /// Its purchase order or shipment number, and its event name, for the log.
    pub(crate) number: Option<String>,
    pub(crate) event_name: Option<String>,
    /// Whether it is kept until it is delivered; if not, it is in memory until then.
    pub(crate) kept: bool,
}

impl Taken {
    /// What a line of the log is about.
    pub(crate) fn about(&self) -> About<'_> {
        About { id: Some(&self.id), number: self.number.as_deref(), event: self.event_name.as_deref() }
    }
}

/// Why an event was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// It is none. Whoever brought it is to have it kept as refused.
    #[error("{0}")]
    NoEvent(DecodeError),
    /// It cannot be stored now.
    #[error("{0}")]
    Store(InboxError),
    /// What a call is about could not be fetched, and nobody keeps the call.
    #[error("{0}")]
    NotFetched(String),
    /// Something went wrong in here: nobody knows what it is.
    #[error("the body could not be decoded: {0}")]
    Unforeseen(String),
}

impl Intake {
    /// Into that inbox, for the handlers that `dispatch` has.
    pub(crate) fn new(inbox: SharedInbox, dispatch: Dispatch) -> Self {
        let keeps = inbox.clone().archive().is_some();
        Self { inbox, keeps, dispatch, fetcher: Arc::default() }
    }

    /// Whether events stay until they are delivered.
    pub(crate) const fn keeps(&self) -> bool {
        self.keeps
    }

    /// An event for those who want it now.
    fn incoming(&self, origin: &Origin, decoded: Decoded, body: Bytes) -> Incoming {
        let Decoded { envelope, references } = decoded;
        let routes = self.dispatch.routes();
        let wanted = routes.iter().filter(|route| route.wants(&envelope)).map(|route| route.name.clone());
        let handlers: Vec<_> = wanted.collect();
        let (path, content_type) = (origin.path.clone(), origin.content_type.clone());
        let incoming = Incoming::new(envelope, origin.received, path, content_type, body);
        incoming.naming(references).by(origin.arrival()).wanted_by(handlers)
    }

    /// Reads a body. Who wants the event is asked here and never again: what is reloaded from now on is for those
    /// that come then.
    pub(crate) async fn read<'o>(&self, origin: &'o Origin, body: &Bytes) -> Result<Arrived<'o>, IntakeError> {
        let decoded = decoded(origin.content_type.clone(), body.clone()).await?;
        Ok(Arrived { incoming: self.incoming(origin, decoded, body.clone()), origin })
    }

    /// Stores an event and has it delivered. What fails here has the event come again.
    pub(crate) async fn store(&self, arrived: Arrived<'_>) -> Result<Taken, IntakeError> {
        let told = Told::of(&arrived);
        match self.inbox.store(arrived.incoming).await {
            Ok(receipt) => Ok(self.taken(receipt, told)),
            Err(error) => {
                // That there is too much to do is told by those who know how much.
                if !error.is_told() && !matches!(error, InboxError::Busy) {
                    events::intake::not_stored(told.about(), &error);
                }
                Err(IntakeError::Store(error))
            }
        }
    }

    /// Stores an event in the place of the refused body that it was until now, in the `archive` of the inbox, by that
    /// action of somebody. What fails is told to whoever asked for it.
    pub(crate) async fn accept(
        &self,
        archive: &dyn Archive,
        refused: i64,
        arrived: Arrived<'_>,
        action: &Action,
    ) -> Result<Taken, IntakeError> {
        let told = Told::of(&arrived);
        let receipt = archive.accept(refused, arrived.incoming, action).await.map_err(IntakeError::Store)?;
        Ok(self.taken(receipt, told))
    }

    /// Keeps a body that is refused for that reason, and is answered with that status once it is safe. Returns the
    /// id it is kept under, if anything is kept here.
    pub(crate) async fn refuse(
        &self,
        origin: &Origin,
        body: Bytes,
        reason: &str,
        status: u16,
    ) -> Result<Option<String>, IntakeError> {
        let kept = self.inbox.refuse(origin.refused(body.clone(), reason, status)).await;
        let id = kept.as_ref().ok().and_then(Option::as_deref);
        // Not before it is safe, and its answer does not depend on it.
        let known = known(&self.inbox, origin, id, &body).await;
        let refused = origin.told(id, known.as_ref(), reason, body.len());
        match &kept {
            Ok(Some(_)) => events::intake::refused(&refused),
            Ok(None) => events::intake::refused_and_lost(&refused),
            Err(error) if error.is_told() => {}
            Err(error) => events::intake::refused_and_not_kept(&refused, error),
        }
        kept.map_err(IntakeError::Store)
    }

    /// It is safe: the workers are to hear of it, and the log.
    fn taken(&self, receipt: Receipt, told: Told<'_>) -> Taken {
        self.dispatch.wake();
        let Receipt { key, id, repeated, beside } = receipt;
        let Told { number, event_name, unwanted, unnamed, origin, .. } = told;
        let taken = Taken { key, id, repeated, beside, number, event_name, kept: self.keeps };
        say(&taken, unwanted, unnamed, origin);
        taken
    }
}

/// What event a refused body is, if it is one: for the log, in which somebody looks for it. What it names is noted in the
/// inbox, if it is kept there under an id. Of a large one that is not worth its time: it is read for that later.
pub(crate) async fn known(inbox: &SharedInbox, origin: &Origin, id: Option<&str>, body: &Bytes) -> Option<Envelope> {
    if body.len() >= LARGE {
        return None;
    }
    let (path, content_type, body) = (origin.path.clone(), origin.content_type.clone(), body.clone());
    let read = move || {
        let references = decode::references_of(&path, content_type.as_deref(), &body);
        (decode::envelope(content_type.as_deref(), &body).ok(), references)
    };
    // Apart, so that nothing comes of it if that fails, however it does.
    let (envelope, references) = spawn_blocking(read).await.ok()?;
    if let Some(id) = id.map(str::to_owned) {
        let inbox = Arc::clone(inbox);
        // The answer does not wait for it.
        tokio::spawn(async move {
            if let Err(error) = inbox.refer(&id, references).await {
                tracing::debug!(%error, id, "cannot note what a refused body names; it is read for that later");
            }
        });
    }
    envelope
}

async fn decoded(content_type: Option<String>, body: Bytes) -> Result<Decoded, IntakeError> {
    let is_large = body.len() >= LARGE;
    let decode = move || decode::event(content_type.as_deref(), &body);
    let decoded = if is_large {
        spawn_blocking(decode).await.map_err(|error| IntakeError::Unforeseen(error.to_string()))?
    } else {
        decode()
    };
    decoded.map_err(IntakeError::NoEvent)
}
