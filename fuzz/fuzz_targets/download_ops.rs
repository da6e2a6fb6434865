//! A download among blocks that are late, lost, doubled, wrong or in any order.
//!
//! The laws are those of `download_laws.rs`.

#![no_main]

#[path = "../download_laws.rs"]
mod download_laws;
#[path = "../laws.rs"]
#[expect(dead_code, reason = "the laws of the wire are applied by other targets")]
mod laws;
#[path = "../premises.rs"]
#[expect(dead_code, reason = "the tests that play the corpora tell what came about")]
mod premises;

libfuzzer_sys::fuzz_target!(|input: &[u8]| download_laws::check(input));
