//! `llamactl`: signs people and machines in to LlamaCloud or a self-hosted control plane, keeps their profiles, and hands
//! the credentials on.
//!
//! A command line goes from here to `cli` (what was typed), to `commands` (what it does), which draws on the rooms
//! beside it: `credentials` (which key, project and server), `store` (the profiles on disk), `http` (servers),
//! `terminal` (the person), `output` (data). The library exists for the program and its tests; it promises no stable
//! interface.

pub mod api;
pub mod app;
pub mod child;
pub mod cli;
pub mod clock;
mod commands;
pub mod credentials;
pub mod dotenv;
pub mod error;
pub mod fs;
pub mod http;
pub mod import;
pub mod login;
pub mod oidc;
pub mod sanitize;
pub mod secret;
pub mod shell_quote;
pub mod store;
pub mod term;
pub mod url;
pub mod validate;
pub mod vars;

use std::ffi::{OsStr, OsString};

use cli::complete::Shell;
use cli::parse::{Parsed, parse};
use cli::spec::OptId;
use error::Result;
use term::{message, output, signals};
use vars::Vars;

// A constant can't stand in `concat!`.
macro_rules! compatible_with {
    () => {
        "0.10.4"
    };
}

/// The version of the Python tool that this one is compatible with. Servers state their minimum client version in terms of
/// the Python tool's.
pub const COMPATIBLE_WITH: &str = compatible_with!();

/// What `--version` prints.
const VERSION: &str = concat!(
    "llamactl ",
    env!("CARGO_PKG_VERSION"),
    " (compatible with llamactl ",
    compatible_with!(),
    " of Python)\n"
);

/// Runs one command line, without the program's name: parse, dispatch, report. Returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    signals::install();
    let args: Vec<OsString> = args.into_iter().collect();
    if let (true, Some(value)) = (args.is_empty(), Vars::process().raw(vars::COMPLETE)) {
        return report(print_completions(&value));
    }
    report(parse(args).and_then(answer))
}

/// Start-up files written for the Python tool run `_LLAMACTL_COMPLETE=bash_source llamactl` and evaluate the output, so
/// nothing but a completion script may be printed.
fn print_completions(value: &OsStr) -> Result<()> {
    let shell = value
        .to_str()
        .and_then(|value| value.strip_suffix("_source"));
    match shell.and_then(Shell::from_name) {
        Some(shell) => output::data(&shell.script()),
        None => Ok(()),
    }
}

fn report(result: Result<()>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(error) => {
            message::error(&error);
            error.kind.exit_code()
        }
    }
}

fn answer(parsed: Parsed) -> Result<()> {
    match parsed {
        Parsed::Help(path) => output::data(&cli::help::page(&path)),
        Parsed::HelpVariables => output::data(&cli::help::variables_page()),
        Parsed::Version => output::data(VERSION),
        Parsed::Run(invocation) => {
            keep_memory_private();
            let vars = Vars::process();
            let http = http::Http::new(
                vars,
                invocation.has(OptId::NativeTls),
                http::Reporter {
                    warn: message::warn,
                    trace: invocation.has(OptId::Verbose).then_some(message::line),
                },
                app::stored_ca_file,
            );
            let clock = clock::SystemClock;
            commands::run(&invocation, &mut app::App { vars, http, clock })
        }
    }
}

/// No core dump of this process, with keys in it, is written anywhere, and no other process of the user reads its
/// memory. What it runs is not concerned: the kernel starts afresh with each program.
fn keep_memory_private() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
