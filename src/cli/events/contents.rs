//! What is in an event, as a table of its lines. Numbers are as they came, to the digit.

use std::io::Write;

use super::table::{Cell, Column, Table};
use super::words::with_commas;
use crate::cli::terminal::{FAINT, Terminal};
use crate::model::Message;
use crate::wording::contents::{Contents, Of, contents};

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
    let Some(Contents { of, rows }) = contents(message) else { return Ok(()) };
    let columns: &[Column] = match of {
        Of::Order => &OF_ORDERS,
        Of::Shipment => &OF_SHIPMENTS,
    };
    let rows: Vec<Vec<Cell>> = rows.into_iter().map(|row| row.into_iter().map(Cell::from).collect()).collect();
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
