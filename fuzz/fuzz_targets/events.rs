//! `cargo +nightly fuzz run events`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pyoco::fuzzing::events(bytes));
