//! One run of a program in a [`Sandbox`], with its expected output and exit code.
//!
//! By default, stdout and stderr must be empty and the exit code 0. Outputs are compared whole. Printing a full key fails
//! the test unless the run allows it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Barrier, Once};
use std::thread;
use std::time::{Duration, Instant};

use pretty_assertions::StrComparison;
use rustix::process::{Pid, Signal, kill_process};

use super::capture::Capture;
use super::pty::Terminal;
use super::sandbox::{Sandbox, Variable};

/// The time limit of a run, so that a hang fails one test instead of blocking the suite.
const LIMIT: Duration = Duration::from_secs(60);

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Exit {
        match status.code() {
            Some(code) => Exit::Code(code),
            None => Exit::Signal(status.signal().unwrap_or_default()),
        }
    }
}

/// The expectation for one output stream.
#[derive(Clone, Debug)]
enum Text {
    Any,
    Exactly(String),
    Having(Vec<String>),
}

impl Text {
    fn exactly(text: &str) -> Text {
        // A text that starts with a line end was indented to fit in with the code around it.
        let indented = text.starts_with('\n');
        Text::Exactly(if indented {
            unindent::unindent(text)
        } else {
            text.to_string()
        })
    }

    fn having(&mut self, part: &str) {
        match self {
            Text::Having(parts) => parts.push(part.to_string()),
            _ => *self = Text::Having(vec![part.to_string()]),
        }
    }

    fn complaint(&self, stream: &str, got: &str) -> Option<String> {
        match self {
            Text::Any => None,
            Text::Exactly(expected) => (got != expected).then(|| {
                let difference = StrComparison::new(expected.as_str(), got);
                format!("{stream} (expected < > got):\n{difference}\n")
            }),
            Text::Having(parts) => {
                let missing: Vec<_> = parts.iter().filter(|p| !got.contains(*p)).collect();
                (!missing.is_empty()).then(|| format!("{stream} lacks {missing:?}:\n{got}\n"))
            }
        }
    }
}

struct Expected {
    exit: Option<Exit>,
    stdout: Text,
    stderr: Text,
    may_show_keys: bool,
}

/// A program to run and its expected result.
pub struct Run<'a> {
    sandbox: &'a Sandbox,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<Variable>,
    cwd: PathBuf,
    stdin: Vec<u8>,
    limit: Duration,
    expected: Expected,
}

impl<'a> Run<'a> {
    pub(super) fn new(sandbox: &'a Sandbox, program: &str, arguments: Vec<OsString>) -> Run<'a> {
        Run {
            sandbox,
            program: program.into(),
            arguments,
            environment: Vec::new(),
            cwd: sandbox.cwd(),
            stdin: Vec::new(),
            limit: LIMIT,
            expected: Expected {
                exit: Some(Exit::Code(0)),
                stdout: Text::Exactly(String::new()),
                stderr: Text::Exactly(String::new()),
                may_show_keys: false,
            },
        }
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Run<'a> {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Run<'a> {
        let value = Some(value.as_ref().to_owned());
        self.environment.push((name.as_ref().to_owned(), value));
        self
    }

    /// Removes an environment variable, including those that the sandbox sets (`HOME`, `PATH`).
    pub fn no_env(mut self, name: impl AsRef<OsStr>) -> Run<'a> {
        self.environment.push((name.as_ref().to_owned(), None));
        self
    }

    /// Uses the test's own `PATH`, for installed programs such as `git`.
    pub fn machine_path(self) -> Run<'a> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        self.env("PATH", path)
    }

    /// Sets the directory, relative to the sandbox's working directory.
    pub fn cwd(mut self, directory: impl AsRef<Path>) -> Run<'a> {
        self.cwd = self.sandbox.cwd().join(directory);
        self
    }

    /// Runs another program instead of `llamactl`.
    pub fn program(mut self, program: impl AsRef<OsStr>) -> Run<'a> {
        program.as_ref().clone_into(&mut self.program);
        self
    }

    pub fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Run<'a> {
        self.stdin = bytes.as_ref().to_vec();
        self
    }

    /// Expects exactly this stdout. A text that starts with a line break may be indented.
    pub fn stdout(mut self, text: &str) -> Run<'a> {
        self.expected.stdout = Text::exactly(text);
        self
    }

    /// Expects exactly this stderr. A text that starts with a line break may be indented.
    pub fn stderr(mut self, text: &str) -> Run<'a> {
        self.expected.stderr = Text::exactly(text);
        self
    }

    /// Expects stdout to contain this.
    pub fn stdout_has(mut self, part: &str) -> Run<'a> {
        self.expected.stdout.having(part);
        self
    }

    /// Expects stderr to contain this.
    pub fn stderr_has(mut self, part: &str) -> Run<'a> {
        self.expected.stderr.having(part);
        self
    }

    pub fn any_stdout(mut self) -> Run<'a> {
        self.expected.stdout = Text::Any;
        self
    }

    pub fn any_stderr(mut self) -> Run<'a> {
        self.expected.stderr = Text::Any;
        self
    }

    pub fn code(mut self, code: i32) -> Run<'a> {
        self.expected.exit = Some(Exit::Code(code));
        self
    }

    /// Expects the program to die of this signal.
    pub fn signal(mut self, signal: Signal) -> Run<'a> {
        self.expected.exit = Some(Exit::Signal(signal.as_raw()));
        self
    }

    pub fn any_exit(mut self) -> Run<'a> {
        self.expected.exit = None;
        self
    }

    /// Checks only for keys and the time limit; the test examines the output itself.
    pub fn anything(self) -> Run<'a> {
        self.any_stdout().any_stderr().any_exit()
    }

    /// Allows keys in the output, for commands that print credentials by design.
    pub fn may_show_keys(mut self) -> Run<'a> {
        self.expected.may_show_keys = true;
        self
    }

    /// Sets the time limit (default: one minute).
    pub fn limit(mut self, limit: Duration) -> Run<'a> {
        self.limit = limit;
        self
    }

    /// Runs the program and checks the result.
    pub fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts the program; the test can wait for it, signal it or kill it.
    pub fn spawn(self) -> Running<'a> {
        let mut command = self.command("dumb");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{self}: {e}"));
        if let Some(mut stdin) = child.stdin.take() {
            let bytes = self.stdin.clone();
            // In a thread, and whatever it says: a program need not read all, or anything.
            thread::spawn(move || stdin.write_all(&bytes));
        }
        Running {
            stdout: Capture::of(child.stdout.take().expect("a pipe")),
            stderr: Capture::of(child.stderr.take().expect("a pipe")),
            run: self,
            child,
            started,
        }
    }

    /// Runs the program in a pseudo-terminal. Of the expectations only the one about keys applies.
    pub fn terminal(self) -> Terminal<'a> {
        self.terminal_but(None)
    }

    /// The same, but with stdout going to a file (relative to the working directory), as with `llamactl … > file`.
    pub fn terminal_stdout_to(self, file: impl AsRef<Path>) -> Terminal<'a> {
        let file = File::create(self.sandbox.cwd().join(file)).expect("a file for stdout");
        self.terminal_but(Some(file))
    }

    fn terminal_but(self, stdout: Option<File>) -> Terminal<'a> {
        let command = pty_process::blocking::Command::from(self.command("xterm-256color"));
        let keys = self.expected.may_show_keys;
        Terminal::start(self.sandbox, self.to_string(), command, stdout, keys)
    }

    fn command(&self, term: &str) -> Command {
        heed_signals();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.cwd);
        command.env_clear().envs(self.variables(term));
        command
    }

    fn variables(&self, term: &str) -> Vec<(OsString, OsString)> {
        let root = self.sandbox.root();
        let mut variables: Vec<(OsString, OsString)> = vec![
            ("HOME".into(), root.join("home").into()),
            ("PATH".into(), root.join("bin").into()),
            ("TERM".into(), term.into()),
        ];
        // Where coverage is measured, the program says where to write it.
        if let Some(profile) = std::env::var_os("LLVM_PROFILE_FILE") {
            variables.push(("LLVM_PROFILE_FILE".into(), profile));
        }
        let set = self.sandbox.environment();
        for (name, value) in set.iter().chain(&self.environment) {
            variables.retain(|(n, _)| n != name);
            if let Some(value) = value {
                variables.push((name.clone(), value.clone()));
            }
        }
        variables
    }
}

/// Restores default signal handling: a suite started in the background or with `nohup` ignores some signals, and children
/// would inherit that.
#[allow(unsafe_code)]
fn heed_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
            // SAFETY: the default needs no handler.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    });
}

impl fmt::Display for Run<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = Path::new(&self.program)
            .file_name()
            .unwrap_or(&self.program);
        write!(f, "{}", program.to_string_lossy())?;
        for argument in &self.arguments {
            write!(f, " {}", argument.to_string_lossy())?;
        }
        Ok(())
    }
}

/// A program that was started.
pub struct Running<'a> {
    run: Run<'a>,
    child: Child,
    stdout: Capture,
    stderr: Capture,
    started: Instant,
}

impl Running<'_> {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until stdout contains this.
    pub fn wait_for_stdout(&self, text: &str) {
        self.wait_for(&self.stdout, "stdout", text);
    }

    /// Waits until stderr contains this.
    pub fn wait_for_stderr(&self, text: &str) {
        self.wait_for(&self.stderr, "stderr", text);
    }

    fn wait_for(&self, capture: &Capture, stream: &str, text: &str) {
        let found = capture.wait_for(text, 0, Duration::from_secs(20));
        let got = String::from_utf8_lossy(&capture.bytes()).into_owned();
        assert!(
            found.is_some(),
            "{}: waited for {text:?} on {stream}, got:\n{got}",
            self.run
        );
    }

    pub fn signal(&mut self, signal: Signal) {
        // Not waited for yet, so the number is still its own.
        kill_process(Pid::from_child(&self.child), signal).expect("a signal sent");
    }

    /// `kill -9`. A program that ended before is fine.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Waits for the program to end and checks the result.
    pub fn wait(mut self) -> Output {
        let exit = self.exit_in_time();
        let left = self
            .run
            .limit
            .saturating_sub(self.started.elapsed())
            .max(Duration::from_secs(1));
        for capture in [&self.stdout, &self.stderr] {
            assert!(
                capture.wait_for_end(left),
                "{}: left a child that keeps its output open",
                self.run
            );
        }
        let sandbox = self.run.sandbox;
        let (raw_stdout, raw_stderr) = (self.stdout.bytes(), self.stderr.bytes());
        let output = Output {
            stdout: sandbox.stable(&String::from_utf8_lossy(&raw_stdout)),
            stderr: sandbox.stable(&String::from_utf8_lossy(&raw_stderr)),
            raw_stdout,
            raw_stderr,
            exit,
            took: self.started.elapsed(),
        };
        self.check(&output);
        output
    }

    fn exit_in_time(&mut self) -> Exit {
        loop {
            if let Some(status) = self.child.try_wait().expect("the program's state") {
                return status.into();
            }
            if self.started.elapsed() > self.run.limit {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let stdout = String::from_utf8_lossy(&self.stdout.bytes()).into_owned();
                let stderr = String::from_utf8_lossy(&self.stderr.bytes()).into_owned();
                let limit = self.run.limit;
                panic!(
                    "{}: still running after {limit:?}\nstdout: {stdout}\nstderr: {stderr}",
                    self.run
                );
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn check(&self, output: &Output) {
        let expected = &self.run.expected;
        if !expected.may_show_keys {
            for (stream, bytes) in [
                ("stdout", &output.raw_stdout),
                ("stderr", &output.raw_stderr),
            ] {
                let what = format!("{}: {stream}", self.run);
                self.run
                    .sandbox
                    .assert_no_key(&what, &String::from_utf8_lossy(bytes));
            }
        }
        let wrong_exit = expected.exit.filter(|exit| *exit != output.exit);
        let exit =
            wrong_exit.map(|exit| format!("exit: expected {exit:?}, got {:?}\n", output.exit));
        let stdout = expected.stdout.complaint("stdout", &output.stdout);
        let stderr = expected.stderr.complaint("stderr", &output.stderr);
        let mut complaints: Vec<String> = [exit, stdout, stderr].into_iter().flatten().collect();
        if complaints.is_empty() {
            return;
        }
        // A wrong exit code alone says nothing: what was printed says why.
        if complaints.len() == 1 && wrong_exit.is_some() {
            complaints.push(format!(
                "stdout:\n{}\nstderr:\n{}\n",
                output.stdout, output.stderr
            ));
        }
        panic!("{}\n{}", self.run, complaints.concat());
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // After a failed test nothing may stay behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The output of a run. Paths and URLs in the texts are replaced by `[HOME]`, `[CWD]` and `[SERVER]`; raw bytes are unchanged.
#[derive(Clone, Debug)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub raw_stdout: Vec<u8>,
    pub raw_stderr: Vec<u8>,
    pub exit: Exit,
    pub took: Duration,
}

impl Output {
    /// Stdout as one JSON document.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.raw_stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }
}

/// Announces a skipped test directly on the terminal, since the output of passing tests is captured.
pub fn say_skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// Runs a task in `count` threads that start at the same time.
pub fn parallel<T: Send>(count: usize, task: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    let run = |i| {
        start.wait();
        task(i)
    };
    thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..count).map(|i| scope.spawn(move || run(i))).collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("one of the parallel runs"))
            .collect()
    })
}
