//! What a teacher shows in the room and does there: the code, and names to call aloud.

use std::io::{self, IsTerminal as _, Write as _};
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::Exit;
use super::client::CommandClient;
use super::json::print_json;
use super::language::{Count, text};
use super::prompt::{Prompt, is_no, is_yes};
use super::words::{complain, printed, remark, typed};
use crate::access::RoomCode;
use crate::exchange::{Act, Answer, Drawn, Query, Refusal, Refused, RoomState, SpotList};
use crate::ids::ClassId;

/// How often what is shown is asked for anew.
const REFRESH: Duration = Duration::from_secs(1);
/// Not more often, whatever the server says of how long its code lives.
const REFRESH_MIN: Duration = Duration::from_millis(100);

/// Shows the code of a room: once where nobody looks, else large and live until the roll call is closed.
pub(super) fn show_code(client: &mut CommandClient, class: ClassId) -> Result<(), Exit> {
    let mut state = ask(client, class)?;
    let Some(_) = state.code else {
        complain(text!("code-none", class));
        return Err(Exit::Failed);
    };
    if client.json() || !io::stdout().is_terminal() {
        return show_once(client, &state);
    }
    loop {
        printed(show_large(&state))?;
        let next_code = Duration::from_millis(u64::from(state.left_ms) + 1);
        thread::sleep(next_code.clamp(REFRESH_MIN, REFRESH));
        let answered = client.ask(Query::Room { class })?;
        state = match answered.answer {
            Answer::Room(state) => state,
            Answer::Refused(Refused { reason: Refusal::NotOpen, .. }) => {
                remark(text!("not-open-any-more", class));
                return Ok(());
            }
            Answer::Refused(refused) => {
                return Err(client.tell_refusal(&refused, Some(class), answered.attempts));
            }
            _ => return Err(Exit::Failed),
        };
    }
}

fn ask(client: &mut CommandClient, class: ClassId) -> Result<RoomState, Exit> {
    match client.ask_with_right(Query::Room { class }, Some(class))?.answer {
        Answer::Room(state) => Ok(state),
        _ => Err(Exit::Failed),
    }
}

fn show_once(client: &CommandClient, state: &RoomState) -> Result<(), Exit> {
    let &RoomState { class, code, left_ms, present, wrong_codes, .. } = state;
    let code = code.map(|code| code.to_string()).unwrap_or_default();
    if client.json() {
        return printed(print_json(&CodeLine {
            class: class.get(),
            code,
            left_ms,
            present,
            wrong_codes,
        }));
    }
    let left = left_ms.div_ceil(1_000);
    printed(writeln!(io::stdout(), "{code}  {}", text!("code-for", left, class)))
}

#[derive(Serialize)]
struct CodeLine {
    class: u32,
    code: String,
    left_ms: u16,
    present: u32,
    wrong_codes: u32,
}

/// Draws the code over the whole terminal, in digits that can be read from the last row.
fn show_large(state: &RoomState) -> io::Result<()> {
    let &RoomState { class, code, left_ms, present, remarked, wrong_codes, .. } = state;
    let left = left_ms.div_ceil(1_000);
    let mut out = io::stdout().lock();
    // Home, and what was there before goes line by line, so that nothing flickers.
    write!(out, "\x1b[H")?;
    let mut line = |text: &str| write!(out, "{text}\x1b[K\r\n");
    line(&text!("code-heading", class))?;
    line("")?;
    for row in code.map(large).unwrap_or_default() {
        line(&format!("  {row}"))?;
    }
    line("")?;
    let still = text!("code-left", left = format_args!("{left:>2}"));
    line(&format!("  {still}  {}", "▪".repeat(usize::from(left))))?;
    line("")?;
    let counts = text!(
        "code-counts",
        present = Count(present),
        remarked = Count(remarked),
        wrong = Count(wrong_codes)
    );
    line(&format!("  {counts}"))?;
    write!(out, "\x1b[J")?;
    out.flush()
}

/// A digit in five rows of three.
const DIGITS: [[&str; 5]; 10] = [
    ["███", "█ █", "█ █", "█ █", "███"],
    ["  █", "  █", "  █", "  █", "  █"],
    ["███", "  █", "███", "█  ", "███"],
    ["███", "  █", "███", "  █", "███"],
    ["█ █", "█ █", "███", "  █", "  █"],
    ["███", "█  ", "███", "  █", "███"],
    ["███", "█  ", "███", "█ █", "███"],
    ["███", "  █", "  █", "  █", "  █"],
    ["███", "█ █", "███", "█ █", "███"],
    ["███", "█ █", "███", "  █", "███"],
];

/// A code in rows of blocks, each twice as wide, with a gap in the middle.
fn large(code: RoomCode) -> Vec<String> {
    let digits: Vec<_> = code.to_string().bytes().map(|it| usize::from(it - b'0')).collect();
    let row = |row: usize| -> String {
        let digit = |(place, &digit): (usize, &usize)| {
            let wide: String = DIGITS[digit][row].chars().flat_map(|it| [it, it]).collect();
            format!("{wide}{}", if place == 2 { "      " } else { "  " })
        };
        digits.iter().enumerate().map(digit).collect()
    };
    (0..5).map(row).collect()
}

/// Draws names, and writes down who was there.
pub(super) fn spot(client: &mut CommandClient, class: ClassId, count: u8) -> Result<(), Exit> {
    let answered = client.ask_with_right(Query::Spot { class, count }, Some(class))?;
    let Answer::Spot(SpotList { drawn, .. }) = answered.answer else { return Err(Exit::Failed) };
    if drawn.is_empty() {
        remark(text!("spot-none"));
        return Ok(());
    }
    let (roster, _) = client.roster(class)?;
    let mut prompt = Prompt::at_standard_input(client.json());
    for Drawn { student, remarks } in drawn {
        if client.json() {
            let flags = remarks.names().collect();
            printed(print_json(&SpotLine {
                class: class.get(),
                student: student.as_str(),
                flags,
            }))?;
        }
        let found = roster.students.binary_search_by_key(&student, |it| it.student);
        let mut who = match found {
            Ok(place) => format!("{student} {}", roster.students[place].name),
            Err(_) => student.to_string(),
        };
        for remark in remarks.names() {
            who.extend([", ", &words(remark)]);
        }
        let question = text!("question-there", who);
        let there = loop {
            let Some(line) = typed(prompt.read(&question))? else { break None };
            match line.text.as_deref() {
                Ok("") => break None,
                Ok(answer) if is_yes(answer) => break Some(true),
                Ok(answer) if is_no(answer) => break Some(false),
                _ => _ = line.misunderstood(text!("there-form")),
            }
        };
        if let Some(there) = there {
            client.act(Act::Call { class, student, there })?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct SpotLine<'a> {
    class: u32,
    student: &'a str,
    flags: Vec<&'static str>,
}

/// A remark as people read it.
pub(super) fn words(remark: &str) -> String {
    match remark {
        "second_device" => text!("remark-second-device"),
        "several_numbers" => text!("remark-several-numbers"),
        "by_teacher" => text!("remark-by-teacher"),
        "many_wrong_codes" => text!("remark-many-wrong-codes"),
        "called_present" => text!("remark-called-present"),
        _ => text!("remark-called-absent"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Remarks;

    #[test]
    fn a_code_is_drawn_in_five_rows_of_one_length() {
        let rows = large(RoomCode::new(42).unwrap());
        assert_eq!(rows.len(), 5);
        assert!(rows.iter().all(|row| row.chars().count() == 6 * 8 + 4), "{rows:#?}");
        assert!(rows[2].ends_with("██████  "), "{rows:#?}");
    }

    #[test]
    fn every_remark_has_its_words() {
        let said: std::collections::BTreeSet<_> =
            Remarks::NAMES.into_iter().map(|(_, name)| words(name)).collect();
        assert_eq!(said.len(), Remarks::NAMES.len());
    }
}
