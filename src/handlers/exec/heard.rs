//! What a program says: the first line is why it rejects an event, the end is what went wrong. However much it says, no
//! more is kept than somebody may want to see.

use std::collections::VecDeque;

use crate::shown;

/// So much of the beginning is kept, and as much of the end.
const KEPT: usize = 8 * 1024;
/// So much of the end is a reason: the last lines of a stack trace.
const REASON: usize = 2 * 1024;

/// One stream of a program.
#[derive(Debug, Default)]
pub(super) struct Heard {
    beginning: Vec<u8>,
    end: VecDeque<u8>,
    left_out: usize,
}

impl Heard {
    /// It has said this, too.
    pub(super) fn hear(&mut self, said: &[u8]) {
        let (first, rest) = said.split_at(said.len().min(KEPT - self.beginning.len()));
        self.beginning.extend(first);
        self.end.extend(rest);
        let too_many = self.end.len().saturating_sub(KEPT);
        self.end.drain(..too_many);
        self.left_out += too_many;
    }

    /// Its first line that says something.
    pub(super) fn first_line(&self) -> Option<String> {
        shown::first_line(&self.beginning)
    }

    /// Its last lines, as many as fit into 2 KiB, and of a longer one the end. `…` stands for what was before them.
    pub(super) fn last_lines(&self) -> Option<String> {
        let says = |lines: String| Some(lines).filter(|lines| !lines.is_empty());
        let kept: Vec<u8> = self.beginning.iter().chain(&self.end).copied().collect();
        let end = &kept[kept.len().saturating_sub(REASON)..];
        if end.len() == kept.len() {
            return says(shown::lines(end));
        }
        let whole = end.iter().position(|byte| *byte == b'\n').and_then(|at| says(shown::lines(&end[at + 1..])));
        let line = || {
            // It may begin within a character.
            let line = shown::lines(end).trim_start_matches(char::REPLACEMENT_CHARACTER).to_owned();
            says(line).map(|line| format!("…{line}"))
        };
        whole.map(|lines| format!("…\n{lines}")).or_else(line)
    }

    /// Its beginning, without white space at the end; empty if it was silent.
    pub(super) fn beginning(&self) -> &[u8] {
        self.beginning.trim_ascii_end()
    }

    /// All that is kept of it; nothing if it was silent.
    pub(super) fn all(&self) -> Option<String> {
        let (beginning, end) = (String::from_utf8_lossy(&self.beginning), Vec::from(self.end.clone()));
        let end = String::from_utf8_lossy(&end);
        let all = match self.left_out {
            0 => format!("{beginning}{end}"),
            count => format!("{beginning}\n[{count} bytes are left out]\n{end}"),
        };
        let all = all.trim_end();
        (!all.is_empty()).then(|| all.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, KEPT, REASON};

    fn heard(said: &[&[u8]]) -> Heard {
        let mut heard = Heard::default();
        for said in said {
            heard.hear(said);
        }
        heard
    }

    #[test]
    fn what_fits_is_kept_as_it_is_however_it_comes() {
        let heard = heard(&[b"", b"no su", b"ch item\r\n", b"at line 5\n\n"]);

        assert_eq!(heard.first_line().unwrap(), "no such item");
        assert_eq!(heard.last_lines().unwrap(), "no such item\nat line 5");
        assert_eq!(heard.beginning(), b"no such item\r\nat line 5");
        assert_eq!(heard.all().unwrap(), "no such item\r\nat line 5");
    }

    #[test]
    fn who_says_nothing_has_said_nothing() {
        for silent in [heard(&[]), heard(&[b" \n\r\n"])] {
            assert_eq!((silent.first_line(), silent.last_lines(), silent.all()), (None, None, None));
            assert!(silent.beginning().is_empty());
        }
    }

    #[test]
    fn of_much_the_beginning_and_the_end_are_kept_and_no_more() {
        let lines: Vec<u8> = (0..100_000).flat_map(|number| format!("line {number}\n").into_bytes()).collect();
        let mut heard = Heard::default();
        lines.chunks(8 * 1024).for_each(|chunk| heard.hear(chunk));

        assert_eq!(heard.first_line().unwrap(), "line 0");
        let last = heard.last_lines().unwrap();
        assert!(last.starts_with("…\nline 99") && last.ends_with("line 99999") && last.len() < REASON + 8, "{last}");
        let all = heard.all().unwrap();
        assert!(all.contains(&format!("[{} bytes are left out]", lines.len() - 2 * KEPT)), "{all}");
        assert!(heard.end.capacity() <= 4 * KEPT && heard.beginning.capacity() <= 2 * KEPT);
    }

    #[test]
    fn the_end_of_a_line_without_end_begins_with_a_whole_character() {
        let long = "€".repeat(REASON);

        let last = heard(&[long.as_bytes()]).last_lines().unwrap();

        assert!(last.starts_with("…€") && last.ends_with('€'), "{last}");
    }

    #[test]
    fn the_reason_of_much_that_is_blank_is_none() {
        let blank = "\n".repeat(3 * REASON);

        assert_eq!(heard(&[b"once upon a time", blank.as_bytes()]).last_lines(), None);
    }
}
