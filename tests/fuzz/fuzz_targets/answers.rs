//! See `tests/checks/answers.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| llamactl_fuzz::answers::check(input));
