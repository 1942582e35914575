//! `cargo +nightly fuzz run notation`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pyoco::fuzzing::notation(bytes));
