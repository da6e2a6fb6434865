//! The state of the view, and what keys do.
//!
//! Events go into [`Ui::handle_event`], time into [`Ui::handle_time`]; an [`Action`] comes out. `Ui` carries nothing
//! out itself: the outcome of an action is told with [`Ui::tell`]. A paste is text for a prompt and never a key.

use std::cell::Cell;
use std::time::Duration;

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::model::Watched;
use super::prompt::{Choice, Find, Prompt};
use super::words::Words;

/// How long a message is shown: enough to read a line twice.
const MESSAGE_LIFE: Duration = Duration::from_secs(6);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Move the end of the roll call.
    Extend {
        /// By how much.
        minutes: u32,
    },
    /// Mark a student as present.
    Mark {
        /// The number, as the roster has it or as it was typed.
        student: String,
        /// Whether the teacher confirmed that it is not on the roster.
        walk_in: bool,
    },
    /// Close the roll call. The teacher confirmed it.
    Close,
    /// Leave the view. The roll call stays as it is: [`Ui::farewell`] says so.
    Quit,
    /// The mode changed already; the code of the room is needed from now on, or not any more.
    Projector {
        /// Whether the class looks now.
        shown: bool,
    },
    /// Ask the server now.
    Refresh,
}

/// How students of the roster are found.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    /// Number and name of those whose number or name has this text in it, the best first.
    pub(crate) matching: &'a dyn Fn(&str) -> Vec<(String, String)>,
    /// Number and name of whom a mistyped number may have meant.
    pub(crate) nearest: &'a dyn Fn(&str) -> Option<(String, String)>,
}

/// The state of the view, apart from what is known of the roll call.
pub(crate) struct Ui {
    words: Box<dyn Words>,
    projecting: bool,
    prompt: Option<Prompt>,
    message: Option<Message>,
    /// Time since the view was entered.
    now: Duration,
    scroll: usize,
    /// Rows that the last drawing had for those who are missing, which a page is and scrolling ends at.
    page: Cell<u16>,
}

#[derive(Debug)]
struct Message {
    text: String,
    until: Duration,
    for_class: bool,
}

impl Ui {
    /// The view as it begins: for the teacher, nothing asked.
    #[must_use]
    pub(crate) fn new(words: Box<dyn Words>) -> Self {
        Self {
            words,
            projecting: false,
            prompt: None,
            message: None,
            now: Duration::ZERO,
            scroll: 0,
            page: Cell::new(1),
        }
    }

    /// Takes note of the time since the view was entered; messages go by it.
    pub(crate) fn handle_time(&mut self, now: Duration) {
        self.now = now;
        self.message.take_if(|message| message.until <= now);
    }

    /// Does what an event of the terminal asks for, or says what is to be done.
    pub(crate) fn handle_event(
        &mut self,
        event: &Event,
        watched: &Watched,
        lookup: &Lookup<'_>,
    ) -> Option<Action> {
        match event {
            // Windows also tells when a key is released.
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                self.handle_key(*key, watched, lookup)
            }
            Event::Paste(text) => {
                self.handle_paste(text, lookup);
                None
            }
            _ => None,
        }
    }

    /// Shows a message for some seconds, to the teacher only: it may hold names.
    pub(crate) fn tell(&mut self, message: impl Into<String>) {
        self.message = Some(self.message_of(message.into(), false));
    }

    /// Shows a message for some seconds, to the class too: it must not hold names.
    pub(crate) fn tell_class(&mut self, message: impl Into<String>) {
        self.message = Some(self.message_of(message.into(), true));
    }

    /// In how long the screen changes without an event.
    #[must_use]
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.message.as_ref().map(|message| message.until.saturating_sub(self.now))
    }

    /// Whether the class looks, so that no names may be shown.
    #[must_use]
    pub(crate) fn is_projecting(&self) -> bool {
        self.projecting
    }

    /// What is to be said once the view is left.
    #[must_use]
    pub(crate) fn farewell(&self, watched: &Watched) -> Option<String> {
        watched.is_open().then(|| self.words.stays_open(watched.class))
    }

    /// The texts of the view.
    #[must_use]
    pub(crate) fn words(&self) -> &dyn Words {
        &*self.words
    }

    pub(crate) fn prompt(&self) -> Option<&Prompt> {
        self.prompt.as_ref()
    }

    pub(crate) fn message(&self) -> Option<&str> {
        let visible = |it: &&Message| it.for_class || !self.projecting;
        self.message.as_ref().filter(visible).map(|it| it.text.as_str())
    }

    /// The first of `count` who are missing that is shown in `rows`.
    pub(crate) fn first_missing(&self, count: usize, rows: u16) -> usize {
        self.page.set(rows.max(1));
        self.scroll.min(count.saturating_sub(usize::from(rows)))
    }

    fn message_of(&self, text: String, for_class: bool) -> Message {
        Message { text, until: self.now + MESSAGE_LIFE, for_class }
    }

    fn handle_paste(&mut self, text: &str, lookup: &Lookup<'_>) {
        if let Some(field) = self.prompt.as_mut().and_then(Prompt::field_mut) {
            field.add(text);
        }
        if let Some(Prompt::Find(find)) = &mut self.prompt {
            search(find, lookup);
        }
    }

    fn handle_key(
        &mut self,
        key: KeyEvent,
        watched: &Watched,
        lookup: &Lookup<'_>,
    ) -> Option<Action> {
        if is_interrupt(key) {
            return Some(Action::Quit);
        }
        match self.prompt.take() {
            None => self.command(key, watched),
            Some(Prompt::Extend(_) | Prompt::Find(_)) if key.code == KeyCode::Esc => None,
            Some(prompt) => self.answer(prompt, key, watched, lookup),
        }
    }

    /// A key while something is asked. The prompt was taken out and is put back if it goes on.
    fn answer(
        &mut self,
        prompt: Prompt,
        key: KeyEvent,
        watched: &Watched,
        lookup: &Lookup<'_>,
    ) -> Option<Action> {
        let action = match prompt {
            Prompt::Extend(_) => self.answer_minutes(prompt, key),
            Prompt::Find(find) => self.answer_student(find, key, lookup),
            Prompt::WalkIn { .. } => self.answer_walk_in(prompt, key),
            Prompt::Close => self.answer_close(key),
        }?;
        if watched.is_open() {
            return Some(action);
        }
        // It was closed while the question stood.
        self.prompt = None;
        self.tell_class(self.words.closed_already());
        None
    }

    fn command(&mut self, key: KeyEvent, watched: &Watched) -> Option<Action> {
        match (key.code, typed(key)) {
            (_, Some('q')) => return Some(Action::Quit),
            (_, Some('r')) => return Some(Action::Refresh),
            (_, Some('p')) => return Some(self.toggle_projector()),
            (_, Some(command @ ('e' | 'm' | 'c'))) => self.ask(command, watched),
            (code, None) => self.scroll(code, watched),
            _ => {}
        }
        None
    }

    fn toggle_projector(&mut self) -> Action {
        self.projecting = !self.projecting;
        Action::Projector { shown: self.projecting }
    }

    fn ask(&mut self, command: char, watched: &Watched) {
        if !watched.is_open() {
            return self.tell_class(self.words.closed_already());
        }
        match command {
            'e' => self.prompt = Some(Prompt::extend()),
            'c' => self.prompt = Some(Prompt::Close),
            _ if self.projecting => self.tell_class(self.words.not_before_class()),
            _ => self.prompt = Some(Prompt::find()),
        }
    }

    fn scroll(&mut self, key: KeyCode, watched: &Watched) {
        let page = usize::from(self.page.get());
        let last = watched.missing().len().saturating_sub(page);
        let now = self.scroll.min(last);
        let moved = match key {
            KeyCode::Up => now.saturating_sub(1),
            KeyCode::Down => now + 1,
            KeyCode::PageUp => now.saturating_sub(page),
            KeyCode::PageDown => now + page,
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => now,
        };
        self.scroll = moved.min(last);
    }

    fn answer_minutes(&mut self, mut prompt: Prompt, key: KeyEvent) -> Option<Action> {
        let field = prompt.field_mut()?;
        if key.code != KeyCode::Enter {
            edit(field, key);
            self.prompt = Some(prompt);
            return None;
        }
        let minutes = field.minutes();
        if minutes.is_none() {
            self.prompt = Some(prompt);
            self.tell_class(self.words.not_minutes());
        }
        Some(Action::Extend { minutes: minutes? })
    }

    fn answer_student(
        &mut self,
        mut find: Find,
        key: KeyEvent,
        lookup: &Lookup<'_>,
    ) -> Option<Action> {
        match key.code {
            KeyCode::Enter => return self.choose(find, lookup),
            KeyCode::Up => find.select_previous(),
            KeyCode::Down => find.select_next(),
            _ if edit(&mut find.field, key) => search(&mut find, lookup),
            _ => {}
        }
        self.prompt = Some(Prompt::Find(find));
        None
    }

    fn choose(&mut self, find: Find, lookup: &Lookup<'_>) -> Option<Action> {
        match find.choice() {
            Some(Choice::Listed { number, .. }) => {
                return Some(Action::Mark { student: number.into(), walk_in: false });
            }
            Some(Choice::WalkIn { number }) => {
                let (number, nearest) = (number.to_owned(), (lookup.nearest)(number));
                self.prompt = Some(Prompt::WalkIn { number, nearest, find });
            }
            None => {
                if !find.typed().is_empty() {
                    self.tell(self.words.no_match(&find.typed()));
                }
                self.prompt = Some(Prompt::Find(find));
            }
        }
        None
    }

    /// Anything but yes keeps the roll call as it is; no goes back to what was typed.
    fn answer_walk_in(&mut self, prompt: Prompt, key: KeyEvent) -> Option<Action> {
        let Prompt::WalkIn { number, nearest, find } = prompt else { return None };
        match self.decision(key) {
            Some(true) => return Some(Action::Mark { student: number, walk_in: true }),
            Some(false) => self.prompt = Some(Prompt::Find(find)),
            None => self.prompt = Some(Prompt::WalkIn { number, nearest, find }),
        }
        None
    }

    fn answer_close(&mut self, key: KeyEvent) -> Option<Action> {
        match self.decision(key) {
            Some(true) => return Some(Action::Close),
            Some(false) => {}
            None => self.prompt = Some(Prompt::Close),
        }
        None
    }

    /// Yes, no (which Enter and Esc mean too), or a key that means neither.
    fn decision(&self, key: KeyEvent) -> Option<bool> {
        match key.code {
            KeyCode::Enter | KeyCode::Esc => Some(false),
            KeyCode::Char(it) if has_text(key) && self.words.is_yes(it) => Some(true),
            KeyCode::Char(it) if has_text(key) && self.words.is_no(it) => Some(false),
            _ => None,
        }
    }
}

fn search(find: &mut Find, lookup: &Lookup<'_>) {
    let typed = find.field.text().trim();
    let matches = if typed.is_empty() { Vec::new() } else { (lookup.matching)(typed) };
    find.set_matches(matches);
}

/// Changes a field as a key says, and tells whether it did.
fn edit(field: &mut super::prompt::Field, key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char(it) if has_text(key) => field.add(it.encode_utf8(&mut [0; 4])),
        // As in a shell.
        KeyCode::Char('u') if key.modifiers == KeyModifiers::CONTROL => field.clear(),
        KeyCode::Backspace => field.rub_out(),
        _ => return false,
    }
    true
}

fn is_interrupt(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL
}

/// Whether a key writes a character. Windows tells `AltGr` as Control and Alt together.
fn has_text(key: KeyEvent) -> bool {
    let held = |modifier| key.modifiers.contains(modifier);
    held(KeyModifiers::CONTROL) == held(KeyModifiers::ALT)
}

/// The letter of a command, whether or not Caps Lock is on.
fn typed(key: KeyEvent) -> Option<char> {
    match key.code {
        KeyCode::Char(it) if has_text(key) => Some(it.to_ascii_lowercase()),
        _ => None,
    }
}
