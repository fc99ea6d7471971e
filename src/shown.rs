//! What is shown to people: words of others, made fit for that, and times in one form. In a reason, in a line of the
//! log, at a terminal: whoever shows what somebody else wrote lets it pass here.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// More of a reason helps nobody, and a line should stay one.
const LONGEST: usize = 300;

/// All of a text, without what would steer a terminal or turn the direction of what follows: white space of any kind is
/// a space, and what else is no letter says that something was there.
pub(crate) fn printable(text: &str) -> String {
    let shown = |character: char| match character {
        // The embeddings, overrides and isolates of Unicode's bidirectional algorithm.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        _ if !character.is_control() => character,
        _ if character.is_whitespace() => ' ',
        _ => char::REPLACEMENT_CHARACTER,
    };
    text.chars().map(shown).collect()
}

/// One line of it, cut to a bearable length.
pub(crate) fn line(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => printable(&text[..end]) + "…",
        None => printable(text),
    }
}

/// All lines of it, of whatever length, one below the other; without white space at their ends and empty ones at the end.
pub(crate) fn lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<_> = text.lines().map(|line| printable(line.trim_end())).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// The first line of `text` that says something; `None` if there is none.
pub(crate) fn first_line(text: &[u8]) -> Option<String> {
    let says = |line: &&str| line.chars().any(|character| !character.is_control() && !character.is_whitespace());
    String::from_utf8_lossy(text).lines().find(says).map(line)
}

/// The first `longest` characters of it, in quotes.
pub(crate) fn quoted(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// A time as people read it, to the second, in that zone: `2026-11-26 10:16:32+01:00`, or with `Z` where that is UTC.
pub(crate) fn time(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    let form = if local.offset().is_zero() { "%F %TZ" } else { "%F %T%:z" };
    local.strftime(form).to_string()
}

/// A path as a word of a command to be copied into a shell.
pub(crate) fn word(path: &Path) -> String {
    let text = printable(&path.to_string_lossy());
    if cfg!(windows) {
        // All shells there know these quotes, and no path has them in it.
        return if text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text };
    }
    shlex::try_quote(&text).map_or_else(|_| text.clone(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_its_zone_to_the_second() {
        let (winter, summer) = ("2026-11-26T09:16:32.987Z".parse().unwrap(), "2026-07-01T22:30:00Z".parse().unwrap());
        let amsterdam = TimeZone::get("Europe/Amsterdam").unwrap();

        assert_eq!(time(winter, &amsterdam), "2026-11-26 10:16:32+01:00");
        assert_eq!(time(summer, &amsterdam), "2026-07-02 00:30:00+02:00");
        assert_eq!(time(winter, &TimeZone::UTC), "2026-11-26 09:16:32Z");
    }

    #[test]
    fn the_first_line_that_says_something_is_taken() {
        assert_eq!(first_line(b"\r\n \x07 \nno such item\r\nat line 5"), Some("no such item".to_owned()));
        assert_eq!(first_line(b" \n\x1b\n"), None);
    }

    #[test]
    fn several_lines_stay_several() {
        assert_eq!(lines(b"\r\n\na \r\n  \x1bb\xff\r\n\nc\n \n"), "a\n  \u{fffd}b\u{fffd}\n\nc");
        assert_eq!(lines(b" \n"), "");
    }

    #[test]
    fn text_of_others_cannot_steer_a_terminal() {
        for shown in [printable("a\u{1b}[31m\tred\nb\u{9b}"), line("a\u{1b}[31m\tred\nb\u{9b}\n")] {
            assert_eq!(shown, "a\u{fffd}[31m red b\u{fffd}");
        }
        assert_eq!(quoted("a\u{1b}[31m\u{202e}", 9), r#""a\u{1b}[31m\u{202e}""#);
    }

    #[cfg(not(windows))]
    #[test]
    fn a_path_in_a_command_is_one_word_of_it() {
        for (path, shown) in [
            ("certs/portal-password", "certs/portal-password"),
            ("my certs/key.pem", "'my certs/key.pem'"),
            ("it's", "\"it's\""),
            ("$(reboot)", "'$(reboot)'"),
        ] {
            assert_eq!(word(Path::new(path)), shown);
        }
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let long = "ä".repeat(1000);

        assert_eq!(line(&long), "ä".repeat(LONGEST) + "…");
        assert_eq!(quoted(&long, 2), "\"ää\"…");
        assert_eq!((line("ä"), quoted("ä", 1)), ("ä".to_owned(), "\"ä\"".to_owned()));
    }
}
