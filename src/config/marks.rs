//! What a configuration says, key by key, in a form that tells what has changed and gives nothing away.
//!
//! A reload needs to know which handlers and credentials are still the same, so that their connections
//! and caches outlive it, and which keys it cannot act upon. The settings themselves cannot be
//! compared: they hold secrets and open files. So each key gets a mark of its value, and of what is in
//! the file that it leads to, if it does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ::config::{Map, Value, ValueKind};
use aws_lc_rs::hmac;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Marks hold only within this process: somebody who reads one cannot try passwords on it.
///
/// Of 244 random bits that the system gives, as it gives those of ids. The generator of the cryptography would do as
/// well, but it tests the noise of the processor before its first number, which takes 30 to 40 ms. Whoever only lists
/// events needs no other random number, and would wait for that longer than for the events.
static KEY: LazyLock<hmac::Key> = LazyLock::new(|| {
    let random = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes);
    hmac::Key::new(hmac::HMAC_SHA256, Zeroizing::new(random).as_flattened())
});

/// The marks of all keys of a configuration, and the files that it consists of.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Of the text of the configuration file: it may be one that cannot be understood.
    text: Vec<u8>,
    keys: BTreeMap<String, Vec<u8>>,
    files: BTreeSet<PathBuf>,
}

impl Marks {
    /// Of a configuration whose file is at `path` and has this text, without its keys yet.
    pub(super) fn new(path: &Path, text: &str) -> Self {
        Self { text: mark(text.as_bytes()), keys: BTreeMap::new(), files: BTreeSet::from([path.to_owned()]) }
    }

    /// Marks the keys of the merged layers.
    pub(super) fn add_all(&mut self, values: &Map<String, Value>) {
        for (name, value) in values {
            self.add(name, &value.kind);
        }
    }

    /// Adds the files that keys lead to.
    pub(super) fn add_files(&mut self, files: Vec<MarkedFile>) {
        for file in files {
            self.keys.entry(file.key).or_default().extend(file.mark);
            self.files.insert(file.path);
        }
    }

    /// Every file that the configuration was read from: its own, those of secrets, certificates and keys.
    pub fn files(&self) -> &BTreeSet<PathBuf> {
        &self.files
    }

    /// Whether nothing is known but which file could not be understood.
    pub(crate) fn has_no_keys(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys whose values or files differ, sorted.
    pub(crate) fn changed<'a>(&'a self, newer: &'a Self) -> Vec<&'a str> {
        let keys: BTreeSet<_> = self.keys.keys().chain(newer.keys.keys()).collect();
        keys.into_iter().filter(|key| self.keys.get(*key) != newer.keys.get(*key)).map(String::as_str).collect()
    }

    /// Whether the key `path` is there, or one below it.
    pub(crate) fn has_below(&self, path: &str) -> bool {
        self.keys.keys().any(|key| is_below(key, path))
    }

    /// Whether nothing below the table `path` differs.
    pub(crate) fn same_below(&self, newer: &Self, path: &str) -> bool {
        !self.changed(newer).iter().any(|key| is_below(key, path))
    }

    fn add(&mut self, key: &str, value: &ValueKind) {
        match value {
            ValueKind::Table(values) if !values.is_empty() => {
                for (name, value) in values {
                    self.add(&format!("{key}.{name}"), &value.kind);
                }
            }
            ValueKind::Array(values) if !values.is_empty() => {
                self.keys.insert(key.to_owned(), mark(&values.len().to_be_bytes()));
                for (index, value) in values.iter().enumerate() {
                    self.add(&format!("{key}[{index}]"), &value.kind);
                }
            }
            // Not copied: it may be a secret.
            ValueKind::String(text) => {
                self.keys.insert(key.to_owned(), mark(text.as_bytes()));
            }
            value => {
                self.keys.insert(key.to_owned(), mark(value.to_string().as_bytes()));
            }
        }
    }
}

/// A file that the value of a key leads to, and the mark of what is in it.
#[derive(Debug)]
pub(super) struct MarkedFile {
    key: String,
    path: PathBuf,
    mark: Vec<u8>,
}

impl MarkedFile {
    /// Reads the file at `path` for its mark: to be called before its content is used, so that of a change in
    /// between the next reading finds another mark. The mark is empty for what cannot be read, which is
    /// reported where it is used. A pipe can be read only once, and that is not here.
    pub(super) fn read(key: String, path: &Path) -> Self {
        let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
        let content = if is_file { std::fs::read(path).ok().map(Zeroizing::new) } else { None };
        Self { key, path: path.to_owned(), mark: content.map(|content| mark(&content)).unwrap_or_default() }
    }
}

/// Whether `key` stands in the table or list `path`.
pub(crate) fn is_below(key: &str, path: &str) -> bool {
    key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn mark(content: &[u8]) -> Vec<u8> {
    hmac::sign(&KEY, content).as_ref().to_vec()
}

impl std::fmt::Debug for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.keys.keys()).finish()
    }
}
