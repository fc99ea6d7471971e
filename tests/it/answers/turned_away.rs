//! 401, 403, 404 and 405: who may not call, and what is kept of those who may.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;

use crate::support::eventually;
use crate::support::frames::{self, Came, DATA, END_HEADERS, END_STREAM, HEADERS};
use crate::support::raw;
use crate::support::receiver::{PASSWORD, Receiver, TOKEN, USERNAME};
use crate::support::sender::{Answer, Message, message_id, order_event};

#[tokio::test]
async fn whoever_does_not_prove_who_it_is_gets_401_and_nothing_is_kept() {
    let receiver = Receiver::start();
    let basic = |pair: String| format!("Basic {}", STANDARD.encode(pair));
    let right = basic(format!("{USERNAME}:{PASSWORD}"));
    let headers: [&[&str]; 14] = [
        &[],
        &[""],
        &["Basic"],
        &["Basic "],
        &["Basic ?"],
        &[&basic(format!("{USERNAME}:{PASSWORD}x"))],
        &[&basic(format!("{USERNAME}:"))],
        &[&basic(format!("someone:{PASSWORD}"))],
        &[&basic(USERNAME.to_owned())],
        &["Bearer wrong"],
        &[&format!("Bearer {PASSWORD}")],
        &[&format!("Digest {TOKEN}")],
        &[&right, &right],
        &[&right, &format!("Bearer {TOKEN}")],
    ];

    for values in headers {
        let sender = receiver.sender().anonymous();
        let mut request = sender.request(Method::POST).body(order_event("1").to_string());
        for value in values {
            request = request.header("authorization", *value);
        }

        let answer = sender.finish(request).await;

        assert_eq!(answer.status, Some(401), "{values:?}: {answer:?}");
        let mut challenges = answer.all("www-authenticate");
        challenges.sort_unstable();
        assert_eq!(challenges.len(), 2, "one for each scheme: {challenges:?}");
        assert!(challenges[0].starts_with("Basic realm=") && challenges[1].starts_with("Bearer realm="));
        assert!(!answer.body.contains(TOKEN) && !answer.body.contains(PASSWORD), "{answer:?}");
    }
    assert!(receiver.inbox().is_empty());
}

#[tokio::test]
async fn whoever_is_turned_away_is_told_to_the_log_but_not_each_time() {
    let receiver = Receiver::start();

    for _ in 0..5 {
        receiver.sender().basic(USERNAME, "wrong").send(order_event("1")).await;
    }

    let line = receiver.logged("a caller was turned away").await;
    assert_eq!((line["level"].as_str(), line["reason"].as_str()), (Some("WARN"), Some("the credentials are wrong")));
    assert_eq!((line["user"].as_str(), line["calls"].as_u64()), (Some(USERNAME), Some(1)), "{line}");
    assert_eq!(receiver.log().iter().filter(|line| line.to_string().contains("turned away")).count(), 1);
}

#[tokio::test]
async fn the_scheme_is_recognised_in_any_case() {
    let receiver = Receiver::start();
    let pair = STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));

    for value in [format!("basic {pair}"), format!("BASIC  {pair}"), format!("bearer {TOKEN}")] {
        let sender = receiver.sender().anonymous();
        let request = sender.request(Method::POST).body(order_event("1").to_string());

        let answer = sender.finish(request.header("authorization", &value)).await;

        assert_eq!(answer.status, Some(202), "{value}");
    }
}

#[test]
fn nothing_of_a_strangers_body_is_asked_for() {
    let receiver = Receiver::start();
    let mut stranger = receiver.connect();

    stranger.write(raw::head(&["Expect: 100-continue", "Content-Length: 100"]));

    assert_eq!(stranger.answer().status, Some(401), "and not 100 before it");
}

/// RFC 9110, §10.1.1; without the word some clients wait for ever.
#[test]
fn over_http_2_a_known_caller_is_told_to_continue_and_a_stranger_is_not() {
    let receiver = Receiver::start();
    let event = order_event("1").to_string();
    let asking = |right: bool| {
        let mut headers = frames::post(right);
        headers.push(("expect".to_owned(), "100-continue".to_owned()));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        [frames::preface(&[]), frames::frame(HEADERS, END_HEADERS, 1, &frames::block(&headers))].concat()
    };
    let mut caller = receiver.connect();
    let mut stranger = receiver.connect();

    caller.write(asking(true));
    stranger.write(asking(false));
    let interim = frames::await_stream(&mut caller, 1);
    caller.write(frames::frame(DATA, END_STREAM, 1, event.as_bytes()));

    assert_eq!(interim, Came::Status(100));
    assert_eq!(frames::await_stream(&mut caller, 1), Came::Status(202));
    assert_eq!(frames::await_stream(&mut stranger, 1), Came::Status(401));
}

/// It waits for two minutes if it is not told to go on; this would fail after one.
#[tokio::test]
async fn curl_does_not_wait_for_a_word_to_send_the_body() {
    let receiver = Receiver::start();
    std::fs::write(receiver.path("body"), order_event("1").to_string()).unwrap();
    for version in ["--http1.1", "--http2"] {
        let line = format!(
            "timeout 60 curl -s {version} --cacert ca.pem -u '{USERNAME}:{PASSWORD}' -H 'Expect: 100-continue' \
             --expect100-timeout 120 --data-binary @body -o answer -w '%{{http_code}}' {}",
            receiver.url("/webhooks/tradecloud")
        );

        let output = receiver.shell(&line);

        assert_eq!(String::from_utf8_lossy(&output.stdout), "202", "{version}");
    }
}

#[test]
fn a_known_caller_is_told_to_continue() {
    let receiver = Receiver::start();
    let event = order_event("1").to_string();
    let mut caller = receiver.connect();

    caller.write_head(&["Expect: 100-continue", &raw::content_length(&event)]);
    let interim = caller.any_answer();
    caller.write(&event);

    assert_eq!(interim.status, Some(100));
    assert_eq!(caller.answer().status, Some(202));
}

#[test]
fn a_strangers_body_is_not_waited_for_however_large_it_is_said_to_be() {
    let receiver = Receiver::start();
    let mut stranger = receiver.connect();

    stranger.write(raw::head(&["Content-Length: 1099511627776"]));

    assert_eq!(stranger.answer().status, Some(401));
}

#[tokio::test]
async fn an_address_that_is_not_allowed_gets_403() {
    let receiver = Receiver::with(
        r#"endpoints = [
            { path = "/webhooks/tradecloud", allow_from = ["tradecloud-production", "10.0.0.0/8"] },
            { path = "/here", allow_from = ["127.0.0.0/8"] },
        ]"#,
    );

    let elsewhere = receiver.sender().anonymous().send(order_event("1")).await;
    let here = receiver.sender().to(receiver.url("/here")).send(order_event("1")).await;

    assert_eq!((elsewhere.status, here.status), (Some(403), Some(202)));
    assert_eq!(receiver.inbox().len(), 1);
}

/// Tradecloud may move to another address; what it sends from there must not be gone. But nobody there may find out
/// by the answer whether he has guessed a password.
#[tokio::test]
async fn from_an_address_that_is_not_allowed_right_credentials_have_the_body_kept_and_show_nowhere() {
    let receiver = Receiver::with(
        r#"endpoints = [{ path = "/webhooks/tradecloud", allow_from = ["tradecloud-production", "10.0.0.0/8"] }]"#,
    );
    let (right, wrong) = (receiver.sender(), receiver.sender().basic(USERNAME, "wrong"));
    let event = order_event("1");

    for path in ["/webhooks/tradecloud", "/nowhere"] {
        let known = right.clone().to(receiver.url(path)).send(event.clone()).await;
        let stranger = wrong.clone().to(receiver.url(path)).send(event.clone()).await;

        let seen = |answer: &Answer| {
            let mut headers = answer.headers.clone();
            headers.remove("date");
            (answer.status, headers, answer.body.clone())
        };
        assert_eq!(seen(&known), seen(&stranger));
        assert!(known.json().get("id").is_none(), "{known:?}");
    }
    let kept = receiver.inbox_until(|events| events.len() == 2).await;
    assert_eq!([&kept[0]["status"], &kept[1]["status"]], [403, 404]);
    assert_eq!(receiver.body_of(kept[0]["id"].as_str().unwrap()), event.to_string().as_bytes());
    let line = receiver.logged("a body was refused and kept").await;
    assert_eq!((line["level"].as_str(), line["credential"].as_str()), (Some("WARN"), Some("portal")));
    assert!(receiver.log().iter().any(|line| line["message"].as_str().unwrap().contains("a caller was turned away")));
}

/// Nor by whether he is told to send it.
#[tokio::test]
async fn from_an_address_that_is_not_allowed_whoever_asks_whether_to_send_a_body_is_told_to_and_it_is_kept() {
    let receiver = Receiver::with("endpoints = [{ path = \"/webhooks/tradecloud\", allow_from = [\"10.0.0.0/8\"] }]");
    let url = receiver.url("/webhooks/tradecloud");
    for (number, version) in ["--http1.1", "--http2"].into_iter().enumerate() {
        let event = order_event(version).to_string();
        std::fs::write(receiver.path("body"), &event).unwrap();
        let told = [PASSWORD, "wrong"].map(|password| {
            let line = format!(
                "timeout 60 curl -sv {version} --cacert ca.pem -u '{USERNAME}:{password}' -H 'Expect: 100-continue' \
                 --expect100-timeout 120 --data-binary @body -o answer -w '%{{http_code}}' {url} 2>told; cat told"
            );
            let said = String::from_utf8_lossy(&receiver.shell(&line).stdout).into_owned();
            ["< HTTP/1.1 100", "< HTTP/2 100", "403"].map(|what| said.contains(what))
        });

        assert_eq!(told, [[number == 0, number == 1, true]; 2], "{version}");
        let kept = receiver.inbox_until(|events| events.len() > number).await;
        let kept: Vec<_> = kept.iter().map(|kept| receiver.body_of(kept["id"].as_str().unwrap())).collect();
        assert!(kept.contains(&event.clone().into_bytes()), "{version}");
    }
}

/// So that nobody can tell by how far a large body is taken in, either.
#[test]
fn from_an_address_that_is_not_allowed_as_much_is_taken_in_whatever_the_credentials() {
    let receiver = Receiver::with(
        "server.limits.body = \"4 MiB\"\nendpoints = [{ path = \"/webhooks/tradecloud\", allow_from = [\"10.0.0.0/8\"] }]",
    );
    let body = format!("{}{}", order_event("1"), " ".repeat(3 << 20));
    let wrong = format!("Authorization: Basic {}", STANDARD.encode(format!("{USERNAME}:wrong")));

    for who in [raw::authorization(), wrong] {
        let mut caller = receiver.connect();
        for _ in 0..2 {
            caller.write(raw::head(&[&*who, &raw::content_length(&body)]));
            caller.write(&body);
            assert_eq!(caller.answer().status, Some(403), "{who}");
        }
    }
}

/// What the log says of each body that was refused: whether it was kept.
fn kept_or_lost(receiver: &Receiver) -> Vec<bool> {
    let about_bodies = |line: &serde_json::Value| {
        let message = line["message"].as_str().filter(|message| message.starts_with("a body was refused"));
        message.map(|message| message.contains("and kept"))
    };
    receiver.log().iter().filter_map(about_bodies).collect()
}

/// Whether what is sent so many milliseconds after a connection was made, and the rest of it so many after that, is
/// kept, if the connection then stays; `None` if the machine was too busy to begin in time.
async fn kept_in_parts(receiver: &Receiver, parts: [&str; 2], at: [u64; 2]) -> Option<bool> {
    let (begun, before) = (Instant::now(), kept_or_lost(receiver).len());
    let until = |millis| tokio::time::sleep(Duration::from_millis(millis).saturating_sub(begun.elapsed()));
    let mut caller = receiver.connect();
    until(at[0]).await;
    caller.try_write(parts[0]);
    assert_eq!(caller.answer().status?, 403);
    until(at[1]).await;
    caller.try_write(parts[1]);
    eventually("it is kept or lost", async || kept_or_lost(receiver).len() > before).await;
    kept_or_lost(receiver).last().copied()
}

/// The answer comes before it, and the time of a stranger's connection, 3.8 s here, may be over meanwhile. There are
/// five seconds for all of it; a busy machine that takes longer tries again.
#[tokio::test]
async fn from_an_address_that_is_not_allowed_a_body_is_kept_that_comes_after_its_answer() {
    let receiver = Receiver::with(
        "server.limits = { header_read = \"4s\", tls_handshake = \"4s\" }\n\
         endpoints = [{ path = \"/webhooks/tradecloud\", allow_from = [\"10.0.0.0/8\"] }]",
    );
    for (number, (at, chunked)) in [([0, 0], false), ([0, 0], true), ([2500, 4800], false)].into_iter().enumerate() {
        let event = order_event(&number.to_string()).to_string();
        let (length, begin, rest) = if chunked {
            (
                "Transfer-Encoding: chunked".to_owned(),
                "a\r\n",
                format!("\r\n{:x}\r\n{}\r\n0\r\n\r\n", event.len() - 10, &event[10..]),
            )
        } else {
            (raw::content_length(&event), "", event[10..].to_owned())
        };
        let first = raw::head(&[&*raw::authorization(), &length]) + begin + &event[..10];

        let mut kept = None;
        for _ in 0..5 {
            kept = kept_in_parts(&receiver, [&first, &rest], at).await;
            if kept == Some(true) {
                break;
            }
        }

        assert_eq!(kept, Some(true), "{at:?}, chunked: {chunked}");
        let kept = receiver.inbox();
        assert_eq!(receiver.body_of(kept.last().unwrap()["id"].as_str().unwrap()), event.as_bytes());
    }
}

#[tokio::test]
async fn a_known_caller_that_misses_the_path_loses_nothing() {
    let receiver = Receiver::start();
    let event = order_event("1");
    let sender = receiver.sender();

    for path in ["/", "/webhooks/tradecloud/", "/Webhooks/Tradecloud", "/webhooks/tradecloud%2F", "//", "/livez"] {
        let answer = sender.clone().to(receiver.url(path)).send(event.clone()).await;

        assert_eq!(answer.status, Some(404), "{path}");
        let kept = receiver.events(&["show", &answer.id(), "--json"]).remove(0);
        assert_eq!((kept["state"].as_str(), kept["path"].as_str()), (Some("refused"), Some(path)));
        assert_eq!(receiver.body_of(&answer.id()), event.to_string().as_bytes());
    }
}

#[tokio::test]
async fn the_path_of_an_endpoint_is_taken_to_the_letter() {
    let paths = ["/:orders", "/*", "/a/:b/c", "/a%20b", "/"];
    let endpoints: Vec<_> = paths.iter().map(|path| format!("{{ path = \"{path}\" }}")).collect();
    let receiver = Receiver::with(&format!("endpoints = [{}]", endpoints.join(", ")));
    let statuses = async |paths: &[&str]| {
        let mut statuses = Vec::new();
        for path in paths {
            statuses.push(receiver.sender().to(receiver.url(path)).send(order_event("1")).await.status.unwrap());
        }
        statuses
    };

    assert_eq!(statuses(&paths).await, [202; 5]);
    assert_eq!(statuses(&["/orders", "/anything", "/a/x/c", "/a b"]).await, [404, 404, 404, 202]);
}

#[tokio::test]
async fn nothing_is_kept_of_strangers_on_wrong_paths() {
    let receiver = Receiver::start();
    let stranger = receiver.sender().to(receiver.url("/.env"));

    let anonymous = stranger.clone().anonymous().send(Message::json("{}")).await;
    let wrong = stranger.bearer("wrong").send(Message::json("{}")).await;

    assert_eq!((anonymous.status, wrong.status), (Some(404), Some(404)));
    assert!(receiver.inbox().is_empty());
}

#[tokio::test]
async fn other_methods_are_told_which_ones_are_allowed() {
    let receiver = Receiver::start();
    let methods = [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS, Method::TRACE, Method::PATCH];

    for method in methods {
        for sender in [receiver.sender(), receiver.sender().anonymous()] {
            let answer = sender.finish(sender.request(method.clone())).await;

            assert_eq!(answer.status, Some(405), "{method}: {answer:?}");
            assert_eq!(answer.all("allow"), ["POST, PUT"], "{method}");
        }
    }
}

/// Somebody has set up a webhook of Tradecloud's that calls by GET: it says which order it is about in the address.
#[tokio::test]
async fn a_get_with_the_right_credentials_is_kept_with_its_query_wherever_it_goes() {
    let receiver = Receiver::start();
    for (path, status) in [("/webhooks/tradecloud?orderId=1", 405), ("/order/2?x=y", 404)] {
        let sender = receiver.sender().to(receiver.url(path));

        let answer = sender.finish(sender.request(Method::GET)).await;

        assert_eq!(answer.status, Some(status), "{path}");
        let kept = receiver.events(&["show", &answer.id(), "--json"]).remove(0);
        assert_eq!((kept["state"].as_str(), kept["path"].as_str()), (Some("refused"), Some(path)));
        assert!(kept["reason"].as_str().unwrap().contains("GET"), "{kept}");
    }
    assert_eq!(receiver.logged("a body was refused and kept").await["level"], "WARN");
}

#[tokio::test]
async fn a_get_from_tradecloud_is_an_error_with_credentials_and_without() {
    for sent_by in [|receiver: &Receiver| receiver.sender(), |receiver: &Receiver| receiver.sender().anonymous()] {
        let receiver =
            Receiver::with("server.trusted_proxies = [\"127.0.0.1\"]\nserver.proxy_header = \"x-forwarded-for\"");
        let sender = sent_by(&receiver);

        let request = sender.request(Method::GET).header("x-forwarded-for", "35.204.224.107");
        assert_eq!(sender.finish(request).await.status, Some(405));

        let line = receiver.logged("Tradecloud was turned away").await;
        assert_eq!(line["level"], "ERROR");
    }
}

/// The credentials of one endpoint are not to be tried out at a path that is none, from where another is open.
#[tokio::test]
async fn a_wrong_path_does_not_tell_about_credentials_that_are_good_only_from_elsewhere() {
    let receiver = Receiver::with(
        r#"endpoints = [
            { path = "/shut", auth = ["portal"], allow_from = ["10.0.0.0/8"] },
            { path = "/open", auth = ["token"] },
        ]"#,
    );
    let nowhere = receiver.url("/nowhere");

    let shut = receiver.sender().to(nowhere.clone()).send(order_event("1")).await;
    let open = receiver.sender().bearer(TOKEN).to(nowhere).send(order_event("2")).await;

    assert_eq!((shut.status, open.status), (Some(404), Some(404)));
    assert!(shut.json().get("id").is_none() && open.json().get("id").is_some());
    receiver.inbox_until(|events| events.len() == 2).await;
}

#[tokio::test]
async fn a_body_that_came_by_the_wrong_method_is_kept() {
    let receiver = Receiver::start();
    let event = order_event("1");

    let answer = receiver.sender().send_by(Method::PATCH, event.clone()).await;

    assert_eq!(answer.status, Some(405));
    assert_eq!(receiver.body_of(&answer.id()), event.to_string().as_bytes());
    assert_eq!(receiver.inbox()[0]["status"], 405);
    assert!(receiver.inbox().iter().all(|kept| kept["id"] != message_id(&event)), "it is no event yet");
}
