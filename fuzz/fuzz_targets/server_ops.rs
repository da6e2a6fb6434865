//! A server among datagrams, slow commits, clocks that jump and crashes, judged by the auditor.
//!
//! The laws are those of `server_laws.rs`.

#![no_main]

#[path = "../auditor.rs"]
#[expect(dead_code, reason = "only `attendance_ops` asks what it knows of deadlines and rosters")]
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
#[expect(dead_code, reason = "what is only done in `attendance_ops`")]
mod server_laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| server_laws::check(input));
