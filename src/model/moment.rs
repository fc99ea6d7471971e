//! Date-times: the ERP's local ones and Tradecloud's own with a zone.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use jiff::{Timestamp, civil};
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::shape::{Described, Shape};

/// A date-time as Tradecloud wrote it: with a zone (its own) or local to the ERP that set it.
///
/// Two with a zone are equal if they are the same instant, two local ones if they read the same; one
/// of each is never equal. It is written back as it came.
///
/// ```
/// use tradecloud_webhook::model::{DateTime, Moment};
///
/// let updated: DateTime = "2025-04-23T10:01:53.812Z".parse()?;
/// assert!(matches!(updated.moment(), Moment::Instant(_)));
/// let issued: DateTime = "2019-12-31T10:11:12".parse()?;
/// assert!(matches!(issued.moment(), Moment::Local(_)));
/// # Ok::<(), tradecloud_webhook::model::NotADateTime>(())
/// ```
#[derive(Clone)]
pub struct DateTime {
    text: String,
    moment: Moment,
}

/// What a [`DateTime`] stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// A point in time: it came with `Z` or an offset.
    Instant(Timestamp),
    /// A date and a time of day somewhere: which zone is known only to the system that set it.
    Local(civil::DateTime),
}

/// The text is no ISO 8601 date-time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date-time: expected one like 2019-12-31T10:11:12 or 2019-12-31T10:11:12.345Z")]
pub struct NotADateTime;

impl DateTime {
    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it stands for.
    pub const fn moment(&self) -> Moment {
        self.moment
    }

    /// The instant, if it came with a zone.
    pub const fn timestamp(&self) -> Option<Timestamp> {
        match self.moment {
            Moment::Instant(instant) => Some(instant),
            Moment::Local(_) => None,
        }
    }
}

impl FromStr for DateTime {
    type Err = NotADateTime;

    fn from_str(text: &str) -> Result<Self, NotADateTime> {
        let moment = if let Ok(instant) = text.parse() {
            Moment::Instant(instant)
        } else {
            Moment::Local(text.parse().map_err(|_| NotADateTime)?)
        };
        Ok(Self { text: text.to_owned(), moment })
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for DateTime {
    fn eq(&self, other: &Self) -> bool {
        self.moment == other.moment
    }
}

impl Eq for DateTime {}

impl Hash for DateTime {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.moment.hash(state);
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for DateTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|NotADateTime| D::Error::invalid_value(Unexpected::Other("text"), &"a date-time"))
    }
}

impl Described for DateTime {
    const SHAPE: Shape = Shape::Text;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_instant_is_equal_in_any_zone_and_written_back_as_it_came() {
        let zulu: DateTime = serde_json::from_str("\"2025-04-23T10:01:53.810Z\"").unwrap();
        let offset: DateTime = serde_json::from_str("\"2025-04-23T12:01:53.81+02:00\"").unwrap();
        let local: DateTime = serde_json::from_str("\"2025-04-23T10:01:53.810\"").unwrap();
        assert_eq!(zulu, offset);
        assert_ne!(zulu, local);
        assert_eq!(serde_json::to_string(&offset).unwrap(), "\"2025-04-23T12:01:53.81+02:00\"");
    }

    #[test]
    fn what_is_no_date_time_is_refused() {
        for json in ["\"\"", "\"yesterday\"", "\"2025-13-01T00:00:00Z\"", "20250101", "{}"] {
            assert!(serde_json::from_str::<DateTime>(json).is_err(), "{json}");
        }
    }
}
