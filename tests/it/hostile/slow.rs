//! Clients that only keep their connections open: two thousand of them, in every way there is, are gone soon, and
//! the others notice nothing.

use std::time::Duration;

use super::assert_well;
use crate::support::load::Load;
use crate::support::receiver::Receiver;
use crate::support::slow::{Kind, Slow, allow_open_files, kinds, open, until_gone};

const COUNT: usize = 2000;

/// What a busy machine may add to the times.
const MARGIN: Duration = Duration::from_secs(8);

/// How long one may stay: the shipped `header_read`, or the shipped `body_idle`.
fn longest(kind: &Kind) -> Duration {
    Duration::from_secs(if kind.known { 30 } else { 10 })
}

/// A receiver with nothing but the defaults, among clients that are slow.
struct Besieged {
    receiver: Receiver,
    kinds: Vec<Kind>,
    slow: Vec<Slow>,
}

impl Besieged {
    async fn by(count: usize) -> Self {
        tokio::task::spawn_blocking(move || {
            allow_open_files(3 * COUNT);
            let (receiver, kinds) = (Receiver::start(), kinds());
            let slow = open(&receiver, &kinds, count);
            Self { receiver, kinds, slow }
        })
        .await
        .unwrap()
    }

    /// Those that stayed for too long.
    async fn outstayed(self) -> (Receiver, Vec<String>) {
        let Self { receiver, kinds, mut slow } = self;
        tokio::task::spawn_blocking(move || {
            let stayed = until_gone(receiver.public_port(), &kinds, &mut slow, Duration::from_secs(45));
            let late = stayed.iter().filter(|(kind, time)| *time > longest(&kinds[*kind]) + MARGIN);
            let mut late: Vec<_> = late.map(|(kind, time)| format!("{}: {time:.1?}", kinds[*kind].name)).collect();
            late.sort();
            (receiver, late)
        })
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_slow_clients_are_gone_soon_and_keep_nobody_out() {
    let besieged = Besieged::by(COUNT).await;
    let load = Load::start(&besieged.receiver, 8);

    let (receiver, outstayed) = besieged.outstayed().await;

    let tally = load.stop().await;
    assert!(outstayed.is_empty(), "{} stayed for too long: {outstayed:#?}", outstayed.len());
    assert!(tally.lost.is_empty() && tally.unanswered.is_empty(), "{:?} {:?}", tally.lost.keys(), tally.unanswered.keys());
    assert!(tally.acknowledged.len() > 100, "only {}", tally.acknowledged.len());
    tokio::task::spawn_blocking(move || assert_well(&receiver)).await.unwrap();
}
