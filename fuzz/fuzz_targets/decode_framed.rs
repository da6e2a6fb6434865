//! Any kind and body in a right frame, read as a server and as a client reads it.
//!
//! The laws are those of `framed_laws.rs`.

#![no_main]

#[path = "../framed_laws.rs"]
mod framed_laws;
#[path = "../laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| framed_laws::check(input));
