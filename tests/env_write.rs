//! How `auth inject` writes if the system does not cooperate: file systems that cannot rename or change permissions,
//! bind mounts, signals. System calls fail by `strace -e inject`, mounts need root; a test without them is reported as skipped.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use pretty_assertions::assert_eq;

use crate::disk::with_fault;
use crate::support::secrets::KEY;
use crate::support::{Exit, LLAMACTL, Sandbox, Stored, say_skipped};

const URL: &str = "http://127.0.0.1:4500";
const RENAME: &str = "?rename,?renameat,renameat2";

fn signed_in() -> Sandbox {
    let sandbox = Sandbox::new();
    Stored::at(URL)
        .profile("work", "proj-web", KEY)
        .put(&sandbox);
    sandbox
}

/// With a `.env` of this mode.
fn with_file(mode: u32) -> Sandbox {
    let sandbox = signed_in();
    sandbox.write(".env", "A=1\n");
    sandbox.set_mode(".env", mode);
    sandbox
}

fn variables() -> String {
    format!(
        "LLAMA_CLOUD_API_KEY={KEY}\nLLAMA_CLOUD_BASE_URL={URL}\nLLAMA_AGENTS_PROJECT_ID=proj-web\n"
    )
}

#[test]
fn permissions_that_cannot_be_changed_are_a_warning() {
    for (mode, warnings) in [
        // Nothing is to be changed, so nothing is tried.
        (0o600, ""),
        (
            0o640,
            "warning: '.env' is readable by other users (mode 0640); `chmod 600` makes it private\n\
             warning: '.env' was written, but its permissions could not be kept: Operation not permitted\n",
        ),
    ] {
        let sandbox = with_file(mode);
        let Some(output) = with_fault(&sandbox, "fchmod:error=EPERM", "auth inject") else {
            return;
        };
        assert_eq!(
            output.stderr,
            format!("{warnings}wrote 3 variables to .env\n")
        );
        assert_eq!(sandbox.read(".env"), format!("A=1\n{}", variables()));
    }
}

#[test]
fn file_that_cannot_be_replaced_is_written_in_place() {
    for (error, reason) in [
        ("EBUSY", "Device or resource busy"),
        ("EINVAL", "Invalid argument"),
        ("EPERM", "Operation not permitted"),
    ] {
        let sandbox = with_file(0o600);
        let inode = |sandbox: &Sandbox| fs::metadata(sandbox.cwd().join(".env")).unwrap().ino();
        let before = inode(&sandbox);
        let fault = format!("{RENAME}:error={error}");
        let Some(output) = with_fault(&sandbox, &fault, "auth inject") else {
            return;
        };
        let warning = format!(
            "warning: '.env' was written in place, not atomically, because it cannot be replaced: {reason}\n"
        );
        assert_eq!(
            output.stderr,
            format!("{warning}wrote 3 variables to .env\n")
        );
        assert_eq!(sandbox.read(".env"), format!("A=1\n{}", variables()));
        assert_eq!(inode(&sandbox), before);
        assert_eq!(sandbox.cwd_tree(), ["600 .env"]);
    }
}

#[test]
fn new_file_is_written_in_place_if_it_can_be_neither_renamed_nor_linked() {
    let sandbox = signed_in();
    let fault = "renameat2:error=EINVAL -e inject=?link,linkat:error=EPERM";
    let Some(output) = with_fault(&sandbox, fault, "auth inject") else {
        return;
    };
    let warning = "warning: '.env' was written in place, not atomically, because it cannot be replaced: Operation not permitted\n";
    assert_eq!(
        output.stderr,
        format!("{warning}wrote 3 variables to .env\n")
    );
    assert_eq!(sandbox.read(".env"), variables());
    assert_eq!(sandbox.cwd_tree(), ["600 .env"]);
}

#[test]
fn hard_link_is_not_written_in_place() {
    let sandbox = with_file(0o600);
    fs::hard_link(sandbox.cwd().join(".env"), sandbox.cwd().join("other")).expect("a link");
    let fault = format!("{RENAME}:error=EBUSY");
    let Some(output) = with_fault(&sandbox, &fault, "auth inject") else {
        return;
    };
    assert_eq!(
        output.stderr,
        "error: cannot write '.env': it cannot be replaced, and has other names (hard links)\n\
         hint: the file is unchanged\n"
    );
    assert_eq!(sandbox.read(".env"), "A=1\n");
    assert_eq!(sandbox.cwd_tree(), ["600 .env", "600 other"]);
}

#[test]
fn rename_that_fails_for_another_reason_is_an_error() {
    let sandbox = with_file(0o600);
    let fault = format!("{RENAME}:error=EIO");
    let Some(output) = with_fault(&sandbox, &fault, "auth inject") else {
        return;
    };
    assert_eq!(
        output.stderr,
        "error: cannot write '.env': Input/output error\nhint: the file is unchanged\n"
    );
    assert_eq!(sandbox.read(".env"), "A=1\n");
    assert_eq!(sandbox.cwd_tree(), ["600 .env"]);
}

#[test]
fn bind_mounted_file_is_written_in_place() {
    let sandbox = with_file(0o600);
    sandbox.write("outside", "B=1\nLLAMA_CLOUD_API_KEY='old'\n");
    sandbox.set_mode("outside", 0o600);
    let script = format!("mount --bind outside .env || exit 77; exec {LLAMACTL} auth inject");
    let run = sandbox.args(["-m", "sh", "-c", &script]).program("unshare");
    if Command::new("unshare").arg("--version").output().is_err() {
        return say_skipped("no unshare");
    }
    let output = run.machine_path().anything().run();
    if output.exit == Exit::Code(77) || output.stderr.contains("unshare failed") {
        return say_skipped(&format!("no mounts here: {}", output.stderr));
    }
    assert_eq!(
        output.stderr,
        "warning: '.env' was written in place, not atomically, because it cannot be replaced: Device or resource busy\n\
         wrote 3 variables to .env\n"
    );
    let written = format!(
        "B=1\nLLAMA_CLOUD_API_KEY='{KEY}'\nLLAMA_CLOUD_BASE_URL={URL}\nLLAMA_AGENTS_PROJECT_ID=proj-web\n"
    );
    assert_eq!(sandbox.read("outside"), written);
    assert_eq!(sandbox.read(".env"), "A=1\n");
    assert_eq!(sandbox.cwd_tree(), ["600 .env", "600 outside"]);
}

/// A signal at each of the calls that write: the old or the new content, and the key nowhere else.
#[test]
fn signal_at_any_call_leaves_old_or_new_content() {
    let mut interrupted = 0;
    for call in ["flock", "write", "fsync", RENAME, "fstat,?newfstatat,statx"] {
        for when in 1..40 {
            let signal = ["SIGINT", "SIGTERM", "SIGHUP"][when % 3];
            let sandbox = with_file(0o600);
            let fault = format!("{call}:signal={signal}:when={when}");
            let Some(output) = with_fault(&sandbox, &fault, "auth inject") else {
                return;
            };
            let text = sandbox.read(".env");
            let is_new = text == format!("A=1\n{}", variables());
            assert!(is_new || text == "A=1\n", "{fault}: {text}");
            assert_eq!(sandbox.cwd_tree(), ["600 .env"], "{fault}");
            if output.exit == Exit::Code(0) {
                break;
            }
            interrupted += 1;
        }
    }
    assert!(interrupted > 5, "{interrupted}");
}
