//! `events list --follow`, `--needs-attention` and `events stats`: what goes on, and what lies there.

use std::fs::File;
use std::process::{Child, Command};

use rstest::rstest;
use serde_json::{Value, json};

use super::said;
#[cfg(target_os = "linux")]
use crate::support::clock::Clock;
use crate::support::erp::Erp;
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// `events list --follow`, which writes to a file.
struct Following<'r> {
    receiver: &'r Receiver,
    child: Child,
}

impl<'r> Following<'r> {
    fn begin(receiver: &'r Receiver, arguments: &[&str]) -> Self {
        let file = File::create(receiver.path("followed")).unwrap();
        let child = receiver
            .command(&[&["events", "list", "--follow", "--json"], arguments].concat())
            .stdout(file)
            .spawn()
            .unwrap();
        Self { receiver, child }
    }

    /// Each line: the id, and the state.
    fn lines(&self) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(self.receiver.path("followed")).unwrap();
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        lines
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|event| (text(&event["id"]), text(&event["state"])))
            .collect()
    }

    async fn until(&self, id: &str, state: &str) {
        let wanted = (id.to_owned(), state.to_owned());
        eventually(&format!("{id} is shown as {state}"), async || self.lines().contains(&wanted)).await;
    }

    fn interrupt(mut self) -> Option<i32> {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

#[rstest]
#[tokio::test]
async fn who_follows_sees_what_comes_and_what_becomes_of_it(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = store.with(&format!("handlers.erp = {{ type = \"http\", url = \"{}\" }}", erp.url("/")));
    receiver.expects_error("rejected: a dead letter");
    let (first, second) = (order_event("1"), order_event("2"));
    receiver.sender().send(first.clone()).await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;

    let following = Following::begin(&receiver, &[]);
    following.until(&message_id(&first), "done").await;
    erp.answer([422]);
    receiver.sender().send(second.clone()).await;
    following.until(&message_id(&second), "dead").await;
    assert!(receiver.run(&["events", "deliver", &message_id(&second)]).status.success());
    following.until(&message_id(&second), "done").await;

    let lines = following.lines();
    assert_eq!(lines.iter().filter(|(id, _)| *id == message_id(&first)).count(), 1, "{lines:?}");
    assert_eq!(following.interrupt(), Some(0));
}

#[tokio::test]
async fn who_follows_what_is_dead_sees_only_that_and_that_it_is_settled() {
    let erp = Erp::start();
    let receiver = Receiver::with(&format!("handlers.erp = {{ type = \"http\", url = \"{}\" }}", erp.url("/")));
    receiver.expects_error("rejected: a dead letter");
    let (good, bad) = (order_event("1"), order_event("2"));

    let following = Following::begin(&receiver, &["--state", "dead"]);
    receiver.sender().send(good.clone()).await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    for _ in 0..2 {
        erp.answer([422]);
        if receiver.inbox().len() == 1 {
            receiver.sender().send(bad.clone()).await;
        } else {
            let deliver = ["events", "deliver", &message_id(&bad), "--handler", "erp"];
            assert!(receiver.run(&deliver).status.success());
        }
        receiver.inbox_until(|events| events.iter().any(|event| event["state"] == "dead")).await;
        let shown = following.lines().len();
        eventually("it is shown as dead", async || {
            following.lines().iter().rev().any(|(id, state)| *id == message_id(&bad) && state == "dead")
        })
        .await;
        assert!(following.lines().len() >= shown);
        assert!(receiver.run(&["events", "deliver", &message_id(&bad)]).status.success());
        let settled = (message_id(&bad), "done".to_owned());
        eventually("it is shown as done", async || following.lines().last() == Some(&settled)).await;
    }

    assert!(following.lines().iter().all(|(id, _)| *id == message_id(&bad)), "{:?}", following.lines());
    assert_eq!(following.interrupt(), Some(0));
}

#[cfg(target_os = "linux")]
#[rstest]
#[tokio::test]
async fn what_waits_for_long_needs_attention_and_what_is_done_does_not(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let clock = Clock::new();
    let mut receiver = store.with(&format!(
        "[handlers.erp]\ntype = \"http\"\nurl = \"{}\"\nkinds = [\"order\"]\n[handlers.later]\ntype = \"http\"\nurl = \"{}\"\npaused = true\nevents = [\"OrderLater\"]\n",
        erp.url("/"), erp.url("/later")
    ));
    receiver.expects_error("rejected: a dead letter");
    let (done, dead, mut waiting) = (order_event("1"), order_event("2"), order_event("3"));
    waiting["eventName"] = "OrderLater".into();
    let sender = receiver.sender();
    sender.send(done).await;
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    erp.answer([422]);
    sender.send(dead.clone()).await;
    receiver.inbox_until(|events| events[1]["state"] == "dead").await;
    sender.send(waiting.clone()).await;
    let refused = sender.send(Message::typed("text/plain", "no event")).await.id();
    receiver.inbox_until(|events| events.len() == 4 && events[2]["state"] == "pending").await;
    let needing = |receiver: &Receiver, more: &[&str]| -> Vec<String> {
        let events = receiver.events(&[&["list", "--needs-attention", "--json"], more].concat());
        events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };

    let at_once = needing(&receiver, &[]);
    receiver.terminate();
    clock.set("+20m");
    receiver = receiver.inside(clock.inside());
    let later = needing(&receiver, &[]);

    assert_eq!(at_once, [refused.clone(), message_id(&dead)]);
    assert_eq!(later, [refused.clone(), message_id(&waiting), message_id(&dead)]);
    assert_eq!(needing(&receiver, &["--limit", "1"]), [refused]);
    assert_eq!(needing(&receiver, &["--handler", "later"]), [message_id(&waiting)]);
    assert_eq!(receiver.run(&["events", "list", "--needs-attention", "--state", "dead"]).status.code(), Some(2));
}

#[rstest]
#[tokio::test]
async fn it_is_counted_what_there_is_in_all_and_for_each_handler(#[values(Sqlite, Postgres)] store: Store) {
    let erp = Erp::start();
    let receiver = store.with(&format!(
        "[handlers.erp]\ntype = \"http\"\nurl = \"{}\"\n[handlers.later]\ntype = \"http\"\nurl = \"{}\"\npaused = true\n",
        erp.url("/"),
        erp.url("/later")
    ));
    receiver.expects_error("rejected: a dead letter");
    for (order, status) in [("1", 422), ("2", 200), ("3", 200)] {
        erp.answer([status]);
        receiver.sender().send(order_event(order)).await;
        let number: usize = order.parse().unwrap();
        let is_settled = |event: &Value| event["deliveries"][0]["state"] != "pending";
        receiver.inbox_until(|events| events.len() == number && events.iter().all(is_settled)).await;
    }

    let stats = receiver.events(&["stats", "--json"]).remove(0);
    let text = said(&receiver.run(&["events", "stats"]));

    let count = |events: u64| json!({"events": events, "more": false});
    let oldest = &receiver.inbox()[0]["received"];
    assert_eq!(
        (&stats["states"]["dead"], &stats["states"]["pending"], &stats["states"]["done"]),
        (&count(1), &count(3), &count(0))
    );
    let [of_erp, of_later] = [0, 1].map(|at| stats["handlers"][at].clone());
    assert_eq!(
        (&of_erp["handler"], &of_erp["states"]["done"], &of_erp["oldestWaiting"]),
        (&"erp".into(), &count(2), &Value::Null)
    );
    assert_eq!((&of_later["paused"], &of_later["states"]["pending"]), (&true.into(), &count(3)));
    assert_eq!((&of_later["oldestWaiting"], &stats["oldestWaiting"]), (oldest, oldest));
    assert!(text.lines().any(|line| line.starts_with("later") && line.ends_with("paused")), "{text}");
}
