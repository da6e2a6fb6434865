//! Roll call over UDP: a teacher opens the roll call of a class, students answer with their student
//! number, the teacher closes it and gets the sheet. Nothing is acknowledged before it is on disk,
//! every request may be sent again, and nothing is counted twice.
//!
//! # Layers
//!
//! Each imports only what stands above it:
//!
//! | layer | modules | knows |
//! |---|---|---|
//! | vocabulary | [`ids`], [`time`], [`limits`], [`operation`], [`hashing`], [`stats`] | names, bounds |
//! | wire | [`wire`] | bytes ↔ messages |
//! | domain | [`roll`], [`record`] | who is present; which request is a duplicate; what is kept |
//! | core | [`server`], [`client`], [`blocks`] | the protocol: events in, effects out; objects in blocks |
//! | rehearsal | [`rehearsal`] | who was told what, and whether the sheets agree |
//! | world | [`journal`], [`shell`] | the disk; sockets, clocks, dice, signals |
//! | commands | [`cli`] and `src/bin` | flags, words, exit codes |
//!
//! Everything above *world* is pure: time is an argument, randomness a seed, the disk an effect.
//! Clippy holds it (`clippy.toml`), and any run of it can be repeated.
//!
//! # One mark
//!
//! ```text
//!  rollcall-student ─▶ cli::student ─▶ shell::call ─▶ client ─▶ wire ──▶ UDP
//!                                                                         │
//!        ┌────────────────────────────────────────────────────────────────┘
//!        ▼
//!  shell::serve ─▶ server ─▶ wire (CRC first) ─▶ roll::Sessions (a repeat ends here, with the
//!                    │                           stored reply) ─▶ roll::Register
//!                    ▼
//!                  append ─▶ journal: commit ─▶ server ─▶ reply ──▶ UDP ─▶ client ─▶ exit code
//! ```
//!
//! The protocol is specified in `proto-spec.md`.

pub mod blocks;
pub mod cli;
pub mod client;
pub mod hashing;
pub mod ids;
pub mod journal;
pub mod limits;
pub mod operation;
pub mod record;
pub mod rehearsal;
pub mod roll;
mod round_trip;
pub mod server;
pub mod shell;
pub mod stats;
pub mod time;
mod waiting;
pub mod wire;
