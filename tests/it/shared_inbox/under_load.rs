//! Three receivers on one database under load, while each of them and the database is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{ids, prepared, stalls};
use crate::support::erp::{Answer, Erp, Received};
use crate::support::postgres::Postgres;
use crate::support::receiver::{Receiver, STORE_FAILS};
use crate::support::sender::{Answer as Answered, Sender, message_id, order_event};

const SENDERS: usize = 10;

/// Events of an order, and then the sender goes on with another one.
const OF_AN_ORDER: usize = 6;

/// What a receiver works on at once, at the most (see `QUICK`).
const LANES: usize = 4;

/// The receivers that can be reached, as a load balancer knows them.
type Balancer = Arc<Mutex<Vec<Sender>>>;

/// Orders with the ids of their events, in the order they were acknowledged.
type Acknowledged = BTreeMap<String, Vec<String>>;

/// Senders that send the events of their orders one after the other, each until it is acknowledged, as
/// Tradecloud does: to any receiver, and every fifth to two at once.
struct Load {
    tasks: JoinSet<()>,
    acknowledged: watch::Sender<Acknowledged>,
    stop: Arc<AtomicBool>,
}

impl Load {
    fn start(balancer: &Balancer) -> Self {
        let mut load = Self { tasks: JoinSet::new(), acknowledged: watch::Sender::default(), stop: Arc::default() };
        for number in 0..SENDERS {
            let (balancer, acknowledged) = (Arc::clone(balancer), load.acknowledged.clone());
            load.tasks.spawn(send(number, balancer, acknowledged, Arc::clone(&load.stop)));
        }
        load
    }

    fn count(&self) -> usize {
        self.acknowledged.borrow().values().map(Vec::len).sum()
    }

    /// Waits until so many more events are acknowledged.
    async fn more(&self, count: usize) {
        let target = self.count() + count;
        let mut acknowledged = self.acknowledged.subscribe();
        let enough = acknowledged.wait_for(|all| all.values().map(Vec::len).sum::<usize>() >= target);
        let came = tokio::time::timeout(Duration::from_secs(90), enough).await.is_ok();
        assert!(came, "only {} of {target} events are acknowledged", self.count());
    }

    async fn stop(mut self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.acknowledged.borrow().clone()
    }
}

async fn send(number: usize, balancer: Balancer, acknowledged: watch::Sender<Acknowledged>, stop: Arc<AtomicBool>) {
    for sent in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let order = format!("{number}-{}", sent / OF_AN_ORDER);
        let event = order_event(&order);
        let mut turn = number + sent;
        let begun = Instant::now();
        loop {
            let [one, other] = [turn, turn + 1].map(|turn| {
                let reachable = balancer.lock().unwrap();
                reachable[turn % reachable.len()].clone()
            });
            let answers = if sent % 5 == 0 {
                let (one, other) = tokio::join!(one.send(event.clone()), other.send(event.clone()));
                vec![one, other]
            } else {
                vec![one.send(event.clone()).await]
            };
            assert!(answers.iter().all(|answer| answer.is_delivered() || answer.will_retry()), "dropped: {answers:?}");
            if answers.iter().any(Answered::is_delivered) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(90), "never taken: {answers:?}");
            turn += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        acknowledged.send_modify(|all| all.entry(order).or_default().push(message_id(&event)));
    }
}

/// Three receivers, the database and the ERP.
struct Site {
    database: Postgres,
    receivers: Vec<Receiver>,
    balancer: Balancer,
    erp: Erp,
    /// When receivers were killed.
    kills: Vec<Instant>,
    /// How often one stalled; a kill takes the log along that says so.
    stalls: usize,
}

impl Site {
    fn start() -> Self {
        let erp = Erp::start();
        erp.answer_by(|_| Answer::status(200).after(Duration::from_millis(5)));
        // What a commit has not waited for stays in the server's memory: a crash loses it for certain.
        let database = Postgres::with(&[("wal_writer_delay", "10s")]);
        let mut receivers = prepared(3, &database.url(&database.database()), &erp);
        receivers.iter_mut().for_each(Receiver::restart);
        for receiver in &receivers {
            receiver.expects_errors(&STORE_FAILS);
        }
        let balancer = Arc::new(Mutex::new(receivers.iter().map(Receiver::sender).collect()));
        Self { database, receivers, balancer, erp, kills: Vec::new(), stalls: 0 }
    }

    fn kill(&mut self, receiver: usize) {
        self.stalls += stalls(&self.receivers[receiver..=receiver]);
        self.kills.push(Instant::now());
        self.receivers[receiver].kill();
    }

    fn restart(&mut self, receiver: usize) {
        self.receivers[receiver].restart();
        self.balancer.lock().unwrap()[receiver] = self.receivers[receiver].sender();
    }

    /// Waits until the ERP has everything that is acknowledged by now.
    async fn all_delivered(&self, acknowledged: &Acknowledged) -> Vec<Received> {
        let begun = Instant::now();
        loop {
            let received = self.erp.received();
            let arrived: BTreeSet<_> = ids(&received).into_iter().collect();
            let missing = acknowledged.values().flatten().filter(|id| !arrived.contains(*id)).count();
            if missing == 0 {
                return received;
            }
            assert!(begun.elapsed() < Duration::from_secs(90), "{missing} events that were acknowledged do not arrive");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_turn_and_with_the_database_they_lose_nothing_keep_the_order_and_repeat_only_around_a_kill() {
    let mut site = Site::start();
    let load = Load::start(&site.balancer);
    load.more(150).await;

    // The first stays away until the others have taken over what it was at.
    site.kill(0);
    let before = load.acknowledged.borrow().clone();
    let begun = Instant::now();
    site.all_delivered(&before).await;
    assert!(begun.elapsed() < Duration::from_secs(90), "taken over after {:?}", begun.elapsed());
    site.restart(0);
    for receiver in [1, 2] {
        load.more(100).await;
        site.kill(receiver);
        site.restart(receiver);
    }
    load.more(100).await;
    site.database.crash();
    let crashed = Instant::now();
    site.database.restart();
    load.more(150).await;
    assert!(crashed.elapsed() < Duration::from_secs(90), "at work again after {:?}", crashed.elapsed());
    let acknowledged = load.stop().await;

    let received = site.all_delivered(&acknowledged).await;
    let done = |events: &[Value]| events.iter().all(|event| event["state"] == "done");
    let kept = site.receivers[0].inbox_until(done).await;
    assert_eq!(kept.len(), acknowledged.values().map(Vec::len).sum::<usize>(), "each event is there once");
    assert_in_order(&acknowledged, &received);
    let stalls = site.stalls + stalls(&site.receivers);
    assert_repeated_only_around(&site.kills, stalls, &received);
}

/// Of every order the ERP got the events one at a time and in the order they were acknowledged.
fn assert_in_order(acknowledged: &Acknowledged, received: &[Received]) {
    let mut attempts: BTreeMap<String, Vec<&Received>> = BTreeMap::new();
    for request in received {
        attempts.entry(request.json()["subject"].as_str().unwrap().to_owned()).or_default().push(request);
    }
    assert_eq!(attempts.keys().collect::<Vec<_>>(), acknowledged.keys().collect::<Vec<_>>());
    for (order, sent) in acknowledged {
        let of_order = &attempts[order];
        let mut arrived: Vec<_> = of_order.iter().map(|request| request.json()["id"].clone()).collect();
        // The same one again, before any later one, is a repetition and not out of order.
        arrived.dedup();
        assert_eq!(&arrived, sent, "order {order}");
        for pair in of_order.windows(2) {
            assert!(pair[0].ended.unwrap() <= pair[1].at, "two at once of order {order}");
        }
    }
}

/// An event came twice only if a kill cut its attempt, or kept the database from hearing of its end: then
/// the kill is between the two, and it was one of the few that a killed receiver was at. What a receiver that stalled
/// was at may come twice as well, whenever that was.
fn assert_repeated_only_around(kills: &[Instant], stalls: usize, received: &[Received]) {
    let mut last: BTreeMap<String, &Received> = BTreeMap::new();
    let mut repeated = 0;
    for (id, request) in ids(received).into_iter().zip(received) {
        let Some(before) = last.insert(id.clone(), request) else { continue };
        // What was on its way when the receiver died reaches the ERP a little later.
        let is_between = kills.iter().any(|kill| before.at <= *kill + Duration::from_secs(5) && *kill <= request.at);
        let within = request.at - before.at;
        assert!(is_between || stalls > 0, "{id} came twice within {within:?}, without a kill or a stall");
        repeated += 1;
    }
    let most = (kills.len() + stalls) * LANES;
    assert!(repeated <= most, "{repeated} repetitions after {} kills and {stalls} stalls", kills.len());
}
