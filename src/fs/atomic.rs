//! Replacing a file: a locked temporary file beside it is written, synced and renamed over it, and the directory synced.
//! Readers find the old content or the new one, whenever the writer is killed.
//!
//! A file that cannot be renamed over, as one that is bind-mounted by itself, is written in place.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::open::{self, Regular, directory};
use crate::error::os_reason;

/// A temporary file is called `.NAME.llamactl-XXXXXX.tmp`.
const INFIX: &str = ".llamactl-";
const RANDOM: usize = 6;
const SUFFIX: &str = ".tmp";

/// What did not go as it should, though the file was written.
#[derive(Debug, Default)]
pub struct Written {
    /// Why the file was written in place.
    pub in_place: Option<io::Error>,
    /// Why the owner, or the permissions, are not what they should be.
    pub owner: Option<io::Error>,
    pub permissions: Option<io::Error>,
    /// Why the rename may not survive a crash of the system.
    pub unsynced: Option<io::Error>,
}

impl Written {
    /// The warnings for the user, who calls the file `file`.
    pub fn warnings(&self, file: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut warn = |error: &Option<io::Error>, text: &str| {
            if let Some(e) = error {
                warnings.push(format!("{file} {text}: {}", os_reason(e)));
            }
        };
        warn(
            &self.in_place,
            "was written in place, not atomically, because it cannot be replaced",
        );
        warn(&self.owner, "was written, but its owner could not be set");
        warn(
            &self.permissions,
            "was written, but its permissions could not be kept",
        );
        warn(
            &self.unsynced,
            "was written, but a crash of the system may undo that",
        );
        warnings
    }
}

/// Replaces a file, or creates it. The new file gets the owner, permissions, access list and extended attributes of the
/// old one; without an old one it is 0600, and ours or, for root, the directory owner's.
pub fn replace(path: &Path, bytes: &[u8], old: Option<&Regular>) -> io::Result<Written> {
    Reserved::create(path, 0)?.write(bytes, old)?.commit()
}

/// A temporary file beside its target, locked. It is removed when dropped.
#[derive(Debug)]
pub struct Reserved {
    temp: NamedTempFile,
    path: PathBuf,
}

impl Reserved {
    /// Creates the file and takes disk space for `size` bytes.
    pub fn create(path: &Path, size: usize) -> io::Result<Reserved> {
        let mut temp = create_locked(path)?;
        // Not zeros, for which a file system may take no space.
        temp.write_all(&vec![b' '; size])?;
        if size > 0 {
            temp.as_file().sync_all()?;
        }
        let path = path.to_path_buf();
        Ok(Reserved { temp, path })
    }

    /// Writes and syncs the new content, with the metadata of the old file.
    pub fn write<'a>(self, bytes: &[u8], old: Option<&'a Regular>) -> io::Result<Staged<'a>> {
        self.stage(bytes, old, platform::copy_metadata)
    }

    /// As [`Reserved::write`], but only the owner is kept: the file stays 0600.
    pub fn write_private<'a>(
        self,
        bytes: &[u8],
        old: Option<&'a Regular>,
    ) -> io::Result<Staged<'a>> {
        self.stage(bytes, old, platform::copy_owner)
    }

    fn stage<'a>(
        mut self,
        bytes: &[u8],
        old: Option<&'a Regular>,
        copy_metadata: fn(&File, &Regular, &mut Written) -> io::Result<()>,
    ) -> io::Result<Staged<'a>> {
        let file = self.temp.as_file_mut();
        file.rewind()?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)?;
        let mut written = Written::default();
        match old {
            Some(old) => copy_metadata(file, old, &mut written)?,
            None => written.owner = open::give_to_directory_owner(file, &self.path).err(),
        }
        file.sync_all()?;
        Ok(Staged {
            temp: self.temp,
            path: self.path,
            old,
            written,
        })
    }
}

/// A temporary file that is complete. It is removed when dropped.
#[derive(Debug)]
pub struct Staged<'a> {
    temp: NamedTempFile,
    path: PathBuf,
    old: Option<&'a Regular>,
    pub written: Written,
}

impl Staged<'_> {
    /// Replaces the target, or what has been created there since.
    pub fn commit(mut self) -> io::Result<Written> {
        match self.temp.persist(&self.path) {
            Ok(_) => self.written.unsynced = sync_directory(&self.path),
            Err(failed) if platform::cannot_rename(&failed.error, &self.path) => {
                let mut temp = failed.file;
                match self.old {
                    Some(old) => overwrite(&self.path, temp.as_file_mut(), old)?,
                    None => create_new(&self.path, temp.as_file_mut(), &mut self.written)?,
                }
                self.written.in_place = Some(failed.error);
            }
            Err(failed) => return Err(failed.error),
        }
        Ok(self.written)
    }

    /// Creates the target; [`io::ErrorKind::AlreadyExists`] if there is one by now.
    pub fn commit_new(mut self) -> io::Result<Written> {
        match self.temp.persist_noclobber(&self.path) {
            Ok(_) => self.written.unsynced = sync_directory(&self.path),
            Err(failed) if platform::cannot_rename(&failed.error, &self.path) => {
                let mut temp = failed.file;
                create_new(&self.path, temp.as_file_mut(), &mut self.written)?;
                self.written.in_place = Some(failed.error);
            }
            Err(failed) => return Err(failed.error),
        }
        Ok(self.written)
    }
}

/// Writes in place the very file that was read, if it has no other names. What makes it longer is written first, so that
/// a full disk leaves the old content.
fn overwrite(path: &Path, new: &mut File, old: &Regular) -> io::Result<()> {
    let target = open::open(OpenOptions::new().write(true), path)?;
    platform::check_same(&target.metadata()?, &old.meta)?;
    let (old_len, new_len) = (old.meta.len(), new.metadata()?.len());
    let mut copy = |from: u64, to: u64| -> io::Result<()> {
        new.seek(io::SeekFrom::Start(from))?;
        (&target).seek(io::SeekFrom::Start(from))?;
        io::copy(&mut new.take(to.saturating_sub(from)), &mut &target)?;
        Ok(())
    };
    let extended = copy(old_len, new_len).and_then(|()| target.sync_all());
    if let Err(e) = extended {
        let _ = target.set_len(old_len);
        return Err(e);
    }
    copy(0, old_len.min(new_len))?;
    target.set_len(new_len)?;
    target.sync_all()
}

/// Writes a file directly that did not exist, for a file system that can only replace.
fn create_new(path: &Path, new: &mut File, written: &mut Written) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut target = options.open(path)?;
    new.rewind()?;
    let copied = io::copy(new, &mut target).and_then(|_| target.sync_all());
    if copied.is_err() {
        let _ = std::fs::remove_file(path);
    }
    copied?;
    written.owner = open::give_to_directory_owner(&target, path).err();
    written.unsynced = sync_directory(path);
    Ok(())
}

/// Removes the temporary files of killed writers of this file: ours, and not locked by a live writer.
pub fn sweep(path: &Path) {
    let prefix = prefix(path);
    let Ok(entries) = std::fs::read_dir(directory(path)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let random = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes())
            .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
        if random.is_some_and(|r| r.len() == RANDOM && r.iter().all(u8::is_ascii_alphanumeric)) {
            platform::remove_unlocked(&entry.path());
        }
    }
}

/// A temporary file that is locked, and was not swept before it was.
fn create_locked(path: &Path) -> io::Result<NamedTempFile> {
    let prefix = prefix(path);
    loop {
        // tempfile creates it with mode 0600.
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

/// `.NAME.llamactl-`
fn prefix(path: &Path) -> OsString {
    let name = path.file_name().unwrap_or_default();
    let is_hidden = name.as_encoded_bytes().starts_with(b".");
    let mut prefix = OsString::from(if is_hidden { "" } else { "." });
    prefix.push(name);
    prefix.push(INFIX);
    prefix
}

/// Syncs the directory, so that a rename in it lasts. Some file systems cannot open or sync directories; that is no error.
fn sync_directory(path: &Path) -> Option<io::Error> {
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
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use rustix::fs::{FlockOperation, Mode, XattrFlags};
    use rustix::io::Errno;

    use super::{Regular, Written, directory, open};

    /// Linux's limit for one attribute, and for the list of names.
    const LARGEST_ATTRIBUTE: usize = 65_536;

    /// Locks a temporary file of ours. False: a sweeper has locked or removed it.
    pub fn lock(file: &File) -> io::Result<bool> {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Ok(false),
            // A file system without locks: nothing is swept there.
            _ => Ok(file.metadata()?.nlink() > 0),
        }
    }

    pub fn remove_unlocked(path: &Path) {
        let is_same = |now: &Metadata, found: &Metadata| id(now) == id(found);
        let Ok(named) = std::fs::symlink_metadata(path) else {
            return;
        };
        if !named.is_file() || named.uid() != open::our_uid() {
            return;
        }
        let Ok(found) = open::regular(path) else {
            return;
        };
        let lock = FlockOperation::NonBlockingLockExclusive;
        // Its writer may have renamed it before the lock, and the name may be another file's by now.
        if is_same(&named, &found.meta)
            && rustix::fs::flock(&found.file, lock).is_ok()
            && std::fs::symlink_metadata(path).is_ok_and(|now| is_same(&now, &found.meta))
        {
            let _ = std::fs::remove_file(path);
        }
    }

    fn id(meta: &Metadata) -> (u64, u64) {
        (meta.dev(), meta.ino())
    }

    /// Whether a rename failed because this file, or this file system, does not allow one: a mount point, a shared
    /// folder. In a sticky directory EPERM means that the file is another user's.
    pub fn cannot_rename(error: &io::Error, path: &Path) -> bool {
        let is_sticky = || {
            std::fs::metadata(directory(path)).is_ok_and(|meta| meta.mode() & libc::S_ISVTX != 0)
        };
        match Errno::from_io_error(error) {
            Some(Errno::BUSY | Errno::INVAL) => true,
            Some(Errno::PERM) => !is_sticky(),
            _ => false,
        }
    }

    /// The error if a file must not be written in place.
    pub fn check_same(target: &Metadata, read: &Metadata) -> io::Result<()> {
        if id(target) != id(read) {
            return Err(io::Error::other("it was replaced meanwhile"));
        }
        match target.nlink() {
            1 => Ok(()),
            _ => Err(io::Error::other(
                "it cannot be replaced, and has other names (hard links)",
            )),
        }
    }

    /// Gives the new file the owner of the old one.
    pub fn copy_owner(new: &File, old: &Regular, written: &mut Written) -> io::Result<()> {
        let ours = new.metadata()?;
        let (uid, gid) = (old.meta.uid(), old.meta.gid());
        if (ours.uid(), ours.gid()) != (uid, gid) {
            written.owner = std::os::unix::fs::fchown(new, Some(uid), Some(gid)).err();
        }
        Ok(())
    }

    /// Gives the new file the owner, access list, extended attributes and mode of the old one.
    pub fn copy_metadata(new: &File, old: &Regular, written: &mut Written) -> io::Result<()> {
        copy_owner(new, old, written)?;
        copy_attributes(new, &old.file);
        // Last: a change of owner clears bits, and the mode is the mask of an access list.
        let (mode, wanted) = (new.metadata()?.mode() & 0o7777, old.meta.mode() & 0o7777);
        if mode != wanted {
            let chmod = rustix::fs::fchmod(new, Mode::from_raw_mode(wanted as _));
            written.permissions = chmod.err().map(Into::into);
        }
        Ok(())
    }

    /// Extended attributes, access lists and SELinux labels among them, as far as the system lets us. One that the
    /// directory gave the new file, and the old one does not have, is removed.
    fn copy_attributes(new: &File, old: &File) {
        let kept = names(old);
        for name in names(new) {
            if !kept.contains(&name) {
                let _ = rustix::fs::fremovexattr(new, name.as_slice());
            }
        }
        let mut value = vec![0; LARGEST_ATTRIBUTE];
        for name in kept {
            if let Ok(size) = rustix::fs::fgetxattr(old, name.as_slice(), value.as_mut_slice()) {
                let flags = XattrFlags::empty();
                let _ = rustix::fs::fsetxattr(new, name.as_slice(), &value[..size], flags);
            }
        }
    }

    fn names(file: &File) -> Vec<Vec<u8>> {
        let mut list = vec![0_u8; LARGEST_ATTRIBUTE];
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

    use super::{Regular, Written};

    pub fn lock(_: &File) -> io::Result<bool> {
        Ok(true)
    }

    /// An open file can't be removed here.
    pub fn remove_unlocked(path: &Path) {
        let _ = std::fs::remove_file(path);
    }

    pub fn cannot_rename(_: &io::Error, _: &Path) -> bool {
        false
    }

    pub fn check_same(_: &Metadata, _: &Metadata) -> io::Result<()> {
        Ok(())
    }

    pub fn copy_owner(_: &File, _: &Regular, _: &mut Written) -> io::Result<()> {
        Ok(())
    }

    pub fn copy_metadata(_: &File, _: &Regular, _: &mut Written) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn temporary_file_that_a_sweeper_locked_is_not_used() {
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

    fn regular(path: &Path, text: &str) -> Regular {
        std::fs::write(path, text).unwrap();
        open::regular(path).unwrap()
    }

    #[test]
    fn overwriting_keeps_the_inode_and_fits_the_length() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (path, source) = (dir.path().join("x"), dir.path().join("new"));
        for (before, after) in [
            ("short", "much longer"),
            ("much longer", "short"),
            ("", "a"),
        ] {
            let old = regular(&path, before);
            std::fs::write(&source, after).unwrap();
            overwrite(&path, &mut File::open(&source).unwrap(), &old).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
            assert_eq!(std::fs::metadata(&path).unwrap().ino(), old.meta.ino());
        }
    }

    #[test]
    fn only_the_file_that_was_read_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("x"), dir.path().join("other"));
        let overwrite = |old: &Regular| {
            let mut new = File::open(&other).unwrap();
            let refused = overwrite(&path, &mut new, old).map_err(|e| e.to_string());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
            refused
        };
        let old = regular(&path, "old");
        std::fs::write(&other, "new").unwrap();
        std::fs::hard_link(&path, dir.path().join("name")).unwrap();
        let linked = "it cannot be replaced, and has other names (hard links)";
        assert_eq!(overwrite(&old), Err(linked.to_string()));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "old").unwrap();
        assert_eq!(
            overwrite(&old),
            Err("it was replaced meanwhile".to_string())
        );
    }
}
