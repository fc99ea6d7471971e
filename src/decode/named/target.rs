//! The references in the target of a request that has no body: somebody asks there for what has changed.

use reqwest::Url;

use super::Named;
use crate::model::{Reference, What};

/// The values of the query; without one, the end of the path.
pub(in crate::decode) fn in_target(target: &str) -> Vec<Reference> {
    let Ok(url) = Url::parse("http://localhost").and_then(|base| base.join(target)) else { return Vec::new() };
    let mut named = Named::default();
    for (name, value) in url.query_pairs() {
        named.add(what(&name), &value);
    }
    if url.query().is_none_or(str::is_empty)
        && let Some(last) = url.path_segments().and_then(|mut segments| segments.next_back())
        && last.contains(|character: char| character.is_ascii_digit())
    {
        // As in a query, percent signs and all.
        let mut decoded = url.clone();
        decoded.set_query(Some(&format!("is={last}")));
        decoded.query_pairs().for_each(|(_, value)| named.add(What::OrderId, &value));
    }
    named.into_references()
}

/// What a parameter of that name asks for: an order, unless it says otherwise.
fn what(parameter: &str) -> What {
    let parameter = parameter.to_ascii_lowercase();
    if parameter.contains("shipment") {
        What::ShipmentId
    } else if parameter.contains("legacy") {
        What::LegacyOrderId
    } else {
        What::OrderId
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_is_in_the_query_or_at_the_end_of_the_path() {
        for (target, expected) in [
            ("/w?orderId=ord-78", vec![(What::OrderId, "ord-78")]),
            ("/w?shipmentId=S%2F1&x=2", vec![(What::ShipmentId, "S/1"), (What::OrderId, "2")]),
            ("/w?legacyOrderId=9", vec![(What::LegacyOrderId, "9")]),
            ("/w/order/PO%2F77", vec![(What::OrderId, "PO/77")]),
            ("/webhooks/tradecloud", vec![]),
            ("", vec![]),
        ] {
            let found: Vec<_> = in_target(target).into_iter().map(|one| (one.what, one.value)).collect();
            let expected: Vec<_> = expected.into_iter().map(|(what, value)| (what, value.to_owned())).collect();

            assert_eq!(found, expected, "{target}");
        }
    }
}
