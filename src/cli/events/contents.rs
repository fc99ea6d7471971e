//! What is in an event, as a table of its lines. Numbers are as they came, to the digit.

use std::io::Write;

use super::table::{Cell, Column, Table};
use super::words::with_commas;
use crate::cli::terminal::{FAINT, Terminal};
use crate::model::{Decimal, DeliveryLine, Line, Message, Order, Price, Prices, Shipment, ShipmentLine};
use crate::shown::printable;

/// Of an order with more than that, nobody reads them at a terminal.
const MOST: usize = 200;

const OF_ORDERS: [Column; 7] = [
    Column::whole("LINE"),
    Column::text("ITEM", 8),
    Column::text("NAME", 6),
    Column::number("QUANTITY"),
    Column::whole("UNIT"),
    Column::whole("DATE"),
    Column::number("PRICE"),
];

const OF_SHIPMENTS: [Column; 6] = [
    Column::text("ORDER", 8),
    Column::whole("LINE"),
    Column::text("ITEM", 8),
    Column::text("NAME", 6),
    Column::number("SHIPPED"),
    Column::whole("UNIT"),
];

/// Shows the lines; nothing, if there are none.
pub(super) fn table(message: &Message, terminal: Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    let (columns, rows): (&[Column], _) = match (message.order(), message.shipment()) {
        (Some(order), _) => (&OF_ORDERS, of_order(order)),
        (_, Some(shipment)) => (&OF_SHIPMENTS, of_shipment(shipment)),
        _ => return Ok(()),
    };
    // Documents are attached to lines of which nothing else is said.
    if rows.iter().all(|row| row.iter().skip(1).all(|cell| cell.text.is_empty())) {
        return Ok(());
    }
    let shown = &rows[..rows.len().min(MOST)];
    let table = Table::new(columns, shown, terminal);
    writeln!(out)?;
    table.head(out)?;
    for row in shown {
        table.row(row, out)?;
    }
    if rows.len() > MOST {
        let line = format!("{} more; --body has all of it", with_commas(rows.len() - MOST));
        writeln!(out, "{}", terminal.painted(FAINT, &line))?;
    }
    Ok(())
}

fn of_order(order: &Order) -> Vec<Vec<Cell>> {
    order.lines.iter().flat_map(of_line).collect()
}

/// A row for each delivery; what is said of the line stands in the first of them.
fn of_line(line: &Line) -> Vec<Vec<Cell>> {
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

fn row(head: [Cell; 3], delivery: Option<&DeliveryLine>, unit: Option<&String>, price: String) -> Vec<Cell> {
    let quantity = delivery.and_then(|one| one.quantity.as_ref()).map(|quantity| quantity.as_str().to_owned());
    let date = delivery.and_then(|one| one.date).map(|date| date.to_string());
    let unit = if quantity.is_some() { text(unit) } else { Cell::default() };
    let [position, item, name] = head;
    vec![position, item, name, quantity.unwrap_or_default().into(), unit, date.unwrap_or_default().into(), price.into()]
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

fn of_shipment(shipment: &Shipment) -> Vec<Vec<Cell>> {
    shipment.all_lines().map(of_shipment_line).collect()
}

fn of_shipment_line(line: &ShipmentLine) -> Vec<Cell> {
    let item = line.item.as_ref();
    let shipped = line.supplier_line.as_ref().and_then(|line| line.despatch_quantity.as_ref());
    vec![
        text(line.purchase_order_number.as_ref()),
        text(line.purchase_order_line_position.as_ref()),
        text(item.and_then(|item| item.buyer_item_number.as_ref().or(item.supplier_item_number.as_ref()))),
        text(item.and_then(|item| item.buyer_item_name.as_ref().or(item.supplier_item_name.as_ref()))),
        shipped.map(|quantity| quantity.as_str().to_owned()).unwrap_or_default().into(),
        text(item.and_then(|item| item.purchase_unit_of_measure_iso.as_ref()).filter(|_| shipped.is_some())),
    ]
}

fn text(text: Option<&String>) -> Cell {
    text.map(|text| printable(text)).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    fn shown(json: &str) -> String {
        let message = Message::from_json(Kind::Order, json.as_bytes()).unwrap();
        let mut out = Vec::new();
        table(&message, Terminal { width: 60, has_colour: false }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_digit_is_there_whatever_else_is_cut() {
        let text = shown(
            r#"{"orderEvent": {"lines": [{
                "buyerLine": {"position": "10", "item": {"number": "M12-BOLT-ZINC-PLATED-LONG", "name": "Bolt M12",
                              "purchaseUnitOfMeasureIso": "PCE"}},
                "deliverySchedule": [{"quantity": 1234.560, "date": "2026-03-01"},
                                     {"quantity": 0.1000000000000000000001, "date": "2026-04-01"}],
                "prices": {"netPrice": {"priceInTransactionCurrency": {"value": 12.50, "currencyIso": "EUR"}},
                           "priceUnitQuantity": 100, "priceUnitOfMeasureIso": "PCE"}}]}}"#,
        );

        assert_eq!(text.lines().count(), 4, "{text}");
        for exact in ["1234.560", "0.1000000000000000000001", "2026-04-01", "12.50 EUR per 100 PCE"] {
            assert!(text.contains(exact), "{exact}: {text}");
        }
        assert!(text.contains('…') && !text.contains("LONG"), "{text}");
    }

    #[test]
    fn where_there_are_no_lines_there_is_no_table() {
        assert_eq!(shown(r#"{"orderEvent": {"orderId": "a"}}"#), "");
    }
}
