//! A GET webhook: it says that something has changed, and not what. What it is about is in its URL.
//!
//! It is answered as an event is: once the notice is durable, or once what it is about was fetched and every handler is
//! done with it. Where nothing is kept, it is fetched before the answer, because nobody would know of it afterwards.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::arrival::Arrival;
use super::endpoints::{Acknowledge, Aimed, Endpoint};
use super::handled::handled;
use super::receive::{come_again, note, overload, refuse};
use super::reception::Reception;
use super::template::Template;
use crate::handlers::Fault;
use crate::intake::{IntakeError, Taken};
use crate::model::What;
use crate::respond::{Answer, ComeAgain, Refusal, STORED, Why};

/// Takes the notice that a call of the endpoint brings, which was aimed so.
pub(super) async fn take_notice(
    reception: &Arc<Reception>,
    endpoint: &Endpoint,
    aimed: Option<&Aimed>,
    mut arrival: Arrival,
    due: Instant,
) -> Answer {
    let Some(template) = &endpoint.template else {
        return Answer::ComeAgain(ComeAgain::Unforeseen);
    };
    let (what, id) = match id_of(template, aimed) {
        Ok(id) => (template.what, id),
        // Its target is kept, which is all that it says.
        Err(why) => return refuse(reception, arrival, Bytes::new(), Refusal::new(Why::NoId, why)).await,
    };
    arrival.origin.answer = (endpoint.acknowledge == Acknowledge::Stored).then_some(STORED.as_u16());
    let store = Box::pin(store(reception, &arrival, what, id));
    let taken = if reception.intake.keeps() { reception.load.storing(due, store).await } else { Some(store.await) };
    let taken = match taken {
        Some(Ok(taken)) => taken,
        Some(Err(IntakeError::NotFetched(reason))) => {
            return Answer::ComeAgain(ComeAgain::Handler(Fault::Late, reason));
        }
        Some(Err(error)) => return come_again(reception, &error),
        None => return overload(reception),
    };
    let (key, repeated) = (taken.key, taken.repeated);
    let answer = match endpoint.acknowledge {
        Acknowledge::Stored => Answer::Stored { id: taken.id, repeated },
        Acknowledge::Handled => {
            let watch = reception.dispatch.watch(key);
            called_again(handled(reception, watch, taken).await)
        }
    };
    note(reception, key, &answer, repeated, due);
    answer
}

/// The id that a call brings.
fn id_of(template: &Template, aimed: Option<&Aimed>) -> Result<String, String> {
    if aimed.is_some_and(|aimed| aimed.names_several) {
        return Err(
            "this call has the parameter of the id several times: only one thing is fetched for a call".to_owned()
        );
    }
    template.id(aimed.and_then(|aimed| aimed.written.as_deref()))
}

/// Stores the notice; or what it is about, if nothing is kept here.
async fn store(reception: &Reception, arrival: &Arrival, what: What, id: String) -> Result<Taken, IntakeError> {
    if reception.intake.keeps() {
        return reception.intake.notice(&arrival.origin, what, id).await;
    }
    let event = reception.intake.fetch_now(&arrival.origin, what, &id).await?;
    reception.intake.store(event).await
}

/// What a call is answered whose event a handler rejected, or that could not be fetched for good. That is no fault of the
/// call, and the next one may bring another state.
fn called_again(answer: Answer) -> Answer {
    match answer {
        Answer::Refused(refusal) => Answer::ComeAgain(ComeAgain::Handler(Fault::Ours, refusal.detail)),
        other => other,
    }
}
