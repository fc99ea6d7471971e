//! A certificate with the private key that belongs to it.

use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

const UNUSABLE: &str =
    "cannot be used for TLS: it has to be RSA of 2048 bits or more, ECDSA (P-256, P-384 or P-521) or Ed25519";
const OF_ANOTHER: &str =
    "does not belong to the certificate: it is the key of another one. Use the pair that was issued together";
/// The chain of one that was put together the wrong way round, or that comes out of PKCS#12 or PKCS#7 so.
const OF_LATER: &str =
    "belongs to a certificate that does not stand first in its file. Put that one first, and each issuer behind it";
const NO_MATCH: &str = "belongs to a certificate that cannot be used: it is damaged, or of an old version (X.509 v1). \
                        Get another one";

/// A chain with its key, which is read here and not kept: whoever holds it wipes it.
///
/// # Errors
/// If they do not belong together, or the key is none for TLS. What is wrong, to be read after where the key was named.
pub(crate) fn pair(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Result<CertifiedKey, String> {
    let certified = CertifiedKey::new(chain, any_supported_type(key).map_err(|_| UNUSABLE.to_owned())?);
    match certified.keys_match() {
        // Some kinds of key cannot say whose they are.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let fits = |one: &CertificateDer<'static>| {
                CertifiedKey::new(vec![one.clone()], Arc::clone(&certified.key)).keys_match().is_ok()
            };
            let is_later = certified.cert.iter().skip(1).any(fits);
            Err(if is_later { OF_LATER } else { OF_ANOTHER }.to_owned())
        }
        Err(_) => Err(NO_MATCH.to_owned()),
    }
}
