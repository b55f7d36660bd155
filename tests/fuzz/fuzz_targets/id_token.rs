//! See `tests/checks/id_token.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| llamactl_fuzz::id_token::check(input));
