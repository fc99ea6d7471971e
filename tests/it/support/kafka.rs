//! A Kafka cluster: librdkafka's own mock, which speaks the protocol over real connections and can be
//! told to fail.
//!
//! It runs in a process of its own, which is this program with another task. The mock closes its port to go down and
//! opens it again at once; where that fails it ends its process. In one that starts others it does fail at times: until
//! such a one runs its own program, it has the port open too.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Headers as _;
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

/// The topic that is there.
pub const TOPIC: &str = "tradecloud";
/// Its partitions.
const PARTITIONS: i32 = 4;
/// Begins an answer of the cluster's process.
const ANSWER: &str = "cluster: ";
const PATIENCE: Duration = Duration::from_secs(90);

/// How much of each partition is read.
pub type Offsets = BTreeMap<i32, i64>;

/// A cluster of one broker, on a free port. It ends with the test, however that ends.
pub struct Kafka {
    process: Child,
    orders: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    /// `host:port`
    broker: String,
}

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
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "support::kafka::the_cluster", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut kafka = Self { process, orders: Mutex::new(orders), broker: String::new() };
        kafka.broker = kafka.order("begin");
        kafka
    }

    /// `host:port`
    pub fn broker(&self) -> String {
        self.broker.clone()
    }

    /// Closes every connection and takes no new one.
    pub fn stop(&self) {
        self.order("down");
    }

    /// Takes connections again.
    pub fn restart(&self) {
        self.order("up");
    }

    /// Answers every request so much later.
    pub fn answer_after(&self, delay: Duration) {
        self.order(&format!("delay {}", delay.as_millis()));
    }

    /// Answers the next requests to store something with these errors.
    pub fn refuse(&self, errors: &[RDKafkaRespErr]) {
        self.order(&format!("refuse{}", numbers(errors)));
    }

    /// Answers requests to store something as they deserve.
    pub fn refuse_no_more(&self) {
        self.order("refuse-no-more");
    }

    /// Answers the next producers that introduce themselves with these errors.
    pub fn turn_away(&self, errors: &[RDKafkaRespErr]) {
        self.order(&format!("turn-away{}", numbers(errors)));
    }

    /// Has it done, and gives the answer.
    fn order(&self, order: &str) -> String {
        let (orders, answers) = &mut *self.orders.lock().unwrap();
        writeln!(orders, "{order}").unwrap();
        // Before and between the answers stands what the test program says of itself.
        let found = answers.lines().map(Result::unwrap).find_map(|line| Some(line.split_once(ANSWER)?.1.to_owned()));
        found.expect("the cluster lives")
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

impl Drop for Kafka {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn numbers(errors: &[RDKafkaRespErr]) -> String {
    errors.iter().map(|error| format!(" {}", *error as i32)).collect()
}

/// The task of the process: does what each line of its input orders, until that ends.
#[test]
#[ignore = "the tests start it as a process of its own"]
fn the_cluster() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, PARTITIONS, 1).unwrap();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        let order = words.next().unwrap();
        let mut numbers = words.map(|word| word.parse::<i32>().unwrap());
        match order {
            "begin" => {}
            "down" => cluster.broker_down(-1).unwrap(),
            "up" => cluster.broker_up(-1).unwrap(),
            "delay" => {
                let delay = u64::try_from(numbers.next().unwrap()).unwrap();
                cluster.broker_round_trip_time(-1, Duration::from_millis(delay)).unwrap();
            }
            "refuse" => cluster.request_errors(RDKafkaApiKey::Produce, &errors(numbers)),
            "refuse-no-more" => cluster.clear_request_errors(RDKafkaApiKey::Produce),
            "turn-away" => cluster.request_errors(RDKafkaApiKey::InitProducerId, &errors(numbers)),
            other => panic!("{other}?"),
        }
        println!("{ANSWER}{}", cluster.bootstrap_servers());
    }
}

fn errors(numbers: impl Iterator<Item = i32>) -> Vec<RDKafkaRespErr> {
    numbers.map(|number| RDKafkaRespErr::try_from(number).unwrap()).collect()
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
