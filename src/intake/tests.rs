//! What comes in is stored for those who want it, and what does not come in is kept as what it is.

use jiff::Timestamp;
use tempfile::TempDir;
use uuid::Uuid;

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
    let fetch = async || place.intake.fetch_now(&origin, What::OrderId, of).await.map_err(|error| error.to_string());

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
