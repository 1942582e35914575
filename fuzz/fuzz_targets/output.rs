//! `cargo +nightly fuzz run output`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pyoco::fuzzing::output(bytes));
