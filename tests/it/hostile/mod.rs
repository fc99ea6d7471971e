//! Thousands of requests that are meant to do harm: every one gets the answer it is due, none costs anything,
//! and nobody else notices.
//!
//! They are made from tables, what is wrong times where it is wrong, each with the one answer that is right.

mod credentials;
mod framing;
mod http2;
mod json;
mod overload;
mod slow;
mod tls;
mod xml;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::support::raw::{self, Connection};
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// Statuses that must never be sent, whatever comes.
const NEVER: [u16; 6] = [408, 425, 429, 500, 501, 505];

/// What the receiver must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Give this answer.
    Status(u16),
    /// End the connection without an answer.
    Closed,
}

/// A request, byte by byte, and what is due to it.
struct Case {
    name: String,
    bytes: Vec<u8>,
    due: Due,
}

impl Case {
    fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>, due: Due) -> Self {
        Self { name: name.into(), bytes: bytes.into(), due }
    }

    /// A body in a request with the right credentials.
    fn body(name: impl Into<String>, content_type: &str, body: impl Into<Vec<u8>>, status: u16) -> Self {
        let body = body.into();
        let lines = [&*raw::authorization(), &format!("Content-Type: {content_type}"), &raw::content_length(&body)];
        let bytes = [raw::head(&lines).into_bytes(), body].concat();
        Self::new(name, bytes, Due::Status(status))
    }

    /// Each of the malformed fragments (refused) and of the odd ones (taken) at each place of a body: its name,
    /// and what stands before and after.
    fn in_places(
        content_type: &str,
        places: &[(&str, &str, &str)],
        malformed: Vec<Vec<u8>>,
        odd: Vec<Vec<u8>>,
    ) -> Vec<Self> {
        let mut cases = Vec::new();
        for (fragments, status) in [(malformed, 400), (odd, 202)] {
            for fragment in fragments {
                let shown = String::from_utf8_lossy(&fragment[..fragment.len().min(40)]).into_owned();
                for (place, before, after) in places {
                    let body = [before.as_bytes(), &fragment, after.as_bytes()].concat();
                    cases.push(Self::body(format!("{shown:?} {place}"), content_type, body, status));
                }
            }
        }
        cases
    }
}

/// Sends every request on a connection of its own; says which were not answered as is due.
fn wrongly_answered(receiver: &Receiver, cases: &[Case]) -> Vec<String> {
    let (next, wrong, ca) = (AtomicUsize::new(0), Mutex::new(Vec::new()), receiver.ca());
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut caller = Connection::open(receiver.public_port(), &ca);
                    caller.try_write(&case.bytes);
                    let answer = caller.any_answer();
                    let got = answer.status.map_or(Due::Closed, Due::Status);
                    if got != case.due || answer.status.is_some_and(|status| NEVER.contains(&status)) {
                        let said = format!("{}: {:?} was due, got {got:?} {}", case.name, case.due, answer.body);
                        wrong.lock().unwrap_or_else(PoisonError::into_inner).push(said);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Fails unless every one of at least `least` requests gets what is due to it, and the receiver is as well
/// afterwards as it was before.
fn assert_answered(cases: &[Case], least: usize) {
    assert!(cases.len() >= least, "only {} requests", cases.len());
    let receiver = Receiver::with("server.limits.body = \"1 MiB\"\nserver.limits.bodies_in_memory = \"64 MiB\"");

    let wrong = wrongly_answered(&receiver, cases);

    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_well(&receiver);
}

/// Fails unless the receiver lives, has not panicked, takes little memory, and takes an event.
fn assert_well(receiver: &Receiver) {
    let log = receiver.log();
    let panicked = log.iter().find(|line| line.to_string().contains("panic"));
    assert_eq!(panicked, None);
    let mebibytes = receiver.most_memory() >> 20;
    assert!(mebibytes < 256, "{mebibytes} MiB");
    let event = order_event("1").to_string();
    let mut caller = receiver.connect();
    caller.write_head(&[&raw::content_length(&event)]);
    caller.write(&event);
    assert_eq!(caller.answer().status, Some(202));
}

#[test]
fn a_request_that_is_badly_framed_gets_the_answer_it_is_due() {
    assert_answered(&framing::cases(), 600);
}

#[test]
fn a_body_of_hostile_json_gets_the_answer_it_is_due() {
    assert_answered(&json::cases(), 500);
}

#[test]
fn a_body_of_hostile_xml_gets_the_answer_it_is_due() {
    assert_answered(&xml::cases(), 500);
}

#[test]
fn credentials_that_are_almost_right_or_absurd_get_the_answer_they_are_due() {
    assert_answered(&credentials::cases(), 400);
}

#[test]
fn there_are_at_least_two_thousand_of_them() {
    let count = framing::cases().len() + json::cases().len() + xml::cases().len() + credentials::cases().len();
    assert!(count >= 2000, "{count}");
}
