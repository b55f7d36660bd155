//! The real binary in a real terminal of 80 columns and 24 lines, as the leader of the terminal's session.

use std::fs::File;
use std::io::Write;
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Command, Pty, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::tcgetattr;

use super::capture::Capture;
use super::run::Exit;
use super::sandbox::Sandbox;

/// No wait takes longer.
const LIMIT: Duration = Duration::from_secs(30);

/// A program running in a terminal.
pub struct Terminal<'a> {
    sandbox: &'a Sandbox,
    name: String,
    pty: Arc<Pty>,
    screen: Capture,
    /// Where on the screen the next [`Terminal::expect`] starts.
    seen: usize,
    program: Child,
    before: String,
    may_show_keys: bool,
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Ended {
    pub exit: Exit,
    /// All that was on the screen, with `\r\n` as `\n` and the sandbox's placeholders.
    pub transcript: String,
    /// The terminal's settings before and after, all that `stty -a` would show.
    pub before: String,
    pub after: String,
}

impl Ended {
    /// Fails unless the program left the terminal as it found it.
    pub fn assert_restored(&self) -> &Ended {
        pretty_assertions::assert_eq!(self.before, self.after, "the terminal's settings");
        self
    }

    /// Fails unless this signal ended the program: a shell sees 128 and its number, and stops its script.
    pub fn assert_signal(&self, signal: Signal) -> &Ended {
        let expected = Exit::Signal(signal.as_raw());
        assert_eq!(self.exit, expected, "on the terminal:\n{}", self.transcript);
        self
    }

    pub fn assert_code(&self, code: i32) -> &Ended {
        assert_eq!(
            self.exit,
            Exit::Code(code),
            "on the terminal:\n{}",
            self.transcript
        );
        self
    }
}

impl<'a> Terminal<'a> {
    /// Starts what [`Run::terminal`](super::Run::terminal) prepared; with `stdout` elsewhere or not.
    pub(super) fn start(
        sandbox: &'a Sandbox,
        name: String,
        mut command: Command,
        stdout: Option<File>,
        may_show_keys: bool,
    ) -> Terminal<'a> {
        let (pty, pts) = open().expect("a terminal");
        pty.resize(Size::new(24, 80)).expect("a terminal's size");
        let before = settings(&pty);
        if let Some(file) = stdout {
            command = command.stdout(file);
        }
        let program = command.spawn(pts).unwrap_or_else(|e| panic!("{name}: {e}"));
        let pty = Arc::new(pty);
        let screen = Capture::of(SharedPty(pty.clone()));
        Terminal {
            sandbox,
            name,
            pty,
            screen,
            seen: 0,
            program,
            before,
            may_show_keys,
        }
    }

    /// Waits until `text` comes, after what the last `expect` saw.
    pub fn expect(&mut self, text: &str) -> &mut Terminal<'a> {
        match self.screen.wait_for(text, self.seen, LIMIT) {
            Some(end) => self.seen = end,
            None => self.fail(&format!("waited for {text:?}")),
        }
        self
    }

    /// Types these bytes; `b"\x03"` is Ctrl-C.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Terminal<'a> {
        (&*self.pty)
            .write_all(bytes.as_ref())
            .expect("typed into the terminal");
        self
    }

    /// Types a text and Enter.
    pub fn type_line(&mut self, text: &str) -> &mut Terminal<'a> {
        self.send(format!("{text}\r"))
    }

    /// Sends a signal to the program, as `kill` does.
    pub fn signal(&mut self, signal: Signal) -> &mut Terminal<'a> {
        kill_process(Pid::from_child(&self.program), signal).expect("a signal sent");
        self
    }

    /// All that was on the screen so far.
    pub fn transcript(&self) -> String {
        let text = String::from_utf8_lossy(&self.screen.bytes()).into_owned();
        self.sandbox.stable(&text.replace("\r\n", "\n"))
    }

    /// The terminal's settings now.
    pub fn settings(&self) -> String {
        settings(&self.pty)
    }

    /// Waits for the program's end.
    pub fn wait(mut self) -> Ended {
        let deadline = Instant::now() + LIMIT;
        let exit = loop {
            if let Some(status) = self.program.try_wait().expect("the program's state") {
                break Exit::from(status);
            }
            if Instant::now() > deadline {
                self.fail("has not ended");
            }
            thread::sleep(Duration::from_millis(1));
        };
        let after = self.settings();
        if !self.screen.wait_for_end(LIMIT) {
            self.fail("left a child that keeps the terminal");
        }
        let transcript = self.transcript();
        if !self.may_show_keys {
            self.sandbox.assert_no_key("the terminal", &transcript);
        }
        Ended {
            exit,
            transcript,
            before: self.before.clone(),
            after,
        }
    }

    fn fail(&self, what: &str) -> ! {
        panic!(
            "{}: {what}; on the terminal:\n{}",
            self.name,
            self.transcript()
        )
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        // After a failed test nothing may stay behind.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

struct SharedPty(Arc<Pty>);

impl std::io::Read for SharedPty {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

fn settings(pty: &Pty) -> String {
    format!("{:#?}", tcgetattr(pty).expect("a terminal's settings"))
}
