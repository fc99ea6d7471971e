//! Private keys that are encrypted (PKCS#8 with PBES2: RFC 5958, RFC 8018).

use std::path::Path;

use pkcs8::pkcs5::{self, EncryptionScheme};
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo};
use rustls::pki_types::PrivatePkcs8KeyDer;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::{NoKey, PrivateKey, foreign};

/// The key in `der`, which came from the file at `path`.
pub(super) fn open(der: &[u8], password: Option<&SecretString>, path: &Path) -> Result<PrivateKey, NoKey> {
    let unknown = || {
        let what = foreign::reencrypt("is encrypted in a way that is not read", path);
        NoKey::None(format!("{} {what}", path.display()))
    };
    // PBES1 has the keys of long ago, of 56 bits and the like.
    let info = EncryptedPrivateKeyInfo::try_from(der).map_err(|_| unknown())?;
    let EncryptionScheme::Pbes2(_) = info.encryption_algorithm else { return Err(unknown()) };
    // A password is asked for only where it helps.
    let Some(password) = password else { return Err(NoKey::Locked(foreign::locked(path))) };
    let document = info.decrypt(password.expose_secret()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(error) if !is_of_password(error) => unknown(),
        _ => NoKey::WrongPassword,
    })?;
    // What a wrong password makes of it may look like something by chance, but not like a key.
    PrivateKeyInfo::try_from(document.as_bytes()).map_err(|_| NoKey::WrongPassword)?;
    Ok(Zeroizing::new(PrivatePkcs8KeyDer::from(document.as_bytes().to_vec()).into()))
}

/// Whether a failure may be the password's; others are of algorithms that are not known. The library says "encrypt" of
/// what it could not decrypt.
fn is_of_password(error: pkcs5::Error) -> bool {
    matches!(error, pkcs5::Error::DecryptFailed | pkcs5::Error::EncryptFailed)
}
