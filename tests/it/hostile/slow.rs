//! Clients that only keep their connections open: two thousand of them, in every way there is, are gone soon, and
//! the others notice nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::assert_well;
use crate::support::load::Load;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;
use crate::support::slow::{Kind, allow_open_files, besiege, kinds};

const COUNT: usize = 2000;

/// What a busy machine may add to the times.
const MARGIN: Duration = Duration::from_secs(60);

/// How long one may stay: the shipped `header_read`, or the shipped `body_idle`.
fn longest(kind: &Kind) -> Duration {
    Duration::from_secs(if kind.known { 25 } else { 10 })
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_slow_clients_are_gone_soon_and_keep_nobody_out() {
    allow_open_files(3 * COUNT);
    let receiver = Arc::new(Receiver::start());
    let load = Load::start(&receiver, 8);
    let besieged = Arc::clone(&receiver);

    let outstayed = tokio::task::spawn_blocking(move || {
        let (kinds, over) = (kinds(), AtomicBool::new(false));
        let (stayed, waited) = std::thread::scope(|threads| {
            let honest = threads.spawn(|| honest(&besieged, &over));
            let stayed = besiege(&besieged, &kinds, COUNT, Duration::from_secs(150));
            over.store(true, Ordering::Relaxed);
            (stayed, honest.join().unwrap())
        });
        print_measured(&kinds, &stayed, waited, besieged.most_memory());
        let late = stayed.iter().filter(|(kind, time)| *time > longest(&kinds[*kind]) + MARGIN);
        let mut late: Vec<_> = late.map(|(kind, time)| format!("{}: {time:.1?}", kinds[*kind].name)).collect();
        late.sort();
        late
    });
    let outstayed = outstayed.await.unwrap();

    let tally = load.stop().await;
    assert!(outstayed.is_empty(), "{} stayed for too long: {outstayed:#?}", outstayed.len());
    assert!(
        tally.lost.is_empty() && tally.unanswered.is_empty(),
        "{:?} {:?}",
        tally.lost.keys(),
        tally.unanswered.keys()
    );
    assert!(tally.acknowledged.len() > 100, "only {}", tally.acknowledged.len());
    tokio::task::spawn_blocking(move || assert_well(&receiver)).await.unwrap();
}

/// Sends one event after the other until it is told to end, or for four minutes; returns how long each took.
fn honest(receiver: &Receiver, over: &AtomicBool) -> Vec<Duration> {
    let (runtime, sender) = (tokio::runtime::Runtime::new().unwrap(), receiver.sender());
    let (mut waited, end) = (Vec::new(), Instant::now() + Duration::from_secs(240));
    while Instant::now() < end && !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let event = order_event("1");
        let mut answer = runtime.block_on(sender.send(event.clone()));
        // A machine with much else to do may make it wait; to be told so is what keeps the event.
        while answer.will_retry() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(500));
            answer = runtime.block_on(sender.send(event.clone()));
        }
        assert!(answer.is_delivered(), "{:?}", answer.status);
        waited.push(begun.elapsed());
        std::thread::sleep(Duration::from_millis(10));
    }
    waited
}

/// What `scripts/hostile` shows; no test judges it, because machines differ.
#[expect(clippy::print_stdout, reason = "what it printed is all that a measurement leaves")]
fn print_measured(kinds: &[Kind], stayed: &[(usize, Duration)], mut waited: Vec<Duration>, memory: usize) {
    for (known, who) in [(false, "strangers"), (true, "known ones")] {
        let longest = stayed.iter().filter(|(kind, _)| kinds[*kind].known == known).map(|(_, time)| *time).max();
        println!("slow clients: the last of the {who} was gone after {:.1?}", longest.unwrap());
    }
    waited.sort();
    let at = |part: usize| waited[waited.len() * part / 100];
    println!("honest client: {} events, p50 {:.1?}, p99 {:.1?}", waited.len(), at(50), at(99));
    println!("memory: at most {} MiB", memory >> 20);
}
