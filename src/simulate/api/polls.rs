//! Polls: what changed after a time, a page of it.

use std::time::Instant;

use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::reply;
use crate::simulate::forms::{Form, order, shipment, time};
use crate::simulate::world::{Order, Shipment};
use crate::simulate::{Simulation, lock};

/// How many a page has at the most.
const LONGEST: usize = 100;

/// How far an offset goes: the index behind it does not look further.
const DEEPEST: usize = 10_000;

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Poll {
    filters: Filters,
    offset: usize,
    limit: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Filters {
    last_updated_after: Option<String>,
    company_id: Option<Value>,
    buyer_shipment: BuyerShipment,
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct BuyerShipment {
    company_id: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    process_status: Vec<String>,
}

/// What was asked for, made sure of.
#[derive(Debug)]
struct Asked {
    after: Option<Timestamp>,
    range: (usize, usize),
    company: Option<Value>,
    statuses: Vec<String>,
}

impl Asked {
    fn read(body: &[u8]) -> Result<Self, String> {
        let poll: Poll =
            serde_json::from_slice(body).map_err(|error| format!("The request content was malformed: {error}"))?;
        let limit = poll.limit.unwrap_or(LONGEST);
        if limit > LONGEST {
            return Err(format!("limit: {limit} is more than {LONGEST}"));
        }
        if poll.offset + limit > DEEPEST {
            return Err(format!("offset + limit: {} is more than {DEEPEST}", poll.offset + limit));
        }
        let after = poll.filters.last_updated_after.as_deref().map(str::parse::<Timestamp>).transpose();
        let after = after.map_err(|_| "filters.lastUpdatedAfter is no date-time".to_owned())?;
        Ok(Self {
            after,
            range: (poll.offset, limit),
            company: poll.filters.company_id.or(poll.filters.buyer_shipment.company_id),
            statuses: poll.filters.status.process_status,
        })
    }

    /// Whether a company is one of those that are asked about.
    fn wants_company(&self, company: &str) -> bool {
        match &self.company {
            None | Some(Value::Null) => true,
            Some(Value::Array(several)) => several.iter().any(|one| one == company),
            Some(one) => one == company,
        }
    }

    fn wants_status(&self, status: &str) -> bool {
        self.statuses.is_empty() || self.statuses.iter().any(|wanted| wanted == status)
    }
}

/// `order-search/poll`, or the same in the form with single deliveries.
pub(super) fn orders(simulation: &Simulation, body: &[u8], form: Form) -> Response {
    let asked = match Asked::read(body) {
        Ok(asked) => asked,
        Err(why) => return reply::text(400, &why),
    };
    let mut living = lock(&simulation.living);
    let parties = living.world.parties.clone();
    let buyer = parties.buyer.to_string();
    let wanted = |order: &Order| asked.wants_company(&buyer) && asked.wants_status(order.phase().process());
    let (page, total) = living.orders.page(asked.after, asked.range, wanted, Instant::now());
    drop(living);
    let data = page.iter().map(|of| order(of, &parties, form, None)).collect::<Vec<_>>();
    answer(&data, total, page.last().map(|last| last.updated))
}

/// `shipment/poll`.
pub(super) fn shipments(simulation: &Simulation, body: &[u8]) -> Response {
    let asked = match Asked::read(body) {
        Ok(asked) => asked,
        Err(why) => return reply::text(400, &why),
    };
    let mut living = lock(&simulation.living);
    let parties = living.world.parties.clone();
    let buyer = parties.buyer.to_string();
    let wanted = |of: &Shipment| asked.wants_company(&buyer) && asked.wants_status(of.status);
    let (page, total) = living.shipments.page(asked.after, asked.range, wanted, Instant::now());
    drop(living);
    let data = page.iter().map(|of| shipment(of, &parties)).collect::<Vec<_>>();
    answer(&data, total, page.last().map(|last| last.updated))
}

fn answer(data: &[Value], total: usize, updated: Option<Timestamp>) -> Response {
    let mut answer = json!({ "data": data, "total": total });
    if let Some(updated) = updated {
        answer["lastUpdatedAt"] = time(updated).into();
    }
    reply::json(&answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_poll_says_after_when_and_how_many() {
        let asked =
            Asked::read(br#"{"filters":{"lastUpdatedAfter":"2026-01-01T02:00:00.5+02:00"},"offset":3,"limit":9}"#);
        let asked = asked.unwrap();

        assert_eq!(time(asked.after.unwrap()), "2026-01-01T00:00:00.500Z");
        assert_eq!(asked.range, (3, 9));
        assert!(asked.wants_company("x") && asked.wants_status("Issued"));
        assert_eq!(Asked::read(b"{}").unwrap().range, (0, 100));
    }

    #[test]
    fn too_long_a_page_no_time_and_no_json_are_refused() {
        for body in [
            r#"{"limit":101}"#,
            r#"{"offset":9950,"limit":100}"#,
            r#"{"filters":{"lastUpdatedAfter":"yesterday"}}"#,
            r#"{"offset":-1}"#,
            "",
            "[",
        ] {
            assert!(Asked::read(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_company_and_statuses_leave_out_the_others() {
        let body = br#"{"filters":{"companyId":"a","status":{"processStatus":["Confirmed","InProgress"]}}}"#;
        let asked = Asked::read(body).unwrap();

        assert!(asked.wants_company("a") && !asked.wants_company("b"));
        assert!(asked.wants_status("InProgress") && !asked.wants_status("Issued"));
    }
}
