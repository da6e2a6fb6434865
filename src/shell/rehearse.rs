//! A rehearsal: opens classes, marks a crowd, closes, fetches the sheets and compares.
//!
//! ```text
//!   open every class ─▶ mark every student ─▶ close and fetch every sheet ─▶ report
//! ```
//!
//! Each step is done by clients of their own, a bounded number at once or so many a second. A
//! server that is killed and comes back is only slow: whoever waits for it asks again.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::call::Answered;
use super::crowd::{Crowd, Ended};
use super::download::FetchError;
use crate::access::Terms;
use crate::client::Unanswered;
use crate::exchange::{Answer, Closed, Marked, Opened, Operation, Refusal, Refused, SheetInfo};
use crate::ids::ClassId;
use crate::limits::{
    DEADLINE_MAX, LOAD_FINDINGS_KEPT_MAX, LOAD_HELLOS_AT_ONCE, LOAD_LATENCY_MAX_MICROS,
    LOAD_TEACHERS_AT_ONCE,
};
use crate::rehearsal::{Fate, Finding, Ledger, Plan};
use crate::seal::{PublicKey, SecretKey};
use crate::time::{Instant, WallTime};

const _: () = assert!(LOAD_LATENCY_MAX_MICROS as u128 > DEADLINE_MAX.as_micros());

/// When the next mark begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Closed loop: so many students wait at once, and when one has the receipt the next begins.
    InFlight(usize),
    /// Open loop: so many begin in a second, whatever the answers.
    Rate(u32),
}

/// What to rehearse.
#[derive(Clone, Copy, Debug)]
pub struct Rehearsal {
    /// Who and where.
    pub plan: Plan,
    /// How fast.
    pub pace: Pace,
    /// How many sockets the students share.
    pub sockets: usize,
    /// The key of the service, if it is spoken to in sealed datagrams: each student has a device key and
    /// says `HELLO`.
    pub service: Option<PublicKey>,
    /// Whether the students say `HELLO` before they press.
    pub warm: bool,
    /// How long each keeps asking.
    pub timeout: Duration,
}

impl Rehearsal {
    /// Under which terms the roll calls are held: nobody reads a code to a crowd of programs.
    fn terms(&self) -> Terms {
        match self.service {
            None => Terms::PLAIN,
            Some(_) => Terms { code: false, ..Terms::SEALED },
        }
    }
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many classes are open.
    Opening(usize),
    /// So many students have a ticket.
    Greeting(usize),
    /// So many students have their receipt, or are done without.
    Marking(usize),
    /// So many sheets were compared.
    Checking(usize),
}

/// Why a class was not opened; no student was marked then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOpened {
    /// Its roll call was open already, so it is somebody else's.
    Taken,
    /// The server refused.
    Refused(Refusal),
    /// There was no answer.
    Unanswered,
}

/// How it went.
#[derive(Clone, Debug)]
pub struct Report {
    /// What every student was told.
    pub ledger: Ledger,
    /// A class that could not be opened.
    pub not_opened: Option<(ClassId, NotOpened)>,
    /// Receipts that say that the student had been recorded before.
    pub already_present: u64,
    /// How long it took until all students had their tickets, if they said `HELLO` before they pressed.
    pub greeting: Option<Duration>,
    /// From the first mark to the last answer.
    pub duration: Duration,
    /// From the beginning of a mark to its receipt, in microseconds.
    pub latency: Histogram<u64>,
    /// The datagrams that were sent for marks.
    pub datagrams: u64,
    /// Classes whose sheet was compared.
    pub sheets: usize,
    /// Classes whose sheet could not be had because there was no answer.
    pub sheets_unanswered: usize,
    /// Classes whose sheet the server does not give, or not as announced.
    pub sheets_broken: Vec<ClassId>,
    /// The first of what is wrong on the sheets.
    pub findings: Vec<Finding>,
    /// How much is wrong on the sheets.
    pub faults: usize,
}

impl Report {
    /// Whether every receipt is on the sheets, and nobody is there who should not be; unknown if a
    /// sheet could not be had.
    #[must_use]
    pub fn every_receipt_is_on_the_sheets(&self) -> Option<bool> {
        let wrong = self.faults > 0 || !self.sheets_broken.is_empty();
        let known = wrong || self.sheets_unanswered == 0;
        known.then_some(!wrong)
    }

    /// The students with a receipt.
    #[must_use]
    pub fn receipts(&self) -> usize {
        self.ledger.count(|fate| matches!(fate, Fate::Receipt(_)))
    }
}

/// Why a rehearsal could not go on.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The receipts cannot be written down.
    #[error("cannot write the receipts: {0}")]
    Acked(io::Error),
    /// The system does not let us wait, or gives no sockets.
    #[error("the operating system refused: {0}")]
    System(#[from] io::Error),
    /// No sheet can be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// Rehearses; where datagrams are sealed, the device with the key of `teacher` opens and closes. Each receipt is written to `acked` as it arrives.
///
/// # Errors
/// If the system refuses, or a receipt cannot be written down. Classes may be open then.
pub fn rehearse(
    rehearsal: Rehearsal,
    teacher: Option<SecretKey>,
    server: SocketAddr,
    acked: Option<File>,
    watch: &mut dyn FnMut(Step),
) -> Result<Report, LoadError> {
    let Rehearsal { plan, sockets, timeout, .. } = rehearsal;
    // With fixed bounds: a histogram that grows does not do so for what is recorded saturating.
    let latency = Histogram::new_with_bounds(1, LOAD_LATENCY_MAX_MICROS, 3).expect("valid bounds");
    let report = Report {
        ledger: Ledger::new(plan),
        not_opened: None,
        already_present: 0,
        greeting: None,
        duration: Duration::ZERO,
        latency,
        datagrams: 0,
        sheets: 0,
        sheets_unanswered: 0,
        sheets_broken: Vec::new(),
        findings: Vec::new(),
        faults: 0,
    };
    let crowd = Crowd::new(server, rehearsal.service, teacher, sockets, timeout)?;
    let acked = acked.map(BufWriter::new);
    let mut run = Run { rehearsal, crowd, acked, report, opened: Vec::new() };
    run.open(watch)?;
    if run.report.not_opened.is_none() {
        if rehearsal.warm {
            run.greet(watch)?;
        }
        run.mark(watch)?;
    }
    run.close(watch)?;
    Ok(run.report)
}

struct Run {
    rehearsal: Rehearsal,
    crowd: Crowd,
    acked: Option<BufWriter<File>>,
    report: Report,
    /// The places of the classes that we opened.
    opened: Vec<usize>,
}

impl Run {
    fn open(&mut self, watch: &mut dyn FnMut(Step)) -> Result<(), LoadError> {
        let plan = self.rehearsal.plan;
        let mut next = 0;
        loop {
            let going_on = self.report.not_opened.is_none() && next < plan.classes();
            if going_on && self.crowd.waiting() < LOAD_TEACHERS_AT_ONCE {
                let (class, terms) = (plan.class(next), self.rehearsal.terms());
                self.crowd.perform(next, Operation::Open { class, terms });
                next += 1;
                continue;
            }
            if self.crowd.waiting() == 0 {
                return Ok(());
            }
            for ended in self.crowd.turn(None)? {
                self.teacher_opened(&ended);
            }
            watch(Step::Opening(self.opened.len()));
        }
    }

    fn teacher_opened(&mut self, ended: &Ended) {
        let why = match ended.result.as_ref().map(|answered| &answered.answer) {
            Ok(Answer::Opened(Opened { already_open: false, .. })) => {
                self.opened.push(ended.place);
                return;
            }
            Ok(Answer::Refused(Refused { reason, .. })) => NotOpened::Refused(*reason),
            Ok(_) => NotOpened::Taken,
            Err(_) => NotOpened::Unanswered,
        };
        let class = self.rehearsal.plan.class(ended.place);
        self.report.not_opened.get_or_insert((class, why));
    }

    /// Each student says `HELLO`, some at a time.
    fn greet(&mut self, watch: &mut dyn FnMut(Step)) -> Result<(), LoadError> {
        let students = self.rehearsal.plan.students();
        let start = self.crowd.now().instant;
        let mut next = 0;
        while next < students || self.crowd.waiting() > 0 {
            if next < students && self.crowd.waiting() < LOAD_HELLOS_AT_ONCE {
                self.crowd.greet(next);
                next += 1;
                continue;
            }
            self.crowd.turn(None)?;
            watch(Step::Greeting(next - self.crowd.waiting()));
        }
        self.report.greeting = Some(self.crowd.now().instant.since(start));
        Ok(())
    }

    fn mark(&mut self, watch: &mut dyn FnMut(Step)) -> Result<(), LoadError> {
        let plan = self.rehearsal.plan;
        let start = self.crowd.now().instant;
        let sent_before = self.crowd.datagrams();
        let (mut next, mut done, mut silent) = (0, 0, false);
        loop {
            let due = self.next_mark(start, next).filter(|_| next < plan.students() && !silent);
            if due.is_some_and(|due| due <= self.crowd.now().instant) {
                let (class, student) = (plan.class_of(next), plan.student(next));
                self.report.ledger.record(next, Fate::Unknown);
                self.crowd.perform(next, Operation::Mark { class, student, code: None });
                next += 1;
                // A crowd that begins at once must not keep us from hearing the first answers.
                if next % LOAD_TEACHERS_AT_ONCE != 0 {
                    continue;
                }
            }
            if self.crowd.waiting() == 0 && (silent || next == plan.students()) {
                break;
            }
            let until = self.next_mark(start, next).filter(|_| next < plan.students() && !silent);
            for ended in self.crowd.turn(until)? {
                done += 1;
                self.report.duration = ended.at.since(start);
                // Nothing was heard all the while: the others would only wait as long again.
                silent |= ended.result.is_err() && self.crowd.heard() < ended.began;
                self.student_answered(&ended)?;
            }
            self.flush()?;
            watch(Step::Marking(done));
        }
        self.report.datagrams = self.crowd.datagrams() - sent_before;
        Ok(())
    }

    /// When the mark at this place begins; `None`: not before another one has ended.
    fn next_mark(&self, start: Instant, place: usize) -> Option<Instant> {
        match self.rehearsal.pace {
            Pace::InFlight(most) => (self.crowd.waiting() < most).then_some(start),
            Pace::Rate(rate) => {
                let micros = place as u64 * 1_000_000 / u64::from(rate);
                Some(start.after(Duration::from_micros(micros)))
            }
        }
    }

    fn student_answered(&mut self, ended: &Ended) -> Result<(), LoadError> {
        let fate = match &ended.result {
            Ok(Answered { answer, .. }) => match answer.marked() {
                Some(Marked { at, already_present, .. }) => {
                    self.report.already_present += u64::from(already_present);
                    let micros = ended.at.since(ended.began).as_micros();
                    let micros = u64::try_from(micros).unwrap_or(u64::MAX);
                    self.report.latency.saturating_record(micros);
                    self.write_down(ended.place, at)?;
                    Fate::Receipt(at)
                }
                None => Fate::Refused,
            },
            Err(Unanswered { .. }) => Fate::Unknown,
        };
        self.report.ledger.record(ended.place, fate);
        Ok(())
    }

    fn write_down(&mut self, place: usize, at: WallTime) -> Result<(), LoadError> {
        let Some(acked) = &mut self.acked else { return Ok(()) };
        let plan = self.rehearsal.plan;
        let (class, student) = (plan.class_of(place), plan.student(place));
        writeln!(acked, "{class} {student} {at}").map_err(LoadError::Acked)
    }

    fn flush(&mut self) -> Result<(), LoadError> {
        self.acked.as_mut().map_or(Ok(()), BufWriter::flush).map_err(LoadError::Acked)
    }

    /// Closes what was opened; then each sheet is fetched and compared.
    fn close(&mut self, watch: &mut dyn FnMut(Step)) -> Result<(), LoadError> {
        let plan = self.rehearsal.plan;
        let mut closed = Vec::with_capacity(self.opened.len());
        let mut next = 0;
        let mut silent = false;
        loop {
            if next < self.opened.len() && !silent && self.crowd.waiting() < LOAD_TEACHERS_AT_ONCE {
                let place = self.opened[next];
                self.crowd.perform(place, Operation::Close { class: plan.class(place) });
                next += 1;
                continue;
            }
            if self.crowd.waiting() == 0 {
                self.report.sheets_unanswered += self.opened.len() - next;
                return self.compare(&closed, watch);
            }
            for Ended { place, began, result, .. } in self.crowd.turn(None)? {
                silent |= result.is_err() && self.crowd.heard() < began;
                match result.map(|answered| answered.answer) {
                    Ok(Answer::Closed(Closed { sheet, .. })) => closed.push((place, sheet)),
                    Ok(_) => self.report.sheets_broken.push(plan.class(place)),
                    Err(_) => self.report.sheets_unanswered += 1,
                }
            }
        }
    }

    fn compare(
        &mut self,
        closed: &[(usize, SheetInfo)],
        watch: &mut dyn FnMut(Step),
    ) -> Result<(), LoadError> {
        let mut fetcher = self.crowd.fetcher()?;
        for (done, (place, info)) in closed.iter().enumerate() {
            watch(Step::Checking(self.report.sheets));
            let sheet = match fetcher.fetch_sheet(info, self.rehearsal.timeout) {
                Ok((sheet, _)) => sheet,
                // Nor would the others be answered, and each would take as long to find out.
                Err(FetchError::Unanswered { .. }) => {
                    self.report.sheets_unanswered += closed.len() - done;
                    break;
                }
                Err(_) => {
                    self.report.sheets_broken.push(info.class);
                    continue;
                }
            };
            let findings = self.report.ledger.check(*place, &sheet);
            self.report.sheets += 1;
            self.report.faults += findings.len();
            let room = LOAD_FINDINGS_KEPT_MAX.saturating_sub(self.report.findings.len());
            self.report.findings.extend(findings.into_iter().take(room));
        }
        watch(Step::Checking(self.report.sheets));
        Ok(())
    }
}
