//! Writing text into a buffer: made safe, cut by its width, never outside of its area.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::text::{fit, safe, width};

/// Writes a text into one row of an area, and tells how many columns it took. What is outside is not drawn.
pub(crate) fn put(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> u16 {
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return 0;
    }
    let text = safe(text);
    let text = fit(&text, area.width);
    let (end, _) = buffer.set_stringn(area.x, area.y, text, usize::from(area.width), style);
    end - area.x
}

/// Writes a text at the right end of a row, if all of it fits, and tells what is left of the row.
pub(crate) fn put_right(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> Rect {
    let wide = width(&safe(text));
    if text.is_empty() || wide > area.width {
        return area;
    }
    let (rest, end) = split_right(area, wide);
    put(buffer, end, text, style);
    // A gap, so that what is written beside it does not touch.
    split_right(rest, 1).0
}

/// Writes texts one after the other and tells what is left of the row.
pub(crate) fn put_all(buffer: &mut Buffer, mut row: Rect, parts: &[(&str, Style)]) -> Rect {
    for (text, style) in parts {
        let taken = put(buffer, row, text, *style);
        row = skip_left(row, taken);
    }
    row
}

/// The upper `rows` of an area, as many as there are, and the rest.
pub(crate) fn split_top(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let top = Rect { height: rows, ..area };
    let rest = Rect { y: area.y + rows, height: area.height - rows, ..area };
    (top, rest)
}

/// The rest, and the lower `rows` of an area, as many as there are.
pub(crate) fn split_bottom(area: Rect, rows: u16) -> (Rect, Rect) {
    split_top(area, area.height.saturating_sub(rows))
}

/// The left `columns` of an area, as many as there are, and the rest.
pub(crate) fn split_left(area: Rect, columns: u16) -> (Rect, Rect) {
    let columns = columns.min(area.width);
    let left = Rect { width: columns, ..area };
    (left, skip_left(area, columns))
}

/// The rest, and the right `columns` of an area, as many as there are.
pub(crate) fn split_right(area: Rect, columns: u16) -> (Rect, Rect) {
    split_left(area, area.width.saturating_sub(columns))
}

/// What is right of the first `columns`.
pub(crate) fn skip_left(area: Rect, columns: u16) -> Rect {
    let columns = columns.min(area.width);
    Rect { x: area.x + columns, width: area.width - columns, ..area }
}

/// An area with a column free at either side, if it is wide enough for that.
pub(crate) fn margin(area: Rect) -> Rect {
    if area.width < 40 { area } else { Rect { x: area.x + 1, width: area.width - 2, ..area } }
}

/// A bar that fills a row as `part` is of `whole`, in symbols that differ without colours.
pub(crate) fn bar(buffer: &mut Buffer, row: Rect, part: u32, whole: u32, style: Style) {
    let columns = u64::from(part.min(whole)) * u64::from(row.width) / u64::from(whole.max(1));
    let full = usize::try_from(columns).expect("at most the width of the row");
    let empty = usize::from(row.width) - full;
    put(buffer, row, &format!("{}{}", "█".repeat(full), "░".repeat(empty)), style);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(buffer: &Buffer) -> String {
        buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn nothing_is_written_outside() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        assert_eq!(put(&mut buffer, Rect::new(2, 0, 9, 1), "abc", Style::new()), 2);
        assert_eq!(put(&mut buffer, Rect::new(0, 1, 4, 1), "abc", Style::new()), 0);
        assert_eq!(put(&mut buffer, Rect::new(9, 9, 4, 1), "abc", Style::new()), 0);
        assert_eq!(text_of(&buffer), "  a…");
    }

    #[test]
    fn a_bar_is_full_when_all_are_there() {
        for (part, whole, expected) in
            [(0, 4, "░░░░"), (3, 4, "███░"), (9, 4, "████"), (0, 0, "░░░░"), (1, u32::MAX, "░░░░")]
        {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
            bar(&mut buffer, Rect::new(0, 0, 4, 1), part, whole, Style::new());
            assert_eq!(text_of(&buffer), expected);
        }
    }

    #[test]
    fn what_does_not_fit_at_the_right_is_left_out() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        let rest = put_right(&mut buffer, Rect::new(0, 0, 6, 1), "abc", Style::new());
        assert_eq!((text_of(&buffer).as_str(), rest.width), ("   abc", 2));
        assert_eq!(put_right(&mut buffer, rest, "abc", Style::new()), rest);
    }
}
