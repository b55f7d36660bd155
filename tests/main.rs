//! The suite: one program, one module for each capability. All of it runs against the real binary.

#![cfg(unix)]

mod support;

mod profiles;
mod store;
mod support_works;
mod terminal;
mod token;
mod usage;
