//! `check` and the layers of the configuration: every problem at once, each with its place and a hint.

use std::path::Path;
use std::process::Output;

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use serde_json::Value;

use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// About everything that can be wrong.
const TERRIBLE: &str = r#"
[server]
listn = "0.0.0.0:8443"
listen = "localhost"
answer_within = "soon"
shutdown_grace = 30

[server.tls]
certificate = "nowhere.pem"
private_key = "config/receiver.toml"

[server.limits]
body = "600 MiB"
bodies_in_memory = "1 KiB"
connections = 0
header_read = "0s"

[auth.portal]
type = "basic"
username = "trade:cloud"
password_file = "no-such-file"

[auth.token]
type = "beerer"
token = "hunter2"

[auth.other]
type = "bearer"
token = "hunter2 hunter2"

[auth.third]
type = "bearer"

[[endpoints]]
path = "webhooks"
auth = ["portl", "token"]
allow_from = ["tradecloud", "10.0.0.0/33", "::1"]
acknowledge = "received"

[[endpoints]]
path = "/bücher"

[inbox]
store = "sqlight"

[delivery]
retry_factor = 0.5
lanes = -1

[handlers.erp]
type = "http"
url = "ftp://erp.internal/"
format = "xml"
kinds = ["orders"]
events = ["Order*"]
passwort = "hunter2"

[handlers.script]
type = "exec"
timeout = "1 fortnight"

[handlers.disk]
type = "file"
directroy = "data"

[handlers.empty]

[admin]
listen = 8081

[log]
format = "xml"
level = "so=loud"

[telemetry]
"#;

fn with_file(text: &str) -> Receiver {
    let receiver = Receiver::prepared("");
    std::fs::write(receiver.path("config/receiver.toml"), text).unwrap();
    receiver
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The keys of the problems that `check --json` reports.
fn keys(receiver: &Receiver) -> Vec<String> {
    problems(receiver).iter().map(|problem| problem["key"].as_str().unwrap().to_owned()).collect()
}

fn problems(receiver: &Receiver) -> Vec<Value> {
    let output = receiver.run(&["check", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(report["valid"], output.status.success(), "{report}");
    report["problems"].as_array().unwrap().clone()
}

#[test]
fn all_problems_are_reported_at_once_with_place_and_hint() {
    let receiver = with_file(TERRIBLE);

    let for_people = receiver.run(&["check"]);
    let for_scripts = problems(&receiver);
    let at_start = receiver.run(&["serve"]);

    assert_eq!((for_people.status.code(), at_start.status.code()), (Some(78), Some(78)));
    insta::assert_snapshot!(said(&for_people));
    assert_eq!(for_scripts.len() + 1, said(&for_people).lines().count(), "the last line counts them");
    assert!(for_scripts.iter().all(|problem| problem["place"].is_string() || problem["key"] == "log"));
    let at_start = String::from_utf8(at_start.stderr).unwrap();
    assert_eq!(at_start, said(&for_people), "a start says the same");
    assert!(!at_start.contains("hunter2"));
}

#[test]
fn an_unknown_key_is_an_error_that_names_the_nearest() {
    let cases = [
        ("server.lisen = \"127.0.0.1:1\"", "server.lisen", "`listen`"),
        ("endpoint = []", "endpoint", "`endpoints`"),
        ("handler.a = {}", "handler", "`handlers`"),
        ("auth.a = { type = \"bearer\", token = \"x\", token_fil = \"y\" }", "auth.a.token_fil", "`token_file`"),
        ("inbox.paht = \"x\"", "inbox.paht", "`path`"),
        ("log.colour = true", "log.colour", "Known here: format, level"),
    ];

    for (line, key, hint) in cases {
        let problems = problems(&Receiver::prepared(line));

        let errors: Vec<_> = problems.iter().filter(|problem| problem["severity"] == "error").collect();
        assert_eq!(errors.len(), 1, "{line}: {problems:?}");
        assert_eq!(errors[0]["key"], key);
        assert!(errors[0]["what"].as_str().unwrap().contains(hint), "{line}: {errors:?}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_told_with_line_and_column() {
    let receiver = with_file("[server]\nlisten = \"127.0.0.1:0\"\nlisten = 7\n");

    let output = receiver.run(&["check"]);

    assert_eq!(output.status.code(), Some(78));
    assert!(said(&output).starts_with("error: config/receiver.toml:3:1: "), "{output:?}");
    assert_eq!(problems(&receiver)[0]["place"], "config/receiver.toml:3:1");
}

#[tokio::test]
async fn the_environment_wins_over_the_file() {
    let mut receiver = Receiver::prepared("inbox.path = \"of-the-file.db\"")
        .setting("INBOX__PATH", "elsewhere/inbox.db")
        .setting("SERVER__LIMITS__BODY", "1 KiB")
        .setting("HANDLERS__DISK__TYPE", "file")
        .setting("HANDLERS__DISK__DIRECTORY", "events")
        .setting("HANDLERS__DISK__KINDS", "shipment, order");
    receiver.restart();

    let answer = receiver.sender().send(order_event("1")).await;
    let too_large = receiver.sender().send(crate::support::sender::Message::json(" ".repeat(1025))).await;

    assert_eq!((answer.status, too_large.status), (Some(202), Some(413)));
    assert!(receiver.path("elsewhere/inbox.db").exists() && !receiver.path("of-the-file.db").exists());
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    assert_eq!(std::fs::read_dir(receiver.path("events")).unwrap().count(), 1);
}

#[test]
fn what_is_wrong_in_the_environment_is_told_by_the_name_of_the_variable() {
    let receiver = Receiver::prepared("").setting("SERVER__ANSWER_WITHIN", "soon").setting("LOG__LEVL", "debug");

    let found: Vec<_> =
        problems(&receiver).iter().map(|problem| problem["place"].as_str().map(str::to_owned)).collect();

    assert!(found.contains(&Some("TRADECLOUD_WEBHOOK__SERVER__ANSWER_WITHIN".to_owned())), "{found:?}");
    assert!(found.contains(&Some("TRADECLOUD_WEBHOOK__LOG__LEVL".to_owned())), "{found:?}");
}

#[test]
fn a_file_that_was_named_but_is_not_there_is_an_error_for_every_command() {
    let receiver = Receiver::bare();
    let commands: [&[&str]; 4] = [&["serve"], &[], &["check"], &["events", "list"]];

    for command in commands {
        let output = receiver.run(&[command, &["--config", "no/such.toml"]].concat());

        assert_eq!(output.status.code(), Some(78), "{command:?}: {output:?}");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains("no/such.toml"), "{command:?}: {said}");
    }
    assert_eq!(contents(receiver.folder()), [""; 0], "nothing is made up for it");
}

#[test]
fn with_a_file_nothing_is_made_up() {
    let receiver = Receiver::prepared("");
    std::fs::remove_dir_all(receiver.path("certs")).unwrap();

    let output = receiver.run(&["serve"]);

    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(said.contains("`server.tls.certificate` certs/fullchain.pem"), "{said}");
    assert!(said.contains("`server.tls.private_key` certs/privkey.pem"), "{said}");
    assert!(!receiver.path("certs").exists() && !receiver.path("data").exists());
}

#[test]
fn check_writes_nothing() {
    let bare = Receiver::bare();
    let prepared = Receiver::prepared("handlers.disk = { type = \"file\", directory = \"events\" }");
    let before = contents(prepared.folder());

    let outputs = [bare.run(&["check"]), prepared.run(&["check"])];

    assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
    assert_eq!(contents(bare.folder()), [""; 0]);
    assert_eq!(contents(prepared.folder()), before);
}

#[test]
fn wrong_usage_ends_with_2() {
    let receiver = Receiver::bare();
    let wrong: [&[&str]; 9] = [
        &["receive"],
        &["serve", "--port", "8443"],
        &["check", "--config"],
        &["check", "config/receiver.toml"],
        &["events"],
        &["events", "show"],
        &["events", "list", "--state", "lost"],
        &["events", "discard"],
        &["send"],
    ];

    for arguments in wrong {
        let output = receiver.run(arguments);

        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    assert!(receiver.run(&["--help"]).status.success() && receiver.run(&["--version"]).status.success());
}

#[test]
fn the_defaults_are_complete_but_for_certificate_and_credentials() {
    let receiver = with_file("");
    assert_eq!(keys(&receiver), ["endpoints[0].auth", "handlers"]);

    std::fs::remove_dir_all(receiver.path("certs")).unwrap();
    assert_eq!(keys(&receiver), ["server.tls.certificate", "server.tls.private_key", "endpoints[0].auth", "handlers"]);
}

#[test]
fn the_examples_in_the_shipped_file_are_valid() {
    let shipped = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/default.toml")).unwrap();
    let is_toml =
        |line: &str| line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let uncommented: String = shipped
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|line| is_toml(line)).unwrap_or(line).to_owned() + "\n")
        .collect();
    let receiver = with_file(&uncommented.replace("/run/secrets/", "secrets/"));
    std::fs::create_dir(receiver.path("secrets")).unwrap();
    for secret in ["portal", "token", "erp"] {
        std::fs::write(receiver.path("secrets").join(secret), "secret\n").unwrap();
    }

    assert!(uncommented.matches("\n[").count() > 10, "the examples were not found: {uncommented}");
    assert_eq!(problems(&receiver), Vec::<Value>::new());
}

/// A certificate for localhost and what goes with it, written where the configuration looks.
struct Certificate {
    params: CertificateParams,
    ca: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
}

impl Certificate {
    fn new() -> Self {
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        ca.distinguished_name.push(DnType::CommonName, "CA");
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        Self { params, ca, key: KeyPair::generate().unwrap() }
    }

    /// The one warning or error that `check` has about the certificate made of `chain`.
    fn problem(&self, chain: &str) -> (String, String) {
        let receiver = Receiver::prepared("");
        std::fs::write(receiver.path("certs/fullchain.pem"), chain).unwrap();
        std::fs::write(receiver.path("certs/privkey.pem"), self.key.serialize_pem()).unwrap();
        let mut problems = problems(&receiver);
        problems.retain(|problem| problem["key"].as_str().unwrap().starts_with("server.tls"));
        assert_eq!(problems.len(), 1, "{problems:?}");
        let text = |field: &str| problems[0][field].as_str().unwrap().to_owned();
        (text("severity"), format!("{} {}", text("key"), text("what")))
    }

    fn signed(&self) -> String {
        self.params.signed_by(&self.key, &self.ca).unwrap().pem()
    }
}

#[test]
fn what_tradecloud_would_refuse_of_a_certificate_is_a_warning() {
    let warned = |certificate: &Certificate, chain: &str, what: &str| {
        let (severity, problem) = certificate.problem(chain);
        assert_eq!(severity, "warning", "{problem}");
        assert!(problem.starts_with("server.tls.certificate ") && problem.contains(what), "{problem}");
    };
    let mut certificate = Certificate::new();
    let (alone, ca) = (certificate.signed(), certificate.ca.pem());

    warned(&certificate, &alone, "without its chain");
    warned(&certificate, &format!("{alone}{}", Certificate::new().signed()), "wrong order");
    warned(&certificate, &certificate.params.self_signed(&certificate.key).unwrap().pem(), "self-signed");
    certificate.params.not_after = date_time_ymd(2020, 1, 1);
    warned(&certificate, &(certificate.signed() + &ca), "expired on 2020-01-01");
    certificate.params.not_after = std::time::SystemTime::now().into();
    certificate.params.not_after += std::time::Duration::from_secs(5 * 86_400);
    warned(&certificate, &(certificate.signed() + &ca), "expires in 4 days");
    certificate.params.not_after = date_time_ymd(4000, 1, 1);
    certificate.params.not_before = date_time_ymd(3000, 1, 1);
    warned(&certificate, &(certificate.signed() + &ca), "valid from 3000-01-01");
}

#[test]
fn a_key_of_another_certificate_is_an_error() {
    let certificate = Certificate::new();
    let other = Certificate::new();

    let (severity, problem) = certificate.problem(&(other.signed() + &other.ca.pem()));

    assert_eq!(severity, "error");
    assert!(problem.starts_with("server.tls.private_key does not belong to the certificate"), "{problem}");
}

#[test]
fn files_that_hold_something_else_are_named() {
    let certificate = Certificate::new();

    for chain in ["", "nonsense", &certificate.key.serialize_pem()] {
        let (severity, problem) = certificate.problem(chain);

        assert_eq!(severity, "error");
        assert!(problem.starts_with("server.tls.certificate certs/fullchain.pem holds no certificate"), "{problem}");
    }
}

#[tokio::test]
async fn check_online_tries_what_is_behind_and_delivers_nothing() {
    let mut erp = Erp::start();
    let receiver = Receiver::prepared(&format!(
        "handlers.erp = {{ type = \"http\", url = \"{}\" }}\nhandlers.disk = {{ type = \"file\", directory = \"events\" }}",
        erp.url("/")
    ));
    erp.answer([Answer::status(405)]);

    let up = receiver.run(&["check", "--online"]);
    let requests = erp.received();
    erp.stop();
    let down = receiver.run(&["check", "--online"]);
    let down_for_scripts = receiver.run(&["check", "--online", "--json"]);

    assert!(up.status.success(), "{up:?}");
    for what in ["works: inbox: ", "works: handler erp: ", "works: handler disk: "] {
        assert!(said(&up).contains(what), "{what}: {}", said(&up));
    }
    assert!(requests.iter().all(|request| request.method == "OPTIONS" && request.body.is_empty()), "{requests:?}");
    assert!(!receiver.path("data").exists(), "the inbox was made");
    assert_eq!(down.status.code(), Some(1), "the configuration is valid, but something does not work");
    assert!(said(&down).contains("FAILS: handler erp: cannot connect to "), "{}", said(&down));
    let down: Value = serde_json::from_slice(&down_for_scripts.stdout).unwrap();
    assert_eq!((down["valid"].as_bool(), down["online"].as_array().map(Vec::len)), (Some(true), Some(3)));
}

#[test]
fn check_online_works_beside_a_running_receiver() {
    let receiver = Receiver::start();

    let output = receiver.run(&["check", "--online"]);

    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).contains("works: inbox: can be written"), "{}", said(&output));
}

/// Every file and folder below, relative and sorted.
fn contents(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            }
            found.push(name);
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}
