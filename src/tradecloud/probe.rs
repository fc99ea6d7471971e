//! What the account may do, for `check --online`: one harmless question of each kind that can go without a session. A login
//! would end that of a receiver that runs.

use super::api::{Api, Polled};
use super::error::ApiError;

/// No document has this id.
const NO_DOCUMENT: &str = "00000000-0000-0000-0000-000000000000";
/// So long ago that it finds something if there is anything.
const LONG_AGO: &str = "2020-01-01T00:00:00.000Z";

/// What the configuration needs the account for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Needs {
    /// The form in which orders are polled, if they are.
    pub(crate) orders: Option<Polled>,
    /// Shipments are polled.
    pub(crate) shipments: bool,
    /// Documents are fetched.
    pub(crate) documents: bool,
}

pub(super) async fn probe(api: &Api, needs: &Needs) -> Result<String, String> {
    let mut may = Vec::new();
    let mut may_not = Vec::new();
    let mut lacks = false;
    let orders = needs.orders.unwrap_or(Polled::Orders);
    for (name, is_needed, found) in [
        ("poll orders", needs.orders.is_some(), api.poll_some(orders, LONG_AGO, 0, 1).await.map(drop)),
        ("poll shipments", needs.shipments, api.poll_some(Polled::Shipments, LONG_AGO, 0, 1).await.map(drop)),
        ("load documents", needs.documents, no_document(api).await),
    ] {
        match found {
            Ok(()) => may.push(name),
            Err(ApiError::Forbidden(words)) => {
                lacks |= is_needed;
                let why = if is_needed { ", as the configuration has it" } else { "" };
                may_not.push(format!("may not {name}{why} ({words})"));
            }
            Err(other) => return Err(format!("to {name}: {other}")),
        }
    }
    if may.is_empty() || lacks {
        let advice = "have support@tradecloud1.com give it the role for that";
        return Err(format!("the account {}: {advice}", may_not.join(", ")));
    }
    let refused = if may_not.is_empty() { String::new() } else { format!("; it {}", may_not.join(", ")) };
    Ok(format!("the account may {}{refused}", may.join(", ")))
}

/// Whoever may load documents hears that there is none.
async fn no_document(api: &Api) -> Result<(), ApiError> {
    match api.metadata(NO_DOCUMENT).await {
        Ok(_) | Err(ApiError::NotFound(_)) => Ok(()),
        Err(other) => Err(other),
    }
}
