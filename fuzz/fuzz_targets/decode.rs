//! Any bytes, read as a server and as a client reads them.
//!
//! The laws are those of `laws.rs`. Each input is tried twice: as it is, and with its frame mended,
//! because no mutation guesses a checksum.

#![no_main]

#[path = "../laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    laws::check(input);
    if let Some(mended) = laws::mended(input) {
        laws::check(&mended);
    }
});
