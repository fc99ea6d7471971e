//! Which events a command is about: the options that `events` commands have in common.

use clap::Args;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::inbox::{Filter, State};
use crate::model::{Kind, folded};

/// How an event can have come.
const ORIGINS: [&str; 6] = ["webhook", "get", "poll", "missed", "fetch", "backfill"];

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

/// A number that something can be found by: blanks and dashes alone tell nothing from anything.
pub(super) fn number(text: &str) -> Result<String, String> {
    if folded(text).is_empty() {
        return Err("a number has a letter or digit in it, such as PO-4500012345".to_owned());
    }
    Ok(text.to_owned())
}

/// A time as somebody writes it.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Time {
    Instant(Timestamp),
    /// By the clock on the wall.
    Local(DateTime),
}

impl Time {
    /// The instant in that zone. A time that its clock leaves out in spring is as much later as the clock goes forward;
    /// of one that it has twice in autumn it is the first.
    pub(in crate::cli) fn at(self, zone: &TimeZone) -> anyhow::Result<Timestamp> {
        match self {
            Self::Instant(instant) => Ok(instant),
            Self::Local(local) => Ok(zone.to_timestamp(local)?),
        }
    }
}

/// A point in time: an instant, a day or a time of a day by the clock on the wall, or how long ago.
pub(in crate::cli) fn time(text: &str) -> Result<Time, String> {
    // A zone that is named beside it goes before that of the configuration.
    let named = |_| text.parse::<Zoned>().map(|zoned| zoned.timestamp());
    if let Ok(instant) = text.parse::<Timestamp>().or_else(named) {
        return Ok(Time::Instant(instant));
    }
    if let Ok(ago) = humantime::parse_duration(text) {
        let instant = Timestamp::now().checked_sub(ago).map(Time::Instant);
        return instant.map_err(|_| "so long ago that no calendar has it".to_owned());
    }
    let local = text.parse().map(Time::Local);
    local.map_err(|_| "a time such as 2026-03-01, '2026-03-01 12:00', 2026-03-01T12:00:00Z or 2h (ago)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_more_in_it_than_blanks_and_dashes() {
        assert!(["", " ", "-", " \u{2013} - "].iter().all(|text| number(text).is_err()));
        assert_eq!(
            [" PO-1 ", "0", "#"].map(|text| number(text).ok()),
            [" PO-1 ", "0", "#"].map(|text| Some(text.into()))
        );
    }

    #[test]
    fn a_time_that_no_calendar_has_is_named_in_words() {
        assert_eq!(time("9999999999h").unwrap_err(), "so long ago that no calendar has it");
    }

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
