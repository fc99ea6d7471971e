//! Whatever the platform answers, the account is not banned for what we do.

use super::*;

fn logins(tradecloud: &Tradecloud) -> usize {
    tradecloud.calls().iter().filter(|call| call.path == LOGIN).count()
}

fn is_refused(result: &Result<Bytes, ApiError>) -> bool {
    matches!(result, Err(ApiError::Credentials(_)))
}

#[tokio::test]
async fn a_login_that_is_refused_is_tried_again_after_a_quarter_of_an_hour() {
    for refused in [
        Reply::new(401, INVALID),
        Reply::new(403, "banned"),
        Reply::new(200, r#"{"username":"x","status":"two-factor-required"}"#),
        session(1).with("x", "y").then(Then::End),
    ] {
        // The last one has tokens, and still is not authenticated.
        let refused = if refused.headers.is_empty() {
            refused
        } else {
            Reply { body: r#"{"status":"SECOND"}"#.into(), ..refused }
        };
        let tradecloud = Tradecloud::scripted([refused]).await;
        let (api, (page, _guard)) = (tradecloud.api(), logged());

        for _ in 0..50 {
            assert!(is_refused(&order(&api).await));
            assert!(is_refused(&api.metadata("x").await.map(|_| Bytes::new())));
        }
        later(minutes(14)).await;
        assert!(
            is_refused(&order(&api).await) && is_refused(&api.by_basic().metadata("x").await.map(|_| Bytes::new()))
        );
        assert_eq!(tradecloud.heard(), [format!("GET {LOGIN}")]);
        later(minutes(1)).await;
        assert!(is_refused(&order(&api).await));
        assert_eq!((logins(&tradecloud), lines(&page, "Tradecloud does not let us in: ")), (1, 1));

        tradecloud.is_well();
        later(minutes(15)).await;
        order(&api).await.unwrap();
        assert_eq!(lines(&page, "Tradecloud lets us in again"), 1);
    }
}

#[tokio::test]
async fn an_account_that_wants_to_be_left_alone_for_longer_is() {
    let tradecloud = Tradecloud::scripted([Reply::new(401, "banned").with("retry-after", "3600")]).await;
    let api = tradecloud.api();
    assert!(is_refused(&order(&api).await));

    later(minutes(59)).await;
    assert!(is_refused(&order(&api).await));
    assert_eq!(logins(&tradecloud), 1);
    later(minutes(1)).await;
    assert!(is_refused(&order(&api).await));
    assert_eq!(logins(&tradecloud), 1);
}

#[tokio::test]
async fn what_is_refused_right_after_a_login_is_not_asked_for_with_another() {
    let tradecloud =
        Tradecloud::with_logins(|call| Reply::new(401, if call.path == REFRESH { INVALID } else { "not yours" })).await;
    let (api, (page, _guard)) = (tradecloud.api(), logged());

    for _ in 0..20 {
        assert!(matches!(order(&api).await, Err(ApiError::NotAllowed(_))));
    }

    let heard = tradecloud.heard();
    assert_eq!(heard.iter().filter(|call| call.contains("authentication")).count(), 1, "{heard:?}");
    assert_eq!(lines(&page, "but not to what is asked for"), 1);
}

#[tokio::test]
async fn what_one_may_not_do_disturbs_nothing_else() {
    let tradecloud = Tradecloud::with_logins(|call| match call.path.as_str() {
        REFRESH => session(2),
        path if path.contains("shipment") => Reply::new(401, "not yours"),
        _ => Reply::new(200, "{}"),
    })
    .await;
    let api = tradecloud.api();
    order(&api).await.unwrap();

    assert!(matches!(api.fetch(What::ShipmentId, "s").await, Err(ApiError::NotAllowed(_))));
    for _ in 0..10 {
        order(&api).await.unwrap();
        let left = pause(api.fetch(What::ShipmentId, "s").await);
        assert!(left <= minutes(1));
    }

    let heard = tradecloud.heard();
    assert_eq!(heard.iter().filter(|call| call.contains("authentication")).count(), 2, "{heard:?}");
    later(minutes(1)).await;
    assert!(matches!(api.fetch(What::ShipmentId, "s").await, Err(ApiError::NotAllowed(_))));
}

#[tokio::test]
async fn there_are_three_logins_in_ten_minutes_at_the_most_whatever_happens() {
    type Answers = fn(&Call) -> Reply;
    let always_dead: Answers = |call| if call.path == LOGIN { access_only(1) } else { Reply::new(401, "") };
    let out_of_order: Answers = |_| Reply::new(503, "upstream connect error");
    let overloaded: Answers = |_| Reply::new(429, "").with("retry-after", "1");
    let without_tokens: Answers = |_| Reply::new(200, "{}");
    let elsewhere: Answers = |_| Reply::new(404, r#"{"status":404,"error":"Not Found"}"#);
    let error_page: Answers = |_| Reply::new(400, r#"{"status":"error"}"#);
    for answers in [always_dead, out_of_order, overloaded, without_tokens, elsewhere, error_page] {
        let tradecloud = Tradecloud::start(answers).await;
        let api = tradecloud.api();
        let mut made = Vec::new();

        for second in (0..3600).step_by(10) {
            assert!(!is_refused(&order(&api).await));
            made.extend(std::iter::repeat_n(second, logins(&tradecloud)));
            later(Duration::from_secs(10)).await;
        }

        // A second of real time may have passed.
        let often = made.iter().any(|begin| made.iter().filter(|at| (*begin..begin + 590).contains(*at)).count() > 3);
        assert!(made.len() >= 3 && !often, "{made:?}");
    }
}

#[tokio::test]
async fn a_login_that_failed_is_tried_again_later_and_then_all_is_well() {
    let tradecloud = Tradecloud::scripted([Reply::new(500, ""), session(1), Reply::new(200, "{}")]).await;
    let api = tradecloud.api();

    let left = pause(order(&api).await);
    assert!(left >= Duration::from_secs(16) && left <= Duration::from_secs(24), "{left:?}");
    later(Duration::from_secs(10)).await;
    pause(order(&api).await);
    assert_eq!(logins(&tradecloud), 1);
    later(Duration::from_secs(15)).await;
    order(&api).await.unwrap();
    assert_eq!(logins(&tradecloud), 1);
}

#[tokio::test]
async fn the_other_platform_has_an_account_of_its_own() {
    let tradecloud = Tradecloud::with_logins(|call| match call.path.as_str() {
        path if path.starts_with("/api/v1/") => Reply::new(401, "no"),
        _ => Reply::new(200, "{}"),
    })
    .await;
    let (api, (page, _guard)) = (tradecloud.api(), logged());

    for _ in 0..3 {
        assert!(is_refused(&api.fetch(What::LegacyOrderId, "5d8a1e0f2c").await));
        order(&api).await.unwrap();
    }

    let heard = tradecloud.heard();
    let asked = |part: &str| heard.iter().filter(|call| call.contains(part)).count();
    assert_eq!((asked("/api/v1/purchaseOrder/5d8a1e0f2c"), asked(LOGIN), asked("/v2/order/")), (1, 1, 3));
    assert_eq!(lines(&page, "table=\"[tradecloud.legacy]\""), 1);
}
