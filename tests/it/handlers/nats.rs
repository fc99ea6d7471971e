//! What only `nats` promises: the message it makes, the stream it makes, and how it is let in.

use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Config;
use tradecloud_webhook::event::Event;
use tradecloud_webhook::handlers::{Fault, Outcome, SharedHandler};

use super::back_ends::{BackEnd as _, NatsStream};
use super::{assert_not_stuck, event, handler, handler_named, rejection, unavailable};
use crate::support::eventually;
use crate::support::nats::{Nats, messages};
use crate::support::nats_accounts;
use crate::support::proxy::Proxy;
use crate::support::receiver::Receiver;
use crate::support::sender::{message_id, order_event};

/// The user NKey of NATS's own documentation.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const NKEY: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

fn handler_for(nats: &Nats, keys: &str) -> SharedHandler {
    let url = nats.url("nats");
    handler(&format!("type = 'nats'\nurl = '{url}'\nstream = 'TRADECLOUD'\ntimeout = '20s'\n{keys}"))
}

#[tokio::test]
async fn a_message_has_subject_id_and_media_type() {
    let back_end = NatsStream::start().await;
    let mut hostile = event("m-2");
    hostile.envelope.event_name = Some("a.b > *\r\nX: y".to_owned());
    hostile.envelope.company_id = None;
    let handler = handler_for(&back_end.0, "subject = 'tradecloud.{company}.{kind}.{event}'");

    let outcomes = [handler.deliver(&event("m-1")).await, handler.deliver(&hostile).await];

    assert_eq!(outcomes, [Outcome::Done, Outcome::Done]);
    let messages = back_end.0.messages("TRADECLOUD").await;
    assert_eq!(messages[0].subject.as_str(), "tradecloud.company-1.order.OrderIssuedByBuyer");
    assert_eq!(messages[0].headers.get("Nats-Msg-Id").unwrap().as_str(), "m-1/erp/1");
    assert_eq!(messages[0].headers.get("content-type").unwrap().as_str(), "application/cloudevents+json");
    assert_eq!(messages[1].subject.as_str(), "tradecloud._.order.a_b______X__y");
}

#[tokio::test]
async fn a_repeated_event_is_done_and_stored_once() {
    let back_end = NatsStream::start().await;

    for _ in 0..3 {
        // Each with a connection of its own, as after a restart.
        assert_eq!(handler_for(&back_end.0, "").deliver(&event("m-1")).await, Outcome::Done);
    }

    assert_eq!(back_end.taken().await.len(), 1);
}

#[tokio::test]
async fn two_handlers_on_one_stream_are_two_messages_of_every_event() {
    let back_end = NatsStream::start().await;
    let table = format!("type = 'nats'\nurl = '{}'\nstream = 'TRADECLOUD'", back_end.0.url("nats"));
    let handlers = ["kind", "company"]
        .map(|name| handler_named(name, &format!("{table}\nsubject = 'tradecloud.by-{name}.{{{name}}}'")));

    for number in 0..5 {
        for handler in &handlers {
            assert_eq!(handler.deliver(&event(&format!("m-{number}"))).await, Outcome::Done);
        }
    }

    assert_eq!(back_end.0.messages("TRADECLOUD").await.len(), 10);
}

#[tokio::test]
async fn a_delivery_begun_anew_is_another_message_and_its_repeated_attempt_is_not() {
    let back_end = NatsStream::start().await;
    let handler = handler_for(&back_end.0, "");

    for (round, attempt) in [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)] {
        let event = Event { round, attempt, ..event("m-1") };
        assert_eq!(handler.deliver(&event).await, Outcome::Done);
    }

    let messages = back_end.0.messages("TRADECLOUD").await;
    let ids: Vec<_> = messages.iter().map(|message| message.headers.get("Nats-Msg-Id").unwrap().as_str()).collect();
    assert_eq!(ids, ["m-1/erp/1", "m-1/erp/2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_delivers_again_is_in_the_stream_again() {
    let back_end = NatsStream::start().await;
    let receiver = Receiver::with(&format!("[handlers.bus]\n{}", back_end.table()));
    let sent = order_event("order-1");
    assert_eq!(receiver.sender().send(sent.clone()).await.status, Some(202));
    eventually("the event is in the stream", async || back_end.taken().await.len() == 1).await;
    receiver.inbox_until(|events| events[0]["deliveries"][0]["state"] == "done").await;

    receiver.events(&["deliver", &message_id(&sent), "--handler", "bus", "--json"]);

    eventually("it is there again", async || back_end.taken().await.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_attempt_that_the_stream_takes_for_a_repeated_one_is_said() {
    let back_end = NatsStream::start().await;
    let sent = order_event("order-1");
    let (subject, id) = ("tradecloud.order.OrderIssuedByBuyer", format!("{}/bus/1", message_id(&sent)));
    let message = PublishMessage::build().message_id(id).payload("of somebody else".into());
    back_end.0.jetstream().await.send_publish(subject, message).await.unwrap().await.unwrap();
    let receiver = Receiver::with(&format!("[handlers.bus]\n{}", back_end.table()));

    assert_eq!(receiver.sender().send(sent.clone()).await.status, Some(202));

    receiver.logged("delivered").await;
    let log = receiver.log();
    let said = log.iter().find(|line| line.to_string().contains("acknowledged as a duplicate"));
    let said = said.unwrap_or_else(|| panic!("nothing is said of it: {log:#?}"));
    assert_eq!(said["level"], "WARN");
    for word in [message_id(&sent).as_str(), "bus", "TRADECLOUD"] {
        assert!(said.to_string().contains(word), "{word}: {said}");
    }
}

#[tokio::test]
async fn a_missing_stream_is_made_only_if_told_to() {
    let nats = Nats::start();

    let without = handler_for(&nats, "").deliver(&event("m-1")).await;
    let told = handler_for(&nats, "subject = 'tc.{kind}.v1-{event}'\ncreate_stream = true");
    let probe = told.probe().await.unwrap();
    let after_probe = nats.jetstream().await.get_stream("TRADECLOUD").await.is_ok();
    let with = told.deliver(&event("m-2")).await;

    let why = unavailable(without);
    assert_eq!(why.fault, Fault::Unreachable);
    assert!(why.reason.contains("no stream takes") && why.reason.contains("`create_stream = true`"), "{}", why.reason);
    assert!(probe.contains("is made with the first event"), "{probe}");
    assert!(!after_probe, "trying makes nothing");
    assert_eq!(with, Outcome::Done);
    let stream = nats.jetstream().await.get_stream("TRADECLOUD").await.unwrap();
    assert_eq!(stream.cached_info().config.subjects, ["tc.*.*"]);
    assert_eq!(stream.cached_info().state.messages, 1);
}

#[tokio::test]
async fn a_stream_that_is_deleted_is_made_again() {
    let nats = Nats::start();
    let handler = handler_for(&nats, "create_stream = true");
    assert_eq!(handler.deliver(&event("m-1")).await, Outcome::Done);
    nats.jetstream().await.delete_stream("TRADECLOUD").await.unwrap();

    unavailable(handler.deliver(&event("m-2")).await);
    let outcome = handler.deliver(&event("m-2")).await;

    assert_eq!(outcome, Outcome::Done);
}

#[tokio::test]
async fn a_stream_that_exists_is_not_changed_and_probe_says_what_it_lacks() {
    let nats = Nats::start();
    let config = Config { name: "TRADECLOUD".to_owned(), subjects: vec!["other.*".to_owned()], ..Config::default() };
    nats.set_stream(config).await;
    let handler = handler_for(&nats, "create_stream = true");

    let outcome = handler.deliver(&event("m-1")).await;
    let probe = handler.probe().await.unwrap_err();

    unavailable(outcome);
    assert!(probe.contains("does not take all of tradecloud.*.*"), "{probe}");
    let stream = nats.jetstream().await.get_stream("TRADECLOUD").await.unwrap();
    assert_eq!(stream.cached_info().config.subjects, ["other.*"]);
}

#[tokio::test]
async fn another_stream_that_takes_the_subject_does_not_count() {
    let nats = Nats::start();
    let config = Config { name: "OTHER".to_owned(), subjects: vec!["tradecloud.>".to_owned()], ..Config::default() };
    nats.set_stream(config).await;

    let why = unavailable(handler_for(&nats, "").deliver(&event("m-1")).await);

    assert!(why.reason.contains("expected stream does not match"), "{}", why.reason);
    assert!(nats.messages("OTHER").await.is_empty());
}

#[tokio::test]
async fn an_event_that_is_larger_than_the_server_takes_is_rejected_with_both_sizes() {
    let nats = Nats::with("max_payload: 2000");
    let handler = handler_for(&nats, "create_stream = true");
    let mut large = event("m-1");
    large.body = format!(r#"{{"eventName":"OrderIssuedByBuyer","note":"{}"}}"#, "x".repeat(3000)).into();

    let reason = rejection(handler.deliver(&large).await).reason;
    let next = handler.deliver(&event("m-2")).await;

    assert!(reason.contains("up to 2000") && reason.contains("`max_payload`"), "{reason}");
    assert_eq!(next, Outcome::Done);
}

#[tokio::test]
async fn a_server_without_jetstream_is_unavailable() {
    let nats = Nats::with("jetstream: disabled");
    for keys in ["", "create_stream = true"] {
        unavailable(handler_for(&nats, keys).deliver(&event("m-1")).await);
    }

    let probe = handler_for(&nats, "").probe().await.unwrap_err();

    assert!(probe.contains("JetStream"), "{probe}");
}

#[tokio::test]
async fn over_tls_a_private_ca_is_trusted_only_if_it_is_named() {
    let nats = Nats::with("tls { cert_file: '%/certs/fullchain.pem', key_file: '%/certs/privkey.pem' }");
    let tls = |keys: &str| {
        let url = nats.url("tls");
        handler(&format!("type = 'nats'\nurl = '{url}'\nstream = 'S'\ncreate_stream = true\n{keys}"))
    };

    let unknown = tls("").deliver(&event("m-1")).await;
    let known = tls(&format!("ca_file = '{}'", nats.ca().display())).deliver(&event("m-2")).await;

    let reason = unavailable(unknown).reason;
    assert!(reason.contains("`ca_file`"), "{reason}");
    assert_eq!(known, Outcome::Done);
}

#[tokio::test]
async fn every_kind_of_credentials_lets_in_and_wrong_ones_do_not() {
    let (password, token) = ("user: me, password: 'right one'", "token: 'right one'");
    let nkey = format!("users: [{{ nkey: {NKEY} }}]");
    for (server, right, wrong) in [
        (
            password,
            "{ type = 'password', username = 'me', password = 'right one' }".to_owned(),
            "{ type = 'password', username = 'me', password = 'secret@' }".to_owned(),
        ),
        (
            token,
            "{ type = 'token', token = 'right one' }".to_owned(),
            "{ type = 'token', token = 'secret@' }".to_owned(),
        ),
        (
            nkey.as_str(),
            format!("{{ type = 'nkey', nkey = '{SEED}' }}"),
            "{ type = 'token', token = 'secret@' }".to_owned(),
        ),
    ] {
        let nats = Nats::with(&format!("authorization {{ {server} }}"));

        let refused = handler_for(&nats, &format!("create_stream = true\nauth = {wrong}")).deliver(&event("m-1")).await;
        let nobody = handler_for(&nats, "create_stream = true").deliver(&event("m-1")).await;
        let let_in = handler_for(&nats, &format!("create_stream = true\nauth = {right}")).deliver(&event("m-1")).await;

        let reasons = [unavailable(refused).reason, unavailable(nobody).reason];
        assert!(reasons.iter().all(|reason| reason.to_lowercase().contains("authorization violation")), "{reasons:?}");
        assert!(!reasons[0].contains("secret@"), "{reasons:?}");
        assert_eq!(let_in, Outcome::Done, "{server}");
    }
}

#[tokio::test]
async fn a_creds_file_lets_in_and_that_of_a_stranger_does_not() {
    let (nats, user) = nats_accounts::server_and_user();
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let auth = format!("auth = {{ type = 'credentials', credentials_file = '{}' }}", path.display());
        handler_for(&nats, &format!("create_stream = true\n{auth}"))
    };

    let refused = with("stranger.creds", &nats_accounts::stranger()).deliver(&event("m-1")).await;
    let let_in = with("user.creds", &user).deliver(&event("m-1")).await;

    let why = unavailable(refused);
    assert_eq!(why.fault, Fault::Unreachable);
    assert!(why.reason.to_lowercase().contains("authorization violation"), "{}", why.reason);
    assert_eq!(let_in, Outcome::Done);
}

#[tokio::test]
async fn what_may_not_be_published_is_said_in_the_words_of_the_server() {
    let nats = Nats::with(
        "authorization { users: [ \
           { user: me, password: pass, permissions: { publish: { deny: ['tradecloud.>'] } } }, \
           { user: admin, password: pass } ] }",
    );
    let options = async_nats::ConnectOptions::with_user_and_password("admin".to_owned(), "pass".to_owned());
    let admin = async_nats::jetstream::new(options.connect(nats.url("nats")).await.unwrap());
    let subjects = vec!["tradecloud.>".to_owned()];
    let config = Config { name: "TRADECLOUD".to_owned(), subjects, ..Config::default() };
    admin.create_stream(config).await.unwrap();
    let auth = "auth = { type = 'password', username = 'me', password = 'pass' }";

    let why = unavailable(handler_for(&nats, auth).deliver(&event("m-1")).await);

    assert_eq!(why.fault, Fault::Late);
    assert!(why.reason.to_lowercase().contains("permissions violation"), "{}", why.reason);
    assert!(messages(&admin, "TRADECLOUD").await.is_empty());
}

#[tokio::test]
async fn a_connection_that_died_without_a_word_is_replaced() {
    let back_end = NatsStream::start().await;
    let network = Proxy::to(back_end.0.address()).await;
    let table = format!("type = 'nats'\nurl = 'nats://{}'\nstream = 'TRADECLOUD'\ntimeout = '1s'", network.address());

    assert_not_stuck(&handler(&table), &network).await;
}

#[tokio::test]
async fn of_a_cluster_another_server_is_taken() {
    let back_end = NatsStream::start().await;
    let dead = crate::support::server::free_address();
    let table = format!(
        "type = 'nats'\nurl = ['nats://{dead}', '{}']\nstream = 'TRADECLOUD'\ntimeout = '20s'",
        back_end.0.url("nats")
    );

    assert_eq!(handler(&table).deliver(&event("m-1")).await, Outcome::Done);
}
