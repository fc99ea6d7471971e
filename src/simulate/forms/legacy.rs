//! An order as the platform of before answers it.

use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::{decimal, put};
use crate::simulate::world::{BUYER, Document, Line, Order, Parties, SUPPLIERS};

/// The order with that id of before.
pub(crate) fn legacy(of: &Order, id: &str, parties: &Parties) -> Value {
    let supplier = SUPPLIERS.get(of.supplier).unwrap_or(&SUPPLIERS[0]);
    let phase = of.phase();
    json!({
        "id": id,
        "code": of.number,
        "versionHash": format!("{:08x}", xxh3_64(format!("{id} {}", of.version).as_bytes()) >> 32),
        "status": status(phase.process(), phase.logistics()),
        "description": format!("Purchase order {} & parts", of.number),
        "customer": { "id": parties.buyer, "code": BUYER.account, "name": BUYER.name },
        "supplier": { "id": parties.supplier(of.supplier), "code": supplier.account, "name": supplier.name },
        "supplierCode": supplier.account,
        "deliverToWarehouseCode": "001",
        "deliveryAddress": {
            "name": BUYER.name,
            "line1": BUYER.street,
            "line2": "",
            "line3": null,
            "zipCode": BUYER.postal_code,
            "city": BUYER.city,
            "stateCode": null,
            "countryCode": BUYER.country,
        },
        "paymentTermsCode": "30D",
        "paymentTerms": "30 days",
        "incotermsCode": "CIF",
        "incoterms": "ECT Rotterdam",
        "relationManager": { "name": "J. Janssen", "email": BUYER.email },
        "documents": documents(&of.documents),
        "properties": [{ "key": "color", "value": "red <RAL 3000>" }],
        "archived": false,
        "cancelled": phase.process() == "Cancelled",
        "delivered": of.logistics() == "Delivered",
        "lines": of.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

fn line(of: &Line) -> Value {
    let price = json!({ "value": decimal(of.wanted.price), "currency": "EUR" });
    let mut fields = Map::new();
    put(&mut fields, "id", format!("{:010x}", of.id.as_u128() >> 88));
    put(&mut fields, "code", &*of.position);
    put(&mut fields, "row", of.row);
    put(&mut fields, "status", status(of.phase.process(), of.phase.logistics()));
    put(&mut fields, "description", of.item.name);
    put(
        &mut fields,
        "item",
        json!({ "code": of.item.number, "name": of.item.name, "revision": "v2", "description": "" }),
    );
    put(&mut fields, "quantityRequested", decimal(of.wanted.quantity));
    put(&mut fields, "unitOfMeasure", of.item.unit);
    put(&mut fields, "deliveryDateRequested", of.wanted.date.to_string());
    if let Some(agreed) = &of.agreed {
        put(&mut fields, "quantityConfirmed", decimal(agreed.quantity));
        put(&mut fields, "deliveryDateConfirmed", agreed.date.to_string());
    }
    put(
        &mut fields,
        "prices",
        json!({
            "grossPurchasePriceRequested": price,
            "discountPercentageRequested": 0,
            "netPurchasePriceRequested": price,
        }),
    );
    put(&mut fields, "priceUnitQuantityRequested", decimal(of.item.per));
    put(&mut fields, "projectCode", "PROJ12345");
    put(&mut fields, "frameworkContractCode", "00123");
    put(&mut fields, "documents", documents(&of.documents));
    Value::Object(fields)
}

/// Files that are kept there; those of the other party are not known.
fn documents(of: &[Document]) -> Value {
    let kept = of.iter().filter_map(|document| {
        let id = document.object?;
        Some(json!({
            "id": id,
            "title": document.name,
            "filename": format!("{}.pdf", document.name),
            "mimeType": "application/pdf",
        }))
    });
    kept.collect()
}

/// The one status of before.
fn status(process: &str, logistics: &str) -> &'static str {
    match (process, logistics) {
        ("Cancelled", _) => "cancelled",
        (_, "Delivered") => "delivered",
        (_, "Shipped") => "shipped",
        ("Confirmed" | "Completed", _) => "confirmed",
        ("Rejected", _) => "rejected",
        ("InProgress", _) => "reopened",
        _ => "open",
    }
}
