//! Whatever leads to the admin address: other names, pages of other sites, odd paths, the credentials of senders, and
//! networks that may read along.

use super::{Ask, OVERVIEW, USERS, get, log_in, post, signed_in};
use crate::support::receiver::{PASSWORD, Receiver, TOKEN, USERNAME};
use crate::support::sender::order_event;

const HEALTH: [&str; 2] = ["/livez", "/readyz"];

#[tokio::test]
async fn everything_but_health_wants_to_know_who_it_is() {
    let receiver = Receiver::with(USERS);
    let cookie = signed_in(&receiver);

    for path in HEALTH {
        assert_eq!(get(&receiver, path).send().status, 200, "{path}");
    }
    for path in
        ["events", "events/x", "events/x/body", "orders?number=1", "handlers", "handlers/x", "export", "nothing"]
    {
        let said = get(&receiver, &format!("/api/v1/{path}")).send();
        assert_eq!((said.status, said.header("content-type")), (401, Some("application/problem+json")), "{path}");
        assert!(said.header("www-authenticate").unwrap().starts_with("Basic "), "{path}");
    }
    for (path, location) in [
        ("/", "login"),
        ("/events?state=dead", "login?to=events%3Fstate%3Ddead"),
        ("/a/b", "../login?to=a%2Fb"),
        ("//x.example", "../login?to=x.example"),
    ] {
        let said = get(&receiver, path).send();
        assert_eq!((said.status, said.header("location")), (303, Some(location)), "{path}");
    }
    assert_eq!(get(&receiver, OVERVIEW).cookie(&cookie).send().status, 200);
    assert_eq!(get(&receiver, OVERVIEW).basic("bob", "a password of bob").send().status, 200);
    assert_eq!(get(&receiver, "/").basic("bob", "a password of bob").send().status, 303, "that is for programs");
    assert_eq!(get(&receiver, "/nothing").cookie(&cookie).send().status, 404);
}

#[tokio::test]
async fn no_path_looks_like_a_check_of_health_to_one_part_and_like_a_question_to_another() {
    let receiver = Receiver::start();

    for path in [
        "/livez/../api/v1/events",
        "/api/v1/../../livez",
        "/api/v1/events/..%2f..%2f..%2flivez",
        "/livez/api/v1/events",
        "/livez%2f..%2fapi/v1/events",
        "//api/v1/events",
        "/api/v1//events",
        "/API/v1/events",
        "/%61pi/v1/events",
        "/./api/v1/events",
        "/api/v1/events;/livez",
        "/style.css/../api/v1/events",
        "/login/../api/v1/events",
    ] {
        let said = get(&receiver, path).send();
        assert!([303, 401].contains(&said.status), "{path}: {} {}", said.head, said.text());
    }
}

#[tokio::test]
async fn only_a_name_that_it_has_leads_to_it() {
    let receiver = Receiver::with("admin.hosts = ['inbox.example.com']");
    let (cookie, port) = (signed_in(&receiver), receiver.admin_port());
    let status = |host: &str| get(&receiver, OVERVIEW).host(host).cookie(&cookie).send().status;

    for own in ["127.0.0.1", "LOCALHOST:1", "[::1]:8081", "192.0.2.7", "Inbox.Example.Com:8081", "inbox.example.com"] {
        assert_eq!(status(own), 200, "{own}");
    }
    for other in [
        "evil.example",
        &format!("evil.example:{port}"),
        "127.0.0.1.evil.example",
        "inbox.example.com.evil.example",
        "evil.example|127.0.0.1",
        "127.0.0.1|evil.example",
        "",
    ] {
        assert_eq!(status(other), 421, "{other}");
    }
    assert_eq!(get(&receiver, "/login").host("evil.example").send().status, 421, "nor to the forms");
    assert_eq!(get(&receiver, "http://evil.example/api/v1/overview").cookie(&cookie).send().status, 421);
    for path in HEALTH {
        assert_eq!(get(&receiver, path).host("evil.example").send().status, 200, "{path}");
    }

    receiver.configure(|text| text.replace("inbox.example.com", "other.example.com"));
    let renamed = async || [status("inbox.example.com"), status("other.example.com")] == [421, 200];
    crate::support::eventually("other names", renamed).await;
}

#[tokio::test]
async fn a_page_of_another_site_sends_nothing_here() {
    let receiver = Receiver::with(USERS);
    let (cookie, port) = (signed_in(&receiver), receiver.admin_port());
    let own = format!("origin: http://127.0.0.1:{port}");
    let form = |headers: &[&str]| {
        let body = "user=anna&password=a+password+of+anna";
        headers.iter().fold(post(&receiver, "/login", body), |ask, header| ask.header(header)).send().status
    };

    for foreign in [
        &["origin: http://evil.example"][..],
        &["origin: https://127.0.0.1"],
        &["origin: http://127.0.0.1:1"],
        &[&format!("origin: http://127.0.0.1:{port}.evil.example")],
        &["origin: null"],
        &["origin: null", "sec-fetch-site: cross-site"],
        &[&own, "sec-fetch-site: cross-site"],
        &["sec-fetch-site: cross-site"],
        &["sec-fetch-site: same-site"],
        &[&own, "origin: http://evil.example"],
        &["origin: http://evil.example", "sec-fetch-site: same-origin"],
    ] {
        assert_eq!(form(foreign), 403, "{foreign:?}");
        let out = foreign.iter().fold(post(&receiver, "/logout", "").cookie(&cookie), |ask, header| ask.header(header));
        assert_eq!(out.send().status, 403, "{foreign:?}");
    }
    for (own, status) in [
        (&[own.as_str()][..], 303),
        (&[&own, "sec-fetch-site: same-origin"], 303),
        // As browsers say it of a form on a page that does not say where it is.
        (&["origin: null", "sec-fetch-site: same-origin"], 303),
        // No browser at all.
        (&[], 303),
    ] {
        assert_eq!(form(own), status, "{own:?}");
    }
    let looked = get(&receiver, OVERVIEW).cookie(&cookie).header("origin: http://evil.example").send();
    assert_eq!((looked.status, looked.header("access-control-allow-origin")), (200, None), "it cannot read that");
}

#[tokio::test]
async fn who_sends_may_not_look_and_who_looks_may_not_send() {
    let receiver = Receiver::with(USERS);

    let sender = get(&receiver, OVERVIEW).basic(USERNAME, PASSWORD).send();
    let token = get(&receiver, OVERVIEW).header(&format!("authorization: Bearer {TOKEN}")).send();
    let looker = receiver.sender().basic("anna", "a password of anna").send(order_event("1")).await;

    assert_eq!([sender.status, token.status, looker.status.unwrap()], [401; 3]);
    assert_eq!(log_in(&receiver, USERNAME, PASSWORD).status, 403);
}

#[tokio::test]
async fn off_loopback_nothing_but_health_goes_over_plain_http() {
    let receiver = Receiver::prepared(USERS).setting("ADMIN__LISTEN", "0.0.0.0:0");
    let checked = String::from_utf8(receiver.run(&["check"]).stdout).unwrap();
    let mut receiver = receiver;
    receiver.restart();

    for ask in [
        get(&receiver, "/"),
        get(&receiver, "/login"),
        get(&receiver, OVERVIEW).basic("anna", "a password of anna"),
        get(&receiver, "/enter?ticket=x"),
        post(&receiver, "/login", "user=anna&password=a+password+of+anna"),
    ] {
        let path = ask.path.clone();
        assert_eq!(ask.send().status, 403, "{path}");
    }
    for path in HEALTH {
        assert_eq!(get(&receiver, path).send().status, 200, "{path}");
    }
    assert!(checked.contains("`admin.listen`") && checked.contains("only /livez and /readyz are served"), "{checked}");
    let printed = receiver.run(&["inspect"]);
    assert!(String::from_utf8_lossy(&printed.stderr).contains("leads nowhere"), "{printed:?}");
}

#[tokio::test]
async fn every_answer_says_what_browsers_are_to_make_of_it() {
    let receiver = Receiver::start();
    let cookie = signed_in(&receiver);
    let asks: [Ask; 9] = [
        get(&receiver, "/livez"),
        get(&receiver, "/login"),
        get(&receiver, "/style.css"),
        get(&receiver, "/enter?ticket=x"),
        get(&receiver, OVERVIEW),
        get(&receiver, OVERVIEW).cookie(&cookie),
        get(&receiver, OVERVIEW).host("evil.example"),
        post(&receiver, "/logout", "").header("origin: null"),
        get(&receiver, "/nothing").cookie(&cookie),
    ];

    for ask in asks {
        let path = ask.path.clone();
        let said = ask.send();
        let csp = said.header("content-security-policy").unwrap();
        assert!(csp.starts_with("default-src 'none'") && !csp.contains("unsafe"), "{path}: {csp}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            // A file of the program itself says nothing of anybody.
            ("cache-control", if path == "/style.css" { "private, max-age=604800" } else { "no-store" }),
        ] {
            assert_eq!(said.header(name), Some(value), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn where_it_listens_takes_a_restart_and_says_so() {
    let receiver = Receiver::with(USERS);

    receiver.configure(|text| text.replace("admin.listen = \"127.0.0.1:0\"", "admin.listen = \"127.0.0.1:1\""));

    let line = receiver.logged("takes effect only after a restart").await;
    assert!(line["message"].as_str().unwrap().contains("`admin.listen`"), "{line}");
    assert_eq!(get(&receiver, "/livez").send().status, 200);
}
