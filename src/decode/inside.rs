//! Whom an order or shipment is between, and what is in its lines: what people look for by names, which no list has.

use super::Body;
use super::json::{each_entry, number_or_text, picked, subject};

/// What a text in a body is to whoever looks for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// A name, id or account number of the buyer or the supplier.
    Partner,
    /// A number, name or description of an item.
    Item,
}

/// The sides of an order or shipment.
const SIDES: [&str; 4] = ["buyerOrder", "supplierOrder", "buyerShipment", "supplierShipment"];
/// What stands in a side,
const OF_SIDES: [&str; 3] = ["companyId", "buyerAccountNumber", "supplierAccountNumber"];
/// and which parties do.
const PARTIES: [&str; 3] = ["buyerParty", "buyerAccountingParty", "supplierParty"];
/// The sides of an order of the platform before.
const LEGACY_SIDES: [&str; 2] = ["customer", "supplier"];
/// What items are called, those of the platform before too.
const OF_ITEMS: [&str; 8] = [
    "number",
    "name",
    "description",
    "supplierItemNumber",
    "buyerItemNumber",
    "buyerItemName",
    "supplierItemName",
    "code",
];

/// Calls `each` with every such text in a body, in JSON or tXML, as far as it can be read.
pub(crate) fn told(body: &Body, mut each: impl FnMut(Told, String)) {
    let Ok(json) = body.json() else { return };
    let Ok(json) = std::str::from_utf8(&json) else { return };
    let (subject, _) = subject(json);
    let mut partner = |raw: Option<&str>| text(raw).into_iter().for_each(|text| each(Told::Partner, text));
    for side in picked(subject, SIDES).into_iter().flatten() {
        picked(side, OF_SIDES).into_iter().for_each(&mut partner);
        for party in picked(side, PARTIES).into_iter().flatten() {
            let [id, names] = picked(party, ["id", "names"]);
            partner(id);
            each_entry(names.unwrap_or_default(), |name| partner(Some(name)));
        }
    }
    for side in picked(subject, LEGACY_SIDES).into_iter().flatten() {
        picked(side, ["id", "code", "name"]).into_iter().for_each(&mut partner);
    }
    let mut item = |raw: Option<&str>| text(raw).into_iter().for_each(|text| each(Told::Item, text));
    let [lines, carriers] = picked(subject, ["lines", "loadCarriers"]);
    each_entry(lines.unwrap_or_default(), |line| of_line(line, &mut item));
    each_entry(carriers.unwrap_or_default(), |carrier| {
        each_entry(picked(carrier, ["lines"])[0].unwrap_or_default(), |line| of_line(line, &mut item));
    });
}

/// The line's own words, and those of its item, which is in the buyer's side of it where there are sides.
fn of_line(line: &str, item: &mut impl FnMut(Option<&str>)) {
    let [own, description, buyer, supplier] = picked(line, ["item", "description", "buyerLine", "supplierLine"]);
    let of_buyer = buyer.map_or([None; 2], |line| picked(line, ["item", "description"]));
    let of_supplier = supplier.map_or([None; 1], |line| picked(line, ["description"]));
    for raw in [own, of_buyer[0]].into_iter().flatten() {
        picked(raw, OF_ITEMS).into_iter().for_each(&mut *item);
    }
    [description, of_buyer[1], of_supplier[0]].into_iter().for_each(item);
}

fn text(raw: Option<&str>) -> Option<String> {
    number_or_text(raw?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Format;

    macro_rules! sample {
        ($name:literal) => {
            include_str!(concat!("../../tests/fixtures/", $name))
        };
    }

    fn of(text: &str) -> Vec<(Told, String)> {
        let format = if text.starts_with('<') { Format::Txml } else { Format::Json };
        let mut found = Vec::new();
        let body = Body { format, content_type: None, bytes: text.to_owned().into() };
        told(&body, |told, text| found.push((told, text)));
        found.sort_by_key(|(told, text)| (*told == Told::Item, text.clone()));
        found.dedup();
        found
    }

    #[test]
    fn an_event_tells_the_same_as_json_and_as_txml() {
        let (json, xml) = (of(sample!("samples/order-event.json")), of(sample!("samples/order-event.xml")));

        let has = |told, text: &str| json.contains(&(told, text.to_owned()));
        assert!(json.len() > 6 && json == xml, "{json:?}\n{xml:?}");
        assert!(has(Told::Partner, "0012345"), "{json:?}");
        assert!(json.iter().any(|(told, _)| *told == Told::Item), "{json:?}");
    }

    #[test]
    fn shipments_bare_orders_and_those_of_the_platform_before_tell_it_too() {
        for (body, partner, item) in [
            (
                r#"{"shipment":{"supplierShipment":{"supplierParty":{"names":["Acme","Inc."]}},
                   "loadCarriers":[{"lines":[{"item":{"buyerItemNumber":"M12"}}]}]}}"#,
                "Inc.",
                "M12",
            ),
            (
                r#"{"id":"1","buyerOrder":{"supplierParty":{"id":4711}},
                   "lines":[{"buyerLine":{"description":"long bolt"}}]}"#,
                "4711",
                "long bolt",
            ),
            (sample!("api/legacy-purchase-order.json"), "Supplier Example GmbH", "Kogellager & as"),
        ] {
            let found = of(body);
            assert!(found.contains(&(Told::Partner, partner.to_owned())), "{found:?}");
            assert!(found.contains(&(Told::Item, item.to_owned())), "{found:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_tells_nothing() {
        for text in ["", "no json", "<a", "[1]", "{", r#"{"buyerOrder": 1, "lines": {"item": []}}"#] {
            assert_eq!(of(text), [], "{text}");
        }
    }
}
