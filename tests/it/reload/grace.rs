//! `auth_grace`: a slip in a rotation costs a delay and an alarm, not orders.

use rstest::rstest;

use crate::support::eventually;
use crate::support::postgres::Postgres;
use crate::support::raw::{Connection, content_length, head};
use crate::support::receiver::{PASSWORD, Receiver};
use crate::support::sender::{Answer, Message, Sender, order_event};
use crate::support::store::Store;

const TRADECLOUD: &str = "35.204.224.107";

/// What is said of wrong credentials shortly after good ones.
const ALARM: &str = "credentials that worked lately do not work any more";

/// A receiver with this grace for whoever calls from this machine.
fn receiver(grace: &str) -> Receiver {
    Receiver::with(&format!(
        "endpoints = [{{ path = \"/webhooks/tradecloud\", allow_from = [\"127.0.0.0/8\"], auth_grace = \"{grace}\" }}]"
    ))
}

fn wrong(receiver: &Receiver) -> Sender {
    receiver.expects_error(ALARM);
    receiver.sender().basic("tradecloud", "a slip of the finger")
}

async fn status(sender: Sender) -> u16 {
    sender.send(order_event("1")).await.status.unwrap()
}

/// Sends an event through a proxy that says it comes from `address`.
fn post_from(receiver: &Receiver, address: &str, authorization: &str) -> Answer {
    let body = order_event("1").to_string();
    let mut connection = Connection::open(receiver.public_port(), &receiver.ca());
    connection.write(head(&[authorization, &format!("X-Forwarded-For: {address}"), &content_length(&body)]));
    connection.write(&body);
    connection.answer()
}

#[tokio::test]
async fn wrong_credentials_shortly_after_good_ones_cost_a_delay_and_raise_an_alarm() {
    let receiver = receiver("1h");
    assert_eq!(status(wrong(&receiver)).await, 401, "nothing has worked yet");
    assert_eq!(status(receiver.sender()).await, 202);

    assert_eq!(status(wrong(&receiver)).await, 503);
    assert_eq!(status(receiver.sender().anonymous()).await, 503);

    let alarm = receiver.logged(ALARM).await;
    assert_eq!(alarm["level"], "ERROR");
    assert!(alarm["left"].as_str().unwrap().starts_with("59m"), "{alarm}");
    assert_eq!(receiver.inbox().len(), 1, "nothing of it is stored");
}

#[tokio::test]
async fn without_it_or_after_it_wrong_credentials_are_refused() {
    let receiver = receiver("2s");
    let plain = Receiver::start();
    for receiver in [&receiver, &plain] {
        assert_eq!(status(receiver.sender()).await, 202);
    }

    assert_eq!(status(wrong(&plain)).await, 401);
    assert_eq!(status(wrong(&receiver)).await, 503);
    eventually("the grace is over", async || status(wrong(&receiver)).await == 401).await;
    assert_eq!(status(receiver.sender()).await, 202);
    assert_eq!(status(wrong(&receiver)).await, 503, "it begins anew");
}

#[tokio::test]
async fn it_is_for_tradeclouds_addresses_and_for_nobody_else() {
    let receiver = Receiver::with(
        "server.trusted_proxies = [\"127.0.0.1\"]\n\
         endpoints = [{ path = \"/webhooks/tradecloud\", auth_grace = \"1h\" }]",
    );
    assert_eq!(status(receiver.sender()).await, 202);

    receiver.expects_error(ALARM);
    let wrong = "Authorization: Basic bm9ib2R5Om5vdGhpbmc=";
    assert_eq!(post_from(&receiver, TRADECLOUD, wrong).status, Some(503));
    assert_eq!(post_from(&receiver, "192.0.2.1", wrong).status, Some(401));
}

#[tokio::test]
async fn it_is_for_the_endpoint_where_credentials_have_worked() {
    let receiver = Receiver::with(
        r#"endpoints = [
    { path = "/webhooks/tradecloud", allow_from = ["127.0.0.0/8"], auth_grace = "1h" },
    { path = "/other", allow_from = ["127.0.0.0/8"], auth_grace = "1h" },
]"#,
    );
    assert_eq!(status(receiver.sender()).await, 202);

    assert_eq!(status(wrong(&receiver).to(receiver.url("/other"))).await, 401);
}

#[tokio::test]
async fn it_outlives_a_restart_with_the_wrong_password() {
    let mut receiver = receiver("1h");
    assert_eq!(status(receiver.sender()).await, 202);
    receiver.end().await;
    receiver.configure(|text| text.replace(PASSWORD, "a slip of the configuration"));
    receiver.restart();

    receiver.expects_error(ALARM);
    // All at once, as Tradecloud sends after a while: none of them may come too early.
    let sending: Vec<_> = (0..10).map(|_| tokio::spawn(status(receiver.sender()))).collect();
    for answer in sending {
        assert_eq!(answer.await.unwrap(), 503);
    }
}

/// Three paths that have a grace.
const PATHS: &str = r#"endpoints = [
    { path = "/webhooks/tradecloud", allow_from = ["127.0.0.0/8"], auth_grace = "1h" },
    { path = "/shipments", allow_from = ["127.0.0.0/8"], auth_grace = "1h" },
    { path = "/refused", allow_from = ["127.0.0.0/8"], auth_grace = "1h" },
]"#;

/// More events of one path than are ever looked at for what came last.
async fn many_orders(receiver: &Receiver) {
    let sender = receiver.sender();
    for number in 0..120 {
        assert_eq!(sender.send(order_event(&number.to_string())).await.status, Some(202));
    }
}

#[rstest]
#[tokio::test]
async fn it_outlives_a_restart_for_each_path_however_many_events_came_to_the_others(
    #[values(Store::Sqlite, Store::Postgres)] store: Store,
) {
    let mut receiver = store.with(PATHS);
    assert_eq!(status(receiver.sender().to(receiver.url("/shipments"))).await, 202);
    let refused = receiver.sender().to(receiver.url("/refused")).send(Message::json("{}")).await;
    assert_eq!(refused.status, Some(400), "the body was wrong, the credentials were right");
    many_orders(&receiver).await;

    receiver.end().await;
    receiver.restart();

    for path in ["/shipments", "/refused", "/webhooks/tradecloud"] {
        assert_eq!(status(wrong(&receiver).to(receiver.url(path))).await, 503, "{path}");
    }
}

#[tokio::test]
async fn receivers_on_one_inbox_know_of_each_other_where_credentials_worked() {
    let server = Postgres::shared();
    let url = server.url(&server.database());
    let [mut one, mut other] = [PATHS; 2].map(|paths| Receiver::prepared(paths).inbox_at(&url));
    one.restart();
    other.restart();
    assert_eq!(status(wrong(&other).to(other.url("/shipments"))).await, 401, "nothing has worked yet");

    assert_eq!(status(one.sender().to(one.url("/shipments"))).await, 202);
    many_orders(&one).await;

    eventually("the other one knows", async || status(wrong(&other).to(other.url("/shipments"))).await == 503).await;
}

#[tokio::test]
async fn it_begins_with_a_restart_that_turns_it_on_where_nothing_but_refused_bodies_came() {
    let mut receiver = Receiver::with(&PATHS.replace(", auth_grace = \"1h\"", ""));
    let refused = receiver.sender().to(receiver.url("/refused")).send(Message::json("{}")).await;
    assert_eq!(refused.status, Some(400));
    many_orders(&receiver).await;

    receiver.end().await;
    receiver.configure(|text| text.replace("\"127.0.0.0/8\"]", "\"127.0.0.0/8\"], auth_grace = \"1h\""));
    receiver.restart();

    assert_eq!(status(wrong(&receiver).to(receiver.url("/refused"))).await, 503);
    assert_eq!(status(wrong(&receiver).to(receiver.url("/shipments"))).await, 401);
}

#[tokio::test]
async fn it_begins_with_a_reload_that_turns_it_on() {
    let receiver = receiver("1s");
    receiver.configure(|text| text.replace(", auth_grace = \"1s\"", ""));
    receiver.hang_up().await;
    assert_eq!(status(receiver.sender()).await, 202);
    assert_eq!(status(wrong(&receiver)).await, 401);

    receiver.configure(|text| text.replace("\"127.0.0.0/8\"]", "\"127.0.0.0/8\"], auth_grace = \"1h\""));
    receiver.hang_up().await;

    assert_eq!(status(wrong(&receiver)).await, 503);
}
