//! A client among its user, the network and clocks that jump.
//!
//! The laws are those of `client_laws.rs`.

#![no_main]

#[path = "../client_laws.rs"]
mod client_laws;
#[path = "../laws.rs"]
#[expect(dead_code, reason = "the laws of the wire are applied by other targets")]
mod laws;
#[path = "../premises.rs"]
#[expect(dead_code, reason = "the tests that play the corpora tell what came about")]
mod premises;

libfuzzer_sys::fuzz_target!(|input: &[u8]| client_laws::check(input));
