//! What a teacher needs around a lecture, with the real programs: the roster before it, the window and the live view
//! during it, corrections, exports and reports after it; and what users of other systems complain about.
#![cfg(unix)]

mod corrections;
mod crowd;
mod desk;
mod exports;
mod past;
mod report;
mod roster;
mod scan;
mod terminal;
mod window;

#[expect(dead_code, reason = "each file of tests uses its part")]
#[path = "../support/mod.rs"]
mod support;
