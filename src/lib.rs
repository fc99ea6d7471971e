//! Receives Tradecloud's webhooks over HTTPS and hands every event to the ERP, losing none.
//!
//! # The way of an event
//!
//! ```text
//! POST/PUT ─► listener ─► auth ─► intake ──────────► inbox ─► dispatch ─► handlers ─► ERP
//!             TLS, limits  who?    decode ─► model    durable   order,      file exec http
//!                                  JSON,     typed    + dedup   retry
//!                                  tXML      event
//!                └─────────────── respond: one status, chosen in one place ◄──┘
//! ```
//!
//! A folder is a stage, a file in it one variant: a new handler, credential kind, store or encoding is
//! one new file and one line in the register of its stage. The function to read first is `receive` in
//! `listener/receive.rs`: one request from start to end.
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
//! those of the configuration. `examples/own_handler.rs` is such a program in full; in short:
//!
//! ```no_run
//! use tradecloud_webhook::{app::Receiver, config::Layers, dispatch::Route, signal::told_to_stop};
//! use tradecloud_webhook::{event::Event, handlers::{Handler, Outcome}};
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
//! # async fn run() -> anyhow::Result<()> {
//! let layers = Layers::read(None).map_err(|problem| anyhow::anyhow!("{problem}"))?;
//! let (settings, _warnings) = layers.settings().map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
//! let _log = settings.log.start();
//! let running = Receiver::new(settings).handler(Route::all("mine"), Mine).start().await?;
//! running.run_until(told_to_stop()).await
//! # }
//! ```

// In the order of the flow. What an event passes on its way:
pub mod listener;

pub mod auth;

mod intake;

pub mod decode;

pub mod model;

pub mod event;

pub mod inbox;

pub mod dispatch;

pub mod handlers;

pub mod respond;

// Whom we connect to ourselves, over HTTP and to PostgreSQL:
mod outgoing;

// What people ask and do, and where they do it:
pub mod desk;

pub mod cli;

mod admin;

// What holds it together: from the configuration to what runs, and to other settings while it runs.
pub mod app;

pub mod config;

pub mod reload;

pub mod signal;

mod telemetry;

// What several stages need:
mod budget;
mod durable;
mod shown;
