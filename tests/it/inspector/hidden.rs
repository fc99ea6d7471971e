//! Nothing that is secret is on any page or in any answer, nor in what is kept.

use super::{OVERVIEW, get, log_in, signed_in};
use crate::support::erp::Erp;
use crate::support::receiver::{PASSWORD, Receiver, TOKEN};
use crate::support::sender::order_event;

/// What stands in the configuration and is nobody's business.
const SECRETS: [&str; 7] = [
    PASSWORD,
    TOKEN,
    "anna-secret-of-the-pages",
    "erp-secret-token",
    "in-the-path-of-the-erp",
    "in-the-arguments",
    "secret-in-a-header",
];

#[tokio::test]
async fn no_secret_of_the_configuration_is_in_any_answer() {
    let erp = Erp::start();
    let receiver = Receiver::with(&format!(
        "admin.users.anna = {{ password = 'anna-secret-of-the-pages', role = 'operator' }}\n\
         handlers.erp = {{ type = 'http', url = '{}', auth = {{ type = 'bearer', token = 'erp-secret-token' }}, \
         headers = {{ X-Api-Key = 'secret-in-a-header' }} }}\n\
         handlers.script = {{ type = 'exec', command = ['/bin/true', '--key=in-the-arguments'] }}",
        erp.url("/in-the-path-of-the-erp")
    ));
    receiver.sender().send(order_event("1")).await;
    receiver.inbox_until(|events| events.len() == 1 && events[0]["state"] == "done").await;
    let key = receiver.inbox()[0]["key"].as_str().unwrap().to_owned();
    let cookie = signed_in(&receiver);
    let inspector_key = std::fs::read_to_string(receiver.path("data/inspector-key")).unwrap();

    let paths = [
        "/",
        "/login",
        "/enter?ticket=x",
        "/style.css",
        "/livez",
        "/readyz",
        "/nothing",
        OVERVIEW,
        "/api/v1/events",
        &format!("/api/v1/events/{key}"),
        &format!("/api/v1/events/{key}/body"),
        "/api/v1/orders?number=PO1",
        "/api/v1/handlers",
        "/api/v1/handlers/erp",
        "/api/v1/handlers/script",
        "/api/v1/export",
        "/api/v1/export?format=csv",
        "/api/v1/events?state=x",
        "/config",
        "/metrics",
        "/events",
        &format!("/events/{key}"),
        &format!("/events/{key}?view=delivered"),
        &format!("/events/{key}/body"),
        "/orders?number=PO-1",
        "/handlers",
        "/handlers/erp",
        "/handlers/script",
        "/tradecloud",
        "/actions",
        "/setup",
        "/help",
        "/desk.js",
        "/api/v1/actions",
    ];
    let mut shown: Vec<(String, String)> = Vec::new();
    for path in paths {
        for ask in [get(&receiver, path), get(&receiver, path).cookie(&cookie)] {
            let said = ask.send();
            shown.push((path.to_owned(), said.head.clone() + &said.text()));
        }
    }
    let login = log_in(&receiver, "anna", "anna-secret-of-the-pages");
    shown.push(("login".to_owned(), login.head.clone() + &login.text()));
    shown.push(("log".to_owned(), receiver.log().iter().map(ToString::to_string).collect()));

    for secret in SECRETS.into_iter().chain([inspector_key.trim()]) {
        for (place, text) in &shown {
            assert!(!text.contains(secret), "{secret} is in {place}: {text}");
        }
    }
    let sealed = cookie.split_once('=').unwrap().1;
    assert!(!shown.last().unwrap().1.contains(sealed), "a session is in the log");
}
