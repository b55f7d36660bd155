//! The control plane of the tests as a program, for `make demo`: two organizations, three projects, four deployments.
//!
//! It accepts one key, the first line of the file named by its argument. It prints its URL and serves until its
//! standard input ends.

use std::io::{Read, Write};

#[path = "../support"]
#[allow(dead_code, reason = "the demo needs less than the tests do")]
mod support {
    pub mod control_plane;
    pub mod reply;
    pub mod secrets;
    pub mod server;
}

use support::control_plane::{ControlPlane, World};

fn main() -> std::io::Result<()> {
    let file = std::env::args_os()
        .nth(1)
        .ok_or_else(|| std::io::Error::other("usage: control-plane KEY_FILE"))?;
    let text = std::fs::read_to_string(file)?;
    let plane = ControlPlane::start(World::populated(
        text.lines().next().unwrap_or_default().trim(),
    ));
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", plane.url())?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
