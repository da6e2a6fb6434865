//! A screen as an SVG picture, for documentation.
//!
//! Text is text, so that it can be searched and read aloud; block elements are rectangles, so that a QR code in the
//! picture has no gaps and can be scanned.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell, CellWidth as _};
use ratatui::style::{Color, Modifier};

const CELL_WIDTH: u32 = 9;
const CELL_HEIGHT: u32 = 18;
/// Around the screen.
const MARGIN: u32 = 9;
/// From the top of a cell to the line that letters stand on.
const BASELINE: u32 = 14;
const FOREGROUND: &str = "#d8dee9";
const BACKGROUND: &str = "#1c1f26";
/// The 16 colours of a theme.
const THEME: [&str; 16] = [
    "#1c1f26", "#d7596b", "#8fbf6f", "#dcb766", "#6c9bd9", "#b58cc9", "#5fb5bd", "#d8dee9",
    "#7a8394", "#e77a89", "#a9d48c", "#eacb85", "#8db4e8", "#caa7da", "#82ccd3", "#ffffff",
];

/// Draws a screen.
#[must_use]
pub(crate) fn svg(buffer: &Buffer) -> String {
    let width = u32::from(buffer.area.width) * CELL_WIDTH + 2 * MARGIN;
    let height = u32::from(buffer.area.height) * CELL_HEIGHT + 2 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" \
         font-size=\"15\">\n<rect width=\"{width}\" height=\"{height}\" rx=\"{MARGIN}\" fill=\"{BACKGROUND}\"/>\n\
         <g transform=\"translate({MARGIN} {MARGIN})\">\n"
    );
    for row in 0..buffer.area.height {
        draw_row(&mut out, buffer, row);
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn draw_row(out: &mut String, buffer: &Buffer, row: u16) {
    let runs = runs(buffer, row);
    // Backgrounds first, so that none covers a letter of its neighbour.
    for run in &runs {
        run.draw_background(out);
    }
    for run in &runs {
        run.draw_text(out);
    }
}

/// Cells of one row that look the same, from `x` on.
struct Run {
    x: u32,
    y: u32,
    columns: u32,
    text: String,
    look: Look,
}

#[derive(Clone, PartialEq, Eq)]
struct Look {
    foreground: String,
    background: String,
    modifier: Modifier,
    block: Option<Block>,
    /// Columns of a symbol; a wide one is a run of its own, to be put in its place.
    columns: u16,
}

/// A block element: which part of the cell it fills, in eighths from the top, and how densely in percent.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Block {
    top: u32,
    height: u32,
    percent: u32,
}

fn runs(buffer: &Buffer, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut column = 0;
    while column < buffer.area.width {
        let cell = &buffer[(buffer.area.x + column, buffer.area.y + row)];
        let columns = cell.symbol().cell_width().max(1);
        let look = look(cell, columns);
        match runs.last_mut().filter(|run| run.look == look && columns == 1) {
            Some(run) => {
                run.text.push_str(cell.symbol());
                run.columns += 1;
            }
            None => runs.push(Run {
                x: u32::from(column) * CELL_WIDTH,
                y: u32::from(row) * CELL_HEIGHT,
                columns: u32::from(columns),
                text: cell.symbol().to_owned(),
                look,
            }),
        }
        column += columns;
    }
    runs
}

fn look(cell: &Cell, columns: u16) -> Look {
    let mut foreground = colour(cell.fg, FOREGROUND);
    let mut background = colour(cell.bg, BACKGROUND);
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut foreground, &mut background);
    }
    Look { foreground, background, modifier: cell.modifier, block: block(cell.symbol()), columns }
}

fn block(symbol: &str) -> Option<Block> {
    let (top, height, percent) = match symbol {
        "█" => (0, 8, 100),
        "▀" => (0, 4, 100),
        "▄" => (4, 4, 100),
        "░" => (0, 8, 25),
        "▒" => (0, 8, 50),
        "▓" => (0, 8, 75),
        _ => return None,
    };
    Some(Block { top, height, percent })
}

impl Run {
    fn draw_background(&self, out: &mut String) {
        if self.look.background != BACKGROUND {
            self.rectangle(out, Block { top: 0, height: 8, percent: 100 }, &self.look.background);
        }
    }

    fn draw_text(&self, out: &mut String) {
        if let Some(block) = self.look.block {
            return self.rectangle(out, block, &self.look.foreground);
        }
        if self.text.trim().is_empty() {
            return;
        }
        let (x, y, length) = (self.x, self.y + BASELINE, self.columns * CELL_WIDTH);
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\" \
             xml:space=\"preserve\" fill=\"{}\"{}>{}</text>",
            self.look.foreground,
            attributes(self.look.modifier),
            escaped(&self.text)
        );
    }

    fn rectangle(&self, out: &mut String, block: Block, fill: &str) {
        let (x, width) = (self.x, self.columns * CELL_WIDTH);
        let (y, height) = (self.y + block.top * CELL_HEIGHT / 8, block.height * CELL_HEIGHT / 8);
        let _ = write!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\" \
             shape-rendering=\"crispEdges\""
        );
        if block.percent < 100 {
            let _ = write!(out, " fill-opacity=\"0.{}\"", block.percent);
        }
        out.push_str("/>\n");
    }
}

fn attributes(modifier: Modifier) -> String {
    [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::DIM, " opacity=\"0.65\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
        (Modifier::CROSSED_OUT, " text-decoration=\"line-through\""),
    ]
    .into_iter()
    .filter(|(it, _)| modifier.contains(*it))
    .map(|(_, attribute)| attribute)
    .collect()
}

/// Text as XML has it; what no XML document can hold becomes the replacement character.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            it if it.is_control() || matches!(it, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            it => escaped.push(it),
        }
    }
    escaped
}

fn colour(colour: Color, reset: &str) -> String {
    let named = match colour {
        Color::Reset => return reset.into(),
        Color::Rgb(red, green, blue) => return format!("#{red:02x}{green:02x}{blue:02x}"),
        Color::Indexed(index) => return indexed(index),
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    THEME[named].into()
}

/// The 256 colours of xterm: the theme, a cube of six steps, a ramp of grays.
fn indexed(index: u8) -> String {
    let step = |it: u8| if it == 0 { 0 } else { 55 + 40 * it };
    match index {
        0..16 => THEME[usize::from(index)].into(),
        16..232 => {
            let cube = index - 16;
            let (red, green, blue) = (step(cube / 36), step(cube / 6 % 6), step(cube % 6));
            format!("#{red:02x}{green:02x}{blue:02x}")
        }
        232.. => {
            let gray = 8 + 10 * (index - 232);
            format!("#{gray:02x}{gray:02x}{gray:02x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn text_is_escaped_and_keeps_its_columns() {
        let picture = svg(&Buffer::with_lines(["a<b&王c"]));
        assert!(picture.contains(">a&lt;b&amp;</text>"), "{picture}");
        assert!(picture.contains("x=\"36\" y=\"14\" textLength=\"18\""), "{picture}");
        assert!(picture.contains("x=\"54\" y=\"14\""), "{picture}");
    }

    #[test]
    fn colours_and_reverse_are_drawn() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        buffer.set_string(0, 0, "▀x", Style::new().fg(Color::Indexed(231)).bg(Color::Indexed(16)));
        let picture = svg(&buffer);
        assert!(picture.contains("height=\"9\" fill=\"#ffffff\""), "{picture}");
        assert!(picture.contains("height=\"18\" fill=\"#000000\""), "{picture}");
        buffer
            .set_style(buffer.area, Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD));
        assert!(svg(&buffer).contains("fill=\"#000000\" font-weight=\"bold\">x<"));
    }

    #[test]
    fn the_256_colours_are_those_of_xterm() {
        for (index, expected) in
            [(16, "#000000"), (231, "#ffffff"), (208, "#ff8700"), (255, "#eeeeee")]
        {
            assert_eq!(indexed(index), expected);
        }
    }
}
