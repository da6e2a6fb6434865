//! The one command: which chapters are measured, and where they are written.

use std::error::Error;
use std::path::{Path, PathBuf};

use clap::Parser;

use super::document::{Document, Place};
use super::programs::Programs;
use super::report::Chapter;
use super::{
    clients, crowd_tcp, crowds, delay, echo, files, fill, floods, growth, hot_path, lecture, offer,
    overload, press, press_tcp, process, pull, rates, restart, sealed, timed,
};

/// Why something was not measured, in a sentence for a person.
pub type Failure = Box<dyn Error>;

#[derive(Parser)]
struct Flags {
    /// Measure once and briefly, and write no file.
    #[arg(long)]
    quick: bool,
    /// How often each measurement is repeated.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Measure these chapters only; what is written of the others stays.
    #[arg(long, value_name = "CHAPTER")]
    only: Vec<String>,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The parts that run in processes of their own.
#[derive(clap::Subcommand)]
enum Role {
    /// An echo, to be compared with.
    Echo(echo::Echo),
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
    /// Another program, with a limit to its time.
    Timed(timed::Timed),
    /// Downloads without an end.
    Pull(pull::Pull),
    /// Datagrams as fast as one core sends them.
    Flood(floods::Flood),
    /// Sends `HELLO`s at a steady pace.
    Greet(sealed::Greet),
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
const CHAPTERS: [(&str, Measure); 11] = [
    ("rates", rates::chapter),
    ("crowds", crowds::chapter),
    ("overload", overload::chapter),
    ("floods", floods::chapter),
    ("sealed", sealed::chapter),
    ("clients", clients::chapter),
    ("growth", growth::chapter),
    ("hot path", hot_path::chapter),
    ("lecture", lecture::chapter),
    ("process", process::chapter),
    ("files", files::chapter),
];

/// Does what the command line asks for.
///
/// # Errors
///
/// What was not measured, and why; what was measured before and after is written.
pub fn run() -> Result<(), Failure> {
    let flags = Flags::parse();
    match &flags.role {
        None => write_contrast(&flags),
        Some(Role::Echo(it)) => Ok(echo::serve(it)?),
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
        Some(Role::Timed(it)) => Ok(timed::run(it)?),
        Some(Role::Pull(it)) => pull::pull(it),
        Some(Role::Flood(it)) => Ok(floods::flood(it)?),
        Some(Role::Greet(it)) => Ok(sealed::greet(it)?),
    }
}

fn write_contrast(flags: &Flags) -> Result<(), Failure> {
    let names = CHAPTERS.map(|(name, _)| name);
    if let Some(unknown) = flags.only.iter().find(|it| !names.contains(&&***it)) {
        return Err(format!("there is no chapter '{unknown}', but {names:?}").into());
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let scratch = tempfile::tempdir()?;
    let context = Context {
        programs: Programs::build()?,
        quick: flags.quick,
        runs: if flags.quick { 1 } else { flags.runs },
        millis: if flags.quick { 300 } else { 2_000 },
        folder: if flags.quick { scratch.path().to_owned() } else { docs.clone() },
    };
    // A quick look is beside the document; a chapter measured anew is put into it.
    let mut document =
        if flags.quick { Document::default() } else { Document::read(&context.folder)? };
    let mut failed = Vec::new();
    // Before anything is written, which would make the tree differ from its commit.
    let here = Place::here()?;
    for (name, measure) in CHAPTERS {
        if !flags.only.is_empty() && !flags.only.iter().any(|it| it == name) {
            continue;
        }
        eprintln!("{name} ...");
        let place = here.now()?;
        match measure(&context) {
            Ok(chapter) => document.set(name, &names, &place, chapter),
            // What was measured before and after is not lost for it.
            Err(error) => failed.push(format!("{name}: {error}")),
        }
        if !flags.quick {
            document.write(&context.folder)?;
        }
    }
    if flags.quick {
        println!("{}", document.render()?);
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("not measured: {failed:?}").into()) }
}
