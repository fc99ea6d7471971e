//! RabbitMQ (`rabbitmq-server`), as a node of its own in a folder of its own: no service of the system,
//! and no `epmd` but its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use lapin::options::{BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use tempfile::TempDir;

use super::server::{Server, free_address, remove_at_the_end};

/// The package's wrapper wants to be root or `rabbitmq`, and logs to /var/log; this is what it calls.
const PROGRAMS: &str = "/usr/lib/rabbitmq/bin";
const USERNAME: &str = "tradecloud";
/// With characters that an address needs percent-encoding for.
const PASSWORD: &str = "p@ss/word";
const ENCODED: &str = "tradecloud:p%40ss%2Fword";

/// A node. It may die and come back with its durable queues.
pub struct RabbitMq {
    folder: PathBuf,
    address: SocketAddr,
    tls: SocketAddr,
    distribution: SocketAddr,
    epmd: SocketAddr,
    _epmd: Server,
    server: Option<Server>,
}

/// A node of a test's own, whose folder is removed with it.
pub struct OwnRabbitMq {
    pub node: RabbitMq,
    _folder: TempDir,
}

impl RabbitMq {
    /// The one that tests share, because it takes many seconds to start. Use names of your own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<RabbitMq> = OnceLock::new();
        SHARED.get_or_init(|| {
            let folder = new_folder().keep();
            remove_at_the_end(&folder);
            Self::start(folder, "")
        })
    }

    /// One that a test may stop, with further lines of configuration.
    pub fn own(configuration: &str) -> OwnRabbitMq {
        let folder = new_folder();
        OwnRabbitMq { node: Self::start(folder.path().to_owned(), configuration), _folder: folder }
    }

    fn start(folder: PathBuf, configuration: &str) -> Self {
        super::certificates::make(&folder);
        let [address, tls, distribution, epmd] = std::array::from_fn(|_| free_address());
        let path = folder.display();
        let configuration = format!(
            "listeners.tcp.1 = {address}\n\
             listeners.ssl.1 = {tls}\n\
             ssl_options.certfile = {path}/certs/fullchain.pem\n\
             ssl_options.keyfile = {path}/certs/privkey.pem\n\
             default_user = {USERNAME}\n\
             default_pass = {PASSWORD}\n\
             disk_free_limit.absolute = 1MB\n\
             {configuration}\n"
        );
        std::fs::write(folder.join("rabbitmq.conf"), configuration).unwrap();
        std::fs::write(folder.join("enabled_plugins"), "[].\n").unwrap();
        let (port, log) = (epmd.port().to_string(), folder.join("epmd.log"));
        let mut epmd_server = Server::start("epmd", &["-port", &port, "-address", "127.0.0.1"], &[], &log);
        epmd_server.listens(epmd, &log);
        let mut node = Self { folder, address, tls, distribution, epmd, _epmd: epmd_server, server: None };
        node.restart();
        node
    }

    /// Comes back, or restarts, at the same addresses with the same queues.
    pub fn restart(&mut self) {
        self.kill();
        let log = self.folder.join("log");
        let environment = self.environment();
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut server = Server::start(&format!("{PROGRAMS}/rabbitmq-server"), &[], &environment, &log);
        server.listens(self.address, &log);
        self.server = Some(server);
    }

    /// The process.
    pub fn process(&self) -> &Server {
        self.server.as_ref().expect("it does not run")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.server = None;
    }

    /// Raises or clears the alarm of too little memory.
    pub fn set_short_of_memory(&self, short: bool) {
        self.control(&["set_vm_memory_high_watermark", if short { "0.0000001" } else { "0.8" }]);
    }

    fn control(&self, arguments: &[&str]) {
        let mut command = Command::new(format!("{PROGRAMS}/rabbitmqctl"));
        command.args(arguments).envs(self.environment()).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Where it listens without TLS.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address with the credentials in it, or that of a relay to it.
    pub fn url_at(address: SocketAddr) -> String {
        format!("amqp://{ENCODED}@{address}/%2f")
    }

    /// Its address with the credentials in it.
    pub fn url(&self) -> String {
        Self::url_at(self.address)
    }

    /// Its address for TLS with the credentials in it.
    pub fn tls_url(&self) -> String {
        format!("amqps://{ENCODED}@localhost:{}/%2f", self.tls.port())
    }

    /// The certificate of its CA.
    pub fn ca(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// A channel of another client.
    pub async fn channel(&self) -> (Connection, Channel) {
        let connection = Connection::connect(&self.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    /// Makes a durable exchange, and a durable queue of the same name that gets everything from it.
    pub async fn set_up(&self, name: &str) {
        self.set_up_with(name, FieldTable::default()).await;
    }

    /// As [`RabbitMq::set_up`], with arguments for the queue.
    pub async fn set_up_with(&self, name: &str, arguments: FieldTable) {
        let (_connection, channel) = self.channel().await;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(name.into(), ExchangeKind::Topic, durable, FieldTable::default()).await.unwrap();
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name.into(), durable, arguments).await.unwrap();
        self.bind(name).await;
    }

    /// Binds the queue to the exchange of the same name.
    pub async fn bind(&self, name: &str) {
        let (_connection, channel) = self.channel().await;
        let options = QueueBindOptions::default();
        channel.queue_bind(name.into(), name.into(), "#".into(), options, FieldTable::default()).await.unwrap();
    }

    /// Takes the queue off the exchange, so that nothing is routed any more.
    pub async fn unbind(&self, name: &str) {
        let (_connection, channel) = self.channel().await;
        channel.queue_unbind(name.into(), name.into(), "#".into(), FieldTable::default()).await.unwrap();
    }

    /// Takes every message out of a queue.
    pub async fn take(&self, queue: &str) -> Vec<Message> {
        let (_connection, channel) = self.channel().await;
        let mut messages = Vec::new();
        while let Some(got) = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await.unwrap() {
            messages.push(Message {
                body: String::from_utf8(got.delivery.data.clone()).unwrap(),
                routing_key: got.delivery.routing_key.to_string(),
                properties: got.delivery.properties.clone(),
            });
        }
        messages
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let file = |name: &str| self.folder.join(name).display().to_string();
        vec![
            ("HOME", self.folder.display().to_string()),
            ("LANG", "C.UTF-8".to_owned()),
            ("ERL_EPMD_PORT", self.epmd.port().to_string()),
            ("RABBITMQ_NODENAME", "tests@localhost".to_owned()),
            ("RABBITMQ_DIST_PORT", self.distribution.port().to_string()),
            ("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins")),
            ("RABBITMQ_MNESIA_BASE", file("mnesia")),
            ("RABBITMQ_LOG_BASE", file("logs")),
            // As under systemd: the script becomes the server, and is not a shell that waits for it.
            ("NOTIFY_SOCKET", file("nobody")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2".to_owned()),
        ]
    }
}

/// A message as a consumer sees it.
pub struct Message {
    pub body: String,
    pub routing_key: String,
    pub properties: BasicProperties,
}

fn new_folder() -> TempDir {
    tempfile::Builder::new().prefix("tradecloud-webhook-rabbitmq-").tempdir().unwrap()
}
