//! Handler `kafka`: every event is one message of a topic.
//!
//! The value is the JSON object that every handler gets (the structured mode of the CloudEvents binding
//! for Kafka), the key is the id of the order or shipment. One key is always in one partition, which
//! keeps the order. A consumer recognises an event that it has by the header `ce_id`, whichever handler sent it;
//! Kafka itself drops nothing because of that.
//!
//! # Order, and what a lost acknowledgement costs
//!
//! An event counts as done when all replicas in sync have it (`acks=all`). The producer is idempotent: what
//! librdkafka repeats by itself, the broker stores once. Whatever fails on the way, no event is overtaken:
//!
//! - The time-out of librdkafka is that of the handler, and its verdict is always waited for. So when an
//!   event is called unavailable, it is no longer on its way.
//! - If `deliver` is dropped while a message is on its way, the next attempt stands behind it in the same
//!   partition's queue: the event may come twice, but not after one that follows it.
//!
//! Only with the feature `kafka`: librdkafka's TLS is OpenSSL, which nothing else here needs.

#[cfg(feature = "kafka")]
mod connection;
mod settings;
#[cfg(feature = "kafka")]
mod topic;

pub use self::settings::Settings;
