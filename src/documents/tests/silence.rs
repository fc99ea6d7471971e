//! Nothing is waited for that does not come: neither the head of an answer, nor the rest of it.

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

/// A server that begins each of its answers so, and then says no more; and what tells when it has.
async fn falling_silent_after(first: &'static [u8]) -> (String, UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap());
    let (silent, said) = unbounded_channel();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(first).await.unwrap();
            open.push(stream);
            silent.send(()).unwrap();
        }
    });
    (base, said)
}

/// So many seconds later, without waiting for them.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// What came of it, without waiting for what does not end.
async fn ended<T>(task: tokio::task::JoinHandle<T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), task).await.expect("it is given up").unwrap()
}

const BEGUN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n%PDF";

#[tokio::test]
async fn a_storage_that_says_nothing_for_twenty_seconds_is_left_for_the_platform() {
    let (silent, mut asked) = falling_silent_after(b"").await;
    let server = Server::start().await;
    server.answers([of(200, PDF)]);
    let place = Place::new([says(silent)], Ok(format!("{}/platform", server.base)));
    let documents = Arc::clone(&place.documents);
    let gathering = tokio::spawn(async move { all(&documents, &event(r#"{"objectId": "o"}"#)).await });
    asked.recv().await.unwrap();

    later(14).await;
    assert!(server.targets().is_empty(), "it may come yet");
    later(7).await;

    let held = ended(gathering).await.unwrap();
    assert!(matches!(held[0].held, Held::Here { .. }), "{held:?}");
    assert_eq!(server.targets(), ["/platform"]);
}

#[tokio::test]
async fn a_document_of_which_nothing_comes_for_twenty_seconds_is_given_up_and_nothing_stays_of_it() {
    let (silent, mut asked) = falling_silent_after(BEGUN).await;
    for (event, folder) in [(event(r#"{"objectId": "o"}"#), Some("o")), (only_by_url(&silent), None)] {
        let place = Place::new([says(silent.clone())], nowhere());
        let documents = Arc::clone(&place.documents);
        let gathering = tokio::spawn(async move { all(&documents, &event).await });
        asked.recv().await.unwrap();
        // Until it has begun to be written.
        let folder = folder.map_or_else(|| place.path(""), |folder| place.path(folder));
        while names(&folder).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;

        later(14).await;
        assert!(!gathering.is_finished(), "it may come yet");
        later(7).await;

        let failure = ended(gathering).await.unwrap_err();
        assert!(failure.late && failure.reason.contains("nothing came for 20s"), "{}", failure.reason);
        for folder in names(&place.path("")) {
            assert!(names(&place.path(&folder)).is_empty(), "{folder}");
        }
    }
}
