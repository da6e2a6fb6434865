//! `rollcall-teacher`: opens a roll call, closes it, shows the sheet.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write as _};

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use super::Exit;
use super::client::{ClientFlags, CommandClient, local_clock};
use super::join::{Joining, join};
use super::json::{RefusedLine, print_json};
use super::local_time::LocalTime as _;
use super::prompt::{Line, Prompt};
use super::room::{self, words};
use super::student::mark_students;
use super::words::{complain, counted, parse, printed, remark, typed};
use crate::access::{PersonName, Remarks, RoomCode, Terms, Who};
use crate::exchange::{
    Act, Answer, Closed, OpenRollCall, Opened, Operation, Query, SheetInfo, StatusList,
};
use crate::ids::{ClassId, RollCallNumber, StudentNumber};
use crate::limits::SPOT_MAX;
use crate::roll::{Mark, Sheet};
use crate::time::WallTime;

/// Open the roll call of a class, close it, and get the sheet.
///
/// Without a command it asks for a class number again and again. A class that is not open is opened;
/// of one that is open it tells since when and how many have answered, and asks whether to close it.
///
/// Where nobody can be asked, because standard input is no terminal, a second line with the same class
/// closes it, if the line before opened it or told that it was open. Then the exit code is the highest
/// of what was done.
#[derive(Parser, Debug)]
#[command(name = "rollcall-teacher", version, after_help = EXAMPLES)]
struct Flags {
    #[command(flatten)]
    client: ClientFlags,

    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  rollcall-teacher                       ask for class numbers, as at the lectern
  rollcall-teacher open 3030             open the roll call of class 3030
  rollcall-teacher status                what is open, and how many have answered
  rollcall-teacher close 3030            close it and show the sheet
  rollcall-teacher --json sheet 3030     the last closed sheet again, for a program
  rollcall-teacher code 3030             the code of the room, large, for a projector
  rollcall-teacher spot 3030 3           three names to call aloud, and who was there
  rollcall-teacher mark 3030 042191010   mark somebody whose phone is at home
  rollcall-teacher history 3030          all roll calls of the class, with their numbers
  rollcall-teacher sheet 3030 --number 7
  rollcall-teacher sheet 3030 --date 2026-11-22
  rollcall-teacher --server 192.0.2.7:5050 open 3030

Exit codes: 0 done, 1 failure, 2 wrong usage, 3 refused, 4 no answer (outcome unknown),
130 Ctrl-C while waiting for an answer (outcome unknown)";

#[derive(Subcommand, Debug)]
enum Command {
    /// Learn by which key a server is known, from the link that whoever runs it gives out.
    Join {
        /// The link: rollcall://HOST:PORT/#KEY.
        link: String,
    },
    #[command(flatten)]
    Work(Work),
}

/// What is done with a server that is known.
#[derive(Subcommand, Clone, Debug)]
enum Work {
    /// Open the roll call of a class.
    Open {
        /// The class: a number from 1 to 4294967295.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        #[command(flatten)]
        terms: TermFlags,
    },
    /// Close the roll call of a class and show its sheet.
    Close {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
    },
    /// Show which roll calls are open, or one of them.
    Status {
        /// The class; all that are open if it is left out.
        #[arg(allow_negative_numbers = true)]
        class: Option<ClassId>,
    },
    /// Show the last closed sheet of a class again, or an earlier one.
    Sheet {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// The roll call with this number, as 'history' shows it.
        #[arg(long, value_name = "N", allow_negative_numbers = true)]
        number: Option<RollCallNumber>,
        /// All that were closed on this day: 2026-11-22.
        #[arg(long, value_name = "D", conflicts_with = "number", value_parser = parse_day)]
        date: Option<NaiveDate>,
    },
    /// List all closed roll calls of a class, with their numbers.
    History {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
    },
    /// Show the code of a class's room, large and live, until the roll call is closed or Ctrl-C is pressed.
    Code {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
    },
    /// Draw students to be called aloud, those first of whom something is suspicious, and write down who was
    /// there: for each, y or n, or nothing.
    Spot {
        /// The class, whose roll call is open.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// How many, at most 20.
        #[arg(value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(SPOT_MAX)))]
        count: u8,
    },
    /// Mark students as present without a code; the sheet says that you did.
    Mark {
        /// The class, whose roll call is open.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// The student numbers, or "-" to read them from standard input, one on each line.
        #[arg(value_name = "STUDENT", required = true)]
        students: Vec<StudentNumber>,
    },
    /// Let another teacher hold the roll calls of a class of yours too, and read its sheets.
    Share {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// The teacher's name, as it was written in the invite.
        #[arg(value_name = "TEACHER")]
        teacher: PersonName,
    },
}

/// The terms of a roll call.
#[derive(Args, Clone, Copy, Debug)]
struct TermFlags {
    /// Who may answer, with a server that was joined: 'anyone' for any number, as on a computer that many
    /// use; 'device', each number from a device of its own, and what contradicts that is recorded and shown
    /// on the sheet (so it is without this flag); 'enrolled', only devices that joined with the invite for
    /// the number.
    #[arg(long, value_name = "W")]
    who: Option<WhoFlag>,
    /// Refuse a second device for a number, and a second number from a device, instead of showing it on the
    /// sheet.
    #[arg(long)]
    strict: bool,
    /// Take answers only with the code that is shown in the room. So it is anyway with a server that was
    /// joined.
    #[arg(long, conflicts_with = "no_code")]
    code: bool,
    /// Take answers without a code, from wherever they come.
    #[arg(long)]
    no_code: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum WhoFlag {
    Anyone,
    Device,
    Enrolled,
}

impl TermFlags {
    /// What they say, where the server is spoken to in sealed datagrams or not.
    fn terms(self, is_sealed: bool) -> Result<Terms, Exit> {
        let Self { who, strict, code, no_code } = self;
        if !is_sealed {
            if strict || code || !matches!(who, None | Some(WhoFlag::Anyone)) {
                complain(
                    "who answers is not known where datagrams are plain; join the server first, or leave out \
                     --who, --strict and --code",
                );
                return Err(Exit::Usage);
            }
            return Ok(Terms::PLAIN);
        }
        let who = match who {
            Some(WhoFlag::Anyone) => Who::Anyone,
            Some(WhoFlag::Enrolled) => Who::Enrolled,
            Some(WhoFlag::Device) | None => Who::Device,
        };
        if strict && who == Who::Anyone {
            complain("--strict says nothing where anyone may answer for any number");
            return Err(Exit::Usage);
        }
        Ok(Terms { who, strict, code: !no_code })
    }
}

/// Runs the command with these arguments.
#[must_use]
pub fn run(arguments: &[OsString]) -> Exit {
    let result = parse::<Flags>(arguments).and_then(|flags| {
        let work = match flags.command {
            Some(Command::Join { link }) => return join(&link, Joining::Staff, &flags.client),
            Some(Command::Work(work)) => Some(work),
            None => None,
        };
        let teacher = Teacher { client: CommandClient::new(flags.client)? };
        match work {
            Some(work) => teacher.once(work),
            None => teacher.again_and_again(),
        }
    });
    result.err().unwrap_or(Exit::Done)
}

struct Teacher {
    client: CommandClient,
}

/// What a session at the prompt knows: the roll calls that it opened, or told to be open, and since
/// when. Only those are closed by a line that nobody can be asked about.
type Known = BTreeMap<ClassId, WallTime>;

impl Teacher {
    fn once(mut self, work: Work) -> Result<(), Exit> {
        match work {
            Work::Open { class, terms } => {
                let terms = terms.terms(self.client.service().is_some())?;
                self.open(class, terms).map(drop)
            }
            Work::Close { class } => self.close(class),
            Work::Status { class: Some(class) } => self.status_of(class),
            Work::Status { class: None } => self.status(),
            Work::Sheet { class, number: Some(number), .. } => self.sheet_number(class, number),
            Work::Sheet { class, date: Some(day), .. } => self.sheets_of_day(class, day),
            Work::Sheet { class, .. } => self.last_sheet(class),
            Work::History { class } => self.history(class),
            Work::Code { class } => room::show_code(&mut self.client, class),
            Work::Spot { class, count } => room::spot(&mut self.client, class, count),
            Work::Mark { class, students } => mark_students(self.client, class, &students, None),
            Work::Share { class, teacher } => {
                let act = Act::Share { class, with: teacher };
                let acted = self.client.act(act)?;
                let done = if acted.changed() { "is" } else { "was already" };
                self.client
                    .tell_act(&acted, &format!("Class {class} {done} shared with {teacher}."))
            }
        }
    }

    fn again_and_again(mut self) -> Result<(), Exit> {
        let mut prompt = Prompt::at_standard_input(self.client.json());
        let welcome = "Roll call. Type the number of a class to open its roll call; type it again \
                       to close it and see who answered. Ctrl-D ends.";
        printed(prompt.say(welcome))?;
        self.client.get_ready()?;
        let mut known = Known::new();
        let mut worst = Exit::Done;
        while let Some(line) = typed(prompt.read("Class: "))? {
            match self.take(&line, &mut known, &mut prompt) {
                Ok(()) => {}
                Err(Exit::Interrupted) => return Err(Exit::Interrupted),
                // What went wrong was said; the next class may go better.
                Err(exit) => worst = worst.worse(exit),
            }
        }
        if prompt.is_attended() || worst == Exit::Done { Ok(()) } else { Err(worst) }
    }

    fn take(&mut self, line: &Line, known: &mut Known, prompt: &mut Prompt) -> Result<(), Exit> {
        match line.only()? {
            None => Ok(()),
            Some(class) => self.toggle(class, line.unattended, known, prompt),
        }
    }

    /// Opens a class or closes it, whichever is next, and never acts on what nobody has seen.
    fn toggle(
        &mut self,
        class: ClassId,
        unattended: bool,
        known: &mut Known,
        prompt: &mut Prompt,
    ) -> Result<(), Exit> {
        let (roll_call, attempts) = self.find_open(class)?;
        let Some(roll_call) = roll_call else {
            let Some(since) = known.remove(&class) else {
                let terms = self.terms();
                known.insert(class, self.open(class, terms)?);
                return Ok(());
            };
            // It was open when this was last told, and somebody closed it, perhaps from here without
            // an answer: the end of that roll call is told before another one begins.
            let told = self.last_sheet(class);
            if told == Err(Exit::Unknown) {
                known.insert(class, since);
            }
            return told;
        };
        let known_since = known.insert(class, roll_call.opened_at);
        if unattended {
            if known_since != Some(roll_call.opened_at) {
                self.show_status(&roll_call, attempts)?;
                remark(format_args!("class {class} stays open; the same line again closes it"));
                return Ok(());
            }
        } else {
            let (since, present) =
                (roll_call.opened_at.to_local_on(local_clock()), roll_call.present);
            let question =
                format!("Class {class} is open since {since}, {present} present. Close it? [y/N] ");
            if !typed(prompt.confirm(&question))? {
                return printed(prompt.say(&format!("Class {class} stays open.")));
            }
        }
        self.close(class)?;
        known.remove(&class);
        Ok(())
    }

    /// Opens a class and tells since when it is open.
    fn open(&mut self, class: ClassId, terms: Terms) -> Result<WallTime, Exit> {
        let answered = self.client.perform(Operation::Open { class, terms })?;
        let attempts = answered.attempts;
        let Answer::Opened(Opened { opened_at, already_open, .. }) = answered.answer else {
            return Err(self.refused(class, &answered.answer, attempts));
        };
        let at = opened_at.to_local();
        let code = if terms.code { self.code_of(class)? } else { None };
        if self.client.json() {
            let code = code.map(|(code, _)| code.to_string());
            printed(print_json(&OpenedLine {
                class: class.get(),
                opened_at: opened_at.to_rfc3339(),
                already_open,
                code,
                attempts,
            }))?;
            return Ok(opened_at);
        }
        if already_open {
            say(format_args!("Class {class} was already open, since {at}."))?;
        } else {
            say(format_args!("Class {class} was opened at {at}."))?;
        }
        if let Some((code, left_ms)) = code {
            let left = left_ms.div_ceil(1_000);
            say(format_args!(
                "The code of the room is {code} for {left} s more; show it with: rollcall-teacher code {class}"
            ))?;
        }
        Ok(opened_at)
    }

    /// Under which terms a class is opened for which nothing else was asked.
    fn terms(&self) -> Terms {
        if self.client.service().is_some() { Terms::SEALED } else { Terms::PLAIN }
    }

    /// The code that is to be shown in a room now, and for how long.
    fn code_of(&mut self, class: ClassId) -> Result<Option<(RoomCode, u16)>, Exit> {
        let answer = self.client.ask_for_detail(Query::Room { class })?;
        let Some(Answer::Room(room)) = answer else { return Ok(None) };
        Ok(room.code.map(|code| (code, room.left_ms)))
    }

    fn close(&mut self, class: ClassId) -> Result<(), Exit> {
        let answered = self.client.perform(Operation::Close { class })?;
        let attempts = answered.attempts;
        let Answer::Closed(Closed { sheet, already_closed }) = answered.answer else {
            return Err(self.refused(class, &answered.answer, attempts));
        };
        let at = sheet.closed_at.to_local_with_zone();
        let heading = if already_closed {
            format!("Class {class} was already closed, at {at}")
        } else {
            format!("Class {class} was closed at {at}")
        };
        self.show_sheet(&sheet, &heading, attempts)
    }

    /// The sheet that was closed last. A class that was opened again the same day has more than one of
    /// that day: the others are named, so that nobody takes a part for the whole.
    fn last_sheet(&mut self, class: ClassId) -> Result<(), Exit> {
        let mut day = None;
        let (sheets, attempts) =
            self.client.list_sheets(class, RollCallNumber::MAX, &mut |info| {
                let closed_on = info.closed_at.to_local_day();
                *day.get_or_insert(closed_on) == closed_on
            })?;
        let Some((last, earlier)) = sheets.split_first() else {
            return self.absent(class, "no_sheet", "has no closed sheet", attempts);
        };
        self.show_closed(last, attempts)?;
        if !earlier.is_empty() && !self.client.json() {
            let others = counted(earlier.len(), "other sheet", "other sheets");
            say(format_args!("{others} of class {class} that day:"))?;
            for info in earlier.iter().rev() {
                say(format_args!("{}", brief(info)))?;
            }
            let number = earlier[0].number;
            say(format_args!("See one with: rollcall-teacher sheet {class} --number {number}"))?;
        }
        Ok(())
    }

    fn sheet_number(&mut self, class: ClassId, number: RollCallNumber) -> Result<(), Exit> {
        let (sheets, attempts) =
            self.client.list_sheets(class, number, &mut |info| info.number == number)?;
        if let Some(info) = sheets.first() {
            return self.show_closed(info, attempts);
        }
        let words = format!(
            "has no closed sheet with number {number}; see them with: rollcall-teacher history {class}"
        );
        self.absent(class, "no_sheet", &words, attempts)
    }

    fn sheets_of_day(&mut self, class: ClassId, day: NaiveDate) -> Result<(), Exit> {
        let not_before = &mut |info: &SheetInfo| info.closed_at.to_local_day() >= day;
        let (mut sheets, attempts) =
            self.client.list_sheets(class, RollCallNumber::MAX, not_before)?;
        sheets.retain(|info| info.closed_at.to_local_day() == day);
        if sheets.is_empty() {
            let words = format!(
                "has no sheet that was closed on {day}; see them with: rollcall-teacher history {class}"
            );
            return self.absent(class, "no_sheet", &words, attempts);
        }
        for info in sheets.iter().rev() {
            self.show_closed(info, attempts)?;
        }
        Ok(())
    }

    fn history(&mut self, class: ClassId) -> Result<(), Exit> {
        let (sheets, attempts) =
            self.client.list_sheets(class, RollCallNumber::MAX, &mut |_| true)?;
        if sheets.is_empty() {
            return self.absent(class, "no_sheet", "has no closed sheet", attempts);
        }
        for info in sheets.iter().rev() {
            if self.client.json() {
                printed(print_json(&HistoryLine::new(info, attempts)))?;
            } else {
                say(format_args!("{}", brief(info)))?;
            }
        }
        Ok(())
    }

    fn show_closed(&mut self, info: &SheetInfo, attempts: u32) -> Result<(), Exit> {
        let SheetInfo { class, number, closed_at, .. } = *info;
        let at = closed_at.to_local_with_zone();
        let heading = format!("Class {class}, roll call {number}, was closed at {at}");
        self.show_sheet(info, &heading, attempts)
    }

    fn status(&mut self) -> Result<(), Exit> {
        let (open, attempts) = self.client.list::<OpenRollCall>()?;
        for roll_call in &open {
            self.show_status(roll_call, attempts)?;
        }
        if open.is_empty() && !self.client.json() {
            return say(format_args!("No roll call is open."));
        }
        Ok(())
    }

    fn status_of(&mut self, class: ClassId) -> Result<(), Exit> {
        match self.find_open(class)? {
            (Some(roll_call), attempts) => self.show_status(&roll_call, attempts),
            (None, attempts) => self.absent(class, "not_open", "has no open roll call", attempts),
        }
    }

    fn find_open(&mut self, class: ClassId) -> Result<(Option<OpenRollCall>, u32), Exit> {
        let answered = self.client.ask(Query::Status { from: class })?;
        let Answer::Status(StatusList { open, .. }) = answered.answer else { return Ok((None, 0)) };
        let found = open.first().copied().filter(|first| first.class == class);
        Ok((found, answered.attempts))
    }

    fn show_status(&self, roll_call: &OpenRollCall, attempts: u32) -> Result<(), Exit> {
        let &OpenRollCall { class, opened_at, present } = roll_call;
        if self.client.json() {
            let opened_at = opened_at.to_rfc3339();
            return printed(print_json(&OpenRollCallLine {
                class: class.get(),
                opened_at,
                present,
                attempts,
            }));
        }
        let present = counted(present as usize, "student", "students");
        let since = opened_at.to_local();
        say(format_args!("Class {class} is open since {since}: {present} so far."))
    }

    fn show_sheet(&mut self, info: &SheetInfo, heading: &str, attempts: u32) -> Result<(), Exit> {
        let (sheet, more_attempts) = self.client.fetch_sheet(info)?;
        if self.client.json() {
            let attempts = attempts + more_attempts;
            return printed(print_json(&SheetLine::new(&sheet, info.number, attempts)));
        }
        let students = counted(sheet.marks.len(), "student", "students");
        let end = if sheet.marks.is_empty() { "." } else { ":" };
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut print = || -> io::Result<()> {
            writeln!(out, "{heading}. {students} answered{end}")?;
            for (place, mark) in sheet.marks.iter().enumerate() {
                let (student, at) = (mark.student, mark.at.to_local());
                write!(out, "{:>4}  {student:<16}  {at}", place + 1)?;
                for remark in remarks_of(&sheet, place).names() {
                    write!(out, "  {}", words(remark))?;
                }
                writeln!(out)?;
            }
            out.flush()
        };
        printed(print())
    }

    /// Tells of a refusal.
    fn refused(&self, class: ClassId, answer: &Answer, attempts: u32) -> Exit {
        match answer {
            Answer::Refused(refused) => self.client.tell_refusal(refused, Some(class), attempts),
            _ => Exit::Failed,
        }
    }

    fn absent(
        &self,
        class: ClassId,
        reason: &'static str,
        words: &str,
        attempts: u32,
    ) -> Result<(), Exit> {
        if self.client.json() {
            // A question changes nothing, so its answer carries no time of the server.
            printed(print_json(&RefusedLine::new(class, reason, local_clock(), attempts)))?;
        }
        remark(format_args!("class {class} {words}"));
        Err(Exit::Refused)
    }
}

#[derive(Serialize)]
struct OpenedLine {
    class: u32,
    opened_at: String,
    already_open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    attempts: u32,
}

#[derive(Serialize)]
struct OpenRollCallLine {
    class: u32,
    opened_at: String,
    present: u32,
    attempts: u32,
}

/// A closed roll call in one line.
fn brief(info: &SheetInfo) -> String {
    let SheetInfo { number, opened_at, closed_at, students, .. } = *info;
    let (from, to) = (opened_at.to_local(), closed_at.to_local_on(opened_at));
    let students = counted(students as usize, "student", "students");
    format!("{number:>4}  {from} to {to}  {students}")
}

/// Reads a day as it is written in `--date`.
fn parse_day(text: &str) -> Result<NaiveDate, &'static str> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| "write it as 2026-11-22")
}

#[derive(Serialize)]
struct HistoryLine {
    class: u32,
    number: u32,
    opened_at: String,
    closed_at: String,
    present: u32,
    attempts: u32,
}

impl HistoryLine {
    fn new(info: &SheetInfo, attempts: u32) -> Self {
        let SheetInfo { class, number, opened_at, closed_at, students, .. } = *info;
        Self {
            class: class.get(),
            number: number.get(),
            opened_at: opened_at.to_rfc3339(),
            closed_at: closed_at.to_rfc3339(),
            present: students,
            attempts,
        }
    }
}

#[derive(Serialize)]
struct SheetLine<'a> {
    class: u32,
    number: u32,
    opened_at: String,
    closed_at: String,
    students: Vec<&'a str>,
    entries: Vec<Entry<'a>>,
    attempts: u32,
}

/// A mark on a sheet.
#[derive(Serialize)]
struct Entry<'a> {
    student: &'a str,
    status: &'static str,
    at: String,
    by: &'static str,
    flags: Vec<&'static str>,
}

impl<'a> Entry<'a> {
    fn new(mark: &'a Mark, remarks: Remarks) -> Self {
        let by = if remarks.has(Remarks::BY_TEACHER) { "teacher" } else { "student" };
        let flags = remarks.names().collect();
        Self {
            student: mark.student.as_str(),
            status: "present",
            at: mark.at.to_rfc3339(),
            by,
            flags,
        }
    }
}

/// What is remarked on the mark at this place.
fn remarks_of(sheet: &Sheet, place: usize) -> Remarks {
    u32::try_from(place).map(|place| sheet.remarks_at(place)).unwrap_or_default()
}

impl<'a> SheetLine<'a> {
    fn new(sheet: &'a Sheet, number: RollCallNumber, attempts: u32) -> Self {
        Self {
            class: sheet.class.get(),
            number: number.get(),
            opened_at: WallTime::to_rfc3339(sheet.opened_at),
            closed_at: WallTime::to_rfc3339(sheet.closed_at),
            students: sheet.marks.iter().map(|mark| mark.student.as_str()).collect(),
            entries: (0..)
                .zip(&sheet.marks)
                .map(|(place, mark)| Entry::new(mark, remarks_of(sheet, place)))
                .collect(),
            attempts,
        }
    }
}

fn say(what: std::fmt::Arguments<'_>) -> Result<(), Exit> {
    printed(writeln!(io::stdout(), "{what}"))
}
