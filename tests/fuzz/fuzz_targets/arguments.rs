//! See `tests/checks/arguments.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| llamactl_fuzz::arguments::check(input));
