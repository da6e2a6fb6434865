//! The `rollcall-student` command; see [`rollcall::cli::student`].

use rollcall::cli::{Exit, student};

fn main() -> Exit {
    student::run(&std::env::args_os().collect::<Vec<_>>())
}
