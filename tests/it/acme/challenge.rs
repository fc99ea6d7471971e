//! The CA's look at the name: answered for the CA, and for nobody and nothing else.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

use super::{LONG, NAME, NEW, receiver, sender};
use crate::support::eventually;
use crate::support::pebble::Pebble;
use crate::support::sender::order_event;
use crate::support::server::free_port;

/// Looks at any certificate.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// What came of a handshake.
struct Shown {
    protocol: Vec<u8>,
    certificate: Vec<u8>,
    /// What came back to a request.
    answer: Vec<u8>,
}

/// Makes a handshake for the name that offers these protocols, and then a request.
fn handshake(port: u16, name: &str, protocols: &[&str]) -> Option<Shown> {
    let config = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into());
    let config = config.with_safe_default_protocol_versions().unwrap().dangerous();
    let mut config = config.with_custom_certificate_verifier(Arc::new(Anything)).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let mut client = ClientConnection::new(Arc::new(config), name.to_owned().try_into().unwrap()).unwrap();
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    while client.is_handshaking() {
        client.complete_io(&mut socket).ok()?;
    }
    let protocol = client.alpn_protocol().unwrap_or_default().to_vec();
    let certificate = client.peer_certificates().unwrap()[0].to_vec();
    let mut stream = StreamOwned::new(client, socket);
    let mut answer = Vec::new();
    let _ = stream.write_all(b"GET /webhooks/tradecloud HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let _ = stream.read_to_end(&mut answer);
    Some(Shown { protocol, certificate, answer })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_answered_for_its_name_only_and_carries_no_request() {
    let port = free_port();
    // Looks after a while.
    let mut ca = Pebble::prepared(port, LONG).set("PEBBLE_VA_NOSLEEP", "0").set("PEBBLE_VA_SLEEPTIME", "10");
    ca.restart();
    let mut receiver = receiver(port, &ca, "").setting("SERVER__LIMITS__CONNECTIONS", "2");
    receiver.restart();

    let mut shown = None;
    eventually("a challenge", async || {
        shown = handshake(port, NAME, &["acme-tls/1"]);
        shown.is_some()
    })
    .await;
    let other_name = handshake(port, "other.example.com", &["acme-tls/1"]);
    let other_protocol = handshake(port, NAME, &["acme-tls/1", "http/1.1"]);
    let no_protocol = handshake(port, NAME, &[]);
    receiver.logged(NEW).await;

    let shown = shown.unwrap();
    let identifier = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x1f];
    assert!(shown.certificate.windows(10).any(|bytes| bytes == identifier), "no acmeIdentifier");
    assert_eq!(shown.protocol, b"acme-tls/1");
    assert_eq!(String::from_utf8_lossy(&shown.answer), "");
    assert!(other_name.is_none() && other_protocol.is_none() && no_protocol.is_none());
    // Afterwards there is nothing to see any more, and those connections took nobody's place.
    assert!(handshake(port, NAME, &["acme-tls/1"]).is_none());
    let browser = handshake(port, NAME, &["acme-tls/1", "http/1.1"]).unwrap();
    assert_eq!(browser.protocol, b"http/1.1");
    assert!(browser.answer.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&browser.answer));
    let answer = sender(&receiver, &ca.root().await).send(order_event("1")).await;
    assert_eq!(answer.status, Some(202), "{answer:?}");
}

#[tokio::test]
async fn what_the_ca_saw_instead_is_said_with_the_name() {
    let (port, elsewhere) = (free_port(), free_port());
    let ca = Pebble::start(elsewhere, LONG);
    let mut receiver = receiver(port, &ca, "");
    receiver.restart();

    let failed = receiver.logged("no certificate: ").await;

    let message = failed["message"].as_str().unwrap();
    assert!(message.contains("the CA could not see that the name is ours"), "{message}");
    assert!(
        message.contains(NAME) && message.contains("Failed to connect") && message.contains("port 443"),
        "{message}"
    );
    assert_eq!(failed["level"], "ERROR");
}
