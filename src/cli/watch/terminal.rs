//! The only file that touches the terminal: full screen and raw mode in, and out again whatever happens.
//!
//! The terminal is given back when the [`Guard`] is dropped and when any thread panics, before the panic is printed. A
//! signal that ends the process is the caller's to catch: it has to end the loop that holds the guard.

use std::io::{self, IsTerminal as _, Stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste, Event};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use crate::cli::language::text;

/// Whether the terminal is ours. There is one terminal, so there is one of these.
static ENTERED: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Why a view cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotATerminal {
    /// Keys would come from a file or a pipe.
    Input,
    /// The screen would go to a file or a pipe.
    Output,
}

impl std::fmt::Display for NotATerminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&match self {
            Self::Input => text!("watch-no-terminal-in"),
            Self::Output => text!("watch-no-terminal-out"),
        })
    }
}

impl std::error::Error for NotATerminal {}

/// The terminal this program was started in.
#[derive(Debug)]
pub(crate) struct Terminal;

impl Terminal {
    /// Takes the whole terminal, until the guard is dropped.
    ///
    /// # Errors
    /// [`NotATerminal`] if standard input or output is none, `AlreadyExists` if it is taken already, or what the
    /// terminal says. Then it is as it was.
    pub(crate) fn enter() -> io::Result<Guard> {
        check(io::stdin().is_terminal(), io::stdout().is_terminal())
            .map_err(|reason| io::Error::new(io::ErrorKind::Unsupported, reason))?;
        HOOK.call_once(restore_before_a_panic_is_printed);
        if ENTERED.swap(true, Ordering::SeqCst) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        take().inspect_err(|_| restore())
    }
}

/// The terminal while it is ours. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Guard {
    terminal: ratatui::Terminal<CrosstermBackend<Stdout>>,
}

impl Guard {
    /// Draws one picture; only what differs from the one before is written.
    ///
    /// # Errors
    /// If the terminal cannot be written to, or is not ours any more since another thread panicked.
    pub(crate) fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        still_ours()?;
        self.terminal.draw(render).map(drop)
    }

    /// Waits for an event of the terminal, at most so long.
    ///
    /// # Errors
    /// As with [`Guard::draw`]; also if the terminal went away.
    pub(crate) fn poll_key(timeout: Duration) -> io::Result<Option<Event>> {
        still_ours()?;
        if event::poll(timeout)? { event::read().map(Some) } else { Ok(None) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

fn check(input: bool, output: bool) -> Result<(), NotATerminal> {
    match (input, output) {
        (true, true) => Ok(()),
        (false, _) => Err(NotATerminal::Input),
        (true, false) => Err(NotATerminal::Output),
    }
}

fn take() -> io::Result<Guard> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
    let terminal = ratatui::Terminal::new(CrosstermBackend::new(io::stdout()))?;
    Ok(Guard { terminal })
}

/// Gives the terminal back, once. Each step is tried whatever the one before did, and errors are dropped: the terminal
/// may be gone, and there is nothing else to be done about it.
fn restore() {
    if ENTERED.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stdout(), DisableBracketedPaste, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// The hook stays for the life of the process: it does nothing while the terminal is not ours.
fn restore_before_a_panic_is_printed() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        print(panic);
    }));
}

fn still_ours() -> io::Result<()> {
    if ENTERED.load(Ordering::SeqCst) {
        return Ok(());
    }
    Err(io::Error::other("the terminal was given back because a thread panicked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_two_terminals() {
        assert_eq!(check(true, true), Ok(()));
        assert_eq!(check(false, true), Err(NotATerminal::Input));
        assert_eq!(check(true, false), Err(NotATerminal::Output));
    }
}
