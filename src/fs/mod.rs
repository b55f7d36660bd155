//! Files: atomic replacement, advisory locks, and opening what must be a regular file.

pub mod atomic;
pub mod lock;
