//! `cargo +nightly fuzz run dotenv`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pyoco::fuzzing::dotenv(bytes));
