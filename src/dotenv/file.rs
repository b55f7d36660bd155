//! The file around the `.env` editor: which file is meant, whether it may be edited, the one atomic write, and what the
//! user should know about it.
//!
//! What a `.env` means is in [`crate::dotenv`], how bytes get to the disk in [`crate::fs::atomic`]. Nothing here prints.

use crate::dotenv::{self, Binding, EditError, Edited};
use crate::error::{self, Error, Result, os_reason};
use crate::fs::atomic::{self, Staged};
use crate::vars;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often a file that changes under us is read.
const TRIES: usize = 3;
/// How long we wait for git.
const GIT_TIME: Duration = Duration::from_secs(3);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The file is another one now, or, with [`check`], would be.
    pub changed: bool,
    /// Sentences for the user, without `warning: `.
    pub warnings: Vec<String>,
}

/// Puts the bindings into the file. A file that has them already is not touched; one that assigns a forbidden name is
/// refused.
pub fn write(path: &Path, bindings: &[Binding<'_>], forbidden: &[&str]) -> Result<Outcome> {
    let target = Target::find(path)?;
    atomic::sweep(&target.real);
    for _ in 0..TRIES {
        let now = target.read()?;
        let Some(new) = target.edited(now.as_ref(), bindings, forbidden)? else {
            return Ok(target.outcome(now.as_ref(), false));
        };
        let unsynced = if let Some(now) = &now {
            may_write(&target.real).map_err(|e| target.unwritable(&e))?;
            let parts = [&now.bytes[..new.kept], &new.rest];
            let staged = Staged::new(&target.real, &parts, Some(&now.meta))
                .map_err(|e| target.unwritable(&e))?;
            if !now.is_current(&target.real) {
                continue;
            }
            staged.commit().map_err(|e| target.unwritable(&e))?
        } else {
            target.make_parents()?;
            let staged =
                Staged::new(&target.real, &[&new.rest], None).map_err(|e| target.unwritable(&e))?;
            match staged.commit_new() {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
                done => done.map_err(|e| target.unwritable(&e))?,
            }
        };
        let mut outcome = target.outcome(now.as_ref(), true);
        if let Some(e) = unsynced {
            let warning = error::unsynced(&shown(&target.named), &e);
            outcome.warnings.push(warning);
        }
        return Ok(outcome);
    }
    let text = format!("{} keeps changing while it is edited", shown(path));
    Err(Error::failed(text).hint("stop what writes to it, then run this again"))
}

/// Says what [`write()`] would do, and does nothing.
pub fn check(path: &Path, bindings: &[Binding<'_>], forbidden: &[&str]) -> Result<Outcome> {
    let target = Target::find(path)?;
    let now = target.read()?;
    let changed = target.edited(now.as_ref(), bindings, forbidden)?.is_some();
    Ok(target.outcome(now.as_ref(), changed))
}

/// What a refused edit looks like to the user; `file` is how the file is called in it.
pub fn explain(refusal: &EditError, file: &str) -> Error {
    match refusal {
        EditError::Name { name } => Error::failed(format!("{name:?} is no name for a variable")),
        EditError::Value { name } => Error::failed(format!(
            "{file}: the value of {name} can't be written so that every reader gets it back"
        ))
        .hint("`llamactl auth exec -- COMMAND` hands it on without a file"),
        EditError::OpenQuote { line } => Error::failed(format!(
            "{file}, line {line}: a quote is opened and never closed"
        ))
        .hint("close it, then run this again"),
        EditError::Disputed { line } => Error::failed(format!(
            "{file}, line {line}: readers of .env files disagree about what is assigned here"
        ))
        .hint("put the values around this line in quotes, one assignment on a line, then run this again"),
    }
}

/// A path as one line of text.
fn shown(path: &Path) -> String {
    let text = path.display().to_string();
    if text.chars().any(char::is_control) {
        format!("{text:?}")
    } else {
        text
    }
}

/// Which file a path means.
struct Target {
    /// As the user named it.
    named: PathBuf,
    /// With the links at its end followed.
    real: PathBuf,
    /// It is a link to another directory.
    leads_out: bool,
}

/// A file as it was found.
struct Found {
    bytes: Vec<u8>,
    meta: Metadata,
}

impl Target {
    fn find(path: &Path) -> Result<Self> {
        let fail = |reason: &str| {
            let text = format!("can't edit {}: {reason}", shown(path));
            Error::failed(text)
                .hint("name a file with --env-file, or print the variables with `--env-file -`")
        };
        let slash = path
            .as_os_str()
            .as_encoded_bytes()
            .last()
            .is_some_and(|&b| std::path::is_separator(b.into()));
        if path.as_os_str().is_empty() {
            return Err(
                Error::failed("the name of the file is empty").hint("name a file with --env-file")
            );
        }
        if path.file_name().is_none() || slash {
            return Err(fail("it is a directory"));
        }
        let real = match std::fs::metadata(path) {
            Ok(meta) if meta.is_dir() => return Err(fail("it is a directory")),
            Ok(meta) if !meta.is_file() => return Err(fail("it is not a regular file")),
            Ok(_) => atomic::follow_links(path),
            Err(e) if e.kind() == ErrorKind::NotFound => atomic::follow_links(path),
            Err(e) => return Err(fail(&os_reason(&e))),
        }
        .map_err(|e| fail(&os_reason(&e)))?;
        let leads_out = real != path
            && match (home(path), home(&real)) {
                (Some(named), Some(real)) => !real.starts_with(named),
                _ => true,
            };
        Ok(Target {
            named: path.to_path_buf(),
            real,
            leads_out,
        })
    }

    /// The file, if it is there.
    fn read(&self) -> Result<Option<Found>> {
        let read = || -> io::Result<Found> {
            let mut file = open(OpenOptions::new().read(true), &self.real)?;
            let meta = file.metadata()?;
            if !meta.is_file() {
                return Err(io::Error::other("it is not a regular file"));
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(Found { bytes, meta })
        };
        match read() {
            Ok(found) => Ok(Some(found)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => {
                let text = format!("can't read {}: {}", shown(&self.named), os_reason(&e));
                Err(Error::failed(text)
                    .hint("make it readable, or choose another file with --env-file"))
            }
        }
    }

    /// What the file is to hold, or none where that is what it holds.
    fn edited(
        &self,
        now: Option<&Found>,
        bindings: &[Binding<'_>],
        forbidden: &[&str],
    ) -> Result<Option<Edited>> {
        let old = now.map_or(&[][..], |found| &found.bytes);
        let file = shown(&self.named);
        if let Some(name) = forbidden.iter().find(|name| dotenv::assigns(old, name)) {
            let text = format!("{file} assigns {name}, which this profile does not have");
            return Err(Error::failed(text)
                .hint("remove that line, so that the key is not sent to another address"));
        }
        let new = dotenv::edit_from(old, bindings).map_err(|refusal| explain(&refusal, &file))?;
        Ok((now.is_none() || new.rest != old[new.kept..]).then_some(new))
    }

    fn make_parents(&self) -> Result<()> {
        let Some(parent) = self.real.parent().filter(|p| !p.as_os_str().is_empty()) else {
            return Ok(());
        };
        std::fs::create_dir_all(parent).map_err(|e| {
            let text = format!(
                "can't make the directory {}: {}",
                shown(parent),
                os_reason(&e)
            );
            Error::failed(text).hint("make it by hand, or choose another place with --env-file")
        })
    }

    fn unwritable(&self, e: &io::Error) -> Error {
        let text = format!("can't write {}: {}", shown(&self.named), os_reason(e));
        let hint = match e.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "run this as the owner of the file and its directory, or choose another file with --env-file"
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                "make room, then run this again; the file is as it was"
            }
            _ => "the file is as it was",
        };
        Error::failed(text).hint(hint)
    }

    fn outcome(&self, before: Option<&Found>, changed: bool) -> Outcome {
        let file = shown(&self.named);
        let mut warnings = Vec::new();
        if self.leads_out {
            warnings.push(format!("{file} is a link to {}", shown(&self.real)));
        }
        #[cfg(unix)]
        if let Some(found) = before {
            use std::os::unix::fs::MetadataExt;
            if changed && found.meta.nlink() > 1 {
                warnings.push(format!(
                    "{file} has other names (hard links), which keep the old content"
                ));
            }
            let mode = found.meta.mode() & 0o777;
            if mode & 0o044 != 0 {
                warnings.push(format!("other users can read {file} (mode {mode:03o}); `chmod 600` makes it yours alone"));
            }
        }
        #[cfg(not(unix))]
        let _ = before;
        match git(&self.real) {
            Some(Git::Tracked) => warnings.push(format!(
                "{file} is tracked by git: the key can end up in a commit"
            )),
            Some(Git::NotIgnored) => {
                warnings.push(format!("{file} is not ignored by git: add it to .gitignore, or the key can end up in a commit"));
            }
            None => {}
        }
        Outcome { changed, warnings }
    }
}

impl Found {
    /// Whether the file is still the one that was read.
    fn is_current(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|now| stamp(&now) == stamp(&self.meta))
    }
}

#[cfg(unix)]
fn stamp(meta: &Metadata) -> impl PartialEq + use<> {
    use std::os::unix::fs::MetadataExt;
    let changed = (
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec(),
    );
    (meta.dev(), meta.ino(), meta.len(), meta.mode(), changed)
}

#[cfg(not(unix))]
fn stamp(meta: &Metadata) -> impl PartialEq + use<> {
    (meta.len(), meta.modified().ok())
}

/// Opens without waiting for a FIFO's other end.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK);
    }
    options.open(path)
}

/// Whether the file itself may be written: a directory that allows a replacement does not make that right. Nobody knows
/// better than who opens it.
fn may_write(path: &Path) -> io::Result<()> {
    open(OpenOptions::new().write(true), path).map(drop)
}

/// The directory of a file, without links in it; what of it is not there yet has none.
fn home(file: &Path) -> Option<PathBuf> {
    let mut missing = Vec::new();
    for directory in file.ancestors().skip(1) {
        let here = directory.as_os_str().is_empty();
        let directory = if here { Path::new(".") } else { directory };
        if let Ok(real) = std::fs::canonicalize(directory) {
            let names = missing.iter().rev();
            return Some(names.fold(real, |path, name| path.join(name)));
        }
        missing.push(directory.file_name()?);
    }
    None
}

/// What git thinks of a file that it does not ignore.
enum Git {
    Tracked,
    NotIgnored,
}

/// Asks git about a file; nothing that the repository configures is run. None: ignored, no work tree, or no git.
fn git(path: &Path) -> Option<Git> {
    let directory = home(path)?;
    // No name that starts so is taken for a pattern with magic.
    let name = Path::new(".").join(path.file_name()?);
    let ask = |question: &[&str]| {
        let mut git = Command::new("git");
        for (variable, _) in std::env::vars_os() {
            if variable.as_encoded_bytes().starts_with(b"GIT_") {
                git.env_remove(variable);
            }
        }
        git.args(["--no-optional-locks", "-c", "core.fsmonitor=false"])
            .args(question)
            .arg("--")
            .arg(&name)
            .env_remove(vars::API_KEY)
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        exit_code(&mut git)
    };
    // A tracked file is never called ignored here; 128 is no work tree.
    if ask(&["check-ignore", "--quiet"]) != Some(1) {
        return None;
    }
    match ask(&["ls-files", "--error-unmatch"]) {
        Some(0) => Some(Git::Tracked),
        _ => Some(Git::NotIgnored),
    }
}

/// Runs a command for a bounded time.
fn exit_code(command: &mut Command) -> Option<i32> {
    let mut child = command.spawn().ok()?;
    let end = Instant::now() + GIT_TIME;
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.code(),
            Ok(None) if Instant::now() < end => std::thread::sleep(pause),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
