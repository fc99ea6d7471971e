//! An event comes in: a body and where it came from → is it an event → who wants it → stored → the workers wake.
//!
//! Whoever brings one comes through here: a request, and somebody at the desk who has a refused body accepted. How
//! it came, how long its bringer waits and what he is answered is known there; what became of it is told here, to
//! the log, once for all of them.
//!
//! A GET webhook brings a notice, which is stored as such: what it is about comes later. Where nothing is kept, it is
//! fetched at once, by the [`Fetcher`].

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::decode::{self, DecodeError, Decoded};
use crate::dispatch::Dispatch;
use crate::inbox::{
    Action, Archive, Arrival, EventKey, EventView, InboxError, Incoming, Notice, Receipt, RefusedBody, SharedInbox,
};
use crate::model::{Envelope, What};
use crate::telemetry::events::intake::Refused;
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

/// Whoever asks Tradecloud for what a notice is about, where no notice can be kept.
#[async_trait::async_trait]
pub(crate) trait Fetcher: Send + Sync {
    /// The answer as it is.
    ///
    /// # Errors
    /// Why there is none now, in words that the caller may be told.
    async fn fetch_now(&self, what: What, id: &str) -> Result<Bytes, String>;
}

/// How the log and the inbox name what came by a GET webhook.
const GET: &str = "get";

/// Where a body came from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// When it came.
    pub(crate) received: Timestamp,
    /// The path it was sent to.
    pub(crate) path: String,
    /// Its media type, if the sender named one.
    pub(crate) content_type: Option<String>,
    /// Who brought it, as the log is to name it,
    pub(crate) from: String,
    /// and by what he was known, if he had to show that.
    pub(crate) credential: Option<String>,
    /// The address that it came from.
    pub(crate) address: Option<IpAddr>,
    /// What its bringer is answered once it is stored, if that is known before.
    pub(crate) answer: Option<u16>,
}

impl Origin {
    /// Of a refused body that somebody has accepted.
    pub(crate) fn accepted(refused: &EventView) -> Self {
        Self {
            received: refused.received,
            path: refused.path.clone(),
            content_type: refused.content_type.clone(),
            from: "the inbox".to_owned(),
            credential: refused.credential.clone(),
            address: refused.address.as_deref().and_then(|address| address.parse().ok()),
            answer: refused.status,
        }
    }

    /// What is kept of it for people.
    fn arrival(&self) -> Arrival {
        let (address, credential) = (self.address.map(|address| address.to_string()), self.credential.clone());
        Arrival { address, credential, answer: self.answer, ..Arrival::default() }
    }

    /// What the log is told of a body of that origin that is refused for that reason, and kept under that id.
    pub(crate) fn told<'a>(
        &'a self,
        id: Option<&'a str>,
        known: Option<&'a Envelope>,
        reason: &'a str,
        size: usize,
    ) -> Refused<'a> {
        let number = known.and_then(|event| event.number.as_deref());
        let event = About { id, number, event: known.and_then(|event| event.event_name.as_deref()) };
        Refused { event, reason, size, from: &self.from, credential: self.credential.as_deref() }
    }

    /// A body of that origin as it is kept if it is refused for that reason, and answered with that status.
    pub(crate) fn refused(&self, body: Bytes, reason: &str, status: u16) -> RefusedBody {
        RefusedBody {
            received: self.received,
            path: self.path.clone(),
            content_type: self.content_type.clone(),
            reason: reason.to_owned(),
            status,
            body,
            arrival: self.arrival(),
        }
    }
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
        let arrival = Arrival { origin: GET, ..origin.arrival() };
        Ok(Arrived { incoming: self.incoming(origin, decoded, body, arrival), origin })
    }

    /// An event for those who want it.
    fn incoming(&self, origin: &Origin, decoded: Decoded, body: Bytes, arrival: Arrival) -> Incoming {
        let Decoded { envelope, references } = decoded;
        let routes = self.dispatch.routes();
        let wanted = routes.iter().filter(|route| route.wants(&envelope)).map(|route| route.name.clone());
        let handlers: Vec<_> = wanted.collect();
        let (path, content_type) = (origin.path.clone(), origin.content_type.clone());
        let incoming = Incoming::new(envelope, origin.received, path, content_type, body);
        incoming.naming(references).by(arrival).wanted_by(handlers)
    }

    /// Reads a body. Who wants the event is asked here and never again: what is reloaded from now on is for those
    /// that come then.
    pub(crate) async fn read<'o>(&self, origin: &'o Origin, body: &Bytes) -> Result<Arrived<'o>, IntakeError> {
        let decoded = decoded(origin.content_type.clone(), body.clone()).await?;
        Ok(Arrived { incoming: self.incoming(origin, decoded, body.clone(), origin.arrival()), origin })
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
        let incoming = self.of_tradecloud(Uuid::from_bytes(key.0), decoded, body);
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
        let incoming = self.of_tradecloud(id, decoded, body).by(Arrival { origin, ..Arrival::default() });
        let origin = Origin {
            received: incoming.received,
            path: String::new(),
            content_type: incoming.content_type.clone(),
            from: "Tradecloud's API".to_owned(),
            credential: None,
            address: None,
            answer: None,
        };
        self.store(Arrived { incoming, origin: &origin }).await
    }

    /// An event that Tradecloud was asked for, for the handlers that want it now.
    fn of_tradecloud(&self, id: Uuid, decoded: Decoded, body: Bytes) -> Incoming {
        let Decoded { envelope, references } = decoded;
        let routes = self.dispatch.routes();
        let wanted = routes.iter().filter(|route| route.wants(&envelope)).map(|route| route.name.clone());
        let handlers: Vec<_> = wanted.collect();
        // It is told from others by that id, and not by what stands in it of the message that was sent before.
        let envelope = Envelope { message_id: Some(id.to_string()), ..envelope };
        let media_type = Some(envelope.format.media_type().to_owned());
        Incoming::new(envelope, Timestamp::now(), String::new(), media_type, body)
            .naming(references)
            .wanted_by(handlers)
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

/// What the log is told of an event besides what becomes of it.
struct Told<'o> {
    id: String,
    number: Option<String>,
    event_name: Option<String>,
    unwanted: bool,
    unnamed: bool,
    origin: &'o Origin,
}

impl<'o> Told<'o> {
    fn of(arrived: &Arrived<'o>) -> Self {
        let incoming = &arrived.incoming;
        Self {
            id: incoming.id.clone(),
            number: incoming.envelope.number.clone(),
            event_name: incoming.envelope.event_name.clone(),
            unwanted: incoming.handlers.is_empty(),
            unnamed: incoming.is_unnamed(),
            origin: arrived.origin,
        }
    }

    /// What a line is about while nothing has become of it.
    fn about(&self) -> About<'_> {
        About { id: Some(&self.id), number: self.number.as_deref(), event: self.event_name.as_deref() }
    }
}

/// Tells the log what became of an event.
fn say(taken: &Taken, unwanted: bool, unnamed: bool, origin: &Origin) {
    let tell = match (taken.repeated, taken.kept) {
        (true, _) => events::intake::repeated,
        (false, true) => events::intake::stored,
        (false, false) => events::intake::received,
    };
    tell(taken.about(), unwanted, &origin.from, origin.credential.as_deref());
    match &taken.beside {
        None => {}
        Some(other) if unnamed => events::intake::same_body_again(taken.about(), other),
        Some(other) => events::intake::beside(taken.about(), other),
    }
    if unwanted && !taken.kept {
        events::intake::kept_nowhere(taken.about());
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

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::dispatch::Route;
    use crate::inbox::tests::place::open;
    use crate::inbox::{Deed, Purpose, State};
    use crate::model::{Kind, Reference, What};

    const ORDER: &[u8] = br#"{"eventName":"OrderIssuedByBuyer","orderEvent":{"orderId":"o"},"meta":{"messageId":"m"}}"#;

    /// An inbox with nothing in it, and the way into it.
    struct Place {
        inbox: Arc<dyn Archive>,
        dispatch: Dispatch,
        intake: Intake,
        _folder: TempDir,
    }

    impl Place {
        async fn new(routes: impl IntoIterator<Item = Route>) -> Self {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join("inbox.db");
            let inbox = open("sqlite", &format!("path = '{}'", path.display()), Purpose::Serve).await;
            let dispatch = Dispatch::new(routes.into_iter().collect());
            let intake = Intake::new(inbox.clone(), dispatch.clone());
            Self { inbox, dispatch, intake, _folder: folder }
        }

        /// The handlers that the event of `ORDER` is for.
        async fn handlers(&self) -> Vec<String> {
            let standing = self.inbox.standing(EventKey::of_id("m")).await.unwrap();
            standing.into_iter().map(|standing| standing.handler).collect()
        }
    }

    fn origin() -> Origin {
        Origin {
            received: Timestamp::now(),
            path: "/webhooks/tradecloud".to_owned(),
            content_type: None,
            from: "a test".to_owned(),
            credential: None,
            address: None,
            answer: None,
        }
    }

    #[tokio::test]
    async fn an_event_is_for_the_handlers_that_want_it_and_they_hear_of_it() {
        let place = Place::new([Route::all("erp"), Route::all("documents").kinds([Kind::OrderDocuments])]).await;
        let work = place.dispatch.work();
        let origin = origin();

        let event = place.intake.read(&origin, &Bytes::from_static(ORDER)).await.unwrap();
        assert!(!work.has_changed().unwrap(), "it is not safe yet");
        let taken = place.intake.store(event).await.unwrap();

        assert_eq!((taken.id.as_str(), taken.repeated, taken.kept), ("m", false, true));
        assert_eq!(place.handlers().await, ["erp"]);
        assert!(work.has_changed().unwrap());
    }

    #[tokio::test]
    async fn an_event_comes_in_with_what_people_look_for_it_by() {
        let place = Place::new([Route::all("erp")]).await;
        let origin = origin();

        let event = place.intake.read(&origin, &Bytes::from_static(ORDER)).await.unwrap();

        let order = Reference { what: What::OrderId, value: "o".to_owned() };
        assert_eq!(event.incoming.references, [order]);
    }

    /// Answers with that, or says that it cannot.
    struct Fetches(Option<&'static [u8]>);

    #[async_trait::async_trait]
    impl Fetcher for Fetches {
        async fn fetch_now(&self, what: What, id: &str) -> Result<Bytes, String> {
            self.0.map(Bytes::from_static).ok_or_else(|| format!("there is no {} {id}", what.as_str()))
        }
    }

    #[tokio::test]
    async fn what_is_fetched_at_once_is_an_event_that_came_by_get() {
        let place = Place::new([Route::all("erp"), Route::all("names").events(["Changed"])]).await;
        let (origin, of) = (origin(), "a/1");
        let fetch =
            async || place.intake.fetch_now(&origin, What::OrderId, of).await.map_err(|error| error.to_string());

        assert!(fetch().await.is_err_and(|why| why.contains("[tradecloud]")));
        place.intake.fetch_by(Some(Box::new(Fetches(None))));
        assert!(fetch().await.is_err_and(|why| why == "there is no orderId a/1"));
        place.intake.fetch_by(Some(Box::new(Fetches(Some(b"<html>")))));
        assert!(fetch().await.is_err_and(|why| why.contains("cannot be read: line 1")));
        place.intake.fetch_by(Some(Box::new(Fetches(Some(br#"{"id":"1","buyerOrder":{}}"#)))));
        let fetched = fetch().await.unwrap().incoming;

        let envelope = &fetched.envelope;
        assert_eq!((envelope.subject.as_deref(), envelope.event_name_or_changed()), (Some(of), "Changed"));
        assert_eq!((fetched.arrival.origin, fetched.handlers.to_vec()), ("get", vec!["erp".into(), "names".into()]));
    }

    #[tokio::test]
    async fn a_reload_between_reading_and_storing_leaves_an_event_with_those_who_wanted_it() {
        let place = Place::new([Route::all("erp")]).await;
        let origin = origin();
        let event = place.intake.read(&origin, &Bytes::from_static(ORDER)).await.unwrap();

        place.dispatch.reroute(vec![Route::all("other")]);
        place.intake.store(event).await.unwrap();

        assert_eq!(place.handlers().await, ["erp"]);
    }

    #[tokio::test]
    async fn a_body_that_is_no_event_is_taken_only_as_refused() {
        let place = Place::new([Route::all("erp")]).await;
        let (origin, body) = (origin(), Bytes::from_static(b"no event"));

        let read = place.intake.read(&origin, &body).await.map(drop);
        assert!(matches!(read, Err(IntakeError::NoEvent(_))), "{read:?}");
        let id = place.intake.refuse(&origin, body.clone(), "it is none", 400).await.unwrap().unwrap();

        let shown = place.inbox.show(&id).await.unwrap().unwrap();
        let said = (shown.state, shown.reason.as_deref(), shown.status);
        assert_eq!(said, (State::Refused, Some("it is none"), Some(400)));
        assert_eq!(place.inbox.body(shown.sequence).await.unwrap(), body);
    }

    #[tokio::test]
    async fn a_refused_body_that_is_accepted_is_an_event_like_any_other() {
        let place = Place::new([Route::all("erp")]).await;
        let (work, body) = (place.dispatch.work(), Bytes::from_static(ORDER));
        let id = place.intake.refuse(&origin(), body.clone(), "the path is wrong", 404).await.unwrap().unwrap();
        let refused = place.inbox.show(&id).await.unwrap().unwrap();

        let origin = Origin::accepted(&refused);
        let event = place.intake.read(&origin, &body).await.unwrap();
        let action = Action {
            id: Uuid::new_v4(),
            at: Timestamp::now(),
            who: "anna".to_owned(),
            via: "cli",
            address: None,
            what: Deed::Accept,
            handler: None,
            filter: None,
            reason: None,
        };
        let taken = place.intake.accept(&*place.inbox, refused.sequence, event, &action).await.unwrap();

        assert_eq!((taken.id.as_str(), taken.repeated), ("m", false));
        assert_eq!(place.handlers().await, ["erp"]);
        assert!(work.has_changed().unwrap());
        assert_eq!(place.inbox.show(&id).await.unwrap(), None, "nobody has to look at it any more");
    }
}
