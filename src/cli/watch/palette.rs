//! The styles of the view, by what they mean: with colours, or with none for `NO_COLOR`.
//!
//! A colour never tells anything alone: whatever it marks is said in words or symbols too.

use ratatui::style::{Color, Modifier, Style};

/// How the view looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Palette {
    colours: bool,
}

impl Palette {
    /// The colours of the terminal's own theme, so that they suit its background.
    #[must_use]
    pub(crate) const fn colours() -> Self {
        Self { colours: true }
    }

    /// No colours: bold and reverse only.
    #[must_use]
    pub(crate) const fn plain() -> Self {
        Self { colours: false }
    }

    fn coloured(self, colour: Color, modifier: Modifier) -> Style {
        let style = Style::new().add_modifier(modifier);
        if self.colours { style.fg(colour) } else { style }
    }

    pub(crate) fn text(self) -> Style {
        self.coloured(Color::Reset, Modifier::empty())
    }

    pub(crate) fn heading(self) -> Style {
        self.coloured(Color::Reset, Modifier::BOLD)
    }

    /// What matters less: numbers beside names, what keys do. Dim and not gray, which is the background
    /// itself in some themes.
    pub(crate) fn quiet(self) -> Style {
        if self.colours { Style::new().add_modifier(Modifier::DIM) } else { Style::new() }
    }

    pub(crate) fn good(self) -> Style {
        self.coloured(Color::Green, Modifier::BOLD)
    }

    /// What a teacher looks at twice.
    pub(crate) fn warning(self) -> Style {
        self.coloured(Color::Yellow, Modifier::BOLD)
    }

    /// What makes the rest of the screen doubtful.
    pub(crate) fn trouble(self) -> Style {
        self.coloured(Color::Red, Modifier::BOLD | Modifier::REVERSED)
    }

    pub(crate) fn key(self) -> Style {
        self.coloured(Color::Cyan, Modifier::BOLD)
    }

    pub(crate) fn question(self) -> Style {
        self.coloured(Color::Reset, Modifier::BOLD)
    }

    pub(crate) fn selected(self) -> Style {
        self.coloured(Color::Reset, Modifier::REVERSED)
    }

    /// Light and dark parts of a QR code, as foreground and background. These two of the 256 colours are
    /// white and black in every theme. Without colours the light parts are drawn in the foreground, as on
    /// the dark background that most terminals have.
    pub(crate) fn picture(self) -> Style {
        if !self.colours {
            return Style::new();
        }
        Style::new().fg(Color::Indexed(231)).bg(Color::Indexed(16))
    }
}
