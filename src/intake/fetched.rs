//! What Tradecloud was asked for comes in: on a notice, at once or later, or because it was found by itself.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Arrived, Intake, IntakeError, Origin, Taken};
use crate::decode::{self, Decoded};
use crate::inbox::{Archive, Arrival, EventKey, InboxError, Notice, Receipt};
use crate::model::{Envelope, What};
use crate::telemetry::events::{self, About};

/// How the log and the inbox name what came by a GET webhook.
const GET: &str = "get";

/// Whoever asks Tradecloud for what a notice is about, where no notice can be kept.
#[async_trait::async_trait]
pub(crate) trait Fetcher: Send + Sync {
    /// The answer as it is.
    ///
    /// # Errors
    /// Why there is none now, in words that the caller may be told.
    async fn fetch_now(&self, what: What, id: &str) -> Result<Bytes, String>;
}

/// What Tradecloud was asked for, as what came just now. It is told from others by that id, and not by what stands in it
/// of the message that was sent before.
fn asked(id: Uuid, decoded: Decoded) -> (Origin, Decoded) {
    let envelope = Envelope { message_id: Some(id.to_string()), ..decoded.envelope };
    let origin = Origin {
        received: Timestamp::now(),
        path: String::new(),
        content_type: Some(envelope.format.media_type().to_owned()),
        from: "Tradecloud's API".to_owned(),
        credential: None,
        address: None,
        answer: None,
    };
    (origin, Decoded { envelope, ..decoded })
}

impl Intake {
    /// Has what is fetched at once be fetched by that one from now on.
    pub(crate) fn fetch_by(&self, fetcher: Option<Box<dyn Fetcher>>) {
        self.fetcher.store(fetcher.map(Arc::new));
    }

    /// Stores the notice that something has changed, and has it fetched. What fails here has the call come again.
    pub(crate) async fn notice(&self, origin: &Origin, what: What, of: String) -> Result<Taken, IntakeError> {
        let told = events::intake::Notice { what: what.as_str(), of: &of, from: &origin.from };
        let notice = Notice {
            what,
            of: of.clone(),
            received: origin.received,
            path: origin.path.clone(),
            arrival: Arrival { origin: GET, ..origin.arrival() },
        };
        match self.inbox.notice(notice).await {
            Ok(Receipt { key, id, repeated, beside }) => {
                self.dispatch.wake();
                let tell = if repeated { events::intake::notice_repeated } else { events::intake::notice_stored };
                tell(&id, told, origin.credential.as_deref());
                Ok(Taken { key, id, repeated, beside, number: None, event_name: None, kept: self.keeps })
            }
            Err(error) => {
                if !error.is_told() && !matches!(error, InboxError::Busy) {
                    events::intake::notice_not_stored(told, &error);
                }
                Err(IntakeError::Store(error))
            }
        }
    }

    /// Fetches at once what has changed: an event like any other, that came by a GET webhook.
    pub(crate) async fn fetch_now<'o>(
        &self,
        origin: &'o Origin,
        what: What,
        of: &str,
    ) -> Result<Arrived<'o>, IntakeError> {
        let answer = match self.fetcher.load_full() {
            Some(fetcher) => fetcher.fetch_now(what, of).await,
            None => Err("nobody here can ask Tradecloud for what has changed; see [tradecloud]".to_owned()),
        };
        let not_fetched = |reason: String| {
            let told = events::intake::Notice { what: what.as_str(), of, from: &origin.from };
            events::intake::not_fetched(told, &reason);
            IntakeError::NotFetched(reason)
        };
        let body = answer.map_err(not_fetched)?;
        let decoded = match decode::fetched(what, of, &body) {
            Ok(decoded) => decoded,
            Err(error) => return Err(not_fetched(format!("Tradecloud answered what cannot be read: {error}"))),
        };
        let incoming = self.incoming(origin, decoded, body).by(Arrival { origin: GET, ..origin.arrival() });
        Ok(Arrived { incoming, origin })
    }

    /// Puts what was fetched in the place of the notice that has that key, and has it delivered. Returns whether there
    /// was such a notice.
    ///
    /// # Errors
    /// If it cannot be stored now: the notice stays as it is.
    pub(crate) async fn fetched(
        &self,
        archive: &dyn Archive,
        key: EventKey,
        decoded: Decoded,
        body: Bytes,
    ) -> Result<bool, InboxError> {
        let (origin, decoded) = asked(Uuid::from_bytes(key.0), decoded);
        let incoming = self.incoming(&origin, decoded, body);
        let (id, number) = (incoming.id.clone(), incoming.envelope.number.clone());
        let unwanted = incoming.handlers.is_empty();
        let stored = archive.fetched(incoming).await?;
        if stored {
            self.dispatch.wake();
            let about = About { id: Some(&id), number: number.as_deref(), event: None };
            events::intake::fetched(about, unwanted);
        }
        Ok(stored)
    }

    /// Stores a state that Tradecloud has, and that was not sent: under an id that is always the same for it, so that it
    /// is one event however often it is found. `origin` is how it was found.
    ///
    /// # Errors
    /// [`IntakeError::Store`], if it cannot be stored now.
    pub(crate) async fn found(
        &self,
        origin: &'static str,
        id: Uuid,
        decoded: Decoded,
        body: Bytes,
    ) -> Result<Taken, IntakeError> {
        let (from, decoded) = asked(id, decoded);
        let incoming = self.incoming(&from, decoded, body).by(Arrival { origin, ..Arrival::default() });
        self.store(Arrived { incoming, origin: &from }).await
    }
}
