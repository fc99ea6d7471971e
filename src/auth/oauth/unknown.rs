//! Keys that tokens name and the issuer does not publish, or not yet: a farm or a cache takes its time to tell
//! everybody of a new key, and the first tokens by it are here before. So for a while a token by such a key may
//! be good.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use tokio::time::Instant;

/// For so long, from when a key was first named, it may be one that is not published yet.
const DOUBT: Duration = Duration::from_secs(600);
/// Names that are remembered. Anybody can invent one, so there is an end to it.
const MOST: usize = 1000;

/// When each of them was first named, the latest last.
///
/// Whoever invents more names than are remembered only has old ones forgotten: should one of these come again,
/// its time begins anew. So that costs a delay, and never has anybody refused. And whoever names a key before its time
/// has nobody refused either: tokens that are new are not judged by this alone (see the parent module).
#[derive(Default)]
pub(super) struct Unknown(Mutex<VecDeque<(Name, Instant)>>);

/// A digest: a name may be long.
type Name = [u8; 16];

impl Unknown {
    /// Whether a key of that name may still turn up. Its time begins when this is asked first.
    pub(super) fn may_come(&self, name: &str) -> bool {
        let (name, now) = (shortened(name), Instant::now());
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, first)) = seen.iter().find(|(known, _)| *known == name) {
            return now.duration_since(*first) < DOUBT;
        }
        if seen.len() >= MOST {
            seen.pop_front();
        }
        seen.push_back((name, now));
        true
    }

    /// The issuer changes its keys just now: everything begins anew.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn shortened(name: &str) -> Name {
    let mut short = Name::default();
    short.copy_from_slice(&digest(&SHA256, name.as_bytes()).as_ref()[..size_of::<Name>()]);
    short
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_may_turn_up_for_ten_minutes_from_when_it_was_first_named() {
        let unknown = Unknown::default();
        assert!(unknown.may_come("one"));
        sleep(DOUBT / 2).await;
        assert!(unknown.may_come("one") && unknown.may_come("two"));

        sleep(DOUBT / 2).await;

        assert!(!unknown.may_come("one"), "that it comes again and again does not give it more time");
        assert!(unknown.may_come("two"));
        unknown.forget();
        assert!(unknown.may_come("one"));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_invents_keys_has_nobody_refused_and_takes_no_memory() {
        let unknown = Unknown::default();
        assert!(unknown.may_come("in use"));
        for number in 0..10 * MOST {
            assert!(unknown.may_come(&number.to_string()));
        }

        assert!(unknown.may_come("in use"));

        assert_eq!(unknown.0.lock().unwrap().len(), MOST);
    }
}
