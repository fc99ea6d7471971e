//! Documents that come late or go nowhere: the storage fails now and then, or the ERP takes none of them. The event waits,
//! and is not delivered without what belongs to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use serde_json::Value;

use super::documents::{at_work, at_work_with, documents, hex};
use super::in_the_end;
use crate::support::erp::{Answer, Received};
use crate::support::simulated::{Simulated, USER};

/// What the platform has under that id; it is asked again when that fails on purpose.
async fn source(platform: &Simulated, object: &str) -> Vec<u8> {
    let mut found = None;
    in_the_end("the platform gives it", async || {
        let request = platform.request(Method::GET, &format!("/v2/object-storage/document/{object}"));
        let answer = request.basic_auth(USER.0, Some(USER.1)).send().await;
        if let Ok(answer) = answer.and_then(reqwest::Response::error_for_status) {
            found = answer.bytes().await.ok();
        }
        found.is_some()
    })
    .await;
    found.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_at_the_platform_every_document_is_whole_in_the_end() {
    let (archive, receiver, platform) = at_work_with("8", "45", &["--faults", "20%"]);
    assert!(receiver.hang_up().await.contains("reloaded"));

    platform.change("orders=8").await;
    for size in [1, 65_536, 65_537, 3_000_000] {
        platform.change(&format!("document={size}")).await;
    }
    let mut told = 0;
    in_the_end("all events are delivered", async || {
        told = platform.state().await["events"].as_array().unwrap().len();
        archive.events().len() == told
    })
    .await;

    let all: Vec<Value> = archive.events().iter().flat_map(documents).collect();
    let here: BTreeMap<&str, &Value> = all
        .iter()
        .filter(|document| document["file"].is_string())
        .map(|document| (document["objectId"].as_str().unwrap(), document))
        .collect();
    assert!(here.len() >= 4, "{}", here.len());
    // None that the platform has is given up.
    assert!(all.iter().all(|document| document["file"].is_string() || document["objectId"].is_null()), "{all:?}");
    assert!(archive.found.lock().unwrap().iter().all(String::is_empty), "each was whole when its event came");
    for (object, document) in here {
        assert_eq!(document["sha256"], hex(&source(&platform, object).await), "{document}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_waits_for_an_erp_that_does_not_take_its_document_or_is_gone() {
    let (mut archive, receiver, platform) = at_work("3", "46");
    receiver.expects_error("the handler is down");
    assert!(receiver.hang_up().await.contains("reloaded"));
    let (left, puts) = (AtomicUsize::new(3), |all: &[Received]| of(all, &Method::PUT));
    archive.erp.answer_by(move |request| {
        let fails = request.method == Method::PUT
            && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        Answer::status(if fails { 503 } else { 200 })
    });

    platform.change("document=1000").await;
    archive.document("the first one", |document| document["size"] == 1000).await;
    let requests = archive.erp.received();
    assert_eq!((puts(&requests), of(&requests, &Method::POST)), (4, 1), "not before it is taken");
    let taken: Vec<&Method> = requests.iter().map(|request| &request.method).collect();
    assert_eq!(taken.last(), Some(&&Method::POST));

    archive.erp.stop();
    let seen = receiver.log().len();
    platform.change("document=2000").await;
    in_the_end("it was tried", async || {
        receiver.log()[seen..]
            .iter()
            .any(|line| line["message"].as_str().is_some_and(|text| text.contains("not delivered")))
    })
    .await;
    archive.erp.restart();
    archive.document("the second one", |document| document["size"] == 2000).await;
    let requests = archive.erp.received();
    let of_second = requests.iter().filter(|request| request.body.len() == 2000).count();
    assert!(of_second >= 1 && puts(&requests) >= 5);
    assert_eq!(platform.state().await["requests"]["download"], 2, "each was fetched once, however often it was sent");
}

fn of(all: &[Received], method: &Method) -> usize {
    all.iter().filter(|request| request.method == *method).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erp_that_refuses_a_document_for_good_refuses_its_event_and_no_other() {
    let (archive, receiver, platform) = at_work("3", "47");
    receiver.expects_error("dead letter");
    assert!(receiver.hang_up().await.contains("reloaded"));
    let refused = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&refused);
    archive.erp.answer_by(move |request| {
        let is_refused = request.method == Method::PUT && request.body.len() == 1000;
        if is_refused {
            notes.lock().unwrap().push(request.uri.path().to_owned());
        }
        Answer::status(if is_refused { 410 } else { 200 })
    });

    platform.change("document=1000").await;
    let events = receiver.inbox_until(|events| events.iter().any(|event| event["state"] == "dead")).await;
    platform.change("document=2000").await;
    archive.document("the other one", |document| document["size"] == 2000).await;

    let refused = refused.lock().unwrap().clone();
    assert_eq!(refused.len(), 1, "once: {refused:?}");
    let object = refused[0].rsplit('/').next().unwrap();
    let dead = events.iter().find(|event| event["state"] == "dead").unwrap();
    let shown = receiver.events(&["show", dead["id"].as_str().unwrap(), "--json"]).remove(0).to_string();
    assert!(shown.contains(&format!("document {object}: ")) && shown.contains("410"), "{shown}");
    assert!(archive.events().iter().flat_map(documents).all(|document| document["size"] != 1000));
}
