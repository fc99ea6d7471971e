//! Small things that many pages have: a time, a state with its shape, how many there are. They are HTML made of nothing but
//! their own words, so that templates take them as they are.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::inbox::State;
use crate::shown::time;

/// A time: to the second, with its offset, and how long ago that is.
#[derive(Debug, Clone)]
pub(super) struct When {
    instant: String,
    date: String,
    clock: String,
    offset: String,
    ago: String,
}

impl When {
    pub(super) fn new(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        let shown = time(at, zone);
        let (date, rest) = shown.split_once(' ').unwrap_or((&shown, ""));
        let (clock, offset) = rest.split_at_checked(8).unwrap_or((rest, ""));
        Self {
            instant: at.strftime("%FT%TZ").to_string(),
            date: date.to_owned(),
            clock: clock.to_owned(),
            offset: offset.to_owned(),
            ago: ago(at, now),
        }
    }

    /// `3 minutes ago`.
    pub(super) fn ago(&self) -> &str {
        &self.ago
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instant, date, clock, offset, ago } = self;
        write!(f, "<time datetime=\"{instant}\" title=\"{ago}\">{date} {clock}<span class=\"o\">{offset}</span></time>")
    }
}

impl HtmlSafe for When {}

fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - at.as_second();
    let (number, unit) = match seconds.abs() {
        seconds @ 0..60 => (seconds, "second"),
        seconds @ 60..3600 => (seconds / 60, "minute"),
        seconds @ 3600..172_800 => (seconds / 3600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    match seconds {
        0 => "just now".to_owned(),
        1.. => format!("{number} {unit}{plural} ago"),
        _ => format!("in {number} {unit}{plural}"),
    }
}

/// A shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    /// A disc with a tick.
    Good,
    /// An octagon with a cross.
    Bad,
    /// A triangle with a stroke.
    Refused,
    /// A clock.
    Waits,
    /// An arrow down into a circle.
    Fetching,
    /// A circle with a bar.
    Aside,
    /// A circle of dots.
    Nobody,
    /// An arrow to the right.
    Came,
    /// A head and shoulders.
    Person,
    /// A circle that is not ticked yet.
    Open,
}

impl Icon {
    /// That of a state.
    pub(super) const fn of(state: State) -> Self {
        match state {
            State::Done => Self::Good,
            State::Dead => Self::Bad,
            State::Refused => Self::Refused,
            State::Pending => Self::Waits,
            State::Fetching => Self::Fetching,
            State::Discarded => Self::Aside,
            State::Unwanted => Self::Nobody,
        }
    }

    const fn drawing(self) -> &'static str {
        match self {
            Self::Good => {
                "<path d=\"M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.9 4.9-4.6 5.2-3-2.8 1.1-1.2 1.8 1.7 3.5-4z\"/>"
            }
            Self::Bad => {
                "<path d=\"M5 1h6l4 4v6l-4 4H5l-4-4V5zm.9 3.8L4.8 5.9 6.9 8l-2.1 2.1 1.1 1.1L8 9.1l2.1 2.1 1.1-1.1L9.1 \
                 8l2.1-2.1-1.1-1.1L8 6.9z\"/>"
            }
            Self::Refused => "<path d=\"M8 1.2 15.4 14.6H.6zM7.2 6v4.2h1.6V6zm0 5.4V13h1.6v-1.6z\"/>",
            Self::Waits => {
                "<path d=\"M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.7a5.3 5.3 0 1 1 0 10.6A5.3 5.3 0 0 1 8 2.7ZM7.2 4.2v4.3l3 \
                 2.2.9-1.3-2.3-1.7V4.2z\"/>"
            }
            Self::Fetching => {
                "<path d=\"M7.1 1h1.8v6.2l2.3-2.3 1.2 1.2L8 10.6 3.6 6.1l1.2-1.2 2.3 2.3zM2 10.5h1.8v2.7h8.4v-2.7H14V15H2z\"/>"
            }
            Self::Aside => {
                "<path d=\"M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 1.7a5.3 5.3 0 1 1 0 10.6A5.3 5.3 0 0 1 8 2.7ZM4.7 \
                 7.2v1.6h6.6V7.2z\"/>"
            }
            Self::Nobody => {
                "<circle cx=\"8\" cy=\"8\" r=\"6.1\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.7\" \
                 stroke-dasharray=\"2.2 2.6\"/>"
            }
            Self::Came => {
                "<path d=\"M1.5 7.1h8.3L7 4.3l1.2-1.2L13 8l-4.8 4.9L7 11.7l2.8-2.8H1.5zM14 2.5h1.5v11H14z\"/>"
            }
            Self::Person => {
                "<path d=\"M8 1.5a3.2 3.2 0 1 1 0 6.4 3.2 3.2 0 0 1 0-6.4ZM1.8 14.5c.3-3.4 2.9-5.4 6.2-5.4s5.9 2 6.2 5.4z\"/>"
            }
            Self::Open => {
                "<circle cx=\"8\" cy=\"8\" r=\"6.1\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.7\"/>"
            }
        }
    }

    /// Of which colour it is.
    pub(super) const fn tone(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad | Self::Refused => "bad",
            Self::Waits | Self::Fetching => "warn",
            Self::Aside | Self::Nobody | Self::Came | Self::Person | Self::Open => "muted",
        }
    }
}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drawing = self.drawing();
        write!(
            f,
            "<svg viewBox=\"0 0 16 16\" fill=\"currentColor\" fill-rule=\"evenodd\" aria-hidden=\"true\">{drawing}</svg>"
        )
    }
}

impl HtmlSafe for Icon {}

/// A state: its shape and its word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Badge(pub(super) State);

impl fmt::Display for Badge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.0.as_str();
        write!(f, "<span class=\"state {word}\">{}{word}</span>", Icon::of(self.0))
    }
}

impl HtmlSafe for Badge {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago_something_was_is_said_in_the_unit_that_fits() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let before = |seconds: i64| ago(Timestamp::from_second(now.as_second() - seconds).unwrap(), now);

        assert_eq!([before(0), before(1), before(90)], ["just now", "1 second ago", "1 minute ago"]);
        assert_eq!([before(7200), before(172_800), before(-300)], ["2 hours ago", "2 days ago", "in 5 minutes"]);
    }

    #[test]
    fn a_time_says_its_zone() {
        let at = "2026-11-26T09:16:32Z".parse().unwrap();
        let shown = When::new(at, at, &TimeZone::get("Europe/Amsterdam").unwrap()).to_string();

        assert!(shown.contains("2026-11-26 10:16:32<span class=\"o\">+01:00</span>"), "{shown}");
        assert!(shown.contains("datetime=\"2026-11-26T09:16:32Z\""), "{shown}");
    }
}
