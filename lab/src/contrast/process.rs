//! One mark as a person gives it: the whole `rollcall-student mark` as a process, beside `true`.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::programs::{Kept, LOAD_CORE};
use super::report::{Chapter, Sample, Table, Verdict};
use super::{Context, Failure};

/// The pairs that are started in each run.
const PAIRS: usize = 20;
const CLASS: &str = "3030";

/// Wall times in milliseconds.
#[derive(Default)]
struct Times {
    nothing: Sample,
    student: Sample,
    /// The one minus the other, pair by pair.
    more: Sample,
}

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let pairs = PAIRS * context.runs;
    let memory = times(context, Kept::InMemory, pairs)?;
    let disk = times(context, Kept::OnDisk, pairs)?;
    let mut text = String::from("## One mark as a process\n\n");
    writeln!(
        text,
        "The wall time of `rollcall-student mark` from its start to its end, and that of `true`, in \
         ms: median (range) of {pairs} pairs in turn, the server on the other core.\n"
    )?;
    let mut table = Table::new(["server", "`true`", "`rollcall-student mark`", "over `true`"]);
    for (name, times) in [("in memory", &memory), ("durable", &disk)] {
        let Times { nothing, student, more } = times;
        table.row([name.into(), nothing.to_string(), student.to_string(), more.to_string()]);
    }
    writeln!(text, "{table}")?;
    Ok(Chapter { text, verdicts: vec![verdict(&disk)] })
}

fn times(context: &Context, kept: Kept, pairs: usize) -> Result<Times, Failure> {
    let server = context.programs.server(kept)?;
    let command = |program: &str, words: [&str; 2]| {
        let mut command = context.programs.on_core(LOAD_CORE, program);
        command.args(["--server", &server.address.to_string()]).args(words);
        command
    };
    run(&mut command("rollcall-teacher", ["open", CLASS]))?;
    let mut times = Times::default();
    for pair in 0..pairs {
        let nothing = run(Command::new("taskset").args(["-c", LOAD_CORE, "true"]))?;
        let mut mark = command("rollcall-student", ["mark", CLASS]);
        let student = run(mark.arg(pair.to_string()))?;
        times.nothing.push(nothing);
        times.student.push(student);
        times.more.push(student - nothing);
    }
    drop(server);
    Ok(times)
}

/// Milliseconds from the start of a program to its end, which must be a good one. Both go through
/// `taskset`, so that its own time is in both.
fn run(command: &mut Command) -> Result<f64, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begin = Instant::now();
    let status = command.status()?;
    let millis = begin.elapsed().as_secs_f64() * 1e3;
    if status.success() { Ok(millis) } else { Err(format!("{command:?}: {status}").into()) }
}

fn verdict(times: &Times) -> Verdict {
    Verdict {
        figure: "`rollcall-student mark` as a process, wall time over `true`".into(),
        target: "≤ + 5 ms on loopback without loss".into(),
        reached: format!("+ {} ms", times.more),
        met: times.more.median() <= 5.0,
    }
}
