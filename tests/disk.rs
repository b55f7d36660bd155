//! Full disks, files of other users, and the order of system calls.
//!
//! Some tests need root, `strace` or mounts; those that are skipped say so.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::login::setup;
use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{
    LLAMACTL, Output, Run, STORE, Sandbox, environment, profile, say_skipped, store,
};

const URL: &str = "https://llama.example.com";
const DIRECTORY: &str = "../home/.config/llamactl";
/// The user `nobody`.
const NOBODY: u32 = 65534;

fn with_many_profiles() -> Sandbox {
    let sandbox = Sandbox::new();
    let many: Vec<_> = (0..50)
        .map(|i| profile(&format!("p{i}"), "proj", KEY))
        .collect();
    sandbox.write_store(&store(&environment(URL, &many)));
    sandbox
}

/// With a limit on the size of a file, in blocks of 512 bytes.
fn limited<'a>(sandbox: &'a Sandbox, blocks: usize, line: &str) -> Run<'a> {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let run = sandbox.args(["-c", &script, "sh", LLAMACTL]);
    line.split(' ').fold(run.program("/bin/sh"), Run::arg)
}

#[test]
fn full_disk_at_any_point_loses_and_leaves_nothing() {
    let key = format!("auth token --no-verify --project p --name new --api-key {OTHER_KEY}");
    for blocks in 0..30 {
        for line in [key.as_str(), "auth use p7", "auth logout p7", "auth inject"] {
            let sandbox = with_many_profiles();
            let before = (sandbox.read(STORE), sandbox.cwd_tree());
            let output = limited(&sandbox, blocks, line).anything().run();
            let after = (sandbox.read(STORE), sandbox.cwd_tree());
            match output.exit {
                crate::support::Exit::Code(0) => assert_ne!(before, after, "{line}"),
                exit => {
                    assert_eq!(exit, crate::support::Exit::Code(1), "{}", output.stderr);
                    let hint = match line {
                        "auth inject" => {
                            "free some disk space, then run this again; the file is unchanged"
                        }
                        _ => "nothing was changed; free some space on its disk, then try again",
                    };
                    let said = format!(": File too large\nhint: {hint}\n");
                    assert!(output.stderr.ends_with(&said), "{}", output.stderr);
                    assert_eq!(before, after, "{line} at {blocks}");
                }
            }
            let litter: Vec<_> = sandbox
                .home_tree()
                .into_iter()
                .filter(|f| f.contains(".tmp"))
                .collect();
            assert_eq!(litter, Vec::<String>::new(), "{line} at {blocks}");
        }
    }
}

#[test]
fn full_file_system_changes_nothing() {
    // A mount in a namespace of its own, which ends with the shell.
    let sandbox = Sandbox::new().env("LLAMACTL_CONFIG_DIR", "disk");
    fs::create_dir(sandbox.cwd().join("disk")).expect("a directory");
    let script = format!(
        "mount -t tmpfs -o size=16k,mode=700 none disk || exit 77
        llamactl() {{ {LLAMACTL} \"$@\"; echo \"exit $?\"; }}
        llamactl auth token --no-verify --project p --name a --api-key {KEY}
        cp disk/profiles.json before
        head -c 100000 /dev/zero >disk/ballast
        llamactl auth token --no-verify --project p --name b --api-key {OTHER_KEY}
        cmp before disk/profiles.json && echo same
        ls -A disk
        rm disk/ballast
        llamactl auth token --no-verify --project p --name b --api-key {OTHER_KEY}"
    );
    let run = sandbox.args(["-m", "sh", "-c", &script]).program("unshare");
    let output = match Command::new("unshare").arg("--version").output() {
        Ok(_) => run.machine_path().anything().run(),
        Err(_) => return say_skipped("no unshare"),
    };
    if output.exit == crate::support::Exit::Code(77) || output.stderr.contains("unshare failed") {
        return say_skipped("mounts are not allowed here");
    }
    assert_eq!(
        output.stdout,
        "exit 0\nexit 1\nsame\nballast\nprofiles.json\nprofiles.json.lock\nexit 0\n"
    );
    let full = "error: cannot write 'disk/profiles.json': No space left on device\n\
        hint: nothing was changed; free some space on its disk, then try again\n";
    assert!(output.stderr.contains(full), "{}", output.stderr);
}

#[test]
fn refresh_on_a_full_disk_spends_no_token() {
    let setup = setup();
    setup.provider.script().lifetime = 0;
    setup.log_in();
    setup
        .plane
        .world()
        .keys
        .remove("llx-minted000000000000000001");
    let before = setup.store();
    let asked = setup.provider.server().requests().len();
    let output = limited(&setup.sandbox, 16, "projects get").anything().run();
    assert!(
        output.stderr.contains("error: the login cannot be refreshed, because its new tokens could not be stored: File too large\n"),
        "{}",
        output.stderr
    );
    assert_eq!(setup.store(), before);
    let asked = &setup.provider.server().lines()[asked..];
    assert!(!asked.contains(&"POST /token".to_string()), "{asked:?}");
    let left = setup.sandbox.home_tree();
    assert!(!left.iter().any(|file| file.contains(".tmp")), "{left:?}");
}

#[test]
fn symlink_to_a_device_is_an_error() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.cwd().join(DIRECTORY)).expect("directories");
    sandbox.set_mode(DIRECTORY, 0o700);
    for device in ["/dev/full", "/dev/null", "/dev/zero"] {
        symlink(device, sandbox.cwd().join(STORE)).expect("a link");
        for line in ["auth get", "auth use a"] {
            sandbox
                .cmd(line)
                .code(1)
                .stderr_has("error: cannot read '[HOME]/.config/llamactl/profiles.json': it is not a regular file")
                .run();
        }
        assert!(!fs::metadata(device).expect("the device").is_file());
        fs::remove_file(sandbox.cwd().join(STORE)).expect("the link gone");
    }
}

/// A sandbox with a program that `nobody` can run; `None` if that is not possible.
fn as_nobody() -> Option<(Sandbox, PathBuf)> {
    let has_setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    if !rustix::process::geteuid().is_root() || !has_setpriv {
        say_skipped("tests with two users need root and setpriv");
        return None;
    }
    let sandbox = Sandbox::new();
    let root = sandbox.home().parent().expect("the sandbox").to_path_buf();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o711)).expect("its mode");
    let program = root.join("bin/llamactl");
    // By a process of its own: a file that is open for writing cannot be run.
    let installed = Command::new("install")
        .args(["-m", "755", LLAMACTL])
        .arg(&program)
        .status();
    assert!(installed.expect("install").success());
    Some((sandbox, program))
}

fn nobody<'a>(sandbox: &'a Sandbox, program: &Path, line: &str) -> Run<'a> {
    let run = sandbox.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    let run = run.program("setpriv").machine_path().arg(program);
    line.split(' ').fold(run, Run::arg)
}

#[test]
fn files_of_another_user_are_errors_and_not_changed() {
    let Some((sandbox, program)) = as_nobody() else {
        return;
    };
    sandbox.write_store(&store(&environment(
        URL,
        &[profile("a", "p", KEY), profile("b", "p", KEY)],
    )));
    let before = sandbox.read(STORE);
    let denied = |line: &str, what: &str| -> Output {
        let said = format!(
            "error: cannot {what} '[HOME]/.config/llamactl/profiles.json': Permission denied\n"
        );
        nobody(&sandbox, &program, line)
            .code(1)
            .stderr_has(&said)
            .run()
    };
    // All of it is root's.
    denied("auth get", "read");
    denied("auth use b", "read");
    // The directory is ours, the file is not.
    chown(sandbox.cwd().join(DIRECTORY), Some(NOBODY), Some(NOBODY)).expect("an owner");
    denied("auth get", "read");
    denied("auth use b", "read");
    // The file is ours, and the lock is not.
    chown(sandbox.cwd().join(STORE), Some(NOBODY), Some(NOBODY)).expect("an owner");
    let lock = sandbox.cwd().join(format!("{STORE}.lock"));
    chown(&lock, Some(0), Some(0)).expect("an owner");
    denied("auth use b", "write");
    nobody(&sandbox, &program, "auth get a -o json")
        .any_stdout()
        .run();
    // It is ours, and may only be read.
    chown(&lock, Some(NOBODY), Some(NOBODY)).expect("an owner");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o400)).expect("its mode");
    denied("auth use b", "write");
    // Root's file is not ours to fix, and trusted.
    chown(sandbox.cwd().join(STORE), Some(0), Some(0)).expect("an owner");
    sandbox.set_mode(STORE, 0o644);
    nobody(&sandbox, &program, "auth get a -o json")
        .any_stdout()
        .run();
    // The directory is ours, and may only be read.
    chown(sandbox.cwd().join(STORE), Some(NOBODY), Some(NOBODY)).expect("an owner");
    sandbox.set_mode(STORE, 0o600);
    fs::remove_file(&lock).expect("no lock");
    sandbox.set_mode(DIRECTORY, 0o500);
    denied("auth use b", "write");
    assert_eq!(sandbox.read(STORE), before);
}

#[test]
fn refresh_lock_that_is_a_directory_fails_the_refresh() {
    let setup = setup();
    setup.provider.script().lifetime = 0;
    setup.log_in();
    setup
        .plane
        .world()
        .keys
        .remove("llx-minted000000000000000001");
    let lock = setup.sandbox.cwd().join(format!("{STORE}.refresh.lock"));
    let _ = fs::remove_file(&lock);
    fs::create_dir(&lock).expect("a directory");
    let before = setup.store();
    setup
        .sandbox
        .cmd("projects get")
        .code(1)
        .stderr_has(
            "error: the login cannot be refreshed, because its new tokens could not be stored: ",
        )
        .run();
    assert_eq!(setup.store(), before);
}

/// One call of a program to the system, as `strace` prints it.
#[derive(Debug)]
struct Call {
    name: String,
    /// The file, as a path below the sandbox.
    file: String,
    text: String,
}

fn may_trace() -> bool {
    let may = rustix::process::geteuid().is_root();
    let may = may && Command::new("strace").arg("-V").output().is_ok();
    if !may {
        say_skipped("no strace, or not root");
    }
    may
}

/// A run to which the system gives other answers, as `strace` has it: `CALL:error=ERRNO:when=TIME`. None as with
/// [`trace`].
pub fn with_fault(sandbox: &Sandbox, fault: &str, line: &str) -> Option<Output> {
    if !may_trace() {
        return None;
    }
    let script = format!("exec strace -f -o ../trace -e inject={fault} {LLAMACTL} \"$@\"");
    let run = sandbox
        .args(["-c", &script, "sh"])
        .program("/bin/sh")
        .machine_path();
    let output = line.split(' ').fold(run, Run::arg).anything().run();
    if output.stderr.contains("PTRACE") {
        say_skipped("strace is not allowed here");
        return None;
    }
    Some(output)
}

/// All calls of a run that have to do with files below the sandbox; none without `strace`, or where it may not look:
/// the program keeps its memory to itself, and root alone sees which files it names.
fn trace(sandbox: &Sandbox, line: &str) -> Option<Vec<Call>> {
    if !may_trace() {
        return None;
    }
    let calls = "trace=openat,open,creat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,link,linkat,chmod,fchmod,fchmodat,close,mkdir,mkdirat";
    let script = format!("umask 0; exec strace -f -o ../trace -e {calls} {LLAMACTL} \"$@\"");
    let run = sandbox
        .args(["-c", &script, "sh"])
        .program("/bin/sh")
        .machine_path();
    let output = line.split(' ').fold(run, Run::arg).anything().run();
    let text = sandbox.read("../trace");
    if text.contains("ptrace") && text.lines().count() < 3 || output.stderr.contains("PTRACE") {
        say_skipped("strace is not allowed here");
        return None;
    }
    assert_eq!(
        output.exit,
        crate::support::Exit::Code(0),
        "{}",
        output.stderr
    );
    let root = sandbox.home().parent()?.to_path_buf();
    // The program's own calls; not those of what it starts.
    let own = text.split(' ').next()?;
    // Which file a descriptor is.
    let mut open: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let Some((call, result)) = line.strip_prefix(own).and_then(|l| l.rsplit_once(" = ")) else {
            continue;
        };
        let (name, arguments) = call.trim_start().split_once('(')?;
        let named = arguments
            .split('"')
            .nth(1)
            .map(|path| sandbox.cwd().join(path));
        let descriptor = arguments.split([',', ')']).next()?;
        let file = match name {
            "openat" | "mkdir" | "mkdirat" | "chmod" | "fchmodat" | "rename" | "renameat"
            | "renameat2" | "link" | "linkat" => named,
            _ => open.get(descriptor).cloned(),
        };
        let Some(file) = file else { continue };
        if name == "openat" {
            open.insert(result.to_string(), file.clone());
        }
        // Without what leads nowhere: `./`.
        let file: PathBuf = file.components().collect();
        if let Ok(below) = file.strip_prefix(&root) {
            found.push(Call {
                name: name.to_string(),
                file: format!("/{}", below.display()),
                text: call.trim_start().to_string(),
            });
        }
    }
    Some(found)
}

/// The mode that a file is created with.
fn mode_of(call: &Call) -> Option<&str> {
    call.text.contains("O_CREAT").then_some(())?;
    let (_, mode) = call.text.rsplit_once(", ")?;
    Some(mode.trim_end().trim_end_matches(')'))
}

/// The file was written in this order: create it privately, write, sync, rename, sync the directory.
fn assert_atomic(calls: &[Call], target: &str) {
    let temporary = calls
        .iter()
        .find(|call| call.text.contains("O_EXCL") && call.file.contains(".tmp"))
        .unwrap_or_else(|| panic!("no temporary file: {calls:#?}"));
    let (directory, name) = target.rsplit_once('/').expect("a directory");
    let (_, temporary_name) = temporary.file.rsplit_once('/').expect("a directory");
    let at = |from: usize, what: &str, is: &dyn Fn(&Call) -> bool| {
        let found = calls.iter().skip(from).position(is);
        from + found.unwrap_or_else(|| panic!("no {what} of {target} after {from}: {calls:#?}"))
    };
    let of_temporary = |call: &Call| call.file == temporary.file;
    let made = at(0, "making", &|call| {
        of_temporary(call) && call.name == "openat"
    });
    // The last one: disk space may have been reserved by an earlier one.
    let is_write = |call: &Call| of_temporary(call) && call.name == "write";
    let written = calls.iter().rposition(is_write);
    let written = written.unwrap_or_else(|| panic!("no write of {target}: {calls:#?}"));
    assert!(made < written, "{calls:#?}");
    let synced = at(written, "sync", &|call| {
        of_temporary(call) && call.name.contains("sync")
    });
    let renamed = at(synced, "rename", &|call| {
        (call.name.starts_with("rename") || call.name.starts_with("link"))
            && call.text.contains(temporary_name)
            && call.text.contains(&format!("{name}\""))
    });
    at(renamed, "sync of the directory", &|call| {
        call.name == "fsync" && call.file == directory
    });
    // Nothing is written after the sync, and the target is never written itself.
    let late = calls[synced..]
        .iter()
        .any(|call| of_temporary(call) && call.name.contains("write"));
    let direct = calls
        .iter()
        .any(|call| call.file == target && call.name.contains("write"));
    assert!(!late && !direct, "{calls:#?}");
}

/// No file was accessible to others at any moment, whatever the umask.
fn assert_closed(calls: &[Call]) {
    let mut modes = BTreeMap::new();
    for call in calls {
        if let Some(mode) = mode_of(call) {
            modes.insert(call.file.clone(), mode.to_string());
        }
        if call.name.starts_with("mkdir") {
            assert!(call.text.contains("0700"), "{}", call.text);
        }
        if call.name.contains("chmod") {
            assert!(
                call.text.contains("0600") || call.text.contains("0700"),
                "{}",
                call.text
            );
        }
    }
    assert!(!modes.is_empty(), "{calls:#?}");
    assert!(modes.values().all(|mode| mode == "0600"), "{modes:#?}");
}

#[test]
fn files_with_keys_are_written_privately_synced_and_renamed() {
    let sandbox = Sandbox::new();
    let target = "/home/.config/llamactl/profiles.json";
    let token = format!("auth token --no-verify --project p --name a --api-key {KEY}");
    let again = format!("auth token --no-verify --project p --name a --api-key {OTHER_KEY}");
    for line in [token.as_str(), again.as_str(), "auth logout a"] {
        let Some(calls) = trace(&sandbox, line) else {
            return;
        };
        assert_closed(&calls);
        assert_atomic(&calls, target);
    }
    let store = store(&environment(URL, &[profile("a", "p", KEY)]));
    sandbox.write_store(&store);
    // A new file, and one that is there and closed.
    for line in ["auth inject", "auth inject --profile b"] {
        let mut both = store.clone();
        both["environments"][0]["profiles"] =
            json!([profile("a", "p", KEY), profile("b", "q", OTHER_KEY)]);
        sandbox.write_store(&both);
        let Some(calls) = trace(&sandbox, line) else {
            return;
        };
        let calls: Vec<Call> = calls
            .into_iter()
            .filter(|call| call.file.starts_with("/cwd"))
            .collect();
        assert_closed(&calls);
        assert_atomic(&calls, "/cwd/.env");
    }
}

#[test]
fn refresh_reserves_disk_space_and_writes_tokens_atomically() {
    let setup = setup();
    setup.provider.script().lifetime = 0;
    setup.log_in();
    setup
        .plane
        .world()
        .keys
        .remove("llx-minted000000000000000001");
    let Some(calls) = trace(&setup.sandbox, "projects get") else {
        return;
    };
    assert_closed(&calls);
    assert_atomic(&calls, "/home/.config/llamactl/profiles.json");
}

#[test]
fn locks_and_directory_syncs_may_be_unsupported() {
    let current = "the current profile is p7\n";
    let warning = "warning: the file system of '[HOME]/.config/llamactl/profiles.json' does not support locks; \
        run one llamactl at a time\n";
    for (fault, before) in [
        ("flock:error=ENOLCK", warning),
        ("flock:error=EOPNOTSUPP", warning),
        ("flock:error=ENOSYS", warning),
        // A signal came in between.
        ("flock:error=EINTR:when=1", ""),
        // The first is the file's own.
        ("fsync:error=EINVAL:when=2", ""),
        ("fsync:error=EOPNOTSUPP:when=2", ""),
    ] {
        let sandbox = with_many_profiles();
        let Some(output) = with_fault(&sandbox, fault, "auth use p7") else {
            return;
        };
        assert_eq!(output.stderr, format!("{before}{current}"), "{fault}");
        assert_eq!(sandbox.stored()["environments"][0]["current_profile"], "p7");
    }
}

#[test]
fn temporary_files_are_kept_without_locks() {
    let sandbox = with_many_profiles();
    let left = ".env.llamactl-abcdef.tmp";
    sandbox.write(left, "");
    let Some(output) = with_fault(&sandbox, "flock:error=ENOLCK", "auth inject --profile p7")
    else {
        return;
    };
    assert_eq!(output.stderr, "wrote 3 variables to .env\n");
    assert!(sandbox.exists(left));
}

#[test]
fn failed_directory_sync_is_a_warning() {
    let may_be_undone =
        "was written, but a crash of the system may undo that: Input/output error\n";
    for (line, file, file_shown, done) in [
        (
            "auth use p7",
            STORE,
            "'[HOME]/.config/llamactl/profiles.json'",
            "the current profile is p7\n",
        ),
        (
            "auth inject --profile p7",
            ".env",
            "'.env'",
            "wrote 3 variables to .env\n",
        ),
    ] {
        let sandbox = with_many_profiles();
        sandbox.write(".env", "A=1\n");
        let before = sandbox.read(file);
        for (at, is_written) in [(1, false), (2, true)] {
            let fault = format!("fsync:error=EIO:when={at}");
            let Some(output) = with_fault(&sandbox, &fault, line) else {
                return;
            };
            let exit = i32::from(!is_written);
            assert_eq!(output.exit, crate::support::Exit::Code(exit));
            assert_eq!(sandbox.read(file) != before, is_written, "{line}");
            let said = format!("warning: {file_shown} {may_be_undone}{done}");
            assert_eq!(
                output.stderr.ends_with(&said),
                is_written,
                "{}",
                output.stderr
            );
        }
    }
}

/// Nor is what was stored taken back on the server.
#[test]
fn failed_directory_sync_keeps_the_login() {
    let setup = crate::login::setup();
    for time in ["first", "second"] {
        let fault = "fsync:error=EIO:when=2";
        let Some(output) = with_fault(&setup.sandbox, fault, "auth login") else {
            return;
        };
        assert_eq!(output.exit, crate::support::Exit::Code(0), "{time}");
        let warning = "a crash of the system may undo that: Input/output error\n";
        assert!(output.stderr.contains(warning), "{}", output.stderr);
        assert_eq!(setup.provider.script().revoked, [""; 0], "{time}");
        setup.sandbox.cmd("projects get -o json").any_stdout().run();
    }
}

#[test]
fn refreshed_tokens_that_cannot_be_renamed_into_place_are_lost_with_a_hint() {
    let setup = crate::refresh::signed_in(true);
    let before = setup.store();
    let Some(output) = with_fault(&setup.sandbox, "/rename:error=EIO", "projects get") else {
        return;
    };
    let lost = "hint: the login's new tokens are lost; when this is fixed, log in again: `llamactl auth login`\n";
    assert!(output.stderr.ends_with(lost), "{}", output.stderr);
    assert_eq!(setup.store(), before);
}

#[test]
fn an_env_file_that_another_process_makes_meanwhile() {
    for (fault, said) in [
        ("EEXIST:when=1", "wrote 3 variables to .env\n"),
        (
            "EEXIST",
            "error: '.env' keeps changing while it is edited\nhint: stop what writes to it, then run this again\n",
        ),
        (
            "ENOSPC",
            "error: cannot write '.env': No space left on device\n\
            hint: free some disk space, then run this again; the file is unchanged\n",
        ),
    ] {
        let sandbox = with_many_profiles();
        let fault = format!("renameat2:error={fault}");
        let Some(output) = with_fault(&sandbox, &fault, "auth inject --profile p7") else {
            return;
        };
        assert_eq!(output.stderr, said, "{fault}");
        let left = usize::from(said.starts_with("wrote"));
        assert_eq!(sandbox.cwd_tree().len(), left, "{fault}");
    }
}
