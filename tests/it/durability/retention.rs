//! What is kept goes after its time, however often the receiver is started anew, and never without a word.

use rstest::rstest;
use serde_json::Value;

use crate::support::receiver::Receiver;
use crate::support::sender::order_event;
use crate::support::store::Store::{self, Postgres, Sqlite};

/// What the log says of what goes next, and of what is gone.
const SOON: &str = "events that no handler wanted are removed within a day";
const REMOVED: &str = "events removed after their time";

/// Stops the receiver, lets so many hours pass for what it has, and starts it again; returns once it has looked for
/// what is kept no longer.
async fn after_hours(receiver: &mut Receiver, store: Store, hours: i64) {
    receiver.kill();
    let passed = match store {
        Sqlite => (hours * 3_600_000_000).to_string(),
        Postgres => format!("interval '{hours} hours'"),
    };
    store.sql(
        receiver,
        &format!(
            "UPDATE events SET received = received - {passed};
             UPDATE deliveries SET changed = changed - {passed};
             UPDATE notes SET at = at - {passed} WHERE name <> 'clock';
             INSERT INTO notes (name, at) SELECT 'swept', max(received) FROM events WHERE TRUE
             ON CONFLICT (name) DO UPDATE SET at = excluded.at"
        ),
    );
    receiver.restart();
    receiver.logged("looked through for what is kept no longer").await;
}

fn names(receiver: &Receiver) -> Vec<Value> {
    receiver.inbox().iter().map(|event| event["eventName"].clone()).collect()
}

/// What it has said since its last start with that text.
fn said(receiver: &Receiver, text: &str) -> Vec<Value> {
    receiver.log().into_iter().filter(|line| line.to_string().contains(text)).collect()
}

/// None of the processes here lives for an hour.
#[rstest]
#[tokio::test]
async fn what_is_done_goes_after_its_time_and_what_nobody_wanted_later_after_a_warning(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let mut receiver = store.with("handlers.disk = { type = 'file', directory = 'events', events = ['Wanted'] }");
    for name in ["Wanted", "Unwanted"] {
        let mut event = order_event(name);
        event["eventName"] = name.into();
        assert_eq!(receiver.sender().send(event).await.status, Some(202));
    }
    receiver.inbox_until(|events| events[0]["state"] == "done" && events[1]["state"] == "unwanted").await;

    after_hours(&mut receiver, store, 31 * 24).await;
    receiver.logged(REMOVED).await;
    assert_eq!(names(&receiver), ["Unwanted"]);
    assert!(said(&receiver, SOON).is_empty());

    after_hours(&mut receiver, store, 58 * 24 + 12).await;
    let warning = receiver.logged(SOON).await;
    assert_eq!((&warning["level"], &warning["events"]), (&"WARN".into(), &1.into()), "{warning}");
    assert_eq!(names(&receiver), ["Unwanted"]);

    after_hours(&mut receiver, store, 2).await;
    assert!(said(&receiver, SOON).is_empty() && said(&receiver, REMOVED).is_empty(), "said once a day");
    assert_eq!(names(&receiver), ["Unwanted"]);

    after_hours(&mut receiver, store, 23).await;
    receiver.logged(REMOVED).await;
    assert!(names(&receiver).is_empty());
}
