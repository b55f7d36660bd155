//! See `tests/checks/store.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| llamactl_fuzz::store::check(input));
