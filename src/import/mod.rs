//! The profiles of the Python tool: where its `profiles.db` is, and what stands in it.
//!
//! Nothing of that tool's is changed, and its file is never opened by a database: `snapshot` makes a private copy, and
//! `reader` has a program that knows the format (`python3`, `sqlite3`) print the rows of the copy. What comes out is as
//! little to be trusted as any input: `rows` checks it.

mod reader;
mod rows;
mod snapshot;

use std::path::{Path, PathBuf};

pub use rows::{Database, EnvironmentRow, Layout, ProfileRow};

use crate::error::{Error, Result, os_reason};
use crate::store::config_dir;
use crate::vars::Vars;

/// The name of that tool's database.
const FILE: &str = "profiles.db";

/// Whether the Python tool has been at work here.
pub fn are_there(vars: Vars) -> bool {
    config_dir(vars).is_ok_and(|(directory, _)| directory.join(FILE).is_file())
}

/// The database that `from` names (itself, or the directory that holds it) or, without it, the one in its usual place.
///
/// # Errors
/// Failed, where there is none.
pub fn locate(from: Option<&Path>, vars: Vars) -> Result<PathBuf> {
    let path = match from {
        Some(path) if path.is_dir() => path.join(FILE),
        Some(path) => path.to_path_buf(),
        None => config_dir(vars)?.0.join(FILE),
    };
    // Where it is a link, what belongs to the database stands beside the real file.
    path.canonicalize().map_err(|e| {
        Error::failed(format!("{} can't be read: {}", path.display(), os_reason(&e)))
            .hint("name the Python tool's profiles.db, or the directory that holds it, with --from; or make the profile anew with `llamactl auth token`")
    })
}

/// Everything in the database.
///
/// # Errors
/// Failed, where it can't be read, is no database of that tool, or nothing is there to read it with.
pub fn read(path: &Path) -> Result<Database> {
    let copy = snapshot::take(path).map_err(|why| unreadable(path, &why))?;
    let tables = ask(path, &copy, &[rows::CHECK, rows::COLUMNS])?;
    let layout = rows::Layout::parse(&tables).map_err(|why| unreadable(path, &why))?;
    let lines = ask(path, &copy, &layout.questions())?;
    Ok(Database::parse(&lines, layout.is_newer()))
}

fn ask(path: &Path, copy: &snapshot::Copy, questions: &[impl AsRef<str>]) -> Result<Vec<u8>> {
    reader::ask(&copy.database(), questions).map_err(|why| match why {
        reader::ReaderError::NoReader => {
            let said = format!(
                "reading {} takes python3 or sqlite3, and neither is on the PATH",
                path.display()
            );
            Error::failed(said).hint("install one of them (on Debian: `apt install sqlite3`), or make the profile anew with `llamactl auth token`")
        }
        reader::ReaderError::Failed(why) => unreadable(path, &why),
    })
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error::failed(format!("{} can't be read: {why}", path.display())).hint(
        "nothing was changed; name another file with --from, or make the profile anew with `llamactl auth token`",
    )
}
