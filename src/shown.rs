//! Words of others in our reasons: the first line a program or server said, made fit to be shown.

/// More of a reason helps nobody, and a log line should stay one.
const LONGEST: usize = 300;

/// The first line of `text` that says something, without control characters and cut to a bearable
/// length; `None` if there is none.
pub(crate) fn first_line(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    text.lines().map(printable).find(|line| !line.is_empty())
}

/// One line without control characters, cut to a bearable length.
pub(crate) fn printable(text: &str) -> String {
    let mut line: String = text.trim().chars().filter(|c| !c.is_control()).take(LONGEST + 1).collect();
    if line.chars().count() > LONGEST {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_says_something_is_taken() {
        assert_eq!(first_line(b"\r\n  \nno such item\r\nat line 5"), Some("no such item".to_owned()));
        assert_eq!(first_line(b" \n\n"), None);
    }

    #[test]
    fn control_characters_cannot_disturb_a_terminal() {
        assert_eq!(first_line(b"\x1b[31mred\x07"), Some("[31mred".to_owned()));
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let line = first_line("ä".repeat(1000).as_bytes()).unwrap();

        assert_eq!(line.chars().count(), LONGEST + 1);
        assert!(line.ends_with("ä…"));
    }
}
