//! `rollcall-load`: a rehearsal with thousands of students.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

use super::Exit;
use super::client::{ClientFlags, CommandClient};
use super::explain::reason;
use super::json::print_json;
use super::words::{complain, counted, failed, parse, printed};
use crate::exchange::Query;
use crate::ids::ClassId;
use crate::limits::{
    LOAD_CLASSES_FROM, LOAD_CLASSES_MAX, LOAD_IN_FLIGHT_MAX, LOAD_RATE_MAX, LOAD_SOCKETS,
    LOAD_SOCKETS_MAX, LOAD_STUDENTS_MAX,
};
use crate::rehearsal::{Fate, Plan};
use crate::seal::{PublicKey, SecretKey};
use crate::shell::clock::entropy;
use crate::shell::rehearse::{NotOpened, Pace, Rehearsal, Report, Step, rehearse};
use crate::shell::trust::Trust;

/// Rehearse a roll call: thousands of students answer, and every receipt is checked.
///
/// It opens classes of its own, marks students 1 to N in them, closes them, fetches the sheets, and
/// checks that every student with a receipt is there exactly once, with the time on the receipt,
/// and nobody else. Each student is a client of its own that asks again until it is answered, so the
/// server may be killed and started again meanwhile.
///
/// Its classes count from a random number above 3000000000, so that two rehearsals do not meet. Their
/// sheets stay in the server's journal: rehearse with a --data folder that you can throw away.
#[derive(Parser, Debug)]
#[command(name = "rollcall-load", version, after_help = EXAMPLES)]
struct Flags {
    #[command(flatten)]
    client: ClientFlags,

    /// How many students answer.
    #[arg(long, value_name = "N", value_parser = count(LOAD_STUDENTS_MAX))]
    students: u64,

    /// How many classes they are in.
    #[arg(long, value_name = "M", default_value = "1", value_parser = count(LOAD_CLASSES_MAX))]
    classes: u64,

    /// The first class; the others follow it. Without it: a random one above 3000000000.
    #[arg(long, value_name = "CLASS")]
    first_class: Option<ClassId>,

    /// How many wait for their receipt at once; the next begins when one has it.
    #[arg(long, value_name = "K", default_value = "256", value_parser = count(LOAD_IN_FLIGHT_MAX))]
    in_flight: u64,

    /// Instead: how many begin in a second, whatever the answers.
    #[arg(long, value_name = "R", conflicts_with = "in_flight", value_parser = count(LOAD_RATE_MAX as usize))]
    rate: Option<u64>,

    /// How many sockets the students share. Without it: 16, or one for each who waits where datagrams are
    /// sealed.
    #[arg(long, value_name = "S", value_parser = count(LOAD_SOCKETS_MAX))]
    sockets: Option<u64>,

    /// Insist on sealed datagrams: each student has a device key of its own and says HELLO. It is so
    /// anyway with a server that was joined.
    #[arg(long, conflicts_with = "plain")]
    sealed: bool,

    /// Let each student say HELLO before anybody presses, as clients that stay do.
    #[arg(long)]
    warm: bool,

    /// Write "CLASS STUDENT TIME" to this file for each receipt as it arrives.
    #[arg(long, value_name = "FILE")]
    acked: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  rollcall-load --students 300                     three hundred press at once, on this computer
  rollcall-load --server 192.0.2.7:5050 --students 300 --in-flight 300
                                                   the evening before, in the room, over its Wi-Fi
  rollcall-load --students 10000 --classes 40 --rate 500
                                                   a whole school within twenty seconds
  rollcall-load --students 5000 --timeout 2m --acked receipts.txt
                                                   kill the server meanwhile and start it again

Exit codes: 0 every receipt is on the sheets, 1 one is not (or another failure), 2 wrong usage,
3 refused, 4 some had no answer (outcome unknown), 130 Ctrl-C";

fn count(most: usize) -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=most as u64)
}

fn number(count: u64) -> usize {
    usize::try_from(count).expect("bounded by a limit that is a usize")
}

/// Runs the command with these arguments.
#[must_use]
pub fn run(arguments: &[OsString]) -> Exit {
    let result = parse::<Flags>(arguments).and_then(|flags| {
        let rehearsal = rehearsal(&flags)?;
        let acked = flags.acked.as_ref().map(create).transpose()?;
        let json = flags.client.json;
        let (server, service, teacher) = find(flags.client)?;
        if flags.sealed && service.is_none() {
            complain("the server was not joined: type first: rollcall-student join LINK");
            return Err(Exit::Usage);
        }
        let rehearsal = rehearsal.with(service, flags.sockets, flags.warm);
        let mut bar = Bar::new(&rehearsal.plan);
        let report = rehearse(rehearsal, teacher, server, acked, &mut |step| bar.show(step));
        bar.clear();
        let report = report.map_err(|error| {
            complain(error);
            Exit::Failed
        })?;
        let summary = Summary::new(&rehearsal, server, &report);
        printed(if json { print_json(&summary) } else { summary.print() })?;
        tell(&report)
    });
    result.err().unwrap_or(Exit::Done)
}

fn rehearsal(flags: &Flags) -> Result<Rehearsal, Exit> {
    let classes = number(flags.classes);
    let first_class = flags.first_class.unwrap_or_else(|| first_class(classes));
    let Some(plan) = Plan::new(first_class, classes, number(flags.students)) else {
        complain("the last class would be above 4294967295; choose a lower --first-class");
        return Err(Exit::Usage);
    };
    let pace = match flags.rate {
        None => Pace::InFlight(number(flags.in_flight)),
        Some(rate) => Pace::Rate(u32::try_from(rate).expect("bounded by LOAD_RATE_MAX")),
    };
    let sockets = LOAD_SOCKETS;
    Ok(Rehearsal { plan, pace, sockets, service: None, warm: false, timeout: flags.client.timeout })
}

impl Rehearsal {
    /// Over so many sockets, and with that service.
    fn with(self, service: Option<PublicKey>, sockets: Option<u64>, warm: bool) -> Self {
        let usual = match (service, self.pace) {
            (None, _) => LOAD_SOCKETS,
            (Some(_), Pace::InFlight(in_flight)) => in_flight.min(LOAD_SOCKETS_MAX),
            (Some(_), Pace::Rate(_)) => LOAD_SOCKETS_MAX,
        };
        let warm = warm && service.is_some();
        Self { service, warm, sockets: sockets.map_or(usual, number), ..self }
    }
}

fn first_class(classes: usize) -> ClassId {
    let classes = u32::try_from(classes).expect("bounded by LOAD_CLASSES_MAX");
    let number = StdRng::from_seed(entropy()).random_range(LOAD_CLASSES_FROM..=u32::MAX - classes);
    ClassId::new(number).expect("above zero")
}

fn create(path: &PathBuf) -> Result<File, Exit> {
    File::create(path).map_err(|error| {
        complain(format_args!("cannot write {}: {error}", path.display()));
        Exit::Failed
    })
}

/// The address at which the server answers, and its key if it is spoken to in sealed datagrams. Before it
/// has answered nothing else is asked of it.
fn find(flags: ClientFlags) -> Result<(SocketAddr, Option<PublicKey>, Option<SecretKey>), Exit> {
    let mut client = CommandClient::new(flags)?;
    client.ask(Query::Status { from: ClassId::new(LOAD_CLASSES_FROM).expect("above zero") })?;
    let service = client.service().copied();
    let teacher = match service {
        None => None,
        Some(_) => Some(Trust::find().and_then(|trust| trust.device_key()).map_err(failed)?),
    };
    Ok((client.address(), service, teacher))
}

/// What went wrong, most serious first, and the exit code for it.
fn tell(report: &Report) -> Result<(), Exit> {
    if report.every_receipt_is_on_the_sheets() == Some(false) {
        for finding in &report.findings {
            complain(finding);
        }
        for class in &report.sheets_broken {
            complain(format_args!("class {class}: the server does not give its sheet"));
        }
        let faults = report.faults + report.sheets_broken.len();
        complain(format_args!("the sheets are wrong in {}", counted(faults, "place", "places")));
        return Err(Exit::Failed);
    }
    if let Some((class, why)) = &report.not_opened {
        return Err(not_opened(*class, why));
    }
    let count = |fate| report.ledger.count(|it| *it == fate);
    let refused = count(Fate::Refused);
    if refused > 0 {
        let students = counted(refused, "student was", "students were");
        complain(format_args!("{students} refused; did somebody else close a class?"));
        return Err(Exit::Refused);
    }
    let unknown = count(Fate::Unknown) + count(Fate::NotAsked);
    if unknown + report.sheets_unanswered > 0 {
        let missing = [
            (unknown, counted(unknown, "student", "students")),
            (report.sheets_unanswered, counted(report.sheets_unanswered, "sheet", "sheets")),
        ];
        let missing: Vec<_> = missing.into_iter().filter(|it| it.0 > 0).map(|it| it.1).collect();
        let missing = missing.join(" and ");
        complain(format_args!("no answer for {missing}; the outcome is unknown"));
        return Err(Exit::Unknown);
    }
    Ok(())
}

fn not_opened(class: ClassId, why: &NotOpened) -> Exit {
    let nobody = "nobody was marked";
    match why {
        NotOpened::Taken => {
            complain(format_args!(
                "class {class} was open already; {nobody}; choose another --first-class"
            ));
            Exit::Failed
        }
        NotOpened::Refused(refusal) => {
            complain(format_args!("refused: {}; {nobody}", reason(*refusal, class)));
            Exit::Refused
        }
        NotOpened::Unanswered => {
            complain(format_args!("no answer when class {class} was opened; {nobody}"));
            Exit::Unknown
        }
    }
}

/// The line of `--json`, and what is printed without it.
#[derive(Serialize)]
struct Summary {
    server: String,
    first_class: u32,
    classes: usize,
    students: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_flight: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
    sockets: usize,
    sealed: bool,
    /// Until all students had their tickets, if they said HELLO first.
    #[serde(skip_serializing_if = "Option::is_none")]
    hello_seconds: Option<f64>,
    receipts: usize,
    already_present: u64,
    refused: usize,
    unknown: usize,
    not_asked: usize,
    seconds: f64,
    marks_per_second: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    datagrams: u64,
    retries: u64,
    sheets: usize,
    faults: usize,
    every_receipt_on_sheets: Option<bool>,
}

impl Summary {
    fn new(rehearsal: &Rehearsal, server: SocketAddr, report: &Report) -> Self {
        let Rehearsal { plan, pace, sockets, .. } = *rehearsal;
        let (in_flight, rate) = match pace {
            Pace::InFlight(most) => (Some(most), None),
            Pace::Rate(rate) => (None, Some(rate)),
        };
        let count = |fate| report.ledger.count(|it| *it == fate);
        let not_asked = count(Fate::NotAsked);
        let asked = plan.students() - not_asked;
        let receipts = report.receipts();
        let seconds = report.duration.as_secs_f64();
        let receipts_counted = u32::try_from(receipts).expect("bounded by LOAD_STUDENTS_MAX");
        let quantile = |quantile| millis(report.latency.value_at_quantile(quantile));
        Self {
            server: server.to_string(),
            first_class: plan.class(0).get(),
            classes: plan.classes(),
            students: plan.students(),
            in_flight,
            rate,
            sockets,
            sealed: rehearsal.service.is_some(),
            hello_seconds: report.greeting.map(|it| rounded(it.as_secs_f64())),
            receipts,
            already_present: report.already_present,
            refused: count(Fate::Refused),
            unknown: count(Fate::Unknown),
            not_asked,
            seconds: rounded(seconds),
            marks_per_second: rounded(f64::from(receipts_counted) / seconds.max(0.001)),
            p50_ms: quantile(0.5),
            p90_ms: quantile(0.9),
            p99_ms: quantile(0.99),
            max_ms: millis(report.latency.max()),
            datagrams: report.datagrams,
            retries: report.datagrams.saturating_sub(asked as u64),
            sheets: report.sheets,
            faults: report.faults + report.sheets_broken.len(),
            every_receipt_on_sheets: report.every_receipt_is_on_the_sheets(),
        }
    }

    fn print(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let students = counted(self.students, "student", "students");
        let classes = counted(self.classes, "class", "classes");
        let (first, server) = (self.first_class, &self.server);
        writeln!(out, "{students} in {classes} from {first} on, at {server}")?;
        if let Some(seconds) = self.hello_seconds {
            writeln!(
                out,
                "handshakes {} in {seconds:.2} s, before anybody pressed",
                self.students
            )?;
        }
        let Self { receipts, refused, unknown, not_asked, .. } = self;
        write!(out, "receipts   {receipts}")?;
        for (count, what) in [(refused, "refused"), (unknown, "unknown"), (not_asked, "not asked")]
        {
            if *count > 0 {
                write!(out, ", {count} {what}")?;
            }
        }
        let Self { seconds, marks_per_second, .. } = self;
        writeln!(
            out,
            "\nspeed      {marks_per_second:.0} marks per second, {seconds:.2} s in all"
        )?;
        let Self { p50_ms, p90_ms, p99_ms, max_ms, .. } = self;
        writeln!(
            out,
            "latency    p50 {p50_ms:.1} ms, p90 {p90_ms:.1} ms, p99 {p99_ms:.1} ms, max {max_ms:.1} ms"
        )?;
        let Self { datagrams, retries, .. } = self;
        writeln!(out, "retries    {retries} of {datagrams} datagrams")?;
        let checked = match self.every_receipt_on_sheets {
            Some(true) => "every receipt is on the sheets, once, with its time",
            Some(false) => "WRONG: not every receipt is on the sheets as it should be",
            None => "not all of them could be had",
        };
        writeln!(out, "sheets     {checked}")
    }
}

fn millis(micros: u64) -> f64 {
    rounded(Duration::from_micros(micros).as_secs_f64() * 1_000.0)
}

/// Three digits after the point: more would pretend to more than was measured.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// The bar at a terminal; nothing elsewhere.
struct Bar {
    drawn: ProgressBar,
    classes: u64,
    students: u64,
}

impl Bar {
    fn new(plan: &Plan) -> Self {
        let drawn = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg:9} {bar:40} {pos}/{len} {per_sec}, {eta}");
        drawn.set_style(style.expect("the template is right"));
        Self { drawn, classes: plan.classes() as u64, students: plan.students() as u64 }
    }

    fn show(&mut self, step: Step) {
        let (what, length, place) = match step {
            Step::Greeting(place) => ("greeting", self.students, place),
            Step::Opening(place) => ("opening", self.classes, place),
            Step::Marking(place) => ("marking", self.students, place),
            Step::Checking(place) => ("checking", self.classes, place),
        };
        if self.drawn.length() != Some(length) || self.drawn.message() != what {
            self.drawn.reset();
            self.drawn.set_length(length);
            self.drawn.set_message(what);
        }
        self.drawn.set_position(place as u64);
    }

    fn clear(&mut self) {
        self.drawn.finish_and_clear();
    }
}
