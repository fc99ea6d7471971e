//! What is done to many events from a page: to what it has shown and nothing else, after somebody has said how many.

use rstest::rstest;
use serde_json::json;

use super::acting::{hidden, leads, page, sent};
use super::bulk::{PAUSED, assert_each_once, bury, count, send, until_ended, until_in_the_middle, with_dead};
use super::{get, signed_in};
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::store::Store::{self, Postgres, Sqlite};

/// The id of the action that an answer leads to.
fn action(said: &super::Said) -> String {
    leads(said, "/deliver").strip_prefix("/actions/").unwrap().to_owned()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_done_to_what_the_page_has_shown_once_and_undone_for_exactly_that(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let (receiver, cookie) = with_dead(store, 1200).await;
    let list = page(&receiver, &cookie, "/events?state=dead");
    assert!(list.contains("href=\"deliver?state=dead\"") && list.contains("href=\"discard?state=dead\""), "{list}");
    let path = "/discard?state=dead";

    let shown = page(&receiver, &cookie, path);
    send(&receiver, 5).await;
    bury(store, &receiver);
    let plan = hidden(&shown, "plan");
    let form = |rest: &str| sent(&receiver, &cookie, path, &format!("plan={plan}&{rest}"));
    let silent = form("number=1200");
    let untouched = count(&receiver, &cookie, "dead");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let clicks: Vec<_> = (0..3).map(|_| scope.spawn(|| action(&form("number=1%2C200&reason=too+old")))).collect();
        clicks.into_iter().map(|click| click.join().unwrap()).collect()
    });
    let ended = until_ended(&receiver, &cookie, &ids[0]).await;
    let reloaded = action(&form("number=1200&reason=too+old"));

    for part in ["Set aside 1,200 events", "state dead", "erp 1,200", "order 1,200", "Type 1,200"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(silent.status == 422 && silent.text().contains("Say why"), "{}", silent.text());
    assert_eq!(untouched, 1205);
    assert!(ids.iter().all(|id| *id == reloaded && *id == plan), "{ids:?}");
    let kept = ["what", "who", "via", "address", "reason"].map(|field| ended[field].clone());
    assert_eq!(kept, ["discard", "carla", "page", "127.0.0.1", "too old"]);
    assert_eq!((&ended["done"], count(&receiver, &cookie, "dead")), (&json!(1200), 5));
    let told = page(&receiver, &cookie, &format!("/actions/{plan}"));
    assert!(told.contains("Finished: 1,200 of 1,200 events.") && told.contains("too old"), "{told}");
    assert!(told.contains("id=\"some\"") && !told.contains("http-equiv"), "{told}");

    // One is delivered by itself meanwhile, and another was set aside before: undo is about neither.
    bury_nothing_but(&receiver, &cookie, "discarded").await;
    let undo = page(&receiver, &cookie, &format!("/deliver?undo={plan}"));
    let undone = sent(
        &receiver,
        &cookie,
        &format!("/deliver?undo={plan}"),
        &format!("plan={}&number=1199", hidden(&undo, "plan")),
    );
    let ended = until_ended(&receiver, &cookie, &action(&undone)).await;

    assert!(undo.contains("Deliver 1,199 events"), "{undo}");
    assert_eq!((&ended["done"], count(&receiver, &cookie, "pending")), (&json!(1199), 1200));
    assert_eq!(count(&receiver, &cookie, "dead"), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_more_than_a_hundred_somebody_has_to_type_how_many_they_are() {
    let (receiver, cookie) = with_dead(Sqlite, 101).await;
    let path = "/deliver?state=dead";
    let html = page(&receiver, &cookie, path);
    let form = |number: &str| {
        let form = format!("plan={}&number={number}&reason=the+item+is+known", hidden(&html, "plan"));
        sent(&receiver, &cookie, path, &form)
    };

    for wrong in ["", "100", "1010", "all"] {
        let said = form(wrong);
        assert!(said.status == 422 && said.text().contains("That is not 101"), "{wrong}: {}", said.text());
        assert!(
            said.text().contains(">the item is known</textarea>"),
            "nothing that was typed is lost: {}",
            said.text()
        );
    }
    assert_eq!(count(&receiver, &cookie, "dead"), 101);
    let ended = until_ended(&receiver, &cookie, &action(&form("101"))).await;
    assert_eq!((&ended["done"], &ended["reason"]), (&json!(101), &json!("the item is known")));
}

/// Has one of them delivered from its page.
async fn bury_nothing_but(receiver: &Receiver, cookie: &str, state: &str) {
    let listed = get(receiver, &format!("/api/v1/events?state={state}&limit=1")).cookie(cookie).send().json();
    let path = format!("/events/{}", listed["items"][0]["key"].as_str().unwrap());
    let once = hidden(&page(receiver, cookie, &path), "once");
    leads(&sent(receiver, cookie, &format!("{path}/deliver"), &format!("once={once}")), &format!("{path}/deliver"));
    eventually("it waits", async || count(receiver, cookie, "pending") == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_tells_how_far_it_is_and_stops_it_and_another_waits_for_its_turn() {
    let (mut receiver, cookie) = with_dead(Sqlite, 3000).await;
    let path = "/deliver?state=dead";
    let (one, other) = (page(&receiver, &cookie, path), page(&receiver, &cookie, path));
    let form = |html: &str| format!("plan={}&number=3000", hidden(html, "plan"));

    let id = action(&sent(&receiver, &cookie, path, &form(&one)));
    let running = page(&receiver, &cookie, &format!("/actions/{id}"));
    let busy = sent(&receiver, &cookie, path, &form(&other));
    until_in_the_middle(&receiver, &cookie, &id).await;
    let stop = format!("/actions/{id}/stop");
    let stopped = leads(&sent(&receiver, &cookie, &stop, ""), &stop);
    let ended = until_ended(&receiver, &cookie, &id).await;
    let told = page(&receiver, &cookie, &stopped);

    assert!(running.contains("http-equiv=\"refresh\"") && running.contains("<progress max=\"3000\""), "{running}");
    assert!(busy.status == 409 && busy.text().contains(&format!("href=\"actions/{id}\"")), "{}", busy.text());
    let done = ended["events"].as_u64().unwrap();
    assert!(ended["state"] == "stopped" && (1..3000).contains(&done), "{ended}");
    assert!(told.contains("Stopped after") && !told.contains("http-equiv"), "{told}");
    assert_each_once(&receiver, &id, usize::try_from(done).unwrap());
    // A plan is good until the receiver ends.
    receiver.kill();
    receiver.restart();
    let stale = sent(&receiver, &cookie, path, &form(&other));
    assert!(stale.status == 409 && stale.text().contains("not good any more"), "{}", stale.text());
    assert!(stale.text().contains("href=\"deliver?state=dead\""), "it is made anew from there: {}", stale.text());
    assert_eq!(action(&sent(&receiver, &cookie, path, &form(&one))), id, "what was run is the same action for ever");
}

#[tokio::test]
async fn what_is_asked_for_amiss_is_a_page_that_says_so() {
    let receiver = Receiver::with(PAUSED);
    let cookie = signed_in(&receiver);

    for (path, status, said) in [
        ("/discard", 400, "state"),
        ("/deliver?handler=epr", 400, "no handler"),
        ("/deliver?stat=dead", 400, "there is no"),
        ("/deliver?undo=x", 404, "No action"),
        ("/deliver?undo=01234567-89ab-4def-8123-456789abcdef", 404, "No action"),
        ("/actions/x", 404, "no action"),
        ("/deliver?state=dead", 200, "Nothing to deliver"),
    ] {
        let page = get(&receiver, path).cookie(&cookie).send();
        assert!(page.status == status && page.text().contains(said), "{path}: {} {}", page.status, page.text());
        assert!(!page.text().contains("name=\"plan\""), "{path}: {}", page.text());
    }
}
