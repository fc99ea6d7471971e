//! Names in filters that look like a slip: of events, and of companies. Tradecloud may add any, so nothing stops.

use super::problems;
use crate::support::receiver::Receiver;

/// The warnings of `check` about a handler with these keys, and nothing else.
fn warnings(keys: &str) -> Vec<(String, String)> {
    let receiver = Receiver::prepared(&format!("[handlers.disk]\ntype = \"file\"\ndirectory = \"data\"\n{keys}"));
    let problems = problems(&receiver);
    assert!(problems.iter().all(|problem| problem["severity"] == "warning"), "{problems:#?}");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    problems.iter().map(|problem| (text(&problem["key"]), text(&problem["what"]))).collect()
}

#[test]
fn an_event_name_that_is_not_known_is_named_with_the_nearest() {
    for (pattern, nearest) in [
        ("OrderLinesConfirmdBySupplier", "OrderLinesConfirmedBySupplier"),
        ("orderissuedbybuyer", "OrderIssuedByBuyer"),
        ("ShipmentsIssuedBySupplier", "ShipmentIssuedBySupplier"),
        ("OrderLinesAcceptdBy*", "OrderLinesAcceptedBySupplier"),
        ("Change", "Changed"),
    ] {
        let found = warnings(&format!("events = [\"Order*\", \"{pattern}\"]"));

        let [(key, what)] = &found[..] else { panic!("{pattern}: {found:?}") };
        assert_eq!(key, "handlers.disk.events");
        assert!(what.starts_with(&format!("has \"{pattern}\"")), "{what}");
        assert!(what.contains(&format!("Did you mean `{nearest}`?")), "{what}");
    }
    let found = warnings("events = [\"*Painted*\"]");
    assert!(found[0].1.contains("matches none of the event names that Tradecloud documents"), "{found:?}");
    assert!(!found[0].1.contains("Did you mean"), "{found:?}");
}

#[test]
fn a_pattern_that_the_other_filters_leave_nothing_of_is_named() {
    let found = warnings("kinds = [\"shipment\"]\nevents = [\"Order*\", \"Shipment*\"]");
    let [(key, what)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(key, "handlers.disk.events");
    assert!(what.starts_with("has \"Order*\"") && what.contains("`kinds`"), "{what}");

    let found = warnings("by = \"supplier\"\nevents = [\"*ByBuyer\"]");
    assert!(found[0].1.starts_with("has \"*ByBuyer\"") && found[0].1.contains("`by`"), "{found:?}");
}

#[test]
fn a_company_id_that_is_no_uuid_is_named() {
    let found = warnings("companies = [\"abc\", \"c546c97f-4266-4f27-a7c1-76fc0a878cb2\"]");

    let [(key, what)] = &found[..] else { panic!("{found:?}") };
    assert_eq!(key, "handlers.disk.companies");
    assert!(what.starts_with("has \"abc\""), "{what}");
}

#[test]
fn filters_that_are_right_are_passed_over_in_silence() {
    for keys in [
        "events = [\"OrderIssuedByBuyer\", \"*BySupplier\", \"Order*\", \"?hipment*\", \"*\", \"Changed\"]",
        "kinds = [\"order-documents\"]\nevents = [\"OrderDocumentsAttached*\"]",
        "kinds = [\"shipment\"]\nby = \"buyer\"\nevents = [\"ShipmentRejected*\"]",
        "companies = [\"C546C97F-4266-4f27-a7c1-76fc0a878cb2\"]",
    ] {
        assert_eq!(warnings(keys), [], "{keys}");
    }
}

#[tokio::test]
async fn the_start_warns_as_well_and_goes_on() {
    let receiver = Receiver::with(
        "handlers.disk = { type = \"file\", directory = \"data\", events = [\"OrderIssuedByBuyr\"], companies = [\"abc\"] }",
    );

    let log = receiver.log();
    for part in ["OrderIssuedByBuyr", "\\\"abc\\\""] {
        assert!(log.iter().any(|line| line["level"] == "WARN" && line.to_string().contains(part)), "{part}: {log:#?}");
    }
}
