//! The documents of an event, and `/documents/<objectId>`: those that are on the disk of this receiver, to be kept as
//! files. Nothing opens one by itself.

use std::path::Path as FilePath;

use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::Response;
use tokio::io::AsyncReadExt as _;

use super::address::encoded;
use super::trouble::Trouble;
use super::visit::Visit;
use crate::admin::api::flow;
use crate::decode::{self, Place};
use crate::desk::Desk;
use crate::event::{Event, Held};

/// So many are shown of an event.
const MOST: usize = 100;
const PIECE: usize = 64 << 10;

/// A document as an event names it.
pub(super) struct Document {
    pub(super) name: String,
    pub(super) line: Option<String>,
    /// Where it is, in words.
    pub(super) place: String,
    /// Where it is to be had, if it is here.
    pub(super) link: Option<String>,
}

/// Those of an event.
pub(super) async fn of(desk: &Desk, event: Option<&Event>) -> Vec<Document> {
    let Some(event) = event else { return Vec::new() };
    let attached = decode::attached(event.envelope.format, event.content_type.as_deref(), &event.body);
    let mut documents = Vec::new();
    for one in attached.into_iter().take(MOST) {
        let name = one.name.or(one.code).unwrap_or_else(|| "document".to_owned());
        let (place, link) = match one.place {
            Place::Object(id) => match desk.document(&id).await {
                Some(Held::Here { size, .. }) => (
                    format!(
                        "{} bytes",
                        crate::wording::numbers::with_commas(usize::try_from(size).unwrap_or(usize::MAX))
                    ),
                    Some(encoded(&id)),
                ),
                _ => ("with Tradecloud".to_owned(), None),
            },
            Place::Url(_) => ("with the other party".to_owned(), None),
        };
        documents.push(Document { name, line: one.line, place, link });
    }
    documents
}

pub(super) async fn show(visit: Visit, id: Result<Path<String>, PathRejection>) -> Response {
    match file(&visit, id).await {
        Ok(response) => response,
        Err(trouble) => visit.answer::<Nothing>(Err(trouble)),
    }
}

/// No page.
#[derive(askama::Template)]
#[template(source = "", ext = "html")]
struct Nothing;

async fn file(visit: &Visit, id: Result<Path<String>, PathRejection>) -> Result<Response, Trouble> {
    let none = || {
        let what = "That document is not on the disk of this receiver. Documents are kept for handlers that want them \
                    (documents = true), and removed with the last event that names them.";
        Trouble::NotThere(what.to_owned())
    };
    let desk = visit.desk()?;
    let Ok(Path(id)) = id else { return Err(none()) };
    let Some(Held::Here { file, .. }) = desk.document(&id).await else { return Err(none()) };
    let turn = flow::turn(&visit.pages.api.flows).await.map_err(|_| Trouble::Busy)?;
    let mut open = tokio::fs::File::open(&file).await.map_err(|_| none())?;
    let length = open.metadata().await.map_err(|_| none())?.len();
    let (source, mut response) = flow::open();
    tokio::spawn(async move {
        let _turn = turn;
        let mut piece = vec![0; PIECE];
        loop {
            match open.read(&mut piece).await {
                Ok(0) => return,
                Ok(read) => {
                    if !source.put(Bytes::copy_from_slice(&piece[..read])).await {
                        return source.fail("nobody takes it").await;
                    }
                }
                Err(error) => return source.fail(&error.to_string()).await,
            }
        }
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    if let Ok(named) = HeaderValue::from_str(&disposition(&file)) {
        headers.insert(CONTENT_DISPOSITION, named);
    }
    Ok(response)
}

/// A file of that name, in the two forms that there are of it (RFC 6266).
fn disposition(file: &FilePath) -> String {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("document");
    let plain: String = name
        .chars()
        .map(
            |letter| {
                if letter.is_ascii_graphic() && !"\"\\%;".contains(letter) || letter == ' ' { letter } else { '_' }
            },
        )
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", encoded(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_in_letters_that_every_header_takes() {
        assert_eq!(
            disposition(FilePath::new("/x/Zeichnung \"ä\".pdf")),
            "attachment; filename=\"Zeichnung ___.pdf\"; filename*=UTF-8''Zeichnung%20%22%C3%A4%22.pdf"
        );
    }
}
