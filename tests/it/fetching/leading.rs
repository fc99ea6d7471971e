//! Of several receivers on one inbox, one asks Tradecloud; when it is gone, another one goes on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{QUICK, State, in_the_end, latest, polls, state, tradecloud};
use crate::support::erp::Erp;
use crate::support::postgres::Postgres;
use crate::support::receiver::Receiver;
use crate::support::simulated::Simulated;

/// From the end of one poll to the begin of the next.
const EVERY: Duration = Duration::from_secs(2);

/// What the one says that asks.
const LEADS: &str = "this receiver fetches and polls";

fn leads(receiver: &Receiver) -> bool {
    receiver.log().iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains(LEADS)))
}

/// Waits until all these states are with the ERP.
async fn has(erp: &Erp, wanted: &BTreeSet<State>) {
    in_the_end("every latest state is delivered", async || {
        let came: BTreeSet<State> = erp.received().iter().map(|request| state(&request.json())).collect();
        wanted.is_subset(&came)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_receivers_ask_as_often_as_one_and_when_that_is_killed_another_goes_on() {
    let platform = Simulated::start(&["--orders", "30", "--seed", "51", "--every", "0s"]);
    let (erp, server) = (Erp::start(), Postgres::shared());
    let (url, configuration) = (
        server.url(&server.database()),
        format!(
            "{QUICK}{}poll = {{ orders = 'delivery-schedule', shipments = true, since = '2000-01-01', every = '{}s' }}\n\
             endpoints = [{{ path = '/o/{{orderId}}' }}]\nhandlers.erp = {{ type = 'http', url = '{}' }}",
            tradecloud(&platform),
            EVERY.as_secs(),
            erp.url("/")
        ),
    );
    let mut receivers: Vec<Receiver> = (0..3).map(|_| Receiver::prepared(&configuration).inbox_at(&url)).collect();
    let began = Instant::now();
    receivers.iter_mut().for_each(Receiver::restart);

    has(&erp, &latest(&platform.state().await)).await;
    in_the_end("four polls", async || polls(&platform).await >= 4).await;
    let (asked, took) = (polls(&platform).await, began.elapsed());

    let most = took.as_secs_f64() / EVERY.as_secs_f64() + 2.0;
    assert!(f64::from(u32::try_from(asked).unwrap()) <= most, "{asked} polls in {took:?}");
    let said = platform.state().await;
    assert_eq!((&said["logins"], &said["tooMany"]), (&json!(1), &json!(0)));
    let leading: Vec<bool> = receivers.iter().map(leads).collect();
    assert_eq!(leading.iter().filter(|leads| **leads).count(), 1, "{leading:?}");

    let mut leader = receivers.remove(leading.iter().position(|leads| *leads).unwrap());
    leader.kill();
    let killed = Instant::now();
    platform.change("orders=30").await;
    // Whoever hears of it: a call is fetched by the one that leads.
    let order = said["orders"].as_object().unwrap().keys().find(|id| !id.contains('/')).unwrap();
    let sender = receivers[0].sender().to(receivers[0].url(&format!("/o/{order}")));
    assert_eq!(sender.finish(sender.request(reqwest::Method::GET)).await.status, Some(202));

    in_the_end("another one goes on", async || receivers.iter().any(leads)).await;
    assert!(killed.elapsed() < Duration::from_secs(45), "{:?}", killed.elapsed());
    let wanted = latest(&platform.state().await);
    has(&erp, &wanted).await;
    let is_over = |events: &[Value]| events.iter().all(|event| event["state"] == "done");
    receivers[0].inbox_until(is_over).await;
    let leading = receivers.iter().filter(|receiver| leads(receiver)).count();
    assert_eq!((leading, platform.state().await["logins"].as_u64()), (1, Some(2)));
    let came: Vec<State> = erp.received().iter().map(|request| state(&request.json())).collect();
    let states: BTreeSet<&State> = came.iter().collect();
    // What the killed one was at may come twice.
    assert!(came.len() - states.len() <= super::LANES, "{} of {}", states.len(), came.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_ends_leaves_it_to_the_next_at_once() {
    let platform = Simulated::start(&["--orders", "5", "--seed", "52", "--every", "0s"]);
    let server = Postgres::shared();
    let url = server.url(&server.database());
    let configuration = format!("{QUICK}{}endpoints = [{{ path = '/o/{{orderId}}' }}]\n", tradecloud(&platform));
    let mut receivers: Vec<Receiver> = (0..2).map(|_| Receiver::prepared(&configuration).inbox_at(&url)).collect();
    receivers.iter_mut().for_each(Receiver::restart);
    in_the_end("one leads", async || receivers.iter().any(leads)).await;
    let leading = receivers.iter().position(leads).unwrap();
    let other = 1 - leading;

    assert!(receivers[leading].terminate().success());
    let ended = Instant::now();

    in_the_end("the other one does", async || leads(&receivers[other])).await;
    assert!(ended.elapsed() < Duration::from_secs(20), "{:?}", ended.elapsed());
}
