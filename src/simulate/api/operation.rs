//! What a request asks for, by its method and path, and what it takes to be answered.

use axum::http::Method;

/// What can be asked of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Login,
    Refresh,
    Logout,
    Order,
    Shipment,
    PollOrders,
    PollSingleDelivery,
    PollShipments,
    Metadata,
    Document,
    Download,
    PurchaseOrder,
    /// The path is known, the method is another one.
    WrongMethod,
    Unknown,
}

/// How somebody shows who he is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    None,
    Basic,
    Bearer,
    Either,
}

impl Operation {
    /// What a request is for, and for which id.
    pub(super) fn of(method: &Method, path: &str) -> (Self, String) {
        // The segments as they came: a %2F is part of an id, and no slash.
        let segments: Option<Vec<String>> = path.trim_start_matches('/').split('/').map(decoded).collect();
        let segments = segments.unwrap_or_default();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (get, post) = (Method::GET, Method::POST);
        let (operation, expected, id) = match segments.as_slice() {
            ["v2", "authentication", "login"] => (Self::Login, get, ""),
            ["v2", "authentication", "refresh"] => (Self::Refresh, get, ""),
            ["v2", "authentication", "logout"] => (Self::Logout, post, ""),
            ["v2", "order-search", "poll"] => (Self::PollOrders, post, ""),
            ["v2", "order-search", "poll", "single-delivery"] => (Self::PollSingleDelivery, post, ""),
            ["v2", "shipment", "poll"] => (Self::PollShipments, post, ""),
            ["v2", "order", id] => (Self::Order, get, *id),
            ["v2", "shipment", id] => (Self::Shipment, get, *id),
            ["v2", "object-storage", "document", id, "metadata"] => (Self::Metadata, get, *id),
            ["v2", "object-storage", "document", id] => (Self::Document, get, *id),
            ["api", "v1", "purchaseOrder", id] => (Self::PurchaseOrder, get, *id),
            // It judges methods itself: they are part of what is signed.
            ["objects", _] => return (Self::Download, String::new()),
            _ => return (Self::Unknown, String::new()),
        };
        let operation = if *method == expected { operation } else { Self::WrongMethod };
        (operation, id.to_owned())
    }

    /// What it is called where requests are counted.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::Logout => "logout",
            Self::Order => "order",
            Self::Shipment => "shipment",
            Self::PollOrders => "pollOrders",
            Self::PollSingleDelivery => "pollSingleDelivery",
            Self::PollShipments => "pollShipments",
            Self::Metadata => "metadata",
            Self::Document => "document",
            Self::Download => "download",
            Self::PurchaseOrder => "purchaseOrder",
            Self::WrongMethod => "wrongMethod",
            Self::Unknown => "unknown",
        }
    }

    /// An order or shipment by its id wants a session; what is looked for or stored takes either.
    pub(super) const fn proof(self) -> Proof {
        match self {
            Self::Order | Self::Shipment => Proof::Bearer,
            Self::PollOrders | Self::PollSingleDelivery | Self::PollShipments | Self::Metadata | Self::Document => {
                Proof::Either
            }
            Self::PurchaseOrder => Proof::Basic,
            _ => Proof::None,
        }
    }

    /// Whether it counts for how often somebody may ask. Files are given by others.
    pub(super) const fn is_limited(self) -> bool {
        !matches!(self, Self::Document | Self::Download)
    }
}

/// A segment of a path, decoded once.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [char::from(rest.next()?), char::from(rest.next()?)].map(|digit| digit.to_digit(16));
            let [Some(high), Some(low)] = digits else { return None };
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(method: &Method, path: &str) -> (Operation, String) {
        Operation::of(method, path)
    }

    #[test]
    fn an_encoded_slash_is_part_of_an_id() {
        let id = |path| of(&Method::GET, path);

        assert_eq!(id("/v2/order/a-PO26%2F00417"), (Operation::Order, "a-PO26/00417".to_owned()));
        assert_eq!(id("/v2/order/a%2525+b%C3%B8"), (Operation::Order, "a%25+bø".to_owned()));
        assert_eq!(id("/v2/order/a-PO26/00417").0, Operation::Unknown);
        assert_eq!(id("/v2/order/a%2").0, Operation::Unknown);
        assert_eq!(id("/v2/object-storage/document/7/metadata"), (Operation::Metadata, "7".to_owned()));
    }

    #[test]
    fn a_poll_is_no_shipment_and_another_method_is_none() {
        assert_eq!(of(&Method::POST, "/v2/shipment/poll").0, Operation::PollShipments);
        assert_eq!(of(&Method::GET, "/v2/shipment/poll").0, Operation::WrongMethod);
        assert_eq!(of(&Method::GET, "/v2/authentication/logout").0, Operation::WrongMethod);
        assert_eq!(of(&Method::GET, "/v2/order-search/poll/single-delivery").0, Operation::WrongMethod);
    }
}
