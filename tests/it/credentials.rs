//! Who may send: any of the credentials, kept secret, changed without a gap.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use reqwest::Method;

use crate::support::receiver::{PASSWORD, Receiver, TOKEN, USERNAME};
use crate::support::sender::{Sender, order_event};

/// The status an event is answered with.
async fn status(sender: Sender) -> u16 {
    sender.send(order_event("1")).await.status.unwrap()
}

/// The status an event with this `Authorization` header is answered with.
async fn status_with(receiver: &Receiver, authorization: &str) -> u16 {
    let sender = receiver.sender().anonymous();
    let request = sender.request(Method::POST).header("authorization", authorization);
    sender.finish(request.body(order_event("1").to_string())).await.status.unwrap()
}

#[tokio::test]
async fn the_old_and_the_new_password_work_side_by_side_until_the_old_one_is_removed() {
    let new = "auth.new = { type = \"basic\", username = \"tradecloud\", password = \"new\" }\n";
    let mut receiver = Receiver::with(new);
    let (old, new) = (receiver.sender(), receiver.sender().basic(USERNAME, "new"));
    let token = receiver.sender().bearer(TOKEN);

    assert_eq!([status(old).await, status(new).await, status(token).await], [202, 202, 202]);
    receiver.end().await;
    let file = receiver.path("config/receiver.toml");
    let without_old = std::fs::read_to_string(&file).unwrap().replace("auth.portal", "# auth.portal");
    std::fs::write(&file, without_old).unwrap();
    receiver.restart();
    let (old, new) = (receiver.sender(), receiver.sender().basic(USERNAME, "new"));

    assert_eq!([status(old).await, status(new).await], [401, 202]);
}

#[tokio::test]
async fn an_endpoint_takes_only_the_credentials_it_names() {
    let receiver = Receiver::with(
        r#"auth.Shipments = { type = "basic", username = "shipments", password = "s" }
endpoints = [
    { path = "/all" },
    { path = "/orders", auth = ["portal"] },
    { path = "/shipments", auth = ["Shipments", "token"] },
]"#,
    );
    let statuses = async |path: &str| {
        let to = receiver.sender().to(receiver.url(path));
        let (token, shipments) = (to.clone().bearer(TOKEN), to.clone().basic("shipments", "s"));
        [status(to).await, status(token).await, status(shipments).await]
    };
    let challenges = async |path: &str| {
        let answer = receiver.sender().anonymous().to(receiver.url(path)).send(order_event("1")).await;
        let mut schemes: Vec<_> =
            answer.all("www-authenticate").iter().map(|value| value.split(' ').next().unwrap().to_owned()).collect();
        schemes.sort_unstable();
        schemes
    };

    assert_eq!(statuses("/all").await, [202, 202, 202]);
    assert_eq!(statuses("/orders").await, [202, 401, 401]);
    assert_eq!(statuses("/shipments").await, [401, 202, 202]);
    assert_eq!(challenges("/all").await, ["Basic", "Bearer"]);
    assert_eq!(challenges("/orders").await, ["Basic"]);
    assert_eq!(challenges("/shipments").await, ["Basic", "Bearer"]);
}

#[tokio::test]
async fn a_secret_in_a_file_ends_before_the_trailing_newline() {
    let mut receiver = Receiver::prepared(
        r#"auth.unix = { type = "basic", username = "unix", password_file = "unix" }
auth.windows = { type = "basic", username = "windows", password_file = "windows" }
auth.bare = { type = "bearer", token_file = "bare" }"#,
    );
    for (file, text) in [("unix", "pass word \n"), ("windows", "pass word \r\n"), ("bare", "token")] {
        std::fs::write(receiver.path(file), text).unwrap();
    }
    receiver.restart();

    assert_eq!(status(receiver.sender().basic("unix", "pass word ")).await, 202);
    assert_eq!(status(receiver.sender().basic("windows", "pass word ")).await, 202);
    assert_eq!(status(receiver.sender().bearer("token")).await, 202);
    assert_eq!(status(receiver.sender().basic("unix", "pass word")).await, 401, "only the line end is dropped");
}

#[tokio::test]
async fn a_password_may_hold_colons_and_any_letter() {
    let password = "p:ä:ß=日本";
    let receiver =
        Receiver::with(&format!("auth.odd = {{ type = \"basic\", username = \"Zoë\", password = \"{password}\" }}"));
    let latin_1: Vec<u8> = "Zoë:".chars().map(|letter| letter as u8).collect();

    assert_eq!(status(receiver.sender().basic("Zoë", password)).await, 202);
    assert_eq!(status(receiver.sender().basic("Zoë", "p")).await, 401);
    assert_eq!(status_with(&receiver, &format!("Basic {}", STANDARD.encode(latin_1))).await, 401);
}

#[tokio::test]
async fn base64_without_padding_is_understood() {
    // Lengths that need no padding, one and two signs of it.
    for password in ["abc", "abcd", "abcde"] {
        let receiver =
            Receiver::with(&format!("auth.odd = {{ type = \"basic\", username = \"u\", password = \"{password}\" }}"));
        let pair = format!("u:{password}");

        assert_eq!(status_with(&receiver, &format!("Basic {}", STANDARD_NO_PAD.encode(&pair))).await, 202);
        assert_eq!(status_with(&receiver, &format!("Basic {}", STANDARD.encode(&pair))).await, 202);
    }
}

#[tokio::test]
async fn a_secret_of_digits_stays_what_it_is() {
    let mut receiver = Receiver::prepared("").setting("AUTH__TOKEN__TOKEN", "0012345e6");
    receiver.restart();

    assert_eq!(status(receiver.sender().bearer("0012345e6")).await, 202);
    assert_eq!(status(receiver.sender().bearer(TOKEN)).await, 401, "the environment wins over the file");
}

#[test]
fn no_secret_is_in_what_check_says() {
    let right = Receiver::prepared("");
    let wrong = Receiver::prepared(
        r#"auth.a = { type = "bearer", token = "hunter2", token_file = "hunter2" }
auth.b = { type = "bearer", token = "hunter2 hunter2" }
auth.c = { type = "basic", username = "a:b", password = "hunter2" }
auth.d = { type = "basic", username = "a", passwort = "hunter2" }
auth.e = { type = "bearer", token = ["hunter2"] }
auth.f = { token = "hunter2" }
auth.g = "hunter2""#,
    );

    for arguments in [&["check"][..], &["check", "--json"], &["serve"]] {
        let output = wrong.run(arguments);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(78), "{said}");
        for name in ["auth.a", "auth.b", "auth.c", "auth.d", "auth.e", "auth.f", "auth.g"] {
            assert!(said.contains(name), "{name} is not mentioned: {said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
    for arguments in [&["check"][..], &["check", "--json", "--online"]] {
        let output = right.run(arguments);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!said.contains(PASSWORD) && !said.contains(TOKEN), "{said}");
    }
}
