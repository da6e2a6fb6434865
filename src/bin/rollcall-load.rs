//! The `rollcall-load` command; see [`rollcall::cli::load`].

use rollcall::cli::{Exit, load};

fn main() -> Exit {
    load::run(&std::env::args_os().collect::<Vec<_>>())
}
