//! `watch`: the view in a terminal, and the thread that asks the server for what it shows.
//!
//! ```text
//!   this thread:  keys ─▶ Ui ─▶ Task ───────▶ the other: one question a second, and what is to be done
//!                 draw ◀── Known ◀───────────
//! ```
//!
//! Waiting for an answer never keeps a key from being heard.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use chrono::{DateTime, FixedOffset};

use super::{
    Action, Arrival, Guard, Link, Listed, Lookup, Palette, Room, Terminal, Ui, Watched, draw,
    spoken_words,
};
use crate::attendance::{Correction, Listed as RosterEntry, Status};
use crate::cli::Exit;
use crate::cli::client::{CommandClient, local_clock};
use crate::cli::explain::reason;
use crate::cli::language::text;
use crate::cli::likeness::{matching, nearest};
use crate::cli::local_time::LocalTime as _;
use crate::cli::words::{failed, remark};
use crate::client::inquiry::WatchInquiry;
use crate::exchange::{
    self, Answer, Closed, Corrected, Extended, Operation, Query, Refusal, WatchedEntry,
};
use crate::ids::{ClassId, RollCallNumber};
use crate::roll::RosterObject;
use crate::shell::call::{CallError, Caller};
use crate::shell::clock::Clock;
use crate::time::WallTime;

/// How often the server is asked while nothing happens: one datagram each time.
const REFRESH: Duration = Duration::from_secs(1);
/// How long one question is asked before the view says that the server is silent.
const PATIENCE: Duration = Duration::from_secs(2);
/// The view is drawn at least so often: the seconds of the code go by.
const FRAME: Duration = Duration::from_millis(250);

/// What the other thread is to do.
enum Task {
    Refresh,
    Perform(Operation),
    /// The roster, which has changed.
    End,
}

/// What the other thread found out.
enum Known {
    State(Box<exchange::Watched>, Vec<WatchedEntry>, u32),
    Silent,
    Closed(Option<WallTime>),
    Refused(String),
    Done(Operation, Answer),
    Lost(Operation),
    Roster(RosterObject),
}

/// Shows the open roll call of a class until it is closed, or the view is left.
pub(crate) fn watch(mut client: CommandClient, class: ClassId) -> Result<(), Exit> {
    // What cannot be watched is said before the terminal is taken.
    let (first, entries) = client.watched(class, 0)?;
    let (roster, _) = client.roster(class)?;
    let link = client.link();
    let asker = client.another_caller()?;
    let mut screen = Screen::new(class, &link, roster, &first);
    screen.take(Known::State(Box::new(first), entries, 0));
    let (tasks, to_do) = channel();
    let (found, known) = channel();
    let ended = std::thread::scope(|scope| {
        let asker = Asker { class, caller: asker, client, from: 0, seen: None, roster: 0 };
        scope.spawn(move || asker.run(&to_do, &found));
        let ended = screen.run(&tasks, &known);
        let _ = tasks.send(Task::End);
        ended
    });
    ended.map_err(failed)?;
    if let Some(words) = screen.ui.farewell(&screen.watched) {
        remark(words);
    }
    Ok(())
}

/// Asks the server, on a thread of its own.
struct Asker {
    class: ClassId,
    caller: Caller,
    client: CommandClient,
    /// The first place that was not told of.
    from: u32,
    /// The roll call, its corrections and how many are remarked on: with these, what was told is old.
    seen: Option<(RollCallNumber, u32, u32)>,
    roster: u64,
}

impl Asker {
    fn run(mut self, tasks: &Receiver<Task>, found: &Sender<Known>) {
        loop {
            let known = match tasks.recv_timeout(REFRESH) {
                Ok(Task::End) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Task::Perform(operation)) => {
                    let known = self.perform(operation);
                    if found.send(known).is_err() {
                        return;
                    }
                    self.look()
                }
                Ok(Task::Refresh) | Err(RecvTimeoutError::Timeout) => self.look(),
            };
            if known.into_iter().any(|it| found.send(it).is_err()) {
                return;
            }
        }
    }

    fn perform(&mut self, operation: Operation) -> Known {
        let timeout = self.client.flags.timeout;
        match self.caller.perform(operation.clone(), timeout, &mut |_, _| {}) {
            Ok(answered) => Known::Done(operation, answered.answer),
            Err(_) => Known::Lost(operation),
        }
    }

    /// What has changed since the last look.
    fn look(&mut self) -> Vec<Known> {
        let mut inquiry = WatchInquiry::new(self.class, self.from);
        let result = self.caller.inquire(&mut inquiry, PATIENCE, &mut |_, _| {}, &mut |_| {});
        let (state, entries) = match result {
            Ok(((state, entries), _)) => (state, entries),
            Err(CallError::Refused { refused, .. }) if refused.reason == Refusal::NotOpen => {
                return vec![Known::Closed(self.closed_at())];
            }
            Err(CallError::Refused { refused, .. }) => {
                return vec![Known::Refused(reason(refused.reason, self.class))];
            }
            Err(_) => return vec![Known::Silent],
        };
        if self.from > 0 && self.seen != Some(seen(&state)) {
            return self.look_again();
        }
        let mut known = Vec::new();
        if state.roster != self.roster
            && let Ok((roster, _)) = self.client.roster(self.class)
        {
            self.roster = state.roster;
            known.push(Known::Roster(roster));
        }
        let place = self.from;
        self.go_on_after(&state, &entries, place);
        known.push(Known::State(Box::new(state), entries, place));
        known
    }

    fn look_again(&mut self) -> Vec<Known> {
        let mut inquiry = WatchInquiry::new(self.class, 0);
        match self.caller.inquire(&mut inquiry, PATIENCE, &mut |_, _| {}, &mut |_| {}) {
            Ok(((state, entries), _)) => {
                self.go_on_after(&state, &entries, 0);
                vec![Known::State(Box::new(state), entries, 0)]
            }
            Err(_) => vec![Known::Silent],
        }
    }

    /// The next look is at what comes after the last mark: who has none comes last, and behind who answers.
    fn go_on_after(&mut self, state: &exchange::Watched, entries: &[WatchedEntry], place: u32) {
        let marked = entries.iter().take_while(|it| !it.is_unmarked(state.opened_at)).count();
        self.from = place.saturating_add(u32::try_from(marked).unwrap_or(u32::MAX));
        self.seen = Some(seen(state));
    }

    fn closed_at(&mut self) -> Option<WallTime> {
        let at_most = RollCallNumber::MAX;
        let query = Query::Sheets { class: self.class, at_most };
        match self.caller.ask(query, PATIENCE, &mut |_, _| {}).ok()?.answer {
            Answer::Sheets(list) => list.sheets.first().map(|it| it.closed_at),
            _ => None,
        }
    }
}

fn seen(state: &exchange::Watched) -> (RollCallNumber, u32, u32) {
    (state.number, state.corrections, state.remarked)
}

/// What is shown.
struct Screen {
    class: ClassId,
    watched: Watched,
    entries: Vec<WatchedEntry>,
    roster: Vec<RosterEntry>,
    ui: Ui,
    clock: Clock,
    /// When the code that is shown ends.
    code_until: Option<Duration>,
    /// The server's clock less ours, in milliseconds: its times are shown against its own.
    is_over: bool,
}

impl Screen {
    fn new(class: ClassId, link: &str, roster: RosterObject, first: &exchange::Watched) -> Self {
        let now = moment(local_clock());
        let watched = Watched {
            class: class.get(),
            title: first.title.as_ref().map(ToString::to_string),
            now,
            opened_at: moment(first.opened_at),
            late_at: None,
            closes_at: None,
            closed_at: None,
            present: 0,
            late: 0,
            expected: None,
            arrivals: Vec::new(),
            roster: Vec::new(),
            wrong_codes: 0,
            flagged: 0,
            room: None,
            join_link: Some(link.to_owned()).filter(|it| !it.is_empty()),
            link: Link::Connected,
        };
        let ui = Ui::new(spoken_words());
        let mut screen = Self {
            class,
            watched,
            entries: Vec::new(),
            roster: Vec::new(),
            ui,
            clock: Clock::start(),
            code_until: None,
            is_over: false,
        };
        screen.take(Known::Roster(roster));
        screen
    }

    fn run(&mut self, tasks: &Sender<Task>, known: &Receiver<Known>) -> io::Result<()> {
        let mut terminal = Terminal::enter()?;
        let palette = if std::env::var_os("NO_COLOR").is_some() {
            Palette::plain()
        } else {
            Palette::colours()
        };
        loop {
            while let Ok(known) = known.try_recv() {
                self.take(known);
            }
            self.tick();
            terminal.draw(|frame| draw(frame, &self.watched, &self.ui, palette))?;
            let wait = self.ui.poll_timeout().unwrap_or(FRAME).min(FRAME);
            let Some(event) = Guard::poll_key(wait)? else { continue };
            let roster = &self.roster;
            let pair = |it: &RosterEntry| (it.student.to_string(), it.name.to_string());
            let lookup = Lookup {
                matching: &|typed: &str| matching(typed, roster).into_iter().map(pair).collect(),
                nearest: &|typed: &str| nearest(typed, roster).map(pair),
            };
            let action = self.ui.handle_event(&event, &self.watched, &lookup);
            if action.is_some_and(|action| self.act(action, tasks)) {
                return Ok(());
            }
        }
    }

    fn tick(&mut self) {
        let elapsed = Duration::from_micros(self.clock.now().instant.as_micros());
        self.ui.handle_time(elapsed);
        self.watched.now = moment(local_clock());
        if let (Some(until), Some(room)) = (self.code_until, &mut self.watched.room) {
            let left = until.saturating_sub(elapsed).as_millis();
            room.left_ms = u16::try_from(left).unwrap_or(u16::MAX);
        }
    }

    /// Does what was asked for; true if the view ends.
    fn act(&mut self, action: Action, tasks: &Sender<Task>) -> bool {
        let class = self.class;
        let operation = match action {
            Action::Quit => return true,
            // The next picture is the other one.
            Action::Projector { .. } => return false,
            Action::Refresh => {
                let _ = tasks.send(Task::Refresh);
                return false;
            }
            Action::Extend { minutes } => Operation::Extend { class, seconds: minutes * 60 },
            Action::Close => Operation::Close { class },
            Action::Mark { student, .. } => {
                let Ok(student) = student.parse() else {
                    self.ui.tell(text!("watch-no-student", student));
                    return false;
                };
                let status = Status::Present;
                let correction = Correction { number: None, student, status, reason: None };
                Operation::Correct { class, correction: Box::new(correction) }
            }
        };
        let _ = tasks.send(Task::Perform(operation));
        false
    }

    fn take(&mut self, known: Known) {
        match known {
            Known::State(state, entries, place) => self.take_state(&state, entries, place),
            Known::Silent if self.is_over => {}
            Known::Silent => {
                let since = match self.watched.link {
                    Link::Silent { since } => since,
                    _ => self.watched.now,
                };
                self.watched.link = Link::Silent { since };
            }
            Known::Closed(at) => {
                self.is_over = true;
                self.watched.link = Link::Connected;
                self.watched.closed_at = Some(at.map_or(self.watched.now, moment));
            }
            Known::Refused(why) => self.watched.link = Link::Refused { why },
            Known::Roster(roster) => {
                let listed = |it: &RosterEntry| Listed {
                    number: it.student.to_string(),
                    name: it.name.to_string(),
                };
                self.watched.roster = roster.students.iter().map(listed).collect();
                self.watched.roster.sort_by(|one, other| one.name.cmp(&other.name));
                self.roster = roster.students;
                self.rename();
            }
            Known::Done(operation, answer) => self.tell(&operation, &answer),
            Known::Lost(operation) => {
                let done = crate::cli::explain::done(&operation);
                self.ui.tell(text!("watch-unknown", done));
            }
        }
    }

    fn take_state(&mut self, state: &exchange::Watched, entries: Vec<WatchedEntry>, place: u32) {
        self.is_over = false;
        self.entries.truncate(place as usize);
        self.entries.extend(entries);
        let elapsed = Duration::from_micros(self.clock.now().instant.as_micros());
        self.code_until = Some(elapsed + Duration::from_millis(state.left_ms.into()));
        let watched = &mut self.watched;
        watched.link = Link::Connected;
        watched.closed_at = None;
        watched.opened_at = moment(state.opened_at);
        watched.closes_at = state.closes_at.map(moment);
        watched.late_at = state.late_at.map(moment);
        // Of a roster those who are on it: with the others, all could seem to be there while some are missing.
        watched.present = state.expected.map_or(state.present, |_| state.expected_present);
        (watched.late, watched.expected) = (state.late, state.expected);
        (watched.wrong_codes, watched.flagged) = (state.wrong_codes, state.remarked);
        let room =
            |code: crate::access::RoomCode| Room { code: code.to_string(), left_ms: state.left_ms };
        watched.room = state.code.map(room);
        self.rename();
    }

    /// The entries with the names of the roster.
    fn rename(&mut self) {
        let roster = &self.roster;
        let arrival = |it: &WatchedEntry| {
            let found = roster.binary_search_by_key(&it.student, |listed| listed.student);
            Arrival {
                number: it.student.to_string(),
                name: found.ok().map(|place| roster[place].name.to_string()),
                at: moment(it.at),
                status: it.status,
                flags: it.remarks.names().collect(),
                listed: roster.is_empty() || found.is_ok(),
            }
        };
        self.watched.arrivals = self.entries.iter().map(arrival).collect();
    }

    /// Shows what became of an action.
    fn tell(&mut self, operation: &Operation, answer: &Answer) {
        let class = self.class;
        match (operation, answer) {
            (_, Answer::Extended(Extended { at, closes_at, .. })) => {
                self.ui.tell_class(text!("extended", class, at = closes_at.to_local_on(*at)));
            }
            (_, Answer::Closed(Closed { sheet, .. })) => {
                self.is_over = true;
                self.watched.closed_at = Some(moment(sheet.closed_at));
                self.ui.tell_class(text!("watch-now-closed", class));
            }
            (Operation::Correct { correction, .. }, Answer::Corrected(Corrected { was, .. })) => {
                let number = correction.student;
                let found = self.roster.binary_search_by_key(&number, |it| it.student);
                let student = match found {
                    Ok(place) => format!("{number} {}", self.roster[place].name),
                    Err(_) => number.to_string(),
                };
                self.ui.tell(if *was == Some(Status::Present) {
                    text!("watch-marked-already", student)
                } else {
                    text!("watch-marked", student)
                });
            }
            (_, Answer::Refused(refused)) => self.ui.tell(reason(refused.reason, class)),
            _ => {}
        }
    }
}

fn moment(at: WallTime) -> DateTime<FixedOffset> {
    at.local().fixed_offset()
}
