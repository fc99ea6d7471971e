//! One request from start to end. Read [`receive`] first.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, EXPECT};
use axum::http::{Method, Version, request};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::aside::{self, Aside};
use super::body::{self, BodyError, Received};
use super::grace::Grace;
use super::lease::Lease;
use super::lingering::{Linger, begun, lingering};
use super::load::{Load, Place};
use super::table::Table;
use super::turned_away::TurnedAway;
use crate::auth::{Denied, Gate, Verified};
use crate::budget::Budget;
use crate::config::settings::{Acknowledge, Endpoint, Server};
use crate::decode;
use crate::dispatch::{Dispatch, Settled, Watch};
use crate::inbox::{InboxError, Incoming, Receipt, RefusedBody, SharedInbox};
use crate::model::Envelope;
use crate::respond::{Answer, ComeAgain, Refusal, Why};
use crate::telemetry::events::intake::Refused;
use crate::telemetry::events::{self, About};

/// Bodies from this size on are decoded on a thread of their own, so that nobody else waits.
const LARGE: usize = 256 << 10;
/// Of a method, whoever invented it, so much is shown.
const LONGEST_METHOD: usize = 20;

/// How long the beginning of a body is waited for that was asked for before the answer.
const ASKED: Duration = Duration::from_secs(1);

/// What every request needs.
pub(crate) struct Reception {
    pub(crate) server: Server,
    pub(crate) table: ArcSwap<Table>,
    pub(crate) budget: Budget,
    pub(crate) load: Load,
    pub(crate) inbox: SharedInbox,
    pub(crate) dispatch: Dispatch,
    pub(crate) draining: AtomicBool,
    /// When a new configuration was refused, if the one in place is not the last one.
    pub(crate) refused: ArcSwapOption<Timestamp>,
    pub(crate) turned_away: TurnedAway,
    pub(crate) grace: Grace,
    pub(crate) aside: Aside,
}

/// A webhook: who is it, what did they send, is it safe, what do we say.
///
/// Where it is answered before its body is wanted, whoever drops the body leaves it to [`super::lingering`], so
/// that the sender gets to read the answer.
pub(crate) async fn receive(reception: Arc<Reception>, table: &Table, address: IpAddr, request: Request) -> Answer {
    let endpoint = table.endpoint(request.uri().path());
    let most = table.patience(endpoint.as_deref(), address, request.headers(), reception.server.limits.body);
    let mut request = lingering(request, most);
    if reception.draining.load(Ordering::Relaxed) {
        return Answer::ComeAgain(ComeAgain::Draining);
    }
    if request.headers().contains_key(EXPECT) && table.is_untold(endpoint.as_deref(), address, request.headers()) {
        // What is kept without a word has to come first, and whose it is must not show.
        request = begun(request, ASKED).await;
    }
    match endpoint {
        Some(endpoint) if !endpoint.gate.allows(address) => {
            let refusal = Refusal::new(Why::Address, "calls from this address are not allowed; see allow_from");
            aside::refuse(&reception, &endpoint.gate, address, request, refusal)
        }
        Some(endpoint) => {
            let aim = if brings_events(request.method()) {
                Ok(Arc::clone(&endpoint))
            } else {
                Err(Refusal::new(Why::Method, not_taken(request.method())))
            };
            receive_by(reception, &endpoint.gate, aim, address, request).await
        }
        None => {
            let refusal = Refusal::new(Why::NoSuchPath, no_such_path(request.method()));
            let (open, shut) = table.anywhere(address);
            match aside::take(&reception, &shut, address, request, &refusal) {
                Ok(()) => Answer::Refused(refusal),
                Err(request) => receive_by(reception, &open, Err(refusal), address, *request).await,
            }
        }
    }
}

/// A request that is aimed at an endpoint, or is refused whatever is in it: then, if the gate knows the caller, what
/// it sent is kept. Neither a slip in the portal's settings nor a changed role may cost an order.
async fn receive_by(
    reception: Arc<Reception>,
    gate: &Gate,
    aim: Result<Arc<Endpoint>, Refusal>,
    address: IpAddr,
    request: Request,
) -> Answer {
    let (path, tries) = (request.uri().path().to_owned(), request.headers().contains_key(AUTHORIZATION));
    let (admitted, left) = admit(&reception, gate, request, address).await;
    let (verified, aim) = match (admitted, aim) {
        (Ok(verified), aim) => (verified, aim),
        (Err(Denied::Forbidden { verified, reason }), aim) => {
            (*verified, aim.and_then(|_| Err(Refusal::new(Why::Caller, reason))))
        }
        (Err(Denied::Unsure { reason }), _) => {
            reception.turned_away.note_doubt(address, &path, reason);
            return Answer::ComeAgain(ComeAgain::Credentials(reason));
        }
        (Err(Denied::Credentials { .. }), Err(refusal)) => {
            reception.turned_away.note_stray(address, &path, &refusal.detail, tries);
            return Answer::Refused(refusal);
        }
        (Err(Denied::Credentials { reason, detail, challenges }), Ok(endpoint)) => {
            if let Some(left) = reception.grace.left(&endpoint, address, &*reception.inbox).await {
                reception.turned_away.note_delay(address, &path, reason, &detail, left);
                return Answer::ComeAgain(ComeAgain::Credentials(reason));
            }
            reception.turned_away.note(address, &path, reason, &detail);
            return Answer::Denied { reason, challenges };
        }
    };
    if let Ok(endpoint) = &aim {
        reception.grace.worked(endpoint, &reception.inbox);
    }
    let Verified { caller, head, body, .. } = verified;
    let arrival = Arrival::new(&head, &caller.credential, address);
    let (received, place) = read(&reception, &head, body).await;
    let due = Instant::now() + left;
    in_time(left, async move {
        let _place = place;
        match (received, aim) {
            (Ok(received), Ok(endpoint)) => take(&reception, endpoint.acknowledge, arrival, received, due).await,
            (Ok(received), Err(refusal)) => {
                let event = arrival.event(&received.bytes).await;
                keep_refused(&reception, arrival, received.bytes, refusal, event).await
            }
            (Err(error), _) => unread(&reception, arrival, error).await,
        }
    })
    .await
}

/// Whether events come by this method.
fn brings_events(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT)
}

fn not_taken(method: &Method) -> String {
    format!("this endpoint takes POST and PUT only, and this was {}", shown(method))
}

fn no_such_path(method: &Method) -> String {
    let what = "there is no endpoint at this path; see [[endpoints]]";
    if brings_events(method) { what.to_owned() } else { format!("{what}; this was {}", shown(method)) }
}

/// Anybody may invent one.
fn shown(method: &Method) -> &str {
    let method = method.as_str();
    method.get(..LONGEST_METHOD).unwrap_or(method)
}

/// Has the gate look at a request; says how much of the time for the answer is left after that. Half of it is
/// for the work that comes then. While the body arrives it stands still: that time is the sender's.
async fn admit(
    reception: &Reception,
    gate: &Gate,
    request: Request,
    from: IpAddr,
) -> (Result<Verified, Denied>, Duration) {
    let (begun, within) = (Instant::now(), reception.server.answer_within);
    let lease = request.extensions().get::<Lease>().cloned();
    let linger = request.extensions().get::<Linger>().cloned();
    let late = Denied::Unsure { reason: "whether the credentials are right is not found out in time" };
    let admitted = timeout(within / 2, gate.admit(request, from)).await.unwrap_or(Err(late));
    if matches!(admitted, Ok(_) | Err(Denied::Forbidden { .. })) {
        lease.iter().for_each(Lease::know);
        // Enough to read the answer to a body that is larger than the limit.
        if let Some(linger) = linger {
            linger.most(reception.server.limits.body.saturating_mul(2));
        }
    }
    (admitted, within.saturating_sub(begun.elapsed()))
}

/// Reads the body, if there is room for another request.
async fn read(
    reception: &Reception,
    head: &request::Parts,
    mut body: Body,
) -> (Result<Received, BodyError>, Option<Place>) {
    let Some(place) = reception.load.enter() else {
        return (Err(BodyError::NoRoom), None);
    };
    let received = body::read(&head.headers, &mut body, &reception.server.limits, &reception.budget).await;
    if let Err(BodyError::Broken(_)) = &received {
        // It has been waited for long enough.
        if let Some(linger) = head.extensions.get::<Linger>() {
            linger.most(0);
        }
        // Over HTTP/2 the others on the connection go on.
        if let Some(lease) = head.extensions.get::<Lease>().filter(|_| head.version <= Version::HTTP_11) {
            lease.conclude();
        }
    }
    (received, Some(place))
}

/// Does the work on a task of its own: it belongs to the receiver, not to the connection, and goes on
/// if the caller leaves or if the answer has to be given before it is finished.
async fn in_time(within: Duration, work: impl Future<Output = Answer> + Send + 'static) -> Answer {
    match timeout(within, tokio::spawn(work)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => {
            events::intake::panicked(Some(&panic.to_string()));
            Answer::ComeAgain(ComeAgain::Unforeseen)
        }
        Err(_) => Answer::ComeAgain(ComeAgain::Late),
    }
}

/// What the head of the request says about a body.
pub(super) struct Arrival {
    received: Timestamp,
    /// With the query, if it came by a method that brings no events: it may say which order it is about.
    path: String,
    content_type: Option<String>,
    pub(super) credential: String,
    pub(super) address: IpAddr,
    brings_event: bool,
}

impl Arrival {
    pub(super) fn new(head: &request::Parts, credential: &str, address: IpAddr) -> Self {
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let brings_event = brings_events(&head.method);
        let target = head.uri.path_and_query().filter(|_| !brings_event);
        Self {
            received: Timestamp::now(),
            path: target.map_or_else(|| head.uri.path(), |target| target.as_str()).to_owned(),
            content_type: content_type.map(str::to_owned),
            credential: credential.to_owned(),
            address,
            brings_event,
        }
    }

    /// What is known of an event that is refused whatever it says: by its number it is looked for.
    pub(super) async fn event(&self, body: &Bytes) -> Option<Envelope> {
        decode_envelope(self.content_type.clone(), body.clone()).await.ok()?.ok()
    }

    /// Tells the log of a body that is refused.
    pub(super) fn told(
        &self,
        refusal: &Refusal,
        size: usize,
        id: Option<&str>,
        event: Option<&Envelope>,
        tell: impl FnOnce(&Refused<'_>),
    ) {
        let (number, name) = event.map_or((None, None), |event| (event.number.as_deref(), event.event_name.as_deref()));
        tell(&Refused {
            event: About { id, number, event: name },
            reason: &refusal.detail,
            size,
            from: &self.address.to_string(),
            credential: Some(&self.credential),
        });
    }

    /// The body as it is kept when it is refused.
    pub(super) fn refused(&self, refusal: &Refusal, body: Bytes) -> RefusedBody {
        RefusedBody {
            received: self.received,
            path: self.path.clone(),
            content_type: self.content_type.clone(),
            reason: refusal.detail.clone(),
            status: Answer::Refused(refusal.clone()).status().as_u16(),
            body,
        }
    }
}

/// Decodes and stores a body, and waits for the handlers if the endpoint says so.
async fn take(
    reception: &Reception,
    acknowledge: Acknowledge,
    arrival: Arrival,
    body: Received,
    due: Instant,
) -> Answer {
    let Received { bytes, share } = body;
    let envelope = match decode_envelope(arrival.content_type.clone(), bytes.clone()).await {
        Ok(Ok(envelope)) => envelope,
        Ok(Err(error)) => return keep_refused(reception, arrival, bytes, Answer::undecodable(&error), None).await,
        Err(_) => return Answer::ComeAgain(ComeAgain::Unforeseen),
    };
    let incoming = Incoming::new(envelope, arrival.received, arrival.path, arrival.content_type, bytes);
    let (id, envelope) = (incoming.id.clone(), incoming.envelope.clone());
    let about = About { id: Some(&id), number: envelope.number.as_deref(), event: envelope.event_name.as_deref() };
    let watch = (acknowledge == Acknowledge::Handled).then(|| reception.dispatch.watch(incoming.key));
    let routes = reception.dispatch.routes();
    let unnamed = incoming.is_unnamed();
    let unwanted = !routes.iter().any(|route| route.wants(&incoming.envelope));
    let Some(stored) = reception.load.storing(due, reception.inbox.store(incoming, routes)).await else {
        reception.load.shed();
        return Answer::ComeAgain(ComeAgain::Overload);
    };
    let receipt = match stored {
        Ok(receipt) => receipt,
        Err(InboxError::Busy) => {
            reception.load.shed();
            return Answer::ComeAgain(ComeAgain::Overload);
        }
        Err(error) => {
            if !error.is_told() {
                events::intake::not_stored(about, &error);
            }
            return Answer::ComeAgain(ComeAgain::Store);
        }
    };
    // Once the body is on disk, its memory is free for the next one while handlers work.
    let _share = Some(share).filter(|_| !reception.inbox.keeps());
    reception.dispatch.wake();
    // Under another key than it was meant for, if another event has that.
    let watch =
        watch.map(|watch| if watch.key() == receipt.key { watch } else { reception.dispatch.watch(receipt.key) });
    let tell = match (receipt.repeated, reception.inbox.keeps()) {
        (true, _) => events::intake::repeated,
        (false, true) => events::intake::stored,
        (false, false) => events::intake::received,
    };
    let Receipt { id, repeated, beside, .. } = receipt;
    let about = About { id: Some(&id), ..about };
    tell(about, unwanted, &arrival.address.to_string(), Some(&arrival.credential));
    if let Some(other) = beside {
        let tell = if unnamed { events::intake::same_body_again } else { events::intake::beside };
        tell(about, &other);
    }
    if unwanted && !reception.inbox.keeps() {
        events::intake::kept_nowhere(about);
    }
    match watch {
        None => Answer::Stored { id, repeated },
        Some(watch) => handled(reception, watch, id, repeated).await,
    }
}

/// Waits for the handlers. A repeated message waits with the first, and has a waiting retry made at once.
async fn handled(reception: &Reception, watch: Watch, id: String, repeated: bool) -> Answer {
    let settled = async {
        if repeated {
            reception.inbox.hurry(watch.key()).await?;
            reception.dispatch.wake();
        }
        watch.settled(&*reception.inbox).await
    };
    match settled.await {
        Ok(Settled::Done) => Answer::Handled { id, repeated },
        Ok(Settled::Rejected(rejection)) => {
            Answer::Refused(Refusal { why: Why::Rejected(rejection.status), detail: rejection.reason, id: Some(id) })
        }
        Ok(Settled::Unavailable(why)) => Answer::ComeAgain(ComeAgain::Handler(why.fault, why.reason)),
        Err(error) => {
            if !error.is_told() {
                events::intake::fate_unknown(About { id: Some(&id), ..About::default() }, &error);
            }
            Answer::ComeAgain(ComeAgain::Store)
        }
    }
}

async fn decode_envelope(
    content_type: Option<String>,
    bytes: Bytes,
) -> Result<Result<Envelope, decode::DecodeError>, tokio::task::JoinError> {
    if bytes.len() < LARGE {
        return Ok(decode::envelope(content_type.as_deref(), &bytes));
    }
    tokio::task::spawn_blocking(move || decode::envelope(content_type.as_deref(), &bytes)).await
}

/// A body that did not come whole.
async fn unread(reception: &Reception, arrival: Arrival, error: BodyError) -> Answer {
    match error {
        BodyError::NoRoom => {
            reception.load.shed();
            Answer::ComeAgain(ComeAgain::Overload)
        }
        BodyError::Broken(reason) => {
            events::intake::broke_off(&reason, arrival.address);
            Answer::ComeAgain(ComeAgain::Stalled)
        }
        BodyError::TooLarge { announced, beginning } => {
            let limit = reception.server.limits.body;
            let size = announced.map_or_else(|| "it".to_owned(), |bytes| format!("the body of {bytes} bytes"));
            let detail = format!("{size} is larger than the limit of {limit} bytes (server.limits.body)");
            keep_refused(reception, arrival, beginning, Refusal::new(Why::TooLarge, detail), None).await
        }
    }
}

/// Answers with a refusal once the body is safe; a body that cannot be kept is asked for again. `event` is what is
/// known of it.
async fn keep_refused(
    reception: &Reception,
    arrival: Arrival,
    body: Bytes,
    mut refusal: Refusal,
    event: Option<Envelope>,
) -> Answer {
    let size = body.len();
    let kept = reception.inbox.refuse(arrival.refused(&refusal, body)).await;
    let id = kept.as_ref().ok().and_then(Option::as_deref);
    arrival.told(&refusal, size, id, event.as_ref(), |told| match &kept {
        Ok(Some(_)) => events::intake::refused(told),
        Ok(None) => events::intake::refused_and_lost(told),
        Err(error) if error.is_told() => {}
        Err(error) => events::intake::refused_and_not_kept(told, error),
    });
    match kept {
        Ok(Some(id)) => {
            if !arrival.brings_event {
                let path = arrival.path.split('?').next().unwrap_or_default();
                reception.turned_away.note_method(arrival.address, path, &refusal.detail);
            }
            refusal.id = Some(id);
            Answer::Refused(refusal)
        }
        Ok(None) => Answer::Refused(refusal),
        Err(_) => Answer::ComeAgain(ComeAgain::Store),
    }
}
