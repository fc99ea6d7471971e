//! The first line of a script, by which the kernel finds what runs it: what editors of Windows make of it, and
//! interpreters that are not there.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::place::{find, is_of_windows, runnable};
use crate::shown;

/// The kernel reads no more of a first line (`BINPRM_BUF_SIZE` of Linux).
const LONGEST: u64 = 256;

/// What keeps a file that is there and may be run from being started, with what to do; `None` if it can be started, or
/// if nobody can tell.
pub(super) fn obstacle(file: &Path) -> Option<String> {
    let mut beginning = Vec::new();
    // A program may be run without being read, and need not be a script.
    File::open(file).and_then(|file| file.take(LONGEST).read_to_end(&mut beginning)).ok()?;
    let file = file.display();
    match &*beginning {
        [] => Some(format!("{file} is empty")),
        [0xef, 0xbb, 0xbf, ..] => Some(format!(
            "{file} begins with a byte order mark, and the system does not see the `#!` behind it. Save it as UTF-8 \
             without one"
        )),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            Some(format!("{file} is in UTF-16. Save it as UTF-8 without a byte order mark"))
        }
        [b'#', b'!', rest @ ..] => {
            let (line, _) = rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
            wrong_in(&String::from_utf8_lossy(line), &file.to_string())
        }
        text if is_text(text) => Some(format!(
            "{file} does not begin with `#!`, and the system does not know what is to run it. Let its first line be \
             `#!/bin/sh`, or name what else is to run it"
        )),
        _ => None,
    }
}

/// What is wrong in a first line, of which this is what stands behind `#!`.
fn wrong_in(line: &str, file: &str) -> Option<String> {
    if line.ends_with('\r') {
        return Some(format!(
            "the first line of {file} ends with a carriage return, as editors of Windows write it, and the system looks \
             for an interpreter of that name. Remove them: sed -i 's/\\r$//' {file}"
        ));
    }
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let Some(interpreter) = words.next() else {
        return Some(format!("the first line of {file} names no interpreter. Let it be `#!/bin/sh` or the like"));
    };
    let named = |name: &str| format!("{file} cannot be run: {}, which its first line names,", shown::line(name));
    let path = Path::new(interpreter);
    if runnable(path).is_none() {
        let what = if is_of_windows(interpreter) {
            "is a path of Windows. Write it like `#!/usr/bin/env python3`"
        } else if path.exists() {
            "may not be run. Name an interpreter"
        } else {
            "is not there. Install it, or name one that is"
        };
        return Some(format!("{} {what}", named(interpreter)));
    }
    let looked_up = path.file_name().filter(|name| *name == "env").and_then(|_| looked_up_by_env(words));
    let missing = looked_up.filter(|name| find(Path::new(name)).is_none())?;
    Some(format!("{} is in no folder of PATH. Install it, or name one that is", named(missing)))
}

/// The program that `env` is to look for. What it is told besides that would change how it looks, nobody follows here.
fn looked_up_by_env<'a>(words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut words = words.skip_while(|word| *word == "-S" || (!word.starts_with('-') && word.contains('=')));
    words.next().filter(|word| !word.starts_with('-'))
}

/// Whether this is the beginning of a text: programs have other bytes in theirs.
fn is_text(beginning: &[u8]) -> bool {
    beginning.iter().all(|byte| !byte.is_ascii_control() || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::{is_text, looked_up_by_env, wrong_in};

    #[test]
    fn a_name_out_of_a_script_steers_no_terminal() {
        let what = wrong_in("/bin/\u{1b}[2Jsh -e", "./import-order").unwrap();

        assert!(what.contains("/bin/\u{fffd}[2Jsh, which its first line names, is not there"), "{what}");
    }

    #[test]
    fn of_what_env_is_told_only_the_program_is_looked_for() {
        for (words, looked_up) in [
            ("python3", Some("python3")),
            ("-S python3 -u", Some("python3")),
            ("-S LANG=C python3", Some("python3")),
            ("-i python3", None),
            ("-u LANG python3", None),
            ("", None),
        ] {
            assert_eq!(looked_up_by_env(words.split(' ').filter(|word| !word.is_empty())), looked_up, "{words}");
        }
    }

    #[test]
    fn a_program_is_no_text() {
        assert!(is_text("äh\r\n\tcat\n".as_bytes()) && is_text(b"MZ"));
        assert!(!is_text(b"\x7fELF\x02\x01") && !is_text(b"MZ\x90\0\x03") && !is_text(b"PK\x03\x04"));
    }
}
