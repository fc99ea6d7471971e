//! All events that match, the oldest first: as JSON lines, of which `replay` can make requests, or for a spreadsheet. Of
//! the events some are held at a time, of all of them the sequences only; which they are is known before the first is
//! sent, so that one that comes meanwhile moves no other.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Uri};
use axum::response::Response;
use bytes::{BufMut as _, Bytes, BytesMut};

use super::flow::{self, Source};
use super::query::Asked;
use super::{Api, Refused, csv};
use crate::desk::{Desk, Line, Within};
use crate::inbox::{EventView, InboxError};
use crate::readiness::Readiness;
use crate::telemetry::events;

/// Events that are looked up at a time.
const AT_A_TIME: usize = 100;
/// What is written before it is sent.
const PIECE: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
}

/// The export.
pub(super) async fn export(State(api): State<Arc<Api>>, uri: Uri) -> Result<Response, Refused> {
    let desk = Arc::clone(api.desk()?);
    let asked = Asked::read(&uri, &["format", "partner", "item"]).map_err(|what| Refused::because(&what))?;
    let form = match asked.get("format") {
        None | Some("json") => Form::Json,
        Some("csv") => Form::Csv,
        Some(_) => return Err(Refused::because("format is neither json nor csv")),
    };
    let filter = asked.filter(0).map_err(|what| Refused::because(&what))?;
    let within = asked.within().map_err(|what| Refused::because(&what))?;
    let turn = flow::turn(&api.flows).await?;
    let sequences = desk.sequences(&filter).await?;
    let (source, mut response) = flow::open();
    let (media_type, named) = match form {
        Form::Json => ("application/jsonl; charset=utf-8", "attachment; filename=\"events.jsonl\""),
        Form::Csv => ("text/csv; charset=utf-8; header=present", "attachment; filename=\"events.csv\""),
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(named));
    let readiness = Arc::clone(&api.readiness);
    tokio::spawn(async move {
        let _turn = turn;
        if let Err(why) = write(&desk, &sequences, (form, within), &source, &readiness).await {
            events::inspector::export_broken_off(&why);
            source.fail(&why).await;
        }
    });
    Ok(response)
}

/// Writes it, or says why not to the end.
async fn write(
    desk: &Desk,
    sequences: &[i64],
    (form, within): (Form, Option<Within>),
    source: &Source,
    readiness: &Readiness,
) -> Result<(), String> {
    let mut out = BytesMut::new();
    if form == Form::Csv {
        out.put_slice(csv::HEAD.as_bytes());
    }
    for page in sequences.chunks(AT_A_TIME) {
        // Nobody waits with the end of the receiver for somebody who reads.
        if readiness.is_draining() {
            return Err("the receiver is shutting down".to_owned());
        }
        let page = desk.page(page).await.map_err(|error| error.to_string())?;
        if let Some((sequence, error)) = page.unreadable.first() {
            return Err(format!("the event of sequence {sequence} cannot be read: {error}"));
        }
        for event in &page.events {
            if let Some(within) = &within {
                let is_inside = desk.is_inside(event, within).await.and_then(|read| read);
                if !is_inside.map_err(|error| error.to_string())? {
                    continue;
                }
            }
            line(desk, event, form, &mut out).await?;
            if out.len() >= PIECE && !source.put(out.split().freeze()).await {
                return Err("nobody takes it".to_owned());
            }
        }
    }
    let last: Bytes = out.freeze();
    if !last.is_empty() && !source.put(last).await {
        return Err("nobody takes it".to_owned());
    }
    Ok(())
}

async fn line(desk: &Desk, event: &EventView, form: Form, out: &mut BytesMut) -> Result<(), String> {
    if form == Form::Csv {
        csv::row(event, out);
        return Ok(());
    }
    let body = match desk.body(event).await {
        // It was removed meanwhile, as its time was over.
        Err(InboxError::Failed(_)) if desk.views(&[event.sequence]).await.is_ok_and(|found| found.is_empty()) => {
            return Ok(());
        }
        body => body.map_err(|error| error.to_string())?,
    };
    Line::new(event, &body).write(&mut out.writer()).map_err(|error| error.to_string())
}
