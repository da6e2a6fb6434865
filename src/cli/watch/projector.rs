//! The mode for the class: the code of the room, the QR code of the link, how many are present.
//!
//! The class sees it, so it has no names and no numbers of students, nor who is missing, late or flagged.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::digits;
use super::model::{CODE_LIFE_MS, Room};
use super::paint::{bar, margin, put, skip_left, split_bottom, split_left, split_right, split_top};
use super::qr::Picture;
use super::screen::View;
use super::text::{safe, width};

/// Columns of a code in the smallest large digits, with a margin.
const CODE_COLUMNS_MIN: u16 = 29;
/// Rows of what is above and below a QR code that has the code above it.
const ROWS_BESIDE_PICTURE: u16 = 12;
/// Larger digits than these are not read from farther away.
const SCALE_MAX: u16 = 8;
/// The bar is not worth drawing with fewer columns.
const BAR_COLUMNS_MIN: u16 = 5;

/// Where the picture is.
enum Placed {
    Beside,
    Below,
    Nowhere,
}

pub(crate) fn draw(view: &View<'_>, buffer: &mut Buffer, area: Rect) -> Option<Position> {
    let link = view.watched.join_link.as_deref().filter(|_| view.watched.is_open());
    let Some(picture) = link.and_then(Picture::new) else {
        return view.frame(buffer, area, body);
    };
    let (columns, rows) = picture.size();
    let style = view.palette.picture();
    match place(area, columns, rows) {
        Placed::Beside => {
            // The picture has the whole height, as it needs it most.
            let (left, right) = split_right(area, columns);
            let (_, centered) = split_top(right, (right.height - rows) / 2);
            picture.draw(buffer, centered, style);
            view.frame(buffer, split_right(left, 1).0, body)
        }
        Placed::Below => view.frame(buffer, area, |view, buffer, area| {
            let (above, below) = split_bottom(area, rows);
            body(view, buffer, above);
            picture.draw(buffer, skip_left(below, (below.width - columns) / 2), style);
        }),
        Placed::Nowhere => view.frame(buffer, area, body),
    }
}

fn place(area: Rect, columns: u16, rows: u16) -> Placed {
    if area.height >= rows && area.width >= columns + CODE_COLUMNS_MIN {
        Placed::Beside
    } else if area.height >= rows + ROWS_BESIDE_PICTURE && area.width >= columns {
        Placed::Below
    } else {
        Placed::Nowhere
    }
}

fn body(view: &View<'_>, buffer: &mut Buffer, area: Rect) {
    let area = margin(area);
    let (heading, rest) = split_top(area, u16::from(area.height >= 3));
    view.heading(buffer, heading);
    let (rest, link) = split_bottom(rest, u16::from(area.height >= 12));
    view.link(buffer, link);
    let (rest, count) = split_bottom(rest, count_rows(area.height));
    view.class_count(buffer, count);
    let (rest, _) = split_bottom(rest, u16::from(area.height >= 9));
    view.code(buffer, rest);
}

/// Rows of the counts, a row of words among them.
fn count_rows(height: u16) -> u16 {
    match height {
        ..2 => 0,
        2..14 => 1,
        14..16 => 4,
        16..28 => 6,
        28.. => 9,
    }
}

impl View<'_> {
    fn code(&self, buffer: &mut Buffer, area: Rect) {
        let text = match &self.watched.room {
            _ if !self.watched.is_open() => self.words.closed(),
            None => self.words.no_code(),
            Some(Room { left_ms: 0, .. }) => self.words.code_awaited(),
            Some(room) => return self.live_code(buffer, area, room),
        };
        let (_, middle) = split_top(area, area.height.saturating_sub(1) / 2);
        put(buffer, middle, &text, self.palette.heading());
    }

    fn live_code(&self, buffer: &mut Buffer, area: Rect, room: &Room) {
        let (rest, life) = split_bottom(area, u16::from(area.height >= 2));
        let code = spaced(&room.code);
        let taken = self.large(buffer, rest, &code, SCALE_MAX);
        let life = split_left(life, taken.max(CODE_COLUMNS_MIN)).0;
        let left = self.words.code_left(room.left_ms.div_ceil(1_000));
        put(buffer, life, &left, self.palette.text());
        // The bar begins where the longest text of a code's life ends, so that it stands still.
        let longest = width(&self.words.code_left(CODE_LIFE_MS / 1_000)) + 1;
        let row = skip_left(life, longest);
        if row.width >= BAR_COLUMNS_MIN {
            bar(buffer, row, room.left_ms.into(), CODE_LIFE_MS.into(), self.palette.good());
        }
    }

    /// Draws digits as large as they fit, in the middle of the rows; tells how many columns they took.
    fn large(&self, buffer: &mut Buffer, area: Rect, digits: &str, most: u16) -> u16 {
        let style = self.palette.heading();
        let gap = u16::from(area.height >= 5);
        let (room, _) = split_bottom(split_top(area, gap).1, gap);
        let Some(scale) = digits::scale(digits, room, most) else {
            return put(buffer, area, digits, style);
        };
        let (columns, rows) = digits::size(digits, scale);
        let (_, middle) = split_top(room, (room.height - rows) / 2);
        digits::draw(buffer, middle, digits, scale, style);
        columns
    }

    fn class_count(&self, buffer: &mut Buffer, area: Rect) {
        let &super::Watched { present, expected, .. } = self.watched;
        let (large, words) = split_bottom(area, 1);
        put(buffer, words, &self.words.present(present, expected), self.palette.good());
        let digits = self.count_digits();
        if let Some(scale) = digits::scale(&digits, large, SCALE_MAX) {
            digits::draw(buffer, large, &digits, scale, self.palette.good());
        }
    }

    /// The link as a text, if all of it fits: a part of it leads nowhere.
    fn link(&self, buffer: &mut Buffer, row: Rect) {
        let link = self.watched.join_link.as_deref().filter(|_| self.watched.is_open());
        let link = safe(link.unwrap_or_default());
        if width(&link) <= row.width {
            put(buffer, row, &link, self.palette.quiet());
        }
    }
}

/// A code in two halves, which are remembered more easily.
fn spaced(code: &str) -> String {
    let middle = code.chars().count() / 2;
    let (first, second): (Vec<_>, Vec<_>) =
        code.chars().enumerate().partition(|(at, _)| *at < middle);
    let text = |half: Vec<(usize, char)>| half.into_iter().map(|(_, it)| it).collect::<String>();
    format!("{} {}", text(first), text(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_halves() {
        assert_eq!(spaced("042718"), "042 718");
        assert_eq!(spaced(""), " ");
    }
}
