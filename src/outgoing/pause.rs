//! `Retry-After`: how long a server asks to be left alone (RFC 9110, §10.2.3).

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Whoever says more than this has made a mistake, and nothing that is computed with it may overflow.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The three forms of a date in HTTP (RFC 9110, §5.6.7). Only the first is written today.
const DATES: [&str; 3] = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];

/// What the answer with these headers asks for; nothing if it does not, or not legibly.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are a long time too.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)).min(LONGEST));
    }
    // By the clock of the server, as far as it shows it: ours may be another.
    let pause = instant(text)?.duration_since(date(headers).unwrap_or_else(Timestamp::now));
    Some(Duration::try_from(pause).unwrap_or(Duration::ZERO).min(LONGEST))
}

/// When an answer was made, by the clock of the server.
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(instant)
}

fn instant(text: &str) -> Option<Timestamp> {
    let written = DATES.iter().find_map(|form| DateTime::strptime(form, text.trim()).ok())?;
    written.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn asked(lines: &[(HeaderName, &str)]) -> Option<u64> {
        let lines = lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        retry_after(&lines.collect()).map(|pause| pause.as_secs())
    }

    #[test]
    fn seconds_are_taken_as_they_are() {
        assert_eq!(asked(&[(RETRY_AFTER, "30")]), Some(30));
        assert_eq!(asked(&[(RETRY_AFTER, " 0 ")]), Some(0));
        assert_eq!(asked(&[(RETRY_AFTER, "99999999999999999999999")]), Some(LONGEST.as_secs()));
    }

    #[test]
    fn a_date_counts_from_the_clock_of_the_server() {
        let now = (DATE, "Sun, 06 Nov 1994 08:49:07 GMT");
        for later in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(asked(&[now.clone(), (RETRY_AFTER, later)]), Some(30), "{later}");
        }
        assert_eq!(asked(&[now, (RETRY_AFTER, "Sun, 06 Nov 1994 08:00:00 GMT")]), Some(0));
        assert_eq!(asked(&[(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(0), "long past by our clock");
    }

    #[test]
    fn what_cannot_be_read_asks_for_nothing() {
        for odd in ["", "soon", "-5", "1.5", "30 seconds", "Sun, 06 Nov 1994"] {
            assert_eq!(asked(&[(RETRY_AFTER, odd)]), None, "{odd:?}");
        }
        assert_eq!(asked(&[]), None);
    }
}
