//! Numbers and sizes as people read them.

use jiff::tz::TimeZone;

use crate::inbox::copy::Content;
use crate::shown::time;

/// So many events: `1,203 events`.
pub(super) fn events(count: u64) -> String {
    match count {
        0 => "no events".to_owned(),
        1 => "1 event".to_owned(),
        count => format!("{} events", thousands(count)),
    }
}

/// A number with its thousands apart: `1,203`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in the largest unit that it has one of: `4.1 MiB`.
pub(super) fn size(bytes: u64) -> String {
    let units = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

/// The last event of a copy: `sequence 1203, received 2026-11-26 10:16:32+01:00`.
pub(super) fn last(content: &Content, zone: &TimeZone) -> String {
    content.last.map_or_else(String::new, |(sequence, received)| {
        format!("sequence {sequence}, received {}", time(received, zone))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!([0, 1, 999].map(events), ["no events", "1 event", "999 events"]);
        assert_eq!([1203, 21_000_000].map(thousands), ["1,203", "21,000,000"]);
        assert_eq!([1000, 4096, 1_600_000, 3 << 40].map(size), ["1000 bytes", "4.0 KiB", "1.5 MiB", "3.0 TiB"]);
    }
}
