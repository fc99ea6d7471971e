//! An order: as its event, and as the API answers it.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::line::line;
use super::{Form, documents, erp_time, meta, put, put_some, time};
use crate::simulate::world::{BUYER, Company, Line, Order, Parties, SUPPLIERS, Side};

/// The order. With `affected` it is that of an event, which has only these lines; without, it is the whole one that
/// the API answers.
pub(crate) fn order(of: &Order, parties: &Parties, form: Form, affected: Option<&[Uuid]>) -> Value {
    let mut fields = Map::new();
    put(&mut fields, if affected.is_some() { "orderId" } else { "id" }, &*of.id);
    put(&mut fields, "buyerOrder", buyer_order(of, parties));
    put(&mut fields, "supplierOrder", supplier_order(of, parties));
    put(&mut fields, "indicators", json!({ "deliveryOverdue": false }));
    let phase = of.phase();
    let mut status = Map::new();
    put(&mut status, "processStatus", phase.process());
    put_some(&mut status, "inProgressStatus", phase.in_progress());
    put(&mut status, "logisticsStatus", of.logistics());
    put(&mut fields, "status", status);
    if of.legacy.is_none() {
        put(&mut fields, "version", of.version);
    }
    put(&mut fields, "eventDates", json!({ "issuedDateTime": time(of.issued) }));
    let told = |line: &&Line| affected.is_none_or(|affected| affected.contains(&line.id));
    put(&mut fields, "lines", of.lines.iter().filter(told).map(|of| line(of, form)).collect::<Vec<_>>());
    put_some(&mut fields, "legacyOrderId", of.legacy.as_deref());
    if affected.is_none() && of.legacy.is_none() {
        put(&mut fields, "meta", meta(&of.meta));
    }
    put(&mut fields, "lastUpdatedAt", time(of.updated));
    Value::Object(fields)
}

/// The event about the newest documents of an order: what names it, and these documents.
pub(crate) fn documents_event(of: &Order, parties: &Parties) -> Value {
    let since = Some(of.updated);
    let mut fields = Map::new();
    put(&mut fields, "orderId", &*of.id);
    put_some(&mut fields, "legacyOrderId", of.legacy.as_deref());
    let mut buyer = Map::new();
    put(&mut buyer, "companyId", parties.buyer.to_string());
    put(&mut buyer, "supplierAccountNumber", supplier(of).account);
    put(&mut buyer, "purchaseOrderNumber", &*of.number);
    put_some(&mut buyer, "documents", documents(&of.documents, Side::Buyer, since));
    put(&mut fields, "buyerOrder", buyer);
    let mut other = Map::new();
    put(&mut other, "companyId", parties.supplier(of.supplier).to_string());
    put(&mut other, "buyerAccountNumber", BUYER.account);
    put_some(&mut other, "documents", documents(&of.documents, Side::Supplier, since));
    put(&mut fields, "supplierOrder", other);
    let lines: Vec<Value> = of.lines.iter().filter_map(|line| with_documents(line, of)).collect();
    if !lines.is_empty() {
        put(&mut fields, "lines", lines);
    }
    put(&mut fields, "lastUpdatedAt", time(of.updated));
    Value::Object(fields)
}

fn with_documents(line: &Line, of: &Order) -> Option<Value> {
    let new = |by| documents(&line.documents, by, Some(of.updated));
    let (buyer, supplier) = (new(Side::Buyer), new(Side::Supplier));
    if buyer.is_none() && supplier.is_none() {
        return None;
    }
    let mut fields = Map::new();
    put(&mut fields, "id", line.id.to_string());
    let mut buyer_line = Map::new();
    put(&mut buyer_line, "position", &*line.position);
    put_some(&mut buyer_line, "documents", buyer);
    put(&mut fields, "buyerLine", buyer_line);
    if let Some(supplier) = supplier {
        put(&mut fields, "supplierLine", json!({ "documents": supplier }));
    }
    put(&mut fields, "lastUpdatedAt", time(line.updated));
    Some(Value::Object(fields))
}

fn supplier(of: &Order) -> &'static Company {
    SUPPLIERS.get(of.supplier).unwrap_or(&SUPPLIERS[0])
}

fn party(company: &Company) -> Value {
    json!({
        "id": company.gln,
        "idScheme": "GLN",
        "names": [company.name],
        "addressLines": [company.street],
        "postalCode": company.postal_code,
        "city": company.city,
        "countryCodeIso2": company.country,
        "countryName": company.country_name,
    })
}

fn buyer_order(of: &Order, parties: &Parties) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "companyId", parties.buyer.to_string());
    put(&mut fields, "buyerParty", party(&BUYER));
    put(&mut fields, "supplierParty", party(supplier(of)));
    put(&mut fields, "supplierAccountNumber", supplier(of).account);
    put(&mut fields, "purchaseOrderNumber", &*of.number);
    put(&mut fields, "description", format!("Purchase order {} & parts", of.number));
    put(
        &mut fields,
        "destination",
        json!({
            "code": "001",
            "names": ["Warehouse North", "Dock 12"],
            "addressLines": [BUYER.street],
            "postalCode": BUYER.postal_code,
            "city": BUYER.city,
            "countryCodeIso2": BUYER.country,
        }),
    );
    put(&mut fields, "terms", terms());
    put(&mut fields, "indicators", json!({ "shipped": of.logistics() == "Shipped", "autoConfirm": false }));
    put(&mut fields, "properties", json!([{ "key": "color", "value": "red <RAL 3000>" }]));
    put_some(&mut fields, "documents", documents(&of.documents, Side::Buyer, None));
    put(&mut fields, "notes", json!(["Deliver between 07:00 and 15:30"]));
    put(&mut fields, "labels", json!(["Simulated"]));
    put(&mut fields, "contact", json!({ "email": BUYER.email, "userName": "J. Janssen" }));
    put(&mut fields, "orderType", "Purchase");
    put(&mut fields, "erpIssueDateTime", erp_time(of.issued));
    Value::Object(fields)
}

/// How and when it is delivered and paid.
pub(super) fn terms() -> Value {
    json!({
        "incotermsCode": "CIF",
        "incoterms": "ECT Rotterdam",
        "paymentTermsCode": "30D",
        "paymentTerms": "30 days",
    })
}

fn supplier_order(of: &Order, parties: &Parties) -> Value {
    let mut fields = Map::new();
    put(&mut fields, "companyId", parties.supplier(of.supplier).to_string());
    put(&mut fields, "buyerAccountNumber", BUYER.account);
    put(&mut fields, "description", format!("Your order {}", of.number));
    put(&mut fields, "contact", json!({ "email": supplier(of).email }));
    put(&mut fields, "notes", json!(["M8 x 40\nverzinkt"]));
    put_some(&mut fields, "documents", documents(&of.documents, Side::Supplier, None));
    Value::Object(fields)
}
