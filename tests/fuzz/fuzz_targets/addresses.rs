//! See `tests/checks/addresses.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| llamactl_fuzz::addresses::check(input));
