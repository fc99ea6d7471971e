//! `replay`: sends recorded requests again, from webhook.site, from HAR files, or from this
//! receiver's own exports.

mod recording;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Interval, MissedTickBehavior};

use self::recording::Recording;
use super::sender::{Report, Sender, Target};

/// Send recorded events to a receiver again, in the order recorded, and say what Tradecloud would
/// make of each answer.
///
/// Each body is sent byte for byte with its recorded content type, but with the credentials given
/// here, never with the recorded ones. Requests without a body are skipped. An event that the
/// receiver already has keeps its messageId, so that it is not handed on twice.
///
/// Exit status: 0 if everything was delivered, 1 if not.
#[derive(Debug, Clone, clap::Args)]
pub struct ReplayArgs {
    /// Recordings: webhook.site exports (a list or a single request), HAR files, or exports of this
    /// receiver (JSON lines). The content tells which it is
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Send at most so many per second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Read everything and say what would be sent, but send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    target: Target,
}

/// Sends the recordings that `args` names and writes a line per request to `out`.
///
/// Returns whether everything that was sent was delivered.
///
/// # Errors
/// If a recording cannot be read or understood (the error says where; what comes before that place
/// has been sent), an argument cannot be used, or `out` cannot be written.
pub async fn run(args: &ReplayArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let sender = Sender::new(&args.target)?;
    // A misspelled name is told before anything is sent; the sizes are the scale of the bar.
    let mut total = 0;
    for path in &args.files {
        let metadata = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        total += metadata.len();
    }
    let bar = progress_bar(total);
    let mut report = Report::new(out, args.target.json(), bar.clone());
    let mut pace = args.rate.map(pace);
    let mut requests = 0_u64;
    let mut done = 0;
    for path in &args.files {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let size = file.metadata()?.len();
        for request in Recording::open(path.display().to_string(), file)? {
            let request = request?;
            requests += 1;
            if request.post.body.is_empty() {
                report.skipped(&request.post, &format!("a {} without a body", request.method))?;
            } else if args.dry_run {
                report.would_send(&request.post)?;
            } else {
                if let Some(pace) = &mut pace {
                    pace.tick().await;
                }
                sender.deliver(&request.post, &mut report).await?;
            }
            bar.set_position(done + request.read);
        }
        done += size;
    }
    bar.finish_and_clear();
    if args.dry_run {
        report.dry_summary(args.target.url())?;
    } else if requests != 1 {
        report.summary()?;
    }
    Ok(report.all_delivered())
}

/// A bar over the bytes read, because nothing else is known beforehand of a file that is read as
/// it is sent. It shows only if standard error is a terminal.
fn progress_bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed} gone, {eta} to go")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}

fn pace(rate: u32) -> Interval {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / rate);
    // A slow answer must not be followed by a burst.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}
