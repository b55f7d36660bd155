//! `llamactl`: signs users and machines in to LlamaCloud or a self-hosted control plane, keeps their profiles, and passes
//! the credentials on to other programs.
//!
//! `cli` parses the command line, `commands` runs it with an [`app::App`]. The library exists for the program and its
//! tests; its interface is not stable.

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
use cli::parse::{Invocation, Parsed, parse};
use cli::spec::OptId;
use credentials::{Source, Sourced};
use error::{Error, Result};
use sanitize::quoted;
use term::{message, output, signals};
use url::ApiUrl;
use vars::Vars;

// `concat!` takes no constants.
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

/// Runs a command line (without the program's name) and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    signals::install();
    let args: Vec<OsString> = args.into_iter().collect();
    if let (true, Some(value)) = (args.is_empty(), Vars::process().raw(vars::COMPLETE)) {
        return report(print_completions(&value));
    }
    report(parse(args).and_then(dispatch))
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

fn dispatch(parsed: Parsed) -> Result<()> {
    match parsed {
        Parsed::Help(path) => output::data(&cli::help::page(&path)),
        Parsed::HelpVariables => output::data(&cli::help::variables_page()),
        Parsed::Version => output::data(VERSION),
        Parsed::Run(invocation) => {
            keep_memory_private();
            message::set_quiet(invocation.has(OptId::Quiet));
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
            let environment = selected_environment(&invocation, vars)?;
            let mut app = app::App::new(vars, http, clock::SystemClock, environment);
            commands::run(&invocation, &mut app)
        }
    }
}

/// `--environment`, else `LLAMACTL_ENVIRONMENT`, for commands that have the option.
fn selected_environment(invocation: &Invocation, vars: Vars) -> Result<Option<Sourced<ApiUrl>>> {
    const OPTION: &str = "--environment";
    if !invocation.accepts(OptId::Environment) {
        return Ok(None);
    }
    let (text, name, source) = match invocation.text(OptId::Environment) {
        Some(text) => (text.to_string(), OPTION, Source::Option(OPTION)),
        None => match vars.text(vars::ENVIRONMENT)? {
            Some(text) => (text, vars::ENVIRONMENT, Source::Variable(vars::ENVIRONMENT)),
            None => return Ok(None),
        },
    };
    let value = url::parse_environment(&text).map_err(|problem| {
        // A URL with userinfo may hold a password.
        let shown = match text.contains('@') {
            true => String::new(),
            false => format!(" {}", quoted(&text)),
        };
        Error::usage(format!("{name}{shown} {problem}"))
            .hint("pass the URL of a stored environment, `us` or `eu`")
    })?;
    Ok(Some(Sourced { value, source }))
}

/// Prevents core dumps, which would contain keys, and reading of our memory by other processes of the user. Programs
/// that we start are not affected.
fn keep_memory_private() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
