//! Slows down who guesses: after some wrong passwords for one user from one address, nothing from there is looked at for
//! that user for a while, right or wrong, and again after each wrong one that follows.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many are a slip.
const FREE: u32 = 5;
const PAUSE: Duration = Duration::from_secs(10);
/// After so long without one, a wrong password is a slip again.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Of so many it is known.
const MOST: usize = 1024;

/// For whom, and from where. All names that nobody has are one.
pub(super) type Guess = (Option<String>, IpAddr);

#[derive(Debug, Default)]
pub(super) struct Throttle(Mutex<VecDeque<Wrong>>);

#[derive(Debug)]
struct Wrong {
    guess: Guess,
    times: u32,
    last: Instant,
}

impl Wrong {
    fn is_paused(&self) -> bool {
        self.times >= FREE && self.last.elapsed() < PAUSE
    }
}

impl Throttle {
    /// Whether nothing is looked at for now.
    pub(super) fn is_paused(&self, guess: &Guess) -> bool {
        self.wrong().iter().any(|wrong| wrong.guess == *guess && wrong.is_paused())
    }

    /// It was wrong; whether a pause begins by that.
    pub(super) fn note(&self, guess: Guess) -> bool {
        let (mut all, now) = (self.wrong(), Instant::now());
        all.retain(|wrong| wrong.last.elapsed() < FORGOTTEN);
        if let Some(wrong) = all.iter_mut().find(|wrong| wrong.guess == guess) {
            (wrong.times, wrong.last) = (wrong.times.saturating_add(1), now);
            return wrong.is_paused();
        }
        if all.len() >= MOST {
            // Those who wait have most to gain by being forgotten.
            let at = all.iter().position(|wrong| !wrong.is_paused()).unwrap_or_default();
            all.remove(at);
        }
        all.push_back(Wrong { guess, times: 1, last: now });
        false
    }

    /// It was right.
    pub(super) fn forget(&self, guess: &Guess) {
        self.wrong().retain(|wrong| wrong.guess != *guess);
    }

    fn wrong(&self) -> MutexGuard<'_, VecDeque<Wrong>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(user: Option<&str>, from: &str) -> Guess {
        (user.map(str::to_owned), from.parse().unwrap())
    }

    #[test]
    fn only_who_guesses_has_to_wait_and_only_for_that_user() {
        let (throttle, guesser) = (Throttle::default(), guess(Some("anna"), "192.0.2.1"));

        let begins: Vec<_> = (0..FREE).map(|_| throttle.note(guesser.clone())).collect();

        assert_eq!(begins, [false, false, false, false, true]);
        assert!(throttle.is_paused(&guesser));
        for other in [guess(Some("bob"), "192.0.2.1"), guess(Some("anna"), "192.0.2.2"), guess(None, "192.0.2.1")] {
            assert!(!throttle.is_paused(&other), "{other:?}");
        }
    }

    #[test]
    fn whoever_is_right_begins_anew() {
        let (throttle, anna) = (Throttle::default(), guess(Some("anna"), "192.0.2.1"));
        for _ in 1..FREE {
            throttle.note(anna.clone());
        }

        throttle.forget(&anna);

        assert!(!throttle.note(anna.clone()) && !throttle.is_paused(&anna));
    }

    #[test]
    fn many_addresses_make_nobody_forget_who_has_to_wait() {
        let (throttle, guesser) = (Throttle::default(), guess(Some("anna"), "192.0.2.1"));
        for _ in 0..FREE {
            throttle.note(guesser.clone());
        }

        for number in 0..2 * u32::try_from(MOST).unwrap() {
            throttle.note((None, std::net::Ipv4Addr::from_bits(number).into()));
        }

        assert!(throttle.is_paused(&guesser) && throttle.wrong().len() <= MOST);
    }
}
