//! The life of a browser login after it was created: refreshing and revoking it.

pub mod refresh;
pub mod revoke;
pub mod spool;
