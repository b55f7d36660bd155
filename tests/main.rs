//! The test suite: one program with one module for each capability. It runs the real binary.

#![cfg(unix)]

mod checks;
mod completion;
mod corpus;
mod deployments;
mod disk;
mod docs;
mod dotenv;
mod empty_root;
mod env_file;
mod env_write;
mod environments;
mod faults;
mod handover;
mod import;
mod inject;
mod leaks;
mod login;
mod logout;
mod network;
mod other_users;
mod output;
mod packaging;
mod precedence;
mod profiles;
mod races;
mod refresh;
mod selection;
mod status;
mod store;
mod support;
mod support_works;
mod terminal;
mod token;
mod transport;
mod usage;
