//! `documents_url`: each document of an event is PUT to the ERP before the event is, streamed from its file.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};
use tokio::fs::File;
use tokio::io::{AsyncRead as _, ReadBuf};

use super::Erp;
use crate::config::Section;
use crate::event::{Attached, Event, Held};
use crate::handlers::{Fault, Outcome, Unavailability};
use crate::outgoing::{Failure, late, percent_encode, warn_of_plain_http};

/// What stands for the id of a document.
const PLACEHOLDER: &str = "{objectId}";

/// As much of a file is read at once.
const CHUNK: usize = 64 * 1024;

/// Addresses of documents: text with [`PLACEHOLDER`] in it.
#[derive(Debug, Clone)]
pub(super) struct DocumentsUrl(String);

impl DocumentsUrl {
    /// The address at `key`; `None` if a problem was noted. `has_secret`: whether anything secret goes with the requests.
    pub(super) fn read(section: &Section, key: &str, has_secret: bool) -> Option<Self> {
        let text = section.text(key)?;
        let example = "\"https://erp.example/documents/{objectId}\"";
        let wrong = |what: String| {
            section.error(key, what);
            None
        };
        if text.matches(PLACEHOLDER).count() != 1 {
            return wrong(format!("must have {PLACEHOLDER} in it, once: where the id goes. Write it like {example}"));
        }
        let this = Self(text);
        let Some(url) = this.of_id("0").filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) else {
            return wrong(format!("is no address of http or https. Write it like {example}"));
        };
        let host_of = |id| this.of_id(id).map(|url| (url.scheme().to_owned(), url.authority().to_owned()));
        if host_of("0") != host_of("1") {
            return wrong(format!("has {PLACEHOLDER} in its host. Put it into the path"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return wrong(
                "has credentials in it. Take them out: `auth` and `headers` go with these requests, too".to_owned(),
            );
        }
        if has_secret {
            warn_of_plain_http(section, key, &url);
        }
        Some(this)
    }

    /// The address of some document, which tells whom to connect to.
    pub(super) fn any(&self) -> Option<Url> {
        self.of_id("0")
    }

    /// That of a document: by its id as one segment, or by its content if it has none that could be one.
    fn of(&self, document: &Attached, sha256: &str) -> Option<Url> {
        let id = document.object_id.as_deref();
        // Even encoded, dots alone would lead up.
        self.of_id(id.filter(|id| ![".", ".."].contains(id)).unwrap_or(sha256))
    }

    fn of_id(&self, id: &str) -> Option<Url> {
        let stays = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        self.0.replace(PLACEHOLDER, &percent_encode(id, stays)).parse().ok()
    }
}

impl Erp {
    /// Hands the documents on, one after the other. `Err`: what becomes of the event, which is not sent then.
    pub(super) async fn hand_documents_on(&self, event: &Event) -> Result<(), Outcome> {
        let (Some(way), Some(documents)) = (&self.documents, &event.documents) else { return Ok(()) };
        let mut sent = std::collections::HashSet::new();
        for document in documents.iter() {
            let Held::Here { file, size, sha256, content_type } = &document.held else { continue };
            let Some(url) = way.url.of(document, sha256) else { continue };
            // The same one may hang on several lines.
            if !sent.insert(url.clone()) {
                continue;
            }
            let name = document.object_id.as_deref().unwrap_or(sha256);
            let request = || async {
                let body = FileBody::open(file, *size).await?;
                let mut request = Request::new(Method::PUT, url.clone());
                let headers = request.headers_mut();
                headers.insert(CONTENT_LENGTH, HeaderValue::from(*size));
                let media_type = content_type.as_deref().and_then(|given| HeaderValue::from_str(given).ok());
                let unknown = HeaderValue::from_static("application/octet-stream");
                headers.insert(CONTENT_TYPE, media_type.unwrap_or(unknown));
                *request.body_mut() = Some(reqwest::Body::wrap(body));
                Ok::<_, std::io::Error>(request)
            };
            let put = async {
                let response = match self.credentials.header(None).await {
                    Err(failure) => Err(failure),
                    Ok(used) => {
                        let response = self.execute(&way.caller, request().await?, used.as_ref()).await;
                        match (response, used) {
                            (Ok(response), Some(used))
                                if response.status().as_u16() == 401 && self.credentials.renewable() =>
                            {
                                match self.credentials.header(Some(&used)).await {
                                    Ok(new) => self.execute(&way.caller, request().await?, new.as_ref()).await,
                                    Err(failure) => Err(failure),
                                }
                            }
                            (response, _) => response,
                        }
                    }
                };
                Ok::<_, std::io::Error>(response)
            };
            let outcome = match tokio::time::timeout(self.timeout, put).await {
                Ok(Ok(Ok(response))) => super::answer::judge(event, response, &self.refusals).await,
                Ok(Ok(Err(failure))) => Outcome::Unavailable(failure.into()),
                Ok(Err(error)) => {
                    // It was here a moment ago. The next attempt has it fetched again.
                    let reason = format!("its file cannot be read: {error}");
                    Outcome::Unavailable(Unavailability::new(Fault::Ours, reason).of_one())
                }
                Err(_) => Outcome::Unavailable(Failure::into(late(&url, self.timeout))),
            };
            if outcome != Outcome::Done {
                return Err(about(name, outcome));
            }
        }
        Ok(())
    }
}

/// The same outcome, with the document in its reason.
fn about(document: &str, mut outcome: Outcome) -> Outcome {
    let reason = match &mut outcome {
        Outcome::Done => return outcome,
        Outcome::Rejected(rejection) => &mut rejection.reason,
        Outcome::Unavailable(why) => &mut why.reason,
    };
    *reason = format!("document {}: {reason}", crate::shown::line(document));
    outcome
}

/// The content of a file as the body of a request.
struct FileBody {
    file: File,
    left: u64,
    buffer: Vec<u8>,
}

impl FileBody {
    async fn open(path: &std::path::Path, size: u64) -> std::io::Result<Self> {
        Ok(Self { file: File::open(path).await?, left: size, buffer: vec![0; CHUNK] })
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        // Not more than was announced, should the file have grown.
        let most = usize::try_from(this.left).unwrap_or(CHUNK).min(CHUNK);
        let mut buffer = ReadBuf::new(&mut this.buffer[..most]);
        ready!(Pin::new(&mut this.file).poll_read(context, &mut buffer))?;
        let read = Bytes::copy_from_slice(buffer.filled());
        if read.is_empty() {
            let what = "the file has become shorter";
            return Poll::Ready(Some(Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, what))));
        }
        this.left -= read.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(read))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url_of(template: &str, object_id: Option<&str>) -> String {
        let document = Attached {
            object_id: object_id.map(str::to_owned),
            url: None,
            code: None,
            name: None,
            line: None,
            held: Held::Missing { missing: String::new() },
        };
        DocumentsUrl(template.to_owned()).of(&document, "c0ffee").unwrap().to_string()
    }

    #[test]
    fn an_id_is_one_segment_whatever_is_in_it() {
        let of = |id| url_of("https://erp.example/d/{objectId}/content?x=1", Some(id));

        assert_eq!(of("e3c70d9f"), "https://erp.example/d/e3c70d9f/content?x=1");
        assert_eq!(of("a/../b%?#ü"), "https://erp.example/d/a%2F..%2Fb%25%3F%23%C3%BC/content?x=1");
        assert_eq!(of(".."), "https://erp.example/d/c0ffee/content?x=1");
        assert_eq!(url_of("https://erp.example/d?of={objectId}", None), "https://erp.example/d?of=c0ffee");
    }

    /// Takes one request, answers it, and says what it was: method and target, media type, length, body.
    async fn take(listener: &tokio::net::TcpListener, answer: u16) -> (String, Vec<u8>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        let answer = format!("HTTP/1.1 {answer} x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        (head, body)
    }

    #[tokio::test]
    async fn each_document_is_put_before_its_event_and_one_that_is_refused_keeps_it_back() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let table = format!(
            "type = 'http'\nurl = '{base}/event'\ndocuments = true\ndocuments_url = '{base}/d/{{objectId}}'\n\
             auth = {{ type = 'bearer', token = 'secret' }}\nheaders = {{ X-Key = 'k' }}"
        );
        let handler = crate::handlers::from_toml("erp", &table).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
        let file = folder.path().join("a.pdf");
        std::fs::write(&file, &content).unwrap();
        let attached = |object_id: Option<&str>, held| Attached {
            object_id: object_id.map(str::to_owned),
            url: None,
            code: None,
            name: None,
            line: None,
            held,
        };
        let content_type = Some("application/pdf".to_owned());
        let held = Held::Here { file, size: content.len() as u64, sha256: "c0ffee".to_owned(), content_type };
        let documents = [
            attached(Some("a/b"), held.clone()),
            attached(Some("a/b"), held.clone()),
            attached(None, held),
            attached(Some("gone"), Held::Missing { missing: "it is gone".to_owned() }),
        ];
        let body = r#"{"orderEvent": {"orderId": "o"}}"#;
        let event = Event { documents: Some(documents.into()), ..Event::from_body(body).unwrap() };

        let taken = async {
            let mut requests = Vec::new();
            for answer in [201, 200, 202] {
                requests.push(take(&listener, answer).await);
            }
            requests
        };
        let (outcome, requests) = tokio::join!(handler.deliver(&event), taken);

        assert_eq!(outcome, Outcome::Done);
        let first = |index: usize| requests[index].0.lines().next().unwrap();
        assert_eq!(first(0), "PUT /d/a%2Fb HTTP/1.1");
        assert_eq!(first(1), "PUT /d/c0ffee HTTP/1.1");
        assert_eq!(first(2), "POST /event HTTP/1.1");
        for line in
            ["content-type: application/pdf", "content-length: 200000", "authorization: Bearer secret", "x-key: k"]
        {
            assert!(requests[0].0.lines().any(|other| other == line), "{line}: {}", requests[0].0);
        }
        assert!(requests[0].1 == content && requests[1].1 == content);

        for (answer, rejected) in [(422, true), (503, false), (302, false)] {
            let (outcome, _) = tokio::join!(handler.deliver(&event), take(&listener, answer));
            let (is_rejected, reason) = match outcome {
                Outcome::Rejected(rejection) => (true, rejection.reason),
                Outcome::Unavailable(why) => (false, why.reason),
                Outcome::Done => panic!("{answer}"),
            };
            assert!(is_rejected == rejected && reason.starts_with("document a/b: "), "{answer}: {reason}");
        }
    }

    #[test]
    fn an_address_without_a_place_for_the_id_is_refused() {
        for (keys, words) in [
            ("documents_url = 'https://erp.example/d'\ndocuments = true", "must have {objectId} in it"),
            ("documents_url = 'https://{objectId}.example/d'\ndocuments = true", "in its host"),
            ("documents_url = 'https://u:p@erp.example/{objectId}'\ndocuments = true", "credentials"),
            ("documents_url = 'ftp://erp.example/{objectId}'\ndocuments = true", "no address"),
            ("documents_url = 'https://erp.example/{objectId}'", "documents = true"),
        ] {
            let table = format!("type = 'http'\nurl = 'https://erp.example'\n{keys}");
            let problems = crate::handlers::from_toml("erp", &table).err().unwrap().to_string();
            assert!(problems.contains(words) && !problems.contains("u:p"), "{problems}");
        }
    }
}
