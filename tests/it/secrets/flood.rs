//! Wrong passwords by the hundreds, where each costs 64 MiB and a good deal of time: the receiver
//! goes on, and the right password is not refused.

use tokio::task::JoinSet;

use super::{DEAR, PASSWORD};
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

const WRONG: usize = 200;

/// The most memory that the process has had, in MiB.
fn peak_memory(receiver: &Receiver) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", receiver.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() / 1024
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_neither_stops_the_others_nor_takes_the_memory() {
    let receiver = Receiver::with(&format!(
        "auth.digest = {{ type = \"basic\", username = \"u\", password_digest = \"{DEAR}\" }}"
    ));
    let (known, unknown) = (receiver.sender(), receiver.sender().basic("u", PASSWORD));
    known.send(order_event("1")).await;

    let mut flood = JoinSet::new();
    for number in 0..WRONG {
        let sender = receiver.sender().basic("u", &format!("wrong {number}"));
        flood.spawn(async move { sender.send(order_event("1")).await.status });
    }
    let mut served = 0;
    while !flood.is_empty() {
        // The machine may be too busy for an answer in time, but it is the sender's turn again and again.
        let status = known.send(order_event("1")).await.status;
        assert!(matches!(status, Some(202 | 503)), "{status:?}");
        served += usize::from(status == Some(202));
        while let Some(status) = flood.try_join_next() {
            let status = status.unwrap();
            assert!(matches!(status, Some(401 | 503) | None), "wrong, or nobody has the time to say so: {status:?}");
        }
    }

    assert!(served > 0, "a known caller had to wait for all of them");
    let peak = peak_memory(&receiver);
    assert!(peak < 250, "it took {peak} MiB");
    assert!(receiver.log().iter().all(|line| line["level"] != "ERROR"), "{:#?}", receiver.log());
    // Whoever is right gets in, sooner or later; until then it is asked to come again.
    eventually("the right password is known", async || {
        let status = unknown.send(order_event("2")).await.status;
        assert!(matches!(status, Some(202 | 503) | None), "{status:?}");
        status == Some(202)
    })
    .await;
}
