//! A table for a terminal: as wide as that is and never wider, so that no line is wrapped.

use std::io::{self, Write};

use anstyle::Style;

use crate::cli::terminal::{FAINT, Terminal, cut, width};

/// Between two columns.
const GAP: usize = 2;

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) title: &'static str,
    /// It gets no narrower than that if something has to be cut; `None`: it is not cut at all.
    pub(super) least: Option<usize>,
    /// Whether its texts end at one line, as numbers do.
    pub(super) is_right: bool,
    /// Whether it is cut before others are.
    pub(super) is_spare: bool,
}

/// What stands in a column.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) style: Style,
}

/// The widths of the columns.
#[derive(Debug, Clone)]
pub(super) struct Table {
    columns: Vec<(Column, usize)>,
    terminal: Terminal,
}

impl Column {
    /// One that is cut down to that width if it has to be.
    pub(super) const fn text(title: &'static str, least: usize) -> Self {
        Self { title, least: Some(least), is_right: false, is_spare: false }
    }

    /// The same, cut before any other is.
    pub(super) const fn spare(title: &'static str, least: usize) -> Self {
        Self { title, least: Some(least), is_right: false, is_spare: true }
    }

    /// One that is shown in full.
    pub(super) const fn whole(title: &'static str) -> Self {
        Self { title, least: None, is_right: false, is_spare: false }
    }

    /// One of numbers, in full.
    pub(super) const fn number(title: &'static str) -> Self {
        Self { title, least: None, is_right: true, is_spare: false }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, style: Style::new() }
    }
}

impl Cell {
    pub(super) fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl Table {
    /// As wide as these rows want it, or as the terminal is. A column in which nothing stands is left out.
    pub(super) fn new(columns: &[Column], rows: &[Vec<Cell>], terminal: Terminal) -> Self {
        let widest = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| width(&cell.text)).max();
        let wanted = columns.iter().enumerate().map(|(at, column)| match widest(at) {
            None | Some(0) => (*column, 0),
            Some(widest) => (*column, widest.max(width(column.title))),
        });
        let mut table = Self { columns: wanted.collect(), terminal };
        table.fit();
        table
    }

    /// Takes from the widest column that can be cut, one that is spare before others, until all of it fits.
    fn fit(&mut self) {
        while self.width() > self.terminal.width {
            let can_be_cut = |(column, width): &&mut (Column, usize)| column.least.is_some_and(|least| *width > least);
            let widest =
                self.columns.iter_mut().filter(can_be_cut).max_by_key(|(column, width)| (column.is_spare, *width));
            let Some((_, width)) = widest else { break };
            *width -= 1;
        }
    }

    fn width(&self) -> usize {
        let shown = self.columns.iter().filter(|(_, width)| *width > 0);
        shown.map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP)
    }

    /// The titles.
    pub(super) fn head(&self, out: &mut impl Write) -> io::Result<()> {
        let titles: Vec<_> = self.columns.iter().map(|(column, _)| Cell::new(column.title, FAINT)).collect();
        self.row(&titles, out)
    }

    /// A row, also one that was not there when the widths were chosen.
    pub(super) fn row(&self, cells: &[Cell], out: &mut impl Write) -> io::Result<()> {
        let mut line = String::new();
        let mut blanks = 0;
        for ((column, room), cell) in self.columns.iter().zip(cells).filter(|((_, room), _)| *room > 0) {
            let text = cut(&cell.text, *room);
            let left = room.saturating_sub(width(&text));
            let (before, after) = if column.is_right { (left, 0) } else { (0, left) };
            if text.is_empty() {
                blanks += left + GAP;
                continue;
            }
            // Nothing is written behind the last text of a line.
            line.push_str(&" ".repeat(blanks + before));
            line.push_str(&self.terminal.painted(cell.style, &text));
            blanks = after + GAP;
        }
        writeln!(out, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [Column::whole("STATE"), Column::text("WHAT", 6), Column::number("SUM")];

    fn shown(wide: usize, rows: &[[&str; 3]]) -> String {
        let rows: Vec<Vec<Cell>> =
            rows.iter().map(|row| row.iter().map(|text| Cell::from((*text).to_owned())).collect()).collect();
        let table = Table::new(&COLUMNS, &rows, Terminal { width: wide, has_colour: false });
        let mut out = Vec::new();
        table.head(&mut out).unwrap();
        for row in &rows {
            table.row(row, &mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_cut_where_it_may_be() {
        let rows = [["done", "a long story", "1.50"], ["dead", "short", "1234.560"]];

        assert_eq!(
            shown(80, &rows),
            "STATE  WHAT               SUM\ndone   a long story      1.50\ndead   short         1234.560\n"
        );
        assert_eq!(shown(24, &rows), "STATE  WHAT          SUM\ndone   a long…      1.50\ndead   short    1234.560\n");
    }

    #[test]
    fn a_column_in_which_nothing_stands_is_left_out() {
        assert_eq!(shown(80, &[["done", "", "1"], ["dead", "", ""]]), "STATE  SUM\ndone     1\ndead\n");
    }
}
