//! Marks per second: the server and its TCP twin under the same closed loop, each beside the echo.

use std::fmt::Write as _;

use rollcall::exchange::{Marked, Operation, Outcome};
use rollcall::ids::{ClassId, ClientId, RequestNumber};
use rollcall::journal::{Journal as _, SqliteJournal};
use rollcall::record::{Batch, Record};
use rollcall::roll::ClientRecord;
use rollcall::time::WallTime;
use serde_json::Value;

use super::plot::{Legend, Line, Plot};
use super::programs::{Kept, LOAD_CORE, Programs, measure};
use super::report::{Chapter, Sample, Table, Verdict, short};
use super::{Context, Failure};

/// How many marks wait for their answers at once.
const IN_FLIGHT: [usize; 5] = [1, 8, 64, 512, 4_096];
/// What answers.
const KINDS: [Kind; 7] = [
    Kind::Echo,
    Kind::Memory,
    Kind::TwinMemory,
    Kind::SyncedEcho,
    Kind::Disk,
    Kind::TwinDisk,
    Kind::TwinChurn,
];
/// The bytes of a `MARKED` with present-day times: what the echoes answer with.
pub(crate) const MARKED_BYTES: usize = 36;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Echo,
    Memory,
    TwinMemory,
    SyncedEcho,
    Disk,
    TwinDisk,
    TwinChurn,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Echo => "batched echo",
            Self::SyncedEcho => "synced echo",
            Self::Memory => "server, in memory",
            Self::Disk => "server, durable",
            Self::TwinMemory => "TCP twin, in memory",
            Self::TwinDisk => "TCP twin, durable",
            Self::TwinChurn => "TCP twin, durable, a connection a mark",
        }
    }

    fn run(self, programs: &Programs, in_flight: usize, millis: u64) -> Result<Value, Failure> {
        let server = match self {
            Self::Echo => programs.echo(MARKED_BYTES, Kept::InMemory)?,
            Self::SyncedEcho => programs.echo(MARKED_BYTES, Kept::OnDisk)?,
            Self::Memory => programs.server(Kept::InMemory)?,
            Self::Disk => programs.server(Kept::OnDisk)?,
            Self::TwinMemory => programs.twin(Kept::InMemory)?,
            Self::TwinDisk | Self::TwinChurn => programs.twin(Kept::OnDisk)?,
        };
        let role = match self {
            Self::Echo | Self::SyncedEcho | Self::Memory | Self::Disk => "press",
            Self::TwinMemory | Self::TwinDisk | Self::TwinChurn => "press-tcp",
        };
        let mut command = programs.on_core(LOAD_CORE, "contrast");
        command.arg(role).arg(server.address.to_string());
        command.args(["--in-flight", &in_flight.to_string(), "--millis", &millis.to_string()]);
        match self {
            Self::Echo | Self::SyncedEcho => command.arg("--echo"),
            Self::TwinChurn => command.arg("--churn"),
            _ => &mut command,
        };
        measure(&mut command, [""; 0])
    }
}

/// What was measured with so many in flight.
struct Row {
    in_flight: usize,
    /// For each kind: marks per second, over its echo's, median and p99 latency in microseconds.
    kinds: Vec<Figures>,
}

#[derive(Default)]
struct Figures {
    rate: Sample,
    over_echo: Sample,
    p50: Sample,
    p99: Sample,
}

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let mut rows = Vec::new();
    for in_flight in IN_FLIGHT {
        rows.push(row(context, in_flight)?);
    }
    let commit = commit_micros(context.runs)?;
    let mut text = String::from("## Marks per second\n\n");
    writeln!(
        text,
        "A closed loop: so many clients, each sending its next mark when the last one is answered. The \
         server on one core, the load on the other. Each cell: median (range) of {} runs in turn.\n\n\
         The *batched echo* receives and sends up to 64 datagrams in a system call and does nothing \
         else. The *synced echo* writes all requests that have arrived over blocks of a file that exist \
         already, with one `pwrite` and one `fdatasync`, and then answers them: nothing that \
         acknowledges only what is durable, one request after the other or many at once, answers \
         faster.\n",
        context.runs
    )?;
    let head = std::iter::once("in flight").chain(KINDS.map(Kind::name));
    let mut rates = Table::new(head.clone());
    let mut ratios = Table::new(head.clone());
    let mut latencies = Table::new(head);
    for row in &rows {
        let name = || std::iter::once(row.in_flight.to_string());
        rates.row(name().chain(row.kinds.iter().map(|it| it.rate.to_string())));
        ratios.row(name().chain(row.kinds.iter().map(|it| it.over_echo.to_string())));
        let both =
            |it: &Figures| format!("{} / {}", short(it.p50.median()), short(it.p99.median()));
        latencies.row(name().chain(row.kinds.iter().map(both)));
    }
    writeln!(
        text,
        "{rates}\nThe same over the rate of the echo to its left in the same round:\n\n{ratios}"
    )?;
    writeln!(text, "Median and p99 latency in µs:\n\n{latencies}")?;
    writeln!(
        text,
        "One commit of a batch of one mark by itself, in the same minutes: {commit} µs.\n"
    )?;
    let plot = Plot {
        title: "Marks per second",
        x: "marks in flight",
        y: "marks per second",
        lines: &points(&rows),
        legend: Legend::LowerRight,
    };
    plot.draw(&context.folder.join("rates.svg"))?;
    writeln!(text, "![Marks per second](rates.svg)\n")?;
    Ok(Chapter { text, verdicts: verdicts(&rows) })
}

fn row(context: &Context, in_flight: usize) -> Result<Row, Failure> {
    let mut kinds: Vec<Figures> = KINDS.iter().map(|_| Figures::default()).collect();
    for round in 1..=context.runs {
        let mut echo = f64::NAN;
        for (kind, figures) in KINDS.into_iter().zip(&mut kinds) {
            let value = kind.run(&context.programs, in_flight, context.millis)?;
            let number = |name: &str| value[name].as_f64().unwrap_or(f64::NAN);
            let rate = number("rate");
            if matches!(kind, Kind::Echo | Kind::SyncedEcho) {
                echo = rate;
            }
            figures.rate.push(rate);
            figures.over_echo.push(rate / echo);
            figures.p50.push(number("p50_us"));
            figures.p99.push(number("p99_us"));
            eprintln!("  {in_flight} in flight, round {round}, {}: {rate:.0}/s", kind.name());
        }
    }
    Ok(Row { in_flight, kinds })
}

/// Marks per second of each kind, for the plot.
fn points(rows: &[Row]) -> Vec<Line> {
    let of = |index: usize| {
        let point = |row: &Row| (row.in_flight as f64, row.kinds[index].rate.median());
        rows.iter().map(point).collect()
    };
    KINDS.iter().enumerate().map(|(index, kind)| (kind.name(), of(index))).collect()
}

/// What is compared with which echo, at how many in flight, and the least ratio.
const TARGETS: [(&str, Kind, usize, f64); 7] = [
    ("durable over the synced echo", Kind::Disk, 1, 0.95),
    ("durable over the synced echo", Kind::Disk, 64, 0.95),
    ("durable over the synced echo", Kind::Disk, 512, 0.85),
    ("durable over the synced echo", Kind::Disk, 4_096, 0.85),
    ("in memory over the batched echo", Kind::Memory, 64, 0.85),
    ("in memory over the batched echo", Kind::Memory, 512, 0.85),
    ("in memory over the batched echo", Kind::Memory, 4_096, 0.85),
];

fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let verdict = |(figure, kind, in_flight, least): (&str, Kind, usize, f64)| {
        let row = rows.iter().find(|row| row.in_flight == in_flight).expect("it was measured");
        let place = KINDS.iter().position(|it| *it == kind).expect("one of them");
        let reached = &row.kinds[place].over_echo;
        Verdict {
            figure: format!("marks per second, {figure}, {in_flight} in flight"),
            target: format!("≥ {least}"),
            reached: reached.to_string(),
            met: reached.median() >= least,
        }
    };
    TARGETS.into_iter().map(verdict).collect()
}

/// What one commit of one mark takes when nothing else is done, in microseconds.
fn commit_micros(runs: usize) -> Result<Sample, Failure> {
    let mut medians = Sample::default();
    for _ in 0..runs {
        let folder = tempfile::tempdir()?;
        let mut journal = SqliteJournal::open(folder.path())?;
        let mut times = Sample::default();
        for number in 1..=500 {
            let batch = batch_of_one(number);
            let begin = std::time::Instant::now();
            journal.commit(&batch)?;
            times.push(begin.elapsed().as_secs_f64() * 1e6);
        }
        medians.push(times.median());
    }
    Ok(medians)
}

fn batch_of_one(number: u64) -> Batch {
    let at = WallTime::from_millis(1_800_000_000_000 + number);
    let class = ClassId::new(3030).expect("not zero");
    let student = number.to_string().parse().expect("a student number");
    let client = ClientRecord {
        client: ClientId::from_bytes(u128::from(number).to_le_bytes()),
        started: at,
        number: RequestNumber::FIRST,
        fingerprint: 0,
        outcome: Outcome::Marked(Marked { class, at, already_present: false }),
    };
    let operation = Operation::Mark { class, student, code: None };
    let records = vec![Record::Answered { at, operation, client }];
    Batch { number, records, sheets: Vec::new(), forgotten: Vec::new(), acts: Vec::new() }
}
