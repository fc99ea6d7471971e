//! What only `exec` promises: no program can block the receiver or outlive its time.

use std::path::Path;
use std::time::{Duration, Instant};

use tradecloud_webhook::event::Event;
use tradecloud_webhook::handlers::{Fault, Outcome, SharedHandler};

use super::{event, handler, rejection, unavailable};

fn shell(script: &str, timeout: &str) -> SharedHandler {
    handler(&format!("type = 'exec'\ncommand = ['/bin/sh', '-c', '''{script}''']\ntimeout = '{timeout}'"))
}

/// An event as large as the receiver takes.
fn large() -> Event {
    Event { body: format!("\"{}\"", "x".repeat(64 << 20)).into(), ..event("large") }
}

/// Whether the process whose id stands in the file is there and not dead.
fn is_alive(file_of_id: &Path) -> bool {
    let id = std::fs::read_to_string(file_of_id).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    // The state stands behind the name in parentheses; Z is dead and not yet taken note of.
    status.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

async fn within_seconds(seconds: u64, condition: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        if condition() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn a_program_that_does_not_read_a_large_event_is_fine() {
    let outcome = shell("exit 0", "60s").deliver(&large()).await;

    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test]
async fn a_program_that_says_much_before_it_reads_a_large_event_is_fine() {
    let script = "echo not today >&2; yes | head -c 10000000 >&2 || exit 1; yes | head -c 10000000; test $(wc -c) -gt 67108864 && exit 65";

    let outcome = shell(script, "60s").deliver(&large()).await;

    assert_eq!(rejection(outcome).reason, "not today");
}

#[tokio::test]
async fn a_program_that_closes_its_standard_input_and_works_on_is_waited_for() {
    let outcome = shell("exec <&-; sleep 0.3; exit 65", "60s").deliver(&large()).await;

    assert!(rejection(outcome).reason.contains("without a word"));
}

#[tokio::test]
async fn a_process_left_behind_with_the_pipes_open_holds_nothing_up() {
    let start = Instant::now();

    let outcome = shell("sleep 120 <&0 & echo no such item >&2; exit 65", "60s").deliver(&large()).await;

    assert_eq!(rejection(outcome).reason, "no such item");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[tokio::test]
async fn when_the_time_is_up_everything_the_program_started_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let file_of_id = home.path().join("id");
    let script = format!("sleep 600 & echo $! > {}; echo busy >&2; wait", file_of_id.display());

    let outcome = shell(&script, "2s").deliver(&event("m-1")).await;

    let why = unavailable(outcome);
    assert_eq!(why.fault, Fault::Late);
    assert!(why.reason.ends_with("was still running after 2s and was killed: busy"), "{}", why.reason);
    assert!(within_seconds(60, || !is_alive(&file_of_id)).await);
}

#[tokio::test]
async fn when_the_delivery_is_dropped_everything_the_program_started_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let (file_of_program, file_of_id) = (home.path().join("program"), home.path().join("id"));
    let script =
        format!("echo $$ > {}; sleep 600 & echo $! > {}; wait", file_of_program.display(), file_of_id.display());
    let handler = shell(&script, "600s");
    let delivery = tokio::spawn(async move { handler.deliver(&event("m-1")).await });
    let written = || std::fs::read_to_string(&file_of_id).is_ok_and(|id| id.ends_with('\n'));
    assert!(within_seconds(60, written).await && is_alive(&file_of_id));

    delivery.abort();

    assert!(within_seconds(60, || !is_alive(&file_of_id) && !is_alive(&file_of_program)).await);
    let id = std::fs::read_to_string(&file_of_program).unwrap();
    let entry = format!("/proc/{}", id.trim());
    assert!(within_seconds(60, || !Path::new(&entry).exists()).await, "the program stays in the process table");
}

#[tokio::test]
async fn a_program_that_ends_in_time_may_leave_something_running() {
    let home = tempfile::tempdir().unwrap();
    let file_of_id = home.path().join("id");
    let script = format!("sleep 5 >/dev/null 2>&1 & echo $! > {}", file_of_id.display());

    let outcome = shell(&script, "60s").deliver(&event("m-1")).await;

    assert_eq!(outcome, Outcome::Done);
    assert!(is_alive(&file_of_id));
}

#[tokio::test]
async fn every_other_end_is_worth_another_try_and_says_how_it_was() {
    for (script, said) in [
        ("exit 1", "exit status: 1"),
        ("echo oops >&2; exit 75", "exit status: 75: oops"),
        ("kill -SEGV $$", "signal: 11"),
        ("exec /no/such/program", "exit status: 127"),
    ] {
        let why = unavailable(shell(script, "60s").deliver(&event("m-1")).await);

        assert_eq!(why.fault, Fault::Unreachable);
        assert!(why.reason.contains(said), "{script}: {}", why.reason);
    }
}

#[tokio::test]
async fn the_environment_is_passed_on() {
    let outcome = shell("test -n \"$PATH\"", "60s").deliver(&event("m-1")).await;

    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test]
async fn a_program_is_found_by_its_name_and_a_text_file_is_no_program() {
    let home = tempfile::tempdir().unwrap();
    let text = home.path().join("text");
    std::fs::write(&text, "hello").unwrap();

    let by_name = handler("type = 'exec'\ncommand = ['sh']").probe().await;
    let no_program = handler(&format!("type = 'exec'\ncommand = ['{}']", text.display())).probe().await;

    assert!(by_name.unwrap().ends_with("/sh"));
    assert!(no_program.is_err());
}
