//! The layers of the configuration, one over the other in one table.
//!
//! Texts are moved here, never copied, and [`wipe`] overwrites what is not needed any more: any of them may be
//! a secret. That is why this is not left to the builder of the `config` crate, which copies them on the way
//! and shows a value in its errors.

use std::borrow::Cow;
use std::ffi::OsString;
use std::ops::Range;

use ::config::{Map, Value, ValueKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroize as _;

use super::problems::Problem;
use super::syntax::{self, Slip};

/// Between the names in a variable of the environment.
const SEPARATOR: &str = "__";

/// A text of TOML, parsed. What its parser had to copy, since there are escapes in it, is wiped with it.
pub(super) struct Document<'a>(DeTable<'a>);

impl<'a> Document<'a> {
    /// # Errors
    /// If it is no TOML: all that is wrong with it.
    pub(super) fn parse(text: &'a str) -> Result<Self, Vec<Slip>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        // Wiped if it is not returned.
        let document = Self(table.into_inner());
        if errors.is_empty() { Ok(document) } else { Err(syntax::slips(text, &errors)) }
    }

    pub(super) const fn table(&self) -> &DeTable<'a> {
        &self.0
    }

    /// Its values, moved out of it. `text` is what it was made from.
    ///
    /// # Errors
    /// If a number in it is too large.
    pub(super) fn into_values(mut self, text: &str) -> Result<Map<String, Value>, Slip> {
        from_table(std::mem::take(&mut self.0)).map_err(|(span, what)| Slip::new(text, span, what))
    }
}

impl Drop for Document<'_> {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|(_, value)| wipe_parsed(value.get_mut()));
    }
}

fn wipe_parsed(value: &mut DeValue<'_>) {
    match value {
        DeValue::String(Cow::Owned(text)) => text.zeroize(),
        DeValue::Array(entries) => entries.iter_mut().for_each(|entry| wipe_parsed(entry.get_mut())),
        DeValue::Table(table) => table.iter_mut().for_each(|(_, value)| wipe_parsed(value.get_mut())),
        _ => {}
    }
}

/// Reads a text.
///
/// # Errors
/// If it is no TOML, or a number in it is too large: all that is wrong with it.
pub(super) fn read(text: &str) -> Result<Map<String, Value>, Vec<Slip>> {
    Document::parse(text)?.into_values(text).map_err(|slip| vec![slip])
}

fn from_table(table: DeTable<'_>) -> Result<Map<String, Value>, (Range<usize>, &'static str)> {
    table.into_iter().map(|(name, value)| Ok((name.into_inner().into_owned(), from_value(value)?))).collect()
}

fn from_value(value: Spanned<DeValue<'_>>) -> Result<Value, (Range<usize>, &'static str)> {
    let span = value.span();
    let kind = match value.into_inner() {
        DeValue::String(text) => ValueKind::String(text.into_owned()),
        DeValue::Boolean(value) => ValueKind::Boolean(value),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => ValueKind::I64(number),
            Err(_) => return Err((span, "is a whole number that is too large")),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => ValueKind::Float(number),
            Err(_) => return Err((span, "is a number that cannot be read")),
        },
        DeValue::Datetime(time) => ValueKind::String(time.to_string()),
        DeValue::Array(entries) => ValueKind::Array(entries.into_iter().map(from_value).collect::<Result<_, _>>()?),
        DeValue::Table(table) => ValueKind::Table(from_table(table)?),
    };
    Ok(Value::new(None, kind))
}

/// Puts the upper layer over the lower one. Tables are merged; everything else is replaced.
pub(super) fn put_over(lower: &mut Map<String, Value>, upper: Map<String, Value>) {
    for (name, mut value) in upper {
        match (lower.get_mut(&name).map(|value| &mut value.kind), &mut value.kind) {
            (Some(ValueKind::Table(lower)), ValueKind::Table(upper)) => put_over(lower, std::mem::take(upper)),
            _ => {
                if let Some(mut replaced) = lower.insert(name, value) {
                    wipe(&mut replaced);
                }
            }
        }
    }
}

/// Puts the variables of the environment over the layers that begin with `prefix`: `<prefix>__SERVER__LISTEN`
/// is `server.listen`.
///
/// # Errors
/// If the value of a variable is no text.
pub(super) fn put_environment_over(lower: &mut Map<String, Value>, prefix: &str) -> Result<(), Problem> {
    let prefix = format!("{prefix}{SEPARATOR}").to_lowercase();
    let mut variables: Vec<(String, OsString)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.to_lowercase().starts_with(&prefix))
        .collect();
    // So that what they say together does not depend on chance.
    variables.sort_unstable();
    for (name, value) in variables {
        let Ok(text) = value.into_string() else {
            return Err(Problem::error(name, "is no text: write it in UTF-8"));
        };
        let path = name.to_lowercase();
        let path = &path[prefix.len()..];
        let value = path.rsplit(SEPARATOR).fold(ValueKind::String(text), |value, name| {
            ValueKind::Table([(name.to_owned(), Value::new(None, value))].into_iter().collect())
        });
        if let ValueKind::Table(upper) = value {
            put_over(lower, upper);
        }
    }
    Ok(())
}

/// Overwrites every text.
pub(super) fn wipe(value: &mut Value) {
    match &mut value.kind {
        ValueKind::String(text) => text.zeroize(),
        ValueKind::Array(entries) => entries.iter_mut().for_each(wipe),
        ValueKind::Table(values) => wipe_all(values),
        other => *other = ValueKind::Nil,
    }
}

/// Overwrites every text of a table.
pub(super) fn wipe_all(values: &mut Map<String, Value>) {
    values.values_mut().for_each(wipe);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_merged_and_everything_else_is_replaced() {
        let mut lower = read("a = 1\nb = [1, 2]\n[c]\nd = 'x'\ne = 'y'\n[f]\ng = 1").unwrap();

        put_over(&mut lower, read("b = [3]\nf = 'off'\n[c]\nd = 'z'\n[h]\ni = true").unwrap());

        assert_eq!(lower, read("a = 1\nb = [3]\nf = 'off'\n[c]\nd = 'z'\ne = 'y'\n[h]\ni = true").unwrap());
    }

    #[test]
    fn what_is_wiped_is_empty_at_every_depth() {
        let mut values = read("a = 'hidden'\nb = ['hidden']\n[c.d]\ne = 'hidden'\nf = 7").unwrap();

        wipe_all(&mut values);

        let shown = format!("{values:?}");
        assert!(!shown.contains("hidden") && !shown.contains('7'), "{shown}");
    }
}
