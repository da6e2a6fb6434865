//! Counts what one mark costs on its way through the core: allocations, and with Valgrind the
//! instructions. No time is taken, so it says the same on every machine.
//!
//! ```text
//! cargo run --release -p rollcall-lab --bin hot_path
//! ```
//!
//! Every table has its size before anything is counted: all clients are known, and the class is far
//! from where its table doubles. From then on a mark must allocate nothing; if one does, this ends
//! with an error.
//!
//! Instructions: the difference of these two, divided by the marks. The second run does all that the
//! first one does but hand the marks to the server.
//!
//! ```text
//! cargo build --release -p rollcall-lab --bin hot_path
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/hot_path --marks 10000
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null target/release/hot_path --marks 10000 --idle
//! ```

use std::process::ExitCode;

use clap::Parser;
use rollcall_lab::drive::{Drive, School};
use serde_json::json;

/// The clients that mark.
const CLIENTS: u64 = 1_000;
/// The students in the class before anything is counted; its table doubles at 57,344 and 114,688,
/// its list at 65,536.
const BEFORE: usize = 70_000;
/// The most that fit before the table doubles.
const MARKS_MAX: usize = 40_000;
/// The marks before each commit.
const TURN: usize = 64;

#[derive(Parser)]
struct Flags {
    /// The marks that are counted.
    #[arg(long, default_value_t = 10_000)]
    marks: usize,
    /// Prepare them and do not hand them over.
    #[arg(long)]
    idle: bool,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let marks = flags.marks.min(MARKS_MAX);
    let (mut drive, mut school) = (Drive::new(1), School::new(CLIENTS));
    drive.run(&school.open(1), TURN, |_| ());
    drive.run(&school.mark(BEFORE, 1..2), TURN, |_| ());
    let requests = school.mark(marks, 1..2);
    let before = drive.marked();
    let counted = allocation_counter::measure(|| {
        if !flags.idle {
            drive.run(&requests, TURN, |_| ());
        }
    });
    let marked = drive.marked() - before;
    println!("{}", json!({ "marks": marked, "allocations": counted.count_total }));
    if counted.count_total == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
