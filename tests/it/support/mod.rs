//! What the tests share: the receiver, its sender, and the systems around it.

use std::path::Path;

pub mod erp;
#[cfg(target_os = "linux")]
pub mod faults;
pub mod load;
pub mod receiver;
pub mod sender;

/// A body of `tests/fixtures/samples`.
pub fn sample(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/samples").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
