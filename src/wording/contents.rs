//! What is in an event, as the rows of a table. Numbers are as they came, to the digit.

use crate::model::{Decimal, DeliveryLine, Line, Message, Order, Price, Prices, Shipment, ShipmentLine};
use crate::shown::printable;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    /// What it is of.
    pub(crate) of: Of,
    /// A cell for each column.
    pub(crate) rows: Vec<Vec<String>>,
}

/// What a table has lines of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Line, item, name, quantity, unit, date, price.
    Order,
    /// Order, line, item, name, quantity shipped, unit.
    Shipment,
}

/// The lines of what is said; `None` if there are none, or nothing but documents is said of them.
pub(crate) fn contents(message: &Message) -> Option<Contents> {
    let (of, rows) = match (message.order(), message.shipment()) {
        (Some(order), _) => (Of::Order, of_order(order)),
        (_, Some(shipment)) => (Of::Shipment, of_shipment(shipment)),
        _ => return None,
    };
    // Documents are attached to lines of which nothing else is said.
    let says_something = rows.iter().any(|row| row.iter().skip(1).any(|cell| !cell.is_empty()));
    says_something.then_some(Contents { of, rows })
}

fn of_order(order: &Order) -> Vec<Vec<String>> {
    order.lines.iter().flat_map(of_line).collect()
}

/// A row for each delivery; what is said of the line stands in the first of them.
fn of_line(line: &Line) -> Vec<Vec<String>> {
    let buyer = line.buyer_line.as_ref();
    let item = buyer.and_then(|buyer| buyer.item.as_ref());
    let deliveries = deliveries(line);
    let number = item.and_then(|item| item.number.as_ref().or(item.supplier_item_number.as_ref()));
    let name = item.and_then(|item| item.name.as_ref().or(item.description.as_ref()));
    let unit = item.and_then(|item| item.purchase_unit_of_measure_iso.as_ref());
    let head = [
        text(buyer.and_then(|buyer| buyer.position.as_ref())),
        text(number),
        text(name.or(buyer.and_then(|buyer| buyer.description.as_ref()))),
    ];
    let price = prices(line).map(price).unwrap_or_default();
    let first = deliveries.first().copied();
    let mut rows = vec![row(head, first, unit, price)];
    rows.extend(deliveries.iter().skip(1).map(|one| row(Default::default(), Some(*one), unit, String::new())));
    rows
}

fn row(head: [String; 3], delivery: Option<&DeliveryLine>, unit: Option<&String>, price: String) -> Vec<String> {
    let quantity = delivery.and_then(|one| one.quantity.as_ref()).map(|quantity| quantity.as_str().to_owned());
    let date = delivery.and_then(|one| one.date).map(|date| date.to_string());
    let unit = if quantity.is_some() { text(unit) } else { String::new() };
    let [position, item, name] = head;
    vec![position, item, name, quantity.unwrap_or_default(), unit, date.unwrap_or_default(), price]
}

/// What is to be delivered: as it stands, else as it was asked for.
fn deliveries(line: &Line) -> Vec<&DeliveryLine> {
    let (buyer, confirmed) = (line.buyer_line.as_ref(), line.confirmed_line.as_ref());
    let of_status = line.status_line.as_ref().and_then(|status| status.scheduled_delivery.as_ref());
    if !line.delivery_schedule.is_empty() {
        return line.delivery_schedule.iter().collect();
    }
    if let Some(delivery) = of_status {
        return vec![delivery];
    }
    let confirmed: Vec<_> = confirmed.iter().flat_map(|line| &line.delivery_schedule).collect();
    if !confirmed.is_empty() {
        return confirmed;
    }
    let asked = buyer.iter().flat_map(|line| &line.delivery_schedule);
    asked.chain(buyer.and_then(|line| line.scheduled_delivery.as_ref())).collect()
}

fn prices(line: &Line) -> Option<&Prices> {
    let of_status = || line.status_line.as_ref()?.prices.as_ref();
    let confirmed = || line.confirmed_line.as_ref()?.prices.as_ref();
    let asked = || line.buyer_line.as_ref()?.prices.as_ref();
    line.prices.as_ref().or_else(of_status).or_else(confirmed).or_else(asked)
}

/// `12.50 EUR per 100 PCE`.
fn price(prices: &Prices) -> String {
    let money = |price: &Price| price.price_in_transaction_currency.clone().or(price.price_in_base_currency.clone());
    let price = prices.net_price.as_ref().and_then(money).or_else(|| prices.gross_price.as_ref().and_then(money));
    let Some(money) = price else { return String::new() };
    let Some(value) = &money.value else { return String::new() };
    let currency = money.currency_iso.map(|currency| format!(" {currency}")).unwrap_or_default();
    let unit = prices.price_unit_of_measure_iso.as_deref();
    let per = match prices.price_unit_quantity.as_ref().map(Decimal::as_str).filter(|one| *one != "1") {
        Some(quantity) => [" per", quantity].into_iter().chain(unit).collect::<Vec<_>>().join(" "),
        None => String::new(),
    };
    printable(&format!("{value}{currency}{per}"))
}

fn of_shipment(shipment: &Shipment) -> Vec<Vec<String>> {
    shipment.all_lines().map(of_shipment_line).collect()
}

fn of_shipment_line(line: &ShipmentLine) -> Vec<String> {
    let item = line.item.as_ref();
    let shipped = line.supplier_line.as_ref().and_then(|line| line.despatch_quantity.as_ref());
    vec![
        text(line.purchase_order_number.as_ref()),
        text(line.purchase_order_line_position.as_ref()),
        text(item.and_then(|item| item.buyer_item_number.as_ref().or(item.supplier_item_number.as_ref()))),
        text(item.and_then(|item| item.buyer_item_name.as_ref().or(item.supplier_item_name.as_ref()))),
        shipped.map(|quantity| quantity.as_str().to_owned()).unwrap_or_default(),
        text(item.and_then(|item| item.purchase_unit_of_measure_iso.as_ref()).filter(|_| shipped.is_some())),
    ]
}

fn text(text: Option<&String>) -> String {
    text.map(|text| printable(text)).unwrap_or_default()
}
