//! What a file is called.

use aws_lc_rs::digest::{SHA256, digest};

use crate::event::Event;

/// `<received>-<event name>-<id>.json`. The last two come from outside: what is not safe in a file
/// name of Linux and Windows is replaced, what is too long is cut, and then a digest keeps different
/// events apart. The dash counts as unsafe in the event name only, so that the parts can be told apart.
pub(super) fn file_name(event: &Event) -> String {
    let (name, id) = (event.envelope.event_name_or_changed(), event.id.as_str());
    let safe_name = clean(name, 80, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
    let safe_id = clean(id, 100, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    let received = event.received.strftime("%Y%m%dT%H%M%S.%6fZ");
    if safe_name == name && safe_id == id {
        return format!("{received}-{safe_name}-{safe_id}.json");
    }
    let mut both = (name.len() as u64).to_le_bytes().to_vec();
    both.extend_from_slice(name.as_bytes());
    both.extend_from_slice(id.as_bytes());
    let digest = digest(&SHA256, &both).as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    format!("{received}-{safe_name}-{safe_id}~{digest:016x}.json")
}

fn clean(text: &str, longest: usize, safe: fn(char) -> bool) -> String {
    text.chars().take(longest).map(|c| if safe(c) { c } else { '_' }).collect()
}
