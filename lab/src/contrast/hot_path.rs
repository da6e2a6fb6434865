//! Allocations and instructions of one mark in the core, as the program `hot_path` counts them.

use std::fmt::Write as _;
use std::process::Command;

use super::programs::measure;
use super::report::{Chapter, Table, short};
use super::{Context, Failure};

const MARKS: u64 = 10_000;

pub(crate) fn chapter(context: &Context) -> Result<Chapter, Failure> {
    let program = context.programs.path("hot_path");
    let value = measure(&mut Command::new(&program), ["--marks", &MARKS.to_string()])?;
    let mut table = Table::new(["", "for each mark"]);
    let allocations = value["allocations"].as_f64().unwrap_or(f64::NAN);
    table.row(["allocations", &short(allocations / MARKS as f64)]);
    table.row(["instructions", &instructions(context)?]);
    let mut text = String::from("## The hot path\n\n");
    writeln!(
        text,
        "One mark in the core, from the datagram to the receipt, all tables having their size: \
         reading, telling duplicates, the register, the batch, writing the answer. No socket and no \
         disk.\n\n{table}"
    )?;
    Ok(Chapter { text, verdicts: Vec::new() })
}

/// Instructions for each mark, or why there is no such figure.
fn instructions(context: &Context) -> Result<String, Failure> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok("skipped: Valgrind is not installed".into());
    }
    let (with, without) = (callgrind(context, &[])?, callgrind(context, &["--idle"])?);
    Ok(short(with.saturating_sub(without) as f64 / MARKS as f64))
}

/// The instructions of the whole program.
fn callgrind(context: &Context, arguments: &[&str]) -> Result<u64, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(context.programs.path("hot_path"))
        .args(["--marks", &MARKS.to_string()])
        .args(arguments)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let counted = said.lines().find_map(|line| line.split_once("Collected : "));
    let counted = counted.and_then(|(_, number)| number.trim().parse().ok());
    counted.ok_or_else(|| format!("Valgrind counted nothing: {said}").into())
}
