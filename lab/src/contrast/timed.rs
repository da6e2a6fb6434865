//! How long a program takes from its start to its end, told from where it runs: what it costs to get
//! onto a core or into a namespace is not in it.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

/// What is to be done.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Timed {
    /// It is ended after so many seconds.
    #[arg(long)]
    limit: u64,
    /// The program and what it is told.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

pub(crate) fn run(timed: &Timed) -> io::Result<()> {
    let [program, words @ ..] = &timed.command[..] else { unreachable!("clap wants one") };
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // What it starts in turn is ended with it.
    command.process_group(0);
    let begin = Instant::now();
    let process = command.spawn()?;
    let group = format!("-{}", process.id());
    let limit = Duration::from_secs(timed.limit);
    let (ended, end) = mpsc::channel();
    let watch = thread::spawn(move || {
        let too_long = end.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        if too_long {
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
        too_long
    });
    let output = process.wait_with_output()?;
    let seconds = begin.elapsed().as_secs_f64();
    // It has taken too long, and nobody waits for this.
    let _ = ended.send(());
    let too_long = watch.join().expect("it does not panic");
    let said = String::from_utf8_lossy(&output.stderr);
    println!(
        "{}",
        json!({ "seconds": seconds, "done": output.status.success() && !too_long, "said": said })
    );
    Ok(())
}
