//! One request from start to end. Read [`receive`] first.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, request};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::body::{self, BodyError, Received};
use super::grace::Grace;
use super::lease::Lease;
use super::load::{Load, Place};
use super::table::Table;
use super::turned_away::TurnedAway;
use crate::auth::{Denied, Gate, Verified};
use crate::budget::Budget;
use crate::config::settings::{Acknowledge, Endpoint, Server};
use crate::decode;
use crate::dispatch::{Dispatch, Settled, Watch};
use crate::inbox::{Incoming, Receipt, RefusedBody, SharedInbox};
use crate::respond::{Answer, ComeAgain, Refusal, Why};

/// Bodies from this size on are decoded on a thread of their own, so that nobody else waits.
const LARGE: usize = 256 << 10;

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
}

/// A webhook: who is it, what did they send, is it safe, what do we say.
pub(crate) async fn receive(
    reception: Arc<Reception>,
    endpoint: Arc<Endpoint>,
    address: IpAddr,
    request: Request,
) -> Answer {
    if reception.draining.load(Ordering::Relaxed) {
        return Answer::ComeAgain(ComeAgain::Draining);
    }
    if !endpoint.gate.allows(address) {
        let refusal = refuse(Why::Address, "calls from this address are not allowed; see allow_from");
        return misdirected(reception, &endpoint.gate, address, request, refusal).await;
    }
    if !matches!(*request.method(), Method::POST | Method::PUT) {
        let refusal = refuse(Why::Method, "this endpoint takes POST and PUT only");
        return misdirected(reception, &endpoint.gate, address, request, refusal).await;
    }
    let path = request.uri().path().to_owned();
    let (Verified { caller, head, body, .. }, left) = match admit(&reception, &endpoint.gate, request, address).await {
        Ok(admitted) => admitted,
        Err(Denied::Credentials { reason, detail, challenges }) => {
            if let Some(left) = reception.grace.left(&endpoint, address, &*reception.inbox).await {
                reception.turned_away.note_delay(address, &path, reason, &detail, left);
                return Answer::ComeAgain(ComeAgain::Credentials(reason));
            }
            reception.turned_away.note(address, &path, reason, &detail);
            return Answer::Denied { reason, challenges };
        }
        Err(Denied::Forbidden { verified, reason }) => {
            return keep_all(reception, *verified, address, refuse(Why::Caller, reason)).await;
        }
        Err(Denied::Unsure { reason }) => {
            reception.turned_away.note_doubt(address, &path, reason);
            return Answer::ComeAgain(ComeAgain::Credentials(reason));
        }
    };
    reception.grace.worked(&endpoint, &reception.inbox);
    let arrival = Arrival::new(&head, &caller.credential, address);
    let (received, place) = read(&reception, &head, body).await;
    let due = Instant::now() + left;
    in_time(left, async move {
        let _place = place;
        match received {
            Ok(received) => take(&reception, endpoint.acknowledge, arrival, received, due).await,
            Err(error) => unread(&reception, arrival, error).await,
        }
    })
    .await
}

/// Has the gate look at a request; says how much of the time for the answer is left after that. Half of it is
/// for the work that comes then.
async fn admit(
    reception: &Reception,
    gate: &Gate,
    request: Request,
    from: IpAddr,
) -> Result<(Verified, Duration), Denied> {
    let (begun, within) = (Instant::now(), reception.server.answer_within);
    let lease = request.extensions().get::<Lease>().cloned();
    let admitted = timeout(within / 2, gate.admit(request, from)).await;
    let admitted = admitted
        .map_err(|_| Denied::Unsure { reason: "whether the credentials are right is not found out in time" })?;
    if matches!(admitted, Ok(_) | Err(Denied::Forbidden { .. })) {
        lease.iter().for_each(Lease::know);
    }
    Ok((admitted?, within.saturating_sub(begun.elapsed())))
}

/// Reads the body, if there is room for another request.
async fn read(
    reception: &Reception,
    head: &request::Parts,
    body: Body,
) -> (Result<Received, BodyError>, Option<Place>) {
    let Some(place) = reception.load.enter() else {
        body::turn_away(&head.headers, body, reception.server.limits.body);
        return (Err(BodyError::NoRoom), None);
    };
    let received = body::read(&head.headers, body, &reception.server.limits, &reception.budget).await;
    if let (Err(BodyError::Broken(_)), Some(lease)) = (&received, head.extensions.get::<Lease>()) {
        lease.conclude();
    }
    (received, Some(place))
}

/// Does the work on a task of its own: it belongs to the receiver, not to the connection, and goes on
/// if the caller leaves or if the answer has to be given before it is finished.
async fn in_time(within: Duration, work: impl Future<Output = Answer> + Send + 'static) -> Answer {
    match timeout(within, tokio::spawn(work)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => {
            tracing::error!(%panic, "a request ended in a panic; the sender will repeat it");
            Answer::ComeAgain(ComeAgain::Unforeseen)
        }
        Err(_) => Answer::ComeAgain(ComeAgain::Late),
    }
}

/// A request to the wrong path, with the wrong method, or from the wrong address. If the caller is known,
/// what it sent is kept: neither a slip in the portal's settings nor a new address of Tradecloud's must
/// cost an order.
pub(crate) async fn misdirected(
    reception: Arc<Reception>,
    gate: &Gate,
    address: IpAddr,
    request: Request,
    refusal: Refusal,
) -> Answer {
    let (path, tries) = (request.uri().path().to_owned(), request.headers().contains_key(AUTHORIZATION));
    match admit(&reception, gate, request, address).await {
        Ok((verified, _)) => keep_all(reception, verified, address, refusal).await,
        Err(Denied::Forbidden { verified, .. }) => keep_all(reception, *verified, address, refusal).await,
        Err(Denied::Unsure { reason }) => Answer::ComeAgain(ComeAgain::Credentials(reason)),
        Err(Denied::Credentials { .. }) => {
            // Without credentials it was one of the many that only look what there is.
            if tries {
                reception.turned_away.note(address, &path, &refusal.detail, "and the credentials are wrong");
            }
            Answer::Refused(refusal)
        }
    }
}

/// Keeps what somebody known sent, and refuses it.
async fn keep_all(reception: Arc<Reception>, verified: Verified, address: IpAddr, refusal: Refusal) -> Answer {
    let Verified { caller, head, body, .. } = verified;
    let arrival = Arrival::new(&head, &caller.credential, address);
    let (received, place) = read(&reception, &head, body).await;
    in_time(reception.server.answer_within, async move {
        let _place = place;
        match received {
            Ok(Received { bytes, .. }) if bytes.is_empty() => Answer::Refused(refusal),
            Ok(Received { bytes, .. }) => keep_refused(&reception, arrival, bytes, refusal).await,
            Err(error) => unread(&reception, arrival, error).await,
        }
    })
    .await
}

/// What the head of the request says about a body.
struct Arrival {
    received: Timestamp,
    path: String,
    content_type: Option<String>,
    credential: String,
    address: IpAddr,
}

impl Arrival {
    fn new(head: &request::Parts, credential: &str, address: IpAddr) -> Self {
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Self {
            received: Timestamp::now(),
            path: head.uri.path().to_owned(),
            content_type: content_type.map(str::to_owned),
            credential: credential.to_owned(),
            address,
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
        Ok(Err(error)) => return keep_refused(reception, arrival, bytes, Answer::undecodable(&error)).await,
        Err(_) => return Answer::ComeAgain(ComeAgain::Unforeseen),
    };
    let incoming = Incoming::new(envelope, arrival.received, arrival.path, arrival.content_type, bytes);
    let (id, event) = (incoming.id.clone(), incoming.envelope.event_name.clone());
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
        Err(error) => {
            if !error.is_told() {
                tracing::error!(%error, ?id, "an event could not be stored; the sender will repeat it");
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
    let event = event.as_deref().unwrap_or_default();
    let what = match (receipt.repeated, reception.inbox.keeps()) {
        (true, _) => "event repeated",
        (false, true) => "event stored",
        (false, false) => "event received",
    };
    let Receipt { id, repeated, beside, .. } = receipt;
    tracing::info!(?id, ?event, unwanted, from = %arrival.address, credential = arrival.credential, "{what}");
    if let Some(other) = beside {
        note_beside(&id, &other, unnamed);
    }
    if unwanted && !reception.inbox.keeps() {
        tracing::warn!(?id, ?event, "no handler wants this event, and there is no inbox: it is kept nowhere");
    }
    match watch {
        None => Answer::Stored { id, repeated },
        Some(watch) => handled(reception, watch, id, repeated).await,
    }
}

/// Says that there are two events where one was to be expected.
fn note_beside(id: &str, other: &str, unnamed: bool) {
    if unnamed {
        tracing::info!(?id, ?other, "the same body came before, and other events of its order or shipment since");
    } else {
        tracing::warn!(
            ?id,
            ?other,
            "an event has the messageId of another one but does not say the same: it is an event of its own"
        );
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
                tracing::error!(%error, ?id, "the inbox does not say what became of an event; the sender will repeat it");
            }
            Answer::ComeAgain(ComeAgain::Store)
        }
    }
}

async fn decode_envelope(
    content_type: Option<String>,
    bytes: Bytes,
) -> Result<Result<crate::model::Envelope, decode::DecodeError>, tokio::task::JoinError> {
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
            tracing::warn!(reason, from = %arrival.address, "a body did not arrive whole; the sender will repeat it");
            Answer::ComeAgain(ComeAgain::Stalled)
        }
        BodyError::TooLarge { announced, beginning } => {
            let limit = reception.server.limits.body;
            let size = announced.map_or_else(|| "it".to_owned(), |bytes| format!("the body of {bytes} bytes"));
            let detail = format!("{size} is larger than the limit of {limit} bytes (server.limits.body)");
            keep_refused(reception, arrival, beginning, refuse(Why::TooLarge, detail)).await
        }
    }
}

/// Answers with a refusal once the body is safe; a body that cannot be kept is asked for again.
async fn keep_refused(reception: &Reception, arrival: Arrival, body: Bytes, mut refusal: Refusal) -> Answer {
    let refused = RefusedBody {
        received: arrival.received,
        path: arrival.path,
        content_type: arrival.content_type,
        reason: refusal.detail.clone(),
        status: Answer::Refused(refusal.clone()).status().as_u16(),
        body,
    };
    let size = refused.body.len();
    match reception.inbox.refuse(refused).await {
        Ok(Some(id)) => {
            tracing::warn!(
                id,
                reason = ?refusal.detail,
                from = %arrival.address,
                "a body was refused and kept; look at it with `events show`"
            );
            refusal.id = Some(id);
            Answer::Refused(refusal)
        }
        Ok(None) => {
            tracing::error!(
                reason = ?refusal.detail,
                from = %arrival.address,
                size,
                "a body was refused, and is lost: there is no inbox to keep it in (inbox.store = \"none\")"
            );
            Answer::Refused(refusal)
        }
        Err(error) => {
            if !error.is_told() {
                tracing::error!(%error, "a refused body could not be kept; the sender will repeat it");
            }
            Answer::ComeAgain(ComeAgain::Store)
        }
    }
}

/// A refusal whose body is not kept yet.
pub(crate) fn refuse(why: Why, detail: impl Into<String>) -> Refusal {
    Refusal { why, detail: detail.into(), id: None }
}
