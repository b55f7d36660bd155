//! The profiles on disk: `schema` says what the file holds, `file` how it is read and written.

mod file;
mod schema;

pub use file::{Contents, StoreFile, config_dir, describe};
pub use schema::{Environment, Login, Profile, Store};
