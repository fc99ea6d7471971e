//! A `ca_file` that is renewed, for everything that has one, and what else of that kind a handler has: what was set up
//! with the old one is set up anew.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::support::certificates::issue_for_client;
use crate::support::erp::{Answer, Erp};
use crate::support::eventually;
use crate::support::issuer::{Key, now};
use crate::support::nats::Nats;
use crate::support::pebble::Pebble;
use crate::support::postgres::{Postgres, ROLE};
use crate::support::rabbitmq::RabbitMq;
use crate::support::receiver::{BACK_END_FAILS, Receiver, write_private};
use crate::support::sender::order_event;
use crate::support::server::{free_port, in_background};

/// A handler with these keys, which include `back-end.pem`, fails as long as that is the certificate of some other
/// authority, and delivers once it is `right`.
async fn is_taken_over(keys: &str, changed: &str, right: &str) {
    let mut receiver = Receiver::prepared(&format!(
        "delivery = {{ first_retry = '50ms', max_retry = '500ms' }}\n[handlers.back-end]\n{keys}"
    ));
    std::fs::copy(receiver.path("ca.pem"), receiver.path("back-end.pem")).unwrap();
    receiver.restart();
    receiver.expects_errors(&BACK_END_FAILS);
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());
    receiver.inbox_until(|events| events[0]["deliveries"][0]["attempts"].as_u64().unwrap() > 0).await;

    receiver.replace("back-end.pem", right);

    assert_eq!(receiver.logged("configuration reloaded").await["changed"], changed);
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
}

#[tokio::test]
async fn a_renewed_authority_of_http_is_taken_over() {
    let (erp, ca) = Erp::start_with_tls();
    let keys = format!("type = 'http'\nurl = '{}'\nca_file = 'back-end.pem'", erp.url("/"));

    is_taken_over(&keys, "handlers.back-end.ca_file", &ca).await;
}

/// With a new key, too: one after the other, as a person does it.
#[tokio::test]
async fn a_renewed_certificate_of_ours_is_taken_over() {
    let mut receiver = Receiver::prepared("");
    let stranger = Receiver::prepared("");
    let authority = std::fs::read_to_string(receiver.path("ca.pem")).unwrap();
    let (erp, ca) = Erp::start_with_tls_for_clients_of(&authority);
    let of_stranger = issue_for_client(stranger.folder(), false);
    for (name, text) in [("erp.pem", &ca), ("us.pem", &of_stranger.chain), ("us-key.pem", &of_stranger.key)] {
        write_private(&receiver.path(name), text);
    }
    receiver.configure(|text| {
        text + &format!(
            "delivery = {{ first_retry = '50ms', max_retry = '500ms' }}
             handlers.erp = {{ type = 'http', url = '{}', ca_file = 'erp.pem', client_certificate = 'us.pem', \
             client_key = 'us-key.pem' }}",
            erp.url("/")
        )
    });
    receiver.restart();
    receiver.expects_errors(&BACK_END_FAILS);
    receiver.expects_error("`handlers.erp.client_key` does not belong to the certificate");
    receiver.expects_error("is refused as a whole");
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());
    receiver.inbox_until(|events| events[0]["deliveries"][0]["attempts"].as_u64().unwrap() > 0).await;
    let ours = issue_for_client(receiver.folder(), false);

    receiver.replace("us.pem", &ours.chain);
    receiver.replace("us-key.pem", &ours.key);

    let changed = receiver.logged("configuration reloaded").await["changed"].as_str().unwrap().to_owned();
    assert!(changed.contains("handlers.erp.client_certificate"), "{changed}");
    receiver.inbox_until(|events| events[0]["state"] == "done").await;
}

#[tokio::test]
async fn a_renewed_secret_of_a_header_is_taken_over() {
    let erp = Erp::start();
    let mut receiver = Receiver::prepared(&format!(
        "handlers.erp = {{ type = 'http', url = '{}', headers = {{ X-Api-Key_file = 'key' }} }}",
        erp.url("/")
    ));
    write_private(&receiver.path("key"), "old");
    receiver.restart();
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());
    erp.wait_for(1).await;

    receiver.replace("key", "new");

    assert_eq!(receiver.logged("configuration reloaded").await["changed"], "handlers.erp.headers.X-Api-Key_file");
    assert!(receiver.sender().send(order_event("2")).await.is_delivered());
    let keys: Vec<_> = erp.wait_for(2).await.iter().map(|request| request.header("x-api-key").to_owned()).collect();
    assert_eq!(keys, ["old", "new"]);
}

#[tokio::test]
async fn a_renewed_authority_of_nats_is_taken_over() {
    let nats = Nats::with("tls { cert_file: '%/certs/fullchain.pem', key_file: '%/certs/privkey.pem' }");
    let url = nats.url("tls");
    let keys = format!("type = 'nats'\nurl = '{url}'\nstream = 'S'\ncreate_stream = true\nca_file = 'back-end.pem'");

    is_taken_over(&keys, "handlers.back-end.ca_file", &std::fs::read_to_string(nats.ca()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_authority_of_amqp_is_taken_over() {
    let (broker, name) = (in_background(RabbitMq::shared).await, format!("tradecloud-{}", Uuid::new_v4()));
    broker.set_up(&name).await;
    let keys = format!("type = 'amqp'\nurl = '{}'\nexchange = '{name}'\nca_file = 'back-end.pem'", broker.tls_url());

    is_taken_over(&keys, "handlers.back-end.ca_file", &std::fs::read_to_string(broker.ca()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_authority_of_a_table_in_postgresql_is_taken_over() {
    let (server, database) = in_background(|| {
        let server = Postgres::shared();
        let database = server.database();
        (server, database)
    })
    .await;
    let url = server.url_with("localhost", &database, "sslmode=verify-full&sslrootcert=back-end.pem");
    let table = format!("type = 'postgres'\nurl = '{url}'\ntable = 'tradecloud_events'");
    let unencrypted = table.replace(&url, &server.url(&database));
    let statement = Receiver::prepared(&format!("[handlers.rows]\n{unencrypted}")).run(&["check", "--json"]).stdout;
    let said: serde_json::Value = serde_json::from_slice(&statement).unwrap();
    let statement = said["preparations"][0]["statement"].as_str().unwrap();
    server.sql(&database, &format!("SET ROLE {ROLE}; {statement}"));

    is_taken_over(&table, "handlers.back-end.url", &std::fs::read_to_string(server.ca()).unwrap()).await;
}

/// Makes handshakes with the certificate of a receiver; says of each whether the other side finished it.
#[cfg(feature = "kafka")]
fn handshakes(receiver: &Receiver) -> (u16, std::sync::mpsc::Receiver<bool>) {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = CertificateDer::pem_file_iter(receiver.path("certs/fullchain.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(receiver.path("certs/privkey.pem")).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain.map(Result::unwrap).collect(), key).unwrap();
    let config = std::sync::Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut socket in listener.incoming().map_while(Result::ok) {
            let mut tls = rustls::ServerConnection::new(std::sync::Arc::clone(&config)).unwrap();
            while tls.is_handshaking() && tls.complete_io(&mut socket).is_ok_and(|done| done != (0, 0)) {}
            if tell.send(!tls.is_handshaking()).is_err() {
                return;
            }
        }
    });
    (port, told)
}

/// The cluster of the tests speaks no TLS, so a server has to do that does nothing else.
#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_authority_of_kafka_is_taken_over() {
    let mut receiver = Receiver::prepared("");
    let (right, (port, finished)) = (receiver.ca(), handshakes(&receiver));
    let wrong = Receiver::prepared("");
    std::fs::copy(wrong.path("ca.pem"), receiver.path("back-end.pem")).unwrap();
    receiver.configure(|text| {
        text + &format!(
            "handlers.log = {{ type = 'kafka', brokers = ['localhost:{port}'], topic = 't', tls = true, \
             ca_file = 'back-end.pem' }}"
        )
    });
    receiver.restart();
    assert!(receiver.sender().send(order_event("1")).await.is_delivered());
    let next = async |due| {
        eventually("a handshake ends so", async || finished.try_iter().any(|finished| finished == due)).await;
    };
    next(false).await;

    receiver.replace("back-end.pem", std::str::from_utf8(&right).unwrap());

    assert_eq!(receiver.logged("configuration reloaded").await["changed"], "handlers.log.ca_file");
    next(true).await;
}

/// That of the CA which gives the receiver its certificate.
#[tokio::test]
async fn a_renewed_authority_of_acme_is_taken_over() {
    let port = free_port();
    let ca = Pebble::start(port, Duration::from_secs(86_400));
    let directory = ca.directory();
    let mut receiver = Receiver::prepared(&format!(
        "endpoints = [{{ path = '/webhooks/tradecloud' }}]\n[server.tls.acme]\ndomains = ['webhooks.example.com']\n\
         directory = '{directory}'\nca_file = 'back-end.pem'"
    ))
    .setting("SERVER__LISTEN", &format!("127.0.0.1:{port}"));
    std::fs::copy(receiver.path("ca.pem"), receiver.path("back-end.pem")).unwrap();
    receiver.restart();
    receiver.expects_errors(&BACK_END_FAILS);
    receiver.logged("no certificate: ").await;

    receiver.replace("back-end.pem", &std::fs::read_to_string(ca.ca_file()).unwrap());

    assert_eq!(receiver.logged("configuration reloaded").await["changed"], "server.tls.acme.ca_file");
    receiver.logged("a new certificate is in use").await;
}

#[tokio::test]
async fn a_renewed_authority_of_an_issuer_is_taken_over() {
    let key = Key::p256("k");
    let (server, ca) = Erp::start_with_tls();
    let (name, keys) = (server.url(""), json!({"keys": [key.jwk()]}).to_string());
    let document = json!({"issuer": name, "jwks_uri": server.url("/keys")}).to_string();
    server.answer_by(move |request| {
        let body = if request.uri.path() == "/keys" { &keys } else { &document };
        Answer::status(200).body("application/json", body.clone())
    });
    let mut receiver = Receiver::prepared(&format!(
        "auth.adfs = {{ type = 'oauth', issuer = '{name}', audience = ['x'], clients = ['y'], ca_file = 'back-end.pem' }}"
    ));
    std::fs::copy(receiver.path("ca.pem"), receiver.path("back-end.pem")).unwrap();
    receiver.restart();
    receiver.expects_error("the keys of an issuer cannot be had");
    receiver.expects_errors(&BACK_END_FAILS);
    let claims = json!({"iss": name, "aud": "x", "iat": now(), "exp": now() + 3600, "azp": "y"});
    let token = key.token(&json!({"typ": "JWT", "alg": "ES256", "kid": key.id}), &claims);
    let sender = receiver.sender().bearer(&token);
    assert_eq!(sender.send(order_event("1")).await.status, Some(503), "its keys cannot be had");

    receiver.replace("back-end.pem", &ca);

    eventually("its keys are had", async || sender.send(order_event("1")).await.status == Some(202)).await;
}
