//! Marks while files are fetched: downloads may not keep receipts waiting.
//!
//! Two cores are not enough for everybody: the server has one, and the marks and the downloads share
//! the other. So that a wait for that core is not taken for one for the server, the downloads have
//! only what the marks leave of it, and beside that it is shown what is when they are equals.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::fetch::{LARGE, Offered, Site};
use super::programs::{Kept, LOAD_CORE, SERVER_CORE, Server, measure};
use super::report::{Chapter, Sample, Table, Verdict};
use super::{Context, Failure};

const DOWNLOADS: usize = 2;
const IN_FLIGHT: &str = "8";
/// How long downloads are under way before marks begin.
const LEAD: Duration = Duration::from_millis(300);
const TARGET: f64 = 2.0;

/// What happens beside the marks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// Downloads with what is left of the load's core.
    Idle,
    /// Downloads that take their share of it.
    Equal,
}

const ALL: [(Beside, &str); 3] = [
    (Beside::Nothing, "no downloads"),
    (Beside::Idle, "two downloads"),
    (Beside::Equal, "two downloads, as equals of the marks on their core"),
];

#[derive(Default)]
struct Found {
    rate: Sample,
    p50: Sample,
    p99: Sample,
    p99_over_alone: Sample,
    /// MB/s of all downloads together.
    downloads: Sample,
}

pub(crate) fn part(context: &Context, offered: &Offered) -> Result<Chapter, Failure> {
    let mut text = String::from("### Marks beside downloads\n\n");
    writeln!(
        text,
        "A closed loop with {IN_FLIGHT} marks in flight, without and with {DOWNLOADS} downloads that do \
         not end. The server has one core, the marks and the downloads share the other: the downloads \
         get what the marks leave of it, or else, in the last row, are their equals there, and then a \
         mark waits for its core as well.\n"
    )?;
    let mut verdicts = Vec::new();
    for (kept, name) in [(Kept::InMemory, "in memory"), (Kept::OnDisk, "durable")] {
        let mut all: Vec<Found> = ALL.iter().map(|_| Found::default()).collect();
        for round in 1..=context.runs {
            let mut alone = f64::NAN;
            for ((beside, what), found) in ALL.iter().zip(&mut all) {
                let (marks, megabytes) = run(context, offered, kept, *beside)?;
                let number = |name: &str| marks[name].as_f64().unwrap_or(f64::NAN);
                let p99 = number("p99_us");
                if *beside == Beside::Nothing {
                    alone = p99;
                } else {
                    found.downloads.push(megabytes);
                }
                found.rate.push(number("rate"));
                found.p50.push(number("p50_us"));
                found.p99.push(p99);
                found.p99_over_alone.push(p99 / alone);
                eprintln!("  round {round}, {name}, {what}: p99 {p99:.0} µs, {megabytes:.0} MB/s");
            }
        }
        let head =
            [name, "marks/s", "p50, µs", "p99, µs", "p99 over alone", "downloads together, MB/s"];
        let mut table = Table::new(head);
        for ((_, what), found) in ALL.iter().zip(&all) {
            let Found { rate, p50, p99, p99_over_alone, downloads } = found;
            let cells = [rate, p50, p99, p99_over_alone, downloads].map(Sample::to_string);
            table.row([&[(*what).to_owned()][..], &cells].concat());
        }
        writeln!(text, "{table}")?;
        let ratio = &all[1].p99_over_alone;
        verdicts.push(Verdict {
            figure: format!("p99 of marks while two downloads run, over that without ({name})"),
            target: format!("≤ {TARGET}"),
            reached: ratio.to_string(),
            met: ratio.median() <= TARGET,
        });
    }
    Ok(Chapter { text, verdicts })
}

/// What the marks came to, and the rate of the downloads together.
fn run(
    context: &Context,
    offered: &Offered,
    kept: Kept,
    beside: Beside,
) -> Result<(Value, f64), Failure> {
    let mut command = context.programs.on_core(SERVER_CORE, "rollcall-server");
    command.arg("--files").arg(offered.folder());
    let server = Server::keeping(command, "127.0.0.1:0", kept)?;
    // The server knows a file by its content only when somebody has asked for it.
    let mut warm = Site::Loopback.client(context, "rollcall-student");
    let folder = tempfile::tempdir()?;
    warm.args(["--server", &server.address.to_string(), "get", LARGE.name, "--output"]);
    if !warm.arg(folder.path()).stdout(Stdio::null()).status()?.success() {
        return Err(format!("{} could not be fetched", LARGE.name).into());
    }
    let count = if beside == Beside::Nothing { 0 } else { DOWNLOADS };
    let begin = |_| Download::begin(context, offered, &server, beside);
    let downloads = (0..count).map(begin).collect::<Result<Vec<_>, Failure>>()?;
    std::thread::sleep(LEAD);
    let mut press = context.programs.on_core(LOAD_CORE, "contrast");
    press.arg("press").arg(server.address.to_string());
    let millis = context.millis.to_string();
    let marks = measure(&mut press, ["--in-flight", IN_FLIGHT, "--millis", &millis])?;
    let mut rate = 0.0;
    for download in downloads {
        rate += download.end()?;
    }
    Ok((marks, rate))
}

/// A download without an end. Ended at the latest when this is dropped.
struct Download(Child);

impl Download {
    fn begin(
        context: &Context,
        offered: &Offered,
        server: &Server,
        beside: Beside,
    ) -> Result<Self, Failure> {
        let mut command = Command::new("taskset");
        command.args(["-c", LOAD_CORE]);
        if beside == Beside::Idle {
            command.args(["chrt", "--idle", "0"]);
        }
        command.arg(context.programs.path("contrast")).arg("pull");
        command.arg(server.address.to_string()).arg(offered.path(LARGE));
        Ok(Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?))
    }

    /// Ends it; how many MB came in a second.
    fn end(mut self) -> Result<f64, Failure> {
        drop(self.0.stdin.take());
        let said = std::io::read_to_string(self.0.stdout.take().expect("piped"))?;
        let value: Value = serde_json::from_str(&said)?;
        Ok(value["rate"].as_f64().ok_or("a download tells no rate")? / 1e6)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
