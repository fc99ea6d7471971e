//! No configuration at all: what is made up, for this machine only, and what is said about it.

use std::path::PathBuf;

use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::{Sender, order_event};

/// An empty folder, on ports of its own.
fn empty() -> Receiver {
    Receiver::bare()
        .setting("SERVER__LISTEN", "127.0.0.1:0")
        .setting("ADMIN__LISTEN", "127.0.0.1:0")
        .setting("LOG__FORMAT", "json")
}

fn started() -> Receiver {
    let mut receiver = empty();
    receiver.restart();
    receiver
}

/// A sender that knows what was made.
fn sender(receiver: &Receiver) -> Sender {
    let read = |file: &str| std::fs::read_to_string(receiver.path(file)).unwrap();
    Sender::new(receiver.url("/webhooks/tradecloud"), read("certs/dev-ca.pem").into())
        .basic("tradecloud", &read("certs/dev-password"))
}

/// What it has printed, once the line to try it is there.
async fn introduction(receiver: &Receiver) -> String {
    eventually("it says how to try it", async || receiver.printed().contains("curl")).await;
    receiver.printed()
}

fn certs(receiver: &Receiver) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(receiver.path("certs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn an_event_reaches_the_inbox_and_the_folder_of_events() {
    let receiver = started();

    let answer = sender(&receiver).send(order_event("1")).await;

    assert_eq!(answer.status, Some(202));
    receiver.inbox_until(|events| events.len() == 1 && events[0]["state"] == "done").await;
    assert!(receiver.path("data/inbox.db").exists());
    assert_eq!(std::fs::read_dir(receiver.path("data/events")).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn what_is_secret_can_be_read_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let receiver = started();
    let mode = |path: &str| receiver.path(path).metadata().unwrap().permissions().mode() & 0o777;

    assert_eq!((mode("certs/dev-password"), mode("certs/dev-server-key.pem")), (0o600, 0o600));
    assert_eq!(mode("data"), 0o700, "orders are nobody else's business");
    let keys = certs(&receiver).into_iter().filter(|(_, text)| String::from_utf8_lossy(text).contains("PRIVATE KEY"));
    assert_eq!(keys.map(|(path, _)| path).collect::<Vec<_>>(), [receiver.path("certs/dev-server-key.pem")]);
}

#[tokio::test]
async fn the_development_certificate_ends_in_ten_years() {
    let receiver = started();

    let line = receiver.logged("the certificate in use").await;

    let expires: jiff::Timestamp = line["expires"].as_str().unwrap().parse().unwrap();
    let days = expires.duration_since(jiff::Timestamp::now()).as_hours() / 24;
    assert_eq!(days, 10 * 365 - 1, "{line}");
}

#[tokio::test]
async fn the_line_to_try_it_works_as_printed() {
    let receiver = started();
    let introduction = introduction(&receiver).await;
    let line = introduction.lines().find(|line| line.trim_start().starts_with("curl")).unwrap();

    let output = receiver.shell(line);

    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.contains(r#""status":"stored""#), "{line}\n{answer}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(receiver.inbox().len(), 1);
}

#[tokio::test]
async fn it_says_what_it_made_and_where_it_listens() {
    let receiver = started();

    let introduction = introduction(&receiver).await;

    for (path, _) in certs(&receiver) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(introduction.contains(&format!("made certs/{name}")), "{name}: {introduction}");
    }
    assert!(introduction.contains(&receiver.url("/webhooks/tradecloud")), "{introduction}");
    assert!(introduction.contains("`tradecloud-webhook inspect`"), "{introduction}");
    assert!(!introduction.contains("ticket="), "a link is for a terminal, and not for a log: {introduction}");
    let password = std::fs::read_to_string(receiver.path("certs/dev-password")).unwrap();
    assert!(password.len() >= 24 && !introduction.contains(&password), "the password is for its file only");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_receiver_whose_introduction_cannot_be_written_receives_all_the_same() {
    let wrapper = ["sh", "-c", "exec \"$0\" \"$@\" >/dev/full"].map(str::to_owned);
    let mut receiver = empty().inside(wrapper.into());

    receiver.restart();

    assert_eq!(sender(&receiver).send(order_event("1")).await.status, Some(202));
    assert!(receiver.end().await.success(), "it ends when it is told to");
}

#[tokio::test]
async fn a_second_start_keeps_everything() {
    let mut receiver = started();
    let before = certs(&receiver);
    sender(&receiver).send(order_event("1")).await;
    receiver.end().await;

    receiver.restart();

    assert!(certs(&receiver) == before, "certificates or password were made anew");
    assert_eq!(sender(&receiver).send(order_event("2")).await.status, Some(202));
    assert_eq!(receiver.inbox().len(), 2);
    assert!(!introduction(&receiver).await.contains("made "), "nothing was made this time");
}

#[test]
fn two_first_runs_share_no_secret() {
    let password = |receiver: &Receiver| std::fs::read(receiver.path("certs/dev-password")).unwrap();

    assert_ne!(password(&started()), password(&started()));
}

#[test]
fn it_does_not_listen_to_other_machines() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8443"] {
        let receiver = empty().setting("SERVER__LISTEN", listen);

        let output = receiver.run(&["serve"]);

        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{listen}: {said}");
        assert!(said.contains("server.listen") && said.contains("config/receiver.toml"), "{said}");
        assert_eq!(receiver.run(&[]).status.code(), Some(78), "the bare command is `serve`");
        assert_eq!(receiver.run(&["check"]).status.code(), Some(78), "check says what serve would");
    }
}

#[tokio::test]
async fn the_environment_counts_here_too() {
    let mut receiver = empty().setting("INBOX__PATH", "elsewhere.db").setting("AUTH__MINE__TYPE", "bearer");
    receiver = receiver.setting("AUTH__MINE__TOKEN", "my-own");
    receiver.restart();
    let ca = std::fs::read(receiver.path("certs/dev-ca.pem")).unwrap();
    let sender = Sender::new(receiver.url("/webhooks/tradecloud"), ca);

    assert_eq!(sender.clone().bearer("my-own").send(order_event("1")).await.status, Some(202));
    assert_eq!(sender.anonymous().send(order_event("1")).await.status, Some(401));
    assert!(receiver.path("elsewhere.db").exists());
    assert!(!receiver.path("certs/dev-password").exists(), "whoever brings credentials gets none made up");
}

#[test]
fn check_says_what_a_first_start_would_make_and_makes_nothing() {
    let receiver = empty();

    let checked = receiver.run(&["check"]);

    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.status.success(), "{said}");
    assert!(said.contains("development set-up"), "{said}");
    assert!(!receiver.path("certs").exists());
}

#[test]
fn what_is_for_this_machine_is_told_where_others_can_reach_it() {
    let receiver = started();

    let here = receiver.run(&["check", "--strict"]);
    let receiver = receiver.setting("SERVER__LISTEN", "0.0.0.0:0");
    let everywhere = receiver.run(&["check", "--strict"]);

    // That a set-up without a file listens there is an error besides.
    assert_eq!((here.status.code(), everywhere.status.code()), (Some(0), Some(78)), "{everywhere:?}");
    let said = String::from_utf8(everywhere.stdout).unwrap();
    assert!(said.contains("warning: ") && said.contains("tradecloud-webhook development CA"), "{said}");
}

#[tokio::test]
async fn the_log_of_a_start_says_what_runs() {
    let receiver = started();

    let line = receiver.logged("listening").await;

    let said = ["version", "inbox", "handlers"].map(|field| line[field].as_str().unwrap());
    assert_eq!(said, [env!("CARGO_PKG_VERSION"), "sqlite, data/inbox.db", "files"]);
    assert_eq!(line["waiting"], 0);
}

#[tokio::test]
async fn nobody_is_told_the_days_of_a_certificate_that_lasts_for_ages() {
    let receiver = started();

    let line = receiver.logged("the certificate in use").await;

    assert!(line["expires"].is_string() && line["days_left"].is_null(), "{line}");
}
