//! The answer of an endpoint that acknowledges with `handled`: what the handlers make of the event.

use super::reception::Reception;
use crate::dispatch::{Settled, Watch};
use crate::intake::Taken;
use crate::respond::{Answer, ComeAgain, Refusal, Why};
use crate::telemetry::events;

/// Waits for the handlers. A repeated message waits with the first, and has a waiting retry made at once.
pub(super) async fn handled(reception: &Reception, watch: Watch, taken: Taken) -> Answer {
    let Taken { key, repeated, kept, .. } = taken;
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
        Ok(Settled::Done) => Answer::Handled { id: taken.id, repeated },
        Ok(Settled::Rejected(rejection)) => {
            let refusal = Refusal::new(Why::Rejected(rejection.status), in_short(&rejection.reason));
            Answer::Refused(Refusal { id: Some(taken.id), ..refusal })
        }
        Ok(Settled::Unavailable(why)) => Answer::ComeAgain(ComeAgain::Handler(why.fault, in_short(&why.reason))),
        Err(error) => {
            if !error.is_told() {
                events::intake::fate_unknown(taken.about(), &error);
            }
            Answer::ComeAgain(ComeAgain::Store)
        }
    }
}

/// A reason without what stands below its first line: the stack trace of a program is nobody's business but ours.
fn in_short(reason: &str) -> String {
    reason.lines().next().unwrap_or_default().trim_end_matches(':').to_owned()
}
