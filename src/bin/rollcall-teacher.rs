//! The `rollcall-teacher` command; see [`rollcall::cli::teacher`].

use rollcall::cli::{Exit, teacher};

fn main() -> Exit {
    teacher::run(&std::env::args_os().collect::<Vec<_>>())
}
