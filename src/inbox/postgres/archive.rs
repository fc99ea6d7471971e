//! What there is besides storing and delivering: for people, for handlers that are down, and for the inbox's own order.

use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::{LIMIT, Postgres, batch, changes, claims, clock, durably, mend, notes, on_connection, repeat, views};
use crate::inbox::{Archive, Claim, EventKey, EventView, Filter, InboxError, Incoming, Overdue, Receipt, State, Swept};
use crate::outgoing::postgres::{Failure, within};

/// The same for what people do and look at.
const PATIENT: Duration = Duration::from_secs(60);

/// Steps of one call of `mend`.
pub(super) const MENDING_STEPS: usize = 5;

#[async_trait::async_trait]
impl Archive for Postgres {
    async fn list(&self, filter: &Filter) -> Result<Vec<EventView>, InboxError> {
        Ok(on_connection!(self, PATIENT, db => views::list(db, filter)))
    }

    async fn show(&self, id: &str) -> Result<Option<EventView>, InboxError> {
        let key = EventKey::of_id(id);
        Ok(on_connection!(self, PATIENT, db => views::show(db, key)))
    }

    async fn body(&self, event: i64) -> Result<Bytes, InboxError> {
        let body = on_connection!(self, PATIENT, db => changes::body(db, event));
        body.ok_or_else(|| InboxError::Failed("there is no such event any more".to_owned()))
    }

    async fn deliver(&self, event: i64, handler: Option<&str>, only: Option<State>) -> Result<usize, InboxError> {
        Ok(durably!(self, LIMIT, db => changes::deliver(db, event, handler, only)))
    }

    async fn accept(&self, event: i64, incoming: Incoming) -> Result<Receipt, InboxError> {
        // Two transactions: in between it is there twice, never not at all.
        let receipt = repeat::store(self, incoming).await?;
        durably!(self, LIMIT, db => changes::replace_refused(db, event, receipt.key));
        Ok(receipt)
    }

    async fn discard(&self, event: i64) -> Result<usize, InboxError> {
        Ok(durably!(self, LIMIT, db => changes::discard(db, event)))
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
        let (swept, to) = durably!(self, PATIENT, db => changes::sweep(db, from, overdue));
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

    async fn mend(&self) -> Result<Vec<(String, String)>, InboxError> {
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

    async fn note(&self, name: &str, at: Timestamp) -> Result<(), InboxError> {
        durably!(self, LIMIT, db => notes::write(db, name, at));
        Ok(())
    }

    async fn noted(&self, name: &str) -> Result<Option<Timestamp>, InboxError> {
        Ok(on_connection!(self, LIMIT, db => notes::read(db, name)))
    }
}
