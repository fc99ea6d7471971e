//! What is done to one event from its page: by whoever may, once, and not before he knows what he should.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Said, enter, get, post, signed_in, ticket};
use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

/// What stands in a field that nobody fills in.
pub(super) fn hidden(html: &str, name: &str) -> String {
    let before = format!("name=\"{name}\" value=\"");
    let (_, rest) = html.split_once(&before).unwrap_or_else(|| panic!("no {name} in {html}"));
    rest.split('"').next().unwrap().to_owned()
}

/// A page that is there.
pub(super) fn page(receiver: &Receiver, cookie: &str, path: &str) -> String {
    let said = get(receiver, path).cookie(cookie).send();
    assert_eq!(said.status, 200, "{path}: {}", said.text());
    said.text()
}

pub(super) fn sent(receiver: &Receiver, cookie: &str, path: &str, form: &str) -> Said {
    post(receiver, path, form).cookie(cookie).send()
}

/// Where an answer leads to from a path, as a browser finds it.
pub(super) fn leads(said: &Said, from: &str) -> String {
    assert_eq!(said.status, 303, "{from}: {}", said.text());
    let base = reqwest::Url::parse(&format!("http://inbox.example{from}")).unwrap();
    let to = base.join(said.header("location").unwrap()).unwrap();
    format!("{}{}", to.path(), to.query().map(|query| format!("?{query}")).unwrap_or_default())
}

/// An ERP that rejects the first event and takes what comes then; the event is dead.
async fn rejected_once(store: Store) -> (Receiver, Erp, String, String) {
    let erp = Erp::start();
    erp.answer([Answer::status(422).body("text/plain", "item 4711-B is unknown")]);
    let receiver = store.with(&format!("handlers.erp = {{ type = 'http', url = '{}' }}", erp.url("/")));
    receiver.expects_error("rejected: a dead letter");
    receiver.sender().send(order_event("1")).await;
    let events = receiver.inbox_until(|events| events.len() == 1 && events[0]["state"] == "dead").await;
    let cookie = signed_in(&receiver);
    (receiver, erp, key(&events[0]), cookie)
}

fn key(event: &Value) -> String {
    event["key"].as_str().unwrap().to_owned()
}

fn actions(receiver: &Receiver, key: &str) -> Vec<Value> {
    let events = receiver.inbox();
    let event = events.iter().find(|event| event["key"] == key).unwrap();
    event["actions"].as_array().unwrap().clone()
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_delivered_after_a_correction_is_told_and_a_double_click_does_it_once(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let (receiver, erp, key, cookie) = rejected_once(store).await;
    let html = page(&receiver, &cookie, &format!("/events/{key}"));
    let path = format!("/events/{key}/deliver");
    let form = format!("once={}", hidden(&html, "once"));
    assert!(html.contains("Deliver again") && html.contains(&format!("action=\"{key}/deliver\"")), "{html}");

    let clicks: Vec<_> = std::thread::scope(|scope| {
        let clicks: Vec<_> =
            (0..4).map(|_| scope.spawn(|| leads(&sent(&receiver, &cookie, &path, &form), &path))).collect();
        clicks.into_iter().map(|click| click.join().unwrap()).collect()
    });
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
    let reloaded = leads(&sent(&receiver, &cookie, &path, &form), &path);

    assert!(clicks.iter().all(|click| *click == reloaded), "{clicks:?} {reloaded}");
    assert!(reloaded.starts_with(&format!("/events/{key}?did=")), "{reloaded}");
    let after = page(&receiver, &cookie, &reloaded);
    for told in [
        "You had it delivered.",
        "Carla (page, from 127.0.0.1) had it delivered",
        "item 4711-B",
        "attempt 1 of round 2",
    ] {
        assert!(after.contains(told), "{told}: {after}");
    }
    assert!(!after.contains("Deliver again"), "it is done: {after}");
    assert_eq!(erp.received().len(), 2, "once before, once after");
    let acted = actions(&receiver, &key);
    assert_eq!(acted.len(), 1);
    let kept = ["who", "via", "address", "what"].map(|field| acted[0][field].clone());
    assert_eq!(kept, ["carla", "page", "127.0.0.1", "deliver"]);
    let told = receiver.run(&["events", "show", &key]);
    assert!(String::from_utf8(told.stdout).unwrap().contains("carla (page, from 127.0.0.1) had it delivered"));
    let api = get(&receiver, "/api/v1/actions").cookie(&cookie).send().json();
    assert_eq!((&api["items"][0]["via"], &api["items"][0]["address"]), (&json!("page"), &json!("127.0.0.1")));
}

#[rstest]
#[tokio::test]
async fn before_something_older_comes_after_something_newer_a_page_says_so(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, erp, old, cookie) = rejected_once(store).await;
    receiver.sender().send(order_event("1")).await;
    let events = receiver.inbox_until(|all| all.len() == 2 && all.iter().any(|one| one["state"] == "done")).await;
    let newer = key(events.iter().find(|event| event["state"] == "done").unwrap());
    let path = format!("/events/{old}/deliver");
    let once = |html: &str| format!("once={}", hidden(html, "once"));
    let button = once(&page(&receiver, &cookie, &format!("/events/{old}")));

    let asked = leads(&sent(&receiver, &cookie, &path, &button), &path);
    let html = page(&receiver, &cookie, &asked);
    let unseen = sent(&receiver, &cookie, &path, &format!("{}&sure={old}", once(&html)));
    let untouched = actions(&receiver, &old).is_empty() && erp.received().len() == 2;
    let sure = format!("{}&sure={}&reason=the+newer+one+is+void", once(&html), hidden(&html, "sure"));
    leads(&sent(&receiver, &cookie, &path, &sure), &path);

    assert_eq!(asked, path);
    assert!(html.contains("older data in the place of newer") && html.contains(&newer), "{html}");
    assert!(unseen.status == 409 && unseen.text().contains("Nothing was delivered"), "{}", unseen.text());
    assert!(untouched, "a page that asks does nothing");
    receiver.inbox_until(|all| all.iter().all(|one| one["state"] == "done")).await;
    assert_eq!(actions(&receiver, &old)[0]["reason"], "the newer one is void");
}

#[rstest]
#[tokio::test]
async fn an_event_is_set_aside_for_a_reason_and_that_is_undone(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, erp, key, cookie) = rejected_once(store).await;
    let path = format!("/events/{key}/discard");
    let html = page(&receiver, &cookie, &path);
    let form = |reason: &str| format!("once={}&reason={reason}", hidden(&html, "once"));

    let silent = sent(&receiver, &cookie, &path, &form("+%0D%0A+"));
    let endless = sent(&receiver, &cookie, &path, &form(&"%C3%A4".repeat(501)));
    let untouched = actions(&receiver, &key).is_empty();
    let reason = format!("{}%0D%0A+by+%3Cb%3Ehand", "%C3%A4".repeat(400));
    let done = leads(&sent(&receiver, &cookie, &path, &form(&reason)), &path);
    let again = leads(&sent(&receiver, &cookie, &path, &form("another")), &path);
    let after = page(&receiver, &cookie, &done);
    let undo = format!("once={}", hidden(&after, "once"));
    let deliver = format!("/events/{key}/deliver");
    leads(&sent(&receiver, &cookie, &deliver, &undo), &deliver);

    for (said, why) in [(&silent, "Say why"), (&endless, "501 characters, and 500")] {
        assert_eq!(said.status, 422, "{}", said.text());
        let field = said.text().split("<textarea").nth(1).unwrap().split('>').next().unwrap().to_owned();
        assert!(said.text().contains(why) && field.contains("autofocus") && field.contains("aria-invalid"), "{field}");
        assert!(field.contains("aria-describedby=\"reason-wrong") && said.text().contains("id=\"reason-wrong\""));
    }
    assert!(endless.text().contains(&"ä".repeat(501)), "nothing that was typed is lost");
    assert!(untouched);
    assert_eq!(done, again);
    assert!(after.contains("You set it aside") && after.contains("Undo: deliver it after all"), "{after}");
    receiver.inbox_until(|all| all[0]["state"] == "done").await;
    let acted = actions(&receiver, &key);
    let what: Vec<_> = acted.iter().map(|action| action["what"].clone()).collect();
    assert_eq!((what, erp.received().len()), (vec![json!("discard"), json!("deliver")], 2));
    assert_eq!(acted[0]["reason"], format!("{} by <b>hand", "ä".repeat(400)));
    let nothing =
        sent(&receiver, &cookie, &path, &format!("once={}&reason=x", hidden(&page(&receiver, &cookie, &path), "once")));
    assert!(nothing.status == 409 && nothing.text().contains("nothing left to set aside"), "{}", nothing.text());
}

#[rstest]
#[tokio::test]
async fn what_a_handler_has_it_gets_again_after_a_page_has_said_what_it_answered(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(200).body("text/plain", "booked as 7007"));
    let receiver = store.with(&format!("handlers.erp = {{ type = 'http', url = '{}' }}", erp.url("/")));
    receiver.sender().send(order_event("1")).await;
    let key = key(&receiver.inbox_until(|all| all.len() == 1 && all[0]["state"] == "done").await[0]);
    let cookie = signed_in(&receiver);
    let path = format!("/events/{key}/deliver");

    let event = page(&receiver, &cookie, &format!("/events/{key}"));
    let asked = page(&receiver, &cookie, &format!("{path}?handler=erp"));
    let once = hidden(&asked, "once");
    let unasked = leads(&sent(&receiver, &cookie, &path, &format!("once={once}&handler=erp")), &path);
    let nobody = sent(&receiver, &cookie, &path, &format!("once={once}&handler=epr&sure=again"));
    let untouched = erp.received().len();
    leads(&sent(&receiver, &cookie, &path, &format!("once={once}&handler=erp&sure=again")), &path);

    assert!(
        event.contains(&format!("{key}/deliver?handler=erp")) && !event.contains("<button class=\"main\">"),
        "{event}"
    );
    assert!(asked.contains("booked as 7007") && asked.contains("has the event already"), "{asked}");
    assert_eq!((unasked, untouched), (format!("{path}?handler=erp"), 1));
    assert!(nobody.status == 409 && nobody.text().contains("no handler"), "{}", nobody.text());
    erp.wait_for(2).await;
    assert_eq!(actions(&receiver, &key)[0]["handler"], "erp");
}

#[tokio::test]
async fn a_refused_body_is_taken_as_an_event_from_its_page() {
    let receiver = Receiver::with("handlers.disk = { type = 'file', directory = 'events' }");
    let event = order_event("1");
    receiver.sender().to(receiver.url("/elsewhere")).send(event.clone()).await;
    receiver.sender().send(Message::json("{\n nonsense")).await;
    let all = receiver.inbox();
    let (nonsense, refused): (Vec<_>, Vec<_>) = all.iter().partition(|one| one["path"] != "/elsewhere");
    let cookie = signed_in(&receiver);
    let take = |key: &str| {
        let html = page(&receiver, &cookie, &format!("/events/{key}"));
        assert!(html.contains("Take it as an event"), "{html}");
        let form = format!("once={}", hidden(&html, "once"));
        let path = format!("/events/{key}/deliver");
        (sent(&receiver, &cookie, &path, &form), sent(&receiver, &cookie, &path, &form), path)
    };

    let (taken, again, path) = take(&key(refused[0]));
    let (never, ..) = take(&key(nonsense[0]));

    let page = page(&receiver, &cookie, &leads(&taken, &path));
    assert!(page.contains("You took it as an event") && page.contains("PO-1"), "{page}");
    assert!(leads(&again, &path).starts_with("/events/"), "the second click leads to the event, too");
    assert!(never.status == 409 && never.text().contains("cannot be read as an event"), "{}", never.text());
    assert_eq!(receiver.inbox().len(), 2);
}

#[tokio::test]
async fn nobody_acts_by_a_page_who_may_only_look_nor_from_another_site_nor_by_a_get() {
    let (receiver, _erp, key, cookie) = rejected_once(Sqlite).await;
    let viewer = enter(&receiver, &ticket(&receiver, &["--as", "bob", "--viewer"])).cookie();
    let id = "01234567-89ab-4def-8123-456789abcdef";
    let event = page(&receiver, &viewer, &format!("/events/{key}"));
    let list = page(&receiver, &viewer, "/events?state=dead");
    assert!(!event.contains("/deliver") && !event.contains("/discard"), "{event}");
    assert!(!list.contains("deliver?") && !list.contains("discard?"), "{list}");

    for path in [
        format!("/events/{key}/deliver"),
        format!("/events/{key}/discard"),
        "/deliver?state=dead".to_owned(),
        "/discard?state=dead".to_owned(),
        format!("/actions/{id}/stop"),
    ] {
        let form = format!("once={id}&plan={id}&reason=x");
        let looks = sent(&receiver, &viewer, &path, &form);
        assert!(looks.status == 403 && looks.text().contains("operator"), "{path}: {}", looks.text());
        let foreign = post(&receiver, &path, &form).cookie(&cookie).header("origin: http://evil.example").send();
        assert!(foreign.status == 403 && foreign.text().contains("another site"), "{path}: {}", foreign.text());
        assert_eq!(post(&receiver, &path, &form).send().status, 401, "{path}");
        let torn = sent(&receiver, &cookie, &path, "x=%zz").status;
        assert!([400, 404, 409].contains(&torn), "{path}: {torn}");
        let asked = get(&receiver, &path).cookie(&cookie).send().status;
        let looked = get(&receiver, &path).cookie(&viewer).send().status;
        assert_eq!((asked, looked), if path.ends_with("stop") { (405, 405) } else { (200, 403) }, "{path}");
    }
    assert_eq!((actions(&receiver, &key).len(), receiver.inbox()[0]["state"].clone()), (0, json!("dead")));
}
