//! Receives Tradecloud's webhooks over HTTPS and hands every event to the ERP, losing none.
//!
//! # The way of an event
//!
//! ```text
//! POST/PUT ─► listener ─► auth ─► intake ──────────► inbox ─► dispatch ─► handlers ─► ERP
//!             TLS, limits  who?    decode ─► model    durable   order,      file exec http
//!                                  JSON,     typed    + dedup   retry       ▲ documents: those of the event
//!                                  tXML      event                           are on disk before
//!                └─────────────── respond: one status, chosen in one place ◄──┘
//!
//! GET ──────► listener ─► auth ─► a notice: an id ─► inbox ─► dispatch ─► tradecloud ─► intake ─► as above
//!             which order?         answered 202       durable   retry       fetch        in the notice's place
//!
//! now and then: tradecloud ─► is it known, or an echo? ─► intake ─► as above
//!               poll           or still to come?
//! ```
//!
//! A folder is a stage, a file in it one variant: a new handler, credential kind, store or encoding is
//! one new file and one line in the register of its stage. The function to read first is `receive` in
//! `listener/requests/receive.rs`: one request from start to end. `CONTRIBUTING.md` says where each kind of
//! change goes.
//!
//! # The rules behind it
//!
//! 1. An event is answered with 2xx only once it is durable. Whatever is transient, unforeseen or our
//!    own fault is answered 502, 503 or 504, which Tradecloud repeats; 4xx and 500 it drops for good.
//!    Only [`respond`] knows status codes.
//! 2. What an authenticated caller sent does not disappear: a body that is refused is kept, and so is a
//!    delivery that was rejected or given up.
//! 3. The wire is liberal, the configuration strict.
//! 4. A number is text until somebody computes with it.
//! 5. Durable work belongs to the receiver, not to the connection it came over.
//! 6. What an event costs does not grow with the number of events that wait.
//!
//! # Embedding
//!
//! [`app::Receiver`] runs the whole receiver inside another program, with handlers of its own beside
//! those of the configuration. `docs/handlers/rust.md` says how, and `examples/own_handler.rs` is such a
//! program in full; in short:
//!
//! ```no_run
//! use tradecloud_webhook::app::Receiver;
//! use tradecloud_webhook::dispatch::Route;
//! use tradecloud_webhook::event::Event;
//! use tradecloud_webhook::handlers::{Handler, Outcome};
//!
//! struct Mine;
//!
//! impl Handler for Mine {
//!     async fn deliver(&self, event: &Event) -> Outcome {
//!         match event.message() {
//!             Ok(message) if message.purchase_order_number().is_some() => Outcome::Done,
//!             Ok(_) => Outcome::rejected("no purchase order number"),
//!             Err(error) => Outcome::rejected(error.to_string()),
//!         }
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let route = Route::from_toml("mine", "kinds = [\"order\"]\ntimeout = \"10s\"")?;
//!     Receiver::from_config(None)?.handler(route, Mine).run().await?;
//!     Ok(())
//! }
//! ```
//!
//! [`Receiver::from_toml`](app::Receiver::from_toml) takes the configuration as a text,
//! [`Running::run_until`](app::Running::run_until) stops it when you say so, and
//! [`Event::from_body`](event::Event::from_body) makes an event for the tests of a handler. What needs a library of
//! its own is behind a feature: `amqp`, `nats` and `postgres` (all three by default), and `kafka`.

/// The programs on the page about embedding, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../docs/handlers/rust.md")]
struct Embedding;

// In the order of the flow. What an event passes on its way:
pub mod listener;

pub mod auth;

mod intake;

mod documents;

pub mod decode;

pub mod model;

pub mod event;

pub mod inbox;

pub mod dispatch;

pub mod handlers;

pub mod respond;

// Whom we connect to ourselves, over HTTP and to PostgreSQL:
mod outgoing;

// Tradecloud itself, when we are the ones who ask:
mod tradecloud;

// What people ask and do, and where they do it:
pub mod desk;

mod wording;

pub mod cli;

mod admin;

// The other side, to try all of it on:
mod simulate;

// What holds it together: from the configuration to what runs, and to other settings while it runs.
pub mod app;

pub mod settings;

mod embed;

pub mod config;

pub mod reload;

pub mod signal;

mod telemetry;

// What several stages need:
mod budget;
mod durable;
mod pem;
mod readiness;
mod shown;
