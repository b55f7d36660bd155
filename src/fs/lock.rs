//! Locks between processes: `flock` on a file beside what it guards, which is never removed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// How long [`take`] waits for another process.
pub const PATIENCE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);

/// Released when it is dropped, or when the process ends.
#[derive(Debug)]
pub struct Lock {
    file: Option<File>,
    /// Why root could not give a new lock file to the owner of the directory.
    pub owner: Option<io::Error>,
}

impl Lock {
    /// False if the file system does not support locks.
    pub fn is_held(&self) -> bool {
        self.file.is_some()
    }
}

/// Takes the lock on a file, which is created if it is missing.
pub fn take(path: &Path) -> io::Result<Lock> {
    take_within(path, PATIENCE)
}

/// As [`take`]; [`io::ErrorKind::TimedOut`] if another process holds the lock for longer than `limit`.
pub fn take_within(path: &Path, limit: Duration) -> io::Result<Lock> {
    let end = Instant::now() + limit;
    loop {
        match platform::try_take(path)? {
            Some(lock) => return Ok(lock),
            None if Instant::now() >= end => return Err(io::ErrorKind::TimedOut.into()),
            None => thread::sleep(POLL),
        }
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

    use super::Lock;
    use crate::fs::open;

    /// `None` if another process holds it.
    pub fn try_take(path: &Path) -> io::Result<Option<Lock>> {
        let (file, owner) = open_or_create(path)?;
        let file = match rustix::fs::flock(&file, NonBlockingLockExclusive) {
            Ok(()) => Some(file),
            Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(None),
            Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => None,
            Err(errno) => return Err(errno.into()),
        };
        Ok(Some(Lock { file, owner }))
    }

    /// Only a file that this process created may change its owner: what exists could be a hard link to another file.
    fn open_or_create(path: &Path) -> io::Result<(File, Option<io::Error>)> {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        match options.clone().create_new(true).open(path) {
            Ok(file) => {
                let owner = open::give_to_directory_owner(&file, path).err();
                Ok((file, owner))
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok((options.open(path)?, None)),
            // On a read-only file system, the file may exist all the same.
            Err(e) => match options.open(path) {
                Ok(file) => Ok((file, None)),
                Err(_) => Err(e),
            },
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::fs::OpenOptions;
    use std::io;
    use std::os::windows::fs::OpenOptionsExt as _;
    use std::path::Path;

    use super::Lock;

    const ERROR_SHARING_VIOLATION: i32 = 32;

    /// `None` if another process has the file open.
    pub fn try_take(path: &Path) -> io::Result<Option<Lock>> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        match options.share_mode(0).open(path) {
            Ok(file) => Ok(Some(Lock {
                file: Some(file),
                owner: None,
            })),
            Err(e) if e.raw_os_error() == Some(ERROR_SHARING_VIOLATION) => Ok(None),
            Err(e) => Err(e),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn held_lock_times_out_and_is_free_when_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.lock");
        let lock = take(&path).unwrap();
        assert!(lock.is_held());
        let limit = Duration::from_millis(30);
        let error = take_within(&path, limit).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(lock);
        assert!(take_within(&path, limit).unwrap().is_held());
    }

    #[test]
    fn lock_is_never_a_symlink_or_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.lock");
        std::os::unix::fs::symlink(directory.path().join("target"), &path).unwrap();
        assert!(take(&path).is_err());
        assert!(!directory.path().join("target").exists());
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(take(&path).is_err());
    }
}
