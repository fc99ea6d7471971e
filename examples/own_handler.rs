//! The receiver inside a program of your own, with a handler in Rust: every delivery of every order
//! line goes to `deliveries.csv`.
//!
//! It reads the configuration of the receiver (`config/receiver.toml`, the environment, the defaults);
//! the handlers named there work beside this one. Without a configuration it makes the same
//! development set-up as the receiver does. Try it: `cargo run --example own_handler`, and in a second
//! terminal `cargo run -- send --sample order …` as README.md says.

use std::fmt::Write as _;
use std::io;

use tokio::io::AsyncWriteExt as _;
use tradecloud_webhook::app::Receiver;
use tradecloud_webhook::config::Layers;
use tradecloud_webhook::dispatch::Route;
use tradecloud_webhook::event::Event;
use tradecloud_webhook::handlers::{Handler, Outcome};
use tradecloud_webhook::listener::development;
use tradecloud_webhook::model::{DeliveryLine, Line, Order};
use tradecloud_webhook::signal::told_to_stop;

struct Deliveries;

impl Handler for Deliveries {
    async fn deliver(&self, event: &Event) -> Outcome {
        let message = match event.message() {
            Ok(message) => message,
            // The same body would fail again: somebody has to look at it.
            Err(error) => return Outcome::rejected(error.to_string()),
        };
        // A shipment: not ours, and so done.
        let Some(order) = message.order() else { return Outcome::Done };
        let Some(number) = order.purchase_order_number() else {
            return Outcome::rejected("the order has no purchase order number");
        };
        match append(&rows(event, number, order)).await {
            Ok(()) => Outcome::Done,
            // The disk may have room again later.
            Err(error) => Outcome::ours(format!("deliveries.csv cannot be written: {error}")),
        }
    }
}

/// One row per delivery. The id of the event comes first: after a crash an event may come twice, and
/// whoever reads the file can tell by it.
fn rows(event: &Event, number: &str, order: &Order) -> String {
    let mut rows = String::new();
    for line in &order.lines {
        let position = line.buyer_line.as_ref().and_then(|line| line.position.as_deref()).unwrap_or("");
        for delivery in deliveries(line) {
            // As text, digit for digit: no quantity goes through a binary fraction.
            let quantity = delivery.quantity.as_ref().map_or("", |quantity| quantity.as_str());
            let date = delivery.date.as_ref().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(rows, "{};{number};{position};{quantity};{date}", event.id);
        }
    }
    rows
}

/// The deliveries of a line, whether the order has one per line or a schedule.
fn deliveries(line: &Line) -> impl Iterator<Item = &DeliveryLine> {
    let single = line.status_line.as_ref().and_then(|status| status.scheduled_delivery.as_ref());
    line.delivery_schedule.iter().chain(single)
}

async fn append(rows: &str) -> io::Result<()> {
    let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open("deliveries.csv").await?;
    file.write_all(rows.as_bytes()).await?;
    // `Done` is a promise: only once the rows are on the disk.
    file.sync_data().await
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut layers = Layers::read(None).map_err(|problem| anyhow::anyhow!("{problem}"))?;
    if !layers.has_file() {
        development::make()?;
        layers = layers.with_stand_in(development::layer());
    }
    let (settings, warnings) = layers.settings().map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the configuration is not valid:\n{}", problems.join("\n"))
    })?;
    // Held to the end: dropped, it writes what of the log still waits.
    let _log = settings.log.start();
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let running = Receiver::new(settings).handler(Route::all("deliveries"), Deliveries).start().await?;
    running.run_until(told_to_stop()).await
}
