//! What there is besides storing and delivering: for people, for handlers that are down, and for the inbox's own order.

use std::collections::HashSet;
use std::sync::PoisonError;

use bytes::Bytes;
use jiff::Timestamp;

use super::{Sqlite, changes, deliveries, events, mending, notes, place, views};
use crate::inbox::repeat::{self, Newest, Shelf, Taken};
use crate::inbox::{
    Archive, Claim, EventKey, EventView, Filter, InboxError, Incoming, Overdue, Purpose, Receipt, State, Swept,
};

#[async_trait::async_trait]
impl Archive for Sqlite {
    async fn list(&self, filter: &Filter) -> Result<Vec<EventView>, InboxError> {
        let filter = filter.clone();
        self.read(move |db| views::list(db, &filter)).await
    }

    async fn show(&self, id: &str) -> Result<Option<EventView>, InboxError> {
        let key = EventKey::of_id(id);
        self.read(move |db| views::show(db, key)).await
    }

    async fn body(&self, event: i64) -> Result<Bytes, InboxError> {
        self.read(move |db| events::body(db, event)).await
    }

    async fn deliver(&self, event: i64, handler: Option<&str>, only: Option<State>) -> Result<usize, InboxError> {
        let handler = handler.map(str::to_owned);
        self.writer.run(0, move |db| changes::deliver(db, event, handler.as_deref(), only, Timestamp::now())).await
    }

    async fn accept(&self, event: i64, incoming: Incoming) -> Result<Receipt, InboxError> {
        repeat::store(&Accepting { inbox: self, refused: event }, incoming).await
    }

    async fn discard(&self, event: i64) -> Result<usize, InboxError> {
        self.writer.run(0, move |db| changes::discard(db, event, Timestamp::now())).await
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
        let (swept, to) = self.writer.run(0, move |db| events::sweep(db, from, overdue)).await?;
        *self.swept_to.lock().unwrap_or_else(PoisonError::into_inner) = to;
        Ok(swept)
    }

    async fn mend(&self) -> Result<Vec<(String, String)>, InboxError> {
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
}

impl Shelf for Accepting<'_> {
    async fn put(&self, incoming: Incoming) -> Result<bool, InboxError> {
        let (weight, refused) = (incoming.body.len(), self.refused);
        self.inbox.writer.run(weight, move |db| events::accept(db, refused, &incoming, Timestamp::now())).await
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
        let refused = self.refused;
        self.inbox.writer.run(0, move |db| events::remove_refused(db, refused, incoming.key)).await
    }
}
