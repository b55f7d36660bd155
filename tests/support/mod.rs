//! Test support: a sandbox that runs the real binary, servers on loopback, and pseudo-terminals.
//!
//! Everything can be used by tests that run in parallel: no fixed port, no shared directory, no sleeps. Every wait has a
//! limit, and exceeding it fails the test.

#![allow(
    dead_code,
    unused_imports,
    reason = "a workbench: not every tool is in use all the time"
)]

pub mod capture;
pub mod control_plane;
pub mod profiles;
pub mod provider;
pub mod pty;
pub mod reply;
pub mod run;
pub mod sandbox;
pub mod secrets;
pub mod server;
pub mod socks;
pub mod stored;
pub mod stub;
pub mod tls;

pub use control_plane::{ControlPlane, Deployment, World};
pub use profiles::{Closed, STORE, environment, profile, store, with};
pub use pty::Terminal;
pub use reply::{Gate, Reply};
pub use run::{Exit, Output, Run, Running, parallel, say_skipped};
pub use sandbox::{LLAMACTL, Sandbox};
pub use server::{Request, Server};
pub use stored::Stored;
pub use stub::{Stub, delete, get, post, request};
