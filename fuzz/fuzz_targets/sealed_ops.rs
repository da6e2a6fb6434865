//! Sealed clients and a server, with somebody between them who owns the network.
//!
//! The laws are those of `sealed_laws.rs`.

#![no_main]

#[path = "../premises.rs"]
#[expect(dead_code, reason = "the tests that play the corpora tell what came about")]
mod premises;
#[path = "../sealed_laws.rs"]
mod sealed_laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| sealed_laws::check(input));
