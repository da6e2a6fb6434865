//! Any kind and body in a right frame, read as a server and as a client reads it.
//!
//! The laws are those of `sealed_laws.rs`.

#![no_main]

#[path = "../laws.rs"]
mod laws;
#[path = "../sealed_laws.rs"]
mod sealed_laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| sealed_laws::check(input));
