//! A private copy of a SQLite database that may be in use.
//!
//! The database and its journals (`-journal`, `-wal`) are read until two readings in a row agree: between these two,
//! all of the files held just that at one moment. It is what a crash at that moment would have left, and SQLite recovers
//! the last committed state from that. So no lock is needed, and one that somebody holds does no harm.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::error::os_reason;

/// The largest file that is taken for profiles; 200 of them with long keys and tokens need 2 MiB.
const LARGEST: u64 = 32 << 20;
const ATTEMPTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(25);
/// What SQLite keeps beside a database; `-shm` is made anew.
const PARTS: [&str; 3] = ["", "-journal", "-wal"];
const PREFIX: &str = "llamactl-import-";
/// No run takes as long: a copy of that age was left behind by one that was killed.
const STALE: Duration = Duration::from_secs(600);

/// Removed when it is dropped.
pub struct Copy {
    directory: TempDir,
}

impl Copy {
    /// The copy of the database.
    pub fn database(&self) -> PathBuf {
        self.directory.path().join("profiles.db")
    }
}

/// Copies a database to a directory that only its owner can enter.
///
/// # Errors
/// What is in the way, to stand behind a colon.
pub fn take(path: &Path) -> Result<Copy, String> {
    let parts = settled(|| {
        let parts = PARTS.iter().map(|suffix| read(&beside(path, suffix)));
        parts.collect::<Result<Vec<_>, String>>()
    })?;
    sweep();
    let write = || -> io::Result<Copy> {
        let copy = Copy {
            directory: private_directory()?,
        };
        for (suffix, bytes) in PARTS.iter().zip(&parts) {
            if let Some(bytes) = bytes {
                create(&beside(&copy.database(), suffix))?.write_all(bytes)?;
            }
        }
        Ok(copy)
    };
    write().map_err(|e| format!("no copy of it can be made: {}", os_reason(&e)))
}

/// What was read twice in a row: the files held it at one moment.
fn settled<T: PartialEq>(mut read: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let mut last = read()?;
    for _ in 0..ATTEMPTS {
        let now = read()?;
        if now == last {
            return Ok(now);
        }
        last = now;
        std::thread::sleep(PAUSE);
    }
    Err("it keeps changing; end the program that writes to it".to_string())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// A regular file's bytes; none where there is no such file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        // Opening a FIFO must not wait for somebody to write to it.
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(libc::O_NONBLOCK);
    }
    let read = || -> io::Result<Vec<u8>> {
        let file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > LARGEST {
            true => Err(io::Error::other("it is too large to hold profiles")),
            false => Ok(bytes),
        }
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(os_reason(&e)),
    }
}

fn private_directory() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o700));
    }
    builder.tempdir()
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// Removes what killed runs left behind; other users' can't be removed.
fn sweep() {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_ours = name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let made = entry.metadata().and_then(|meta| meta.modified());
        let age = made.map(|made| SystemTime::now().duration_since(made).unwrap_or_default());
        if age.is_ok_and(|age| age > STALE) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_changing_is_not_taken() {
        let reading = |changes: u32| {
            let mut readings = 0;
            let mut read = || {
                readings += 1;
                Ok(readings.min(changes))
            };
            (settled(&mut read), readings)
        };
        assert_eq!(reading(1), (Ok(1), 2));
        assert_eq!(reading(3), (Ok(3), 4));
        let said = "it keeps changing; end the program that writes to it".to_string();
        assert_eq!(reading(u32::MAX), (Err(said), ATTEMPTS + 1));
    }

    #[test]
    fn a_copy_is_whole_and_private_and_goes() {
        let home = tempfile::tempdir().unwrap();
        let original = home.path().join("some.db");
        fs::write(&original, b"pages").unwrap();
        fs::write(home.path().join("some.db-wal"), b"frames").unwrap();
        let copy = take(&original).unwrap();
        let place = copy.database();
        assert_eq!(fs::read(&place).unwrap(), b"pages");
        assert_eq!(fs::read(beside(&place, "-wal")).unwrap(), b"frames");
        assert!(!beside(&place, "-journal").exists());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(place.parent().unwrap()), 0o700);
            assert_eq!(
                (mode(&place), mode(&beside(&place, "-wal"))),
                (0o600, 0o600)
            );
        }
        drop(copy);
        assert!(!place.parent().unwrap().exists());
    }
}
