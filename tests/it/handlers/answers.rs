//! What a back end says to an attempt is heard, and nothing that is done or not depends on it.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tradecloud_webhook::event::{Answer as Heard, Answers, Event};
use tradecloud_webhook::handlers::{Outcome, SharedHandler};

use super::back_ends::{Mood, all_in};
use super::http::handler_for;
use super::http_answers::erp_that_says;
use super::{event, handler, handler_of, rejection, unavailable};
use crate::support::erp::{Answer, Erp};
use crate::support::eventually;

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be none")]
fn heard(status: impl Into<Option<u16>>, text: &str) -> Option<Heard> {
    Some(Heard { status: status.into(), text: Some(text.to_owned()).filter(|text| !text.is_empty()) })
}

fn shell(script: &str, timeout: &str) -> SharedHandler {
    handler(&format!("type = 'exec'\ncommand = ['/bin/sh', '-c', '''{script}''']\ntimeout = '{timeout}'"))
}

/// An ERP that answers each request with these bytes and nothing after them, and keeps the connection.
async fn erp_that_stops_at(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 8 * 1024]).await;
            let _ = connection.write_all(answer.as_bytes()).await;
            kept.push(connection);
        }
    });
    url
}

#[tokio::test]
async fn what_the_erp_said_is_heard_whether_it_took_the_event_or_not() {
    let erp = Erp::start();
    let handler = handler_for(&erp, "");
    for (status, body) in [
        (201, "booked as 4900000002"),
        (204, ""),
        (422, r#"{"title":"Refused","detail":"item 7 is unknown"}"#),
        (503, "closing the month\nuntil noon\n"),
        (307, "elsewhere"),
    ] {
        erp.answer([Answer::status(status).body("text/plain", body)]);
        let event = event("m-1");

        match handler.deliver(&event).await {
            Outcome::Done => assert!(status < 300),
            Outcome::Rejected(_) => assert_eq!(status, 422),
            Outcome::Unavailable(_) => assert!([503, 307].contains(&status)),
        }

        assert_eq!(event.answers.take(), heard(status, body));
    }
}

/// Older systems say what is wrong in an encoding of their own.
#[tokio::test]
async fn what_is_said_in_another_charset_is_heard_as_it_was_meant() {
    let erp = Erp::start();
    let handler = handler_for(&erp, "");
    for status in [200, 422, 503] {
        erp.answer([Answer::status(status).body("text/plain; charset=iso-8859-1", b"f\xfcr M\xfcller".to_vec())]);
        let event = event("m-1");

        handler.deliver(&event).await;

        assert_eq!(event.answers.take(), heard(status, "für Müller"), "{status}");
    }
}

#[tokio::test]
async fn of_a_long_answer_the_first_kibibyte_is_heard() {
    let erp = Erp::start();
    for status in [200, 422] {
        erp.answer([Answer::status(status).body("text/plain", "x".repeat(1_000_000))]);
        let event = event("m-1");

        handler_for(&erp, "").deliver(&event).await;

        assert_eq!(event.answers.take(), heard(status, &"x".repeat(1024)));
    }
}

#[tokio::test]
async fn an_erp_that_gives_no_answer_has_said_nothing() {
    let erp = Erp::start();
    erp.answer([Answer::drop_connection()]);
    let event = event("m-1");

    unavailable(handler_for(&erp, "").deliver(&event).await);

    assert_eq!(event.answers.take(), None);
}

#[tokio::test]
async fn an_answer_whose_body_never_comes_is_done_all_the_same() {
    let nothing = erp_that_stops_at("HTTP/1.1 201 Created\r\nContent-Length: 20\r\n\r\n").await;
    let half = erp_that_stops_at("HTTP/1.1 201 Created\r\nContent-Length: 20\r\n\r\nbooked").await;
    let broken = "HTTP/1.1 201 Created\r\nContent-Length: 20\r\nConnection: close\r\n\r\nbooked";
    let broken = erp_that_says(broken.to_owned()).await;
    // The first is too short for any wait, and the other too long for this test.
    for timeout in ["1s", "10m"] {
        for (url, text) in [(&nothing, ""), (&half, "booked"), (&broken, "booked")] {
            let handler = handler(&format!("type = 'http'\nurl = '{url}'\ntimeout = '{timeout}'"));
            let event = event("m-1");

            let outcome = tokio::time::timeout(Duration::from_secs(60), handler.deliver(&event)).await;

            assert_eq!(outcome.expect("no wait for what never comes"), Outcome::Done, "{timeout}, {text}");
            assert_eq!(event.answers.take(), heard(201, text), "{timeout}");
        }
    }
}

#[tokio::test]
async fn where_nobody_keeps_answers_the_event_is_done_all_the_same_and_nothing_is_heard() {
    let erp = Erp::start();
    erp.answer([Answer::status(201).body("text/plain", "booked")]);
    for handler in [handler_for(&erp, ""), shell("echo booked", "60s")] {
        let event = Event { answers: Answers::unwanted(), ..event("m-1") };

        assert_eq!(handler.deliver(&event).await, Outcome::Done);

        assert_eq!(event.answers.take(), None);
    }
}

#[tokio::test]
async fn a_program_answers_on_standard_output_or_else_on_standard_error() {
    for (script, said) in [
        ("echo booked as 4900000002", "booked as 4900000002"),
        ("echo booked; echo price is odd >&2", "booked"),
        ("echo price is odd >&2", "price is odd"),
        ("echo item 7; echo no such item >&2; exit 65", "item 7"),
        ("echo no such item >&2; exit 65", "no such item"),
        ("echo database is locked >&2; exit 75", "database is locked"),
    ] {
        let event = event("m-1");

        let outcome = shell(script, "60s").deliver(&event).await;

        assert_eq!(event.answers.take(), heard(None, said), "{script}: {outcome:?}");
    }
    let event = event("m-1");
    rejection(shell("echo; exit 65", "60s").deliver(&event).await);
    assert_eq!(event.answers.take(), None);
}

#[tokio::test]
async fn what_a_program_said_before_its_time_was_up_is_heard() {
    let event = event("m-1");

    unavailable(shell("echo waiting for the lock; sleep 600", "2s").deliver(&event).await);

    assert_eq!(event.answers.take(), heard(None, "waiting for the lock"));
}

#[tokio::test]
async fn a_program_left_running_in_the_background_can_go_on_writing() {
    for answers in [Answers::default(), Answers::unwanted()] {
        let home = tempfile::tempdir().unwrap();
        let (end_is_heard, written) = (home.path().join("end-is-heard"), home.path().join("written"));
        // More than fits into a pipe that nobody reads. It does not wait for ever if this test fails.
        let script = format!(
            "wait_and_write() {{
                 for turn in $(seq 1200); do [ -e {0} ] && break; sleep 0.05; done
                 head -c 1000000 /dev/zero && touch {1}
             }}
             echo booked; wait_and_write 2>/dev/null &",
            end_is_heard.display(),
            written.display()
        );
        let event = Event { answers, ..event("m-1") };
        assert_eq!(shell(&script, "60s").deliver(&event).await, Outcome::Done);
        assert_eq!(event.answers.take(), if event.wants_answer() { heard(None, "booked") } else { None });

        std::fs::write(end_is_heard, "").unwrap();

        eventually("what is left in the background has written all", async || written.exists()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_back_end_says_what_became_of_an_event_and_of_its_repetition() {
    for back_end in all_in(Mood::Accepts).await {
        let handler = handler_of(&*back_end);
        let mut said = Vec::new();
        for attempt in [1, 2] {
            let event = Event { attempt, ..event("m-1") };
            assert_eq!(handler.deliver(&event).await, Outcome::Done, "{}", back_end.name());
            said.push(event.answers.take().and_then(|answer| answer.text).unwrap_or_default());
        }

        let file = "20261121T013812.123456Z-OrderIssuedByBuyer-m-1.json";
        let expected = match back_end.name() {
            "amqp" => ["confirmed", "confirmed"],
            // Which of its partitions it is, and how far that is, is for Kafka to say.
            "kafka" => ["partition ", "partition "],
            "file" => [file, file],
            "nats" => ["stream TRADECLOUD, sequence 1", "stream TRADECLOUD, sequence 1, duplicate"],
            "postgres" => ["inserted", "was there already"],
            // Theirs say nothing of an event that they take.
            _ => ["", ""],
        };
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.starts_with(expected), "{}: {said}", back_end.name());
        }
    }
}
