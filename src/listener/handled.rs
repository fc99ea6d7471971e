//! The answer of an endpoint that acknowledges with `handled`: what the handlers make of the event.

use super::receive::Reception;
use crate::dispatch::{Settled, Watch};
use crate::intake::Taken;
use crate::respond::{Answer, ComeAgain, Refusal, Why};

/// Waits for the handlers. A repeated message waits with the first, and has a waiting retry made at once.
pub(super) async fn handled(reception: &Reception, watch: Watch, taken: Taken) -> Answer {
    let Taken { key, id, repeated, kept, .. } = taken;
    // Under another key than it was meant for, if another event has that.
    let watch = if watch.key() == key { watch } else { reception.dispatch.watch(key) };
    let settled = async {
        if repeated {
            reception.inbox.hurry(key).await?;
            reception.dispatch.wake();
        }
        watch.settled(&*reception.inbox, kept).await
    };
    match settled.await {
        Ok(Settled::Done) => Answer::Handled { id, repeated },
        Ok(Settled::Rejected(rejection)) => {
            let refusal = Refusal::new(Why::Rejected(rejection.status), rejection.reason);
            Answer::Refused(Refusal { id: Some(id), ..refusal })
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
