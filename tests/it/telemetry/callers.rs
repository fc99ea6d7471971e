//! Callers that are turned away: an operator learns from the log what is wrong on the portal, and how much it costs.

use serde_json::Value;

use crate::support::eventually;
use crate::support::receiver::{PASSWORD, Receiver, TOKEN, USERNAME};
use crate::support::sender::order_event;

const BEHIND_A_PROXY: &str = "server.trusted_proxies = [\"127.0.0.1\"]\nserver.proxy_header = \"x-forwarded-for\"";

fn lines(receiver: &Receiver) -> Vec<Value> {
    let is_one = |line: &Value| line["message"].as_str().is_some_and(|message| message.contains("was turned away"));
    receiver.log().into_iter().filter(is_one).collect()
}

fn calls(lines: &[Value]) -> u64 {
    lines.iter().map(|line| line["calls"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn the_log_says_of_which_kind_wrong_credentials_are_whose_and_what_is_wrong_with_them() {
    let senders: [(fn(&Receiver) -> _, _, _, _); 5] = [
        (|receiver| receiver.sender().basic(USERNAME, "wrong"), Some("Basic"), Some(USERNAME), "the password is wrong"),
        (|receiver| receiver.sender().basic("portal", PASSWORD), Some("Basic"), None, "has this user name"),
        (|receiver| receiver.sender().basic("tradeclod", "x"), Some("Basic"), Some("tradeclod"), "has nearly this"),
        (|receiver| receiver.sender().bearer("wrong"), Some("Bearer"), None, "no credential has this token"),
        (|receiver| receiver.sender().basic(PASSWORD, USERNAME), Some("Basic"), None, "are the two exchanged?"),
    ];
    for (sender, scheme, user, detail) in senders {
        let receiver = Receiver::start();

        let answer = sender(&receiver).send(order_event("1")).await;

        let line = receiver.logged("a caller was turned away").await;
        assert_eq!((line["scheme"].as_str(), line["user"].as_str()), (scheme, user), "{line}");
        assert!(line["detail"].as_str().unwrap().contains(detail), "{line}");
        assert_eq!((line["reason"].as_str(), line["calls"].as_u64()), (Some("the credentials are wrong"), Some(1)));
        assert!(!line.to_string().contains(PASSWORD) && !line.to_string().contains(TOKEN), "{line}");
        assert!(answer.status == Some(401) && !answer.body.contains(detail), "only the log says it: {answer:?}");
    }
}

#[tokio::test]
async fn every_call_that_was_turned_away_is_told_of_even_if_none_follows() {
    let receiver = Receiver::start();
    let senders = [
        receiver.sender().basic("portal", PASSWORD),
        receiver.sender().basic(USERNAME, "wrong"),
        receiver.sender().anonymous(),
        receiver.sender().bearer("wrong"),
    ];
    for sender in senders.iter().chain(&senders) {
        assert_eq!(sender.send(order_event("1")).await.status, Some(401));
    }
    eventually("the first one is told at once", async || !lines(&receiver).is_empty()).await;

    receiver.ask_to_end();

    eventually("the rest is told in the end", async || calls(&lines(&receiver)) == 8).await;
    let lines = lines(&receiver);
    assert!(lines.len() < 8 && lines.last().unwrap()["scheme"] == "Bearer", "the latest of them: {lines:#?}");
}

#[tokio::test]
async fn the_error_about_tradecloud_says_how_many_events_were_lost() {
    let receiver = Receiver::with(BEHIND_A_PROXY);
    receiver.expects_error("Tradecloud was turned away");
    for number in 0..3 {
        let sender = receiver.sender().basic(USERNAME, "wrong");
        let request = sender.request(reqwest::Method::POST).header("x-forwarded-for", "35.204.224.107");
        let answer = sender.finish(request.body(order_event(&number.to_string()).to_string())).await;
        assert_eq!(answer.status, Some(401), "{answer:?}");
    }

    receiver.ask_to_end();

    eventually("all are told", async || calls(&lines(&receiver)) == 3).await;
    assert!(lines(&receiver).iter().all(|line| line["level"] == "ERROR"), "{:#?}", lines(&receiver));
}
