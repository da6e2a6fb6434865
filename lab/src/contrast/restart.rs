//! The start on a long journal, beside the time that SQLite takes to read its rows, and the snapshot
//! of many clients. A part of the chapter on growth.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use rollcall::journal::{DATABASE_FILE, Journal as _, JournalError, SqliteJournal};
use rollcall::server::{Output, Server};
use rollcall::wire::Datagram;
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

use super::programs::{SERVER_CORE, measure};
use super::report::{Chapter, Sample, Table, Verdict, count};
use super::{Context, Failure};
use crate::drive::{Drive, Requests, School};

/// The marks in the journal.
const MARKS: [usize; 2] = [1_000_000, 10_000_000];
/// The clients of a snapshot; each has made one mark.
const REMEMBERED: usize = 1_000_000;
/// The same when it is only to be seen that it works.
const QUICK: usize = 100_000;
/// How long a start with so many clients may take, in seconds.
const START_TARGET: f64 = 1.0;
/// The marks of one commit.
const BATCH: usize = 512;
/// The classes that are marked in turn: one class holds two million students at most.
const CLASSES: u32 = 10;
/// The clients that make all marks of a long journal.
const CLIENTS: u64 = 10_000;
/// The marks that are encoded at once, so that they need little memory.
const AT_ONCE: usize = 100 * BATCH;

pub(crate) fn part(context: &Context) -> Result<Chapter, Failure> {
    let (starts, replay) = starts(context)?;
    let (snapshots, alive) = snapshots(context)?;
    Ok(Chapter { text: starts + &snapshots, verdicts: vec![alive, replay] })
}

/// What was found in a journal of one length.
#[derive(Default)]
struct Start {
    seconds: Sample,
    reading: Sample,
    ratio: Sample,
    megabytes: Sample,
}

fn starts(context: &Context) -> Result<(String, Verdict), Failure> {
    let marks = if context.quick { &[QUICK][..] } else { &MARKS };
    let mut table = Table::new([
        "marks",
        "start, s",
        "SQLite reads the rows, s",
        "over that",
        "memory after it, MB",
    ]);
    let mut last = Start::default();
    for &marks in marks {
        last = start(context, marks)?;
        let Start { seconds, reading, ratio, megabytes } = &last;
        let cells = [seconds, reading, ratio, megabytes].map(ToString::to_string);
        table.row([count(marks)].into_iter().chain(cells));
    }
    let mut text = String::from("### Start\n\n");
    writeln!(
        text,
        "A journal without a snapshot, as if none had ever been due: batches of {BATCH} marks by \
         {CLIENTS} clients in {CLASSES} classes. The start opens the journal and repeats every record. \
         The file is in the system's memory for both. Median (range) of {} runs.\n\n{table}",
        context.runs
    )?;
    Ok((text, verdict(context, &last)))
}

fn verdict(context: &Context, start: &Start) -> Verdict {
    let only =
        if context.quick { format!(", with {} marks only", count(QUICK)) } else { String::new() };
    let reached = format!("{}{only}", start.ratio);
    Verdict {
        figure: "replay of 10,000,000 marks at start".into(),
        target: "≤ 2 x the time SQLite takes to read those rows".into(),
        reached,
        met: start.ratio.median() <= 2.0,
    }
}

fn start(context: &Context, marks: usize) -> Result<Start, Failure> {
    let folder = tempfile::tempdir()?;
    let begin = Instant::now();
    let mut school = School::new(CLIENTS);
    write_journal(&mut SqliteJournal::open(folder.path())?, &mut school, marks)?;
    eprintln!("  a journal of {marks} marks was written in {:.1?}", begin.elapsed());
    let mut start = Start::default();
    for run in 1..=context.runs {
        let mut command = context.programs.on_core(SERVER_CORE, "contrast");
        let value = measure(command.arg("recover").arg(folder.path()), [""; 0])?;
        if value["records"] != json!(marks + CLASSES as usize) {
            return Err(format!("the start found something else: {value}").into());
        }
        let number = |name: &str| value[name].as_f64().unwrap_or(f64::NAN);
        let (seconds, reading) = (number("seconds"), number("read_seconds"));
        start.seconds.push(seconds);
        start.reading.push(reading);
        start.ratio.push(seconds / reading);
        start.megabytes.push(number("rss_kb") / 1e3);
        eprintln!("  {marks} marks, run {run}: {seconds:.2} s, reading {reading:.2} s");
    }
    Ok(start)
}

/// Drives a new server through so many marks; the journal keeps them.
fn write_journal(
    journal: &mut SqliteJournal,
    school: &mut School,
    marks: usize,
) -> Result<Drive, JournalError> {
    let mut drive = Drive::new(1);
    write(journal, &mut drive, &school.open(CLASSES))?;
    let mut left = marks;
    while left > 0 {
        let requests = school.mark(left.min(AT_ONCE), 1..CLASSES + 1);
        left -= requests.count();
        write(journal, &mut drive, &requests)?;
    }
    assert_eq!(drive.marked(), marks as u64, "every mark was a new one");
    Ok(drive)
}

fn write(
    journal: &mut SqliteJournal,
    drive: &mut Drive,
    requests: &Requests,
) -> Result<(), JournalError> {
    let mut kept = Ok(());
    // After the first failure the journal refuses everything: that is not what is to be told.
    drive.run(requests, BATCH, |batch| {
        if kept.is_ok() {
            kept = journal.commit(batch);
        }
    });
    kept
}

/// The role: a start on the journal in this folder, and what it cost.
pub(crate) fn recover(folder: &Path) -> Result<(), Failure> {
    // Once before, so that neither waits for the disk.
    read_rows(folder)?;
    let begin = Instant::now();
    let bytes = read_rows(folder)?;
    let read_seconds = begin.elapsed().as_secs_f64();
    let before = resident_kb()?;
    let begin = Instant::now();
    let mut journal = SqliteJournal::open(folder)?;
    let mut server = Server::<rollcall::shell::serve::ReturnPath>::new(1);
    let recovered = journal.recover(&mut server)?;
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({
            "seconds": seconds,
            "read_seconds": read_seconds,
            "rss_kb": resident_kb()?.saturating_sub(before),
            "bytes": bytes,
            "records": recovered.records,
            "clients": server.clients(),
        })
    );
    Ok(())
}

/// What a start reads, and nothing done with it.
fn read_rows(folder: &Path) -> Result<usize, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(folder.join(DATABASE_FILE), flags)?;
    let mut statement = connection.prepare("SELECT number, records FROM batch ORDER BY number")?;
    let mut rows = statement.query(())?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        bytes += row.get_ref(1)?.as_blob()?.len();
    }
    Ok(bytes)
}

/// The memory that this process has in use.
fn resident_kb() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(number.parse()?)
}

fn snapshots(context: &Context) -> Result<(String, Verdict), Failure> {
    let clients = if context.quick { QUICK } else { REMEMBERED };
    let folder = tempfile::tempdir()?;
    let mut journal = SqliteJournal::open(folder.path())?;
    let mut drive = write_journal(&mut journal, &mut School::new(clients as u64), clients)?;
    let (mut making, mut writing) = (Sample::default(), Sample::default());
    for _ in 0..context.runs {
        let server = &mut drive.server;
        let (mut longest, mut written, mut space) = (0.0_f64, 0.0, Datagram::new());
        // Another time than that of the last snapshot, so that there is something to write.
        server.accept_clock(server.latest().shifted(1));
        server.begin_snapshot();
        loop {
            let begin = Instant::now();
            let output = server.poll_output(&mut space);
            let took = begin.elapsed().as_secs_f64() * 1e3;
            let begin = Instant::now();
            match output {
                Some(Output::Append(batch)) => {
                    journal.commit(&batch)?;
                    server.handle_durable(batch.number);
                }
                Some(Output::Snapshot(part)) => {
                    longest = longest.max(took);
                    journal.keep_snapshot(&part)?;
                    written += begin.elapsed().as_secs_f64() * 1e3;
                    server.handle_snapshot_kept();
                }
                Some(_) => {}
                None => break,
            }
        }
        making.push(longest);
        writing.push(written);
    }
    drop(drive);
    drop(journal);
    let mut starting = Sample::default();
    for _ in 0..context.runs {
        let mut command = context.programs.on_core(SERVER_CORE, "contrast");
        let value = measure(command.arg("recover").arg(folder.path()), [""; 0])?;
        // Those that mark, and the one that opened the classes.
        if value["clients"] != json!(clients + 1) {
            return Err(format!("the start found other clients: {value}").into());
        }
        starting.push(value["seconds"].as_f64().unwrap_or(f64::NAN));
    }
    let size = count(clients);
    let head = ["clients", "marks", "the longest part, ms", "writing it, ms", "a start with it, s"];
    let mut table = Table::new(head);
    table.row([
        size.clone(),
        size.clone(),
        making.to_string(),
        writing.to_string(),
        starting.to_string(),
    ]);
    let text = format!(
        "### Snapshot\n\nA snapshot is made in parts, so that the loop stands still for one part at a \
         time. It is written on the journal's thread, part by part between the commits.\n\n{table}\n"
    );
    let verdict = Verdict {
        figure: format!("start with {size} clients alive and as many marks, s"),
        target: format!("≤ {START_TARGET}"),
        reached: starting.to_string(),
        met: starting.median() <= START_TARGET,
    };
    Ok((text, verdict))
}
