//! `replay`: sends recorded requests again, from webhook.site, from HAR files, or from this
//! receiver's own exports.

mod recording;

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Interval, MissedTickBehavior};
use uuid::Uuid;

use self::recording::{Entry, Recorded, Recording, in_order, missing_pages};
use super::sender::{Origin, Post, Report, Sender, Target, is_file};

/// Send recorded events to a receiver again, in the order of their times, and say what Tradecloud
/// would make of each answer.
///
/// All files are looked through first, so that several of them are sent together in order. Each body
/// is sent byte for byte with its recorded content type, but with the credentials given here, never
/// with the recorded ones. What is no webhook (a GET, an e-mail) is skipped; what cannot be sent, such
/// as a request whose body was not recorded, is named with its place and the reason, and the rest is
/// sent. An event that the receiver already has keeps its messageId: it is not handed on twice, and
/// told as repeated.
///
/// Exit status: 0 if everything was delivered, 1 if not, or if anything could not be sent.
#[derive(Debug, Clone, clap::Args)]
pub struct ReplayArgs {
    /// Recordings: webhook.site exports (JSON; all pages of a list, or a single request), HAR files, or
    /// exports of this receiver (JSON lines). The content tells which it is
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Send at most so many per second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Read everything and say what would be sent and what could not be, but send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    target: Target,
}

/// Sends the recordings that `args` names and writes a line per request to `out`.
///
/// Returns whether all that had to be sent could be, and was delivered.
///
/// # Errors
/// If a file cannot be opened or read, an argument cannot be used, or `out` cannot be written. What of a
/// file cannot be sent is no error but a line.
pub async fn run(args: &ReplayArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let sender = Sender::new(&args.target)?;
    // A misspelled name is told before anything is sent.
    for path in &args.files {
        is_file(path)?;
    }
    let bar = progress_bar();
    let mut report = Report::new(out, args.target.json(), bar.clone());
    let mut recordings = Vec::new();
    for (path, twice) in given_once(&args.files) {
        if twice {
            report.warning(&Origin::file(path), "is named twice, and sent once")?;
        } else {
            recordings.push(Recording::open(path)?);
        }
    }
    for recording in recordings.iter().filter(|recording| recording.is_empty()) {
        report.warning(&recording.file(), "holds no requests")?;
    }
    for (recording, missing) in missing_pages(&recordings) {
        report.not_sent(&recording.file(), &missing)?;
    }
    let entries = in_order(&mut recordings);
    let alone = entries.len() == 1;
    bar.set_length(entries.len() as u64);
    let mut pace = args.rate.map(pace);
    let mut seen = HashMap::new();
    for (index, entry) in entries {
        let recording = &mut recordings[index];
        let origin = recording.origin(&entry);
        match post(recording, &entry, &origin, &mut seen) {
            Ok(Turn::Send(post)) if args.dry_run => report.would_send(&post)?,
            Ok(Turn::Send(post)) => {
                if let Some(pace) = &mut pace {
                    pace.tick().await;
                }
                sender.deliver(&post, &mut report).await?;
            }
            Ok(Turn::Skip(why)) => report.skipped(&origin, &why)?,
            Err(why) => report.not_sent(&origin, &why)?,
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    if args.dry_run {
        report.dry_summary(args.target.url())?;
    } else if !alone {
        report.summary()?;
    }
    Ok(report.all_delivered())
}

/// What is to be done with an entry.
enum Turn {
    Send(Post),
    Skip(String),
}

/// Reads an entry. `seen` has what webhook.site knows the earlier ones by: pages that were fetched while
/// requests came in overlap.
fn post(
    recording: &mut Recording,
    entry: &Entry,
    origin: &Origin,
    seen: &mut HashMap<Uuid, String>,
) -> Result<Turn, String> {
    if let Some(first) = entry.id().and_then(|id| seen.get(&id)) {
        return Ok(Turn::Skip(format!("the same request as {first}")));
    }
    let turn = match recording.read(entry)? {
        Recorded::Skip(why) => Turn::Skip(why),
        Recorded::Request { content_type, body } => {
            let post = Post { origin: origin.clone(), content_type, body };
            post.headers()?;
            Turn::Send(post)
        }
    };
    // One that cannot be sent does not stand for another copy of it, which may be whole.
    if let Some(id) = entry.id() {
        seen.insert(id, origin.name());
    }
    Ok(turn)
}

/// The files, each with whether it was there before under this or another name.
fn given_once(files: &[PathBuf]) -> impl Iterator<Item = (&Path, bool)> {
    let mut before = Vec::new();
    files.iter().map(move |path| {
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        // What is read from a pipe is something else each time.
        let twice = path.is_file() && before.contains(&real);
        before.push(real);
        (path.as_path(), twice)
    })
}

/// A bar over the entries. It shows only if standard error is a terminal.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed} gone, {eta} to go")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn pace(rate: u32) -> Interval {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
    // A slow answer must not be followed by a burst.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}
