//! What wants attention, in numbers.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Api, Refused, answer, counted_if};
use crate::event::rfc3339;
use crate::inbox::{Filter, State as Standing};

/// What waits for longer wants attention.
const LONG: Duration = Duration::from_secs(15 * 60);

/// Of the receiver, its inbox and its handlers.
pub(super) async fn overview(State(api): State<Arc<Api>>) -> Result<Response, Refused> {
    let now = Timestamp::now();
    let mut overview = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": rfc3339(now),
        "draining": api.readiness.is_draining(),
        "configurationRefused": api.readiness.refused().map(rfc3339),
        "events": null,
        "newest": null,
    });
    let Some(desk) = &api.desk else { return Ok(answer(&overview)) };
    let count = async |states: &[Standing], until| {
        let filter = Filter { states: states.to_vec(), until, ..Filter::default() };
        counted_if(desk.count(&filter).await)
    };
    overview["events"] = json!({
        "dead": count(&[Standing::Dead], None).await?,
        "refused": count(&[Standing::Refused], None).await?,
        "waitingLong": count(&[Standing::Pending, Standing::Fetching], now.checked_sub(LONG).ok()).await?,
        "pending": count(&[Standing::Pending], None).await?,
        "fetching": count(&[Standing::Fetching], None).await?,
    });
    let (newest, _) = desk.window(&Filter { limit: 1, ..Filter::default() }).await?;
    overview["newest"] = newest.events.first().map_or(
        Value::Null,
        |event| json!({"key": event.key, "id": event.id, "received": rfc3339(event.received), "state": event.state}),
    );
    if let Some(unread) = desk.unread().await? {
        overview["unread"] = json!(unread);
    }
    Ok(answer(&overview))
}
