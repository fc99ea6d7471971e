//! Where programs are, and whether they can be run: at their paths, or by their names in the folders of `PATH`.

use std::path::{Path, PathBuf};

/// Where a program is that can be run.
pub(super) fn find(program: &Path) -> Option<PathBuf> {
    places(program).iter().find_map(|place| runnable(place))
}

/// Why none was found, with what to do.
pub(super) fn not_found(program: &str) -> String {
    let path = Path::new(program);
    if let Some(there) = places(path).iter().find(|place| place.is_file()) {
        format!("{} may not be run: {}", there.display(), why_not_runnable(there))
    } else if has_place(path) && path.is_dir() {
        format!("{program} is a folder. Name the program in it")
    } else if has_place(path) && path.is_symlink() {
        format!("{program} is a link, and what it leads to is not there, or is no program")
    } else if let Some(words) = several_words(program) {
        format!("{program} is not found: arguments are entries of their own. Write it like command = [{words}]")
    } else if cfg!(unix) && is_of_windows(program) {
        format!("{program} is not found: it is a path of Windows. Write it like /usr/local/bin/import-order")
    } else if path.is_absolute() {
        format!("{program} is not found")
    } else if has_folder(path) {
        format!("{program} is not found, seen from the working directory")
    } else {
        format!("{program} is not found in any folder of PATH")
    }
}

/// The program and its arguments as entries of their own, if they were written as one and the first of them is there.
fn several_words(program: &str) -> Option<String> {
    let words: Vec<&str> = program.split_whitespace().collect();
    let [first, _, ..] = words[..] else { return None };
    find(Path::new(first))?;
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    Some(quoted.join(", "))
}

/// Whether a path has a drive, or what separates folders there.
pub(super) fn is_of_windows(path: &str) -> bool {
    path.contains('\\') || matches!(path.as_bytes(), [drive, b':', b'/', ..] if drive.is_ascii_alphabetic())
}

/// The path, if what is there can be run by this user.
#[cfg(unix)]
pub(super) fn runnable(path: &Path) -> Option<PathBuf> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    // A folder may be executable, too.
    let can_be_run = path.is_file() && accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok();
    can_be_run.then(|| path.to_owned())
}

#[cfg(unix)]
fn why_not_runnable(path: &Path) -> &'static str {
    use std::os::unix::fs::PermissionsExt as _;
    if path.metadata().is_ok_and(|there| there.permissions().mode() & 0o111 != 0) {
        "it is executable, but not for this user, or its file system is mounted with noexec"
    } else {
        "make it executable (chmod +x)"
    }
}

#[cfg(not(unix))]
fn runnable(path: &Path) -> Option<PathBuf> {
    [path.to_owned(), path.with_extension("exe")].into_iter().find(|path| path.is_file())
}

#[cfg(not(unix))]
fn why_not_runnable(_path: &Path) -> &'static str {
    "it is no program"
}

/// Where a program is looked for.
fn places(program: &Path) -> Vec<PathBuf> {
    if has_folder(program) {
        return vec![program.to_owned()];
    }
    let folders = std::env::var_os("PATH");
    folders.iter().flat_map(std::env::split_paths).map(|folder| folder.join(program)).collect()
}

/// Whether it says where it is, and is not looked for.
fn has_place(program: &Path) -> bool {
    program.is_absolute() || has_folder(program)
}

/// Whether it is given by a path and not by its name alone.
fn has_folder(program: &Path) -> bool {
    program.components().count() > 1
}
