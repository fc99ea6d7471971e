//! What people write when they ask for events, wherever they ask: times, numbers, ways.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::model::folded;

/// How an event can have come.
pub const ORIGINS: [&str; 6] = ["webhook", "get", "poll", "missed", "fetch", "backfill"];

/// A number that something can be found by: blanks and dashes alone tell nothing from anything.
///
/// # Errors
/// What a number looks like.
pub fn number(text: &str) -> Result<String, String> {
    if folded(text).is_empty() {
        return Err("a number has a letter or digit in it, such as PO-4500012345".to_owned());
    }
    Ok(text.to_owned())
}

/// A time as somebody writes it.
#[derive(Debug, Clone, Copy)]
pub enum Time {
    /// Whatever the clock on the wall says.
    Instant(Timestamp),
    /// By the clock on the wall.
    Local(DateTime),
}

impl Time {
    /// The instant in that zone. A time that its clock leaves out in spring is as much later as the clock goes forward;
    /// of one that it has twice in autumn it is the first.
    ///
    /// # Errors
    /// If no calendar has it.
    pub fn at(self, zone: &TimeZone) -> Result<Timestamp, jiff::Error> {
        match self {
            Self::Instant(instant) => Ok(instant),
            Self::Local(local) => zone.to_timestamp(local),
        }
    }
}

/// A point in time: an instant, a day or a time of a day by the clock on the wall, or how long ago.
///
/// # Errors
/// What a time looks like.
pub fn time(text: &str) -> Result<Time, String> {
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
