//! Other users of the machine: what a second user who owns a directory, a file or a lock can do to `profiles.json` and
//! `auth import`, and whom files belong to that root creates.
//!
//! Most of it needs root, to be two users; what is skipped says so.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{LLAMACTL, Run, Sandbox, environment, profile, say_skipped, store};

/// The user who runs the program, and another one.
const VICTIM: u32 = 65_533;
const NEIGHBOUR: u32 = 65_532;
const URL: &str = "https://llama.example.com";

/// Directories that other users can reach, and a copy of the program that they can run.
struct Machine {
    sandbox: Sandbox,
    program: PathBuf,
}

impl Machine {
    /// `None` if this process may not be two users.
    fn new() -> Option<Machine> {
        let has_setpriv = Command::new("setpriv").arg("--version").output().is_ok();
        if !rustix::process::geteuid().is_root() || !has_setpriv {
            say_skipped("tests with two users need root and setpriv");
            return None;
        }
        let sandbox = Sandbox::new();
        let root = sandbox.home().parent().expect("a parent").to_path_buf();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o711)).expect("a mode");
        let program = root.join("bin/llamactl");
        let install = Command::new("install")
            .args(["-m", "755", LLAMACTL])
            .arg(&program)
            .status();
        assert!(install.expect("install").success());
        Some(Machine { sandbox, program })
    }

    /// A path below the working directory.
    fn path(&self, path: &str) -> PathBuf {
        self.sandbox.cwd().join(path)
    }

    fn directory(&self, path: &str, owner: u32, mode: u32) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(&path).expect("a directory");
        own(&path, owner, mode);
        path
    }

    fn store(&self, path: &str, owner: u32, mode: u32) -> PathBuf {
        let all = [profile("a", "p", KEY), profile("b", "p", OTHER_KEY)];
        let text = store(&environment(URL, &all)).to_string();
        let path = self.sandbox.write(path, text);
        own(&path, owner, mode);
        path
    }

    /// Runs the program as a user, with `CONFIG` as the configuration directory.
    fn run(&self, user: u32, config: &Path, line: &str) -> Run<'_> {
        let ids = [format!("--reuid={user}"), format!("--regid={user}")];
        let run = self
            .sandbox
            .args(ids)
            .arg("--clear-groups")
            .program("setpriv");
        let run = run.machine_path().arg(&self.program);
        let run = line.split(' ').fold(run, Run::arg);
        run.env("LLAMACTL_CONFIG_DIR", config)
    }

    /// Runs the program as root.
    fn root(&self, config: &Path, line: &str) -> Run<'_> {
        self.sandbox.cmd(line).env("LLAMACTL_CONFIG_DIR", config)
    }
}

fn own(path: &Path, owner: u32, mode: u32) {
    chown(path, Some(owner), Some(owner)).expect("an owner");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

fn owner(path: &Path) -> (u32, u32) {
    let meta = fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (meta.uid(), meta.gid())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").mode() & 0o7777
}

/// In a shared directory, such as `/tmp`, anybody can create `profiles.json` first.
#[test]
fn planted_store_is_refused() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let shared = machine.directory("shared", 0, 0o1777);
    let planted = machine.store("shared/profiles.json", NEIGHBOUR, 0o644);
    let before = fs::read(&planted).expect("the file");
    let token = format!("auth token --no-verify --project p --name new --api-key {OTHER_KEY}");
    for line in ["auth get", "auth use b", "config", "auth inject", &token] {
        machine
            .run(VICTIM, &shared, line)
            .code(1)
            .stderr("error: cannot read '[CWD]/shared/profiles.json': the file belongs to another user, who does not own its directory\n\
                 hint: check that file, or set LLAMACTL_CONFIG_DIR to another directory\n")
            .run();
    }
    assert_eq!(fs::read(&planted).expect("the file"), before);
    assert!(!machine.path(".env").exists());
    // Root is no exception.
    machine.root(&shared, "auth get").code(1).any_stderr().run();
}

#[test]
fn planted_symlink_is_refused() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let shared = machine.directory("shared", 0, 0o1777);
    machine.directory("theirs", NEIGHBOUR, 0o755);
    let target = machine.store("theirs/profiles.json", NEIGHBOUR, 0o666);
    let link = shared.join("profiles.json");
    for to in [&target, &machine.path("theirs/new.json")] {
        symlink(to, &link).expect("a symlink");
        rustix::fs::chownat(
            rustix::fs::CWD,
            &link,
            Some(rustix::fs::Uid::from_raw(NEIGHBOUR)),
            None,
            rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
        )
        .expect("an owner");
        for line in ["auth get", "auth use b"] {
            machine
                .run(VICTIM, &shared, line)
                .code(1)
                .stderr_has("the symlink belongs to another user, who does not own its directory\n")
                .run();
        }
        fs::remove_file(&link).expect("no symlink");
    }
    assert!(!machine.path("theirs/new.json").exists());
}

#[test]
fn store_in_another_users_directory_is_used_with_a_warning() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let theirs = machine.directory("theirs", NEIGHBOUR, 0o755);
    let path = machine.store("theirs/profiles.json", NEIGHBOUR, 0o644);
    let warning = format!(
        "warning: '[CWD]/theirs/profiles.json' is in a directory of another user (uid {NEIGHBOUR}), who decides what is in it\n"
    );
    machine
        .run(VICTIM, &theirs, "config -o json")
        .any_stdout()
        .stderr(&warning)
        .run();
    // So is one of ours there, which that user can replace.
    own(&path, VICTIM, 0o600);
    machine
        .run(VICTIM, &theirs, "config -o json")
        .any_stdout()
        .stderr(&warning)
        .run();
    assert_eq!((owner(&path), mode(&path)), ((VICTIM, VICTIM), 0o600));
}

#[test]
fn permissions_are_fixed_only_on_our_own_store() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let ours = machine.directory("ours", VICTIM, 0o755);
    let get = || machine.run(VICTIM, &ours, "auth get -o json").any_stdout();
    // Not on a file of root's, which is trusted: a mounted secret.
    let path = machine.store("ours/profiles.json", 0, 0o644);
    get().run();
    assert_eq!(mode(&path), 0o644);
    // Not on one that nobody may write.
    own(&path, VICTIM, 0o444);
    get().run();
    assert_eq!(mode(&path), 0o444);
    // Not on what is no store: reading it is an error.
    let invalid = machine
        .sandbox
        .write("ours/profiles.json", "root:x:0:0::/root:/bin/sh\n");
    own(&invalid, VICTIM, 0o644);
    get().code(1).any_stderr().run();
    assert_eq!(mode(&path), 0o644);
    // Not through a symlink, whether the file or the directory is one.
    fs::remove_file(&path).expect("no file");
    let elsewhere = machine.store("elsewhere.json", VICTIM, 0o644);
    symlink(&elsewhere, &path).expect("a symlink");
    get().run();
    assert_eq!(mode(&elsewhere), 0o644);
    fs::remove_file(&path).expect("no symlink");
    let path = machine.store("ours/profiles.json", VICTIM, 0o640);
    let link = machine.path("link");
    symlink(&ours, &link).expect("a symlink");
    machine
        .run(VICTIM, &link, "auth get -o json")
        .any_stdout()
        .run();
    assert_eq!(mode(&path), 0o640);
    // On ours, directly.
    get()
        .stderr("warning: '[CWD]/ours/profiles.json' was accessible to other users (mode 0640); changed to 0600\n")
        .run();
    assert_eq!((mode(&path), mode(&ours)), (0o600, 0o755));
}

#[test]
fn default_directory_behind_a_symlink_keeps_its_permissions() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.home().join(".config")).expect("directories");
    let real = sandbox.cwd().join("dotfiles");
    fs::create_dir(&real).expect("a directory");
    sandbox.write(
        "dotfiles/profiles.json",
        store(&environment(URL, &[])).to_string(),
    );
    sandbox.set_mode("dotfiles/profiles.json", 0o644);
    sandbox.set_mode("dotfiles", 0o755);
    symlink(&real, sandbox.home().join(".config/llamactl")).expect("a symlink");
    sandbox.cmd("auth get -o json").stdout("[]\n").run();
    assert_eq!(sandbox.mode("dotfiles"), 0o755);
    assert_eq!(sandbox.mode("dotfiles/profiles.json"), 0o644);
}

/// A second user who can open the lock can hold it, but not longer than we wait; nor does it give them anything.
#[test]
fn lock_of_another_user_does_not_stop_readers() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let ours = machine.directory("ours", VICTIM, 0o755);
    machine.store("ours/profiles.json", VICTIM, 0o600);
    let lock = machine.sandbox.write("ours/profiles.json.lock", "");
    own(&lock, NEIGHBOUR, 0o600);
    machine
        .run(VICTIM, &ours, "auth get a -o json")
        .any_stdout()
        .run();
    // What changes nothing needs no lock.
    machine
        .run(VICTIM, &ours, "auth use a")
        .stderr("the current profile is a\n")
        .run();
    machine
        .run(VICTIM, &ours, "auth use b")
        .code(1)
        .stderr_has("error: cannot write '[CWD]/ours/profiles.json': Permission denied\n")
        .run();
}

/// `sudo` with the user's `HOME`.
#[test]
fn what_root_creates_belongs_to_the_owner_of_the_directory() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let home = machine.directory("home", VICTIM, 0o755);
    let sudo = |line: &str| {
        let run = machine.sandbox.cmd(line).env("HOME", &home);
        run.any_stdout().any_stderr().run();
    };
    let token =
        |name: &str| format!("auth token --no-verify --project p --name {name} --api-key {KEY}");
    sudo(&token("a"));
    let created = [
        ".config",
        ".config/llamactl",
        ".config/llamactl/profiles.json",
        ".config/llamactl/profiles.json.lock",
    ];
    for path in created {
        assert_eq!(owner(&home.join(path)), (VICTIM, VICTIM), "{path}");
    }
    // A replaced file keeps its owner and its group.
    let path = home.join(".config/llamactl/profiles.json");
    chown(&path, Some(VICTIM), Some(NEIGHBOUR)).expect("an owner");
    sudo(&token("b"));
    assert_eq!((owner(&path), mode(&path)), ((VICTIM, NEIGHBOUR), 0o600));
    // And the user can go on.
    chown(&path, None, Some(VICTIM)).expect("a group");
    let run = machine.run(VICTIM, &home.join(".config/llamactl"), "auth use a");
    run.stderr("the current profile is a\n").run();
}

/// The owner of the directory puts a hard link to a file of root's in the place of the lock, for us to give it away.
#[test]
fn existing_files_are_never_given_away() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let theirs = machine.directory("theirs", NEIGHBOUR, 0o755);
    let precious = machine.sandbox.write("precious", "precious");
    own(&precious, 0, 0o600);
    fs::hard_link(&precious, theirs.join("profiles.json.lock")).expect("a hard link");
    let token = format!("auth token --no-verify --project p --name a --api-key {KEY}");
    machine.root(&theirs, &token).any_stderr().run();
    assert_eq!((owner(&precious), mode(&precious)), ((0, 0), 0o600));
    assert_eq!(fs::read(&precious).expect("the file"), b"precious");
    assert_eq!(owner(&theirs.join("profiles.json")), (NEIGHBOUR, NEIGHBOUR));
    // The same with the store itself: a link to a file of root's is replaced, and the new file is root's.
    let other = machine.directory("other", NEIGHBOUR, 0o755);
    let root_store = machine.store("root.json", 0, 0o600);
    fs::hard_link(&root_store, other.join("profiles.json")).expect("a hard link");
    machine.root(&other, "auth use b").any_stderr().run();
    assert_eq!(owner(&root_store), (0, 0));
    assert_eq!(owner(&other.join("profiles.json")), (0, 0));
}

/// The database copy must not be somewhere where another user can replace it: the database chooses where keys are sent.
#[test]
fn import_makes_no_copy_in_a_directory_of_another_user() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let ours = machine.directory("ours", VICTIM, 0o700);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/python");
    let database = machine.path("ours/profiles.db");
    fs::copy(fixtures.join("v2.db"), &database).expect("a database");
    own(&database, VICTIM, 0o600);
    let arguments = machine.path("arguments");
    fs::write(&arguments, "").expect("a file");
    own(&arguments, VICTIM, 0o600);
    machine.sandbox.program(
        "python3",
        &format!("echo \"$4\" >>{}; exit 1", arguments.display()),
    );
    machine.directory("theirs/below", VICTIM, 0o700);
    for (temp, owner, mode) in [
        ("open", 0, 0o777),
        ("theirs", NEIGHBOUR, 0o755),
        ("sticky", NEIGHBOUR, 0o1777),
        // Their parent can be renamed.
        ("theirs/below", VICTIM, 0o700),
    ] {
        let temp = machine.directory(temp, owner, mode);
        let bin = machine.program.parent().expect("a directory");
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let run = machine.run(VICTIM, &ours, "auth import");
        run.env("PATH", path)
            .env("TMPDIR", &temp)
            .any_stderr()
            .any_exit()
            .any_stdout()
            .run();
        let seen = fs::read_to_string(&arguments).expect("the arguments");
        let expected = ours.join("llamactl-import-").display().to_string();
        assert!(
            seen.lines()
                .last()
                .is_some_and(|last| last.starts_with(&expected)),
            "{seen}"
        );
        let left = fs::read_dir(&ours).expect("the directory").flatten();
        let left = left.filter(|entry| entry.file_name().to_string_lossy().contains("import"));
        assert_eq!(left.count(), 0);
    }
}

#[test]
fn dangling_symlinks_as_directories_are_named() {
    for link in [".config/llamactl", ".config"] {
        let sandbox = Sandbox::new();
        let path = sandbox.home().join(link);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        symlink("/mnt/not-mounted", &path).expect("a symlink");
        let token = format!("auth token --no-verify --project p --api-key {KEY}");
        for line in ["auth get", &token] {
            sandbox
                .cmd(line)
                .code(1)
                .stderr(&format!(
                    "error: '[HOME]/{link}' is a symlink to '/mnt/not-mounted', which does not exist\n\
                     hint: create or mount that directory, or set LLAMACTL_CONFIG_DIR to another directory\n"
                ))
                .run();
        }
    }
}

/// A container without `HOME`: the user database has the home directory.
#[test]
fn without_home_the_user_database_is_asked() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let run = |user: u32| {
        let run = machine.run(user, Path::new("x"), "auth get -o json");
        run.no_env("LLAMACTL_CONFIG_DIR").no_env("HOME")
    };
    // An unknown user has none.
    run(VICTIM)
        .code(1)
        .stderr(
            "
            error: there is no home directory to keep profiles in
            hint: set HOME or LLAMACTL_CONFIG_DIR, or set LLAMA_CLOUD_API_KEY and LLAMA_AGENTS_PROJECT_ID, which need no profile
            ",
        )
        .run();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let nobody = passwd
        .lines()
        .any(|line| line.starts_with("nobody:") && line.contains(":65534:"));
    match nobody {
        true => drop(run(65_534).stdout("[]\n").run()),
        false => say_skipped("a test of the user database needs the user nobody"),
    }
}

/// Runs a shell script in a mount namespace of its own; `None` if that is not allowed.
fn with_mounts(sandbox: &Sandbox, script: &str) -> Option<crate::support::Output> {
    let is_possible = Command::new("unshare").args(["-m", "true"]).status();
    if !is_possible.is_ok_and(|status| status.success()) {
        say_skipped("tests with mounts need `unshare -m`");
        return None;
    }
    let script = format!("llamactl() {{ {LLAMACTL} \"$@\"; echo \"exit $?\"; }}\n{script}");
    let run = sandbox.args(["-m", "sh", "-c", &script]).program("unshare");
    Some(run.machine_path().anything().run())
}

#[test]
fn bind_mounted_store_is_written_in_place_with_a_warning() {
    let sandbox = Sandbox::new().env("LLAMACTL_CONFIG_DIR", "config");
    fs::create_dir(sandbox.cwd().join("config")).expect("a directory");
    let all = [profile("a", "p", KEY), profile("b", "p", OTHER_KEY)];
    for path in ["outside.json", "config/profiles.json"] {
        sandbox.write(path, store(&environment(URL, &all)).to_string());
        sandbox.set_mode(path, 0o600);
    }
    let script = "mount --bind outside.json config/profiles.json || exit 77
        llamactl auth use b; llamactl auth logout a; llamactl auth get -o json; ls -A config";
    let Some(output) = with_mounts(&sandbox, script) else {
        return;
    };
    let warning = "warning: 'config/profiles.json' was written in place, not atomically, because it cannot be replaced: Device or resource busy\n";
    assert_eq!(
        output.stderr.matches(warning).count(),
        2,
        "{}",
        output.stderr
    );
    assert!(
        output
            .stdout
            .ends_with("exit 0\nprofiles.json\nprofiles.json.lock\n"),
        "{}",
        output.stdout
    );
    let outside: serde_json::Value =
        serde_json::from_str(&sandbox.read("outside.json")).expect("JSON");
    let environment = &outside["environments"][0];
    assert_eq!(environment["current_profile"], "b");
    assert_eq!(environment["profiles"].as_array().map(Vec::len), Some(1));
}

/// A container's secret: a read-only mount of a file that others can read.
#[test]
fn read_only_store_gives_no_warning_and_accepts_what_changes_nothing() {
    let sandbox = Sandbox::new().env("LLAMACTL_CONFIG_DIR", "config");
    let all = [profile("a", "p", KEY), profile("b", "p", OTHER_KEY)];
    sandbox.write(
        "config/profiles.json",
        store(&environment(URL, &all)).to_string(),
    );
    sandbox.set_mode("config/profiles.json", 0o644);
    let script = "mount --bind config config && mount -o remount,bind,ro config || exit 77
        llamactl auth get a -o json >/dev/null; llamactl auth use a; llamactl auth use b";
    let Some(output) = with_mounts(&sandbox, script) else {
        return;
    };
    assert_eq!(
        (output.stdout.as_str(), output.stderr.as_str()),
        (
            "exit 0\nexit 1\n",
            "the current profile is a\n\
             error: cannot write 'config/profiles.json': Read-only file system\n\
             hint: nothing was changed; check the permissions of its directory, or set LLAMACTL_CONFIG_DIR to another directory\n"
        )
    );
    assert_eq!(sandbox.mode("config/profiles.json"), 0o644);
}
