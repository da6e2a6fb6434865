//! What keys do, as stories of a teacher at the lectern.

use std::time::Duration;

use super::support::{at, lesson, picture, text, with_lookup};
use crate::cli::watch::{Action, FIELD_MAX_CHARACTERS, Palette, Ui, Watched, spoken_words};
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A view and what it shows.
struct Desk {
    watched: Watched,
    ui: Ui,
}

impl Desk {
    fn new(watched: Watched) -> Self {
        Self { watched, ui: Ui::new(spoken_words()) }
    }

    fn event(&mut self, event: &Event) -> Option<Action> {
        with_lookup(&self.watched, |lookup| self.ui.handle_event(event, &self.watched, lookup))
    }

    fn press(&mut self, code: KeyCode) -> Option<Action> {
        self.event(&Event::Key(KeyEvent::from(code)))
    }

    /// Types a text of which no key but the last does anything.
    fn type_text(&mut self, text: &str) -> Option<Action> {
        let mut action = None;
        for key in text.chars() {
            assert_eq!(action, None, "before {key} of {text}");
            action = self.press(KeyCode::Char(key));
        }
        action
    }

    fn paste(&mut self, text: &str) -> Option<Action> {
        self.event(&Event::Paste(text.into()))
    }

    fn shown(&self) -> String {
        text(&picture(&self.watched, &self.ui, Palette::colours(), (120, 30)))
    }

    #[track_caller]
    fn sees(&self, words: &str) {
        let shown = self.shown();
        assert!(shown.contains(words), "'{words}' is not to be seen\n{shown}");
    }

    #[track_caller]
    fn sees_not(&self, words: &str) {
        let shown = self.shown();
        assert!(!shown.contains(words), "'{words}' is to be seen\n{shown}");
    }
}

fn mark(student: &str, walk_in: bool) -> Action {
    Action::Mark { student: student.into(), walk_in }
}

#[test]
fn a_roll_call_is_extended_by_what_is_offered_or_typed() {
    let mut desk = Desk::new(lesson(38));
    assert_eq!(desk.press(KeyCode::Char('e')), None);
    desk.sees("extend by (minutes): 5");
    assert_eq!(desk.press(KeyCode::Enter), Some(Action::Extend { minutes: 5 }));
    desk.sees_not("extend by");
    assert_eq!(desk.type_text("e10"), None);
    desk.sees("extend by (minutes): 10");
    assert_eq!(desk.press(KeyCode::Enter), Some(Action::Extend { minutes: 10 }));
}

#[test]
fn what_is_no_number_of_minutes_is_asked_again() {
    let mut desk = Desk::new(lesson(38));
    desk.type_text("eq");
    assert_eq!(desk.press(KeyCode::Enter), None);
    desk.sees("from 1 to 1440");
    desk.sees("extend by (minutes): q");
    desk.press(KeyCode::Backspace);
    desk.type_text("7");
    assert_eq!(desk.press(KeyCode::Enter), Some(Action::Extend { minutes: 7 }));
}

#[test]
fn a_student_is_found_by_part_of_the_name() {
    let mut desk = Desk::new(lesson(38));
    desk.type_text("mda");
    desk.sees("> 042191026  Wanda Luz");
    desk.press(KeyCode::Down);
    desk.sees("> 042191033  Davi Gomes");
    desk.press(KeyCode::Up);
    assert_eq!(desk.press(KeyCode::Enter), Some(mark("042191026", false)));
    desk.sees_not("mark (number");
}

#[test]
fn an_exact_number_is_marked_without_a_question() {
    let mut desk = Desk::new(lesson(38));
    desk.type_text("m042191033");
    assert_eq!(desk.press(KeyCode::Enter), Some(mark("042191033", false)));
}

#[test]
fn a_number_that_is_not_on_the_roster_is_asked_about() {
    let mut desk = Desk::new(lesson(38));
    desk.type_text("m042191093");
    assert_eq!(desk.press(KeyCode::Enter), None);
    desk.sees("042191093 is not on the roster; did you mean 0421910");
    assert_eq!(desk.press(KeyCode::Enter), None, "Enter means no");
    desk.sees("mark (number or part of a name): 042191093");
    desk.press(KeyCode::Enter);
    assert_eq!(desk.press(KeyCode::Char('x')), None, "neither yes nor no");
    assert_eq!(desk.press(KeyCode::Char('y')), Some(mark("042191093", true)));
}

#[test]
fn a_walk_in_whose_number_begins_another_is_the_last_choice() {
    let mut desk = Desk::new(lesson(38));
    desk.type_text("m0421910");
    desk.sees("> 042191000  Ana Silva");
    for _ in 0..60 {
        desk.press(KeyCode::Down);
    }
    desk.sees("> 0421910, not on the roster");
    desk.press(KeyCode::Enter);
    assert_eq!(desk.press(KeyCode::Char('y')), Some(mark("0421910", true)));
}

#[test]
fn a_name_that_nobody_has_is_told() {
    let mut desk = Desk::new(lesson(38));
    desk.type_text("mzzz");
    assert_eq!(desk.press(KeyCode::Enter), None);
    desk.sees("nobody on the roster matches 'zzz'");
    desk.sees("mark (number or part of a name): zzz");
}

#[test]
fn closing_is_asked_with_the_count_of_that_moment() {
    let mut desk = Desk::new(lesson(38));
    desk.press(KeyCode::Char('c'));
    desk.sees("close class 3030? 38 of 40 present [y/N]");
    desk.watched = lesson(39);
    desk.sees("close class 3030? 39 of 40 present [y/N]");
    for no in [KeyCode::Enter, KeyCode::Esc, KeyCode::Char('n')] {
        assert_eq!(desk.press(no), None);
        desk.sees_not("[y/N]");
        desk.press(KeyCode::Char('c'));
    }
    assert_eq!(desk.press(KeyCode::Char('y')), Some(Action::Close));
}

#[test]
fn what_is_asked_when_the_roll_call_is_closed_elsewhere_changes_nothing() {
    let mut desk = Desk::new(lesson(38));
    desk.press(KeyCode::Char('c'));
    desk.watched.closed_at = Some(at(37, 0));
    assert_eq!(desk.press(KeyCode::Char('y')), None);
    desk.sees("nothing was changed");
    for command in ['e', 'm', 'c'] {
        assert_eq!(desk.press(KeyCode::Char(command)), None);
        desk.sees_not("(minutes)");
    }
    assert_eq!(desk.ui.farewell(&desk.watched), None);
}

#[test]
fn escape_backs_out_one_step_at_a_time() {
    let mut desk = Desk::new(lesson(38));
    desk.type_text("m999");
    desk.press(KeyCode::Enter);
    desk.sees("mark as walk-in?");
    desk.press(KeyCode::Esc);
    desk.sees("mark (number or part of a name): 999");
    desk.press(KeyCode::Esc);
    desk.sees_not("mark (number");
    assert_eq!(desk.press(KeyCode::Esc), None, "it does not leave the view");
}

#[test]
fn leaving_keeps_the_roll_call_open_and_says_so() {
    let mut desk = Desk::new(lesson(38));
    desk.sees("q leave open");
    assert_eq!(desk.press(KeyCode::Char('q')), Some(Action::Quit));
    let farewell = desk.ui.farewell(&desk.watched).unwrap();
    assert!(farewell.contains("class 3030 stays open"), "{farewell}");
    let interrupt = Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    desk.type_text("mq");
    assert_eq!(desk.event(&interrupt), Some(Action::Quit), "in a prompt too");
}

#[test]
fn a_paste_presses_no_key() {
    let mut desk = Desk::new(lesson(38));
    assert_eq!(desk.paste("q\nc\ny\n"), None);
    desk.press(KeyCode::Char('c'));
    assert_eq!(desk.paste("y"), None);
    desk.sees("[y/N]");
    desk.press(KeyCode::Esc);
    desk.press(KeyCode::Char('m'));
    assert_eq!(desk.paste("042191033\r\n"), None);
    desk.sees("> 042191033  Davi Gomes");
    assert_eq!(desk.press(KeyCode::Enter), Some(mark("042191033", false)));
}

#[test]
fn a_long_paste_is_cut() {
    let mut desk = Desk::new(lesson(38));
    desk.press(KeyCode::Char('m'));
    desk.paste(&"9".repeat(100_000));
    desk.press(KeyCode::Enter);
    assert_eq!(desk.press(KeyCode::Char('y')), Some(mark(&"9".repeat(FIELD_MAX_CHARACTERS), true)));
}

#[test]
fn a_release_of_a_key_and_a_shortcut_are_no_text() {
    let mut desk = Desk::new(lesson(38));
    let mut release = KeyEvent::from(KeyCode::Char('q'));
    release.kind = KeyEventKind::Release;
    assert_eq!(desk.event(&Event::Key(release)), None);
    for modifier in [KeyModifiers::CONTROL, KeyModifiers::ALT] {
        assert_eq!(desk.event(&Event::Key(KeyEvent::new(KeyCode::Char('q'), modifier))), None);
    }
    desk.type_text("m12");
    let clear = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
    desk.event(&Event::Key(clear));
    desk.type_text("zz");
    desk.sees("mark (number or part of a name): zz");
}

#[test]
fn the_projector_asks_for_no_names() {
    let mut desk = Desk::new(lesson(38));
    assert_eq!(desk.press(KeyCode::Char('p')), Some(Action::Projector { shown: true }));
    assert_eq!(desk.press(KeyCode::Char('m')), None);
    desk.sees("press p first");
    desk.press(KeyCode::Char('e'));
    assert_eq!(desk.press(KeyCode::Enter), Some(Action::Extend { minutes: 5 }));
    assert_eq!(desk.press(KeyCode::Char('P')), Some(Action::Projector { shown: false }));
}

#[test]
fn a_message_goes_after_some_seconds() {
    let mut desk = Desk::new(lesson(38));
    desk.ui.handle_time(Duration::from_secs(60));
    assert_eq!(desk.ui.poll_timeout(), None);
    desk.ui.tell("Wanda Luz was marked present at 13:37");
    desk.sees("was marked present");
    let life = desk.ui.poll_timeout().unwrap();
    desk.ui.handle_time(Duration::from_secs(60) + life / 2);
    desk.sees("was marked present");
    desk.ui.handle_time(Duration::from_secs(60) + life);
    desk.sees_not("was marked present");
}

#[test]
fn only_what_is_told_to_the_class_is_shown_to_it() {
    let mut desk = Desk::new(lesson(38));
    desk.press(KeyCode::Char('p'));
    desk.ui.tell("Wanda Luz was marked present");
    desk.sees_not("Wanda");
    desk.ui.tell_class("closes at 13:55 now");
    desk.sees("closes at 13:55 now");
}

#[test]
fn the_missing_scroll_and_stop_at_both_ends() {
    let mut desk = Desk::new(lesson(5));
    desk.sees("Missing: 35");
    desk.sees("1-20");
    desk.press(KeyCode::Down);
    desk.sees("2-21");
    desk.press(KeyCode::PageDown);
    desk.sees("16-35");
    for _ in 0..50 {
        desk.press(KeyCode::Down);
    }
    desk.press(KeyCode::Up);
    desk.sees("15-34");
    desk.press(KeyCode::Home);
    desk.sees("1-20");
    desk.press(KeyCode::End);
    desk.sees("16-35");
    // Most of them come: the list is shorter than where it was scrolled to.
    desk.watched = lesson(25);
    desk.sees("Missing: 15");
}

#[test]
fn refresh_asks_the_server() {
    assert_eq!(Desk::new(lesson(1)).press(KeyCode::Char('r')), Some(Action::Refresh));
}
