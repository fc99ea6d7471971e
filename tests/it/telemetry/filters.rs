//! Filters by module in `log.level`: a stage is told of as much or as little as somebody wants.

use rstest::rstest;

use crate::support::erp::Erp;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;
use crate::support::store::Store::{self, Postgres, Sqlite};

#[rstest]
#[case("dispatch", "delivered", "event stored")]
#[case("listener", "event stored", "delivered")]
#[tokio::test]
async fn a_filter_by_stage_lets_its_lines_through_and_no_others(
    #[case] stage: &str,
    #[case] wanted: &str,
    #[case] unwanted: &str,
) {
    let erp = Erp::start();
    let level = format!("error,tradecloud_webhook::app=info,tradecloud_webhook::{stage}=info");
    let handler = format!("handlers.erp = {{ type = 'http', url = '{}' }}", erp.url("/"));
    let mut receiver = Receiver::prepared(&handler).setting("LOG__LEVEL", &level);
    receiver.restart();

    receiver.sender().send(order_event("1")).await;
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    receiver.ask_to_end();

    receiver.logged("drained").await;
    let is_told = |message: &str| receiver.log().iter().any(|line| line["message"] == message);
    assert_eq!((is_told(wanted), is_told(unwanted)), (true, false), "{:#?}", receiver.log());
}

/// Libraries tell their statements with all parameters, and those are what events say.
#[rstest]
#[tokio::test]
async fn what_an_event_says_is_in_no_line_at_any_level(#[values(Sqlite, Postgres)] store: Store) {
    let mut receiver = store.prepared("").setting("LOG__LEVEL", "trace");
    receiver.restart();
    let mut event = order_event("1");
    event["orderEvent"]["buyerOrder"]["companyId"] = "company-of-nobodys-business".into();
    event["meta"]["source"]["companyId"] = "company-of-nobodys-business".into();

    assert_eq!(receiver.sender().send(event).await.status, Some(202));
    assert_eq!(receiver.inbox()[0]["companyId"], "company-of-nobodys-business");
    receiver.ask_to_end();
    receiver.logged("drained").await;

    let told = receiver.log().into_iter().find(|line| line.to_string().contains("nobodys-business"));
    assert_eq!(told, None);
}
