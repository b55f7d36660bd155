//! Reads and writes `profiles.json`.
//!
//! Writers hold a lock on a sibling file while they read the file again, change it and replace it. Readers take no lock,
//! because a replaced file is never incomplete. One that had to be written in place may be, so a reader that gets a
//! parse error reads once more under the lock.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::schema::{Store, VERSION};
use crate::error::{Error, Result, os_reason};
use crate::fs::{atomic, lock, open};
use crate::sanitize;
use crate::term::signals;
use crate::vars::{self, Vars};

const OTHER_DIRECTORY: &str = "set LLAMACTL_CONFIG_DIR to another directory";

/// The location of the profiles.
#[derive(Clone, Debug)]
pub struct StoreFile {
    path: PathBuf,
    /// Not named by `LLAMACTL_CONFIG_DIR`: its permissions are ours to fix.
    is_default_directory: bool,
}

/// The contents of the file, and what the user should know about it.
#[derive(Debug)]
pub struct Contents {
    /// Empty if there is no file.
    pub store: Store,
    pub warnings: Vec<String>,
    file: Option<open::Regular>,
}

/// Why a read failed.
enum ReadError {
    /// It does not parse; a writer may be at it.
    Malformed(Error),
    Other(Error),
}

impl From<ReadError> for Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Malformed(error) | ReadError::Other(error) => error,
        }
    }
}

/// The configuration directory, and whether it is the default one.
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
        .or_else(|| vars.home().map(|home| home.join(".config")));
    match base {
        Some(base) => Ok((base.join("llamactl"), true)),
        None => Err(Error::failed("there is no home directory to keep profiles in")
            .hint("set HOME or LLAMACTL_CONFIG_DIR, or set LLAMA_CLOUD_API_KEY and LLAMA_AGENTS_PROJECT_ID, which need no profile")),
    }
}

impl Store {
    /// An error if a newer version of this program wrote the file.
    pub fn writable(&self, path: &Path) -> Result<()> {
        match self.version > VERSION {
            false => Ok(()),
            true => Err(Error::failed(format!(
                "{} was written by a newer llamactl (format {}, this one writes {VERSION})",
                quoted(path),
                self.version
            ))
            .hint("nothing was changed; update llamactl")),
        }
    }
}

impl StoreFile {
    /// The file that the environment variables name. Nothing is opened yet.
    pub fn locate(vars: Vars) -> Result<StoreFile> {
        let (directory, is_default_directory) = config_dir(vars)?;
        Ok(StoreFile {
            path: directory.join("profiles.json"),
            is_default_directory,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn read(&self) -> Result<Contents> {
        match self.read_once() {
            Err(ReadError::Malformed(error)) => match self.lock(lock::PATIENCE) {
                Ok(_lock) => Ok(self.read_once()?),
                Err(_) => Err(error),
            },
            result => Ok(result?),
        }
    }

    /// The profiles, if they can be read without a wait, a warning or a repair.
    pub fn peek(&self) -> Option<Store> {
        let mut file = open::regular(&open::follow_symlinks(&self.path).ok()?).ok()?;
        let mut bytes = Vec::new();
        file.file.read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Changes the profiles under the lock: `change` sees the current contents, and what it leaves is written unless it
    /// failed or changed nothing. Returns the warnings, too.
    pub fn update<T>(
        &self,
        change: impl FnOnce(&mut Store) -> Result<T>,
    ) -> Result<(T, Vec<String>)> {
        self.change(None, lock::PATIENCE, change)
    }

    /// Reserves disk space for the next version of the file, which may be `extra` bytes longer.
    pub fn reserve(&self, extra: usize) -> io::Result<atomic::Reserved> {
        let real = open::follow_symlinks(&self.path)?;
        let size = fs::metadata(&real).map_or(0, |meta| meta.len());
        let size = usize::try_from(size).unwrap_or(0).saturating_add(extra);
        atomic::Reserved::create(&real, size)
    }

    /// As [`StoreFile::update`], into reserved disk space, waiting for the lock for at most `lock_limit`.
    pub fn update_reserved<T>(
        &self,
        reserved: atomic::Reserved,
        lock_limit: Duration,
        change: impl FnOnce(&mut Store) -> Result<T>,
    ) -> Result<(T, Vec<String>)> {
        self.change(Some(reserved), lock_limit, change)
    }

    fn change<T>(
        &self,
        reserved: Option<atomic::Reserved>,
        lock_limit: Duration,
        change: impl FnOnce(&mut Store) -> Result<T>,
    ) -> Result<(T, Vec<String>)> {
        let refused = self.create_directory()?;
        let lock = match self.lock(lock_limit) {
            // A change that changes nothing succeeds in a read-only directory.
            Err(e) if is_read_only(&e) => Err(e),
            Err(e) if e.kind() == ErrorKind::TimedOut => return Err(self.lock_timed_out()),
            Err(e) => return Err(self.cannot_write(&e)),
            Ok(lock) => Ok(lock),
        };
        let mut contents = self.read_once()?;
        contents.store.writable(&self.path)?;
        let before = self.serialize(&contents.store)?;
        let outcome = change(&mut contents.store)?;
        if self.serialize(&contents.store)? == before {
            return Ok((outcome, contents.warnings));
        }
        let lock = lock.map_err(|e| self.cannot_write(&e))?;
        let mut warnings = contents.warnings;
        if !lock.is_held() {
            warnings.push(format!(
                "the file system of {} does not support locks; run one llamactl at a time",
                quoted(&self.path)
            ));
        }
        warnings.extend(refused.iter().chain(&lock.owner).map(|e| {
            format!(
                "what was created beside {} could not be given to the owner of the directory: {}",
                quoted(&self.path),
                os_reason(e)
            )
        }));
        if contents.file.is_none() && self.is_default_directory {
            warnings.extend(restrict_directory(&self.path));
        }
        contents.store.version = VERSION;
        let text = self.serialize(&contents.store)?;
        // A signal must leave neither half a file nor a temporary one with keys in it.
        let _deferred = signals::defer();
        let written = self
            .write(reserved, &text, contents.file.as_ref())
            .map_err(|e| self.cannot_write(&e))?;
        warnings.extend(written.warnings(&quoted(&self.path)));
        Ok((outcome, warnings))
    }

    fn write(
        &self,
        reserved: Option<atomic::Reserved>,
        text: &[u8],
        old: Option<&open::Regular>,
    ) -> io::Result<atomic::Written> {
        let real = open::follow_symlinks(&self.path)?;
        atomic::sweep(&real);
        match reserved {
            Some(reserved) => reserved,
            None => atomic::Reserved::create(&real, 0)?,
        }
        .write_private(text, old)?
        .commit()
    }

    fn serialize(&self, store: &Store) -> Result<Vec<u8>> {
        let mut text =
            serde_json::to_vec_pretty(store).map_err(|e| self.cannot_write(&e.into()))?;
        text.push(b'\n');
        Ok(text)
    }

    /// Creates the directory. The errors are those of giving it to the owner of its parent.
    fn create_directory(&self) -> Result<Vec<io::Error>> {
        self.check_directory()?;
        match open::create_directories(open::directory(&self.path), 0o700) {
            Ok(refused) => Ok(refused),
            Err(e) if is_read_only(&e) => Ok(Vec::new()),
            Err(e) => Err(self.cannot_write(&e)),
        }
    }

    /// The error for a directory that is a symlink to nothing: on a volume that is not mounted, profiles are not gone.
    fn check_directory(&self) -> Result<()> {
        let is_dangling = |path: &&Path| path.is_symlink() && !path.exists();
        let Some(link) = self.path.ancestors().skip(1).find(is_dangling) else {
            return Ok(());
        };
        let target = fs::read_link(link).unwrap_or_default();
        Err(Error::failed(format!(
            "{} is a symlink to {}, which does not exist",
            quoted(link),
            quoted(&target)
        ))
        .hint(format!(
            "create or mount that directory, or {OTHER_DIRECTORY}"
        )))
    }

    fn lock(&self, limit: Duration) -> io::Result<lock::Lock> {
        lock::take_within(&self.lock_path()?, limit)
    }

    fn lock_path(&self) -> io::Result<PathBuf> {
        let mut path = open::follow_symlinks(&self.path)?.into_os_string();
        path.push(".lock");
        Ok(PathBuf::from(path))
    }

    fn read_once(&self) -> std::result::Result<Contents, ReadError> {
        let other = |e: io::Error| ReadError::Other(self.cannot_read(&e));
        let real = open::follow_symlinks(&self.path).map_err(other)?;
        let mut file = match open::regular(&real) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                self.check_directory().map_err(ReadError::Other)?;
                return Ok(Contents {
                    store: Store::default(),
                    warnings: Vec::new(),
                    file: None,
                });
            }
            Err(e) => return Err(other(e)),
        };
        open::check_owner(&file.meta, &real).map_err(other)?;
        let mut bytes = Vec::new();
        file.file.read_to_end(&mut bytes).map_err(other)?;
        let store = serde_json::from_slice(&bytes)
            .map_err(|e| ReadError::Malformed(self.malformed(&bytes, &e)))?;
        let mut warnings = Vec::new();
        warnings.extend(in_foreign_directory(&self.path, &real));
        warnings.extend(restrict_file(&self.path, &file));
        if self.is_default_directory {
            warnings.extend(restrict_directory(&self.path));
        }
        Ok(Contents {
            store,
            warnings,
            file: Some(file),
        })
    }

    fn cannot_read(&self, error: &io::Error) -> Error {
        let message = format!("cannot read {}: {}", quoted(&self.path), os_reason(error));
        Error::failed(message).hint(format!("check that file, or {OTHER_DIRECTORY}"))
    }

    fn cannot_write(&self, error: &io::Error) -> Error {
        let message = format!("cannot write {}: {}", quoted(&self.path), os_reason(error));
        Error::failed(message).hint(match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                "nothing was changed; free some space on its disk, then try again".to_string()
            }
            _ => format!(
                "nothing was changed; check the permissions of its directory, or {OTHER_DIRECTORY}"
            ),
        })
    }

    fn lock_timed_out(&self) -> Error {
        let path = self.lock_path().unwrap_or_default();
        Error::failed(format!("another process holds the lock {}", quoted(&path)))
            .hint("nothing was changed; wait for that process or end it, then try again")
    }

    fn malformed(&self, bytes: &[u8], error: &serde_json::Error) -> Error {
        #[derive(serde::Deserialize)]
        struct Version {
            version: u64,
        }
        let path = quoted(&self.path);
        if let Some((what, hint)) = encoding_problem(bytes) {
            return Error::failed(format!("{path} {what}")).hint(hint);
        }
        let what = match std::str::from_utf8(bytes) {
            Ok(_) => describe(error),
            Err(e) => {
                let line = bytes[..e.valid_up_to()].split(|b| *b == b'\n').count();
                format!("not valid UTF-8 at line {line}")
            }
        };
        let is_newer =
            serde_json::from_slice::<Version>(bytes).is_ok_and(|file| file.version > VERSION);
        Error::failed(format!("{path} is invalid: {what}")).hint(match is_newer {
            true => "nothing was changed; a newer llamactl wrote it: update this one",
            false => "nothing was changed; fix that line, or move the file away and log in again",
        })
    }
}

/// What is wrong with a file that no line is to blame for, and what to do.
fn encoding_problem(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const CONVERT: &str = "nothing was changed; save the file as UTF-8 without a byte order mark";
    match bytes {
        [0xef, 0xbb, 0xbf, ..] => Some(("begins with a byte order mark", CONVERT)),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => {
            Some(("is UTF-16, not UTF-8", CONVERT))
        }
        _ if bytes.trim_ascii().is_empty() => Some((
            "is empty",
            "delete it, or restore it from a backup; without it there are no profiles",
        )),
        _ => None,
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
        Category::Syntax | Category::Io => format!("not valid JSON at {place}"),
    }
}

fn quoted(path: &Path) -> String {
    sanitize::quoted(&path.display().to_string())
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
    )
}

/// The warning for a store that another user can replace.
#[cfg(unix)]
fn in_foreign_directory(path: &Path, real: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let owner = fs::metadata(open::directory(real)).ok()?.uid();
    let is_foreign = owner != 0 && owner != open::our_uid();
    is_foreign.then(|| {
        format!(
            "{} is in a directory of another user (uid {owner}), who decides what is in it",
            quoted(path)
        )
    })
}

#[cfg(not(unix))]
fn in_foreign_directory(_: &Path, _: &Path) -> Option<String> {
    None
}

/// Removes the permissions of other users, if the file is ours and reached without a symlink. A file without write
/// permissions (a container's secret) stays as it is.
#[cfg(unix)]
fn restrict_file(path: &Path, file: &open::Regular) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let is_read_only = file.meta.mode() & 0o222 == 0;
    if is_read_only || path.is_symlink() || open::directory(path).is_symlink() {
        return None;
    }
    restrict(path, &file.file, 0o600)
}

/// The same for the directory.
#[cfg(unix)]
fn restrict_directory(path: &Path) -> Option<String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = open::directory(path);
    let directory = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW)
        .open(path)
        .ok()?;
    restrict(path, &directory, 0o700)
}

#[cfg(unix)]
fn restrict(path: &Path, file: &fs::File, mode: u32) -> Option<String> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let meta = file.metadata().ok()?;
    let old = meta.mode() & 0o777;
    let is_private = old & !0o700 == 0;
    if is_private || meta.uid() != open::our_uid() {
        return None;
    }
    let path = quoted(path);
    let was = format!("{path} was accessible to other users (mode {old:04o})");
    let is = format!("{path} is accessible to other users (mode {old:04o})");
    match file.set_permissions(fs::Permissions::from_mode(mode)) {
        Ok(()) => Some(format!("{was}; changed to {mode:04o}")),
        Err(e) if e.kind() == ErrorKind::ReadOnlyFilesystem => None,
        Err(e) => Some(format!("{is}, which cannot be changed: {}", os_reason(&e))),
    }
}

#[cfg(not(unix))]
fn restrict_file(_: &Path, _: &open::Regular) -> Option<String> {
    None
}

#[cfg(not(unix))]
fn restrict_directory(_: &Path) -> Option<String> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn store_file(directory: &Path) -> StoreFile {
        StoreFile {
            path: directory.join("profiles.json"),
            is_default_directory: false,
        }
    }

    #[test]
    fn held_lock_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = store_file(directory.path());
        let _lock = file.lock(lock::PATIENCE).unwrap();
        let error = file
            .change(None, Duration::from_millis(50), |_| Ok(()))
            .unwrap_err();
        let path = directory.path().display();
        assert_eq!(
            error.to_string(),
            format!(
                "error: another process holds the lock '{path}/profiles.json.lock'\n\
                 hint: nothing was changed; wait for that process or end it, then try again"
            )
        );
        assert!(!directory.path().join("profiles.json").exists());
    }

    #[test]
    fn reserved_space_becomes_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = store_file(directory.path());
        let reserved = file.reserve(100_000).unwrap();
        let names = || fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names(), 1);
        let url = crate::url::ApiUrl::llama_cloud();
        let set = |store: &mut Store| {
            store.current_environment = Some(url.clone());
            Ok(())
        };
        file.update_reserved(reserved, lock::PATIENCE, set).unwrap();
        assert_eq!(file.peek().unwrap().current_environment, Some(url.clone()));
        assert_eq!(names(), 2);
    }

    /// A writer that cannot rename writes in place; what a reader sees of that is not an error yet.
    #[test]
    fn incomplete_file_is_read_again_under_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let file = store_file(directory.path());
        let lock = file.lock(lock::PATIENCE).unwrap();
        fs::write(&file.path, "{\"version\":").unwrap();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| file.read());
            std::thread::sleep(Duration::from_millis(50));
            fs::write(&file.path, "{\"version\":1}").unwrap();
            drop(lock);
            assert_eq!(reader.join().unwrap().unwrap().store.version, 1);
        });
    }

    #[test]
    fn unusable_encodings_are_named() {
        for (bytes, what) in [
            (&b""[..], "is empty"),
            (b" \n\n", "is empty"),
            (b"\xef\xbb\xbf{}", "begins with a byte order mark"),
            (b"\xff\xfe{\0}\0", "is UTF-16, not UTF-8"),
            (b"\xfe\xff\0{\0}", "is UTF-16, not UTF-8"),
            (b"{\0}\0", "is UTF-16, not UTF-8"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let file = store_file(directory.path());
            fs::write(&file.path, bytes).unwrap();
            let error = file.read().unwrap_err();
            assert_eq!(error.message, format!("{} {what}", quoted(&file.path)));
            assert!(error.hint.is_some());
        }
        assert_eq!(encoding_problem(b"{}"), None);
        assert_eq!(encoding_problem(b"[1"), None);
    }
}
