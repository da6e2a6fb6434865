//! What a lecture costs beyond marks: a roster and a window on each mark, the close of a large class, an
//! import over a bad network, a report of a year, a screen that watches.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rollcall::journal::{Journal as _, SqliteJournal};
use rollcall::limits::ROSTER_MAX;
use rollcall::server::Server as Core;

use super::namespaces::{Network, Unavailable};
use super::programs::{Kept, LOAD_CORE, Server};
use super::report::{Chapter, Sample, Table, Verdict};
use super::{Context, Failure};
use crate::drive::{Drive, School};

/// The students of a large class.
const LARGE: usize = 5_000;
/// Those of a usual one, and its roll calls in a year.
const USUAL: usize = 300;
const ROLL_CALLS: usize = 200;
const CLASS: &str = "3030";
/// The marks before each commit.
const TURN: usize = 64;
/// Of a hundred packets, in each direction.
const LOST: u32 = 20;
/// How long a screen is watched.
const WATCHED: Duration = Duration::from_secs(20);
/// What the kernel counts the time of processes in.
const TICKS_A_SECOND: f64 = 100.0;

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let mut text = String::from("## A lecture\n\n");
    let mut table = Table::new(["figure", "measured"]);
    let mut verdicts = Vec::new();
    let mut add = |figure: &str, most: f64, unit: &str, sample: &Sample| {
        table.row([figure.to_owned(), format!("{sample} {unit}")]);
        verdicts.push(Verdict {
            figure: figure.to_owned(),
            target: format!("≤ {most} {unit}"),
            reached: format!("{sample} {unit}"),
            met: sample.median() <= most,
        });
    };
    add("a mark with roster and window in the core, over one without", 1.2, "x", &mark(context));
    let (held, durable) = close(context)?;
    add("the close of a roll call of 5,000, the loop's time", 10.0, "ms", &held);
    add("the same until the sheet is on disk", 50.0, "ms", &durable);
    add("an entry of a roster of 100,000 in memory", 100.0, "B", &entry());
    add("the report of 200 roll calls of 300, the whole command", 1_000.0, "ms", &report(context)?);
    add("`watch`, of a core", 1.0, "%", &watch(context)?);
    let skipped = match import(context) {
        Ok(sample) => {
            add("the import of 5,000 students, 20 % lost each way", 10.0, "s", &sample);
            None
        }
        Err(error) if error.is::<Unavailable>() => Some(error.to_string()),
        Err(error) => return Err(error),
    };
    writeln!(
        text,
        "Each figure: median (range) of {} runs. The core's are of this process, without a socket; the others are \
         of whole programs on this computer, in plain datagrams.\n\n{table}",
        context.runs
    )?;
    if let Some(why) = skipped {
        writeln!(text, "The import over loss is skipped: {why}\n")?;
    }
    Ok(Chapter { text, verdicts })
}

/// The time of marks in a class with a roster and an end, over that of marks in one without.
fn mark(context: &Context) -> Sample {
    let marks = 20_000;
    let ratio = |_| {
        let time = |planned: bool| {
            let (mut drive, mut school) = (Drive::new(1), School::new(1_000));
            if planned {
                drive.run(&school.enrol(1, marks), 1, |_| ());
                drive.run(&school.open_planned(1), 1, |_| ());
            } else {
                drive.run(&school.open(1), 1, |_| ());
            }
            let requests = school.mark(marks, 1..2);
            let begin = Instant::now();
            drive.run(&requests, TURN, |_| ());
            let time = begin.elapsed().as_secs_f64();
            assert_eq!(drive.marked(), marks as u64, "all are marked");
            time
        };
        // In turn, and the better of three each: who else uses the computer only adds.
        let times: Vec<_> = (0..3).map(|_| (time(false), time(true))).collect();
        let least = |it: fn(&(f64, f64)) -> f64| times.iter().map(it).fold(f64::INFINITY, f64::min);
        least(|it| it.1) / least(|it| it.0)
    };
    (0..context.runs).map(ratio).collect()
}

/// How long a close of a large class holds the loop, and how long it is until its sheet is on disk.
fn close(context: &Context) -> Result<(Sample, Sample), Failure> {
    let (mut held, mut durable) = (Sample::default(), Sample::default());
    for _ in 0..context.runs {
        let folder = tempfile::tempdir()?;
        let mut journal = SqliteJournal::open(folder.path())?;
        let mut core = Core::new(1);
        journal.recover(&mut core)?;
        let (mut drive, mut school) = (Drive::of(core), School::new(1_000));
        let mut failed = None;
        let mut keep = |batch: &rollcall::record::Batch| {
            failed = failed.take().or(journal.commit(batch).err());
        };
        drive.run(&school.enrol(1, LARGE), TURN, &mut keep);
        drive.run(&school.open_planned(1), 1, &mut keep);
        drive.run(&school.mark(LARGE * 9 / 10, 1..2), TURN, &mut keep);
        let mut on_disk = 0.0;
        let begin = Instant::now();
        drive.run(&school.close(1), 1, |batch| {
            let begin = Instant::now();
            keep(batch);
            on_disk = begin.elapsed().as_secs_f64();
        });
        let all = begin.elapsed().as_secs_f64();
        if let Some(error) = failed {
            return Err(error.into());
        }
        held.push(1e3 * (all - on_disk));
        durable.push(1e3 * all);
    }
    Ok((held, durable))
}

/// The memory of an entry of the largest roster.
fn entry() -> Sample {
    let (mut drive, mut school) = (Drive::new(1), School::new(1_000));
    let requests = school.enrol(1, ROSTER_MAX);
    let counted = allocation_counter::measure(|| drive.run(&requests, TURN, |_| ()));
    std::iter::once(counted.bytes_current as f64 / ROSTER_MAX as f64).collect()
}

fn import(context: &Context) -> Result<Sample, Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("class.csv");
    std::fs::write(&file, roster(0..=LARGE - 1, 9))?;
    let mut sample = Sample::default();
    for _ in 0..context.runs {
        let network = Network::joined()?;
        network.lose(LOST)?;
        let server = network.server(&context.programs, "rollcall-server", Kept::OnDisk)?;
        let mut import = network.load(&context.programs, "rollcall-teacher");
        import.args(["--server", &server.address.to_string(), "--timeout", "2m"]);
        import.args(["roster", "import", CLASS, "--yes"]).arg(&file);
        sample.push(1e-3 * timed(&mut import)?);
    }
    Ok(sample)
}

/// A roster of these numbers, written with so many digits at least.
fn roster(numbers: RangeInclusive<usize>, digits: usize) -> String {
    let mut text = String::from("number,name\n");
    for number in numbers {
        writeln!(text, "{number:0digits$},Maria das Dores Silva {number}").expect("written");
    }
    text
}

fn report(context: &Context) -> Result<Sample, Failure> {
    let server = context.programs.server(Kept::OnDisk)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("class.csv");
    // The load's students are 1 to 300.
    std::fs::write(&file, roster(1..=USUAL, 0))?;
    teacher(context, &server, &["roster", "import", CLASS, "--yes", &file.to_string_lossy()])?;
    for _ in 0..ROLL_CALLS {
        let mut load = context.programs.on_core(LOAD_CORE, "rollcall-load");
        load.args(["--server", &server.address.to_string(), "--first-class", CLASS]);
        load.args(["--students", &USUAL.to_string(), "--in-flight", "300"]);
        timed(&mut load)?;
    }
    (0..context.runs).map(|_| teacher(context, &server, &["report", CLASS])).collect()
}

/// The part of a core that a screen takes on which nothing happens.
fn watch(context: &Context) -> Result<Sample, Failure> {
    let server = context.programs.server(Kept::InMemory)?;
    teacher(context, &server, &["open", CLASS, "--for", "30m"])?;
    let watched = if context.quick { Duration::from_secs(2) } else { WATCHED };
    let program = context.programs.path("rollcall-teacher");
    let command = format!("exec {} --server {} watch {CLASS}", program.display(), server.address);
    let screen = Screen::begin(&command)?;
    // The first look is drawn.
    thread::sleep(Duration::from_secs(1));
    let begin = screen.seconds()?;
    thread::sleep(watched);
    let part = (screen.seconds()? - begin) / watched.as_secs_f64();
    Ok(std::iter::once(100.0 * part).collect())
}

/// A program at a terminal, until this is dropped.
struct Screen(Child);

impl Screen {
    fn begin(command: &str) -> Result<Self, Failure> {
        let mut script = Command::new("script");
        script.args(["-qec", command, "/dev/null"]).env("TERM", "xterm-256color");
        Ok(Self(script.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?))
    }

    /// How long the program in it has computed.
    fn seconds(&self) -> Result<f64, Failure> {
        let parent = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
        let child = children.split_whitespace().next().ok_or("there is nothing at the terminal")?;
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat"))?;
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |place: usize| fields.get(place).and_then(|it| it.parse::<f64>().ok());
        let (user, system) = (ticks(11).ok_or("no time")?, ticks(12).ok_or("no time")?);
        Ok((user + system) / TICKS_A_SECOND)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn teacher(context: &Context, server: &Server, words: &[&str]) -> Result<f64, Failure> {
    let mut command = context.programs.on_core(LOAD_CORE, "rollcall-teacher");
    timed(command.args(["--server", &server.address.to_string()]).args(words))
}

/// The milliseconds of a program that must end well.
fn timed(command: &mut Command) -> Result<f64, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begin = Instant::now();
    let output = command.stderr(Stdio::piped()).output()?;
    let millis = begin.elapsed().as_secs_f64() * 1e3;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(millis) } else { Err(format!("{command:?}: {said}").into()) }
}
