//! A line of an order, in both forms.

use serde_json::{Map, Value, json};

use super::{Form, decimal, documents, put, put_some, time};
use crate::simulate::world::{Item, Line, Side, Terms};

/// The line as events and the API have it.
pub(super) fn line(of: &Line, form: Form) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "id", of.id.to_string());
    put(&mut fields, "lineType", of.item.kind);
    put_some(&mut fields, "chargeReasonCode", of.item.charge);
    put(&mut fields, "buyerLine", buyer_line(of, form));
    put(&mut fields, "supplierLine", supplier_line(of));
    if let Some(agreed) = &of.agreed {
        let moved = Moved { etd: true, by_road: true, status: None };
        let mut confirmed = Map::new();
        put(&mut confirmed, "deliverySchedule", schedule(agreed, form, &moved));
        put(&mut confirmed, "prices", prices(agreed.price, of.item));
        put(&mut fields, "confirmedLine", confirmed);
    }
    put(&mut fields, "indicators", json!({ "deliveryOverdue": false }));
    let mut status = Map::new();
    put(&mut status, "processStatus", of.phase.process());
    put_some(&mut status, "inProgressStatus", of.phase.in_progress());
    put(&mut status, "logisticsStatus", of.phase.logistics());
    put(&mut fields, "status", status);
    if of.item.kind == "Item" {
        put(&mut fields, "mergedItemDetails", details(of.item, None));
    }
    put(&mut fields, "eventDates", json!({ "issuedDateTime": time(of.issued) }));
    put(&mut fields, "lastUpdatedAt", time(of.updated));
    so_far(&mut fields, of, form);
    Value::Object(fields)
}

/// What holds, and what would if open requests were approved.
fn so_far(fields: &mut Map<String, Value>, of: &Line, form: Form) {
    let terms = of.terms();
    let moved = Moved { status: Some(of.phase.logistics()), etd: of.agreed.is_some(), by_road: false };
    let requested = of.proposed.as_ref().filter(|(_, status)| *status == "Open").map(|(terms, _)| terms);
    let by_road = Moved { by_road: true, etd: true, status: None };
    match form {
        Form::Schedule => {
            put(fields, "deliverySchedule", schedule(&terms, form, &moved));
            if let Some(requested) = requested {
                put(fields, "deliveryScheduleIncludingRequests", schedule(requested, form, &by_road));
            }
            put(fields, "prices", prices(terms.price, of.item));
            if let Some(requested) = requested {
                put(fields, "pricesIncludingRequests", prices(requested.price, of.item));
            }
        }
        Form::Single => {
            let mut status = Map::new();
            put(&mut status, "scheduledDelivery", delivery(0, &terms, &moved));
            put(&mut status, "scheduledDeliveryInclRequests", delivery(0, requested.unwrap_or(&terms), &by_road));
            put(&mut status, "prices", prices(terms.price, of.item));
            if let Some(requested) = requested {
                put(&mut status, "pricesInclRequests", prices(requested.price, of.item));
            }
            put(fields, "statusLine", status);
        }
    }
}

fn buyer_line(of: &Line, form: Form) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "position", &*of.position);
    put(&mut fields, "originalPosition", &*of.position);
    put(&mut fields, "row", of.row.to_string());
    put(&mut fields, "description", of.item.name);
    let mut item = Map::new();
    put(&mut item, "number", of.item.number);
    put(&mut item, "revision", "v2");
    put(&mut item, "name", of.item.name);
    put(&mut item, "purchaseUnitOfMeasureIso", of.item.unit);
    put(&mut item, "supplierItemNumber", of.item.supplier_number);
    if of.item.kind == "Item" {
        let mass = decimal(of.item.weight);
        let dimensions = json!([{ "attribute": "mass", "measure": mass, "unitOfMeasureUnece": "KGM" }]);
        put(&mut item, "dimensions", dimensions);
    }
    put(&mut fields, "item", item);
    if of.item.kind == "Item" {
        put(&mut fields, "itemDetails", details(of.item, Some(of)));
    }
    match form {
        Form::Schedule => put(&mut fields, "deliverySchedule", schedule(&of.wanted, form, &Moved::default())),
        Form::Single => put(&mut fields, "scheduledDelivery", delivery(0, &of.wanted, &Moved::default())),
    }
    put(&mut fields, "prices", prices(of.wanted.price, of.item));
    put(&mut fields, "terms", json!({ "contractNumber": "00123", "contractPosition": "0001" }));
    put(&mut fields, "projectNumber", "PROJ12345");
    put(&mut fields, "salesOrderNumber", "SO0123");
    let delivered = of.phase.logistics() == "Delivered";
    put(&mut fields, "indicators", json!({ "delivered": delivered, "noDeliveryExpected": of.item.kind != "Item" }));
    put_some(&mut fields, "documents", documents(&of.documents, Side::Buyer, None));
    put(&mut fields, "notes", json!(["Pack dry"]));
    if of.item.number == "118998" {
        put(&mut fields, "certification", json!({ "typeCode": "C", "type": "Class Certificate" }));
    }
    Value::Object(fields)
}

fn supplier_line(of: &Line) -> Value {
    let mut fields = Map::new();
    if let Some(sales_order) = &of.sales_order {
        put(&mut fields, "salesOrderNumber", &**sales_order);
        put(&mut fields, "salesOrderPosition", &*of.position);
        put(&mut fields, "description", of.item.name);
    }
    if let Some((terms, status)) = &of.proposed {
        let moved = Moved { etd: true, by_road: true, status: None };
        let proposal = json!({
            "deliverySchedule": schedule(terms, Form::Schedule, &moved),
            "prices": prices(terms.price, of.item),
            "reason": "The steel arrives later",
            "status": status,
        });
        put(&mut fields, "requests", json!({ "proposal": proposal }));
    }
    put_some(&mut fields, "documents", documents(&of.documents, Side::Supplier, None));
    Value::Object(fields)
}

/// What is said of a delivery besides date and quantity.
#[derive(Debug, Default)]
struct Moved {
    status: Option<&'static str>,
    etd: bool,
    by_road: bool,
}

fn schedule(terms: &Terms, form: Form, moved: &Moved) -> Value {
    let mut deliveries = vec![delivery(0, terms, moved)];
    if let Some((date, quantity)) = terms.second.filter(|_| form == Form::Schedule) {
        deliveries.push(delivery(1, &Terms { date, quantity, ..*terms }, moved));
    }
    Value::Array(deliveries)
}

fn delivery(place: usize, terms: &Terms, moved: &Moved) -> Value {
    let date = terms.date.to_string();
    let mut fields = Map::new();
    put(&mut fields, "position", format!("{:04}", place + 1));
    put(&mut fields, "date", &*date);
    put(&mut fields, "quantity", decimal(terms.quantity));
    put_some(&mut fields, "status", moved.status);
    if moved.etd {
        put(&mut fields, "etd", &*date);
    }
    if moved.by_road {
        put(&mut fields, "eta", date);
        put(&mut fields, "transportMode", "Road transport");
    }
    Value::Object(fields)
}

fn prices(price: &str, item: &Item) -> Value {
    let in_euro = json!({ "priceInTransactionCurrency": { "value": decimal(price), "currencyIso": "EUR" } });
    json!({
        "grossPrice": in_euro,
        "discountPercentage": 0,
        "netPrice": in_euro,
        "priceUnitOfMeasureIso": item.unit,
        "priceUnitQuantity": decimal(item.per),
    })
}

fn details(item: &Item, of: Option<&Line>) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "countryOfOriginCodeIso2", "NL");
    put(&mut fields, "combinedNomenclatureCode", "8482 10 10");
    put(&mut fields, "netWeight", decimal(item.weight));
    put(&mut fields, "netWeightUnitOfMeasureIso", "KG");
    if let Some(line) = of {
        put(&mut fields, "serialNumber", format!("{:016X}", line.id.as_u128() >> 64));
        put(&mut fields, "batchNumber", format!("#{}{:02}", item.number, line.row));
    }
    Value::Object(fields)
}
