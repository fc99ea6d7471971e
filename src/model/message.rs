//! The whole body as types: [`Message`], with what users ask of it first. How it is read is in `decode/message.rs`.

use super::envelope::Actor;
use super::meta::{MessageMeta, MessageSource};
use super::order::Order;
use super::shipment::Shipment;

described! {
    /// The body of a webhook: the name of the event, the event in one of six fields, and the meta.
    pub struct Webhook {
        /// What happened. The suffix tells who acted.
        event_name: Option<String> = "eventName",
        /// An order with delivery schedules.
        order_event: Option<Order> = "orderEvent",
        /// An order with one delivery per line.
        single_delivery_order_event: Option<Order> = "singleDeliveryOrderEvent",
        /// The same under its older name.
        simple_order_event: Option<Order> = "simpleOrderEvent",
        /// Documents attached to an order or its lines.
        order_documents_event: Option<Order> = "orderDocumentsEvent",
        /// A shipment.
        shipment: Option<Shipment> = "shipment",
        /// The same under its older name.
        shipment_event: Option<Shipment> = "shipmentEvent",
        /// About the message.
        meta: Option<MessageMeta> = "meta",
    }
}

/// A message of Tradecloud in full.
///
/// ```
/// use tradecloud_webhook::model::{Kind, Message};
///
/// let json = br#"{"eventName": "OrderLinesConfirmedBySupplier", "orderEvent": {
///     "orderId": "a334", "buyerOrder": {"purchaseOrderNumber": "PO1"},
///     "lines": [{"confirmedLine": {"deliverySchedule": [{"date": "2025-05-01", "quantity": 1234.560}]}}]}}"#;
/// let message = Message::from_json(Kind::Order, json)?;
/// let order = message.order().expect("it is an order");
/// assert_eq!(order.purchase_order_number(), Some("PO1"));
/// let confirmed = order.lines[0].confirmed_line.as_ref().expect("it is confirmed");
/// let quantity = confirmed.delivery_schedule[0].quantity.as_ref().expect("with a quantity");
/// assert_eq!(quantity.as_str(), "1234.560");
/// # Ok::<(), tradecloud_webhook::decode::DecodeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum Message {
    /// The usual form: an event with its name and meta.
    Webhook(Box<Webhook>),
    /// The oldest form, and that of an order that was fetched or polled: the order and nothing around it.
    Order(Box<Order>),
    /// A shipment that was fetched or polled, with nothing around it.
    Shipment(Box<Shipment>),
}

impl Message {
    /// The order, whatever form it came in; `None` for a shipment.
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::Order(order) => Some(order),
            Self::Shipment(_) => None,
            Self::Webhook(webhook) => [
                &webhook.order_event,
                &webhook.single_delivery_order_event,
                &webhook.simple_order_event,
                &webhook.order_documents_event,
            ]
            .into_iter()
            .find_map(Option::as_ref),
        }
    }

    /// The shipment; `None` for an order.
    pub fn shipment(&self) -> Option<&Shipment> {
        match self {
            Self::Shipment(shipment) => Some(shipment),
            Self::Webhook(webhook) if self.order().is_none() => {
                webhook.shipment.as_ref().or(webhook.shipment_event.as_ref())
            }
            Self::Webhook(_) | Self::Order(_) => None,
        }
    }

    /// What happened; a bare order or shipment usually does not say.
    pub fn event_name(&self) -> Option<&str> {
        match self {
            Self::Webhook(webhook) => webhook.event_name.as_deref(),
            Self::Order(order) => order.other.get("eventName")?.as_str(),
            Self::Shipment(shipment) => shipment.other.get("eventName")?.as_str(),
        }
    }

    /// Who acted, if the event name tells.
    pub fn actor(&self) -> Option<Actor> {
        self.event_name().and_then(Actor::of_event)
    }

    /// The id of the order or shipment at Tradecloud.
    pub fn subject_id(&self) -> Option<&str> {
        match self.order() {
            Some(order) => order.subject_id(),
            None => self.shipment()?.id.as_deref(),
        }
    }

    /// The buyer's order number; `None` for a shipment, whose lines may belong to several orders.
    pub fn purchase_order_number(&self) -> Option<&str> {
        self.order()?.purchase_order_number()
    }

    /// Identifies the message; a repeated one carries the same.
    pub fn message_id(&self) -> Option<&str> {
        let top = self.meta().and_then(|meta| meta.message_id.as_deref());
        top.or_else(|| match self.order() {
            Some(order) => order.meta.as_ref()?.message_id.as_deref(),
            None => self.shipment()?.meta.as_ref()?.message_id.as_deref(),
        })
    }

    /// Where the message comes from: its trace, user and company.
    pub fn source(&self) -> Option<&MessageSource> {
        let top = self.meta().and_then(|meta| meta.source.as_ref());
        top.or_else(|| match self.order() {
            Some(order) => order.meta.as_ref()?.source.as_ref(),
            None => self.shipment()?.meta.as_ref()?.source.as_ref(),
        })
    }

    fn meta(&self) -> Option<&MessageMeta> {
        match self {
            Self::Webhook(webhook) => webhook.meta.as_ref(),
            Self::Order(order) => order.meta.as_ref(),
            // Its meta is that of the shipment, in which a message's may stand as well.
            Self::Shipment(_) => None,
        }
    }
}
