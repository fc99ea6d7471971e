//! What a back end said to an attempt, in its own words, for whoever asks for them later.

use std::sync::{Arc, Mutex, PoisonError};

/// As many bytes are kept: enough for the number of a document or the text of an error, and small beside the event.
const LONGEST: usize = 1024;

/// Of so much that was said, all is known that is kept: the last letter may end behind the last byte.
pub(crate) const ENOUGH: usize = LONGEST + 3;

/// What a back end said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// Its status, if it speaks HTTP.
    pub status: Option<u16>,
    /// The beginning of its words, at most 1024 bytes.
    pub text: Option<String>,
}

impl Answer {
    /// Any bytes as text that every store can keep; `None` if nothing was said at all.
    fn of(status: Option<u16>, said: &[u8]) -> Option<Self> {
        // PostgreSQL keeps no NUL in a text.
        let mut text = String::from_utf8_lossy(&said[..said.len().min(ENOUGH)]).replace('\0', "\u{fffd}");
        // What is no UTF-8 has become longer.
        while text.len() > LONGEST {
            text.pop();
        }
        let text = Some(text).filter(|text| !text.is_empty());
        (status.is_some() || text.is_some()).then_some(Self { status, text })
    }
}

/// The place for what a back end says to one attempt, the same for all clones of its event.
///
/// By default an answer is wanted, and nothing was said yet.
#[derive(Debug, Clone)]
pub struct Answers(Option<Arc<Mutex<Option<Answer>>>>);

impl Default for Answers {
    fn default() -> Self {
        Self(Some(Arc::default()))
    }
}

impl Answers {
    /// Where nobody keeps answers.
    pub fn unwanted() -> Self {
        Self(None)
    }

    /// Takes what was said last. The receiver does that when the attempt is over; in a test of a handler of one's own
    /// it is the way to see what would be kept.
    pub fn take(&self) -> Option<Answer> {
        self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn are_wanted(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn put(&self, status: Option<u16>, said: &[u8]) {
        if let Some(place) = &self.0 {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Answer::of(status, said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(said: impl AsRef<[u8]>) -> Option<String> {
        Answer::of(None, said.as_ref()).and_then(|answer| answer.text)
    }

    #[test]
    fn the_last_answer_counts_and_is_the_same_for_all_clones() {
        let answers = Answers::default();

        answers.clone().put(Some(503), b"busy");
        answers.clone().put(Some(200), b"booked 42");

        assert_eq!(answers.take(), Some(Answer { status: Some(200), text: Some("booked 42".to_owned()) }));
        assert_eq!(answers.take(), None);
    }

    #[test]
    fn an_empty_text_is_none_and_without_a_status_nothing_was_said() {
        assert_eq!(Answer::of(Some(204), b""), Some(Answer { status: Some(204), text: None }));
        assert_eq!(Answer::of(None, b""), None);
    }

    #[test]
    fn where_nobody_keeps_answers_nothing_is_kept() {
        let answers = Answers::unwanted();

        answers.put(Some(200), b"booked 42");

        assert!(!answers.are_wanted() && Answers::default().are_wanted());
        assert_eq!(answers.take(), None);
    }

    #[test]
    fn a_long_text_is_cut_between_two_letters() {
        for letter in ["x", "ü", "€", "😀"] {
            for before in 0..4 {
                let said = "-".repeat(before) + &letter.repeat(2000);

                let text = kept(&said).unwrap();

                assert!(said.starts_with(&text), "{letter}, {before}: {text}");
                assert!(text.len() <= LONGEST && text.len() + letter.len() > LONGEST, "{letter}, {before}: {text}");
                assert_eq!(kept(&said.as_bytes()[..ENOUGH]).unwrap(), text, "no more of it need be known");
            }
        }
        assert_eq!(kept("x".repeat(LONGEST)).unwrap().len(), LONGEST);
    }

    #[test]
    fn what_is_no_text_becomes_one_that_every_store_can_keep() {
        assert_eq!(kept(b"a\0b\xffc").unwrap(), "a\u{fffd}b\u{fffd}c");
        assert_eq!(kept([0xff; 4096]).unwrap(), "\u{fffd}".repeat(LONGEST / 3));
    }
}
