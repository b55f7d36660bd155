//! The file around the `.env` editor: which file is meant, whether it may be edited, the write, and what the user should
//! know about it. Nothing here prints.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Binding, EditError, assigns, edit};
use crate::child::{self, ChildError, Limits};
use crate::error::{Error, Result, os_reason};
use crate::fs::atomic::{self, Reserved, Written};
use crate::fs::open::{self, Regular};
use crate::sanitize::{quoted as quoted_text, sanitize};
use crate::term::signals;

/// How often a file that changes while it is edited is read.
const ATTEMPTS: usize = 3;
/// How long git may take, in all.
const GIT_TIME: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the file was changed or, with [`check`], would be.
    pub changed: bool,
    /// Sentences for the user, without `warning: `.
    pub warnings: Vec<String>,
}

/// Writes the bindings to the file. A file that has them already is not touched; one that assigns a value to a forbidden
/// name is refused.
pub fn write(path: &Path, bindings: &[Binding<'_>], forbidden: &[&str]) -> Result<Outcome> {
    let target = Target::find(path)?;
    atomic::sweep(&target.real);
    for _ in 0..ATTEMPTS {
        let old = target.read()?;
        let Some(new) = target.edited(old.as_ref(), bindings, forbidden)? else {
            return Ok(target.outcome(old.as_ref(), false));
        };
        let Some(written) = target.replace(old.as_ref(), &new)? else {
            continue;
        };
        let mut outcome = target.outcome(old.as_ref(), true);
        let warnings = written.warnings(&quoted(&target.named));
        outcome.warnings.extend(warnings);
        return Ok(outcome);
    }
    let message = format!("{} keeps changing while it is edited", quoted(path));
    Err(Error::failed(message).hint("stop what writes to it, then run this again"))
}

/// Tells what [`write()`] would do, and does nothing.
pub fn check(path: &Path, bindings: &[Binding<'_>], forbidden: &[&str]) -> Result<Outcome> {
    let target = Target::find(path)?;
    let old = target.read()?;
    let changed = target.edited(old.as_ref(), bindings, forbidden)?.is_some();
    Ok(target.outcome(old.as_ref(), changed))
}

/// The error for a refused edit. `file` is how the message calls the file.
pub fn explain(error: &EditError, file: &str) -> Error {
    match error {
        EditError::Value { name, character } => Error::failed(format!(
            "the value of {name} has the character {character:?}, which readers of .env files do not read alike"
        ))
        .hint("`llamactl auth exec` and `llamactl auth export --format sh` or `json` carry any value"),
        EditError::Encoding(encoding) => Error::failed(format!("{file} is {encoding}"))
            .hint("convert it to UTF-8, then run this again"),
        EditError::OpenQuote { line } => {
            Error::failed(format!("{file}, line {line}: a quote is opened and never closed"))
                .hint("close it, then run this again")
        }
        EditError::Unbalanced { line } => Error::failed(format!(
            "{file}, line {line}: a quote or bracket in the value has no counterpart"
        ))
        .hint("remove it or empty the value, then run this again"),
        EditError::Continued { line } => Error::failed(format!(
            "{file}, line {line}: a backslash joins this line with the next one"
        ))
        .hint("remove the backslash, then run this again"),
        EditError::SecondAssignment { line } => Error::failed(format!(
            "{file}, line {line}: a shell reads more than one assignment on this line"
        ))
        .hint("put each assignment on a line of its own, then run this again"),
    }
}

/// A path as it is shown in messages.
fn quoted(path: &Path) -> String {
    quoted_text(&path.display().to_string())
}

/// The file that a path means.
struct Target {
    /// As the user named it.
    named: PathBuf,
    /// Behind the symlinks at its end.
    real: PathBuf,
    /// A symlink leads out of the directory.
    leads_out: bool,
}

/// A file as it was read.
struct Old {
    bytes: Vec<u8>,
    file: Regular,
}

impl Target {
    fn find(path: &Path) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(
                Error::failed("the name of the file is empty").hint("name a file with --env-file")
            );
        }
        let fail = |e: io::Error| {
            let message = format!("cannot edit {}: {}", quoted(path), os_reason(&e));
            Error::failed(message)
                .hint("name a file with --env-file, or print the variables with `--env-file -`")
        };
        let last = path.as_os_str().as_encoded_bytes().last();
        let ends_in_slash = last.is_some_and(|&b| std::path::is_separator(b.into()));
        if path.file_name().is_none() || ends_in_slash {
            return Err(fail(io::Error::other("it is a directory")));
        }
        let real = open::follow_symlinks(path).map_err(fail)?;
        match std::fs::metadata(&real) {
            Ok(meta) => open::check_regular(&meta)
                .and_then(|()| open::check_owner(&meta, &real))
                .map_err(fail)?,
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(fail(e)),
        }
        let leads_out = real != path
            && match (real_directory(path), real_directory(&real)) {
                (Some(named), Some(real)) => !real.starts_with(named),
                _ => true,
            };
        Ok(Target {
            named: path.to_path_buf(),
            real,
            leads_out,
        })
    }

    /// The file, if it exists.
    fn read(&self) -> Result<Option<Old>> {
        let read = || -> io::Result<Old> {
            let file = open::regular(&self.real)?;
            open::check_owner(&file.meta, &self.real)?;
            let mut bytes = Vec::new();
            (&file.file).read_to_end(&mut bytes)?;
            Ok(Old { bytes, file })
        };
        match read() {
            Ok(old) => Ok(Some(old)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => {
                let message = format!("cannot read {}: {}", quoted(&self.named), os_reason(&e));
                Err(Error::failed(message)
                    .hint("make it readable, or choose another file with --env-file"))
            }
        }
    }

    /// The new content, or none if that is what the file holds.
    fn edited(
        &self,
        old: Option<&Old>,
        bindings: &[Binding<'_>],
        forbidden: &[&str],
    ) -> Result<Option<Vec<u8>>> {
        let bytes = old.map_or(&[][..], |old| &old.bytes);
        let file = quoted(&self.named);
        if let Some(name) = forbidden.iter().find(|name| assigns(bytes, name)) {
            let message = format!("{file} assigns {name}, which this profile does not have");
            return Err(Error::failed(message)
                .hint("remove that line, so that the key is not sent to another URL"));
        }
        let new = edit(bytes, bindings).map_err(|e| explain(&e, &file))?;
        Ok((old.is_none() || new != bytes).then_some(new))
    }

    /// Writes the file; none if it changed meanwhile. Signals wait, so that no copy of the key is left behind.
    fn replace(&self, old: Option<&Old>, new: &[u8]) -> Result<Option<Written>> {
        let _deferred = signals::defer();
        let fail = |e: io::Error| self.unwritable(&e);
        let mut refused = Vec::new();
        match old {
            Some(_) => may_write(&self.real).map_err(fail)?,
            None => refused = self.create_parents()?,
        }
        let staged = Reserved::create(&self.real, 0)
            .and_then(|reserved| reserved.write(new, old.map(|old| &old.file)))
            .map_err(fail)?;
        let written = match old {
            Some(old) => {
                if let Some(e) = &staged.written.owner {
                    let reason = format!("its owner cannot be kept: {}", os_reason(e));
                    return Err(fail(io::Error::new(ErrorKind::PermissionDenied, reason)));
                }
                if !old.is_current(&self.real) {
                    return Ok(None);
                }
                staged.commit()
            }
            None => staged.commit_new(),
        };
        match written {
            Ok(mut written) => {
                written.owner = written.owner.or(refused.pop());
                Ok(Some(written))
            }
            Err(e) if old.is_none() && e.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(e) => Err(fail(e)),
        }
    }

    fn create_parents(&self) -> Result<Vec<io::Error>> {
        let parent = open::directory(&self.real);
        open::create_directories(parent, 0o777).map_err(|e| {
            let reason = os_reason(&e);
            let message = format!("cannot create the directory {}: {reason}", quoted(parent));
            Error::failed(message).hint("create it, or choose another file with --env-file")
        })
    }

    fn unwritable(&self, e: &io::Error) -> Error {
        let message = format!("cannot write {}: {}", quoted(&self.named), os_reason(e));
        let hint = match e.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                "run this as the owner of the file and its directory, or choose another file with --env-file"
            }
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                "free some disk space, then run this again; the file is unchanged"
            }
            _ => "the file is unchanged",
        };
        Error::failed(message).hint(hint)
    }

    fn outcome(&self, old: Option<&Old>, changed: bool) -> Outcome {
        let file = quoted(&self.named);
        let mut warnings = Vec::new();
        if self.leads_out {
            warnings.push(format!("{file} is a symlink to {}", quoted(&self.real)));
        }
        #[cfg(unix)]
        if let Some(old) = old {
            use std::os::unix::fs::MetadataExt as _;
            let meta = &old.file.meta;
            if changed && meta.nlink() > 1 {
                warnings.push(format!(
                    "{file} has other names (hard links), which keep the old content"
                ));
            }
            let mode = meta.mode() & 0o777;
            if mode & 0o044 != 0 {
                warnings.push(format!(
                    "{file} is readable by other users (mode {mode:04o}); `chmod 600` makes it private"
                ));
            }
        }
        #[cfg(not(unix))]
        let _ = old;
        warnings.extend(git_warning(&self.real).map(|text| format!("{file} {text}")));
        Outcome { changed, warnings }
    }
}

impl Old {
    /// Whether the file is still the one that was read.
    fn is_current(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok_and(|now| stamp(&now) == stamp(&self.file.meta))
    }
}

#[cfg(unix)]
fn stamp(meta: &Metadata) -> impl PartialEq + use<> {
    use std::os::unix::fs::MetadataExt as _;
    let times = [
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec(),
    ];
    (meta.dev(), meta.ino(), meta.len(), meta.mode(), times)
}

#[cfg(not(unix))]
fn stamp(meta: &Metadata) -> impl PartialEq + use<> {
    (meta.len(), meta.modified().ok())
}

/// Whether the file itself may be written: a directory that allows a replacement does not make that right.
fn may_write(path: &Path) -> io::Result<()> {
    open::open(OpenOptions::new().write(true), path).map(drop)
}

/// The directory of a file without symlinks in it; the part that does not exist yet has none.
fn real_directory(file: &Path) -> Option<PathBuf> {
    let mut missing = Vec::new();
    for directory in file.ancestors().skip(1) {
        let is_current = directory.as_os_str().is_empty();
        let directory = if is_current {
            Path::new(".")
        } else {
            directory
        };
        if let Ok(real) = std::fs::canonicalize(directory) {
            let names = missing.iter().rev();
            return Some(names.fold(real, |path, name| path.join(name)));
        }
        missing.push(directory.file_name()?);
    }
    None
}

/// What git does with a file, if that is not to ignore it. Nothing that the repository configures is run. None without
/// git or a work tree.
fn git_warning(path: &Path) -> Option<String> {
    const UNIGNORED: &str =
        "is not ignored by git: add it to .gitignore, or the key can end up in a commit";
    let directory = real_directory(path)?;
    // The prefix keeps a name from being read as a pattern with magic.
    let name = Path::new(".").join(path.file_name()?);
    let end = Instant::now() + GIT_TIME;
    let ask = |arguments: &[&str]| -> Option<std::result::Result<i32, String>> {
        let mut git = child::git(&directory)?;
        git.args(["--no-optional-locks", "-c", "core.fsmonitor=false"])
            .args(arguments)
            .arg("--")
            .arg(&name)
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C");
        let limits = Limits {
            time: end.saturating_duration_since(Instant::now()),
            output: 64 * 1024,
        };
        Some(match child::run(git, limits) {
            Ok(finished) => match finished.status.code() {
                Some(code @ (0 | 1)) => Ok(code),
                _ => Err(String::from_utf8_lossy(&finished.stderr).into_owned()),
            },
            Err(ChildError::TimedOut) => Err("it took too long".to_string()),
            Err(ChildError::Io(e)) => Err(os_reason(&e)),
            Err(ChildError::TooMuchOutput | ChildError::Interrupted) => Err(String::new()),
        })
    };
    // A tracked file is never reported as ignored.
    let outcome = match ask(&["check-ignore", "--quiet"])? {
        Ok(0) => return None,
        Ok(_) => ask(&["ls-files", "--error-unmatch"])?,
        Err(reason) => Err(reason),
    };
    match outcome {
        Ok(0) => Some("is tracked by git: the key can end up in a commit".to_string()),
        Ok(_) => Some(UNIGNORED.to_string()),
        Err(reason) if reason.contains("not a git repository") => None,
        Err(reason) => {
            let first = sanitize(reason.lines().next().unwrap_or_default());
            let first = first.strip_prefix("fatal: ").unwrap_or(&first);
            Some(format!("may not be ignored by git, which failed: {first}"))
        }
    }
}
