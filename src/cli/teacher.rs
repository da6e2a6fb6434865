//! `rollcall-teacher`: opens a roll call, closes it, shows the sheet.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::{Parser, Subcommand};
use serde::Serialize;

use super::Exit;
use super::asking::{Asker, AskingFlags, RefusedLine, local_clock, print_json, reason};
use super::prompt::{Line, Prompt};
use super::words::{complain, counted, parse, printed, remark, typed};
use crate::ids::ClassId;
use crate::operation::{OpenRollCall, Operation, Query, SheetInfo};
use crate::roll::Sheet;
use crate::time::WallTime;
use crate::wire::Answer;

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
    asking: AskingFlags,

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
  rollcall-teacher --server 192.0.2.7:5050 open 3030

Exit codes: 0 done, 1 failure, 2 wrong usage, 3 refused, 4 no answer (outcome unknown),
130 Ctrl-C while waiting for an answer (outcome unknown)";

#[derive(Subcommand, Clone, Copy, Debug)]
enum Command {
    /// Open the roll call of a class.
    Open {
        /// The class: a number from 1 to 4294967295.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
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
    /// Show the last closed sheet of a class again.
    Sheet {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
    },
}

/// Runs the command with these arguments.
#[must_use]
pub fn run(arguments: &[OsString]) -> Exit {
    let result = parse::<Flags>(arguments).and_then(|flags| {
        let teacher = Teacher { asker: Asker::new(flags.asking)? };
        match flags.command {
            Some(command) => teacher.once(command),
            None => teacher.again_and_again(),
        }
    });
    result.err().unwrap_or(Exit::Done)
}

struct Teacher {
    asker: Asker,
}

/// What a session at the prompt knows: the roll calls that it opened, or told to be open, and since
/// when. Only those are closed by a line that nobody can be asked about.
type Known = BTreeMap<ClassId, WallTime>;

impl Teacher {
    fn once(mut self, command: Command) -> Result<(), Exit> {
        match command {
            Command::Open { class } => self.open(class).map(drop),
            Command::Close { class } => self.close(class),
            Command::Status { class: Some(class) } => self.status_of(class),
            Command::Status { class: None } => self.status(),
            Command::Sheet { class } => self.sheet(class),
        }
    }

    fn again_and_again(mut self) -> Result<(), Exit> {
        let mut prompt = Prompt::at_standard_input(self.asker.json());
        let welcome = "Roll call. Type the number of a class to open its roll call; type it again \
                       to close it and see who answered. Ctrl-D ends.";
        printed(prompt.say(welcome))?;
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
                known.insert(class, self.open(class)?);
                return Ok(());
            };
            // It was open when this was last told, and somebody closed it, perhaps from here without
            // an answer: the end of that roll call is told before another one begins.
            let told = self.sheet(class);
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
    fn open(&mut self, class: ClassId) -> Result<WallTime, Exit> {
        let answered = self.asker.perform(Operation::Open { class })?;
        let attempts = answered.attempts;
        let Answer::Opened { opened_at, already_open, .. } = answered.answer else {
            return Err(self.refused(class, &answered.answer, attempts));
        };
        let at = opened_at.to_local();
        if self.asker.json() {
            let (class, opened_at) = (class.get(), opened_at.to_rfc3339());
            printed(print_json(&OpenedLine { class, opened_at, already_open, attempts }))?;
        } else if already_open {
            say(format_args!("Class {class} was already open, since {at}."))?;
        } else {
            say(format_args!("Class {class} was opened at {at}."))?;
        }
        Ok(opened_at)
    }

    fn close(&mut self, class: ClassId) -> Result<(), Exit> {
        let answered = self.asker.perform(Operation::Close { class })?;
        let attempts = answered.attempts;
        let Answer::Closed { sheet, already_closed } = answered.answer else {
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

    fn sheet(&mut self, class: ClassId) -> Result<(), Exit> {
        let answered = self.asker.ask(Query::Sheet { class })?;
        match answered.answer {
            Answer::Sheet(Some(info)) => {
                let at = info.closed_at.to_local_with_zone();
                let heading = format!("Class {class} was closed at {at}");
                self.show_sheet(&info, &heading, answered.attempts)
            }
            _ => self.absent(class, "no_sheet", "has no closed sheet", answered.attempts),
        }
    }

    fn status(&mut self) -> Result<(), Exit> {
        let (open, attempts) = self.asker.list_open()?;
        for roll_call in &open {
            self.show_status(roll_call, attempts)?;
        }
        if open.is_empty() && !self.asker.json() {
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
        let answered = self.asker.ask(Query::Status { from: class })?;
        let Answer::Status { open, .. } = answered.answer else { return Ok((None, 0)) };
        let found = open.first().copied().filter(|first| first.class == class);
        Ok((found, answered.attempts))
    }

    fn show_status(&self, roll_call: &OpenRollCall, attempts: u32) -> Result<(), Exit> {
        let &OpenRollCall { class, opened_at, present } = roll_call;
        if self.asker.json() {
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
        let (sheet, more_attempts) = self.asker.fetch_sheet(info)?;
        if self.asker.json() {
            let attempts = attempts + more_attempts;
            return printed(print_json(&SheetLine::new(&sheet, attempts)));
        }
        let students = counted(sheet.marks.len(), "student", "students");
        let end = if sheet.marks.is_empty() { "." } else { ":" };
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut print = || -> io::Result<()> {
            writeln!(out, "{heading}. {students} answered{end}")?;
            for (place, mark) in sheet.marks.iter().enumerate() {
                let (student, at) = (mark.student, mark.at.to_local());
                writeln!(out, "{:>4}  {student:<16}  {at}", place + 1)?;
            }
            out.flush()
        };
        printed(print())
    }

    /// Tells of a refusal.
    fn refused(&self, class: ClassId, answer: &Answer, attempts: u32) -> Exit {
        let Answer::Refused { at, reason: why } = *answer else { return Exit::Failed };
        let line = RefusedLine::new(class, why.name(), at, attempts);
        if self.asker.json()
            && let Err(exit) = printed(print_json(&line))
        {
            return exit;
        }
        complain(format_args!("refused at {}: {}", at.to_local(), reason(why, class)));
        Exit::Refused
    }

    fn absent(
        &self,
        class: ClassId,
        reason: &'static str,
        words: &str,
        attempts: u32,
    ) -> Result<(), Exit> {
        if self.asker.json() {
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
    attempts: u32,
}

#[derive(Serialize)]
struct OpenRollCallLine {
    class: u32,
    opened_at: String,
    present: u32,
    attempts: u32,
}

#[derive(Serialize)]
struct SheetLine<'a> {
    class: u32,
    opened_at: String,
    closed_at: String,
    students: Vec<&'a str>,
    attempts: u32,
}

impl<'a> SheetLine<'a> {
    fn new(sheet: &'a Sheet, attempts: u32) -> Self {
        Self {
            class: sheet.class.get(),
            opened_at: WallTime::to_rfc3339(sheet.opened_at),
            closed_at: WallTime::to_rfc3339(sheet.closed_at),
            students: sheet.marks.iter().map(|mark| mark.student.as_str()).collect(),
            attempts,
        }
    }
}

fn say(what: std::fmt::Arguments<'_>) -> Result<(), Exit> {
    printed(writeln!(io::stdout(), "{what}"))
}
