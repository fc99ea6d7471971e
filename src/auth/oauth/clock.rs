//! What time it is for an issuer: the clock that its tokens go by. Ours may be wrong, and then good tokens
//! look as if they had expired.

use axum::http::HeaderMap;
use axum::http::header::{AGE, DATE};
use jiff::fmt::rfc2822;
use tokio::time::Instant;

/// `Date` is in whole seconds, the rest is cut off.
const RESOLUTION: f64 = 1.0;

/// What the issuer's clock said in an answer; it goes on by our own measure of time, which nobody sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    said: f64,
    at: Instant,
}

impl Clock {
    /// By the headers of an answer to what was asked at `asked`. Is never slow by the way that the answer took.
    pub(super) fn read(headers: &HeaderMap, asked: Instant) -> Option<Self> {
        let date = rfc2822::DateTimeParser::new().parse_timestamp(headers.get(DATE)?.as_bytes()).ok()?;
        // A cache between gives the date of when it was told itself.
        let age = headers.get(AGE).and_then(|age| age.to_str().ok()?.trim().parse::<u32>().ok()).unwrap_or(0);
        Some(Self { said: super::seconds(date) + f64::from(age) + RESOLUTION, at: asked })
    }

    /// The later one: a cache that does not say so makes clocks slow, and nothing makes them fast.
    pub(super) fn latest(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(if other.now() >= one.now() { other } else { one }),
            (one, other) => one.or(other),
        }
    }

    /// What it says now, in seconds of Unix time.
    pub(super) fn now(&self) -> f64 {
        self.said + self.at.elapsed().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::HeaderValue;

    use super::*;

    fn headers(date: &'static str, age: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static(date));
        headers.extend(age.map(|age| (AGE, HeaderValue::from_static(age))));
        headers
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_goes_on_from_what_an_answer_said() {
        let clock = Clock::read(&headers("Sun, 06 Nov 1994 08:49:37 GMT", None), Instant::now()).unwrap();
        let cached = Clock::read(&headers("Sun, 06 Nov 1994 08:49:37 GMT", Some("100")), Instant::now()).unwrap();

        tokio::time::sleep(Duration::from_secs(3)).await;

        let told = 784_111_777.0;
        assert!((clock.now() - (told + 4.0)).abs() < 0.01, "{clock:?}");
        assert!((Clock::latest(Some(cached), Some(clock)).unwrap().now() - (told + 104.0)).abs() < 0.01);
        assert!((Clock::latest(None, Some(clock)).unwrap().now() - clock.now()).abs() < 0.01);
    }

    #[test]
    fn what_is_no_date_says_nothing() {
        for date in ["", "now", "0", "1994-11-06T08:49:37Z"] {
            assert!(Clock::read(&headers(date, None), Instant::now()).is_none(), "{date}");
        }
        assert!(Clock::read(&HeaderMap::new(), Instant::now()).is_none());
    }
}
