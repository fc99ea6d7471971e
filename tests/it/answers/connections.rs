//! What HTTP allows and clients seldom do, and what is no HTTP at all.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::frames::{
    Came, DATA, END_HEADERS, END_STREAM, HEADERS, await_stream, frame, goodbyes, post_block, preface,
};
use crate::support::load::Load;
use crate::support::raw;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// A whole request with this body.
fn request(body: &str) -> String {
    let (authorization, length) = (raw::authorization(), raw::content_length(body));
    raw::head(&[&authorization, "Content-Type: application/json", &length]) + body
}

#[test]
fn requests_one_after_the_other_on_one_connection_are_answered_in_order() {
    let receiver = Receiver::start();
    let mut caller = receiver.connect();
    let event = order_event("1").to_string();

    caller.write(request(&event) + &request("{}") + &request(&event));

    let answers = [caller.answer(), caller.answer(), caller.answer()];
    assert_eq!(answers.map(|answer| answer.status), [Some(202), Some(400), Some(202)]);
}

#[test]
fn a_request_that_comes_byte_by_byte_is_a_request() {
    let receiver = Receiver::start();
    let mut caller = receiver.connect();

    for byte in request(&order_event("1").to_string()).into_bytes() {
        caller.write([byte]);
    }

    assert_eq!(caller.answer().status, Some(202));
}

#[test]
fn a_chunked_body_with_extensions_and_trailers_is_taken() {
    let receiver = Receiver::start();
    let event = order_event("1").to_string();
    let (first, second) = event.split_at(10);
    let mut caller = receiver.connect();

    caller.write_head(&["Transfer-Encoding: chunked", "Trailer: X-Sum"]);
    caller.write(format!("a;x=y\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\nX-Sum: 1\r\n\r\n", second.len()));
    let answer = caller.answer();

    assert_eq!(answer.status, Some(202), "{answer:?}");
    assert_eq!(receiver.body_of(&answer.id()), event.as_bytes());
}

#[test]
fn older_and_fuller_ways_to_write_a_request_are_taken() {
    let receiver = Receiver::start();
    let event = order_event("1").to_string();
    let lines = format!("{}\r\n{}\r\n\r\n{event}", raw::authorization(), raw::content_length(&event));
    let heads = [
        "POST /webhooks/tradecloud HTTP/1.0\r\n",
        "POST /webhooks/tradecloud HTTP/1.1\r\n",
        "POST https://localhost/webhooks/tradecloud HTTP/1.1\r\nHost: localhost\r\n",
        "PUT /webhooks/tradecloud HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n",
    ];

    for head in heads {
        let mut caller = receiver.connect();
        caller.write(format!("{head}{lines}"));

        let answer = caller.answer();

        assert_eq!(answer.status, Some(202), "{head}: {answer:?}");
    }
}

#[test]
fn what_is_no_http_is_turned_away_and_harms_nobody() {
    let receiver = Receiver::start();
    let many_headers = "X-Header: 1\r\n".repeat(200);
    let long = "x".repeat(100_000);
    let requests = [
        "nonsense\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
        "POST /webhooks/tradecloud HTTP/7.3\r\n\r\n".to_owned(),
        raw::head(&[&raw::authorization(), "Content-Length: -1"]),
        raw::head(&[&raw::authorization(), "Content-Length: 1, 2"]),
        raw::head(&[&raw::authorization(), "Content-Length: 1", "Content-Length: 2"]),
        raw::head(&[&raw::authorization(), "Transfer-Encoding: chunked, nonsense"]),
        raw::head(&[&raw::authorization(), &many_headers]),
        raw::head(&[&raw::authorization(), &format!("X-Long: {long}")]),
        format!("POST /{long} HTTP/1.1\r\n\r\n"),
    ];

    for request in requests {
        let beginning = &request[..request.len().min(100)];
        let mut caller = receiver.connect();
        caller.try_write(&request);

        let answer = caller.any_answer();

        assert!([None, Some(400), Some(414), Some(431)].contains(&answer.status), "{beginning}: {answer:?}");
    }
    assert!(receiver.inbox().is_empty());
    let mut caller = receiver.connect();
    caller.write(request(&order_event("1").to_string()));
    assert_eq!(caller.answer().status, Some(202));
}

#[test]
fn a_body_with_two_lengths_is_never_taken_for_two_requests() {
    let receiver = Receiver::start();
    let event = order_event("smuggled").to_string();
    let smuggled = request(&event);
    let mut caller = receiver.connect();

    caller.write_head(&["Transfer-Encoding: chunked", &format!("Content-Length: {}", 5 + smuggled.len())]);
    caller.write(format!("0\r\n\r\n{smuggled}"));
    let first = caller.any_answer();

    // Chunked wins by the rules (RFC 9112, §6.3) and the connection must end; or it is refused.
    assert!(first.status.is_none_or(|status| (400..500).contains(&status)), "{first:?}");
    assert_eq!(caller.any_answer().status, None, "the rest of the bytes counted as a request");
    assert!(receiver.inbox().iter().all(|event| event["state"] == "refused"));
}

#[test]
fn whoever_does_not_speak_tls_gets_nothing() {
    let receiver = Receiver::start();
    for bytes in [request("{}").into_bytes(), vec![0; 4096], b"\x16\x03\x01\xff\xff".repeat(100)] {
        let mut socket = TcpStream::connect(("127.0.0.1", receiver.public_port())).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
        let _ = socket.write_all(&bytes);

        let mut read = Vec::new();
        let _ = socket.read_to_end(&mut read);

        assert!(!String::from_utf8_lossy(&read).contains("HTTP"), "{read:?}");
    }
    assert_eq!(ask(&receiver), Some(202));
}

#[test]
fn connections_on_which_nothing_happens_are_closed() {
    let receiver = Receiver::with(
        r#"server.answer_within = "1s"
server.limits.header_read = "1s"
server.limits.body_idle = "1s"
server.limits.tls_handshake = "1s""#,
    );
    let silent = receiver.connect();
    let mut half_a_head = receiver.connect();
    half_a_head.write("POST /webhooks/tradecloud HTTP/1.1\r\nHost: loc");
    let mut between_requests = receiver.connect();
    between_requests.write(request("{}"));
    let answered = between_requests.answer().status;
    let mut without_tls = TcpStream::connect(("127.0.0.1", receiver.public_port())).unwrap();
    without_tls.set_read_timeout(Some(Duration::from_secs(90))).unwrap();

    assert!(silent.closed_silently());
    assert!(half_a_head.closed_silently(), "408 would lose an event");
    assert_eq!(answered, Some(400));
    assert!(between_requests.closed_silently());
    assert!(without_tls.read(&mut [0]).is_ok_and(|read| read == 0));
}

/// RFC 9113, §9.1: what a client sends at the very end is lost without a word of it.
#[test]
fn before_an_idle_connection_is_closed_its_client_is_told_over_http_2() {
    let receiver = Receiver::with("server.limits = { header_read = \"4s\", tls_handshake = \"4s\" }");
    let event = order_event("1").to_string();
    let whole = [frame(HEADERS, END_HEADERS, 1, &post_block(true)), frame(DATA, END_STREAM, 1, event.as_bytes())];
    let (mut known, mut stranger) = (receiver.connect(), receiver.connect());

    known.write([&preface(&[])[..], &whole.concat()].concat());
    stranger.write(preface(&[]));

    assert_eq!(await_stream(&mut known, 1), Came::Status(202));
    // First that it is time, then what was the last that counts.
    assert_eq!([goodbyes(&mut known), goodbyes(&mut stranger)], [[0, 0], [0, 0]]);
}

#[test]
fn a_body_that_stalls_does_not_end_the_connection_for_the_others_over_http_2() {
    let receiver = Receiver::with("server.limits = { header_read = \"60s\", body_idle = \"1s\" }");
    let (headers, event) = (post_block(true), order_event("1").to_string());
    let mut caller = receiver.connect();
    let half = [frame(HEADERS, END_HEADERS, 1, &headers), frame(DATA, 0, 1, b"{")].concat();
    caller.write([preface(&[]), half].concat());
    assert_eq!(await_stream(&mut caller, 1), Came::Status(503));

    std::thread::sleep(Duration::from_secs(3));
    caller.try_write([frame(HEADERS, END_HEADERS, 3, &headers), frame(DATA, END_STREAM, 3, event.as_bytes())].concat());

    assert_eq!(await_stream(&mut caller, 3), Came::Status(202));
}

/// Its answers to our pings stand behind what it has handed over to its line before.
#[test]
fn a_client_that_sends_over_a_slow_line_and_answers_no_ping_meanwhile_is_not_given_up_over_http_2() {
    let receiver = Receiver::start();
    let event = order_event("1").to_string();
    let mut caller = receiver.connect();
    caller.write([preface(&[]), frame(HEADERS, END_HEADERS, 1, &post_block(true))].concat());

    // Two pings long, and some more.
    for _ in 0..10 {
        caller.write(frame(DATA, 0, 1, &[b' '; 16 << 10]));
        std::thread::sleep(Duration::from_secs(5));
        caller.write(frame(DATA, 0, 1, &[b' '; 16 << 10]));
    }
    caller.write(frame(DATA, END_STREAM, 1, event.as_bytes()));

    assert_eq!(await_stream(&mut caller, 1), Came::Status(202));
}

#[test]
fn further_connections_wait_until_one_is_closed() {
    let receiver = Receiver::with("server.limits.connections = 1");
    let mut first = receiver.connect();
    first.write(request("{}"));
    assert_eq!(first.answer().status, Some(400));

    let (receiver, asked) = (&receiver, std::sync::mpsc::channel());
    std::thread::scope(|threads| {
        let sender = asked.0;
        threads.spawn(move || sender.send(ask(receiver)).unwrap());
        let while_the_first_is_open = asked.1.recv_timeout(Duration::from_millis(500));
        first.leave();

        assert!(while_the_first_is_open.is_err(), "it was let in");
        assert_eq!(asked.1.recv_timeout(Duration::from_secs(90)), Ok(Some(202)));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_have_every_connection_keep_nobody_out() {
    let receiver = Receiver::with(
        r#"server.limits.connections = 2
server.limits.tls_handshake = "20s"
server.limits.header_read = "60s""#,
    );
    let _strangers = [receiver.connect(), receiver.connect()];

    let newcomer = receiver.sender().send(order_event("newcomer")).await;

    assert_eq!(newcomer.status, Some(202));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_gets_a_turn_although_known_callers_have_every_connection() {
    let receiver = Receiver::with(
        r#"server.limits.connections = 2
server.limits.tls_handshake = "4s""#,
    );
    let busy = Load::of((0..2).map(|_| receiver.sender().http1()));
    busy.acknowledged(10).await;

    let newcomer = receiver.sender().http1().send(order_event("newcomer")).await;

    let tally = busy.stop().await;
    assert_eq!(newcomer.status, Some(202));
    assert!(tally.unanswered.is_empty() && tally.lost.is_empty(), "{tally:?}");
}

fn ask(receiver: &Receiver) -> Option<u16> {
    let mut caller = receiver.connect();
    caller.write(request(&order_event("1").to_string()));
    caller.answer().status
}
