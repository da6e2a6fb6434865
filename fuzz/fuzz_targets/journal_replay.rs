//! A server that starts on whatever stands in its database.
//!
//! The laws are those of `journal_laws.rs`.

#![no_main]

#[path = "../journal_laws.rs"]
mod journal_laws;
#[path = "../laws.rs"]
#[expect(dead_code, reason = "the laws of the wire are applied by other targets")]
mod laws;
#[path = "../premises.rs"]
#[expect(dead_code, reason = "the tests that play the corpora tell what came about")]
mod premises;

libfuzzer_sys::fuzz_target!(|input: &[u8]| journal_laws::check(input));
