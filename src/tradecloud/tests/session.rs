//! One session: logged in once, renewed when it ends, and never more logins than there have to be.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// Answers of an order for whoever has the token of that number; else 401.
fn for_token(call: &Call, number: u32) -> Reply {
    if call.header("authorization") == Some(&format!("Bearer {}", access(number))) {
        Reply::new(200, "{}")
    } else {
        Reply::new(401, INVALID)
    }
}

#[tokio::test]
async fn the_first_request_logs_in_and_those_after_it_do_not() {
    for first in [
        session(1),
        access_only(1),
        Reply::new(200, "").with("set-authorization", format!("Bearer {}", access(1))),
        session(1).with("set-authorization", "").with("set-refresh-token", ""),
        Reply::new(200, "no json").with("set-authorization", "").with("set-authorization", access(1)),
    ] {
        let tradecloud =
            Tradecloud::start(move |call| if call.path == LOGIN { first.clone() } else { for_token(call, 1) }).await;
        let api = tradecloud.api();

        order(&api).await.unwrap();
        order(&api.clone()).await.unwrap();

        let calls = tradecloud.calls();
        let paths: Vec<_> = calls.iter().map(|call| call.path.as_str()).collect();
        assert_eq!(paths, [LOGIN, "/v2/order/order-1", "/v2/order/order-1"]);
        let basic = "Basic aW50ZWdyYXRpb25AeW91cmNvbXBhbnkuY29tOmNvcnJlY3QgaG9yc2U=";
        assert_eq!((calls[0].method.as_str(), calls[0].header("authorization")), ("GET", Some(basic)));
    }
}

#[tokio::test]
async fn a_token_that_ends_is_renewed_with_nothing_but_the_other_token() {
    let tradecloud = Tradecloud::scripted([
        session(1),
        Reply::new(200, "{}"),
        session(2),
        Reply::new(200, "{}"),
        session(3),
        Reply::new(200, "{}"),
    ])
    .await;
    let api = tradecloud.api();
    order(&api).await.unwrap();
    tradecloud.calls();

    for number in [1, 2] {
        later(minutes(9)).await;
        order(&api).await.unwrap();

        let calls = tradecloud.calls();
        assert_eq!((calls[0].method.as_str(), calls[0].path.as_str()), ("GET", REFRESH));
        let used = format!("EXAMPLE-REFRESH-TOKEN-{number}");
        assert_eq!((calls[0].header("refresh-token"), calls[0].header("authorization")), (Some(&*used), None));
        let token = format!("Bearer {}", access(number + 1));
        assert_eq!((calls.len(), calls[1].header("authorization")), (2, Some(&*token)));
    }
}

#[tokio::test]
async fn a_token_that_says_when_it_ends_is_used_until_shortly_before() {
    // {"exp":1003600,"iat":1000000}
    let token = "e30.eyJleHAiOjEwMDM2MDAsImlhdCI6MTAwMDAwMH0.c2ln";
    let tradecloud = Tradecloud::start(move |call| match call.path.as_str() {
        LOGIN | REFRESH => Reply::new(200, "").with("set-authorization", token).with("set-refresh-token", "r"),
        _ => Reply::new(200, "{}"),
    })
    .await;
    let api = tradecloud.api();
    order(&api).await.unwrap();

    later(minutes(58)).await;
    order(&api).await.unwrap();
    assert!(!tradecloud.heard().contains(&format!("GET {REFRESH}")));

    later(minutes(1)).await;
    order(&api).await.unwrap();
    assert_eq!(tradecloud.heard(), [format!("GET {REFRESH}"), "GET /v2/order/order-1".to_owned()]);
}

#[tokio::test]
async fn without_a_refresh_that_works_there_is_one_login() {
    for (first, refreshed) in [
        (session(1), Some(Reply::new(401, INVALID))),
        (session(1), Some(Reply::new(200, ""))),
        (session(1), Some(Reply::new(200, "").with("set-authorization", "").with("set-refresh-token", ""))),
        (session(1), Some(Reply::new(400, "no"))),
        (access_only(1), None),
    ] {
        let expected = if refreshed.is_some() { vec![REFRESH, LOGIN] } else { vec![LOGIN] };
        let answers =
            [Some(first), Some(Reply::new(200, "{}")), refreshed, Some(session(2)), Some(Reply::new(200, "{}"))];
        let tradecloud = Tradecloud::scripted(answers.into_iter().flatten()).await;
        let api = tradecloud.api();
        order(&api).await.unwrap();
        tradecloud.calls();

        later(minutes(9)).await;
        order(&api).await.unwrap();

        let paths: Vec<_> = tradecloud.calls().into_iter().map(|call| call.path).collect();
        assert_eq!(paths[..paths.len() - 1], expected);
    }
}

#[tokio::test]
async fn a_server_that_is_out_of_order_costs_no_session() {
    let tradecloud = Tradecloud::scripted([
        session(1),
        Reply::new(200, "{}"),
        Reply::new(503, "upstream connect error or disconnect/reset before headers"),
        session(2),
        Reply::new(200, "{}"),
    ])
    .await;
    let api = tradecloud.api();
    order(&api).await.unwrap();
    later(minutes(9)).await;

    assert!(matches!(order(&api).await, Err(ApiError::Unavailable { late: false, pause: Some(_), .. })));
    later(minutes(1)).await;
    order(&api).await.unwrap();

    let again = ["/v2/order/order-1", REFRESH, REFRESH, "/v2/order/order-1"].map(|path| format!("GET {path}"));
    assert_eq!(tradecloud.heard()[1..], again);
}

#[tokio::test]
async fn a_thousand_who_find_the_session_dead_renew_it_once() {
    let valid = Arc::new(AtomicU32::new(1));
    let known = Arc::clone(&valid);
    let tradecloud = Tradecloud::start(move |call| match call.path.as_str() {
        LOGIN => session(1),
        REFRESH => {
            known.store(2, Ordering::SeqCst);
            session(2)
        }
        _ => for_token(call, known.load(Ordering::SeqCst)),
    })
    .await;
    let api = tradecloud.api();
    order(&api).await.unwrap();
    valid.store(7, Ordering::SeqCst);
    tradecloud.calls();

    let callers: Vec<_> = (0..1000)
        .map(|_| {
            tokio::spawn({
                let api = api.clone();
                async move { order(&api).await }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }

    let heard = tradecloud.heard();
    assert_eq!((heard.len(), heard.iter().filter(|call| call.contains("authentication")).count()), (1002, 1));
}

#[tokio::test]
async fn a_session_that_another_login_ended_is_had_back_but_not_at_any_price() {
    let tradecloud = Tradecloud::scripted([
        session(1),
        Reply::new(200, "{}"),
        // Another receiver has logged in.
        Reply::new(401, INVALID),
        Reply::new(401, INVALID),
        session(2),
        Reply::new(200, "{}"),
        // And again.
        Reply::new(401, INVALID),
    ])
    .await;
    let api = tradecloud.api();
    order(&api).await.unwrap();
    tradecloud.calls();

    order(&api).await.unwrap();
    let paths: Vec<_> = tradecloud.calls().into_iter().map(|call| call.path).collect();
    assert_eq!(paths, ["/v2/order/order-1", REFRESH, LOGIN, "/v2/order/order-1"]);

    let left = pause(order(&api).await);
    assert!(left > Duration::from_secs(50) && left <= minutes(1), "{left:?}");
    assert_eq!(tradecloud.heard(), ["GET /v2/order/order-1"]);
}

#[tokio::test]
async fn a_session_is_ended_with_its_other_token_whatever_is_answered() {
    for (answer, is_slow) in [
        (Reply::new(200, "").with("set-authorization", "").with("set-refresh-token", ""), false),
        (Reply::new(401, INVALID), false),
        (Reply::new(200, "").after(minutes(1)), true),
    ] {
        let tradecloud =
            Tradecloud::with_logins(
                move |call| {
                    if call.path == LOGOUT { answer.clone() } else { Reply::new(200, "{}") }
                },
            )
            .await;
        let api = tradecloud.api();
        order(&api).await.unwrap();
        tradecloud.calls();
        let begun = std::time::Instant::now();

        api.logout().await;
        api.logout().await;

        assert!(begun.elapsed() < Duration::from_secs(if is_slow { 10 } else { 60 }));
        let calls = tradecloud.calls();
        let [call] = &calls[..] else { panic!("{calls:?}") };
        assert_eq!((call.method.as_str(), call.path.as_str()), ("POST", LOGOUT));
        assert_eq!(call.header("refresh-token"), Some("EXAMPLE-REFRESH-TOKEN-1"));
        assert_eq!((call.header("authorization"), call.body.len()), (None, 0));
    }
}
