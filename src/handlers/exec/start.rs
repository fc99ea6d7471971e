//! What keeps a program from being started.
//!
//! The kernel has one word for most of that: "No such file or directory", also of a script that is there, but whose
//! first line names an interpreter that is not. So that line is read, and nobody has to guess.

use std::io;
use std::path::{Path, PathBuf};

use super::place::{find, not_found};
#[cfg(unix)]
use super::script;

/// `ENOEXEC`: the kernel does not know how to run it.
#[cfg(unix)]
const NO_PROGRAM: i32 = 8;

/// Where the program is; or why it cannot be started, with what to do.
pub(super) fn look_for(program: &str) -> Result<PathBuf, String> {
    let found = find(Path::new(program)).ok_or_else(|| not_found(program))?;
    #[cfg(unix)]
    if let Some(what) = script::obstacle(&found) {
        return Err(what);
    }
    Ok(found)
}

/// Why a program was not started, with what to do; `None` if the fault is not its own, such as a lack of memory.
pub(super) fn obstacle(program: &str, error: &io::Error) -> Option<String> {
    let what = match error.kind() {
        io::ErrorKind::NotFound => {
            "is there, but something that it needs is not, such as the loader of another C library"
        }
        io::ErrorKind::PermissionDenied => "may not be run",
        #[cfg(unix)]
        _ if error.raw_os_error() == Some(NO_PROGRAM) => "is made for another processor or system",
        _ => return None,
    };
    let what = look_for(program).err().unwrap_or_else(|| format!("{program} {what}"));
    Some(format!("{what} ({error})"))
}
