//! `auth import`, with fake `python3` and `sqlite3` programs, which print what the real ones print for the databases in
//! fixtures/python, or malformed output. The real ones run in tests/e2e/test_import.py.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::support::Sandbox;
use crate::support::profiles::said;
use crate::support::secrets::{KEY, OTHER_KEY};

const PLACE: &str = "../home/.config/llamactl/profiles.db";
const STORE: &str = ".config/llamactl/profiles.json";
const HINT: &str = "hint: nothing was changed; pass another file with --from, or create the profile with `llamactl auth token`\n";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/python")
        .join(name)
}

/// A home with the Python tool's database, and a `python3` that prints its rows.
fn at_home(version: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    for secret in [
        "access-token-of-ada",
        "refresh-token-of-ada",
        "id-token-of-ada",
    ] {
        sandbox.secret(secret);
    }
    let database = fs::read(fixture(&format!("{version}.db"))).expect("a database");
    sandbox.write(PLACE, database);
    sandbox.set_mode("../home/.config/llamactl", 0o700);
    python(&sandbox, &fixture(&format!("{version}.rows")));
    sandbox
}

/// A `python3` that prints these rows.
fn python(sandbox: &Sandbox, rows: &Path) {
    let tables = match rows.starts_with(fixture("")) {
        true => rows.with_extension("tables"),
        false => fixture("v2.tables"),
    };
    sandbox.program(
        "python3",
        &format!(
            "case \"$*\" in *pragma_table_info*) exec /bin/cat {};; esac\nexec /bin/cat {}",
            tables.display(),
            rows.display()
        ),
    );
}

fn golden(version: &str) -> serde_json::Value {
    let text = fs::read_to_string(fixture(&format!("{version}.json"))).expect("a golden file");
    said(serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn second_import_changes_nothing() {
    let sandbox = at_home("v2");
    sandbox
        .cmd("auth import")
        .stdout(
            "
            NAME             API_URL                          PROJECT_ID  AUTH   RESULT
            llx-01****mnop   https://api.cloud.llamaindex.ai  prj-alpha   token  imported
            zoe@example.com  https://llama.example.com/base   prj-beta    oidc   imported
            ada@example.com  https://llama.example.com/base   prj-alpha   oidc   imported
            default          http://127.0.0.1:8000            prj-open    none   imported
            ",
        )
        .stderr(
            "
            added environment https://llama.example.com/base
            added environment http://127.0.0.1:8000
            imported 4 profiles from [HOME]/.config/llamactl/profiles.db, skipped 0
            the current environment is https://llama.example.com/base
            the browser login is now shared with the Python tool: a refresh or logout in one of them may end it in the other
            ",
        )
        .run();
    assert_eq!(sandbox.json_home(STORE), golden("v2"));

    let before = fs::metadata(sandbox.home().join(STORE)).expect("the store");
    sandbox
        .cmd("auth import")
        .stdout(
            "
            NAME             API_URL                          PROJECT_ID  AUTH   RESULT
            llx-01****mnop   https://api.cloud.llamaindex.ai  prj-alpha   token  skipped: already exists
            zoe@example.com  https://llama.example.com/base   prj-beta    oidc   skipped: already exists
            ada@example.com  https://llama.example.com/base   prj-alpha   oidc   skipped: already exists
            default          http://127.0.0.1:8000            prj-open    none   skipped: already exists
            ",
        )
        .stderr("imported 0 profiles from [HOME]/.config/llamactl/profiles.db, skipped 4\n")
        .run();
    let after = fs::metadata(sandbox.home().join(STORE)).expect("the store");
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[test]
fn schema_version_1_is_imported() {
    let sandbox = at_home("v1");
    sandbox
        .cmd("auth import -o yaml")
        .stdout(
            "
            from: [HOME]/.config/llamactl/profiles.db
            dry_run: false
            environments: []
            profiles:
            - name: llx-01****mnop
              api_url: https://api.cloud.llamaindex.ai
              project_id: prj-alpha
              auth_type: token
              imported: true
              reason: null
            - name: default
              api_url: http://127.0.0.1:8000
              project_id: prj-open
              auth_type: none
              imported: true
              reason: null
            ",
        )
        .run();
    assert_eq!(sandbox.json_home(STORE), golden("v1"));
}

#[test]
fn dry_run_writes_nothing() {
    let sandbox = at_home("v2");
    let before = sandbox.home_tree();
    sandbox
        .cmd("auth import --dry-run")
        .stdout_has("zoe@example.com  https://llama.example.com/base   prj-beta    oidc   would be imported\n")
        .stderr(
            "
            would add environment https://llama.example.com/base
            would add environment http://127.0.0.1:8000
            would import 4 profiles from [HOME]/.config/llamactl/profiles.db and skip 0; nothing was written
            ",
        )
        .run();
    assert_eq!(sandbox.home_tree(), before);
}

#[test]
fn newer_schema_is_imported_with_a_warning() {
    let sandbox = at_home("v2");
    let rows = fs::read(fixture("v2.rows")).expect("rows");
    let rows = sandbox.write("rows", rows);
    let tables = fs::read_to_string(fixture("v2.tables")).expect("tables");
    let tables = tables.replace(r#""version":2"#, r#""version":3"#);
    let tables = tables.replace(r#""id"]"#, r#""id","later"]"#);
    let tables = sandbox.write("tables", tables);
    sandbox.program(
        "python3",
        &format!(
            "case \"$*\" in *pragma_table_info*) exec /bin/cat {};; esac\nexec /bin/cat {}",
            tables.display(),
            rows.display()
        ),
    );
    let run = sandbox.cmd("auth import -o json").any_stdout();
    run.stderr(
        "warning: a newer Python tool wrote the database; fields that are new in it were not imported\n",
    )
    .run();
    assert_eq!(sandbox.json_home(STORE), golden("v2"));
}

#[test]
fn existing_profiles_are_kept() {
    let sandbox = at_home("v2");
    let ours = json!({
        "version": 1,
        "current_environment": null,
        "environments": [
            {"api_url": "https://api.cloud.llamaindex.ai", "current_profile": "mine", "profiles": [
                {"name": "mine", "project_id": "p", "api_key": OTHER_KEY},
                {"name": "llx-01****mnop", "project_id": "p", "api_key": OTHER_KEY},
            ]},
            {"api_url": "http://127.0.0.1:8000", "requires_auth": true, "current_profile": null, "profiles": [
                {"name": "default", "project_id": "another"},
            ]},
        ],
    });
    sandbox.write("../home/.config/llamactl/profiles.json", ours.to_string());
    sandbox.set_mode("../home/.config/llamactl/profiles.json", 0o600);
    let report = sandbox.cmd("auth import -o json").any_stdout().run().json();
    let reasons: Vec<_> = report["profiles"]
        .as_array()
        .expect("profiles")
        .iter()
        .map(|one| one["reason"].clone())
        .collect();
    assert_eq!(
        reasons,
        [
            json!("another profile has this name"),
            json!(null),
            json!(null),
            json!("already exists")
        ]
    );
    assert_eq!(
        report["environments"],
        json!([
            {"api_url": "https://llama.example.com/base", "imported": true, "reason": null},
            {"api_url": "http://127.0.0.1:8000", "imported": false, "reason": "already exists"},
        ])
    );
    let store = sandbox.json_home(STORE);
    let environments = &store["environments"];
    assert_eq!(store["current_environment"], json!(null));
    assert_eq!(environments[0]["current_profile"], "mine");
    assert_eq!(
        environments[0]["profiles"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(environments[0]["profiles"][1]["api_key"], OTHER_KEY);
    assert_eq!(environments[1]["requires_auth"], json!(true));
    assert_eq!(environments[1]["current_profile"], json!(null));
    assert_eq!(environments[1]["profiles"][0]["project_id"], "another");
    assert_eq!(environments[2], golden("v2")["environments"][1]);
}

/// Rows of a hostile database.
fn hostile_rows() -> Vec<u8> {
    let row = |name: &str, url: &str, project: &str, key: &str, login: &str| {
        let text_or_null = |text: &str| {
            if text.is_empty() {
                json!(null)
            } else {
                json!(text)
            }
        };
        json!({"table": "profile", "name": name, "api_url": url, "project_id": project, "api_key": text_or_null(key),
            "api_key_id": null, "device_oidc": text_or_null(login)})
        .to_string()
    };
    let (h, p) = ("http://h", "p");
    let login = |url: &str, token: &str| {
        json!({"device_name": "d\u{1b}[31m", "user_id": "u", "email": "", "client_id": "c", "discovery_url": url,
            "device_access_token": token})
        .to_string()
    };
    let mut rows: Vec<Vec<u8>> = [
        r#"{"table":"environment","api_url":"ftp://h","requires_auth":"1","min_llamactl_version":null}"#.to_string(),
        r#"{"table":"environment","api_url":"HTTP://H:80/","requires_auth":"0","min_llamactl_version":"1\u001b[31m"}"#.to_string(),
        row("good", h, p, "", ""),
        row("", h, p, "", ""),
        row("-rf", h, p, "", ""),
        row("a\u{1b}[2Jb", h, p, "", ""),
        row(&"n".repeat(1000), h, p, "", ""),
        row("url", "https://user:hunter2secret@h", p, "", ""),
        row("long url", &format!("http://h/{}", "x".repeat(5000)), p, "", ""),
        row("project", h, "a b", "", ""),
        row("key", h, p, "llx-0123456789\nabcdefghijklmnop", ""),
        row("json", h, p, KEY, "{\"device_name\": 1}"),
        row("provider", h, p, KEY, &login("file:///etc/passwd", "t")),
        row("token", h, p, KEY, &login("https://idp/x?y", "a b")),
        row("login", h, p, KEY, &login("https://idp/x?y", "access")),
        row("good", "http://h/", p, KEY, ""),
        r#"{"table":"profile"}"#.to_string(),
        "{\"table\":\"profile\",\"name\":\"half".to_string(),
        r#"{"table":"setting","key":"current_environment_api_url","value":"ftp://h"}"#.to_string(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    rows.push(b"{\"table\":\"profile\",\"name\":\"\xff\xfe\"}".to_vec());
    rows.join(&b'\n')
}

#[test]
fn invalid_rows_are_skipped_with_the_reason() {
    let sandbox = at_home("v2");
    sandbox.secret("hunter2secret");
    let rows = sandbox.write("rows", hostile_rows());
    python(&sandbox, &rows);
    let run = sandbox.cmd("auth import -o json").any_stdout();
    let report = run
        .stderr("warning: skipped 2 malformed rows of the database\n")
        .run()
        .json();
    let found: Vec<(&str, Option<&str>)> = report["profiles"]
        .as_array()
        .expect("profiles")
        .iter()
        .map(|one| (one["name"].as_str().unwrap_or("?"), one["reason"].as_str()))
        .collect();
    let n = "n".repeat(256);
    let renamed_from_n = format!("renamed from '{n}'");
    assert_eq!(
        found,
        [
            ("good", None),
            ("imported", Some("renamed from ''")),
            ("rf", Some("renamed from '-rf'")),
            ("a[2Jb", Some("renamed from 'a\\u{1b}[2Jb'")),
            (&n[..124], Some(renamed_from_n.as_str())),
            (
                "url",
                Some("its URL must not contain a user name or password")
            ),
            ("long url", Some("its URL is too long")),
            ("project", Some("its project id contains whitespace")),
            ("key", Some("its API key contains whitespace")),
            (
                "json",
                Some("its login is not valid JSON of the Python tool")
            ),
            (
                "provider",
                Some("its login's discovery URL must begin with https:// or http://")
            ),
            (
                "token",
                Some("its login's access token contains whitespace")
            ),
            ("login", None),
            ("good", Some("another profile has this name")),
            ("", Some("its URL is empty")),
        ]
    );
    assert_eq!(
        report["environments"],
        json!([
            {"api_url": null, "imported": false, "reason": "its URL must begin with https:// or http://"},
            {"api_url": "http://h", "imported": true, "reason": null},
        ])
    );
    let env = &sandbox.json_home(STORE)["environments"][0];
    assert_eq!(env["min_llamactl_version"], "1\\u{1b}[31m");
    assert_eq!(env["profiles"][5]["oidc"]["device_name"], "d\\u{1b}[31m");
    assert_eq!(env["profiles"][5]["oidc"]["email"], json!(null));
}

#[test]
fn reader_gets_a_private_copy_and_no_secret() {
    let sandbox = at_home("v2");
    sandbox.write("../home/.config/llamactl/profiles.db-wal", "frames");
    sandbox.set_mode("../home/.config/llamactl/profiles.db-wal", 0o644);
    let seen = sandbox.write("seen", "");
    sandbox.program(
        "python3",
        &format!(
            r#"{{
                /usr/bin/env; for argument; do echo "argument $argument"; done
                for file in "$4" "$4-wal" "${{4%/*}}"; do [ -e "$file" ] && /bin/ls -ld "$file"; done
                echo "in $PWD"; /bin/cat "$4-wal"; echo
            }} >>{}
            case "$*" in *pragma_table_info*) exec /bin/cat {};; esac
            exec /bin/cat {}"#,
            seen.display(),
            fixture("v2.tables").display(),
            fixture("v2.rows").display()
        ),
    );
    let temp = sandbox.write("temp/x", "").parent().unwrap().to_path_buf();
    sandbox.write(
        "temp/llamactl-import-killed/profiles.db",
        "what a killed run left",
    );
    let stale = fs::File::open(temp.join("llamactl-import-killed")).expect("a directory");
    stale
        .set_modified(SystemTime::now() - Duration::from_secs(3600))
        .expect("its time");
    sandbox.write("temp/llamactl-import-running/profiles.db", "of another run");
    let theirs = |sandbox: &Sandbox| -> Vec<_> {
        let directory = sandbox.home().join(".config/llamactl");
        let mut files: Vec<_> = fs::read_dir(directory)
            .expect("the directory")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().contains("profiles.db"))
            .map(|path| {
                let meta = fs::metadata(&path).expect("a file");
                let bytes = fs::read(&path).expect("its bytes");
                (
                    path,
                    meta.modified().expect("a time"),
                    meta.permissions().mode(),
                    bytes,
                )
            })
            .collect();
        files.sort();
        files
    };
    let before = theirs(&sandbox);
    assert_eq!(before.len(), 2);

    sandbox
        .cmd("auth import")
        .env("TMPDIR", &temp)
        .env("LLAMA_CLOUD_API_KEY", KEY)
        .env("LLAMA_CLOUD_BASE_URL", "http://h")
        .env("PYTHONSTARTUP", "/x")
        .env("PYTHONPATH", "/x")
        .any_stdout()
        .any_stderr()
        .run();
    assert_eq!(theirs(&sandbox), before);
    let seen = sandbox.read("seen");
    sandbox.assert_no_key("what the reader sees", &seen);
    assert!(
        !seen.contains("LLAMA") && !seen.contains("PYTHON"),
        "{seen}"
    );
    assert!(
        seen.contains("argument -I\n") && seen.contains("\nHOME="),
        "{seen}"
    );
    let listed = |end: &str, mode: &str| {
        let mut lines = seen.lines().filter(|line| line.starts_with(['-', 'd']));
        lines.any(|line| line.starts_with(mode) && line.ends_with(end))
    };
    assert!(listed("/profiles.db", "-rw-------"), "{seen}");
    assert!(listed("/profiles.db-wal", "-rw-------"), "{seen}");
    assert!(
        seen.lines().any(|line| line.starts_with("drwx------")),
        "{seen}"
    );
    assert!(
        seen.contains("\nin /\n")
            && seen.contains(&format!("argument {}/llamactl-import-", temp.display())),
        "{seen}"
    );
    assert!(seen.contains("\nframes\n"), "{seen}");
    let mut left: Vec<_> = fs::read_dir(&temp)
        .expect("the directory")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["llamactl-import-running", "x"]);
}

/// Runs an import that must fail with this error, in bounded time, storing nothing and leaving no copy.
fn refused(sandbox: &Sandbox, arguments: &str, error: &str) {
    let temp = sandbox.write("temp/x", "").parent().unwrap().to_path_buf();
    let run = sandbox.cmd(arguments).env("TMPDIR", &temp);
    run.stderr(error)
        .code(1)
        .limit(Duration::from_secs(30))
        .run();
    assert!(!sandbox.home().join(STORE).exists());
    assert_eq!(fs::read_dir(&temp).expect("the directory").count(), 1);
}

fn unreadable(why: &str) -> String {
    format!("error: cannot read '[HOME]/.config/llamactl/profiles.db': {why}\n{HINT}")
}

#[test]
fn without_python3_and_sqlite3_the_error_names_both() {
    let sandbox = at_home("v2");
    fs::remove_file(sandbox.home().join("../bin/python3")).expect("no python3");
    refused(
        &sandbox,
        "auth import",
        "
        error: cannot read '[HOME]/.config/llamactl/profiles.db': this needs python3 or sqlite3, and neither is on the PATH
        hint: install one of them (on Debian: `apt install sqlite3`), or create the profile with `llamactl auth token`
        ",
    );
}

#[test]
fn sqlite3_is_used_if_python3_fails() {
    let sandbox = at_home("v2");
    fs::rename(
        sandbox.home().join("../bin/python3"),
        sandbox.home().join("../bin/sqlite3"),
    )
    .expect("a sqlite3");
    sandbox.program(
        "python3",
        "echo 'ModuleNotFoundError: No module named _sqlite3' >&2; exit 1",
    );
    sandbox.cmd("auth import").any_stdout().any_stderr().run();
    assert_eq!(sandbox.json_home(STORE), golden("v2"));
}

#[test]
fn error_quotes_both_programs() {
    let sandbox = at_home("v2");
    sandbox.program("python3", "printf 'Traceback:\\n  x\\nsqlite3.DatabaseError: file is not\\033[31m a database\\n' >&2; exit 1");
    refused(
        &sandbox,
        "auth import",
        &unreadable("python3 failed: file is not\\u{1b}[31m a database"),
    );
    sandbox.program("sqlite3", "exit 3");
    refused(
        &sandbox,
        "auth import",
        &unreadable(
            "python3 failed: file is not\\u{1b}[31m a database; sqlite3 failed without a message",
        ),
    );
    sandbox.set_mode("../bin/python3", 0o644);
    refused(
        &sandbox,
        "auth import",
        &unreadable("sqlite3 failed without a message"),
    );
}

#[test]
fn damaged_databases_and_malformed_output_are_errors() {
    let sandbox = at_home("v2");
    let rubbish = "python3 or sqlite3 printed malformed output";
    for (script, why) in [
        ("exit 0", rubbish),
        ("echo rubbish", rubbish),
        ("echo '\"ok\"'; echo '[]'", rubbish),
        ("/usr/bin/head -c 100000 /dev/urandom", rubbish),
        (
            "echo '\"row 1 missing from index\"'; echo '{}'",
            "it is damaged, or was being written; try again",
        ),
        (
            "echo '\"ok\"'; echo '{\"version\":0,\"tables\":0,\"columns\":[]}'",
            "it is not a database of the Python tool",
        ),
    ] {
        sandbox.program("python3", script);
        refused(&sandbox, "auth import", &unreadable(why));
    }
}

#[test]
fn output_of_the_reader_is_limited() {
    let sandbox = at_home("v2");
    sandbox.program("python3", "exec /usr/bin/yes rubbish");
    refused(
        &sandbox,
        "auth import",
        &unreadable("python3 printed more than 64 MiB"),
    );
    // What it says on standard error is read away, so that it can end.
    sandbox.program("python3", "/usr/bin/head -c 10000000 /dev/zero >&2; exit 1");
    let output = sandbox.cmd("auth import").any_stderr().code(1).run();
    assert!(output.stderr.len() < 1000, "{}", output.stderr);
}

#[test]
fn reader_that_hangs_is_killed() {
    let sandbox = at_home("v2");
    let pid = sandbox.write("pid", "");
    let script = format!("echo $$ >{}; exec /bin/sleep 600", pid.display());
    sandbox.program("python3", &script);
    let error = unreadable("python3 did not end within 10 seconds");
    refused(&sandbox, "auth import", &error);
    assert_ends(&sandbox.read("pid"));
}

#[test]
fn signals_leave_neither_the_copy_nor_the_reader() {
    use rustix::process::Signal;
    for (signal, leaves_copy) in [
        (Signal::INT, false),
        (Signal::TERM, false),
        (Signal::HUP, false),
        // Nobody can clean up after this one; the next import removes the copy.
        (Signal::KILL, true),
    ] {
        let sandbox = at_home("v2");
        let temp = sandbox.write("temp/x", "").parent().unwrap().to_path_buf();
        let pid = sandbox.cwd().join("pid");
        let script = format!(
            "echo $$ >{0}.new; /bin/mv {0}.new {0}; exec /bin/sleep 600",
            pid.display()
        );
        sandbox.program("python3", &script);
        let running = sandbox
            .cmd("auth import")
            .env("TMPDIR", &temp)
            .anything()
            .spawn();
        let end = Instant::now() + Duration::from_secs(20);
        while !pid.exists() {
            assert!(Instant::now() < end, "the reader was not started");
            std::thread::sleep(Duration::from_millis(5));
        }
        let process = i32::try_from(running.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(process.expect("a process"), signal).expect("a signal");
        let exit = running.wait().exit;
        assert_ne!(exit, crate::support::Exit::Code(0), "{signal:?}");
        if cfg!(target_os = "linux") || signal != Signal::KILL {
            assert_ends(&sandbox.read("pid"));
        }
        let copies = fs::read_dir(&temp).expect("the directory").count() - 1;
        assert_eq!(copies, usize::from(leaves_copy), "{signal:?}");
        assert!(!sandbox.home().join(STORE).exists());
    }
}

/// Waits until a process is gone, or a zombie of another parent.
fn assert_ends(pid: &str) {
    let pid = pid.trim();
    let end = Instant::now() + Duration::from_secs(5);
    let is_alive = || {
        let process = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        process.contains("(sleep)") && !process.contains(") Z ")
    };
    while is_alive() {
        assert!(Instant::now() < end, "{pid} is still running");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A version manager reads its configuration from the parents of the working directory.
#[test]
fn working_directory_does_not_choose_the_program() {
    let sandbox = at_home("v2");
    let shim = |name: &str| {
        sandbox.program(
            name,
            "directory=$PWD\nwhile :; do [ -e \"$directory/.tool-versions\" ] && exit 66\n\
             [ -n \"$directory\" ] || break; directory=${directory%/*}; done\nexit 3",
        )
    };
    shim("python3");
    shim("sqlite3");
    let temp = sandbox.write("temp/x", "").parent().unwrap().to_path_buf();
    for planted in [
        ".tool-versions",
        "temp/.tool-versions",
        "../home/.tool-versions",
    ] {
        sandbox.write(planted, "python evil");
    }
    sandbox
        .cmd("auth import")
        .env("TMPDIR", &temp)
        .code(1)
        .stderr(&unreadable(
            "python3 failed without a message; sqlite3 failed without a message",
        ))
        .run();
    // Nor does a relative entry of PATH.
    sandbox.write("bin/python3", "#!/bin/sh\ntouch executed\n");
    sandbox.set_mode("bin/python3", 0o755);
    for path in ["bin", ".:bin", "./bin:", ""] {
        sandbox
            .cmd("auth import")
            .env("PATH", path)
            .any_stderr()
            .code(1)
            .run();
        assert!(!sandbox.exists("executed"), "{path}");
    }
}

#[test]
fn from_takes_a_file_or_a_directory() {
    let sandbox = at_home("v2");
    sandbox.write("old/profiles.db", "x");
    sandbox.write("old/copy.db", "x");
    for path in ["old", "old/", "old/profiles.db", "old/copy.db"] {
        let run = sandbox.cmd("auth import --dry-run --from").arg(path);
        run.any_stdout().stderr_has("would import 4 profiles").run();
    }
    sandbox.write("empty/x", "");
    let fifo = sandbox.cwd().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .expect("a FIFO");
    for (path, why) in [
        (
            "nowhere",
            "cannot read 'nowhere': No such file or directory",
        ),
        (
            "empty",
            "cannot read 'empty/profiles.db': No such file or directory",
        ),
    ] {
        let hint = "hint: pass the Python tool's profiles.db, or its directory, with --from; or create the profile with `llamactl auth token`";
        refused(
            &sandbox,
            &format!("auth import --from {path}"),
            &format!("error: {why}\n{hint}\n"),
        );
    }
    refused(
        &sandbox,
        "auth import --from fifo",
        &format!("error: cannot read '[CWD]/fifo': it is not a regular file\n{HINT}"),
    );
    let sparse = fs::File::create(sandbox.cwd().join("huge.db")).expect("a file");
    sparse.set_len(1 << 40).expect("a size");
    refused(
        &sandbox,
        "auth import --from huge.db",
        &format!("error: cannot read '[CWD]/huge.db': it is too large to hold profiles\n{HINT}"),
    );
}

#[test]
fn copy_is_made_in_the_configuration_directory_if_the_temporary_one_is_unsafe() {
    let sandbox = at_home("v2");
    let open = sandbox.write("open/x", "").parent().unwrap().to_path_buf();
    sandbox.set_mode("open", 0o777);
    for temp in [Path::new("/nonexistent"), &open, &open.join("x")] {
        let tables = fixture("v2.tables");
        sandbox.program(
            "python3",
            &format!(
                "echo \"$4\" >>{}; case \"$*\" in *pragma_table_info*) exec /bin/cat {};; esac\nexit 1",
                sandbox.cwd().join("seen").display(),
                tables.display()
            ),
        );
        sandbox
            .cmd("auth import")
            .env("TMPDIR", temp)
            .any_stderr()
            .code(1)
            .run();
        let seen = sandbox.read("seen");
        let directory = sandbox.home().join(".config/llamactl/llamactl-import-");
        let directory = directory.display().to_string();
        assert!(
            seen.lines().all(|line| line.starts_with(&directory)),
            "{seen}"
        );
    }
    assert_eq!(fs::read_dir(&open).expect("the directory").count(), 1);
    // No directory is safe.
    sandbox.set_mode("../home/.config/llamactl", 0o777);
    sandbox
        .cmd("auth import")
        .env("TMPDIR", &open)
        .stderr(&unreadable(
            "there is no temporary directory that only you can change; set TMPDIR to one",
        ))
        .code(1)
        .run();
}

#[test]
fn names_are_made_to_fit_and_a_second_import_finds_them() {
    let sandbox = at_home("v2");
    let row = |name: &str, key: &str| {
        json!({"table": "profile", "name": name, "api_url": "http://h", "project_id": "p",
            "api_key": key, "api_key_id": null, "device_oidc": null})
        .to_string()
    };
    let rows = [
        row("a b", KEY),
        row("a-b", OTHER_KEY),
        row(" a\tb", "llx-third"),
        row("-", "llx-fourth"),
        json!({"table": "setting", "key": "current_profile", "value": "a b"}).to_string(),
        json!({"table": "setting", "key": "current_environment_api_url", "value": "http://h"})
            .to_string(),
    ];
    let rows = sandbox.write("rows", rows.join("\n"));
    python(&sandbox, &rows);
    let import = |results: [&str; 4]| {
        let report = sandbox
            .cmd("auth import -o json")
            .any_stdout()
            .any_stderr()
            .run()
            .json();
        let found: Vec<String> = report["profiles"]
            .as_array()
            .expect("profiles")
            .iter()
            .map(|one| format!("{} {}", one["name"].as_str().unwrap(), one["reason"]))
            .collect();
        assert_eq!(found, results);
    };
    import([
        r#"a-b "renamed from 'a b'""#,
        r#"a-b "another profile has this name""#,
        r#"a-b-2 "renamed from ' a\\tb'""#,
        r#"imported "renamed from '-'""#,
    ]);
    let before = sandbox.json_home(STORE);
    assert_eq!(before["environments"][0]["current_profile"], "a-b");
    import([
        r#"a-b "already exists""#,
        r#"a-b "another profile has this name""#,
        r#"a-b-2 "already exists""#,
        r#"imported "already exists""#,
    ]);
    assert_eq!(sandbox.json_home(STORE), before);
}

#[test]
fn auth_get_mentions_profiles_to_import() {
    let sandbox = at_home("v2");
    let hint = "or import the Python tool's with `llamactl auth import`\n";
    let empty = "no profiles in https://api.cloud.llamaindex.ai\ncreate one with `llamactl auth login` or `llamactl auth token`\n";
    sandbox
        .cmd("auth get")
        .stderr(&format!("{empty}{hint}"))
        .run();
    sandbox.cmd("auth get -o json").stdout("[]\n").run();
    sandbox.cmd("auth import").any_stdout().any_stderr().run();
    sandbox
        .cmd("environments use https://api.cloud.llamaindex.ai")
        .any_stderr()
        .run();
    sandbox.cmd("auth logout llx-01****mnop").any_stderr().run();
    sandbox.cmd("auth get").stderr(empty).run();
    Sandbox::new().cmd("auth get").stderr(empty).run();
}

#[test]
fn skipped_rows_are_listed() {
    let sandbox = at_home("v2");
    let rows = [
        json!({"table": "environment", "api_url": "ftp://h", "requires_auth": "1", "min_llamactl_version": null}),
        json!({"table": "profile", "name": "one", "api_url": "http://h", "project_id": "p", "api_key": null,
            "api_key_id": null, "device_oidc": null}),
        json!({"table": "profile", "name": "two", "api_url": "http://h", "project_id": "p", "api_key": null,
            "api_key_id": null, "device_oidc": json!({"device_name": "d", "user_id": "u", "email": "",
            "client_id": "c", "discovery_url": "https://idp/x?a b", "device_access_token": "t"}).to_string()}),
    ];
    let rows = rows.map(|row| row.to_string()).join("\n");
    let rows = sandbox.write("rows", rows);
    python(&sandbox, &rows);
    sandbox
        .cmd("auth import")
        .stdout(
            "
            NAME  API_URL   PROJECT_ID  AUTH  RESULT
            one   http://h  p           none  imported
            two   http://h  -           -     skipped: its login's discovery URL contains whitespace
            ",
        )
        .stderr(
            "
            warning: skipped an environment: its URL must begin with https:// or http://
            imported 1 profile from [HOME]/.config/llamactl/profiles.db, skipped 1
            ",
        )
        .run();
}
