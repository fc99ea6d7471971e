//! No inbox: events are in memory while handlers work on them, and nowhere else.
//!
//! For endpoints that acknowledge with `handled`, in front of a back end that is itself a safe store,
//! such as a broker: what is answered 200 is confirmed there, and what is not is sent again by
//! Tradecloud. Any number of such receivers may stand side by side, as none knows of the others. What
//! a store adds is missing, and is said so in docs/handlers/stateless.md: retries of our own, dead letters, refused
//! bodies, and the order of an order beyond the attempts that are going on at the same time.
//!
//! An event stays known for a moment after it was settled, so that a quick repeat is answered like the
//! first one; of its body there is only a digest then. What failed is forgotten but for what it takes to
//! spare the handlers that were done.

mod events;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::repeat::{self, Newest, Says, Shelf};
use super::{
    Archive, Attempt, Claim, Due, EventKey, Finish, Inbox, InboxError, Incoming, NoInbox, Open, Purpose, Receipt,
    RefusedBody, SharedInbox, Standing, State,
};
use crate::config::Section;
use crate::event::{Answers, Event};
use events::{Events, Step, forgotten};

/// There is nothing to set.
#[derive(Debug)]
struct Settings;

/// Reads nothing.
#[expect(clippy::unnecessary_wraps, reason = "as the register of stores asks for")]
pub(super) fn read(_: &Section) -> Option<Box<dyn Open>> {
    Some(Box::new(Settings))
}

#[async_trait::async_trait]
impl Open for Settings {
    fn describe(&self) -> String {
        "none: events are kept nowhere".to_owned()
    }

    fn keeps(&self) -> bool {
        false
    }

    async fn open(&self, purpose: Purpose) -> anyhow::Result<SharedInbox> {
        match purpose {
            Purpose::Serve => Ok(Arc::new(Memory::default())),
            Purpose::Tool => Err(NoInbox::KeepsNothing.into()),
        }
    }

    async fn rehearse(&self) -> anyhow::Result<String> {
        Ok("keeps nothing (inbox.store = \"none\")".to_owned())
    }
}

#[derive(Default)]
struct Memory(Mutex<Events>);

impl Memory {
    fn events(&self) -> MutexGuard<'_, Events> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Inbox for Memory {
    async fn store(&self, incoming: Incoming) -> Result<Receipt, InboxError> {
        repeat::store(self, incoming).await
    }

    async fn refuse(&self, _: RefusedBody) -> Result<Option<String>, InboxError> {
        Ok(None)
    }

    async fn claim(&self, handler: &str, most: usize) -> Result<Due, InboxError> {
        Ok(self.events().claim(handler, most))
    }

    async fn load(&self, claim: &Claim) -> Result<Event, InboxError> {
        let events = self.events();
        let known = events.known.get(&claim.event).ok_or_else(forgotten)?;
        Ok(Event {
            origin: known.incoming.arrival.origin.into(),
            documents: None,
            envelope: known.incoming.envelope.clone(),
            id: known.incoming.id.clone(),
            received: known.incoming.received,
            attempt: claim.attempts + 1,
            round: claim.round,
            content_type: known.incoming.content_type.clone(),
            body: known.incoming.body.clone(),
            answers: Answers::default(),
        })
    }

    async fn finish(&self, claim: &Claim, finish: Finish, _: Option<Attempt>) -> Result<bool, InboxError> {
        self.events().end(claim, |delivery| {
            delivery.attempts += 1;
            (delivery.step, delivery.reason, delivery.status) = match finish {
                Finish::Done => (Step::Done, None, None),
                Finish::Retry { reason, .. } => (Step::Failed, Some(reason), None),
                Finish::Dead { reason, status } => (Step::Dead, Some(reason), status),
            };
        });
        Ok(true)
    }

    async fn release(&self, claim: &Claim) {
        self.events().end(claim, |delivery| delivery.step = Step::Waiting);
    }

    async fn standing(&self, key: EventKey) -> Result<Vec<Standing>, InboxError> {
        let events = self.events();
        // That nothing is known of it must not be taken for "nobody wanted it".
        let known = events.numbers.get(&key).and_then(|number| events.known.get(number)).ok_or_else(forgotten)?;
        let standing = known.deliveries.iter().map(|delivery| Standing {
            handler: delivery.handler.clone(),
            state: match delivery.step {
                Step::Waiting | Step::Working | Step::Failed => State::Pending,
                Step::Done => State::Done,
                Step::Dead => State::Dead,
            },
            reason: delivery.reason.clone(),
            status: delivery.status,
        });
        Ok(standing.collect())
    }

    async fn hurry(&self, _: EventKey) -> Result<(), InboxError> {
        // `store` has done it, with the body that came again.
        Ok(())
    }

    /// What is settled is of no use to anybody but its sender.
    fn archive(self: Arc<Self>) -> Option<Arc<dyn Archive>> {
        None
    }

    async fn probe(&self) -> Result<(), InboxError> {
        Ok(())
    }

    async fn close(&self) {}
}

impl Shelf for Memory {
    async fn put(&self, incoming: Incoming) -> Result<bool, InboxError> {
        if self.events().numbers.contains_key(&incoming.key) {
            return Ok(false);
        }
        let content = repeat::content_of(&incoming).await?;
        Ok(self.events().put(incoming, content))
    }

    async fn taken(&self, key: EventKey) -> Result<Option<repeat::Taken>, InboxError> {
        let events = self.events();
        let known = events.numbers.get(&key).and_then(|number| events.known.get(number));
        Ok(known.map(|known| repeat::Taken { id: known.incoming.id.clone(), says: Says::Remembered(known.content) }))
    }

    async fn body(&self, _: i64) -> Result<Bytes, InboxError> {
        Err(forgotten())
    }

    async fn newest(&self, lane: i64) -> Result<Option<Newest>, InboxError> {
        let events = self.events();
        let newest = events.known.iter().rev().find(|(_, known)| known.lane == lane);
        let newest = newest.map(|(number, known)| (*number, &known.incoming));
        Ok(newest.map(|(number, event)| Newest { key: event.key, id: event.id.clone(), number }))
    }

    async fn again(&self, incoming: Incoming) -> Result<(), InboxError> {
        self.events().again(incoming)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;

    use super::Memory;
    use super::events::SETTLED_KEPT;
    use crate::inbox::{Finish, Inbox as _, Incoming};
    use crate::model::{Envelope, Format, Kind};

    fn incoming(number: usize) -> Incoming {
        let envelope = Envelope {
            kind: Kind::Order,
            format: Format::Json,
            event_name: None,
            message_id: Some(format!("message-{number}")),
            subject: Some(format!("order-{number}")),
            number: None,
            company_id: None,
            companies: Vec::new(),
            created: None,
        };
        Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, Bytes::from_static(b"a body"))
    }

    #[tokio::test]
    async fn what_is_not_known_any_more_is_not_taken_for_done() {
        let inbox = Memory::default();
        for number in 0..=SETTLED_KEPT {
            inbox.store(incoming(number)).await.unwrap();
        }

        assert!(inbox.standing(incoming(0).key).await.is_err());
        assert!(inbox.standing(incoming(1).key).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_settled_event_holds_no_body() {
        let inbox = Memory::default();
        inbox.store(incoming(1).wanted_by(["erp"])).await.unwrap();
        let claim = inbox.claim("erp", 1).await.unwrap().claims.remove(0);
        assert_eq!(inbox.load(&claim).await.unwrap().body.len(), 6);

        inbox.finish(&claim, Finish::Done, None).await.unwrap();

        assert!(inbox.load(&claim).await.unwrap().body.is_empty());
    }
}
