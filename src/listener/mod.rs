//! The public side: TLS, limits, and one request from start to end (`receive`).

pub mod acme;
pub(crate) mod arrival;
pub(crate) mod aside;
pub(crate) mod begun;
pub(crate) mod body;
pub(crate) mod certificates;
pub mod client;
pub(crate) mod grace;
pub(crate) mod guard;
pub(crate) mod half_closed;
pub(crate) mod handled;
pub(crate) mod http2;
pub(crate) mod lease;
pub(crate) mod lingering;
pub(crate) mod load;
pub(crate) mod proxied;
pub(crate) mod receive;
pub(crate) mod router;
pub(crate) mod slot;
pub(crate) mod sparing;
pub(crate) mod table;
pub mod tls;
pub(crate) mod turned_away;
pub(crate) mod turns;
