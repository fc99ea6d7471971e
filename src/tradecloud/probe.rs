//! What the account may do, for `check --online`: one harmless question of each kind that can go without a session. A login
//! would end that of a receiver that runs.

use super::api::{Api, Polled};
use super::error::ApiError;

/// No document has this id.
const NO_DOCUMENT: &str = "00000000-0000-0000-0000-000000000000";
/// So long ago that it finds something if there is anything.
const LONG_AGO: &str = "2020-01-01T00:00:00.000Z";

pub(super) async fn probe(api: &Api) -> Result<String, String> {
    let mut may = Vec::new();
    let mut may_not = Vec::new();
    for (name, found) in [
        ("poll orders", api.poll_some(Polled::Orders, LONG_AGO, 0, 1).await.map(drop)),
        ("poll shipments", api.poll_some(Polled::Shipments, LONG_AGO, 0, 1).await.map(drop)),
        ("load documents", no_document(api).await),
    ] {
        match found {
            Ok(()) => may.push(name),
            Err(ApiError::Forbidden(words)) => may_not.push(format!("may not {name} ({words})")),
            Err(other) => return Err(format!("to {name}: {other}")),
        }
    }
    if may.is_empty() {
        return Err(format!("the account {}", may_not.join(", ")));
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
