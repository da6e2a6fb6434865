//! Roll calls to look at, and how a screen is written into a text file. The example shares it.

use crate::attendance::Status;
use crate::cli::watch::{Arrival, Link, Listed, Lookup, Palette, Room, Ui, Watched, draw};
use chrono::{DateTime, FixedOffset, TimeDelta};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, CellWidth as _};

const NAMES: [&str; 40] = [
    "Ana Silva",
    "João d'Água-Ribeiro",
    "王小明",
    "Beatriz Nascimento",
    "Caio Prado",
    "مریم‌گل",
    "Diego Souza",
    "Elisa Moraes",
    "Fábio Lima",
    "Gustavo Reis",
    "Helena Costa",
    "Igor Matos",
    "Júlia Rocha",
    "Kenji Tanaka",
    "Lara Pinto",
    "Miguel Alves",
    "नमिता राव",
    "Nina Barros",
    "Otávio Dias",
    "Paula Freitas",
    "Quésia Melo",
    "Rafael Nunes",
    "Sofia Teles",
    "Tiago Viana",
    "Ursula Braga",
    "Vitor Hugo Cardoso de Albuquerque Cavalcanti",
    "Wanda Luz",
    "Xavier Leal",
    "Yara Campos",
    "Zeca Moura",
    "Alice Farias",
    "Bruno Castro",
    "Clara Duarte",
    "Davi Gomes",
    "Ester Ramos",
    "Felipe Torres",
    "Giovana Paz",
    "Hugo Sales",
    "Iris Monteiro",
    "Jonas Vidal",
];

/// A time after one in the afternoon.
pub(crate) fn at(minute: i64, second: i64) -> DateTime<FixedOffset> {
    let one = DateTime::parse_from_rfc3339("2026-11-22T13:00:00-03:00").unwrap();
    one + TimeDelta::minutes(minute) + TimeDelta::seconds(second)
}

pub(crate) fn number(at: usize) -> String {
    format!("0421910{at:02}")
}

/// Nobody came yet, nothing is known of who should.
pub(crate) fn empty() -> Watched {
    Watched {
        class: 3030,
        title: None,
        now: at(5, 0),
        opened_at: at(5, 0),
        late_at: None,
        closes_at: None,
        closed_at: None,
        present: 0,
        late: 0,
        expected: None,
        arrivals: vec![],
        roster: vec![],
        wrong_codes: 0,
        flagged: 0,
        room: None,
        join_link: None,
        link: Link::Connected,
    }
}

/// A lesson of forty, of whom `present` came.
pub(crate) fn lesson(present: usize) -> Watched {
    let roster: Vec<_> = NAMES
        .iter()
        .enumerate()
        .map(|(at, name)| Listed { number: number(at), name: (*name).into() })
        .collect();
    // As they come is not as they are listed: 7 and 40 have no common factor.
    let arrivals: Vec<_> = (0..present).map(|nth| arrival(&roster[nth * 7 % 40], nth)).collect();
    let late = arrivals.iter().filter(|it| it.status == Status::Late).count();
    Watched {
        title: Some("Distributed Systems".into()),
        now: at(37, 29),
        late_at: Some(at(20, 0)),
        closes_at: Some(at(50, 0)),
        present: u32::try_from(present).unwrap(),
        late: u32::try_from(late).unwrap(),
        expected: Some(40),
        flagged: u32::try_from(arrivals.iter().filter(|it| it.is_flagged()).count()).unwrap(),
        arrivals,
        roster,
        wrong_codes: 2,
        room: Some(Room { code: "042718".into(), left_ms: 11_200 }),
        join_link: Some(format!("rollcall://192.0.2.7:5050/#{}", "k7q2".repeat(13))),
        ..empty()
    }
}

fn arrival(listed: &Listed, nth: usize) -> Arrival {
    let late = nth >= 35;
    let flags = match nth {
        30 => vec!["by_teacher"],
        33 => vec!["second_device", "several_numbers"],
        36 => vec!["many_wrong_codes"],
        _ => vec![],
    };
    Arrival {
        number: listed.number.clone(),
        name: Some(listed.name.clone()),
        at: at(6, 23 * i64::try_from(nth).unwrap()),
        status: if late { Status::Late } else { Status::Present },
        flags,
        listed: true,
    }
}

/// A hall of `expected`, of whom all but each tenth came.
pub(crate) fn hall(expected: usize) -> Watched {
    let roster: Vec<_> = (0..expected)
        .map(|at| Listed { number: format!("{at:09}"), name: format!("{} {at}", NAMES[at % 40]) })
        .collect();
    let came = roster.iter().enumerate().filter(|(at, _)| at % 10 != 9);
    let arrivals: Vec<_> = came.map(|(at, it)| arrival(it, at % 30)).collect();
    Watched {
        present: u32::try_from(arrivals.len()).unwrap(),
        expected: u32::try_from(expected).ok(),
        arrivals,
        roster,
        ..lesson(0)
    }
}

/// Names and flags as an attacker or a strange roster would send them.
pub(crate) fn hostile() -> Watched {
    let mut watched = lesson(38);
    let names = [
        "\u{202e}evil\u{1b}[2J",
        "\u{301}\u{301}",
        "👩‍🔬👩‍🔬👩‍🔬",
        "",
        "a\nb\tc\u{0}\u{9b}",
        "\u{2066}x\u{feff}",
    ];
    for (at, name) in names.into_iter().enumerate() {
        watched.arrivals[37 - at].name = Some(name.into());
        watched.roster[at].name = name.into();
    }
    watched.arrivals[37].listed = false;
    watched.arrivals[36].name = None;
    watched.title = Some("\u{1b}]0;x\u{7}".into());
    watched.room = Some(Room { code: "\u{202e}12".into(), left_ms: u16::MAX });
    watched.join_link = Some("x".repeat(2_900));
    watched.link = Link::Refused { why: "\u{1b}[31m no ".repeat(40) };
    watched.present = u32::MAX;
    watched.wrong_codes = u32::MAX;
    watched
}

/// Draws one picture.
pub(crate) fn picture(
    watched: &Watched,
    ui: &Ui,
    palette: Palette,
    (width, height): (u16, u16),
) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, watched, ui, palette)).unwrap();
    terminal.backend().buffer().clone()
}

/// The rows of a screen, without the blanks at their ends.
pub(crate) fn text(buffer: &Buffer) -> String {
    let row = |y| {
        let mut row = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            row.push_str(symbol);
            x += symbol.cell_width().max(1);
        }
        format!("{}\n", row.trim_end())
    };
    (0..buffer.area.height).map(row).collect()
}

/// Calls `work` with a way to find the students of a roster.
pub(crate) fn with_lookup<T>(watched: &Watched, work: impl FnOnce(&Lookup<'_>) -> T) -> T {
    let pair = |it: &Listed| (it.number.clone(), it.name.clone());
    let roster = watched.roster.clone();
    let matching = |typed: &str| -> Vec<_> {
        let typed = typed.to_lowercase();
        let has =
            |it: &&Listed| it.number.contains(&typed) || it.name.to_lowercase().contains(&typed);
        roster.iter().filter(has).map(pair).collect()
    };
    let nearest = |typed: &str| {
        let alike =
            |it: &Listed| it.number.bytes().zip(typed.bytes()).filter(|(a, b)| a == b).count();
        roster
            .iter()
            .max_by_key(|it| alike(it))
            .filter(|it| alike(it) + 1 == it.number.len())
            .map(pair)
    };
    work(&Lookup { matching: &matching, nearest: &nearest })
}
