//! `events export`: JSON lines that `replay` and any script can read. A file is for its owner only, as the inbox
//! is, and there whole or not at all.

use std::fs::OpenOptions;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use anyhow::Context as _;

use super::ExportArgs;
use super::list::tell_of_unreadable;
use crate::desk::{Desk, Line, Within};
use crate::durable::{Folder, Part};
use crate::inbox::{AT_ONCE, Filter};

/// For the owner only: it holds what the inbox holds.
const MODE: u32 = 0o600;

/// Writes every event that matches and can be read, the oldest first; returns whether that is each.
pub(super) async fn run(desk: &Desk, filter: &Filter, args: &ExportArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let within = args.within.read()?;
    let within = within.as_ref();
    // By custom, `-` is standard output and no file of that name.
    let Some(path) = args.output.as_deref().filter(|path| *path != Path::new("-")) else {
        return write(desk, filter, within, out).await;
    };
    let failed = || format!("cannot write {}", path.display());
    match path.metadata() {
        Ok(there) if !there.is_file() => {
            // A device or a pipe, which has nothing to be replaced.
            let file = OpenOptions::new().write(true).open(path).with_context(failed)?;
            return write(desk, filter, within, &mut BufWriter::new(file)).await;
        }
        Ok(_) if !args.force => return Err(is_there(path)),
        _ => {}
    }
    // By way of a link, it is the file behind that which is meant.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder_at = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = Folder::open(folder_at).with_context(failed)?;
    let mut part = Part::create(folder_at, Some(MODE)).with_context(failed)?;
    let mut out = BufWriter::new(part.file().with_context(failed)?);
    let all = write(desk, filter, within, &mut out).await.with_context(failed)?;
    drop(out);
    part.sync().with_context(failed)?;
    if args.force {
        part.put(&target).with_context(failed)?;
    } else if let Err(error) = part.put_new(&target) {
        // Somebody has made one meanwhile.
        return Err(if error.kind() == ErrorKind::AlreadyExists {
            is_there(path)
        } else {
            anyhow::Error::new(error).context(failed())
        });
    }
    folder.sync().with_context(failed)?;
    Ok(all)
}

fn is_there(path: &Path) -> anyhow::Error {
    anyhow::anyhow!("{} is there already. Name another file, or replace it with --force", path.display())
}

/// Which they are is found before, so that one that comes meanwhile moves no other; of the events themselves only some
/// are held at a time.
async fn write(desk: &Desk, filter: &Filter, within: Option<&Within>, out: &mut impl Write) -> anyhow::Result<bool> {
    let cannot_read = "cannot read the inbox";
    let mut all = true;
    for page in desk.sequences(filter).await.context(cannot_read)?.chunks(AT_ONCE) {
        let page = desk.page(page).await.context(cannot_read)?;
        all &= tell_of_unreadable(&page.unreadable);
        for event in page.events {
            if let Some(within) = within
                && let Ok(false) = desk.is_inside(&event, within).await.context(cannot_read)?
            {
                continue;
            }
            match desk.body_if_readable(&event).await.context(cannot_read)? {
                Ok(body) => Line::new(&event, &body).write(out)?,
                Err(error) => all &= tell_of_unreadable(&[(event.sequence, error)]),
            }
        }
    }
    out.flush()?;
    Ok(all)
}
