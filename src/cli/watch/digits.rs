//! Large digits, in half blocks: each cell is two squares, one above the other.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Squares of a digit, from side to side and from top to bottom, before they are enlarged.
const WIDE: u16 = 3;
const HIGH: u16 = 5;
/// Squares between two digits.
const GAP: u16 = 1;

/// The rows of a character, from the top; the highest of three bits is the left square.
fn glyph(character: char) -> [u8; HIGH as usize] {
    match character {
        '0' => [0b111, 0b101, 0b101, 0b101, 0b111],
        '1' => [0b010, 0b110, 0b010, 0b010, 0b111],
        '2' => [0b111, 0b001, 0b111, 0b100, 0b111],
        '3' => [0b111, 0b001, 0b011, 0b001, 0b111],
        '4' => [0b101, 0b101, 0b111, 0b001, 0b001],
        '5' => [0b111, 0b100, 0b111, 0b001, 0b111],
        '6' => [0b111, 0b100, 0b111, 0b101, 0b111],
        '7' => [0b111, 0b001, 0b010, 0b010, 0b010],
        '8' => [0b111, 0b101, 0b111, 0b101, 0b111],
        '9' => [0b111, 0b101, 0b111, 0b001, 0b111],
        '/' => [0b001, 0b001, 0b010, 0b100, 0b100],
        _ => [0; HIGH as usize],
    }
}

/// How many squares of the terminal one square of a digit is enlarged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    x: u16,
    y: u16,
}

impl Scale {
    /// As wide as high.
    pub(crate) const ONE: Self = Self { x: 1, y: 1 };
}

/// Columns and rows of a text at a scale.
pub(crate) fn size(text: &str, scale: Scale) -> (u16, u16) {
    let count = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
    let squares = count.saturating_mul(WIDE + GAP).saturating_sub(GAP);
    (squares.saturating_mul(scale.x), HIGH.saturating_mul(scale.y).div_ceil(2))
}

/// The largest scale at which a text fits, up to `most` in width. Digits may be stretched to twice their
/// height: that helps who reads them from far away. `None` if it does not fit at all.
pub(crate) fn scale(text: &str, area: Rect, most: u16) -> Option<Scale> {
    let fits = |scale: &Scale| {
        let (columns, rows) = size(text, *scale);
        columns <= area.width && rows <= area.height
    };
    let square = (1..=most).rev().map(|it| Scale { x: it, y: it }).find(fits)?;
    (square.x..=2 * square.x).rev().map(|y| Scale { y, ..square }).find(fits)
}

/// Draws a text from the upper left corner of an area.
pub(crate) fn draw(buffer: &mut Buffer, area: Rect, text: &str, scale: Scale, style: Style) {
    let (columns, rows) = size(text, scale);
    let glyphs: Vec<_> = text.chars().map(glyph).collect();
    let area = area.intersection(buffer.area);
    for y in 0..rows.min(area.height) {
        for x in 0..columns.min(area.width) {
            let lit = |half: u16| is_lit(&glyphs, x / scale.x, (2 * y + half) / scale.y);
            let symbol = half_block(lit(0), lit(1));
            buffer[(area.x + x, area.y + y)].set_symbol(symbol).set_style(style);
        }
    }
}

fn is_lit(glyphs: &[[u8; HIGH as usize]], x: u16, y: u16) -> bool {
    let (digit, column) = (x / (WIDE + GAP), x % (WIDE + GAP));
    let row = glyphs.get(usize::from(digit)).and_then(|rows| rows.get(usize::from(y)));
    column < WIDE && row.is_some_and(|row| row >> (WIDE - 1 - column) & 1 == 1)
}

/// The cell whose upper and lower squares are lit or not.
pub(crate) fn half_block(upper: bool, lower: bool) -> &'static str {
    match (upper, lower) {
        (true, true) => "█",
        (true, false) => "▀",
        (false, true) => "▄",
        (false, false) => " ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_drawn_in_half_blocks() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 11, 3));
        draw(&mut buffer, Rect::new(0, 0, 11, 3), "0/4", Scale::ONE, Style::new());
        assert_eq!(buffer, Buffer::with_lines(["█▀█   █ █ █", "█ █ ▄▀  ▀▀█", "▀▀▀ ▀     ▀"]));
    }

    #[test]
    fn the_scale_is_the_largest_that_fits() {
        assert_eq!(size("042", Scale { x: 2, y: 2 }), (22, 5));
        for (columns, rows, most, expected) in [
            (22, 5, 9, Some((2, 2))),
            (22, 99, 9, Some((2, 4))),
            (21, 5, 9, Some((1, 2))),
            (99, 99, 1, Some((1, 2))),
            (22, 2, 9, None),
            (10, 9, 9, None),
        ] {
            let found = scale("042", Rect::new(0, 0, columns, rows), most);
            assert_eq!(found.map(|it| (it.x, it.y)), expected, "{columns}x{rows}");
        }
    }

    #[test]
    fn no_two_digits_look_alike() {
        let glyphs: std::collections::BTreeSet<_> = "0123456789/ ".chars().map(glyph).collect();
        assert_eq!(glyphs.len(), 12);
    }
}
