//! `rollcall-teacher`: opens a roll call, closes it, shows the sheet.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::time::Duration;

use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use super::Exit;
use super::client::{ClientFlags, CommandClient, local_clock};
use super::correct::{CorrectionFlags, correct, extend, reopen};
use super::export::{ExportFlags, export};
use super::join::{Joining, join};
use super::json::{RefusedLine, print_json};
use super::language::{Count, text};
use super::local_time::{LocalTime as _, day_from_words, day_in_words};
use super::plan::{PlanFlags, parse_window};
use super::prompt::{Line, Prompt};
use super::report::{ReportFlags, report};
use super::room;
use super::roster::{RosterWork, roster};
use super::scan::scan;
use super::sheet::{HistoryLine, SheetLine, brief, brief_revision, write_sheet};
use super::watch::watch;
use super::words::{complain, parse, printed, remark, typed};
use crate::access::{PersonName, Terms, Who};
use crate::attendance::{Plan, Status};
use crate::exchange::{
    Act, Answer, Closed, OpenRollCall, Opened, Operation, Query, SheetInfo, StatusList,
};
use crate::ids::{ClassId, RollCallNumber};
use crate::limits::SPOT_MAX;
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
pub(super) struct Flags {
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
        #[command(flatten)]
        plan: PlanFlags,
    },
    /// Move the end of an open roll call, and when who answers is late if that is not yet; without an end, it
    /// gets one.
    Extend {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// By how much: 5m, 90s.
        #[arg(value_name = "T", value_parser = parse_window, allow_hyphen_values = true)]
        by: Duration,
    },
    /// Open a roll call again that was closed by mistake, within ten minutes.
    Reopen {
        /// The class.
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
    /// Show the last closed sheet of a class again, or an earlier one.
    Sheet {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
        /// The roll call with this number, as 'history' shows it.
        #[arg(long, value_name = "N", allow_negative_numbers = true)]
        number: Option<RollCallNumber>,
        /// An earlier revision of it, as 'history' shows them.
        #[arg(long, value_name = "N", conflicts_with = "date", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
        revision: Option<u32>,
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
    /// Mark students as present, without a code, while the roll call is open or after its close; the sheet says
    /// that you did.
    Mark(CorrectionFlags),
    /// Take back that students were there.
    Unmark(CorrectionFlags),
    /// Write down that students were late.
    Late(CorrectionFlags),
    /// Write down that students were absent with a reason that you accept.
    Excuse(CorrectionFlags),
    /// Write down that students left before the end.
    Left(CorrectionFlags),
    /// Who belongs to a class.
    #[command(subcommand)]
    Roster(RosterWork),
    /// Watch an open roll call, full screen: who comes, who is missing, the code of the room large for a projector
    /// (key p); extend it, mark somebody, close it.
    Watch {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
    },
    /// Mark one student after the other: a number a line, from the keyboard or a barcode scanner.
    Scan {
        /// The class.
        #[arg(allow_negative_numbers = true)]
        class: ClassId,
    },
    /// Write closed roll calls into a file for other programs.
    Export(ExportFlags),
    /// Show how often each student was there, over all closed roll calls.
    Report(ReportFlags),
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
                complain(text!("terms-plain"));
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
            complain(text!("terms-strict"));
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
            Work::Open { class, terms, plan } => {
                let terms = terms.terms(self.client.service().is_some())?;
                self.open(class, terms, plan.plan()?).map(drop)
            }
            Work::Extend { class, by } => extend(&mut self.client, class, by),
            Work::Reopen { class } => reopen(&mut self.client, class),
            Work::Close { class } => self.close(class),
            Work::Status { class: Some(class) } => self.status_of(class),
            Work::Status { class: None } => self.status(),
            Work::Sheet { class, number, revision: Some(revision), .. } => {
                self.sheet_revision(class, number, revision)
            }
            Work::Sheet { class, number: Some(number), .. } => self.sheet_number(class, number),
            Work::Sheet { class, date: Some(day), .. } => self.sheets_of_day(class, day),
            Work::Sheet { class, .. } => self.last_sheet(class),
            Work::History { class } => self.history(class),
            Work::Code { class } => room::show_code(&mut self.client, class),
            Work::Spot { class, count } => room::spot(&mut self.client, class, count),
            Work::Mark(flags) => correct(self.client, flags, Status::Present),
            Work::Unmark(flags) => correct(self.client, flags, Status::Absent),
            Work::Late(flags) => correct(self.client, flags, Status::Late),
            Work::Excuse(flags) => correct(self.client, flags, Status::Excused),
            Work::Left(flags) => correct(self.client, flags, Status::Left),
            Work::Roster(work) => roster(self.client, work),
            Work::Watch { class } => watch(self.client, class),
            Work::Scan { class } => scan(self.client, class),
            Work::Export(flags) => export(self.client, &flags),
            Work::Report(flags) => report(self.client, flags),
            Work::Share { class, teacher } => {
                let act = Act::Share { class, with: teacher };
                let acted = self.client.act(act)?;
                let words = if acted.changed() {
                    text!("shared", class, teacher)
                } else {
                    text!("shared-already", class, teacher)
                };
                self.client.tell_act(&acted, &words)
            }
        }
    }

    fn again_and_again(mut self) -> Result<(), Exit> {
        let mut prompt = Prompt::at_standard_input(self.client.json());
        printed(prompt.say(&text!("welcome-teacher")))?;
        self.client.get_ready()?;
        let mut known = Known::new();
        let mut worst = Exit::Done;
        while let Some(line) = typed(prompt.read(&text!("question-class")))? {
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
                known.insert(class, self.open(class, terms, Plan::default())?);
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
                remark(text!("stays-open-unattended", class));
                return Ok(());
            }
        } else {
            let (since, present) =
                (roll_call.opened_at.to_local_on(local_clock()), roll_call.present);
            let question = text!("question-close", class, since, present);
            if !typed(prompt.confirm(&question))? {
                return printed(prompt.say(&text!("stays-open", class)));
            }
        }
        self.close(class)?;
        known.remove(&class);
        Ok(())
    }

    /// Opens a class and tells since when it is open.
    fn open(&mut self, class: ClassId, terms: Terms, plan: Plan) -> Result<WallTime, Exit> {
        let is_usual = plan == Plan::default();
        let operation = if is_usual {
            Operation::Open { class, terms }
        } else {
            Operation::OpenWith { class, terms, plan }
        };
        let answered = self.client.perform(operation)?;
        let attempts = answered.attempts;
        let Answer::Opened(Opened { opened_at, already_open, .. }) = answered.answer else {
            return Err(self.refused(class, &answered.answer, attempts));
        };
        let at = opened_at.to_local();
        // What the server says, because an earlier opening may have had another plan.
        let needs_detail = terms.code || !is_usual || already_open;
        let detail = if needs_detail { self.client.watched_in_brief(class)? } else { None };
        let code = detail.as_ref().and_then(|it| it.code.map(|code| (code, it.left_ms)));
        let closes_at = detail.as_ref().and_then(|it| it.closes_at);
        let late_at = detail.as_ref().and_then(|it| it.late_at);
        if self.client.json() {
            let code = code.map(|(code, _)| code.to_string());
            printed(print_json(&OpenedLine {
                class: class.get(),
                opened_at: opened_at.to_rfc3339(),
                already_open,
                closes_at: closes_at.map(WallTime::to_rfc3339),
                late_after: late_at.map(WallTime::to_rfc3339),
                code,
                attempts,
            }))?;
            return Ok(opened_at);
        }
        if already_open {
            say(&text!("open-already", class, at))?;
        } else {
            say(&text!("opened", class, at))?;
        }
        if let Some(late_at) = late_at {
            say(&text!("opened-late", at = late_at.to_local_on(opened_at)))?;
        }
        if let Some(closes_at) = closes_at {
            say(&text!("opened-closes", at = closes_at.to_local_on(opened_at)))?;
        }
        if let Some((code, left_ms)) = code {
            let left = left_ms.div_ceil(1_000);
            say(&text!("opened-code", code, left, class))?;
        }
        Ok(opened_at)
    }

    /// Under which terms a class is opened for which nothing else was asked.
    fn terms(&self) -> Terms {
        if self.client.service().is_some() { Terms::SEALED } else { Terms::PLAIN }
    }

    fn close(&mut self, class: ClassId) -> Result<(), Exit> {
        let answered = self.client.perform(Operation::Close { class })?;
        let attempts = answered.attempts;
        let Answer::Closed(Closed { sheet, already_closed }) = answered.answer else {
            return Err(self.refused(class, &answered.answer, attempts));
        };
        let at = sheet.closed_at.to_local_with_zone();
        let heading = if already_closed {
            text!("closed-already", class, at)
        } else {
            text!("closed", class, at)
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
            return self.absent(class, "no_sheet", &text!("no-sheet", class), attempts);
        };
        self.show_closed(last, attempts)?;
        if !earlier.is_empty() && !self.client.json() {
            say(&text!("other-sheets", count = Count(earlier.len()), class))?;
            for info in earlier.iter().rev() {
                let (sheet, _) = self.client.fetch_sheet(info)?;
                say(&brief(info, &sheet))?;
            }
            say(&text!("other-sheets-see", class, number = earlier[0].number))?;
        }
        Ok(())
    }

    fn sheet_number(&mut self, class: ClassId, number: RollCallNumber) -> Result<(), Exit> {
        let (sheets, attempts) =
            self.client.list_sheets(class, number, &mut |info| info.number == number)?;
        if let Some(info) = sheets.first() {
            return self.show_closed(info, attempts);
        }
        let words = text!("no-sheet-number", class, number);
        self.absent(class, "no_sheet", &words, attempts)
    }

    /// A revision of the sheet of a roll call; of the last one, if none is named.
    fn sheet_revision(
        &mut self,
        class: ClassId,
        number: Option<RollCallNumber>,
        revision: u32,
    ) -> Result<(), Exit> {
        let mut of = number;
        let from = number.unwrap_or(RollCallNumber::MAX);
        let (found, attempts) = self.client.revisions(class, from, &mut |it| {
            *of.get_or_insert(it.sheet.number) == it.sheet.number
        })?;
        if let Some(found) = found.iter().find(|it| it.revision == revision) {
            return self.show_closed(&found.sheet, attempts);
        }
        let words = text!("no-sheet-revision", class, revision);
        self.absent(class, "no_sheet", &words, attempts)
    }

    fn sheets_of_day(&mut self, class: ClassId, day: NaiveDate) -> Result<(), Exit> {
        let not_before = &mut |info: &SheetInfo| info.closed_at.to_local_day() >= day;
        let (mut sheets, attempts) =
            self.client.list_sheets(class, RollCallNumber::MAX, not_before)?;
        sheets.retain(|info| info.closed_at.to_local_day() == day);
        if sheets.is_empty() {
            let words = text!("no-sheet-day", class, day = day_in_words(day));
            return self.absent(class, "no_sheet", &words, attempts);
        }
        for info in sheets.iter().rev() {
            self.show_closed(info, attempts)?;
        }
        Ok(())
    }

    fn history(&mut self, class: ClassId) -> Result<(), Exit> {
        let (revisions, attempts) =
            self.client.revisions(class, RollCallNumber::MAX, &mut |_| true)?;
        if revisions.is_empty() {
            return self.absent(class, "no_sheet", &text!("no-sheet", class), attempts);
        }
        for it in revisions.iter().rev() {
            let (sheet, more_attempts) = self.client.fetch_sheet(&it.sheet)?;
            if self.client.json() {
                printed(print_json(&HistoryLine::new(it, &sheet, attempts + more_attempts)))?;
            } else {
                say(&brief_revision(it, &sheet))?;
            }
        }
        Ok(())
    }

    fn show_closed(&mut self, info: &SheetInfo, attempts: u32) -> Result<(), Exit> {
        let SheetInfo { class, number, closed_at, .. } = *info;
        let at = closed_at.to_local_with_zone();
        let heading = text!("closed-number", class, number, at);
        self.show_sheet(info, &heading, attempts)
    }

    fn status(&mut self) -> Result<(), Exit> {
        let (open, attempts) = self.client.list::<OpenRollCall>()?;
        for roll_call in &open {
            self.show_status(roll_call, attempts)?;
        }
        if open.is_empty() && !self.client.json() {
            return say(&text!("none-open"));
        }
        Ok(())
    }

    fn status_of(&mut self, class: ClassId) -> Result<(), Exit> {
        match self.find_open(class)? {
            (Some(roll_call), attempts) => self.show_status(&roll_call, attempts),
            (None, attempts) => self.absent(class, "not_open", &text!("not-open", class), attempts),
        }
    }

    fn find_open(&mut self, class: ClassId) -> Result<(Option<OpenRollCall>, u32), Exit> {
        let answered = self.client.ask(Query::Status { from: class })?;
        let Answer::Status(StatusList { open, .. }) = answered.answer else { return Ok((None, 0)) };
        let found = open.first().copied().filter(|first| first.class == class);
        Ok((found, answered.attempts))
    }

    fn show_status(&mut self, roll_call: &OpenRollCall, attempts: u32) -> Result<(), Exit> {
        let &OpenRollCall { class, opened_at, present } = roll_call;
        let detail = self.client.watched_in_brief(class)?.filter(|it| it.opened_at == opened_at);
        let present = detail.as_ref().map_or(present, |it| it.present);
        let expected = detail.as_ref().and_then(|it| it.expected);
        let late = detail.as_ref().map_or(0, |it| it.late);
        let closes_at = detail.as_ref().and_then(|it| it.closes_at);
        if self.client.json() {
            let opened_at = opened_at.to_rfc3339();
            return printed(print_json(&OpenRollCallLine {
                class: class.get(),
                opened_at,
                present,
                expected,
                late: (late > 0).then_some(late),
                closes_at: closes_at.map(WallTime::to_rfc3339),
                attempts,
            }));
        }
        // Of a roster those who are on it: with the others, all could seem to be there while some are missing.
        let expected = detail.as_ref().and_then(|it| Some((it.expected?, it.expected_present)));
        let mut counts = vec![match expected {
            Some((expected, present)) => {
                text!("status-expected", present, expected = Count(expected))
            }
            None => text!("students", count = Count(present)),
        }];
        if late > 0 {
            counts.push(text!("count-late", count = Count(late)));
        }
        let unlisted = expected.map_or(0, |(_, there)| present.saturating_sub(there));
        if unlisted > 0 {
            counts.push(text!("count-unlisted", count = Count(unlisted)));
        }
        let end = if counts.len() > 1 { "," } else { "" };
        let present = format!("{}{end}", counts.join(", "));
        let said = text!("status", class, since = opened_at.to_local(), present);
        match closes_at.map(|it| it.to_local_on(opened_at)) {
            Some(at) => say(&format!("{said} {}", text!("status-closes", at))),
            None => say(&said),
        }
    }

    fn show_sheet(&mut self, info: &SheetInfo, heading: &str, attempts: u32) -> Result<(), Exit> {
        let (sheet, more_attempts) = self.client.fetch_sheet(info)?;
        if self.client.json() {
            let attempts = attempts + more_attempts;
            return printed(print_json(&SheetLine::new(&sheet, info.number, attempts)));
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        printed(write_sheet(&mut out, &sheet, heading).and_then(|()| out.flush()))
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
        remark(words);
        Err(Exit::Refused)
    }
}

#[derive(Serialize)]
struct OpenedLine {
    class: u32,
    opened_at: String,
    already_open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    closes_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late_after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    attempts: u32,
}

#[derive(Serialize)]
struct OpenRollCallLine {
    class: u32,
    opened_at: String,
    present: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closes_at: Option<String>,
    attempts: u32,
}

/// A closed roll call in one line.
/// Reads the day of `--date`.
fn parse_day(text: &str) -> Result<NaiveDate, String> {
    day_from_words(text).ok_or_else(|| text!("day-form"))
}

fn say(what: &str) -> Result<(), Exit> {
    printed(writeln!(io::stdout(), "{what}"))
}
