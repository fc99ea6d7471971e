//! What `http` makes of answers that are odd, that ask for something, or that never come.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tradecloud_webhook::handlers::{Fault, Outcome};

use super::http::handler_for;
use super::{assert_not_stuck, event, handler, rejection, unavailable};
use crate::support::erp::{Answer, Erp};
use crate::support::proxy::Proxy;

/// An ERP that answers every request with these bytes, and closes the connection.
pub(super) async fn erp_that_says(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 8 * 1024]).await;
            let _ = connection.write_all(answer.as_bytes()).await;
            let _ = connection.shutdown().await;
            // What is still on its way must not turn the answer into a reset.
            let _ = connection.read_to_end(&mut Vec::new()).await;
        }
    });
    url
}

#[tokio::test]
async fn the_status_decides_however_untidy_the_rest_of_the_head_is() {
    let many = "X-Note: a\r\n".repeat(390);
    let heads = [
        ("a folded line", "X-Note: a\r\n b\r\n".to_owned()),
        ("a line folded with a tab", "X-Note: a\r\n\tb\r\n".to_owned()),
        ("a blank behind a name", "X-Note : a\r\n".to_owned()),
        ("a line without a colon", "no header at all\r\n".to_owned()),
        ("a name with a blank in it", "X Note: a\r\n".to_owned()),
        ("a name that is no token", "X-Nöte: a\r\n".to_owned()),
        ("a value with a control character", "X-Note: a\u{1}b\r\n".to_owned()),
        ("lines of line feeds only", "X-Note: a\nX-Other: b\n".to_owned()),
        ("many lines", many),
        ("a long line", format!("X-Note: {}\r\n", "a".repeat(60_000))),
        ("an odd `Retry-After`", "Retry-After: soon\r\n".to_owned()),
    ];
    for (what, lines) in heads {
        for (status, done) in [("200 OK", true), ("422 Unprocessable", false)] {
            let answer = format!("HTTP/1.1 {status}\r\n{lines}Content-Length: 0\r\nConnection: close\r\n\r\n");
            let url = erp_that_says(answer).await;

            let outcome = handler(&format!("type = 'http'\nurl = '{url}'")).deliver(&event("m-1")).await;

            if done {
                assert_eq!(outcome, Outcome::Done, "{what}");
            } else {
                assert_eq!(rejection(outcome).status, Some(422), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn over_http2_the_status_decides_however_long_the_head_is() {
    let (erp, certificate) = Erp::start_with_tls();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, certificate).unwrap();
    erp.answer([Answer::status(200).header("x-note", &"a".repeat(60_000))]);

    let outcome = handler_for(&erp, &format!("ca_file = '{}'", file.path().display())).deliver(&event("m-1")).await;

    assert_eq!(outcome, Outcome::Done);
    assert_eq!(erp.received()[0].version, axum::http::Version::HTTP_2);
}

/// An ERP with TLS behind a network that can fail, and the keys of a handler that reaches it through that.
async fn over_tls_and_a_network() -> (Erp, Proxy, tempfile::NamedTempFile, String) {
    let (erp, certificate) = Erp::start_with_tls();
    let network = Proxy::to(erp.url("").trim_start_matches("https://").parse().unwrap()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, certificate).unwrap();
    let keys = format!("ca_file = '{}'\ntimeout = '3s'", file.path().display());
    (erp, network, file, keys)
}

#[tokio::test]
async fn an_http2_connection_on_which_nothing_comes_back_is_left_behind() {
    let (erp, network, _file, keys) = over_tls_and_a_network().await;
    let handler = handler(&format!("type = 'http'\nurl = 'https://{}/'\n{keys}", network.address()));

    assert_not_stuck(&handler, &network).await;

    assert!(erp.received().iter().all(|request| request.version == axum::http::Version::HTTP_2));
}

#[tokio::test]
async fn a_token_endpoint_whose_http2_connection_died_is_asked_on_another_one() {
    let (issuer, network, _file, keys) = over_tls_and_a_network().await;
    let erp = Erp::start();
    // Worn out at once, so that every event asks for another.
    let token = r#"{"access_token":"one","expires_in":0}"#;
    issuer.answer_by(move |_| Answer::status(200).body("application/json", token));
    let auth = format!(
        "auth = {{ type = 'oauth', token_url = 'https://{}/token', client_id = 'me', client_secret = 'a' }}",
        network.address()
    );

    assert_not_stuck(&handler_for(&erp, &format!("{keys}\n{auth}")), &network).await;

    assert!(issuer.received().iter().all(|request| request.version == axum::http::Version::HTTP_2));
}

#[tokio::test]
async fn a_dead_http2_connection_is_found_out_before_a_long_time_out_is_over() {
    let (_erp, network, _file, keys) = over_tls_and_a_network().await;
    let keys = keys.replace("3s", "10m");
    let handler = handler(&format!("type = 'http'\nurl = 'https://{}/'\n{keys}", network.address()));
    assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done);
    network.forget();

    let first = tokio::time::timeout(Duration::from_secs(120), handler.deliver(&event("m-2"))).await;

    assert_eq!(unavailable(first.expect("an answer long before ten minutes")).fault, Fault::Unreachable);
    assert_eq!(handler.deliver(&event("m-2")).await, Outcome::Done);
}

#[tokio::test]
async fn a_time_that_the_erp_asks_for_is_handed_on_whatever_the_status() {
    let erp = Erp::start();
    let handler = handler_for(&erp, "");
    let now = "Sun, 06 Nov 1994 08:49:07 GMT";
    for status in [429, 503, 500, 401, 301] {
        erp.answer([
            Answer::status(status).header("retry-after", "30"),
            Answer::status(status).header("date", now).header("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"),
            Answer::status(status),
        ]);

        let [seconds, date, nothing] = [
            handler.deliver(&event("m-1")).await,
            handler.deliver(&event("m-1")).await,
            handler.deliver(&event("m-1")).await,
        ]
        .map(|outcome| unavailable(outcome).pause);

        assert_eq!(seconds, Some(Duration::from_secs(30)), "{status}");
        assert_eq!(date, Some(Duration::from_secs(40)), "{status}");
        assert_eq!(nothing, None, "{status}");
    }
}

#[tokio::test]
async fn a_time_that_the_token_endpoint_asks_for_is_handed_on() {
    let (erp, issuer) = (Erp::start(), Erp::start());
    issuer.answer([Answer::status(429).header("retry-after", "30")]);
    let auth = format!(
        "auth = {{ type = 'oauth', token_url = '{}', client_id = 'me', client_secret = 'a' }}",
        issuer.url("/token")
    );

    let why = unavailable(handler_for(&erp, &auth).deliver(&event("m-1")).await);

    assert_eq!(why.pause, Some(Duration::from_secs(30)), "{}", why.reason);
    assert!(!why.of_one, "without a token no event gets anywhere");
    assert!(erp.received().is_empty());
}

#[tokio::test]
async fn only_an_erp_that_is_not_there_speaks_for_all_events() {
    let erp = Erp::start();
    let handler = handler_for(&erp, "");
    for (status, of_one) in
        [(502, false), (503, false), (504, false), (429, false), (500, true), (401, true), (403, true), (501, true)]
    {
        erp.answer([status]);

        let why = unavailable(handler.deliver(&event("m-1")).await);

        assert_eq!(why.of_one, of_one, "{status}");
    }
    let nobody = crate::support::server::free_address();
    let why =
        unavailable(super::handler(&format!("type = 'http'\nurl = 'http://{nobody}/'")).deliver(&event("m-1")).await);
    assert!(!why.of_one, "{}", why.reason);
    erp.answer([Answer::hang()]);
    let why = unavailable(handler_for(&erp, "timeout = '1s'").deliver(&event("m-1")).await);
    assert!(!why.of_one, "{}", why.reason);
}

#[tokio::test]
async fn a_refusal_with_a_text_of_retry_on_text_is_passing() {
    let erp = Erp::start();
    let handler = handler_for(&erp, "retry_on_text = ['is locked', '<Sperre>']");
    let late = format!("{}is locked", "x".repeat(60_000));
    let too_late = format!("{}is locked", "x".repeat(70_000));
    for (status, body, passes) in [
        (409, "Order 7 IS Locked by clerk", true),
        (422, "<fault><sperre>7</sperre></fault>", true),
        (400, late.as_str(), true),
        (400, too_late.as_str(), false),
        (409, "Order 7 is closed", false),
        (409, "", false),
    ] {
        erp.answer([Answer::status(status).body("text/plain", body)]);

        let outcome = handler.deliver(&event("m-1")).await;

        if passes {
            let why = unavailable(outcome);
            assert!(why.of_one && why.reason.contains("retry_on_text"), "{}", why.reason);
        } else {
            assert_eq!(rejection(outcome).status, Some(status));
        }
    }
}

#[tokio::test]
async fn a_refusal_that_breaks_off_is_passing_where_a_text_is_looked_for() {
    let answer = "HTTP/1.1 409 Conflict\r\nContent-Length: 100\r\nConnection: close\r\n\r\nOrder 7";
    let url = erp_that_says(answer.to_owned()).await;
    let table = format!("type = 'http'\nurl = '{url}'");

    let plain = handler(&table).deliver(&event("m-1")).await;
    let looking = handler(&format!("{table}\nretry_on_text = ['is locked']")).deliver(&event("m-1")).await;

    assert_eq!(rejection(plain).status, Some(409));
    assert!(unavailable(looking).of_one);
}
