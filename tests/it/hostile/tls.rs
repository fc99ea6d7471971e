//! What the handshake agrees on, whoever is at the other end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, NamedGroup, ProtocolVersion, RootCertStore, StreamOwned, version,
};

use crate::support::eventually;
use crate::support::receiver::Receiver;

/// A client's settings, with these protocols.
fn client(
    receiver: &Receiver,
    change: impl FnOnce(&mut rustls::crypto::CryptoProvider),
    only_1_2: bool,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&receiver.ca()).unwrap()).unwrap();
    let mut provider = default_provider();
    change(&mut provider);
    let versions = if only_1_2 { &[&version::TLS12][..] } else { &[&version::TLS13, &version::TLS12] };
    let builder = ClientConfig::builder_with_provider(provider.into()).with_protocol_versions(versions).unwrap();
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// Connects and asks for something.
fn connect(receiver: &Receiver, config: &Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
    let connection = ClientConnection::new(Arc::clone(config), "localhost".try_into().unwrap()).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", receiver.public_port())).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    stream
}

#[test]
fn the_key_exchange_withstands_quantum_computers_if_the_client_knows_how() {
    let receiver = Receiver::start();
    let stream = connect(&receiver, &Arc::new(client(&receiver, |_| {}, false)));

    let group = stream.conn.negotiated_key_exchange_group().unwrap().name();

    assert_eq!((stream.conn.protocol_version(), group), (Some(ProtocolVersion::TLSv1_3), NamedGroup::X25519MLKEM768));
}

#[test]
fn the_server_and_not_the_client_chooses_the_cipher_suite() {
    let receiver = Receiver::start();
    let weakest_first = |provider: &mut rustls::crypto::CryptoProvider| {
        provider.cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256, cipher_suite::TLS13_AES_256_GCM_SHA384];
    };
    let stream = connect(&receiver, &Arc::new(client(&receiver, weakest_first, false)));

    let chosen = stream.conn.negotiated_cipher_suite().unwrap().suite();

    assert_eq!(chosen, CipherSuite::TLS13_AES_256_GCM_SHA384);
}

#[test]
fn both_versions_of_http_and_of_tls_are_offered() {
    let receiver = Receiver::start();
    for (offered, agreed) in [(&["h2", "http/1.1"][..], "h2"), (&["http/1.1"], "http/1.1")] {
        for (only_1_2, version) in [(false, ProtocolVersion::TLSv1_3), (true, ProtocolVersion::TLSv1_2)] {
            let mut config = client(&receiver, |_| {}, only_1_2);
            config.alpn_protocols = offered.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
            let stream = connect(&receiver, &Arc::new(config));

            assert_eq!(stream.conn.alpn_protocol(), Some(agreed.as_bytes()));
            assert_eq!(stream.conn.protocol_version(), Some(version));
        }
    }
}

/// What comes before the handshake is over could be sent again by anybody.
#[test]
fn nothing_is_taken_before_the_handshake_is_over() {
    let receiver = Receiver::start();
    let mut config = client(&receiver, |_| {}, false);
    config.enable_early_data = true;
    let config = Arc::new(config);
    connect(&receiver, &config);

    let mut again = ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();

    assert!(again.early_data().is_none(), "the ticket of the first connection allows it");
}

/// Anybody can say it as often as they like.
#[test]
fn a_handshake_for_a_name_that_is_none_leaves_no_line_in_the_usual_log() {
    let receiver = Receiver::start();
    let config = Arc::new(client(&receiver, |_| {}, false));
    let mut hello = Vec::new();
    ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap().write_tls(&mut hello).unwrap();
    let name = hello.windows(9).position(|bytes| bytes == b"localhost").unwrap();
    hello[name..name + 9].copy_from_slice(b"127.0.0.1");
    let lines = || receiver.log().into_iter().filter(|line| line["level"] != "DEBUG").count();
    let before = lines();

    for _ in 0..20 {
        let mut socket = TcpStream::connect(("127.0.0.1", receiver.public_port())).unwrap();
        socket.write_all(&hello).unwrap();
        let _ = socket.read(&mut [0; 16]).unwrap();
    }

    assert_eq!(lines(), before, "{:?}", receiver.log());
}

/// Otherwise a small answer waits for the client's delayed acknowledgement: 40 ms.
#[tokio::test]
async fn answers_go_out_without_delay() {
    let receiver = Receiver::start();
    let record = receiver.path("calls");
    let mut strace = Command::new("strace")
        .args(["--follow-forks", "-e", "trace=setsockopt", "--attach", &receiver.pid().to_string(), "--output"])
        .arg(&record)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();

    eventually("the option is set", async || {
        drop(receiver.connect());
        std::fs::read_to_string(&record).is_ok_and(|calls| calls.contains("TCP_NODELAY, [1]"))
    })
    .await;

    Command::new("kill").args(["-INT", &strace.id().to_string()]).status().unwrap();
    strace.wait().unwrap();
}
