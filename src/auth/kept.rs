//! What is kept of a password or token: enough to recognise it, not enough to use it.

use std::net::IpAddr;

use aws_lc_rs::{constant_time, digest};
use secrecy::ExposeSecret as _;

use super::argon2id::Argon2id;
use crate::config::Section;

/// How `sha256sum` writes a digest, if somebody adds of what kind it is.
const SHA256: &str = "sha256:";

/// What is kept of a password or token.
#[derive(Debug)]
pub(super) enum Kept {
    /// Its SHA-256 digest.
    Sha256(Fingerprint),
    /// Its Argon2id digest, which takes long to compare with.
    Argon2id(Argon2id),
}

impl Kept {
    /// Reads `key`, or the digest of it that stands at `<key>_digest`; each may be in a file. `fits` says what
    /// is wrong with a secret.
    pub(super) fn read(section: &Section, key: &str, fits: impl Fn(&str) -> Result<(), &'static str>) -> Option<Self> {
        let key_of_digest = format!("{key}_digest");
        let (plain, digest) = (section.has_secret(key), section.has_secret(&key_of_digest));
        if plain && digest {
            section.error(key, format!("is given twice, as it is and as `{key_of_digest}`. Remove one"));
            return None;
        }
        if !digest {
            let secret = section.secret(key)?;
            fits(secret.expose_secret()).map_err(|what| section.error(key, what)).ok()?;
            return Some(Self::Sha256(Fingerprint::of(secret.expose_secret().as_bytes())));
        }
        let digest = Self::parse(section.digest(&key_of_digest)?.expose_secret());
        digest.map_err(|what| section.error(&key_of_digest, what)).ok()
    }

    fn parse(digest: &str) -> Result<Self, String> {
        if digest.starts_with('$') {
            return Argon2id::parse(digest).map(Self::Argon2id);
        }
        let prefixed = digest.get(..SHA256.len()).is_some_and(|start| start.eq_ignore_ascii_case(SHA256));
        let digits = if prefixed { &digest[SHA256.len()..] } else { digest };
        Fingerprint::parse(digits).map(Self::Sha256).ok_or_else(|| {
            format!(
                "must be \"{SHA256}\" with the 64 digits that `sha256sum` prints, or an Argon2id digest, which starts \
                 with \"$argon2id$\". `tradecloud-webhook secret --digest` makes one"
            )
        })
    }

    /// What it is told from any other by, for a seal: it is gone once the password is another one.
    pub(super) fn mark(&self) -> Vec<u8> {
        match self {
            Self::Sha256(fingerprint) => fingerprint.0.to_vec(),
            Self::Argon2id(digest) => digest.text().into_bytes(),
        }
    }

    /// Whether it is known that `presented` is right. Takes about as long whatever is wrong with it.
    pub(super) fn recognises(&self, presented: &[u8]) -> bool {
        match self {
            Self::Sha256(fingerprint) => fingerprint.matches(presented),
            Self::Argon2id(digest) => digest.remembers(presented),
        }
    }

    /// Whether [`Kept::recognises`] may change its mind about `presented` after [`Kept::check`].
    pub(super) fn can_check(&self, presented: &[u8]) -> bool {
        match self {
            Self::Sha256(_) => false,
            Self::Argon2id(digest) => !digest.remembers_as_wrong(presented),
        }
    }

    /// Finds out whether `presented`, which came from that address, is right. That may take long; ask
    /// [`Kept::recognises`] then.
    ///
    /// # Errors
    /// If too many others wait for that already.
    pub(super) async fn check(&self, presented: &[u8], from: IpAddr) -> Result<(), &'static str> {
        match self {
            Self::Sha256(_) => Ok(()),
            Self::Argon2id(digest) => digest.check(presented, from).await,
        }
    }
}

/// The SHA-256 digest of a secret.
///
/// Comparing digests takes the same time for any input, of any length.
pub(super) struct Fingerprint([u8; digest::SHA256_OUTPUT_LEN]);

impl Fingerprint {
    fn of(secret: &[u8]) -> Self {
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, secret).as_ref());
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits.
    fn parse(digits: &str) -> Option<Self> {
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        if digits.len() != 2 * bytes.len() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    fn matches(&self, presented: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &Self::of(presented).0).is_ok()
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    use super::Kept;

    const SHA256: &str = "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631";
    const ARGON2ID: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$YSBzYWx0IG9mIHRlc3Rz$bzVn+b9plr8wZB0TlNtpr20KUJdfyxr2anO9UFPXsLg";

    /// How long it takes to recognise, on average.
    fn cost(kept: &Kept, presented: &[u8]) -> Duration {
        const TIMES: u32 = 20_000;
        let begun = Instant::now();
        for _ in 0..TIMES {
            std::hint::black_box(kept.recognises(std::hint::black_box(presented)));
        }
        begun.elapsed() / TIMES
    }

    /// How much less is for the benchmark to say; here it only has to be much, on a machine that is busy, too.
    #[tokio::test]
    async fn what_was_right_before_is_recognised_in_no_time() {
        for digest in [SHA256, ARGON2ID] {
            let kept = Kept::parse(digest).unwrap();
            let begun = Instant::now();
            kept.check(b"correct horse", IpAddr::V4(Ipv4Addr::LOCALHOST)).await.unwrap();
            let first = begun.elapsed();
            assert!(kept.recognises(b"correct horse"));

            let (right, wrong) = (cost(&kept, b"correct horse"), cost(&kept, b"wrong horse"));
            println!("{}: first {first:?}, then {right:?}, wrong {wrong:?}", &digest[..8]);
            assert!(digest == SHA256 || 20 * right.max(wrong) < first, "{first:?}, {right:?}, {wrong:?}");
        }
    }
}
