//! The commands: flags, words and exit codes. What they do is in the library.
//!
//! Manners, the same for all: results go to standard output, everything else to standard error; an
//! error is one line that says what to do next; text that came from elsewhere is made safe before a
//! terminal sees it.

pub mod admin;
pub mod load;
pub mod server;
pub mod student;
pub mod teacher;

mod attendance;
mod client;
mod correct;
mod exit;
mod explain;
mod export;
mod files;
mod join;
mod json;
mod language;
mod likeness;
mod local_time;
mod outbox;
mod part;
mod plan;
mod progress;
mod prompt;
mod qr;
mod rate;
mod report;
mod room;
mod roster;
mod roster_file;
mod scan;
mod sheet;
mod speaker;
mod status_line;
mod watch;
mod words;
mod write_file;

pub use exit::Exit;
