//! What is answered before the body has been read: the sender gets to read it all the same, however much it sends
//! first. A connection that breaks instead is no answer to Tradecloud, which would send the event without end.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::frames::{self, Came, DATA, END_HEADERS, END_STREAM, HEADERS, await_stream};
use crate::support::raw;
use crate::support::receiver::{Receiver, USERNAME};
use crate::support::sender::order_event;

/// How large the bodies are, and how many of each.
const BODIES: [(usize, usize); 3] = [(21 << 10, 60), (300 << 10, 60), (4 << 20, 20)];

const ALLOWED: &str = r#"endpoints = [{ path = "/webhooks/tradecloud", allow_from = ["127.0.0.0/8"] }]"#;
const SHUT: &str = r#"endpoints = [{ path = "/webhooks/tradecloud", allow_from = ["10.0.0.0/8"] }]"#;
const FORGIVING: &str =
    r#"endpoints = [{ path = "/webhooks/tradecloud", allow_from = ["127.0.0.0/8"], auth_grace = "4h" }]"#;

/// An event of exactly that many bytes.
fn event_of(bytes: usize) -> String {
    let event = order_event("1").to_string();
    format!("{event}{}", " ".repeat(bytes - event.len()))
}

/// The line of a head with wrong credentials.
fn wrong() -> String {
    format!("Authorization: Basic {}", STANDARD.encode(format!("{USERNAME}:wrong")))
}

/// Requests that are answered before their bodies are read: what is configured, the first line, and the status.
const EARLY: [(&str, &str, u16); 5] = [
    (ALLOWED, "POST /webhooks/tradecloud", 401),
    (SHUT, "POST /webhooks/tradecloud", 403),
    (ALLOWED, "POST /nowhere", 404),
    (ALLOWED, "PATCH /webhooks/tradecloud", 405),
    (FORGIVING, "POST /webhooks/tradecloud", 503),
];

/// One for which credentials have worked, so that `auth_grace` holds.
async fn ready(configuration: &str) -> Receiver {
    let receiver = Receiver::with(configuration);
    receiver.sender().send(order_event("1")).await;
    receiver
}

#[tokio::test]
async fn whoever_sends_all_of_it_before_it_reads_gets_the_answer_over_http_1() {
    for (configuration, first, status) in EARLY {
        let receiver = ready(configuration).await;
        receiver.expects_error("credentials that worked lately");
        for (size, times) in BODIES {
            let body = event_of(size);
            let head = format!("{first} HTTP/1.1\r\nHost: x\r\n{}\r\n{}\r\n\r\n", wrong(), raw::content_length(&body));
            let request = head + &body;
            // The first of each goes on with the same connection, as a client does that has read the answer.
            let mut caller = receiver.connect();
            for time in 0..times {
                caller.try_write(&request);
                assert_eq!(caller.answer().status, Some(status), "{first}, {size} bytes, time {time}");
                if time > 2 {
                    caller = receiver.connect();
                }
            }
        }
    }
}

#[tokio::test]
async fn curl_gets_the_answer_over_http_1_and_http_2() {
    for (configuration, first, status) in EARLY {
        let receiver = ready(configuration).await;
        receiver.expects_error("credentials that worked lately");
        let (method, path) = first.split_once(' ').unwrap();
        for (size, times) in [(10, 20)].iter().chain(&BODIES) {
            std::fs::write(receiver.path("body"), &event_of(1 << 10).repeat(size / 1024 + 1)[..*size]).unwrap();
            for version in ["--http1.1", "--http2"] {
                let line = format!(
                    "for i in $(seq {times}); do curl -s {version} --cacert ca.pem -X {method} -u {USERNAME}:wrong \
                     --data-binary @body -H 'Expect:' -o answer -w '%{{http_code}} %{{exitcode}}\n' '{}'; done | sort | uniq -c",
                    receiver.url(path)
                );

                let output = receiver.shell(&line);

                let told = String::from_utf8(output.stdout).unwrap();
                assert_eq!(told.trim(), format!("{times} {status} 0"), "{first}, {version}, {size} bytes");
            }
        }
    }
}

/// The room for bodies is taken by another sender's.
#[test]
fn a_body_for_which_there_is_no_room_is_told_so() {
    let receiver =
        Receiver::with("server.limits = { body = \"8 MiB\", bodies_in_memory = \"8 MiB\", body_idle = \"10m\" }");
    let large = event_of(8 << 20);
    let mut first = receiver.connect();
    first.write_head(&[&raw::content_length(&large)]);
    first.write(&large[..large.len() - 1]);

    let status_of = |body: &str| {
        let mut caller = receiver.connect();
        caller.try_write(raw::head(&[&*raw::authorization(), &raw::content_length(body)]) + body);
        caller.answer().status
    };
    // As long as the first one is on its way there is some room left.
    let taken = (0..1000).take_while(|_| status_of(&event_of(BODIES[0].0)) != Some(503)).count();
    assert!(taken < 1000, "there is room for all of them");
    for (size, times) in BODIES {
        let body = event_of(size);
        for time in 0..times {
            assert_eq!(status_of(&body), Some(503), "{size} bytes, time {time}");
        }
    }
    first.write(&large[large.len() - 1..]);
    assert_eq!(first.answer().status, Some(202));
}

/// The library answers these by itself, and ends the connection.
#[test]
fn a_head_that_is_too_large_is_told_so() {
    let receiver = Receiver::start();
    for size in [40 << 10, 300 << 10] {
        let request = raw::head(&[&format!("X-Long: {}", "x".repeat(size))]);
        for time in 0..60 {
            let mut caller = receiver.connect();
            caller.try_write(&request);
            assert_eq!(caller.any_answer().status, Some(431), "{size} bytes, time {time}");
        }
    }
}

/// A stranger's is only taken in as far as it is good for.
#[test]
fn a_strangers_body_without_end_is_not_taken_in_for_ever() {
    let receiver = Receiver::start();
    let mut stranger = receiver.connect();
    stranger.write(raw::head(&["Content-Length: 1099511627776"]));
    assert_eq!(stranger.answer().status, Some(401));

    let mut sent = 0_usize;
    while sent < 1 << 30 && stranger.is_written(vec![b' '; 64 << 10]) {
        sent += 64 << 10;
    }

    assert!(sent < 64 << 20, "{sent} bytes were taken in");
    assert!(receiver.most_memory() < 128 << 20, "{}", receiver.most_memory());
}

/// RFC 9112, §9.6: to close one side is not to leave.
#[test]
fn a_sender_that_closes_its_side_behind_the_request_gets_the_answer() {
    let receiver = Receiver::start();
    for (politely, times) in [(true, 20), (false, 20)] {
        for time in 0..times {
            let event = order_event("1").to_string();
            let mut caller = receiver.connect();
            caller.write(raw::head(&[&*raw::authorization(), &raw::content_length(&event)]) + &event);
            caller.end_writing(politely);

            assert_eq!(caller.answer().status, Some(202), "politely: {politely}, time {time}");
        }
    }
    assert_eq!(receiver.inbox().len(), 40);
}

/// A whole request over HTTP/2, and the end of what the caller says.
fn said_and_closed(receiver: &Receiver, event: &str, politely: bool) -> Came {
    let headers = frames::frame(HEADERS, END_HEADERS, 1, &frames::post_block(true));
    let mut caller = receiver.connect();
    caller.write([frames::preface(&[]), headers, frames::frame(DATA, END_STREAM, 1, event.as_bytes())].concat());
    caller.end_writing(politely);
    await_stream(&mut caller, 1)
}

#[tokio::test]
async fn a_sender_that_closes_its_side_behind_the_request_gets_the_answer_over_http_2() {
    let (receiver, shut) = (Receiver::start(), Receiver::with(SHUT));
    for time in 0..40 {
        let (event, politely) = (order_event("1").to_string(), time % 2 == 0);

        let came = [&receiver, &shut].map(|receiver| said_and_closed(receiver, &event, politely));

        assert_eq!(came, [Came::Status(202), Came::Status(403)], "politely: {politely}, time {time}");
    }
    assert_eq!(receiver.inbox().len(), 40);
    // What is kept after its answer is kept although its sender has closed the connection by then.
    shut.inbox_until(|events| events.len() == 40).await;
}

/// Its answer would come at the latest when the body has stalled, which nobody here waits for.
#[test]
fn a_body_that_is_cut_off_by_the_end_of_the_connection_is_told_so_at_once_over_http_2() {
    let receiver = Receiver::with("server.limits.body_idle = \"10m\"");
    let headers = frames::frame(HEADERS, END_HEADERS, 1, &frames::post_block(true));
    let mut caller = receiver.connect();
    caller.write([frames::preface(&[]), headers, frames::frame(DATA, 0, 1, b"{")].concat());
    caller.end_writing(true);

    assert_eq!(await_stream(&mut caller, 1), Came::Status(503));
}

/// Whoever says goodbye last: a connection that we end does not keep its place for long.
#[test]
fn a_connection_that_is_ended_gives_its_place_back() {
    let receiver = Receiver::with("server.limits.connections = 1");
    let mut stays = receiver.connect();
    stays.write("nonsense\r\n\r\n");
    assert_eq!(stays.any_answer().status, Some(400));

    let event = order_event("1").to_string();
    let mut next = receiver.connect();
    next.write_head(&[&raw::content_length(&event)]);
    next.write(&event);

    assert_eq!(next.answer().status, Some(202));
    drop(stays);
}

#[tokio::test]
async fn whether_credentials_are_right_cannot_be_said_and_the_log_says_so() {
    let digest = "$argon2id$v=19$m=19456,t=2,p=1$YSBzYWx0IG9mIHRlc3Rz$bzVn+b9plr8wZB0TlNtpr20KUJdfyxr2anO9UFPXsLg";
    let receiver = Receiver::with(&format!(
        "server.answer_within = \"2ms\"\nauth.thought_up = {{ type = \"basic\", username = \"x\", password_digest = \"{digest}\" }}"
    ));

    let answer = receiver.sender().basic("x", "some horse").send(order_event("1")).await;

    assert_eq!(answer.status, Some(503), "{answer:?}");
    let line = receiver.logged("whether credentials are right cannot be said now").await;
    assert_eq!((line["from"].as_str(), line["path"].as_str()), (Some("127.0.0.1"), Some("/webhooks/tradecloud")));
    assert!(line["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{line}");
}
