//! What a program of an `exec` handler says: the end of it is the reason of a failure, the first line that of a rejection,
//! and all of it is in the log for whoever wants to see it.

use serde_json::Value;
use tradecloud_webhook::handlers::SharedHandler;

use super::{event, handler, rejection, unavailable};
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};

/// As Python has it: what went wrong stands last.
const TRACEBACK: &str = "Traceback (most recent call last):\n  File \"order-to-csv\", line 7\nKeyError: 'nope'";

fn shell(script: &str) -> SharedHandler {
    handler(&format!("type = 'exec'\ncommand = ['/bin/sh', '-c', '''{script}''']"))
}

async fn reason(script: &str) -> String {
    unavailable(shell(script).deliver(&event("m-1")).await).reason
}

/// A script that says the traceback and fails.
fn dies() -> String {
    format!("cat >&2 <<'END'\n{TRACEBACK}\nEND\nexit 1")
}

#[tokio::test]
async fn the_reason_of_a_failure_is_all_of_a_short_complaint() {
    assert_eq!(reason(&dies()).await, format!("/bin/sh ended with exit status: 1:\n{TRACEBACK}"));
    assert_eq!(
        reason("echo database is locked >&2; exit 75").await,
        "/bin/sh ended with exit status: 75: database is locked"
    );
    assert_eq!(reason("exit 3").await, "/bin/sh ended with exit status: 3");
}

#[tokio::test]
async fn the_reason_of_a_failure_is_the_end_of_a_long_complaint_in_whole_lines() {
    let reason = reason("seq 100000 >&2; exit 1").await;

    let (head, lines) = reason.split_once(":\n…\n").unwrap_or_else(|| panic!("{reason}"));
    assert_eq!(head, "/bin/sh ended with exit status: 1");
    assert!((1500..=2048).contains(&lines.len()) && lines.ends_with("99999\n100000"), "{reason}");
    assert!(lines.starts_with("99"), "it begins within a line: {reason}");
}

#[tokio::test]
async fn of_one_line_without_end_the_end_is_the_reason() {
    let reason = reason("yes x | head -c 100000 | tr -d '\\n' >&2; printf 'the end\\n\\n' >&2; exit 1").await;

    assert!(reason.contains("status: 1: …x") && reason.ends_with("xthe end"), "{reason}");
    assert!(reason.len() < 2200, "{reason}");
}

#[tokio::test]
async fn the_reason_of_a_program_that_took_too_long_is_what_it_said_last() {
    let script = "echo waiting for the lock >&2; echo of MILLER >&2; sleep 600";
    let handler = handler(&format!("type = 'exec'\ncommand = ['/bin/sh', '-c', '{script}']\ntimeout = '2s'"));

    let reason = unavailable(handler.deliver(&event("m-1")).await).reason;

    assert_eq!(reason, "/bin/sh was still running after 2s and was killed:\nwaiting for the lock\nof MILLER");
}

#[tokio::test]
async fn the_reason_of_a_rejection_is_its_first_line() {
    let script = dies().replace("exit 1", "exit 65");

    assert_eq!(rejection(shell(&script).deliver(&event("m-1")).await).reason, "Traceback (most recent call last):");
}

#[tokio::test]
async fn no_reason_steers_a_terminal() {
    let reason = reason(r"printf 'a\033[2Jb\r\n\376c\n' >&2; exit 1").await;

    assert!(reason.ends_with(":\na\u{fffd}[2Jb\n\u{fffd}c"), "{reason:?}");
}

/// A receiver whose only handler is this script.
fn receiver(script: &str, level: &str) -> Receiver {
    let mut receiver = Receiver::prepared(&format!(
        "delivery.first_retry = '1h'\nhandlers.script = {{ type = 'exec', command = ['/bin/sh', '-c', '''{script}'''] }}"
    ))
    .setting("LOG__LEVEL", level);
    receiver.restart();
    receiver
}

#[tokio::test]
async fn a_reason_of_several_lines_is_shown_line_by_line_and_is_one_line_of_the_log() {
    let receiver = receiver(&dies(), "info");
    let event = order_event("1");
    assert!(receiver.sender().send(event.clone()).await.is_delivered());
    let line = receiver.logged("not delivered").await;
    receiver.inbox_until(|events| events[0]["deliveries"][0]["attempts"] == 1).await;

    let shown = String::from_utf8(receiver.run(&["events", "show", &message_id(&event)]).stdout).unwrap();

    assert_eq!(line["reason"], format!("/bin/sh ended with exit status: 1:\n{TRACEBACK}"), "an object in one line");
    let (_, attempt) = shown.split_once("ended with exit status: 1:\n").unwrap_or_else(|| panic!("{shown}"));
    let lines: Vec<_> = attempt.lines().map(|line| line.strip_prefix("    ").unwrap_or("not indented")).collect();
    assert_eq!(lines, TRACEBACK.lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn what_goes_to_tradecloud_of_a_failure_is_one_line() {
    let mut receiver = Receiver::prepared(&format!(
        "endpoints = [{{ path = '/webhooks/tradecloud', acknowledge = 'handled' }}]
         handlers.script = {{ type = 'exec', command = ['/bin/sh', '-c', '''{}'''] }}",
        dies()
    ));
    receiver.restart();

    let answer = receiver.sender().send(order_event("1")).await;

    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status, &problem["detail"]), (Some(502), &"/bin/sh ended with exit status: 1".into()));
}

#[tokio::test]
async fn all_that_a_program_says_is_in_the_log_for_whoever_wants_to_see_it() {
    let script = "echo booked 4900000002; echo price is odd >&2; cat >/dev/null";
    let (seen, unseen) = (receiver(script, "debug"), receiver(script, "info"));
    for receiver in [&seen, &unseen] {
        assert!(receiver.sender().send(order_event("4711")).await.is_delivered());
        receiver.logged("delivered").await;
    }

    let line = seen.logged("what the program said").await;

    let words = [&line["level"], &line["handler"], &line["number"], &line["stdout"], &line["stderr"]];
    assert_eq!(words, ["DEBUG", "script", "PO-4711", "booked 4900000002", "price is odd"], "{line}");
    assert!(!unseen.log().iter().any(|line| line.to_string().contains("booked")));
}

#[tokio::test]
async fn a_program_that_says_much_takes_no_memory() {
    let loud = "yes | head -c 100000000; yes | head -c 100000000 >&2; echo the end >&2; exit 1";
    let receiver = receiver(loud, "debug");
    let before = receiver.most_memory();
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());

    let line = receiver.logged("what the program said").await;

    let words = line["stderr"].as_str().unwrap();
    assert!(words.starts_with("y\ny\n") && words.ends_with("y\nthe end") && words.len() < 20_000, "{words}");
    assert!(words.contains("bytes are left out"), "{words}");
    let taken = receiver.most_memory() - before;
    assert!(taken < 50 << 20, "{taken} bytes");
}
