//! The file that the answer to a refresh goes to before anything else is done with it.
//!
//! It is made, with room for the answer and for the store's next version, before the question goes out. The answer is one
//! write into it, microseconds after it came; from there on no kill, no full disk and no broken store can lose it: the
//! next process finds it. It has a fixed name, and only who holds the refresh lock touches it.

use std::fs::{File, OpenOptions, remove_file};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::store::Login;

/// More than the tokens of an answer take: 16 KiB each, escaped.
const ROOM: usize = 128 * 1024;

/// A login as it is after a refresh.
#[derive(Debug, Deserialize, Serialize)]
pub struct Kept {
    /// The refresh token that was spent for it: the login in the store that has it is the one.
    pub spent: Secret,
    /// The login with its new tokens.
    pub login: Login,
}

/// The file, with room in it.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: File,
}

impl Spool {
    /// Makes the file beside the store, as large as it may have to be.
    ///
    /// # Errors
    /// There is no room, or the file can't be made.
    pub fn prepare(store: &Path) -> io::Result<Spool> {
        let path = beside(store);
        let size = std::fs::metadata(store).map_or(0, |found| found.len());
        let size = usize::try_from(size).unwrap_or(0).saturating_add(ROOM);
        // What is there has no answer in it, and may have any mode, or be a link to another file.
        discard(&path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        // Not zeros: a file system may keep those without taking any room. And nothing that reads as an answer.
        let content: Vec<u8> = (0..=u8::MAX).cycle().take(size).collect();
        let written = file.write_all(&content).and_then(|()| file.sync_all());
        let spool = Spool { path, file };
        match written {
            Ok(()) => Ok(spool),
            Err(e) => {
                spool.discard();
                Err(e)
            }
        }
    }

    /// Puts the answer into the room that was made for it, and gives back what it does not need.
    ///
    /// # Errors
    /// It can't be written.
    pub fn keep(&mut self, kept: &Kept) -> io::Result<()> {
        let text = serde_json::to_vec(kept)?;
        self.file.rewind()?;
        self.file.write_all(&text)?;
        // What is left of the room behind it does no harm.
        let _ = self.file.set_len(text.len() as u64);
        Ok(())
    }

    /// Removes the file: there was no answer, or it is in the store.
    pub fn discard(self) {
        discard(&self.path);
    }
}

/// Removes the file at that path.
pub fn discard(path: &Path) {
    let _ = remove_file(path);
}

/// The file beside the store.
pub fn beside(store: &Path) -> PathBuf {
    let mut path = store.to_path_buf().into_os_string();
    path.push(".refresh");
    PathBuf::from(path)
}

/// The answer that a process left before it could store it; none where there is none, or only room for one.
///
/// # Errors
/// The file can't be read.
pub fn left(path: &Path) -> io::Result<Option<Kept>> {
    match path.symlink_metadata() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
        // What is no file, a FIFO that would be waited for or a link, is none of ours.
        Ok(found) if !found.is_file() => Ok(None),
        // Behind the answer may be what is left of the room.
        Ok(_) => {
            let bytes = std::fs::read(path)?;
            let mut documents = serde_json::Deserializer::from_slice(&bytes).into_iter();
            Ok(documents.next().and_then(Result::ok))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_survives_and_room_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("profiles.json");
        std::fs::write(&store, "x".repeat(1000)).unwrap();
        let path = beside(&store);
        assert!(left(&path).unwrap().is_none());
        let mut spool = Spool::prepare(&store).unwrap();
        assert_eq!(path.metadata().unwrap().len(), 1000 + ROOM as u64);
        // Four tokens of an answer, at their longest.
        assert!(path.metadata().unwrap().len() > 4 * 16 * 1024);
        assert!(left(&path).unwrap().is_none());
        let login = serde_json::from_str(
            r#"{"subject":"s","client_id":"c","discovery_url":"u","access_token":"new","later":[1]}"#,
        );
        let large = serde_json::Value::from("x".repeat(3 * ROOM));
        let mut kept = Kept {
            spent: Secret::new("old".into()),
            login: login.unwrap(),
        };
        spool.keep(&kept).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let found = left(&path).unwrap().unwrap();
        assert_eq!(found.spent.expose(), "old");
        assert_eq!(found.login.access_token.expose(), "new");
        // Killed before the rest of the room was given back, or within the write.
        std::fs::write(&path, [&whole[..], &[0, 1, 2]].concat()).unwrap();
        assert!(left(&path).unwrap().is_some());
        std::fs::write(&path, [&whole[..9], &[9, 10, 11]].concat()).unwrap();
        assert!(left(&path).unwrap().is_none());
        // With whatever a later version put into the login.
        kept.login.unknown.insert("later".into(), large);
        spool.keep(&kept).unwrap();
        let found = left(&path).unwrap().unwrap();
        assert_eq!(
            found.login.unknown["later"].as_str().map(str::len),
            Some(3 * ROOM)
        );
        spool.discard();
        assert!(!path.exists());
        // Nothing can be beside what is below a file.
        #[cfg(unix)]
        assert_eq!(
            left(&store.join("x")).unwrap_err().kind(),
            io::ErrorKind::NotADirectory
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt as _, symlink};
            // What reads as an answer is none where it is not our file that holds it.
            std::fs::write(directory.path().join("answer"), &whole).unwrap();
            symlink("answer", &path).unwrap();
            assert!(left(&path).unwrap().is_none());
            discard(&path);
            std::fs::write(directory.path().join("precious"), "precious").unwrap();
            symlink("precious", &path).unwrap();
            Spool::prepare(&store).unwrap();
            let precious = std::fs::read(directory.path().join("precious")).unwrap();
            assert_eq!(precious, b"precious");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
            Spool::prepare(&store).unwrap();
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
