//! Pages for people: each is there for whoever is signed in and for nobody else, says what the commands say, and leads
//! nowhere else, whatever a proxy strips before it.

use std::collections::BTreeSet;

use rstest::rstest;

use super::{Said, USERS, get, post, signed_in};
use crate::support::erp::{Answer, Erp};
use crate::support::receiver::Receiver;
use crate::support::sender::{Message, order_event};
use crate::support::store::Store::{self, Postgres, Sqlite};

const PAGES: [&str; 9] =
    ["/", "/events", "/orders", "/orders?number=PO-1", "/handlers", "/tradecloud", "/actions", "/setup", "/help"];

fn page(receiver: &Receiver, cookie: &str, path: &str) -> Said {
    get(receiver, path).cookie(cookie).send()
}

/// A page that is there.
fn text(receiver: &Receiver, cookie: &str, path: &str) -> String {
    let said = page(receiver, cookie, path);
    assert_eq!(said.status, 200, "{path}: {}", said.text());
    assert_eq!(said.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
    said.text()
}

/// An ERP that knows no item, two events that it has rejected, and a body that is none.
async fn rejected(store: Store) -> (Receiver, Erp, String) {
    let erp = Erp::start();
    erp.answer_by(|_| Answer::status(422).body("text/plain", "item 4711-B is unknown <here>"));
    let receiver = store.with(&format!("handlers.erp = {{ type = 'http', url = '{}' }}", erp.url("/secret-path")));
    receiver.expects_error("rejected: a dead letter");
    for order in ["1", "2"] {
        receiver.sender().send(order_event(order)).await;
    }
    receiver.sender().send(Message::json("{\n  \"orderEvent\": x}")).await;
    receiver.inbox_until(|events| events.len() == 3 && events.iter().all(|event| event["state"] != "pending")).await;
    let cookie = signed_in(&receiver);
    (receiver, erp, cookie)
}

fn key_of(receiver: &Receiver, state: &str) -> String {
    receiver.events(&["list", "--json", "--state", state])[0]["key"].as_str().unwrap().to_owned()
}

/// What `name` says in each tag, as a browser reads it.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let begin = format!(" {name}=\"");
    let parts = html.split(&begin).skip(1);
    parts.map(|part| part.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")).collect()
}

#[rstest]
#[tokio::test]
async fn every_page_is_there_for_whoever_is_signed_in_and_leads_others_to_sign_in(
    #[values(Sqlite, Postgres)] store: Store,
) {
    let (receiver, _erp, cookie) = rejected(store).await;
    let (dead, refused) = (key_of(&receiver, "dead"), key_of(&receiver, "refused"));
    let of_events = [&dead, &refused].map(|key| [format!("/events/{key}"), format!("/events/{key}?view=delivered")]);

    for path in
        PAGES.map(str::to_owned).into_iter().chain(of_events.into_iter().flatten()).chain(["/handlers/erp".into()])
    {
        let html = text(&receiver, &cookie, &path);
        assert!(html.starts_with("<!DOCTYPE html>") && html.contains("<h1"), "{path}: {html}");
        for inline in [" style=", "<style", " onclick=", "javascript:", "<script>"] {
            assert!(!html.contains(inline), "{inline} is in {path}");
        }
        let nobody = get(&receiver, &path).send();
        let location = nobody.header("location").unwrap().to_owned();
        assert!(nobody.status == 303 && location.trim_start_matches("../").starts_with("login"), "{path}: {location}");
    }
}

#[tokio::test]
async fn whoever_had_to_sign_in_first_gets_the_page_that_he_asked_for() {
    let receiver = Receiver::with(USERS);
    let asked = get(&receiver, "/orders?number=PO%2F1").send().header("location").unwrap().to_owned();
    let password = "user=bob&password=a+password+of+bob";

    let form = get(&receiver, &format!("/{asked}")).send().text();
    let action = attributes(&form, "action").remove(0);
    let signed_in = post(&receiver, &format!("/{action}"), password).send();
    let elsewhere = post(&receiver, "/login?to=%2F%2Fx.example", password).send();

    assert_eq!((signed_in.status, signed_in.header("location")), (303, Some("orders?number=PO%2F1")), "{action}");
    assert_eq!(elsewhere.header("location"), Some("./"));
}

#[rstest]
#[tokio::test]
async fn what_the_erp_said_is_visible_without_a_click(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, _erp, cookie) = rejected(store).await;
    let key = key_of(&receiver, "dead");
    let event = format!("/events/{key}");

    for path in ["/events", "/orders?number=po%201", "/", "/handlers/erp", &event] {
        let html = text(&receiver, &cookie, path);
        assert!(html.contains("item 4711-B is unknown &#60;here&#62;"), "{path}: {html}");
        assert!(html.contains("422") && !html.contains("secret-path"), "{path}: {html}");
    }
    let home = text(&receiver, &cookie, "/");
    assert!(home.contains("2 events are dead") && home.contains("1 event is refused"), "{home}");
    let event = text(&receiver, &cookie, &event);
    assert!(event.contains("Nothing more happens until somebody delivers it again or sets it aside."), "{event}");
    assert!(!event.contains("events deliver"), "commands are for terminals: {event}");
}

#[tokio::test]
async fn a_refused_body_is_shown_where_it_is_wrong() {
    let (receiver, _erp, cookie) = rejected(Sqlite).await;
    let refused = receiver.events(&["list", "--json", "--state", "refused"]).remove(0);
    let (key, reason) = (refused["key"].as_str().unwrap(), refused["reason"].as_str().unwrap());

    let html = text(&receiver, &cookie, &format!("/events/{key}"));

    assert!(reason.contains("line 2, column 17"), "{reason}");
    assert!(html.contains("<li class=\"here\" id=\"here\">  &#34;orderEvent&#34;: <mark>x</mark>}</li>"), "{html}");
    let body = page(&receiver, &cookie, &format!("/events/{key}/body"));
    assert_eq!(body.body, b"{\n  \"orderEvent\": x}", "to the byte");
    assert!(body.header("content-disposition").unwrap().starts_with("attachment"), "{}", body.head);
}

#[rstest]
#[tokio::test]
async fn filters_in_the_address_do_what_the_options_do(#[values(Sqlite, Postgres)] store: Store) {
    let (receiver, _erp, cookie) = rejected(store).await;

    for (query, options) in [
        ("", &[][..]),
        ("state=dead", &["--state", "dead"]),
        ("state=dead&state=refused", &["--state", "dead,refused"]),
        ("number=po1&kind=", &["--number", "po1"]),
        ("kind=order&handler=erp&since=1h", &["--kind", "order", "--handler", "erp", "--since", "1h"]),
        ("event=*Supplier", &["--event", "*Supplier"]),
        ("attention=yes", &["--needs-attention"]),
        ("partner=C1&number=po1", &["--partner", "C1", "--number", "po1"]),
        ("item=nothing", &["--item", "nothing"]),
    ] {
        let html = text(&receiver, &cookie, &format!("/events?{query}"));
        let shown: Vec<_> =
            html.split("class=\"open\" href=\"events/").skip(1).map(|part| part[..36].to_owned()).collect();
        let listed = receiver.events(&[&["list", "--json"], options].concat());
        let listed: Vec<_> = listed.iter().map(|event| event["key"].as_str().unwrap().to_owned()).collect();
        assert_eq!(shown, listed, "{query}");
    }
    let wrong = text(&receiver, &cookie, "/events?since=yesterday&number=%3Cb%3E");
    assert!(wrong.contains("role=\"alert\"") && wrong.contains("yesterday") && !wrong.contains("<b>"), "{wrong}");
    assert_eq!(page(&receiver, &cookie, "/events?stat=dead").status, 400);
}

#[tokio::test]
async fn a_list_is_turned_over_to_its_end_and_back() {
    let receiver = Receiver::with("handlers.disk = { type = 'file', directory = 'events' }");
    for order in 0..7 {
        receiver.sender().send(order_event(&order.to_string())).await;
    }
    let cookie = signed_in(&receiver);
    let keys = |html: &str| -> Vec<String> {
        html.split("class=\"open\" href=\"events/").skip(1).map(|part| part[..36].to_owned()).collect()
    };
    let link = |html: &str, rel: &str| {
        let part = html.split(&format!("rel=\"{rel}\" href=\"")).nth(1)?;
        Some(format!("/{}", part.split('"').next().unwrap().replace("&#38;", "&")))
    };

    let (mut pages, mut path) = (Vec::new(), "/events?limit=2".to_owned());
    loop {
        let html = text(&receiver, &cookie, &path);
        pages.push((keys(&html), link(&html, "prev")));
        let Some(older) = link(&html, "next") else { break };
        path = older;
    }
    let back = [3, 2].map(|from: usize| keys(&text(&receiver, &cookie, pages[from].1.as_ref().unwrap())));

    let seen: Vec<_> = pages.iter().flat_map(|(keys, _)| keys.clone()).collect();
    let listed = receiver.events(&["list", "--json"]);
    assert_eq!(seen, listed.iter().map(|event| event["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
    assert_eq!((pages.len(), back), (4, [2, 1].map(|to: usize| pages[to].0.clone())));
}

#[tokio::test]
async fn no_link_leaves_the_prefix_that_a_proxy_strips() {
    let (receiver, _erp, cookie) = rejected(Sqlite).await;
    let base = reqwest::Url::parse("https://inbox.example/ops/inbox/").unwrap();
    let (mut todo, mut seen) = (vec![base.clone()], BTreeSet::new());

    while let Some(url) = todo.pop() {
        assert!(url.as_str().starts_with(base.as_str()), "{url} leaves the prefix");
        let path = format!("/{}", &url.as_str()[base.as_str().len()..]);
        if !seen.insert(path.clone()) || seen.len() > 300 {
            continue;
        }
        let said = page(&receiver, &cookie, &path);
        if let Some(location) = said.header("location") {
            todo.push(url.join(location).unwrap());
        }
        if said.header("content-type") != Some("text/html; charset=utf-8") {
            assert!([200, 405].contains(&said.status), "{path}: {}", said.head);
            continue;
        }
        assert_eq!(said.status, 200, "{path}: {}", said.text());
        let html = said.text();
        for name in ["href", "src", "action"] {
            for link in attributes(&html, name) {
                let mut next = url.join(&link).unwrap();
                next.set_fragment(None);
                if !link.starts_with('#') && !next.path().ends_with("logout") {
                    todo.push(next);
                }
            }
        }
    }
    assert!(seen.len() > 30, "{seen:?}");
}

#[tokio::test]
async fn the_search_box_finds_events_by_their_ids_too() {
    let receiver = Receiver::with("handlers.disk = { type = 'file', directory = 'events' }");
    receiver.sender().send(order_event("1")).await;
    let cookie = signed_in(&receiver);
    let event = receiver.inbox().remove(0);
    let key = event["key"].as_str().unwrap();

    for typed in [key, &key[..8], &key.to_uppercase()] {
        let said = page(&receiver, &cookie, &format!("/orders?number={typed}"));
        assert_eq!((said.status, said.header("location").unwrap()), (303, &*format!("events/{key}")), "{typed}");
    }
    assert!(text(&receiver, &cookie, "/orders?number=nobody-has-it").contains("No event names it"));
    assert!(text(&receiver, &cookie, "/orders?number=-").contains("role=\"alert\""));
}

#[tokio::test]
async fn what_is_not_there_is_a_page_with_a_way_on() {
    let receiver = Receiver::with("");
    let cookie = signed_in(&receiver);

    for path in [
        "/nothing",
        "/events/x",
        "/events/7fd0f2c2-e310-1363-ae70-6bea25604066",
        "/events/..%2f..%2flivez",
        "/events/%ff",
        "/handlers/nobody",
        "/documents/x",
        "/documents/..%2f..%2fx",
        &format!("/events/{}", "x".repeat(10_000)),
    ] {
        let said = page(&receiver, &cookie, path);
        let begin: String = path.chars().take(60).collect();
        assert_eq!((said.status, said.header("content-type")), (404, Some("text/html; charset=utf-8")), "{begin}");
        assert!(said.text().contains("Overview"), "{begin}");
    }
    let empty = text(&receiver, &cookie, "/events");
    assert!(empty.contains("Nothing has been received yet") && empty.contains("href=\"setup\""), "{empty}");
    assert!(text(&receiver, &cookie, "/").contains("Nothing needs attention"));
}

#[tokio::test]
async fn where_nothing_is_kept_the_pages_say_so() {
    let receiver = Receiver::with(
        "inbox.store = 'none'\nendpoints = [{ path = '/webhooks/tradecloud', acknowledge = 'handled' }]\n\
         handlers.disk = { type = 'file', directory = 'events' }",
    );
    let cookie = signed_in(&receiver);

    for path in ["/", "/setup"] {
        assert!(text(&receiver, &cookie, path).contains("othing is kept here"), "{path}");
    }
    for path in ["/events", "/events/x", "/orders?number=1", "/handlers", "/tradecloud", "/actions", "/documents/x"] {
        let said = page(&receiver, &cookie, path);
        assert!(said.status == 404 && said.text().contains("Nothing is kept here"), "{path}: {}", said.text());
    }
    assert!(text(&receiver, &cookie, "/help").contains("What the states mean"));
}

#[tokio::test]
async fn what_somebody_did_at_the_terminal_stands_on_the_pages_with_who_and_why() {
    let (receiver, _erp, cookie) = rejected(Sqlite).await;
    let key = key_of(&receiver, "refused");
    assert!(receiver.run(&["events", "discard", &key, "--reason", "not <ours>"]).status.success());

    let actions = text(&receiver, &cookie, "/actions");
    let event = text(&receiver, &cookie, &format!("/events/{key}"));

    assert!(actions.contains("set aside") && actions.contains("1 event") && actions.contains("cli"), "{actions}");
    for html in [actions, event] {
        assert!(html.contains("not &#60;ours&#62;"), "{html}");
    }
}
