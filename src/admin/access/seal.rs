//! What a ticket or a session says, sealed so that nobody but whoever has the key can make one.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longer ones are not looked at.
const LONGEST: usize = 2048;

/// What is sealed.
pub(super) trait Sealed: Serialize + DeserializeOwned {
    /// What it is for: what was sealed for one thing is good for no other.
    const PURPOSE: &'static str;
}

/// Seals it. With another `mark` it is not recognised.
pub(super) fn seal<T: Sealed>(key: &hmac::Key, what: &T, mark: &[u8]) -> Option<String> {
    let payload = serde_json::to_vec(what).ok()?;
    let tag = tag(key, T::PURPOSE, &payload, mark);
    Some(format!("{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(tag)))
}

/// What is sealed in `text`, if it is by that key, and with the mark that `mark` finds for it.
pub(super) fn open<T: Sealed>(key: &hmac::Key, text: &str, mark: impl FnOnce(&T) -> Option<Vec<u8>>) -> Option<T> {
    let (payload, tag) = text.split_once('.').filter(|_| text.len() <= LONGEST)?;
    let (payload, tag) = (URL_SAFE_NO_PAD.decode(payload).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?);
    let what: T = serde_json::from_slice(&payload).ok()?;
    let mark = mark(&what)?;
    hmac::verify(key, &sealed(T::PURPOSE, &payload, &mark), &tag).ok()?;
    Some(what)
}

fn tag(key: &hmac::Key, purpose: &str, payload: &[u8], mark: &[u8]) -> hmac::Tag {
    hmac::sign(key, &sealed(purpose, payload, mark))
}

/// All of it, each part with its length, so that no part can pass for the end of another.
fn sealed(purpose: &str, payload: &[u8], mark: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    for part in [purpose.as_bytes(), payload, mark] {
        whole.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        whole.extend(part);
    }
    whole
}
