//! `inbox restore`: a backup becomes the inbox; and what that means, before anybody starts the receiver.

use std::io::Write;

use serde_json::json;

use super::words::{events, last, size};
use super::{RestoreArgs, json_of_content};
use crate::event::rfc3339;
use crate::inbox::copy::Restored;
use crate::settings::Kept;
use crate::shown::word;

/// Puts the backup in the place of the configured inbox, and says what follows from that.
pub(super) async fn run(kept: &Kept, args: &RestoreArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let Restored { place, content } = kept.inbox.store.copies()?.restore(&args.folder).await?;
    if args.json {
        let mut restored = json_of_content(&content);
        restored["file"] = json!(place.to_string_lossy());
        writeln!(out, "{restored}")?;
        return Ok(());
    }
    writeln!(out, "{}: {}, {}", place.display(), events(content.events), size(content.bytes))?;
    let Some((_, received)) = content.last else {
        writeln!(out, "The backup has no event in it.")?;
        return Ok(());
    };
    writeln!(out, "The last one is {}.", last(&content, &kept.time_zone))?;
    writeln!(
        out,
        "
Twice: what handlers were given after the backup was made is pending in it, and they are given it again once the
receiver runs. Each event has the id that it had before, so that they recognise it. What people did since then is
undone: what they have discarded, or had delivered again, is as it was, and what they have erased is back and has to
be erased again.

Missing: what came after that last event. Tradecloud has had its answer, and sends it again only if it is asked to.
If the old inbox can be read in part, take it from there, with its file in the place of OLD, and send it to the
receiver; what it has already it recognises. Handlers are given what is sent so once more, what they had of it and what
was discarded too:

  TRADECLOUD_WEBHOOK__INBOX__PATH=OLD tradecloud-webhook events export --since {} -o missing.jsonl
  tradecloud-webhook replay missing.jsonl --url …

`replay` also reads what others have recorded, such as a proxy (HAR). For the rest, ask Tradecloud's support to send
again what came since then.
To read every event once before the start: tradecloud-webhook inbox verify {}",
        rfc3339(received),
        word(&args.folder)
    )?;
    Ok(())
}
