//! `events`: works on the inbox, beside a receiver that may be running.

mod ask;
mod change;
mod contents;
mod diff;
mod erase;
mod export;
mod filter;
mod find;
mod follow;
mod handlers;
mod history;
mod lines;
mod list;
mod order;
mod progress;
mod sheet;
mod show;
mod stats;
mod table;
mod words;

use std::io::Write;
use std::path::Path;

use clap::{ArgGroup, Args, Subcommand};
use jiff::tz::TimeZone;

use self::filter::{FilterArgs, WithinArgs};
pub(super) use self::filter::{Time, time};
use super::terminal::Terminal;
use super::{Failure, WrongUsage};
use crate::desk::{Desk, LONGEST_REASON};
use crate::inbox::{NoInbox, Purpose};
use crate::listener::development;
use crate::wording::standing;

/// What finds events says nothing of those that are named by their ids. `--handler` does: to whom, or for whom.
const FILTERS: [&str; 7] = ["states", "kind", "event", "number", "origin", "since", "until"];

/// Arguments of `events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List events, the newest first
    List(ListArgs),
    /// Show one event in full: how it came, what it names, its attempts, and what people did to it
    Show(ShowArgs),
    /// Show everything that names an order, shipment or other number, the oldest first, with what back ends said
    Order(OrderArgs),
    /// Deliver events: again what is dead or discarded, at once what waits for its next attempt, and refused bodies
    /// that can be read now. With --handler and no ids: all that the handler wants and has not got
    Deliver(DeliverArgs),
    /// Set events aside: what is pending, dead or refused of them is not delivered. With --handler: not by that one
    Discard(DiscardArgs),
    /// Count what is in each state, in all and for each handler, and say since when the oldest waits
    Stats(StatsArgs),
    /// Erase an event: its body and what was said about it. That it was there, and who did what to it, stays
    Erase(EraseArgs),
    /// Write events out as JSON lines, the oldest first; `replay` reads them
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// What is dead or refused, or has been waiting for more than 15 minutes since it came
    #[arg(long, conflicts_with_all = ["states", "follow", "partner", "item", "before"])]
    needs_attention: bool,
    /// How many at the most
    #[arg(long, default_value_t = 50, value_parser = count)]
    limit: usize,
    /// Go on with what comes, and with what becomes of it, until Ctrl+C; the oldest first
    #[arg(long, conflicts_with_all = ["partner", "item", "before"])]
    follow: bool,
    /// Write one JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    within: WithinArgs,
    /// Only what is below that sequence: to go on where a look for --partner or --item has ended
    #[arg(long, value_name = "SEQUENCE", allow_negative_numbers = true)]
    before: Option<i64>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
struct ShowArgs {
    /// The event's id, or the beginning of it; or a number in it, then it is the newest event that names that
    #[arg(value_name = "ID")]
    id: String,
    /// Write the body as received, and nothing else
    #[arg(long)]
    body: bool,
    /// Write what a handler gets, as JSON, and nothing else: as on the first attempt, without documents
    #[arg(long, conflicts_with = "body")]
    as_delivered: bool,
    /// Write what has changed since the event before of the same order or shipment
    #[arg(long, conflicts_with_all = ["body", "as_delivered"])]
    diff: bool,
    /// Write one JSON object
    #[arg(long, conflicts_with_all = ["body", "as_delivered", "diff"])]
    json: bool,
}

#[derive(Debug, Args)]
struct StatsArgs {
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct OrderArgs {
    /// The number, in any spelling
    #[arg(value_parser = filter::number)]
    number: String,
    /// Write one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["ids", "all", "handler"]).required(true).multiple(true))]
struct DeliverArgs {
    /// Ids of events, or the beginnings of ids with 8 characters or more
    #[arg(value_name = "ID", conflicts_with = "all", conflicts_with_all = FILTERS)]
    ids: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["ids", "all"]).required(true))]
struct DiscardArgs {
    /// Ids of events, or the beginnings of ids with 8 characters or more
    #[arg(value_name = "ID", conflicts_with_all = FILTERS)]
    ids: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
struct ChangeArgs {
    /// Every event that matches the filter: for `deliver`, the dead ones unless --state says otherwise;
    /// `discard` needs --state
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: FilterArgs,
    /// Do it without a question. Where there is no terminal to ask at, nothing but single ids is done without it
    #[arg(long)]
    yes: bool,
    /// Why, for those who ask later; `discard` wants it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// Write one JSON object per line
    #[arg(long)]
    json: bool,
    #[arg(long, hide = true)]
    partner: Option<String>,
    #[arg(long, hide = true)]
    item: Option<String>,
}

#[derive(Debug, Args)]
struct EraseArgs {
    /// The event's id, or its beginning with 8 characters or more
    id: String,
    /// Why, for those who ask later
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Write to that file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
    /// Replace that file if it is there
    #[arg(long, requires = "output")]
    force: bool,
    #[command(flatten)]
    within: WithinArgs,
}

impl ChangeArgs {
    /// Whoever acts wants to know on how many before, and to look into all bodies takes too long for that.
    fn ensure_it_acts_on_what_is_counted(&self) -> Result<(), WrongUsage> {
        if self.partner.is_none() && self.item.is_none() {
            return Ok(());
        }
        let what = "--partner and --item look into bodies for a while, which is no way to act on all that match. Find them \
                    with `events list`, and act on their ids, or by --state, --number, --handler, --since";
        Err(WrongUsage(what.to_owned()))
    }
}

impl EventsArgs {
    /// Whether the command leaves the inbox as it is.
    pub(super) fn only_look(&self) -> bool {
        !matches!(self.command, Command::Deliver(_) | Command::Discard(_) | Command::Erase(_))
    }
}

/// Runs one of the `events` commands; returns whether it could do all it was asked for.
///
/// # Errors
/// The problems of the configuration, or why the inbox cannot be read or written.
pub async fn run(args: &EventsArgs, config: Option<&Path>, out: &mut impl Write) -> Result<bool, Failure> {
    let (desk, zone) = open(config).await?;
    let terminal = Terminal::at_standard_output();
    match &args.command {
        Command::List(args) => Ok(list::run(&desk, &zone, args, terminal, out).await?),
        Command::Show(args) => {
            show::run(&desk, &zone, args, terminal, out).await?;
            Ok(true)
        }
        Command::Stats(args) => {
            stats::run(&desk, &zone, args.json, terminal, out).await?;
            Ok(true)
        }
        Command::Order(args) => Ok(order::run(&desk, &zone, args, terminal, out).await?),
        Command::Deliver(args) => {
            let done = change::deliver(&desk, &zone, args, out).await;
            desk.close().await;
            Ok(done?)
        }
        Command::Discard(args) => {
            let done = change::discard(&desk, &zone, args, out).await;
            desk.close().await;
            Ok(done?)
        }
        Command::Erase(args) => {
            let done = erase::run(&desk, &zone, args, out).await;
            desk.close().await;
            Ok(done?)
        }
        Command::Export(args) => Ok(export::run(&desk, &args.filter.to_filter(0, &zone)?, args, out).await?),
    }
}

/// The inbox with the handlers that there are, and the time zone of whoever asks. Nothing else of the configuration is
/// asked for: a certificate that cannot be read must not keep anybody from the events.
async fn open(config: Option<&Path>) -> Result<(Desk, TimeZone), Failure> {
    let layers = development::layers(config).map_err(|problem| vec![problem])?;
    let kept = layers.kept()?;
    let inbox = kept.inbox.store.open(Purpose::Tool).await?;
    let archive = inbox.archive().ok_or(NoInbox::KeepsNothing).map_err(anyhow::Error::from)?;
    super::tell_of_take_over(&*archive);
    Ok((Desk::new(archive, kept.routes), kept.time_zone))
}

fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "a whole number such as 50".to_owned())
}

fn reason(text: &str) -> Result<String, String> {
    crate::desk::reason(text).ok_or_else(|| format!("a reason has 1 to {LONGEST_REASON} characters"))
}
