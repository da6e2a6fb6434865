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
//! | vocabulary | [`ids`], [`access`], [`attendance`], [`time`], [`limits`], [`hashing`], [`stats`], `round_trip` | names, bounds |
//! | wire | [`wire`] | bytes ↔ bodies of messages |
//! | exchanges | [`exchange`] | what is asked and answered, one file each |
//! | domain | [`roll`], [`people`], [`record`], `state` | who is present; who may do what; which request is a duplicate; what is kept |
//! | transfers | [`blocks`] | objects in blocks: serving and fetching |
//! | seals | [`principal`], [`seal`] | who asks; the sealed envelope, the handshake, a client's channel |
//! | core | [`server`], [`endpoint`], [`client`] | the protocol: events in, effects out |
//! | kept | [`journal`] | what a store of records promises; the stores |
//! | rehearsal | [`rehearsal`] | who was told what, and whether the sheets agree |
//! | world | [`shell`] | sockets, clocks, dice, signals, threads |
//! | commands | [`cli`] and `src/bin` | flags, words, exit codes |
//!
//! Everything but the stores, the world and the commands is pure: time is an argument, randomness a
//! seed, the disk an effect, and any run of it can be repeated. Clippy holds it (`clippy.toml`), and so
//! does the feature `programs`: without it the package is that core alone, and builds for targets that
//! have no clock, no socket and no disk.
//!
//! # One mark
//!
//! ```text
//!  rollcall-student ─▶ cli::student ─▶ shell::call ─▶ client ─▶ wire, seal ──▶ UDP
//!                                                                         │
//!        ┌────────────────────────────────────────────────────────────────┘
//!        ▼
//!  shell::serve ─▶ endpoint (unseals) ─▶ server ─▶ roll::Sessions (a repeat ends here, with the stored
//!        exchange, wire (CRC first) ─────▶ │        reply) ─▶ roll::Register
//!                                          ▼
//!                  append ─▶ journal: commit ─▶ server ─▶ reply ──▶ UDP ─▶ client ─▶ exit code
//! ```
//!
//! The protocol is specified in `proto-spec.md`.

pub mod access;
pub mod attendance;
pub mod blocks;
#[cfg(feature = "programs")]
pub mod cli;
pub mod client;
pub mod endpoint;
pub mod exchange;
pub mod hashing;
pub mod ids;
pub mod journal;
pub mod limits;
pub mod people;
pub mod principal;
pub mod record;
pub mod rehearsal;
mod retry;
pub mod roll;
mod round_trip;
pub mod seal;
pub mod server;
#[cfg(feature = "programs")]
pub mod shell;
mod state;
pub mod stats;
pub mod time;
mod waiting;
pub mod wire;
