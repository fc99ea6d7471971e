//! The order to send in: that of the times, wherever there are times.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Entry, Recording};

/// When a request was made; the number tells apart what has the same time, as webhook.site writes seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) Timestamp, pub(super) u64);

/// A time as recordings have it. Without a zone it is taken for UTC, as which webhook.site means it.
pub(super) fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        local.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

/// Sorts what has a key, such as a time: what has the same keeps its order, and what has none keeps its place.
pub(super) fn sorted<T, K: Ord>(items: Vec<T>, key: impl Fn(&T) -> Option<K>) -> Vec<T> {
    let has_key: Vec<bool> = items.iter().map(|item| key(item).is_some()).collect();
    let (mut sorted, others): (Vec<T>, Vec<T>) = items.into_iter().partition(|item| key(item).is_some());
    sorted.sort_by_key(key);
    let (mut sorted, mut others) = (sorted.into_iter(), others.into_iter());
    has_key.into_iter().filter_map(|has_key| if has_key { sorted.next() } else { others.next() }).collect()
}

/// Takes the entries of all recordings, each with the index of its recording, in the order to send them: of each
/// recording in its own order, and of several always the earliest. What has no time goes with what is before it, a
/// recording without any after the one that is named before it.
pub(in crate::cli::replay) fn in_order(recordings: &mut Vec<Recording>) -> Vec<(usize, Entry)> {
    // Of two with the same time, the one of the recording that begins earlier comes first.
    let begins = |recording: &Recording| recording.entries.iter().filter_map(|entry| entry.time).min();
    *recordings = sorted(std::mem::take(recordings), begins);
    let (mut left, mut latest) = (Vec::new(), None);
    for recording in recordings {
        let entries = std::mem::take(&mut recording.entries);
        let mut time = entries.iter().find_map(|entry| entry.time).or(latest);
        let mut placed = Vec::with_capacity(entries.len());
        for entry in entries {
            time = entry.time.or(time);
            latest = latest.max(time);
            placed.push((time, entry));
        }
        left.push(placed.into_iter().peekable());
    }
    let mut ordered = Vec::new();
    loop {
        let heads = left.iter_mut().enumerate().filter_map(|(index, entries)| Some((entries.peek()?.0, index)));
        let Some((_, index)) = heads.min() else { return ordered };
        ordered.extend(left[index].next().map(|(_, entry)| (index, entry)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(items: &[(&'static str, i64)]) -> String {
        let time = |item: &(&str, i64)| (item.1 >= 0).then(|| Time(Timestamp::from_second(item.1).unwrap(), 0));
        sorted(items.to_vec(), time).iter().map(|item| item.0).collect()
    }

    #[test]
    fn what_has_the_same_time_keeps_its_order_and_what_has_none_its_place() {
        assert_eq!(names(&[("c", 3), ("-", -1), ("a", 1), ("b", 2)]), "a-bc");
        assert_eq!(names(&[("-", -1), ("d", 9), ("a", 1), ("b", 1), ("c", 1), ("+", -1)]), "-abcd+");
        assert_eq!(names(&[("-", -1), ("+", -1)]), "-+");
        assert_eq!(names(&[]), "");
    }

    #[test]
    fn a_time_is_read_as_browsers_and_webhook_site_write_it() {
        let noon: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        for text in [
            "2026-11-20T12:00:00.000Z",
            "2026-11-20T13:00:00+01:00",
            "2026-11-20T13:00:00.000+0100",
            "2026-11-20 12:00:00",
            "2026-11-20T12:00:00",
        ] {
            assert_eq!(timestamp(text), Some(noon), "{text}");
        }
        for text in ["", "yesterday", "12:00"] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
