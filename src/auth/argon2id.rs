//! Passwords of which only the Argon2id digest is known (RFC 9106).
//!
//! Argon2id is slow and takes memory, on purpose. So a password that was right is remembered, and costs
//! no more than a comparison from then on. Only what is new is computed, and there anybody may
//! come with anything: it is done in turn, off the threads that serve the others, with a pause after each wrong
//! one. Whoever is not served is asked to come again, because it may be the right one.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params};
use aws_lc_rs::{constant_time, hmac, rand};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::turns;

/// Passwords that are remembered as wrong: somebody forgot to change one, and it comes with each event.
const MOST_WRONG: usize = 64;
/// The largest memory of a digest, in KiB.
const LARGEST_MEMORY: u32 = 256 << 10;
/// The most work of a digest: memory in KiB, as often as it is gone through. About half a second.
const MOST_WORK: u64 = 1 << 20;

const BUSY: &str = "too many passwords are being checked";

/// The digest, and what was compared with it lately.
#[derive(Clone)]
pub(super) struct Argon2id(Arc<Known>);

struct Known {
    digest: PasswordHash,
    /// What is remembered is remembered under a key of this process, which nobody else has.
    key: hmac::Key,
    right: OnceLock<hmac::Tag>,
    wrong: Mutex<VecDeque<hmac::Tag>>,
}

impl Argon2id {
    /// Reads a digest in the form `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<digest>`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let digest = PasswordHash::new(text)
            .map_err(|_| "is no complete digest: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<digest>`".to_owned())?;
        if digest.algorithm != Algorithm::Argon2id.ident() {
            return Err("must be an Argon2id digest, which starts with \"$argon2id$\"".to_owned());
        }
        if digest.salt.is_none() || digest.hash.is_none() {
            return Err("has no salt or no digest in it: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<digest>`".to_owned());
        }
        let params =
            Params::try_from(&digest).map_err(|error| format!("has parameters that make no sense: {error}"))?;
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        if params.m_cost() > LARGEST_MEMORY || work > MOST_WORK {
            return Err(format!(
                "takes too much memory or time for each new caller: m={}, t={}. Use m={LARGEST_MEMORY} at most, and \
                 m times t up to {MOST_WORK}",
                params.m_cost(),
                params.t_cost(),
            ));
        }
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())
            .map_err(|_| "cannot be used: the system gave no random numbers".to_owned())?;
        Ok(Self(Arc::new(Known { digest, key, right: OnceLock::new(), wrong: Mutex::default() })))
    }

    /// The digest as it is written.
    pub(super) fn text(&self) -> String {
        self.0.digest.to_string()
    }

    /// Whether `presented` was found to be right before.
    pub(super) fn remembers(&self, presented: &[u8]) -> bool {
        self.0.right.get().is_some_and(|right| is_same(right, &hmac::sign(&self.0.key, presented)))
    }

    /// Whether `presented` was found to be wrong lately.
    pub(super) fn remembers_as_wrong(&self, presented: &[u8]) -> bool {
        let tag = hmac::sign(&self.0.key, presented);
        self.0.wrong().iter().any(|wrong| is_same(wrong, &tag))
    }

    /// Computes the digest of `presented`, which came from that address, and remembers whether it is right.
    ///
    /// # Errors
    /// If too many wait for that already.
    pub(super) async fn check(&self, presented: &[u8], from: IpAddr) -> Result<(), &'static str> {
        let turn = turns::wait(from).await.ok_or(BUSY)?;
        if self.remembers(presented) || self.remembers_as_wrong(presented) {
            // Somebody else has come with it meanwhile.
            return Ok(());
        }
        let (known, presented) = (Arc::clone(&self.0), Zeroizing::new(presented.to_vec()));
        let (tell, told) = oneshot::channel();
        // The turn goes along: whoever leaves does not make room for another computation.
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let begun = Instant::now();
            let is_right = known.compute(&presented);
            let pause = begun.elapsed();
            let _ = tell.send(());
            if !is_right {
                // However many come with wrong ones, they take half of a processor at the most.
                std::thread::sleep(pause);
            }
        });
        told.await.map_err(|_| "a password could not be checked")
    }
}

impl Known {
    fn compute(&self, presented: &[u8]) -> bool {
        let is_right = Argon2::default().verify_password(presented, &self.digest).is_ok();
        let tag = hmac::sign(&self.key, presented);
        if is_right {
            let _ = self.right.set(tag);
        } else {
            let mut wrong = self.wrong();
            wrong.truncate(MOST_WRONG - 1);
            wrong.push_front(tag);
        }
        is_right
    }

    fn wrong(&self) -> MutexGuard<'_, VecDeque<hmac::Tag>> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_same(one: &hmac::Tag, other: &hmac::Tag) -> bool {
    constant_time::verify_slices_are_equal(one.as_ref(), other.as_ref()).is_ok()
}

impl std::fmt::Debug for Argon2id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Argon2id(…)")
    }
}
