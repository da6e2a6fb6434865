//! `mark`, `unmark`, `late`, `excuse`, `left`: what a teacher says a student was; `extend` and `reopen`.

use std::io::{self, Write as _};
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::Exit;
use super::client::CommandClient;
use super::explain::status_in_words;
use super::json::{UnknownLine, print_json};
use super::language::{Cause, text};
use super::likeness::nearest;
use super::local_time::LocalTime as _;
use super::plan::seconds;
use super::prompt::Prompt;
use super::words::{complain, printed, remark, typed};
use crate::attendance::{Correction, NotALine, Reason, Status};
use crate::exchange::{Answer, Corrected, Extended, Opened, Operation, Refusal, Refused};
use crate::ids::{ClassId, RollCallNumber, StudentNumber};
use crate::roll::RosterObject;

/// What stands for standard input in place of a student number.
const STANDARD_INPUT: &str = "-";

/// Whom to correct, and where.
#[derive(Args, Clone, Debug)]
pub(super) struct CorrectionFlags {
    /// The class: its open roll call, or else the last one.
    #[arg(allow_negative_numbers = true)]
    class: ClassId,
    /// The student numbers, or "-" to read them from standard input, one on each line.
    #[arg(value_name = "STUDENT", required = true)]
    students: Vec<StudentNumber>,
    /// Why; it stands in the trail of the sheet.
    #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
    reason: Option<Reason>,
    /// The closed roll call with this number, as 'history' shows it.
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    number: Option<RollCallNumber>,
}

fn parse_reason(text: &str) -> Result<Reason, String> {
    text.parse().map_err(|cause: NotALine| text!("no-reason", cause = cause.words()))
}

/// Corrects one student after the other, and tells of each.
pub(super) fn correct(
    client: CommandClient,
    flags: CorrectionFlags,
    status: Status,
) -> Result<(), Exit> {
    let CorrectionFlags { class, students, reason, number } = flags;
    let mut corrector = Corrector { client, class, number, reason, status, roster: None };
    match &students[..] {
        [only] if only.as_str() == STANDARD_INPUT => corrector.all_from_input(),
        _ if students.iter().any(|it| it.as_str() == STANDARD_INPUT) => {
            complain(text!("standard-input-alone"));
            Err(Exit::Usage)
        }
        _ => corrector.all(&students),
    }
}

/// Corrects the students of one roll call.
struct Corrector {
    client: CommandClient,
    class: ClassId,
    number: Option<RollCallNumber>,
    reason: Option<Reason>,
    status: Status,
    /// Fetched when a name is wanted.
    roster: Option<RosterObject>,
}

impl Corrector {
    /// A refusal does not keep the others from being asked; without an answer the rest is not sent.
    fn all(&mut self, students: &[StudentNumber]) -> Result<(), Exit> {
        let mut worst = Exit::Done;
        for (place, &student) in students.iter().enumerate() {
            match self.one(student) {
                Ok(()) => {}
                Err(Exit::Refused) => worst = Exit::Refused,
                Err(exit) => {
                    self.not_sent(&students[place + 1..])?;
                    return Err(exit);
                }
            }
        }
        if worst == Exit::Done { Ok(()) } else { Err(worst) }
    }

    fn all_from_input(&mut self) -> Result<(), Exit> {
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
            match self.one(student) {
                Ok(()) => {}
                Err(Exit::Refused) => worst = worst.worse(Exit::Refused),
                Err(exit) => {
                    complain(text!("not-sent-after", line = line.number));
                    return Err(exit);
                }
            }
        }
        if worst == Exit::Done { Ok(()) } else { Err(worst) }
    }

    fn operation(&self, student: StudentNumber) -> Operation {
        let Self { class, number, status, ref reason, .. } = *self;
        let correction = Correction { number, student, status, reason: reason.clone() };
        Operation::Correct { class, correction: Box::new(correction) }
    }

    fn one(&mut self, student: StudentNumber) -> Result<(), Exit> {
        let answered = self.client.perform(self.operation(student))?;
        let attempts = answered.attempts;
        match answered.answer {
            Answer::Corrected(corrected) => self.tell(student, &corrected, attempts),
            Answer::Refused(refused) => self.tell_refused(student, &refused, attempts),
            _ => Err(Exit::Failed),
        }
    }

    fn tell(
        &mut self,
        student: StudentNumber,
        corrected: &Corrected,
        attempts: u32,
    ) -> Result<(), Exit> {
        let &Corrected { at, class, number, revision, was } = corrected;
        let status = self.status;
        let is_news = was != Some(status);
        if self.client.json() {
            return printed(print_json(&CorrectedLine {
                class: class.get(),
                student: student.as_str(),
                at: at.to_rfc3339(),
                outcome: if is_news { status.name() } else { already(status) },
                was: was.map(Status::name),
                number: number.get(),
                revision: (revision > 0).then_some(revision),
                attempts,
            }));
        }
        let who = match self.name_of(student)? {
            Some(name) => format!("{student} {name}"),
            None => student.to_string(),
        };
        let place = match revision {
            0 => text!("in-class", class),
            _ => text!("in-revision", class, number, revision),
        };
        let (status, at) = (status_in_words(status), at.to_local());
        let words = match was.map(status_in_words) {
            _ if !is_news => text!("corrected-already", who, status, place),
            Some(was) => text!("corrected-from", who, status, place, at, was),
            None => text!("corrected", who, status, place, at),
        };
        printed(writeln!(io::stdout(), "{words}"))?;
        self.warn_of_unlisted(student)
    }

    /// A number that is not on the roster may be a slip of the finger.
    fn warn_of_unlisted(&mut self, student: StudentNumber) -> Result<(), Exit> {
        if !self.status.is_there() || self.name_of(student)?.is_some() {
            return Ok(());
        }
        let Some(roster) = &self.roster else { return Ok(()) };
        if roster.students.is_empty() {
            return Ok(());
        }
        let meant = did_you_mean(roster, student);
        remark(text!("unlisted", student, class = self.class, meant));
        Ok(())
    }

    fn tell_refused(
        &mut self,
        student: StudentNumber,
        refused: &Refused,
        attempts: u32,
    ) -> Result<(), Exit> {
        if refused.reason == Refusal::UnknownStudent && !self.client.json() {
            self.name_of(student)?;
            if let Some(roster) = &self.roster {
                let (class, meant) = (self.class, did_you_mean(roster, student));
                complain(text!("unlisted-unanswered", student, class, meant));
                return Err(Exit::Refused);
            }
        }
        Err(self.client.tell_refusal(refused, Some(self.class), attempts))
    }

    fn name_of(&mut self, student: StudentNumber) -> Result<Option<String>, Exit> {
        if self.roster.is_none() {
            self.roster = Some(self.client.roster(self.class)?.0);
        }
        let Some(roster) = &self.roster else { return Ok(None) };
        let found = roster.students.binary_search_by_key(&student, |it| it.student);
        Ok(found.ok().map(|place| roster.students[place].name.to_string()))
    }

    fn not_sent(&self, rest: &[StudentNumber]) -> Result<(), Exit> {
        if rest.is_empty() {
            return Ok(());
        }
        if self.client.json() {
            for &student in rest {
                printed(print_json(&UnknownLine::new(&self.operation(student), 0, false)))?;
            }
        }
        let names: Vec<_> = rest.iter().map(StudentNumber::as_str).collect();
        complain(text!("not-sent", students = names.join(" ")));
        Ok(())
    }
}

/// Whom a number that is on no roster may have meant, as the end of a sentence.
pub(super) fn did_you_mean(roster: &RosterObject, student: StudentNumber) -> String {
    match nearest(student.as_str(), &roster.students) {
        Some(it) => text!("did-you-mean", student = it.student, name = it.name),
        None => String::new(),
    }
}

fn already(status: Status) -> &'static str {
    match status {
        Status::Present => "already_present",
        Status::Late => "already_late",
        Status::Excused => "already_excused",
        Status::Absent => "already_absent",
        Status::Left => "already_left",
    }
}

#[derive(Serialize)]
struct CorrectedLine<'a> {
    class: u32,
    student: &'a str,
    at: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<&'static str>,
    number: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    attempts: u32,
}

/// Moves the end of an open roll call.
pub(super) fn extend(client: &mut CommandClient, class: ClassId, by: Duration) -> Result<(), Exit> {
    let answered = client.perform(Operation::Extend { class, seconds: seconds(by) })?;
    let attempts = answered.attempts;
    match answered.answer {
        Answer::Extended(Extended { at, closes_at, .. }) if client.json() => {
            printed(print_json(&ExtendedLine {
                class: class.get(),
                at: at.to_rfc3339(),
                closes_at: closes_at.to_rfc3339(),
                attempts,
            }))
        }
        Answer::Extended(Extended { at, closes_at, .. }) => {
            let said = text!("extended", class, at = closes_at.to_local_on(at));
            printed(writeln!(io::stdout(), "{said}"))
        }
        Answer::Refused(refused) => Err(client.tell_refusal(&refused, Some(class), attempts)),
        _ => Err(Exit::Failed),
    }
}

#[derive(Serialize)]
struct ExtendedLine {
    class: u32,
    at: String,
    closes_at: String,
    attempts: u32,
}

/// Takes a close back that was a mistake.
pub(super) fn reopen(client: &mut CommandClient, class: ClassId) -> Result<(), Exit> {
    let answered = client.perform(Operation::Reopen { class })?;
    let attempts = answered.attempts;
    let (opened_at, already_open) = match answered.answer {
        Answer::Opened(Opened { opened_at, already_open, .. }) => (opened_at, already_open),
        Answer::Refused(refused) => {
            return Err(client.tell_refusal(&refused, Some(class), attempts));
        }
        _ => return Err(Exit::Failed),
    };
    if client.json() {
        return printed(print_json(&ReopenedLine {
            class: class.get(),
            opened_at: opened_at.to_rfc3339(),
            already_open,
            attempts,
        }));
    }
    let since = opened_at.to_local();
    let words = if already_open {
        text!("reopened-open", class, since)
    } else {
        text!("reopened", class, since)
    };
    printed(writeln!(io::stdout(), "{words}"))
}

#[derive(Serialize)]
struct ReopenedLine {
    class: u32,
    opened_at: String,
    already_open: bool,
    attempts: u32,
}
