//! The promises that every handler keeps, tried on all of them against real back ends: a server, a
//! program, a directory. What only one of them can do stands in its own file.

mod exec;
mod file;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
mod oauth;
mod postgres;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tradecloud_webhook::event::Event;
use tradecloud_webhook::handlers::{Fault, Outcome, SharedHandler, Unavailability, from_toml};
use tradecloud_webhook::model::{Envelope, Format, Kind};

use crate::support::erp::{Answer, Erp};

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
        content_type: Some("application/json; charset=utf-8".to_owned()),
        body: BODY.into(),
    }
}

fn handler(table: &str) -> SharedHandler {
    from_toml("erp", table).unwrap()
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

/// What a back end does with the next event. Not every one can do everything.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Accepts,
    RefusesForGood,
    RefusesForNow,
    Hangs,
    Vanished,
}

/// A real back end that can be put into a mood.
enum BackEnd {
    Server(Erp),
    Program(TempDir),
    Directory(TempDir),
}

impl BackEnd {
    /// One of each that can be in this mood, with its handler.
    fn all_that_can(mood: Mood) -> Vec<(Self, SharedHandler)> {
        let mut back_ends = vec![Self::Server(Erp::start()), Self::Program(TempDir::new().unwrap())];
        if !matches!(mood, Mood::RefusesForGood | Mood::Hangs) {
            back_ends.push(Self::Directory(TempDir::new().unwrap()));
        }
        back_ends
            .into_iter()
            .map(|mut back_end| {
                back_end.set(Mood::Accepts);
                back_end.set(mood);
                let handler = handler(&back_end.table());
                (back_end, handler)
            })
            .collect()
    }

    fn table(&self) -> String {
        match self {
            Self::Server(erp) => format!("type = 'http'\nurl = '{}'\ntimeout = '3s'", erp.url("/tradecloud")),
            Self::Program(home) => {
                // In the mood it is told: note the event, or not.
                let script = "cd $0; case $(cat mood) in \
                    RefusesForGood) echo no such item >&2; exit 65;; \
                    RefusesForNow) echo database is locked >&2; exit 75;; \
                    Hangs) sleep 60;; \
                    *) cat > taken-$$.json;; esac";
                let (program, home) = (home.path().join("program"), home.path().display());
                format!(
                    "type = 'exec'\ncommand = ['{}', '-c', '{script}', '{home}']\ntimeout = '3s'",
                    program.display()
                )
            }
            Self::Directory(_) => format!("type = 'file'\ndirectory = '{}'", self.directory().display()),
        }
    }

    fn directory(&self) -> PathBuf {
        match self {
            Self::Server(_) => unreachable!("a server has no directory"),
            Self::Program(home) => home.path().to_owned(),
            Self::Directory(home) => home.path().join("data/events"),
        }
    }

    fn set(&mut self, mood: Mood) {
        match self {
            Self::Server(erp) => match mood {
                Mood::Accepts if erp.is_running() => {}
                Mood::Accepts => erp.restart(),
                Mood::RefusesForGood => erp.answer([Answer::status(422).body("text/plain", "no such item\nat line 2")]),
                Mood::RefusesForNow => erp.answer([Answer::status(503).body("text/plain", "database is locked")]),
                Mood::Hangs => erp.answer([Answer::hang()]),
                Mood::Vanished => erp.stop(),
            },
            Self::Program(home) => {
                let program = home.path().join("program");
                let _ = std::fs::remove_file(&program);
                if mood != Mood::Vanished {
                    std::os::unix::fs::symlink("/bin/sh", program).unwrap();
                }
                std::fs::write(home.path().join("mood"), format!("{mood:?}")).unwrap();
            }
            Self::Directory(home) => {
                // Permissions do not stop root, whom tests often run as; a file in the way stops everyone.
                let data = home.path().join("data");
                match mood {
                    Mood::Accepts if data.is_file() => std::fs::remove_file(data).unwrap(),
                    Mood::Vanished | Mood::RefusesForNow => std::fs::write(data, "in the way").unwrap(),
                    _ => {}
                }
            }
        }
    }

    /// The bodies of the events it has got.
    fn taken(&self) -> Vec<String> {
        if let Self::Server(erp) = self {
            return erp.received().into_iter().map(|request| String::from_utf8(request.body.into()).unwrap()).collect();
        }
        let Ok(entries) = std::fs::read_dir(self.directory()) else { return Vec::new() };
        let paths: BTreeSet<_> = entries.map(|entry| entry.unwrap().path()).collect();
        let events = paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        events.map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }
}

#[tokio::test]
async fn an_accepted_event_arrives_whole() {
    for (back_end, handler) in BackEnd::all_that_can(Mood::Accepts) {
        let outcome = handler.deliver(&event("m-1")).await;

        assert_eq!(outcome, Outcome::Done);
        let taken = back_end.taken();
        let cloud_event: serde_json::Value = serde_json::from_str(&taken[0]).unwrap();
        assert_eq!(cloud_event["id"], "m-1");
        assert_eq!(cloud_event["type"], "com.tradecloud1.order.OrderIssuedByBuyer");
        assert!(taken[0].contains(BODY), "the body as it was, every digit of it: {}", taken[0]);
    }
}

#[tokio::test]
async fn a_refusal_for_good_is_rejected_with_the_words_of_the_back_end() {
    for (_back_end, handler) in BackEnd::all_that_can(Mood::RefusesForGood) {
        let outcome = handler.deliver(&event("m-1")).await;

        let reason = rejection(outcome).reason;
        assert!(reason.ends_with("no such item"), "{reason}");
    }
}

#[tokio::test]
async fn a_refusal_for_now_is_worth_another_try() {
    for (mut back_end, handler) in BackEnd::all_that_can(Mood::RefusesForNow) {
        let first = handler.deliver(&event("m-1")).await;
        back_end.set(Mood::Accepts);
        let second = handler.deliver(&event("m-1")).await;

        let reason = unavailable(first).reason;
        let expected = if matches!(back_end, BackEnd::Directory(_)) { "data" } else { "database is locked" };
        assert!(reason.contains(expected), "{reason}");
        assert_eq!(second, Outcome::Done);
    }
}

#[tokio::test]
async fn a_back_end_that_hangs_is_late() {
    for (_back_end, handler) in BackEnd::all_that_can(Mood::Hangs) {
        let outcome = tokio::time::timeout(Duration::from_secs(10), handler.deliver(&event("m-1"))).await.unwrap();

        let why = unavailable(outcome);
        assert_eq!(why.fault, Fault::Late);
        assert!(why.reason.contains("3s"), "{}", why.reason);
    }
}

#[tokio::test]
async fn a_back_end_that_vanished_is_noticed_and_welcome_when_it_comes_back() {
    for (mut back_end, handler) in BackEnd::all_that_can(Mood::Vanished) {
        let probe_of_nothing = handler.probe().await;
        let first = handler.deliver(&event("m-1")).await;
        back_end.set(Mood::Accepts);
        let probe = handler.probe().await;
        let second = handler.deliver(&event("m-1")).await;

        let fault = if matches!(back_end, BackEnd::Directory(_)) { Fault::Ours } else { Fault::Unreachable };
        assert_eq!(unavailable(first).fault, fault);
        assert!(probe_of_nothing.is_err(), "{probe_of_nothing:?}");
        assert!(probe.is_ok(), "{probe:?}");
        assert_eq!(second, Outcome::Done);
    }
}

#[tokio::test]
async fn trying_a_back_end_delivers_nothing() {
    for (back_end, handler) in BackEnd::all_that_can(Mood::Accepts) {
        handler.probe().await.unwrap();

        assert!(back_end.taken().iter().all(String::is_empty), "{:?}", back_end.taken());
    }
}

#[test]
fn every_mistake_in_a_table_is_named_with_its_key() {
    let mistakes = [
        ("", "erp.type", "is missing"),
        ("type = 'http'\ntoken = 'secret@", "erp", "is no TOML: TOML parse error at line 2"),
        ("type = 'ftp'", "erp.type", "\"file\""),
        ("type = 'file'", "erp.directory", "is missing"),
        ("type = 'file'\ndirectory = 'x'\ndirectroy = 'y'", "erp.directroy", "Did you mean `directory`?"),
        ("type = 'exec'", "erp.command", "is missing"),
        ("type = 'exec'\ncommand = []", "erp.command", "names no program"),
        ("type = 'http'", "erp.url", "is missing"),
        ("type = 'http'\nurl = 'erp.example'", "erp.url", "is no address"),
        ("type = 'http'\nurl = 'ftp://erp.example'", "erp.url", "must be https"),
        ("type = 'http'\nurl = 'https://me:secret@erp.example'", "erp.url", "auth = {"),
        ("type = 'http'\nurl = 'https://erp.example'\nformat = 'xml'", "erp.format", "\"original\""),
        ("type = 'http'\nurl = 'https://erp.example'\nreject_on = [200]", "erp.reject_on", "400 to 599"),
        ("type = 'http'\nurl = 'https://erp.example'\nca_file = '/none'", "erp.ca_file", "cannot be read"),
        ("type = 'http'\nurl = 'https://erp.example'\nauth = {}", "erp.auth.type", "is missing"),
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
    for (table, key, what) in mistakes {
        let Err(problems) = from_toml("erp", table) else { panic!("accepted: {table}") };

        let found = problems.iter().find(|problem| problem.key == key);
        assert!(found.is_some_and(|problem| problem.what.contains(what)), "{table}: {problems:?}");
        assert!(problems.iter().all(|problem| !problem.to_string().contains("secret@")), "{problems:?}");
    }
}
