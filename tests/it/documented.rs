//! What Tradecloud documents of its messages, written down a second time: the tests hold the model and
//! the rules of tXML against this table, not against themselves.

use proptest::prelude::*;
use serde_json::{Map, Number, Value};

/// A type and its fields. `=` text, `#` number, `%` whole number, `?` boolean, `d` date, `t` time,
/// `z` date-time, `*` anything, `[]` a list; the rest are types of this table.
pub(crate) const TYPES: &[(&str, &str)] = &[
    (
        "Order",
        "orderId = id = legacyOrderId = version % portalUrl = reason = lastUpdatedAt z buyerOrder BuyerOrder \
         supplierOrder SupplierOrder indicators Indicators status Status eventDates EventDates lines []Line meta Meta",
    ),
    (
        "BuyerOrder",
        "companyId = buyerParty Party buyerAccountingParty Party supplierParty Party supplierAccountNumber = \
         purchaseOrderNumber = description = destination Destination terms OrderTerms indicators Indicators \
         properties []Property documents []Document notes []= labels []= contact Contact supplierContact Contact \
         orderType = erpIssueDateTime z erpIssuedBy Contact erpLastChangeDateTime z erpLastChangedBy Contact",
    ),
    (
        "SupplierOrder",
        "companyId = buyerAccountNumber = description = contact Contact properties []Property notes []= \
         documents []Document",
    ),
    ("Party", "id = idScheme = names []= addressLines []= postalCode = city = countryCodeIso2 = countryName ="),
    (
        "Destination",
        "code = names []= addressLines []= postalCode = city = countryCodeIso2 = countryName = locationType =",
    ),
    (
        "Location",
        "locationType = id = idScheme = names []= addressLines []= postalCode = city = countryCodeIso = countryCodeIso2 =",
    ),
    ("Contact", "userId = email = userName = firstName = lastName = position = phoneNumber ="),
    ("OrderTerms", "incotermsCode = incoterms = paymentTermsCode = paymentTerms ="),
    ("LineTerms", "contractNumber = contractPosition ="),
    (
        "Indicators",
        "confirmed ? shipped ? delivered ? completed ? cancelled ? cancelLineWhenMissing ? autoConfirm ? \
         noDeliveryExpected ? proposeWhenAccepted ? deliveryOverdue ?",
    ),
    ("Property", "key = value ="),
    ("Document", "code = revision = name = description = type = objectId = url = meta Updated"),
    ("Updated", "lastUpdatedAt z"),
    ("Status", "processStatus = inProgressStatus = logisticsStatus ="),
    ("EventDates", "issuedDateTime z"),
    (
        "Line",
        "id = lineType = chargeReasonCode = buyerLine BuyerLine supplierLine SupplierLine confirmedLine ConfirmedLine \
         deliverySchedule []Delivery deliveryScheduleIncludingRequests []Delivery prices Prices \
         pricesIncludingRequests Prices statusLine StatusLine indicators Indicators status Status \
         eventDates EventDates mergedItemDetails ItemDetails reason = portalUrl = lastUpdatedAt z",
    ),
    (
        "BuyerLine",
        "position = originalPosition = row = description = item Item itemDetails ItemDetails \
         deliverySchedule []Delivery deliveryHistory []Delivery scheduledDelivery Delivery actualDelivery Delivery \
         prices Prices chargeLines []Charge requests Requests terms LineTerms projectNumber = productionNumber = \
         salesOrderNumber = indicators Indicators properties []Property documents []Document notes []= labels []= \
         reason = certification Certification",
    ),
    (
        "SupplierLine",
        "salesOrderNumber = salesOrderPosition = salesOrderLinePosition = description = requests Requests \
         itemDetails ItemDetails properties []Property notes []= documents []Document",
    ),
    ("ConfirmedLine", "deliverySchedule []Delivery prices Prices chargeLines []Charge"),
    (
        "StatusLine",
        "scheduledDelivery Delivery scheduledDeliveryInclRequests Delivery prices Prices pricesInclRequests Prices",
    ),
    ("Requests", "proposal Request reopenRequest Request"),
    ("Request", "deliverySchedule []Delivery prices Prices chargeLines []Charge reason = status ="),
    ("Delivery", "position = date d quantity # status = etd d eta d transportMode ="),
    ("Prices", "grossPrice Price discountPercentage # netPrice Price priceUnitOfMeasureIso = priceUnitQuantity #"),
    ("Price", "priceInTransactionCurrency Money priceInBaseCurrency Money"),
    ("Money", "value # currencyIso ="),
    ("Charge", "position = chargeTypeCode = chargeDescription = quantity # price Price priceUnitOfMeasureIso ="),
    (
        "Item",
        "number = revision = name = description = purchaseUnitOfMeasureIso = supplierItemNumber = dimensions []Dimension",
    ),
    ("Dimension", "attribute = measure # unitOfMeasureUnece ="),
    (
        "ItemDetails",
        "countryOfOriginCodeIso2 = combinedNomenclatureCode = netWeight # netWeightUnitOfMeasureIso = \
         dangerousGoodsCodeUnece = serialNumber = batchNumber =",
    ),
    ("Certification", "typeCode = type = classificationSocietyCode = classificationSociety ="),
    ("Meta", "messageId = source Source createdDateTime z"),
    ("Source", "traceId = userId = companyId = origin ="),
    (
        "Shipment",
        "id = identifiers Identifiers transportMode = supplierShipment SupplierShipment buyerShipment BuyerShipment \
         loadCarriers []LoadCarrier lines []ShipmentLine locations Locations status * processStatus = \
         processStatusReason = meta ShipmentMeta",
    ),
    (
        "Identifiers",
        "billOfLadingNumber = billOfLadingIssueDate d imoNumber = carrierShipmentNumber = trackingNumber =",
    ),
    (
        "SupplierShipment",
        "companyId = supplierParty Party buyerAccountNumber = shipmentNumber = invoiceNumbers []= \
         documents []Document contacts []Contact",
    ),
    (
        "BuyerShipment",
        "companyId = buyerParty Party supplierAccountNumber = documents []Document contacts []Contact \
         purchaseOrderTerms OrderTerms",
    ),
    ("LoadCarrier", "containerNumber = containerSizeAndType = packageSSCC = packageType = lines []ShipmentLine"),
    (
        "ShipmentLine",
        "purchaseOrderNumber = purchaseOrderLinePosition = deliverySchedulePosition = item ShipmentItem \
         supplierLine ShipmentSupplierLine meta Updated",
    ),
    (
        "ShipmentItem",
        "buyerItemNumber = buyerItemRevision = buyerItemName = supplierItemNumber = supplierItemRevision = \
         supplierItemName = purchaseUnitOfMeasureIso =",
    ),
    (
        "ShipmentSupplierLine",
        "despatchAdviceNumber = despatchAdviceLinePosition = despatchQuantity # backorderQuantity # backorderDate d",
    ),
    ("Locations", "departure Departure destinations []Arrival"),
    ("Departure", "location Location etdDate d atdDate d"),
    (
        "Arrival",
        "location Location etaStartDate d etaStartTime t etaEndDate d etaEndTime t ataDate d etdDate d atdDate d",
    ),
    ("ShipmentMeta", "lastUpdatedAt z supplierErpMeta ErpMeta"),
    ("ErpMeta", "despatchAdviceErpIssueDateTime z"),
];

/// The fields of a type: name and kind.
pub(crate) fn fields(name: &str) -> Vec<(&'static str, &'static str)> {
    let (_, fields) = TYPES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no type {name}"));
    let words: Vec<_> = fields.split_whitespace().collect();
    words.chunks(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Values of a kind; `likely` is the chance of each field to be there.
pub(crate) fn value(kind: &'static str, likely: f64) -> BoxedStrategy<Value> {
    if let Some(entry) = kind.strip_prefix("[]") {
        return prop::collection::vec(value(entry, likely), 1..3).prop_map(Value::Array).boxed();
    }
    match kind {
        "=" => text().prop_map(Value::String).boxed(),
        "*" => unknown(),
        "?" => any::<bool>().prop_map(Value::Bool).boxed(),
        "%" => any::<i64>().prop_map(Value::from).boxed(),
        "#" => decimal().boxed(),
        "d" => date().prop_map(Value::String).boxed(),
        "t" => time().prop_map(Value::String).boxed(),
        "z" => (date(), time(), prop::sample::select(vec!["", ".812Z", "Z", ".5+02:00"]))
            .prop_map(|(date, time, zone)| Value::String(format!("{date}T{time}{zone}")))
            .boxed(),
        name => object(name, likely),
    }
}

fn object(name: &str, likely: f64) -> BoxedStrategy<Value> {
    let known: Vec<_> = fields(name)
        .into_iter()
        .map(|(field, kind)| {
            let value = value(kind, likely);
            let value =
                if likely < 1.0 { prop::option::weighted(likely, value).boxed() } else { value.prop_map(Some).boxed() };
            value.prop_map(move |value| (field.to_owned(), value)).boxed()
        })
        .collect();
    let unknown = prop::option::weighted(0.1, (unknown_name(), unknown()));
    (known, unknown)
        .prop_map(|(known, unknown)| {
            let known = known.into_iter().filter_map(|(field, value)| Some((field, value?)));
            Value::Object(known.chain(unknown).collect())
        })
        .boxed()
}

fn text() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "a", "Z", "0", "7", ".", " ", "  ", "<", "&", ">", "\"", "'", "\r", "\n", "\r\n", "\t", "]]>", "&amp;", "<!--",
        "é", "螺母", "😀", "\u{85}", "\u{2028}", "\u{7F}", "\u{FFFD}", "\\", "/", "{", "null", "true", "-12.50",
    ]);
    prop_oneof![
        2 => prop::sample::select(vec!["", "PO0012", "Issued", "Open", "Confirmed", "Shipped", "RFQ"]).prop_map(str::to_owned),
        3 => prop::collection::vec(nasty, 0..6).prop_map(|parts| parts.concat()),
    ]
}

fn decimal() -> impl Strategy<Value = Value> {
    let digits = || {
        prop::collection::vec(0..10_u8, 1..30).prop_map(|digits| digits.iter().map(u8::to_string).collect::<String>())
    };
    let exponent = prop::sample::select(vec!["", "", "", "e+7", "e-12", "e+999999999"]);
    (any::<bool>(), digits(), prop::option::of(digits()), exponent).prop_map(|(negative, whole, fraction, exponent)| {
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let fraction = fraction.map_or_else(String::new, |digits| format!(".{digits}"));
        let text = format!("{}{whole}{fraction}{exponent}", if negative { "-" } else { "" });
        Value::Number(text.parse::<Number>().unwrap())
    })
}

fn date() -> impl Strategy<Value = String> {
    (1990..2090_u16, 1..13_u8, 1..29_u8).prop_map(|(year, month, day)| format!("{year}-{month:02}-{day:02}"))
}

fn time() -> impl Strategy<Value = String> {
    (0..24_u8, 0..60_u8, 0..60_u8).prop_map(|(hour, minute, second)| format!("{hour:02}:{minute:02}:{second:02}"))
}

fn unknown_name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["futureField", "x", "é-1", "_new.2", "Bestellung"]).prop_map(str::to_owned)
}

/// Something that is not documented: a text, an object, or several of one of them. (A number would be
/// a text in tXML, and a list of one entry no list: nothing there tells.)
fn unknown() -> BoxedStrategy<Value> {
    let leaf = text().prop_map(Value::String).boxed();
    leaf.prop_recursive(2, 6, 3, |inner| {
        let object = prop::collection::btree_map(unknown_name(), inner.clone(), 1..3)
            .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>()));
        let not_a_list = inner.prop_filter("a list in a list has no tXML", |value| !value.is_array());
        prop_oneof![object, prop::collection::vec(not_a_list, 2..4).prop_map(Value::Array)]
    })
    .boxed()
}
