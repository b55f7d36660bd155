//! `auth import`: with stand-ins for `python3` and `sqlite3`, which print what the real ones print of the databases in
//! fixtures/python, or what no sane program would. The real ones run in tests/e2e/test_import.py.

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
const HINT: &str = "hint: nothing was changed; name another file with --from, or make the profile anew with `llamactl auth token`\n";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/python")
        .join(name)
}

/// A home in which the Python tool was at work, and a `python3` that reads what it left.
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
fn everything_comes_over_and_once_is_enough() {
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
            a browser login is now shared with the Python tool: a refresh or logout in one tool can end it in the other
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
            llx-01****mnop   https://api.cloud.llamaindex.ai  prj-alpha   token  skipped: already here
            zoe@example.com  https://llama.example.com/base   prj-beta    oidc   skipped: already here
            ada@example.com  https://llama.example.com/base   prj-alpha   oidc   skipped: already here
            default          http://127.0.0.1:8000            prj-open    none   skipped: already here
            ",
        )
        .stderr("imported 0 profiles from [HOME]/.config/llamactl/profiles.db, skipped 4\n")
        .run();
    let after = fs::metadata(sandbox.home().join(STORE)).expect("the store");
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[test]
fn the_first_version_had_no_logins() {
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
fn a_dry_run_writes_nothing() {
    let sandbox = at_home("v2");
    let before = sandbox.home_tree();
    sandbox
        .cmd("auth import --dry-run")
        .stdout_has("zoe@example.com  https://llama.example.com/base   prj-beta    oidc   would be imported\n")
        .stderr(
            "
            would add environment https://llama.example.com/base
            would add environment http://127.0.0.1:8000
            would import 4 profiles from [HOME]/.config/llamactl/profiles.db, and skip 0; nothing was written
            ",
        )
        .run();
    assert_eq!(sandbox.home_tree(), before);
}

#[test]
fn of_a_newer_version_what_is_known_comes() {
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
        "warning: a newer Python tool wrote these profiles; what is new in them stays there\n",
    )
    .run();
    assert_eq!(sandbox.json_home(STORE), golden("v2"));
}

#[test]
fn what_is_here_wins() {
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
            json!("another profile of that name is here"),
            json!(null),
            json!(null),
            json!("already here")
        ]
    );
    assert_eq!(
        report["environments"],
        json!([
            {"api_url": "https://llama.example.com/base", "imported": true, "reason": null},
            {"api_url": "http://127.0.0.1:8000", "imported": false, "reason": "already here"},
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

/// Rows of a database that somebody prepared.
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
fn rows_that_cannot_be_taken_over_are_skipped_and_said() {
    let sandbox = at_home("v2");
    sandbox.secret("hunter2secret");
    let rows = sandbox.write("rows", hostile_rows());
    python(&sandbox, &rows);
    let run = sandbox.cmd("auth import -o json").any_stdout();
    let report = run
        .stderr("warning: 2 of its rows can't be understood and were skipped\n")
        .run()
        .json();
    let found: Vec<(&str, Option<&str>)> = report["profiles"]
        .as_array()
        .expect("profiles")
        .iter()
        .map(|one| (one["name"].as_str().unwrap_or("?"), one["reason"].as_str()))
        .collect();
    let n = "n".repeat(256);
    assert_eq!(
        found,
        [
            ("good", None),
            ("", Some("its name is empty")),
            ("-rf", Some("its name begins with '-'")),
            (
                "a\\u{1b}[2Jb",
                Some("its name contains control or invisible characters")
            ),
            (&n, Some("its name is longer than 128 characters")),
            (
                "url",
                Some("its address must not have a user or a password in it")
            ),
            ("long url", Some("its address is too long")),
            ("project", Some("its project id contains whitespace")),
            ("key", Some("its API key contains whitespace")),
            ("json", Some("its login can't be understood")),
            (
                "provider",
                Some("its login's provider address must begin with https:// or http://")
            ),
            (
                "token",
                Some("its login's access token contains whitespace")
            ),
            ("login", None),
            ("good", Some("another profile of that name is here")),
            ("", Some("its address is empty")),
        ]
    );
    assert_eq!(
        report["environments"],
        json!([
            {"api_url": null, "imported": false, "reason": "its address must begin with https:// or http://"},
            {"api_url": "http://h", "imported": true, "reason": null},
        ])
    );
    let env = &sandbox.json_home(STORE)["environments"][0];
    assert_eq!(env["min_llamactl_version"], "1\\u{1b}[31m");
    assert_eq!(env["profiles"][1]["oidc"]["device_name"], "d\\u{1b}[31m");
    assert_eq!(env["profiles"][1]["oidc"]["email"], json!(null));
}

#[test]
fn the_reader_gets_a_private_copy_and_no_secret() {
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
        seen.contains(&format!("in {}/llamactl-import-", temp.display())),
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
    format!("error: [HOME]/.config/llamactl/profiles.db can't be read: {why}\n{HINT}")
}

#[test]
fn nothing_to_read_it_with() {
    let sandbox = at_home("v2");
    fs::remove_file(sandbox.home().join("../bin/python3")).expect("no python3");
    refused(
        &sandbox,
        "auth import",
        "
        error: reading [HOME]/.config/llamactl/profiles.db takes python3 or sqlite3, and neither is on the PATH
        hint: install one of them (on Debian: `apt install sqlite3`), or make the profile anew with `llamactl auth token`
        ",
    );
}

#[test]
fn the_other_program_is_asked_where_one_fails() {
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
fn both_say_what_is_wrong() {
    let sandbox = at_home("v2");
    sandbox.program("python3", "printf 'Traceback:\\n  x\\nsqlite3.DatabaseError: file is not\\033[31m a database\\n' >&2; exit 1");
    refused(
        &sandbox,
        "auth import",
        &unreadable("python3 says: file is not\\u{1b}[31m a database"),
    );
    sandbox.program("sqlite3", "exit 3");
    refused(
        &sandbox,
        "auth import",
        &unreadable(
            "python3 says: file is not\\u{1b}[31m a database; sqlite3 failed and said nothing",
        ),
    );
    sandbox.set_mode("../bin/python3", 0o644);
    refused(
        &sandbox,
        "auth import",
        &unreadable("python3 can't be run; sqlite3 failed and said nothing"),
    );
}

#[test]
fn damage_and_rubbish() {
    let sandbox = at_home("v2");
    let rubbish = "what python3 or sqlite3 says of it can't be understood";
    for (script, why) in [
        ("exit 0", rubbish),
        ("echo rubbish", rubbish),
        ("echo '\"ok\"'; echo '[]'", rubbish),
        ("/usr/bin/head -c 100000 /dev/urandom", rubbish),
        (
            "echo '\"row 1 missing from index\"'; echo '{}'",
            "it is damaged",
        ),
        (
            "echo '\"ok\"'; echo '{\"version\":0,\"tables\":0,\"columns\":[]}'",
            "it holds no profiles of the Python tool",
        ),
    ] {
        sandbox.program("python3", script);
        refused(&sandbox, "auth import", &unreadable(why));
    }
}

#[test]
fn an_endless_answer_is_cut_off() {
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
fn a_reader_that_hangs_is_ended_with_what_it_started() {
    hangs("/bin/sleep 600 & echo $! $$ >>PIDS\nwait");
}

#[test]
fn so_is_what_a_reader_leaves_behind() {
    hangs("/bin/sleep 600 & echo $! >>PIDS\nexit 0");
}

fn hangs(script: &str) {
    let sandbox = at_home("v2");
    let pids = sandbox.write("pids", "");
    let script = script.replace("PIDS", &pids.display().to_string());
    sandbox.program("python3", &script);
    let start = Instant::now();
    let why = unreadable("python3 did not end in 10 seconds");
    refused(&sandbox, "auth import", &why);
    assert!(start.elapsed() < Duration::from_secs(20));
    for pid in sandbox.read("pids").split_whitespace() {
        // Whoever inherits it may take a moment to wait for it.
        let end = Instant::now() + Duration::from_secs(5);
        let is_alive = || {
            let process = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            process.contains("sleep") && !process.contains(") Z ")
        };
        while is_alive() {
            assert!(Instant::now() < end, "{pid} is still there");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn from_somewhere_else() {
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
            "nowhere can't be read: No such file or directory",
        ),
        (
            "empty",
            "empty/profiles.db can't be read: No such file or directory",
        ),
    ] {
        let hint = "hint: name the Python tool's profiles.db, or the directory that holds it, with --from; or make the profile anew with `llamactl auth token`";
        refused(
            &sandbox,
            &format!("auth import --from {path}"),
            &format!("error: {why}\n{hint}\n"),
        );
    }
    refused(
        &sandbox,
        "auth import --from fifo",
        &format!("error: [CWD]/fifo can't be read: it is not a regular file\n{HINT}"),
    );
    let sparse = fs::File::create(sandbox.cwd().join("huge.db")).expect("a file");
    sparse.set_len(1 << 40).expect("a size");
    refused(
        &sandbox,
        "auth import --from huge.db",
        &format!("error: [CWD]/huge.db can't be read: it is too large to hold profiles\n{HINT}"),
    );
}

#[test]
fn no_room_for_the_copy() {
    let sandbox = at_home("v2");
    sandbox
        .cmd("auth import")
        .env("TMPDIR", "/nonexistent")
        .stderr(&unreadable(
            "no copy of it can be made: No such file or directory",
        ))
        .code(1)
        .run();
}

#[test]
fn auth_get_points_at_profiles_that_could_be_taken_over() {
    let sandbox = at_home("v2");
    let hint = "or take over the Python tool's with `llamactl auth import`\n";
    let empty = "no profiles in https://api.cloud.llamaindex.ai\nmake one with `llamactl auth login` or `llamactl auth token`\n";
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
fn a_line_for_each_that_can_t_come() {
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
            two   http://h  -           -     skipped: its login's provider address has blanks in it
            ",
        )
        .stderr(
            "
            warning: skipped an environment: its address must begin with https:// or http://
            imported 1 profile from [HOME]/.config/llamactl/profiles.db, skipped 1
            ",
        )
        .run();
}

#[test]
fn a_reader_that_says_nothing_more_is_ended_too() {
    hangs("/bin/sleep 600 >&- 2>&- & echo $! $$ >>PIDS\nexec >&- 2>&-\nwait");
}
