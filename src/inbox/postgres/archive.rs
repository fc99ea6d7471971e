//! What there is besides storing and delivering: for people, for handlers that are down, and for the inbox's own order.

use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::inbox::taken_over;
use super::notices::Fetched;
use super::people::asked;
use super::shelf::{Accepting, gone};
use super::{
    LIMIT, Postgres, acts, batch, changes, claims, clock, durably, erase, leads, mend, notes, notices, on_connection,
    open, presence, reading, shelf, sweep, views,
};
use crate::inbox::{
    ActedOn, Action, ActionView, Archive, Claim, Count, DeedView, EventKey, EventView, FETCH, Filter, InboxError,
    Incoming, Mended, Overdue, Purpose, Receipt, State, Swept, Unread, Verified, repeat,
};
use crate::model::What;
use crate::outgoing::postgres::{Failure, within};

/// Longer than anything takes that goes through a part of the inbox.
const PATIENT: Duration = Duration::from_secs(60);

/// Steps of one call of `mend`.
pub(super) const MENDING_STEPS: usize = 5;

#[async_trait::async_trait]
impl Archive for Postgres {
    fn taken_over_from(&self) -> Option<u32> {
        self.taken_over_from
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<EventView>, InboxError> {
        asked!(self, db => views::list(db, filter))
    }

    async fn sequences(&self, filter: &Filter) -> Result<Vec<i64>, InboxError> {
        asked!(self, db => views::sequences(db, filter))
    }

    async fn count(&self, filter: &Filter, most: usize) -> Result<Count, InboxError> {
        asked!(self, db => views::count(db, filter, most))
    }

    async fn views(&self, sequences: &[i64]) -> Result<Vec<EventView>, InboxError> {
        asked!(self, db => views::views(db, sequences))
    }

    async fn show(&self, id: &str) -> Result<Option<EventView>, InboxError> {
        asked!(self, db => views::show(db, EventKey::of_id(id)))
    }

    async fn between(&self, first: EventKey, last: EventKey, most: usize) -> Result<Vec<EventView>, InboxError> {
        asked!(self, db => views::between(db, first, last, most))
    }

    async fn actions(&self, id: &str) -> Result<Vec<ActionView>, InboxError> {
        let key = EventKey::of_id(id);
        let mut found = asked!(self, db => acts::of(db, &[key.0.as_slice()]))?;
        Ok(found.remove(key.0.as_slice()).unwrap_or_default())
    }

    async fn deeds(&self, before: Option<(Timestamp, Uuid)>, most: usize) -> Result<Vec<DeedView>, InboxError> {
        asked!(self, db => acts::list(db, before, most))
    }

    async fn deed(&self, id: Uuid) -> Result<Option<DeedView>, InboxError> {
        asked!(self, db => acts::one(db, id))
    }

    async fn acted(&self, id: Uuid, after: Option<ActedOn>, most: usize) -> Result<Vec<ActedOn>, InboxError> {
        asked!(self, db => acts::to(db, id, after, most))
    }

    async fn body(&self, event: i64) -> Result<Bytes, InboxError> {
        // It is found at once; but a large one takes its time to come.
        on_connection!(self, PATIENT, db => shelf::body(db, event)).ok_or_else(gone)
    }

    async fn unread(&self) -> Result<Option<Unread>, InboxError> {
        asked!(self, db => views::unread(db))
    }

    async fn deliver(
        &self,
        events: &[i64],
        handler: Option<&str>,
        only: &[State],
        action: &Action,
    ) -> Result<Vec<usize>, InboxError> {
        Ok(durably!(self, LIMIT, db => changes::deliver(db, events, handler, only, action)))
    }

    async fn accept(&self, event: i64, incoming: Incoming, action: &Action) -> Result<Receipt, InboxError> {
        // Two transactions: in between it is there twice, never not at all.
        let receipt = repeat::store(&Accepting(self), incoming).await?;
        durably!(self, LIMIT, db => changes::replace_refused(db, event, receipt.key, action));
        Ok(receipt)
    }

    async fn discard(
        &self,
        events: &[i64],
        handler: Option<&str>,
        only: &[State],
        action: &Action,
    ) -> Result<Vec<usize>, InboxError> {
        Ok(durably!(self, LIMIT, db => changes::discard(db, events, handler, only, action)))
    }

    async fn erase(&self, event: i64, action: &Action) -> Result<bool, InboxError> {
        let Some(stored) = on_connection!(self, LIMIT, db => erase::read(db, event)) else { return Ok(false) };
        let erased = erase::digest(stored).await?;
        Ok(durably!(self, LIMIT, db => erase::erase(db, &erased, action)))
    }

    async fn noticed(&self, key: EventKey) -> Result<Option<(What, String)>, InboxError> {
        Ok(on_connection!(self, LIMIT, db => notices::about(db, key)))
    }

    async fn fetched(&self, incoming: Incoming) -> Result<bool, InboxError> {
        let place = on_connection!(self, LIMIT, db => notices::place(db, incoming.key));
        let Some(place) = place else { return Ok(false) };
        let token = self.held.token_in(FETCH, place.1);
        match durably!(self, LIMIT, db => notices::fetched(db, place, token, &incoming)) {
            Fetched::Here => Ok(true),
            Fetched::Gone => Ok(false),
            Fetched::TakenOver => Err(taken_over()),
        }
    }

    async fn cursor(&self, name: &str) -> Result<Option<String>, InboxError> {
        Ok(on_connection!(self, LIMIT, db => notes::cursor(db, name)))
    }

    async fn move_cursor(&self, name: &str, value: &str) -> Result<(), InboxError> {
        durably!(self, LIMIT, db => notes::move_cursor(db, name, value));
        Ok(())
    }

    async fn lead(&self, what: &str, for_long: Duration) -> Result<bool, InboxError> {
        if self.purpose != Purpose::Serve {
            return Ok(false);
        }
        Ok(on_connection!(self, LIMIT, db => leads::take(db, what, &self.receiver, for_long)))
    }

    async fn receivers(&self) -> Result<Option<usize>, InboxError> {
        Ok(Some(on_connection!(self, LIMIT, db => presence::count(db))))
    }

    async fn is_served(&self) -> Result<bool, InboxError> {
        Ok(on_connection!(self, LIMIT, db => open::is_in_use(db)))
    }

    async fn claim_one(&self, handler: &str, except: &[i64], until: Timestamp) -> Result<Option<Claim>, InboxError> {
        let due = self.claim_due(handler, 1, except, Some(until)).await?;
        Ok(due.claims.into_iter().next())
    }

    async fn lanes(&self, handler: &str, most: usize) -> Result<usize, InboxError> {
        Ok(on_connection!(self, LIMIT, db => claims::lanes(db, handler, most)))
    }

    async fn hurry_handler(&self, handler: &str) -> Result<usize, InboxError> {
        Ok(on_connection!(self, LIMIT, db => claims::hurry_handler(db, handler)))
    }

    async fn backlog(&self, most: usize) -> Result<Vec<(String, usize)>, InboxError> {
        Ok(on_connection!(self, PATIENT, db => claims::backlog(db, most)))
    }

    async fn sweep(&self, overdue: Overdue) -> Result<Swept, InboxError> {
        let from = *self.swept_to.lock().unwrap_or_else(PoisonError::into_inner);
        let (swept, to) = durably!(self, PATIENT, db => sweep::sweep(db, from, overdue));
        *self.swept_to.lock().unwrap_or_else(PoisonError::into_inner) = to;
        if swept.complete {
            let forgotten: Result<(), Failure> = async {
                on_connection!(self, PATIENT, db => clock::forget_past(db));
                Ok(())
            }
            .await;
            if let Err(failure) = forgotten {
                tracing::debug!(%failure, "cannot forget old steps of the database's clock; trying again later");
            }
        }
        Ok(swept)
    }

    async fn mend(&self) -> Result<Vec<Mended>, InboxError> {
        let mut from = self.mended_to.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut mended = Vec::new();
        for _ in 0..MENDING_STEPS {
            let (standing, next) = on_connection!(self, LIMIT, db => mend::look(db, &from));
            for some in standing.chunks(batch::MOST) {
                mended.extend(durably!(self, LIMIT, db => mend::mend(db, some)));
            }
            let complete = next.is_none();
            from = next.unwrap_or(mend::FIRST);
            self.mended_to.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&from);
            if complete {
                break;
            }
        }
        Ok(mended)
    }

    async fn read_on(&self) -> Result<Option<usize>, InboxError> {
        // One connection for all of it: the lock is that of its session.
        let connection = self.pool.get().await?;
        let db = &*connection;
        let mut events = None;
        if let Some(step) = within(LIMIT, reading::unread(db, &self.unreadable.left())).await? {
            let reading::Step { stored, failed } = step;
            self.unreadable.leave(&failed);
            let read = reading::read(stored).await?;
            within(LIMIT, reading::note(db, &read)).await?;
            within(LIMIT, reading::done(db)).await?;
            events = Some(read.len() + failed.len());
        }
        connection.give_back();
        Ok(events)
    }

    async fn verify(&self, after: i64) -> Result<Verified, InboxError> {
        Ok(on_connection!(self, PATIENT, db => reading::verify(db, after)))
    }

    async fn forget_actions(&self, before: Timestamp) -> Result<usize, InboxError> {
        Ok(durably!(self, PATIENT, db => acts::forget(db, before)))
    }

    async fn note(&self, name: &str, at: Timestamp) -> Result<(), InboxError> {
        durably!(self, LIMIT, db => notes::write(db, name, at));
        Ok(())
    }

    async fn noted(&self, name: &str) -> Result<Option<Timestamp>, InboxError> {
        Ok(on_connection!(self, LIMIT, db => notes::read(db, name)))
    }
}
