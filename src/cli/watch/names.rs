//! The mode for the teacher: how many came, who came last, who is missing.
//!
//! Narrow panes of arrivals drop columns: first the number, then the seconds of the time, then what was remarked, then
//! the time. The mark of a flagged arrival stays, and so does the name, or the number where there is no name.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::digits;
use super::model::{Arrival, Listed};
use super::paint::{
    bar, margin, put, put_all, put_right, skip_left, split_bottom, split_left, split_right,
    split_top,
};
use super::screen::View;
use super::text::{safe, width};
use crate::attendance::Status;

/// Stands before an arrival that makes one look twice.
const FLAG: &str = "!";
/// Between what is said in one row.
const BETWEEN: &str = " · ";
const SEPARATOR: &str = "│";

/// From this size on the counts are drawn in large digits.
const LARGE_COLUMNS: u16 = 60;
const LARGE_ROWS: u16 = 14;
/// From this width on the two lists are side by side.
const SIDE_BY_SIDE_COLUMNS: u16 = 64;
/// With fewer rows there is one list: who is missing.
const TWO_LISTS_ROWS: u16 = 4;
/// From these widths on the numbers of students are shown beside their names.
const ARRIVAL_NUMBER_FROM: u16 = 56;
const MISSING_NUMBER_FROM: u16 = 24;
const NUMBER_COLUMNS_MAX: u16 = 12;
const REMARK_COLUMNS_MAX: u16 = 34;

pub(crate) fn draw(view: &View<'_>, buffer: &mut Buffer, area: Rect) {
    let area = margin(area);
    let rest = view.summary(buffer, area);
    let (rest, notes) = split_bottom(rest, u16::from(area.height >= 5));
    view.notes(buffer, notes);
    view.lists(buffer, rest);
}

impl View<'_> {
    /// What is above the lists; tells what is left.
    fn summary(&self, buffer: &mut Buffer, area: Rect) -> Rect {
        let (heading, rest) = split_top(area, u16::from(area.height >= 2));
        self.heading(buffer, heading);
        if area.width >= LARGE_COLUMNS && area.height >= LARGE_ROWS {
            return self.large_summary(buffer, rest);
        }
        let (count, rest) = split_top(rest, 1);
        self.count(buffer, count);
        let (gauge, rest) = split_top(rest, u16::from(area.height >= 8));
        self.gauge(buffer, gauge);
        let (times, rest) = split_top(rest, u16::from(area.height >= 6));
        self.times(buffer, times);
        rest
    }

    /// The class and its title, and how long it is still open.
    pub(crate) fn heading(&self, buffer: &mut Buffer, row: Rect) {
        let words = self.words;
        let left = self.watched.left().filter(|_| self.watched.is_open());
        let left = left.map(|left| words.left(left)).unwrap_or_default();
        let row = put_right(buffer, row, &left, self.palette.heading());
        let title = self.watched.title.as_deref().unwrap_or_default();
        let class = words.class(self.watched.class);
        let parts = [
            (&*class, self.palette.heading()),
            ("  ", self.palette.text()),
            (title, self.palette.text()),
        ];
        put_all(buffer, row, &parts);
    }

    /// Large digits, and beside them in three rows what else is told.
    fn large_summary(&self, buffer: &mut Buffer, area: Rect) -> Rect {
        let (_, rest) = split_top(area, 1);
        let digits = self.count_digits();
        let (columns, rows) = digits::size(&digits, digits::Scale::ONE);
        let (block, rest) = split_top(rest, rows);
        digits::draw(buffer, block, &digits, digits::Scale::ONE, self.palette.good());
        let mut beside = skip_left(block, columns.saturating_add(3)).rows();
        let mut next = || beside.next().unwrap_or_default();
        self.count(buffer, next());
        self.gauge(buffer, next());
        self.times(buffer, next());
        split_top(rest, 1).1
    }

    /// The counts as [`digits`] draws them.
    pub(crate) fn count_digits(&self) -> String {
        match self.watched.expected {
            Some(expected) => format!("{}/{expected}", self.watched.present),
            None => self.watched.present.to_string(),
        }
    }

    fn count(&self, buffer: &mut Buffer, row: Rect) {
        let &super::Watched { present, expected, late, .. } = self.watched;
        put(buffer, row, &self.words.count(present, expected, late), self.palette.good());
    }

    fn gauge(&self, buffer: &mut Buffer, row: Rect) {
        let (Some(expected), Some(percent)) = (self.watched.expected, self.watched.percent())
        else {
            return;
        };
        let percent = self.words.percent(percent);
        let row = put_right(buffer, row, &percent, self.palette.text());
        bar(buffer, row, self.watched.present, expected, self.palette.good());
    }

    /// The times of the roll call; the end is what matters most, so it is the last to be dropped.
    fn times(&self, buffer: &mut Buffer, row: Rect) {
        let (watched, words) = (self.watched, self.words);
        let moment = |at| words.moment(at, watched.now);
        let end = match (watched.closed_at, watched.closes_at) {
            (Some(at), _) => Some(words.closed_at(&moment(at))),
            (None, at) => at.map(|at| words.closes_at(&moment(at))),
        };
        let late = watched.late_at.map(|at| words.late_from(&moment(at)));
        let since = words.open_since(&moment(watched.opened_at));
        let times: Vec<_> = [Some(since), late, end].into_iter().flatten().collect();
        let texts = (0..times.len()).map(|dropped| times[dropped..].join(BETWEEN));
        let fitting = texts.filter(|text| width(text) <= row.width).max_by_key(|text| width(text));
        let style = if watched.is_open() { self.palette.text() } else { self.palette.warning() };
        put(buffer, row, &fitting.unwrap_or_default(), style);
    }

    fn notes(&self, buffer: &mut Buffer, row: Rect) {
        let &super::Watched { wrong_codes, flagged, .. } = self.watched;
        let style = |count| if count > 0 { self.palette.warning() } else { self.palette.quiet() };
        let wrong = self.words.wrong_codes(wrong_codes);
        let flags = self.words.flagged(flagged, FLAG);
        let parts = [
            (&*wrong, style(wrong_codes)),
            (BETWEEN, self.palette.quiet()),
            (&*flags, style(flagged)),
        ];
        put_all(buffer, row, &parts);
    }

    fn lists(&self, buffer: &mut Buffer, area: Rect) {
        if self.watched.roster.is_empty() {
            self.arrivals(buffer, area);
        } else if area.height < TWO_LISTS_ROWS {
            self.missing(buffer, area);
        } else if area.width < SIDE_BY_SIDE_COLUMNS {
            let (upper, lower) = split_top(area, area.height / 2);
            self.arrivals(buffer, upper);
            self.missing(buffer, lower);
        } else {
            let (left, right) = split_right(area, (area.width * 2 / 5).min(48));
            self.arrivals(buffer, split_right(left, 2).0);
            for row in left.rows() {
                put(buffer, split_right(row, 1).1, SEPARATOR, self.palette.quiet());
            }
            self.missing(buffer, skip_left(right, 1));
        }
    }

    fn arrivals(&self, buffer: &mut Buffer, area: Rect) {
        let arrivals = &self.watched.arrivals;
        let (heading, rows) = split_top(area, 1);
        put(buffer, heading, &self.words.arrivals(arrivals.len()), self.palette.heading());
        if arrivals.is_empty() {
            put(buffer, rows, &self.words.nobody_yet(), self.palette.quiet());
        }
        let shown = || arrivals.iter().rev().take(usize::from(rows.height));
        let columns = Columns::new(area.width, shown().map(|it| &*it.number));
        for (arrival, row) in shown().zip(rows.rows()) {
            self.arrival(buffer, row, arrival, columns);
        }
    }

    fn arrival(&self, buffer: &mut Buffer, row: Rect, arrival: &Arrival, columns: Columns) {
        let palette = self.palette;
        let mut row = row;
        let mut column = |buffer: &mut Buffer, columns: u16, text: &str, style| {
            if columns > 0 {
                let (cell, rest) = split_left(row, columns);
                put(buffer, cell, text, style);
                row = skip_left(rest, 1);
            }
        };
        let time = if columns.time < Columns::SECONDS {
            self.words.clock(arrival.at)
        } else {
            self.words.clock_with_seconds(arrival.at)
        };
        column(buffer, columns.time, &time, palette.quiet());
        let flag = if arrival.is_flagged() { FLAG } else { "" };
        column(buffer, columns.flag, flag, palette.warning());
        column(buffer, columns.number, &arrival.number, palette.quiet());
        let name = arrival.name.as_deref().filter(|it| !it.is_empty());
        // Without a name, the number stands in its column, if it has none of its own.
        let number = if columns.number > 0 { "" } else { arrival.number.as_str() };
        let remarks = self.remarks(arrival);
        // A long name goes on where nothing was remarked.
        let wide =
            if remarks.is_empty() { columns.name + columns.remarks + 1 } else { columns.name };
        column(buffer, wide, name.unwrap_or(number), palette.text());
        column(buffer, columns.remarks, &remarks, palette.warning());
    }

    /// What is to be said of an arrival, in words.
    fn remarks(&self, arrival: &Arrival) -> String {
        let status = Some(arrival.status).filter(|it| *it != Status::Present);
        let walk_in = !arrival.listed && !self.watched.roster.is_empty();
        let flags = arrival.flags.iter().map(|flag| self.words.flag(flag));
        let words: Vec<_> = status
            .map(|it| self.words.status(it))
            .into_iter()
            .chain(walk_in.then(|| self.words.walk_in()))
            .chain(flags)
            .collect();
        words.join(", ")
    }

    fn missing(&self, buffer: &mut Buffer, area: Rect) {
        let missing = self.watched.missing();
        let (heading, rows) = split_top(area, 1);
        let first = self.ui.first_missing(missing.len(), rows.height);
        let last = (first + usize::from(rows.height)).min(missing.len());
        self.missing_heading(buffer, heading, missing.len(), (first, last));
        if missing.is_empty() {
            put(buffer, rows, &self.words.nobody_missing(), self.palette.good());
        }
        let shown = &missing[first..last];
        let numbers = shown.iter().map(|(it, _)| &*it.number);
        let columns = number_columns(area.width, MISSING_NUMBER_FROM, numbers);
        for ((listed, status), row) in shown.iter().zip(rows.rows()) {
            self.missing_row(buffer, row, listed, *status, columns);
        }
    }

    fn missing_heading(&self, buffer: &mut Buffer, row: Rect, count: usize, shown: (usize, usize)) {
        let all = shown == (0, count);
        let range = if all { String::new() } else { self.words.shown(shown.0 + 1, shown.1) };
        let row = put_right(buffer, row, &range, self.palette.quiet());
        put(buffer, row, &self.words.missing(count), self.palette.heading());
    }

    fn missing_row(
        &self,
        buffer: &mut Buffer,
        row: Rect,
        listed: &Listed,
        status: Option<Status>,
        number_columns: u16,
    ) {
        let status = status.map(|it| self.words.status(it)).unwrap_or_default();
        let mut row = put_right(buffer, row, &status, self.palette.warning());
        if number_columns > 0 {
            put(buffer, split_left(row, number_columns).0, &listed.number, self.palette.quiet());
            row = skip_left(row, number_columns + 1);
        }
        let nameless = listed.name.is_empty() && number_columns == 0;
        let name = if nameless { &listed.number } else { &listed.name };
        put(buffer, row, name, self.palette.text());
    }
}

/// Columns for the longest of the numbers that are shown, in panes that have the room for it.
fn number_columns<'a>(columns: u16, from: u16, numbers: impl Iterator<Item = &'a str>) -> u16 {
    if columns < from {
        return 0;
    }
    let longest = numbers.map(|it| width(&safe(it))).max();
    longest.unwrap_or(0).min(NUMBER_COLUMNS_MAX)
}

/// The widths of columns of arrivals; one of 0 is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    time: u16,
    flag: u16,
    number: u16,
    name: u16,
    remarks: u16,
}

impl Columns {
    const MINUTES: u16 = 5;
    const SECONDS: u16 = 8;

    fn new<'a>(columns: u16, numbers: impl Iterator<Item = &'a str>) -> Self {
        let time = match columns {
            ..14 => 0,
            14..36 => Self::MINUTES,
            36.. => Self::SECONDS,
        };
        let flag = u16::from(columns >= 8);
        let number = number_columns(columns, ARRIVAL_NUMBER_FROM, numbers);
        Self { time, flag, number, name: 0, remarks: 0 }.with_rest(columns)
    }

    /// Shares what is left between the name and what was remarked.
    fn with_rest(self, columns: u16) -> Self {
        let taken: u16 =
            [self.time, self.flag, self.number].iter().map(|it| it + u16::from(*it > 0)).sum();
        let rest = columns.saturating_sub(taken);
        let remarks = if columns < 24 { 0 } else { (rest / 2).min(REMARK_COLUMNS_MAX) };
        let name = rest.saturating_sub(remarks + u16::from(remarks > 0));
        Self { name, remarks, ..self }
    }
}
