//! What a repeated message is recognised by, and the lane that an event goes in.

use std::fmt;

use aws_lc_rs::digest;
use uuid::Uuid;

use crate::event;
use crate::model::Kind;

/// Sixteen bytes that stand for a message: its `messageId` if it has one, else the digest of its body.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKey(pub [u8; 16]);

impl EventKey {
    /// The key of an event, and the id it goes by.
    ///
    /// A retried message carries the same `messageId`, in JSON as in tXML. One without gets an id from
    /// its body, so that the same body has the same id.
    pub fn of_event(message_id: Option<&str>, body: &[u8]) -> (Self, String) {
        let id = event::id(message_id, body);
        (Self::of_id(&id), id)
    }

    /// The key of the event that goes by `id`.
    pub fn of_id(id: &str) -> Self {
        // Tradecloud's ids are UUIDs, which are their own key; so `A0…` and `a0…` are one.
        Self(Uuid::parse_str(id).map_or_else(|_| digest_of(id.as_bytes()), Uuid::into_bytes))
    }

    /// The id of an event whose own, `id`, another event has: with `~` and eight hexadecimal digits of a digest of
    /// `parts`, which tell it from that one.
    pub(super) fn id_beside(id: &str, parts: &[&[u8]]) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        for part in parts {
            hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        let number = hash.finish().as_ref().iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        format!("{id}~{number:08x}")
    }

    /// The key of a refused body, and the id it goes by: equal ones, sent to the same path and answered with the
    /// same status, are one.
    pub fn of_refused(path: &str, status: u16, body: &[u8]) -> (Self, String) {
        let mut context = digest::Context::new(&digest::SHA256);
        // Neither a path nor an id has such a character, so that it never is the key of an event.
        for part in [b"refused", path.as_bytes(), &status.to_be_bytes(), body] {
            context.update(part);
            context.update(b"\0");
        }
        let uuid = Uuid::new_v8(beginning(&context.finish()));
        (Self(*uuid.as_bytes()), uuid.to_string())
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Uuid::from_bytes(self.0))
    }
}

/// The number of an event's order or shipment; an event without either is on its own. That two orders
/// share a number is unlikely and harmless: they wait for each other.
pub(super) fn lane(kind: Kind, subject: Option<&str>, key: EventKey) -> i64 {
    let class = kind.lane();
    let digest = match subject.filter(|subject| !subject.is_empty()) {
        Some(subject) => digest::digest(&digest::SHA256, format!("{class} {subject}").as_bytes()),
        None => digest::digest(&digest::SHA256, &key.0),
    };
    let mut lane = [0; 8];
    lane.copy_from_slice(&digest.as_ref()[..8]);
    i64::from_be_bytes(lane)
}

fn digest_of(bytes: &[u8]) -> [u8; 16] {
    beginning(&digest::digest(&digest::SHA256, bytes))
}

fn beginning(digest: &digest::Digest) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&digest.as_ref()[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::EventKey;

    #[test]
    fn a_message_id_is_recognised_in_either_case() {
        let (upper, _) = EventKey::of_event(Some("CF671DA7-3BFC-4BFC-B22F-29F74A3B8F34"), b"a");
        let (lower, _) = EventKey::of_event(Some("cf671da7-3bfc-4bfc-b22f-29f74a3b8f34"), b"b");
        assert_eq!(upper, lower);
    }

    #[test]
    fn without_message_id_the_body_decides() {
        let (key, id) = EventKey::of_event(None, b"body");
        assert_eq!((key, id.clone()), EventKey::of_event(Some(""), b"body"));
        assert_ne!(key, EventKey::of_event(None, b"other body").0);
        assert_eq!(EventKey::of_id(&id), key, "the id leads to the event");
    }

    #[test]
    fn an_event_beside_another_has_an_id_of_its_own_that_is_always_the_same() {
        let id = EventKey::id_beside("m", &[b"a", b"bc"]);
        assert_eq!(id, EventKey::id_beside("m", &[b"a", b"bc"]));
        assert_ne!(id, EventKey::id_beside("m", &[b"ab", b"c"]));
        assert!(id.len() == 10 && id.starts_with("m~"), "{id}");
    }

    #[test]
    fn an_id_that_is_no_uuid_is_an_id_all_the_same() {
        assert_ne!(EventKey::of_id("4711"), EventKey::of_id("4712"));
    }
}
