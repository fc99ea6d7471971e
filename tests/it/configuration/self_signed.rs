//! A server whose certificate is its own CA, as `openssl req -x509` makes it, named in `ca_file`: nobody may trust it,
//! and everybody who connects says why in the same words.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;

use super::said;
use crate::support::receiver::Receiver;

/// What is said before TLS begins.
type Greeting = fn(&mut TcpStream) -> std::io::Result<()>;

const AT_ONCE: Greeting = |_| Ok(());

/// The certificate and what speaks TLS with it.
fn self_signed() -> (String, Arc<rustls::ServerConfig>) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (certificate.pem(), Arc::new(config))
}

/// The port of a server that greets, and then makes a handshake.
fn server(config: &Arc<rustls::ServerConfig>, greeting: Greeting) -> u16 {
    let (listener, config) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::clone(config));
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            if greeting(&mut stream).is_ok() {
                while tls.is_handshaking() && tls.complete_io(&mut stream).is_ok_and(|done| done != (0, 0)) {}
            }
        }
    });
    port
}

/// NATS says who it is, and that it wants TLS.
fn nats(stream: &mut TcpStream) -> std::io::Result<()> {
    let info = r#"INFO {"server_id":"S","server_name":"s","version":"2.10.0","go":"","host":"localhost","port":4222,"headers":true,"max_payload":1048576,"proto":1,"tls_required":true}"#;
    stream.write_all(format!("{info}\r\n").as_bytes())
}

/// A client of PostgreSQL asks for TLS, and gets it.
fn postgres(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 8])?;
    stream.write_all(b"S")
}

#[tokio::test]
async fn everybody_who_connects_says_in_the_same_words_why_a_self_signed_ca_is_not_trusted() {
    let (pem, config) = self_signed();
    let [web, bus, database] = [AT_ONCE, nats, postgres].map(|greeting| server(&config, greeting));
    let receiver = Receiver::prepared(&format!(
        r#"
[auth.entra]
type = "oauth"
issuer = "https://localhost:{web}"
audience = ["x"]
clients = ["y"]
ca_file = "server.pem"
[server.tls.acme]
domains = ["webhooks.example.com"]
directory = "https://localhost:{web}/directory"
ca_file = "server.pem"
[handlers.http]
type = "http"
url = "https://localhost:{web}/"
ca_file = "server.pem"
[handlers.token]
type = "http"
url = "https://localhost:{web}/"
ca_file = "server.pem"
auth = {{ type = "oauth", token_url = "https://localhost:{web}/token", client_id = "i", client_secret = "s" }}
[handlers.nats]
type = "nats"
url = "tls://localhost:{bus}"
stream = "S"
ca_file = "server.pem"
[handlers.amqp]
type = "amqp"
url = "amqps://localhost:{web}/%2f"
exchange = "x"
ca_file = "server.pem"
[handlers.postgres]
type = "postgres"
url = "postgresql://me:p@localhost:{database}/x?sslmode=verify-full&sslrootcert=server.pem"
table = "events"
"#
    ));
    std::fs::write(receiver.path("server.pem"), pem).unwrap();
    std::fs::write(receiver.path("order.json"), "{}").unwrap();
    let url = format!("https://localhost:{web}/");

    let checked = receiver.run(&["check", "--online"]);
    let sent = receiver.run(&["send", "order.json", "--url", &url, "--ca", "server.pem"]);

    let (checked, sent) = (said(&checked), said(&sent));
    for who in [
        "server.tls.acme",
        "auth entra",
        "handler http",
        "handler token",
        "handler nats",
        "handler amqp",
        "handler postgres",
    ] {
        let line = checked.lines().find(|line| line.starts_with(&format!("FAILS: {who}: "))).unwrap_or_default();
        assert!(line.contains("the certificate is a CA's own, self-signed: have the server"), "{who}: {checked}");
    }
    assert!(sent.contains("the certificate is a CA's own, self-signed: serve one"), "{sent}");
    for name in ["OtherError", "CaUsedAsEndEntity", "invalid peer certificate"] {
        assert!(!checked.contains(name) && !sent.contains(name), "{checked}{sent}");
    }
}
