//! Order lines: what the buyer asked for, what the supplier answered, what is agreed.

use jiff::civil::Date;

use super::decimal::Decimal;
use super::item::{Certification, Item, ItemDetails};
use super::moment::DateTime;
use super::parts::{Document, EventDates, Indicators, Property, Status};
use super::price::{ChargeLine, Prices};
use super::status::{LineType, LogisticsStatus, RequestStatus};

described! {
    /// A line of an order. An event with delivery schedules fills the four fields from
    /// `delivery_schedule` on, a single delivery event `status_line` in their place.
    pub struct Line {
        /// Its id at Tradecloud.
        id: Option<String> = "id",
        /// What the line is about.
        line_type: Option<LineType> = "lineType",
        /// Why something is charged (UNCL 7161), on a line of type charge.
        charge_reason_code: Option<String> = "chargeReasonCode",
        /// The buyer's side.
        buyer_line: Option<BuyerLine> = "buyerLine",
        /// The supplier's side.
        supplier_line: Option<SupplierLine> = "supplierLine",
        /// What both agreed on; valid only while the process status is confirmed.
        confirmed_line: Option<ConfirmedLine> = "confirmedLine",
        /// When how much is to be delivered.
        delivery_schedule: Vec<DeliveryLine> = "deliverySchedule" each "deliveryScheduleLine",
        /// The same as if open requests were granted.
        delivery_schedule_including_requests: Vec<DeliveryLine> =
            "deliveryScheduleIncludingRequests" each "deliveryScheduleIncludingRequestsLine",
        /// At what price.
        prices: Option<Prices> = "prices",
        /// The same as if open requests were granted.
        prices_including_requests: Option<Prices> = "pricesIncludingRequests",
        /// Delivery and prices of a single delivery event.
        status_line: Option<StatusLine> = "statusLine",
        /// Whether a delivery is late.
        indicators: Option<Indicators> = "indicators",
        /// Where it stands.
        status: Option<Status> = "status",
        /// When it reached its statuses.
        event_dates: Option<EventDates> = "eventDates",
        /// Item details of buyer and supplier together.
        merged_item_details: Option<ItemDetails> = "mergedItemDetails",
        /// Why the last change was made.
        reason: Option<String> = "reason",
        /// The line in Tradecloud's portal.
        portal_url: Option<String> = "portalUrl",
        /// When it was last changed.
        last_updated_at: Option<DateTime> = "lastUpdatedAt",
    }

    /// The buyer's side of a line.
    pub struct BuyerLine {
        /// The buyer's number of the line; absent on a line that the supplier split off.
        position: Option<String> = "position",
        /// The number of the line that this one was split off from.
        original_position: Option<String> = "originalPosition",
        /// Where the line stands in the order.
        row: Option<String> = "row",
        /// Text about the line.
        description: Option<String> = "description",
        /// What is ordered.
        item: Option<Item> = "item",
        /// Details of it.
        item_details: Option<ItemDetails> = "itemDetails",
        /// When how much is asked for.
        delivery_schedule: Vec<DeliveryLine> = "deliverySchedule" each "deliveryScheduleLine",
        /// What was delivered already.
        delivery_history: Vec<DeliveryLine> = "deliveryHistory" each "deliveryHistoryLine",
        /// The one delivery asked for, in a single delivery event.
        scheduled_delivery: Option<DeliveryLine> = "scheduledDelivery",
        /// What was delivered, in a single delivery event.
        actual_delivery: Option<DeliveryLine> = "actualDelivery",
        /// The price asked for.
        prices: Option<Prices> = "prices",
        /// Charges; Tradecloud advises lines of type charge in their place.
        charge_lines: Vec<ChargeLine> = "chargeLines" each "chargeLine",
        /// What the buyer asks to change.
        requests: Option<Requests> = "requests",
        /// The contract behind the line.
        terms: Option<LineTerms> = "terms",
        /// Project number.
        project_number: Option<String> = "projectNumber",
        /// Production number.
        production_number: Option<String> = "productionNumber",
        /// The number of the buyer's own sales order.
        sales_order_number: Option<String> = "salesOrderNumber",
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
        /// Why the last change was made.
        reason: Option<String> = "reason",
        /// The certificate asked for.
        certification: Option<Certification> = "certification",
    }

    /// The supplier's side of a line.
    pub struct SupplierLine {
        /// The supplier's order number.
        sales_order_number: Option<String> = "salesOrderNumber",
        /// The supplier's number of the line.
        sales_order_position: Option<String> = "salesOrderPosition",
        /// The same, as some editions name it.
        sales_order_line_position: Option<String> = "salesOrderLinePosition",
        /// Text about the line.
        description: Option<String> = "description",
        /// What the supplier asks to change.
        requests: Option<Requests> = "requests",
        /// Details of what is delivered.
        item_details: Option<ItemDetails> = "itemDetails",
        /// The supplier's own fields.
        properties: Vec<Property> = "properties" each "property",
        /// Notes.
        notes: Vec<String> = "notes" each "note",
        /// The supplier's documents.
        documents: Vec<Document> = "documents" each "document",
    }

    /// What both agreed on.
    pub struct ConfirmedLine {
        /// When how much is delivered.
        delivery_schedule: Vec<DeliveryLine> = "deliverySchedule" each "deliveryScheduleLine",
        /// At what price.
        prices: Option<Prices> = "prices",
        /// With what charges.
        charge_lines: Vec<ChargeLine> = "chargeLines" each "chargeLine",
    }

    /// Delivery and prices of a line in a single delivery event.
    pub struct StatusLine {
        /// When how much is to be delivered.
        scheduled_delivery: Option<DeliveryLine> = "scheduledDelivery",
        /// The same as if open requests were granted.
        scheduled_delivery_incl_requests: Option<DeliveryLine> = "scheduledDeliveryInclRequests",
        /// At what price.
        prices: Option<Prices> = "prices",
        /// The same as if open requests were granted.
        prices_incl_requests: Option<Prices> = "pricesInclRequests",
    }

    /// One delivery.
    pub struct DeliveryLine {
        /// Its number within the line.
        position: Option<String> = "position",
        /// When, in the local time of the destination.
        date: Option<Date> = "date",
        /// How much, in the purchase unit of the item.
        quantity: Option<Decimal> = "quantity",
        /// Where the goods are.
        status: Option<LogisticsStatus> = "status",
        /// Estimated day of departure.
        etd: Option<Date> = "etd",
        /// Estimated day of arrival.
        eta: Option<Date> = "eta",
        /// How it is transported, in the sender's words.
        transport_mode: Option<String> = "transportMode",
    }

    /// What one side asks the other to change. Kinds of requests not named here are in `other`.
    pub struct Requests {
        /// The supplier's proposal to deliver otherwise than asked.
        proposal: Option<Request> = "proposal",
        /// The wish to change a confirmed line.
        reopen_request: Option<Request> = "reopenRequest",
    }

    /// A proposal or a wish to change a line.
    pub struct Request {
        /// When how much is to be delivered.
        delivery_schedule: Vec<DeliveryLine> = "deliverySchedule" each "deliveryScheduleLine",
        /// The same in a single delivery event.
        scheduled_delivery: Option<DeliveryLine> = "scheduledDelivery",
        /// At what price.
        prices: Option<Prices> = "prices",
        /// With what charges.
        charge_lines: Vec<ChargeLine> = "chargeLines" each "chargeLine",
        /// Why.
        reason: Option<String> = "reason",
        /// What became of it.
        status: Option<RequestStatus> = "status",
    }

    /// The contract behind a line.
    pub struct LineTerms {
        /// Number of the contract.
        contract_number: Option<String> = "contractNumber",
        /// Position in it.
        contract_position: Option<String> = "contractPosition",
    }
}
