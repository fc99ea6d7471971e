//! What is still being written is not read: half a configuration may be a valid one.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::support::certificates::issue;
use crate::support::erp::Erp;
use crate::support::eventually;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// Longer than a receiver waits for anything but the end of writing.
const LONG: Duration = Duration::from_secs(5);

/// Empties a file, as whoever writes it anew does, and writes into it.
fn begin(path: &Path, text: &str) -> File {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// What the log says of configurations.
fn said(receiver: &Receiver) -> Vec<String> {
    let log = receiver.log();
    let messages = log.iter().filter_map(|entry| entry["message"].as_str());
    messages.filter(|message| message.contains("configuration")).map(str::to_owned).collect()
}

#[tokio::test]
async fn half_a_configuration_is_never_in_place_however_long_its_writer_takes() {
    let (erp, other) = (Erp::start(), Erp::start());
    let handler =
        |name: &str, erp: &Erp| format!("handlers.{name} = {{ type = \"http\", url = \"{}\" }}\n", erp.url("/"));
    // The first half is a valid configuration: one of two handlers.
    let receiver = Receiver::with(&(handler("first", &other) + &handler("second", &erp)));
    let text = std::fs::read_to_string(receiver.path("config/receiver.toml")).unwrap();
    let text = text + "auth.new = { type = \"bearer\", token = \"new-token\" }\n";
    let (half, rest) = text.split_at(text.find("handlers.second").unwrap());
    receiver.hang_up().await;
    let before = said(&receiver);

    let mut file = begin(&receiver.path("config/receiver.toml"), half);
    tokio::time::sleep(LONG).await;
    for number in 0..3 {
        assert!(receiver.sender().send(order_event(&number.to_string())).await.is_delivered());
    }
    assert_eq!(said(&receiver), before);
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);

    assert!(receiver.logged("configuration reloaded").await["changed"].as_str().unwrap().starts_with("auth.new"));
    assert_eq!(said(&receiver).len(), before.len() + 1, "{:?}", said(&receiver));
    erp.wait_for(3).await;
    assert!(receiver.sender().bearer("new-token").send(order_event("4")).await.is_delivered());
}

#[tokio::test]
async fn a_signal_waits_for_the_end_of_the_writing_too() {
    let erp = Erp::start();
    let receiver = Receiver::with(&format!("handlers.erp = {{ type = \"http\", url = \"{}\" }}", erp.url("/")));
    let text = std::fs::read_to_string(receiver.path("config/receiver.toml")).unwrap();
    let (half, rest) = text.split_at(text.find("auth.token").unwrap());
    // From here on it hears of changes.
    receiver.hang_up().await;
    let seen = receiver.log().len();

    let mut file = begin(&receiver.path("config/receiver.toml"), half);
    receiver.signal("-HUP");
    receiver.logged("is being written: it is read once the writer has closed it").await;
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);

    assert_eq!(receiver.reloaded_since(seen).await, "configuration read again: nothing has changed");
}

#[tokio::test]
async fn a_chain_that_is_written_in_two_pieces_is_served_as_a_whole_or_not_at_all() {
    let receiver = Receiver::start();
    let pair = issue(receiver.folder());
    let (own, rest) = pair.chain.split_at(pair.chain.find("-----END CERTIFICATE-----\n").unwrap() + 26);
    receiver.hang_up().await;
    let before = said(&receiver).len();
    receiver.expects_error("`server.tls.private_key` does not belong to the certificate");

    receiver.replace("certs/privkey.pem", &pair.key);
    receiver.logged("refused as a whole").await;
    let mut file = begin(&receiver.path("certs/fullchain.pem"), own);
    tokio::time::sleep(LONG).await;
    assert_ne!(receiver.connect().certificate(), pair.der, "its chain is not there yet");
    file.write_all(rest.as_bytes()).unwrap();
    drop(file);

    eventually("the new certificate is served", async || receiver.connect().certificate() == pair.der).await;
    assert_eq!(receiver.connect().chain_length(), 2);
    assert_eq!(said(&receiver).len(), before + 2, "refused once, then reloaded: {:?}", said(&receiver));
}

#[tokio::test]
async fn a_secret_that_is_written_in_two_pieces_is_never_half_a_secret() {
    let mut receiver =
        Receiver::prepared("auth.file = { type = \"basic\", username = \"file\", password_file = \"password\" }");
    std::fs::write(receiver.path("password"), "first").unwrap();
    receiver.restart();
    receiver.hang_up().await;

    let mut file = begin(&receiver.path("password"), "sec");
    tokio::time::sleep(LONG).await;
    let half = receiver.sender().basic("file", "sec").send(order_event("1")).await;
    let old = receiver.sender().basic("file", "first").send(order_event("1")).await;
    file.write_all(b"ond").unwrap();
    drop(file);

    assert_eq!((half.status, old.status), (Some(401), Some(202)));
    let new = receiver.sender().basic("file", "second");
    eventually("the new one works", async || new.send(order_event("1")).await.status == Some(202)).await;
}
