//! The one command: which chapters are measured, and where they are written.

use std::error::Error;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;

use crate::programs::Programs;
use crate::report::{Chapter, Table, Verdict};
use crate::{
    clients, crowd_tcp, crowds, delay, echo, fill, growth, hot_path, offer, overload, press,
    press_tcp, process, rates, restart,
};

pub(crate) type Failure = Box<dyn Error>;

#[derive(Parser)]
struct Flags {
    /// Measure once and briefly, and write no file.
    #[arg(long)]
    quick: bool,
    /// How often each measurement is repeated.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Measure these chapters only, and write no file.
    #[arg(long, value_name = "CHAPTER")]
    only: Vec<String>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The parts that run in processes of their own.
#[derive(clap::Subcommand)]
enum Role {
    /// The bare echo.
    Echo { listen: SocketAddr, reply_bytes: usize },
    /// The load over UDP.
    Press(press::Press),
    /// The load over TCP.
    PressTcp(press_tcp::PressTcp),
    /// The load over UDP that does not wait for answers.
    Offer(offer::Offer),
    /// Nothing but counting, to take half of a core from whoever else is on it.
    Spin,
    /// A start on the journal in this folder.
    Recover { folder: PathBuf },
    /// A crowd over TCP, each student at a moment of its own.
    CrowdTcp(crowd_tcp::CrowdTcp),
    /// First requests of new clients over UDP.
    Fill(fill::Fill),
    /// A link that takes its time.
    Delay(delay::Delay),
}

/// What every chapter needs.
pub(crate) struct Context {
    pub(crate) programs: Programs,
    /// How often each measurement is repeated.
    pub(crate) runs: usize,
    /// Whether it is only to be seen that everything works.
    pub(crate) quick: bool,
    /// How long a measurement of rates lasts.
    pub(crate) millis: u64,
    /// Where plots go.
    pub(crate) folder: PathBuf,
}

type Measure = fn(&Context) -> Result<Chapter, Failure>;

/// The chapters, in order.
const CHAPTERS: [(&str, Measure); 7] = [
    ("rates", rates::chapter),
    ("crowds", crowds::chapter),
    ("overload", overload::chapter),
    ("clients", clients::chapter),
    ("growth", growth::chapter),
    ("hot path", hot_path::chapter),
    ("process", process::chapter),
];

/// Does what the command line asks for.
pub(crate) fn run() -> Result<(), Failure> {
    let flags = Flags::parse();
    match &flags.role {
        None => write_contrast(&flags),
        Some(Role::Echo { listen, reply_bytes }) => Ok(echo::serve(*listen, *reply_bytes)?),
        Some(Role::Press(it)) => Ok(press::press(it)?),
        Some(Role::PressTcp(it)) => Ok(press_tcp::press(it)?),
        Some(Role::Offer(it)) => Ok(offer::offer(it)?),
        Some(Role::Spin) => loop {
            std::hint::spin_loop();
        },
        Some(Role::Recover { folder }) => restart::recover(folder),
        Some(Role::CrowdTcp(it)) => Ok(crowd_tcp::press(it)?),
        Some(Role::Fill(it)) => Ok(fill::fill(it)?),
        Some(Role::Delay(it)) => Ok(delay::forward(it)?),
    }
}

fn write_contrast(flags: &Flags) -> Result<(), Failure> {
    let whole = flags.only.is_empty() && !flags.quick;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let scratch = tempfile::tempdir()?;
    let context = Context {
        programs: Programs::build()?,
        quick: flags.quick,
        runs: if flags.quick { 1 } else { flags.runs },
        millis: if flags.quick { 300 } else { 2_000 },
        folder: if whole { docs.clone() } else { scratch.path().to_owned() },
    };
    let (mut text, mut verdicts, mut failed) = (String::new(), Vec::new(), Vec::new());
    let begin = head()?;
    for (name, measure) in CHAPTERS {
        if !flags.only.is_empty() && !flags.only.iter().any(|it| it == name) {
            continue;
        }
        eprintln!("{name} ...");
        match measure(&context) {
            Ok(chapter) => {
                text.push_str(&chapter.text);
                verdicts.extend(chapter.verdicts);
            }
            // What was measured before and after is not lost for it.
            Err(error) => {
                writeln!(text, "## {name}\n\nNot measured: {error}\n")?;
                failed.push(name);
            }
        }
        if whole {
            // After each chapter, so that whoever ends this early has the ones before.
            let so_far = format!("{begin}{}{}{text}", targets(&verdicts), include_str!("steps.md"));
            std::fs::write(docs.join("contrast.md"), so_far)?;
        }
    }
    if !whole {
        println!("{begin}{}{text}", targets(&verdicts));
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("not measured: {failed:?}").into()) }
}

/// What was measured, where and when.
fn head() -> Result<String, Failure> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": ?");
    let cores = std::thread::available_parallelism()?;
    let said = |program: &str, arguments: &[&str]| -> Result<String, Failure> {
        let output = Command::new(program).args(arguments).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let mut text = String::from("# The contrast with TCP, and the cost over a bare echo\n\n");
    writeln!(text, "This file is written by `cargo run --release --example contrast`.\n")?;
    let mut table = Table::new(["", "of the run"]);
    table.row(["processor", model.trim_start_matches([' ', '\t', ':'])]);
    table.row(["cores", &cores.to_string()]);
    table.row(["kernel", &said("uname", &["-sr"])?]);
    table.row(["commit", &said("git", &["describe", "--always", "--dirty"])?]);
    table.row(["day", &said("date", &["-u", "+%F %H:%M UTC"])?]);
    writeln!(text, "{table}")?;
    Ok(text)
}

fn targets(verdicts: &[Verdict]) -> String {
    let mut table = Table::new(["figure", "target", "reached", ""]);
    for Verdict { figure, target, reached, met } in verdicts {
        table.row([*figure, *target, reached, if *met { "met" } else { "**missed**" }]);
    }
    format!("## Targets\n\n{table}\n")
}
