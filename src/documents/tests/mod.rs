//! Documents are got by every way there is, from servers that do as they are told.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

mod names;
mod silence;

const PDF: &[u8] = b"%PDF a drawing";
/// Of that, by another program.
const SHA256_OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A server that gives the next of its answers to each request, and remembers what was asked.
#[derive(Clone)]
struct Server {
    base: String,
    asked: Arc<Mutex<Vec<String>>>,
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { base, asked: Arc::default(), answers: Arc::default() };
        let this = server.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let this = this.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await?);
                    }
                    this.asked.lock().unwrap().push(String::from_utf8(head).unwrap());
                    let answer = this.answers.lock().unwrap().pop_front().unwrap_or_else(|| of(500, b"no answer left"));
                    stream.write_all(&answer).await
                });
            }
        });
        server
    }

    fn answers(&self, answers: impl IntoIterator<Item = Vec<u8>>) -> &Self {
        self.answers.lock().unwrap().extend(answers);
        self
    }

    /// The targets that were asked for.
    fn targets(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|head| head.split(' ').nth(1).unwrap().to_owned()).collect()
    }
}

fn of(status: u16, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// What Tradecloud says, one after the other; the last again and again.
struct Scripted {
    said: Mutex<VecDeque<Result<Metadata, SourceError>>>,
    /// The platform's own download.
    download: Result<String, SourceError>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Source for Scripted {
    async fn metadata(&self, object_id: &str) -> Result<Metadata, SourceError> {
        self.asked.lock().unwrap().push(format!("metadata {object_id}"));
        let mut said = self.said.lock().unwrap();
        if said.len() > 1 { said.pop_front().unwrap() } else { said[0].clone() }
    }

    async fn download(&self, object_id: &str) -> Result<Response, SourceError> {
        self.asked.lock().unwrap().push(format!("download {object_id}"));
        Ok(crate::outgoing::client(&"http://127.0.0.1".parse().unwrap(), &[])
            .unwrap()
            .get(self.download.clone()?)
            .send()
            .await
            .unwrap())
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands among answers that fail")]
fn says(url: impl Into<String>) -> Result<Metadata, SourceError> {
    let (filename, content_type) = (Some("../Drawing ø60.pdf".to_owned()), Some("application/pdf".to_owned()));
    Ok(Metadata { filename, content_type, download_url: url.into() })
}

fn nowhere() -> Result<String, SourceError> {
    Err(SourceError::Failed(ours("not to be asked")))
}

/// The addresses of hosts, as a test would have them.
struct Book(Mutex<HashMap<String, Vec<IpAddr>>>);

#[async_trait]
impl guard::Names for Book {
    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.lock().unwrap().get(host).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

struct Place {
    folder: tempfile::TempDir,
    documents: Arc<Documents>,
    source: Arc<Scripted>,
    book: Arc<Book>,
}

/// What there is of the documents that an event names.
async fn all(documents: &Documents, event: &Event) -> Result<Arc<[Attached]>, Failure> {
    documents.gather(event, Documents::named(event).await?).await
}

impl Place {
    fn new(
        said: impl IntoIterator<Item = Result<Metadata, SourceError>>,
        download: Result<String, SourceError>,
    ) -> Self {
        Self::with(said, download, true, 1000)
    }

    fn with(
        said: impl IntoIterator<Item = Result<Metadata, SourceError>>,
        download: Result<String, SourceError>,
        local: bool,
        largest: u64,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let said = Mutex::new(said.into_iter().collect());
        let source = Arc::new(Scripted { said, download, asked: Mutex::default() });
        let book = Arc::new(Book(Mutex::default()));
        let urls_from = ["127.0.0.1", "files.example", "10.0.0.1", "[::1]"].map(str::to_owned).to_vec();
        let settings = Settings { directory: folder.path().join("documents"), largest, urls_from };
        let around = Surroundings { local, roots: Vec::new(), not_found_after: Duration::from_secs(600) };
        let documents = Documents::asking(settings, Some(source.clone()), &around, book.clone()).unwrap();
        Self { folder, documents: Arc::new(documents), source, book }
    }

    async fn gather(&self, event: &Event) -> Result<Vec<Held>, String> {
        let gathered = all(&self.documents, event).await.map_err(|failure| failure.reason)?;
        Ok(gathered.iter().map(|document| document.held.clone()).collect())
    }

    /// The words for the only document of an event, which is missing.
    async fn missing(&self, event: &Event) -> String {
        match self.gather(event).await.unwrap().remove(0) {
            Held::Missing { missing } => missing,
            here @ Held::Here { .. } => panic!("{here:?}"),
        }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.source.asked.lock().unwrap())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("documents").join(name)
    }
}

/// An event that has just come, with these documents.
fn event(documents: &str) -> Event {
    let body = format!(r#"{{"orderEvent": {{"orderId": "o", "buyerOrder": {{"documents": [{documents}]}}}}}}"#);
    Event::from_body(body).unwrap()
}

fn only_by_url(url: &str) -> Event {
    event(&format!(r#"{{"url": "{url}"}}"#))
}

/// One that came long ago.
fn old_event(documents: &str) -> Event {
    Event { received: Timestamp::now() - jiff::SignedDuration::from_hours(1), ..event(documents) }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_document_is_fetched_once_and_known_after_a_restart() {
    let server = Server::start().await;
    server.answers([of(200, b"abc")]);
    let address = format!("{}/o?d=attachment%3B%20filename%3D%22%C3%B8.pdf%22&X-Amz-Signature=0", server.base);
    let place = Place::new([says(&address)], nowhere());
    let event = event(r#"{"objectId": "obj-1", "code": "c", "name": "n"}, {"objectId": "obj-1", "code": "again"}"#);

    let first = all(&place.documents, &event).await.unwrap();
    let settings = Settings { directory: place.path(""), largest: 1000, urls_from: Vec::new() };
    let around = Surroundings { local: true, roots: Vec::new(), not_found_after: Duration::ZERO };
    let restarted = all(&Documents::new(settings, None, &around).unwrap(), &event).await.unwrap();

    let file = place.path("obj-1/Drawing ø60.pdf");
    let held = Held::Here {
        file: file.clone(),
        size: 3,
        sha256: SHA256_OF_ABC.to_owned(),
        content_type: Some("application/pdf".to_owned()),
    };
    assert_eq!(first.len(), 1, "each is there once for the order");
    assert_eq!(first[0].held, held);
    assert_eq!((first[0].object_id.as_deref(), first[0].code.as_deref()), (Some("obj-1"), Some("c")));
    assert_eq!(restarted, first);
    assert_eq!(std::fs::read(&file).unwrap(), b"abc");
    assert_eq!(server.targets(), [address.strip_prefix(&server.base).unwrap()], "to the letter, and once");
    assert!(!server.asked.lock().unwrap()[0].to_lowercase().contains("authorization"));
    assert_eq!(names(&place.path("obj-1")), [".document.json", "Drawing ø60.pdf"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    }
}

#[tokio::test]
async fn two_events_that_want_it_at_once_wait_for_one_download() {
    let server = Server::start().await;
    server.answers([of(200, PDF)]);
    let place = Place::new([says(format!("{}/", server.base))], nowhere());
    let (one, other) = (event(r#"{"objectId": "obj-1"}"#), event(r#"{"objectId": "obj-1", "code": "x"}"#));

    let (one, other) = tokio::join!(place.gather(&one), place.gather(&other));

    assert_eq!(one.unwrap(), other.unwrap());
    assert_eq!(server.targets().len(), 1);
}

#[tokio::test]
async fn one_that_is_not_as_it_was_noted_is_fetched_again() {
    let server = Server::start().await;
    server.answers([of(200, PDF), of(200, PDF), of(200, PDF)]);
    let place = Place::new([says(format!("{}/", server.base))], nowhere());
    let event = event(r#"{"objectId": "obj-1"}"#);
    let file = place.path("obj-1/Drawing ø60.pdf");

    let held = place.gather(&event).await.unwrap();
    std::fs::write(&file, b"shorter").unwrap();
    let again = place.gather(&event).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    place.gather(&event).await.unwrap();

    assert_eq!(again, held);
    assert_eq!(std::fs::read(&file).unwrap(), PDF);
    assert_eq!(server.targets().len(), 3);
}

#[tokio::test]
async fn an_address_that_has_expired_is_asked_for_anew_and_the_same_again_leads_over_the_platform() {
    let server = Server::start().await;
    let at = |path: &str| format!("{}{path}", server.base);

    server.answers([of(403, b"<Error/>"), of(200, PDF)]);
    let place = Place::new([says(at("/1")), says(at("/2"))], nowhere());
    place.gather(&event(r#"{"objectId": "o"}"#)).await.unwrap();
    assert_eq!(server.targets(), ["/1", "/2"]);

    server.answers([of(400, b"ExpiredToken"), of(200, PDF)]);
    let place = Place::new([says(at("/3"))], Ok(at("/platform")));
    place.gather(&event(r#"{"objectId": "o"}"#)).await.unwrap();
    assert_eq!(server.targets()[2..], ["/3", "/platform"]);
    assert_eq!(place.asked(), ["metadata o", "metadata o", "download o"]);
}

#[tokio::test]
async fn an_address_that_would_be_changed_on_its_way_or_is_not_to_be_asked_leads_over_the_platform() {
    let server = Server::start().await;
    let own = format!("{}/platform", server.base);
    let odd = [
        (true, format!("{}/a b", server.base)),
        (true, format!("{}/ø", server.base)),
        (true, format!("{}/a/../b", server.base)),
        (true, String::new()),
        (true, "http://objects.example/plain".to_owned()),
        (false, server.base.clone() + "/"),
        (false, "https://127.0.0.1/x".to_owned()),
    ];
    for (local, address) in odd {
        server.answers([of(200, PDF)]);
        let place = Place::with([says(&address)], Ok(own.clone()), local, 1000);
        place.gather(&event(r#"{"objectId": "o"}"#)).await.unwrap();
        assert_eq!(server.targets().pop().unwrap(), "/platform", "{address}");
    }
    assert!(server.targets().iter().all(|target| target == "/platform"));
}

#[test]
fn an_address_of_the_platform_is_the_same_to_the_letter() {
    let objects = Objects::new(None, false, &[]).unwrap();
    let samples = [
        "https://objects.example/0e4e1eac?response-content-disposition=attachment%3B%20filename%3D%22Drawing%20rev%20B%20\
         %C3%B860.pdf%22&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=KEY%2F20260726%2Feu-central-1%2Fs3%2Faws4_request",
        "https://objects.example/a240ad1a-7303?X-Amz-Expires=59&X-Amz-Signature=0000",
        "https://storage.googleapis.com/b/o%2Fx+y~z?X-Goog-Signature=a&empty=&x=%27%28%29%2a",
    ];
    for sample in samples {
        assert_eq!(objects.way(sample).unwrap().1.as_str(), sample);
    }
}

#[tokio::test]
async fn one_that_is_not_found_is_doubted_for_a_while_and_then_missing() {
    let gone = || [Err(SourceError::NotFound("there is no document o".to_owned()))];
    let place = Place::new(gone(), nowhere());

    let doubted = place.gather(&event(r#"{"objectId": "o"}"#)).await.unwrap_err();
    let missing = place.missing(&old_event(r#"{"objectId": "o"}"#)).await;

    assert!(doubted.contains("there is no document o") && doubted.contains("again"), "{doubted}");
    assert_eq!(missing, "there is no document o");
}

#[tokio::test]
async fn one_that_the_account_may_not_have_holds_its_event() {
    let place = Place::new([Err(SourceError::Forbidden("api answered 403".to_owned()))], nowhere());

    let reason = place.gather(&old_event(r#"{"objectId": "o"}"#)).await.unwrap_err();

    assert!(reason.contains("document o: api answered 403") && reason.contains("role"), "{reason}");
}

#[tokio::test]
async fn one_that_is_too_large_is_missing_whatever_is_said_of_its_length() {
    let server = Server::start().await;
    let unsaid = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%PDF a drawing".to_vec();
    server.answers([of(200, PDF), unsaid]);
    let place = Place::with([says(format!("{}/", server.base))], nowhere(), true, 10);

    for id in ["one", "other"] {
        let missing = place.missing(&event(&format!(r#"{{"objectId": "{id}"}}"#))).await;
        assert!(missing.contains("larger than 10 B"), "{missing}");
    }
    assert!(names(&place.path("one")).is_empty() && names(&place.path("other")).is_empty(), "nothing is left of it");
}

#[tokio::test]
async fn what_breaks_off_is_no_document_and_is_tried_again() {
    let server = Server::start().await;
    let broken = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 99\r\n\r\n%PDF".to_vec();
    server.answers([broken, of(503, b""), of(200, PDF)]);
    let place = Place::new([says(format!("{}/", server.base))], nowhere());
    let event = event(r#"{"objectId": "o"}"#);

    for _ in 0..2 {
        place.gather(&event).await.unwrap_err();
        assert!(names(&place.path("o")).is_empty());
    }
    place.gather(&event).await.unwrap();
    assert_eq!(names(&place.path("o")), [".document.json", "Drawing ø60.pdf"]);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_a_failure_and_nothing_more() {
    let server = Server::start().await;
    server.answers([of(200, PDF)]);
    let place = Place::new([says(format!("{}/", server.base))], nowhere());
    std::fs::write(place.folder.path().join("documents"), b"no folder").unwrap();

    let reason = place.gather(&event(r#"{"objectId": "o"}"#)).await.unwrap_err();

    assert!(reason.contains("a document cannot be written"), "{reason}");
}

#[tokio::test]
async fn hostile_ids_lead_nowhere_else() {
    let server = Server::start().await;
    let place = Place::new([says(format!("{}/", server.base))], nowhere());
    for id in ["..", "../../x", "a/b", "CON", "."] {
        server.answers([of(200, PDF)]);
        let Held::Here { file, .. } =
            place.gather(&event(&format!(r#"{{"objectId": "{id}"}}"#))).await.unwrap().remove(0)
        else {
            panic!("{id}");
        };
        assert_eq!(
            file.parent().unwrap().parent(),
            Some(&*place.path("").components().collect::<std::path::PathBuf>())
        );
    }
    assert_eq!(names(place.folder.path()), ["documents"]);
}

#[tokio::test]
async fn a_document_of_the_other_party_comes_from_a_named_host_only() {
    let server = Server::start().await;
    server.answers([of(200, b"abc"), of(302, b""), of(500, b"")]);
    let place = Place::new([says("")], nowhere());
    let at = |url: &str| event(&format!(r#"{{"url": "{url}", "name": "Manual"}}"#));

    let held = place.gather(&at(&format!("{}/content/manual%20ø.pdf?x", server.base))).await.unwrap().remove(0);

    let Held::Here { file, sha256, .. } = held else { panic!("{held:?}") };
    assert_eq!((file.file_name().unwrap().to_str(), &*sha256), (Some("manual ø.pdf"), SHA256_OF_ABC));
    assert!(file.parent().unwrap().file_name().unwrap().to_str().unwrap().starts_with("url-"));
    for (url, words) in [
        (format!("{}/moved", server.base), "redirects are not followed"),
        ("http://files.example/x".to_owned(), "only https"),
        ("https://other.example/x".to_owned(), "not in `urls_from`"),
        ("https://files.example@other.example/x".to_owned(), "credentials"),
        ("https://10.0.0.1/x".to_owned(), "no public address"),
        ("ftp://files.example/x".to_owned(), "only https"),
        ("files.example".to_owned(), "no address"),
    ] {
        let missing = place.missing(&at(&url)).await;
        assert!(missing.contains(words), "{url}: {missing}");
    }
    let failed = place.gather(&at(&format!("{}/later", server.base))).await.unwrap_err();
    assert!(failed.contains("500"), "{failed}");
    assert!(place.asked().is_empty());
}

#[tokio::test]
async fn where_a_name_leads_to_is_looked_at_each_time() {
    let place = Place::with([says("")], nowhere(), false, 1000);
    let event = event(r#"{"url": "https://files.example/x"}"#);
    let leads = |addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        place.book.0.lock().unwrap().insert("files.example".to_owned(), addresses);
    };

    for private in ["127.0.0.1", "10.1.1.1", "169.254.169.254", "::1", "::ffff:192.168.0.1", "fd00::1"] {
        leads(&[private]);
        let missing = place.missing(&event).await;
        assert!(missing.contains("no public address"), "{missing}");
    }
    // Nobody answers on port 0, but that is as far as it comes.
    place.book.0.lock().unwrap().clear();
    let unknown = place.gather(&event).await.unwrap_err();
    assert!(unknown.contains("cannot connect"), "{unknown}");
    let literal = only_by_url("https://[::1]/x");
    assert!(place.missing(&literal).await.contains("no public address"));
}

#[tokio::test]
async fn without_tradecloud_its_documents_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { directory: folder.path().to_owned(), largest: 1000, urls_from: Vec::new() };
    let around = Surroundings { local: false, roots: Vec::new(), not_found_after: Duration::ZERO };

    let documents = Documents::new(settings, None, &around).unwrap();
    let gathered = all(&documents, &event(r#"{"objectId": "o"}"#)).await.unwrap();

    assert!(matches!(&gathered[0].held, Held::Missing { missing } if missing.contains("[tradecloud]")), "{gathered:?}");
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_document_goes_with_the_last_event_that_names_it() {
    let server = Server::start().await;
    server.answers((0..4).map(|_| of(200, PDF)));
    let place = Place::new([says(format!("{}/", server.base))], nowhere());
    let inbox = place.folder.path().join("inbox.db");
    let inbox = crate::inbox::tests::place::open(
        "sqlite",
        &format!("path = '{}'", inbox.display()),
        crate::inbox::Purpose::Serve,
    )
    .await;
    let named = event(r#"{"objectId": "0e4e1eac-named"}"#);
    let decoded = decode::event(None, &named.body).unwrap();
    let mut incoming =
        crate::inbox::Incoming::new(decoded.envelope, named.received, String::new(), None, named.body.clone());
    incoming.references = decoded.references;
    inbox.store(incoming).await.unwrap();
    for id in ["0e4e1eac-named", "0e4e1eac-gone", "0e4e1eac-young", "0e4e1eac-other"] {
        place.gather(&event(&format!(r#"{{"objectId": "{id}"}}"#))).await.unwrap();
    }
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(2 * 3600);
    for id in ["named", "gone", "other"] {
        let note = place.path(&format!("0e4e1eac-{id}/.document.json"));
        std::fs::File::options().write(true).open(note).unwrap().set_modified(long_ago).unwrap();
    }
    std::fs::write(place.path("0e4e1eac-other/of somebody else"), "").unwrap();
    std::fs::create_dir(place.path("no document")).unwrap();

    place.documents.tidy(&*inbox).await;

    let left = ["0e4e1eac-named", "0e4e1eac-other", "0e4e1eac-young", "no document"];
    assert_eq!(names(&place.path("")), left);
    assert_eq!(names(&place.path("0e4e1eac-other")), ["of somebody else"]);
    assert_eq!(names(&place.path("0e4e1eac-named")).len(), 2);
}
