//! The promises that every handler keeps, tried on all of them against real back ends: a server, a
//! program, a directory. What only one of them can do stands in its own file.

mod amqp;
mod answers;
mod back_ends;
mod dying;
mod exec;
mod exec_start;
mod exec_words;
mod file;
mod file_faults;
mod file_names;
mod http;
mod http_answers;
mod http_headers;
#[cfg(feature = "kafka")]
mod kafka;
mod nats;
mod oauth;
mod postgres;
mod promises;
mod times;

use std::time::Duration;

use tradecloud_webhook::event::{Answers, Event};
use tradecloud_webhook::handlers::{Fault, Outcome, SharedHandler, Unavailability, from_toml};
use tradecloud_webhook::model::{Envelope, Format, Kind};

use self::back_ends::{BackEnd, Mood, all_in};
use crate::support::eventually;
use crate::support::proxy::Proxy;

/// A body with a number that only survives as text, and a field that nobody knows.
const BODY: &str = r#"{"eventName":"OrderIssuedByBuyer","price":1234.5600000000000000001,"unheard":{"of":[]}}"#;

fn event(id: &str) -> Event {
    Event {
        id: id.to_owned(),
        envelope: Envelope {
            kind: Kind::Order,
            format: Format::Json,
            event_name: Some("OrderIssuedByBuyer".to_owned()),
            message_id: Some(id.to_owned()),
            subject: Some("order-1".to_owned()),
            number: None,
            company_id: Some("company-1".to_owned()),
            companies: vec!["company-1".to_owned()],
            created: Some("2026-11-21T01:38:12.000Z".to_owned()),
        },
        received: "2026-11-21T01:38:12.123456Z".parse().unwrap(),
        attempt: 1,
        round: 1,
        content_type: Some("application/json; charset=utf-8".to_owned()),
        body: BODY.into(),
        origin: "webhook".into(),
        documents: None,
        answers: Answers::default(),
    }
}

fn handler(table: &str) -> SharedHandler {
    handler_named("erp", table)
}

fn handler_named(name: &str, table: &str) -> SharedHandler {
    from_toml(name, table).unwrap()
}

/// The handler for a back end; an attempt may take three seconds.
fn handler_of(back_end: &dyn BackEnd) -> SharedHandler {
    handler(&format!("{}\ntimeout = '10s'", back_end.table()))
}

/// Asserts that a handler gives up a connection that died without a word.
async fn assert_not_stuck(handler: &SharedHandler, network: &Proxy) {
    assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done);
    network.forget();

    let first = unavailable(handler.deliver(&event("m-2")).await);
    let second = handler.deliver(&event("m-2")).await;

    assert_eq!(first.fault, Fault::Late, "{}", first.reason);
    assert_eq!(second, Outcome::Done);
}

fn unavailable(outcome: Outcome) -> Unavailability {
    match outcome {
        Outcome::Unavailable(unavailability) => unavailability,
        other => panic!("not unavailable, but {other:?}"),
    }
}

fn rejection(outcome: Outcome) -> tradecloud_webhook::handlers::Rejection {
    match outcome {
        Outcome::Rejected(rejection) => rejection,
        other => panic!("not rejected, but {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_accepted_event_arrives_whole() {
    for back_end in all_in(Mood::Accepts).await {
        let outcome = handler_of(&*back_end).deliver(&event("m-1")).await;

        assert_eq!(outcome, Outcome::Done, "{}", back_end.name());
        let taken = back_end.taken().await;
        let cloud_event: serde_json::Value = serde_json::from_str(&taken[0]).unwrap();
        assert_eq!(cloud_event["id"], "m-1");
        assert_eq!(cloud_event["type"], "com.tradecloud1.order.OrderIssuedByBuyer");
        let body: serde_json::Value = serde_json::from_str(BODY).unwrap();
        assert_eq!(cloud_event["data"], body, "the body as it was, every digit of it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_good_is_rejected_with_the_words_of_the_back_end() {
    for back_end in all_in(Mood::RefusesForGood).await {
        let outcome = handler_of(&*back_end).deliver(&event("m-1")).await;

        let reason = rejection(outcome).reason;
        assert!(reason.contains(back_end.reason(Mood::RefusesForGood).unwrap()), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_now_is_worth_another_try() {
    for mut back_end in all_in(Mood::RefusesForNow).await {
        let handler = handler_of(&*back_end);

        let first = handler.deliver(&event("m-1")).await;
        back_end.set(Mood::Accepts).await;
        let second = handler.deliver(&event("m-1")).await;

        let Unavailability { reason, of_one, .. } = unavailable(first);
        // A program that fails, and a key that no queue is bound for, say nothing about other events.
        assert_eq!(of_one, ["exec", "amqp"].contains(&back_end.name()), "{reason}");
        assert!(reason.contains(back_end.reason(Mood::RefusesForNow).unwrap()), "{reason}");
        assert_eq!(second, Outcome::Done, "{}", back_end.name());
        assert_eq!(back_end.taken().await.len(), 1, "{}", back_end.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_back_end_that_hangs_is_late_and_not_given_up() {
    let mut back_ends = all_in(Mood::Hangs).await;
    let mut attempts = tokio::task::JoinSet::new();
    for (number, handler) in back_ends.iter().map(|back_end| handler_of(&**back_end)).enumerate() {
        attempts.spawn(async move {
            let outcome = tokio::time::timeout(Duration::from_secs(90), handler.deliver(&event("m-1"))).await;
            (number, handler, outcome.expect("an attempt ends at its time-out"))
        });
    }

    while let Some(attempt) = attempts.join_next().await {
        let (number, handler, outcome) = attempt.unwrap();
        let back_end = &mut back_ends[number];
        let why = unavailable(outcome);
        // The attempt ends with its own time, but for two that take a first step with a shorter one: a connection to
        // PostgreSQL, and a look whether Kafka has the topic.
        let (fault, time) = match back_end.name() {
            "postgres" => (Fault::Unreachable, "within 5s"),
            "kafka" => (Fault::Late, "within 3s"),
            _ => (Fault::Late, "10s"),
        };
        assert_eq!(why.fault, fault, "{}", why.reason);
        assert!(why.reason.contains(time), "{}", why.reason);
        assert!(!why.of_one, "nobody knows of any event that it would take: {}", why.reason);
        back_end.set(Mood::Accepts).await;
        if back_end.name() == "kafka" {
            // Its client makes a new connection in its own time, which may be longer than that first look.
            eventually("it takes the next", async || handler.deliver(&event("m-2")).await == Outcome::Done).await;
        } else {
            assert_eq!(handler.deliver(&event("m-2")).await, Outcome::Done, "{}", back_end.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_is_dropped_half_way_does_no_harm_to_the_next_one() {
    for mut back_end in all_in(Mood::Accepts).await {
        let handler = handler_of(&*back_end);
        assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done, "{}", back_end.name());
        if back_end.reason(Mood::Hangs).is_ok() {
            back_end.set(Mood::Hangs).await;
            let dropped = tokio::time::timeout(Duration::from_millis(200), handler.deliver(&event("m-2"))).await;
            assert!(dropped.is_err(), "{}", back_end.name());
            back_end.set(Mood::Accepts).await;
        }

        let outcome = handler.deliver(&event("m-3")).await;

        assert_eq!(outcome, Outcome::Done, "{}", back_end.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_back_end_that_vanished_is_noticed_and_welcome_when_it_comes_back() {
    for mut back_end in all_in(Mood::Accepts).await {
        let handler = handler_of(&*back_end);
        assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done, "{}", back_end.name());
        back_end.set(Mood::Vanished).await;

        let first = unavailable(handler.deliver(&event("m-2")).await);
        let words = back_end.reason(Mood::Vanished).unwrap();
        if !first.reason.contains(words) {
            // To a busy machine the old connection may look as if it stood for one attempt more.
            let again = async || unavailable(handler.deliver(&event("m-2")).await).reason.contains(words);
            eventually("it is noticed", again).await;
        }
        let probe_of_nothing = handler_of(&*back_end).probe().await;
        back_end.set(Mood::Accepts).await;
        let probe = handler_of(&*back_end).probe().await;
        let second = handler.deliver(&event("m-2")).await;

        let fault = if back_end.name() == "file" { Fault::Ours } else { Fault::Unreachable };
        assert_eq!(first.fault, fault, "{}", first.reason);
        assert!(!first.of_one, "it takes no other event either: {}", first.reason);
        assert!(probe_of_nothing.is_err(), "{probe_of_nothing:?}");
        assert!(probe.is_ok(), "{probe:?}");
        assert_eq!(second, Outcome::Done, "{}", back_end.name());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trying_a_back_end_delivers_nothing() {
    for back_end in all_in(Mood::Accepts).await {
        handler_of(&*back_end).probe().await.unwrap();

        assert!(back_end.taken().await.is_empty(), "{}", back_end.name());
    }
}

/// A handler's table, the key that is wrong in it, and what is said of that.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("", "erp.type", "is missing"),
    ("type = 'http'\ntoken = 'secret@", "erp", "is no TOML: line 2"),
    ("type = 'ftp'", "erp.type", "\"file\""),
    ("type = 'file'", "erp.directory", "is missing"),
    ("type = 'file'\ndirectory = 'x'\ndirectroy = 'y'", "erp.directroy", "Did you mean `directory`?"),
    ("type = 'file'\ndirectory = 'x'\nmode = 640", "erp.mode", "in quotes: mode = \"0640\""),
    ("type = 'file'\ndirectory = 'x'\nmode = 0o640", "erp.mode", "is a number"),
    ("type = 'file'\ndirectory = 'x'\nmode = 'rw-r-----'", "erp.mode", "octal digits"),
    ("type = 'file'\ndirectory = 'x'\nmode = '0648'", "erp.mode", "octal digits"),
    ("type = 'file'\ndirectory = 'x'\nmode = '6'", "erp.mode", "octal digits"),
    ("type = 'file'\ndirectory = 'x'\nmode = '4640'", "erp.mode", "more than the bits"),
    ("type = 'file'\ndirectory = 'x'\nmode = '0300'", "erp.mode", "nobody read"),
    ("type = 'exec'", "erp.command", "is missing"),
    ("type = 'exec'\ncommand = []", "erp.command", "names no program"),
    ("type = 'http'", "erp.url", "is missing"),
    ("type = 'http'\nurl = 'erp.example'", "erp.url", "is no address"),
    ("type = 'http'\nurl = 'ftp://erp.example'", "erp.url", "must be https"),
    ("type = 'http'\nurl = 'https://me:secret@erp.example'", "erp.url", "auth = {"),
    ("type = 'http'\nurl = 'https://erp.example'\nformat = 'xml'", "erp.format", "\"original\""),
    ("type = 'http'\nurl = 'https://erp.example'\nreject_on = [200]", "erp.reject_on", "400 to 599"),
    ("type = 'http'\nurl = 'https://erp.example'\nca_file = '/none'", "erp.ca_file", "cannot be read"),
    ("type = 'http'\nurl = 'https://erp.example'\nretry_on_text = ['']", "erp.retry_on_text", "empty text"),
    ("type = 'http'\nurl = 'https://erp.example'\nretry_on_text = 7", "erp.retry_on_text", "a list of texts"),
    ("type = 'http'\nurl = 'https://erp.example'\nauth = {}", "erp.auth.type", "is missing"),
    ("type = 'http'\nheaders = { Content-Type = 'a' }", "erp.headers.Content-Type", "the receiver sets"),
    ("type = 'http'\nheaders = { host_file = '/none' }", "erp.headers.host_file", "the receiver sets"),
    ("type = 'http'\nheaders = { ce-id = '1' }", "erp.headers.ce-id", "the receiver sets"),
    ("type = 'http'\nheaders = { User-Agent = 'a' }", "erp.headers.User-Agent", "the receiver sets"),
    ("type = 'http'\nheaders = { Connection = 'close' }", "erp.headers.Connection", "of the connection"),
    ("type = 'http'\nheaders = { Transfer-Encoding = 'gzip' }", "erp.headers.Transfer-Encoding", "of the connection"),
    ("type = 'http'\nheaders = { 'X Client' = 'a' }", "erp.headers.X Client", "no name of a header"),
    ("type = 'http'\nheaders = { X-Client = \"secret@\\n\" }", "erp.headers.X-Client", "do not fit into a header"),
    ("type = 'http'\nheaders = { X-Client = 'sécret@' }", "erp.headers.X-Client", "do not fit into a header"),
    ("type = 'http'\nheaders = { X-Client = '' }", "erp.headers.X-Client", "is empty"),
    ("type = 'http'\nheaders = { X-Client_file = '/none' }", "erp.headers.X-Client_file", "cannot be read"),
    ("type = 'http'\nheaders = { X-Client = 'a', x-client = 'b' }", "erp.headers.x-client", "given twice"),
    ("type = 'http'\nheaders = { X-Client = 'a', X-Client_file = '/none' }", "erp.headers.X-Client", "given twice"),
    ("type = 'http'\nheaders = { X-Client = ['a'] }", "erp.headers.X-Client", "a text in quotes"),
    ("type = 'http'\nheaders = 'X-Client: a'", "erp.headers", "a table"),
    (
        "type = 'http'\nheaders = { Authorization = 'secret@' }\n[auth]\ntype = 'bearer'\ntoken = 'a'",
        "erp.headers.Authorization",
        "`auth`",
    ),
    (
        "type = 'http'\nurl = 'https://erp.example'\n[auth]\ntype = 'basic'\nusername = 'a'",
        "erp.auth.password",
        "is missing",
    ),
    (
        "type = 'http'\nurl = 'https://erp.example'\n[auth]\ntype = 'bearer'\ntoken = 'sec ret'",
        "erp.auth.token",
        "header",
    ),
    ("type = 'http'\nurl = 'https://erp.example'\n[auth]\ntype = 'oauth'", "erp.auth.token_url", "is missing"),
    ("type = 'http'\nurl = 'https://erp.example'\n[auth]\ntype = 'oauth'", "erp.auth.client_secret", "is missing"),
    ("type = 'nats'", "erp.url", "is missing"),
    ("type = 'nats'", "erp.stream", "is missing"),
    ("type = 'nats'\nurl = 'bus'", "erp.url", "is no address"),
    ("type = 'nats'\nurl = 'https://bus.example'", "erp.url", "must be nats: or tls:"),
    ("type = 'nats'\nurl = 'nats://me:secret@bus'", "erp.url", "auth = {"),
    ("type = 'nats'\nstream = 'A.B'", "erp.stream", "no name of a stream"),
    ("type = 'nats'\nsubject = 'a.*.{kind}'", "erp.subject", "is no subject"),
    ("type = 'nats'\nsubject = 'a..{kind}'", "erp.subject", "is no subject"),
    ("type = 'nats'\nsubject = '{knid}'", "erp.subject", "{kind}, {event}, {company}"),
    ("type = 'nats'\ncreate_stream = 'yes'", "erp.create_stream", "true or false"),
    ("type = 'nats'\nca_file = '/none'", "erp.ca_file", "cannot be read"),
    ("type = 'nats'\nauth = { type = 'nkey', nkey = 'secret@' }", "erp.auth.nkey", "begins with SU"),
    ("type = 'nats'\nauth = { type = 'credentials', credentials = 'secret@' }", "erp.auth.credentials", ".creds"),
    ("type = 'nats'\nauth = { type = 'password', password = 'a' }", "erp.auth.username", "is missing"),
    ("type = 'amqp'", "erp.url", "is missing"),
    ("type = 'amqp'", "erp.exchange", "is missing"),
    ("type = 'amqp'\nurl = 'amqp:me:secret@rabbit'", "erp.url", "is no address of AMQP"),
    ("type = 'amqp'\nurl = 'https://me:secret@rabbit'", "erp.url", "is no address of AMQP"),
    ("type = 'amqp'\nrouting_key = '{kind'", "erp.routing_key", "counterpart"),
    ("type = 'amqp'\nca_file = '/none'", "erp.ca_file", "cannot be read"),
    ("type = 'postgres'", "erp.url", "is missing"),
    ("type = 'postgres'\nurl = 'postgresql://me:secret@db/erp'", "erp.table", "is missing"),
    ("type = 'postgres'\nurl = 'mysql://me:secret@db/erp'", "erp.url", "must be a URL like"),
    ("type = 'postgres'\ntable = 'a.b.c'", "erp.table", "schema.table"),
    ("type = 'postgres'\ntable = 'a.'", "erp.table", "schema.table"),
    ("type = 'kafka'", "erp.brokers", "is missing"),
    ("type = 'kafka'\nbrokers = ['kafka.example']", "erp.brokers", "with their ports"),
    ("type = 'kafka'\nbrokers = []", "erp.brokers", "with their ports"),
    ("type = 'kafka'\nbrokers = ['k:9092']", "erp.topic", "is missing"),
    ("type = 'kafka'\nbrokers = ['k:9092']\ntopic = 'a/b'", "erp.topic", "must be"),
    ("type = 'kafka'\nbrokers = ['k:9092']\ntopic = 't'\nca_file = '/none'", "erp.ca_file", "tls = true"),
    ("type = 'kafka'\ntls = true\nca_file = '/none'", "erp.ca_file", "cannot be read"),
    ("type = 'kafka'\nauth = {}", "erp.auth.type", "scram-sha-512"),
    ("type = 'kafka'\nauth = { type = 'gssapi' }", "erp.auth.type", "\"plain\""),
    ("type = 'kafka'\nauth = { type = 'plain', username = 'u' }", "erp.auth.password", "is missing"),
];

#[test]
fn every_mistake_in_a_table_is_named_with_its_key() {
    for &(table, key, what) in MISTAKES {
        let Err(problems) = from_toml("erp", table) else { panic!("accepted: {table}") };

        let found = problems.iter().find(|problem| problem.key == key);
        assert!(found.is_some_and(|problem| problem.what.contains(what)), "{table}: {problems:?}");
        assert!(problems.iter().all(|problem| !problem.to_string().contains("secret@")), "{problems:?}");
    }
}
