//! Many senders at once, and a tally of what they were told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::receiver::Receiver;
use super::sender::{Answer, Message, Sender, message_id, order_event};

/// What became of events: id and body, by what Tradecloud makes of the answer.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Answered 2xx.
    pub acknowledged: BTreeMap<String, String>,
    /// To be sent again: answered 502, 503, 504, or not at all.
    pub unanswered: BTreeMap<String, String>,
    /// Answered otherwise: Tradecloud drops them.
    pub lost: BTreeMap<String, String>,
}

impl Tally {
    /// Notes what was said to an event.
    pub fn note(&mut self, body: &str, answer: &Answer) {
        let of = match answer {
            answer if answer.is_delivered() => &mut self.acknowledged,
            answer if answer.will_retry() => &mut self.unanswered,
            _ => &mut self.lost,
        };
        of.insert(message_id(&serde_json::from_str(body).unwrap()), body.to_owned());
    }

    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        self.unanswered.extend(other.unanswered);
        self.lost.extend(other.lost);
    }
}

/// Senders at work, each with a connection and orders of its own.
pub struct Load {
    tasks: JoinSet<()>,
    tally: watch::Sender<Tally>,
    stop: Arc<AtomicBool>,
}

impl Load {
    /// Starts so many senders, which send one event after the other until they are stopped.
    pub fn start(receiver: &Receiver, senders: usize) -> Self {
        Self::of((0..senders).map(|_| receiver.sender()))
    }

    /// Starts these senders.
    pub fn of(senders: impl IntoIterator<Item = Sender>) -> Self {
        let load = Self { tasks: JoinSet::new(), tally: watch::Sender::default(), stop: Arc::default() };
        senders.into_iter().enumerate().fold(load, |mut load, (number, sender)| {
            let (tally, stop) = (load.tally.clone(), Arc::clone(&load.stop));
            load.tasks.spawn(send(sender, number, tally, stop));
            load
        })
    }

    /// Waits until so many events are acknowledged.
    pub async fn acknowledged(&self, count: usize) {
        self.until(|tally| tally.acknowledged.len() >= count).await;
    }

    /// Waits until so many events were not taken.
    pub async fn unanswered(&self, count: usize) {
        self.until(|tally| tally.unanswered.len() >= count).await;
    }

    /// Waits until so many events have been tried.
    pub async fn answered(&self, count: usize) {
        self.until(|tally| tally.acknowledged.len() + tally.unanswered.len() + tally.lost.len() >= count).await;
    }

    async fn until(&self, condition: impl Fn(&Tally) -> bool) {
        let mut tally = self.tally.subscribe();
        let enough = tokio::time::timeout(Duration::from_secs(90), tally.wait_for(condition)).await.map(|_| ());
        assert!(enough.is_ok(), "the senders did not come so far: {:?}", self.tally.borrow());
    }

    /// Lets every sender finish what it has begun, and returns what they were told.
    pub async fn stop(mut self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.tally.borrow().clone()
    }
}

async fn send(sender: Sender, number: usize, tally: watch::Sender<Tally>, stop: Arc<AtomicBool>) {
    for order in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut event = order_event(&format!("{number}-{}", order / 3));
        // Bodies of all sizes, up to those that are written in place.
        event["orderEvent"]["reason"] = "déjà vu ".repeat([0, 10, 100, 1000, 9000][order % 5]).into();
        // White space that only survives if the body is kept as it was.
        let body = format!("  {event:#}\n");
        let answer = sender.send(Message::json(body.clone())).await;
        tally.send_modify(|tally| tally.note(&body, &answer));
        match answer.status {
            // Nobody is there; no need to be busy about it.
            None => tokio::time::sleep(Duration::from_millis(20)).await,
            // Tradecloud would pause, too. Who is told so at once could fill an inbox meanwhile.
            Some(502..=504) => tokio::time::sleep(Duration::from_millis(500)).await,
            Some(_) => {}
        }
    }
}
