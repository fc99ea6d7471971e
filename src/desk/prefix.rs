//! Finds an event by the beginning of its id: who reads one off a screen does not want to type all of it.

use super::Desk;
use crate::inbox::{EventKey, EventView, InboxError};

/// Whoever acts on an event names at least so many characters of its id: fewer are a slip of the hand away from another.
pub const SHORTEST: usize = 8;

/// So many are told apart. Whoever means one of more has to write more of it.
pub const CANDIDATES: usize = 10;

/// Hexadecimal digits of a key.
const DIGITS: usize = 32;

impl Desk {
    /// The events whose key begins like that, which for a `messageId` of Tradecloud is the id: [`CANDIDATES`] and one more
    /// at the most. None, if it is no beginning of a UUID.
    ///
    /// # Errors
    /// If the inbox cannot be read.
    pub async fn beginning(&self, with: &str) -> Result<Vec<EventView>, InboxError> {
        let with = with.to_ascii_lowercase();
        let Some((first, last)) = bounds(&with) else { return Ok(Vec::new()) };
        let mut events = self.inbox.between(first, last, CANDIDATES + 1).await?;
        let is_meant = |event: &EventView| {
            event.key.hyphenated().to_string().starts_with(&with) || event.key.simple().to_string().starts_with(&with)
        };
        events.retain(is_meant);
        Ok(events)
    }
}

/// The first and the last key that begin like that.
fn bounds(with: &str) -> Option<(EventKey, EventKey)> {
    let digits: String = with.chars().filter(|letter| *letter != '-').collect();
    if digits.is_empty() || digits.len() > DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let filled = |with: char| {
        let all = digits.chars().chain(std::iter::repeat(with)).take(DIGITS).collect::<String>();
        u128::from_str_radix(&all, 16).ok().map(|key| EventKey(key.to_be_bytes()))
    };
    filled('0').zip(filled('f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_of_a_uuid_has_a_first_and_a_last_key() {
        let (first, last) = bounds("2b607af1-7").unwrap();

        assert_eq!(format!("{first:?}"), "2b607af1-7000-0000-0000-000000000000");
        assert_eq!(format!("{last:?}"), "2b607af1-7fff-ffff-ffff-ffffffffffff");
    }

    #[test]
    fn what_begins_no_uuid_has_none() {
        for text in ["", "-", "PO-4711", "2b607af1 ", "+1", &"a".repeat(33)] {
            assert!(bounds(text).is_none(), "{text:?}");
        }
    }
}
