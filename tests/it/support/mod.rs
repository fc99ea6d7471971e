//! What the tests share: the systems around the receiver.

pub mod erp;
