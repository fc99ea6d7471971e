//! Every kind of secret at work, right and wrong, through success and failure, with a log that says all
//! it can; and none of them in what anybody can look at afterwards.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::Value;

use super::CHEAP;
use crate::support::erp::{Answer, Erp};
use crate::support::eventually;
use crate::support::issuer::{Issuer, Key};
use crate::support::postgres::{self, Postgres, ROLE};
use crate::support::raw::head;
use crate::support::receiver::{PASSWORD, Receiver, TOKEN, USERNAME, write_private};
use crate::support::sender::{Message, Sender, order_event};

/// The secrets of this test that are no tokens of an issuer. Those of the configuration, and those that come
/// with requests.
const SECRETS: [&str; 19] = [
    PASSWORD,
    TOKEN,
    super::PASSWORD,
    "callers-password-in-a-file",
    "close-but-wrong-password",
    "close-but-wrong-token",
    "twice-in-one-request",
    "no-scheme-that-is-known",
    "in-a-header-of-its-own",
    "in-the-query-of-a-caller",
    "basic-password-for-the-erp",
    "bearer-token-for-the-erp",
    "key-in-a-header-for-the-erp",
    "key-in-a-file-for-the-erp",
    "secret-of-our-client",
    "access-token-for-the-erp",
    "in-the-query-for-the-erp",
    "wrong-password-for-postgres",
    "password-for-kafka",
];

/// The pairs of user name and password.
const PAIRS: [(&str, &str); 7] = [
    (USERNAME, PASSWORD),
    (USERNAME, "close-but-wrong-password"),
    ("digest", super::PASSWORD),
    ("file", "callers-password-in-a-file"),
    ("us", "basic-password-for-the-erp"),
    ("our-client", "secret-of-our-client"),
    (ROLE, postgres::PASSWORD),
];

fn configuration(erp: &Erp, issuer: &Issuer, postgres: &Postgres, database: &str) -> String {
    let erp_at = |path: &str| erp.url(&format!("{path}?key=in-the-query-for-the-erp"));
    let good = postgres.url(database);
    let bad = good.replace(postgres::PASSWORD_IN_URL, "wrong-password-for-postgres");
    format!(
        r#"
auth.digest = {{ type = "basic", username = "digest", password_digest = "{CHEAP}" }}
auth.file = {{ type = "basic", username = "file", password_file = "portal" }}
auth.entra = {{ type = "oauth", issuer = "{}", audience = ["api://webhook"], clients = ["tradecloud"] }}
delivery.first_retry = "50ms"
delivery.max_retry = "1s"
[handlers.basic]
type = "http"
url = "{}"
auth = {{ type = "basic", username = "us", password = "basic-password-for-the-erp" }}
[handlers.bearer]
type = "http"
url = "{}"
auth = {{ type = "bearer", token = "bearer-token-for-the-erp" }}
headers = {{ X-Api-Key = "key-in-a-header-for-the-erp", X-Other-Key_file = "key" }}
[handlers.oauth]
type = "http"
url = "{}"
auth = {{ type = "oauth", token_url = "{}", client_id = "our-client", client_secret = "secret-of-our-client" }}
[handlers.table]
type = "postgres"
url = "{good}"
table = "events"
[handlers.no_table]
type = "postgres"
url = "{bad}"
table = "events"
{}
[handlers.disk]
type = "file"
directory = "data/events"
"#,
        issuer.name(),
        erp_at("/basic"),
        erp_at("/bearer"),
        erp_at("/oauth"),
        erp_at("/token"),
        kafka(),
    )
}

/// A cluster that is not there; its own tests know that the password reaches one that is.
fn kafka() -> &'static str {
    if !cfg!(feature = "kafka") {
        return "";
    }
    "[handlers.kafka]\ntype = \"kafka\"\nbrokers = [\"127.0.0.1:9\"]\ntopic = \"t\"\ntimeout = \"2s\"\n\
     auth = { type = \"plain\", username = \"us\", password = \"password-for-kafka\" }"
}

/// An ERP that takes an event at the second attempt, and does not take the first access token.
fn erp() -> Erp {
    let erp = Erp::start();
    let mut seen = Vec::new();
    erp.answer_by(move |request| {
        let path = request.uri.path().to_owned();
        if path == "/token" {
            let token = r#"{"token_type":"Bearer","access_token":"access-token-for-the-erp","expires_in":3600}"#;
            return Answer::status(200).body("application/json", token);
        }
        let refusal = Answer::status(if path == "/oauth" { 401 } else { 500 });
        let what =
            (path, serde_json::from_slice::<Value>(&request.body).map_or(Value::Null, |event| event["id"].clone()));
        if seen.contains(&what) {
            return Answer::status(204);
        }
        seen.push(what);
        refusal
    });
    erp
}

/// What every caller does: an event, no event, to nowhere, by the wrong method.
async fn calls(receiver: &Receiver, sender: &Sender) {
    let nowhere = sender.clone().to(receiver.url("/nowhere?key=in-the-query-of-a-caller"));
    sender.send(order_event("1")).await;
    sender.send(Message::json("{")).await;
    nowhere.send(order_event("2")).await;
    sender.send_by(Method::DELETE, order_event("3")).await;
    let request = sender.request(Method::POST).header("x-api-key", "in-a-header-of-its-own");
    sender.finish(request.header("cookie", "a=in-a-header-of-its-own").body(order_event("4").to_string())).await;
}

/// Every file below the folder, but for the configuration's own.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if name != "config" && name != "certs" {
                files(&path, found);
            }
        } else if name != "portal" && name != "key" {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

/// The forms that a secret may take.
fn forms(tokens: &[String]) -> Vec<String> {
    let plain = SECRETS.iter().map(ToString::to_string).chain(tokens.iter().cloned());
    let plain = plain.chain([postgres::PASSWORD, postgres::PASSWORD_IN_URL].map(str::to_owned));
    let pairs = PAIRS.iter().map(|(username, password)| format!("{username}:{password}"));
    let encoded = |text: &String| [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD].map(|engine| engine.encode(text));
    let texts: Vec<String> = plain.chain(pairs).collect();
    let mut forms: Vec<String> = texts.iter().flat_map(encoded).collect();
    forms.extend(texts);
    // The digest is no secret that one can log in with, but whoever has it may guess at leisure.
    forms.push(CHEAP.rsplit('$').next().unwrap().to_owned());
    forms
}

#[tokio::test]
async fn no_secret_is_shown_or_kept_anywhere() {
    let (erp, postgres, key) = (erp(), Postgres::shared(), Key::p256("key"));
    let issuer = Issuer::start(&[&key]);
    let database = postgres.database();
    let mut receiver = Receiver::prepared(&configuration(&erp, &issuer, postgres, &database))
        .setting("LOG__LEVEL", "trace")
        .setting("ADMIN__LISTEN", "127.0.0.1:0");
    receiver.expects_error("the handler is down");
    write_private(&receiver.path("portal"), "callers-password-in-a-file\n");
    write_private(&receiver.path("key"), "key-in-a-file-for-the-erp\n");
    receiver.restart();
    receiver.logged("the keys of an issuer are known").await;
    let (good, forged) = (issuer.token(&key, "ES256"), issuer.token(&Key::p256("key"), "ES256"));
    let mut shown: Vec<(String, Vec<u8>)> = Vec::new();

    for sender in [receiver.sender(), receiver.sender().http1()] {
        for (username, password) in &PAIRS[..4] {
            calls(&receiver, &sender.clone().basic(username, password)).await;
        }
        for token in [TOKEN, "close-but-wrong-token", &good, &forged] {
            calls(&receiver, &sender.clone().bearer(token)).await;
        }
        let odd = |value: &str| sender.clone().anonymous().request(Method::POST).header("authorization", value);
        sender.finish(odd("Bearer twice-in-one-request").header("authorization", "Basic twice-in-one-request")).await;
        sender.finish(odd("no-scheme-that-is-known")).await;
        sender.finish(odd("Digest no-scheme-that-is-known")).await;
        sender.finish(odd("Basic no-scheme-that-is-known")).await;
    }
    // No request at all, and half of one.
    receiver.connect().write("Authorization: Bearer no-scheme-that-is-known\r\n\r\n");
    let half = head(&["POST /webhooks/tradecloud HTTP/1.1", "authorization: Bearer close-but-wrong-token"]);
    receiver.connect().write(&half[..half.len() - 4]);
    erp.wait_until("everything came again", |seen| {
        ["/basic", "/bearer", "/oauth"].iter().all(|path| seen.iter().filter(|one| one.uri.path() == *path).count() > 3)
    })
    .await;
    receiver.logged("not delivered").await;
    let ids: Vec<_> = receiver.inbox().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    assert!(ids.len() > 10, "there is something to look at: {ids:?}");

    for path in ["/livez", "/readyz", "/", "/metrics", "/config"] {
        shown.push((path.to_owned(), receiver.admin(path).await.1.into_bytes()));
    }
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["check"],
        vec!["check", "--online"],
        vec!["check", "--online", "--json"],
        vec!["events", "list"],
        vec!["events", "list", "--json"],
        vec!["events", "export"],
    ];
    for id in &ids {
        commands.push(vec!["events", "show", id]);
        commands.push(vec!["events", "show", id, "--json"]);
    }
    for command in commands {
        let output = receiver.run(&command);
        shown.push((format!("{command:?}"), [output.stdout, output.stderr].concat()));
    }
    let mut kept = Vec::new();
    files(receiver.folder(), &mut kept);
    receiver.ask_to_end();
    receiver.logged("drained").await;
    let log = receiver.log().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    // We have nothing to say at that level, so it is the libraries who do.
    assert!(log.contains("TRACE"), "the log does not say all it can");
    shown
        .extend([("the log".to_owned(), log.into_bytes()), ("the output".to_owned(), receiver.printed().into_bytes())]);
    files(receiver.folder(), &mut shown);
    assert!(kept.iter().any(|(name, _)| name.ends_with("inbox.db-wal")), "the inbox was not looked at");
    shown.extend(kept);

    for form in forms(&[good, forged]) {
        for (place, text) in &shown {
            let Some(at) = memchr::memmem::find(text, form.as_bytes()) else { continue };
            let around = &text[at.saturating_sub(300)..(at + 100).min(text.len())];
            panic!("{form} is in {place}: …{}…", String::from_utf8_lossy(around));
        }
    }
}

/// A value that is no text has the name of its variable shown, nothing else.
#[test]
fn a_secret_that_is_no_text_is_not_shown() {
    use std::os::unix::ffi::OsStrExt as _;
    let receiver = Receiver::prepared("");
    let value = std::ffi::OsStr::from_bytes(b"hunter2\xff");

    for command in ["check", "serve"] {
        let output = receiver.run_with_variable(command, "TRADECLOUD_WEBHOOK__AUTH__PORTAL__PASSWORD", value);

        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains("TRADECLOUD_WEBHOOK__AUTH__PORTAL__PASSWORD") && !said.contains("hunter2"), "{said}");
    }
}

/// What an `exec` handler starts is somebody else's program.
#[tokio::test]
async fn the_receivers_own_secrets_are_not_in_the_environment_of_a_program_it_runs() {
    let mut receiver = Receiver::prepared(
        "[handlers.script]\ntype = \"exec\"\ncommand = [\"sh\", \"-c\", \"env > seen.part; mv seen.part seen\"]",
    )
    .setting("AUTH__PORTAL__PASSWORD", "password-of-the-environment");
    receiver.restart();

    receiver.sender().basic(USERNAME, "password-of-the-environment").send(order_event("1")).await;

    eventually("the program has run", async || receiver.path("seen").exists()).await;
    let seen = std::fs::read_to_string(receiver.path("seen")).unwrap();
    assert!(seen.contains("PATH="), "{seen}");
    assert!(!seen.contains("TRADECLOUD_WEBHOOK__") && !seen.contains("password-of-the-environment"), "{seen}");
}
