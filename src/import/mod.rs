//! Reads the Python tool's `profiles.db`, a SQLite database.
//!
//! The database itself is only copied (`snapshot`). `reader` has `python3` or `sqlite3` print the rows of the copy as
//! JSON, and `rows` validates them like any other input.

mod reader;
mod rows;
mod snapshot;

use std::path::{Path, PathBuf};

pub use rows::{Database, EnvironmentRow, Layout, ProfileRow};

use self::reader::ReaderError;
use self::snapshot::Snapshot;
use crate::error::{Error, Kind, Result, os_reason};
use crate::sanitize::quoted;
use crate::store::config_dir;
use crate::term::signals;
use crate::vars::Vars;

const FILE: &str = "profiles.db";
const USE_TOKEN: &str = "or create the profile with `llamactl auth token`";

/// Whether there is a database of the Python tool in its usual place.
pub fn exists(vars: Vars) -> bool {
    config_dir(vars).is_ok_and(|(directory, _)| directory.join(FILE).is_file())
}

/// The database that `from` names, itself or its directory; without it, the one in its usual place.
pub fn locate(from: Option<&Path>, vars: Vars) -> Result<PathBuf> {
    let path = match from {
        Some(path) if path.is_dir() => path.join(FILE),
        Some(path) => path.to_path_buf(),
        None => config_dir(vars)?.0.join(FILE),
    };
    // The journals are beside the real file, not beside a symlink to it.
    path.canonicalize().map_err(|e| {
        Error::failed(cannot_read(&path, &os_reason(&e))).hint(format!(
            "pass the Python tool's profiles.db, or its directory, with --from; {USE_TOKEN}"
        ))
    })
}

/// Reads the whole database. A signal that ends us leaves neither the copy nor the child process behind.
pub fn read(path: &Path, vars: Vars) -> Result<Database> {
    // Declared before the copy, and so dropped after it.
    let _deferred = signals::defer();
    let fail = |reason: String| {
        Error::failed(cannot_read(path, &reason)).hint(format!(
            "nothing was changed; pass another file with --from, {USE_TOKEN}"
        ))
    };
    let snapshot = Snapshot::take(path, vars).map_err(fail)?;
    let query = |queries: &[&str]| {
        reader::query(&snapshot.database(), queries).map_err(|e| match e {
            ReaderError::NotInstalled => Error::failed(cannot_read(
                path,
                "this needs python3 or sqlite3, and neither is on the PATH",
            ))
            .hint(format!(
                "install one of them (on Debian: `apt install sqlite3`), {USE_TOKEN}"
            )),
            ReaderError::Interrupted => Error::new(Kind::Interrupted, "interrupted"),
            ReaderError::Failed(reason) => fail(reason),
        })
    };
    let layout = Layout::parse(&query(&[rows::CHECK, rows::LAYOUT])?).map_err(fail)?;
    let profiles = layout.profiles_query();
    let rows = query(&[rows::ENVIRONMENTS, &profiles, rows::SETTINGS])?;
    Ok(Database::parse(&rows, layout.is_newer()))
}

fn cannot_read(path: &Path, reason: &str) -> String {
    format!(
        "cannot read {}: {reason}",
        quoted(&path.display().to_string())
    )
}
