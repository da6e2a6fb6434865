//! The pictures in the pages for teachers, `docs/*.svg`: drawn by the program, of a lecture as it may go.
//!
//! `UPDATE_GOLDEN=1 cargo test --lib pictures` draws them anew.

use std::path::Path;

use super::support::{at, empty, picture};
use crate::attendance::Status;
use crate::cli::language::{Language, speaking};
use crate::cli::watch::svg::svg;
use crate::cli::watch::{Arrival, Listed, Palette, Room, Ui, Watched, spoken_words};
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent};

use super::support::with_lookup;

const NAMES: [&str; 40] = [
    "Alice Farias",
    "Ana Beatriz Lima",
    "Antônio Prado",
    "Beatriz Nascimento",
    "Bruno Carvalho",
    "Caio Fernandes",
    "Camila Teixeira",
    "Clara Duarte",
    "Daniela Moura",
    "Davi Gomes",
    "Diego Souza",
    "Eduardo Sá",
    "Elisa Moraes",
    "Felipe Torres",
    "Fernanda Rocha",
    "Gabriel Nunes",
    "Giovana Paz",
    "Gustavo Reis",
    "Helena Duarte",
    "Hugo Sales",
    "Igor Matos",
    "Íris Monteiro",
    "João Pedro Alves",
    "Júlia Ramos",
    "Kenji Tanaka",
    "Lara Pinto",
    "Lucas Azevedo",
    "Mariana Costa",
    "Miguel Barros",
    "Nina Freitas",
    "Otávio Dias",
    "Paula Melo",
    "Rafael Castro",
    "Sofia Teles",
    "Tiago Viana",
    "Úrsula Braga",
    "Vitor Cardoso",
    "Wanda Luz",
    "Yara Campos",
    "Zeca Moura",
];

/// A lecture of forty in its thirteenth minute; 33 have come, the last two late.
fn lecture(title: &str) -> Watched {
    let listed = |(at, name): (usize, &&str)| Listed { number: number(at), name: (*name).into() };
    let roster: Vec<_> = NAMES.iter().enumerate().map(listed).collect();
    let arrivals: Vec<_> = (0..33).map(|nth| arrival(&roster[nth * 11 % 40], nth)).collect();
    Watched {
        title: Some(title.into()),
        opened_at: at(5, 4),
        late_at: Some(at(15, 4)),
        closes_at: Some(at(20, 4)),
        now: at(17, 36),
        present: 33,
        late: 2,
        expected: Some(40),
        wrong_codes: 3,
        flagged: 2,
        arrivals,
        roster,
        room: Some(Room { code: "204137".into(), left_ms: 11_200 }),
        join_link: Some(format!("rollcall://rollcall.example.edu/#{}", "k7q2m5".repeat(9))),
        ..empty()
    }
}

fn number(at: usize) -> String {
    format!("0421910{at:02}")
}

fn arrival(listed: &Listed, nth: usize) -> Arrival {
    let flags = match nth {
        24 | 25 => vec!["several_numbers"],
        29 => vec!["by_teacher"],
        _ => vec![],
    };
    // Most answer at once, some later.
    let seconds = match i64::try_from(nth).unwrap() {
        nth @ 0..24 => 21 + nth * 4 + nth % 3,
        nth @ 24..31 => 130 + (nth - 24) * 53,
        nth => 632 + (nth - 31) * 78,
    };
    Arrival {
        number: listed.number.clone(),
        name: Some(listed.name.clone()),
        at: at(5, 4 + seconds),
        status: if nth < 31 { Status::Present } else { Status::Late },
        flags,
        listed: true,
    }
}

/// Compares a picture in `docs` with what is drawn after these keys.
fn compare(name: &str, title: &str, keys: &[char]) {
    let watched = lecture(title);
    let mut ui = Ui::new(spoken_words());
    for &key in keys {
        let event = Event::Key(KeyEvent::from(KeyCode::Char(key)));
        with_lookup(&watched, |lookup| ui.handle_event(&event, &watched, lookup));
    }
    let drawn = svg(&picture(&watched, &ui, Palette::colours(), (80, 24)));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return std::fs::write(path, drawn).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = drawn.lines().zip(there.lines()).find(|(drawn, there)| drawn != there);
    assert!(
        drawn == there,
        "docs/{name} is not what is drawn, UPDATE_GOLDEN=1 does it: {differs:#?}"
    );
}

#[test]
fn the_pictures_in_the_english_page_are_those_of_the_program() {
    compare("watch.svg", "Networks", &[]);
    compare("projector.svg", "Networks", &['p']);
}

#[test]
fn the_pictures_in_the_portuguese_page_are_those_of_the_program() {
    speaking(Language::Portuguese, || {
        compare("watch.pt-BR.svg", "Redes", &[]);
        compare("projector.pt-BR.svg", "Redes", &['p']);
    });
}
