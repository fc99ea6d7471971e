//! Why a handler did not get an event: `events show` says which of its filters left it out.

use rstest::rstest;
use serde_json::{Value, json};

use super::said;
use crate::support::sender::{message_id, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// Four handlers, each of which a filter of its own keeps from an order that a buyer has issued.
const FILTERS: &str = r#"
[handlers.by]
type = "file"
directory = "data"
by = "supplier"

[handlers.companies]
type = "file"
directory = "data"
companies = ["c546c97f-4266-4f27-a7c1-76fc0a878cb2"]

[handlers.events]
type = "file"
directory = "data"
events = ["OrderLines*"]

[handlers.kinds]
type = "file"
directory = "data"
kinds = ["shipment"]
"#;

#[rstest]
#[tokio::test]
async fn what_a_handler_did_not_want_is_shown_with_the_filter_that_left_it_out(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let receiver = store.with(FILTERS);
    let event = order_event("1");
    let id = message_id(&event);
    receiver.sender().send(event).await;

    let text = said(&receiver.run(&["events", "show", &id]));
    let shown = receiver.events(&["show", &id, "--json"]).remove(0);

    for name in ["by", "companies", "events", "kinds"] {
        let line = format!("handler {name}: not wanted: left out by its `{name}`\n");
        assert!(text.contains(&line), "{name}: {text}");
    }
    let filters: Vec<Value> =
        ["by", "companies", "events", "kinds"].iter().map(|name| json!({"handler": name, "filter": name})).collect();
    assert_eq!(shown["notWanted"], json!(filters));
}

#[rstest]
#[tokio::test]
async fn what_a_handler_would_want_by_now_is_shown_with_the_way_to_get_it(#[values(Sqlite, Postgres)] store: Store) {
    let mut receiver = store.with("");
    let event = order_event("1");
    let id = message_id(&event);
    receiver.sender().send(event).await;
    let refused = receiver.sender().send(json!({"no": "event"})).await;
    receiver.end().await;
    receiver.configure(|text| text + "[handlers.late]\ntype = \"file\"\ndirectory = \"data\"\n");

    let text = said(&receiver.run(&["events", "show", &id]));
    let of_refused = said(&receiver.run(&["events", "show", &refused.id()]));
    let shown = receiver.events(&["show", &id, "--json"]).remove(0);

    let line = "handler late: did not want it, or was not there, when it came. `events deliver --handler late` \
                catches up";
    assert!(text.contains(line), "{text}");
    assert!(!of_refused.contains("handler"), "{of_refused}");
    assert_eq!(shown["notWanted"], json!([{"handler": "late", "filter": null}]));
}
