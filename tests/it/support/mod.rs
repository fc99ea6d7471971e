//! What the tests share: the receiver, its sender, and the systems around it.

use std::path::Path;
use std::time::{Duration, Instant};

pub mod certificates;
#[cfg(target_os = "linux")]
pub mod clock;
#[cfg(target_os = "linux")]
pub mod cpu;
#[cfg(target_os = "linux")]
pub mod disk;
pub mod erp;
pub mod faults;
pub mod frames;
pub mod haproxy;
pub mod image;
pub mod inspecting;
pub mod issuer;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod load;
pub mod nats;
pub mod nats_accounts;
pub mod pages;
pub mod pebble;
pub mod postgres;
pub mod proxy;
pub mod rabbitmq;
pub mod raw;
pub mod receiver;
pub mod schema;
pub mod sender;
pub mod server;
pub mod simulated;
pub mod slow;
pub mod store;

/// Where the samples are.
const SAMPLES: &str = "tests/fixtures/samples";

/// The samples that are bodies of webhooks: all but the recordings of several.
pub fn samples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLES);
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.ends_with("-export.json")).collect();
    names.sort();
    assert!(names.len() >= 13, "{names:?}");
    names
}

/// What a condition may take to come about: on a busy machine, much of it.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until `condition` holds, which says `what` is waited for.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "it never came so far: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A body of `tests/fixtures/samples`.
pub fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLES).join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
