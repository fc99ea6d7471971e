//! A name may lead elsewhere the next time: what was allowed at one attempt is looked at anew at the next.

use reqwest::Certificate;
use reqwest::dns::{Name, Resolve as _};
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use super::*;

const HOST: &str = "files.example";

fn leads(book: &Book, addresses: &[&str]) {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    book.0.lock().unwrap().insert(HOST.to_owned(), addresses);
}

#[tokio::test]
async fn of_the_addresses_of_a_name_only_those_are_gone_to_that_anybody_could_go_to() {
    let book = Arc::new(Book(Mutex::default()));
    let guard = guard::Guard { names: book.clone(), local: false };
    let resolved = async || {
        let found = guard.resolve(HOST.parse::<Name>().unwrap()).await;
        found.map(|all| all.map(|address| address.ip().to_string()).collect::<Vec<_>>()).map_err(|out| out.to_string())
    };

    leads(&book, &["1.1.1.1"]);
    assert_eq!(resolved().await, Ok(vec!["1.1.1.1".to_owned()]));
    leads(&book, &["10.0.0.1", "1.1.1.1", "::ffff:127.0.0.1"]);
    assert_eq!(resolved().await, Ok(vec!["1.1.1.1".to_owned()]));
    leads(&book, &["10.0.0.1"]);
    assert_eq!(resolved().await, Err("leads to 10.0.0.1, which is no public address".to_owned()));
}

/// A server of that name that answers its connections so, one after the other; its port, and its certificate.
async fn server(answers: Vec<Vec<u8>>) -> (u16, Certificate) {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der().try_into().unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let tls = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for answer in answers {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = tls.accept(stream).await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(&answer).await.unwrap();
            let _ = stream.shutdown().await;
        }
    });
    (port, Certificate::from_pem(made.cert.pem().as_bytes()).unwrap())
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_between_two_attempts_is_not_followed_to_where_nobody_else_can_go() {
    let (port, certificate) = server(vec![of(503, b"later"), of(200, PDF)]).await;
    let (folder, book) = (tempfile::tempdir().unwrap(), Arc::new(Book(Mutex::default())));
    let directory = folder.path().join("documents");
    let settings = Settings { directory, largest: 1000, urls_from: vec![HOST.to_owned()] };
    // This very machine stands for what anybody can go to.
    let around = Surroundings { local: true, roots: vec![certificate], not_found_after: Duration::ZERO };
    let documents = Documents::asking(settings, None, &around, book.clone()).unwrap();
    let event = only_by_url(&format!("https://{HOST}:{port}/manual.pdf"));

    leads(&book, &["127.0.0.1"]);
    let failed = all(&documents, &event).await.unwrap_err();
    leads(&book, &["10.0.0.1"]);
    let inside = all(&documents, &event).await.unwrap();
    leads(&book, &["10.0.0.1", "127.0.0.1"]);
    let outside = all(&documents, &event).await.unwrap();

    assert!(failed.reason.contains("503"), "{}", failed.reason);
    let missing = "its url leads to 10.0.0.1, which is no public address".to_owned();
    assert_eq!(inside[0].held, Held::Missing { missing });
    let Held::Here { file, .. } = &outside[0].held else { panic!("{outside:?}") };
    assert_eq!(std::fs::read(file).unwrap(), PDF);
}
