//! A Kafka cluster: librdkafka's own mock, which speaks the protocol over real connections and can be
//! told to fail.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Headers as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

/// The topic that is there.
pub const TOPIC: &str = "tradecloud";
/// Its partitions.
const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_secs(90);

/// How much of each partition is read.
pub type Offsets = BTreeMap<i32, i64>;

/// A cluster of one broker, on a free port.
pub struct Kafka(MockCluster<'static, DefaultProducerContext>);

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub partition: i32,
    pub key: Option<String>,
    pub headers: Vec<(String, String)>,
    pub value: String,
}

impl Kafka {
    pub fn start() -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, PARTITIONS, 1).unwrap();
        Self(cluster)
    }

    /// `host:port`
    pub fn broker(&self) -> String {
        self.0.bootstrap_servers()
    }

    /// Closes every connection and takes no new one.
    pub fn stop(&self) {
        self.0.broker_down(-1).unwrap();
    }

    /// Takes connections again.
    pub fn restart(&self) {
        self.0.broker_up(-1).unwrap();
    }

    /// Answers every request so much later.
    pub fn answer_after(&self, delay: Duration) {
        self.0.broker_round_trip_time(-1, delay).unwrap();
    }

    /// Answers the next requests to store something with these errors.
    pub fn refuse(&self, errors: &[RDKafkaRespErr]) {
        self.0.request_errors(RDKafkaApiKey::Produce, errors);
    }

    /// Answers requests to store something as they deserve.
    pub fn refuse_no_more(&self) {
        self.0.clear_request_errors(RDKafkaApiKey::Produce);
    }

    /// Answers the next producers that introduce themselves with these errors.
    pub fn turn_away(&self, errors: &[RDKafkaRespErr]) {
        self.0.request_errors(RDKafkaApiKey::InitProducerId, errors);
    }

    /// Everything in the topic, in the order of each partition.
    pub fn messages(&self) -> Vec<Message> {
        self.new_messages(&mut Offsets::default())
    }

    /// What came since the last call with these offsets. The cluster keeps only the last 5 MiB of a partition.
    pub fn new_messages(&self, seen: &mut Offsets) -> Vec<Message> {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", self.broker()).set("group.id", "tests").create().unwrap();
        let mut read = |partition| read(&consumer, partition, seen.entry(partition).or_default());
        (0..PARTITIONS).flat_map(&mut read).collect()
    }
}

fn read(consumer: &BaseConsumer, partition: i32, seen: &mut i64) -> Vec<Message> {
    let (low, high) = consumer.fetch_watermarks(TOPIC, partition, PATIENCE).unwrap();
    assert!(low <= *seen, "the cluster has dropped messages that were not read");
    let count = usize::try_from(high - *seen).unwrap();
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(TOPIC, partition, Offset::Offset(*seen)).unwrap();
    *seen = high;
    consumer.assign(&from).unwrap();
    let started = Instant::now();
    let mut messages = Vec::new();
    while messages.len() < count {
        assert!(started.elapsed() < PATIENCE, "{} of {count} messages could be read", messages.len());
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        messages.push(Message {
            partition: message.partition(),
            key: message.key().map(text),
            headers: headers.map(|header| (header.key.to_owned(), text(header.value.unwrap()))).collect(),
            value: text(message.payload().unwrap()),
        });
    }
    messages
}
