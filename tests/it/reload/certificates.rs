//! Certificates that are renewed while events come in.

use crate::support::certificates::{Pair, issue};
use crate::support::eventually;
use crate::support::load::Load;
use crate::support::raw::content_length;
use crate::support::receiver::Receiver;
use crate::support::sender::order_event;

/// Waits until new connections are shown this certificate.
async fn served(receiver: &Receiver, pair: &Pair) {
    eventually("the new certificate is served", async || receiver.connect().certificate() == pair.der).await;
}

/// Puts certificate and key in the place of the old ones, one after the other.
fn install(receiver: &Receiver, pair: &Pair) {
    receiver.replace("certs/privkey.pem", &pair.key);
    receiver.replace("certs/fullchain.pem", &pair.chain);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_certificates_in_a_row_cost_no_request() {
    let receiver = Receiver::start();
    // Connections that last, and new ones for each request, which may resume a session of another certificate.
    let mut senders = vec![receiver.sender(), receiver.sender().http1()];
    senders.extend([receiver.sender().reconnecting(), receiver.sender().reconnecting()]);
    let load = Load::of(senders);
    load.acknowledged(20).await;

    for _ in 0..200 {
        let pair = issue(receiver.folder());
        install(&receiver, &pair);
        receiver.signal("-HUP");
        served(&receiver, &pair).await;
    }

    let tally = load.stop().await;
    assert!(tally.unanswered.is_empty() && tally.lost.is_empty(), "{tally:?}");
    assert_eq!(receiver.inbox().len(), tally.acknowledged.len());
    assert!(tally.acknowledged.len() > 200, "{} requests are no load", tally.acknowledged.len());
}

#[tokio::test]
async fn a_request_that_has_begun_is_finished_with_what_it_began_with() {
    let receiver = Receiver::start();
    let body = order_event("1").to_string();
    let (old, new) = (receiver.connect().certificate(), issue(receiver.folder()));
    let mut open = receiver.connect();
    open.write_head(&[&content_length(&body)]);
    open.write(&body[..10]);
    // The receiver has seen the head when it has answered another request that came after it.
    assert!(receiver.sender().send(order_event("2")).await.is_delivered());

    install(&receiver, &new);
    receiver.configure(|text| text.replace("auth.portal", "auth.other").replace("\"tradecloud\"", "\"somebody\""));
    assert!(receiver.hang_up().await.contains("configuration reloaded"));
    assert_eq!(receiver.sender().send(order_event("3")).await.status, Some(401));
    open.write(&body[10..]);

    assert_eq!(open.answer().status, Some(202));
    assert_eq!(open.certificate(), old);
    served(&receiver, &new).await;
    open.write_head(&[&content_length(&body)]);
    assert_eq!(open.answer().status, Some(401), "the next request on it is judged anew");
}

#[tokio::test]
async fn a_certificate_that_is_written_over_is_served_without_a_signal() {
    let receiver = Receiver::start();
    let pair = issue(receiver.folder());

    std::fs::write(receiver.path("certs/fullchain.pem"), &pair.chain).unwrap();
    std::fs::write(receiver.path("certs/privkey.pem"), &pair.key).unwrap();

    served(&receiver, &pair).await;
}

#[tokio::test]
async fn a_certificate_in_another_files_place_is_served_without_a_signal() {
    let receiver = Receiver::start();

    for _ in 0..2 {
        let pair = issue(receiver.folder());
        install(&receiver, &pair);
        served(&receiver, &pair).await;
    }
}

/// Writes a certificate into a folder of the volume, and turns the volume's link to it.
#[cfg(unix)]
fn mount(receiver: &Receiver, version: &str) -> Pair {
    let (pair, volume) = (issue(receiver.folder()), receiver.path("certs"));
    let folder = volume.join(version);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("fullchain.pem"), &pair.chain).unwrap();
    std::fs::write(folder.join("privkey.pem"), &pair.key).unwrap();
    std::os::unix::fs::symlink(version, volume.join("..data_tmp")).unwrap();
    std::fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    pair
}

#[cfg(unix)]
#[tokio::test]
async fn a_volume_whose_links_are_turned_as_kubernetes_does_is_served_without_a_signal() {
    let mut receiver = Receiver::prepared("");
    mount(&receiver, "..1");
    for file in ["fullchain.pem", "privkey.pem"] {
        std::fs::remove_file(receiver.path("certs").join(file)).unwrap();
        std::os::unix::fs::symlink(format!("..data/{file}"), receiver.path("certs").join(file)).unwrap();
    }
    receiver.restart();

    for (old, new) in [("..1", "..2"), ("..2", "..3")] {
        let pair = mount(&receiver, new);
        served(&receiver, &pair).await;
        std::fs::remove_dir_all(receiver.path("certs").join(old)).unwrap();
    }
}

#[tokio::test]
async fn a_folder_in_another_ones_place_is_served_without_a_signal() {
    let receiver = Receiver::start();

    for number in 0..2 {
        let pair = issue(receiver.folder());
        let (folder, old) = (receiver.path("certs.new"), receiver.path(&format!("certs.{number}")));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("fullchain.pem"), &pair.chain).unwrap();
        std::fs::write(folder.join("privkey.pem"), &pair.key).unwrap();
        std::fs::rename(receiver.path("certs"), old).unwrap();
        std::fs::rename(folder, receiver.path("certs")).unwrap();
        served(&receiver, &pair).await;
    }
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_refused_and_the_pair_is_taken_once_it_is_complete() {
    let receiver = Receiver::start();
    let (old, pair) = (receiver.connect().certificate(), issue(receiver.folder()));
    let seen = receiver.log().len();
    receiver.expects_error("`server.tls.private_key` does not belong to the certificate");

    receiver.replace("certs/fullchain.pem", &pair.chain);
    let refusal = receiver.reloaded_since(seen).await;

    assert!(refusal.contains("goes on with the old one"), "{refusal}");
    let errors = receiver.log()[seen..].to_vec();
    let named = |entry: &serde_json::Value| {
        entry["level"] == "ERROR" && entry["message"].as_str().unwrap().contains("`server.tls.private_key`")
    };
    assert!(errors.iter().any(named), "{errors:#?}");
    assert_eq!(receiver.connect().certificate(), old);
    let (status, text) = receiver.admin("/readyz").await;
    assert!(status == 200 && text.contains("refused"), "{text}");

    receiver.replace("certs/privkey.pem", &pair.key);
    served(&receiver, &pair).await;
    assert_eq!(receiver.admin("/readyz").await, (200, "ready\n".to_owned()));
}
