//! The open lists of values: statuses and types.

open_enum! {
    /// Where an order or a line stands in the agreement between buyer and supplier.
    pub enum ProcessStatus {
        /// Sent to the supplier, no answer yet.
        Issued = "Issued",
        /// Buyer and supplier are negotiating; see [`InProgressStatus`].
        InProgress = "InProgress",
        /// Agreed.
        Confirmed = "Confirmed",
        /// Turned down by the supplier.
        Rejected = "Rejected",
        /// Nothing more will happen to it.
        Completed = "Completed",
        /// Withdrawn by the buyer.
        Cancelled = "Cancelled",
    }

    /// Where the goods are.
    pub enum LogisticsStatus {
        /// Not produced yet.
        Open = "Open",
        /// Produced.
        Produced = "Produced",
        /// Waiting for transport.
        ReadyToShip = "ReadyToShip",
        /// On its way.
        Shipped = "Shipped",
        /// Arrived.
        Delivered = "Delivered",
        /// Will not be delivered.
        Cancelled = "Cancelled",
    }

    /// What buyer and supplier are negotiating about while a line is in progress.
    pub enum InProgressStatus {
        /// The supplier proposed a change that the buyer has not answered.
        OpenSupplierProposal = "OpenSupplierProposal",
        /// The buyer turned the supplier's proposal down.
        RejectedSupplierProposal = "RejectedSupplierProposal",
        /// The buyer issued a rejected line again.
        ReissuedRejectedLine = "ReissuedRejectedLine",
        /// The buyer wants to reopen a confirmed line.
        OpenBuyerReopenRequest = "OpenBuyerReopenRequest",
        /// The supplier wants to reopen a confirmed line.
        OpenSupplierReopenRequest = "OpenSupplierReopenRequest",
        /// The buyer asks for a new confirmation.
        OpenBuyerReconfirmationRequest = "OpenBuyerReconfirmationRequest",
        /// The supplier wants to move a shipment.
        OpenSupplierShipmentRescheduleRequest = "OpenSupplierShipmentRescheduleRequest",
        /// The delivery schedule was approved.
        ApprovedDeliverySchedule = "ApprovedDeliverySchedule",
        /// The delivery schedule was turned down.
        RejectedDeliverySchedule = "RejectedDeliverySchedule",
        /// A completed line was taken up again.
        RevertedCompletedLine = "RevertedCompletedLine",
        /// A cancelled line was taken up again.
        RevertedCancelledLine = "RevertedCancelledLine",
    }

    /// What a line is about.
    pub enum LineType {
        /// Goods.
        Item = "Item",
        /// A service.
        Service = "Service",
        /// A charge, like freight; see `charge_reason_code` of the line.
        Charge = "Charge",
    }

    /// What an order is meant as.
    pub enum OrderType {
        /// An order to deliver.
        Purchase = "Purchase",
        /// What the buyer expects to order.
        Forecast = "Forecast",
        /// A request for quotation.
        Rfq = "RFQ",
    }

    /// The state of a proposal or a reopen request.
    pub enum RequestStatus {
        /// Waiting for an answer.
        Open = "Open",
        /// Accepted.
        Approved = "Approved",
        /// Turned down.
        Rejected = "Rejected",
        /// No longer asked for.
        Closed = "Closed",
    }

    /// Where a shipment stands between buyer and supplier.
    pub enum ShipmentProcessStatus {
        /// Sent to the buyer, no answer yet.
        Issued = "Issued",
        /// Accepted by the buyer.
        Approved = "Approved",
        /// Turned down by the buyer.
        Rejected = "Rejected",
    }

    /// What role a place plays in the transport.
    pub enum LocationType {
        /// The place that the delivery terms name.
        AgreedPlace = "AgreedPlace",
        /// Where the goods are loaded.
        PortOfLoading = "PortOfLoading",
        /// Where the ship arrives.
        PortOfDestination = "PortOfDestination",
        /// Where the carrier delivers.
        PlaceOfDestination = "PlaceOfDestination",
        /// Where the goods stay.
        FinalDestination = "FinalDestination",
    }
}
