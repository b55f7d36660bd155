//! Ctrl-C and its kin while a person is at a prompt or waits: the terminal is left as it was found, and the exit code is
//! 128 and the signal's number (130 for Ctrl-C).
//!
//! The one place with `unsafe`: std has no signal handlers, and a prompt that hides what is typed must not leave the
//! terminal that way.

/// While it lives, a signal that ends the process restores the terminal first.
#[derive(Debug)]
pub struct TerminalGuard {
    _private: (),
}

/// Starts watching; ends when the value is dropped.
pub fn restore_terminal_when_killed() -> TerminalGuard {
    #[cfg(unix)]
    unix::watch();
    TerminalGuard { _private: () }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        #[cfg(unix)]
        unix::unwatch();
    }
}

/// While it lives, a signal that would end the process is only noted; it counts when the value is dropped.
#[derive(Debug)]
pub struct Deferred {
    _private: (),
}

/// Starts noting, for a step that must not be broken off halfway.
pub fn defer() -> Deferred {
    #[cfg(unix)]
    unix::defer();
    Deferred { _private: () }
}

impl Deferred {
    /// Whether a signal came: what can be undone should be.
    #[allow(clippy::unused_self)]
    pub fn is_pending(&self) -> bool {
        #[cfg(unix)]
        return unix::is_pending();
        #[cfg(not(unix))]
        return false;
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        #[cfg(unix)]
        unix::deliver();
    }
}

/// Lets the kernel kill the child if this process dies, even of SIGKILL. Only Linux can do that.
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    allow(unused_variables, clippy::needless_pass_by_ref_mut)
)]
#[allow(unsafe_code)]
pub fn kill_with_parent(command: &mut std::process::Command) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::process::{Signal, set_parent_process_death_signal};
        use std::os::unix::process::CommandExt as _;
        // SAFETY: the closure is one system call; it neither allocates nor takes a lock.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
    }
}

#[cfg(unix)]
#[allow(unsafe_code)]
mod unix {
    use std::io::IsTerminal as _;
    use std::mem::MaybeUninit;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicI32, Ordering};

    const WATCHED: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

    struct Found {
        /// The terminal's settings; none without a terminal.
        settings: Option<libc::termios>,
        /// Whether a person sees what is written to standard error.
        is_shown: bool,
    }

    /// How things were before.
    static FOUND: OnceLock<Found> = OnceLock::new();

    extern "C" fn restore_and_exit(signal: libc::c_int) {
        // Only what POSIX calls async-signal-safe: `get` of an initialised OnceLock is an atomic load.
        if let Some(found) = FOUND.get() {
            if let Some(settings) = &found.settings {
                // SAFETY: `settings` is a whole termios that tcgetattr wrote.
                unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, settings) };
            }
            if found.is_shown {
                // SAFETY: it reads one byte of ours.
                unsafe { libc::write(libc::STDERR_FILENO, b"\n".as_ptr().cast(), 1) };
            }
        }
        // SAFETY: it takes a plain value.
        unsafe { libc::_exit(128 + signal) }
    }

    /// The signal that came while they are deferred; 0: none.
    static NOTED: AtomicI32 = AtomicI32::new(0);

    extern "C" fn note(signal: libc::c_int) {
        const SAID: &[u8] = b"\nstopping as soon as nothing is left behind\n";
        if NOTED.swap(signal, Ordering::SeqCst) == 0 {
            // SAFETY: as above.
            unsafe { libc::write(libc::STDERR_FILENO, SAID.as_ptr().cast(), SAID.len()) };
        }
    }

    pub fn defer() {
        let handler: extern "C" fn(libc::c_int) = note;
        set(handler as libc::sighandler_t);
    }

    pub fn is_pending() -> bool {
        NOTED.load(Ordering::SeqCst) != 0
    }

    pub fn deliver() {
        set(libc::SIG_DFL);
        let noted = NOTED.swap(0, Ordering::SeqCst);
        if noted != 0 {
            restore_and_exit(noted);
        }
    }

    pub fn watch() {
        FOUND.get_or_init(|| {
            let mut settings = MaybeUninit::<libc::termios>::uninit();
            // SAFETY: tcgetattr fills the whole struct where it returns 0.
            let settings = unsafe {
                (libc::tcgetattr(libc::STDIN_FILENO, settings.as_mut_ptr()) == 0)
                    .then(|| settings.assume_init())
            };
            Found {
                settings,
                is_shown: std::io::stderr().is_terminal(),
            }
        });
        let handler: extern "C" fn(libc::c_int) = restore_and_exit;
        set(handler as libc::sighandler_t);
    }

    pub fn unwatch() {
        set(libc::SIG_DFL);
    }

    /// A signal that is ignored, as below nohup, stays so.
    fn set(handler: libc::sighandler_t) {
        for signal in WATCHED {
            // SAFETY: the handler is a function of this type that lives as long as the program, or SIG_DFL or SIG_IGN.
            unsafe {
                if libc::signal(signal, handler) == libc::SIG_IGN {
                    libc::signal(signal, libc::SIG_IGN);
                }
            }
        }
    }
}
