//! What an inbox does for who brings events, who delivers them, and who has it open.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

use super::ends::End;
use super::notices::Call;
use super::row::Row;
use super::shelf::{briefly, gone};
use super::writer::{Answer, Work};
use super::{LIMIT, Postgres, claims, durably, leads, listed, on_connection, presence};
use crate::event::Event;
use crate::inbox::{
    Archive, Attempt, Claim, Due, EventKey, Finish, Inbox, InboxError, Incoming, Notice, Receipt, RefusedBody,
    Standing, repeat,
};
use crate::model::Reference;
use crate::outgoing::postgres::{Failure, within};
use crate::telemetry::events;

/// The database no longer has the claim as ours.
pub(super) fn taken_over() -> InboxError {
    InboxError::Failed("another receiver has taken over this order or shipment".to_owned())
}

#[async_trait::async_trait]
impl Inbox for Postgres {
    async fn store(&self, incoming: Incoming) -> Result<Receipt, InboxError> {
        repeat::store(self, incoming).await
    }

    async fn refuse(&self, refused: RefusedBody) -> Result<Option<String>, InboxError> {
        let key = refused.key();
        let id = key.1.clone();
        let refused = self.refused_space.fit(refused, self.refused_bytes().await?);
        self.refused_more(key.0, refused.body.len());
        if !self.writer.run(Work::Store(Box::new(Row::refused(key, refused)))).await? {
            return Err(InboxError::Failed("an equal body was just made an event of".to_owned()));
        }
        Ok(Some(id))
    }

    async fn notice(&self, notice: Notice) -> Result<Receipt, InboxError> {
        let call = Call::new(notice);
        let (key, id) = (call.row.key, call.row.id.clone());
        match self.writer.ask(Work::Notice(Box::new(call))).await? {
            Answer::Counted(key, id) => Ok(Receipt { key, id, repeated: true, beside: None }),
            Answer::Yes | Answer::No | Answer::Overtaken => Ok(Receipt { key, id, repeated: false, beside: None }),
        }
    }

    async fn refer(&self, id: &str, references: Vec<Reference>) -> Result<(), InboxError> {
        on_connection!(self, LIMIT, db => listed::refer(db, EventKey::of_id(id), &references));
        Ok(())
    }

    async fn answered(&self, key: EventKey, status: u16) -> Result<(), InboxError> {
        let noted = async {
            on_connection!(self, LIMIT, db => listed::answered(db, key, status));
            Ok(())
        };
        briefly("what an event was answered with", noted).await;
        Ok(())
    }

    async fn standing(&self, key: EventKey) -> Result<Vec<Standing>, InboxError> {
        let standing = on_connection!(self, LIMIT, db => claims::standing(db, key));
        standing.ok_or_else(gone)
    }

    async fn hurry(&self, key: EventKey) -> Result<(), InboxError> {
        durably!(self, LIMIT, db => claims::hurry(db, key));
        Ok(())
    }

    async fn claim(&self, handler: &str, most: usize) -> Result<Due, InboxError> {
        self.claim_due(handler, most, &[], None).await
    }

    async fn load(&self, claim: &Claim) -> Result<Event, InboxError> {
        let token = self.held.token(claim).unwrap_or_default();
        let event = on_connection!(self, LIMIT, db => claims::load(db, claim, token));
        event.ok_or_else(taken_over)
    }

    async fn begin(&self, claim: &Claim) -> Result<bool, InboxError> {
        let token = self.held.token(claim).unwrap_or_default();
        let event = (!self.ending.load(Ordering::Acquire)).then_some(claim.event);
        let turn = on_connection!(self, LIMIT, db => claims::begin(db, claim, token, event));
        turn.ok_or_else(taken_over)
    }

    async fn pause(&self, claim: &Claim) -> Result<(), InboxError> {
        let token = self.held.token(claim).unwrap_or_default();
        on_connection!(self, LIMIT, db => claims::pause(db, claim, token));
        Ok(())
    }

    async fn finish(&self, claim: &Claim, finish: Finish, attempt: Option<Attempt>) -> Result<bool, InboxError> {
        let Some(token) = self.held.token(claim) else { return Ok(false) };
        let end = End { claim: claim.clone(), token, finish, attempt };
        let ended = match self.writer.ask(Work::Finish(Box::new(end))).await {
            Ok(Answer::Overtaken) => false,
            Ok(Answer::No) if !self.held.has_perhaps_ended(claim) => {
                events::delivery::taken_over(claim.about(), &claim.handler);
                false
            }
            Ok(Answer::Yes | Answer::No | Answer::Counted(..)) => true,
            Err(error) => {
                self.held.perhaps_ended(claim);
                return Err(error);
            }
        };
        self.held.remove(claim);
        Ok(ended)
    }

    async fn release(&self, claim: &Claim) {
        let Some(token) = self.held.remove(claim) else { return };
        let released: Result<(), InboxError> = async {
            on_connection!(self, LIMIT, db => claims::release(db, claim, token));
            Ok(())
        }
        .await;
        if let Err(error) = released {
            // Nobody here knows it any more: the heartbeat removes it.
            tracing::debug!(%error, id = claim.id, number = claim.number, "cannot give a claim back at once");
        }
    }

    fn archive(self: Arc<Self>) -> Option<Arc<dyn Archive>> {
        Some(self)
    }

    async fn probe(&self) -> Result<(), InboxError> {
        durably!(self, LIMIT, db => probe(db));
        Ok(())
    }

    async fn ending(&self) {
        self.ending.store(true, Ordering::Release);
        let taken_back: Result<(), InboxError> = async {
            on_connection!(self, LIMIT, db => claims::take_all_back(db, &self.receiver));
            Ok(())
        }
        .await;
        if let Err(error) = taken_back {
            events::inbox::end_not_noted(&error);
        }
    }

    async fn close(&self) {
        self.writer.close().await;
        let mut heartbeat = std::mem::take(&mut *self.heartbeat.lock().unwrap_or_else(PoisonError::into_inner));
        if !heartbeat.is_empty() {
            // It must not come after the farewell.
            heartbeat.shutdown().await;
            let left: Result<(), Failure> = async {
                on_connection!(self, LIMIT, db => leads::give_back(db, &self.receiver));
                on_connection!(self, LIMIT, db => presence::leave(db, &self.receiver));
                Ok(())
            }
            .await;
            if let Err(failure) = left {
                events::inbox::farewell_failed(&failure);
            }
        }
        self.people.close();
        self.pool.close();
    }
}

/// Writes, durably.
async fn probe(db: &ClientWrapper) -> Result<(), Error> {
    db.execute(&db.prepare_cached("UPDATE version SET probed = now()").await?, &[]).await.map(drop)
}
