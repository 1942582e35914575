//! `cargo +nightly fuzz run toml`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pyoco::fuzzing::toml(bytes));
