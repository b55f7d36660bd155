//! Any command line, an argument a line: no panic, what was typed arrives as it was typed, and no message repeats a key,
//! wherever it stands.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

use llamactl::cli::help::page;
use llamactl::cli::parse::{Parsed, parse};
use llamactl::cli::spec::OptId;
use llamactl::error::Kind;

const KEY: &str = "llx-S3cret0123456789";

/// See the head of this file. An `@` stands for the key.
pub fn check(input: &[u8]) {
    let typed: Vec<OsString> = input
        .split(|byte| *byte == b'\n')
        .map(|arg| {
            let parts: Vec<&[u8]> = arg.split(|byte| *byte == b'@').collect();
            OsString::from_vec(parts.join(KEY.as_bytes()))
        })
        .collect();
    one(&typed);
    // One argument too many, and one behind the last option.
    one(&[&typed[..], &[KEY.into()]].concat());
    if let Some((last, before)) = typed.split_last() {
        let attached = [last.as_bytes(), b"=", KEY.as_bytes()].concat();
        one(&[before, &[OsString::from_vec(attached)]].concat());
    }
}

fn one(typed: &[OsString]) {
    match parse(typed.iter().cloned()) {
        Err(error) => {
            super::assert_readable(&error);
            assert_eq!(error.kind, Kind::Usage);
            assert!(!error.to_string().contains("S3cret"), "{error}");
        }
        Ok(Parsed::Help(path)) => assert!(page(&path).contains("Usage: llamactl")),
        Ok(Parsed::Version | Parsed::HelpVariables) => {}
        Ok(Parsed::Run(invocation)) => {
            // Words in any case of letters are made lower-case where a choice of them is wanted.
            let mut rest = typed.iter();
            for arg in invocation.args() {
                let arrived = rest.any(|typed| typed.eq_ignore_ascii_case(arg));
                assert!(arrived, "{arg:?}");
            }
            for id in [OptId::ApiKey, OptId::Project, OptId::Name, OptId::Profile] {
                if let Some(value) = invocation.text(id) {
                    let was_typed = |typed: &OsString| typed.as_bytes().ends_with(value.as_bytes());
                    assert!(typed.iter().any(was_typed), "{id:?}");
                }
            }
            for id in [OptId::Tail, OptId::SinceSeconds] {
                assert_eq!(
                    invocation.number(id).is_some(),
                    invocation.has(id),
                    "{id:?}"
                );
            }
            if let Some(shown) = invocation.text(OptId::Output) {
                assert!(["text", "wide", "json", "yaml"].contains(&shown), "{shown}");
            }
        }
    }
}
