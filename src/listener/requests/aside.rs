//! What known callers send from addresses that are not in `allow_from`: refused at once, and kept aside.
//!
//! Tradecloud may move to another address, and what it sends from there must not be gone. But anybody may try
//! passwords from anywhere, and the answer must not tell who has found one. So it is given before anything is done
//! with the body, in the same words for all, and what becomes of the body shows only in the log. Bodies from there
//! have room of their own, so that they keep out none that are welcome.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::Request;
use tokio::sync::RwLock;
use tokio::time::timeout;

use super::arrival::Arrival;
use super::body::{self, BodyError, Received};
use super::lingering::{LONGEST, Linger};
use super::reception::Reception;
use crate::auth::{Gate, Verified};
use crate::budget::Budget;
use crate::intake::{self, Origin};
use crate::listener::connections::lease::Lease;
use crate::respond::Refusal;
use crate::telemetry::events;

/// Room for all bodies of this kind together.
const ROOM: usize = 64 << 20;

/// What is being kept aside.
pub(crate) struct Aside {
    room: Budget,
    /// Whoever keeps a body reads it.
    going_on: Arc<RwLock<()>>,
}

impl Aside {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { room: Budget::new(ROOM), going_on: Arc::default() }
    }

    /// Until everything that was to be kept is.
    pub(crate) async fn settled(&self) {
        let _ = self.going_on.write().await;
    }
}

/// Keeps the body of a request that is refused if a glance shows that its caller is known; gives the request back if
/// not. Waits for nothing, whoever it is.
pub(crate) fn take(
    reception: &Arc<Reception>,
    gate: &Gate,
    address: IpAddr,
    request: Request,
    refusal: &Refusal,
) -> Result<(), Box<Request>> {
    let verified = gate.glance(request)?;
    let going_on = Arc::clone(&reception.aside.going_on).try_read_owned();
    let (reception, refusal) = (Arc::clone(reception), refusal.clone());
    // It is answered before; the connection stays until the body is here.
    let work = verified.head.extensions.get().map(Lease::work);
    tokio::spawn(async move {
        let (_going_on, _work) = (going_on, work);
        keep(&reception, verified, address, &refusal).await;
    });
    Ok(())
}

/// Takes in a body within the bounds that hold for those that nobody wants, so that nobody can tell the difference,
/// and keeps it.
async fn keep(reception: &Reception, verified: Verified, address: IpAddr, refusal: &Refusal) {
    let Verified { caller, head, mut body, .. } = verified;
    let Arrival { origin, .. } = Arrival::new(&head, &caller.credential, address);
    let reading = body::read(&head.headers, &mut body, &reception.server.limits, &reception.aside.room);
    let received = timeout(LONGEST, reading).await;
    if let (Err(_) | Ok(Err(BodyError::Broken(_))), Some(linger)) = (&received, head.extensions.get::<Linger>()) {
        linger.most(0);
    }
    drop(body);
    let (bytes, _share) = match received {
        Ok(Ok(Received { bytes, share })) => (bytes, Some(share)),
        Ok(Err(BodyError::TooLarge { beginning, .. })) => (beginning, None),
        Ok(Err(BodyError::NoRoom)) => return lost(&origin, refusal, "there are too many of its kind"),
        Ok(Err(BodyError::Broken(reason))) => return lost(&origin, refusal, &reason),
        Err(_) => return lost(&origin, refusal, "it did not come in time"),
    };
    let kept = reception.inbox.refuse(origin.refused(bytes.clone(), &refusal.detail, refusal.status().as_u16())).await;
    let id = kept.as_ref().ok().and_then(Option::as_deref);
    let known = intake::known(&reception.inbox, &origin, id, &bytes).await;
    let told = origin.told(id, known.as_ref(), &refusal.detail, bytes.len());
    match &kept {
        Ok(Some(_)) => events::intake::refused_unsaid(&told),
        Ok(None) => events::intake::refused_and_lost_after(&told, &"there is no inbox (inbox.store = \"none\")"),
        Err(error) => events::intake::refused_and_lost_after(&told, error),
    }
}

/// It has been answered already, so it does not come again.
fn lost(origin: &Origin, refusal: &Refusal, error: &str) {
    events::intake::refused_and_lost_after(&origin.told(None, None, &refusal.detail, 0), &error);
}
