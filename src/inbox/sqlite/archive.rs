//! What there is besides storing and delivering: for people, for handlers that are down, and for the inbox's own order.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

use super::writer::failed;
use super::{
    Sqlite, actions, changes, deliveries, erasing, events, listed, mending, notes, notices, open, place, reading,
    search, sweep, views,
};
use crate::inbox::repeat::{self, Newest, Shelf, Taken};
use crate::inbox::{
    ActedOn, Action, ActionView, Archive, Claim, Count, DeedView, EventKey, EventView, Filter, InboxError, Incoming,
    Mended, Overdue, Purpose, Receipt, State, Swept, Unread, Verified,
};
use crate::model::What;

#[async_trait::async_trait]
impl Archive for Sqlite {
    fn taken_over_from(&self) -> Option<u32> {
        self.known.taken_over_from
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<EventView>, InboxError> {
        let filter = filter.clone();
        self.ask(move |db| views::views(db, &search::sequences(db, &filter)?)).await
    }

    async fn sequences(&self, filter: &Filter) -> Result<Vec<i64>, InboxError> {
        let filter = filter.clone();
        self.ask(move |db| search::sequences(db, &filter)).await
    }

    async fn count(&self, filter: &Filter, most: usize) -> Result<Count, InboxError> {
        let filter = Filter { before: None, ..filter.clone() };
        self.ask(move |db| search::count(db, &filter, most)).await
    }

    async fn views(&self, sequences: &[i64]) -> Result<Vec<EventView>, InboxError> {
        let mut sequences = sequences.to_vec();
        sequences.sort_unstable_by(|one, other| other.cmp(one));
        self.ask(move |db| views::views(db, &sequences)).await
    }

    async fn show(&self, id: &str) -> Result<Option<EventView>, InboxError> {
        let key = EventKey::of_id(id);
        self.ask(move |db| views::show(db, key)).await
    }

    async fn between(&self, first: EventKey, last: EventKey, most: usize) -> Result<Vec<EventView>, InboxError> {
        self.ask(move |db| views::between(db, first, last, most)).await
    }

    async fn actions(&self, id: &str) -> Result<Vec<ActionView>, InboxError> {
        let key = EventKey::of_id(id);
        self.ask(move |db| actions::on(db, key)).await
    }

    async fn deeds(&self, before: Option<(Timestamp, Uuid)>, most: usize) -> Result<Vec<DeedView>, InboxError> {
        self.ask(move |db| actions::list(db, before, most)).await
    }

    async fn deed(&self, id: Uuid) -> Result<Option<DeedView>, InboxError> {
        self.ask(move |db| actions::one(db, id)).await
    }

    async fn acted(&self, id: Uuid, after: Option<ActedOn>, most: usize) -> Result<Vec<ActedOn>, InboxError> {
        self.ask(move |db| actions::acted(db, id, after, most)).await
    }

    async fn body(&self, event: i64) -> Result<Bytes, InboxError> {
        self.ask(move |db| events::body(db, event)).await
    }

    async fn unread(&self) -> Result<Option<Unread>, InboxError> {
        self.ask(reading::unread).await
    }

    async fn deliver(
        &self,
        events: &[i64],
        handler: Option<&str>,
        only: &[State],
        action: &Action,
    ) -> Result<Vec<usize>, InboxError> {
        let (events, handler, only) = (events.to_vec(), handler.map(str::to_owned), only.to_vec());
        let action = action.clone();
        let deliver =
            move |db: &Connection| changes::deliver(db, &events, handler.as_deref(), &only, &action, Timestamp::now());
        self.writer.run(0, deliver).await
    }

    async fn accept(&self, event: i64, incoming: Incoming, action: &Action) -> Result<Receipt, InboxError> {
        repeat::store(&Accepting { inbox: self, refused: event, action }, incoming).await
    }

    async fn discard(
        &self,
        events: &[i64],
        handler: Option<&str>,
        only: &[State],
        action: &Action,
    ) -> Result<Vec<usize>, InboxError> {
        let (events, handler, only) = (events.to_vec(), handler.map(str::to_owned), only.to_vec());
        let action = action.clone();
        let discard =
            move |db: &Connection| changes::discard(db, &events, handler.as_deref(), &only, &action, Timestamp::now());
        self.writer.run(0, discard).await
    }

    async fn erase(&self, event: i64, action: &Action) -> Result<bool, InboxError> {
        // Before the transaction: of a large body it takes its time, and nobody can write meanwhile.
        let known = self.readers.background.run(move |db| erasing::known_by(db, event)).await?;
        let Some(known) = known else { return Ok(false) };
        let action = action.clone();
        self.writer.run(0, move |db| erasing::erase(db, event, &known, &action, Timestamp::now())).await
    }

    async fn noticed(&self, key: EventKey) -> Result<Option<(What, String)>, InboxError> {
        self.read(move |db| notices::about(db, key)).await
    }

    async fn fetched(&self, incoming: Incoming) -> Result<bool, InboxError> {
        let weight = incoming.body.len();
        self.writer.run(weight, move |db| notices::fetched(db, &incoming, Timestamp::now())).await
    }

    async fn cursor(&self, name: &str) -> Result<Option<String>, InboxError> {
        let name = name.to_owned();
        self.read(move |db| notes::cursor(db, &name)).await
    }

    async fn move_cursor(&self, name: &str, value: &str) -> Result<(), InboxError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.writer.run(0, move |db| notes::move_cursor(db, &name, &value, Timestamp::now())).await
    }

    async fn lead(&self, _: &str, _: Duration) -> Result<bool, InboxError> {
        // It has the lock, and nobody else.
        Ok(self.known.purpose() == Purpose::Serve)
    }

    async fn is_served(&self) -> Result<bool, InboxError> {
        if self.known.purpose() == Purpose::Serve {
            return Ok(true);
        }
        let path = self.known.path().to_owned();
        tokio::task::spawn_blocking(move || open::is_locked(&path)).await.map_err(failed)
    }

    async fn claim_one(&self, handler: &str, except: &[i64], until: Timestamp) -> Result<Option<Claim>, InboxError> {
        let mut taken: HashSet<i64> =
            self.claimed().keys().filter(|(by, _)| by == handler).map(|(_, lane)| *lane).collect();
        taken.extend(except);
        let name = handler.to_owned();
        let due = self.read(move |db| deliveries::due(db, &name, 1, &taken, until)).await?;
        self.claimed().extend(due.claims.iter().map(|claim| (place(claim), false)));
        Ok(due.claims.into_iter().next())
    }

    async fn lanes(&self, handler: &str, most: usize) -> Result<usize, InboxError> {
        let handler = handler.to_owned();
        self.read(move |db| deliveries::lanes(db, &handler, most)).await
    }

    async fn hurry_handler(&self, handler: &str) -> Result<usize, InboxError> {
        let handler = handler.to_owned();
        self.writer.run(0, move |db| deliveries::hurry_handler(db, &handler, Timestamp::now())).await
    }

    async fn backlog(&self, most: usize) -> Result<Vec<(String, usize)>, InboxError> {
        self.read(move |db| deliveries::backlog(db, most)).await
    }

    async fn sweep(&self, overdue: Overdue) -> Result<Swept, InboxError> {
        let from = *self.swept_to.lock().unwrap_or_else(PoisonError::into_inner);
        let (swept, to) = self.writer.run(0, move |db| sweep::sweep(db, from, overdue)).await?;
        *self.swept_to.lock().unwrap_or_else(PoisonError::into_inner) = to;
        Ok(swept)
    }

    async fn mend(&self) -> Result<Vec<Mended>, InboxError> {
        let mut mended = Vec::new();
        loop {
            let from = self.mended_to.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (standing, to) = self.read(move |db| mending::look(db, from)).await?;
            if !standing.is_empty() {
                mended.extend(self.writer.run(0, move |db| mending::set_right(db, &standing, Timestamp::now())).await?);
            }
            // A receiver comes again, somebody at the command line wants to know.
            let is_over = to.is_none() || self.known.purpose() == Purpose::Serve;
            *self.mended_to.lock().unwrap_or_else(PoisonError::into_inner) = to;
            if is_over {
                return Ok(mended);
            }
        }
    }

    async fn read_on(&self) -> Result<Option<usize>, InboxError> {
        let left = self.unreadable.left();
        let reading::Step { found, failed } = self.readers.background.run(move |db| reading::next(db, &left)).await?;
        self.unreadable.leave(&failed);
        let read = found.len() + failed.len();
        if !found.is_empty() {
            // What a power cut takes of it is read once more.
            let note = move |db: &Connection| {
                found.iter().try_for_each(|one| listed::refer(db, one.event, &one.references, Some(one.checksum)))
            };
            self.writer.jot(note).await?;
        }
        Ok(Some(read))
    }

    async fn verify(&self, after: i64) -> Result<Verified, InboxError> {
        self.readers.background.run(move |db| reading::verify(db, after)).await
    }

    async fn forget_actions(&self, before: Timestamp) -> Result<usize, InboxError> {
        self.writer.run(0, move |db| sweep::forget_actions(db, before)).await
    }

    async fn note(&self, name: &str, at: Timestamp) -> Result<(), InboxError> {
        let name = name.to_owned();
        self.writer.run(0, move |db| notes::write(db, &name, at)).await
    }

    async fn noted(&self, name: &str) -> Result<Option<Timestamp>, InboxError> {
        let name = name.to_owned();
        self.read(move |db| notes::read(db, &name)).await
    }
}

/// The shelf for a refused body that becomes an event: it goes in the transaction that finds the event there.
struct Accepting<'a> {
    inbox: &'a Sqlite,
    refused: i64,
    action: &'a Action,
}

impl Shelf for Accepting<'_> {
    async fn put(&self, incoming: Incoming) -> Result<bool, InboxError> {
        let (weight, refused, action) = (incoming.body.len(), self.refused, self.action.clone());
        let accept = move |db: &Connection| events::accept(db, refused, &incoming, &action, Timestamp::now());
        self.inbox.writer.run(weight, accept).await
    }

    async fn taken(&self, key: EventKey) -> Result<Option<Taken>, InboxError> {
        self.inbox.taken(key).await
    }

    async fn body(&self, number: i64) -> Result<Bytes, InboxError> {
        Shelf::body(self.inbox, number).await
    }

    async fn newest(&self, lane: i64) -> Result<Option<Newest>, InboxError> {
        self.inbox.newest(lane).await
    }

    async fn again(&self, incoming: Incoming) -> Result<(), InboxError> {
        let (refused, action) = (self.refused, self.action.clone());
        let remove =
            move |db: &Connection| events::remove_refused(db, refused, incoming.key, &action, Timestamp::now());
        self.inbox.writer.run(0, remove).await
    }
}
