//! Documents: what is known of them, and the way by the API itself.

use super::*;

#[tokio::test]
async fn what_is_known_of_a_document_is_read() {
    let known = r#"{"id":"0e4e1eac","filename":"Drawing ø60.pdf","contentType":"application/pdf",
        "downloadUrl":"https://objects.example/x?sig=%2B"}"#;
    let tradecloud = Tradecloud::with_logins(move |_| Reply::new(200, known)).await;

    let found = tradecloud.api().metadata("a/b").await.unwrap();

    assert_eq!(found.filename.as_deref(), Some("Drawing ø60.pdf"));
    assert_eq!(found.content_type.as_deref(), Some("application/pdf"));
    assert_eq!(found.download_url, "https://objects.example/x?sig=%2B");
    assert_eq!(tradecloud.heard()[1], "GET /v2/object-storage/document/a%2Fb/metadata");
    for odd in ["", "{}", r#"{"downloadUrl":null}"#, r#"{"downloadUrl":"https://secret.example"#] {
        tradecloud.answers(move |_| Reply::new(200, odd));
        let Err(ApiError::Unavailable { reason, .. }) = tradecloud.api().metadata("x").await else { panic!("{odd}") };
        assert!(!reason.contains("secret"), "{reason}");
    }
}

#[tokio::test]
async fn a_document_does_not_wait_for_the_queue() {
    let tradecloud = Tradecloud::with_logins(|call| {
        let reply = Reply::new(200, "bytes");
        if call.path.contains("shipment") { reply.after(minutes(10)) } else { reply }
    })
    .await;
    let api = tradecloud.api();
    order(&api).await.unwrap();
    let busy = tokio::spawn({
        let api = api.clone();
        async move { api.fetch(What::ShipmentId, "slow").await }
    });
    while tradecloud.most_open() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let response = api.download("x").await.unwrap();

    assert_eq!(response.bytes().await.unwrap(), "bytes");
    busy.abort();
}

#[tokio::test]
async fn a_document_whose_session_was_ended_is_had_with_another() {
    let tradecloud = Tradecloud::with_logins(|call| match call.path.as_str() {
        REFRESH => session(2),
        _ if call.header("authorization") == Some(&format!("Bearer {}", access(2))) => Reply::new(200, "bytes"),
        path if path.contains("/document/") => Reply::new(401, INVALID),
        _ => Reply::new(200, "{}"),
    })
    .await;
    let api = tradecloud.api();
    order(&api).await.unwrap();
    tradecloud.calls();

    let documents: Vec<_> = (0..2)
        .map(|_| {
            tokio::spawn({
                let api = api.clone();
                async move { api.download("x").await }
            })
        })
        .collect();
    for document in documents {
        assert_eq!(document.await.unwrap().unwrap().bytes().await.unwrap(), "bytes");
    }

    assert_eq!(tradecloud.heard().iter().filter(|call| call.contains(REFRESH)).count(), 1);
}

#[tokio::test]
async fn without_a_session_documents_and_polls_go_by_password() {
    let tradecloud = Tradecloud::start(|call| match call.header("authorization") {
        Some(value) if value.starts_with("Basic ") && call.path != LOGIN => Reply::new(200, "bytes"),
        _ => Reply::new(500, ""),
    })
    .await;
    let api = tradecloud.api().by_basic();

    assert_eq!(api.download("x").await.unwrap().bytes().await.unwrap(), "bytes");
    tradecloud.answers(|_| Reply::new(401, INVALID));

    for _ in 0..3 {
        assert!(matches!(api.download("x").await, Err(ApiError::Credentials(_))));
        assert!(matches!(api.metadata("x").await, Err(ApiError::Credentials(_))));
    }
    assert_eq!(tradecloud.heard().len(), 2, "what is refused is not tried again");
}

#[tokio::test]
async fn a_document_that_is_not_to_be_had_says_why() {
    for (status, is_gone) in [(404, true), (403, false), (503, false)] {
        let tradecloud = Tradecloud::with_logins(move |call| {
            if call.path.contains("/document/") { Reply::new(status, "").with("retry-after", "7") } else { session(1) }
        })
        .await;
        match tradecloud.api().download("x").await.unwrap_err() {
            ApiError::NotFound(_) => assert!(is_gone),
            ApiError::Forbidden(_) => assert_eq!(status, 403),
            ApiError::Useless { pause, .. } => assert_eq!((status, pause), (503, Some(Duration::from_secs(7)))),
            other => panic!("{other:?}"),
        }
    }
}
