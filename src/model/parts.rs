//! Small parts that orders, lines and shipments share: documents, properties, statuses, indicators.

use super::moment::DateTime;
use super::status::{InProgressStatus, LogisticsStatus, ProcessStatus};

described! {
    /// A document. Its content is never in the event: fetch it by `object_id` or from `url`.
    pub struct Document {
        /// The sender's number of the document.
        code: Option<String> = "code",
        /// Its revision.
        revision: Option<String> = "revision",
        /// Its name.
        name: Option<String> = "name",
        /// What it is about.
        description: Option<String> = "description",
        /// What kind of document.
        r#type: Option<String> = "type",
        /// The file in Tradecloud's object storage.
        object_id: Option<String> = "objectId",
        /// The file on a server of the other party: treat it as untrusted.
        url: Option<String> = "url",
        /// When it was last changed.
        meta: Option<UpdateMeta> = "meta",
    }

    /// When a part of an order or a shipment was last changed.
    pub struct UpdateMeta {
        /// When; equal to that of its shipment if the part is new or changed.
        last_updated_at: Option<DateTime> = "lastUpdatedAt",
    }

    /// A field of the customer's own.
    pub struct Property {
        /// Its name.
        key: Option<String> = "key",
        /// Its value.
        value: Option<String> = "value",
    }

    /// Where an order or a line stands.
    pub struct Status {
        /// In the agreement between buyer and supplier.
        process_status: Option<ProcessStatus> = "processStatus",
        /// In the negotiation, while the process status says that there is one.
        in_progress_status: Option<InProgressStatus> = "inProgressStatus",
        /// In logistics.
        logistics_status: Option<LogisticsStatus> = "logisticsStatus",
    }

    /// Yes or no questions about an order or a line; which of them are present depends on where it
    /// stands.
    pub struct Indicators {
        /// The buyer has confirmed it.
        confirmed: Option<bool> = "confirmed",
        /// It is shipped.
        shipped: Option<bool> = "shipped",
        /// It is delivered.
        delivered: Option<bool> = "delivered",
        /// It is completed.
        completed: Option<bool> = "completed",
        /// It is cancelled.
        cancelled: Option<bool> = "cancelled",
        /// A line that is missing in a later message is to be cancelled.
        cancel_line_when_missing: Option<bool> = "cancelLineWhenMissing",
        /// It is confirmed without an answer of the supplier.
        auto_confirm: Option<bool> = "autoConfirm",
        /// Nothing will be delivered.
        no_delivery_expected: Option<bool> = "noDeliveryExpected",
        /// A change by the supplier is a proposal even after acceptance.
        propose_when_accepted: Option<bool> = "proposeWhenAccepted",
        /// A delivery is late.
        delivery_overdue: Option<bool> = "deliveryOverdue",
    }

    /// When an order or a line reached its statuses. Tradecloud documents the object but not which
    /// dates are in it; those not named here are in `other`.
    pub struct EventDates {
        /// When it was issued.
        issued_date_time: Option<DateTime> = "issuedDateTime",
    }

    /// The delivery and payment terms of an order.
    pub struct OrderTerms {
        /// Incoterms code.
        incoterms_code: Option<String> = "incotermsCode",
        /// The place or the terms in words.
        incoterms: Option<String> = "incoterms",
        /// The buyer's code of the payment terms.
        payment_terms_code: Option<String> = "paymentTermsCode",
        /// The payment terms in words.
        payment_terms: Option<String> = "paymentTerms",
    }
}
