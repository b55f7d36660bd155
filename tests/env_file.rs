//! The file around the `.env` editor, on a real file system: permissions, owners, symlinks, mounts, races, signals, git.
//!
//! What needs another user, other environment variables or a kill runs in a child: this test binary again, see `helper`.
#![cfg(unix)]

use llamactl::dotenv::Binding;
use llamactl::dotenv::file::{self as env_file, Outcome};
use llamactl::fs::atomic::{self, Reserved, Staged};
use llamactl::fs::open;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const NEW: &str = "LLAMA_CLOUD_API_KEY=llx-new\nLLAMA_CLOUD_BASE_URL=https://api.example.com\nLLAMA_AGENTS_PROJECT_ID=project-1\n";

fn bindings(key: &str) -> [Binding<'_>; 3] {
    [
        Binding {
            name: "LLAMA_CLOUD_API_KEY",
            value: key,
        },
        Binding {
            name: "LLAMA_CLOUD_BASE_URL",
            value: "https://api.example.com",
        },
        Binding {
            name: "LLAMA_AGENTS_PROJECT_ID",
            value: "project-1",
        },
    ]
}

fn write(path: &Path) -> Result<Outcome, String> {
    env_file::write(path, &bindings("llx-new"), &[]).map_err(|e| e.to_string())
}

#[allow(clippy::unnecessary_wraps, reason = "stands beside what `write` gives")]
fn changed(warnings: &[String]) -> Result<Outcome, String> {
    Ok(Outcome {
        changed: true,
        warnings: warnings.to_vec(),
    })
}

/// A directory whose path has no symlinks in it.
struct Folder {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

fn folder() -> Folder {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().canonicalize().expect("its path");
    Folder { path, _dir: dir }
}

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
        path
    }

    /// Name → content, or what else it is.
    fn list(&self) -> BTreeMap<String, String> {
        let entries = fs::read_dir(&self.path).expect("the directory");
        let one = |entry: fs::DirEntry| {
            let kind = entry.file_type().expect("a type");
            let text = if kind.is_file() {
                fs::read_to_string(entry.path()).expect("a text")
            } else {
                format!("{kind:?}")
            };
            (entry.file_name().to_string_lossy().into_owned(), text)
        };
        entries.map(|entry| one(entry.expect("an entry"))).collect()
    }

    fn names(&self) -> Vec<String> {
        self.list().into_keys().collect()
    }
}

fn staged(path: &Path, bytes: &[u8]) -> std::io::Result<Staged<'static>> {
    Reserved::create(path, 0)?.write(bytes, None)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").mode() & 0o7777
}

/// Runs `helper` in a child.
fn child(task: &str, path: &Path) -> Command {
    let mut child = Command::new(std::env::current_exe().expect("this binary"));
    child
        .args([
            "--exact",
            "env_file::helper",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("HELPER_TASK", task)
        .env("HELPER_PATH", path)
        .stdin(Stdio::null());
    child
}

/// What the child printed, without what the test harness prints.
fn say(child: &mut Command) -> String {
    let output = child.output().expect("the child runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once('@').map(|(_, rest)| rest))
        .collect();
    lines.join("\n")
}

#[test]
#[ignore = "not a test: what the others run in a child"]
fn helper() {
    let (Ok(task), Ok(path)) = (std::env::var("HELPER_TASK"), std::env::var("HELPER_PATH")) else {
        return;
    };
    let path = Path::new(&path);
    if task == "forever" {
        for turn in 0_u64.. {
            let key = format!("llx-{turn}-{}", "x".repeat(4000));
            let _ = env_file::write(path, &bindings(&key), &[]);
        }
    }
    match env_file::write(path, &bindings(&task), &[]) {
        Ok(outcome) => {
            println!("@changed: {}", outcome.changed);
            for warning in outcome.warnings {
                println!("@warning: {warning}");
            }
        }
        Err(error) => println!("@{}", error.to_string().replace('\n', "\n@")),
    }
}

#[test]
fn new_file_is_private() {
    let dir = folder();
    assert_eq!(write(&dir.path(".env")), changed(&[]));
    assert_eq!(dir.list(), BTreeMap::from([(".env".into(), NEW.into())]));
    assert_eq!(mode(&dir.path(".env")), 0o600);
}

#[test]
fn missing_directories_are_created() {
    let dir = folder();
    let path = dir.path("a/b/.env");
    assert_eq!(write(&path), changed(&[]));
    assert_eq!(fs::read_to_string(&path).as_deref().ok(), Some(NEW));
}

#[test]
fn relative_path_is_in_the_current_directory() {
    // Only that one without a parent is taken for the current directory; cargo's is the package.
    let outcome = env_file::check(Path::new("no-such-file.env"), &bindings("x"), &[]);
    assert!(outcome.expect("a check").changed);
    assert!(!Path::new("no-such-file.env").exists());
}

#[test]
fn second_write_changes_nothing() {
    let dir = folder();
    let path = dir.file(".env", "A=1\n", 0o600);
    assert_eq!(write(&path), changed(&[]));
    let before = fs::metadata(&path).expect("the file");
    assert_eq!(
        write(&path),
        Ok(Outcome {
            changed: false,
            warnings: vec![]
        })
    );
    let after = fs::metadata(&path).expect("the file");
    let stamp = |m: &fs::Metadata| {
        (
            m.ino(),
            m.mtime(),
            m.mtime_nsec(),
            m.ctime(),
            m.ctime_nsec(),
        )
    };
    assert_eq!(stamp(&before), stamp(&after));
}

#[test]
fn check_writes_nothing() {
    let dir = folder();
    let path = dir.file(".env", "A=1\n", 0o600);
    let check = |path: &Path| env_file::check(path, &bindings("llx-new"), &[]).expect("a check");
    assert!(check(&path).changed);
    assert!(check(&dir.path("missing/.env")).changed);
    assert_eq!(
        dir.list(),
        BTreeMap::from([(".env".into(), "A=1\n".into())])
    );
    write(&path).expect("a write");
    assert!(!check(&path).changed);
}

#[test]
fn mode_is_kept_with_a_warning_if_readable_by_others() {
    let dir = folder();
    for (number, (bits, warned)) in [
        (0o600, false),
        (0o700, false),
        (0o640, true),
        (0o644, true),
        (0o622, false),
    ]
    .into_iter()
    .enumerate()
    {
        let path = dir.file(&format!("{number}.env"), "A=1\n", bits);
        let shown = path.display();
        let warning = format!(
            "'{shown}' is readable by other users (mode {bits:04o}); `chmod 600` makes it private"
        );
        assert_eq!(
            write(&path),
            changed(if warned {
                std::slice::from_ref(&warning)
            } else {
                &[]
            })
        );
        assert_eq!(mode(&path), bits);
    }
}

#[test]
fn extended_attributes_are_kept() {
    let dir = folder();
    let path = dir.file(".env", "A=1\n", 0o600);
    let flags = rustix::fs::XattrFlags::empty();
    if rustix::fs::setxattr(&path, "user.note", b"kept", flags).is_err() {
        println!("skipped: this file system has no extended attributes");
        return;
    }
    assert_eq!(write(&path), changed(&[]));
    let mut value = [0_u8; 16];
    let len = rustix::fs::getxattr(&path, "user.note", &mut value[..]).expect("the attribute");
    assert_eq!(&value[..len], b"kept");
}

#[test]
fn owner_is_kept() {
    let dir = folder();
    let path = dir.file(".env", "A=1\n", 0o600);
    let chown = |path: &Path| std::os::unix::fs::chown(path, Some(12_345), Some(23_456));
    if chown(&path).and_then(|()| chown(&dir.path)).is_err() {
        println!("skipped: only root gives files away");
        return;
    }
    assert_eq!(write(&path), changed(&[]));
    let meta = fs::metadata(&path).expect("the file");
    assert_eq!(
        (meta.uid(), meta.gid(), meta.mode() & 0o7777),
        (12_345, 23_456, 0o600)
    );
}

/// The same as another user, where we can become one and that one can run this binary.
fn as_nobody(path: &Path) -> Option<String> {
    let mut child = child("llx-new", path);
    child.uid(65_534).gid(65_534);
    match child.output() {
        Ok(_) => Some(say(&mut child)),
        Err(e) => {
            println!("skipped: can't run as another user: {e}");
            None
        }
    }
}

#[test]
fn planted_files_and_symlinks_are_refused() {
    let dir = folder();
    fs::set_permissions(&dir.path, fs::Permissions::from_mode(0o1777)).expect("a mode");
    let (file, link) = (dir.file("planted", "A=1\n", 0o666), dir.path("link"));
    symlink(dir.path("target"), &link).expect("a symlink");
    let chown = std::os::unix::fs::lchown;
    if chown(&file, Some(12_345), None)
        .and_then(|()| chown(&link, Some(12_345), None))
        .is_err()
    {
        println!("skipped: only root gives files away");
        return;
    }
    for (path, kind) in [(file.clone(), "file"), (link.clone(), "symlink")] {
        let message = format!(
            "error: cannot edit '{}': the {kind} belongs to another user, who does not own its directory\n\
             hint: name a file with --env-file, or print the variables with `--env-file -`",
            path.display()
        );
        // As another user, and as root.
        let Some(said) = as_nobody(&path) else { return };
        assert_eq!(said, message);
        assert_eq!(write(&path), Err(message));
    }
    assert_eq!(
        fs::read_to_string(dir.path("planted")).ok().as_deref(),
        Some("A=1\n")
    );
    assert_eq!(dir.names(), ["link", "planted"]);
    // The owner of the directory may own files in it.
    chown(&dir.path, Some(12_345), None).expect("an owner");
    assert!(write(&dir.path("planted")).is_ok());
}

#[test]
fn what_root_creates_belongs_to_the_owner_of_the_directory() {
    let dir = folder();
    if std::os::unix::fs::chown(&dir.path, Some(12_345), Some(23_456)).is_err() {
        println!("skipped: only root gives files away");
        return;
    }
    let path = dir.path("a/b/.env");
    assert_eq!(write(&path), changed(&[]));
    for path in [dir.path("a"), dir.path("a/b"), path] {
        let meta = fs::metadata(&path).expect("what was created");
        assert_eq!(
            (meta.uid(), meta.gid()),
            (12_345, 23_456),
            "{}",
            path.display()
        );
    }
}

#[test]
fn unwritable_file_or_directory_is_refused() {
    let dir = folder();
    let ours = dir.path("ours");
    fs::create_dir(&ours).expect("a directory");
    fs::set_permissions(&dir.path, fs::Permissions::from_mode(0o755)).expect("a mode");
    let env = ours.join(".env");
    fs::write(&env, "A=1\n").expect("a file");
    let root = fs::metadata(&env).expect("the file").uid() == 0;
    let set = |path: &Path, owner: u32, bits: u32| {
        if root {
            std::os::unix::fs::chown(path, Some(owner), Some(owner)).expect("an owner");
        }
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).expect("a mode");
    };
    let run = || {
        if root {
            as_nobody(&env)
        } else {
            Some(say(&mut child("llx-new", &env)))
        }
    };
    let shown = env.display();
    let hint = "hint: run this as the owner of the file and its directory, or choose another file with --env-file";
    let denied = format!("error: cannot write '{shown}': Permission denied\n{hint}");

    // A read-only file in a directory that would let us replace it.
    set(&ours, 65_534, 0o755);
    set(&env, 65_534, 0o444);
    let Some(said) = run() else { return };
    assert_eq!(said, denied);
    // A file of ours in a directory that does not.
    set(&env, 65_534, 0o600);
    set(&ours, 65_534, 0o555);
    assert_eq!(run(), Some(denied));
    // No directory for a new file.
    set(&ours, 65_534, 0o755);
    if root {
        // A file of another user that all may write: its owner cannot be kept.
        set(&env, 0, 0o666);
        let said = run();
        assert_eq!(
            said,
            Some(format!(
                "error: cannot write '{shown}': its owner cannot be kept: Operation not permitted\n{hint}"
            ))
        );
    }
    assert_eq!(fs::read_to_string(&env).as_deref().ok(), Some("A=1\n"));
    let left: Vec<_> = fs::read_dir(&ours).expect("the directory").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn unreadable_file_is_refused() {
    let dir = folder();
    fs::set_permissions(&dir.path, fs::Permissions::from_mode(0o755)).expect("a mode");
    let path = dir.file(".env", "A=1\n", 0o000);
    let root = fs::metadata(&path).expect("the file").uid() == 0;
    let said = if root {
        as_nobody(&path)
    } else {
        Some(say(&mut child("llx-new", &path)))
    };
    let Some(said) = said else { return };
    let shown = path.display();
    assert_eq!(
        said,
        format!(
            "error: cannot read '{shown}': Permission denied\n\
             hint: make it readable, or choose another file with --env-file"
        )
    );
}

#[test]
fn directory_fifo_socket_and_device_are_refused() {
    let dir = folder();
    let fifo = dir.path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    assert!(made.success());
    let socket = dir.path("socket");
    let _socket = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    symlink(&fifo, dir.path("to-fifo")).expect("a link");
    symlink("loop-b", dir.path("loop-a")).expect("a link");
    symlink("loop-a", dir.path("loop-b")).expect("a link");
    dir.file("plain", "", 0o600);
    for (path, reason) in [
        (dir.path.clone(), "it is a directory"),
        (dir.path("new/"), "it is a directory"),
        (dir.path(".."), "it is a directory"),
        (PathBuf::from("/"), "it is a directory"),
        (fifo.clone(), "it is not a regular file"),
        (dir.path("to-fifo"), "it is not a regular file"),
        (socket, "it is not a regular file"),
        (PathBuf::from("/dev/full"), "it is not a regular file"),
        (PathBuf::from("/dev/null"), "it is not a regular file"),
        (dir.path("loop-a"), "too many levels of symbolic links"),
        (dir.path("plain/.env"), "Not a directory"),
    ] {
        let want = format!(
            "error: cannot edit '{}': {reason}\n\
             hint: name a file with --env-file, or print the variables with `--env-file -`",
            path.display()
        );
        assert_eq!(write(&path), Err(want.clone()));
        assert_eq!(
            env_file::check(&path, &bindings("x"), &[]).map_err(|e| e.to_string()),
            Err(want)
        );
    }
    assert!(fs::metadata(&fifo).expect("the fifo").file_type().is_fifo());
    assert!(fs::metadata("/dev/full").is_ok_and(|m| m.file_type().is_char_device()));
}

#[test]
fn empty_path_is_refused() {
    let want = "error: the name of the file is empty\nhint: name a file with --env-file";
    assert_eq!(write(Path::new("")), Err(want.into()));
}

#[test]
fn symlinks_stay_symlinks() {
    let dir = folder();
    let real = dir.file("real", "A=1\n", 0o600);
    symlink("real", dir.path("link")).expect("a link");
    symlink("link", dir.path("link-to-link")).expect("a link");
    assert_eq!(write(&dir.path("link-to-link")), changed(&[]));
    assert_eq!(fs::read_to_string(&real).ok(), Some(format!("A=1\n{NEW}")));
    assert_eq!(
        fs::read_link(dir.path("link-to-link")).ok(),
        Some("link".into())
    );
    assert_eq!(fs::read_link(dir.path("link")).ok(), Some("real".into()));
    assert_eq!(dir.names(), ["link", "link-to-link", "real"]);
}

#[test]
fn dangling_symlink_is_followed() {
    let dir = folder();
    symlink("sub/real", dir.path("link")).expect("a link");
    assert_eq!(write(&dir.path("link")), changed(&[]));
    assert_eq!(
        fs::read_to_string(dir.path("sub/real")).as_deref().ok(),
        Some(NEW)
    );
    assert_eq!(mode(&dir.path("sub/real")), 0o600);
    assert!(dir.path("link").is_symlink());
}

#[test]
fn symlink_out_of_the_directory_is_a_warning() {
    let (dir, other) = (folder(), folder());
    let real = other.file("real", "A=1\n", 0o600);
    let (link, dangling) = (dir.path(".env"), dir.path("dangling"));
    symlink(&real, &link).expect("a link");
    symlink(other.path("new"), &dangling).expect("a link");
    for (link, real) in [(link, real), (dangling, other.path("new"))] {
        let warning = format!("'{}' is a symlink to '{}'", link.display(), real.display());
        assert_eq!(write(&link), changed(&[warning]));
        assert!(fs::read_to_string(&real).expect("the file").ends_with(NEW));
    }
    assert_eq!(other.names(), ["new", "real"]);
}

#[test]
fn hard_link_is_replaced_with_a_warning() {
    let dir = folder();
    let path = dir.file(".env", "A=1\n", 0o600);
    fs::hard_link(&path, dir.path("other")).expect("a link");
    let warning = format!(
        "'{}' has other names (hard links), which keep the old content",
        path.display()
    );
    assert_eq!(write(&path), changed(&[warning]));
    assert_eq!(
        fs::read_to_string(dir.path("other")).as_deref().ok(),
        Some("A=1\n")
    );
    assert_eq!(
        write(&path),
        Ok(Outcome {
            changed: false,
            warnings: vec![]
        })
    );
}

#[test]
fn refusals_name_file_and_line() {
    let dir = folder();
    for (text, message, hint) in [
        (
            "A=1\nB=\"x\n",
            ", line 2: a quote is opened and never closed",
            "close it, then run this again",
        ),
        (
            "A=1\n\nLLAMA_CLOUD_API_KEY=don't\n",
            ", line 3: a quote or bracket in the value has no counterpart",
            "remove it or empty the value, then run this again",
        ),
        (
            "LLAMA_CLOUD_API_KEY=old\\\nA=1\n",
            ", line 1: a backslash joins this line with the next one",
            "remove the backslash, then run this again",
        ),
        (
            "LLAMA_CLOUD_API_KEY=old; B=2\n",
            ", line 1: a shell reads more than one assignment on this line",
            "put each assignment on a line of its own, then run this again",
        ),
        (
            "A\0=\x001\0\n\0",
            " is UTF-16 without a byte order mark",
            "convert it to UTF-8, then run this again",
        ),
    ] {
        let path = dir.file(".env", text, 0o600);
        let shown = path.display();
        assert_eq!(
            write(&path),
            Err(format!("error: '{shown}'{message}\nhint: {hint}"))
        );
        assert_eq!(fs::read_to_string(&path).ok().as_deref(), Some(text));
    }
    let path = dir.path("new");
    let error = env_file::write(&path, &bindings("$(>PWN)"), &[]).map_err(|e| e.to_string());
    assert_eq!(
        error,
        Err("error: the value of LLAMA_CLOUD_API_KEY has the character '$', which readers of .env files do not read alike\n\
             hint: `llamactl auth exec` and `llamactl auth export --format sh` or `json` carry any value"
            .to_string())
    );
    assert_eq!(dir.names(), [".env"]);
}

#[test]
fn forbidden_name_is_refused() {
    let dir = folder();
    let path = dir.file(".env", "LLAMA_CLOUD_API_KEY=left\n", 0o600);
    let two = &bindings("")[1..];
    let run = || env_file::write(&path, two, &["LLAMA_CLOUD_API_KEY"]).map_err(|e| e.to_string());
    let shown = path.display();
    assert_eq!(
        run(),
        Err(format!(
            "error: '{shown}' assigns LLAMA_CLOUD_API_KEY, which this profile does not have\n\
             hint: remove that line, so that the key is not sent to another URL"
        ))
    );
    assert_eq!(
        fs::read_to_string(&path).as_deref().ok(),
        Some("LLAMA_CLOUD_API_KEY=left\n")
    );
    fs::write(&path, "# LLAMA_CLOUD_API_KEY=left\nLLAMA_CLOUD_API_KEY=\n").expect("a file");
    assert_eq!(run(), changed(&[]));
}

#[test]
fn control_characters_in_a_path_are_not_printed() {
    let dir = folder();
    let path = dir.path("a\nb");
    fs::create_dir(&path).expect("a directory");
    let error = write(&path).expect_err("a directory");
    assert_eq!(error.lines().count(), 2, "{error}");
}

#[test]
fn long_names_are_written_or_refused() {
    let dir = folder();
    // `.NAME.llamactl-XXXXXX.tmp` must fit into 255 bytes.
    for (name, is_written) in [
        ("x".repeat(234), true),
        ("x".repeat(235), false),
        ("é".repeat(116), true),
        ("x".repeat(255), false),
    ] {
        let path = dir.path(&name);
        match is_written {
            true => assert_eq!(write(&path), changed(&[])),
            false => {
                let error = write(&path).expect_err("a name that is too long");
                assert!(error.contains(": File name too long"), "{error}");
                assert!(!path.exists());
            }
        }
    }
}

#[test]
fn leftover_in_the_current_directory_is_removed() {
    // The child's directory is another one than that of the tests.
    let dir = folder();
    dir.file(".env.llamactl-abcd12.tmp", "stale", 0o600);
    let said = say(child("llx-new", Path::new(".env")).current_dir(&dir.path));
    assert_eq!(said, "changed: true");
    assert_eq!(dir.list(), BTreeMap::from([(".env".into(), NEW.into())]));
}

#[test]
fn only_leftovers_of_killed_writers_are_removed() {
    let dir = folder();
    let path = dir.file(".env", "A=1\n", 0o600);
    dir.file(".env.llamactl-abcd12.tmp", "stale", 0o600);
    dir.file(".env.llamactl-abc.tmp", "another file", 0o600);
    dir.file(".env.local.llamactl-abcd12.tmp", "another file's", 0o600);
    dir.file(".env.llamactl-abcd1-.tmp", "another file", 0o600);
    fs::create_dir(dir.path(".env.llamactl-dirdir.tmp")).expect("a directory");
    symlink("nowhere", dir.path(".env.llamactl-linkli.tmp")).expect("a link");
    // Opening it like a file would wait for a writer for ever.
    let fifo = dir.path(".env.llamactl-fifofi.tmp");
    let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo");
    assert!(made.success());
    let live = staged(&path, b"live").expect("a writer");
    assert_eq!(write(&path), changed(&[]));
    let left = dir.names();
    assert!(
        !left.contains(&".env.llamactl-abcd12.tmp".into()),
        "{left:?}"
    );
    assert_eq!(left.len(), 8, "{left:?}");
    live.commit().expect("the writer was left alone");
    assert_eq!(fs::read_to_string(&path).as_deref().ok(), Some("live"));
    assert_eq!(dir.names().len(), 7);
}

#[test]
fn dropped_temporary_file_is_removed() {
    let dir = folder();
    drop(staged(&dir.path(".env"), b"x").expect("a writer"));
    assert!(dir.names().is_empty());
    atomic::sweep(&dir.path("no/such/.env"));
}

#[test]
fn temporary_file_is_private() {
    let dir = folder();
    let path = dir.path(".env");
    let first = staged(&path, b"key").expect("a writer");
    let names = dir.names();
    assert_eq!(names.len(), 1);
    assert!(
        names[0].starts_with(".env.") && names[0].strip_suffix(".tmp").is_some(),
        "{names:?}"
    );
    assert_eq!(mode(&dir.path(&names[0])), 0o600);
    first.commit_new().expect("its place is free");
    let again = staged(&path, b"other").expect("a writer");
    let taken = again.commit_new().expect_err("its place is taken");
    assert_eq!(taken.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(dir.list(), BTreeMap::from([(".env".into(), "key".into())]));
}

/// Whole, and one of the two.
#[test]
fn concurrent_writers_leave_one_whole_file() {
    let dir = folder();
    let path = dir.file(".env", &"# filler\n".repeat(2000), 0o600);
    for round in 0..40 {
        let keys: Vec<String> = (0..4)
            .map(|writer| format!("llx-{round}-{writer}"))
            .collect();
        std::thread::scope(|scope| {
            for key in &keys {
                scope.spawn(|| {
                    match env_file::write(&path, &bindings(key), &[]) {
                        Ok(_) => {}
                        // The others were quicker three times.
                        Err(e) => assert!(
                            e.message.ends_with("keeps changing while it is edited"),
                            "{e}"
                        ),
                    }
                });
            }
        });
        let text = fs::read_to_string(&path).expect("the file");
        let whole = |key: &String| {
            text == format!(
                "{}{}",
                "# filler\n".repeat(2000),
                NEW.replace("llx-new", key)
            )
        };
        assert!(keys.iter().any(whole), "{}", &text[text.len() - 200..]);
        assert_eq!(dir.names(), [".env"]);
    }
}

/// A line that an editor adds meanwhile is not lost.
#[test]
fn file_that_changes_meanwhile_is_read_again() {
    let dir = folder();
    let path = dir.file(".env", "", 0o600);
    let end = Instant::now() + Duration::from_secs(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0;
            while Instant::now() < end {
                turn += 1;
                let key = format!("llx-{turn}");
                let _ = env_file::write(&path, &bindings(&key), &[]);
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        let mut added = Vec::new();
        while Instant::now() < end {
            // An editor that saves in place, with what it finds at that moment.
            let line = format!("LINE_{}=1\n", added.len());
            if let Ok(mut file) = File::options().append(true).open(&path) {
                let ino = file.metadata().map(|m| m.ino()).ok();
                let written = file.write_all(line.as_bytes()).is_ok();
                // Replaced between the two: the line went into the old file, which cannot be prevented.
                if written && ino == fs::metadata(&path).map(|m| m.ino()).ok() {
                    added.push(line);
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let text = fs::read_to_string(&path).expect("the file");
        let lost = added
            .iter()
            .filter(|line| !text.contains(line.as_str()))
            .count();
        // Between the last look and the rename there is a moment that no file system closes.
        assert!(
            lost <= 1 + added.len() / 20,
            "{lost} of {} lost",
            added.len()
        );
    });
}

/// The old file or a new one, and nothing left beside it once the next run is through.
#[test]
fn killed_writer_leaves_old_or_new_content() {
    let dir = folder();
    let filler = "# filler\n".repeat(500);
    let path = dir.file(".env", &filler, 0o600);
    let mut writing = 0;
    for round in 0..100_u64 {
        let before = fs::metadata(&path).expect("the file").ino();
        let mut child = child("forever", &path);
        let mut child = child.stdout(Stdio::null()).spawn().expect("the child runs");
        // From its first write on it does nothing else.
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end && fs::metadata(&path).is_ok_and(|now| now.ino() == before) {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros((round * 7919) % 9000));
        child.kill().expect("a kill");
        child.wait().expect("its end");
        let text = fs::read_to_string(&path).expect("the file");
        let rest = text.strip_prefix(&filler).expect("what was there");
        if !rest.is_empty() {
            let key = rest
                .strip_prefix("LLAMA_CLOUD_API_KEY=")
                .and_then(|r| r.split_once('\n'));
            let (key, rest) = key.expect("a whole line");
            assert!(
                key.ends_with(&"x".repeat(4000)) || key == format!("after-{}", round - 1),
                "{key}"
            );
            writing += u64::from(key.len() > 4000);
            assert_eq!(rest, NEW.split_once('\n').expect("lines").1);
        }
        let key = format!("after-{round}");
        env_file::write(&path, &bindings(&key), &[]).expect("the next run");
        assert_eq!(dir.names(), [".env"]);
    }
    assert!(writing > 50, "the child never got to write: {writing}");
}

fn git(dir: &Path, args: &[&str]) -> bool {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=x", "-c", "user.email=x@example.com"])
        .args(args)
        .current_dir(dir);
    git.stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[test]
fn git_warnings_match_the_repository() {
    let dir = folder();
    if !git(&dir.path, &["init", "--quiet"]) {
        println!("skipped: no git");
        return;
    }
    let marker = dir.path("RUN");
    let script = dir.file(
        "script",
        &format!("#!/bin/sh\n: > {}\n", marker.display()),
        0o700,
    );
    let script = script.to_str().expect("text");
    for name in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.editor",
        "filter.x.clean",
    ] {
        assert!(git(&dir.path, &["config", name, script]));
    }
    for hook in ["post-index-change", "pre-commit", "fsmonitor-watchman"] {
        fs::create_dir_all(dir.path(".git/hooks")).expect("a directory");
        dir.file(
            &format!(".git/hooks/{hook}"),
            &format!("#!/bin/sh\n: > {}\n", marker.display()),
            0o700,
        );
    }
    let path = dir.path(".env");
    let shown = path.display();
    let tracked = format!("'{shown}' is tracked by git: the key can end up in a commit");
    let open = format!(
        "'{shown}' is not ignored by git: add it to .gitignore, or the key can end up in a commit"
    );

    assert_eq!(write(&path), changed(std::slice::from_ref(&open)));
    let check = |key| env_file::check(&path, &bindings(key), &[]).map_err(|e| e.to_string());
    assert_eq!(
        check("llx-new"),
        Ok(Outcome {
            changed: false,
            warnings: vec![open.clone()]
        })
    );
    // Variables that would point git elsewhere.
    let said = say(child("other", &path)
        .env("GIT_DIR", "/nonexistent")
        .env("GIT_WORK_TREE", "/"));
    assert_eq!(said, format!("changed: true\nwarning: {open}"));
    fs::write(dir.path(".gitignore"), ".env\n").expect("a file");
    assert_eq!(
        check("other"),
        Ok(Outcome {
            changed: false,
            warnings: vec![]
        })
    );
    assert!(git(
        &dir.path,
        &["-c", "core.fsmonitor=false", "add", "-f", ".env"]
    ));
    let _ = fs::remove_file(&marker);
    assert_eq!(
        check("other"),
        Ok(Outcome {
            changed: false,
            warnings: vec![tracked]
        })
    );
    // About the real file, not the link to it.
    let outside = folder();
    let link = outside.path("link");
    symlink(&path, &link).expect("a link");
    let warnings = env_file::check(&link, &bindings("other"), &[])
        .expect("a check")
        .warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    // No git, no warning.
    assert_eq!(
        say(child("other", &path).env("PATH", "/nonexistent")),
        "changed: false"
    );
    assert!(!marker.exists(), "the repository ran something");
}

#[test]
fn git_that_fails_is_a_warning() {
    let dir = folder();
    let path = dir.file(".env", "A=1\n", 0o600);
    if !git(&dir.path, &["init", "--quiet"]) {
        println!("skipped: no git");
        return;
    }
    let warning = |reason: &str| {
        format!(
            "'{}' may not be ignored by git, which failed: {reason}",
            path.display()
        )
    };
    // git would wait for the other end for ever.
    let fifo = dir.path(".gitignore");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .expect("mkfifo")
            .success()
    );
    let began = Instant::now();
    assert_eq!(write(&path), changed(&[warning("it took too long")]));
    assert!(began.elapsed() < Duration::from_secs(10));
    fs::remove_file(&fifo).expect("the FIFO");
    // The repository of another user.
    let chown = |path: &Path| std::os::unix::fs::chown(path, Some(12_345), Some(12_345));
    if chown(&dir.path)
        .and_then(|()| chown(&dir.path(".git")))
        .is_err()
    {
        println!("skipped: only root gives files away");
        return;
    }
    let outcome = env_file::check(&path, &bindings("llx-new"), &[]).expect("a check");
    assert_eq!(outcome.warnings.len(), 1, "{outcome:?}");
    assert!(
        outcome.warnings[0].starts_with(&warning("detected dubious ownership")),
        "{outcome:?}"
    );
}

#[test]
fn uncreatable_directory_and_file_are_named() {
    for (path, said) in [
        (
            "/proc/no/such/.env",
            "cannot create the directory '/proc/no/such': No such file or directory\n\
            hint: create it, or choose another file with --env-file",
        ),
        (
            "/proc/self/.env",
            "cannot write '/proc/self/.env': No such file or directory\nhint: the file is unchanged",
        ),
    ] {
        if cfg!(target_os = "linux") {
            assert_eq!(write(Path::new(path)), Err(format!("error: {said}")));
        }
    }
}

#[test]
fn symlink_into_missing_directories_is_followed() {
    let dir = folder();
    let link = dir.path(".env");
    symlink("missing/../elsewhere/.env", &link).expect("a link");
    let real = dir.path("missing/../elsewhere/.env");
    let (shown, to) = (link.display(), real.display());
    assert_eq!(
        write(&link),
        changed(&[format!("'{shown}' is a symlink to '{to}'")])
    );
    assert_eq!(
        fs::read_to_string(dir.path("elsewhere/.env"))
            .as_deref()
            .ok(),
        Some(NEW)
    );
    assert_eq!(dir.names(), [".env", "elsewhere", "missing"]);
}

#[test]
fn symlink_loops_are_refused() {
    let dir = folder();
    symlink("b", dir.path("a")).expect("a link");
    symlink("a", dir.path("b")).expect("a link");
    let said = |path: &Path| open::follow_symlinks(path).map_err(|e| e.to_string());
    assert_eq!(
        said(&dir.path("a")),
        Err("too many levels of symbolic links".into())
    );
    let below = dir.file("file", "", 0o600).join("x");
    assert_eq!(
        open::follow_symlinks(&below).map_err(|e| e.kind()),
        Err(std::io::ErrorKind::NotADirectory)
    );
    // As many as the system follows, and no more.
    fs::write(dir.path("0"), "").expect("a file");
    for link in 1..=41 {
        symlink((link - 1).to_string(), dir.path(&link.to_string())).expect("a link");
    }
    assert_eq!(said(&dir.path("40")), Ok(dir.path("0")));
    assert_eq!(
        fs::metadata(dir.path("40")).map_err(|e| e.kind()).err(),
        None
    );
    assert_eq!(
        said(&dir.path("41")),
        Err("too many levels of symbolic links".into())
    );
    assert!(fs::metadata(dir.path("41")).is_err());
}

/// What the directory gives to new files does not come to one that takes the place of an old file.
#[test]
fn default_access_list_of_the_directory_is_not_inherited() {
    let dir = folder();
    let path = dir.file(".env", "A=1\n", 0o640);
    // Version 2; the owner, user 12345, the group, the mask, others: each a tag, rights and an id.
    let entries: [(u16, u16, u32); 5] = [
        (1, 7, u32::MAX),
        (2, 7, 12_345),
        (4, 5, u32::MAX),
        (16, 7, u32::MAX),
        (32, 0, u32::MAX),
    ];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let flags = rustix::fs::XattrFlags::empty();
    if rustix::fs::setxattr(&dir.path, "system.posix_acl_default", &list, flags).is_err() {
        println!("skipped: this file system has no access lists");
        return;
    }
    let list_of = |path: &Path| {
        let mut value = [0_u8; 256];
        rustix::fs::getxattr(path, "system.posix_acl_access", &mut value[..]).is_ok()
    };
    fs::write(dir.path("new"), "").expect("a file");
    assert!(list_of(&dir.path("new")), "the directory hands none on");
    let warning = format!(
        "'{}' is readable by other users (mode 0640); `chmod 600` makes it private",
        path.display()
    );
    assert_eq!(write(&path), changed(&[warning]));
    assert!(!list_of(&path));
    assert_eq!(mode(&path), 0o640);
}

/// Of those that start without a file one makes it, and the others read what it made.
#[test]
fn concurrent_creators_leave_one_whole_file() {
    for round in 0..50 {
        let dir = folder();
        let path = dir.path(".env");
        let keys: Vec<String> = (0..8).map(|maker| format!("llx-{round}-{maker}")).collect();
        crate::support::parallel(keys.len(), |maker| {
            let made = env_file::write(&path, &bindings(&keys[maker]), &[]);
            if let Err(e) = made {
                // The others were quicker three times.
                assert!(
                    e.message.ends_with("keeps changing while it is edited"),
                    "{e}"
                );
            }
        });
        let text = fs::read_to_string(&path).expect("the file");
        let whole = |key: &String| text == NEW.replace("llx-new", key);
        assert!(keys.iter().any(whole), "{text}");
        assert_eq!((dir.names(), mode(&path)), (vec![".env".into()], 0o600));
    }
}
