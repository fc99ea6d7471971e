//! `events`: works on the inbox, beside a receiver that may be running.

mod change;
mod export;
mod show;
mod words;

use std::io::Write;
use std::path::Path;

use clap::{ArgGroup, Args, Subcommand};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::Failure;
use crate::desk::Desk;
use crate::inbox::{Filter, NoInbox, Purpose, State};
use crate::listener::development;
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
    filter: FilterArgs,
    /// How many at the most
    #[arg(long, default_value_t = 50, value_parser = count)]
    limit: usize,
    /// Write one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ShowArgs {
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
    /// Received at that time or later: 2026-03-01 or '2026-03-01 12:00' by log.time_zone (without it, by the machine's
    /// time zone), 2026-03-01T12:00:00Z, or 2h for two hours ago
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Time>,
    /// Received before that time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Time>,
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
pub async fn run(args: &EventsArgs, config: Option<&Path>, out: &mut impl Write) -> Result<bool, Failure> {
    let (desk, zone) = open(config).await?;
    match &args.command {
        Command::List(args) => {
            show::list(&desk, &zone, &args.filter.to_filter(args.limit, &zone)?, args.json, out).await?;
            Ok(true)
        }
        Command::Show(args) => {
            show::show(&desk, &zone, args, out).await?;
            Ok(true)
        }
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
        Command::Export(args) => {
            export::run(&desk, &args.filter.to_filter(0, &zone)?, args, out).await?;
            Ok(true)
        }
    }
}

/// The inbox with the handlers that there are, and the time zone of whoever asks. Nothing else of the configuration is
/// asked for: a certificate that cannot be read must not keep anybody from the events.
async fn open(config: Option<&Path>) -> Result<(Desk, TimeZone), Failure> {
    let layers = development::layers(config).map_err(|problem| vec![problem])?;
    let kept = layers.kept()?;
    let inbox = kept.inbox.store.open(Purpose::Tool).await?;
    let archive = inbox.archive().ok_or(NoInbox::KeepsNothing).map_err(anyhow::Error::from)?;
    Ok((Desk::new(archive, kept.routes.into()), kept.time_zone))
}

impl FilterArgs {
    fn to_filter(&self, limit: usize, zone: &TimeZone) -> anyhow::Result<Filter> {
        Ok(Filter {
            state: self.state,
            kind: self.kind,
            event: self.event.clone(),
            handler: self.handler.clone(),
            subject: self.subject.clone(),
            since: self.since.map(|time| time.at(zone)).transpose()?,
            until: self.until.map(|time| time.at(zone)).transpose()?,
            before: None,
            limit,
        })
    }
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::from_name(text).ok_or_else(|| format!("not one of {}", Kind::names("or")))
}

fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "a whole number such as 50".to_owned())
}

/// A time as somebody writes it.
#[derive(Debug, Clone, Copy)]
enum Time {
    Instant(Timestamp),
    /// By the clock on the wall.
    Local(DateTime),
}

impl Time {
    /// The instant in that zone. A time that its clock leaves out in spring is as much later as the clock goes forward;
    /// of one that it has twice in autumn it is the first.
    fn at(self, zone: &TimeZone) -> anyhow::Result<Timestamp> {
        match self {
            Self::Instant(instant) => Ok(instant),
            Self::Local(local) => Ok(zone.to_timestamp(local)?),
        }
    }
}

/// A point in time: an instant, a day or a time of a day by the clock on the wall, or how long ago.
fn time(text: &str) -> Result<Time, String> {
    // A zone that is named beside it goes before that of the configuration.
    let named = |_| text.parse::<Zoned>().map(|zoned| zoned.timestamp());
    if let Ok(instant) = text.parse::<Timestamp>().or_else(named) {
        return Ok(Time::Instant(instant));
    }
    if let Ok(ago) = humantime::parse_duration(text) {
        return Timestamp::now().checked_sub(ago).map(Time::Instant).map_err(|error| error.to_string());
    }
    let local = text.parse().map(Time::Local);
    local.map_err(|_| "a time such as 2026-03-01, '2026-03-01 12:00', 2026-03-01T12:00:00Z or 2h (ago)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_its_zone_also_where_the_clock_changes() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        for (text, instant) in [
            ("2026-03-29", "2026-03-28T23:00:00Z"),
            ("2026-03-29 02:30", "2026-03-29T01:30:00Z"),
            ("2026-10-25", "2026-10-24T22:00:00Z"),
            ("2026-10-25 02:30", "2026-10-25T00:30:00Z"),
            ("2026-10-25 02:30:00+01:00", "2026-10-25T01:30:00Z"),
            ("2026-10-25T02:30:00[America/New_York]", "2026-10-25T06:30:00Z"),
        ] {
            let instant: Timestamp = instant.parse().unwrap();

            assert_eq!(time(text).unwrap().at(&zone).unwrap(), instant, "{text}");
        }
    }
}
