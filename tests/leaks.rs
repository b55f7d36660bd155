//! Where a key must not turn up: in what other programs get to see, in what is said, in what is left of a crash.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::login::setup;
use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{ControlPlane, LLAMACTL, STORE, Sandbox, World};

/// A program that writes down what it was called with, and all its variables.
fn recorder(sandbox: &Sandbox, name: &str, code: i32) -> PathBuf {
    let record = sandbox.cwd().join(format!("../{name}.record"));
    let file = record.display();
    let script = format!(
        "{{ printf '%s\\n' \"$0\" \"$@\"; export -p; }} >>'{file}.new'\n/bin/mv '{file}.new' '{file}'\nexit {code}"
    );
    sandbox.program(name, &script);
    record
}

#[test]
fn no_other_program_gets_to_see_a_key() {
    let setup = setup();
    let sandbox = &setup.sandbox;
    sandbox.set_env("LLAMA_CLOUD_API_KEY", OTHER_KEY);
    sandbox.set_env("DISPLAY", ":0");
    sandbox.set_env("BROWSER", "browser");
    let git = recorder(sandbox, "git", 1);
    let browser = recorder(sandbox, "browser", 0);
    let python = recorder(sandbox, "python3", 1);
    let sqlite = recorder(sandbox, "sqlite3", 1);

    let mut terminal = sandbox.cmd("auth login").terminal();
    terminal.expect("opened in a browser");
    terminal.wait().assert_code(0);
    fs::create_dir(sandbox.cwd().join(".git")).expect("a directory");
    sandbox.cmd("auth inject").anything().run();
    sandbox.write("profiles.db", b"SQLite format 3\0".repeat(100));
    sandbox
        .cmd("auth import --from profiles.db")
        .anything()
        .run();
    for record in [git, browser, python, sqlite] {
        let end = Instant::now() + Duration::from_secs(20);
        // The browser is not waited for.
        while !record.exists() && Instant::now() < end {
            std::thread::yield_now();
        }
        let text = sandbox.read(&record);
        sandbox.assert_no_key(&record.display().to_string(), &text);
        assert!(text.contains("PATH="), "{text}");
    }
}

#[test]
fn verbose_says_no_secret() {
    // Every run fails that prints a key, an access token, a refresh token or a device code.
    let setup = setup();
    let sandbox = &setup.sandbox;
    for line in [
        "auth login -v",
        "projects get -v",
        "organizations get -v",
        "deployments get -v",
        "auth status -v",
        "auth me -v",
        "auth login -v",
        "auth logout ada@acme.example -v",
    ] {
        let output = sandbox.cmd(line).any_stdout().any_stderr().run();
        assert!(output.stderr.contains(" -> 200 in "), "{line}");
    }
}

#[test]
fn a_key_on_the_command_line_is_worth_a_warning_where_a_person_sees_it() {
    const WARNING: &str = "warning: a key on the command line is visible in `ps` and in the shell's history; use --api-key - or --api-key-file\n";
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = Sandbox::new().at(&plane.url());
    let url = plane.url();
    sandbox.write("key", KEY);
    let line = "auth token --project proj-web --name a";
    let terminal = sandbox.cmd(line).arg("--api-key").arg(KEY).terminal();
    let ended = terminal.wait();
    ended.assert_code(0);
    assert_eq!(
        ended.transcript,
        format!("{WARNING}created profile 'a' in {url} and made it current\n")
    );
    let terminal = sandbox.cmd(line).arg("--api-key-file=key").terminal();
    let ended = terminal.wait();
    ended.assert_code(0);
    let updated = format!("updated profile 'a' in {url} and made it current\n");
    assert_eq!(ended.transcript, updated);
    let run = sandbox.cmd(line).arg("--api-key").arg(KEY);
    run.stderr(&updated).run();
    let run = sandbox.cmd(line).arg("--api-key=-").stdin(KEY);
    run.stderr(&updated).run();
}

/// Runs a program that may dump its core, ends it by a signal that makes it do so, and says whether it did.
fn dumps_core(sandbox: &Sandbox, line: &[&str]) -> bool {
    let script = "ulimit -c unlimited 2>/dev/null; exec \"$@\"";
    let mut child = Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .args(line)
        .current_dir(sandbox.cwd())
        .env_clear()
        .env("HOME", sandbox.home())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(File::create(sandbox.cwd().join("said")).expect("a file"))
        .spawn()
        .expect("a shell");
    let end = Instant::now() + Duration::from_secs(20);
    while sandbox.read("said").is_empty() && Instant::now() < end {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::ABORT).expect("a signal sent");
    let status = child.wait().expect("its end");
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status:?}");
    status.core_dumped()
}

#[test]
#[cfg(target_os = "linux")]
fn a_crash_leaves_no_core_with_a_key_in_it() {
    let sandbox = Sandbox::new();
    if !dumps_core(&sandbox, &["/bin/sh", "-c", "echo ready >&2; read x"]) {
        println!("not tested: this machine writes no core dumps");
        return;
    }
    let plane = crate::support::Server::start(|_| {
        crate::support::Reply::status(200).delay(Duration::from_secs(30))
    });
    sandbox.write_store(&crate::support::store(&crate::support::environment(
        &plane.url(),
        &[],
    )));
    sandbox.set_mode(STORE, 0o644);
    // It says that it mends the mode, so it has begun; then it holds a key and waits.
    let line = ["auth", "token", "--project", "p", "--api-key", KEY];
    let line: Vec<&str> = [LLAMACTL].into_iter().chain(line).collect();
    assert!(!dumps_core(&sandbox, &line));
    // What it runs is left alone.
    let line = [
        "auth",
        "exec",
        "--",
        "/bin/sh",
        "-c",
        "echo ready >&2; read x",
    ];
    let line: Vec<&str> = [LLAMACTL].into_iter().chain(line).collect();
    let signed_in = Sandbox::new().signed_in(&plane.url());
    assert!(dumps_core(&signed_in, &line));
}
