//! `profiles.json`: its location, permissions, errors, and concurrent writers. Other users are in `other_users.rs`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{Run, STORE, Sandbox, environment, parallel, profile, store};

const DIRECTORY: &str = "../home/.config/llamactl";
const LOCK: &str = "../home/.config/llamactl/profiles.json.lock";
const URL: &str = "https://llama.example.com";
const TREE: [&str; 4] = [
    "700 .config/",
    "700 .config/llamactl/",
    "600 .config/llamactl/profiles.json",
    "600 .config/llamactl/profiles.json.lock",
];

/// A command that writes, without a server.
fn token<'a>(sandbox: &'a Sandbox, name: &str, key: &str) -> Run<'a> {
    let line = "auth token --no-verify --project p --api-key";
    sandbox.cmd(line).arg(key).arg("--name").arg(name)
}

fn created(name: &str) -> String {
    format!("created profile '{name}' in https://api.cloud.llamaindex.ai and made it current\n")
}

/// The names of the current environment's profiles.
fn names(store: &Value) -> BTreeSet<String> {
    let profiles = store["environments"][0]["profiles"].as_array();
    let names = profiles.into_iter().flatten().map(|p| p["name"].as_str());
    names
        .map(|name| name.expect("a name").to_string())
        .collect()
}

/// What is in the directory of the store.
fn entries(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).expect("the store's directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
    names.map(|name| name.expect("UTF-8")).collect()
}

#[test]
fn store_is_private_whatever_the_umask() {
    let sandbox = Sandbox::new();
    // Whatever the user's mask lets through.
    let script = "umask 0; exec \"$@\"";
    let line = [
        "-c",
        script,
        "sh",
        crate::support::LLAMACTL,
        "auth",
        "token",
    ];
    sandbox
        .args(line)
        .program("/bin/sh")
        .arg("--no-verify")
        .arg("--project=p")
        .arg(format!("--api-key={KEY}"))
        .stderr(&created("llx-01****mnop"))
        .run();
    assert_eq!(sandbox.home_tree(), TREE);
    sandbox.set_mode(STORE, 0o400);
    token(&sandbox, "b", KEY).stderr(&created("b")).run();
    assert_eq!(sandbox.home_tree(), TREE);
}

#[test]
fn store_is_private_while_it_is_written() {
    let sandbox = Sandbox::new();
    let directory = sandbox.cwd().join(DIRECTORY);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = || {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                    // What is gone by now is no matter.
                    if let Ok(meta) = entry.path().symlink_metadata() {
                        seen.insert(meta.mode() & 0o777);
                    }
                }
            }
            seen
        };
        let watcher = scope.spawn(watch);
        for i in 0..20 {
            let script = "umask 0; exec \"$@\"";
            let line = [
                "-c",
                script,
                "sh",
                crate::support::LLAMACTL,
                "auth",
                "token",
            ];
            let run = sandbox.args(line).program("/bin/sh").arg("--no-verify");
            let name = format!("p{i}");
            run.arg("--project=p")
                .arg(format!("--api-key={KEY}"))
                .arg(format!("--name={name}"))
                .stderr(&created(&name))
                .run();
        }
        done.store(true, Ordering::Relaxed);
        let seen = watcher.join().expect("the watcher");
        assert_eq!(seen, BTreeSet::from([0o600]));
    });
}

#[test]
fn loose_permissions_are_fixed_with_a_warning() {
    let sandbox = Sandbox::new();
    sandbox.write_store(&store(&environment(URL, &[])));
    sandbox.set_mode(STORE, 0o644);
    sandbox.set_mode(DIRECTORY, 0o755);
    let warnings = "
        warning: '[HOME]/.config/llamactl/profiles.json' was accessible to other users (mode 0644); changed to 0600
        warning: '[HOME]/.config/llamactl' was accessible to other users (mode 0755); changed to 0700
        ";
    sandbox
        .cmd("auth get -o json")
        .stdout("[]\n")
        .stderr(warnings)
        .run();
    assert_eq!(sandbox.home_tree()[1..], TREE[1..3]);
    sandbox.cmd("auth get -o json").stdout("[]\n").run();
    // Above it nothing is ours.
    let above = sandbox.mode("../home/.config");
    assert_eq!(above & 0o700, 0o700);

    // A writer says it once.
    sandbox.set_mode(STORE, 0o660);
    token(&sandbox, "a", KEY)
        .stderr(&format!(
            "warning: '[HOME]/.config/llamactl/profiles.json' was accessible to other users (mode 0660); changed to 0600\n{}",
            created("a").replace("https://api.cloud.llamaindex.ai", URL)
        ))
        .run();
    assert_eq!(sandbox.home_tree()[1..], TREE[1..]);
}

#[test]
fn named_directory_keeps_its_permissions() {
    let sandbox = Sandbox::new().env("LLAMACTL_CONFIG_DIR", "named");
    fs::create_dir(sandbox.cwd().join("named")).expect("a directory");
    sandbox.set_mode("named", 0o775);
    token(&sandbox, "a", KEY).stderr(&created("a")).run();
    let tree = [
        "775 named/",
        "600 named/profiles.json",
        "600 named/profiles.json.lock",
    ];
    assert_eq!(sandbox.cwd_tree(), tree);
    sandbox.set_mode("named/profiles.json", 0o604);
    sandbox
        .cmd("auth use a")
        .stderr(
            "
            warning: 'named/profiles.json' was accessible to other users (mode 0604); changed to 0600
            the current profile is a
            ",
        )
        .run();
    assert_eq!(sandbox.cwd_tree(), tree);
    assert_eq!(sandbox.home_tree(), Vec::<String>::new());

    // One that is not there is made, and so is what leads to it.
    let run = token(&sandbox, "a", KEY).env("LLAMACTL_CONFIG_DIR", "new/dir");
    run.stderr(&created("a")).run();
    assert_eq!(sandbox.mode("new/dir"), 0o700);
    assert_eq!(sandbox.mode("new/dir/profiles.json"), 0o600);
}

#[test]
fn location_follows_the_environment_variables() {
    let sandbox = Sandbox::new();
    let named = |name: &str, value: &str| token(&sandbox, "a", KEY).env(name, value);
    let xdg = sandbox.cwd().join("xdg");
    named("XDG_CONFIG_HOME", xdg.to_str().expect("UTF-8"))
        .stderr(&created("a"))
        .run();
    assert!(sandbox.exists("xdg/llamactl/profiles.json"));
    assert!(!sandbox.exists("../home/.config"));
    // The specification wants an absolute path there; an empty variable is an unset one.
    for value in ["relative", ""] {
        named("XDG_CONFIG_HOME", value).any_stderr().run();
        assert!(!sandbox.exists("relative") && sandbox.exists(STORE));
    }
    named("LLAMACTL_CONFIG_DIR", "")
        .stderr("updated profile 'a' in https://api.cloud.llamaindex.ai and made it current\n")
        .run();
}

#[test]
fn newer_version_is_read_and_not_overwritten() {
    let sandbox = Sandbox::new();
    let mut newer = store(&environment(URL, &[profile("a", "p", KEY)]));
    newer["version"] = json!(2);
    newer["more"] = json!({"x": [1]});
    sandbox.write_store(&newer);
    let before = sandbox.read(STORE);
    sandbox
        .cmd("config")
        .stdout("environment:  https://llama.example.com\nprofile:      a\nproject:      p\n")
        .run();
    for line in [
        "auth use a",
        "auth logout a",
        "environments use https://api.cloud.llamaindex.ai",
    ] {
        sandbox
            .cmd(line)
            .code(1)
            .stderr(
                "
                error: '[HOME]/.config/llamactl/profiles.json' was written by a newer llamactl (format 2, this one writes 1)
                hint: nothing was changed; update llamactl
                ",
            )
            .run();
    }
    assert_eq!(sandbox.read(STORE), before);
    // Newer, and not even readable.
    let text = r#"{"version": 3, "environments": {}}"#;
    sandbox.write(STORE, text);
    sandbox
        .cmd("auth get")
        .code(1)
        .stderr(
            "
            error: '[HOME]/.config/llamactl/profiles.json' is invalid: a value of the wrong type at line 1, column 31
            hint: nothing was changed; a newer llamactl wrote it: update this one
            ",
        )
        .run();
    assert_eq!(sandbox.read(STORE), text);
}

#[test]
fn invalid_file_is_named_with_the_line_and_not_changed() {
    let whole = serde_json::to_string_pretty(&store(&environment(URL, &[profile("a", "p", KEY)])))
        .expect("JSON");
    let half = &whole[..whole.len() / 2];
    let lines = half.lines().count();
    let half_said = format!("is invalid: it ends too early, at line {lines}, column");
    let with = |from: &str, to: &str| whole.replace(from, to);
    let line_of = |part: &str| {
        1 + whole
            .lines()
            .position(|l| l.contains(part))
            .expect("a line")
    };
    let url = line_of("\"api_url\"");
    let project = line_of("\"project_id\"");
    let current = line_of("\"current_environment\"");
    for (text, said) in [
        (half.to_string(), half_said),
        (
            format!("{whole}}}"),
            "is invalid: not valid JSON at line".to_string(),
        ),
        (
            format!("{whole}{whole}"),
            "is invalid: not valid JSON at line".to_string(),
        ),
        (
            "[]".to_string(),
            "is invalid: a value of the wrong type at line 1".to_string(),
        ),
        (
            "{}".to_string(),
            "is invalid: missing field 'version', at line 1".to_string(),
        ),
        (
            with("\"version\": 1", "\"version\": \"1\""),
            "is invalid: a value of the wrong type at line".to_string(),
        ),
        (
            with("\"p\"", "7"),
            format!("is invalid: a value of the wrong type at line {project},"),
        ),
        (
            with("\"project_id\": \"p\"", "\"x\": 1"),
            "is invalid: missing field 'project_id', at line".to_string(),
        ),
        (
            with("\"api_url\": \"https:", "\"api_url\": \"ftp:"),
            format!("is invalid: the URL must begin with https:// or http://, at line {url},"),
        ),
        (
            with(
                "\"api_url\": \"https://",
                "\"api_url\": \"https://me:hunter2@",
            ),
            format!("is invalid: the URL must not contain a user name or password, at line {url},"),
        ),
        (
            with(
                "\"current_environment\": \"https:",
                "\"current_environment\": \"javascript:",
            ),
            format!("is invalid: the URL must begin with https:// or http://, at line {current},"),
        ),
        // What is no UTF-8 is no JSON; the key stays unseen all the same.
        (
            with("\"p\"", &format!("\"{KEY}\" \"{KEY}\"")),
            format!("is invalid: not valid JSON at line {project},"),
        ),
        (
            with("\"p\"", &format!("[\"{KEY}\"]")),
            format!("is invalid: a value of the wrong type at line {project},"),
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write_store(&json!(null));
        sandbox.write(STORE, &text);
        let token = || token(&sandbox, "b", OTHER_KEY);
        for run in [
            sandbox.cmd("auth get -o json"),
            sandbox.cmd("config"),
            sandbox.cmd("auth use a"),
            sandbox.cmd("auth logout a"),
            sandbox.cmd("auth inject"),
            sandbox.cmd("projects get"),
            token(),
        ] {
            run.code(1)
                .stderr_has(&format!(
                    "error: '[HOME]/.config/llamactl/profiles.json' {said}"
                ))
                .stderr_has("\nhint: nothing was changed; fix that line, or move the file away and log in again\n")
                .run();
        }
        assert_eq!(sandbox.read(STORE), text);
        assert_eq!(sandbox.cwd_tree(), Vec::<String>::new());
    }
}

#[test]
fn unknown_fields_survive_a_rewrite() {
    let sandbox = Sandbox::new();
    let text = r#"{
      "zz": {"deep": [1, 2.5, 18446744073709551615, "\u00e9"]},
      "version": 1,
      "environments": [
        {"future": null, "api_url": "https://api.cloud.llamaindex.ai", "profiles": [
          {"name": "a", "project_id": "p", "api_key": "llx-abc", "sso": [null, "x"]}
        ]}
      ]
    }"#;
    sandbox.write_store(&json!(null));
    sandbox.write(STORE, text);
    sandbox.cmd("auth use a").any_stderr().run();
    token(&sandbox, "b", KEY).any_stderr().run();
    let stored = sandbox.json_home(".config/llamactl/profiles.json");
    let environment = &stored["environments"][0];
    assert_eq!(stored["zz"], json!({"deep": [1, 2.5, u64::MAX, "\u{e9}"]}));
    assert_eq!(environment.get("future"), Some(&Value::Null));
    assert_eq!(environment["profiles"][0]["sso"], json!([null, "x"]));
}

#[test]
fn change_that_changes_nothing_writes_nothing() {
    let sandbox = Sandbox::new();
    token(&sandbox, "a", KEY).any_stderr().run();
    let file = sandbox.cwd().join(STORE);
    let before = fs::metadata(&file).expect("the store");
    let again = token(&sandbox, "a", KEY);
    again
        .stderr("updated profile 'a' in https://api.cloud.llamaindex.ai and made it current\n")
        .run();
    sandbox.cmd("auth use a").any_stderr().run();
    let after = fs::metadata(&file).expect("the store");
    assert_eq!(before.ino(), after.ino());
    assert_eq!(before.mtime_nsec(), after.mtime_nsec());
}

#[test]
fn symlink_stays_a_symlink() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.cwd().join(DIRECTORY)).expect("directories");
    sandbox.set_mode(DIRECTORY, 0o700);
    let real = sandbox.write("dotfiles/llamactl.json", "");
    // Also to a file that is yet to come.
    fs::remove_file(&real).expect("no file");
    symlink(&real, sandbox.cwd().join(STORE)).expect("a link");
    for name in ["a", "b"] {
        token(&sandbox, name, KEY).any_stderr().run();
    }
    assert!(sandbox.cwd().join(STORE).is_symlink());
    assert_eq!(
        sandbox.cwd_tree(),
        [
            "755 dotfiles/",
            "600 dotfiles/llamactl.json",
            "600 dotfiles/llamactl.json.lock"
        ]
    );
    assert_eq!(sandbox.stored()["environments"][0]["current_profile"], "b");
    assert_eq!(entries(&sandbox.cwd().join(DIRECTORY)).len(), 1);

    // A circle of them is none.
    let other = Sandbox::new();
    fs::create_dir_all(other.cwd().join(DIRECTORY)).expect("directories");
    other.set_mode(DIRECTORY, 0o700);
    symlink("profiles.json", other.cwd().join(STORE)).expect("a link");
    other
        .cmd("auth get")
        .code(1)
        .stderr_has("error: cannot read '[HOME]/.config/llamactl/profiles.json': ")
        .run();
    token(&other, "a", KEY)
        .code(1)
        .stderr_has("error: cannot ")
        .run();
}

#[test]
fn directory_or_fifo_as_store_is_an_error() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.cwd().join(STORE)).expect("a directory");
    sandbox.set_mode(DIRECTORY, 0o700);
    sandbox.set_mode(STORE, 0o700);
    let said = "
        error: cannot read '[HOME]/.config/llamactl/profiles.json': REASON
        hint: check that file, or set LLAMACTL_CONFIG_DIR to another directory
        ";
    let check = |reason: &str| {
        let said = said.replace("REASON", reason);
        for run in [
            sandbox.cmd("auth get"),
            sandbox.cmd("auth use a"),
            token(&sandbox, "a", KEY),
        ] {
            run.code(1)
                .stderr(&said)
                .limit(Duration::from_secs(8))
                .run();
        }
    };
    check("it is a directory");
    fs::remove_dir(sandbox.cwd().join(STORE)).expect("the directory gone");
    let fifo = sandbox.args(["-c", &format!("mkfifo {STORE}")]);
    fifo.program("/bin/sh").machine_path().run();
    check("it is not a regular file");

    // A directory that is a file.
    let other = Sandbox::new();
    other.write("../home/.config/llamactl", "");
    other
        .cmd("auth get")
        .code(1)
        .stderr(
            "
            error: cannot read '[HOME]/.config/llamactl/profiles.json': Not a directory
            hint: check that file, or set LLAMACTL_CONFIG_DIR to another directory
            ",
        )
        .run();
    token(&other, "a", KEY)
        .code(1)
        .stderr_has("error: cannot ")
        .run();
}

#[test]
fn read_only_directory_can_be_read() {
    let sandbox = Sandbox::new();
    sandbox.write_store(&store(&environment(URL, &[profile("a", "p", KEY)])));
    sandbox.set_mode(DIRECTORY, 0o500);
    sandbox
        .cmd("auth get a -o json")
        .stdout_has("\"active\": true")
        .run();
    // Root may write anywhere.
    if !rustix::process::geteuid().is_root() {
        sandbox
            .cmd("auth use a")
            .code(1)
            .stderr(
                "
                error: cannot write '[HOME]/.config/llamactl/profiles.json': Permission denied
                hint: nothing was changed; check the permissions of its directory, or set LLAMACTL_CONFIG_DIR to another directory
                ",
            )
            .run();
        sandbox.set_mode(STORE, 0o000);
        sandbox
            .cmd("auth get")
            .code(1)
            .stderr_has("profiles.json': Permission denied\n")
            .run();
    }
    sandbox.set_mode(DIRECTORY, 0o700);
}

#[test]
fn full_disk_changes_nothing() {
    // A process that may write no more than that many blocks of 512 bytes.
    let sandbox = Sandbox::new();
    let many: Vec<Value> = (0..200)
        .map(|i| profile(&format!("p{i}"), "p", KEY))
        .collect();
    sandbox.write_store(&store(&environment(URL, &many)));
    let before = sandbox.read(STORE);
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
    let line = [
        "-c",
        script,
        "sh",
        crate::support::LLAMACTL,
        "auth",
        "use",
        "p7",
    ];
    sandbox
        .args(line)
        .program("/bin/sh")
        .code(1)
        .stderr(
            "
            error: cannot write '[HOME]/.config/llamactl/profiles.json': File too large
            hint: nothing was changed; free some space on its disk, then try again
            ",
        )
        .run();
    assert_eq!(sandbox.read(STORE), before);
    assert_eq!(sandbox.home_tree()[1..], TREE[1..]);
}

#[test]
fn sixteen_writers_lose_no_update() {
    // Ten rounds; more of them side by side would only measure the machine.
    for _ in 0..10 {
        let sandbox = Sandbox::new();
        parallel(16, |i| {
            let key = format!("llx-writer-{i:02}-0123456789");
            token(&sandbox, &format!("p{i}"), &key)
                .stderr(&created(&format!("p{i}")))
                .run();
        });
        let expected = (0..16).map(|i| format!("p{i}")).collect();
        assert_eq!(names(&sandbox.stored()), expected);
        assert_eq!(sandbox.home_tree(), TREE);
    }
}

#[test]
fn sixteen_writers_of_one_key_create_one_profile() {
    let sandbox = Sandbox::new();
    parallel(16, |_| {
        let line = "auth token --no-verify --project p --api-key";
        let run = sandbox.cmd(line).arg(KEY);
        run.stderr_has(
            "profile 'llx-01****mnop' in https://api.cloud.llamaindex.ai and made it current\n",
        )
        .run();
    });
    assert_eq!(names(&sandbox.stored()).len(), 1);
}

#[test]
fn mixed_writers_leave_a_consistent_store() {
    let sandbox = Sandbox::new();
    let all = ["a", "b", "c", "d"].map(|name| profile(name, "p", KEY));
    sandbox.write_store(&store(&environment(URL, &all)));
    parallel(16, |i| {
        let name = ["a", "b", "c", "d"][i / 4];
        let run = match i % 4 {
            0 => sandbox.cmd("auth logout").arg(name),
            1 => sandbox.cmd("auth use").arg(name),
            2 => token(&sandbox, &format!("new{i}"), OTHER_KEY),
            _ => sandbox.cmd("auth get -o json"),
        };
        run.anything().run();
    });
    let stored = sandbox.stored();
    let left = names(&stored);
    let expected = ["new2", "new6", "new10", "new14"].map(str::to_string);
    assert_eq!(left, BTreeSet::from(expected));
    let current = &stored["environments"][0]["current_profile"];
    assert!(current.is_null() || left.contains(current.as_str().expect("a name")));
}

/// Numbers that look random and are the same in each run.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn kill_at_any_moment_leaves_the_old_or_the_new_file() {
    // Four loops side by side, each in a home of its own: 300 writes in all. However busy the machine is, about half of
    // them are cut off: the kill comes sooner after each that was done before it, later after each that was not.
    let killed: usize = parallel(4, |number| {
        let sandbox = Sandbox::new();
        token(&sandbox, "p", KEY).any_stderr().run();
        let whole = token(&sandbox, "p", KEY).any_stderr().run().took;
        let mut longest = u64::try_from(whole.as_micros()).expect("short") * 3 / 2;
        let mut state = 0x9e37_79b9_7f4a_7c15 ^ number as u64;
        let mut killed = 0;
        let mut old = sandbox.read(STORE);
        for i in 0..75 {
            let project = format!("project-{i}");
            let mut running = sandbox
                .args(["auth", "token", "--no-verify", "--name", "p", "--project"])
                .arg(&project)
                .arg(format!("--api-key={KEY}"))
                .anything()
                .spawn();
            thread::sleep(Duration::from_micros(next(&mut state) % longest));
            running.kill();
            let exit = running.wait().exit;
            let was_cut_off = exit != crate::support::Exit::Code(0);
            killed += usize::from(was_cut_off);
            longest = match was_cut_off {
                true => longest * 9 / 8,
                false => (longest * 7 / 8).max(100),
            };
            let text = sandbox.read(STORE);
            let value: Value =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
            let now = &value["environments"][0]["profiles"][0]["project_id"];
            assert!(text == old || now == &json!(project), "{text}");
            old = text;
        }
        // What the last of them left is swept by the next.
        token(&sandbox, "q", OTHER_KEY).stderr(&created("q")).run();
        assert_eq!(sandbox.home_tree(), TREE);
        killed
    })
    .iter()
    .sum();
    assert!(
        killed >= 75,
        "only {killed} of 300 were cut off: the moments are not random enough"
    );
}

#[test]
fn temporary_files_of_killed_writers_are_removed() {
    let sandbox = Sandbox::new();
    token(&sandbox, "a", KEY).any_stderr().run();
    let directory = sandbox.cwd().join(DIRECTORY);
    let write = |name: &str| {
        let path = directory.join(name);
        fs::write(&path, "half").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
        path
    };
    write(".profiles.json.llamactl-aB3dE6.tmp");
    let live = File::open(write(".profiles.json.llamactl-LIVE00.tmp")).expect("a file");
    flock(&live, FlockOperation::LockExclusive).expect("a lock");
    // None of ours.
    write(".profiles.json.aB3dE6gH.tmp");
    write("profiles.json.bak");
    token(&sandbox, "b", OTHER_KEY).stderr(&created("b")).run();
    let left = [
        ".profiles.json.llamactl-LIVE00.tmp",
        ".profiles.json.aB3dE6gH.tmp",
        "profiles.json",
        "profiles.json.bak",
        "profiles.json.lock",
    ];
    assert_eq!(
        entries(&directory),
        BTreeSet::from(left.map(str::to_string))
    );
}

#[test]
fn writers_wait_for_the_lock_and_readers_do_not() {
    let sandbox = Sandbox::new();
    token(&sandbox, "a", KEY).any_stderr().run();
    let before = sandbox.read(STORE);
    let lock = File::open(sandbox.cwd().join(LOCK)).expect("the lock");
    flock(&lock, FlockOperation::LockExclusive).expect("a lock");
    let waiting = token(&sandbox, "b", OTHER_KEY)
        .stderr(&created("b"))
        .spawn();
    sandbox.cmd("auth get a").any_stdout().run();
    assert_eq!(sandbox.read(STORE), before);
    drop(lock);
    waiting.wait();
    assert_eq!(names(&sandbox.stored()).len(), 2);
}

#[test]
fn lock_that_is_a_symlink_or_a_directory_is_an_error() {
    let sandbox = Sandbox::new();
    let other = sandbox.write("precious", "precious");
    fs::create_dir_all(sandbox.cwd().join(DIRECTORY)).expect("directories");
    sandbox.set_mode(DIRECTORY, 0o700);
    symlink(&other, sandbox.cwd().join(LOCK)).expect("a link");
    token(&sandbox, "a", KEY)
        .code(1)
        .stderr_has("error: cannot write '[HOME]/.config/llamactl/profiles.json': ")
        .run();
    fs::remove_file(sandbox.cwd().join(LOCK)).expect("the link gone");
    fs::create_dir(sandbox.cwd().join(LOCK)).expect("a directory");
    token(&sandbox, "a", KEY)
        .code(1)
        .stderr_has("error: cannot write '[HOME]/.config/llamactl/profiles.json': ")
        .run();
    assert_eq!(sandbox.read("precious"), "precious");
}

#[test]
fn file_that_is_not_utf8_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.write_store(&json!(null));
    let bytes = b"{\n\"version\": 1,\n\"x\": \"\xff\"}\n";
    sandbox.write(STORE, bytes);
    sandbox
        .cmd("auth get")
        .code(1)
        .stderr(
            "
            error: '[HOME]/.config/llamactl/profiles.json' is invalid: not valid UTF-8 at line 3
            hint: nothing was changed; fix that line, or move the file away and log in again
            ",
        )
        .run();
    assert_eq!(fs::read(sandbox.cwd().join(STORE)).expect("it"), bytes);
}

#[test]
fn symlink_loop_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.write_store(&json!(null));
    fs::remove_file(sandbox.cwd().join(STORE)).expect("it is there");
    symlink("profiles.json", sandbox.cwd().join(STORE)).expect("a link");
    sandbox
        .cmd("auth use a")
        .code(1)
        .stderr(
            "
            error: cannot write '[HOME]/.config/llamactl/profiles.json': too many levels of symbolic links
            hint: nothing was changed; check the permissions of its directory, or set LLAMACTL_CONFIG_DIR to another directory
            ",
        )
        .run();
    assert_eq!(
        sandbox.home_tree()[1..],
        [
            TREE[1],
            "link .config/llamactl/profiles.json -> profiles.json"
        ]
    );
}

/// A file that says it is empty, and is not.
#[cfg(target_os = "linux")]
#[test]
fn file_of_unknown_size_is_read_to_its_end() {
    let sandbox = Sandbox::new();
    sandbox.write_store(&json!(null));
    fs::remove_file(sandbox.cwd().join(STORE)).expect("it is there");
    // It begins with the process's number, which is no object.
    symlink("/proc/self/stat", sandbox.cwd().join(STORE)).expect("a link");
    let running = sandbox.cmd("auth get").code(1).any_stderr().spawn();
    let column = running.id().to_string().len();
    assert_eq!(
        running.wait().stderr,
        format!(
            "error: '[HOME]/.config/llamactl/profiles.json' is invalid: a value of the wrong type at line 1, column {column}\n\
            hint: nothing was changed; fix that line, or move the file away and log in again\n"
        )
    );
}
