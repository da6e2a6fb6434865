//! The `rollcall-admin` command; see [`rollcall::cli::admin`].

use rollcall::cli::{Exit, admin};

fn main() -> Exit {
    admin::run(&std::env::args_os().collect::<Vec<_>>())
}
