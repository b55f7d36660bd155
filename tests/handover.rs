//! Credentials on their way to other programs: `auth exec` and `auth export`. Whatever a value holds, those very bytes
//! arrive, and nothing in them runs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use pretty_assertions::assert_eq;
use rustix::process::Signal;

use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{LLAMACTL, Run, Sandbox, Stored};

const NAMES: [&str; 3] = [
    "LLAMA_CLOUD_API_KEY",
    "LLAMA_CLOUD_BASE_URL",
    "LLAMA_AGENTS_PROJECT_ID",
];
const URL: &str = "http://127.0.0.1:4500";

/// All characters of a key: printable ASCII without whitespace.
const HOSTILE_KEY: &str = r#"llx-'"$HOME${HOME}$(touch$IFS"ran")`touch<ran`!!%PATH%%s\n\\\';touch|ran&>(ran){a,b}[x]*?#~^=,+@:"#;

/// A project's id may hold letters of any script too, and every quotation mark there is.
const HOSTILE_PROJECTS: [&str; 8] = [
    r#"'"'"$(touch${IFS}ran)`touch${IFS}ran`"'"#,
    r"'; touch ran; 'x",
    r"\",
    r"\'",
    "''x",
    "'\u{2018}\u{2019}\u{201a}\u{201b}\u{201c}\u{201d}$env:HOME;[x]",
    "!!%PATH%$env:HOME$$${x}~#\u{e9}\u{6f22}\u{1f600}",
    "-n\\c\\0\\x41%n$'\\x41'",
];

/// A sandbox with the program in its `PATH`, and one that shows the three variables, a line each.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.program("llamactl", &format!("exec '{LLAMACTL}' \"$@\""));
    let lines = NAMES.map(|name| format!("printf '%s\\n' \"${{{name}-(unset)}}\""));
    sandbox.program("show", &lines.join("\n"));
    sandbox
}

/// With a profile; no key is one of an environment that asks for none.
fn with_profile(key: &str) -> Sandbox {
    let sandbox = sandbox();
    let stored = Stored::at(URL).profile("work", "proj-web", key);
    let stored = if key.is_empty() {
        stored.open()
    } else {
        stored
    };
    stored.put(&sandbox);
    sandbox
}

fn with_values<'a>(run: Run<'a>, key: &str, project: &str) -> Run<'a> {
    run.env(NAMES[0], key)
        .env(NAMES[1], URL)
        .env(NAMES[2], project)
        .may_show_keys()
}

/// A program of this machine.
fn installed(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|dir| dir.join(name));
    let mut found = found.filter(|file| file.is_file());
    found.next().map(|file| file.to_string_lossy().into_owned())
}

/// What a shell is told to read its form of the export and then to run `show`.
fn shells() -> Vec<(String, Vec<&'static str>, &'static str)> {
    const POSIX: &str = r#"eval "$(llamactl auth export ARGS --format sh)"; show"#;
    const HISTORY: &str =
        "set -o history -o histexpand\neval \"$(llamactl auth export ARGS)\"\nshow";
    const FISH: &str = "llamactl auth export ARGS --format fish | source; show";
    const POWERSHELL: &str =
        "llamactl auth export ARGS --format powershell | Out-String | Invoke-Expression; show";
    let mut found = Vec::new();
    for (name, options, script) in [
        ("sh", vec!["-c"], POSIX),
        ("bash", vec!["-c"], POSIX),
        ("bash", vec!["-c"], HISTORY),
        ("dash", vec!["-c"], POSIX),
        ("ksh", vec!["-c"], POSIX),
        ("busybox", vec!["ash", "-c"], POSIX),
        ("zsh", vec!["-f", "-c"], POSIX),
        ("fish", vec!["--no-config", "-c"], FISH),
        ("pwsh", vec!["-NoProfile", "-Command"], POWERSHELL),
    ] {
        match installed(name) {
            Some(path) => found.push((path, options, script)),
            // Said on the real stderr: the harness shows nothing of a test that passes.
            None => {
                use std::io::Write;
                let _ = writeln!(
                    std::io::stderr(),
                    "not checked, since it is not installed: {name}"
                );
            }
        }
    }
    assert!(found.iter().any(|(path, ..)| path.ends_with("/sh")));
    found
}

#[test]
fn shells_evaluate_the_exact_values() {
    let sandbox = sandbox();
    for (shell, options, script) in shells() {
        let script = script.replace("ARGS", "");
        for project in HOSTILE_PROJECTS {
            let project = project.replace(' ', "");
            let run = sandbox.args(&options).arg(&script).program(&shell);
            // In a locale without UTF-8 fish 3 changes what it only passes on.
            let run = run.env("LC_ALL", "C.UTF-8");
            with_values(run, HOSTILE_KEY, &project)
                .stdout(&format!("{HOSTILE_KEY}\n{URL}\n{project}\n"))
                .run();
        }
    }
    assert_eq!(sandbox.cwd_tree(), [""; 0]);
}

#[test]
fn profile_without_key_unsets_an_inherited_one() {
    let sandbox = with_profile("");
    for (shell, options, script) in shells() {
        let script = script.replace("ARGS", "--profile work");
        let run = sandbox.args(&options).arg(&script).program(&shell);
        let run = run.env(NAMES[0], OTHER_KEY);
        run.stdout(&format!("(unset)\n{URL}\nproj-web\n")).run();
    }
    for (format, text) in [
        (
            "sh",
            format!(
                "unset LLAMA_CLOUD_API_KEY;\nexport LLAMA_CLOUD_BASE_URL='{URL}';\nexport LLAMA_AGENTS_PROJECT_ID='proj-web';\n"
            ),
        ),
        (
            "fish",
            format!(
                "set -e LLAMA_CLOUD_API_KEY;\nset -gx LLAMA_CLOUD_BASE_URL '{URL}';\nset -gx LLAMA_AGENTS_PROJECT_ID 'proj-web';\n"
            ),
        ),
        (
            "powershell",
            format!(
                "Remove-Item Env:LLAMA_CLOUD_API_KEY -ErrorAction Ignore;\n$env:LLAMA_CLOUD_BASE_URL = '{URL}';\n$env:LLAMA_AGENTS_PROJECT_ID = 'proj-web';\n"
            ),
        ),
        (
            "dotenv",
            format!("LLAMA_CLOUD_BASE_URL={URL}\nLLAMA_AGENTS_PROJECT_ID=proj-web\n"),
        ),
        (
            "json",
            format!(
                "{{\n  \"LLAMA_CLOUD_API_KEY\": null,\n  \"LLAMA_CLOUD_BASE_URL\": \"{URL}\",\n  \"LLAMA_AGENTS_PROJECT_ID\": \"proj-web\"\n}}\n"
            ),
        ),
    ] {
        sandbox
            .cmd("auth export --format")
            .arg(format)
            .stdout(&text)
            .run();
    }
}

#[test]
fn every_format_is_printed() {
    let sandbox = with_profile(KEY);
    for (format, text) in [
        (
            "sh",
            format!(
                "export LLAMA_CLOUD_API_KEY='{KEY}';\nexport LLAMA_CLOUD_BASE_URL='{URL}';\nexport LLAMA_AGENTS_PROJECT_ID='proj-web';\n"
            ),
        ),
        (
            "fish",
            format!(
                "set -gx LLAMA_CLOUD_API_KEY '{KEY}';\nset -gx LLAMA_CLOUD_BASE_URL '{URL}';\nset -gx LLAMA_AGENTS_PROJECT_ID 'proj-web';\n"
            ),
        ),
        (
            "PowerShell",
            format!(
                "$env:LLAMA_CLOUD_API_KEY = '{KEY}';\n$env:LLAMA_CLOUD_BASE_URL = '{URL}';\n$env:LLAMA_AGENTS_PROJECT_ID = 'proj-web';\n"
            ),
        ),
        (
            "dotenv",
            format!(
                "LLAMA_CLOUD_API_KEY={KEY}\nLLAMA_CLOUD_BASE_URL={URL}\nLLAMA_AGENTS_PROJECT_ID=proj-web\n"
            ),
        ),
        (
            "json",
            format!(
                "{{\n  \"LLAMA_CLOUD_API_KEY\": \"{KEY}\",\n  \"LLAMA_CLOUD_BASE_URL\": \"{URL}\",\n  \"LLAMA_AGENTS_PROJECT_ID\": \"proj-web\"\n}}\n"
            ),
        ),
    ] {
        sandbox
            .cmd("auth export --format")
            .arg(format)
            .stdout(&text)
            .may_show_keys()
            .run();
    }
    sandbox
        .cmd("auth export --project flag")
        .stdout_has("PROJECT_ID='flag';")
        .may_show_keys()
        .run();
    sandbox
        .cmd("auth export --format csh")
        .code(2)
        .stderr("error: option '--format' must be sh, fish, powershell, dotenv, json or github\nhint: see `llamactl auth export --help`\n")
        .run();
    // A reader that goes away is no error.
    sandbox
        .args(["-c", "llamactl auth export | :"])
        .program("/bin/sh")
        .run();
}

#[test]
fn json_carries_any_value_and_dotenv_refuses() {
    let sandbox = sandbox();
    for project in HOSTILE_PROJECTS.map(|project| project.replace(' ', "")) {
        let run = sandbox.cmd("auth export --format json");
        let output = with_values(run, HOSTILE_KEY, &project).any_stdout().run();
        let json = output.json();
        assert_eq!([&json[NAMES[0]], &json[NAMES[2]]], [HOSTILE_KEY, &project]);

        let run = sandbox.cmd("auth export --format dotenv").code(1);
        with_values(run, KEY, &project)
            .stderr_has("error: the value of LLAMA_AGENTS_PROJECT_ID has the character '")
            .run();
    }
}

/// What a runner makes of the file, by its documented form: `name<<delimiter`, lines, `delimiter`; or `name=value`.
fn github_env(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let heredoc = line.find("<<");
        let plain = line.find('=');
        match (heredoc, plain) {
            (Some(at), plain) if plain.is_none_or(|plain| at < plain) => {
                let delimiter = &line[at + 2..];
                let value: Vec<&str> = lines.by_ref().take_while(|l| *l != delimiter).collect();
                found.insert(line[..at].to_string(), value.join("\n"));
            }
            (_, Some(at)) => {
                found.insert(line[..at].to_string(), line[at + 1..].to_string());
            }
            _ => panic!("a line of no form: {line}"),
        }
    }
    found
}

#[test]
fn github_job_gets_a_mask_and_the_variables() {
    for before in ["", "OLD=1\n", "OLD=1"] {
        let sandbox = with_profile(KEY);
        let file = sandbox.write("github.env", before);
        sandbox
            .cmd("auth export --format github")
            .env("GITHUB_ENV", file)
            .stdout(&format!("::add-mask::{KEY}\n"))
            .stderr("set the variables for later steps in [CWD]/github.env\n")
            .may_show_keys()
            .run();
        let gap = if before == "OLD=1" { "\n" } else { "" };
        let text = format!(
            "{before}{gap}LLAMA_CLOUD_API_KEY<<LLAMACTL_VALUE_ENDS\n{KEY}\nLLAMACTL_VALUE_ENDS\n\
            LLAMA_CLOUD_BASE_URL<<LLAMACTL_VALUE_ENDS\n{URL}\nLLAMACTL_VALUE_ENDS\n\
            LLAMA_AGENTS_PROJECT_ID<<LLAMACTL_VALUE_ENDS\nproj-web\nLLAMACTL_VALUE_ENDS\n"
        );
        assert_eq!(sandbox.read("github.env"), text);
    }
    let sandbox = sandbox();
    let hostile = HOSTILE_PROJECTS.map(|project| project.replace(' ', ""));
    let more = ["LLAMACTL_VALUE_ENDS", "LLAMACTL_VALUE_ENDS_", "A<<B", "a=B"].map(String::from);
    for project in hostile.iter().chain(&more) {
        let run = sandbox
            .cmd("auth export --format github")
            .env("GITHUB_ENV", "made.env");
        // The mask is a command of the runner, which decodes it.
        let mask = HOSTILE_KEY.replace('%', "%25");
        with_values(run, HOSTILE_KEY, project)
            .stdout(&format!("::add-mask::{mask}\n"))
            .stderr("set the variables for later steps in made.env\n")
            .run();
        let found = github_env(&sandbox.read("made.env"));
        assert_eq!(
            [&found[NAMES[0]], &found[NAMES[1]], &found[NAMES[2]]],
            [HOSTILE_KEY, URL, project]
        );
        assert_eq!(found.len(), 3, "{found:?}");
    }
    // Made by us it is the owner's alone.
    assert_eq!(sandbox.mode("made.env"), 0o600);
}

#[test]
fn github_job_without_key_empties_an_older_one() {
    let sandbox = with_profile("");
    sandbox
        .cmd("auth export --format github")
        .env("GITHUB_ENV", "github.env")
        .stderr("set the variables for later steps in github.env\n")
        .run();
    let found = github_env(&sandbox.read("github.env"));
    assert_eq!(
        [&found[NAMES[0]], &found[NAMES[1]], &found[NAMES[2]]],
        ["", URL, "proj-web"]
    );
}

#[test]
fn github_format_needs_a_writable_github_env() {
    let sandbox = with_profile(KEY);
    for value in [None, Some("")] {
        let run = sandbox.cmd("auth export --format github");
        let run = match value {
            Some(value) => run.env("GITHUB_ENV", value),
            None => run,
        };
        run.code(2)
            .stderr("error: GITHUB_ENV is not set\nhint: the format github is for jobs of GitHub Actions, which sets it\n")
            .run();
    }
    for (path, why) in [
        (".", "Is a directory"),
        ("no/such", "No such file or directory"),
    ] {
        sandbox
            .cmd("auth export --format github")
            .env("GITHUB_ENV", path)
            .stdout(&format!("::add-mask::{KEY}\n"))
            .stderr(&format!(
                "error: cannot write '{path}' (GITHUB_ENV): {why}\n"
            ))
            .may_show_keys()
            .code(1)
            .run();
    }
}

#[test]
fn command_gets_the_variables_and_none_that_choose_others() {
    let sandbox = with_profile(KEY);
    sandbox.program(
        "all",
        "export -p | sed -n 's/.*\\(LLAMA[A-Z_]*\\)=.*/\\1/p'",
    );
    let before = sandbox.home_tree();
    let run = sandbox.cmd("auth exec -- show").may_show_keys();
    run.stdout(&format!("{KEY}\n{URL}\nproj-web\n")).run();
    sandbox
        .cmd("auth exec --project flag -- show")
        .env("LLAMA_CLOUD_USE_PROFILE", "1")
        .env(NAMES[0], OTHER_KEY)
        .env(NAMES[1], "http://elsewhere.example")
        .env(NAMES[2], "elsewhere")
        .env("LLAMACTL_PROFILE", "work")
        .stdout(&format!("{KEY}\n{URL}\nflag\n"))
        .may_show_keys()
        .run();
    sandbox
        .cmd("auth exec -- all")
        .machine_path()
        .env("PATH", format!("{}:{}", sandbox.cwd().join("../bin").display(), std::env::var("PATH").unwrap_or_default()))
        .env("LLAMA_CLOUD_USE_PROFILE", "1")
        .env("LLAMACTL_PROFILE", "work")
        .env("LLAMACTL_ENVIRONMENT", URL)
        .env("LLAMA_CLOUD_API_KEY_FILE", "/no/such/file")
        .env("LLAMACTL_CONFIG_DIR", sandbox.home().join(".config/llamactl"))
        .stdout("LLAMACTL_CONFIG_DIR\nLLAMA_AGENTS_PROJECT_ID\nLLAMA_CLOUD_API_KEY\nLLAMA_CLOUD_BASE_URL\n")
        .run();
    // Nothing is written.
    assert_eq!(sandbox.home_tree(), before);
    assert_eq!(sandbox.cwd_tree(), [""; 0]);

    let open = with_profile("");
    let run = open
        .cmd("auth exec --profile work -- show")
        .env(NAMES[0], OTHER_KEY);
    run.stdout(&format!("(unset)\n{URL}\nproj-web\n")).run();
}

#[test]
fn command_gets_exact_values() {
    let sandbox = sandbox();
    for project in HOSTILE_PROJECTS.map(|project| project.replace(' ', "")) {
        let run = sandbox.cmd("auth exec -- show");
        with_values(run, HOSTILE_KEY, &project)
            .stdout(&format!("{HOSTILE_KEY}\n{URL}\n{project}\n"))
            .run();
    }
}

#[test]
fn command_replaces_llamactl() {
    let sandbox = with_profile(KEY);
    sandbox.program("args", "for arg; do printf '<%s>' \"$arg\"; done");
    // Options stand before `--`; what stands after it, or after the command's name, is the command's.
    for (line, stdout) in [
        (
            "auth exec --profile work -- args --profile x -v --help -- --",
            "<--profile><x><-v><--help><--><-->",
        ),
        (
            "auth exec --profile work args --project x --",
            "<--project><x><-->",
        ),
        ("auth exec -v -- args -v", "<-v>"),
    ] {
        sandbox.cmd(line).stdout(stdout).run();
    }
    sandbox
        .args(["auth", "exec", "--", "args", "", "a b", "$HOME"])
        .stdout("<><a b><$HOME>")
        .run();
    let raw = OsStr::from_bytes(b"\xff\xfe'\n");
    let output = sandbox.cmd("auth exec -- args").arg(raw).any_stdout().run();
    assert_eq!(output.raw_stdout, b"<\xff\xfe'\n>");

    // It replaces llamactl, so that the parent process waits for the command itself.
    let mut running = sandbox
        .args([
            "auth",
            "exec",
            "--",
            "/bin/sh",
            "-c",
            "echo $$; read x; echo \"$x\" >&2",
        ])
        .stdin("typed\n")
        .any_stdout()
        .stderr("typed\n");
    running = running.code(0);
    let running = running.spawn();
    let id = running.id();
    assert_eq!(running.wait().stdout, format!("{id}\n"));

    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("exit 255", 255)] {
        sandbox
            .args(["auth", "exec", "--", "/bin/sh", "-c", script])
            .code(code)
            .run();
    }
    for (name, signal) in [
        ("TERM", Signal::TERM),
        ("KILL", Signal::KILL),
        ("INT", Signal::INT),
        ("PIPE", Signal::PIPE),
    ] {
        let script = format!("kill -{name} $$");
        sandbox
            .args(["auth", "exec", "--", "/bin/sh", "-c", &script])
            .signal(signal)
            .run();
    }
}

#[test]
fn signal_reaches_the_command() {
    let sandbox = with_profile(KEY);
    let script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.01; done";
    let run = sandbox
        .args(["auth", "exec", "--", "/bin/sh", "-c", script])
        .machine_path();
    let mut running = run.stdout("ready\ncaught\n").code(9).spawn();
    running.wait_for_stdout("ready");
    running.signal(Signal::TERM);
    running.wait();
}

#[test]
fn command_that_cannot_run_is_named_with_the_reason() {
    let sandbox = with_profile(KEY);
    let plain = sandbox.program("plain", "exit 0");
    sandbox.set_mode(&plain, 0o644);
    sandbox.write("dir/file", "");
    let cwd = sandbox.cwd();
    let at = |path: &str| cwd.join(path).display().to_string();
    for (program, code, shown, why) in [
        (
            "no-such-program".to_string(),
            127,
            "no-such-program".to_string(),
            "it was not found",
        ),
        (String::new(), 127, String::new(), "it was not found"),
        (
            at("no/such"),
            127,
            "[CWD]/no/such".to_string(),
            "it was not found",
        ),
        (
            plain.display().to_string(),
            126,
            "[BIN]/plain".to_string(),
            "Permission denied",
        ),
        (
            "plain".to_string(),
            126,
            "plain".to_string(),
            "Permission denied",
        ),
        (at("dir"), 126, "[CWD]/dir".to_string(), "Permission denied"),
        (
            at("dir/file/x"),
            126,
            "[CWD]/dir/file/x".to_string(),
            "Not a directory",
        ),
        (
            "a\u{1b}[31m".to_string(),
            127,
            "a\\u{1b}[31m".to_string(),
            "it was not found",
        ),
    ] {
        sandbox
            .args(["auth", "exec", "--", &program])
            .code(code)
            .stderr(&format!("error: '{shown}' cannot be run: {why}\n"))
            .run();
    }
    for line in ["auth exec", "auth exec --", "auth exec --profile work --"] {
        sandbox
            .cmd(line)
            .code(2)
            .stderr_has("is missing\nhint: see `llamactl auth exec --help`\n")
            .run();
    }
}

#[test]
fn nothing_is_exported_without_credentials() {
    let empty = sandbox();
    let keyless = sandbox();
    Stored::at(URL)
        .profile("work", "proj-web", "")
        .put(&keyless);
    let signed_out = "error: no current profile in https://api.cloud.llamaindex.ai\nhint: sign in with `llamactl auth login` or `llamactl auth token`\n";
    let no_key = format!(
        "error: profile 'work' has no API key, and {URL} requires one\nhint: sign in with `llamactl auth login` or `llamactl auth token`\n"
    );
    for command in [
        "auth exec -- show",
        "auth export",
        "auth export --format github",
    ] {
        empty
            .cmd(command)
            .env("GITHUB_ENV", "x")
            .code(4)
            .stderr(signed_out)
            .run();
        keyless
            .cmd(command)
            .env("GITHUB_ENV", "x")
            .code(4)
            .stderr(&no_key)
            .run();
    }
    assert!(!Path::new(&empty.cwd()).join("x").exists());
}

#[test]
fn scripts_without_or_with_a_missing_interpreter() {
    let sandbox = with_profile(KEY);
    for (name, text, code, stdout, stderr) in [
        (
            "bare",
            "echo \"$LLAMA_AGENTS_PROJECT_ID $1\"\n",
            0,
            "proj-web x\n",
            "",
        ),
        (
            "missing",
            "#! /no/such/shell -e\n",
            126,
            "",
            "error: 'missing' cannot be run: its interpreter '/no/such/shell' was not found\n",
        ),
        (
            "windows",
            "#!/bin/sh\r\necho x\r\n",
            126,
            "",
            "error: 'windows' cannot be run: its first line ends in a Windows line ending (CRLF)\n\
             hint: convert it to Unix line endings, for example with `dos2unix`\n",
        ),
    ] {
        let program = sandbox.program(name, "");
        std::fs::write(program, text).expect("a script");
        sandbox
            .cmd(&format!("auth exec -- {name} x"))
            .code(code)
            .stdout(stdout)
            .stderr(stderr)
            .run();
    }
}

#[test]
fn also_sets_further_variables_in_all_formats() {
    let sandbox = with_profile(KEY);
    let also = "--also LLAMA_CLOUD_PROJECT_ID=project --also MY_KEY=key --also MY_URL=url";
    let json = format!(
        "{{\n  \"LLAMA_CLOUD_API_KEY\": \"{KEY}\",\n  \"LLAMA_CLOUD_BASE_URL\": \"{URL}\",\n  \"LLAMA_AGENTS_PROJECT_ID\": \"proj-web\",\n  \
        \"LLAMA_CLOUD_PROJECT_ID\": \"proj-web\",\n  \"MY_KEY\": \"{KEY}\",\n  \"MY_URL\": \"{URL}\"\n}}\n"
    );
    let dotenv = format!(
        "LLAMA_CLOUD_API_KEY={KEY}\nLLAMA_CLOUD_BASE_URL={URL}\nLLAMA_AGENTS_PROJECT_ID=proj-web\n\
        LLAMA_CLOUD_PROJECT_ID=proj-web\nMY_KEY={KEY}\nMY_URL={URL}\n"
    );
    for (line, stdout) in [
        ("auth export --format json", json),
        ("auth export --format dotenv", dotenv.clone()),
        ("auth inject --env-file -", dotenv.clone()),
    ] {
        let run = sandbox.cmd(&format!("{line} {also}")).may_show_keys();
        run.stdout(&stdout).run();
    }
    for (format, last) in [
        ("sh", format!("export MY_URL='{URL}';\n")),
        ("fish", format!("set -gx MY_URL '{URL}';\n")),
        ("powershell", format!("$env:MY_URL = '{URL}';\n")),
    ] {
        let line = format!("auth export --format {format} {also}");
        let run = sandbox.cmd(&line).may_show_keys();
        run.stdout_has(&last).run();
    }
    sandbox
        .cmd(&format!("auth inject {also}"))
        .stderr("wrote 6 variables to .env\n")
        .run();
    assert_eq!(sandbox.read(".env"), dotenv);
    sandbox.program(
        "further",
        "echo \"$LLAMA_CLOUD_PROJECT_ID $MY_KEY $MY_URL\"",
    );
    sandbox
        .cmd(&format!("auth exec {also} -- further"))
        .stdout(&format!("proj-web {KEY} {URL}\n"))
        .may_show_keys()
        .run();
}

#[test]
fn also_refuses_bad_and_colliding_names() {
    let sandbox = with_profile(KEY);
    for (value, message) in [
        ("X", " is not NAME=key, NAME=url or NAME=project"),
        ("X=", " is not NAME=key, NAME=url or NAME=project"),
        ("X=secret", " is not NAME=key, NAME=url or NAME=project"),
        ("=key", ": '' is not a variable name"),
        ("1X=key", ": '1X' is not a variable name"),
        ("A-B=url", ": 'A-B' is not a variable name"),
        ("É=url", ": 'É' is not a variable name"),
        (
            "LLAMA_CLOUD_API_KEY=url",
            ": LLAMA_CLOUD_API_KEY is set already",
        ),
        (
            "LLAMA_AGENTS_PROJECT_ID=project",
            ": LLAMA_AGENTS_PROJECT_ID is set already",
        ),
    ] {
        for line in ["auth inject", "auth export", "auth exec"] {
            let run = sandbox.cmd(line).arg("--also").arg(value);
            let run = if line == "auth exec" {
                run.arg("show")
            } else {
                run
            };
            run.code(2)
                .stderr_has(&format!("error: --also '{value}'{message}\n"))
                .run();
        }
    }
    sandbox
        .cmd("auth export --also X=key --also X=url")
        .code(2)
        .stderr("error: --also 'X=url': X is set already\nhint: leave it out\n")
        .run();
    let keyless = with_profile("");
    keyless
        .cmd("auth inject --also X=key")
        .code(1)
        .stderr("error: --also X=key: there is no API key\nhint: this profile has none and needs none\n")
        .run();
    assert_eq!(keyless.cwd_tree(), [""; 0]);
}
