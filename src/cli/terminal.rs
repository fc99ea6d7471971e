//! The terminal that a result goes to, if it goes to one: how wide it is, and whether it shows colours. What is piped is
//! for programs, and looks the same whatever the terminal.

use std::env;
use std::io::{self, IsTerminal as _};

use anstyle::{AnsiColor, Style};

/// What stands where something was cut off.
const CUT: char = '…';

/// As wide as terminals were, for one that does not say.
const WIDTH: usize = 80;

/// Where nothing is said of it, nobody reads less.
const NARROWEST: usize = 40;

/// What wants somebody.
pub(super) const ALARM: Style = AnsiColor::Red.on_default().bold();
/// What goes on.
pub(super) const WAITS: Style = AnsiColor::Yellow.on_default();
/// What is as it should be.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What is said beside.
pub(super) const FAINT: Style = Style::new().dimmed();
/// What comes first.
pub(super) const STRONG: Style = Style::new().bold();

/// A terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terminal {
    /// How many columns it has.
    pub(super) width: usize,
    /// Whether it is to be coloured.
    pub(super) has_colour: bool,
}

impl Terminal {
    /// The one that standard output goes to, if it goes to one.
    pub(super) fn at_standard_output() -> Option<Self> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let size = console::Term::stdout().size_checked();
        let width = size.map_or(WIDTH, |(_, columns)| usize::from(columns).max(NARROWEST));
        let is = |name: &str, value: &str| env::var_os(name).is_some_and(|set| set == value);
        let is_unwanted = env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        Some(Self { width, has_colour: !is_unwanted && !is("TERM", "dumb") })
    }

    /// The text in that style, if there are colours.
    pub(super) fn painted(self, style: Style, text: &str) -> String {
        if self.has_colour && style != Style::new() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// How many columns a text takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// As much of a text as there is room for; with `…` at its end, if it was longer.
pub(super) fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let Some(room) = room.checked_sub(1) else { return String::new() };
    let mut taken = 0;
    let fits = |letter: &char| {
        taken += columns(*letter);
        taken <= room
    };
    let shown: String = text.chars().take_while(fits).collect();
    format!("{}{CUT}", shown.trim_end())
}

/// How many columns a letter takes: two in the scripts of East Asia and for pictures, none on top of another.
const fn columns(letter: char) -> usize {
    match letter {
        '\u{300}'..='\u{36f}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}'
        | '\u{e31}'
        | '\u{e34}'..='\u{e3a}'
        | '\u{e47}'..='\u{e4e}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{200b}'..='\u{200f}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_to_the_columns_that_there_are() {
        for (text, room, shown) in [
            ("PO-4711", 7, "PO-4711"),
            ("PO-4711", 6, "PO-47…"),
            ("no such item", 4, "no…"),
            ("ä\u{308}bc", 3, "ä\u{308}bc"),
            ("注文番号", 8, "注文番号"),
            ("注文番号", 6, "注文…"),
            ("注文番号", 2, "…"),
            ("abc", 0, ""),
        ] {
            assert_eq!(cut(text, room), shown, "{text}, {room}");
            assert!(width(shown) <= room);
        }
    }

    #[test]
    fn without_colours_a_text_is_as_it_is() {
        let plain = Terminal { width: 80, has_colour: false };

        assert_eq!(plain.painted(ALARM, "dead"), "dead");
        assert_eq!(Terminal { has_colour: true, ..plain }.painted(ALARM, "dead"), "\u{1b}[1m\u{1b}[31mdead\u{1b}[0m");
    }
}
