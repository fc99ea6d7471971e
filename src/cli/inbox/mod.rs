//! `inbox`: a copy of the inbox, a look at whether it is whole, and the way back.

mod restore;
mod verify;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::Failure;
use crate::config::not_meant;
use crate::event::rfc3339;
use crate::inbox::copy::{Backup, Content, How};
use crate::listener::development;
use crate::settings::Kept;
use words::{events, last, size};

/// Arguments of `inbox`.
#[derive(Debug, Args)]
pub struct InboxArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a consistent copy into a folder, also while the receiver runs. On PostgreSQL that is what pg_dump is for
    Backup(BackupArgs),
    /// Read every event and compare it with its checksum, also while the receiver runs
    Verify(VerifyArgs),
    /// Put a backup in the place of the inbox. Nothing may be there; the receiver must not run
    Restore(RestoreArgs),
}

#[derive(Debug, Args)]
struct BackupArgs {
    /// The folder to write it into, which is made if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The folder of an earlier backup: what has not changed since is linked to it, and takes no room
    #[arg(long, value_name = "PREVIOUS")]
    link: Option<PathBuf>,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct VerifyArgs {
    /// The folder of a backup, to be read instead of the inbox
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// The folder of the backup
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs one of the `inbox` commands; returns whether all is well.
///
/// # Errors
/// The problems of the configuration, or why it cannot be done.
pub async fn run(args: &InboxArgs, config: Option<&Path>, out: &mut impl Write) -> Result<bool, Failure> {
    // Nothing else of the configuration is asked for: a certificate that cannot be read must not keep anybody from a
    // backup, nor from restoring one.
    let layers = development::layers(config).map_err(|problem| vec![problem])?;
    let kept = layers.kept()?;
    match &args.command {
        Command::Backup(args) => back_up(&kept, args, out).await?,
        Command::Verify(args) => return Ok(verify::run(&kept, args, out).await?),
        Command::Restore(args) => restore::run(&kept, args, out).await?,
    }
    Ok(true)
}

async fn back_up(kept: &Kept, args: &BackupArgs, out: &mut impl Write) -> anyhow::Result<()> {
    let copies = kept.inbox.store.copies()?;
    if let Some(what) = not_meant(&args.folder.to_string_lossy()) {
        bail!("{} {what}. Write the path in full", args.folder.display());
    }
    let backup = copies.back_up(&args.folder, args.link.as_deref()).await?;
    if args.json {
        writeln!(out, "{}", json_of(&backup))?;
        return Ok(());
    }
    let Backup { file, content, how } = &backup;
    writeln!(out, "{}: {}, {}", file.display(), summary(content, &kept.time_zone), size(content.bytes))?;
    match how {
        How::Copied => {}
        How::Linked => {
            writeln!(out, "Linked: nothing was written since the earlier backup, and both are one file on the disk.")?;
        }
        How::NotLinked(why) => writeln!(out, "Copied whole: {why}.")?,
    }
    Ok(())
}

/// What is in a copy, in a line.
fn summary(content: &Content, zone: &TimeZone) -> String {
    match content.last {
        Some(_) => format!("{}, up to {}", events(content.events), last(content, zone)),
        None => events(0),
    }
}

fn json_of(Backup { file, content, how }: &Backup) -> Value {
    let mut backup = json_of_content(content);
    backup["file"] = json!(file.to_string_lossy());
    backup["linked"] = json!(matches!(how, How::Linked));
    if let How::NotLinked(why) = how {
        backup["notLinked"] = json!(why);
    }
    backup
}

fn json_of_content(content: &Content) -> Value {
    let last = content.last.map(|(sequence, received)| json!({"sequence": sequence, "received": rfc3339(received)}));
    json!({"events": content.events, "last": last, "size": content.bytes})
}
