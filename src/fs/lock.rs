//! A lock between processes: a file beside what it guards, which is never removed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a process waits for another one.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Held until it is dropped, or until the process ends in whatever way.
#[derive(Debug)]
pub struct Lock {
    file: Option<File>,
}

impl Lock {
    /// False where the file system has no locks.
    pub fn is_held(&self) -> bool {
        self.file.is_some()
    }
}

/// Takes the lock on a file, which is made where it is missing.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`], where another process holds it for ten seconds; whatever keeps the file from being opened.
pub fn take(path: &Path) -> io::Result<Lock> {
    take_within(path, PATIENCE)
}

/// Takes the lock as [`take`] does, and waits for it until `limit`.
pub fn take_within(path: &Path, limit: Duration) -> io::Result<Lock> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        match platform::try_take(path)? {
            platform::Attempt::Held(file) => return Ok(Lock { file: Some(file) }),
            platform::Attempt::Unsupported => return Ok(Lock { file: None }),
            platform::Attempt::Busy if Instant::now() >= end => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            platform::Attempt::Busy => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(unix)]
mod platform {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::unix::fs::OpenOptionsExt as _;
    use std::path::Path;

    use rustix::fs::FlockOperation::NonBlockingLockExclusive;
    use rustix::io::Errno;

    pub enum Attempt {
        Held(File),
        Busy,
        Unsupported,
    }

    pub fn try_take(path: &Path) -> io::Result<Attempt> {
        let mut options = OpenOptions::new();
        let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(flags)
            .open(path)?;
        match rustix::fs::flock(&file, NonBlockingLockExclusive) {
            Ok(()) => Ok(Attempt::Held(file)),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(Attempt::Busy),
            Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Attempt::Unsupported),
            Err(errno) => Err(errno.into()),
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::windows::fs::OpenOptionsExt as _;
    use std::path::Path;

    /// Another process has it open, and shares it with nobody.
    const ERROR_SHARING_VIOLATION: i32 = 32;

    pub enum Attempt {
        Held(File),
        Busy,
        #[allow(dead_code)]
        Unsupported,
    }

    pub fn try_take(path: &Path) -> io::Result<Attempt> {
        match OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .share_mode(0)
            .open(path)
        {
            Ok(file) => Ok(Attempt::Held(file)),
            Err(e) if e.raw_os_error() == Some(ERROR_SHARING_VIOLATION) => Ok(Attempt::Busy),
            Err(e) => Err(e),
        }
    }
}
