//! The one atomic write: a locked temporary file beside the target, synced, renamed over it, and the directory synced.
//!
//! Whoever reads finds the old file or the new one, whenever the writer is killed. Nothing about what the bytes mean
//! enters here; who writes through a link asks [`follow_links`] first.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Seek as _, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// How many random letters stand in a temporary file's name.
const RANDOM: usize = 8;
const SUFFIX: &str = ".tmp";

/// Why a file that has taken its place may have the old content again after a crash of the system; mostly none.
pub type Unsynced = Option<io::Error>;

/// Writes the file whole. What `keep` describes is the file that is there now: its mode, owner, access list and extended
/// attributes go over to the new one; without, the file is 0600 and ours.
pub fn replace(path: &Path, bytes: &[u8], keep: Option<&Metadata>) -> io::Result<Unsynced> {
    Staged::new(path, &[bytes], keep)?.commit()
}

/// A temporary file beside its target, with disk space for new content.
#[derive(Debug)]
pub struct Reserved {
    temp: NamedTempFile,
    path: PathBuf,
}

impl Reserved {
    /// Creates the file and takes disk space for `size` bytes.
    pub fn create(path: &Path, size: usize) -> io::Result<Reserved> {
        let mut temp = create(path)?;
        // Not zeros, for which a file system may take no space.
        temp.write_all(&vec![b' '; size])?;
        temp.as_file().sync_all()?;
        let path = path.to_path_buf();
        Ok(Reserved { temp, path })
    }

    /// Writes and syncs the new content.
    pub fn write(mut self, bytes: &[u8], keep: Option<&Metadata>) -> io::Result<Staged> {
        let file = self.temp.as_file_mut();
        file.rewind()?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        if let Some(meta) = keep {
            platform::copy_metadata(file, &self.path, meta)?;
        }
        file.sync_all()?;
        let (temp, path) = (self.temp, self.path);
        Ok(Staged { temp, path })
    }
}

/// A file written and synced, which only has to take its place.
#[derive(Debug)]
pub struct Staged {
    temp: NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Writes beside the target, as [`replace`] does, one part after the other. Dropped, it leaves nothing behind.
    pub fn new(path: &Path, parts: &[&[u8]], keep: Option<&Metadata>) -> io::Result<Self> {
        let mut temp = create(path)?;
        for part in parts {
            temp.write_all(part)?;
        }
        if let Some(meta) = keep {
            platform::copy_metadata(temp.as_file(), path, meta)?;
        }
        temp.as_file().sync_all()?;
        let path = path.to_path_buf();
        Ok(Staged { temp, path })
    }

    /// Takes the target's place, whatever is there.
    pub fn commit(self) -> io::Result<Unsynced> {
        self.temp
            .persist(&self.path)
            .map_err(|failed| failed.error)?;
        Ok(sync_directory(&self.path))
    }

    /// Takes its place where there is nothing yet, and fails with [`io::ErrorKind::AlreadyExists`] where there is.
    pub fn commit_new(self) -> io::Result<Unsynced> {
        self.temp
            .persist_noclobber(&self.path)
            .map_err(|failed| failed.error)?;
        Ok(sync_directory(&self.path))
    }
}

/// Follows the links at the end of a path, to a file that need not exist.
pub fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut real = path.to_path_buf();
    // As many as Linux follows.
    for _ in 0..=40 {
        match std::fs::symlink_metadata(&real) {
            Ok(meta) if meta.is_symlink() => {
                let to = std::fs::read_link(&real)?;
                real = real.parent().unwrap_or(Path::new("")).join(to);
            }
            Ok(_) => return Ok(real),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(real),
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other("too many links, one to the other"))
}

/// Removes what killed writers of this file left beside it; never the temporary file of a live one, which is locked.
pub fn sweep(path: &Path) {
    let prefix = prefix(path);
    let Ok(entries) = std::fs::read_dir(directory(path)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let (name, prefix) = (name.as_encoded_bytes(), prefix.as_encoded_bytes());
        let random = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
        if random.is_some_and(|r| r.len() == RANDOM && r.iter().all(u8::is_ascii_alphanumeric)) {
            platform::remove_unlocked(&entry.path());
        }
    }
}

/// A temporary file that is locked, and was not swept before it was.
fn create(path: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(path);
    loop {
        // tempfile makes it 0600 from the start.
        let temp = Builder::new()
            .prefix(&prefix)
            .suffix(SUFFIX)
            .rand_bytes(RANDOM)
            .tempfile_in(directory(path))?;
        if platform::lock(temp.as_file())? {
            return Ok(temp);
        }
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// `.NAME.`, cut off where the whole would be longer than a name may be.
fn prefix(path: &Path) -> OsString {
    let name = path.file_name().unwrap_or_default();
    let hidden = name.as_encoded_bytes().starts_with(b".");
    let mut prefix = OsString::from(if hidden { "" } else { "." });
    if name.len() + RANDOM + SUFFIX.len() + 2 > 255 {
        let text = name.to_string_lossy();
        let starts = text.char_indices().map(|(at, _)| at);
        let end = starts.take_while(|&at| at <= 128).last().unwrap_or(0);
        prefix.push(&text[..end]);
    } else {
        prefix.push(name);
    }
    prefix.push(".");
    prefix
}

/// Makes the rename last, and says why that could not be done. Where directories can't be opened or synced there is
/// nothing to be done.
fn sync_directory(path: &Path) -> Unsynced {
    use io::ErrorKind::{InvalidInput, Unsupported};
    match File::open(directory(path)) {
        Ok(directory) if cfg!(unix) => {
            let failed = directory.sync_all().err();
            failed.filter(|e| !matches!(e.kind(), InvalidInput | Unsupported))
        }
        _ => None,
    }
}

#[cfg(unix)]
mod platform {
    use rustix::fs::{FlockOperation, Gid, Mode, Uid, XattrFlags};
    use rustix::io::Errno;
    use std::fs::{File, Metadata, OpenOptions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::Path;
    use std::time::Duration;

    /// How old a temporary file must be to be swept where locks don't work.
    const STALE: Duration = Duration::from_secs(3600);

    /// Linux's limit for one attribute, and for the list of names.
    const LARGEST: usize = 65_536;

    /// Locks a temporary file of ours. No: a sweeper got hold of it.
    pub fn lock(file: &File) -> io::Result<bool> {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Ok(false),
            // A file system without locks is no reason not to write.
            _ => Ok(file.metadata()?.nlink() > 0),
        }
    }

    pub fn remove_unlocked(path: &Path) {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(path) else {
            return;
        };
        let Ok(meta) = file.metadata() else { return };
        let dead = match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => true,
            Err(Errno::WOULDBLOCK) => false,
            Err(_) => meta
                .modified()
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE)),
        };
        // The writer may have renamed it, and the name may be another's by now.
        let same = |now: &Metadata| (now.dev(), now.ino()) == (meta.dev(), meta.ino());
        if dead && meta.is_file() && std::fs::symlink_metadata(path).is_ok_and(|now| same(&now)) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Gives the new file what the old one has.
    pub fn copy_metadata(new: &File, old: &Path, meta: &Metadata) -> io::Result<()> {
        let ours = new.metadata()?;
        if (ours.uid(), ours.gid()) != (meta.uid(), meta.gid()) {
            let (uid, gid) = (Uid::from_raw(meta.uid()), Gid::from_raw(meta.gid()));
            rustix::fs::fchown(new, Some(uid), Some(gid)).map_err(|errno| match errno {
                Errno::PERM | Errno::INVAL | Errno::ACCESS => {
                    io::Error::new(io::ErrorKind::PermissionDenied, "its owner can't be kept")
                }
                other => other.into(),
            })?;
        }
        attributes(new, old);
        // Last: a change of owner clears bits, and the mode is the mask of an access list.
        rustix::fs::fchmod(new, Mode::from_raw_mode((meta.mode() & 0o7777) as _))?;
        Ok(())
    }

    /// Extended attributes, access lists among them, as far as the system lets us; one that the directory gave the new
    /// file and the old one does not have goes.
    fn attributes(new: &File, old: &Path) {
        let flags = libc::O_NONBLOCK;
        let Ok(old) = OpenOptions::new().read(true).custom_flags(flags).open(old) else {
            return;
        };
        let kept = names(&old);
        for name in names(new) {
            if !kept.contains(&name) {
                let _ = rustix::fs::fremovexattr(new, name.as_slice());
            }
        }
        let mut value = vec![0; LARGEST];
        for name in kept {
            if let Ok(size) = rustix::fs::fgetxattr(&old, name.as_slice(), value.as_mut_slice()) {
                let _ = rustix::fs::fsetxattr(
                    new,
                    name.as_slice(),
                    &value[..size],
                    XattrFlags::empty(),
                );
            }
        }
    }

    fn names(file: &File) -> Vec<Vec<u8>> {
        let mut list = vec![0_u8; LARGEST];
        let size = rustix::fs::flistxattr(file, list.as_mut_slice()).unwrap_or(0);
        let names = list[..size].split(|&b| b == 0).filter(|n| !n.is_empty());
        names.map(<[u8]>::to_vec).collect()
    }
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "as on Unix")]
mod platform {
    use std::fs::{File, Metadata};
    use std::io;
    use std::path::Path;
    use std::time::Duration;

    pub fn lock(_: &File) -> io::Result<bool> {
        Ok(true)
    }

    /// An open file can't be removed here, and an abandoned one is not young.
    pub fn remove_unlocked(path: &Path) {
        let age = std::fs::symlink_metadata(path)
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > Duration::from_secs(3600)) {
            let _ = std::fs::remove_file(path);
        }
    }

    pub fn copy_metadata(_: &File, _: &Path, _: &Metadata) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_a_sweeper_has_is_not_locked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let file = File::create(&path).unwrap();
        let sweeper = File::open(&path).unwrap();
        assert!(platform::lock(&sweeper).unwrap());
        assert!(!platform::lock(&file).unwrap());
        drop(sweeper);
        assert!(platform::lock(&file).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!platform::lock(&file).unwrap());
    }
}
