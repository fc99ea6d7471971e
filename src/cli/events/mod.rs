//! `events`: works on the inbox, beside a receiver that may be running.

mod change;
mod export;
mod show;
mod words;

use std::io::Write;

use clap::{ArgGroup, Args, Subcommand};
use jiff::{Timestamp, Zoned};

use super::{ConfigArgs, Failure};
use crate::desk::Desk;
use crate::inbox::{Filter, NoInbox, Purpose, State};
use crate::model::Kind;

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
    /// Show one event in full, with its attempts
    Show(ShowArgs),
    /// Deliver events: again what is dead or discarded, at once what waits for its next attempt, and refused bodies
    /// that can be read now. With --handler and no ids: all that the handler wants and has not got
    Deliver(DeliverArgs),
    /// Set events aside: what is pending, dead or refused of them is not delivered
    Discard(DiscardArgs),
    /// Write events out as JSON lines, the oldest first; `replay` reads them
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// How many at the most
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Write one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The event's id
    id: String,
    /// Write the body as received, and nothing else
    #[arg(long)]
    body: bool,
    /// Write one JSON object
    #[arg(long, conflicts_with = "body")]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["ids", "all", "handler"]).required(true).multiple(true))]
struct DeliverArgs {
    /// Ids of events
    #[arg(value_name = "ID", conflicts_with = "all")]
    ids: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["ids", "all"]).required(true))]
struct DiscardArgs {
    /// Ids of events
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Args)]
struct ChangeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Every event that matches the filter: for `deliver`, the dead ones unless --state says otherwise;
    /// `discard` needs --state
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: FilterArgs,
    /// Write one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Write to that file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<std::path::PathBuf>,
    /// Replace that file if it is there
    #[arg(long, requires = "output")]
    force: bool,
}

#[derive(Debug, Clone, Args)]
struct FilterArgs {
    /// In that state
    #[arg(long)]
    state: Option<State>,
    #[arg(long, value_parser = kind, help = format!("Of that kind: {}", Kind::names("or")))]
    kind: Option<Kind>,
    /// With an event name like this, for example 'Order*BySupplier'
    #[arg(long, value_name = "PATTERN")]
    event: Option<String>,
    /// With a delivery by that handler (deliver: by that handler only, whether or not it wanted the event)
    #[arg(long, value_name = "NAME")]
    handler: Option<String>,
    /// Of that order or shipment: its id, purchase order number or shipment number
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Received at that time or later: 2026-03-01, 2026-03-01T12:00:00Z or 2h for two hours ago
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Received before that time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
}

impl EventsArgs {
    /// Whether the command leaves the inbox as it is.
    pub(super) fn only_look(&self) -> bool {
        matches!(self.command, Command::List(_) | Command::Show(_) | Command::Export(_))
    }
}

/// Runs one of the `events` commands; returns whether it could do all it was asked for.
///
/// # Errors
/// The problems of the configuration, or why the inbox cannot be read or written.
pub async fn run(args: &EventsArgs, out: &mut impl Write) -> Result<bool, Failure> {
    match &args.command {
        Command::List(args) => {
            let desk = open(&args.config).await?;
            show::list(&desk, &args.filter.to_filter(args.limit), args.json, out).await?;
            Ok(true)
        }
        Command::Show(args) => {
            let desk = open(&args.config).await?;
            show::show(&desk, args, out).await?;
            Ok(true)
        }
        Command::Deliver(args) => {
            let desk = open(&args.change.config).await?;
            let done = change::deliver(&desk, args, out).await;
            desk.close().await;
            Ok(done?)
        }
        Command::Discard(args) => {
            let desk = open(&args.change.config).await?;
            let done = change::discard(&desk, args, out).await;
            desk.close().await;
            Ok(done?)
        }
        Command::Export(args) => {
            let desk = open(&args.config).await?;
            export::run(&desk, args, out).await?;
            Ok(true)
        }
    }
}

/// The inbox and what handlers there are. Nothing else of the configuration is asked for: a certificate
/// that cannot be read must not keep anybody from the events.
async fn open(args: &ConfigArgs) -> Result<Desk, Failure> {
    let layers = super::layers(args).map_err(|problem| vec![problem])?;
    let kept = layers.kept()?;
    let inbox = kept.inbox.store.open(Purpose::Look).await?;
    let archive = inbox.archive().ok_or(NoInbox::KeepsNothing).map_err(anyhow::Error::from)?;
    Ok(Desk::new(archive, kept.routes.into()))
}

impl FilterArgs {
    fn to_filter(&self, limit: usize) -> Filter {
        Filter {
            state: self.state,
            kind: self.kind,
            event: self.event.clone(),
            handler: self.handler.clone(),
            subject: self.subject.clone(),
            since: self.since,
            until: self.until,
            before: None,
            limit,
        }
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| format!("not one of {}", Kind::names("or")))
}

/// A point in time: an instant, a day (in the machine's time zone), or how long ago.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    if let Ok(ago) = humantime::parse_duration(text) {
        return Timestamp::now().checked_sub(ago).map_err(|error| error.to_string());
    }
    let local = text
        .parse::<jiff::civil::DateTime>()
        .map_err(|_| "a time such as 2026-03-01, 2026-03-01T12:00:00Z or 2h (ago)".to_owned())?;
    local.to_zoned(Zoned::now().time_zone().clone()).map(|zoned| zoned.timestamp()).map_err(|error| error.to_string())
}
