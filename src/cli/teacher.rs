//! `rollcall-teacher`: opens a roll call, closes it, shows the sheet.

use std::ffi::OsString;
use std::io::{self, Write as _};

use clap::{Parser, Subcommand};
use serde::Serialize;

use super::Exit;
use super::asking::{Asker, AskingFlags, RefusedLine, print_json, reason};
use super::prompt::Prompt;
use super::words::{complain, counted, parse, printed, remark};
use crate::ids::ClassId;
use crate::operation::{OpenRollCall, Operation, Query, SheetInfo};
use crate::roll::Sheet;
use crate::time::WallTime;
use crate::wire::Answer;

/// Open the roll call of a class, close it, and get the sheet.
///
/// Without a command it asks for a class number again and again: typed once it opens the roll call
/// of that class, typed again it closes it and shows who answered.
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

Exit codes: 0 done, 1 failure, 2 wrong usage, 3 refused, 4 no answer (outcome unknown)";

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

impl Teacher {
    fn once(mut self, command: Command) -> Result<(), Exit> {
        match command {
            Command::Open { class } => self.open(class),
            Command::Close { class } => self.close(class),
            Command::Status { class: Some(class) } => self.status_of(class),
            Command::Status { class: None } => self.status(),
            Command::Sheet { class } => self.sheet(class),
        }
    }

    fn again_and_again(mut self) -> Result<(), Exit> {
        let mut prompt = Prompt::new(io::stdin().lock(), self.asker.json());
        let welcome = "Roll call. Type the number of a class to open its roll call; type it again \
                       to close it and see who answered. Ctrl-D ends.";
        printed(prompt.say(welcome))?;
        while let Some(class) = printed(prompt.ask("Class: ", str::parse::<ClassId>))? {
            // What went wrong was said; the next class may go better.
            let _ = self.toggle(class);
        }
        Ok(())
    }

    fn toggle(&mut self, class: ClassId) -> Result<(), Exit> {
        if self.find_open(class)?.0.is_some() { self.close(class) } else { self.open(class) }
    }

    fn open(&mut self, class: ClassId) -> Result<(), Exit> {
        let answered = self.asker.perform(Operation::Open { class })?;
        let attempts = answered.attempts;
        match answered.answer {
            Answer::Opened { opened_at, already_open, .. } => {
                if self.asker.json() {
                    let opened_at = opened_at.to_rfc3339();
                    let class = class.get();
                    return printed(print_json(&OpenedLine {
                        class,
                        opened_at,
                        already_open,
                        attempts,
                    }));
                }
                let since = opened_at.to_local();
                if already_open {
                    say(format_args!("Class {class} was already open, since {since}."))
                } else {
                    say(format_args!("Class {class} is open since {since}."))
                }
            }
            other => self.refused(class, &other, attempts),
        }
    }

    fn close(&mut self, class: ClassId) -> Result<(), Exit> {
        let answered = self.asker.perform(Operation::Close { class })?;
        let attempts = answered.attempts;
        match answered.answer {
            Answer::Closed { sheet, already_closed } => {
                let heading = if already_closed {
                    format!("Class {class} was already closed, at {}", sheet.closed_at.to_local())
                } else {
                    format!("Class {class} is closed since {}", sheet.closed_at.to_local())
                };
                self.show_sheet(&sheet, &heading, attempts)
            }
            other => self.refused(class, &other, attempts),
        }
    }

    fn sheet(&mut self, class: ClassId) -> Result<(), Exit> {
        let answered = self.asker.ask(Query::Sheet { class })?;
        match answered.answer {
            Answer::Sheet(Some(info)) => {
                let heading = format!("Class {class}, closed at {}", info.closed_at.to_local());
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
        say(format_args!("{heading}. {students} answered{end}"))?;
        for (place, mark) in sheet.marks.iter().enumerate() {
            let (student, at) = (mark.student, mark.at.to_local());
            say(format_args!("{:>4}  {student:<16}  {at}", place + 1))?;
        }
        Ok(())
    }

    fn refused(&self, class: ClassId, answer: &Answer, attempts: u32) -> Result<(), Exit> {
        let Answer::Refused { at, reason: why } = *answer else { return Err(Exit::Failed) };
        if self.asker.json() {
            printed(print_json(&RefusedLine::new(class, why.name(), Some(at), attempts)))?;
        }
        complain(format_args!("refused at {}: {}", at.to_local(), reason(why, class)));
        Err(Exit::Refused)
    }

    fn absent(
        &self,
        class: ClassId,
        reason: &'static str,
        words: &str,
        attempts: u32,
    ) -> Result<(), Exit> {
        if self.asker.json() {
            printed(print_json(&RefusedLine::new(class, reason, None, attempts)))?;
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
