//! Files: opening what must be a regular file, atomic replacement, and advisory locks.

pub mod atomic;
pub mod lock;
pub mod open;
