//! Opening what must be a regular file, following symlinks, and the rules about other users: which files they may have
//! planted, and who owns what we create in their directories.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// As many symlinks as Linux follows.
const MAX_SYMLINKS: usize = 40;

/// A regular file that is open for reading.
#[derive(Debug)]
pub struct Regular {
    pub file: File,
    pub meta: Metadata,
}

/// Opens a regular file, without waiting for the other end of a FIFO; a directory or a device is an error.
pub fn regular(path: &Path) -> io::Result<Regular> {
    let file = open(OpenOptions::new().read(true), path)?;
    let meta = file.metadata()?;
    check_regular(&meta)?;
    Ok(Regular { file, meta })
}

/// The error for what is neither a regular file nor missing.
pub fn check_regular(meta: &Metadata) -> io::Result<()> {
    if meta.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a directory"));
    }
    match meta.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is not a regular file")),
    }
}

/// Opens without waiting for the other end of a FIFO.
pub fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    }
    options.open(path)
}

/// Follows the symlinks at the end of a path, to a file that need not exist. A symlink that another user may have planted
/// is an error.
pub fn follow_symlinks(path: &Path) -> io::Result<PathBuf> {
    let mut real = path.to_path_buf();
    for _ in 0..=MAX_SYMLINKS {
        match std::fs::symlink_metadata(&real) {
            Ok(meta) if meta.is_symlink() => {
                check_owner(&meta, &real)?;
                let target = std::fs::read_link(&real)?;
                real = real.parent().unwrap_or(Path::new("")).join(target);
            }
            Ok(_) => return Ok(real),
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(real),
            Err(e) => return Err(e),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

/// The directory that a file is in.
pub fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether a file or symlink belongs neither to us, nor to root, nor to the owner of its directory: then another user
/// planted it, for us to read or to write through.
#[cfg(unix)]
pub fn is_planted(meta: &Metadata, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    if meta.uid() == 0 || meta.uid() == our_uid() {
        return Ok(false);
    }
    Ok(std::fs::metadata(directory(path))?.uid() != meta.uid())
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "as on Unix")]
pub fn is_planted(_: &Metadata, _: &Path) -> io::Result<bool> {
    Ok(false)
}

/// The error for a planted file or symlink.
pub fn check_owner(meta: &Metadata, path: &Path) -> io::Result<()> {
    if !is_planted(meta, path)? {
        return Ok(());
    }
    let kind = if meta.is_symlink() { "symlink" } else { "file" };
    let reason = format!("the {kind} belongs to another user, who does not own its directory");
    Err(io::Error::new(ErrorKind::PermissionDenied, reason))
}

#[cfg(unix)]
pub fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// As root in the directory of another user (`sudo`), gives that user a file or an empty directory that this process
/// just created there.
#[cfg(unix)]
pub fn give_to_directory_owner(created: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let parent = std::fs::metadata(directory(path))?;
    if our_uid() != 0 || parent.uid() == 0 {
        return Ok(());
    }
    std::os::unix::fs::fchown(created, Some(parent.uid()), Some(parent.gid()))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "as on Unix")]
pub fn give_to_directory_owner(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}

/// Creates a directory and its missing parents with this mode, each owned as [`give_to_directory_owner`] has it. Returns
/// the errors of those that could not be given away.
pub fn create_directories(path: &Path, mode: u32) -> io::Result<Vec<io::Error>> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(Vec::new());
    }
    let mut refused = match path.parent() {
        Some(parent) => create_directories(parent, mode)?,
        None => Vec::new(),
    };
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    #[cfg(not(unix))]
    let _ = mode;
    match builder.create(path) {
        Ok(()) => refused.extend(give_directory(path).err()),
        // Another process was quicker, or the path ends in `..`.
        Err(_) if path.is_dir() => {}
        Err(e) => return Err(e),
    }
    Ok(refused)
}

/// The owner of the parent could have moved another directory here since: one of root's that is not empty stays root's.
#[cfg(unix)]
fn give_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
    if our_uid() != 0 {
        return Ok(());
    }
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let directory = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    let is_ours = directory.metadata()?.uid() == 0;
    let mut entries = rustix::fs::Dir::read_from(&directory)?;
    let is_empty = entries
        .all(|entry| entry.is_ok_and(|entry| matches!(entry.file_name().to_bytes(), b"." | b"..")));
    match is_ours && is_empty {
        true => give_to_directory_owner(&directory, path),
        false => Ok(()),
    }
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "as on Unix")]
fn give_directory(_: &Path) -> io::Result<()> {
    Ok(())
}
