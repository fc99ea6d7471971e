//! What the tests share.

use std::path::PathBuf;

/// The samples that are bodies of webhooks.
pub(crate) const SAMPLES: [&str; 13] = [
    "bare-legacy-order.json",
    "order-documents-event.json",
    "order-documents-event.xml",
    "order-event.json",
    "order-event.xml",
    "sdk-order-response.json",
    "sdk-order-response.xml",
    "sdk-order.json",
    "sdk-order.xml",
    "shipment-event.json",
    "simple-order-event.json",
    "single-delivery-order-event.json",
    "single-delivery-order-event.xml",
];

/// The content of a sample.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/samples").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
