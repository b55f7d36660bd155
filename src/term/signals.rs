//! Ctrl-C and other signals that end the process: the terminal is restored first, then the process dies of the signal, so
//! that a shell sees it and stops its script, too. A step that must be finished defers them.
//!
//! This is one of two files with `unsafe`: std has no signal handlers.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

/// Handles SIGINT, SIGTERM, SIGHUP and SIGQUIT until the process ends, except those that were ignored when it started, as
/// under `nohup`. A program that [`std::process::Command`] starts gets the default actions.
pub fn install() {
    #[cfg(unix)]
    unix::install();
}

/// While one of these exists, signals wait; the last one that is dropped delivers the first that arrived.
#[derive(Debug)]
pub struct Deferral {
    _private: (),
}

pub fn defer() -> Deferral {
    #[cfg(unix)]
    unix::defer();
    Deferral { _private: () }
}

impl Deferral {
    /// Whether a signal waits: the step should be undone or cut short.
    #[allow(clippy::unused_self)]
    pub fn is_pending(&self) -> bool {
        #[cfg(unix)]
        return unix::is_pending();
        #[cfg(not(unix))]
        return false;
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        #[cfg(unix)]
        unix::undefer();
    }
}

/// Whether the cursor is behind a prompt or a progress line on standard error.
static UNFINISHED_LINE: AtomicBool = AtomicBool::new(false);

/// Notes that the cursor is behind a prompt or a progress line: what is written next, also when a signal ends the process,
/// begins with a line end.
pub fn set_unfinished_line() {
    UNFINISHED_LINE.store(true, SeqCst);
}

/// Whether a line end has to be written first; the caller writes it.
pub fn take_unfinished_line() -> bool {
    UNFINISHED_LINE.swap(false, SeqCst)
}

/// While it exists, the terminal on standard input does not echo what is typed. Dropped or ended by a signal, it restores
/// the terminal.
#[cfg(unix)]
#[derive(Debug)]
pub struct TerminalGuard {
    found: &'static rustix::termios::Termios,
}

#[cfg(unix)]
impl TerminalGuard {
    pub fn without_echo() -> std::io::Result<TerminalGuard> {
        use rustix::termios::{
            LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr,
        };
        let found = tcgetattr(rustix::stdio::stdin())?;
        let mut hidden = found.clone();
        hidden.local_modes -= LocalModes::ECHO;
        hidden.local_modes |= LocalModes::ECHONL;
        // Stopped with Ctrl-Z, the shell would go on without echo, too.
        hidden.special_codes[SpecialCodeIndex::VSUSP] = 0;
        // Leaked, because a signal handler may read it at any time.
        let found: &'static _ = Box::leak(Box::new(found));
        unix::restore_when_killed(Some(found));
        let guard = TerminalGuard { found };
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &hidden)?;
        Ok(guard)
    }
}

#[cfg(unix)]
impl Drop for TerminalGuard {
    fn drop(&mut self) {
        unix::restore(self.found);
        unix::restore_when_killed(None);
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
    use std::mem::MaybeUninit;
    use std::ptr;
    use std::sync::atomic::Ordering::SeqCst;
    use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize};

    use libc::c_int;
    use rustix::termios::{OptionalActions, Termios, tcsetattr};

    const HANDLED: [c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];

    /// How many deferrals exist.
    static DEFERRALS: AtomicUsize = AtomicUsize::new(0);
    /// The signal that waits for the last of them; 0: none.
    static PENDING: AtomicI32 = AtomicI32::new(0);
    /// The settings to restore, while a prompt has changed those of the terminal.
    static TERMINAL: AtomicPtr<Termios> = AtomicPtr::new(ptr::null_mut());
    pub fn install() {
        let handler: extern "C" fn(c_int) = handle;
        for signal in HANDLED {
            // SAFETY: both structs are valid for the calls; zeroed bytes are a sigaction with an empty mask. The handler
            // lives as long as the program and makes only async-signal-safe calls. It does not block its signal, so that
            // it can raise it again.
            unsafe {
                let mut found: libc::sigaction = MaybeUninit::zeroed().assume_init();
                let asked = libc::sigaction(signal, ptr::null(), &raw mut found);
                if asked != 0 || found.sa_sigaction == libc::SIG_IGN {
                    continue;
                }
                let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
                action.sa_sigaction = handler as libc::sighandler_t;
                action.sa_flags = libc::SA_RESTART | libc::SA_NODEFER;
                libc::sigaction(signal, &raw const action, ptr::null_mut());
            }
        }
    }

    /// First notes the signal, then looks at the deferrals; [`undefer`] does it the other way round. So whichever thread is
    /// later sees it.
    extern "C" fn handle(signal: c_int) {
        const NOTE: &[u8] = b"\nstopping as soon as the current step is complete\n";
        let earlier = PENDING.swap(signal, SeqCst);
        if DEFERRALS.load(SeqCst) == 0 {
            die_of(signal);
        }
        if earlier == 0 {
            write(NOTE);
        }
    }

    fn die_of(signal: c_int) -> ! {
        // SAFETY: the pointer is null or one of leaked settings.
        if let Some(found) = unsafe { TERMINAL.load(SeqCst).as_ref() } {
            restore(found);
        }
        if super::take_unfinished_line() {
            write(b"\n");
        }
        // SAFETY: both are async-signal-safe and take plain values. The second is reached only if the signal is blocked or,
        // as for process 1 of a container, the kernel ignores its default action.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
            libc::_exit(128 + signal)
        }
    }

    fn write(text: &[u8]) {
        let _ = rustix::io::write(rustix::stdio::stderr(), text);
    }

    pub fn restore(found: &Termios) {
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, found);
    }

    pub fn restore_when_killed(found: Option<&'static Termios>) {
        let found = found.map_or(ptr::null_mut(), |found| ptr::from_ref(found).cast_mut());
        TERMINAL.store(found, SeqCst);
    }

    pub fn defer() {
        DEFERRALS.fetch_add(1, SeqCst);
    }

    pub fn is_pending() -> bool {
        PENDING.load(SeqCst) != 0
    }

    pub fn undefer() {
        if DEFERRALS.fetch_sub(1, SeqCst) == 1 && is_pending() {
            die_of(PENDING.load(SeqCst));
        }
    }
}
