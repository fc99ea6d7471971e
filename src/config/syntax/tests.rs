//! Each usual slip has its place and its cure, and shows nobody's secret.

use toml::de::DeTable;

use super::{Slip, slips};

fn found(text: &str) -> Vec<Slip> {
    slips(text, &DeTable::parse_recoverable(text).1)
}

/// The one slip of a text, as it is said and shown.
fn only(text: &str) -> String {
    let found = found(text);
    assert_eq!(found.len(), 1, "{text}: {found:#?}");
    format!("{}\n{}", found[0], found[0].excerpt)
}

#[test]
fn a_slip_has_its_key_and_place_and_the_line_with_a_caret() {
    assert_eq!(
        only("[server]\n\tlisten = 127.0.0.1:8443 # all\n"),
        "line 2, column 11: `server.listen` has a value without quotes. Put it in quotes: `listen = \"127.0.0.1:8443\"`\n\
         2 |  listen = 127.0.0.1:8443…\n  |           ^^^^^^^^^^^^^^"
    );
}

/// What is written, what is said of it, and where: line and column.
const SLIPS: [(&str, &str, (usize, usize)); 65] = [
    ("inbox.path = data/inbox.db", "Put it in quotes: `inbox.path = \"data/inbox.db\"`", (1, 14)),
    ("path = C:\\new", "`path = 'C:\\new'`", (1, 8)),
    ("timeout = 10s", "`timeout = \"10s\"`", (1, 11)),
    ("body = 64 MiB", "`body = \"64 MiB\"`", (1, 8)),
    ("type = basic", "`type = \"basic\"`", (1, 8)),
    ("type = file", "`type = \"file\"`", (1, 8)),
    ("listen = 10.0.0.1", "`listen = \"10.0.0.1\"`", (1, 10)),
    ("since = 2026-13-01", "Put it in quotes", (1, 9)),
    ("lanes = 08", "Put it in quotes", (1, 9)),
    ("retry_factor = 1.", "Put it in quotes", (1, 16)),
    ("kinds = [order, \"shipment\"]", "Put each text in quotes", (1, 10)),
    ("kinds = [\n  \"order\",\n  shipment\n]", "Put each text in quotes", (3, 3)),
    ("auth.a = { type = basic }", "Put each text in quotes", (1, 19)),
    ("paused = True", "write `true` or `false`", (1, 10)),
    ("paused = yes", "write `true` or `false`", (1, 10)),
    ("paused = OFF", "write `true` or `false`", (1, 10)),
    ("paused = null", "Remove the line", (1, 10)),
    ("path =", "has no value", (1, 7)),
    ("path = “data/inbox.db”", "typographic quotes", (1, 8)),
    ("“path” = 1", "typographic quotes", (1, 1)),
    ("path = \"C:\\Users\\me\"", "single quotes, or double each backslash: `path = 'C:\\Users\\me'`", (1, 11)),
    ("path = \"D:\\data\"", "single quotes, or double each backslash: `path = 'D:\\data'`", (1, 11)),
    ("path = \"D:\\", "no closing quote", (1, 12)),
    ("path = \"C:\\\\in\\\"", "the backslash takes it away", (1, 17)),
    ("path = \"data/inbox.db\nlanes = 1", "Add \" behind the text", (1, 22)),
    ("path = 'data/inbox.db\nlanes = 1", "Add ' behind the text", (1, 22)),
    ("path = data/inbox.db\"", "Put one at each end", (1, 8)),
    ("path = \"\"\"data\nlanes = 1", "there are no three that end it", (1, 8)),
    ("path = \"a\u{1}b\"", "U+0001", (1, 10)),
    ("[server\nlisten = 'x'", "Write `[server]`", (1, 8)),
    ("[[endpoints]\npath = '/x'", "Write `[[endpoints]]`", (1, 13)),
    ("[server]]", "Write `[server]`", (1, 9)),
    ("[server] # all\n[server tls]", "Write `[name]`", (2, 8)),
    ("kinds = [\"order\"\nlanes = 1", "is a list that is not closed. Add `]`", (1, 9)),
    ("kinds = [\n  \"order\",\n[log]\nlevel = 'info'", "is a list that is not closed. Add `]`", (1, 9)),
    ("kinds = [\"order\",", "is a list that is not closed. Add `]`", (1, 9)),
    ("kinds = [\"order\" \"shipment\"]", "without a comma between two of its entries", (1, 18)),
    ("kinds = [\n  \"order\"\n  \"shipment\"\n]", "without a comma between two of its entries", (3, 3)),
    ("auth.a = { type = \"basic\"\nlanes = 1", "is a table in braces that is not closed. Add `}`", (1, 10)),
    ("auth.a = { type = \"basic\" username = \"me\" }", "without a comma between two of its keys", (1, 27)),
    ("lanes = 1\nlanes = 2", "is there twice (in line 1 already). Remove one", (2, 1)),
    ("[log]\n[inbox]\n[log]\nlevel = 'info'", "is there twice (in line 1 already). Put the keys of both", (3, 2)),
    ("listen \"127.0.0.1:8443\"", "without `=`", (1, 8)),
    ("listen: \"127.0.0.1:8443\"", "`:` where TOML has `=`", (1, 7)),
    ("server:\n  listen: 1", "`:` where TOML has `=`", (1, 7)),
    ("listen", "without `=`", (1, 7)),
    ("answer within = \"4s\"", "a key has no blanks in it", (1, 8)),
    ("= 1", "without a key", (1, 1)),
    ("lanes == 1", "two `=`", (1, 8)),
    ("{\n  \"server\": {}\n}", "looks like JSON", (1, 1)),
    ("// all of it", "A comment begins with `#`", (1, 1)),
    ("; all of it", "A comment begins with `#`", (1, 1)),
    ("lanes = 1 // all", "A comment begins with `#`", (1, 9)),
    ("lanes = 1;", "A comment begins with `#`", (1, 9)),
    ("lanes = 1,\nkeep = '1d'", "has a comma behind it", (1, 10)),
    ("retry_factor = 2,5", "has a comma in its number", (1, 17)),
    ("level = \"say \"hi\" now\"", "put in single ones", (1, 15)),
    ("level = 'it's'", "put in double ones", (1, 13)),
    ("lanes = 1 keep = '1d'", "Begin a new line", (1, 9)),
    ("auth.a = { lanes = 1 keep = '1d' }", "without a comma between two of its keys", (1, 20)),
    ("kinds = [\"order\",\nlanes = 1", "is a list that is not closed. Add `]`", (1, 9)),
    ("schlüssel = 1", "any other is put in quotes", (1, 5)),
    ("listen\u{a0}= 'x'", "U+00A0", (1, 7)),
    ("lanes = 1\rkeep = '1d'", "a carriage return alone", (1, 11)),
    ("\0l\0a\0n\0e\0s\0 \0=\0 \x001\0", "UTF-16", (1, 1)),
];

#[test]
fn the_usual_slips_have_their_cures() {
    let mut missed = Vec::new();
    for (text, what, place) in SLIPS {
        for text in [text.to_owned(), text.replace('\n', "\r\n"), format!("\u{feff}{text}")] {
            let found = found(&text);
            let first = found.first().map(|slip| (slip.to_string(), (slip.line, slip.column)));
            if !first.as_ref().is_some_and(|(said, at)| said.contains(what) && *at == place) {
                missed.push((text, what, place, first));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn what_toml_allows_is_no_slip() {
    for text in [
        "\u{feff}[server]\r\n\tlisten = 'x'\r\n",
        "auth.a = {\n  type = \"basic\",\n  username = 'me',\n}\n",
        "kinds = [\n  \"order\", # the first\n  \"shipment\",\n]\n",
    ] {
        assert_eq!(found(text), [], "{text:?}");
    }
}

#[test]
fn every_slip_is_told_at_once_until_the_text_cannot_be_followed() {
    let lines: Vec<_> =
        found("a = x\nb = 1\nc = True\nb = 2\nd = \"open\ne = y\n").iter().map(|slip| slip.line).collect();

    assert_eq!(lines, [1, 3, 4, 5]);
}

#[test]
fn no_value_that_may_be_a_secret_is_shown() {
    for text in [
        "password = hunter2",
        "password = \"hunter2",
        "password = \"hun\\hunter2\"",
        "password = hunter2 # hunter2",
        "password hunter2",
        "password: hunter2",
        "\"password\": \"hunter2\"",
        "pasword = \"hunter2\" \"hunter2\"",
        "hunter2",
        "listen = '127.0.0.1:8443' password = hunter2",
        "listen = 127.0.0.1 # hunter2",
        "listen = 127.0.0.1\t# hunter2",
        "lanes = 08,#hunter2",
        "[auth.portal] password = \"hunter2\"",
        "[auth.portal] hunter2",
        "auth.portal = { type = basic, password = \"hunter2\" }",
        "auth.portal = { hunter2 }",
        "auth.portal = {\n  type = \"basic\",\n  password = hunter2\n}",
        "command = [\"curl\", \"-u\", hunter2]",
        "command = [\n  \"curl\",\n  hunter2\n]",
        "url = postgresql://me:hunter2@db/erp",
        "headers = { X-Api-Key = hunter2 }",
        "token = \"\"\"\nlisten = hunter2\n",
        "token = '''\nhunter2",
        "password = \"x\"\npassword = \"hunter2\"",
        "password = “hunter2”",
        "password = \"hunter2\rlisten = 1",
        "events = \"x\nhunter2",
    ] {
        let found = found(text);

        assert!(!found.is_empty(), "nothing is wrong with {text:?}");
        for slip in found {
            let said = format!("{slip}\n{}", slip.excerpt);
            assert!(!said.contains("unter2"), "{text:?}: {said}");
        }
    }
}

#[test]
fn a_long_line_is_shown_around_its_caret() {
    let text = format!("kinds = [{}order]", "\"shipment\", ".repeat(100));

    let excerpt = found(&text)[0].excerpt.clone();

    let lines: Vec<_> = excerpt.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() < 200), "{excerpt}");
    assert_eq!(lines[0].find("order"), lines[1].find('^'), "{excerpt}");
}
