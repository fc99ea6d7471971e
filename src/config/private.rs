//! Files that are nobody else's business.

use std::fs::OpenOptions;
use std::path::Path;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// Whether every user of this machine can read or change the file. What is no file (a pipe) is not asked,
/// nor is anything on Windows, where permissions are inherited and seldom wrong.
pub(crate) fn is_open_to_all(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        /// Reading and writing, of those who are neither the owner nor in the group.
        const OTHERS: u32 = 0o006;
        std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & OTHERS != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
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
