//! Two bare servers to measure the receiver against, and the events to load all three with.
//!
//! `read` only reads a body over HTTPS and answers 202: what the stack costs. `append` also writes
//! the body to one file and syncs it before it answers, many bodies per sync: what the least
//! durability costs. What the receiver takes beyond `append` is its own. `scripts/bench` runs them.

#![expect(clippy::disallowed_types, reason = "a server to compare with")]

use std::env::args;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use serde_json::Value;
use tokio::sync::oneshot;

const USAGE: &str = "bare: comparison servers for scripts/bench, which is what to run.
  bare read   ADDRESS CERTIFICATE KEY        reads bodies
  bare append ADDRESS CERTIFICATE KEY FILE   reads bodies, appends them to FILE, syncs
  bare body   small|large                    prints an order event of about 5 KB or 2 MB";

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds `--bench`.
    let args: Vec<String> = args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["read", address, certificate, key] => serve(address, certificate, key, Router::new().fallback(post(read))),
        ["append", address, certificate, key, file] => {
            let router = Router::new().fallback(post(append)).with_state(Appender::start(file)?);
            serve(address, certificate, key, router)
        }
        ["body", "small"] => print_body(include_str!("../tests/fixtures/samples/simple-order-event.json"), 1),
        // Tradecloud sends at most 500 lines.
        ["body", "large"] => print_body(include_str!("../tests/fixtures/samples/order-event.json"), 500),
        _ => writeln!(std::io::stderr(), "{USAGE}").context("cannot write to standard error"),
    }
}

/// Serves `router` over HTTPS, HTTP/1.1, until the process is killed.
fn serve(address: &str, certificate: &str, key: &str, router: Router) -> anyhow::Result<()> {
    let address: SocketAddr = address.parse().context("the address has to be like 127.0.0.1:8443")?;
    let router = router.layer(DefaultBodyLimit::disable());
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // As many workers as the process may use cores: one, under taskset.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = RustlsConfig::from_pem_file(certificate, key).await.context("cannot use certificate and key")?;
        let mut tls = (*config.get_inner()).clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.reload_from_config(Arc::new(tls));
        let acceptor = RustlsAcceptor::new(config).acceptor(NoDelayAcceptor::new());
        let server = axum_server::bind(address).acceptor(acceptor).http1_only();
        server.serve(router.into_make_service()).await.context("cannot serve")
    })
}

async fn read(_body: Bytes) -> StatusCode {
    StatusCode::ACCEPTED
}

async fn append(State(appender): State<Appender>, body: Bytes) -> StatusCode {
    match appender.append(body).await {
        Some(Written) => StatusCode::ACCEPTED,
        None => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Hands bodies to the one thread that writes them.
#[derive(Clone)]
struct Appender(mpsc::Sender<(Bytes, oneshot::Sender<Written>)>);

/// The body is on disk.
struct Written;

impl Appender {
    fn start(path: &str) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot create {path}"))?;
        // Gathers small bodies into few writes; large ones pass it by.
        let mut file = BufWriter::with_capacity(1 << 20, file);
        let (sender, receiver) = mpsc::channel::<(Bytes, oneshot::Sender<Written>)>();
        thread::spawn(move || {
            while let Ok(first) = receiver.recv() {
                let mut answers = Vec::new();
                for (body, answer) in std::iter::once(first).chain(receiver.try_iter()) {
                    if file.write_all(&body).is_err() {
                        return;
                    }
                    answers.push(answer);
                }
                // After a failed sync nothing about the file is certain: all further answers are 503.
                if file.flush().and_then(|()| file.get_ref().sync_data()).is_err() {
                    return;
                }
                for answer in answers {
                    // The client may have gone.
                    let _ = answer.send(Written);
                }
            }
        });
        Ok(Self(sender))
    }

    /// Returns once the body is on disk; nothing if it cannot be written.
    async fn append(&self, body: Bytes) -> Option<Written> {
        let (answer, written) = oneshot::channel();
        self.0.send((body, answer)).ok()?;
        written.await.ok()
    }
}

/// Prints an event with so many lines, made from a sample; `@ID@` stands where each event differs.
fn print_body(sample: &str, count: usize) -> anyhow::Result<()> {
    let mut event: Value = serde_json::from_str(sample)?;
    event["meta"]["messageId"] = "@ID@".into();
    let order = event.as_object_mut().and_then(|event| event.iter_mut().find(|(name, _)| name.ends_with("Event")));
    let (_, order) = order.context("the sample is no order event")?;
    order["orderId"] = "@ID@".into();
    let lines = order["lines"].as_array().context("the sample has no lines")?;
    order["lines"] = lines.iter().cycle().take(count).cloned().collect();
    serde_json::to_writer(std::io::stdout(), &event).context("cannot write to standard output")
}
