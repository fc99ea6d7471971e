//! `[documents]`: where they are kept, and whence they may come.

use std::path::{PathBuf, absolute};

use reqwest::Url;

use crate::config::Section;

/// Where they are kept, if nothing else is said.
const DIRECTORY: &str = "data/documents";

/// What Tradecloud takes at the most, as far as is known.
const LARGEST: u64 = 512 * 1024 * 1024;

/// The keys of `[documents]`, checked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where they are kept: an absolute path.
    pub(super) directory: PathBuf,
    /// Bytes of the largest one that is taken.
    pub(super) largest: u64,
    /// Hosts of others from which documents are taken, as they stand in an address.
    pub(super) urls_from: Vec<String>,
}

impl Settings {
    /// Reads and checks the section; `None` if a problem was noted.
    pub(crate) fn read(section: Section) -> Option<Self> {
        let directory = section.or("directory", Section::file, PathBuf::from(DIRECTORY));
        let largest = section.or("largest", Section::size, LARGEST);
        let urls_from = section.or("urls_from", hosts, Vec::new());
        let directory = directory.and_then(|directory| {
            let empty = directory.as_os_str().is_empty();
            if empty {
                section.error("directory", "is empty. Name the directory that the documents go to");
            }
            // A handler may have another working directory.
            if empty { None } else { Some(absolute(&directory).unwrap_or(directory)) }
        });
        section.finish();
        Some(Self { directory: directory?, largest: largest?, urls_from: urls_from? })
    }
}

/// Names of hosts, as they stand in an address that was read.
fn hosts(section: &Section, key: &str) -> Option<Vec<String>> {
    let names = section.texts(key)?;
    let hosts: Vec<_> = names.iter().filter_map(|name| host(name)).collect();
    if hosts.len() < names.len() {
        section.error(key, "must list names of hosts, without scheme, port and path, such as \"files.buyer.example\"");
        return None;
    }
    Some(hosts)
}

/// The host of that name; `None` if that is more, or less, than a name.
fn host(name: &str) -> Option<String> {
    if name.is_empty() || name.contains(['/', '\\', '@', '?', '#', '*', ' ']) {
        return None;
    }
    let url = Url::parse(&format!("https://{name}/")).ok()?;
    // That of the scheme is none for the library, so a port is looked for as it is written.
    let without_port = name.ends_with(']') || !name.contains(':');
    url.host_str().filter(|_| without_port).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn a_host_is_a_name_and_nothing_more() {
        assert_eq!(host("Files.Buyer.example").as_deref(), Some("files.buyer.example"));
        assert_eq!(host("müller.example").as_deref(), Some("xn--mller-kva.example"));
        assert_eq!(host("[2001:db8::1]").as_deref(), Some("[2001:db8::1]"));
        for wrong in ["", "https://a.example", "a.example/x", "a.example:443", "u@a.example", "*.example", "a b"] {
            assert_eq!(host(wrong), None, "{wrong}");
        }
    }
}
