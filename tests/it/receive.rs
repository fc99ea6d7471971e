//! The webhook endpoint: what is answered, and what is kept.

use super::support::receiver::Receiver;
use super::support::sender::{message_id, order_event};

#[tokio::test]
async fn an_event_is_in_the_inbox_when_it_is_answered() {
    let mut receiver = Receiver::start();
    let event = order_event("1");

    let answer = receiver.sender().send(event.clone()).await;

    receiver.kill();
    assert_eq!(answer.status, Some(202), "{answer:?}");
    assert_eq!(answer.json(), serde_json::json!({"status": "stored", "id": message_id(&event)}));
    assert_eq!(receiver.inbox().iter().map(|event| event["id"].clone()).collect::<Vec<_>>(), [message_id(&event)]);
}
