//! What is asked for, and what is made of the answers.

use super::*;
use crate::tradecloud::Polled;
use crate::tradecloud::page::Page;

#[tokio::test]
async fn an_id_is_one_segment_of_the_path_that_is_asked_for() {
    let tradecloud = Tradecloud::with_logins(|_| Reply::new(200, "{\"as\": 1.50 }")).await;
    let api = tradecloud.api();
    let long = "ü".repeat(256);
    for (what, id, path) in [
        (What::OrderId, "902a8f50-PO/1", "/v2/order/902a8f50-PO%2F1".to_owned()),
        (What::ShipmentId, "100%+Stück", "/v2/shipment/100%25%2BSt%C3%BCck".to_owned()),
        (What::LegacyOrderId, "../user?x#y", "/api/v1/purchaseOrder/..%2Fuser%3Fx%23y".to_owned()),
        (What::OrderId, &long, format!("/v2/order/{}", "%C3%BC".repeat(256))),
    ] {
        assert_eq!(api.fetch(what, id).await.unwrap(), "{\"as\": 1.50 }");
        assert_eq!(tradecloud.calls().pop().unwrap().path, path);
    }
    for id in ["", ".", "..", "a\0b", "a\r\nHost: b", &"x".repeat(513)] {
        assert!(matches!(api.fetch(What::OrderId, id).await, Err(ApiError::NotFound(_))));
        assert!(matches!(api.metadata(id).await, Err(ApiError::NotFound(_))));
        assert!(matches!(api.download(id).await, Err(ApiError::NotFound(_))));
    }
    assert!(matches!(api.fetch(What::Invoice, "1").await, Err(ApiError::NotFound(_))));
    assert!(tradecloud.heard().is_empty());
}

#[tokio::test]
async fn an_answer_says_whether_to_come_again() {
    for (status, is) in
        [(404, "not found"), (410, "not found"), (403, "forbidden"), (400, "of no use"), (500, "of no use")]
    {
        let tradecloud = Tradecloud::with_logins(move |_| Reply::new(status, "Order not found.\u{1b}[31m")).await;

        let error = order(&tradecloud.api()).await.unwrap_err();

        let found = match &error {
            ApiError::NotFound(_) => "not found",
            ApiError::Forbidden(_) => "forbidden",
            ApiError::Unavailable { .. } => "later",
            ApiError::Credentials(_) => "credentials",
            ApiError::NotAllowed(_) => "not allowed",
            ApiError::Useless { .. } => "of no use",
            ApiError::Over => "over",
        };
        let words = error.to_string();
        assert_eq!(found, is, "{status}");
        assert!(words.contains(&format!("answered {status}")) && words.contains("Order not found.\u{fffd}"), "{words}");
    }
}

#[tokio::test]
async fn a_legacy_order_is_not_had_without_an_account_for_it() {
    let tradecloud = Tradecloud::with_logins(|_| Reply::new(200, "{}")).await;
    let api = Api::new(&Settings { legacy: None, ..tradecloud.settings() }).unwrap();

    assert!(matches!(api.fetch(What::LegacyOrderId, "1").await, Err(ApiError::Credentials(_))));
    assert!(tradecloud.heard().is_empty());
}

async fn polled(of: Polled, body: &'static str) -> Result<Page, ApiError> {
    let tradecloud = Tradecloud::with_logins(move |_| Reply::new(200, body)).await;
    tradecloud.api().poll(of, "2026-02-02T06:00:03.249Z", 0).await
}

#[tokio::test]
async fn a_page_is_asked_for_as_the_documents_say() {
    let tradecloud = Tradecloud::with_logins(|_| Reply::new(200, r#"{"data":[],"total":0}"#)).await;
    let api = tradecloud.api();
    for (of, path) in [
        (Polled::Orders, "/v2/order-search/poll"),
        (Polled::SingleDelivery, "/v2/order-search/poll/single-delivery"),
        (Polled::Shipments, "/v2/shipment/poll"),
    ] {
        let page = api.poll(of, "2026-02-02T06:00:03.249+02:00", 100).await.unwrap();

        let call = tradecloud.calls().pop().unwrap();
        assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", path));
        assert_eq!(call.header("content-type"), Some("application/json"));
        let body = r#"{"filters":{"lastUpdatedAfter":"2026-02-02T06:00:03.249+02:00"},"offset":100,"limit":100}"#;
        assert_eq!(call.body, body);
        assert!(page.items.is_empty() && page.total == 0 && page.date.is_some());
    }
}

#[tokio::test]
async fn entries_of_a_page_stay_as_they_are() {
    let body = concat!(
        "\u{feff}{ \"data\": [ {\"id\":\"a/1\", \"n\": 1234.560,\n \"x\":511385847703197635,\"lastUpdatedAt\":\"2026-01-01T00:00:00.5Z\"} ,",
        r#"{"meta":{"lastUpdatedAt":"2026-01-02T00:00:00Z"},"id":7}],"total":"412","lastUpdatedAt":"2026-01-03T00:00:00Z"}"#
    );
    let page = polled(Polled::Orders, body).await.unwrap();

    assert_eq!(page.total, 412);
    let [first, second] = &page.items[..] else { panic!("{page:?}") };
    let exact =
        "{\"id\":\"a/1\", \"n\": 1234.560,\n \"x\":511385847703197635,\"lastUpdatedAt\":\"2026-01-01T00:00:00.5Z\"}";
    assert_eq!((first.id.as_str(), &first.body[..]), ("a/1", exact.as_bytes()));
    assert_eq!(first.updated.as_deref(), Some("2026-01-01T00:00:00.5Z"));
    assert_eq!((second.id.as_str(), second.updated.as_deref()), ("7", Some("2026-01-02T00:00:00Z")));
}

#[tokio::test]
async fn other_forms_of_a_page_are_understood() {
    let shipment = r#"{"data":[{"id":"s","lastUpdatedAt":"old","meta":{"lastUpdatedAt":"new"}}],"lastUpdatedAt":null}"#;
    let page = polled(Polled::Shipments, shipment).await.unwrap();
    assert_eq!((page.total, page.items[0].updated.as_deref()), (1, Some("new")));

    let page = polled(Polled::Orders, r#"{"orders":[{"id":"o","meta":null,"lastUpdatedAt":null}],"total":1}"#).await;
    assert_eq!(page.unwrap().items[0].updated, None);

    for empty in [r#"{"data":null,"total":0}"#, r#"{"total":0}"#, r#"{"data":[]}"#] {
        assert!(polled(Polled::Orders, empty).await.unwrap().items.is_empty());
    }
}

#[tokio::test]
async fn an_entry_that_is_none_is_said_beside_those_that_are() {
    let body = r#"{"data":[{"id":"a"},{"no":1},{"id":""},"a",{"id":"b"}],"total":5}"#;

    let page = polled(Polled::Orders, body).await.unwrap();

    assert_eq!(page.items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let begins = ["entry 2 of `data` has no `id`", "entry 3 of `data` has no", "entry 4 of `data` is no order"];
    assert!(page.odd.iter().zip(begins).all(|(odd, begin)| odd.starts_with(begin)), "{:?}", page.odd);
    assert_eq!((page.odd.len(), page.len()), (3, 5));
}

#[tokio::test]
async fn a_page_that_cannot_be_read_says_why() {
    for (body, words) in [
        ("", "no page"),
        ("<html>", "no page"),
        ("[]", "no page"),
        (r#"{"data":[{"id":"a"}"#, "no page"),
        (r#"{"data":{},"total":1}"#, "no page"),
        (r#"{"ok":true}"#, "without a list `data`"),
        (r#"{"data":null,"total":3}"#, "without a list `data`"),
        (r#"{"data":[],"total":-1}"#, "`total` is no number"),
        (r#"{"data":[],"total":1.5}"#, "`total` is no number"),
    ] {
        match polled(Polled::Orders, body).await {
            Err(ApiError::Unavailable { reason, .. }) => assert!(reason.contains(words), "{body}: {reason}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_the_account_may_do_is_said() {
    let tradecloud = Tradecloud::with_logins(|call| match call.path.as_str() {
        "/v2/shipment/poll" => Reply::new(403, "no role"),
        path if path.ends_with("/poll") => Reply::new(200, r#"{"data":[],"total":0}"#),
        _ => Reply::new(404, ""),
    })
    .await;

    let found = tradecloud.api().probe(&Needs::default()).await.unwrap();

    assert!(found.starts_with("the account may poll orders, load documents; it may not poll shipments ("), "{found}");
    let needs = Needs { shipments: true, ..Needs::default() };
    let lacking = tradecloud.api().probe(&needs).await.unwrap_err();
    assert!(lacking.contains("may not poll shipments, as the configuration has it"), "{lacking}");
    let calls = tradecloud.calls();
    let by_basic = |call: &&Call| call.header("authorization").is_some_and(|value| value.starts_with("Basic "));
    assert_eq!((calls.len(), calls.iter().filter(by_basic).count()), (6, 6), "without a login");
    assert!(calls[0].body.ends_with(b"\"limit\":1}"));
    let refused = Tradecloud::scripted([Reply::new(401, INVALID)]).await;
    assert!(refused.api().probe(&Needs::default()).await.unwrap_err().contains("[tradecloud]"));
    assert_eq!(refused.heard().len(), 1);
}
