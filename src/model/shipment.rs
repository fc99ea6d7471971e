//! Shipments: always whole, with all lines and documents; what changed is told by a time stamp.

use jiff::civil::{Date, Time};
use serde_json::Value;

use super::decimal::Decimal;
use super::meta::MessageSource;
use super::moment::DateTime;
use super::parts::{Document, OrderTerms, UpdateMeta};
use super::party::{Contact, Location, Party};
use super::status::ShipmentProcessStatus;

described! {
    /// A shipment.
    pub struct Shipment {
        /// Its id at Tradecloud.
        id: Option<String> = "id",
        /// The carrier's and customs' numbers.
        identifiers: Option<ShipmentIdentifiers> = "identifiers",
        /// How it is transported, in the supplier's words.
        transport_mode: Option<String> = "transportMode",
        /// The supplier's side.
        supplier_shipment: Option<SupplierShipment> = "supplierShipment",
        /// The buyer's side.
        buyer_shipment: Option<BuyerShipment> = "buyerShipment",
        /// Containers and packages with the lines in them.
        load_carriers: Vec<LoadCarrier> = "loadCarriers" each "loadCarrier",
        /// The lines that are in no load carrier; see [`Shipment::all_lines`].
        lines: Vec<ShipmentLine> = "lines" each "line",
        /// From where to where.
        locations: Option<ShipmentLocations> = "locations",
        /// Where it is; Tradecloud does not document more of it.
        status: Option<Value> = "status",
        /// Where it stands between buyer and supplier.
        process_status: Option<ShipmentProcessStatus> = "processStatus",
        /// Why.
        process_status_reason: Option<String> = "processStatusReason",
        /// When it was last changed.
        meta: Option<ShipmentMeta> = "meta",
    }

    /// The numbers that carriers and customs know a shipment by.
    pub struct ShipmentIdentifiers {
        /// Bill of lading.
        bill_of_lading_number: Option<String> = "billOfLadingNumber",
        /// When it was issued.
        bill_of_lading_issue_date: Option<Date> = "billOfLadingIssueDate",
        /// The ship.
        imo_number: Option<String> = "imoNumber",
        /// The carrier's number.
        carrier_shipment_number: Option<String> = "carrierShipmentNumber",
        /// To follow it with.
        tracking_number: Option<String> = "trackingNumber",
    }

    /// The supplier's side of a shipment.
    pub struct SupplierShipment {
        /// The supplier's id at Tradecloud.
        company_id: Option<String> = "companyId",
        /// Who ships.
        supplier_party: Option<Party> = "supplierParty",
        /// The buyer's number at the supplier.
        buyer_account_number: Option<String> = "buyerAccountNumber",
        /// The supplier's shipment number.
        shipment_number: Option<String> = "shipmentNumber",
        /// The supplier's invoices.
        invoice_numbers: Vec<String> = "invoiceNumbers" each "invoiceNumber",
        /// The supplier's documents.
        documents: Vec<Document> = "documents" each "document",
        /// The supplier's contacts.
        contacts: Vec<Contact> = "contacts" each "contact",
    }

    /// The buyer's side of a shipment.
    pub struct BuyerShipment {
        /// The buyer's id at Tradecloud.
        company_id: Option<String> = "companyId",
        /// Who receives.
        buyer_party: Option<Party> = "buyerParty",
        /// The supplier's number at the buyer.
        supplier_account_number: Option<String> = "supplierAccountNumber",
        /// The buyer's documents.
        documents: Vec<Document> = "documents" each "document",
        /// The buyer's contacts.
        contacts: Vec<Contact> = "contacts" each "contact",
        /// The terms of the order.
        purchase_order_terms: Option<OrderTerms> = "purchaseOrderTerms",
    }

    /// A container or package.
    pub struct LoadCarrier {
        /// Number of the container.
        container_number: Option<String> = "containerNumber",
        /// Its size and type, ISO 6346.
        container_size_and_type: Option<String> = "containerSizeAndType",
        /// Serial shipping container code of the package.
        package_sscc: Option<String> = "packageSSCC",
        /// What kind of package.
        package_type: Option<String> = "packageType",
        /// What is in it.
        lines: Vec<ShipmentLine> = "lines" each "line",
    }

    /// A line of a shipment: goods of one line of an order.
    pub struct ShipmentLine {
        /// The buyer's order number.
        purchase_order_number: Option<String> = "purchaseOrderNumber",
        /// The buyer's number of the order line.
        purchase_order_line_position: Option<String> = "purchaseOrderLinePosition",
        /// Which delivery of that line.
        delivery_schedule_position: Option<String> = "deliverySchedulePosition",
        /// What is shipped.
        item: Option<ShipmentItem> = "item",
        /// How much.
        supplier_line: Option<ShipmentSupplierLine> = "supplierLine",
        /// When the line was last changed.
        meta: Option<UpdateMeta> = "meta",
    }

    /// The article of a shipment line.
    pub struct ShipmentItem {
        /// The buyer's article number.
        buyer_item_number: Option<String> = "buyerItemNumber",
        /// Its revision.
        buyer_item_revision: Option<String> = "buyerItemRevision",
        /// The buyer's name of it.
        buyer_item_name: Option<String> = "buyerItemName",
        /// The supplier's article number.
        supplier_item_number: Option<String> = "supplierItemNumber",
        /// Its revision.
        supplier_item_revision: Option<String> = "supplierItemRevision",
        /// The supplier's name of it.
        supplier_item_name: Option<String> = "supplierItemName",
        /// The unit of the quantities.
        purchase_unit_of_measure_iso: Option<String> = "purchaseUnitOfMeasureIso",
    }

    /// How much of an order line is shipped.
    pub struct ShipmentSupplierLine {
        /// The despatch advice.
        despatch_advice_number: Option<String> = "despatchAdviceNumber",
        /// Its line.
        despatch_advice_line_position: Option<String> = "despatchAdviceLinePosition",
        /// How much is shipped.
        despatch_quantity: Option<Decimal> = "despatchQuantity",
        /// How much follows later.
        backorder_quantity: Option<Decimal> = "backorderQuantity",
        /// When.
        backorder_date: Option<Date> = "backorderDate",
    }

    /// From where to where a shipment goes.
    pub struct ShipmentLocations {
        /// From where.
        departure: Option<Departure> = "departure",
        /// To where, in order.
        destinations: Vec<ShipmentDestination> = "destinations" each "destination",
    }

    /// Where and when a shipment departs.
    pub struct Departure {
        /// Where.
        location: Option<Location> = "location",
        /// Estimated day.
        etd_date: Option<Date> = "etdDate",
        /// Actual day.
        atd_date: Option<Date> = "atdDate",
    }

    /// Where and when a shipment arrives.
    pub struct ShipmentDestination {
        /// Where.
        location: Option<Location> = "location",
        /// First estimated day of arrival.
        eta_start_date: Option<Date> = "etaStartDate",
        /// Time on that day.
        eta_start_time: Option<Time> = "etaStartTime",
        /// Last estimated day of arrival.
        eta_end_date: Option<Date> = "etaEndDate",
        /// Time on that day.
        eta_end_time: Option<Time> = "etaEndTime",
        /// Actual day of arrival.
        ata_date: Option<Date> = "ataDate",
        /// Estimated day of departure from there.
        etd_date: Option<Date> = "etdDate",
        /// Actual day of departure from there.
        atd_date: Option<Date> = "atdDate",
    }

    /// About the shipment; in some editions also about the message.
    pub struct ShipmentMeta {
        /// When it was last changed.
        last_updated_at: Option<DateTime> = "lastUpdatedAt",
        /// About the supplier's ERP.
        supplier_erp_meta: Option<SupplierErpMeta> = "supplierErpMeta",
        /// As in the meta of a message, where an edition sends it inside the event.
        message_id: Option<String> = "messageId",
        /// As in the meta of a message.
        source: Option<MessageSource> = "source",
        /// As in the meta of a message.
        created_date_time: Option<DateTime> = "createdDateTime",
    }

    /// About the supplier's ERP.
    pub struct SupplierErpMeta {
        /// When the despatch advice was issued there, local time.
        despatch_advice_erp_issue_date_time: Option<DateTime> = "despatchAdviceErpIssueDateTime",
    }
}

impl Shipment {
    /// Every line: those in load carriers first, then the others.
    pub fn all_lines(&self) -> impl Iterator<Item = &ShipmentLine> {
        self.load_carriers.iter().flat_map(|carrier| &carrier.lines).chain(&self.lines)
    }

    /// The lines that are new or changed: those last changed when the shipment was.
    pub fn changed_lines(&self) -> impl Iterator<Item = &ShipmentLine> {
        self.all_lines().filter(|line| self.changed(line.meta.as_ref()))
    }

    /// Every document: the supplier's, then the buyer's.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        let supplier = self.supplier_shipment.iter().flat_map(|shipment| &shipment.documents);
        supplier.chain(self.buyer_shipment.iter().flat_map(|shipment| &shipment.documents))
    }

    /// The documents that are new or changed: those last changed when the shipment was.
    ///
    /// ```
    /// use tradecloud_webhook::model::Shipment;
    ///
    /// let shipment: Shipment = serde_json::from_str(
    ///     r#"{"supplierShipment": {"documents": [
    ///         {"code": "old", "meta": {"lastUpdatedAt": "2025-01-01T00:00:00.000Z"}},
    ///         {"code": "new", "meta": {"lastUpdatedAt": "2025-02-01T00:00:00.000Z"}}
    ///     ]}, "meta": {"lastUpdatedAt": "2025-02-01T00:00:00.000Z"}}"#,
    /// )?;
    /// let codes: Vec<_> = shipment.changed_documents().map(|document| document.code.as_deref()).collect();
    /// assert_eq!(codes, [Some("new")]);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn changed_documents(&self) -> impl Iterator<Item = &Document> {
        self.documents().filter(|document| self.changed(document.meta.as_ref()))
    }

    /// Whether a part was last changed when the shipment was; no if either does not say when.
    fn changed(&self, part: Option<&UpdateMeta>) -> bool {
        let shipment = self.meta.as_ref().and_then(|meta| meta.last_updated_at.as_ref());
        shipment.is_some() && part.and_then(|meta| meta.last_updated_at.as_ref()) == shipment
    }
}
