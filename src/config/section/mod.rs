//! A table of the configuration, read key by key.
//!
//! Serde stops at the first fault; an operator wants all of them at once. So a [`Section`] hands out
//! one value after the other, notes what is wrong with each under its full key, remembers which keys
//! were asked for, and reports the others as unknown when it is finished.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use ::config::{Map, Value, ValueKind};

mod certificates;
mod left_out;
mod path;
mod placeholder;
mod presence;
mod secret;

pub(crate) use path::not_meant;
pub(crate) use secret::content_of;

use super::marks::MarkedFile;
use super::merge;
use super::private::{self, Content};
use super::problems::{Findings, Problem};
use crate::shown::word;

/// One table of the configuration. Its methods take a key out; what is absent is `None` or the
/// default without a word, what is wrong is noted in the shared list of problems.
pub struct Section {
    path: String,
    values: Map<String, Value>,
    asked: RefCell<Vec<String>>,
    problems: Rc<Findings>,
}

impl Section {
    /// The table `values` that stands at `path` (empty for the whole configuration).
    pub(crate) fn new(path: impl Into<String>, values: Map<String, Value>, problems: Rc<Findings>) -> Self {
        Self { path: path.into(), values, asked: RefCell::default(), problems }
    }

    /// Where this table stands, for example `handlers.erp`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last part of [`Section::path`]: the name the user gave it.
    pub fn name(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }

    /// Notes an error at `key` (the table itself if empty). `what` says what is wrong and what to do.
    pub fn error(&self, key: &str, what: impl Into<String>) {
        self.problems.push(Problem::error(self.key(key), what));
    }

    /// Notes something that works, but that the operator should know.
    pub fn warning(&self, key: &str, what: impl Into<String>) {
        self.problems.push(Problem::warning(self.key(key), what));
    }

    /// Notes that `key` leads to a file: when that changes, what is made of this table is made anew. To be
    /// called before the file is read.
    pub fn depends_on(&self, key: &str, path: &Path) {
        self.problems.note_file(MarkedFile::read(self.key(key), path));
    }

    /// Notes a warning at `key` if every user of this machine can read or change the file at `path`.
    pub fn warn_if_open_to_all(&self, key: &str, path: &Path) {
        if private::is_open_to_all(path, Content::Secret) {
            let (shown, path) = (path.display(), word(path));
            self.warning(key, format!("is open to every user of this machine: {shown}. Run `chmod 600 {path}`"));
        }
    }

    /// Whether the table has no key at all.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether the key is there and is a text.
    pub fn is_text(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|value| matches!(value.kind, ValueKind::String(_)))
    }

    /// A text. One that still has a placeholder such as `<tenant id>` in it is an error.
    pub fn text(&self, key: &str) -> Option<String> {
        self.text_as_it_is(key).filter(|text| self.is_filled_in(key, text))
    }

    /// A text that may be anything.
    fn text_as_it_is(&self, key: &str) -> Option<String> {
        let value = self.take(key)?;
        match value.kind {
            ValueKind::String(text) => Some(text),
            ValueKind::Table(_) | ValueKind::Array(_) | ValueKind::Nil => self.wrong(key, "a text in quotes"),
            // A number or boolean where a text is wanted: from the environment nothing has quotes.
            other => Some(other.to_string()),
        }
    }

    /// A text out of a few.
    pub fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            self.error(key, format!("is \"{text}\", which is not one of {}", names.join(", ")));
        }
        found.map(|(_, choice)| *choice)
    }

    /// A time such as `"4s"`, `"15m"` or `"30d"`.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        let text = self.text(key)?;
        match humantime::parse_duration(&text) {
            Ok(duration) if !duration.is_zero() => Some(duration),
            _ => self.wrong(key, "a time above zero with its unit, such as \"4s\", \"15m\" or \"30d\""),
        }
    }

    /// A size in bytes such as `"64 MiB"`.
    pub fn size(&self, key: &str) -> Option<u64> {
        let text = self.text(key)?;
        match text.parse::<bytesize::ByteSize>() {
            Ok(size) if size.as_u64() > 0 => Some(size.as_u64()),
            _ => self.wrong(key, "a size above zero with its unit, such as \"64 MiB\""),
        }
    }

    /// A whole number from `least` up.
    pub fn count(&self, key: &str, least: u32) -> Option<u32> {
        let text = self.text(key)?;
        match text.parse::<u32>() {
            Ok(count) if count >= least => Some(count),
            _ => self.wrong(key, &format!("a whole number of {least} or more")),
        }
    }

    /// A number with decimals.
    pub fn number(&self, key: &str) -> Option<f64> {
        let text = self.text(key)?;
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Some(number),
            _ => self.wrong(key, "a number such as 2.0"),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self, key: &str) -> Option<bool> {
        match self.text(key)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => self.wrong(key, "true or false"),
        }
    }

    /// A list of texts; from the environment, a text with commas. One with a placeholder is an error, as in
    /// [`Section::text`].
    pub fn texts(&self, key: &str) -> Option<Vec<String>> {
        self.words(key).filter(|texts| texts.iter().all(|text| self.is_filled_in(key, text)))
    }

    /// The same for texts that may be anything, such as `<` and `>` of a shell.
    pub fn words(&self, key: &str) -> Option<Vec<String>> {
        let value = self.take(key)?;
        match value.kind {
            ValueKind::Array(entries) => {
                let texts: Vec<_> = entries.iter().cloned().map_while(|entry| entry.into_string().ok()).collect();
                if texts.len() < entries.len() {
                    return self.wrong(key, "a list of texts, such as [\"a\", \"b\"]");
                }
                Some(texts)
            }
            ValueKind::String(text) => Some(text.split(',').map(|entry| entry.trim().to_owned()).collect()),
            _ => self.wrong(key, "a list of texts, such as [\"a\", \"b\"]"),
        }
    }

    /// A list of whole numbers in `range`.
    pub fn numbers(&self, key: &str, range: std::ops::RangeInclusive<u16>) -> Option<Vec<u16>> {
        let wanted = format!("a list of whole numbers from {} to {}", range.start(), range.end());
        let value = self.take(key)?;
        let entries = match value.kind {
            ValueKind::Array(entries) => {
                entries.into_iter().map(|entry| entry.into_string().unwrap_or_default()).collect()
            }
            ValueKind::String(text) => text.split(',').map(|entry| entry.trim().to_owned()).collect::<Vec<_>>(),
            _ => return self.wrong(key, &wanted),
        };
        let numbers: Vec<u16> =
            entries.iter().filter_map(|entry| entry.parse().ok()).filter(|n| range.contains(n)).collect();
        if numbers.len() < entries.len() {
            return self.wrong(key, &wanted);
        }
        Some(numbers)
    }

    /// An address with its port.
    pub fn address(&self, key: &str) -> Option<SocketAddr> {
        let address = self.text(key)?.parse().ok();
        if address.is_none() {
            self.error(key, "must be an IP address with a port, such as \"0.0.0.0:8443\" or \"[::1]:8443\"");
        }
        address
    }

    /// A table below this one.
    pub fn table(&self, key: &str) -> Option<Self> {
        let value = self.take(key)?;
        match value.kind {
            ValueKind::Table(values) => Some(self.below(key, values)),
            _ => self.wrong(key, &format!("a table: `[{}]`", self.key(key))),
        }
    }

    /// The tables below the table `key`, by the names the user gave them, sorted.
    pub fn tables(&self, key: &str) -> Vec<Self> {
        let Some(table) = self.table(key) else { return Vec::new() };
        let mut names: Vec<_> = table.values.keys().cloned().collect();
        names.sort();
        names.iter().filter_map(|name| table.table(name)).collect()
    }

    /// The tables of the list `key` (`[[key]]`).
    pub fn list_of_tables(&self, key: &str) -> Vec<Self> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let ValueKind::Array(entries) = value.kind else {
            let _: Option<()> = self.wrong(key, &format!("a list of tables: `[[{}]]`", self.key(key)));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            match entry.kind {
                ValueKind::Table(values) => tables.push(self.below(&format!("{key}[{index}]"), values)),
                _ => self.error(key, format!("must be a list of tables: `[[{}]]`", self.key(key))),
            }
        }
        tables
    }

    /// Reports every key that nobody asked for, with the nearest one that exists.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        let mut unknown: Vec<_> = self.values.keys().filter(|key| !asked.contains(key)).collect();
        unknown.sort();
        for key in unknown {
            let nearest = asked
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, key), known))
                .filter(|(distance, known)| *distance <= 1 + known.len() / 3)
                .min();
            let hint = if let Some((_, known)) = nearest {
                format!("is unknown. Did you mean `{known}`?")
            } else {
                let mut known: Vec<_> = asked.iter().map(String::as_str).collect();
                known.sort_unstable();
                known.dedup();
                format!("is unknown. Known here: {}", known.join(", "))
            };
            self.error(key, hint);
        }
    }

    fn below(&self, key: &str, values: Map<String, Value>) -> Self {
        Self::new(self.key(key), values, Rc::clone(&self.problems))
    }

    fn key(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    fn take(&self, key: &str) -> Option<Value> {
        self.know(key);
        self.values.get(key).cloned()
    }

    /// Whether `text` is more than an example from the documentation; notes an error if not.
    fn is_filled_in(&self, key: &str, text: &str) -> bool {
        let is_example = placeholder::is_in(text);
        if is_example {
            // Not shown: it may be a part of more than a name.
            self.error(key, "still has a placeholder in it, `<…>`. Put in its place what it stands for");
        }
        !is_example
    }

    fn wrong<T>(&self, key: &str, wanted: &str) -> Option<T> {
        self.error(key, format!("must be {wanted}"));
        None
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        merge::wipe_all(&mut self.values);
    }
}
