//! What only `file` promises: names that cannot do harm, and files that are there whole or not at all.

use tradecloud_webhook::event::Event;
use tradecloud_webhook::handlers::{Fault, Outcome};

use super::{event, handler, unavailable};

fn named(name: &str, id: &str) -> Event {
    let mut event = event(id);
    event.envelope.event_name = Some(name.to_owned());
    event
}

/// Delivers the events to a directory and lists what is in it, and in the one above it.
async fn files_of(events: &[Event]) -> (Vec<String>, Vec<String>) {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("a/b/events");
    let handler = handler(&format!("type = 'file'\ndirectory = '{}'", directory.display()));
    for event in events {
        assert_eq!(handler.deliver(event).await, Outcome::Done);
    }
    let list = |path| {
        let mut names: Vec<_> =
            std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    (list(directory.as_path()), list(directory.parent().unwrap()))
}

#[tokio::test]
async fn a_file_is_named_after_time_event_and_id() {
    let (files, _) = files_of(&[event("7fd0f2c2-e310-4363-ae70-6bea25604066")]).await;

    assert_eq!(files, ["20261121T013812.123456Z-OrderIssuedByBuyer-7fd0f2c2-e310-4363-ae70-6bea25604066.json"]);
}

#[tokio::test]
async fn a_body_without_event_name_is_called_changed() {
    let mut bare = event("m-1");
    bare.envelope.event_name = None;

    let (files, _) = files_of(&[bare]).await;

    assert_eq!(files, ["20261121T013812.123456Z-Changed-m-1.json"]);
}

#[tokio::test]
async fn a_repeated_attempt_replaces_the_file_of_the_first() {
    let again = Event { attempt: 2, ..event("m-1") };

    let (files, _) = files_of(&[event("m-1"), again]).await;

    assert_eq!(files.len(), 1, "{files:?}");
}

#[tokio::test]
async fn a_file_of_that_name_that_is_not_this_events_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("20261121T013812.123456Z-OrderIssuedByBuyer-m-1.json");
    let handler = handler(&format!("type = 'file'\ndirectory = '{}'", home.path().display()));
    for other in ["a note of somebody else", r#"{"id":"m-2","data":{}}"#, r#"{"ID":"m-1"}"#] {
        std::fs::write(&target, other).unwrap();

        let why = unavailable(handler.deliver(&event("m-1")).await);

        assert!(why.reason.contains("is not this event") && why.of_one, "{}", why.reason);
        assert_eq!(std::fs::read_to_string(&target).unwrap(), other);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "nothing is left behind");
    }
    std::fs::remove_file(&target).unwrap();
    assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done);
}

#[tokio::test]
async fn an_empty_file_of_that_name_holds_nothing_and_is_replaced() {
    let home = tempfile::tempdir().unwrap();
    let target = home.path().join("20261121T013812.123456Z-OrderIssuedByBuyer-m-1.json");
    std::fs::write(&target, "").unwrap();

    let handler = handler(&format!("type = 'file'\ndirectory = '{}'", home.path().display()));

    assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done);
    assert!(std::fs::read_to_string(&target).unwrap().contains("m-1"));
}

#[tokio::test]
async fn hostile_names_stay_in_the_directory() {
    let long = "x".repeat(300);
    for hostile in ["../../x", "..", "a/b", "a\\b", "a\0b", "CON", "con.json", "a:b", "tr.", "ü\n", "", long.as_str()]
    {
        let (files, above) = files_of(&[named(hostile, "m-1"), named("OrderIssuedByBuyer", hostile)]).await;

        assert_eq!(above, ["events"], "{hostile:?}");
        assert_eq!(files.len(), 2, "{hostile:?}: {files:?}");
        for file in files {
            assert!(file.len() <= 255, "{file}");
            assert!(file.starts_with("20261121T013812.123456Z-"), "no name that Windows reserves: {file}");
            assert!(file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte)), "{file}");
        }
    }
}

#[tokio::test]
async fn different_events_never_share_a_file() {
    let long = "x".repeat(300);
    let events = [
        named("A", "a/b"),
        named("A", "a:b"),
        named("A", "a_b"),
        named("A/", "a_b"),
        named("A-a", "b"),
        named("A", "a-b"),
        named("A", &long),
        named("A", &format!("{long}x")),
    ];

    let (files, _) = files_of(&events).await;

    assert_eq!(files.len(), events.len(), "{files:?}");
}

#[tokio::test]
async fn a_failed_attempt_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    // A directory of the same name cannot be replaced by a file.
    let in_the_way = "20261121T013812.123456Z-OrderIssuedByBuyer-m-1.json";
    std::fs::create_dir(home.path().join(in_the_way)).unwrap();
    let handler = handler(&format!("type = 'file'\ndirectory = '{}'", home.path().display()));

    let outcome = handler.deliver(&event("m-1")).await;

    let why = unavailable(outcome);
    assert_eq!(why.fault, Fault::Ours);
    assert!(why.reason.contains(in_the_way), "{}", why.reason);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn events_that_arrive_together_make_the_directory_together() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("a/b/c");
    let handler = handler(&format!("type = 'file'\ndirectory = '{}'", directory.display()));

    let deliveries: Vec<_> = (0..16)
        .map(|number| {
            let handler = handler.clone();
            tokio::spawn(async move { handler.deliver(&event(&number.to_string())).await })
        })
        .collect();

    for delivery in deliveries {
        assert_eq!(delivery.await.unwrap(), Outcome::Done);
    }
    assert_eq!(std::fs::read_dir(directory).unwrap().count(), 16);
}
