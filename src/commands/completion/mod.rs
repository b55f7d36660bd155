//! `completion`: prints and installs the completion scripts.

pub mod generate;
pub mod install;
pub mod names;
