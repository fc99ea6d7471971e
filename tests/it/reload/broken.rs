//! A new state that is not good is refused as a whole: nothing of it is in place, and the old one serves on.

use std::fs;

use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// Every change comes with another credential, which must not be in place afterwards.
const MORE: &str = "auth.more = { type = \"bearer\", token = \"more-of-it\" }\n";

/// Has the change refused, with an error that says this, and then taken back.
async fn refused(receiver: &Receiver, change: impl Fn(&Receiver), error: &str) {
    let (config, key) = (receiver.path("config/receiver.toml"), receiver.path("certs/privkey.pem"));
    let (text, pem) = (fs::read_to_string(&config).unwrap(), fs::read_to_string(&key).unwrap());
    let seen = receiver.log().len();
    receiver.expects_error(error);

    change(receiver);
    let what = receiver.hang_up().await;

    assert!(what.contains("refused as a whole"), "{what}: {error}");
    let log = receiver.log();
    let said = log[seen..].iter().find(|entry| entry["message"].as_str().unwrap().contains(error));
    assert_eq!(said.unwrap_or_else(|| panic!("not said: {error}: {log:#?}"))["level"], "ERROR");
    let (old, new) = (receiver.sender(), receiver.sender().bearer("more-of-it"));
    assert_eq!(old.send(order_event("1")).await.status, Some(202), "{error}");
    assert_eq!(new.send(order_event("1")).await.status, Some(401), "{error}");
    let (status, text_of_admin) = receiver.admin("/readyz").await;
    assert!(status == 200 && text_of_admin.contains("refused"), "{text_of_admin}");
    assert!(!text_of_admin.contains('.'), "nobody wants the parts of a second: {text_of_admin}");

    receiver.replace("config/receiver.toml", &text);
    receiver.replace("certs/privkey.pem", &pem);
    let corrected = "configuration read again: it is good again, and as it was before";
    assert_eq!(receiver.hang_up().await, corrected, "{error}");
    assert_eq!(receiver.admin("/readyz").await.1, "ready\n");
}

/// Has this added to the configuration refused.
async fn refused_with(receiver: &Receiver, more: &str, error: &str) {
    refused(receiver, |receiver| receiver.configure(|text| text + MORE + more), error).await;
}

#[tokio::test]
async fn whatever_is_wrong_with_a_configuration_the_old_one_serves_on() {
    let receiver = Receiver::start();

    refused_with(&receiver, "auth.x = {", "`auth.x` is a table in braces that is not closed").await;
    refused_with(&receiver, "server.lisen = \"x\"", "Did you mean `listen`?").await;
    refused_with(&receiver, "handlers.x = { type = \"pigeon\" }", "`handlers.x.type`").await;
    refused_with(&receiver, "auth.x = { type = \"bearer\", token_file = \"gone\" }", "`auth.x.token_file`").await;
    refused_with(&receiver, "endpoints = [{ path = \"/x\", auth = [\"nobody\"] }]", "names \"nobody\"").await;
    refused_with(&receiver, "handlers.x = { type = \"exec\" }", "`handlers.x.command`").await;
    refused_with(
        &receiver,
        "inbox.store = \"none\"\nendpoints = [{ path = \"/x\", acknowledge = \"handled\" }]\n\
         handlers.x = { type = \"file\", directory = \"x\" }",
        "`inbox.store`",
    )
    .await;
}

#[tokio::test]
async fn a_key_that_does_not_fit_or_is_not_there_keeps_everything_else_out_too() {
    let receiver = Receiver::start();

    let another = crate::support::certificates::issue(receiver.folder()).key;
    let mismatched = |receiver: &Receiver| {
        receiver.configure(|text| text + MORE);
        receiver.replace("certs/privkey.pem", &another);
    };
    refused(&receiver, mismatched, "`server.tls.private_key`").await;
    let missing = |receiver: &Receiver| {
        receiver.configure(|text| text + MORE);
        fs::remove_file(receiver.path("certs/privkey.pem")).unwrap();
    };
    refused(&receiver, missing, "`server.tls.private_key`").await;
}

#[tokio::test]
async fn a_configuration_that_is_gone_is_refused_and_taken_when_it_is_back() {
    let receiver = Receiver::start();
    let (file, aside) = (receiver.path("config/receiver.toml"), receiver.path("aside.toml"));
    let mut receiver = receiver;
    receiver.kill();
    receiver.restart();

    receiver.expects_error("cannot be read: ");
    fs::rename(&file, &aside).unwrap();
    let what = receiver.hang_up().await;
    assert!(what.contains("refused as a whole"), "{what}");
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());

    let seen = receiver.log().len();
    fs::rename(&aside, &file).unwrap();
    assert!(receiver.reloaded_since(seen).await.contains("read again"));
}
