//! Who can read the files, in words: an event that the ERP cannot read is of no use to it, and counts as done.

use std::fs::Metadata;
use std::path::Path;

/// The rights of a file that was written for a trial, and whom they let read it: `, its files get …`. Of a folder that
/// is not there, nobody knows whom it will let in.
#[cfg(unix)]
pub(super) fn of(file: &Metadata, folder: Option<&Path>) -> String {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let mode = file.permissions().mode();
    let rights = format!(", its files get {}", shown(mode));
    let Some(folder) = folder.and_then(|folder| folder.metadata().ok()) else { return rights };
    let way = folder.permissions().mode();
    let (user, group) = (name(file.uid(), "/etc/passwd"), name(file.gid(), "/etc/group"));
    // Group and others: those who may read a file, and of them those who may pass through the folder, too.
    let may = mode & 0o044;
    let can = may & way << 2;
    let readers = match (can & 0o040 != 0, can & 0o004 != 0) {
        (false, false) => format!("only the user {user} can read them"),
        (true, false) => format!("the user {user} and the group {group} can read them"),
        (false, true) => format!("everybody but the group {group} can read them"),
        (true, true) => "everybody can read them".to_owned(),
    };
    let why = if can == may { String::new() } else { format!(", because the folder is {}", shown(way)) };
    format!("{rights}: {readers}{why}")
}

#[cfg(not(unix))]
pub(super) fn of(_file: &Metadata, _folder: Option<&Path>) -> String {
    String::new()
}

/// As `ls` and chmod show it: `rw-r----- (0640)`.
#[cfg(unix)]
fn shown(mode: u32) -> String {
    let mode = mode & 0o777;
    let letters: String =
        (0..9).map(|place| if mode & (0o400 >> place) == 0 { '-' } else { ['r', 'w', 'x'][place % 3] }).collect();
    format!("{letters} (0{mode:03o})")
}

/// The name that a file of the form of /etc/passwd has for an id, else the id: not every user stands there.
#[cfg(unix)]
fn name(id: u32, file: &str) -> String {
    let (id, names) = (id.to_string(), std::fs::read_to_string(file).unwrap_or_default());
    let is_it = |line: &&str| line.split(':').nth(2) == Some(&id);
    names.lines().find(is_it).and_then(|line| line.split(':').next()).unwrap_or(&id).to_owned()
}

#[cfg(all(test, unix))]
mod tests {
    use super::{name, shown};

    #[test]
    fn rights_are_shown_as_ls_and_chmod_do() {
        assert_eq!(shown(0o100_640), "rw-r----- (0640)");
        assert_eq!(shown(0o755), "rwxr-xr-x (0755)");
        assert_eq!(shown(0o004), "------r-- (0004)");
    }

    #[test]
    fn who_has_no_name_is_told_by_number() {
        assert_eq!(name(0, "/etc/passwd"), "root");
        assert_eq!(name(4_000_000_000, "/etc/passwd"), "4000000000");
        assert_eq!(name(7, "/no/such/file"), "7");
    }
}
