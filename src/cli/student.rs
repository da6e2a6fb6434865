//! `rollcall-student`: answers a roll call, and fetches files.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serde::Serialize;

use super::Exit;
use super::asking::{Asker, AskingFlags, print_json, reason};
use super::files::Files;
use super::prompt::Prompt;
use super::words::{complain, parse, printed};
use crate::ids::{ClassId, StudentNumber};
use crate::operation::Operation;
use crate::time::WallTime;
use crate::wire::Answer;

/// Answer the roll call of a class with a student number, and fetch files.
///
/// Without a command it asks for student number and class again and again, so that several students
/// can use one computer.
#[derive(Parser, Debug)]
#[command(name = "rollcall-student", version, after_help = EXAMPLES)]
struct Flags {
    #[command(flatten)]
    asking: AskingFlags,

    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  rollcall-student                          ask for student number and class
  rollcall-student mark 3030 042191010      answer the roll call of class 3030
  rollcall-student --json mark 3030 10 20   several students, for a program
  rollcall-student files                    which files the server offers
  rollcall-student get notes.pdf            fetch one of them; also by its number in the list
  rollcall-student --server 192.0.2.7:5050 mark 3030 042191010

Exit codes: 0 done, 1 failure, 2 wrong usage, 3 refused, 4 no answer (outcome unknown)";

#[derive(Subcommand, Clone, Debug)]
enum Command {
    /// Mark one student or several as present.
    Mark {
        /// The class: a number from 1 to 4294967295.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// The student numbers: 1 to 32 characters without spaces; leading zeros are kept.
        #[arg(value_name = "STUDENT", required = true)]
        students: Vec<StudentNumber>,
    },
    /// Show the files that the server offers, numbered, with their sizes.
    Files,
    /// Fetch a file. What was interrupted goes on where it stopped.
    Get {
        /// The file's name, or its number in the list; asked for if it is left out.
        #[arg(value_name = "NAME|INDEX")]
        file: Option<String>,
        /// Where to save it: a file, or a folder. Without it: here, under its name.
        #[arg(long, short, value_name = "PATH")]
        output: Option<PathBuf>,
        /// Replace a file that is there already.
        #[arg(long)]
        force: bool,
    },
}

/// Runs the command with these arguments.
#[must_use]
pub fn run(arguments: &[OsString]) -> Exit {
    let result = parse::<Flags>(arguments).and_then(|flags| {
        let student = Student { asker: Asker::new(flags.asking)? };
        match flags.command {
            Some(Command::Mark { class, students }) => student.mark_all(class, &students),
            Some(Command::Files) => Files::new(student.asker).list(),
            Some(Command::Get { file, output, force }) => {
                Files::new(student.asker).get(file.as_deref(), output.as_deref(), force)
            }
            None => student.again_and_again(),
        }
    });
    result.err().unwrap_or(Exit::Done)
}

struct Student {
    asker: Asker,
}

impl Student {
    /// Marks one after the other. A refusal does not keep the others from being asked; without an
    /// answer the rest is not sent, because it would wait as long again.
    fn mark_all(mut self, class: ClassId, students: &[StudentNumber]) -> Result<(), Exit> {
        let mut result = Ok(());
        for (place, &student) in students.iter().enumerate() {
            match self.mark(class, student) {
                Ok(()) => {}
                Err(Exit::Refused) => result = Err(Exit::Refused),
                Err(exit) => {
                    let rest = &students[place + 1..];
                    if !rest.is_empty() {
                        let names: Vec<_> = rest.iter().map(StudentNumber::as_str).collect();
                        complain(format_args!("not sent: {}", names.join(" ")));
                    }
                    return Err(exit);
                }
            }
        }
        result
    }

    fn again_and_again(mut self) -> Result<(), Exit> {
        let mut prompt = Prompt::new(io::stdin().lock(), self.asker.json());
        let welcome = "Roll call. Answer with your student number and the number of the class. \
                       Ctrl-D ends.";
        printed(prompt.say(welcome))?;
        loop {
            let student = prompt.ask("Student number: ", str::parse::<StudentNumber>);
            let Some(student) = printed(student)? else { return Ok(()) };
            let Some(class) = printed(prompt.ask("Class: ", str::parse::<ClassId>))? else {
                return Ok(());
            };
            // What went wrong was said; the next student may have more luck.
            let _ = self.mark(class, student);
        }
    }

    fn mark(&mut self, class: ClassId, student: StudentNumber) -> Result<(), Exit> {
        let answered = self.asker.perform(Operation::Mark { class, student })?;
        let line = |class: u32, at: WallTime, outcome, reason| MarkLine {
            class,
            student: student.as_str(),
            at: at.to_rfc3339(),
            outcome,
            reason,
            attempts: answered.attempts,
        };
        match answered.answer {
            Answer::Marked { class, at, already_present } => {
                let outcome = if already_present { "already_present" } else { "present" };
                if self.asker.json() {
                    return printed(print_json(&line(class.get(), at, outcome, None)));
                }
                let already = if already_present { "was already" } else { "is" };
                let at = at.to_local();
                let said = format!("{student} {already} present in class {class} since {at}.");
                printed(writeln!(io::stdout(), "{said}"))
            }
            Answer::MarkRefused { at, reason: why } => {
                if self.asker.json() {
                    printed(print_json(&line(0, at, "refused", Some(why.name()))))?;
                }
                let why = reason(why, class);
                complain(format_args!("{student} was refused at {}: {why}", at.to_local()));
                Err(Exit::Refused)
            }
            _ => Err(Exit::Failed),
        }
    }
}

#[derive(Serialize)]
struct MarkLine<'a> {
    class: u32,
    student: &'a str,
    at: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    attempts: u32,
}
