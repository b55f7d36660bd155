//! `auth exec`: runs a command with the credentials in its environment. On Unix the command replaces this process.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::commands::auth::exported::ExportedCredentials;
use crate::error::{Error, Kind, Result, os_reason};
use crate::sanitize::quoted;
use crate::vars::{self, Vars};

/// Variables that would choose other credentials in a llamactl that the command starts.
const REMOVED: [&str; 4] = [
    vars::USE_PROFILE,
    vars::PROFILE,
    vars::ENVIRONMENT,
    vars::API_KEY_FILE,
];
/// As much of a script as the kernel reads to find its interpreter.
const FIRST_LINE_LIMIT: u64 = 256;

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let credentials = ExportedCredentials::resolve(given, app)?;
    let Some((program, arguments)) = given.args().split_first() else {
        return Err(Error::usage("there is no command to run"));
    };
    let mut error = replace_process(command(program, arguments, &credentials));
    // A script without `#!`. The C library runs it in a shell, but for musl's.
    if let (true, Some(script)) = (is_exec_format_error(&error), find(program, app.vars)) {
        let arguments: Vec<OsString> = [script.into_os_string()]
            .into_iter()
            .chain(arguments.iter().cloned())
            .collect();
        error = replace_process(command(OsStr::new("/bin/sh"), &arguments, &credentials));
    }
    Err(cannot_run(program, &error, app.vars))
}

fn command(program: &OsStr, arguments: &[OsString], credentials: &ExportedCredentials) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    for name in REMOVED {
        command.env_remove(name);
    }
    for (name, value) in credentials.variables() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

fn cannot_run(program: &OsStr, error: &io::Error, vars: Vars) -> Error {
    let shown = quoted(&program.to_string_lossy());
    let not_run = |code, reason: &str| {
        let message = format!("{shown} cannot be run: {reason}");
        Error::new(Kind::NotRun(code), message)
    };
    if error.kind() != ErrorKind::NotFound {
        return not_run(126, &os_reason(error));
    }
    // The error is the same if the program exists and its interpreter does not.
    let Some(path) = find(program, vars) else {
        return not_run(127, "it was not found");
    };
    match interpreter(&path) {
        Some(name) if name.ends_with('\r') => {
            not_run(126, "its first line ends in a Windows line ending (CRLF)")
                .hint("convert it to Unix line endings, for example with `dos2unix`")
        }
        Some(name) => not_run(
            126,
            &format!("its interpreter {} was not found", quoted(&name)),
        ),
        None => not_run(126, "its dynamic loader was not found")
            .hint("it was built for another system or C library"),
    }
}

/// The program as `execvp` finds it.
fn find(program: &OsStr, vars: Vars) -> Option<PathBuf> {
    let named = Path::new(program);
    let is_path = program.as_encoded_bytes().contains(&b'/');
    let directories = vars.raw("PATH").unwrap_or_default();
    let candidates = match is_path {
        true => vec![named.to_path_buf()],
        false => std::env::split_paths(&directories)
            .map(|directory| directory.join(named))
            .collect(),
    };
    candidates.into_iter().find(|path| path.is_file())
}

/// The interpreter that the first line of a script names; a `\r` at the end of that line is kept.
fn interpreter(script: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut start = Vec::new();
    let file = crate::fs::open::regular(script).ok()?.file;
    file.take(FIRST_LINE_LIMIT).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|&b| b == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    line.trim_start_matches([' ', '\t'])
        .split([' ', '\t'])
        .next()
        .map(str::to_string)
}

#[cfg(unix)]
fn is_exec_format_error(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOEXEC)
}

#[cfg(not(unix))]
fn is_exec_format_error(_: &io::Error) -> bool {
    false
}

/// Returns only if the command cannot be started.
#[cfg(unix)]
fn replace_process(mut command: Command) -> io::Error {
    use std::os::unix::process::CommandExt as _;
    command.exec()
}

#[cfg(not(unix))]
fn replace_process(mut command: Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
