//! Sorted by name, the files are in the order received, whatever the clocks of the machines do.

use std::path::Path;

use rstest::rstest;
use serde_json::Value;

use crate::support::clock::Clock;
use crate::support::postgres::Postgres;
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres as OnPostgres, Sqlite};

fn configuration(folder: &Path) -> String {
    format!("[handlers.disk]\ntype = 'file'\ndirectory = '{}'", folder.display())
}

async fn send(receiver: &Receiver, order: &str) -> String {
    let event = order_event(order);
    assert_eq!(receiver.sender().send(event.clone()).await.status, Some(202));
    message_id(&event)
}

/// The ids of the events, in the order of the files' names; of that order only, if one is named.
fn ids_by_name(folder: &Path, order: Option<&str>) -> Vec<String> {
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let events = files.iter().map(|file| serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()).unwrap());
    let wanted = events.filter(|event| order.is_none_or(|order| event["subject"] == order));
    wanted.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

async fn all_done(receiver: &Receiver, count: usize) {
    let done = |event: &Value| event["state"] == "done";
    receiver.inbox_until(|events| events.len() == count && events.iter().all(done)).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_changes_nothing_about_the_order_of_names(#[values(Sqlite, OnPostgres)] store: Store) {
    let (clock, folder) = (Clock::new(), tempfile::tempdir().unwrap());
    let mut receiver = store.prepared(&configuration(folder.path())).inside(clock.inside());
    receiver.restart();
    let mut sent = Vec::new();

    for (set, restart) in [("+0", false), ("-2s", false), ("-2h", false), ("-3h", true), ("-2h", false), ("+1h", true)]
    {
        clock.set(set);
        if restart {
            receiver.terminate();
            receiver.restart();
        }
        for order in ["1", "2", "1"] {
            sent.push(send(&receiver, order).await);
        }
    }
    all_done(&receiver, sent.len()).await;

    assert_eq!(ids_by_name(folder.path(), None), sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_names_of_an_order_are_in_its_order_although_the_clocks_of_two_receivers_differ() {
    let (fast, folder) = (Clock::new(), tempfile::tempdir().unwrap());
    fast.set("+90s");
    let server = Postgres::shared();
    let url = server.url(&server.database());
    let mut receivers = [
        Receiver::prepared(&configuration(folder.path())).inbox_at(&url).inside(fast.inside()),
        Receiver::prepared(&configuration(folder.path())).inbox_at(&url),
    ];
    receivers.iter_mut().for_each(Receiver::restart);
    let (mut of_order, mut all) = (Vec::new(), [Vec::new(), Vec::new()]);

    for turn in 0..8 {
        let at = turn % 2;
        let id = send(&receivers[at], "shared").await;
        of_order.push(id.clone());
        all[at].push(id);
        all[at].push(send(&receivers[at], &format!("own-{turn}")).await);
    }
    all_done(&receivers[0], 16).await;

    assert_eq!(ids_by_name(folder.path(), Some("shared")), of_order);
    let by_name = ids_by_name(folder.path(), None);
    for sent in all {
        let of_receiver: Vec<_> = by_name.iter().filter(|id| sent.contains(id)).cloned().collect();
        assert_eq!(of_receiver, sent, "those of one receiver");
    }
}
