//! A message whose id is taken: is it the one that is there, once more, or another one?
//!
//! Nobody asks as long as an id is new, which the store finds out as it stores. Only when it is not, what is
//! there is compared with what has come, off the store's own threads: by bytes, then by what both say (see
//! [`decode::say_the_same`]). If they say the same, it is one event. If not, the newcomer is an event of its own,
//! with an id that is made from what tells it from the other one, so that its own repetition is recognised in the
//! same way. What is uncertain is stored: twice is better than not at all.
//!
//! A huge body may take longer than its sender waits for an answer. What was begun is finished all the same, and
//! remembered: when the message comes again, which it does, the answer is there.
//!
//! Without a `messageId` the body is all there is to go by. An order that becomes again what it was before is
//! sent in the same words, so there a repeated body is the same event only if it names the state it brings, or
//! if nothing else of its order or shipment has been stored since.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{EventKey, InboxError, Incoming, Receipt};
use crate::decode::{self, Body, Content};
use crate::model::Format;

/// Bodies from this size on, both together, are compared on a thread of their own, a few at a time: they are in no
/// budget.
const LARGE: usize = 64 << 10;
/// From this size on, one pair at a time.
const HUGE: usize = 2 << 20;

/// Whose turn it is to compare large ones, and huge ones.
static LARGE_ONES: Semaphore = Semaphore::const_new(4);
static HUGE_ONES: Semaphore = Semaphore::const_new(1);

/// So long one waits for its turn. After that its sender is told to come again.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was found out lately about large bodies.
static SAME: Lately<bool> = Lately::new();
static CONTENTS: Lately<Content> = Lately::new();
static STATES: Lately<bool> = Lately::new();

/// So much of it is kept.
const KEPT: usize = 1000;

/// Ids that are tried. More than two are taken only if digests meet, or if retention is at work.
const TRIES: usize = 8;

/// What is there under a key.
pub(super) struct Taken {
    pub(super) id: String,
    pub(super) says: Says,
}

/// What is known of what it says.
pub(super) enum Says {
    /// It is a refused body, and no event.
    Refused,
    /// Its body is kept, under the store's own number.
    Kept { number: i64, format: Format, content_type: Option<String>, size: usize },
    /// Its body is gone.
    Remembered(Content),
}

/// The newest event of an order or shipment.
pub(super) struct Newest {
    pub(super) key: EventKey,
    pub(super) id: String,
    pub(super) number: i64,
}

/// A store, as far as this module needs it.
pub(super) trait Shelf: Sync {
    /// Stores an event, if nothing has its key; whether it did. Durable on return.
    fn put(&self, incoming: Incoming) -> impl Future<Output = Result<bool, InboxError>> + Send;

    /// What has that key.
    fn taken(&self, key: EventKey) -> impl Future<Output = Result<Option<Taken>, InboxError>> + Send;

    /// The body of an event, by the store's own number.
    fn body(&self, number: i64) -> impl Future<Output = Result<Bytes, InboxError>> + Send;

    /// The newest event in a lane that an event without a `messageId` is in.
    fn newest(&self, lane: i64) -> impl Future<Output = Result<Option<Newest>, InboxError>> + Send;

    /// Does what is to be done if the event is there already. Durable on return.
    fn again(&self, incoming: Incoming) -> impl Future<Output = Result<(), InboxError>> + Send;
}

/// Stores an event, unless it is there already.
pub(super) async fn store(inbox: &impl Shelf, incoming: Incoming) -> Result<Receipt, InboxError> {
    if inbox.put(incoming.clone()).await? {
        return Ok(Receipt::stored(&incoming));
    }
    let mut newcomer = Newcomer { incoming, content: None };
    // The first event that has its id, and what the others are called after.
    let mut first: Option<String> = None;
    for turn in 0..TRIES {
        let taken = inbox.taken(newcomer.incoming.key).await?;
        if let Some(taken) = taken {
            let base = first.get_or_insert_with(|| taken.id.clone());
            match newcomer.place(inbox, &taken, base, turn).await? {
                Place::Here => {
                    let key = newcomer.incoming.key;
                    inbox.again(newcomer.incoming).await?;
                    return Ok(Receipt { key, id: taken.id, repeated: true, beside: None });
                }
                Place::At(key, id) => {
                    (newcomer.incoming.key, newcomer.incoming.id) = (key, id);
                    continue;
                }
                Place::Beside(id) => {
                    newcomer.incoming.key = EventKey::of_id(&id);
                    newcomer.incoming.id = id;
                }
            }
        }
        // If nothing is there any more, retention was quicker, and it is new after all.
        if inbox.put(newcomer.incoming.clone()).await? {
            return Ok(Receipt { beside: first, ..Receipt::stored(&newcomer.incoming) });
        }
    }
    Err(InboxError::Failed(format!("whether event {first:?} is the same message cannot be found out now")))
}

/// Where an event belongs.
enum Place {
    /// It is what is there.
    Here,
    /// It may be the event with this key and id.
    At(EventKey, String),
    /// It is another one than what is there, and this is its id.
    Beside(String),
}

/// An event whose key was taken.
struct Newcomer {
    incoming: Incoming,
    content: Option<Content>,
}

impl Newcomer {
    async fn place(&mut self, inbox: &impl Shelf, taken: &Taken, base: &str, turn: usize) -> Result<Place, InboxError> {
        if !self.says_the_same(inbox, taken).await? {
            return self.beside(base, turn).await.map(Place::Beside);
        }
        if !self.incoming.is_unnamed() || self.names_its_state().await? {
            return Ok(Place::Here);
        }
        let Some(newest) = inbox.newest(self.incoming.lane()).await? else {
            // It has been removed, so something has come in between.
            return Ok(Place::Beside(EventKey::id_beside(base, &[&turn.to_be_bytes()])));
        };
        if newest.key == self.incoming.key {
            return Ok(Place::Here);
        }
        if turn == 0 && newest.id.strip_prefix(base).is_some_and(|rest| rest.starts_with('~')) {
            return Ok(Place::At(newest.key, newest.id));
        }
        // Named after what came in between, so that it is known by that when it comes again.
        let named = EventKey::id_beside(base, &[&newest.key.0, &newest.number.to_be_bytes()]);
        Ok(if named == self.incoming.id { Place::Here } else { Place::Beside(named) })
    }

    /// Whether what is there says the same.
    async fn says_the_same(&mut self, inbox: &impl Shelf, taken: &Taken) -> Result<bool, InboxError> {
        match &taken.says {
            Says::Refused => Ok(false),
            Says::Remembered(theirs) => Ok(self.content().await?.agrees_with(theirs)),
            Says::Kept { number, format, content_type, size } => {
                let _turn = turn(size.saturating_add(self.incoming.body.len())).await?;
                let (format, content_type) = (*format, content_type.clone());
                let theirs = Body { format, content_type, bytes: inbox.body(*number).await? };
                find(&SAME, [theirs, body_of(&self.incoming)], decode::say_the_same).await
            }
        }
    }

    async fn content(&mut self) -> Result<Content, InboxError> {
        match self.content {
            Some(content) => Ok(content),
            None => Ok(*self.content.insert(content_of(&self.incoming).await?)),
        }
    }

    /// Its id if another event has its own.
    async fn beside(&mut self, base: &str, turn: usize) -> Result<String, InboxError> {
        let content = self.content().await?;
        let envelope = &self.incoming.envelope;
        let text = |text: &Option<String>| text.clone().unwrap_or_default().into_bytes();
        let (name, subject) = (text(&envelope.event_name), text(&envelope.subject));
        let mut parts = vec![envelope.kind.as_str().as_bytes(), &name, &subject, content.alike()];
        let again = turn.to_be_bytes();
        if turn > 0 {
            parts.extend([content.exact().as_slice(), &again]);
        }
        Ok(EventKey::id_beside(base, &parts))
    }

    async fn names_its_state(&self) -> Result<bool, InboxError> {
        let _turn = turn(self.incoming.body.len()).await?;
        find(&STATES, [body_of(&self.incoming)], |[body]| decode::names_its_state(body)).await
    }
}

/// What an event says.
pub(super) async fn content_of(incoming: &Incoming) -> Result<Content, InboxError> {
    let _turn = turn(incoming.body.len()).await?;
    find(&CONTENTS, [body_of(incoming)], |[body]| Content::of(body)).await
}

fn body_of(incoming: &Incoming) -> Body {
    Body { format: incoming.envelope.format, content_type: incoming.content_type.clone(), bytes: incoming.body.clone() }
}

/// Waits until `size` bytes may be looked into.
async fn turn(size: usize) -> Result<Option<SemaphorePermit<'static>>, InboxError> {
    if size < LARGE {
        return Ok(None);
    }
    let turns = if size < HUGE { &LARGE_ONES } else { &HUGE_ONES };
    match timeout(PATIENCE, turns.acquire()).await {
        Ok(turn) => turn.map(Some).map_err(|_| InboxError::Closed),
        Err(_) => Err(InboxError::Busy),
    }
}

/// Finds something out about bodies: if they are large, where nobody waits for it.
async fn find<T: Copy + Send + 'static, const N: usize>(
    lately: &'static Lately<T>,
    bodies: [Body; N],
    ask: fn(&[Body; N]) -> T,
) -> Result<T, InboxError> {
    if bodies.iter().map(|body| body.bytes.len()).sum::<usize>() < LARGE {
        return Ok(ask(&bodies));
    }
    let found = spawn_blocking(move || lately.find(&bodies, ask)).await;
    found.map_err(|panic| InboxError::Failed(panic.to_string()))
}

/// The answers to a question about bodies that were given lately, by a digest of the bodies.
struct Lately<T>(Mutex<VecDeque<([u8; 32], T)>>);

impl<T: Copy> Lately<T> {
    const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    fn find<const N: usize>(&self, bodies: &[Body; N], ask: impl FnOnce(&[Body; N]) -> T) -> T {
        let asked = digest(bodies);
        let known = self.answers().iter().find(|(about, _)| *about == asked).map(|(_, answer)| *answer);
        known.unwrap_or_else(|| {
            let answer = ask(bodies);
            let mut answers = self.answers();
            answers.push_front((asked, answer));
            answers.truncate(KEPT);
            answer
        })
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, VecDeque<([u8; 32], T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(bodies: &[Body]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for Body { format, content_type, bytes } in bodies {
        for part in [format.as_str().as_bytes(), content_type.as_deref().unwrap_or_default().as_bytes(), bytes] {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
    }
    context.finish().as_ref().try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use jiff::Timestamp;

    use super::*;
    use crate::model::{Envelope, Kind};

    fn incoming(body: &str) -> Incoming {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let envelope = Envelope {
            kind: Kind::Order,
            format: Format::Json,
            event_name: None,
            message_id: Some("m".to_owned()),
            subject: None,
            number: None,
            company_id: None,
            companies: Vec::new(),
            created: None,
        };
        Incoming::new(envelope, Timestamp::now(), "/".to_owned(), None, body)
    }

    /// What a store says, one after the other; after that it fails.
    #[derive(Default)]
    struct Said {
        put: Mutex<Vec<bool>>,
        known: Mutex<Vec<Option<Taken>>>,
        ids: Mutex<Vec<String>>,
    }

    fn next<T>(said: &Mutex<Vec<T>>) -> Result<T, InboxError> {
        let mut said = said.lock().unwrap();
        if said.is_empty() { Err(InboxError::Failed("on purpose".to_owned())) } else { Ok(said.remove(0)) }
    }

    impl Shelf for Said {
        async fn put(&self, incoming: Incoming) -> Result<bool, InboxError> {
            self.ids.lock().unwrap().push(incoming.id);
            next(&self.put)
        }
        async fn taken(&self, _: EventKey) -> Result<Option<Taken>, InboxError> {
            next(&self.known)
        }
        async fn body(&self, _: i64) -> Result<Bytes, InboxError> {
            Err(InboxError::Failed("it is gone".to_owned()))
        }
        async fn newest(&self, _: i64) -> Result<Option<Newest>, InboxError> {
            Ok(None)
        }
        async fn again(&self, _: Incoming) -> Result<(), InboxError> {
            Ok(())
        }
    }

    fn taken(says: Says) -> Taken {
        Taken { id: "m".to_owned(), says }
    }

    async fn store_in(shelf: &Said) -> Result<Receipt, InboxError> {
        store(shelf, incoming(r#"{"orderEvent":{}}"#)).await
    }

    #[tokio::test]
    async fn what_is_gone_before_it_can_be_looked_at_is_stored_anew() {
        let shelf = Said { put: vec![false, true].into(), known: vec![None].into(), ..Said::default() };

        let receipt = store_in(&shelf).await.unwrap();

        assert_eq!((receipt.id.as_str(), receipt.repeated, receipt.beside), ("m", false, None));
    }

    #[tokio::test]
    async fn a_store_that_cannot_say_what_it_has_is_no_reason_to_take_a_message_for_a_repeated_one() {
        let kept = || Some(taken(Says::Kept { number: 1, format: Format::Json, content_type: None, size: 1 }));
        for found in [vec![], vec![kept()], vec![None, None, None, None, None, None, None, None]] {
            let shelf = Said { put: vec![false; 9].into(), known: found.into(), ..Said::default() };

            assert!(store_in(&shelf).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_huge_message_that_waits_too_long_for_its_turn_is_told_to_come_again_and_others_are_not() {
        let _another = HUGE_ONES.acquire().await.unwrap();
        let shelf = |size| {
            let kept = Says::Kept { number: 1, format: Format::Json, content_type: None, size };
            Said { put: vec![false].into(), known: vec![Some(taken(kept))].into(), ..Said::default() }
        };
        let (huge, large) = (shelf(HUGE), shelf(LARGE));
        let (huge, large) = (store_in(&huge), store_in(&large));

        let minute = Duration::from_secs(60);
        assert!(matches!(timeout(minute, huge).await, Ok(Err(InboxError::Busy))));
        // It had its turn, and the body was not there.
        assert!(matches!(timeout(minute, large).await, Ok(Err(InboxError::Failed(_)))));
    }

    #[test]
    fn what_was_found_out_about_a_body_is_not_found_out_again() {
        let lately = Lately::new();
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let body = |text: &str| [Body { format: Format::Json, content_type: None, bytes: bytes(text) }];
        let never = |_: &[Body; 1]| panic!("it is known");
        assert_eq!(lately.find(&body("one"), |_| 1), 1);
        assert_eq!(lately.find(&body("other"), |_| 2), 2);
        assert_eq!((lately.find(&body("one"), never), lately.find(&body("other"), never)), (1, 2));

        let in_xml = [Body { format: Format::Txml, content_type: None, bytes: bytes("one") }];
        assert_eq!(lately.find(&in_xml, |_| 3), 3);
        let in_latin = [Body { content_type: Some("text/xml; charset=latin1".to_owned()), ..in_xml[0].clone() }];
        assert_eq!(lately.find(&in_latin, |_| 6), 6);

        for number in 0..KEPT {
            lately.find(&body(&number.to_string()), |_| 4);
        }
        assert_eq!(lately.find(&body("one"), |_| 5), 5, "it takes no more and more memory");
    }

    #[tokio::test]
    async fn digests_that_meet_and_ids_of_refused_bodies_lead_to_other_ids() {
        let found = [Says::Refused, Says::Refused, Says::Refused].map(|says| Some(taken(says)));
        let shelf =
            Said { put: vec![false, false, false, true].into(), known: Vec::from(found).into(), ..Said::default() };

        let receipt = store_in(&shelf).await.unwrap();

        let ids = shelf.ids.lock().unwrap().clone();
        assert_eq!((receipt.repeated, receipt.beside.as_deref(), &receipt.id), (false, Some("m"), &ids[3]));
        assert!(ids[1..].iter().all(|id| id.starts_with("m~")) && ids[1] != ids[2] && ids[2] != ids[3], "{ids:?}");
    }
}
