//! Files that are nobody else's business.

use std::fs::OpenOptions;
use std::path::Path;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// What is in a file, and so what others must not do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// A secret: neither read nor change.
    Secret,
    /// What a secret is recognised by, such as its digest: not change. Whoever could would put their own there.
    Digest,
}

/// Whether every user of this machine can do with the file what must not be. What is no file (a pipe) is not
/// asked, nor is anything on Windows, where permissions are inherited and seldom wrong.
pub(crate) fn is_open_to_all(path: &Path, content: Content) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Of those who are neither the owner nor in the group: reading is 4, writing 2.
        let forbidden = match content {
            Content::Secret => 0o006,
            Content::Digest => 0o002,
        };
        std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & forbidden != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = (path, content);
        false
    }
}

/// Options to write a file that only its owner may read, from its first moment on.
pub(crate) fn for_owner() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// `BYTES` random bytes as text that fits anywhere: letters, digits, `-` and `_`.
///
/// # Errors
/// If the system gives no random numbers.
pub(crate) fn random_text<const BYTES: usize>() -> anyhow::Result<Zeroizing<String>> {
    let mut random = Zeroizing::new([0; BYTES]);
    rand::fill(&mut *random).map_err(|_| anyhow::anyhow!("the system gave no random numbers"))?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*random)))
}
