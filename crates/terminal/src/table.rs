//! Columns that line up, also with wide letters and colours.
//!
//! Table crates count or write escape sequences; here a colour is a mark of [`crate::screen`] that must be neither counted nor cleaned away,
//! which is why these few lines are ours.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr as _;

use crate::screen::{PLAIN, Style, one_line};
use crate::ui::HEADING;

const GAP: &str = "  ";

/// A text and how it looks. It is one line: ends of lines and tabs of foreign texts would break the columns.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: one_line(&text.into()).into_owned(),
            style,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, PLAIN)
    }
}

/// Rows under headings. A column in which every cell is empty is left out.
#[derive(Debug)]
pub struct Table<const N: usize> {
    headings: [&'static str; N],
    rows: Vec<[Cell; N]>,
    indent: usize,
}

impl<const N: usize> Table<N> {
    pub fn new(headings: [&'static str; N]) -> Self {
        Self {
            headings,
            rows: Vec::new(),
            indent: 0,
        }
    }

    /// Rows without headings, set in by some spaces.
    pub fn indented(indent: usize) -> Self {
        let mut table = Self::new([""; N]);
        table.indent = indent;
        table
    }

    pub fn row(&mut self, cells: [Cell; N]) {
        self.rows.push(cells);
    }

    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let widths: [usize; N] = std::array::from_fn(|column| {
            let widest = self.rows.iter().map(|row| row[column].text.width()).max();
            match widest {
                None | Some(0) => 0,
                Some(width) => width.max(self.headings[column].width()),
            }
        });
        if self.headings.iter().any(|heading| !heading.is_empty()) {
            let headings = self.headings.map(|text| Cell::styled(text, HEADING));
            self.write_row(out, &widths, &headings)?;
        }
        self.rows
            .iter()
            .try_for_each(|row| self.write_row(out, &widths, row))
    }

    fn write_row(
        &self,
        out: &mut dyn Write,
        widths: &[usize; N],
        row: &[Cell; N],
    ) -> io::Result<()> {
        let shown = |column: &usize| widths[*column] > 0;
        // Nothing is padded after the last text of a row, so that no line ends in spaces.
        let last = (0..N)
            .rev()
            .filter(shown)
            .find(|column| !row[*column].text.is_empty());
        write!(out, "{:1$}", "", self.indent)?;
        for column in (0..N).filter(shown) {
            let Cell { text, style } = &row[column];
            write!(out, "{style}{text}{style:#}")?;
            if Some(column) >= last {
                break;
            }
            let padding = widths[column].saturating_sub(text.width());
            write!(out, "{:padding$}{GAP}", "")?;
        }
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_empty_ones_vanish() {
        let mut table = Table::new(["NAME", "NOTHING", "WHAT"]);
        table.row(["立方体".into(), "".into(), "a\nb".into()]);
        table.row(["cube".into(), "".into(), "".into()]);
        table.row(["longer".into(), "".into(), "c".into()]);
        let mut bytes = Vec::new();
        table.write(&mut bytes).unwrap();
        let plain = crate::screen::plain(std::str::from_utf8(&bytes).unwrap()).to_string();
        assert_eq!(plain, "NAME    WHAT\n立方体  a b\ncube\nlonger  c\n");
    }
}
