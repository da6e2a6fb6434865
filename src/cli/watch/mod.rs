//! The full-screen live view of an open roll call: who came, who is missing, the code of the room.
//!
//! Sans-IO but for one file. Whoever polls the server keeps a [`Watched`]; events of the terminal go into
//! [`Ui::handle_event`], which answers with an [`Action`] to carry out; its outcome comes back by
//! [`Ui::tell`]; [`draw`] shows both.
//!
//! ```text
//!  server ──> Watched ──────────────┐
//!                                   ├──> draw ──> terminal
//!  terminal ──> Event ──> Ui ───────┘
//!                          └──> Action ──> server
//! ```
//!
//! | file | owns |
//! |---|---|
//! | `model` | what is known of the roll call, as a plain value |
//! | `input` | the state of the view, and what keys do |
//! | `prompt` | what is being asked, and the text that is being typed |
//! | `screen` | the frame around both modes: status line, footer, prompts |
//! | `names` | the mode for the teacher: arrivals, who is missing |
//! | `projector` | the mode for the class: code, QR code, counts, and no names |
//! | `digits`, `qr` | large digits and QR codes, in half blocks |
//! | `paint` | writing text into a buffer, by its width, never outside |
//! | `text` | text from elsewhere made safe, cut and wrapped by its width |
//! | `palette` | colours, or none |
//! | `words` | every text, for translation |
//! | `terminal` | the only file that touches the terminal |

mod digits;
mod input;
mod live;
mod model;
mod names;
mod paint;
mod palette;
mod projector;
mod prompt;
mod qr;
mod screen;
mod terminal;
mod text;
mod words;

pub(crate) use input::{Action, Lookup, Ui};
pub(crate) use live::watch;
pub(crate) use model::{Arrival, Link, Listed, Room, Watched};
pub(crate) use palette::Palette;
pub(crate) use screen::draw;
pub(crate) use terminal::{Guard, Terminal};
pub(crate) use words::spoken_words;

#[cfg(test)]
pub(crate) use {
    prompt::FIELD_MAX_CHARACTERS,
    words::{Hint, Words},
};
#[cfg(test)]
mod svg;
#[cfg(test)]
mod tests;
