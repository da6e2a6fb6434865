//! What a mark costs as a class, the number of classes and the journal grow: the core by itself, in
//! this process ([`crate::drive`]), and the start and the snapshot ([`super::restart`]).

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Instant;

use super::plot::{Legend, Plot};
use super::report::{Chapter, Sample, Table, Verdict, count, short};
use super::{Context, Failure, restart};
use crate::drive::{Drive, School};

/// The students in one class, and the marks that are timed there. In none of these stretches does a
/// table or a list of the class double; what doubling costs is in the columns about filling.
const SIZES: [(usize, Range<usize>); 4] = [
    (10, 9..14),
    (1_000, 1_030..1_700),
    (100_000, 100_000..114_000),
    (1_000_000, 1_000_000..1_020_000),
];
/// The open classes, with [`SPREAD`] students in all of them together.
const CLASSES: [u32; 3] = [1, 1_000, 100_000];
const SPREAD: usize = 530_000;
/// At least so many marks are timed for each figure.
const MARKS: usize = 20_000;
/// The marks before each commit.
const TURN: usize = 64;
/// The clients that mark.
const CLIENTS: u64 = 1_000;
/// Where the clients make their first marks, and the class that is measured.
const OTHER: Range<u32> = 1..2;
const MEASURED: Range<u32> = 2..3;

/// How much more a mark may cost in a class of a million than in one of a thousand.
const TARGET: f64 = 1.3;

/// What was found at one size of a class.
#[derive(Default)]
struct Size {
    /// Nanoseconds for a mark at that size.
    at: Sample,
    /// Nanoseconds for a mark on the way there.
    filling: Sample,
    /// The longest turn on the way there, in milliseconds.
    longest: Sample,
}

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let (sizes, ratio) = sizes(context);
    let classes = classes(context);
    let mut text = String::from("## Growth\n\n");
    writeln!(
        text,
        "The core by itself, without sockets and disk: {CLIENTS} clients, {TURN} marks in a turn and \
         a commit, at least {MARKS} marks a figure. A mark there: the median turn by the number of its \
         marks; on the way: all turns from the empty class on, the growth of its tables included. \
         Median (range) of {} runs, each on a new server.\n",
        context.runs
    )?;
    writeln!(text, "{}\n{}", sizes_table(&sizes), classes_table(&classes))?;
    writeln!(text, "Tables grow by small steps, so that no turn pays for all of a table.\n")?;
    draw(context, &sizes)?;
    writeln!(text, "![Cost of a mark](growth.svg)\n")?;
    let restart = restart::part(context)?;
    text.push_str(&restart.text);
    let mut verdicts = vec![verdict(&ratio)];
    verdicts.extend(restart.verdicts);
    Ok(Chapter { text, verdicts })
}

/// The costs, and that of the largest class over that of 1,000 students: run by run, because what
/// else the machine does is the same for both.
fn sizes(context: &Context) -> (Vec<Size>, Sample) {
    let mut sizes: Vec<Size> = SIZES.iter().map(|_| Size::default()).collect();
    let mut ratio = Sample::default();
    for run in 1..=context.runs {
        let mut costs = Vec::new();
        for ((students, window), size) in SIZES.iter().zip(&mut sizes) {
            let cost = cost_in_a_class(window, run as u128, size);
            eprintln!("  {} students, run {run}: {} ns", count(*students), short(cost));
            size.at.push(cost);
            costs.push(cost);
        }
        ratio.push(costs[3] / costs[1]);
    }
    (sizes, ratio)
}

/// Nanoseconds for a mark while they bring a class through `window`: the median turn, because a turn
/// in which the machine does something else says nothing about growth.
fn cost_in_a_class(window: &Range<usize>, seed: u128, size: &mut Size) -> f64 {
    let (mut drive, mut school) = begun(seed);
    fill(&mut drive, &mut school, window.start - 1, size);
    let mut turns = Vec::new();
    for _ in 0..MARKS.div_ceil(window.len()) {
        let (mut drive, mut school) = (drive.clone(), school.clone());
        settle(&mut drive, &mut school);
        turns.extend(timed(&mut drive, &mut school, window.len(), MEASURED));
    }
    turns.into_iter().collect::<Sample>().median()
}

/// A server that knows all clients, with the class that is measured open and empty.
fn begun(seed: u128) -> (Drive, School) {
    let (mut drive, mut school) = (Drive::new(seed), School::new(CLIENTS));
    drive.run(&school.open(2), TURN, |_| ());
    let clients = usize::try_from(CLIENTS).expect("few");
    drive.run(&school.mark(clients, OTHER), TURN, |_| ());
    (drive, school)
}

fn fill(drive: &mut Drive, school: &mut School, students: usize, size: &mut Size) {
    let (mut seconds, mut longest, mut left) = (0.0, 0.0_f64, students);
    while left > 0 {
        // Not all at once: their requests would be larger than the server.
        let requests = school.mark(left.min(MARKS), MEASURED);
        left -= requests.count();
        for turn in requests.turns(TURN) {
            let begin = Instant::now();
            drive.turn(&requests, turn, &mut |_| ());
            let time = begin.elapsed().as_secs_f64();
            seconds += time;
            longest = longest.max(time);
        }
    }
    if students < TURN {
        return;
    }
    size.filling.push(seconds * 1e9 / students as f64);
    size.longest.push(longest * 1e3);
}

/// A copy has no room to spare: lets it take some before anything is timed, with two batches
/// elsewhere and one mark in the class.
fn settle(drive: &mut Drive, school: &mut School) {
    drive.run(&school.mark(2 * TURN, OTHER), TURN, |_| ());
    drive.run(&school.mark(1, MEASURED), TURN, |_| ());
}

/// Nanoseconds for a mark, turn by turn.
fn timed(drive: &mut Drive, school: &mut School, marks: usize, classes: Range<u32>) -> Vec<f64> {
    let requests = school.mark(marks, classes);
    let before = drive.marked();
    let mut times = Vec::new();
    for turn in requests.turns(TURN) {
        let marks = turn.len();
        let begin = Instant::now();
        drive.turn(&requests, turn, &mut |_| ());
        times.push(begin.elapsed().as_secs_f64() * 1e9 / marks as f64);
    }
    assert_eq!(drive.marked() - before, marks as u64, "every mark was a new one");
    times
}

fn classes(context: &Context) -> Vec<Sample> {
    let mut samples = vec![Sample::default(); CLASSES.len()];
    for run in 1..=context.runs {
        for (open, sample) in CLASSES.into_iter().zip(&mut samples) {
            let (mut drive, mut school) = (Drive::new(run as u128), School::new(CLIENTS));
            drive.run(&school.open(open), TURN, |_| ());
            drive.run(&school.mark(SPREAD, 1..open + 1), TURN, |_| ());
            let turns: Sample =
                timed(&mut drive, &mut school, MARKS, 1..open + 1).into_iter().collect();
            sample.push(turns.median());
            eprintln!(
                "  {} classes, run {run}: {} ns",
                count(open as usize),
                short(turns.median())
            );
        }
    }
    samples
}

fn sizes_table(sizes: &[Size]) -> Table {
    let mut table = Table::new([
        "students in the class",
        "a mark there, ns",
        "a mark on the way, ns",
        "longest turn on the way, ms",
    ]);
    for ((students, _), size) in SIZES.iter().zip(sizes) {
        let Size { at, filling, longest } = size;
        table.row([count(*students), at.to_string(), filling.to_string(), longest.to_string()]);
    }
    table
}

fn classes_table(classes: &[Sample]) -> Table {
    let mut table = Table::new(["open classes", "a mark, ns"]);
    for (open, sample) in CLASSES.into_iter().zip(classes) {
        table.row([count(open as usize), sample.to_string()]);
    }
    table
}

fn draw(context: &Context, sizes: &[Size]) -> Result<(), Failure> {
    let points = |of: fn(&Size) -> &Sample| {
        SIZES
            .iter()
            .zip(sizes)
            .map(|((students, _), it)| (*students as f64, of(it).median()))
            .collect()
    };
    let lines = [("a mark at that size", points(|it| &it.at))];
    let (title, x, y) = ("Cost of a mark", "students in the class", "ns");
    Plot { title, x, y, lines: &lines, legend: Legend::UpperLeft }
        .draw(&context.folder.join("growth.svg"))
}

fn verdict(ratio: &Sample) -> Verdict {
    Verdict {
        figure: "cost of a mark at 1,000,000 students in one class over 1,000".into(),
        target: format!("≤ {TARGET}"),
        reached: ratio.to_string(),
        met: ratio.median() <= TARGET,
    }
}
