//! A private copy of a SQLite database and its journals.
//!
//! The copy is taken without a lock, so it may be torn if another program writes at that moment; the integrity check
//! of the copy finds that.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::error::os_reason;
use crate::fs::open;
use crate::store::config_dir;
use crate::vars::Vars;

/// Larger files are refused; 200 profiles with long keys and tokens take 2 MiB.
const MAX_SIZE: u64 = 32 << 20;
/// What SQLite keeps beside a database, but for `-shm`, which it recreates.
const SUFFIXES: [&str; 3] = ["", "-journal", "-wal"];
const PREFIX: &str = "llamactl-import-";
/// An import takes seconds: an older copy was left behind by a process that was killed.
const STALE: Duration = Duration::from_secs(600);

/// Removed when it is dropped.
pub struct Snapshot {
    directory: TempDir,
}

impl Snapshot {
    /// Copies the database to a directory that only we can enter. The error is a reason to print behind a colon.
    pub fn take(path: &Path, vars: Vars) -> Result<Snapshot, String> {
        let mut files = Vec::new();
        for suffix in SUFFIXES {
            match read(&with_suffix(path, suffix)) {
                Ok(bytes) => files.push((suffix, bytes)),
                Err(e) if e.kind() == ErrorKind::NotFound && !suffix.is_empty() => {}
                Err(e) => return Err(os_reason(&e)),
            }
        }
        let candidates = [
            Some(env::temp_dir()),
            config_dir(vars).ok().map(|found| found.0),
        ];
        let parent = candidates
            .into_iter()
            .flatten()
            .filter_map(|path| path.canonicalize().ok())
            .find(|path| is_safe(path))
            .ok_or("there is no temporary directory that only you can change; set TMPDIR to one")?;
        sweep(&parent);
        let write = || -> io::Result<Snapshot> {
            let snapshot = Snapshot {
                directory: private_directory(&parent)?,
            };
            for (suffix, bytes) in &files {
                create(&with_suffix(&snapshot.database(), suffix))?.write_all(bytes)?;
            }
            Ok(snapshot)
        };
        write().map_err(|e| {
            format!(
                "it cannot be copied to a temporary directory: {}",
                os_reason(&e)
            )
        })
    }

    pub fn database(&self) -> PathBuf {
        self.directory.path().join("profiles.db")
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open::regular(path)?.file;
    file.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_SIZE {
        true => Err(io::Error::other("it is too large to hold profiles")),
        false => Ok(bytes),
    }
}

/// Whether no other user can put a directory of theirs in the place of ours: that database would choose where keys are
/// sent. In a sticky directory, such as `/tmp`, only its owner and root can.
#[cfg(unix)]
fn is_safe(directory: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    directory.ancestors().all(|directory| {
        fs::metadata(directory).is_ok_and(|meta| {
            let is_sticky = meta.mode() & 0o1000 != 0;
            let others_write = meta.mode() & 0o002 != 0;
            [0, open::our_uid()].contains(&meta.uid()) && (is_sticky || !others_write)
        })
    })
}

#[cfg(not(unix))]
fn is_safe(directory: &Path) -> bool {
    directory.is_dir()
}

fn private_directory(parent: &Path) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o700));
    }
    builder.tempdir_in(parent)
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Removes the copies that killed processes of ours left behind.
fn sweep(parent: &Path) {
    let is_stale = |path: &Path| -> io::Result<bool> {
        let meta = path.symlink_metadata()?;
        #[cfg(unix)]
        if std::os::unix::fs::MetadataExt::uid(&meta) != open::our_uid() {
            return Ok(false);
        }
        let age = meta.modified()?.elapsed().unwrap_or_default();
        Ok(meta.is_dir() && age > STALE)
    };
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_copy = name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if is_copy && is_stale(&entry.path()).unwrap_or(false) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn snapshot_is_complete_private_and_removed() {
        let home = tempfile::tempdir().unwrap();
        let original = home.path().join("some.db");
        fs::write(&original, b"pages").unwrap();
        fs::write(home.path().join("some.db-wal"), b"frames").unwrap();
        let snapshot = Snapshot::take(&original, Vars::process()).unwrap();
        let copy = snapshot.database();
        assert_eq!(fs::read(&copy).unwrap(), b"pages");
        assert_eq!(fs::read(with_suffix(&copy, "-wal")).unwrap(), b"frames");
        assert!(!with_suffix(&copy, "-journal").exists());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(copy.parent().unwrap()), 0o700);
        assert_eq!(mode(&copy), 0o600);
        assert_eq!(mode(&with_suffix(&copy, "-wal")), 0o600);
        drop(snapshot);
        assert!(!copy.parent().unwrap().exists());
    }

    #[test]
    fn directories_that_others_can_change_are_not_safe() {
        let home = tempfile::tempdir().unwrap();
        let inner = home.path().join("inner");
        fs::create_dir(&inner).unwrap();
        for (mode, expected) in [(0o700, true), (0o777, false), (0o1777, true), (0o775, true)] {
            fs::set_permissions(home.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_safe(home.path()), expected, "{mode:o}");
            assert_eq!(is_safe(&inner), expected, "{mode:o}");
        }
        assert!(!is_safe(&home.path().join("absent")));
    }
}
