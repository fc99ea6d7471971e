//! What is polled: the latest state of everything arrives, and once, although what is polled moves and lags.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Delivered, LANES, QUICK, State, any_time_up_to, company, in_the_end, latest, polled_again, sized, tradecloud,
    unhurried,
};
use crate::support::erp::Erp;
use crate::support::receiver::Receiver;
use crate::support::simulated::Simulated;

/// All of `[poll]` but how much is read again.
const EVERYTHING: &str = "orders = 'delivery-schedule', shipments = true, since = '2000-01-01T00:00:00Z', every = '1s'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_latest_state_arrives_although_the_index_lags_and_the_receiver_is_killed() {
    // More change in the same millisecond than fit on a page.
    let (orders, at_once, bursts) = sized((300, 120, 9), (10_000, 500, 90));
    let (lag, overlap, kills) = sized((3, 8, 3), (60, 90, 9));
    let (orders, lag) = (orders.to_string(), format!("{lag}s"));
    let platform = Simulated::start(&["--orders", &orders, "--seed", "12", "--every", "0s", "--lag", &lag]);
    let erp = Erp::start();
    let mut receiver = Receiver::with(&format!(
        "{QUICK}{}poll = {{ {EVERYTHING}, overlap = '{overlap}s' }}\n\
         handlers.disk = {{ type = 'file', directory = 'events' }}\n\
         handlers.erp = {{ type = 'http', url = '{}' }}",
        tradecloud(&platform),
        erp.url("/")
    ));
    let mut disk = Delivered::by(&receiver);

    for burst in 1..=bursts {
        sleep(any_time_up_to(Duration::from_millis(sized(800, 5000)))).await;
        platform.change(&format!("orders={at_once}")).await;
        platform.change(&format!("shipments={}", at_once / 10)).await;
        if burst % (bursts / kills) == 0 {
            sleep(any_time_up_to(Duration::from_millis(1500))).await;
            receiver.kill();
            sleep(any_time_up_to(Duration::from_secs(1))).await;
            receiver.restart();
        }
    }

    let wanted = latest(&platform.state().await);
    disk.has(&wanted).await;
    let came = |erp: &Erp| {
        let mut came: HashMap<String, usize> = HashMap::new();
        erp.received().iter().for_each(|request| *came.entry(request.json()["id"].to_string()).or_default() += 1);
        came
    };
    in_the_end("both handlers have all of it", async || came(&erp).len() >= disk.events().count()).await;
    let states = disk.states();
    let events: Vec<&Value> = disk.events().collect();
    assert!(wanted.len() < events.len(), "something changed while it was polled");
    assert_eq!(events.len(), states.len(), "a state came as two events");
    assert!(events.iter().all(|event| event["tcorigin"] == "poll"));
    let twice: usize = came(&erp).values().map(|times| times - 1).sum();
    assert!(twice <= kills * LANES, "{twice} came twice, of {}", events.len());
    let said = platform.state().await;
    assert!(said["logins"].as_u64().unwrap() <= kills as u64 + 1, "{}", said["logins"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_is_polled_again_and_handed_on_no_more_and_no_request_is_one_too_many() {
    let platform = Simulated::start(&["--orders", "120", "--seed", "13", "--every", "0s"]);
    let configuration = format!(
        "{QUICK}{}poll = {{ {EVERYTHING}, overlap = '1000d' }}\n\
         handlers.disk = {{ type = 'file', directory = 'events' }}",
        unhurried(&platform)
    );
    let mut receiver = Receiver::with(&configuration);
    let mut disk = Delivered::by(&receiver);
    let wanted = latest(&platform.state().await);
    disk.has(&wanted).await;

    polled_again(&platform).await;
    assert!(receiver.terminate().success());
    receiver.restart();
    polled_again(&platform).await;

    assert_eq!(receiver.inbox().len(), wanted.len());
    let said = platform.state().await;
    assert_eq!((&said["tooMany"], &said["logins"]), (&json!(0), &json!(2)), "{}", said["requests"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_have_asked_for_ourselves_is_handed_on_with_what_comes_of_it() {
    let platform = Simulated::start(&["--orders", "40", "--seed", "14", "--every", "0s"]);
    let configuration = format!(
        "{QUICK}{}poll = {{ {EVERYTHING}, overlap = '1m' }}\nhandlers.disk = {{ type = 'file', directory = 'events' }}",
        tradecloud(&platform)
            .replace("requests_per_second", &format!("company = '{}', requests_per_second", company(&platform)))
    );
    let receiver = Receiver::with(&configuration);
    let mut disk = Delivered::by(&receiver);
    disk.has(&latest(&platform.state().await)).await;

    platform.change("echoes=3").await;
    let echoes: BTreeSet<State> = {
        let events = platform.state().await["events"].as_array().unwrap().clone();
        let asked = events.iter().filter(|event| event["silent"] == true);
        asked
            .map(|event| (event["id"].as_str().unwrap().into(), event["lastUpdatedAt"].as_str().unwrap().into()))
            .collect()
    };
    polled_again(&platform).await;
    platform.change("orders=40").await;

    disk.has(&latest(&platform.state().await)).await;
    assert_eq!(echoes.len(), 3);
    assert!(echoes.is_disjoint(&disk.states()), "{echoes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_webhook_has_brought_is_not_polled_once_more() {
    let configuration = "handlers.disk = { type = 'file', directory = 'events' }\n";
    let receiver = Receiver::with(&format!("{QUICK}{configuration}"));
    let to = super::webhooks_to(&receiver, "/webhooks/tradecloud");
    let mut arguments = vec!["--orders", "12", "--seed", "15", "--every", "0s"];
    arguments.extend(to.iter().map(String::as_str));
    let platform = Simulated::start(&arguments);
    // Only what happens from now on, and each of it is told.
    let since = jiff::Timestamp::now().to_string();
    platform.change("orders=12").await;
    let told = async || {
        let events = platform.state().await["events"].as_array().unwrap().clone();
        let delivered = events.iter().all(|event| event["verdict"] == "delivered");
        delivered.then_some(events.len())
    };
    in_the_end("the webhook has told all", async || told().await.is_some()).await;

    let poll = EVERYTHING.replace("2000-01-01T00:00:00Z", &since);
    receiver.configure(|text| format!("{text}{}poll = {{ {poll} }}\n", tradecloud(&platform)));
    let said = receiver.hang_up().await;
    assert!(said.contains("reloaded"), "{said}");
    polled_again(&platform).await;

    assert_eq!(Some(receiver.inbox().len()), told().await, "nothing came by the poll");
    assert!(receiver.inbox().iter().all(|event| event["origin"] == "webhook"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_very_first_poll_is_broken_off_nothing_that_is_old_is_left_out() {
    let platform = Simulated::start(&["--orders", "500", "--seed", "16", "--every", "0s"]);
    // What is read again is younger than anything there is.
    let mut receiver = Receiver::with(&format!(
        "{QUICK}{}poll = {{ {EVERYTHING}, overlap = '1ms' }}\n\
         handlers.disk = {{ type = 'file', directory = 'events' }}",
        tradecloud(&platform)
    ));
    let mut disk = Delivered::by(&receiver);

    for _ in 0..6 {
        sleep(any_time_up_to(Duration::from_millis(500))).await;
        receiver.kill();
        receiver.restart();
    }

    let wanted = latest(&platform.state().await);
    disk.has(&wanted).await;
    receiver.inbox_until(|events| events.iter().all(|event| event["state"] == "done")).await;
    assert_eq!(receiver.inbox().len(), wanted.len(), "and each came once");
}
