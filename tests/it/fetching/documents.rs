//! Documents: whole and on disk before their event, however large they are, and said to be missing where they are.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256, digest};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;

use super::{QUICK, any_time_up_to, in_the_end, sized, tradecloud, tradecloud_at, webhooks_to};
use crate::support::erp::{Answer, Erp, Received};
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;
use crate::support::simulated::{Simulated, USER};

const MIB: u64 = 1 << 20;

/// An ERP that is sent documents first, and what it found in the files that each event names.
pub(super) struct Archive {
    pub(super) erp: Erp,
    pub(super) found: Arc<Mutex<Vec<String>>>,
}

impl Archive {
    fn start() -> Self {
        let (erp, found) = (Erp::start(), Arc::<Mutex<Vec<String>>>::default());
        let notes = Arc::clone(&found);
        erp.answer_by(move |request| {
            if request.method == Method::POST {
                for document in documents(&request.json()).iter().filter(|document| document["file"].is_string()) {
                    // At this moment, not later.
                    let content = std::fs::read(document["file"].as_str().unwrap()).unwrap_or_default();
                    let is_right = document["sha256"] == hex(&content) && document["size"] == content.len();
                    notes.lock().unwrap().push(if is_right { String::new() } else { document.to_string() });
                }
            }
            Answer::status(200)
        });
        Self { erp, found }
    }

    /// The lines of configuration of a handler that brings it everything.
    fn handler(&self) -> String {
        format!(
            "documents = {{ directory = 'documents' }}\n\
             handlers.erp = {{ type = 'http', url = '{}', documents = true, documents_url = '{}', timeout = '5m' }}\n",
            self.erp.url("/events"),
            self.erp.url("/documents/{objectId}")
        )
    }

    /// The events that came.
    pub(super) fn events(&self) -> Vec<Value> {
        let received = self.erp.received();
        received.iter().filter(|request| request.method == Method::POST).map(Received::json).collect()
    }

    /// Waits until an event is there that has such a document; returns that.
    pub(super) async fn document(&self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let mut found = None;
        in_the_end(what, async || {
            found = self.events().iter().flat_map(documents).find(|document| is_it(document));
            found.is_some()
        })
        .await;
        found.unwrap()
    }
}

/// What an event says of its documents.
pub(super) fn documents(event: &Value) -> Vec<Value> {
    event["tcdocuments"].as_str().map(|text| serde_json::from_str(text).unwrap()).unwrap_or_default()
}

pub(super) fn hex(content: &[u8]) -> String {
    in_digits(digest(&SHA256, content).as_ref())
}

fn in_digits(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn hex_of_zeros(count: u64) -> String {
    let mut context = Context::new(&SHA256);
    (0..count / MIB).for_each(|_| context.update(&vec![0; 1 << 20]));
    in_digits(context.finish().as_ref())
}

/// A receiver that brings everything to an ERP, and a platform that tells it what happens to so many orders.
pub(super) fn at_work(orders: &str, seed: &str) -> (Archive, Receiver, Simulated) {
    at_work_with(orders, seed, &[])
}

/// The same with further arguments for the platform.
pub(super) fn at_work_with(orders: &str, seed: &str, more: &[&str]) -> (Archive, Receiver, Simulated) {
    let archive = Archive::start();
    let nobody = tradecloud_at("http://127.0.0.1:9");
    let receiver = Receiver::with(&format!("{QUICK}{nobody}{}", archive.handler()));
    let to = webhooks_to(&receiver, "/webhooks/tradecloud");
    let mut arguments = vec!["--orders", orders, "--seed", seed, "--every", "0s"];
    arguments.extend(to.iter().map(String::as_str).chain(more.iter().copied()));
    let platform = Simulated::start(&arguments);
    receiver.configure(|text| text.replace(&nobody, &tradecloud(&platform)));
    (archive, receiver, platform)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_document_is_whole_and_here_before_its_event_and_is_sent_ahead_of_it() {
    let (archive, receiver, platform) = at_work("25", "41");
    assert!(receiver.hang_up().await.contains("reloaded"));

    for _ in 0..2 {
        platform.change("orders=25").await;
    }
    let mut told = 0;
    in_the_end("all events are delivered", async || {
        told = platform.state().await["events"].as_array().unwrap().len();
        archive.events().len() == told
    })
    .await;

    let (events, requests) = (archive.events(), archive.erp.received());
    let all: Vec<Value> = events.iter().flat_map(documents).collect();
    let (here, missing): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|document| document["file"].is_string());
    assert!(here.len() > 5 && !missing.is_empty(), "{} here, {} missing", here.len(), missing.len());
    let wrong: Vec<String> = archive.found.lock().unwrap().iter().filter(|wrong| !wrong.is_empty()).cloned().collect();
    assert_eq!((wrong, archive.found.lock().unwrap().len()), (vec![], here.len()));
    for document in &missing {
        let why = document["missing"].as_str().unwrap();
        assert!(document["url"].as_str().unwrap().starts_with("https://files.vandijk.example/"), "{document}");
        assert!(why.contains("urls_from"), "{why}");
    }
    let objects: BTreeSet<&str> = here.iter().map(|document| document["objectId"].as_str().unwrap()).collect();
    for object in &objects {
        let request = platform.request(Method::GET, &format!("/v2/object-storage/document/{object}"));
        let content = request.basic_auth(USER.0, Some(USER.1)).send().await.unwrap().bytes().await.unwrap();
        let document = here.iter().find(|document| document["objectId"] == *object).unwrap();
        assert_eq!(document["sha256"], hex(&content), "{document}");
    }
    for (place, request) in requests.iter().enumerate().filter(|(_, request)| request.method == Method::POST) {
        for document in documents(&request.json()).iter().filter(|document| document["file"].is_string()) {
            let path = format!("/documents/{}", document["objectId"].as_str().unwrap());
            let is_it = |put: &Received| {
                put.method == Method::PUT
                    && put.uri.path() == path
                    && hex(&put.body) == document["sha256"]
                    && put.header("content-type") == document["contentType"]
            };
            assert!(requests[..place].iter().any(is_it), "{document} was not sent ahead");
        }
    }
    let asked = platform.state().await;
    assert_eq!(asked["requests"]["download"], objects.len(), "each of them was fetched once");
    assert_eq!(asked["logins"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_document_takes_less_than_60_mib_of_memory() {
    let size = sized(64, 512) * MIB;
    let (archive, receiver, platform) = at_work("3", "42");
    assert!(receiver.hang_up().await.contains("reloaded"));
    platform.change("document=1000").await;
    archive.document("a small one", |document| document["size"] == 1000).await;
    let before = receiver.most_memory();

    platform.change(&format!("document={size}")).await;

    let document = archive.document("the large one", |document| document["size"] == size).await;
    let after = receiver.most_memory();
    println!("{size} bytes: at most {} KiB of memory, {} before", after >> 10, before >> 10);
    assert_eq!(document["sha256"], hex_of_zeros(size));
    assert!(after - before < 60 << 20, "{} more than {before}", after - before);
    assert!(archive.found.lock().unwrap().iter().all(String::is_empty));
    let mode = Path::new(document["file"].as_str().unwrap()).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o133, 0, "{mode:o}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_whose_receiver_is_killed_meanwhile_is_whole_in_the_end() {
    let (size, kills) = (32 * MIB, sized(3, 20));
    let (archive, mut receiver, platform) = at_work("3", "43");
    // So that its documents cannot come before the first kill.
    receiver.expects_error("the handler is down");

    platform.change(&format!("document={size}")).await;
    in_the_end("it is told", async || platform.state().await["events"][0]["verdict"] == "delivered").await;
    for _ in 0..kills {
        receiver.kill();
        receiver.restart();
        sleep(any_time_up_to(Duration::from_millis(400))).await;
    }

    let document = archive.document("the document", |document| document["size"] == size).await;
    assert_eq!(document["sha256"], hex_of_zeros(size));
    let folder = Path::new(document["file"].as_str().unwrap()).parent().unwrap().to_owned();
    assert!(archive.found.lock().unwrap().iter().all(String::is_empty));
    assert!(folder.starts_with(receiver.folder().canonicalize().unwrap()), "{}", folder.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_killed_again_and_again_while_it_fetches_documents_does_not_blame_the_event() {
    let (archive, silent, platform) = (Archive::start(), Erp::start(), Simulated::start(&["--orders", "1"]));
    silent.answer_by(|_| Answer::status(200).after(Duration::from_secs(600)));
    let nobody = tradecloud_at(silent.url("").trim_end_matches('/'));
    let mut receiver = Receiver::with(&format!("{QUICK}{nobody}{}", archive.handler()));
    let mut event = order_event("with-a-document");
    event["orderEvent"]["buyerOrder"]["documents"] = json!([{ "code": "1", "objectId": Uuid::new_v4().to_string() }]);

    assert_eq!(receiver.sender().send(event).await.status, Some(202));
    for number in 1..=4 {
        silent.wait_for(number).await;
        receiver.kill();
        receiver.restart();
    }
    silent.wait_for(5).await;
    receiver.configure(|text| text.replace(&nobody, &tradecloud(&platform)));
    assert!(receiver.hang_up().await.contains("reloaded"));
    receiver.kill();
    receiver.restart();

    archive.document("the event without its document", |document| document["missing"].is_string()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_gone_for_good_is_said_and_holds_nobody_up() {
    let (archive, receiver, _platform) = at_work("3", "44");
    assert!(receiver.hang_up().await.contains("reloaded"));
    let gone = Uuid::new_v4().to_string();
    let mut event = order_event("with-a-document");
    event["orderEvent"]["buyerOrder"]["documents"] = json!([
        { "code": "1", "name": "Drawing", "objectId": gone },
        { "code": "2", "name": "Manual", "url": "http://files.buyer.example/manual.pdf" },
    ]);

    assert_eq!(receiver.sender().send(event).await.status, Some(202));
    assert_eq!(receiver.sender().send(order_event("another")).await.status, Some(202));

    let missing = archive.document("the event without its document", |document| document["objectId"] == *gone).await;
    assert!(missing["missing"].as_str().unwrap().contains("404"), "{missing}");
    let events = archive.events();
    let of = |order: &str| events.iter().position(|event| event["subject"] == order).unwrap();
    assert!(of("another") < of("with-a-document"), "only the order itself waits while it is doubted");
    let all = documents(&events[of("with-a-document")]);
    assert!(
        all.len() == 2 && all[1]["missing"].is_string() && all.iter().all(|it| it.get("file").is_none()),
        "{all:?}"
    );
    let said = receiver.log().into_iter().filter(|line| {
        line["level"] == "WARN" && line["message"].as_str().is_some_and(|text| text.contains("is not to be had"))
    });
    assert_eq!(said.count(), 2);
}
