//! A shipment, as webhook and API have it: always the whole one.

use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::{decimal, documents, erp_time, put, put_some, time};
use crate::simulate::world::{BUYER, Company, Parties, SUPPLIERS, Shipment, Shipped, Side};

/// The shipment.
pub(crate) fn shipment(of: &Shipment, parties: &Parties) -> Value {
    let supplier = SUPPLIERS.get(of.supplier).unwrap_or(&SUPPLIERS[0]);
    let mut fields = Map::new();
    put(&mut fields, "id", &*of.id);
    put(
        &mut fields,
        "identifiers",
        json!({
            "billOfLadingNumber": format!("BOL-{}", of.number),
            "imoNumber": "IMO9074729",
            "trackingNumber": of.tracking,
        }),
    );
    put(&mut fields, "transportMode", of.transport);
    put(&mut fields, "supplierShipment", supplier_shipment(of, parties, supplier));
    put(
        &mut fields,
        "buyerShipment",
        json!({
            "companyId": parties.buyer,
            "supplierAccountNumber": supplier.account,
            "purchaseOrderTerms": { "incotermsCode": "CIF" },
        }),
    );
    // What is in a container is below it, the rest beside it.
    let packed = of.container.map_or(0, |_| of.lines.len().div_ceil(2));
    let lines: Vec<Value> = of.lines.iter().enumerate().map(|(place, of)| line(place, of)).collect();
    let (inside, beside) = lines.split_at(packed.min(lines.len()));
    if let Some(container) = of.container {
        let carrier = json!({ "containerNumber": container, "containerSizeAndType": "45G1", "lines": inside });
        put(&mut fields, "loadCarriers", json!([carrier]));
    }
    if !beside.is_empty() {
        put(&mut fields, "lines", beside.to_vec());
    }
    put(&mut fields, "locations", locations(of, supplier));
    put(&mut fields, "processStatus", of.status);
    put(
        &mut fields,
        "meta",
        json!({
            "lastUpdatedAt": time(of.updated),
            "supplierErpMeta": { "despatchAdviceErpIssueDateTime": erp_time(of.issued) },
        }),
    );
    Value::Object(fields)
}

fn supplier_shipment(of: &Shipment, parties: &Parties, supplier: &Company) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "companyId", parties.supplier(of.supplier).to_string());
    put(&mut fields, "buyerAccountNumber", BUYER.account);
    put(&mut fields, "shipmentNumber", &*of.number);
    put(&mut fields, "invoiceNumbers", json!([format!("INV-{}", of.number)]));
    put_some(&mut fields, "documents", documents(&of.documents, Side::Supplier, None));
    put(&mut fields, "contacts", json!([{ "email": supplier.email }]));
    Value::Object(fields)
}

fn line(place: usize, of: &Shipped) -> Value {
    let position = format!("{:02}", place + 1);
    let mut despatched = Map::new();
    put(&mut despatched, "despatchAdviceNumber", "DA1");
    put(&mut despatched, "despatchAdviceLinePosition", &*position);
    put(&mut despatched, "despatchQuantity", decimal(of.quantity));
    if let Some((quantity, date)) = of.later {
        put(&mut despatched, "backorderQuantity", decimal(quantity));
        put(&mut despatched, "backorderDate", date.to_string());
    }
    json!({
        "purchaseOrderNumber": of.order,
        "purchaseOrderLinePosition": of.position,
        "deliverySchedulePosition": "0001",
        "item": {
            "buyerItemNumber": of.item.number,
            "buyerItemName": of.item.name,
            "purchaseUnitOfMeasureIso": of.item.unit,
        },
        "supplierLine": despatched,
        "meta": { "lastUpdatedAt": time(of.updated) },
    })
}

fn locations(of: &Shipment, supplier: &Company) -> Value {
    let left = of.issued.to_zoned(TimeZone::UTC).date();
    let arrives: Date = left.checked_add(5.days()).unwrap_or(left);
    let departure = location(supplier, "PortOfLoading", "countryCodeIso2");
    let destination = location(&BUYER, "FinalDestination", "countryCodeIso");
    json!({
        "departure": { "location": departure, "etdDate": left.to_string() },
        "destinations": [{
            "location": destination,
            "etaStartDate": arrives.to_string(),
            "etaStartTime": "12:13:14",
        }],
    })
}

/// A place; the name of the country's field is one of the two that the platform uses.
fn location(company: &Company, kind: &str, country: &str) -> Value {
    json!({
        "locationType": kind,
        "id": company.gln,
        "idScheme": "GLN",
        "names": [company.name],
        "addressLines": [company.street],
        "postalCode": company.postal_code,
        "city": company.city,
        country: company.country,
    })
}
