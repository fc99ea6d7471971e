//! Tradecloud's other half, tried on `simulate`: what changes there, what its webhooks lose, what they only name, and what
//! is attached arrives, whatever happens meanwhile.
//!
//! With `FULL=1` there is as much of everything as it is promised for, which takes a quarter of an hour; without it, little
//! enough for every day.

mod by_hand; // `fetch` and `backfill`
mod delayed; // documents of a storage that fails, and for an ERP that is not there
mod documents; // on disk before their event, however large
mod forms; // schedules or single deliveries, and webhooks in any form beside polls
mod inspected; // through a proxy that opens TLS with a certificate of its own
mod leading; // of several receivers on one inbox, one asks
mod missed; // what the webhook lost, and nothing else
mod notices; // calls without a body, and an API that is out of order
mod odd; // a platform that answers oddly
mod polls; // an index that lags, and a receiver that is killed
mod settings; // another account, pace, poll or folder, while it runs

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use uuid::Uuid;

use crate::support::receiver::{PASSWORD, Receiver, USERNAME};
use crate::support::simulated::{Simulated, USER};

/// Pauses that a test can wait for.
const QUICK: &str = "delivery = { first_retry = '50ms', max_retry = '500ms', lanes = 4 }\n";

/// What the lanes of [`QUICK`] can be at when a receiver is killed.
const LANES: usize = 4;

/// Whether there is to be as much as it is promised for.
fn is_full() -> bool {
    std::env::var_os("FULL").is_some_and(|value| value == "1")
}

/// The one on every day, the other with `FULL=1`.
fn sized<T>(small: T, full: T) -> T {
    if is_full() { full } else { small }
}

/// Waits until `condition` holds, which says `what` is waited for. It looks seldom, as it may look at much.
async fn in_the_end(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let (started, patience) = (Instant::now(), Duration::from_secs(sized(240, 1800)));
    while !condition().await {
        assert!(started.elapsed() < patience, "it never came so far: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The lines that say which Tradecloud to ask; they go before the first table.
fn tradecloud(platform: &Simulated) -> String {
    tradecloud_at(&platform.url)
}

/// The same with half as many requests in a second as the platform takes. On a busy machine what left in time may arrive
/// in a heap.
fn unhurried(platform: &Simulated) -> String {
    tradecloud(platform).replace("requests_per_second = 10.0", "requests_per_second = 5.0")
}

/// The same for whoever listens there.
fn tradecloud_at(url: &str) -> String {
    let (username, password) = USER;
    let account = format!("username = '{username}', password = '{password}'");
    format!(
        "tradecloud = {{ url = '{url}', {account}, requests_per_second = 10.0, not_found_after = '2s', \
         legacy = {{ url = '{url}/api/v1', {account} }} }}\n"
    )
}

/// The arguments of a platform whose webhooks go to a path of that receiver, which runs.
fn webhooks_to(receiver: &Receiver, path: &str) -> Vec<String> {
    let (url, ca) = (receiver.url(path), receiver.path("ca.pem").display().to_string());
    ["--webhook", &url, "--ca", &ca, "--basic", &format!("{USERNAME}:{PASSWORD}")].map(str::to_owned).into()
}

/// Waits until orders and shipments have been polled once more, from begin to end.
async fn polled_again(platform: &Simulated) {
    // The first of them may have begun already.
    let before = polls(platform).await;
    in_the_end("it is polled again", async || polls(platform).await >= before + 3).await;
}

/// How often shipments have been polled.
async fn polls(platform: &Simulated) -> u64 {
    platform.state().await["requests"]["pollShipments"].as_u64().unwrap_or_default()
}

/// The name that the platform has for our own company.
fn company(platform: &Simulated) -> String {
    let printed = platform.printed();
    printed.split_once("company = \"").unwrap().1.split_once('"').unwrap().0.to_owned()
}

/// A state of an order or shipment: its id, and when it was changed last.
type State = (String, String);

/// The latest states of all orders and shipments, as the platform has them.
fn latest(of_platform: &Value) -> BTreeSet<State> {
    let kinds = ["orders", "shipments"].into_iter().flat_map(|kind| of_platform[kind].as_object().unwrap());
    kinds.map(|(id, updated)| (id.clone(), updated.as_str().unwrap().to_owned())).collect()
}

/// The state that an event brings, with or without something around it.
fn state(event: &Value) -> State {
    let data = &event["data"];
    let around = ["orderEvent", "orderDocumentsEvent", "singleDeliveryOrderEvent", "shipment"];
    let data = around.iter().map(|name| &data[*name]).find(|inner| inner.is_object()).unwrap_or(data);
    let updated = data["lastUpdatedAt"].as_str().or(data["meta"]["lastUpdatedAt"].as_str());
    (event["subject"].as_str().unwrap().to_owned(), updated.unwrap_or_else(|| panic!("{event:#}")).to_owned())
}

/// What a `file` handler has written: `directory = 'events'`. Each file is read once, since it is whole when it appears.
struct Delivered {
    directory: PathBuf,
    read: HashMap<OsString, Value>,
}

impl Delivered {
    fn by(receiver: &Receiver) -> Self {
        Self { directory: receiver.path("events"), read: HashMap::new() }
    }

    /// All of it so far.
    fn events(&mut self) -> impl Iterator<Item = &Value> {
        for entry in std::fs::read_dir(&self.directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_owned();
            if path.extension().is_some_and(|extension| extension == "json") && !self.read.contains_key(&name) {
                self.read.insert(name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap());
            }
        }
        self.read.values()
    }

    /// The states that came.
    fn states(&mut self) -> BTreeSet<State> {
        self.events().map(state).collect()
    }

    /// Waits until all these states are there.
    async fn has(&mut self, wanted: &BTreeSet<State>) {
        in_the_end("every latest state is delivered", async || wanted.is_subset(&self.states())).await;
    }
}

/// Moments that nobody foresees.
fn any_time_up_to(longest: Duration) -> Duration {
    let drawn = u32::from(Uuid::new_v4().as_bytes()[0]);
    longest * drawn / u32::from(u8::MAX)
}
