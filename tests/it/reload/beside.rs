//! The configuration in one folder with the inbox, which is written all the time: nobody is woken by that.

use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// How often the threads that hear of changes of files have been woken.
fn times_woken(receiver: &Receiver) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", receiver.pid())).unwrap();
    let mut found = 0;
    let woken = tasks
        .filter_map(|task| {
            let task = task.unwrap().path();
            let name = std::fs::read_to_string(task.join("comm")).unwrap();
            let status = std::fs::read_to_string(task.join("status")).unwrap();
            let woken = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
            name.starts_with("notify").then(|| woken.trim().parse::<u64>().unwrap())
        })
        .inspect(|_| found += 1)
        .sum();
    assert!(found > 0, "nobody hears of changes");
    woken
}

#[tokio::test]
async fn what_is_written_into_the_inbox_wakes_nobody_who_waits_for_other_settings() {
    let receiver = Receiver::with("inbox.path = \"config/inbox.db\"");
    receiver.sender().send(order_event("0")).await;
    receiver.hang_up().await;
    let before = times_woken(&receiver);

    for number in 1..=100 {
        assert!(receiver.sender().send(order_event(&number.to_string())).await.is_delivered());
    }

    let woken = times_woken(&receiver) - before;
    assert!(woken < 20, "woken {woken} times by 100 events");
    receiver.configure(|text| text + "auth.new = { type = \"bearer\", token = \"new-token\" }\n");
    let new = receiver.sender().bearer("new-token");
    eventually("what matters is heard", async || new.send(order_event("0")).await.is_delivered()).await;
}
