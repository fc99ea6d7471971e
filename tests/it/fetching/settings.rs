//! What is asked of Tradecloud changes while the receiver runs: another password, pace, poll or folder of documents. What
//! cannot work is refused as a whole, and the old goes on.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::notices::{call, segment};
use super::{Delivered, QUICK, State, in_the_end, latest, polled_again, polls, tradecloud, unhurried};
use crate::support::receiver::Receiver;
use crate::support::simulated::{Simulated, USER};

const ORDERS_BY_CALL: &str = "endpoints = [{ path = '/o/{orderId}' }]\n";
const DISK: &str = "handlers.disk = { type = 'file', directory = 'events' }\n";
const POLL: &str = "poll = { orders = 'delivery-schedule', shipments = true, since = '2000-01-01', every = '1s' }\n";

/// All orders in their latest state.
fn orders(platform: &Value) -> BTreeSet<State> {
    latest(platform).into_iter().filter(|(id, _)| platform["orders"].get(id).is_some()).collect()
}

/// Calls for each of these.
async fn call_for(receiver: &Receiver, states: &BTreeSet<State>) {
    let sender = receiver.sender();
    for (id, _) in states {
        assert_eq!(call(receiver, &sender, &format!("/o/{}", segment(id))).await, Some(202), "{id}");
    }
}

/// Puts something in the place of something else in the configuration, and has it read: what is said of that.
async fn changed(receiver: &Receiver, from: &str, to: &str) -> String {
    receiver.configure(|text| {
        assert!(text.contains(from), "{from}: {text}");
        text.replace(from, to)
    });
    receiver.hang_up().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_was_refused_is_corrected_and_what_waits_is_fetched_at_once() {
    let platform = Simulated::start(&["--orders", "5", "--seed", "91", "--every", "0s"]);
    let right = tradecloud(&platform);
    let wrong = right.replace(USER.1, "not-it");
    let receiver = Receiver::with(&format!("{QUICK}{wrong}{ORDERS_BY_CALL}{DISK}"));
    receiver.expects_error("the handler is down");
    let mut disk = Delivered::by(&receiver);
    let wanted = orders(&platform.state().await);

    call_for(&receiver, &wanted).await;
    receiver.logged("Tradecloud does not let us in").await;
    assert!(changed(&receiver, &wrong, &right).await.contains("reloaded"));

    disk.has(&wanted).await;
    let said = platform.state().await;
    assert_eq!((said["loginsRefused"].as_u64(), said["logins"].as_u64()), (Some(1), Some(1)), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_pace_holds_at_once_for_what_waits_too_and_the_session_before_is_used_no_more() {
    let platform = Simulated::start(&["--orders", "16", "--seed", "92", "--every", "0s"]);
    // At this pace, all of it takes longer than the test waits.
    let slow = tradecloud(&platform).replace("requests_per_second = 10.0", "requests_per_second = 0.1");
    let receiver = Receiver::with(&format!("{QUICK}{slow}{ORDERS_BY_CALL}{DISK}"));
    let mut disk = Delivered::by(&receiver);
    let wanted = orders(&platform.state().await);

    call_for(&receiver, &wanted).await;
    in_the_end("it has begun", async || platform.state().await["logins"] == 1).await;
    assert!(changed(&receiver, "requests_per_second = 0.1", "requests_per_second = 5").await.contains("reloaded"));

    disk.has(&wanted).await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    let said = platform.state().await;
    assert_eq!((&said["logins"], &said["tooMany"]), (&2.into(), &0.into()), "{said}");
    assert_eq!(disk.events().count(), wanted.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_begin_and_end_with_their_table_and_the_session_goes_on() {
    let platform = Simulated::start(&["--orders", "10", "--seed", "93", "--every", "0s"]);
    let receiver = Receiver::with(&format!(
        "{QUICK}{}documents = {{ directory = 'documents' }}\n{ORDERS_BY_CALL}\
         handlers.disk = {{ type = 'file', directory = 'events', documents = true }}\n",
        unhurried(&platform)
    ));
    let mut disk = Delivered::by(&receiver);
    let first: BTreeSet<State> = orders(&platform.state().await).into_iter().take(1).collect();
    call_for(&receiver, &first).await;
    disk.has(&first).await;
    assert_eq!(polls(&platform).await, 0);

    receiver.configure(|text| text + POLL);
    assert!(receiver.hang_up().await.contains("reloaded"));
    disk.has(&latest(&platform.state().await)).await;
    // Whose documents are asked for beside the polls.
    platform.change("document=1000").await;
    platform.change("document=2000").await;
    disk.has(&latest(&platform.state().await)).await;
    polled_again(&platform).await;
    assert_eq!(platform.state().await["logins"], 1, "the same one asks for all of it");
    let delivered = disk.events().count();
    assert!(
        changed(&receiver, "orders = 'delivery-schedule'", "orders = 'single-delivery'").await.contains("reloaded")
    );
    polled_again(&platform).await;
    assert_eq!(disk.events().count(), delivered, "another form has no other states");

    assert!(changed(&receiver, &POLL.replace("delivery-schedule", "single-delivery"), "").await.contains("reloaded"));
    platform.change("orders=10").await;
    let known = disk.states();
    let called: BTreeSet<State> = orders(&platform.state().await).difference(&known).take(1).cloned().collect();
    call_for(&receiver, &called).await;
    disk.has(&called).await;
    let last = polls(&platform).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;

    assert_eq!(polls(&platform).await, last, "nobody polls any more");
    assert_eq!(disk.events().count(), delivered + 1, "the rest of what has changed was not called for");
    let said = platform.state().await;
    assert_eq!((&said["logins"], &said["tooMany"]), (&1.into(), &0.into()), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_lie_in_another_folder_from_a_reload_on() {
    let platform = Simulated::start(&["--orders", "4", "--seed", "94", "--every", "0s"]);
    let receiver = Receiver::with(&format!(
        "{QUICK}{}{POLL}documents = {{ directory = 'documents' }}\n\
         handlers.disk = {{ type = 'file', directory = 'events', documents = true }}\n",
        unhurried(&platform)
    ));
    let mut disk = Delivered::by(&receiver);
    let with_size = |disk: &mut Delivered, size: u64| {
        let of_events = disk.events().filter_map(|event| event["tcdocuments"].as_str());
        let mut all = of_events.flat_map(|text| serde_json::from_str::<Vec<Value>>(text).unwrap());
        all.find(|document| document["size"] == size)
    };

    platform.change("document=1000").await;
    in_the_end("the first one", async || with_size(&mut disk, 1000).is_some()).await;
    let first = with_size(&mut disk, 1000).unwrap();
    assert!(changed(&receiver, "directory = 'documents'", "directory = 'other'").await.contains("reloaded"));
    platform.change("document=2000").await;
    in_the_end("the second one", async || with_size(&mut disk, 2000).is_some()).await;
    let second = with_size(&mut disk, 2000).unwrap();

    for (size, folder, document) in [(1000, "documents", first), (2000, "other", second)] {
        let file = Path::new(document["file"].as_str().unwrap()).to_owned();
        assert!(file.starts_with(receiver.path(folder).canonicalize().unwrap()), "{document}");
        assert_eq!(file.metadata().unwrap().len(), size);
    }
    let said = platform.state().await;
    assert_eq!((&said["logins"], &said["tooMany"]), (&1.into(), &0.into()), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_cannot_work_are_refused_as_a_whole_and_the_old_go_on() {
    let platform = Simulated::start(&["--orders", "6", "--seed", "95", "--every", "0s"]);
    let account = unhurried(&platform);
    let receiver = Receiver::with(&format!("{QUICK}{account}{POLL}{ORDERS_BY_CALL}{DISK}"));
    receiver.expects_error("config/receiver.toml:");
    let mut disk = Delivered::by(&receiver);
    disk.has(&latest(&platform.state().await)).await;

    for (from, to) in [
        (account.as_str(), ""),
        ("requests_per_second = 5.0", "requests_per_second = 50.0"),
        ("'delivery-schedule'", "'both'"),
        ("since = '2000-01-01', ", ""),
        ("url = 'http://127.0.0.1", "url = 'http://192.0.2.1"),
        ("directory = 'events'", "directory = 'elsewhere', documents = true"),
    ] {
        let said = changed(&receiver, from, to).await;
        assert!(said.contains("is refused as a whole"), "{to}: {said}");
        platform.change("orders=2").await;
        disk.has(&latest(&platform.state().await)).await;
        assert!(!receiver.path("elsewhere").exists());
        let text = format!("{QUICK}{account}{POLL}{ORDERS_BY_CALL}{DISK}");
        receiver.configure(|now| format!("{}{text}", now.split_once("delivery = {").unwrap().0));
        receiver.hang_up().await;
    }

    let said = platform.state().await;
    assert_eq!((&said["logins"], &said["tooMany"]), (&1.into(), &0.into()), "{said}");
}
