//! What nobody foresaw: a panic anywhere is our own fault, so the event is to come again.
//!
//! These embed the receiver as a library, with parts of their own that panic on purpose.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Method;
use tokio::sync::Notify;
use tradecloud_webhook::app::{self, Running};
use tradecloud_webhook::auth::{AddressList, Authorization, Credential, Finding, SharedCredential};
use tradecloud_webhook::config::Layers;
use tradecloud_webhook::dispatch::Route;
use tradecloud_webhook::event::Event;
use tradecloud_webhook::handlers::{Handler, Outcome};
use tradecloud_webhook::inbox::{
    Action, ActionView, Archive, Attempt, Claim, Count, Due, EventKey, EventView, Filter, Finish, Inbox, InboxError,
    Incoming, Mended, Open, Overdue, Purpose, Receipt, RefusedBody, SharedInbox, Standing, State, Swept, Unread,
    Verified,
};
use tradecloud_webhook::model::Reference;
use tradecloud_webhook::settings::Settings;

use crate::support::eventually;
use crate::support::receiver::{PASSWORD, Receiver, USERNAME};
use crate::support::sender::{Message, Sender, order_event};

/// A receiver within this process; its folder has the certificate.
struct Embedded {
    folder: Receiver,
    running: Running,
}

impl Embedded {
    async fn start(acknowledge: &str, change: impl FnOnce(&mut Settings), handler: Option<Panicking>) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = Receiver::prepared(&format!(
            "endpoints = [{{ path = \"/webhooks/tradecloud\", acknowledge = \"{acknowledge}\" }}]\n\
             delivery.first_retry = \"100ms\""
        ));
        let file = folder.path("config/receiver.toml");
        let path = |relative: &str| toml(&folder.path(relative));
        let text = format!(
            "{}\nserver.tls.certificate = {}\nserver.tls.private_key = {}\ninbox.path = {}\n",
            std::fs::read_to_string(&file).unwrap(),
            path("certs/fullchain.pem"),
            path("certs/privkey.pem"),
            path("data/inbox.db")
        );
        let (mut settings, _) = Layers::from_text(file, text).settings().unwrap();
        change(&mut settings);
        let mut receiver = app::Receiver::new(settings);
        if let Some(handler) = handler {
            receiver = receiver.handler(Route::all("own"), handler);
        }
        Self { running: receiver.start().await.unwrap(), folder }
    }

    fn sender(&self) -> Sender {
        let url = format!("https://localhost:{}/webhooks/tradecloud", self.running.public_address().port());
        Sender::new(url, self.folder.ca()).basic(USERNAME, PASSWORD)
    }
}

fn toml(path: &Path) -> String {
    format!("'{}'", path.display())
}

/// Panics the first time it is called.
#[derive(Clone, Default)]
struct Panicking(Arc<AtomicUsize>);

impl Handler for Panicking {
    async fn deliver(&self, event: &Event) -> Outcome {
        assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "on purpose, at attempt {}", event.attempt);
        Outcome::Done
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_a_failed_attempt_and_is_retried() {
    let handler = Panicking::default();
    let receiver = Embedded::start("handled", |_| {}, Some(handler.clone())).await;
    let event = order_event("1");

    let first = receiver.sender().send(event.clone()).await;
    eventually("it is tried again", async || handler.0.load(Ordering::SeqCst) == 2).await;
    let again = receiver.sender().send(event).await;

    assert_eq!(first.status, Some(503), "{first:?}");
    assert_eq!(again.status, Some(200), "{again:?}");
    assert_eq!(handler.0.load(Ordering::SeqCst), 2);
    receiver.running.drain().await;
}

/// Panics before anything of the body is read.
#[derive(Debug)]
struct PanickingCredential;

impl Credential for PanickingCredential {
    fn challenge(&self) -> &'static str {
        "Panic"
    }

    fn describe(&self) -> String {
        "panics".to_owned()
    }

    fn accepts(&self, _: &Authorization<'_>) -> bool {
        panic!("on purpose")
    }
}

#[tokio::test]
async fn a_panic_before_the_body_is_read_is_503() {
    let panicking = |settings: &mut Settings| {
        settings.endpoints[0].gate.credentials.push(("panicking".to_owned(), Arc::new(PanickingCredential)));
    };
    let receiver = Embedded::start("stored", panicking, None).await;

    for sender in [receiver.sender(), receiver.sender().http1()] {
        let answer = sender.send(order_event("1")).await;

        assert_eq!(answer.status, Some(503), "{answer:?}");
        assert!(!answer.body.contains("on purpose"), "{answer:?}");
    }
    receiver.running.drain().await;
}

/// A store that panics whatever it is asked for, but for what a start needs, and for storing if it is
/// told to take its time with it.
#[derive(Debug, Clone, Default)]
struct OddStore {
    slow: Option<Arc<Slow>>,
}

#[derive(Debug, Default)]
struct Slow {
    go_on: Notify,
    stored: AtomicBool,
    /// Refusing has begun;
    asked: AtomicBool,
    /// and had ended when the store was closed.
    settled: AtomicBool,
}

#[async_trait::async_trait]
impl Open for OddStore {
    fn describe(&self) -> String {
        "odd".to_owned()
    }

    async fn open(&self, _: Purpose) -> anyhow::Result<SharedInbox> {
        Ok(Arc::new(self.clone()))
    }

    async fn rehearse(&self) -> anyhow::Result<String> {
        Ok("odd".to_owned())
    }
}

type Result<T> = std::result::Result<T, InboxError>;

#[async_trait::async_trait]
impl Inbox for OddStore {
    async fn store(&self, incoming: Incoming) -> Result<Receipt> {
        let Some(slow) = &self.slow else { panic!("on purpose, at {}", incoming.id) };
        slow.go_on.notified().await;
        slow.stored.store(true, Ordering::SeqCst);
        Ok(Receipt::stored(&incoming))
    }
    async fn refuse(&self, refused: RefusedBody) -> Result<Option<String>> {
        let Some(slow) = &self.slow else { panic!("on purpose, at {}", refused.path) };
        slow.asked.store(true, Ordering::SeqCst);
        slow.go_on.notified().await;
        slow.stored.store(true, Ordering::SeqCst);
        Ok(Some("kept".to_owned()))
    }
    /// Whoever waits for that waits for ever.
    async fn refer(&self, _: &str, _: Vec<Reference>) -> Result<()> {
        std::future::pending().await
    }
    async fn claim(&self, _: &str, _: usize) -> Result<Due> {
        Ok(Due::default())
    }
    async fn load(&self, _: &Claim) -> Result<Event> {
        panic!("on purpose")
    }
    async fn finish(&self, _: &Claim, _: Finish, _: Option<Attempt>) -> Result<bool> {
        panic!("on purpose")
    }
    async fn release(&self, _: &Claim) {}
    async fn standing(&self, _: EventKey) -> Result<Vec<Standing>> {
        panic!("on purpose")
    }
    async fn hurry(&self, _: EventKey) -> Result<()> {
        panic!("on purpose")
    }
    fn archive(self: Arc<Self>) -> Option<Arc<dyn Archive>> {
        Some(self)
    }
    async fn probe(&self) -> Result<()> {
        panic!("on purpose")
    }
    async fn close(&self) {
        if let Some(slow) = &self.slow {
            slow.settled.store(slow.stored.load(Ordering::SeqCst), Ordering::SeqCst);
        }
    }
}

#[async_trait::async_trait]
impl Archive for OddStore {
    async fn sweep(&self, _: Overdue) -> Result<Swept> {
        Ok(Swept { complete: true, ..Swept::default() })
    }
    async fn list(&self, _: &Filter) -> Result<Vec<EventView>> {
        Ok(Vec::new())
    }
    async fn show(&self, _: &str) -> Result<Option<EventView>> {
        panic!("on purpose")
    }
    async fn body(&self, _: i64) -> Result<Bytes> {
        panic!("on purpose")
    }
    async fn sequences(&self, _: &Filter) -> Result<Vec<i64>> {
        Ok(Vec::new())
    }
    async fn count(&self, _: &Filter, _: usize) -> Result<Count> {
        panic!("on purpose")
    }
    async fn views(&self, _: &[i64]) -> Result<Vec<EventView>> {
        panic!("on purpose")
    }
    async fn actions(&self, _: &str) -> Result<Vec<ActionView>> {
        panic!("on purpose")
    }
    async fn unread(&self) -> Result<Option<Unread>> {
        Ok(None)
    }
    async fn deliver(&self, _: &[i64], _: Option<&str>, _: &[State], _: &Action) -> Result<Vec<usize>> {
        panic!("on purpose")
    }
    async fn accept(&self, _: i64, _: Incoming, _: &Action) -> Result<Receipt> {
        panic!("on purpose")
    }
    async fn discard(&self, _: &[i64], _: Option<&str>, _: &[State], _: &Action) -> Result<Vec<usize>> {
        panic!("on purpose")
    }
    async fn erase(&self, _: i64, _: &Action) -> Result<bool> {
        panic!("on purpose")
    }
    async fn read_on(&self) -> Result<Option<usize>> {
        Ok(Some(0))
    }
    async fn verify(&self, _: i64) -> Result<Verified> {
        panic!("on purpose")
    }
    async fn forget_actions(&self, _: Timestamp) -> Result<usize> {
        Ok(0)
    }
    async fn backlog(&self, _: usize) -> Result<Vec<(String, usize)>> {
        Ok(Vec::new())
    }
    async fn note(&self, _: &str, _: Timestamp) -> Result<()> {
        Ok(())
    }
    async fn noted(&self, _: &str) -> Result<Option<Timestamp>> {
        Ok(None)
    }
    async fn claim_one(&self, _: &str, _: &[i64], _: Timestamp) -> Result<Option<Claim>> {
        Ok(None)
    }
    async fn lanes(&self, _: &str, _: usize) -> Result<usize> {
        Ok(0)
    }
    async fn hurry_handler(&self, _: &str) -> Result<usize> {
        Ok(0)
    }
    async fn mend(&self) -> Result<Vec<Mended>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn a_panic_after_the_body_was_read_is_503() {
    let panicking = |settings: &mut Settings| settings.inbox.store = Box::new(OddStore::default());
    let receiver = Embedded::start("stored", panicking, None).await;

    for message in [Message::from(order_event("1")), Message::json("no event")] {
        let answer = receiver.sender().send(message).await;

        assert_eq!(answer.status, Some(503), "{answer:?}");
        assert!(!answer.body.contains("on purpose"), "{answer:?}");
    }
    receiver.running.drain().await;
}

#[tokio::test]
async fn storing_goes_on_after_the_answer_had_to_be_given() {
    let slow = Arc::new(Slow::default());
    let store = OddStore { slow: Some(Arc::clone(&slow)) };
    let change = |settings: &mut Settings| {
        settings.inbox.store = Box::new(store);
        settings.server.answer_within = Duration::from_millis(200);
    };
    let receiver = Embedded::start("stored", change, None).await;

    let answer = receiver.sender().send(order_event("1")).await;
    let stored_before = slow.stored.load(Ordering::SeqCst);
    slow.go_on.notify_one();

    assert_eq!((answer.status, stored_before), (Some(504), false), "{answer:?}");
    eventually("it is stored", async || slow.stored.load(Ordering::SeqCst)).await;
    receiver.running.drain().await;
}

/// It has been answered by then, so nobody sends it again.
#[tokio::test]
async fn what_is_kept_after_its_answer_is_kept_before_the_end() {
    let slow = Arc::new(Slow::default());
    let store = OddStore { slow: Some(Arc::clone(&slow)) };
    let change = |settings: &mut Settings| {
        settings.inbox.store = Box::new(store);
        settings.endpoints[0].gate.allow_from = Some(AddressList::tradecloud());
    };
    let receiver = Embedded::start("stored", change, None).await;
    assert_eq!(receiver.sender().send(order_event("1")).await.status, Some(403));
    eventually("it is being kept", async || slow.asked.load(Ordering::SeqCst)).await;

    let mut drained = tokio::spawn(receiver.running.drain());
    // Nothing else keeps it from its end.
    let early = tokio::time::timeout(Duration::from_secs(3), &mut drained).await;
    slow.go_on.notify_one();

    assert!(early.is_err(), "it has ended");
    drained.await.unwrap();
    assert!(slow.settled.load(Ordering::SeqCst));
}

/// What it names is looked for once more if that could not be noted.
#[tokio::test]
async fn the_answer_to_a_refused_body_waits_only_until_it_is_kept() {
    let slow = Arc::new(Slow::default());
    let store = OddStore { slow: Some(Arc::clone(&slow)) };
    let change = |settings: &mut Settings| {
        settings.inbox.store = Box::new(store);
        settings.server.answer_within = Duration::from_secs(5);
    };
    let receiver = Embedded::start("stored", change, None).await;
    slow.go_on.notify_one();

    let answer = receiver.sender().send(Message::json("no event")).await;

    assert_eq!(answer.status, Some(400), "{answer:?}");
    receiver.running.drain().await;
}

/// How long an answer may take where it is to be seen when it comes, whatever else the machine does.
const WITHIN: Duration = Duration::from_secs(20);

/// Takes nearly as long as it may to find out that its caller is the right one.
#[derive(Debug, Default)]
struct SlowCredential(AtomicBool);

#[async_trait::async_trait]
impl Credential for SlowCredential {
    fn challenge(&self) -> &'static str {
        "Slow"
    }

    fn describe(&self) -> String {
        "slow".to_owned()
    }

    fn accepts(&self, _: &Authorization<'_>) -> bool {
        false
    }

    fn examine(&self, _: &Authorization<'_>) -> Finding {
        if self.0.load(Ordering::SeqCst) { Finding::Right } else { Finding::Unsure("it is not known yet") }
    }

    async fn learn(&self, _: &Authorization<'_>, _: IpAddr) -> std::result::Result<(), &'static str> {
        tokio::time::sleep(WITHIN * 9 / 20).await;
        self.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// What is refused but kept has no more time than what is taken.
#[tokio::test]
async fn an_answer_is_given_in_time_however_the_time_is_spent_and_wherever_the_request_goes() {
    let mut answers = tokio::task::JoinSet::new();
    for (path, method) in [("", Method::POST), ("/nowhere", Method::POST), ("", Method::PATCH)] {
        answers.spawn(async move {
            let change = |settings: &mut Settings| {
                let slow: SharedCredential = Arc::new(SlowCredential::default());
                for gate in [&mut settings.endpoints[0].gate, &mut settings.anywhere] {
                    gate.credentials = vec![("slow".to_owned(), Arc::clone(&slow))];
                }
                settings.inbox.store = Box::new(OddStore { slow: Some(Arc::default()) });
                settings.server.answer_within = WITHIN;
            };
            let receiver = Embedded::start("stored", change, None).await;
            let sender = receiver.sender();
            let to =
                format!("https://localhost:{}/webhooks/tradecloud{path}", receiver.running.public_address().port());
            let begun = Instant::now();

            let answer = sender.to(to).send_by(method, order_event("1")).await;

            assert_eq!(answer.status, Some(504), "{answer:?}");
            assert!(begun.elapsed() < WITHIN * 13 / 10, "{path}: after {:?}", begun.elapsed());
        });
    }
    answers.join_all().await;
}
