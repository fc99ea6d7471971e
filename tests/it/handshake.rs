//! The handshake, as old and careless clients try it. `scripts/tls-audit` has real scanners look; this
//! is what every run of the tests holds on to.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::SupportedKxGroup;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, NamedGroup, ProtocolVersion, RootCertStore};

use crate::support::receiver::Receiver;

/// Alerts of TLS.
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;

/// Suites of TLS 1.2 with forward secrecy and authenticated encryption: ECDHE with ECDSA, AES-GCM.
const GOOD: [u16; 2] = [0xc02b, 0xc02c];

/// What the receiver answers to a greeting of that version with those suites: `Ok` with the suite that it
/// chose, or the alert.
fn greet(receiver: &Receiver, version: u16, suites: &[u16]) -> Result<u16, u8> {
    let mut hello = version.to_be_bytes().to_vec();
    hello.extend([7; 32]);
    hello.push(0);
    hello.extend(u16::try_from(suites.len() * 2).unwrap().to_be_bytes());
    hello.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
    hello.extend([1, 0]);
    // Curves, their form, and signatures: nobody is to fail for want of these.
    let extensions = [
        &[0, 10, 0, 6, 0, 4, 0, 29, 0, 23][..],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 10, 0, 8, 4, 3, 4, 1, 8, 4, 2, 3],
        &[0, 23, 0, 0],
    ]
    .concat();
    hello.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    hello.extend(extensions);
    let length = u16::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1];
    record.extend((length + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend(length.to_be_bytes());
    record.extend(hello);
    let mut stream = TcpStream::connect(("127.0.0.1", receiver.public_port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    stream.write_all(&record).unwrap();
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let mut body = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
    stream.read_exact(&mut body).unwrap();
    match head[0] {
        21 => Err(body[1]),
        // Type, length, version, random, session id; then the suite.
        22 => {
            let after_session = 4 + 2 + 32 + 1 + usize::from(body[38]);
            Ok(u16::from_be_bytes([body[after_session], body[after_session + 1]]))
        }
        other => panic!("a record of type {other}"),
    }
}

#[test]
fn versions_before_tls_1_2_are_refused() {
    let receiver = Receiver::start();

    assert!(GOOD.contains(&greet(&receiver, 0x0303, &GOOD).unwrap()));
    for version in [0x0300, 0x0301, 0x0302] {
        assert_eq!(greet(&receiver, version, &GOOD), Err(PROTOCOL_VERSION), "{version:#x}");
    }
}

#[test]
fn suites_that_are_weak_are_refused_and_the_strongest_is_chosen() {
    let receiver = Receiver::start();
    let weak = [
        ("no encryption", 0x0001),
        ("RC4", 0x0005),
        ("3DES", 0x000a),
        ("RSA for the key, CBC", 0x002f),
        ("RSA for the key, GCM", 0x009c),
        ("finite field Diffie-Hellman", 0x009e),
        ("anonymous", 0x00a6),
        ("CBC with SHA-1", 0xc009),
        ("CBC with SHA-256", 0xc023),
        ("3DES with forward secrecy", 0xc008),
        ("CCM with a short tag", 0xc0ae),
    ];

    for (what, suite) in weak {
        assert_eq!(greet(&receiver, 0x0303, &[suite]), Err(HANDSHAKE_FAILURE), "{what}");
    }
    let with_weak_first: Vec<_> = weak.iter().map(|(_, suite)| *suite).chain(GOOD).collect();
    assert_eq!(greet(&receiver, 0x0303, &with_weak_first), Ok(GOOD[1]), "AES-256, whatever the client likes better");
}

/// What is sent before the handshake has ended could be sent again by somebody who recorded it.
#[test]
fn nothing_is_taken_before_the_handshake_has_ended() {
    let receiver = Receiver::start();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&receiver.ca()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.enable_early_data = true;
    config.resumption = Resumption::in_memory_sessions(8);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let connect = || {
        let mut client = ClientConnection::new(Arc::clone(&config), "localhost".try_into().unwrap()).unwrap();
        let offers_early_data = client.early_data().is_some();
        let mut socket = TcpStream::connect(("127.0.0.1", receiver.public_port())).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
        while client.is_handshaking() {
            client.complete_io(&mut socket).unwrap();
        }
        // The ticket to resume with comes after the handshake.
        client.complete_io(&mut socket).unwrap();
        (client, offers_early_data)
    };

    let (first, _) = connect();
    let (second, offers_early_data) = connect();

    assert_eq!(first.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(first.alpn_protocol(), Some(&b"h2"[..]));
    let group = first.negotiated_key_exchange_group().map(SupportedKxGroup::name);
    assert_eq!(group, Some(NamedGroup::X25519MLKEM768), "not to be read by a quantum computer of later");
    assert_eq!(second.handshake_kind(), Some(rustls::HandshakeKind::Resumed), "else the test proves nothing");
    assert!(!offers_early_data);
}
