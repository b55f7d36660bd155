//! See `tests/checks/dotenv.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| llamactl_fuzz::dotenv::check(input));
