//! Reading and writing `profiles.json`.
//!
//! Readers take no lock: the file is only ever replaced whole. Writers hold a lock on a file beside it while they read
//! it again, change it and replace it, so that no update is lost.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::schema::{Store, VERSION};
use crate::error::{Error, Result, os_reason};
use crate::fs::{atomic, lock, open};
use crate::vars::{self, Vars};

/// Where the profiles are.
#[derive(Clone, Debug)]
pub struct StoreFile {
    path: PathBuf,
    /// Whether the directory is ours by default; one that the user names is not changed.
    own_directory: bool,
}

/// What a read found: the profiles, and what the user should know about their file.
#[derive(Debug)]
pub struct Found {
    /// The profiles; empty where there is no file.
    pub store: Store,
    /// Sentences without a full stop.
    pub warnings: Vec<String>,
    bytes: Vec<u8>,
}

/// The profiles while nobody else may change them.
struct Open {
    /// The file itself, behind links.
    real: PathBuf,
    found: Found,
    _lock: lock::Lock,
}

/// The configuration directory, and whether it is ours by default.
///
/// # Errors
/// Failed, where no variable says where it is.
pub fn config_dir(vars: Vars) -> Result<(PathBuf, bool)> {
    if let Some(named) = vars.path(vars::CONFIG_DIR) {
        return Ok((named, false));
    }
    #[cfg(windows)]
    let base = vars.path("APPDATA");
    #[cfg(not(windows))]
    let base = vars
        .path("XDG_CONFIG_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| vars.path("HOME").map(|home| home.join(".config")));
    match base {
        Some(base) => Ok((base.join("llamactl"), true)),
        None => Err(Error::failed("there is no home directory to keep profiles in")
            .hint("set HOME or LLAMACTL_CONFIG_DIR, or sign in with LLAMA_CLOUD_API_KEY and LLAMA_AGENTS_PROJECT_ID")),
    }
}

impl Store {
    /// Whether this program may write the file that the profiles came from.
    ///
    /// # Errors
    /// Failed, where a newer one wrote it.
    pub fn writable(&self, path: &Path) -> Result<()> {
        match self.version > VERSION {
            false => Ok(()),
            true => Err(Error::failed(format!(
                "{} was written by a newer llamactl (format {}, this one writes {VERSION})",
                path.display(),
                self.version
            ))
            .hint("nothing was changed; update llamactl")),
        }
    }
}

impl StoreFile {
    /// The file that the variables name; nothing is opened yet.
    ///
    /// # Errors
    /// As [`config_dir`].
    pub fn locate(vars: Vars) -> Result<StoreFile> {
        let (directory, own_directory) = config_dir(vars)?;
        Ok(StoreFile {
            path: directory.join("profiles.json"),
            own_directory,
        })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the profiles.
    ///
    /// # Errors
    /// Failed, where the file can't be read or does not parse.
    pub fn read(&self) -> Result<Found> {
        let mut warnings = Vec::new();
        let Some(bytes) =
            read_regular(&self.path, &mut warnings).map_err(|e| self.unreadable(&e))?
        else {
            return Ok(Found {
                store: Store::default(),
                warnings,
                bytes: Vec::new(),
            });
        };
        if self.own_directory {
            tighten_directory(&self.path, &mut warnings);
        }
        let store = serde_json::from_slice(&bytes).map_err(|e| {
            let what = match std::str::from_utf8(&bytes) {
                Ok(_) => describe(&e),
                Err(e) => {
                    let line = bytes[..e.valid_up_to()].split(|b| *b == b'\n').count();
                    format!("no UTF-8 at line {line}")
                }
            };
            self.malformed(&what, &bytes)
        })?;
        Ok(Found {
            store,
            warnings,
            bytes,
        })
    }

    /// What the file holds, if it can be read: nothing is said or repaired, and nothing is waited for.
    pub fn peek(&self) -> Option<Store> {
        let is_file = fs::metadata(&self.path).is_ok_and(|metadata| metadata.is_file());
        let bytes = fs::read(is_file.then_some(&self.path)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Changes the profiles under the lock: what `change` sees is what the file holds now, and what it leaves is
    /// written unless it failed or nothing changed.
    ///
    /// # Errors
    /// What `change` says; Failed, where the file can't be read or written, or is held by another process.
    pub fn update<T>(
        &self,
        change: impl FnOnce(&mut Store) -> Result<T>,
    ) -> Result<(T, Vec<String>)> {
        let mut open = self.open(lock::PATIENCE)?;
        let outcome = change(&mut open.found.store)?;
        self.write(&mut open, None)?;
        Ok((outcome, open.found.warnings))
    }

    /// Reserves disk space for the next version of the file, which may be `extra` bytes longer.
    pub fn reserve(&self, extra: usize) -> io::Result<atomic::Reserved> {
        let real = open::follow_symlinks(&self.path)?;
        let size = fs::metadata(&real).map_or(0, |metadata| metadata.len());
        let size = usize::try_from(size).unwrap_or(0).saturating_add(extra);
        atomic::Reserved::create(&real, size)
    }

    /// As [`StoreFile::update`], into reserved disk space. The lock is waited for until `lock_limit`.
    pub fn update_reserved<T>(
        &self,
        reserved: atomic::Reserved,
        lock_limit: Duration,
        change: impl FnOnce(&mut Store) -> Result<T>,
    ) -> Result<(T, Vec<String>)> {
        let mut open = self.open(lock_limit)?;
        let outcome = change(&mut open.found.store)?;
        self.write(&mut open, Some(reserved))?;
        Ok((outcome, open.found.warnings))
    }

    /// Takes the lock and reads what the file holds now.
    fn open(&self, lock_limit: Duration) -> Result<Open> {
        make_directory(&self.path).map_err(|e| self.unwritable(&e))?;
        let real = open::follow_symlinks(&self.path).map_err(|e| self.unwritable(&e))?;
        let mut lock_path = real.clone().into_os_string();
        lock_path.push(".lock");
        let lock =
            lock::take_within(Path::new(&lock_path), lock_limit).map_err(|e| match e.kind() {
                io::ErrorKind::TimedOut => Error::failed(format!(
                    "another process holds the lock {} and does not let go",
                    Path::new(&lock_path).display()
                ))
                .hint("nothing was changed; end that process, then try again"),
                _ => self.unwritable(&e),
            })?;
        let mut found = self.read()?;
        if !lock.is_held() {
            found.warnings.push(format!(
                "the file system of {} has no locks; run one llamactl at a time",
                self.path.display()
            ));
        }
        found.store.writable(&self.path)?;
        found.store.version = VERSION;
        Ok(Open {
            real,
            found,
            _lock: lock,
        })
    }

    /// Writes what is in it now, unless that is what was found.
    fn write(&self, open: &mut Open, reserved: Option<atomic::Reserved>) -> Result<()> {
        let mut text =
            serde_json::to_vec_pretty(&open.found.store).map_err(|e| self.unwritable(&e.into()))?;
        text.push(b'\n');
        atomic::sweep(&open.real);
        if text != open.found.bytes {
            let written = match reserved {
                Some(reserved) => reserved.write(&text, None).and_then(atomic::Staged::commit),
                None => atomic::replace(&open.real, &text, None),
            };
            let written = written.map_err(|e| self.unwritable(&e))?;
            let warnings = written.warnings(&self.path.display().to_string());
            open.found.warnings.extend(warnings);
        }
        Ok(())
    }

    fn unreadable(&self, error: &io::Error) -> Error {
        let said = format!(
            "{} can't be read: {}",
            self.path.display(),
            os_reason(error)
        );
        Error::failed(said)
            .hint("check that file, or name another directory with LLAMACTL_CONFIG_DIR")
    }

    fn unwritable(&self, error: &io::Error) -> Error {
        let said = format!(
            "{} can't be written: {}",
            self.path.display(),
            os_reason(error)
        );
        Error::failed(said).hint(
            "nothing was changed; check the directory's rights and the free space on its disk",
        )
    }

    fn malformed(&self, what: &str, bytes: &[u8]) -> Error {
        #[derive(serde::Deserialize)]
        struct Version {
            version: u64,
        }
        let newer =
            serde_json::from_slice::<Version>(bytes).is_ok_and(|file| file.version > VERSION);
        let said = format!("{} can't be understood: {}", self.path.display(), what);
        Error::failed(said).hint(match newer {
            true => "it was left as it is; it was written by a newer llamactl: update this one",
            false => {
                "it was left as it is; mend that line, or move the file away and sign in again"
            }
        })
    }
}

/// Describes a parse error without quoting the file, which may hold half a key.
pub fn describe(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let place = format!("line {}, column {}", error.line(), error.column());
    let text = error.to_string();
    match error.classify() {
        Category::Eof => format!("it ends too early, at {place}"),
        // serde quotes the value in these.
        Category::Data if text.starts_with("invalid ") => {
            format!("a value of the wrong type at {place}")
        }
        Category::Data => {
            let what = text.split(" at line").next().unwrap_or_default();
            format!("{}, at {place}", what.replace('`', "'"))
        }
        Category::Syntax | Category::Io => format!("no valid JSON at {place}"),
    }
}

#[cfg_attr(not(unix), allow(unused_variables, clippy::ptr_arg))]
fn read_regular(path: &Path, warnings: &mut Vec<String>) -> io::Result<Option<Vec<u8>>> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        // Opening a FIFO must not wait for somebody to write to it.
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(libc::O_NONBLOCK);
    }
    let file = match options.open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let mended = file.set_permissions(fs::Permissions::from_mode(0o600));
            warnings.push(repaired(path, mode, mended.is_ok()));
        }
    }
    // Without this limit, which is none, std would ask for the size and the position first.
    let mut bytes = Vec::with_capacity(8192);
    file.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(unix)]
fn tighten_directory(file: &Path, warnings: &mut Vec<String>) {
    use std::os::unix::fs::PermissionsExt as _;
    let Some((directory, mode)) = file.parent().and_then(|directory| {
        let metadata = fs::metadata(directory).ok()?;
        Some((directory, metadata.permissions().mode() & 0o777))
    }) else {
        return;
    };
    if mode & 0o077 != 0 {
        let mended = fs::set_permissions(directory, fs::Permissions::from_mode(0o700));
        warnings.push(repaired(directory, mode, mended.is_ok()));
    }
}

#[cfg(not(unix))]
fn tighten_directory(_file: &Path, _warnings: &mut Vec<String>) {}

#[cfg(unix)]
fn repaired(path: &Path, mode: u32, mended: bool) -> String {
    let end = match mended {
        true => "; that is closed now",
        false => ", and that can't be changed",
    };
    format!(
        "{} was open to other users (mode {mode:03o}){end}",
        path.display()
    )
}

fn make_directory(file: &Path) -> io::Result<()> {
    let Some(directory) = file.parent() else {
        return Ok(());
    };
    if directory.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}
