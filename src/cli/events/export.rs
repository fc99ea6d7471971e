//! `events export`: JSON lines that `replay` and any script can read.

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{ExportArgs, pages};
use crate::inbox::{EventView, SharedInbox};

/// One line: the event with its deliveries, and its body as text, or in Base64 if it is no UTF-8.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a EventView,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// Writes every event that matches, the oldest first.
pub(super) async fn run(inbox: &SharedInbox, args: &ExportArgs, out: &mut impl Write) -> anyhow::Result<()> {
    match &args.output {
        None => write(inbox, args, out).await,
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            let mut out = BufWriter::new(file);
            write(inbox, args, &mut out).await?;
            let file = out.into_inner().with_context(|| format!("cannot write {}", path.display()))?;
            file.sync_all().with_context(|| format!("cannot write {}", path.display()))
        }
    }
}

async fn write(inbox: &SharedInbox, args: &ExportArgs, out: &mut impl Write) -> anyhow::Result<()> {
    for event in pages(inbox, &args.filter.to_filter(0)).await?.iter().rev() {
        let bytes = inbox.body(event.number).await?;
        let text = std::str::from_utf8(&bytes);
        let line = Line { event, body: text.ok(), body_base64: text.is_err().then(|| STANDARD.encode(&bytes)) };
        serde_json::to_writer(&mut *out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}
