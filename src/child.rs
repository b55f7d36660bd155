//! Child processes that get only what they need: absolute program paths, a chosen environment, `/` as working
//! directory, and limits on time and output.
//!
//! A working directory of the user's, or below `/tmp`, would let others choose the program: version managers (asdf,
//! pyenv, mise) read their configuration from the parents of the working directory. The same goes for relative entries
//! of `PATH`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::term::signals;
use crate::vars;

/// The search path if `PATH` is not set, as in `execvp`.
const DEFAULT_PATH: &str = "/usr/bin:/bin";
/// How much of a child's standard error is kept; the rest is read and dropped.
const STDERR_LIMIT: u64 = 8 * 1024;
/// How often a running child is looked at.
const POLL: Duration = Duration::from_millis(10);
/// Environment variables that no child gets: keys, and paths to keys.
const SECRETS: [&str; 2] = [vars::API_KEY, vars::API_KEY_FILE];
/// What Windows needs to start a program at all.
const WINDOWS: [&str; 4] = ["SYSTEMROOT", "PATHEXT", "TEMP", "TMP"];

/// What one child may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub time: Duration,
    /// Bytes of standard output.
    pub output: u64,
}

/// A child that ended by itself.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

#[derive(Debug)]
pub enum ChildError {
    /// It could not be started, or its output could not be read.
    Io(io::Error),
    TimedOut,
    TooMuchOutput,
    /// A signal arrived that ends us; the child was killed.
    Interrupted,
}

impl From<io::Error> for ChildError {
    fn from(error: io::Error) -> Self {
        ChildError::Io(error)
    }
}

/// A command that gets `PATH`, `HOME` and the locale; `None` if the program is not installed.
pub fn minimal(program: &str) -> Option<Command> {
    let mut command = in_root(program)?;
    command
        .env_clear()
        .envs(env::vars_os().filter(|(name, _)| is_minimal(name)))
        .env("PATH", search_path());
    Some(command)
}

/// A command that gets our environment without our secrets.
pub fn inheriting(program: &str) -> Option<Command> {
    let mut command = in_root(program)?;
    command.env("PATH", search_path());
    for name in SECRETS {
        command.env_remove(name);
    }
    Some(command)
}

/// `git -C DIRECTORY` with our environment, without our secrets and without the variables that point git to another
/// repository or configuration.
pub fn git(directory: &Path) -> Option<Command> {
    let mut command = inheriting("git")?;
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    command.arg("-C").arg(directory);
    Some(command)
}

fn in_root(program: &str) -> Option<Command> {
    let mut command = Command::new(find(program, &search_path())?);
    command.current_dir("/");
    Some(command)
}

/// Runs a command to its end. It does not outlive us: a signal that ends us kills it first, and on Linux so does the
/// kernel if we are killed.
pub fn run(mut command: Command, limits: Limits) -> Result<Finished, ChildError> {
    let interrupted = signals::defer();
    signals::kill_with_parent(&mut command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let finished = collect(&mut child, limits, &|| interrupted.is_pending());
    if finished.is_err() {
        let _ = child.kill();
        let _ = child.wait();
    }
    finished
}

/// Starts a program that outlives us, in a process group of its own so that Ctrl-C does not reach it.
pub fn spawn_detached(mut command: Command) -> io::Result<Child> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

fn collect(
    child: &mut Child,
    limits: Limits,
    interrupted: &dyn Fn() -> bool,
) -> Result<Finished, ChildError> {
    let end = Instant::now() + limits.time;
    let check = || match interrupted() {
        true => Err(ChildError::Interrupted),
        false if Instant::now() >= end => Err(ChildError::TimedOut),
        false => Ok(()),
    };
    let stdout = read_all(child.stdout.take(), limits.output)?;
    let stderr = read_all(child.stderr.take(), STDERR_LIMIT)?;
    // First the output: a child that prints more than a pipe holds does not end before it is read.
    let receive = |output: &Receiver<Output>| -> Result<Output, ChildError> {
        loop {
            match output.recv_timeout(POLL) {
                Ok(output) => return Ok(output),
                Err(RecvTimeoutError::Disconnected) => return Ok(Output::default()),
                Err(RecvTimeoutError::Timeout) => check()?,
            }
        }
    };
    let stdout = receive(&stdout)?;
    if stdout.is_truncated {
        return Err(ChildError::TooMuchOutput);
    }
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None => check()?,
        }
        thread::sleep(Duration::from_millis(1));
    };
    let stderr = receive(&stderr)?;
    Ok(Finished {
        status,
        stdout: stdout.bytes,
        stderr: stderr.bytes,
    })
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    is_truncated: bool,
}

/// Reads a pipe in a thread of its own, which ends with the pipe. The output is sent as soon as the limit is exceeded.
fn read_all(pipe: Option<impl Read + Send + 'static>, limit: u64) -> io::Result<Receiver<Output>> {
    let (sender, receiver) = mpsc::channel();
    let Some(mut pipe) = pipe else {
        return Ok(receiver);
    };
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.by_ref().take(limit).read_to_end(&mut bytes);
        let is_truncated = pipe.read(&mut [0]).is_ok_and(|count| count > 0);
        let _ = sender.send(Output {
            bytes,
            is_truncated,
        });
        let _ = io::copy(&mut pipe, &mut io::sink());
    })?;
    Ok(receiver)
}

/// The absolute directories of `PATH`.
fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    absolute_entries(&path)
}

fn absolute_entries(path: &OsStr) -> OsString {
    let entries = env::split_paths(path).filter(|entry| entry.is_absolute());
    env::join_paths(entries).unwrap_or_default()
}

/// The program's path; a name with a slash in it must be an absolute path.
fn find(program: &str, path: &OsStr) -> Option<PathBuf> {
    let named = Path::new(program);
    if named.is_absolute() {
        return is_executable(named).then(|| named.to_path_buf());
    }
    if named.components().count() != 1 {
        return None;
    }
    env::split_paths(path)
        .map(|directory| {
            let extension = if cfg!(windows) { ".exe" } else { "" };
            directory.join(format!("{program}{extension}"))
        })
        .find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    #[cfg(unix)]
    if rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_err() {
        return false;
    }
    path.is_file()
}

fn is_minimal(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    matches!(name, "HOME" | "LANG" | "LANGUAGE")
        || name.starts_with("LC_")
        || (cfg!(windows) && WINDOWS.contains(&name.to_ascii_uppercase().as_str()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    const LIMITS: Limits = Limits {
        time: Duration::from_secs(20),
        output: 1 << 20,
    };

    fn shell(script: &str) -> Command {
        let mut command = minimal("/bin/sh").expect("a shell");
        command.args(["-c", script]);
        command
    }

    fn stdout(command: Command) -> String {
        let finished = run(command, LIMITS).expect("a finished command");
        String::from_utf8(finished.stdout).expect("UTF-8")
    }

    #[test]
    fn relative_path_entries_are_skipped() {
        for (path, absolute) in [
            ("/bin:.:/usr/bin", "/bin:/usr/bin"),
            ("bin:/bin:", "/bin"),
            (":", ""),
            ("../x:~/bin", ""),
        ] {
            assert_eq!(absolute_entries(OsStr::new(path)), absolute, "{path}");
        }
    }

    #[test]
    fn programs_are_executable_files_at_absolute_paths() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        for (name, mode) in [("tool", 0o755), ("text", 0o644)] {
            fs::write(path.join(name), "").unwrap();
            fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::create_dir(path.join("directory")).unwrap();
        let tool = path.join("tool");
        let find = |program: &str| find(program, path.as_os_str());
        assert_eq!(find("tool"), Some(tool.clone()));
        assert_eq!(find(tool.to_str().unwrap()), Some(tool));
        for program in ["text", "directory", "absent", "./tool", "x/tool", ""] {
            assert_eq!(find(program), None, "{program}");
        }
    }

    #[test]
    fn minimal_children_get_path_home_and_locale() {
        for (name, is_kept) in [
            ("HOME", true),
            ("LANG", true),
            ("LC_ALL", true),
            ("LLAMA_CLOUD_API_KEY", false),
            ("LD_PRELOAD", false),
            ("PYTHONPATH", false),
            ("ASDF_PYTHON_VERSION", false),
        ] {
            assert_eq!(is_minimal(OsStr::new(name)), is_kept, "{name}");
        }
        // Cargo sets variables of its own for this test; none of them reaches the child.
        let names = stdout(shell("env")).replace('\n', " ");
        assert!(!names.contains("CARGO"), "{names}");
        assert!(names.contains("PATH=/"), "{names}");
    }

    #[test]
    fn children_work_in_the_root_directory() {
        assert_eq!(stdout(shell("pwd")), "/\n");
    }

    #[test]
    fn large_output_on_both_streams_is_read() {
        let script = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; \
            echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done; exit 7";
        let finished = run(shell(script), LIMITS).unwrap();
        assert_eq!(finished.status.code(), Some(7));
        assert_eq!(finished.stdout.len(), 3000 * 41);
        assert_eq!(finished.stderr.len() as u64, STDERR_LIMIT);
    }

    #[test]
    fn output_and_time_are_limited() {
        let limits = Limits {
            output: 100,
            ..LIMITS
        };
        let endless = run(shell("while :; do echo x; done"), limits);
        assert!(matches!(endless, Err(ChildError::TooMuchOutput)));
        let limits = Limits {
            time: Duration::from_millis(50),
            ..LIMITS
        };
        let slow = run(shell("exec sleep 600"), limits);
        assert!(matches!(slow, Err(ChildError::TimedOut)));
        // One that closed its output is still waited for no longer than the limit.
        let silent = run(shell("exec sleep 600 >/dev/null 2>&1"), limits);
        assert!(matches!(silent, Err(ChildError::TimedOut)));
    }

    #[test]
    fn an_interrupted_wait_ends_the_child() {
        let mut child = shell("exec sleep 600")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let outcome = collect(&mut child, LIMITS, &|| true);
        assert!(matches!(outcome, Err(ChildError::Interrupted)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
