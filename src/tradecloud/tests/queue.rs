//! One request after another, a server that is left alone, and answers that do not end.

use super::*;

#[tokio::test]
async fn there_is_one_request_at_a_time_and_not_more_in_a_second_than_are_allowed() {
    let tradecloud = Tradecloud::with_logins(|_| Reply::new(200, "{}").after(Duration::from_millis(2))).await;
    let settings = Settings { spacing: Duration::from_millis(20), ..tradecloud.settings() };
    let api = Api::within(&settings, &bounds()).unwrap();
    let begun = std::time::Instant::now();

    let callers: Vec<_> = (0..20)
        .map(|_| {
            let api = api.clone();
            tokio::spawn(async move { order(&api).await })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap().unwrap();
    }

    // With the login there are 21.
    assert!(begun.elapsed() >= Duration::from_millis(20 * 20), "{:?}", begun.elapsed());
    assert_eq!(tradecloud.most_open(), 1);
}

#[tokio::test]
async fn several_receivers_ask_no_more_often_than_one() {
    let tradecloud = Tradecloud::start(|_| Reply::new(404, "")).await;
    let settings = Settings { spacing: Duration::from_millis(20), ..tradecloud.settings() };
    let receivers = [(); 3].map(|()| Api::within(&settings, &bounds()).unwrap().by_basic());
    let begun = std::time::Instant::now();

    let asking = receivers.map(|api| {
        api.share(3);
        tokio::spawn(async move {
            for _ in 0..5 {
                let _ = api.metadata("x").await;
            }
        })
    });
    for one in asking {
        one.await.unwrap();
    }

    // The first of each goes at once.
    assert_eq!(tradecloud.heard().len(), 15);
    assert!(begun.elapsed() >= Duration::from_millis(20 * 3 * 4), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_answer_of_500_is_for_what_was_asked_for_and_many_in_a_row_are_asked_for_slowly() {
    let tradecloud = Tradecloud::with_logins(|_| Reply::new(500, "")).await;
    let api = tradecloud.api();

    for _ in 0..10 {
        let answer = order(&api).await;
        assert!(matches!(answer, Err(ApiError::Useless { pause: None, .. })), "{answer:?}");
    }
    let begun = std::time::Instant::now();
    let _ = order(&api).await;
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());

    tradecloud.is_well();
    order(&api).await.unwrap();
    let begun = std::time::Instant::now();
    order(&api).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is_left_alone_by_all() {
    for (status, asked, least) in [(429, "30", 30), (503, "100", 100), (429, "999999", 900)] {
        let tradecloud =
            Tradecloud::with_logins(move |_| Reply::new(status, "slow down").with("retry-after", asked)).await;
        let api = tradecloud.api();

        assert_eq!(pause(order(&api).await), Duration::from_secs(least));
        tradecloud.calls();
        for _ in 0..10 {
            let left = pause(api.by_basic().metadata("x").await.map(|_| Bytes::new()));
            assert!(left <= Duration::from_secs(least) && left > Duration::from_secs(least - 5), "{left:?}");
        }
        assert!(tradecloud.heard().is_empty());

        tradecloud.is_well();
        later(Duration::from_secs(least)).await;
        order(&api).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_out_of_order_is_asked_ever_more_seldom_and_at_once_when_it_is_back() {
    let tradecloud = Tradecloud::with_logins(|_| Reply::new(502, "<html>")).await;
    let (api, (page, _guard)) = (tradecloud.api(), logged());
    for _ in 0..1200 {
        pause(order(&api).await);
        later(Duration::from_secs(3)).await;
    }

    // 1, 2, 4 … 256, and then every five minutes.
    let asked = tradecloud.heard().len() - 1;
    assert!((15..=25).contains(&asked), "{asked}");
    tradecloud.is_well();
    later(minutes(6)).await;
    for _ in 0..10 {
        order(&api).await.unwrap();
    }
    assert_eq!((lines(&page, "is away or out of order"), lines(&page, "API is back")), (1, 1));
}

#[tokio::test]
async fn a_short_pause_is_waited_for() {
    let tradecloud = Tradecloud::scripted([session(1), Reply::new(503, ""), Reply::new(200, "{}")]).await;
    let api = tradecloud.api();

    assert!(pause(order(&api).await) < Duration::from_secs(2));

    order(&api).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_does_not_come_or_does_not_end_is_given_up() {
    let short =
        Bounds { head: Duration::from_millis(300), silence: Duration::from_millis(300), largest: 100_000, ..bounds() };
    let never = minutes(10);
    for (reply, is_late, words) in [
        (Reply::new(200, "{}").after(never), true, "gave no answer within 300ms"),
        (Reply::new(200, "{").then(Then::Silence), true, "stopped in the middle of its answer"),
        (Reply::new(200, vec![b'x'; 4096]).then(Then::More), false, "an answer of more than 97.7 KiB"),
        (Reply::new(500, vec![b'x'; 4096]).then(Then::More), false, "answered 500"),
    ] {
        let tradecloud = Tradecloud::with_logins(move |_| reply.clone()).await;
        let api = tradecloud.api_within(&short);

        let error = order(&api).await.unwrap_err();

        let (reason, late) = (error.to_string(), matches!(error, ApiError::Unavailable { late: true, .. }));
        assert!(reason.contains(words) && late == is_late && reason.chars().count() < 500, "{reason}");
    }
}

#[tokio::test]
async fn nothing_is_waited_for_longer_than_twenty_seconds() {
    for (reply, words) in [
        (Reply::new(200, "{}").after(minutes(10)), "gave no answer within 20s"),
        (Reply::new(200, "{").then(Then::Silence), "stopped in the middle of its answer"),
    ] {
        let tradecloud = Tradecloud::with_logins(move |_| reply.clone()).await;
        let api = tradecloud.api();
        let asking = tokio::spawn(async move { order(&api).await });
        let mut heard = Vec::new();
        while heard.len() < 2 {
            heard.extend(tradecloud.heard());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Its beginning is on its way.
        tokio::time::sleep(Duration::from_millis(200)).await;

        later(Duration::from_secs(14)).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!asking.is_finished(), "it may come yet: {words}");
        later(Duration::from_secs(6)).await;

        let answer = tokio::time::timeout(Duration::from_secs(10), asking).await.expect("it is given up").unwrap();
        let Err(ApiError::Unavailable { reason, late, .. }) = answer else { panic!("{words}") };
        assert!(reason.contains(words) && late, "{reason}");
    }
}

#[tokio::test]
async fn an_answer_that_drips_holds_up_nobody_for_ever() {
    let bounds = Bounds { whole: Duration::from_millis(300), ..bounds() };
    let tradecloud = Tradecloud::with_logins(|_| Reply::new(200, "").then(Then::Silence)).await;

    let answer = order(&tradecloud.api_within(&bounds)).await;

    assert!(matches!(&answer, Err(ApiError::Unavailable { late: true, .. })), "{answer:?}");
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let tradecloud =
        Tradecloud::with_logins(|_| Reply::new(302, "").with("location", "http://elsewhere.example/")).await;

    let Err(ApiError::Useless { reason, .. }) = order(&tradecloud.api()).await else { panic!() };

    assert!(reason.contains("redirects are not followed"), "{reason}");
    assert_eq!(tradecloud.heard(), [format!("GET {LOGIN}"), "GET /v2/order/order-1".to_owned()]);
}

#[tokio::test]
async fn whoever_gives_up_in_the_middle_leaves_the_place_to_the_next() {
    let mut first = true;
    let tradecloud = Tradecloud::with_logins(move |_| {
        let reply = Reply::new(200, "{}");
        if std::mem::take(&mut first) { reply.after(minutes(10)) } else { reply }
    })
    .await;
    let api = tradecloud.api();

    assert!(tokio::time::timeout(Duration::from_millis(200), order(&api)).await.is_err());

    order(&api).await.unwrap();
}

#[tokio::test]
async fn whoever_waits_when_other_settings_come_is_let_go_and_begins_no_session() {
    let tradecloud = Tradecloud::with_logins(|_| Reply::new(200, "{}")).await;
    let settings = Settings { spacing: Duration::from_secs(1), ..tradecloud.settings() };
    let api = Api::within(&settings, &bounds()).unwrap();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let api = api.clone();
            tokio::spawn(async move { order(&api).await })
        })
        .collect();
    let mut heard = Vec::new();
    while heard.is_empty() {
        heard.extend(tradecloud.heard());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The session is taken over.
    tokio::time::sleep(Duration::from_millis(50)).await;

    api.logout().await;

    for one in waiting {
        assert_eq!(one.await.unwrap(), Err(ApiError::Over));
    }
    assert_eq!(order(&api).await, Err(ApiError::Over));
    assert_eq!(api.by_basic().metadata("x").await.map(drop), Err(ApiError::Over));
    heard.extend(tradecloud.heard());
    assert_eq!(heard, [format!("GET {LOGIN}"), format!("POST {LOGOUT}")]);
}
