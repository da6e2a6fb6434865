//! Measures the server beside UDP echoes and beside its TCP twin, and its files beside HTTP, TFTP
//! and TCP, and writes what it found to `docs/contrast.md`. On Linux only: what it measures with is
//! there.
//!
//! ```text
//! alias contrast='cargo run --release -p rollcall-lab --bin contrast --'
//! contrast                  # everything, about an hour
//! contrast --only rates     # one chapter anew, the others stay
//! contrast --quick          # once each and short, prints only
//! ```
//!
//! The chapters: rates, crowds, overload, floods, sealed, clients, growth, hot path, lecture, process, files. The last
//! one needs `nginx`, `curl`, `atftpd`, `atftp`, and `in.tftpd` and `tftp` of tftp-hpa in the path, and
//! says which of them are missing.
//!
//! Every figure is the median of several runs in turn with what it is compared with, because machines
//! are noisy. The other subcommands are the parts that run in processes of their own.

#![expect(clippy::disallowed_methods, reason = "to measure is to read the clock")]
#![expect(clippy::cast_precision_loss, reason = "figures are shown with three digits")]

mod batch;
mod clients;
mod command;
mod crowd_tcp;
mod crowds;
mod delay;
mod document;
mod echo;
mod fetch;
mod files;
mod files_beside;
mod files_loss;
mod fill;
mod floods;
mod growth;
mod hot_path;
mod lecture;
mod mark;
mod namespaces;
mod offer;
mod overload;
mod plot;
mod press;
mod press_tcp;
mod process;
mod programs;
mod pull;
mod rates;
mod report;
mod restart;
mod sealed;
mod timed;
mod unproved;

use command::Context;
pub use command::{Failure, run};
