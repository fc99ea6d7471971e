//! `replay` against a receiver with scripted answers.

mod recordings;

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use serde_json::{Value, json};
use tradecloud_webhook::cli::replay::{ReplayArgs, run};

use crate::scripted::Scripted;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: ReplayArgs,
}

/// Runs `replay` with these arguments: whether everything was delivered (or the error), and what it
/// printed.
async fn replay(args: &[&str]) -> (Result<bool, String>, String) {
    let args = Cli::parse_from(["replay"].iter().chain(args)).args;
    let mut out = Vec::new();
    let delivered = run(&args, &mut out).await.map_err(|error| format!("{error:#}"));
    (delivered, String::from_utf8(out).unwrap())
}

fn webhook_site_export() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/samples/webhook-site-export.json");
    path.to_str().unwrap().to_owned()
}

/// A recording that lasts as long as the test.
fn recording(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

/// What has arrived.
fn bodies(receiver: &Scripted) -> Vec<String> {
    receiver.requests().into_iter().map(|request| String::from_utf8(request.body.into()).unwrap()).collect()
}

#[tokio::test]
async fn a_recording_is_sent_as_recorded_and_what_has_no_body_is_skipped() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let export = webhook_site_export();
    let recorded: Value = serde_json::from_slice(&std::fs::read(&export).unwrap()).unwrap();

    let (delivered, out) = replay(&[&export, "--url", &receiver.url]).await;

    let requests = receiver.requests();
    assert_eq!(delivered, Ok(true));
    assert_eq!(requests.len(), 3);
    for (request, recorded) in requests.iter().zip(recorded["data"].as_array().unwrap()) {
        assert_eq!(request.body, recorded["content"].as_str().unwrap());
        assert_eq!(request.header("content-type"), recorded["headers"]["content-type"][0].as_str());
    }
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[2].starts_with("delivered   202") && lines[2].ends_with(&format!("{export}, entry 3")), "{out}");
    assert_eq!(lines[3], format!("skipped     {export}, entry 4  a GET without a body"));
    assert_eq!(lines[4], "3 sent: 3 delivered, 0 lost, 0 will retry; 1 skipped");
}

#[tokio::test]
async fn recorded_credentials_are_never_sent() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let export = webhook_site_export();
    let har = json!({"log": {"entries": [{"request": {
        "method": "POST",
        "headers": [{"name": "Authorization", "value": "Basic Ym9ndXM6Ym9ndXM="}, {"name": "Cookie", "value": "a=b"}],
        "postData": {"mimeType": "application/json", "text": "{}"},
    }}]}});
    let har = recording(&har.to_string());
    let har = har.path().to_str().unwrap();

    replay(&[&export, har, "--url", &receiver.url]).await.0.unwrap();
    let without = receiver.requests();
    replay(&[&export, har, "--url", &receiver.url, "--bearer", "mine"]).await.0.unwrap();
    let with = receiver.requests();

    assert_eq!((without.len(), with.len()), (4, 4));
    assert!(
        without.iter().all(|request| request.header("authorization").is_none() && request.header("cookie").is_none())
    );
    assert!(with.iter().all(|request| request.header("authorization") == Some("Bearer mine")));
}

#[tokio::test]
async fn a_dry_run_sends_nothing() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let export = webhook_site_export();

    let (delivered, out) = replay(&[&export, "--dry-run", "--url", &receiver.url]).await;

    assert_eq!(delivered, Ok(true));
    assert!(out.starts_with(&format!("would send  {export}, entry 1  application/json, ")), "{out}");
    assert!(out.ends_with(&format!("nothing sent; 3 would be sent to {}; 1 skipped\n", receiver.url)), "{out}");
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn one_lost_event_makes_the_replay_fail_but_not_stop() {
    let receiver = Scripted::start(&[(202, "{}"), (400, "{}"), (202, "{}")]).await;

    let (delivered, out) = replay(&[&webhook_site_export(), "--json", "--url", &receiver.url]).await;

    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<_> = lines.iter().map(|line| line["verdict"].as_str().unwrap()).collect();
    assert_eq!(delivered, Ok(false));
    assert_eq!(verdicts, ["delivered", "lost", "delivered", "skipped"]);
    assert_eq!(lines[1]["place"], "entry 2");
}

#[tokio::test]
async fn a_broken_line_of_an_own_export_is_named_and_the_rest_is_sent() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let good = json!({"id": "1", "contentType": "application/xml; charset=utf-8", "bodyBase64": "PGEv/j4="});
    let export = recording(&format!("{good}\n{{\"id\":\n{good}\n"));
    let path = path(&export);

    let (delivered, out) = replay(&[path, "--url", &receiver.url]).await;

    let requests = receiver.requests();
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(delivered, Ok(false), "{out}");
    assert!(lines[0].ends_with(&format!("{path}, line 1")), "{out}");
    assert!(lines[1].starts_with(&format!("not sent    {path}, line 2  the JSON ends too early")), "{out}");
    assert!(lines[2].ends_with(&format!("{path}, line 3")), "{out}");
    assert_eq!(lines[3], "2 sent: 2 delivered, 0 lost, 0 will retry; 1 could not be sent");
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0].body, b"<a/\xfe>".as_slice());
    assert_eq!(requests[0].header("content-type"), Some("application/xml; charset=utf-8"));
}

#[tokio::test]
async fn a_body_without_recorded_content_type_is_sent_without_one() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let export = recording(r#"{"id": "1", "contentType": null, "body": "{}"}"#);

    replay(&[export.path().to_str().unwrap(), "--url", &receiver.url]).await.0.unwrap();

    assert_eq!(receiver.requests()[0].header("content-type"), None);
}

#[tokio::test]
async fn a_recorded_content_type_that_fits_no_header_is_named_with_its_place() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let export = recording(r#"{"id": "1", "contentType": "a\nb", "body": "{}"}"#);

    let (delivered, out) = replay(&[path(&export), "--retry", "--url", &receiver.url]).await;

    assert_eq!(delivered, Ok(false));
    assert!(out.contains(", line 1  the content type fits no header"), "{out}");
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn the_rate_is_kept() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let export = recording(&"{\"id\": \"1\", \"body\": \"{}\"}\n".repeat(6));
    let started = Instant::now();

    replay(&[export.path().to_str().unwrap(), "--rate", "20", "--url", &receiver.url]).await.0.unwrap();

    assert!(started.elapsed() >= Duration::from_millis(250), "six at 20 a second took {:?}", started.elapsed());
}

#[test]
fn a_rate_of_nothing_is_wrong_usage() {
    assert!(Cli::try_parse_from(["replay", "x", "--url", "http://localhost/", "--rate", "0"]).is_err());
}

#[tokio::test]
async fn what_the_receiver_had_before_is_told_and_counted_apart() {
    let receiver = Scripted::start(&[
        (202, r#"{"status": "stored", "id": "1", "repeated": true}"#),
        (200, r#"{"status": "handled", "id": "2", "repeated": true}"#),
        (202, r#"{"status": "stored", "id": "3", "repeated": false}"#),
        (503, r#"{"repeated": true}"#),
    ])
    .await;
    let export = recording(&"{\"id\": \"1\", \"body\": \"{}\"}\n".repeat(4));

    let (_, out) = replay(&[path(&export), "--url", &receiver.url]).await;

    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].starts_with("repeated    202  ") && lines[1].starts_with("repeated    200  "), "{out}");
    assert!(lines[2].starts_with("delivered   202  ") && lines[3].starts_with("will retry  503  "), "{out}");
    assert_eq!(lines[4], "4 sent: 1 delivered, 2 repeated, 0 lost, 1 will retry");
}
