//! The receiver inside a program of your own, with a handler in Rust: every delivery of every order
//! line goes to `deliveries.csv`.
//!
//! It reads the configuration of the receiver (`config/receiver.toml`, the environment, the defaults);
//! the handlers named there work beside this one. Without a configuration it makes the same
//! development set-up as the receiver does. Try it: `cargo run --example own_handler`, and in a second
//! terminal `cargo run -- send --sample order …` as README.md says.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;

use tokio::io::AsyncWriteExt as _;
use tradecloud_webhook::app::Receiver;
use tradecloud_webhook::dispatch::Route;
use tradecloud_webhook::event::Event;
use tradecloud_webhook::handlers::{Handler, Outcome};
use tradecloud_webhook::model::{DeliveryLine, Line, Order};

/// Which events come here, and how long one may take: what could also stand in a file.
const ROUTE: &str = r#"
kinds = ["order"]
timeout = "30s"
"#;

/// The file that the deliveries go to.
pub(crate) struct Deliveries(pub(crate) PathBuf);

impl Handler for Deliveries {
    async fn deliver(&self, event: &Event) -> Outcome {
        let message = match event.message() {
            Ok(message) => message,
            // The same body would fail again: somebody has to look at it.
            Err(error) => return Outcome::rejected(error.to_string()),
        };
        // Not ours, and so done.
        let Some(order) = message.order() else { return Outcome::Done };
        let Some(number) = order.purchase_order_number() else {
            return Outcome::rejected("the order has no purchase order number");
        };
        match self.append(&rows(event, number, order)).await {
            Ok(()) => Outcome::Done,
            // The disk may have room again later.
            Err(error) => Outcome::ours(format!("{} cannot be written: {error}", self.0.display())),
        }
    }
}

impl Deliveries {
    async fn append(&self, rows: &str) -> io::Result<()> {
        let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(&self.0).await?;
        file.write_all(rows.as_bytes()).await?;
        // `Done` is a promise: only once the rows are on the disk.
        file.sync_data().await
    }
}

/// One row per delivery. The id of the event comes first: after a crash an event may come twice, and
/// whoever reads the file can tell by it.
fn rows(event: &Event, number: &str, order: &Order) -> String {
    let mut rows = String::new();
    for line in &order.lines {
        let position = line.buyer_line.as_ref().and_then(|line| line.position.as_deref()).unwrap_or("");
        let price = price(line).unwrap_or_default();
        for delivery in deliveries(line) {
            // As text, digit for digit: no quantity goes through a binary fraction.
            let quantity = delivery.quantity.as_ref().map_or("", |quantity| quantity.as_str());
            let date = delivery.date.as_ref().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(rows, "{};{number};{position};{quantity};{date};{price}", event.id);
        }
    }
    rows
}

/// The deliveries of a line, whether the order has one per line or a schedule.
fn deliveries(line: &Line) -> impl Iterator<Item = &DeliveryLine> {
    let single = line.status_line.as_ref().and_then(|status| status.scheduled_delivery.as_ref());
    line.delivery_schedule.iter().chain(single)
}

/// The net price of a line with its currency.
fn price(line: &Line) -> Option<String> {
    let of_single = line.status_line.as_ref().and_then(|status| status.prices.as_ref());
    let net = line.prices.as_ref().or(of_single)?.net_price.as_ref()?;
    let money = net.price_in_transaction_currency.as_ref().or(net.price_in_base_currency.as_ref())?;
    let currency = money.currency_iso.as_deref().unwrap_or("");
    Some(format!("{} {currency}", money.value.as_ref()?.as_str()))
}

/// The route that [`ROUTE`] describes.
pub(crate) fn route() -> anyhow::Result<Route> {
    Ok(Route::from_toml("deliveries", ROUTE)?)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Receiver::from_config(None)?.handler(route()?, Deliveries("deliveries.csv".into())).run().await
}
