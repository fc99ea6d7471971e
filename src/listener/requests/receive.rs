//! One request from start to end. Read [`receive`] first.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, EXPECT};
use axum::http::{Version, request};
use bytes::Bytes;
use tokio::time::{Instant, timeout};

use super::arrival::{Arrival, aim};
use super::aside;
use super::body::{self, BodyError, Received};
use super::endpoints::{Acknowledge, Table};
use super::handled::handled;
use super::lingering::{Linger, begun, lingering};
use super::notices::take_notice;
use super::overload::Place;
use super::reception::Reception;
use crate::auth::{Denied, Gate, Verified};
use crate::inbox::{EventKey, InboxError};
use crate::intake::IntakeError;
use crate::listener::connections::lease::Lease;
use crate::respond::{Answer, ComeAgain, Refusal, STORED, Why};
use crate::telemetry::events;

/// How long the beginning of a body is waited for that was asked for before the answer.
const ASKED: Duration = Duration::from_secs(1);

/// A webhook: who is it, what did they send, is it safe, what do we say.
///
/// One that is refused whatever is in it goes the same way: if the gate knows its caller, what it sent is kept. Neither
/// a slip in the portal's settings nor a changed role may cost an order. Where it is answered before its body is
/// wanted, whoever drops the body leaves it to [`super::lingering`], so that the sender gets to read the answer.
pub(crate) async fn receive(reception: Arc<Reception>, table: &Table, address: IpAddr, request: Request) -> Answer {
    let aimed = table.endpoint(request.uri());
    let endpoint = aimed.as_ref().map(|aimed| Arc::clone(&aimed.endpoint));
    let most = table.patience(endpoint.as_deref(), address, request.headers(), reception.server.limits.body);
    let mut request = lingering(request, most);
    if reception.readiness.is_draining() {
        return Answer::ComeAgain(ComeAgain::Draining);
    }
    if request.headers().contains_key(EXPECT) && table.is_untold(endpoint.as_deref(), address, request.headers()) {
        // What is kept without a word has to come first, and whose it is must not show.
        request = begun(request, ASKED).await;
    }
    let (open, shut) = table.gates(endpoint.as_deref(), address);
    let aim = aim(aimed.as_ref(), address, request.method());
    if let Err(refusal) = &aim {
        request = match aside::take(&reception, &shut, address, request, refusal) {
            Ok(()) => return Answer::Refused(refusal.clone()),
            Err(request) => *request,
        };
    }

    let (path, tries) = (request.uri().path().to_owned(), request.headers().contains_key(AUTHORIZATION));
    let (admitted, left) = admit(&reception, &open, request, address).await;
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
            if let Some(left) = reception.grace.left(&endpoint, address).await {
                reception.turned_away.note_delay(address, &path, reason, &detail, left);
                return Answer::ComeAgain(ComeAgain::Credentials(reason));
            }
            reception.turned_away.note(address, &path, reason, &detail);
            return Answer::Denied { reason, challenges };
        }
    };
    if let Ok(endpoint) = &aim {
        reception.grace.worked(endpoint);
    }

    let Verified { caller, head, body, .. } = verified;
    let arrival = Arrival::new(&head, &caller.credential, address);
    let (received, place) = read(&reception, &head, body).await;
    let due = Instant::now() + left;
    in_time(left, async move {
        let _place = place;
        match (received, aim) {
            // A body that came along says nothing. One that broke off may be half of a request, though.
            (Ok(_) | Err(BodyError::TooLarge { .. }), Ok(endpoint)) if !arrival.brings_event => {
                take_notice(&reception, &endpoint, aimed.as_ref(), arrival, due).await
            }
            (Ok(received), Ok(endpoint)) => take(&reception, endpoint.acknowledge, arrival, received, due).await,
            (Ok(received), Err(refusal)) => refuse(&reception, arrival, received.bytes, refusal).await,
            (Err(error), _) => unread(&reception, arrival, error).await,
        }
    })
    .await
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
///
/// It is begun at once rather than by who waits for it, so that no request takes the room of its work along.
fn in_time(within: Duration, work: impl Future<Output = Answer> + Send + 'static) -> impl Future<Output = Answer> {
    let work = timeout(within, tokio::spawn(work));
    async {
        match work.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => {
                events::intake::panicked(Some(&panic.to_string()));
                Answer::ComeAgain(ComeAgain::Unforeseen)
            }
            Err(_) => Answer::ComeAgain(ComeAgain::Late),
        }
    }
}

/// Has a body taken in as an event, and waits for the handlers if the endpoint says so.
async fn take(
    reception: &Arc<Reception>,
    acknowledge: Acknowledge,
    mut arrival: Arrival,
    body: Received,
    due: Instant,
) -> Answer {
    let Received { bytes, share } = body;
    arrival.origin.answer = (acknowledge == Acknowledge::Stored).then_some(STORED.as_u16());
    let event = match reception.intake.read(&arrival.origin, &bytes).await {
        Ok(event) => event,
        Err(IntakeError::NoEvent(error)) => {
            return refuse(reception, arrival, bytes, Answer::undecodable(&error)).await;
        }
        Err(error) => return come_again(reception, &error),
    };
    // Only the event has it now, and only until it is safe.
    drop(bytes);
    let watch = (acknowledge == Acknowledge::Handled).then(|| reception.dispatch.watch(event.key()));
    // Boxed, since it is handed on: its room would be there once for each hand.
    let store = Box::pin(reception.intake.store(event));
    let taken = match reception.load.storing(due, store).await {
        Some(Ok(taken)) => taken,
        Some(Err(error)) => return come_again(reception, &error),
        None => return overload(reception),
    };
    // Once the body is on disk, its memory is free for the next one while handlers work.
    let _share = Some(share).filter(|_| !taken.kept);
    let (key, repeated) = (taken.key, taken.repeated);
    let answer = match watch {
        None => Answer::Stored { id: taken.id, repeated },
        Some(watch) => handled(reception, watch, taken).await,
    };
    note(reception, key, &answer, repeated, due);
    answer
}

/// Has the inbox note what an event is answered with, if it does not know that from the beginning. Nobody waits for it.
pub(super) fn note(reception: &Arc<Reception>, key: EventKey, answer: &Answer, repeated: bool, due: Instant) {
    let late = Answer::ComeAgain(ComeAgain::Late);
    let given = if Instant::now() < due { answer } else { &late };
    if given.status() == STORED && !repeated {
        return;
    }
    let (inbox, status) = (Arc::clone(&reception.inbox), given.status().as_u16());
    tokio::spawn(async move {
        if let Err(error) = inbox.answered(key, status).await {
            tracing::debug!(%error, status, "cannot note what an event was answered with");
        }
    });
}

/// A body that did not come whole.
async fn unread(reception: &Reception, arrival: Arrival, error: BodyError) -> Answer {
    match error {
        BodyError::NoRoom => overload(reception),
        BodyError::Broken(reason) => {
            events::intake::broke_off(&reason, arrival.address);
            Answer::ComeAgain(ComeAgain::Stalled)
        }
        BodyError::TooLarge { announced, beginning } => {
            let limit = reception.server.limits.body;
            let size = announced.map_or_else(|| "it".to_owned(), |bytes| format!("the body of {bytes} bytes"));
            let detail = format!("{size} is larger than the limit of {limit} bytes (server.limits.body)");
            refuse(reception, arrival, beginning, Refusal::new(Why::TooLarge, detail)).await
        }
    }
}

/// Answers with a refusal once the body is safe; a body that cannot be kept is asked for again.
pub(super) async fn refuse(reception: &Reception, arrival: Arrival, body: Bytes, mut refusal: Refusal) -> Answer {
    let (reason, status) = (&refusal.detail, refusal.status().as_u16());
    let kept = reception.intake.refuse(&arrival.origin, body, reason, status).await;
    match kept {
        Ok(id) => {
            if id.is_some() && !arrival.brings_event && refusal.why != Why::NoId {
                let path = arrival.origin.path.split('?').next().unwrap_or_default();
                reception.turned_away.note_method(arrival.address, path, &refusal.detail);
            }
            refusal.id = id;
            Answer::Refused(refusal)
        }
        Err(error) => come_again(reception, &error),
    }
}

/// What is answered for what the intake cannot do now.
pub(super) fn come_again(reception: &Reception, error: &IntakeError) -> Answer {
    match error {
        IntakeError::Store(InboxError::Busy) => overload(reception),
        IntakeError::Store(_) => Answer::ComeAgain(ComeAgain::Store),
        IntakeError::NoEvent(_) | IntakeError::NotFetched(_) | IntakeError::Unforeseen(_) => {
            Answer::ComeAgain(ComeAgain::Unforeseen)
        }
    }
}

pub(super) fn overload(reception: &Reception) -> Answer {
    reception.load.shed();
    Answer::ComeAgain(ComeAgain::Overload)
}
