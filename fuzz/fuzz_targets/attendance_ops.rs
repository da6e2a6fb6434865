//! Plans, corrections and rosters among copies, slow commits, clocks that jump and crashes, judged by the
//! auditor.
//!
//! The laws are those of `attendance_laws.rs`.

#![no_main]

#[path = "../attendance_laws.rs"]
mod attendance_laws;
#[path = "../auditor.rs"]
mod auditor;
#[path = "../laws.rs"]
#[expect(dead_code, reason = "the laws of the wire are applied by other targets")]
mod laws;
#[path = "../premises.rs"]
#[expect(dead_code, reason = "the tests that play the corpora tell what came about")]
mod premises;
#[path = "../rows.rs"]
mod rows;
#[path = "../server_laws.rs"]
#[expect(dead_code, reason = "only its hall is used here")]
mod server_laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| attendance_laws::check(input));
