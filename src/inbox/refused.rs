//! The bounds of refused bodies: somebody may send them without end.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::RefusedBody;

use crate::telemetry::events;

/// So much is kept of each once all of them together take what they may.
const BEGINNING: usize = 64 << 10;

/// How long the log hears nothing more of that.
const TELL_AGAIN: Duration = Duration::from_secs(3600);

/// What all of them may take.
#[derive(Debug)]
pub(super) struct Space {
    bytes: u64,
    told: Mutex<Option<Instant>>,
}

impl Space {
    pub(super) fn new(bytes: u64) -> Self {
        Self { bytes, told: Mutex::default() }
    }

    /// What is to be kept of a body while those before it take `used` bytes.
    pub(super) fn fit(&self, refused: RefusedBody, used: u64) -> RefusedBody {
        let size = refused.body.len();
        if used.saturating_add(size as u64) <= self.bytes || size <= BEGINNING {
            return refused;
        }
        self.tell(used);
        let reason = format!(
            "{} (of its {size} bytes only the first {BEGINNING} are kept: `inbox.refused_space` is used up)",
            refused.reason
        );
        RefusedBody { reason, body: refused.body.slice(..BEGINNING), ..refused }
    }

    fn tell(&self, used: u64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= TELL_AGAIN) {
            *told = Some(Instant::now());
            events::inbox::refused_fill_space(used, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;

    use super::{BEGINNING, Space};
    use crate::inbox::{Arrival, RefusedBody};

    fn body_of(size: usize) -> RefusedBody {
        RefusedBody {
            received: Timestamp::now(),
            path: "/".to_owned(),
            content_type: None,
            reason: "no JSON".to_owned(),
            status: 400,
            body: Bytes::from(vec![b'x'; size]),
            arrival: Arrival::default(),
        }
    }

    #[test]
    fn as_long_as_there_is_space_a_body_is_kept_whole() {
        let kept = Space::new(1 << 20).fit(body_of(1 << 20), 0);
        assert_eq!((kept.body.len(), kept.reason.as_str()), (1 << 20, "no JSON"));
    }

    #[test]
    fn past_it_the_beginning_is_kept_and_the_reason_says_so() {
        let kept = Space::new(1 << 20).fit(body_of(1 << 20), 1);
        assert_eq!(kept.body.len(), BEGINNING);
        assert!(kept.reason.starts_with("no JSON (of its 1048576 bytes"), "{}", kept.reason);
        assert_eq!(Space::new(1).fit(body_of(BEGINNING), u64::MAX).body.len(), BEGINNING, "small ones always");
    }
}
