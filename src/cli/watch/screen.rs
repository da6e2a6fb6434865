//! The frame around both modes: what is going on, what is asked, what the keys do.
//!
//! From the bottom of the screen: the footer, the status lines (trouble, then a message, then what is asked), and above
//! them the body of the mode. What is asked is the last to give way when there are few rows.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::input::Ui;
use super::model::{Link, Watched};
use super::paint::{put, put_all, split_bottom, split_left, split_top};
use super::palette::Palette;
use super::prompt::{Choice, Field, Find, Prompt};
use super::text::{fit, safe, tail, width, wrap};
use super::words::{Hint, Words};
use super::{names, projector};

/// A message takes at most this many lines.
const MESSAGE_LINES_MAX: usize = 3;
/// As many matches are shown at once.
const MATCHES_MAX: u16 = 8;
/// From this height on there is a status line even if it is empty, so that the rest does not jump.
const STEADY_ROWS: u16 = 8;

/// Draws the view over the whole frame.
pub(crate) fn draw(frame: &mut Frame<'_>, watched: &Watched, ui: &Ui, palette: Palette) {
    let view = View { watched, ui, words: ui.words(), palette };
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let cursor = if ui.is_projecting() {
        projector::draw(&view, buffer, area)
    } else {
        view.frame(buffer, area, names::draw)
    };
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// What all of the drawing needs.
pub(crate) struct View<'a> {
    pub(crate) watched: &'a Watched,
    pub(crate) ui: &'a Ui,
    pub(crate) words: &'a dyn Words,
    pub(crate) palette: Palette,
}

/// A line of the status, and where the cursor is in it.
struct StatusLine {
    text: String,
    style: Style,
    cursor: Option<u16>,
}

impl View<'_> {
    /// Draws footer and status, the body into what is left, and tells where the cursor is.
    pub(crate) fn frame(
        &self,
        buffer: &mut Buffer,
        area: Rect,
        body: impl FnOnce(&Self, &mut Buffer, Rect),
    ) -> Option<Position> {
        let (rest, footer) = split_bottom(area, u16::from(area.height >= 2));
        let lines = self.status(rest.width);
        let (rest, status) = split_bottom(rest, status_rows(lines.len(), rest.height));
        body(self, buffer, rest);
        if let Some(Prompt::Find(find)) = self.ui.prompt() {
            self.matches(buffer, rest, find);
        }
        self.footer(buffer, footer);
        draw_status(buffer, status, &lines)
    }

    fn status(&self, columns: u16) -> Vec<StatusLine> {
        let mut lines = self.trouble(columns);
        if let Some(message) = self.ui.message() {
            let wrapped = wrap(&safe(message), columns).into_iter().take(MESSAGE_LINES_MAX);
            lines.extend(wrapped.map(|text| plain_line(text, self.palette.heading())));
        }
        lines.extend(self.question(columns));
        lines
    }

    /// What makes the rest of the screen doubtful.
    fn trouble(&self, columns: u16) -> Vec<StatusLine> {
        let text = match &self.watched.link {
            Link::Connected => return Vec::new(),
            Link::Silent { since } => {
                let seconds = (self.watched.now - since).num_seconds().max(0);
                self.words.silent(&self.words.clock_with_seconds(*since), seconds)
            }
            Link::Refused { why } => self.words.refused(&safe(why)),
        };
        let wrapped = wrap(&text, columns).into_iter().take(MESSAGE_LINES_MAX);
        wrapped.map(|text| plain_line(text, self.palette.trouble())).collect()
    }

    fn question(&self, columns: u16) -> Vec<StatusLine> {
        let watched = self.watched;
        let question = match self.ui.prompt() {
            None => return Vec::new(),
            Some(Prompt::Extend(field)) => {
                return vec![self.field(&self.words.ask_minutes(), field, columns)];
            }
            Some(Prompt::Find(find)) => {
                return vec![self.field(&self.words.ask_student(), &find.field, columns)];
            }
            Some(Prompt::WalkIn { number, nearest, .. }) => {
                let nearest = nearest.as_ref().map(|(number, name)| (safe(number), safe(name)));
                let nearest = nearest.as_ref().map(|(number, name)| (&**number, &**name));
                self.words.ask_walk_in(&safe(number), nearest)
            }
            Some(Prompt::Close) => {
                self.words.ask_close(watched.class, watched.present, watched.expected)
            }
        };
        let lines = wrap(&question, columns).into_iter();
        lines.map(|text| plain_line(text, self.palette.question())).collect()
    }

    /// A question with what was typed, of which the end is seen.
    fn field(&self, label: &str, field: &Field, columns: u16) -> StatusLine {
        // The last column is for the cursor.
        let room = columns.saturating_sub(1);
        let typed = safe(field.text());
        let label = fit(label, room.saturating_sub(width(&typed).min(room / 2)));
        let typed = tail(&typed, room - width(&label));
        // The cursor stands on an offer, which the first key replaces, and behind what was typed.
        let behind = if field.is_offered() { 0 } else { width(&typed) };
        let cursor = Some(width(&label) + behind);
        StatusLine { text: format!("{label}{typed}"), style: self.palette.question(), cursor }
    }

    /// The students that were found, above the question.
    fn matches(&self, buffer: &mut Buffer, area: Rect, find: &Find) {
        let count = find.choices().count();
        let rows = u16::try_from(count).unwrap_or(u16::MAX).min(MATCHES_MAX);
        let (_, list) = split_bottom(area, rows);
        let above = (find.selected() + 1).saturating_sub(usize::from(list.height));
        for ((at, choice), row) in find.choices().enumerate().skip(above).zip(list.rows()) {
            let selected = at == find.selected();
            let style = if selected { self.palette.selected() } else { self.palette.text() };
            clear(buffer, row, style);
            let mark = if selected { "> " } else { "  " };
            put_all(buffer, row, &[(mark, style), (&self.choice(&choice), style)]);
        }
    }

    fn choice(&self, choice: &Choice<'_>) -> String {
        match *choice {
            Choice::WalkIn { number } => self.words.offer_walk_in(&safe(number)),
            Choice::Listed { number, name } => {
                let status = self.watched.arrival(number).map(|it| self.words.status(it.status));
                let mut parts = vec![safe(number), safe(name)];
                parts.extend(status.map(Into::into));
                parts.join("  ")
            }
        }
    }

    fn footer(&self, buffer: &mut Buffer, area: Rect) {
        let mut hints = self.hints().to_vec();
        // The least important keys give way first.
        while hints.len() > 1 && self.hints_width(&hints) > area.width {
            let least = (0..hints.len()).min_by_key(|&at| importance(hints[at]));
            hints.remove(least.unwrap_or_default());
        }
        let (mut row, mut gap) = (area, "");
        for hint in hints {
            let (key, text) = (self.words.key(hint), self.words.hint(hint));
            let quiet = self.palette.quiet();
            let parts = [(gap, quiet), (&*key, self.palette.key()), (" ", quiet), (&*text, quiet)];
            row = put_all(buffer, row, &parts);
            gap = "  ";
        }
    }

    fn hints_width(&self, hints: &[Hint]) -> u16 {
        let columns =
            |hint: &Hint| width(&self.words.key(*hint)) + 1 + width(&self.words.hint(*hint));
        hints.iter().map(columns).sum::<u16>() + 2 * u16::try_from(hints.len() - 1).unwrap_or(0)
    }

    fn hints(&self) -> &'static [Hint] {
        use Hint::{
            Back, Choose, Close, Extend, Leave, Mark, Names, No, Projector, Quit, Refresh, Scroll,
            Take, Yes,
        };
        match (self.ui.prompt(), self.ui.is_projecting(), self.watched.is_open()) {
            (Some(Prompt::Extend(_)), ..) => &[Take, Back],
            (Some(Prompt::Find(_)), ..) => &[Choose, Take, Back],
            (Some(Prompt::WalkIn { .. } | Prompt::Close), ..) => &[Yes, No],
            (None, true, true) => &[Names, Extend, Close, Quit],
            (None, true, false) => &[Names, Leave],
            (None, false, true) => &[Mark, Extend, Close, Projector, Refresh, Scroll, Quit],
            (None, false, false) => &[Projector, Refresh, Scroll, Leave],
        }
    }
}

/// How long a hint is kept when there is little room.
fn importance(hint: Hint) -> u8 {
    match hint {
        Hint::Refresh => 0,
        Hint::Scroll | Hint::Choose => 1,
        Hint::Projector => 2,
        Hint::Extend | Hint::Take | Hint::No => 3,
        Hint::Mark => 4,
        Hint::Close => 5,
        // The ways out of what is shown.
        Hint::Names | Hint::Quit | Hint::Leave | Hint::Yes | Hint::Back => 6,
    }
}

/// Rows of the status: one stays for the body, if there are enough.
fn status_rows(lines: usize, height: u16) -> u16 {
    let wanted = u16::try_from(lines).unwrap_or(u16::MAX);
    let least = u16::from(height >= STEADY_ROWS);
    let most = if height >= 3 { height - 1 } else { height };
    wanted.max(least).min(most)
}

fn plain_line(text: String, style: Style) -> StatusLine {
    StatusLine { text, style, cursor: None }
}

/// Draws the last lines that fit, what is asked being the last.
fn draw_status(buffer: &mut Buffer, area: Rect, lines: &[StatusLine]) -> Option<Position> {
    let hidden = lines.len().saturating_sub(usize::from(area.height));
    let mut cursor = None;
    for (line, row) in lines[hidden..].iter().zip(area.rows()) {
        put(buffer, row, &line.text, line.style);
        let place = line.cursor.map(|x| split_left(row, x.min(row.width.saturating_sub(1))).1);
        cursor = place.map(Rect::as_position).or(cursor);
    }
    cursor
}

/// Makes a row blank in a style.
fn clear(buffer: &mut Buffer, row: Rect, style: Style) {
    let (row, _) = split_top(row.intersection(buffer.area), 1);
    for position in row.positions() {
        buffer[position].reset();
    }
    buffer.set_style(row, style);
}
