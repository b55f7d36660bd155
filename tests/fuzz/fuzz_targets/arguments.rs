//! Any command line: no panic, and an error that does not repeat an argument that may be a key.

#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let secret = "llx-S3cret0123456789";
    let typed = input
        .split(|byte| *byte == b'\n')
        .map(|arg| OsString::from_vec(arg.to_vec()));
    for args in [
        typed.clone().collect::<Vec<_>>(),
        typed.chain([OsString::from(secret)]).collect(),
    ] {
        if let Err(error) = llamactl::cli::parse::parse(args) {
            let said = error.to_string();
            assert!(!said.contains(secret), "{said}");
            assert!(said.lines().count() <= 2, "{said}");
        }
    }
});
