//! `rollcall-student`: answers a roll call, and fetches files.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serde::Serialize;

use super::Exit;
use super::client::{ClientFlags, CommandClient};
use super::explain::reason;
use super::files::Files;
use super::join::{Joining, join};
use super::json::{UnknownLine, print_json};
use super::language::{Cause, Count, text};
use super::local_time::LocalTime as _;
use super::outbox::{Courier, Told, discard, kept_for, recorded};
use super::prompt::{Line, Prompt, fields};
use super::report::{TallyFields, percent};
use super::words::{complain, parse, printed, remark, typed};
use crate::access::RoomCode;
use crate::attendance::Tally;
use crate::exchange::{
    Answer, Arrived, Marked, MyMark, Operation, Query, Refusal, Refused, SheetList, Tallied,
};
use crate::ids::{ClassId, RollCallNumber, StudentNumber};
use crate::shell::kept_marks::Pressed;
use crate::time::WallTime;

/// Answer the roll call of a class with a student number, and fetch files.
///
/// Without a command it asks for student number and class again and again, so that several students
/// can use one computer. Both may be given in one line, STUDENT CLASS, with a space, a tab, a comma
/// or a semicolon between them.
///
/// Where nobody can be asked, because standard input is no terminal, nothing is guessed: after a line
/// that is not understood only lines with both are taken until there is one. Then the exit code is
/// the highest of what was done.
#[derive(Parser, Debug)]
#[command(name = "rollcall-student", version, after_help = EXAMPLES)]
pub(super) struct Flags {
    #[command(flatten)]
    client: ClientFlags,

    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  rollcall-student                          ask for student number and class
  rollcall-student mark 3030 042191010      answer the roll call of class 3030
  rollcall-student --json mark 3030 10 20   several students, for a program
  rollcall-student mark 3030 - < list.txt   the students of a list, one on each line
  rollcall-student mark 3030 10 --code 123456   with the code that is shown in the room
  rollcall-student send --timeout 10m       send on what had no answer, and wait for the network
  rollcall-student mine                     what was marked from this computer
  rollcall-student files                    which files the server offers
  rollcall-student get notes.pdf            fetch one of them; also by its number in the list
  rollcall-student --server 192.0.2.7:5050 mark 3030 042191010

Exit codes: 0 done, 1 failure, 2 wrong usage, 3 refused, 4 no answer (outcome unknown),
130 Ctrl-C while waiting for an answer (outcome unknown)";

/// What stands for standard input in place of a student number.
const STANDARD_INPUT: &str = "-";

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
#[derive(Subcommand, Debug)]
enum Work {
    /// Mark one student or several as present.
    Mark {
        /// The class: a number from 1 to 4294967295.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// The student numbers: 1 to 32 characters without spaces; leading zeros are kept. Or "-" to
        /// read them from standard input, one on each line.
        #[arg(value_name = "STUDENT", required = true)]
        students: Vec<StudentNumber>,
        /// The code that is shown in the room: six digits.
        #[arg(long, value_name = "N")]
        code: Option<RoomCode>,
    },
    /// Send on the marks that had no answer, with how long ago they were pressed.
    Send,
    /// Show the marks of closed roll calls that were made from this computer, and how often their students were there.
    Mine {
        /// Of this class only.
        #[arg(allow_negative_numbers = true)]
        class: Option<ClassId>,
        /// Who was there for fewer of a hundred lessons is told so.
        #[arg(long, value_name = "N", default_value_t = 75, value_parser = clap::value_parser!(u8).range(0..=100))]
        minimum: u8,
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
        let work = match flags.command {
            Some(Command::Join { link }) => return join(&link, Joining::Student, &flags.client),
            Some(Command::Work(work)) => Some(work),
            None => None,
        };
        let client = CommandClient::new(flags.client)?;
        match work {
            Some(Work::Mark { class, students, code }) => {
                mark_students(client, class, &students, code)
            }
            Some(Work::Send) => Student::new(client).send(),
            Some(Work::Mine { class, minimum }) => mine(client, class, minimum),
            Some(Work::Files) => Files::new(client).list(),
            Some(Work::Get { file, output, force }) => {
                Files::new(client).get(file.as_deref(), output.as_deref(), force)
            }
            None => Student::new(client).again_and_again(),
        }
    });
    result.err().unwrap_or(Exit::Done)
}

/// Marks these students, or those that standard input names.
pub(super) fn mark_students(
    client: CommandClient,
    class: ClassId,
    students: &[StudentNumber],
    code: Option<RoomCode>,
) -> Result<(), Exit> {
    let student = Student { code, ..Student::new(client) };
    match *students {
        [only] if only.as_str() == STANDARD_INPUT => student.mark_from_input(class),
        _ if students.iter().any(|it| it.as_str() == STANDARD_INPUT) => {
            complain(text!("standard-input-alone"));
            Err(Exit::Usage)
        }
        _ => student.mark_all(class, students),
    }
}

/// Shows the marks that were made from this device, the first one first; and which ones are not sent yet.
fn mine(mut client: CommandClient, of: Option<ClassId>, minimum: u8) -> Result<(), Exit> {
    for mark in kept_for(client.server()) {
        let &Pressed { class, student, .. } = mark.pressed();
        if of.is_none_or(|of| of == class) {
            remark(text!("mine-kept", student, class, at = mark.at().to_local()));
        }
    }
    let (mut found, attempts) = client.list::<MyMark>()?;
    let theirs: BTreeSet<_> = found.iter().map(|it| (of.unwrap_or(it.class), it.student)).collect();
    found.retain(|it| of.is_none_or(|class| class == it.class));
    if found.is_empty() && !client.json() {
        remark(text!("mine-none"));
    }
    for MyMark { class, number, student, at } in found.into_iter().rev() {
        if client.json() {
            printed(print_json(&MineLine {
                class: class.get(),
                number: number.get(),
                student: student.as_str(),
                at: at.to_rfc3339(),
                attempts,
            }))?;
        } else {
            let said = text!("mine", student, class, number, at = at.to_local());
            printed(writeln!(io::stdout(), "{said}"))?;
        }
    }
    theirs
        .into_iter()
        .try_for_each(|(class, student)| tell_tally(&mut client, class, student, minimum))
}

/// Tells how often a student was there, as far as rosters say that the student was expected.
fn tell_tally(
    client: &mut CommandClient,
    class: ClassId,
    student: StudentNumber,
    minimum: u8,
) -> Result<(), Exit> {
    let answered = client.ask(Query::Tally { class, student })?;
    let Answer::Tallied(Tallied { tally, .. }) = answered.answer else { return Err(Exit::Failed) };
    let Tally { roll_calls, of, present, late, excused, absent } = tally;
    if of == 0 {
        return Ok(());
    }
    if client.json() {
        return printed(print_json(&TallyLine {
            class: class.get(),
            student: student.as_str(),
            roll_calls,
            tally: TallyFields::of(&tally, minimum, None),
            attempts: answered.attempts,
        }));
    }
    let (lessons, roll_calls) = (
        text!("lessons", count = Count(of)),
        text!("roll-calls-closed", count = Count(roll_calls)),
    );
    let percent = percent(&tally);
    let said = text!(
        "mine-tally",
        student,
        class,
        percent,
        lessons,
        roll_calls,
        present,
        late,
        excused,
        absent
    );
    let rest = if tally.is_below(minimum) {
        text!("mine-below", minimum)
    } else {
        text!("mine-left", left = tally.left(minimum, None).max(0), minimum)
    };
    printed(writeln!(io::stdout(), "{said} {rest}"))
}

#[derive(Serialize)]
struct TallyLine<'a> {
    class: u32,
    student: &'a str,
    roll_calls: u32,
    #[serde(flatten)]
    tally: TallyFields,
    attempts: u32,
}

#[derive(Serialize)]
struct MineLine<'a> {
    class: u32,
    number: u32,
    student: &'a str,
    at: String,
    attempts: u32,
}

struct Student {
    client: CommandClient,
    /// The code that is given with each mark.
    code: Option<RoomCode>,
    /// The class about whose last close the server was asked, and its answer.
    closed: Option<(ClassId, Option<WallTime>)>,
}

impl Student {
    fn new(client: CommandClient) -> Self {
        Self { client, code: None, closed: None }
    }

    /// Marks one after the other. A refusal does not keep the others from being asked; without an
    /// answer the rest is not sent, because it would wait as long again.
    fn mark_all(mut self, class: ClassId, students: &[StudentNumber]) -> Result<(), Exit> {
        let mut worst = Exit::Done;
        for (place, &student) in students.iter().enumerate() {
            match self.mark(class, student) {
                Ok(()) => {}
                Err(Exit::Refused) => worst = Exit::Refused,
                Err(exit) => {
                    self.not_sent(class, &students[place + 1..], exit)?;
                    return Err(exit);
                }
            }
        }
        self.client.send_on();
        if worst == Exit::Done { Ok(()) } else { Err(worst) }
    }

    /// Those after the one that ended it. Where that one had no answer they are kept like it.
    fn not_sent(&self, class: ClassId, rest: &[StudentNumber], why: Exit) -> Result<(), Exit> {
        if rest.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = rest.iter().map(StudentNumber::as_str).collect();
        complain(text!("not-sent", students = names.join(" ")));
        let kept = why == Exit::Unknown && self.client.keep_unsent(class, rest, self.code);
        if self.client.json() {
            for &student in rest {
                let operation = Operation::Mark { class, student, code: self.code };
                printed(print_json(&UnknownLine::new(&operation, 0, kept)))?;
            }
        }
        Ok(())
    }

    /// Marks the students that standard input names, each as soon as it is read. A line that is not
    /// understood does not keep the others from being asked.
    fn mark_from_input(mut self, class: ClassId) -> Result<(), Exit> {
        let mut input = Prompt::at_standard_input(true);
        let mut worst = Exit::Done;
        while let Some(line) = typed(input.read_quietly())? {
            let student = match line.only() {
                Ok(Some(student)) => student,
                Ok(None) => continue,
                Err(exit) => {
                    worst = worst.worse(exit);
                    continue;
                }
            };
            match self.mark(class, student) {
                Ok(()) => {}
                Err(Exit::Refused) => worst = worst.worse(Exit::Refused),
                Err(exit) => {
                    complain(text!("not-sent-after", line = line.number));
                    return Err(exit);
                }
            }
        }
        self.client.send_on();
        if worst == Exit::Done { Ok(()) } else { Err(worst) }
    }

    fn again_and_again(mut self) -> Result<(), Exit> {
        let mut prompt = Prompt::at_standard_input(self.client.json());
        printed(prompt.say(&text!("welcome-student")))?;
        self.client.get_ready()?;
        let mut courier = Courier::new(self.client.server().clone(), prompt.printer());
        courier.wake(&self.client)?;
        let mut entries = Entries::default();
        let mut worst = Exit::Done;
        loop {
            let question = match entries.student {
                Some(_) => text!("question-class"),
                None => text!("question-student"),
            };
            let line = typed(prompt.read(&question))?;
            let entry = match &line {
                Some(line) => entries.take(line),
                None => entries.end(prompt.is_attended()),
            };
            if prompt.is_attended() && !prompt.has_more_pasted() {
                entries.found();
            }
            let result = match entry {
                Entry::Incomplete => Ok(()),
                Entry::Wrong => Err(Exit::Usage),
                Entry::Whole { class, student, code, skipped } => {
                    worst = worst.worse(if skipped { Exit::Usage } else { Exit::Done });
                    self.closed = None;
                    self.code = code;
                    self.mark_or_ask(class, student, &mut prompt)
                }
            };
            match result {
                Ok(()) => {}
                Err(Exit::Interrupted) => return Err(Exit::Interrupted),
                Err(exit @ Exit::Unknown) => {
                    worst = worst.worse(exit);
                    // It is kept, and the courier finds out what became of it.
                    self.client.caller.begin_anew();
                    courier.wake(&self.client)?;
                }
                // What went wrong was said; the next student may have more luck.
                Err(exit) => worst = worst.worse(exit),
            }
            if line.is_none() {
                break;
            }
        }
        if prompt.is_attended() || worst == Exit::Done { Ok(()) } else { Err(worst) }
    }

    /// Marks a student; where somebody can be asked, for the code until it is the right one, or nothing.
    fn mark_or_ask(
        &mut self,
        class: ClassId,
        student: StudentNumber,
        prompt: &mut Prompt,
    ) -> Result<(), Exit> {
        if !prompt.is_attended() {
            return self.mark(class, student);
        }
        loop {
            let told = self.client.press(class, student, self.code)?;
            match told.answered.answer {
                Answer::MarkRefused(Refused { reason: Refusal::CodeNeeded, .. }) => {}
                Answer::MarkRefused(Refused { reason: why @ Refusal::WrongCode, .. }) => {
                    complain(reason(why, class));
                }
                _ => return self.tell(class, student, &told),
            }
            let question = text!("question-code");
            self.code = loop {
                let Some(line) = typed(prompt.read(&question))? else { return Err(Exit::Refused) };
                match line.text.as_deref() {
                    Ok("") => return Err(Exit::Refused),
                    Ok(text) => match text.parse::<RoomCode>() {
                        Ok(code) => break Some(code),
                        Err(cause) => _ = line.misunderstood(cause.words()),
                    },
                    Err(cause) => _ = line.misunderstood(cause),
                }
            };
        }
    }

    fn mark(&mut self, class: ClassId, student: StudentNumber) -> Result<(), Exit> {
        let told = self.client.press(class, student, self.code)?;
        self.tell(class, student, &told)
    }

    /// Sends on what is kept for the server. A refusal does not keep the others from being sent.
    fn send(mut self) -> Result<(), Exit> {
        let kept = kept_for(self.client.server());
        if kept.is_empty() && !self.client.json() {
            remark(text!("send-nothing", server = self.client.server()));
        }
        let mut worst = Exit::Done;
        for mark in kept {
            let answered = self.client.deliver(&mark)?;
            let &Pressed { class, student, .. } = mark.pressed();
            let told = Told { answered, pressed_at: Some(mark.at()) };
            // There is an answer, whether it can be printed or not.
            discard(mark);
            match self.tell(class, student, &told) {
                Ok(()) => {}
                Err(Exit::Refused) => worst = Exit::Refused,
                Err(exit) => return Err(exit),
            }
        }
        if worst == Exit::Done { Ok(()) } else { Err(worst) }
    }

    fn tell(&mut self, class: ClassId, student: StudentNumber, told: &Told) -> Result<(), Exit> {
        let &Told { ref answered, pressed_at } = told;
        let line = |class: u32, at: WallTime, outcome| MarkLine {
            class,
            student: student.as_str(),
            at: at.to_rfc3339(),
            outcome,
            reason: None,
            closed_at: None,
            unlisted: None,
            pressed_at: pressed_at.map(WallTime::to_rfc3339),
            attempts: answered.attempts,
        };
        match answered.answer {
            Answer::Marked(marked @ Marked { class, at, already_present }) => {
                self.closed = None;
                let outcome = if already_present { "already_present" } else { "present" };
                if self.client.json() {
                    return printed(print_json(&line(class.get(), at, outcome)));
                }
                let said = recorded(student, marked, false, pressed_at);
                printed(writeln!(io::stdout(), "{said}"))
            }
            Answer::Arrived(Arrived { marked, late, unlisted }) => {
                let Marked { class, at, .. } = marked;
                self.closed = None;
                if self.client.json() {
                    let outcome = if late { "late" } else { "present" };
                    let unlisted = unlisted.then_some(true);
                    return printed(print_json(&MarkLine {
                        unlisted,
                        ..line(class.get(), at, outcome)
                    }));
                }
                let said = recorded(student, marked, late, pressed_at);
                printed(writeln!(io::stdout(), "{said}"))?;
                if unlisted {
                    remark(text!("marked-unlisted", student, class));
                }
                Ok(())
            }
            Answer::MarkRefused(Refused { at, reason: why }) => {
                let looked = self.closed_at(class, why);
                let closed_at = looked.unwrap_or_default();
                if self.client.json() {
                    printed(print_json(&MarkLine {
                        reason: Some(why.name()),
                        closed_at: closed_at.map(WallTime::to_rfc3339),
                        ..line(0, at, "refused")
                    }))?;
                }
                let why = match closed_at {
                    Some(closed) => closed_before(class, closed, at),
                    None => reason(why, class),
                };
                complain(text!("mark-refused", student, at = at.to_local(), why));
                looked.and(Err(Exit::Refused))
            }
            _ => Err(Exit::Failed),
        }
    }

    /// When the last roll call of the class was closed, if that is why a mark was refused.
    fn closed_at(&mut self, class: ClassId, why: Refusal) -> Result<Option<WallTime>, Exit> {
        if why != Refusal::NotOpen {
            return Ok(None);
        }
        if let Some((_, closed_at)) = self.closed.filter(|(asked, _)| *asked == class) {
            return Ok(closed_at);
        }
        let at_most = RollCallNumber::MAX;
        let closed_at = match self.client.ask_for_detail(Query::Sheets { class, at_most })? {
            Some(Answer::Sheets(SheetList { sheets, .. })) => {
                sheets.first().map(|last| last.closed_at)
            }
            _ => None,
        };
        self.closed = Some((class, closed_at));
        Ok(closed_at)
    }
}

/// Why a mark that came after a close was refused.
fn closed_before(class: ClassId, closed_at: WallTime, refused_at: WallTime) -> String {
    let at = closed_at.to_local_on(refused_at);
    if at == closed_at.to_local() {
        // Another day's: what is missing is an opening.
        return text!("refused-not-open-since", class, at);
    }
    text!("refused-closed", class, at)
}

/// What the lines at the prompt have led to: a student who still lacks the class, or after a line
/// that was not understood nothing until there is one with both.
#[derive(Default)]
struct Entries {
    /// With the number of the line.
    student: Option<(StudentNumber, u64)>,
    /// The line that was not understood, and the last one that was skipped after it.
    lost: Option<(u64, u64)>,
}

enum Entry {
    /// Nothing to do yet.
    Incomplete,
    /// Something was skipped, and it was said what.
    Wrong,
    /// Somebody answers; `skipped` says that lines before it were left out.
    Whole { student: StudentNumber, class: ClassId, code: Option<RoomCode>, skipped: bool },
}

impl Entries {
    fn take(&mut self, line: &Line) -> Entry {
        let text = match &line.text {
            Ok(text) => text,
            Err(cause) => return self.wrong(line, cause),
        };
        match fields(text)[..] {
            [] => Entry::Incomplete,
            [student, class] => match (student.parse(), class.parse()) {
                (Ok(student), Ok(class)) => self.whole(student, class, None, line),
                (Err(cause), _) => self.wrong(line, &cause.words()),
                (_, Err(cause)) => self.wrong(line, &cause.words()),
            },
            [student, class, code] => match (student.parse(), class.parse(), code.parse()) {
                (Ok(student), Ok(class), Ok(code)) => self.whole(student, class, Some(code), line),
                (Err(cause), ..) => self.wrong(line, &cause.words()),
                (_, Err(cause), _) => self.wrong(line, &cause.words()),
                (_, _, Err(cause)) => self.wrong(line, &cause.words()),
            },
            [_] if self.lost.is_some() => {
                self.lost = self.lost.map(|(from, _)| (from, line.number));
                Entry::Incomplete
            }
            [only] => match self.student {
                None => match only.parse() {
                    Ok(student) => {
                        self.student = Some((student, line.number));
                        Entry::Incomplete
                    }
                    Err(cause) => self.wrong(line, &cause.words()),
                },
                Some((student, _)) => match only.parse() {
                    Ok(class) => {
                        self.student = None;
                        Entry::Whole { student, class, code: None, skipped: false }
                    }
                    Err(cause) => self.wrong(line, &cause.words()),
                },
            },
            _ => self.wrong(line, &text!("entry-form")),
        }
    }

    /// A line with both. A student who still lacked the class has none.
    fn whole(
        &mut self,
        student: StudentNumber,
        class: ClassId,
        code: Option<RoomCode>,
        line: &Line,
    ) -> Entry {
        let left_out = self.student.take();
        if let Some((before, number)) = left_out {
            without_class(before, number, line.unattended);
        }
        self.found();
        Entry::Whole { student, class, code, skipped: left_out.is_some() }
    }

    fn wrong(&mut self, line: &Line, cause: &str) -> Entry {
        line.misunderstood(cause);
        if !line.unattended {
            // It is asked again.
            return Entry::Incomplete;
        }
        if let Some((student, number)) = self.student.take() {
            without_class(student, number, true);
        }
        let (from, to) = self.lost.unwrap_or((line.number, line.number));
        self.lost = Some((from, to.max(line.number)));
        Entry::Wrong
    }

    /// Lines are understood again: says which ones were left out.
    fn found(&mut self) {
        let Some((from, to)) = self.lost.take().filter(|(from, to)| from < to) else { return };
        complain(text!("entries-skipped", from, to));
    }

    fn end(&mut self, attended: bool) -> Entry {
        self.found();
        match self.student.take().filter(|_| !attended) {
            None => Entry::Incomplete,
            Some((student, number)) => {
                without_class(student, number, true);
                Entry::Wrong
            }
        }
    }
}

fn without_class(student: StudentNumber, number: u64, unattended: bool) {
    if unattended {
        complain(text!("entry-without-class-line", number, student));
    } else {
        remark(text!("entry-without-class", student));
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
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unlisted: Option<bool>,
    /// When it was pressed, if that was earlier, by the clock of this computer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pressed_at: Option<String>,
    attempts: u32,
}
