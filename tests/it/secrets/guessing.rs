//! Forty connections that guess a password which is dear to check: whoever has the right one gets in all the
//! same, even if it is new.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::{PASSWORD, USUAL};
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::{Sender, order_event};

const CONNECTIONS: usize = 40;
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TRADECLOUD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A receiver that takes events from these addresses, and has time enough for a busy machine.
fn receiver(allow_from: &str) -> Receiver {
    Receiver::with(&format!(
        "server.answer_within = \"60s\"\n\
         auth.digest = {{ type = \"basic\", username = \"u\", password_digest = \"{USUAL}\" }}\n\
         endpoints = [{{ path = \"/webhooks/tradecloud\", allow_from = [{allow_from}] }}]"
    ))
}

fn right(receiver: &Receiver) -> Sender {
    receiver.sender().from(TRADECLOUD).basic("u", PASSWORD)
}

/// Connections that guess, each as soon as it has an answer, until this is dropped.
struct Guessing {
    tasks: JoinSet<()>,
    answered: Arc<AtomicBool>,
}

impl Guessing {
    /// From that address, to that path; `expected` are the answers.
    async fn start(receiver: &Receiver, from: IpAddr, path: &str, expected: &'static [u16]) -> Self {
        let mut guessing = Self { tasks: JoinSet::new(), answered: Arc::default() };
        for connection in 0..CONNECTIONS {
            let (sender, answered) = (receiver.sender().from(from).to(receiver.url(path)), guessing.answered.clone());
            guessing.tasks.spawn(async move {
                for guess in 0.. {
                    let sender = sender.clone().basic("u", &format!("{connection} {guess}"));
                    let status = sender.send(order_event("1")).await.status;
                    assert!(status.is_none_or(|status| expected.contains(&status)), "{status:?}");
                    answered.store(true, Ordering::Relaxed);
                    // A breath, for the other tests on this machine.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
        eventually("they guess", async || guessing.answered.load(Ordering::Relaxed)).await;
        guessing
    }

    /// They still do.
    fn goes_on(&mut self) {
        if let Some(ended) = self.tasks.try_join_next() {
            ended.unwrap();
        }
    }
}

/// Whoever is right is let in, each time and from the first time on.
async fn gets_in(receiver: &Receiver, guessing: &mut Guessing) {
    let sender = right(receiver);
    for number in 0..25 {
        let answer = sender.send(order_event(&number.to_string())).await;
        assert_eq!(answer.status, Some(202), "{number}: {answer:?}");
    }
    guessing.goes_on();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_from_addresses_that_may_not_send_do_not_keep_the_right_password_out() {
    let receiver = receiver("\"127.0.0.2\"");
    let mut guessing = Guessing::start(&receiver, STRANGER, "/webhooks/tradecloud", &[403]).await;

    gets_in(&receiver, &mut guessing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_their_guesses_at_paths_that_there_are_not() {
    let receiver = receiver("\"127.0.0.2\"");
    let mut guessing = Guessing::start(&receiver, STRANGER, "/elsewhere", &[404]).await;

    gets_in(&receiver, &mut guessing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_from_another_address_that_may_send_delay_the_right_password_by_one_of_them_at_the_most() {
    let receiver = receiver("\"127.0.0.0/8\"");
    let mut guessing = Guessing::start(&receiver, STRANGER, "/webhooks/tradecloud", &[401, 503]).await;

    gets_in(&receiver, &mut guessing).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_from_the_very_address_of_the_right_password_only_delay_it() {
    let receiver = receiver("\"127.0.0.0/8\"");
    let mut guessing = Guessing::start(&receiver, TRADECLOUD, "/webhooks/tradecloud", &[401, 503]).await;

    eventually("it is known", async || {
        let status = right(&receiver).send(order_event("1")).await.status;
        assert!(matches!(status, Some(202 | 503)), "{status:?}");
        status == Some(202)
    })
    .await;

    gets_in(&receiver, &mut guessing).await;
}

/// Nothing is computed for addresses that may not send, but what is known already is known there too.
#[tokio::test]
async fn a_right_password_is_known_from_everywhere_once_it_has_worked() {
    let receiver = receiver("\"127.0.0.2\"");
    let from_elsewhere = receiver.sender().from(STRANGER).basic("u", PASSWORD);
    assert_eq!(from_elsewhere.send(order_event("1")).await.status, Some(403));
    assert!(receiver.inbox().is_empty(), "nobody knows whose it is");

    assert_eq!(right(&receiver).send(order_event("1")).await.status, Some(202));

    assert_eq!(from_elsewhere.send(order_event("2")).await.status, Some(403));
    assert_eq!(receiver.inbox().len(), 2, "it is kept");
}
