//! What was measured, as people read it: medians with their range, tables in Markdown.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// The results of the same measurement, repeated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    values: Vec<f64>,
}

impl Sample {
    pub(crate) fn push(&mut self, value: f64) {
        self.values.push(value);
        self.values.sort_by(f64::total_cmp);
    }

    pub(crate) fn median(&self) -> f64 {
        let middle = self.values.len() / 2;
        match self.values.len() {
            0 => f64::NAN,
            length if length % 2 == 1 => self.values[middle],
            _ => f64::midpoint(self.values[middle - 1], self.values[middle]),
        }
    }

    pub(crate) fn min(&self) -> f64 {
        self.values.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn max(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self { values }
    }
}

/// Median and range: `0.82 (0.79-0.84)`.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.values.is_empty() {
            return f.pad("-");
        }
        let text = match self.values.len() {
            1 => short(self.median()),
            _ => {
                format!("{} ({}-{})", short(self.median()), short(self.min()), short(self.max()))
            }
        };
        f.pad(&text)
    }
}

/// Three digits that count.
pub(crate) fn short(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.995 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    if text.len() > 4 && digits == 0 { grouped(&text) } else { text }
}

/// A number of things: `10`, `1000`, `1,000,000`.
pub(crate) fn count(number: usize) -> String {
    let text = number.to_string();
    if text.len() > 4 { grouped(&text) } else { text }
}

/// Digits in groups of three.
fn grouped(digits: &str) -> String {
    let first = digits.len() % 3;
    let (first, rest) = digits.split_at(if first == 0 { 3 } else { first });
    let rest = rest.as_bytes().chunks(3).map(|it| std::str::from_utf8(it).expect("digits"));
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join(",")
}

/// A table in Markdown.
pub(crate) struct Table {
    columns: usize,
    text: String,
}

impl Table {
    pub(crate) fn new<C: fmt::Display>(head: impl IntoIterator<Item = C>) -> Self {
        let mut table = Self { columns: 0, text: String::new() };
        table.row(head);
        table.columns = table.text.matches('|').count() - 1;
        let line = "|---".repeat(table.columns);
        writeln!(table.text, "{line}|").expect("written");
        table
    }

    pub(crate) fn row<C: fmt::Display>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.text.push('|');
        for cell in cells {
            write!(self.text, " {cell} |").expect("written");
        }
        self.text.push('\n');
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A chapter of `docs/contrast.md`, and what it has to say about the targets.
#[derive(Serialize, Deserialize)]
pub(crate) struct Chapter {
    /// Its heading and its text.
    pub(crate) text: String,
    /// Figures that have a target.
    pub(crate) verdicts: Vec<Verdict>,
}

/// A figure that has a target.
#[derive(Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) figure: String,
    pub(crate) target: String,
    pub(crate) reached: String,
    pub(crate) met: bool,
}
