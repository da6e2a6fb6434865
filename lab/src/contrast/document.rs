//! `docs/contrast.md`: the chapters, each with where and when it was measured. What they say is kept
//! beside it, in `docs/contrast.json`, so that one chapter can be measured again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::Failure;
use super::report::{Chapter, Table};

/// What was done for speed, and where time goes: written by people.
const STEPS: &str = include_str!("steps.md");

/// The chapters, in their order.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Document {
    chapters: Vec<Measured>,
}

/// A chapter, and where it was measured.
#[derive(Serialize, Deserialize)]
struct Measured {
    name: String,
    place: Place,
    chapter: Chapter,
}

/// Where, when, and what was measured.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    machine: String,
    commit: String,
    day: String,
}

impl Place {
    /// Here and now.
    pub(crate) fn here() -> Result<Self, Failure> {
        let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": ?");
        let model = model.trim_start_matches([' ', '\t', ':']);
        let cores = std::thread::available_parallelism()?;
        let kernel = said("uname", &["-sr"])?;
        let commit = said("git", &["describe", "--always", "--dirty"])?;
        let machine = format!("{model}, {cores} cores, {kernel}");
        Self { machine, commit, day: String::new() }.now()
    }

    /// The same place at this time.
    pub(crate) fn now(&self) -> Result<Self, Failure> {
        Ok(Self { day: said("date", &["-u", "+%F %H:%M UTC"])?, ..self.clone() })
    }
}

fn said(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new(program).args(arguments).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

impl Document {
    /// What is kept in this folder; nothing where there is none.
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        match std::fs::read(kept(folder)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes it for people and for the next run.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        std::fs::write(kept(folder), serde_json::to_string_pretty(self)? + "\n")?;
        Ok(std::fs::write(folder.join("contrast.md"), self.render()?)?)
    }

    /// A chapter in place of the one of that name. `order` is that of all chapters.
    pub(crate) fn set(&mut self, name: &str, order: &[&str], place: &Place, chapter: Chapter) {
        self.chapters.retain(|it| it.name != name && order.contains(&&*it.name));
        self.chapters.push(Measured { name: name.to_owned(), place: place.clone(), chapter });
        self.chapters.sort_by_key(|it| order.iter().position(|name| *name == it.name));
    }

    pub(crate) fn render(&self) -> Result<String, Failure> {
        let mut text = String::from("# The contrast with TCP, and the cost over an echo\n\n");
        writeln!(
            text,
            "This file is written by `cargo run --release -p rollcall-lab --bin contrast`.\n"
        )?;
        let mut places = Table::new(["chapter", "commit", "day", "machine"]);
        let mut targets = Table::new(["figure", "target", "reached", ""]);
        for Measured { name, place: Place { machine, commit, day }, chapter } in &self.chapters {
            places.row([name, commit, day, machine]);
            for it in &chapter.verdicts {
                let met = if it.met { "met" } else { "**missed**" };
                targets.row([&*it.figure, &*it.target, &*it.reached, met]);
            }
        }
        writeln!(text, "{places}\n## Targets\n\n{targets}\n{STEPS}")?;
        for measured in &self.chapters {
            text.push_str(&measured.chapter.text);
        }
        Ok(text)
    }
}

fn kept(folder: &Path) -> PathBuf {
    folder.join("contrast.json")
}
