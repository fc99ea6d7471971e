//! `inbox verify`: every event against its checksum, of the inbox or of a backup, and the structure of the file.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::VerifyArgs;
use super::words::{events, thousands};
use crate::inbox::copy::{Copies, NoCopies};
use crate::inbox::{Archive, NoInbox, Purpose, Verified};
use crate::settings::Kept;
use crate::shown::{line, printable};

/// How many ids are looked up at once.
const PAGE: usize = 500;

/// What was found.
#[derive(Default)]
struct Found {
    /// What is wrong with the structure of the file.
    structure: Vec<String>,
    /// What there is to say of the events, all steps together.
    events: Verified,
    /// The ids of damaged ones, as far as they can be read.
    ids: HashMap<i64, String>,
    /// Why not all of them could be read.
    unread: Option<String>,
}

/// What was read, by which somebody knows what to do.
#[derive(Clone, Copy)]
enum What {
    Backup,
    File,
    Postgres,
}

/// Where the events are read.
enum Source<'a> {
    Inbox(Arc<dyn Archive>),
    Backup(Box<dyn Copies>, &'a Path),
}

impl Source<'_> {
    async fn step(&self, after: i64) -> anyhow::Result<Verified> {
        match self {
            Self::Inbox(archive) => Ok(archive.verify(after).await?),
            Self::Backup(copies, folder) => copies.verify(folder, after).await,
        }
    }
}

/// Reads all of it and says what is damaged; returns whether nothing is.
pub(super) async fn run(kept: &Kept, args: &VerifyArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let copies = kept.inbox.store.copies();
    let what = match (&copies, &args.folder) {
        (_, Some(_)) => What::Backup,
        (Err(NoCopies::InPostgres { .. }), None) => What::Postgres,
        _ => What::File,
    };
    let found = match (copies, &args.folder) {
        (Ok(copies), Some(folder)) => {
            let structure = copies.examine(Some(folder)).await?;
            Found { structure, ..Found::default() }.with_events(&Source::Backup(copies, folder)).await
        }
        (Err(none), Some(_)) => return Err(none.into()),
        (copies, None) => of_inbox(kept, copies).await?,
    };
    if args.json {
        found.write_json(out)?;
    } else {
        found.write(what, out)?;
    }
    Ok(found.is_whole())
}

async fn of_inbox(kept: &Kept, copies: Result<Box<dyn Copies>, NoCopies>) -> anyhow::Result<Found> {
    let structure = match copies {
        Ok(copies) => copies.examine(None).await?,
        // The server looks after its own pages.
        Err(NoCopies::InPostgres { .. }) => Vec::new(),
        Err(NoCopies::KeepsNothing) => return Err(NoInbox::KeepsNothing.into()),
    };
    let found = Found { structure, ..Found::default() };
    let inbox = match kept.inbox.store.open(Purpose::Tool).await {
        Ok(inbox) => inbox,
        // What was found says why.
        Err(error) if !found.structure.is_empty() => {
            return Ok(Found { unread: Some(format!("no event can be read: {error:#}")), ..found });
        }
        Err(error) => return Err(error),
    };
    let archive = Arc::clone(&inbox).archive().ok_or(NoInbox::KeepsNothing)?;
    crate::cli::tell_of_take_over(&*archive);
    let mut found = found.with_events(&Source::Inbox(Arc::clone(&archive))).await;
    let sequences: Vec<_> = found.events.damaged.iter().map(|(sequence, _)| *sequence).collect();
    for some in sequences.chunks(PAGE) {
        // Of a damaged one not even that may be there, which hides nothing of the others.
        let mut views = archive.views(some).await;
        if views.is_err() {
            let mut each = Vec::new();
            for sequence in some {
                each.extend(archive.views(&[*sequence]).await.unwrap_or_default());
            }
            views = Ok(each);
        }
        found.ids.extend(views.unwrap_or_default().into_iter().map(|view| (view.sequence, view.id)));
    }
    inbox.close().await;
    Ok(found)
}

impl Found {
    async fn with_events(mut self, from: &Source<'_>) -> Self {
        let mut after = 0;
        loop {
            match from.step(after).await {
                Ok(step) => {
                    self.events.events += step.events;
                    self.events.without += step.without;
                    self.events.earlier = self.events.earlier.or(step.earlier);
                    self.events.damaged.extend(step.damaged);
                    match step.last {
                        Some(last) if last > after => after = last,
                        _ => return self,
                    }
                }
                Err(error) => {
                    self.unread = Some(format!("the events after sequence {after} cannot be read: {error:#}"));
                    return self;
                }
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.structure.is_empty() && self.events.damaged.is_empty() && self.unread.is_none()
    }

    fn write(&self, read: What, out: &mut impl Write) -> anyhow::Result<()> {
        for what in self.structure.iter().chain(&self.unread) {
            writeln!(out, "damaged: {}", line(what))?;
        }
        for (sequence, what) in &self.events.damaged {
            let id = self.ids.get(sequence).map_or_else(String::new, |id| format!(" (id {})", printable(id)));
            writeln!(out, "damaged: sequence {sequence}{id}: {}", line(what))?;
        }
        let all = self.events.events as u64;
        match (self.is_whole(), self.events.without as u64) {
            (true, 0) if all == 0 => writeln!(out, "No events, and nothing damaged.")?,
            (true, _) if self.events.earlier.is_some() => {
                writeln!(out, "{}, all of which can be read, and the structure is sound.", events(all))?;
            }
            (true, 0) => writeln!(out, "{}, all as they were received.", events(all))?,
            (true, _) => writeln!(out, "{}, none of them damaged.", events(all))?,
            (false, _) => {
                let damaged = thousands(self.events.damaged.len() as u64);
                writeln!(out, "{} read, {damaged} of them damaged.", events(all))?;
            }
        }
        if let Some(version) = self.events.earlier {
            writeln!(
                out,
                "It is of an earlier version ({version}) of the inbox, which has no checksums: whether something in a body \
                 has changed, nobody can say. Restored, it is taken over by the next start."
            )?;
        } else if self.events.without > 0 {
            writeln!(
                out,
                "{} came before checksums were kept, and nothing can be said of what is in them. A receiver that runs \
                 makes their checksums by and by.",
                thousands(self.events.without as u64)
            )?;
        }
        if self.is_whole() {
            return Ok(());
        }
        let advice = match read {
            What::Backup => "Use an earlier backup for `inbox restore`, and look at the disk that this one is on.",
            What::File => {
                "Look at the disk first: where one page is damaged, more will be. `events show ID` shows what can be \
                 read of an event, and the ERP has had what is done. Stop the receiver, move the inbox away, and put \
                 a backup in its place (`inbox restore`) that `inbox verify DIR` finds whole; that also says what is \
                 missing then."
            }
            What::Postgres => {
                "Look at the disk of the database first: where one page is damaged, more will be. `events show ID` \
                 shows what can be read of an event, and the ERP has had what is done. Stop all receivers, and put a \
                 backup in its place with PostgreSQL's own program: pg_restore --clean --if-exists --dbname=DATABASE \
                 inbox.dump. `inbox verify` then reads that one."
            }
        };
        writeln!(out, "{advice}")?;
        Ok(())
    }

    fn write_json(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let damaged = self.events.damaged.iter();
        let damaged: Vec<_> = damaged
            .map(|(sequence, what)| json!({"sequence": sequence, "id": self.ids.get(sequence), "what": what}))
            .collect();
        let found = json!({
            "whole": self.is_whole(), "events": self.events.events, "withoutChecksum": self.events.without,
            "earlierVersion": self.events.earlier, "damaged": damaged, "structure": self.structure, "unread": self.unread,
        });
        writeln!(out, "{found}")?;
        Ok(())
    }
}
