//! Waiting for the handlers, for endpoints that acknowledge with `handled`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Healths, Route, Routes};
use crate::handlers::{Fault, Outcome, Rejection, Unavailability};
use crate::inbox::{EventKey, FETCH, Inbox, InboxError, Standing, State};

/// How often to ask the inbox without having heard of an attempt: another receiver may have made it.
const POLL: Duration = Duration::from_millis(250);

type Senders = HashMap<EventKey, Vec<mpsc::UnboundedSender<Outcome>>>;

/// Who waits for which event.
#[derive(Clone, Default)]
pub(super) struct Watchers(Arc<Mutex<Senders>>);

/// Hears of one event's attempts from the moment it is made on.
pub(crate) struct Watch {
    key: EventKey,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    watchers: Watchers,
    routes: Routes,
    /// Those when it began.
    at_first: Arc<[Route]>,
    healths: Healths,
}

/// What the handlers, taken together, made of an event.
#[derive(Debug)]
pub(crate) enum Settled {
    /// All of them are done.
    Done,
    /// One of them rejected it, or gave it up.
    Rejected(Rejection),
    /// One of them could not take it now. It is tried again.
    Unavailable(Unavailability),
}

impl Watchers {
    pub(super) fn watch(&self, key: EventKey, routes: Routes, healths: Healths) -> Watch {
        let (sender, outcomes) = mpsc::unbounded_channel();
        self.senders().entry(key).or_default().push(sender);
        let at_first = Arc::clone(&**routes.load());
        Watch { key, outcomes, watchers: self.clone(), routes, at_first, healths }
    }

    pub(super) fn announce(&self, key: EventKey, outcome: &Outcome) {
        for sender in self.senders().get(&key).into_iter().flatten() {
            // One who has left does not need to hear it.
            let _ = sender.send(outcome.clone());
        }
    }

    fn senders(&self) -> MutexGuard<'_, Senders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The event that is watched.
    pub(crate) fn key(&self) -> EventKey {
        self.key
    }

    /// Waits until every handler that wants the event is done or has rejected it, or until an attempt
    /// shows that one cannot take it now. A handler that the configuration no longer has does not count, if
    /// its deliveries are `kept`: they wait for somebody to bring it back. But if none is left that the event was
    /// for, nobody has handled it. A notice is settled once what it is about was fetched, and the handlers that want
    /// that are done: their deliveries are there before the fetch ends. Has no time-out of its own.
    ///
    /// # Errors
    /// If the inbox fails, or does not know the event.
    pub(crate) async fn settled(mut self, inbox: &dyn Inbox, kept: bool) -> Result<Settled, InboxError> {
        loop {
            // The inbox knows what happened before we looked; attempts that end here after it are announced.
            let mut standings = inbox.standing(self.key).await?;
            if kept {
                let routes = Arc::clone(&self.routes.load());
                if counts_anybody(&standings, &routes) {
                    standings.retain(|standing| is_fetch(standing) || is_there(standing, &routes));
                } else if let Some(why) = self.left_alone(&standings) {
                    return Ok(Settled::Unavailable(why));
                }
            }
            if let Some(settled) = settled(&standings) {
                return Ok(settled);
            }
            // It may be long until its turn comes, and nobody can wait for that.
            if let Some(why) = self.down(&standings) {
                return Ok(Settled::Unavailable(why));
            }
            if let Ok(Some(Outcome::Unavailable(why))) = timeout(POLL, self.outcomes.recv()).await {
                return Ok(Settled::Unavailable(why));
            }
        }
    }
}

impl Watch {
    /// Why the event is not settled, if it waits for a handler that is not there any more. One that was when this
    /// began may still be at it.
    fn left_alone(&self, standings: &[Standing]) -> Option<Unavailability> {
        let handlers = standings.iter().filter(|standing| !is_fetch(standing));
        let mut pending = handlers.filter(|standing| standing.state == State::Pending);
        let gone = pending.find(|standing| !self.at_first.iter().any(|route| route.name == standing.handler))?;
        let reason = format!("the event waits for handler {}, which is not there any more", gone.handler);
        Some(Unavailability::new(Fault::Ours, reason))
    }

    /// Why a handler is down that has the event still before it.
    fn down(&self, standings: &[Standing]) -> Option<Unavailability> {
        let healths = self.healths.load();
        let mut pending = standings.iter().filter(|standing| standing.state == State::Pending);
        pending.find_map(|standing| healths.get(&standing.handler)?.fault())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.outcomes.close();
        let mut senders = self.watchers.senders();
        if let Some(of_event) = senders.get_mut(&self.key) {
            of_event.retain(|sender| !sender.is_closed());
            if of_event.is_empty() {
                senders.remove(&self.key);
            }
        }
    }
}

/// Whether it is the fetch of a notice, which is no handler of the configuration.
fn is_fetch(standing: &Standing) -> bool {
    standing.handler == FETCH
}

fn is_there(standing: &Standing, routes: &[Route]) -> bool {
    routes.iter().any(|route| route.name == standing.handler)
}

/// Whether one of the handlers is there that the event is for. While there are none of those, the fetch counts.
fn counts_anybody(standings: &[Standing], routes: &[Route]) -> bool {
    let mut handlers = standings.iter().filter(|standing| !is_fetch(standing)).peekable();
    match handlers.peek() {
        Some(_) => handlers.any(|standing| is_there(standing, routes)),
        None => !standings.is_empty(),
    }
}

fn settled(standings: &[Standing]) -> Option<Settled> {
    if standings.iter().any(|standing| standing.state == State::Pending) {
        return None;
    }
    Some(match standings.iter().find(|standing| standing.state == State::Dead) {
        None => Settled::Done,
        Some(dead) => {
            let reason = dead.reason.clone().unwrap_or_else(|| "a handler rejected it".to_owned());
            Settled::Rejected(Rejection { reason, status: dead.status })
        }
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::dispatch::Dispatch;
    use crate::inbox::{Archive, Attempt, Claim, Due, Finish, Incoming, Receipt, RefusedBody};

    /// An inbox that says of every event what the next of these says; the last of them for ever.
    struct Says(Mutex<Vec<Vec<Standing>>>);

    #[async_trait::async_trait]
    impl Inbox for Says {
        async fn standing(&self, _: EventKey) -> Result<Vec<Standing>, InboxError> {
            let mut said = self.0.lock().unwrap();
            Ok(if said.len() > 1 { said.remove(0) } else { said[0].clone() })
        }

        async fn store(&self, _: Incoming) -> Result<Receipt, InboxError> {
            Err(InboxError::Closed)
        }
        async fn refuse(&self, _: RefusedBody) -> Result<Option<String>, InboxError> {
            Err(InboxError::Closed)
        }
        async fn hurry(&self, _: EventKey) -> Result<(), InboxError> {
            Err(InboxError::Closed)
        }
        async fn claim(&self, _: &str, _: usize) -> Result<Due, InboxError> {
            Err(InboxError::Closed)
        }
        async fn load(&self, _: &Claim) -> Result<crate::event::Event, InboxError> {
            Err(InboxError::Closed)
        }
        async fn finish(&self, _: &Claim, _: Finish, _: Option<Attempt>) -> Result<bool, InboxError> {
            Err(InboxError::Closed)
        }
        async fn release(&self, _: &Claim) {}
        fn archive(self: Arc<Self>) -> Option<Arc<dyn Archive>> {
            None
        }
        async fn probe(&self) -> Result<(), InboxError> {
            Err(InboxError::Closed)
        }
        async fn close(&self) {}
    }

    fn standing(handler: &str, state: State) -> Standing {
        let reason = (state == State::Dead).then(|| "403".to_owned());
        Standing { handler: handler.to_owned(), state, reason, status: None }
    }

    /// What becomes of a notice that stands so, one after the other, with a handler `erp` in the configuration; `None`
    /// if nothing for as long as anybody would wait.
    async fn settled(said: &[&[(&str, State)]]) -> Option<Settled> {
        let dispatch = Dispatch::new(vec![Route::all("erp")]);
        let said = said.iter().map(|said| said.iter().map(|(handler, state)| standing(handler, *state)).collect());
        let inbox = Says(Mutex::new(said.collect()));
        let watch = dispatch.watch(EventKey::of_event(None, &Bytes::new()).0);
        timeout(Duration::from_secs(60), watch.settled(&inbox, true)).await.ok().map(Result::unwrap)
    }

    #[tokio::test(start_paused = true)]
    async fn a_notice_is_settled_once_it_was_fetched_and_every_handler_is_done() {
        use State::{Dead, Discarded, Done, Pending};
        const GONE: &str = "gone";

        let waits: [&[&[(&str, State)]]; 4] = [
            &[&[(FETCH, Pending)]],
            &[&[(FETCH, Pending), ("erp", Pending)]],
            &[&[(FETCH, Pending), ("erp", Done)]],
            &[&[(FETCH, Done), ("erp", Pending)]],
        ];
        for said in waits {
            assert!(settled(said).await.is_none(), "{said:?}");
        }
        let done: [&[&[(&str, State)]]; 4] = [
            &[&[(FETCH, Pending)], &[(FETCH, Pending), ("erp", Pending)], &[(FETCH, Done), ("erp", Done)]],
            &[&[(FETCH, Done)]],
            &[&[(FETCH, Done), ("erp", Done), (GONE, Pending)]],
            &[&[(FETCH, Discarded), ("erp", Done)]],
        ];
        for said in done {
            assert!(matches!(settled(said).await, Some(Settled::Done)), "{said:?}");
        }
        assert!(matches!(settled(&[&[(FETCH, Dead)]]).await, Some(Settled::Rejected(why)) if why.reason == "403"));
        assert!(matches!(settled(&[&[(FETCH, Done), ("erp", Dead)]]).await, Some(Settled::Rejected(_))));
        let left: [&[(&str, State)]; 2] = [&[(FETCH, Done), (GONE, Pending)], &[(FETCH, Pending), (GONE, Pending)]];
        for said in left {
            let settled = settled(&[said]).await;
            assert!(matches!(&settled, Some(Settled::Unavailable(why)) if why.reason.contains(GONE)), "{settled:?}");
        }
    }
}
