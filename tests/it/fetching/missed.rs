//! What the webhook did not bring comes all the same, and is said; what it did bring comes once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Delivered, QUICK, State, company, in_the_end, polled_again, sized, state, tradecloud, webhooks_to};
use crate::support::receiver::Receiver;
use crate::support::simulated::Simulated;

/// What the log says of each.
const MISSED: &str = "the webhook did not bring";

/// How long a webhook may take to bring it.
const GRACE: Duration = Duration::from_secs(10);

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// What the platform says that happened.
async fn events(platform: &Simulated) -> Vec<Value> {
    platform.state().await["events"].as_array().unwrap().clone()
}

/// Of each order or shipment the latest event, and those events that changed the whole, or one of the lines, last. A
/// shipment is told whole each time.
fn last(events: &[Value]) -> BTreeMap<&str, (&Value, Vec<&Value>)> {
    let mut last: BTreeMap<&str, BTreeMap<&str, &Value>> = BTreeMap::new();
    for event in events {
        let of = last.entry(text(&event["id"])).or_default();
        of.insert("", event);
        if event["kind"] != "shipment" {
            event["lines"].as_array().unwrap().iter().for_each(|line| {
                of.insert(text(line), event);
            });
        }
    }
    last.into_iter().map(|(id, parts)| (id, (parts[""], parts.into_values().collect()))).collect()
}

/// The latest states for which that holds of those of these events that were lost, if any was.
fn with_gaps(events: &[Value], are: impl Fn(&Value, &[&Value]) -> bool) -> BTreeSet<State> {
    let gaps = last(events).into_iter().filter(|(_, (latest, parts))| {
        let lost: Vec<&Value> = parts.iter().copied().filter(|event| event["dropped"] == true).collect();
        !lost.is_empty() && are(latest, &lost)
    });
    gaps.map(|(id, (latest, _))| (id.to_owned(), text(&latest["lastUpdatedAt"]).to_owned())).collect()
}

/// The states that came because they were missed. The webhook may have brought others of the same time, with other lines.
fn missed(disk: &mut Delivered) -> Vec<State> {
    disk.events().filter(|event| event["tcorigin"] == "missed").map(state).collect()
}

/// Waits until all these came so.
async fn has_missed(disk: &mut Delivered, wanted: &BTreeSet<State>) {
    let has = async || wanted.is_subset(&missed(disk).into_iter().collect());
    in_the_end("what was missed is delivered", has).await;
}

/// A receiver that is told of what happens to some orders, loses some of it, and polls for what it has missed, with
/// these further keys of `[tradecloud]`; and the platform, to which so much has happened that it is `enough`.
async fn with_losses(
    seed: &str,
    keys: impl Fn(&Simulated) -> String,
    enough: impl Fn(&[Value]) -> bool,
) -> (Receiver, Simulated) {
    let (orders, at_once, times, drop) = sized(("16", 10, 4, "30%"), ("2000", 500, 10, "5%"));
    let receiver = Receiver::with(&format!("{QUICK}handlers.disk = {{ type = 'file', directory = 'events' }}\n"));
    let to = webhooks_to(&receiver, "/webhooks/tradecloud");
    let mut arguments = vec!["--orders", orders, "--seed", seed, "--every", "0s", "--drop", drop, "--lag", "1s"];
    arguments.extend(to.iter().map(String::as_str));
    let platform = Simulated::start(&arguments);
    let poll = format!(
        "orders = 'delivery-schedule', shipments = true, since = '{}', every = '1s', overlap = '10s', \
         deliver = 'missed', grace = '{}s'",
        jiff::Timestamp::now(),
        sized(GRACE.as_secs(), 120)
    );
    let account =
        tradecloud(&platform).replace("requests_per_second", &format!("{}requests_per_second", keys(&platform)));
    receiver.configure(|text| format!("{text}{account}poll = {{ {poll} }}\n"));
    let said = receiver.hang_up().await;
    assert!(said.contains("reloaded"), "{said}");

    let (began, mut bursts) = (Instant::now(), 0);
    while bursts < times || !enough(&events(&platform).await) {
        assert!(bursts < 50, "what is looked for is never lost");
        platform.change(&format!("orders={at_once}")).await;
        platform.change(&format!("shipments={}", at_once / 10)).await;
        bursts += 1;
    }
    in_the_end("what was not lost is delivered", async || {
        events(&platform).await.iter().all(|event| event["dropped"] == true || event["verdict"] == "delivered")
    })
    .await;
    let took = began.elapsed();
    assert!(took.as_secs() < sized(GRACE.as_secs(), 120), "the machine is too slow for this test: {took:?}");
    (receiver, platform)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_what_the_webhook_lost_comes_as_missed_and_is_said() {
    let dropped = |events: &[Value]| events.iter().filter(|event| event["dropped"] == true).count();
    let enough = |events: &[Value]| {
        let gaps = with_gaps(events, |_, _| true).len();
        // Some of what was lost came again with something later, and of some only a line is missing.
        gaps > 3 && gaps < dropped(events) && !with_gaps(events, |latest, _| latest["sent"] == true).is_empty()
    };
    let (receiver, platform) = with_losses("21", |_| String::new(), enough).await;
    let mut disk = Delivered::by(&receiver);
    let happened = events(&platform).await;
    let wanted = with_gaps(&happened, |_, _| true);

    receiver.expects_error(MISSED);
    has_missed(&mut disk, &wanted).await;
    polled_again(&platform).await;

    let mut came = missed(&mut disk);
    came.sort();
    assert_eq!(came, wanted.iter().cloned().collect::<Vec<_>>());
    let is_of_missed = |line: &&Value| line["message"].as_str().is_some_and(|text| text.contains(MISSED));
    let said = receiver.log().iter().filter(is_of_missed).count();
    assert!(said >= wanted.len().min(20), "{said} of {}", wanted.len());
    let sent = happened.iter().filter(|event| event["sent"] == true).count();
    println!("{} events, {} sent, {} lost: {} states missed", happened.len(), sent, dropped(&happened), wanted.len());
    assert_eq!(disk.events().count(), sent + wanted.len(), "and everything else came once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_our_own_company_changed_is_not_missed_and_hides_nothing_that_is() {
    // Who changed a shipment, or an order from the platform before, is not said.
    let is_ours = |event: &Value| {
        let has_company = event["kind"] != "shipment" && event["legacyOrderId"].is_null();
        has_company && text(&event["eventName"]).ends_with("ByBuyer")
    };
    let theirs = |events: &[Value]| with_gaps(events, |_, lost| lost.iter().any(|event| !is_ours(event)));
    let hidden = |events: &[Value]| {
        with_gaps(events, |latest, lost| is_ours(latest) && lost.iter().any(|event| !is_ours(event)))
    };
    // Of our own changes only the last can be told, unless one was polled before the next.
    let ours = |events: &[Value]| {
        with_gaps(events, |latest, lost| is_ours(latest) && lost.iter().all(|event| *event == latest))
    };
    let of_ours = |platform: &Simulated| format!("company = '{}', ", company(platform));
    let enough = |events: &[Value]| !ours(events).is_empty() && !hidden(events).is_empty();
    let (receiver, platform) = with_losses("22", of_ours, enough).await;
    let mut disk = Delivered::by(&receiver);
    let happened = events(&platform).await;

    receiver.expects_error(MISSED);
    has_missed(&mut disk, &theirs(&happened)).await;
    polled_again(&platform).await;

    let (came, ours) = (missed(&mut disk), ours(&happened));
    assert!(came.iter().all(|state| !ours.contains(state)), "{came:?} {ours:?}");
}
