//! Filters by module in `log.level`: a stage is told of as much or as little as somebody wants.

use rstest::rstest;

use crate::support::erp::Erp;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

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
