//! 413 and 503: bodies that are too large, too slow, too many, or left half sent.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use reqwest::{Body, Method};

use crate::support::erp::{Answer, Erp};
use crate::support::eventually;
use crate::support::raw;
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, message_id, order_event};

/// An order event of exactly that many bytes.
fn event_of(bytes: usize) -> String {
    let event = order_event("1").to_string();
    format!("{event}{}", " ".repeat(bytes - event.len()))
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_taken_and_one_byte_more_is_not() {
    let receiver = Receiver::with(r#"server.limits.body = "2 KiB""#);

    for sender in [receiver.sender(), receiver.sender().http1()] {
        let largest = sender.send(Message::json(event_of(2048))).await;
        let larger = sender.send(Message::json(event_of(2049))).await;

        assert_eq!((largest.status, larger.status), (Some(202), Some(413)));
        assert!(larger.detail().contains("2049 bytes") && larger.detail().contains("2048 bytes"), "{larger:?}");
        assert_eq!(receiver.events(&["show", &larger.id(), "--json"])[0]["status"], 413);
    }
}

#[test]
fn a_length_beyond_the_limit_is_answered_before_the_body_comes() {
    let receiver = Receiver::with(r#"server.limits.body = "1 KiB""#);
    let mut caller = receiver.connect();

    caller.write_head(&["Content-Length: 1025"]);

    assert_eq!(caller.answer().status, Some(413));
}

#[test]
fn a_body_that_will_be_refused_for_its_length_is_not_asked_for() {
    let receiver = Receiver::with(r#"server.limits.body = "1 KiB""#);
    let mut caller = receiver.connect();

    caller.write_head(&["Expect: 100-continue", "Content-Length: 1025"]);

    assert_eq!(caller.answer().status, Some(413), "and not 100 before it");
}

#[test]
fn a_client_that_sends_all_of_it_before_it_reads_still_gets_the_answer() {
    let receiver = Receiver::with(r#"server.limits.body = "1 MiB""#);
    let body = event_of(2 << 20);
    let mut caller = receiver.connect();

    caller.write_head(&[&raw::content_length(&body)]);
    caller.write(&body);

    assert_eq!(caller.answer().status, Some(413));
}

#[test]
fn a_chunked_body_that_grows_too_large_is_refused_and_its_beginning_kept() {
    let receiver = Receiver::with(r#"server.limits.body = "1 KiB""#);
    let mut caller = receiver.connect();

    caller.write_head(&["Transfer-Encoding: chunked"]);
    for _ in 0..3 {
        caller.write(format!("200\r\n{}\r\n", "{\"hunter2\":".repeat(52).split_at(0x200).0));
    }
    caller.write("0\r\n\r\n");
    let answer = caller.answer();

    assert_eq!(answer.status, Some(413), "{answer:?}");
    assert!(!answer.body.contains("hunter2"));
    assert!(receiver.body_of(&answer.id()).starts_with(b"{\"hunter2\":"));
}

#[tokio::test]
async fn an_http_2_body_of_unknown_length_that_grows_too_large_is_refused() {
    let receiver = Receiver::with(r#"server.limits.body = "1 KiB""#);
    // Mapping its frames hides how long the body is.
    let body = Full::new(Bytes::from(event_of(3000))).map_frame(|frame| frame);
    let sender = receiver.sender();

    let answer = sender.finish(sender.request(Method::POST).body(Body::wrap(body))).await;

    assert_eq!(answer.status, Some(413), "{answer:?}");
}

#[test]
fn a_body_that_stalls_is_to_come_again() {
    let receiver = Receiver::with(r#"server.limits.body_idle = "1s""#);
    let mut caller = receiver.connect();

    caller.write_head(&["Content-Length: 100"]);
    caller.write("{\"orderEvent\"");
    let answer = caller.answer();

    assert_eq!(answer.status, Some(503), "{answer:?}");
    assert!(receiver.inbox().is_empty());
}

#[test]
fn a_chunked_body_with_a_broken_chunk_is_to_come_again() {
    let receiver = Receiver::start();
    let mut caller = receiver.connect();

    caller.write_head(&["Transfer-Encoding: chunked"]);
    caller.write("5\r\n{\"ord\r\nnonsense\r\n");
    let answer = caller.answer();

    assert!(answer.will_retry(), "{answer:?}");
    assert!(receiver.inbox().is_empty());
}

#[tokio::test]
async fn of_a_client_that_leaves_in_the_middle_nothing_is_kept() {
    let receiver = Receiver::start();
    let event = order_event("half").to_string();
    let (half, _) = event.split_at(event.len() / 2);

    let mut by_length = receiver.connect();
    by_length.write_head(&[&raw::content_length(&event)]);
    by_length.write(half);
    by_length.leave();
    let mut by_chunks = receiver.connect();
    by_chunks.write_head(&["Transfer-Encoding: chunked"]);
    by_chunks.write(format!("{:x}\r\n{event}\r\n", event.len()));
    by_chunks.leave();

    let whole = order_event("whole");
    receiver.sender().send(whole.clone()).await;
    let kept: Vec<_> = receiver.inbox().iter().map(|event| event["id"].clone()).collect();
    assert_eq!(kept, [message_id(&whole)]);
}

#[tokio::test]
async fn the_event_of_a_client_that_leaves_after_its_body_is_kept_and_delivered() {
    let erp = Erp::start();
    let receiver = Receiver::with(&format!(
        "endpoints = [{{ path = \"/webhooks/tradecloud\", acknowledge = \"handled\" }}]\n\
         handlers.erp = {{ type = \"http\", url = \"{}\" }}",
        erp.url("/")
    ));
    erp.answer([Answer::status(200).after(Duration::from_secs(1))]);
    let event = order_event("1").to_string();
    let mut caller = receiver.connect();

    caller.write_head(&[&raw::content_length(&event)]);
    caller.write(&event);
    erp.wait_for(1).await;
    caller.leave();

    receiver.inbox_until(|events| events.iter().any(|event| event["state"] == "done")).await;
    assert_eq!(erp.received().len(), 1);
}

#[test]
fn without_room_for_a_body_it_is_to_come_again_and_then_taken() {
    let receiver = Receiver::with("server.limits.body = \"16 KiB\"\nserver.limits.bodies_in_memory = \"16 KiB\"");
    let (large, small) = (event_of(16 << 10), order_event("1").to_string());
    let send = |body: &str| {
        let mut caller = receiver.connect();
        caller.write_head(&[&raw::content_length(body)]);
        caller.write(body);
        caller.answer()
    };
    let mut holder = receiver.connect();
    holder.write_head(&["Expect: 100-continue", &raw::content_length(&large)]);
    assert_eq!(holder.any_answer().status, Some(100), "it has its room from here on");

    let without_room = send(&small);
    holder.write(&large);
    let held = holder.answer();
    let with_room = send(&small);

    assert_eq!(without_room.status, Some(503), "{without_room:?}");
    assert_eq!((held.status, with_room.status), (Some(202), Some(202)));
}

#[test]
fn a_body_that_was_only_announced_keeps_nobody_out() {
    let receiver = Receiver::with("server.limits.body = \"64 KiB\"\nserver.limits.bodies_in_memory = \"64 KiB\"");
    let mut holders: Vec<_> = (0..3).map(|_| receiver.connect()).collect();
    for holder in &mut holders {
        holder.write_head(&["Expect: 100-continue", "Content-Length: 65536"]);
        assert_eq!(holder.any_answer().status, Some(100));
    }
    let event = order_event("1").to_string();
    let mut caller = receiver.connect();

    caller.write_head(&[&raw::content_length(&event)]);
    caller.write(&event);

    assert_eq!(caller.answer().status, Some(202));
}

#[test]
fn a_body_that_comes_in_drops_has_stalled() {
    let receiver = Receiver::with(r#"server.limits.body_idle = "1s""#);
    let mut caller = receiver.connect();
    caller.write_head(&["Content-Length: 1000"]);

    let answer = caller.answer_while_writing(b"{", Duration::from_millis(100));

    assert_eq!(answer.status, Some(503), "{answer:?}");
}

#[tokio::test]
async fn the_room_of_a_body_that_never_came_whole_is_given_back() {
    let receiver = Receiver::with("server.limits.body = \"16 KiB\"\nserver.limits.bodies_in_memory = \"16 KiB\"");
    let mut holder = receiver.connect();
    holder.write_head(&["Expect: 100-continue", "Content-Length: 16384"]);
    assert_eq!(holder.any_answer().status, Some(100), "it has its room from here on");
    holder.leave();

    let sender = receiver.sender();
    eventually("there is room again", async || sender.send(order_event("1")).await.status == Some(202)).await;
}
