//! `send` against a receiver with scripted answers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum_server::tls_rustls::RustlsConfig;
use clap::Parser;
use serde_json::Value;
use tradecloud_webhook::cli::send::{SendArgs, run};

use crate::scripted::Scripted;
use crate::support::server::free_address;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: SendArgs,
}

/// Runs `send` with these arguments: whether everything was delivered, and what it printed.
async fn send(args: &[&str]) -> (bool, String) {
    let args = Cli::parse_from(["send"].iter().chain(args)).args;
    let mut out = Vec::new();
    let delivered = run(&args, &mut out).await.unwrap();
    (delivered, String::from_utf8(out).unwrap())
}

async fn send_json(args: &[&str]) -> (bool, Vec<Value>) {
    let (delivered, out) = send(&[args, &["--json"]].concat()).await;
    (delivered, out.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/samples").join(name);
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn bodies_go_out_byte_for_byte_with_their_media_type() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let (json, xml) = (sample("order-event.json"), sample("order-event.xml"));

    let (delivered, _) = send(&[&json, &xml, "--url", &receiver.url]).await;

    let requests = receiver.requests();
    assert!(delivered);
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    assert_eq!(requests[0].body, std::fs::read(json).unwrap());
    assert_eq!(requests[1].header("content-type"), Some("application/xml"));
    assert_eq!(requests[1].body, std::fs::read(xml).unwrap());
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn a_line_says_what_tradecloud_would_do_and_why() {
    let receiver = Scripted::start(&[
        (202, r#"{"status": "stored", "id": "ev-1"}"#),
        (400, r#"{"title": "Bad Request", "detail": "line 12, column 8: expected a comma"}"#),
        (500, "oops"),
        (503, ""),
        (307, ""),
    ])
    .await;
    let file = sample("order-event.json");

    let (delivered, out) = send(&[&file, &file, &file, &file, &file, "--url", &receiver.url]).await;

    let lines: Vec<_> = out.lines().collect();
    assert!(!delivered);
    assert!(lines[0].starts_with("delivered   202  "), "{out}");
    assert!(lines[0].ends_with(&format!(" ms  {file}  id ev-1")), "{out}");
    assert!(
        lines[1].starts_with("lost        400  ") && lines[1].ends_with("line 12, column 8: expected a comma"),
        "{out}"
    );
    assert!(lines[2].starts_with("lost        500  ") && lines[2].ends_with("Internal Server Error"), "{out}");
    assert!(lines[3].starts_with("will retry  503  ") && lines[3].ends_with("Service Unavailable"), "{out}");
    assert!(lines[4].starts_with("lost        307  ") && lines[4].contains("/elsewhere"), "{out}");
    assert_eq!(lines[5], "5 sent: 1 delivered, 3 lost, 1 will retry");
    assert_eq!(receiver.requests().len(), 5, "a redirect was followed or something was sent twice");
}

#[tokio::test]
async fn json_output_is_one_object_per_answer() {
    let receiver = Scripted::start(&[(202, r#"{"id": "ev-1"}"#), (404, r#"{"detail": "no such path"}"#)]).await;
    let file = sample("order-event.json");

    let (delivered, lines) = send_json(&[&file, &file, "--url", &receiver.url]).await;

    assert!(!delivered);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["verdict"], "delivered");
    assert_eq!(lines[0]["status"], 202);
    assert_eq!(lines[0]["id"], "ev-1");
    assert_eq!(lines[0]["file"], file.as_str());
    assert!(lines[0]["milliseconds"].is_u64());
    assert_eq!(lines[1]["verdict"], "lost");
    assert_eq!(lines[1]["detail"], "no such path");
}

#[tokio::test]
async fn an_event_that_the_receiver_had_before_is_no_failure_and_told() {
    let receiver = Scripted::start(&[(202, r#"{"status": "stored", "id": "ev-1", "repeated": true}"#)]).await;
    let file = sample("order-event.json");

    let (delivered, out) = send(&[&file, "--url", &receiver.url]).await;
    let (_, json) = send_json(&[&file, "--url", &receiver.url]).await;

    assert!(delivered);
    assert!(out.starts_with("repeated    202  ") && out.ends_with("  id ev-1\n"), "{out}");
    assert_eq!((&json[0]["verdict"], &json[0]["status"]), (&Value::from("repeated"), &Value::from(202)));
}

#[tokio::test]
async fn marks_and_encodings_of_a_body_are_left_as_they_are() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let folder = tempfile::tempdir().unwrap();
    let utf16: Vec<u8> = "\u{feff}<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (name, body, media_type) in [
        ("marked.json", "\u{feff}{}\r\n".as_bytes(), "application/json"),
        ("utf16.xml", &utf16, "application/xml"),
        ("utf16", &utf16, "application/xml"),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, body).unwrap();

        send(&[file.to_str().unwrap(), "--url", &receiver.url]).await;

        let request = receiver.requests().remove(0);
        assert_eq!(request.body, body, "{name}");
        assert_eq!(request.header("content-type"), Some(media_type), "{name}");
    }
}

#[tokio::test]
async fn with_retry_the_same_message_is_sent_until_it_is_delivered() {
    let receiver = Scripted::start(&[(503, ""), (504, ""), (202, "{}")]).await;
    let started = Instant::now();

    let (delivered, lines) = send_json(&["--sample", "order", "--retry", "--url", &receiver.url]).await;

    let verdicts: Vec<_> = lines.iter().map(|line| line["verdict"].as_str().unwrap()).collect();
    let requests = receiver.requests();
    assert!(delivered);
    assert_eq!(verdicts, ["will retry", "will retry", "delivered"]);
    assert_eq!(lines[1]["nextInSeconds"], 2);
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    assert!(started.elapsed() >= Duration::from_secs(3), "the pauses of 1 and 2 seconds were not kept");
}

#[tokio::test]
async fn with_retry_a_lost_event_is_not_sent_again() {
    let receiver = Scripted::start(&[(500, ""), (202, "{}")]).await;

    let (delivered, _) = send(&["--sample", "order", "--retry", "--url", &receiver.url]).await;

    assert!(!delivered);
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn every_sample_is_sent_with_a_fresh_message_id() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let samples = ["order", "order", "single-delivery", "order-documents", "shipment"];
    let args: Vec<_> = samples.iter().flat_map(|sample| ["--sample", sample]).chain(["--url", &receiver.url]).collect();

    let (delivered, _) = send(&args).await;

    let mut ids: Vec<_> = receiver
        .requests()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap()["meta"]["messageId"].to_string())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(delivered);
    assert_eq!(ids.len(), samples.len());
}

#[tokio::test]
async fn credentials_are_sent_and_never_printed() {
    let receiver = Scripted::start(&[(401, "{}")]).await;

    let (_, basic) = send(&["--sample", "order", "--basic", "user:hunter2", "--url", &receiver.url]).await;
    let (_, bearer) = send(&["--sample", "order", "--bearer", "hunter2", "--url", &receiver.url, "--json"]).await;

    let requests = receiver.requests();
    assert_eq!(requests[0].header("authorization"), Some("Basic dXNlcjpodW50ZXIy"));
    assert_eq!(requests[1].header("authorization"), Some("Bearer hunter2"));
    assert!(!format!("{basic}{bearer}").contains("hunter2"));
}

#[tokio::test]
async fn a_receiver_that_does_not_run_is_named_as_such() {
    let address = free_address();

    let (delivered, out) = send(&["--sample", "order", "--url", &format!("http://{address}/")]).await;

    assert!(!delivered);
    assert!(out.starts_with("will retry    -  ") && out.contains("is the receiver running?"), "{out}");
}

#[tokio::test]
async fn a_file_that_does_not_exist_is_told_before_anything_is_sent() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let args = ["send", &sample("order-event.json"), "no-such.json", "--url", &receiver.url];

    let error = run(&Cli::parse_from(args).args, &mut Vec::new()).await.unwrap_err();

    assert!(format!("{error:#}").starts_with("cannot read no-such.json: "), "{error:#}");
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_folder_is_told_before_anything_is_sent() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let folder = tempfile::tempdir().unwrap();
    let args = ["send", &sample("order-event.json"), folder.path().to_str().unwrap(), "--url", &receiver.url];

    let error = run(&Cli::parse_from(args).args, &mut Vec::new()).await.unwrap_err();

    assert!(format!("{error:#}").contains("is a folder: name the files in it"), "{error:#}");
    assert!(receiver.requests().is_empty());
}

/// A CA, with its certificate in `directory`.
fn ca(directory: &Path) -> (rcgen::Issuer<'static, rcgen::KeyPair>, String, PathBuf) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    let path = directory.join("ca.pem");
    std::fs::write(&path, &pem).unwrap();
    (rcgen::Issuer::new(params, key), pem, path)
}

/// The port of a TLS receiver that takes everything.
async fn tls_receiver(certificate: String, key: &rcgen::KeyPair) -> u16 {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = RustlsConfig::from_pem(certificate.into(), key.serialize_pem().into()).await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let router = axum::Router::new().fallback(|| async { "{}" });
    let server = axum_server::from_tcp_rustls(listener, config).unwrap();
    tokio::spawn(server.serve(router.into_make_service()));
    port
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said_in_words() {
    let directory = tempfile::tempdir().unwrap();
    let (issuer, ca_pem, ca) = ca(directory.path());
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let port = tls_receiver(params.signed_by(&key, &issuer).unwrap().pem(), &key).await;
    let self_signed = format!("https://localhost:{}/", tls_receiver(ca_pem, issuer.key()).await);
    let ca = ca.to_str().unwrap();
    let (name, address) = (format!("https://localhost:{port}/"), format!("https://127.0.0.1:{port}/"));

    let (trusted, _) = send(&["--sample", "order", "--ca", ca, "--url", &name]).await;
    let (_, unknown) = send(&["--sample", "order", "--url", &name]).await;
    let (_, mismatch) = send(&["--sample", "order", "--ca", ca, "--url", &address]).await;
    let (_, self_signed) = send(&["--sample", "order", "--ca", ca, "--url", &self_signed]).await;
    let (_, plain) = send(&["--sample", "order", "--url", &format!("http://localhost:{port}/")]).await;

    assert!(trusted);
    assert!(unknown.contains("issuer is unknown") && unknown.contains("--ca"), "{unknown}");
    assert!(mismatch.contains("not for the name 127.0.0.1"), "{mismatch}");
    assert!(self_signed.contains("self-signed"), "{self_signed}");
    assert!(plain.starts_with("will retry") && plain.contains("https://"), "{plain}");
}

/// The port of a TLS server that never has a certificate, like a receiver that waits for its CA, and takes
/// only these versions.
async fn without_certificate(versions: &[&'static rustls::SupportedProtocolVersion]) -> u16 {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = rustls::ServerConfig::builder_with_protocol_versions(versions)
        .with_no_client_auth()
        .with_cert_resolver(std::sync::Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(acceptor.accept(stream));
        }
    });
    port
}

#[tokio::test]
async fn a_handshake_that_the_receiver_refuses_is_said_in_words() {
    let (tls_12, tls_13) = (&rustls::version::TLS12, &rustls::version::TLS13);
    for versions in [&[tls_12][..], &[tls_13]] {
        let url = format!("https://localhost:{}/", without_certificate(versions).await);

        let (delivered, out) = send(&["--sample", "order", "--url", &url]).await;

        assert!(!delivered && out.starts_with("will retry    -  "), "{out}");
        assert!(out.contains("refused the TLS handshake (access denied)"), "{out}");
        assert!(out.contains("no certificate yet") && out.contains("its log"), "{out}");
    }
}

#[tokio::test]
async fn a_receiver_without_tls_is_named_as_such() {
    let receiver = Scripted::start(&[(202, "{}")]).await;
    let directory = tempfile::tempdir().unwrap();
    let (_, _, ca) = ca(directory.path());

    let url = receiver.url.replace("http://", "https://");
    let (delivered, out) = send(&["--sample", "order", "--ca", ca.to_str().unwrap(), "--url", &url]).await;

    assert!(!delivered);
    assert!(out.contains("does not speak TLS"), "{out}");
}
