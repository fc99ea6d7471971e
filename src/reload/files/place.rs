//! Where a path leads to at the moment, and what is there.

use std::fs::Metadata;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// Links on the way to one file. As many as Linux follows.
const MOST_LINKS: usize = 40;

/// Tells a directory or a file from another one at the same path.
pub(super) type Identity = (u64, Option<SystemTime>);

/// `None` if there is no such directory.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().filter(Metadata::is_dir).map(|metadata| identity_in(&metadata))
}

/// `None` if there is no such file; a link is none.
pub(super) fn identity_of_file(path: &Path) -> Option<Identity> {
    path.symlink_metadata().ok().filter(Metadata::is_file).map(|metadata| identity_in(&metadata))
}

fn identity_in(metadata: &Metadata) -> Identity {
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let number = 0;
    (number, metadata.created().ok())
}

/// The file that `path` leads to, and every symbolic link on the way.
pub(super) fn on_the_way(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(path) = std::path::absolute(path) else { return found };
    let components = |path: &Path| {
        let parts: Vec<PathBuf> = path.components().map(|part| PathBuf::from(part.as_os_str())).collect();
        parts.into_iter().rev()
    };
    let mut left: Vec<_> = components(&path).collect();
    let mut at = PathBuf::new();
    while let Some(part) = left.pop() {
        match part.components().next() {
            Some(Component::ParentDir) => {
                at.pop();
                continue;
            }
            Some(Component::CurDir) | None => continue,
            _ => at.push(part),
        }
        if let Ok(target) = std::fs::read_link(&at)
            && found.len() < MOST_LINKS
        {
            found.push(at.clone());
            // An absolute target begins with the root, which replaces what it is pushed onto.
            at.pop();
            left.extend(components(&target));
        }
    }
    found.push(at);
    found
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::on_the_way;

    #[test]
    fn every_link_on_the_way_to_a_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("releases/..2026")).unwrap();
        std::fs::write(root.join("releases/..2026/portal"), "secret").unwrap();
        symlink("..2026", root.join("releases/..data")).unwrap();
        symlink("..data/portal", root.join("releases/portal")).unwrap();
        symlink(root.join("releases"), root.join("current")).unwrap();

        let found = on_the_way(&root.join("current/../current/portal"));

        // `current/..` is the folder that `releases` is in.
        let expected = ["current", "current", "releases/portal", "releases/..data", "releases/..2026/portal"];
        assert_eq!(found, expected.map(|path| root.join(path)));
    }

    #[test]
    fn a_circle_of_links_comes_to_an_end() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();

        assert!(on_the_way(&folder.path().join("a")).len() <= 41);
    }
}
