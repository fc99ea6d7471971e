//! Which events a command is about: the options that `events` commands have in common.

use clap::Args;
use jiff::tz::TimeZone;

use crate::cli::WrongUsage;
pub(super) use crate::desk::number;
use crate::desk::{ORIGINS, Within};
pub(in crate::cli) use crate::desk::{Time, time};
use crate::inbox::{Filter, State};
use crate::model::Kind;

#[derive(Debug, Clone, Args)]
pub(super) struct FilterArgs {
    /// In that state, or in one of several: dead,refused
    #[arg(long = "state", value_name = "STATE", value_delimiter = ',')]
    pub(super) states: Vec<State>,
    #[arg(long, value_parser = kind, help = format!("Of that kind: {}", Kind::names("or")))]
    kind: Option<Kind>,
    /// With an event name like this, for example 'Order*BySupplier'
    #[arg(long, value_name = "PATTERN")]
    event: Option<String>,
    /// With a delivery by that handler (deliver: by that handler only, whether or not it wanted the event; discard: for
    /// that handler only, and no refused body)
    #[arg(long, value_name = "NAME")]
    pub(super) handler: Option<String>,
    /// That names this: a purchase order, shipment, order id, legacy id, sales order, invoice, tracking, container,
    /// bill of lading or trace id. To look, in any spelling; deliver and discard want that of the event
    #[arg(long, value_name = "NUMBER", visible_alias = "subject", value_parser = number)]
    number: Option<String>,
    /// That came that way
    #[arg(long, value_name = "WAY", value_parser = ORIGINS)]
    origin: Option<String>,
    /// Received at that time or later: 2026-03-01 or '2026-03-01 12:00' by log.time_zone (without it, by the machine's
    /// time zone), 2026-03-01T12:00:00Z, or 2h for two hours ago
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Time>,
    /// Received before that time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Time>,
}

/// What is looked for in bodies.
#[derive(Debug, Clone, Args)]
pub(super) struct WithinArgs {
    /// Whose buyer or supplier has this in its name, id or account number
    #[arg(long, value_name = "TEXT")]
    partner: Option<String>,
    /// With a line whose item has this in its number, name or description
    #[arg(long, value_name = "TEXT")]
    item: Option<String>,
}

impl WithinArgs {
    /// As the desk takes it; `None`: nothing is looked for.
    pub(super) fn read(&self) -> Result<Option<Within>, WrongUsage> {
        Within::new(self.partner.as_deref(), self.item.as_deref()).map_err(WrongUsage)
    }
}

impl FilterArgs {
    /// As the inbox takes it, with that limit.
    pub(super) fn to_filter(&self, limit: usize, zone: &TimeZone) -> anyhow::Result<Filter> {
        Ok(Filter {
            states: self.states.clone(),
            kind: self.kind,
            event: self.event.clone(),
            handler: self.handler.clone(),
            number: self.number.clone(),
            origin: self.origin.clone(),
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
