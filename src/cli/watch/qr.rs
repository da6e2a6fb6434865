//! A text as a QR code (ISO/IEC 18004) in half blocks, dark on light, with its quiet zone.

use qrcode::{Color, EcLevel, QrCode};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::digits::half_block;

/// Light modules around the code, without which a camera does not find it.
const QUIET: u16 = 4;

/// A longer text makes a code of more modules than a camera tells apart from the last row of seats.
const TEXT_MAX_BYTES: usize = 400;

/// A code that can be drawn.
pub(crate) struct Picture {
    modules: Vec<Color>,
    /// Modules from side to side, without the quiet zone.
    width: u16,
}

impl Picture {
    /// With the least redundancy, as a screen has no dirt and the smaller code fits more terminals. `None` if the text
    /// is too long.
    pub(crate) fn new(text: &str) -> Option<Self> {
        if text.len() > TEXT_MAX_BYTES {
            return None;
        }
        let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
        let width = u16::try_from(code.width()).ok()?;
        Some(Self { modules: code.into_colors(), width })
    }

    /// Columns and rows that it takes.
    pub(crate) fn size(&self) -> (u16, u16) {
        let side = self.width + 2 * QUIET;
        (side, side.div_ceil(2))
    }

    /// Draws it in an area that is large enough.
    pub(crate) fn draw(&self, buffer: &mut Buffer, area: Rect, style: Style) {
        let (columns, rows) = self.size();
        let area = area.intersection(buffer.area);
        for y in 0..rows.min(area.height) {
            for x in 0..columns.min(area.width) {
                let symbol = half_block(self.is_light(x, 2 * y), self.is_light(x, 2 * y + 1));
                buffer[(area.x + x, area.y + y)].set_symbol(symbol).set_style(style);
            }
        }
    }

    /// Whether a module, counted from the corner of the quiet zone, is light.
    fn is_light(&self, x: u16, y: u16) -> bool {
        let inside = |it: u16| it.checked_sub(QUIET).filter(|it| *it < self.width);
        let Some((x, y)) = inside(x).zip(inside(y)) else { return true };
        let place = usize::from(y) * usize::from(self.width) + usize::from(x);
        self.modules[place] == Color::Light
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_framed_by_light() {
        let picture = Picture::new("rollcall://192.0.2.7:5050/").unwrap();
        let (columns, rows) = picture.size();
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        picture.draw(&mut buffer, Rect::new(0, 0, columns, rows), Style::new());
        for (x, y) in [(0, 0), (columns - 1, 0), (columns / 2, 1), (3, rows / 2)] {
            assert_eq!(buffer[(x, y)].symbol(), "█", "at {x}, {y}");
        }
        // The upper left corner of the finder: a row of dark modules over one with light in it.
        let finder: String = (4..11).map(|x| buffer[(x, 2)].symbol()).collect();
        assert_eq!(finder, " ▄▄▄▄▄ ");
    }

    #[test]
    fn what_is_too_long_has_no_code() {
        assert!(Picture::new(&"x".repeat(TEXT_MAX_BYTES)).is_some());
        assert!(Picture::new(&"x".repeat(TEXT_MAX_BYTES + 1)).is_none());
    }
}
