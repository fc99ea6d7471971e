//! What every handler says of the time of an event: RFC 3339, whatever the sender wrote.

use jiff::Timestamp;
use serde_json::Value;
use tradecloud_webhook::handlers::Outcome;

use super::back_ends::{Mood, all_in};
use super::http::handler_for;
use super::{event, handler_of};
use crate::support::erp::Erp;

/// When the event was received.
const RECEIVED: &str = "2026-11-21T01:38:12.123456Z";

/// What a sender may write, and the instant that it is. What cannot be read gives way to the time of receipt.
const TIMES: [(&str, &str); 13] = [
    ("2026-11-21T01:38:12.000Z", "2026-11-21T01:38:12.000Z"),
    ("2026-11-21T03:08:35.067+01:00", "2026-11-21T03:08:35.067+01:00"),
    ("2026-11-21T03:08:35.067+01:00[Europe/Amsterdam]", "2026-11-21T02:08:35.067000Z"),
    ("2026-11-21 03:08:35.067Z", "2026-11-21T03:08:35.067000Z"),
    ("2026-11-21T03:08:35,067Z", "2026-11-21T03:08:35.067000Z"),
    ("2026-11-21T03:08:35+0100", "2026-11-21T02:08:35.000000Z"),
    ("2026-11-21T03:08Z[UTC]", "2026-11-21T03:08:00.000000Z"),
    ("2026-11-21T03:08:35.067", "2026-11-21T03:08:35.067000Z"),
    ("\n  2026-11-21T03:08:35Z ", "2026-11-21T03:08:35Z"),
    ("1795230515.067", "2026-11-21T03:08:35.067000Z"),
    ("1795230515067", "2026-11-21T03:08:35.067000Z"),
    ("21.11.2026 03:08", RECEIVED),
    ("2026-02-30T03:08:35Z", RECEIVED),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_of_an_event_is_rfc_3339_with_every_handler() {
    for back_end in all_in(Mood::Accepts).await {
        let handler = handler_of(&*back_end);
        for (number, (written, _)) in TIMES.into_iter().enumerate() {
            let mut event = event(&format!("m-{number}"));
            event.envelope.created = Some(written.to_owned());
            assert_eq!(handler.deliver(&event).await, Outcome::Done, "{}", back_end.name());
        }

        let taken = back_end.taken().await;
        let taken: Vec<Value> = taken.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
        for (number, (written, expected)) in TIMES.into_iter().enumerate() {
            let event = taken.iter().find(|event| event["id"] == format!("m-{number}")).unwrap();
            let time = event["time"].as_str().unwrap();
            if back_end.name() == "postgres" {
                // There it is a column of that type, read to the millisecond.
                let milliseconds = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
                assert_eq!(milliseconds(time), milliseconds(expected), "{written}");
            } else {
                assert_eq!(time, expected, "{} of {written}", back_end.name());
            }
        }
    }
}

#[tokio::test]
async fn it_is_so_in_the_header_ce_time_too() {
    let erp = Erp::start();
    let handler = handler_for(&erp, "format = 'cloudevents-binary'");

    for (written, _) in TIMES {
        let mut event = event("m-1");
        event.envelope.created = Some(written.to_owned());
        assert_eq!(handler.deliver(&event).await, Outcome::Done);
    }

    for (request, (written, expected)) in erp.received().iter().zip(TIMES) {
        assert_eq!(request.header("ce-time"), expected, "{written}");
    }
}
