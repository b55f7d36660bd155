//! The suite: one program, one module for each capability. All of it runs against the real binary.

#![cfg(unix)]

mod deployments;
mod dotenv;
mod env_file;
mod handover;
mod import;
mod login;
mod logout;
mod network;
mod precedence;
mod profiles;
mod refresh;
mod status;
mod store;
mod support;
mod support_works;
mod terminal;
mod token;
mod usage;
