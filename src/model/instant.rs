//! The instant behind whatever a sender writes for one.

use std::borrow::Cow;
use std::ops::Range;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned, civil};

/// The years in which a number of seconds or milliseconds since 1970 is a time: others are numbers of something else.
const EPOCH: Range<i64> = 946_684_800..4_102_444_800;

/// The instant that somebody wrote down, in RFC 3339 or in one of the forms that come in its place: those of ISO 8601,
/// Java's with the name of a zone, and the seconds or milliseconds since 1970. Without any zone it is UTC, as
/// Tradecloud's own times are. `None` if it is no time, or only a day.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let text = &*without_the_finest(text);
    if let Ok(instant) = text.parse() {
        return Some(instant);
    }
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Some(zoned.timestamp());
    }
    let is_day = text.len() <= "2026-11-21".len();
    match text.parse::<civil::DateTime>() {
        Ok(local) if !is_day => local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp()),
        _ => since_epoch(text),
    }
}

/// The text with nine digits of a second at the most. More are allowed, but finer is no time here.
fn without_the_finest(text: &str) -> Cow<'_, str> {
    let begin = text.find(['.', ',']).map_or(text.len(), |at| at + 1);
    let digits = text[begin..].bytes().take_while(u8::is_ascii_digit).count();
    if digits <= 9 {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}{}", &text[..begin + 9], &text[begin + digits..]))
}

/// The instant of so many seconds or milliseconds, which may have a fraction.
fn since_epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if ![whole, fraction].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    if EPOCH.contains(&whole) {
        // To the microsecond, which is as fine as an event's time is written.
        let microseconds: i32 = format!("{fraction:0<6.6}").parse().ok()?;
        return Timestamp::new(whole, microseconds * 1000).ok();
    }
    EPOCH.contains(&(whole / 1000)).then(|| Timestamp::from_millisecond(whole).ok()).flatten()
}

/// Whether the text of an instant is RFC 3339 as every reader takes it: with `T`, seconds, and an offset with a colon.
pub(crate) fn is_rfc_3339(text: &str) -> bool {
    let has_form = |text: &str, form: &str| {
        let fits = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
        text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
    };
    let Some((local, rest)) = text.split_at_checked("2026-11-21T03:08:35".len()) else { return false };
    let zone =
        rest.strip_prefix('.').map_or(rest, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    let is_offset = ["+00:00", "-00:00"].iter().any(|form| has_form(zone, form)) && &zone[1..3] < "24";
    // A leap second is allowed there, but hardly anybody reads it.
    has_form(local, "0000-00-00T00:00:00") && !local.ends_with("60") && (zone == "Z" || is_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_in_whatever_form_it_is_written() {
        let at: Timestamp = "2026-11-21T02:08:35.067Z".parse().unwrap();
        for text in [
            "2026-11-21T02:08:35.067Z",
            "2026-11-21T03:08:35.067+01:00",
            "2026-11-21T03:08:35.067+01:00[Europe/Amsterdam]",
            "2026-11-21T03:08:35.067[Europe/Amsterdam]",
            "2026-11-21T02:08:35.06700000000000001Z",
            "2026-11-21 02:08:35,067z",
            "2026-11-21t03:08:35.067+0100",
            "20261121T020835.067Z",
            "2026-11-21T02:08:35.067",
            "2026-11-21 02:08:35.067",
            "1795226915.067",
            "1795226915.067000000",
            "1795226915067",
        ] {
            assert_eq!(instant(text), Some(at), "{text}");
        }
        for text in
            ["", "soon", "2026-11-21", "20261121", "2026-13-21T00:00:00Z", "03:08:35", "17", "1.2.3", "NaN", "1e9"]
        {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn rfc_3339_is_told_from_what_only_looks_like_it() {
        for text in ["2026-11-21T02:08:35Z", "2026-11-21T02:08:35.1234567+23:59", "2026-11-21T02:08:35-00:00"] {
            assert!(is_rfc_3339(text), "{text}");
        }
        for text in [
            "2026-11-21T02:08:35",
            "2026-11-21 02:08:35Z",
            "2026-11-21t02:08:35z",
            "2026-11-21T02:08:35,1Z",
            "2026-11-21T02:08Z",
            "2026-11-21T02:08:60Z",
            "2026-11-21T02:08:35+01",
            "2026-11-21T02:08:35+24:00",
            "2026-11-21T02:08:35+01:00[Europe/Amsterdam]",
            "é026-11-21T02:08:3é5Z",
            "",
        ] {
            assert!(!is_rfc_3339(text), "{text}");
        }
    }
}
