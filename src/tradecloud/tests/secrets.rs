//! Neither password nor tokens are in anything that a person or a log sees.

use super::*;
use crate::tradecloud::account::Account;
use crate::tradecloud::token::Granted;

const SECRETS: [&str; 5] = [
    PASSWORD,
    "Y29ycmVjdCBob3JzZQ",
    // As they are together.
    "aW50ZWdyYXRpb25AeW91cmNvbXBhbnkuY29tOmNvcnJlY3QgaG9yc2U",
    "EXAMPLE-ACCESS-TOKEN",
    "EXAMPLE-REFRESH-TOKEN",
];

/// What a server says that repeats all it was sent.
fn echo(call: &Call) -> String {
    let of = |name| call.header(name).unwrap_or_default();
    format!("no: {} {} {PASSWORD}", of("authorization"), of("refresh-token"))
}

#[tokio::test]
async fn nothing_secret_is_said_or_shown() {
    let (page, _guard) = logged();
    let mut seen = Vec::new();
    for status in [400, 401, 403, 404, 500, 503] {
        // Each way of asking fails once.
        for failing in
            [LOGIN, REFRESH, "/v2/order/order-1", "/v2/object-storage/document/x/metadata", "/api/v1/purchaseOrder/x"]
        {
            let tradecloud = Tradecloud::start(move |call| match call.path.as_str() {
                path if path == failing => {
                    let said = echo(call);
                    // The server does not know the password from a token.
                    let said = if said.contains("Basic ") { said } else { said.replace(PASSWORD, "") };
                    Reply::new(status, said)
                }
                LOGIN | REFRESH => session(1),
                _ => Reply::new(200, "{}"),
            })
            .await;
            let api = tradecloud.api();
            for _ in 0..2 {
                seen.push(format!("{:?}", order(&api).await));
                seen.push(format!("{:?}", api.by_basic().metadata("x").await.err()));
                seen.push(format!("{:?}", api.download("x").await.err()));
                seen.push(format!("{:?}", api.fetch(What::LegacyOrderId, "x").await));
                later(minutes(20)).await;
            }
            seen.push(format!("{:?}", api.probe(&Needs::default()).await));
            api.logout().await;
            seen.push(format!("{:?} {:?}", tradecloud.settings(), Account::new("[x]", &tradecloud.settings().login)));
        }
    }
    let headers = HeaderMap::from_iter([("set-authorization".parse().unwrap(), access(1).parse().unwrap())]);
    seen.push(format!("{:?}", Granted::from(&headers).token(1)));

    let logs = String::from_utf8_lossy(&page.lock().unwrap()).into_owned();
    assert!(logs.contains("Tradecloud does not let us in"));
    for secret in SECRETS {
        let shown = seen.iter().find(|text| text.contains(secret));
        assert!(shown.is_none(), "{shown:?}");
        let line = logs.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{line:?}");
    }
}
