//! The `rollcall-server` command; see [`rollcall::cli::server`].

use rollcall::cli::{Exit, server};

fn main() -> Exit {
    server::run(&std::env::args_os().collect::<Vec<_>>())
}
