//! Orders: one type for every form in which Tradecloud sends them.

use super::line::Line;
use super::meta::MessageMeta;
use super::moment::DateTime;
use super::parts::{Document, EventDates, Indicators, OrderTerms, Property, Status};
use super::party::{Contact, Destination, Party};
use super::status::OrderType;

described! {
    /// An order, or the documents attached to one. It holds **only the lines the event affects**.
    pub struct Order {
        /// Its id at Tradecloud, in an event.
        order_id: Option<String> = "orderId",
        /// The same in a bare or fetched order; see [`Order::subject_id`].
        id: Option<String> = "id",
        /// Its id on the legacy platform.
        legacy_order_id: Option<String> = "legacyOrderId",
        /// Counts the changes.
        version: Option<i64> = "version",
        /// The order in Tradecloud's portal.
        portal_url: Option<String> = "portalUrl",
        /// Why the last change was made.
        reason: Option<String> = "reason",
        /// The buyer's side.
        buyer_order: Option<BuyerOrder> = "buyerOrder",
        /// The supplier's side.
        supplier_order: Option<SupplierOrder> = "supplierOrder",
        /// Whether a delivery is late.
        indicators: Option<Indicators> = "indicators",
        /// Where it stands.
        status: Option<Status> = "status",
        /// When it reached its statuses.
        event_dates: Option<EventDates> = "eventDates",
        /// The lines that the event affects.
        lines: Vec<Line> = "lines" each "line",
        /// When it was last changed.
        last_updated_at: Option<DateTime> = "lastUpdatedAt",
        /// Message meta, where an edition sends it inside the event.
        meta: Option<MessageMeta> = "meta",
    }

    /// The buyer's side of an order.
    pub struct BuyerOrder {
        /// The buyer's id at Tradecloud.
        company_id: Option<String> = "companyId",
        /// Who buys.
        buyer_party: Option<Party> = "buyerParty",
        /// Who is to be invoiced.
        buyer_accounting_party: Option<Party> = "buyerAccountingParty",
        /// Who is asked to deliver.
        supplier_party: Option<Party> = "supplierParty",
        /// The supplier's number at the buyer.
        supplier_account_number: Option<String> = "supplierAccountNumber",
        /// The buyer's order number.
        purchase_order_number: Option<String> = "purchaseOrderNumber",
        /// Text about the order.
        description: Option<String> = "description",
        /// Where to deliver.
        destination: Option<Destination> = "destination",
        /// Delivery and payment terms.
        terms: Option<OrderTerms> = "terms",
        /// Yes or no questions.
        indicators: Option<Indicators> = "indicators",
        /// The buyer's own fields.
        properties: Vec<Property> = "properties" each "property",
        /// The buyer's documents.
        documents: Vec<Document> = "documents" each "document",
        /// Notes.
        notes: Vec<String> = "notes" each "note",
        /// Labels.
        labels: Vec<String> = "labels" each "label",
        /// The buyer's contact.
        contact: Option<Contact> = "contact",
        /// The contact at the supplier, as the buyer knows it.
        supplier_contact: Option<Contact> = "supplierContact",
        /// What it is meant as.
        order_type: Option<OrderType> = "orderType",
        /// When it was issued in the buyer's ERP, local time.
        erp_issue_date_time: Option<DateTime> = "erpIssueDateTime",
        /// By whom.
        erp_issued_by: Option<Contact> = "erpIssuedBy",
        /// When it was last changed in the buyer's ERP, local time.
        erp_last_change_date_time: Option<DateTime> = "erpLastChangeDateTime",
        /// By whom.
        erp_last_changed_by: Option<Contact> = "erpLastChangedBy",
    }

    /// The supplier's side of an order.
    pub struct SupplierOrder {
        /// The supplier's id at Tradecloud.
        company_id: Option<String> = "companyId",
        /// The buyer's number at the supplier.
        buyer_account_number: Option<String> = "buyerAccountNumber",
        /// Text about the order.
        description: Option<String> = "description",
        /// The supplier's contact.
        contact: Option<Contact> = "contact",
        /// The supplier's own fields.
        properties: Vec<Property> = "properties" each "property",
        /// Notes.
        notes: Vec<String> = "notes" each "note",
        /// The supplier's documents.
        documents: Vec<Document> = "documents" each "document",
    }
}

impl Order {
    /// The order's id: `orderId`, else `id`, else the legacy one.
    pub fn subject_id(&self) -> Option<&str> {
        [&self.order_id, &self.id, &self.legacy_order_id]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .find(|id| !id.is_empty())
    }

    /// The buyer's order number.
    pub fn purchase_order_number(&self) -> Option<&str> {
        self.buyer_order.as_ref()?.purchase_order_number.as_deref()
    }

    /// Every document of the order: the buyer's and the supplier's, then those of each line.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        let buyer = self.buyer_order.iter().flat_map(|order| &order.documents);
        let supplier = self.supplier_order.iter().flat_map(|order| &order.documents);
        let lines = self.lines.iter().flat_map(|line| {
            let buyer = line.buyer_line.iter().flat_map(|line| &line.documents);
            buyer.chain(line.supplier_line.iter().flat_map(|line| &line.documents))
        });
        buyer.chain(supplier).chain(lines)
    }
}
