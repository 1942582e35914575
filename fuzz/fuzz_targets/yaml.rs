//! `cargo +nightly fuzz run yaml`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pyoco::fuzzing::yaml(bytes));
