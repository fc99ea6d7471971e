//! Calls without a body: what they are about arrives, however often they come, whatever the API answers, and whenever the
//! receiver is killed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::{
    Delivered, QUICK, State, any_time_up_to, in_the_end, is_full, latest, sized, state, tradecloud, tradecloud_at,
    unhurried,
};
use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sender::Sender;
use crate::support::simulated::Simulated;

const DISK: &str = "handlers.disk = { type = 'file', directory = 'events' }\n";
const ENDPOINTS: &str =
    "endpoints = [{ path = '/o/{orderId}' }, { path = '/s?id={shipmentId}' }, { path = '/l/{legacyOrderId}' }]\n";

/// An access token, which is good for long.
const SESSION: [(&str, &str); 2] = [("set-authorization", "access"), ("set-refresh-token", "refresh")];

/// What a login is answered.
pub(super) fn session() -> Answer {
    let body = json!({"username": "u", "status": "authenticated"}).to_string();
    let answer = Answer::status(200).body("application/json", body);
    SESSION.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value))
}

/// Calls for an id; the status of the answer.
pub(super) async fn call(receiver: &Receiver, sender: &Sender, target: &str) -> Option<u16> {
    let sender = sender.clone().to(receiver.url(target));
    sender.finish(sender.request(Method::GET)).await.status
}

/// A segment of a path.
pub(super) fn segment(id: &str) -> String {
    id.replace('%', "%25").replace('/', "%2F")
}

/// An API whose orders have the states that it is told, and which is out of order half of the time.
struct Unsteady {
    api: Erp,
    /// When each order was changed last, in milliseconds.
    states: Arc<Mutex<BTreeMap<String, i64>>>,
    /// What was answered 200.
    given: Arc<Mutex<BTreeSet<(String, i64)>>>,
}

impl Unsteady {
    fn start() -> Self {
        let (api, states, given) = (Erp::start(), Arc::<Mutex<BTreeMap<String, i64>>>::default(), Arc::default());
        let (known, told) = (Arc::clone(&states), Arc::<Mutex<BTreeSet<(String, i64)>>>::clone(&given));
        let mut asked = 0_u32;
        api.answer_by(move |request| {
            if request.uri.path().starts_with("/v2/authentication/") {
                return session();
            }
            assert_eq!(request.header("authorization"), "Bearer access");
            asked += 1;
            // Every day, never more than twice in a row (Thue and Morse); else as it happens.
            let fails = if is_full() {
                uuid::Uuid::new_v4().as_bytes()[0].is_multiple_of(2)
            } else {
                asked.count_ones() % 2 == 1
            };
            if fails {
                return Answer::status(503);
            }
            let id = request.uri.path().strip_prefix("/v2/order/").unwrap().to_owned();
            let at = known.lock().unwrap()[&id];
            told.lock().unwrap().insert((id.clone(), at));
            let updated = written(at);
            let order = json!({
                "id": id,
                "buyerOrder": { "companyId": "c1", "purchaseOrderNumber": format!("PO-{id}") },
                "lines": [{ "id": "1", "lastUpdatedAt": updated }],
                "lastUpdatedAt": updated,
            });
            Answer::status(200).body("application/json", order.to_string())
        });
        Self { api, states, given }
    }
}

/// A time as Tradecloud writes it.
fn written(millisecond: i64) -> String {
    jiff::Timestamp::from_millisecond(millisecond).unwrap().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_a_second_are_few_requests_and_every_state_arrives_from_an_api_that_fails_half_the_time() {
    let (ids, calls) = sized((10, 100), (50, 2000));
    let platform = Unsteady::start();
    let account = tradecloud_at(&platform.api.url(""));
    let receiver = Receiver::with(&format!("{QUICK}{account}{ENDPOINTS}{DISK}"));
    receiver.expects_error("the handler is down");
    let mut disk = Delivered::by(&receiver);

    let (began, sender) = (tokio::time::Instant::now(), receiver.sender());
    let mut answers = JoinSet::new();
    for number in 0..calls {
        sleep_until(began + Duration::from_millis(5) * number).await;
        let id = format!("order-{}", number % ids);
        // It changes, and then it is said that it has.
        platform.states.lock().unwrap().insert(id.clone(), 1_700_000_000_000 + i64::from(number));
        let sender = sender.clone().to(receiver.url(&format!("/o/{id}")));
        answers.spawn(async move { sender.finish(sender.request(Method::GET)).await.status });
    }
    assert!(answers.join_all().await.iter().all(|status| *status == Some(202)));

    let states = platform.states.lock().unwrap().clone();
    let wanted: BTreeSet<State> = states.into_iter().map(|(id, at)| (id, written(at))).collect();
    disk.has(&wanted).await;
    // One may have failed so often in a row that it waits for a minute.
    let mut events = Vec::new();
    in_the_end("no notice waits any more", async || {
        events = receiver.inbox();
        events.iter().all(|event| event["state"] == "done")
    })
    .await;
    let given: BTreeSet<State> =
        platform.given.lock().unwrap().iter().map(|(id, at)| (id.clone(), written(*at))).collect();
    let came: Vec<State> = disk.events().map(state).collect();
    assert_eq!(came.len(), given.len(), "each state that was given came once");
    assert_eq!(came.into_iter().collect::<BTreeSet<_>>(), given);
    assert!(events.len() < calls as usize / 2, "{} notices of {calls} calls", events.len());
    let requests = platform.api.received();
    println!(
        "{calls} calls for {ids} ids: {} notices, {} requests, {} states, in {:?}",
        events.len(),
        requests.len(),
        given.len(),
        began.elapsed()
    );
    let logins = requests.iter().filter(|request| request.uri.path().ends_with("/login")).count();
    assert_eq!(logins, 1);
    // They may arrive a little closer than they left.
    let closest = requests.windows(11).map(|eleven| eleven[10].at - eleven[0].at).min().unwrap();
    assert!(closest >= Duration::from_millis(900), "eleven within {closest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_calls_as_come_make_no_more_requests_in_a_second_than_they_may() {
    let platform = Simulated::start(&["--orders", "40", "--seed", "31", "--every", "0s"]);
    let receiver = Receiver::with(&format!("{QUICK}{}{ENDPOINTS}{DISK}", unhurried(&platform)));
    let mut disk = Delivered::by(&receiver);
    let state = platform.state().await;
    let began = Instant::now();

    let sender = receiver.sender();
    for id in state["orders"].as_object().unwrap().keys() {
        assert_eq!(call(&receiver, &sender, &format!("/o/{}", segment(id))).await, Some(202));
    }

    let wanted = latest(&state).into_iter().filter(|(id, _)| state["orders"].get(id).is_some()).collect();
    disk.has(&wanted).await;
    let said = platform.state().await;
    assert_eq!((&said["tooMany"], &said["logins"]), (&json!(0), &json!(1)), "{}", said["mostInASecond"]);
    // Not so few either: the account's share is used.
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert!(disk.events().all(|event| event["tcorigin"] == "get" && event["data"]["buyerOrder"].is_object()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_the_receiver_is_killed_between_a_call_and_its_delivery_nothing_is_lost() {
    let platform = Simulated::start(&["--orders", "60", "--seed", "32", "--every", "0s"]);
    let erp = Erp::start();
    let mut receiver = Receiver::with(&format!(
        "{QUICK}{}{ENDPOINTS}{DISK}handlers.erp = {{ type = 'http', url = '{}' }}",
        tradecloud(&platform),
        erp.url("/")
    ));
    let mut disk = Delivered::by(&receiver);
    let state = platform.state().await;
    let mut targets: Vec<(State, String)> = Vec::new();
    for (kind, path) in [("orders", "/o/"), ("shipments", "/s?id=")] {
        let all = state[kind].as_object().unwrap().iter().take(24);
        targets.extend(
            all.map(|(id, at)| ((id.clone(), at.as_str().unwrap().to_owned()), format!("{path}{}", segment(id)))),
        );
    }
    let kills = sized(4, 24);

    let mut wanted = BTreeSet::new();
    for some in targets.chunks(targets.len() / kills) {
        let sender = receiver.sender();
        for (state, target) in some {
            assert_eq!(call(&receiver, &sender, target).await, Some(202), "{target}");
            wanted.insert(state.clone());
        }
        sleep(any_time_up_to(Duration::from_millis(600))).await;
        receiver.kill();
        receiver.restart();
    }

    disk.has(&wanted).await;
    assert_eq!(disk.states(), wanted);
    assert_eq!(disk.events().count(), wanted.len(), "a notice that was fetched twice is one event");
    in_the_end("both handlers have all of it", async || {
        let ids: BTreeSet<String> = erp.received().iter().map(|request| request.json()["id"].to_string()).collect();
        ids.len() == wanted.len()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_webhooks_of_a_platform_that_only_calls_bring_all_that_changes() {
    let nobody = tradecloud_at("http://127.0.0.1:9");
    let receiver = Receiver::with(&format!("{QUICK}{nobody}{ENDPOINTS}{DISK}"));
    let mut arguments = ["--orders", "14", "--seed", "33", "--every", "0s"].map(str::to_owned).to_vec();
    for path in ["/o/{orderId}", "/s?id={shipmentId}"] {
        arguments.extend(super::webhooks_to(&receiver, path).into_iter().take(2));
    }
    arguments.extend(super::webhooks_to(&receiver, "/").into_iter().skip(2));
    let platform = Simulated::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    receiver.configure(|text| text.replace(&nobody, &tradecloud(&platform)));
    assert!(receiver.hang_up().await.contains("reloaded"));
    let mut disk = Delivered::by(&receiver);

    for _ in 0..3 {
        platform.change("orders=10").await;
        platform.change("shipments=2").await;
    }

    let state = platform.state().await;
    let changed: HashMap<&str, &str> = state["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["id"].as_str().unwrap(), event["lastUpdatedAt"].as_str().unwrap()))
        .collect();
    disk.has(&changed.into_iter().map(|(id, at)| (id.to_owned(), at.to_owned())).collect()).await;
    assert!(disk.events().all(|event| event["type"].as_str().unwrap().ends_with(".Changed")));
}
