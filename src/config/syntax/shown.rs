//! The line of a slip with a caret below it, without any value that may be a secret.
//!
//! A line that is no TOML may be anything, such as a password behind a key that is misspelt. So what is shown is what is
//! known to be harmless: the value of a key in [`SHOWN`]. All else is an ellipsis.

use std::ops::Range;

use super::surroundings::{Surroundings, header_of, is_key};
use crate::shown::printable;

/// The keys whose values are nobody's secret. A new key that is not among them is not shown: the message says the same.
const SHOWN: [&str; 79] = [
    "acknowledge",
    "allow_from",
    "answer_within",
    "audience",
    "auth_grace",
    "bodies_in_memory",
    "body",
    "body_idle",
    "brokers",
    "by",
    "cache",
    "certificate",
    "client_certificate",
    "client_id",
    "client_key",
    "clients",
    "companies",
    "company",
    "connections",
    "contact",
    "create_stream",
    "deliver",
    "directory",
    "documents",
    "domains",
    "environment",
    "events",
    "every",
    "exchange",
    "first_retry",
    "format",
    "give_up_after",
    "grace",
    "header_read",
    "hosts",
    "issuer",
    "keep",
    "keep_actions",
    "keep_answers",
    "keep_unwanted",
    "kinds",
    "lanes",
    "largest",
    "level",
    "listen",
    "max_per_second",
    "max_retry",
    "mode",
    "not_found_after",
    "orders",
    "overlap",
    "path",
    "paused",
    "private_key",
    "proxy_header",
    "refused_space",
    "reject_on",
    "requests_per_second",
    "retry_factor",
    "role",
    "roles",
    "routing_key",
    "session",
    "shipments",
    "shutdown_grace",
    "since",
    "skip_echoes",
    "store",
    "stream",
    "table",
    "time_zone",
    "timeout",
    "tls",
    "topic",
    "trusted_proxies",
    "trusted_role_header",
    "trusted_user_header",
    "type",
    "urls_from",
];

/// More of a long line is shown only around the caret.
const LONGEST: usize = 100;

/// Whether the value of a key is nobody's secret. The path of a file is none.
pub(super) fn is_shown(key: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or(key).trim_matches(['"', '\'']);
    SHOWN.contains(&name) || name.ends_with("_file")
}

/// The line, number in front, and a caret below each character of `span`.
pub(super) fn excerpt(around: &Surroundings<'_>, number: usize, span: &Range<usize>) -> String {
    let (line, hidden) = (around.line(), hidden_from(around));
    let in_place = |character: &char| *character != '\u{feff}';
    let column = |offset: usize| {
        let shown = offset.saturating_sub(around.line.start).min(hidden);
        line.get(..shown).unwrap_or(line).chars().filter(in_place).count()
    };
    let (begin, end) = (column(span.start), column(span.end));
    let ellipsis = if hidden < line.len() { "…" } else { "" };
    let first = if begin < LONGEST { 0 } else { begin - LONGEST / 2 };
    let visible = format!("{}{ellipsis}", &line[..hidden]);
    let visible: String = visible.chars().filter(in_place).skip(first).take(LONGEST + LONGEST / 2).collect();
    let (number, carets) = (number.to_string(), end.saturating_sub(begin).clamp(1, LONGEST));
    format!(
        "{number} | {}\n{} | {}{}",
        printable(&visible),
        " ".repeat(number.len()),
        " ".repeat(begin - first),
        "^".repeat(carets),
    )
}

/// From which byte of the line on nothing is shown.
fn hidden_from(around: &Surroundings<'_>) -> usize {
    let line = around.line();
    if around.is_in_long_text() {
        return 0;
    }
    if around.goes_on() && around.written_key().is_some_and(is_shown) {
        return comment(line);
    }
    let mut from = line.len() - line.trim_start_matches(['\u{feff}', ' ', '\t']).len();
    if let Some(header) = header_of(line) {
        let end = line.find(header).map_or(0, |at| at + header.len());
        from = line.len() - line[end..].trim_start_matches([']', ' ', '\t']).len();
        if from == line.len() {
            return from;
        }
    } else if !line.contains('=') {
        let first = line[from..].split([' ', '\t', ':']).next().unwrap_or_default();
        return if is_key(first) && is_shown(first) { comment(line) } else { from };
    }
    // Whether nothing but a key may stand before the next `=`, and not the rest of a value that is shown.
    let mut alone = true;
    while let Some(equals) = line[from..].find('=').map(|at| from + at) {
        let before = line[from..equals].trim();
        let key = if alone { before } else { before.rsplit([' ', '\t', ',', '{', '[']).next().unwrap_or_default() };
        if !is_key(key) {
            return from;
        }
        let value = line[equals + 1..].trim_start();
        if value.starts_with('{') {
            (from, alone) = (line.len() - value.len() + 1, true);
        } else if is_shown(key) {
            (from, alone) = (equals + 1, false);
        } else {
            return line.len() - value.len();
        }
    }
    if alone { from } else { comment(line) }
}

/// Where a comment begins; the end of the line if there is none.
fn comment(line: &str) -> usize {
    line.find('#').map_or(line.len(), |at| line[..at].trim_end().len())
}
