//! Whether a polled order tells us nothing but what we have asked for ourselves. A webhook never says that; a poll has
//! no other way to show a request that is open.

use jiff::Timestamp;

use super::Body;
use crate::model::instant::instant;
use crate::model::{
    Actor, DateTime, Document, InProgressStatus, Kind, Line, Message, Order, ProcessStatus, RequestStatus, Requests,
};

/// Whether an order that was polled has no other news since that time than open requests of our own `company`.
///
/// What is taken for an echo is not handed on, so in doubt it is none: if nobody knows what was known before, if a line
/// or a document does not say when it was changed, if the order was changed after its lines, if the other side has a
/// request of its own open, or if it is not clear which side we are.
pub(crate) fn is_echo(body: &Body, company: &str, since: Option<Timestamp>) -> bool {
    let Some(since) = since else { return false };
    let Ok(json) = body.json() else { return false };
    let Ok(message) = Message::from_json(Kind::Order, &json) else { return false };
    message.order().is_some_and(|order| brings_only_own_requests(order, company, since).unwrap_or(false))
}

/// `None` if something does not say when it was changed, or who we are.
fn brings_only_own_requests(order: &Order, company: &str, since: Timestamp) -> Option<bool> {
    let side = side_of(order, company)?;
    for document in order.documents() {
        if changed(document)? > since {
            return Some(false);
        }
    }
    let mut latest = None;
    for line in &order.lines {
        let updated = time(line.last_updated_at.as_ref())?;
        if updated > since {
            if !waits_for_other(line, side) {
                return Some(false);
            }
            latest = latest.max(Some(updated));
        }
    }
    // What was changed later than every line is something at the head of the order.
    Some(latest? >= time(order.last_updated_at.as_ref())?)
}

/// Which side of the order the company is. One on both sides asks itself.
fn side_of(order: &Order, company: &str) -> Option<Actor> {
    let is_ours = |id: Option<&String>| id.is_some_and(|id| id.eq_ignore_ascii_case(company));
    let buys = is_ours(order.buyer_order.as_ref().and_then(|side| side.company_id.as_ref()));
    let supplies = is_ours(order.supplier_order.as_ref().and_then(|side| side.company_id.as_ref()));
    match (buys, supplies) {
        (true, false) => Some(Actor::Buyer),
        (false, true) => Some(Actor::Supplier),
        (true, true) | (false, false) => None,
    }
}

/// Whether a line is in progress because that side has asked for something, and not the other one as well.
fn waits_for_other(line: &Line, side: Actor) -> bool {
    let Some(status) = &line.status else { return false };
    let asks = status.in_progress_status.as_ref().and_then(asking);
    let other = match side {
        Actor::Buyer => line.supplier_line.as_ref().and_then(|line| line.requests.as_ref()),
        Actor::Supplier => line.buyer_line.as_ref().and_then(|line| line.requests.as_ref()),
    };
    status.process_status == Some(ProcessStatus::InProgress) && asks == Some(side) && other.is_none_or(are_over)
}

/// Who has a request open while a line is in progress.
fn asking(status: &InProgressStatus) -> Option<Actor> {
    match status {
        InProgressStatus::OpenSupplierProposal
        | InProgressStatus::OpenSupplierReopenRequest
        | InProgressStatus::OpenSupplierShipmentRescheduleRequest => Some(Actor::Supplier),
        InProgressStatus::OpenBuyerReopenRequest | InProgressStatus::OpenBuyerReconfirmationRequest => {
            Some(Actor::Buyer)
        }
        _ => None,
    }
}

/// Whether none of these requests is open, those included that this version does not know.
fn are_over(requests: &Requests) -> bool {
    let known = [&requests.proposal, &requests.reopen_request];
    let are_known_over = known.into_iter().flatten().all(|request| request.status.as_ref().is_some_and(is_over));
    let is_other_over = |status: Option<&str>| status.is_some_and(|status| is_over(&RequestStatus::from(status)));
    are_known_over
        && requests.other.values().all(|request| request.is_null() || is_other_over(request["status"].as_str()))
}

const fn is_over(status: &RequestStatus) -> bool {
    matches!(status, RequestStatus::Approved | RequestStatus::Rejected | RequestStatus::Closed)
}

fn changed(document: &Document) -> Option<Timestamp> {
    time(document.meta.as_ref()?.last_updated_at.as_ref())
}

fn time(written: Option<&DateTime>) -> Option<Timestamp> {
    instant(written?.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Format;

    const BUYER: &str = "cbf2c7b0-eda1-4abd-af3f-0d5e24044f2d";
    const BEFORE: &str = "2026-01-30T10:00:00Z";

    /// The third order of the sample: its second line is an open request of the buyer, who asked at 10:05.
    fn polled() -> Value {
        let page = include_str!("../../tests/fixtures/api/order-poll.json");
        serde_json::from_str::<Value>(page).unwrap()["data"][2].take()
    }

    fn is_echo_to(order: &Value, company: &str, since: Option<&str>) -> bool {
        let body = Body { format: Format::Json, content_type: None, bytes: order.to_string().into() };
        is_echo(&body, company, since.map(|text| text.parse().unwrap()))
    }

    #[test]
    fn an_order_whose_only_news_is_our_own_open_request_is_an_echo() {
        assert!(is_echo_to(&polled(), BUYER, Some(BEFORE)));
        assert!(is_echo_to(&json!({"orderEvent": polled()}), BUYER, Some(BEFORE)), "as an event too");
    }

    #[test]
    fn to_the_other_side_it_is_news_and_so_it_is_to_anybody_else() {
        let supplier = polled()["supplierOrder"]["companyId"].as_str().unwrap().to_owned();
        for company in [supplier.as_str(), "", "somebody"] {
            assert!(!is_echo_to(&polled(), company, Some(BEFORE)), "{company}");
        }
        let mut order = polled();
        order["supplierOrder"]["companyId"] = json!(BUYER);
        assert!(!is_echo_to(&order, BUYER, Some(BEFORE)), "on both sides");
    }

    #[test]
    fn what_was_known_before_decides() {
        for since in [None, Some("2026-01-30T09:00:00Z"), Some("2026-01-30T10:05:00.007Z")] {
            assert!(!is_echo_to(&polled(), BUYER, since), "{since:?}");
        }
    }

    #[test]
    fn a_supplier_has_requests_of_its_own() {
        let mut order = polled();
        let supplier = order["supplierOrder"]["companyId"].as_str().unwrap().to_owned();
        for (status, is_own) in [
            ("OpenSupplierProposal", true),
            ("OpenSupplierReopenRequest", true),
            ("OpenSupplierShipmentRescheduleRequest", true),
            ("OpenBuyerReconfirmationRequest", false),
            ("RejectedSupplierProposal", false),
            ("OpenSupplierSomethingNew", false),
        ] {
            order["lines"][1]["status"]["inProgressStatus"] = json!(status);
            assert_eq!(is_echo_to(&order, &supplier, Some(BEFORE)), is_own, "{status}");
        }
    }

    /// What makes another order of one.
    type Change<'a> = &'a dyn Fn(&mut Value);

    #[test]
    fn in_doubt_it_is_news() {
        let changed = |change: &dyn Fn(&mut Value)| {
            let mut order = polled();
            change(&mut order);
            is_echo_to(&order, BUYER, Some(BEFORE))
        };
        let doubts: [(&str, Change<'_>); 9] = [
            ("the head was changed later", &|order| order["lastUpdatedAt"] = json!("2026-01-30T10:05:00.008Z")),
            ("when is not said", &|order| order["lastUpdatedAt"] = Value::Null),
            ("a line does not say when", &|order| order["lines"][0]["lastUpdatedAt"] = Value::Null),
            ("another line is confirmed", &|order| order["lines"][0]["lastUpdatedAt"] = json!("2026-01-30T10:04:00Z")),
            ("it is not in progress", &|order| order["lines"][1]["status"]["processStatus"] = json!("Confirmed")),
            ("the supplier proposes, too", &|order| {
                order["lines"][1]["supplierLine"]["requests"] = json!({"proposal": {"status": "Open"}});
            }),
            ("the supplier asks for something new", &|order| {
                order["lines"][1]["supplierLine"]["requests"] = json!({"newRequest": {"status": "Open"}});
            }),
            ("a document is new", &|order| {
                let new = json!([{"code": "1", "meta": {"lastUpdatedAt": "2026-01-30T10:05:00Z"}}]);
                order["supplierOrder"]["documents"] = new;
            }),
            ("it cannot be read", &|order| order["lines"] = json!("none")),
        ];
        for (doubt, change) in doubts {
            assert!(!changed(change), "{doubt}");
        }
        assert!(changed(&|order| {
            order["lines"][1]["supplierLine"]["requests"] = json!({"proposal": {"status": "Rejected"}});
        }));
    }
}
