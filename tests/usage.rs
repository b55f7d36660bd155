//! The command line: which arguments are accepted, the errors for the others, and all help pages.
//!
//! The pages are compared with `fixtures/golden/help/`, one file for each command. `make golden` regenerates them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use llamactl::cli::spec::{self, Command};

use crate::support::secrets::KEY;
use crate::support::{Closed, STORE, Sandbox, Stub};

/// All commands of the table, with their full names.
fn rows() -> Vec<(Vec<&'static str>, &'static Command)> {
    let mut found: Vec<(Vec<&'static str>, &'static Command)> = vec![(vec![], &spec::PROGRAM)];
    let mut at = 0;
    while let Some((words, command)) = found.get(at).cloned() {
        for below in command.commands() {
            found.push(([&words[..], &[below.name]].concat(), below));
        }
        at += 1;
    }
    found
}

/// A command line, and its error and hint.
const MISUNDERSTOOD: &[(&str, &str, &str)] = &[
    // Unknown commands.
    (
        "auht get",
        "unknown command 'llamactl auht'",
        "did you mean `llamactl auth`?",
    ),
    (
        "auth tokne",
        "unknown command 'llamactl auth tokne'",
        "did you mean `llamactl auth token`?",
    ),
    (
        "auth zzz",
        "unknown command 'llamactl auth zzz'",
        "see `llamactl auth --help`",
    ),
    (
        "zzz",
        "unknown command 'llamactl zzz'",
        "see `llamactl --help`",
    ),
    (
        "inject",
        "unknown command 'llamactl inject'",
        "did you mean `llamactl auth inject`?",
    ),
    // Only groups can be abbreviated.
    (
        "auth stat",
        "unknown command 'llamactl auth stat'",
        "did you mean `llamactl auth status`?",
    ),
    // Options.
    (
        "--versoin",
        "unknown option '--versoin' of `llamactl`",
        "did you mean `--version`?",
    ),
    (
        "auth get --outptu json",
        "unknown option '--outptu' of `llamactl auth get`",
        "did you mean `--output`?",
    ),
    (
        "auth get --nothing-like-it",
        "unknown option '--nothing-like-it' of `llamactl auth get`",
        "see `llamactl auth get --help`",
    ),
    (
        "auth get -x",
        "unknown option '-x'",
        "see `llamactl auth get --help`",
    ),
    (
        "auth get --version",
        "unknown option '--version' of `llamactl auth get`",
        "see `llamactl auth get --help`",
    ),
    // Values.
    (
        "auth get -o",
        "option '--output' requires a value",
        "see `llamactl auth get --help`",
    ),
    (
        "auth token --api-key --project p",
        "option '--api-key' requires a value",
        "see `llamactl auth token --help`",
    ),
    (
        "auth token --api-key-file=",
        "option '--api-key-file' is empty",
        "see `llamactl auth token --help`",
    ),
    (
        "auth get -o xml",
        "option '--output' must be text, json, yaml or value=FIELD",
        "see `llamactl auth get --help`",
    ),
    (
        "auth get -o=",
        "option '--output' must be text, json, yaml or value=FIELD",
        "see `llamactl auth get --help`",
    ),
    (
        "auth token --no-verify=yes",
        "option '--no-verify' takes no value",
        "see `llamactl auth token --help`",
    ),
    (
        "auth get --verbose=yes",
        "option '--verbose' takes no value",
        "see `llamactl auth get --help`",
    ),
    (
        "deployments logs app --tail many",
        "option '--tail' requires a number",
        "see `llamactl deployments logs --help`",
    ),
    (
        "deployments logs app --tail=-1",
        "option '--tail' requires a number",
        "see `llamactl deployments logs --help`",
    ),
    // Arguments.
    (
        "auth get a b",
        "unexpected argument to `llamactl auth get`",
        "see `llamactl auth get --help`",
    ),
    (
        "config x",
        "unexpected argument to `llamactl config`",
        "see `llamactl config --help`",
    ),
    (
        "deployments history",
        "NAME is missing",
        "see `llamactl deployments history --help`",
    ),
    (
        "environments add ftp://host",
        "the URL 'ftp://host' must begin with https:// or http://",
        "an environment is the base URL of a control plane, such as https://llama.example.com",
    ),
    (
        "environments add https://me:hunter2@host",
        "the URL must not contain a user name or password",
        "an environment is the base URL of a control plane, such as https://llama.example.com",
    ),
];

#[test]
fn invalid_arguments_are_exit_2_with_a_hint() {
    let sandbox = Sandbox::new();
    for (line, error, hint) in MISUNDERSTOOD {
        let said = format!("error: {error}\nhint: {hint}\n");
        sandbox.cmd(line).code(2).stderr(&said).run();
    }
    assert_eq!(sandbox.home_tree(), Vec::<String>::new());
}

#[test]
fn commands_of_the_python_tool_point_to_their_replacement() {
    const PYTHON: &str =
        "it needs Python; run it from the package: `uvx --from llamactl==0.10.4 llamactl ...`";
    let sandbox = Sandbox::new();
    for (line, word, hint) in [
        ("auth list", "auth list", "use `llamactl auth get`"),
        ("auth switch work", "auth switch", "use `llamactl auth use`"),
        (
            "auth env get",
            "auth env",
            "use `llamactl environments get`",
        ),
        (
            "auth env add https://host",
            "auth env",
            "use `llamactl environments get`",
        ),
        (
            "auth project",
            "auth project",
            "use `llamactl projects get` or `llamactl projects use`",
        ),
        (
            "auth organizations",
            "auth organizations",
            "use `llamactl organizations get`",
        ),
        ("init", "init", PYTHON),
        ("serve --port 1", "serve", PYTHON),
        ("dev validate", "dev", PYTHON),
        ("pkg container", "pkg", PYTHON),
        ("agentcore --help", "agentcore", PYTHON),
    ] {
        let said = format!("error: there is no command 'llamactl {word}'\nhint: {hint}\n");
        sandbox.cmd(line).code(2).stderr(&said).run();
    }
}

#[test]
fn group_prefixes_and_options_in_any_position_are_accepted() {
    const LIST: &str = "[\n  {\n    \"api_url\": \"https://api.cloud.llamaindex.ai\",\n    \"requires_auth\": true,\n    \"active\": true\n  }\n]\n";
    let sandbox = Sandbox::new();
    for line in [
        "environments get -o json",
        "environments -v get --output json",
        "env get -ojson",
        "env get -o=json",
        "environ get --output=JSON",
        "--verbose env --native-tls get -o Json",
        "env get -o yaml -o json",
    ] {
        sandbox.cmd(line).stdout(LIST).run();
    }
    let no_profile = "error: no current profile in https://api.cloud.llamaindex.ai\nhint: sign in with `llamactl auth login` or `llamactl auth token`\n";
    for line in [
        "proj get",
        "org get",
        "dep get",
        "deployments list",
        "dep list",
    ] {
        sandbox.cmd(line).code(4).stderr(no_profile).run();
    }
    sandbox.cmd("aut").stdout_has("llamactl auth COMMAND").run();
    for (line, error) in [
        ("co", "'co' is ambiguous: config or completion"),
        ("-X", "unknown option"),
        ("-x", "unknown option '-x'"),
    ] {
        let said = format!("error: {error}\nhint: see `llamactl --help`\n");
        sandbox.cmd(line).code(2).stderr(&said).run();
    }
}

#[test]
fn options_of_the_python_tool_are_accepted() {
    let closed = Closed::new();
    let sandbox = Sandbox::new().at(&closed.url());
    sandbox.replace(&closed.url(), "[SERVER]");
    sandbox
        .cmd("auth token --project-id p1 --no-verify --api-key")
        .arg(KEY)
        .stderr("created profile 'llx-01****mnop' in [SERVER] and made it current\n")
        .run();
    let profile = &sandbox.stored()["environments"][0]["profiles"][0];
    assert_eq!(profile["project_id"], "p1");
}

#[test]
fn help_pages_are_golden() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/help");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let sandbox = Sandbox::new();
    let mut names = BTreeSet::new();
    let mut check = |name: String, arguments: &[&[&str]]| {
        let path = directory.join(&name);
        if update {
            let page = sandbox.args(arguments[0]).any_stdout().run().raw_stdout;
            fs::create_dir_all(&directory).expect("a directory");
            fs::write(&path, page).expect("a golden file");
        }
        let golden = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{name}: {e}"));
        for arguments in arguments {
            sandbox.args(*arguments).stdout(&golden).run();
        }
        names.insert(name);
    };
    for (words, _) in rows() {
        let name = [&["llamactl"], &words[..]].concat().join("-") + ".txt";
        let help = |option| [&words[..], &[option]].concat();
        check(name, &[&help("--help"), &help("-h")]);
    }
    check("variables.txt".to_string(), &[&["help", "variables"]]);
    let files = fs::read_dir(&directory).expect("the golden files");
    let files = files.map(|entry| entry.expect("an entry").file_name().into_string());
    let files: BTreeSet<String> = files.map(|name| name.expect("UTF-8")).collect();
    assert_eq!(files, names, "delete or create golden files: `make golden`");
}

#[test]
fn group_without_a_command_prints_its_help() {
    let sandbox = Sandbox::new();
    for (words, command) in rows() {
        if command.commands().is_empty() {
            continue;
        }
        let page = sandbox.args(&words).arg("--help").any_stdout().run().stdout;
        sandbox.args(&words).stdout(&page).run();
    }
}

#[test]
fn help_option_takes_precedence_in_any_position() {
    let sandbox = Sandbox::new();
    let page = sandbox.cmd("auth token --help").any_stdout().run().stdout;
    for line in [
        "auth token -h",
        "auth token --project p --help",
        "auth token --api-key-file /nowhere -h",
        "-v auth token --no-verify -h --nonsense",
    ] {
        sandbox.cmd(line).stdout(&page).run();
    }
    sandbox
        .cmd("-h auth token")
        .stdout_has("Usage: llamactl COMMAND")
        .run();
    sandbox
        .cmd("auth --help token")
        .stdout_has("Usage: llamactl auth COMMAND")
        .run();
}

#[test]
fn help_and_version_need_no_store_and_no_network() {
    let stub = Stub::new();
    let sandbox = Sandbox::new();
    sandbox.write(STORE, "not JSON");
    sandbox.write("bad.pem", "not PEM");
    for line in ["--version", "-V", "--help", "auth token --help", "auth"] {
        let expected = sandbox
            .cmd(line)
            .no_env("HOME")
            .any_stdout()
            .run()
            .raw_stdout;
        let run = sandbox
            .cmd(line)
            .env("LLAMACTL_NATIVE_TLS", "neither")
            .env("LLAMA_CLOUD_USE_PROFILE", "neither")
            .env("LLAMACTL_PROFILE", OsStr::from_bytes(b"\xff"))
            .env("SSL_CERT_FILE", "bad.pem")
            .env("HTTPS_PROXY", stub.url())
            .env("HTTP_PROXY", "socks5://proxy")
            .any_stdout();
        assert_eq!(run.run().raw_stdout, expected, "{line}");
        // A home that is a file, and one that does not exist.
        for home in ["/dev/null", "/nonexistent"] {
            let run = sandbox.cmd(line).env("HOME", home).any_stdout();
            assert_eq!(run.run().raw_stdout, expected, "{line}");
        }
    }
    assert_eq!(stub.server().connections(), 0);
    assert_eq!(sandbox.read(STORE), "not JSON");
    let version = format!(
        "llamactl {} (compatible with llamactl 0.10.4 of Python)\n",
        env!("CARGO_PKG_VERSION")
    );
    sandbox.cmd("--version").stdout(&version).run();
}

#[test]
fn arguments_that_are_not_utf8_are_accepted_as_paths_only() {
    let sandbox = Sandbox::new();
    let bytes = OsStr::from_bytes(b"llx-\xff\xfe");
    for (line, error, hint) in [
        (
            "",
            "unknown command after 'llamactl'",
            "see `llamactl --help`",
        ),
        (
            "auth",
            "unknown command after 'llamactl auth'",
            "see `llamactl auth --help`",
        ),
        (
            "auth get",
            "NAME is not valid UTF-8",
            "see `llamactl auth get --help`",
        ),
        (
            "environments add",
            "URL is not valid UTF-8",
            "see `llamactl environments add --help`",
        ),
        (
            "auth get -o",
            "the value of '--output' is not valid UTF-8",
            "see `llamactl auth get --help`",
        ),
        (
            "auth token --api-key",
            "the value of '--api-key' is not valid UTF-8",
            "see `llamactl auth token --help`",
        ),
        (
            "auth token --project",
            "the value of '--project' is not valid UTF-8",
            "see `llamactl auth token --help`",
        ),
    ] {
        let said = format!("error: {error}\nhint: {hint}\n");
        sandbox.cmd(line).arg(bytes).code(2).stderr(&said).run();
    }
    let option = OsStr::from_bytes(b"--pro\xffject");
    sandbox
        .cmd("auth token")
        .arg(option)
        .code(2)
        .stderr("error: unknown option\nhint: see `llamactl auth token --help`\n")
        .run();
    // Paths need not be UTF-8.
    let path = OsStr::from_bytes(b"k\xffy");
    sandbox.write(path, KEY);
    sandbox
        .cmd("auth token --no-verify --project p --api-key-file")
        .arg(path)
        .stderr("created profile 'llx-01****mnop' in https://api.cloud.llamaindex.ai and made it current\n")
        .run();
}

#[test]
fn misplaced_arguments_are_not_echoed() {
    let sandbox = Sandbox::new();
    let attached = [
        format!("--{KEY}"),
        format!("--output={KEY}"),
        format!("--project={KEY} x"),
        format!("--api-kye={KEY}"),
        format!("-{KEY}"),
        format!("-o{KEY}"),
        format!("--no-verify={KEY}"),
        format!("--help={KEY}"),
        format!("--tail={KEY}"),
    ];
    let lines = [
        "",
        "auth",
        "auth list",
        "auth get -o",
        "auth get x",
        "auth token --project p --name",
        "auth token --api-key-fil",
        "auth token",
        "config",
        "deployments logs app --tail",
        "environments add",
        "environments use",
        "projects use --org a",
    ];
    // Each output is searched for keys; the error itself does not matter here.
    for line in lines {
        sandbox.cmd(line).arg(KEY).anything().run();
        for arg in &attached {
            sandbox.cmd(line).arg(arg).anything().run();
        }
    }
}

/// Runs `llamactl` with its output going to a pipe whose reader is gone.
fn into_a_closed_pipe<'a>(sandbox: &'a Sandbox, line: &str) -> crate::support::Run<'a> {
    let script = "mkfifo pipe; exec 3<>pipe 4>pipe 3<&-; rm pipe; \"$@\" >&4";
    let words = line.split_whitespace();
    let args = ["-c", script, "sh", crate::support::LLAMACTL];
    sandbox
        .args(args.into_iter().chain(words))
        .program("/bin/sh")
        .machine_path()
}

#[test]
fn closed_pipe_is_not_an_error() {
    let sandbox = Sandbox::new();
    for line in [
        "--help",
        "--version",
        "auth",
        "environments get",
        "config -o json",
    ] {
        into_a_closed_pipe(&sandbox, line).run();
    }
    // A full disk is an error; not every system has /dev/full.
    let full = Path::new("/dev/full").exists();
    for line in ["--help", "--version", "auth", "environments get", "config"] {
        if !full {
            break;
        }
        let script = "exec \"$@\" >/dev/full";
        let args = ["-c", script, "sh", crate::support::LLAMACTL];
        sandbox
            .args(args.into_iter().chain(line.split_whitespace()))
            .program("/bin/sh")
            .code(1)
            .stderr("error: standard output can't be written: No space left on device\n")
            .run();
    }
    // The exit code of an error does not depend on the reader.
    for streams in ["2>&-", ">&-", ">&- 2>&-"] {
        let script = format!("exec \"$@\" {streams}");
        let args = [
            "-c",
            &script,
            "sh",
            crate::support::LLAMACTL,
            "auth",
            "get",
            "-o",
            "xml",
        ];
        sandbox
            .args(args)
            .program("/bin/sh")
            .code(2)
            .any_stderr()
            .run();
    }
}
