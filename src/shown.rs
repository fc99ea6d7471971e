//! Words of others, made fit to be shown: in a reason, in a line of the log, to a person at a terminal. Whoever shows
//! what somebody else wrote lets it pass here.

/// More of a reason helps nobody, and a line should stay one.
const LONGEST: usize = 300;

/// All of a text, without what would steer a terminal: white space of any kind is a space, and what else is no letter
/// says that something was there.
pub(crate) fn printable(text: &str) -> String {
    let shown = |character: char| match character {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_says_something_is_taken() {
        assert_eq!(first_line(b"\r\n \x07 \nno such item\r\nat line 5"), Some("no such item".to_owned()));
        assert_eq!(first_line(b" \n\x1b\n"), None);
    }

    #[test]
    fn text_of_others_cannot_steer_a_terminal() {
        for shown in [printable("a\u{1b}[31m\tred\nb\u{9b}"), line("a\u{1b}[31m\tred\nb\u{9b}\n")] {
            assert_eq!(shown, "a\u{fffd}[31m red b\u{fffd}");
        }
        assert_eq!(quoted("a\u{1b}[31m\u{202e}", 9), r#""a\u{1b}[31m\u{202e}""#);
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let long = "ä".repeat(1000);

        assert_eq!(line(&long), "ä".repeat(LONGEST) + "…");
        assert_eq!(quoted(&long, 2), "\"ää\"…");
        assert_eq!((line("ä"), quoted("ä", 1)), ("ä".to_owned(), "\"ä\"".to_owned()));
    }
}
