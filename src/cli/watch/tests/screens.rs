//! Screens as they are drawn: golden pictures, every size, what must never be seen.
//!
//! `UPDATE_GOLDEN=1 cargo test` writes the pictures anew.

use std::path::Path;

use super::support::{at, empty, hall, hostile, lesson, number, picture, text, with_lookup};
use crate::attendance::Status;
use crate::cli::watch::svg::svg;
use crate::cli::watch::{Hint, Link, Palette, Room, Ui, Watched, Words, draw, spoken_words};
use chrono::{DateTime, FixedOffset, TimeDelta};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};
use ratatui::style::{Color, Modifier};

fn pressed(watched: &Watched, keys: &str) -> Ui {
    pressed_with(watched, keys, spoken_words())
}

fn pressed_with(watched: &Watched, keys: &str, words: Box<dyn Words>) -> Ui {
    let mut ui = Ui::new(words);
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '↓' => KeyCode::Down,
            '⇟' => KeyCode::PageDown,
            other => KeyCode::Char(other),
        };
        let event = Event::Key(KeyEvent::from(code));
        with_lookup(watched, |lookup| ui.handle_event(&event, watched, lookup));
    }
    ui
}

/// Where which cell is bold, reversed or both.
fn styles(buffer: &Buffer) -> String {
    let mark = |modifier: Modifier| match (
        modifier.contains(Modifier::BOLD),
        modifier.contains(Modifier::REVERSED),
    ) {
        (false, false) => ' ',
        (true, false) => 'b',
        (false, true) => 'r',
        (true, true) => 'B',
    };
    let rows = buffer.content().chunks(usize::from(buffer.area.width));
    rows.map(|row| {
        let marks: String = row.iter().map(|cell| mark(cell.modifier)).collect();
        [marks.trim_end(), "\n"].concat()
    })
    .collect()
}

fn compare(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/watch").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return std::fs::write(path, found).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == found, "{name} differs\n--- golden\n{golden}\n--- found\n{found}");
}

fn golden(name: &str, watched: &Watched, keys: &str, size: (u16, u16)) {
    let ui = pressed(watched, keys);
    compare(name, &text(&picture(watched, &ui, Palette::colours(), size)));
}

#[test]
fn names_at_80x24() {
    golden("names-80x24.txt", &lesson(38), "", (80, 24));
}

#[test]
fn names_at_40x20() {
    golden("names-40x20.txt", &lesson(30), "", (40, 20));
}

#[test]
fn names_at_40x12() {
    golden("names-40x12.txt", &lesson(30), "↓", (40, 12));
}

#[test]
fn names_at_120x40() {
    golden("names-120x40.txt", &lesson(22), "", (120, 40));
}

#[test]
fn projector_at_120x40() {
    golden("projector-120x40.txt", &lesson(38), "p", (120, 40));
}

#[test]
fn projector_at_80x24() {
    golden("projector-80x24.txt", &lesson(38), "p", (80, 24));
}

#[test]
fn projector_at_40x12() {
    golden("projector-40x12.txt", &lesson(38), "p", (40, 12));
}

#[test]
fn without_colours_at_80x24() {
    let watched = Watched { link: Link::Silent { since: at(36, 54) }, ..lesson(36) };
    let ui = pressed(&watched, "mso↓");
    let buffer = picture(&watched, &ui, Palette::plain(), (80, 24));
    compare("plain-80x24.txt", &format!("{}{}", text(&buffer), styles(&buffer)));
}

#[test]
fn questions_at_40x20() {
    let watched = lesson(38);
    golden("walk-in-40x20.txt", &watched, "m042191099\n", (40, 20));
    golden("close-40x20.txt", &watched, "c", (40, 20));
}

#[test]
fn a_closed_roll_call_says_so_in_both_modes() {
    let watched = Watched { closed_at: Some(at(37, 0)), ..lesson(38) };
    for keys in ["", "p"] {
        let ui = pressed(&watched, keys);
        let shown = text(&picture(&watched, &ui, Palette::colours(), (80, 24)));
        assert!(shown.contains("closed"), "{shown}");
        assert!(!shown.contains("leave open"), "{shown}");
        assert!(!shown.contains("12:31 left"), "{shown}");
    }
}

#[test]
fn a_code_that_has_expired_is_not_shown() {
    let room = Some(Room { code: "042718".into(), left_ms: 0 });
    let watched = Watched { room, join_link: None, ..lesson(38) };
    let shown = text(&picture(&watched, &pressed(&watched, "p"), Palette::colours(), (30, 10)));
    assert!(shown.contains("waiting for the next code") && !shown.contains("042"), "{shown}");
}

/// Of these, one has a QR code: to make it for each size of each takes longer than all the rest.
fn models() -> Vec<(&'static str, Watched)> {
    let closed = Watched { closed_at: Some(at(37, 0)), ..lesson(38) };
    let silent = Watched { link: Link::Silent { since: at(36, 54) }, ..lesson(12) };
    let no_roster = Watched { roster: vec![], expected: None, join_link: None, ..lesson(38) };
    let hall = Watched { join_link: None, ..hall(5_000) };
    vec![
        ("empty", empty()),
        ("hall", hall),
        ("no roster", no_roster),
        ("closed meanwhile", closed),
        ("silent server", silent),
        ("hostile", hostile()),
    ]
}

/// Each size with one of the roll calls in turn, and each of them with sizes from all over.
#[test]
fn every_size_is_drawn_without_a_panic() {
    let models = models();
    for keys in ["", "p"] {
        let uis: Vec<_> = models.iter().map(|(_, watched)| pressed(watched, keys)).collect();
        let each = models.iter().zip(&uis);
        for (size, ((_, watched), ui)) in sizes(1).zip(each.clone().cycle()) {
            assert_cursor_inside(watched, ui, size);
        }
        for ((_, watched), ui) in each {
            sizes(7).for_each(|size| assert_cursor_inside(watched, ui, size));
        }
    }
}

#[test]
fn questions_and_messages_fit_every_size() {
    // Small sizes are where rows run out.
    let small = || sizes(1).filter(|&(width, height)| width <= 12 || height <= 8);
    for (name, watched) in models() {
        let step = if name == "hall" { 31 } else { 4 };
        for keys in ["m0", "m0421\n", "mx9\n", "c", "e", "pc", "⇟⇟"] {
            let mut ui = pressed(&watched, keys);
            ui.tell(format!("a message {}", "that is long ".repeat(30)));
            for size in small().step_by(step).chain(sizes(11)) {
                assert_cursor_inside(&watched, &ui, size);
            }
        }
    }
}

fn sizes(step: usize) -> impl Iterator<Item = (u16, u16)> {
    (1..=130)
        .step_by(step)
        .flat_map(move |width| (1..=50).step_by(step).map(move |height| (width, height)))
}

fn assert_cursor_inside(watched: &Watched, ui: &Ui, (width, height): (u16, u16)) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, watched, ui, Palette::colours())).unwrap();
    let cursor = terminal.get_cursor_position().unwrap();
    assert!(cursor.x < width && cursor.y < height, "{cursor} at {width}x{height}");
}

#[test]
fn the_class_sees_no_names_whatever_was_pressed_or_told() {
    let mut watched = lesson(38);
    let secret = "Zacharias";
    for (at, listed) in watched.roster.iter_mut().enumerate() {
        *listed = crate::cli::watch::Listed { number: format!("9999{at:02}"), name: secret.into() };
    }
    for arrival in &mut watched.arrivals {
        (arrival.name, arrival.number) = (Some(secret.into()), "999901".into());
    }
    for keys in ["p", "pm", "pmZ", "mZ\np", "pe", "pc", "p⇟"] {
        let mut ui = pressed(&watched, keys);
        ui.tell(format!("{secret} (999901) was marked present"));
        assert!(ui.is_projecting());
        for (width, height) in sizes(8) {
            let shown = text(&picture(&watched, &ui, Palette::colours(), (width, height)));
            let seen = [secret, &secret[..3], "9999"].into_iter().find(|it| shown.contains(it));
            assert_eq!(seen, None, "{width}x{height} after {keys}\n{shown}");
        }
    }
}

#[test]
fn names_from_the_network_do_not_steer_the_terminal() {
    let watched = hostile();
    for keys in ["", "p", "me"] {
        let ui = pressed(&watched, keys);
        for size in [(40, 12), (80, 24), (130, 50)] {
            let shown = text(&picture(&watched, &ui, Palette::colours(), size));
            let steers = |it: char| {
                it != '\n'
                    && (it.is_control()
                        || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
            };
            assert!(!shown.contains(steers), "{shown:?}");
        }
    }
    let shown = text(&picture(&watched, &Ui::new(spoken_words()), Palette::colours(), (130, 50)));
    assert!(shown.contains(r"\u{202e}evil\u{1b}[2J"), "{shown}");
}

#[test]
fn without_colours_there_are_none() {
    for (name, watched) in models() {
        for keys in ["", "p", "mo", "c"] {
            let ui = pressed(&watched, keys);
            let buffer = picture(&watched, &ui, Palette::plain(), (120, 40));
            let plain = Modifier::BOLD | Modifier::REVERSED;
            let is_plain = |cell: &ratatui::buffer::Cell| {
                cell.fg == Color::Reset && cell.bg == Color::Reset && plain.contains(cell.modifier)
            };
            assert!(buffer.content().iter().all(is_plain), "{name} after {keys}");
        }
    }
}

#[test]
fn a_qr_code_is_dark_on_light_in_every_theme() {
    let watched = lesson(38);
    let buffer = picture(&watched, &pressed(&watched, "p"), Palette::colours(), (120, 40));
    let picture = |cell: &&ratatui::buffer::Cell| cell.bg == Color::Indexed(16);
    let cells = buffer.content().iter().filter(picture).count();
    // Version 5 with the quiet zone: 45 modules, two in a cell.
    assert_eq!(cells, 45 * 23);
    assert!(buffer.content().iter().filter(picture).all(|cell| cell.fg == Color::Indexed(231)));
}

#[test]
fn a_wide_name_keeps_the_columns_behind_it_in_place() {
    let mut watched = lesson(2);
    watched.arrivals[0].name = Some("王小明".into());
    watched.arrivals[1].name = Some("e\u{301}e\u{301}e\u{301}".into());
    for arrival in &mut watched.arrivals {
        arrival.status = Status::Late;
    }
    let buffer = picture(&watched, &Ui::new(spoken_words()), Palette::colours(), (80, 24));
    let late = |row: u16| {
        (0..77).find(|x| (0..4).map(|at| buffer[(x + at, row)].symbol()).eq(["l", "a", "t", "e"]))
    };
    let rows: Vec<_> = (7..20).filter_map(late).collect();
    assert_eq!(rows.len(), 2, "{}", text(&buffer));
    assert_eq!(rows[0], rows[1], "{}", text(&buffer));
}

#[test]
fn a_picture_has_every_word_of_the_screen() {
    let watched = lesson(38);
    let picture = svg(&picture(&watched, &Ui::new(spoken_words()), Palette::colours(), (80, 24)));
    for word in ["Distributed Systems", "38 of 40 present, 3 late", "leave open"] {
        assert!(picture.contains(word), "{word} is not in {picture}");
    }
    assert_eq!(picture.matches("<text").count(), picture.matches("</text>").count());
    assert!(!picture.contains('\u{1b}'));
}

/// A language without letters: what is read on a screen beside it was not translated.
struct Wordless;

const WORD: &str = "¤¤";

impl Words for Wordless {
    fn clock(&self, _: DateTime<FixedOffset>) -> String {
        WORD.into()
    }
    fn clock_with_seconds(&self, _: DateTime<FixedOffset>) -> String {
        WORD.into()
    }
    fn moment(&self, _: DateTime<FixedOffset>, _: DateTime<FixedOffset>) -> String {
        WORD.into()
    }
    fn left(&self, _: TimeDelta) -> String {
        WORD.into()
    }
    fn class(&self, _: u32) -> String {
        WORD.into()
    }
    fn open_since(&self, _: &str) -> String {
        WORD.into()
    }
    fn late_from(&self, _: &str) -> String {
        WORD.into()
    }
    fn closes_at(&self, _: &str) -> String {
        WORD.into()
    }
    fn closed_at(&self, _: &str) -> String {
        WORD.into()
    }
    fn count(&self, _: u32, _: Option<u32>, _: u32) -> String {
        WORD.into()
    }
    fn present(&self, _: u32, _: Option<u32>) -> String {
        WORD.into()
    }
    fn percent(&self, _: u32) -> String {
        WORD.into()
    }
    fn arrivals(&self, _: usize) -> String {
        WORD.into()
    }
    fn nobody_yet(&self) -> String {
        WORD.into()
    }
    fn missing(&self, _: usize) -> String {
        WORD.into()
    }
    fn shown(&self, _: usize, _: usize) -> String {
        WORD.into()
    }
    fn nobody_missing(&self) -> String {
        WORD.into()
    }
    fn status(&self, _: Status) -> String {
        WORD.into()
    }
    fn flag(&self, _: &str) -> String {
        WORD.into()
    }
    fn walk_in(&self) -> String {
        WORD.into()
    }
    fn wrong_codes(&self, _: u32) -> String {
        WORD.into()
    }
    fn flagged(&self, _: u32, _: &str) -> String {
        WORD.into()
    }
    fn silent(&self, _: &str, _: i64) -> String {
        WORD.into()
    }
    fn refused(&self, _: &str) -> String {
        WORD.into()
    }
    fn code_left(&self, _: u16) -> String {
        WORD.into()
    }
    fn code_awaited(&self) -> String {
        WORD.into()
    }
    fn no_code(&self) -> String {
        WORD.into()
    }
    fn closed(&self) -> String {
        WORD.into()
    }
    fn ask_minutes(&self) -> String {
        WORD.into()
    }
    fn not_minutes(&self) -> String {
        WORD.into()
    }
    fn ask_student(&self) -> String {
        WORD.into()
    }
    fn no_match(&self, _: &str) -> String {
        WORD.into()
    }
    fn offer_walk_in(&self, _: &str) -> String {
        WORD.into()
    }
    fn ask_walk_in(&self, _: &str, _: Option<(&str, &str)>) -> String {
        WORD.into()
    }
    fn ask_close(&self, _: u32, _: u32, _: Option<u32>) -> String {
        WORD.into()
    }
    fn is_yes(&self, key: char) -> bool {
        key == 's'
    }
    fn is_no(&self, key: char) -> bool {
        key == 'n'
    }
    fn not_before_class(&self) -> String {
        WORD.into()
    }
    fn closed_already(&self) -> String {
        WORD.into()
    }
    fn stays_open(&self, _: u32) -> String {
        WORD.into()
    }
    fn key(&self, _: Hint) -> String {
        WORD.into()
    }
    fn hint(&self, _: Hint) -> String {
        WORD.into()
    }
}

#[test]
fn every_text_can_be_translated() {
    for (name, mut watched) in models() {
        for arrival in &mut watched.arrivals {
            arrival.name = None;
        }
        for (at, listed) in watched.roster.iter_mut().enumerate() {
            (listed.name, listed.number) = (String::new(), number(at));
        }
        (watched.title, watched.join_link) = (None, None);
        watched.room.iter_mut().for_each(|room| room.code = "123456".into());
        for keys in ["", "p", "m", "m0", "m7\n", "mx\n", "c", "e", "e0\n", "pm"] {
            let ui = pressed_with(&watched, keys, Box::new(Wordless));
            let shown = text(&picture(&watched, &ui, Palette::colours(), (120, 40)));
            let typed = shown.replace("¤¤x", "");
            assert!(
                !typed.contains(|it: char| it.is_ascii_alphabetic()),
                "{name} after {keys}\n{shown}"
            );
        }
    }
}
