//! No inbox: events are in memory while handlers work on them, and nowhere else.
//!
//! For endpoints that acknowledge with `handled`, in front of a back end that is itself a safe store,
//! such as a broker: what is answered 200 is confirmed there, and what is not is sent again by
//! Tradecloud. Any number of such receivers may stand side by side, as none knows of the others. What
//! a store adds is missing, and is said so in docs/handlers/stateless.md: retries of our own, dead letters, refused
//! bodies, and the order of an order beyond the attempts that are going on at the same time.
//!
//! An event stays known for a moment after it was settled, so that a quick repeat is answered like the
//! first one; of its body there is only a digest then. What failed is forgotten but for what it takes to spare the handlers that were done.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::repeat::{self, Newest, Says, Shelf};
use super::{
    Claim, Due, EventKey, EventView, Filter, Finish, Inbox, InboxError, Incoming, NoInbox, Open, Overdue, Purpose,
    Receipt, RefusedBody, SharedInbox, Standing, State, Swept,
};
use crate::config::Section;
use crate::decode::Content;
use crate::event::Event;

/// So far ahead of the clock may the time of an event be that is to sort behind the one before.
const DAY: Duration = Duration::from_secs(86_400);

/// Settled events that stay known.
const SETTLED_KEPT: usize = 10_000;

/// There is nothing to set.
#[derive(Debug)]
struct Settings;

/// Reads nothing. The defaults say what is for the other stores.
#[expect(clippy::unnecessary_wraps, reason = "as the register of stores asks for")]
pub(super) fn read(section: &Section) -> Option<Box<dyn Open>> {
    let _ = section.size("refused_space");
    Some(Box::new(Settings))
}

#[async_trait::async_trait]
impl Open for Settings {
    fn keeps(&self) -> bool {
        false
    }

    async fn open(&self, purpose: Purpose) -> anyhow::Result<SharedInbox> {
        match purpose {
            Purpose::Serve => Ok(Arc::new(Memory::default())),
            Purpose::Tool | Purpose::Look => Err(NoInbox::KeepsNothing.into()),
        }
    }
}

#[derive(Default)]
struct Memory(Mutex<Events>);

#[derive(Default)]
struct Events {
    last: i64,
    numbers: HashMap<EventKey, i64>,
    /// When the last one was received: that never goes back, whatever the clock does.
    latest: Timestamp,
    /// In the order received.
    known: BTreeMap<i64, Known>,
    /// Those of them that a handler has to be given, or works on.
    open: BTreeSet<i64>,
    /// Lanes, by handler, that somebody works on.
    busy: HashSet<(String, i64)>,
}

struct Known {
    incoming: Incoming,
    content: Content,
    lane: i64,
    deliveries: Vec<Delivery>,
}

struct Delivery {
    handler: String,
    step: Step,
    attempts: u32,
    reason: Option<String>,
    status: Option<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Waiting,
    Working,
    /// Until the sender repeats the event.
    Failed,
    Done,
    Dead,
}

impl Memory {
    fn events(&self) -> MutexGuard<'_, Events> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    /// Takes an event, if nothing has its key.
    fn put(&mut self, mut incoming: Incoming, content: Content) -> bool {
        if self.numbers.contains_key(&incoming.key) {
            return false;
        }
        let most = incoming.received.saturating_add(DAY).unwrap_or(incoming.received);
        let least = self.latest.saturating_add(Duration::from_micros(1)).unwrap_or(self.latest);
        incoming.received = incoming.received.max(least).min(most);
        self.latest = incoming.received;
        let deliveries = incoming.handlers.iter().map(|handler| Delivery::new(handler)).collect();
        self.append(incoming, content, deliveries);
        true
    }

    /// What failed of an event is tried anew, with the body that came again.
    fn again(&mut self, mut incoming: Incoming) -> Result<(), InboxError> {
        let number = self.numbers.get(&incoming.key).copied().ok_or_else(forgotten)?;
        let mut known = self.known.remove(&number).ok_or_else(forgotten)?;
        let was_open = known.is_open();
        known.deliveries = known.deliveries.into_iter().map(Delivery::again).collect();
        if was_open || !known.is_open() {
            // While a handler works on it, it keeps its place; the body says the same.
            self.known.insert(number, known);
        } else {
            // A handler knows it again by both.
            (incoming.id, incoming.received) = (known.incoming.id, known.incoming.received);
            self.append(incoming, known.content, known.deliveries);
        }
        Ok(())
    }

    fn append(&mut self, incoming: Incoming, content: Content, deliveries: Vec<Delivery>) {
        self.last += 1;
        self.numbers.insert(incoming.key, self.last);
        self.known.insert(self.last, Known { lane: incoming.lane(), incoming, content, deliveries });
        self.settle(self.last);
    }

    /// Notes whether an event is still to be worked on. If not, its body goes, and the oldest of those
    /// goes altogether.
    fn settle(&mut self, number: i64) {
        let Some(known) = self.known.get_mut(&number) else { return };
        if known.is_open() {
            self.open.insert(number);
            return;
        }
        self.open.remove(&number);
        known.incoming.body = Bytes::new();
        while self.known.len() - self.open.len() > SETTLED_KEPT {
            let Some(oldest) = self.known.keys().copied().find(|number| !self.open.contains(number)) else { return };
            if let Some(known) = self.known.remove(&oldest) {
                self.numbers.remove(&known.incoming.key);
            }
        }
    }

    fn claim(&mut self, handler: &str, most: usize) -> Due {
        let mut due = Due::default();
        for number in &self.open {
            let Some(known) = self.known.get_mut(number) else { continue };
            let Some(delivery) = known.deliveries.iter_mut().find(|delivery| delivery.handler == handler) else {
                continue;
            };
            let place = (handler.to_owned(), known.lane);
            if delivery.step != Step::Waiting || self.busy.contains(&place) {
                continue;
            }
            if due.claims.len() == most {
                due.next = Some(Timestamp::now());
                break;
            }
            delivery.step = Step::Working;
            self.busy.insert(place);
            due.claims.push(Claim {
                event: *number,
                key: known.incoming.key,
                id: known.incoming.id.clone(),
                number: known.incoming.envelope.number.clone(),
                event_name: known.incoming.envelope.event_name.clone(),
                handler: handler.to_owned(),
                lane: known.lane,
                attempts: delivery.attempts,
                since: known.incoming.received,
                size: known.incoming.body.len(),
                format: known.incoming.envelope.format,
                round: 1,
                ends: 0,
            });
        }
        due
    }

    fn end(&mut self, claim: &Claim, change: impl FnOnce(&mut Delivery)) {
        self.busy.remove(&(claim.handler.clone(), claim.lane));
        let known = self.known.get_mut(&claim.event);
        let deliveries = known.into_iter().flat_map(|known| &mut known.deliveries);
        if let Some(delivery) = deliveries.into_iter().find(|delivery| delivery.handler == claim.handler) {
            change(delivery);
        }
        self.settle(claim.event);
    }
}

impl Known {
    /// Whether a handler works on it or is to.
    fn is_open(&self) -> bool {
        self.deliveries.iter().any(|delivery| matches!(delivery.step, Step::Waiting | Step::Working))
    }
}

impl Delivery {
    fn new(handler: &str) -> Self {
        Self { handler: handler.to_owned(), step: Step::Waiting, attempts: 0, reason: None, status: None }
    }

    /// What failed, or was rejected, is tried anew when the sender repeats the event: nobody else can.
    fn again(self) -> Self {
        if matches!(self.step, Step::Failed | Step::Dead) { Self { step: Step::Waiting, ..self } } else { self }
    }
}

#[async_trait::async_trait]
impl Inbox for Memory {
    fn keeps(&self) -> bool {
        false
    }

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
            envelope: known.incoming.envelope.clone(),
            id: known.incoming.id.clone(),
            received: known.incoming.received,
            attempt: claim.attempts + 1,
            round: claim.round,
            content_type: known.incoming.content_type.clone(),
            body: known.incoming.body.clone(),
        })
    }

    async fn finish(&self, claim: &Claim, finish: Finish, _: Duration) -> Result<(), InboxError> {
        self.events().end(claim, |delivery| {
            delivery.attempts += 1;
            (delivery.step, delivery.reason, delivery.status) = match finish {
                Finish::Done => (Step::Done, None, None),
                Finish::Retry { reason, .. } => (Step::Failed, Some(reason), None),
                Finish::Dead { reason, status } => (Step::Dead, Some(reason), status),
            };
        });
        Ok(())
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

    async fn sweep(&self, _: Overdue) -> Result<Swept, InboxError> {
        Ok(Swept { complete: true, ..Swept::default() })
    }

    async fn list(&self, _: &Filter) -> Result<Vec<EventView>, InboxError> {
        Ok(Vec::new())
    }

    async fn show(&self, _: &str) -> Result<Option<EventView>, InboxError> {
        Ok(None)
    }

    async fn body(&self, _: i64) -> Result<Bytes, InboxError> {
        Err(forgotten())
    }

    async fn deliver(&self, _: i64, _: Option<&str>, _: Option<State>) -> Result<usize, InboxError> {
        Ok(0)
    }

    async fn accept(&self, _: i64, _: Incoming) -> Result<Receipt, InboxError> {
        Err(forgotten())
    }

    async fn discard(&self, _: i64) -> Result<usize, InboxError> {
        Ok(0)
    }

    async fn note(&self, _: &str, _: Timestamp) -> Result<(), InboxError> {
        Ok(())
    }

    async fn noted(&self, _: &str) -> Result<Option<Timestamp>, InboxError> {
        Ok(None)
    }

    async fn backlog(&self, _: usize) -> Result<Vec<(String, usize)>, InboxError> {
        Ok(Vec::new())
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

fn forgotten() -> InboxError {
    InboxError::Failed("without an inbox (inbox.store = \"none\") this is not known any more".to_owned())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;

    use super::{Memory, SETTLED_KEPT};
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

        inbox.finish(&claim, Finish::Done, std::time::Duration::ZERO).await.unwrap();

        assert!(inbox.load(&claim).await.unwrap().body.is_empty());
    }
}
