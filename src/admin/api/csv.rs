//! Events as rows of a spreadsheet (RFC 4180), without their bodies. It begins with the mark by which spreadsheets know
//! that it is UTF-8, and no cell is a formula, whoever wrote what is in it.

use bytes::{BufMut as _, BytesMut};

use crate::event::rfc3339;
use crate::inbox::EventView;
use crate::shown::printable;

/// The names of the columns: those of the fields in JSON.
pub(super) const HEAD: &str = "\u{feff}received,state,kind,eventName,documentNumber,subject,companyId,origin,handlers,\
                               answer,repeats,size,reason,id,key,sequence\r\n";

/// A row.
pub(super) fn row(event: &EventView, out: &mut BytesMut) {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let states = event.deliveries.iter().map(|delivery| format!("{}: {}", delivery.handler, delivery.state.as_str()));
    let cells = [
        rfc3339(event.received),
        event.state.as_str().to_owned(),
        event.kind.map(|kind| kind.to_string()).unwrap_or_default(),
        text(&event.event_name),
        text(&event.document_number),
        text(&event.subject),
        text(&event.company_id),
        event.origin.clone(),
        states.collect::<Vec<_>>().join("; "),
        event.answer.or(event.status).map(|status| status.to_string()).unwrap_or_default(),
        event.repeats.to_string(),
        event.size.to_string(),
        text(&event.reason),
        event.id.clone(),
        event.key.to_string(),
        event.sequence.to_string(),
    ];
    for (at, value) in cells.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        out.put_slice(cell(value).as_bytes());
    }
    out.put_slice(b"\r\n");
}

fn cell(value: &str) -> String {
    let value = printable(value);
    let is_number = value.parse::<i64>().is_ok() && !value.starts_with('+');
    let is_formula = !is_number && value.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let value = if is_formula { format!("'{value}") } else { value };
    if value.contains([',', '"', ';', '\'']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn no_cell_is_a_formula_and_each_is_one_cell() {
        assert_eq!(cell("=HYPERLINK(\"x\",\"y\")"), "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
        assert_eq!(cell("\t@SUM(1)\r\n"), "\"' @SUM(1)  \"");
        assert_eq!((cell("-5"), cell("+5"), cell("PO-1")), ("-5".to_owned(), "\"'+5\"".to_owned(), "PO-1".to_owned()));
    }
}
