//! A NATS server with JetStream (`nats-server`), in a folder of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::{self, stream};
use tempfile::TempDir;

use super::server::{Server, free_address};

/// A server with its streams on disk. It may die and come back with them.
pub struct Nats {
    folder: TempDir,
    address: SocketAddr,
    server: Option<Server>,
}

impl Nats {
    /// One that takes everybody, without TLS.
    pub fn start() -> Self {
        Self::with("")
    }

    /// One with these further lines in its configuration, which may name files in `folder` by `%`.
    pub fn with(configuration: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("tradecloud-webhook-nats-").tempdir().unwrap();
        super::certificates::make(folder.path());
        let address = free_address();
        let path = folder.path().display().to_string();
        let configuration = format!(
            "listen: '{address}'\njetstream {{ store_dir: '{path}/streams' }}\n{}\n",
            configuration.replace('%', &path)
        );
        std::fs::write(folder.path().join("nats.conf"), configuration).unwrap();
        let mut nats = Self { folder, address, server: None };
        nats.restart();
        nats
    }

    /// Comes back, or restarts, at the same address with the same streams.
    pub fn restart(&mut self) {
        self.kill();
        let log = self.folder.path().join("log");
        let configuration = self.folder.path().join("nats.conf");
        let mut server = Server::start("nats-server", &["-c", configuration.to_str().unwrap()], &[], &log);
        server.listens(self.address, &log);
        self.server = Some(server);
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Whether it has been killed.
    pub fn is_running(&self) -> bool {
        self.server.is_some()
    }

    /// The process.
    pub fn process(&self) -> &Server {
        self.server.as_ref().expect("it does not run")
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address with a scheme.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// The certificate of its CA, if it was configured to use TLS.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// JetStream as another client without credentials sees it.
    pub async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(self.url("nats")).await.unwrap())
    }

    /// Makes or changes a stream.
    pub async fn set_stream(&self, config: stream::Config) {
        let jetstream = self.jetstream().await;
        if jetstream.get_stream(&config.name).await.is_ok() {
            jetstream.update_stream(config).await.unwrap();
        } else {
            jetstream.create_stream(config).await.unwrap();
        }
    }

    /// Every message of a stream, in its order.
    pub async fn messages(&self, name: &str) -> Vec<StreamMessage> {
        messages(&self.jetstream().await, name).await
    }
}

/// Every message of a stream, in its order; none if there is no stream.
pub async fn messages(jetstream: &jetstream::Context, name: &str) -> Vec<StreamMessage> {
    let Ok(stream) = jetstream.get_stream(name).await else { return Vec::new() };
    let state = &stream.cached_info().state;
    let mut messages = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        messages.push(stream.get_raw_message(sequence).await.unwrap());
    }
    messages
}
