//! `completion`: what Tab does in real shells on a pseudo-terminal, and where the scripts are installed.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::{LLAMACTL, Sandbox, Terminal, say_skipped};

const EVIL: &str = "evil$(touch${IFS}pwned)`touch${IFS}pwned`";

/// A home with profiles and environments whose names contain shell metacharacters. The `llamactl` on the PATH prints its
/// arguments, except that it passes `completion` on to the real one.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let names = ["llx-01****mnop", "ada@example.com", "work", "it's", EVIL];
    let profiles: Vec<serde_json::Value> = names
        .iter()
        .map(|name| serde_json::json!({"name": name, "project_id": "p"}))
        .collect();
    let store = serde_json::json!({
        "version": 1,
        "environments": [
            {"api_url": "https://api.cloud.llamaindex.ai", "profiles": profiles},
            {"api_url": "https://llama.example.com:8443"},
            {"api_url": "http://127.0.0.1:8011"},
        ],
    });
    sandbox.write("../home/.config/llamactl/profiles.json", store.to_string());
    sandbox.set_mode("../home/.config/llamactl", 0o700);
    sandbox.set_mode("../home/.config/llamactl/profiles.json", 0o600);
    sandbox.program(
        "llamactl",
        &format!(
            "case $2 in names | bash | zsh | fish) exec '{LLAMACTL}' \"$@\" ;; esac\n\
             printf 'ran:' && printf ' <%s>' \"$@\" && echo '.'"
        ),
    );
    sandbox.write("sub dir/some file.txt", "");
    // The shell would expand the masked profile name to this file.
    sandbox.write("llx-01XXXXmnop", "");
    sandbox
}

fn is_installed(shell: &str) -> bool {
    let found = Command::new(shell)
        .args(["-c", "exit 0"])
        .stdin(Stdio::null())
        .status();
    if found.is_err() {
        say_skipped(&format!(
            "{shell} is not installed; its completions are not tested"
        ));
    }
    found.is_ok()
}

/// Starts the shell without the machine's start-up files and loads the completions.
fn start<'a>(sandbox: &'a Sandbox, shell: &str, bash_completion: bool) -> Terminal<'a> {
    let program = sandbox.program("zzprogram", "");
    let mut path = program
        .parent()
        .expect("a directory")
        .as_os_str()
        .to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let arguments: &[&str] = match shell {
        "bash" => &["--norc", "--noprofile", "-i"],
        "zsh" => &["-f", "-i"],
        _ => &["--no-config", "-i"],
    };
    let setup = match (shell, bash_completion) {
        ("bash", true) => {
            ". /usr/share/bash-completion/bash_completion; eval \"$(llamactl completion bash)\""
        }
        ("bash", false) => "eval \"$(llamactl completion bash)\"",
        ("zsh", _) => {
            "autoload -Uz compinit && compinit -u -D; setopt no_beep; LISTMAX=1000; eval \"$(llamactl completion zsh)\""
        }
        _ => "function fish_prompt; echo '% '; end; llamactl completion fish | source",
    };
    let mut terminal = sandbox
        .args(arguments)
        .program(shell)
        .env("PATH", path)
        .env("PS1", "% ")
        .env("LC_ALL", "C.UTF-8")
        .env("INPUTRC", "/dev/null")
        .terminal();
    terminal.type_line(&format!("{setup}; echo rea''dy"));
    terminal.expect("ready");
    terminal
}

/// What is typed after `llamactl `, and the arguments that the program receives.
const TYPED: &[(&str, &str)] = &[
    ("au\ttok\t--no-v\t", "<auth> <token> <--no-verify>"),
    ("--vers\t", "<--version>"),
    ("auth get -o j\t", "<auth> <get> <-o> <json>"),
    ("auth get --out\ty\t", "<auth> <get> <--output> <yaml>"),
    ("auth get --output=y\t", "<auth> <get> <--output=yaml>"),
    (
        "-v auth get work -o y\t",
        "<-v> <auth> <get> <work> <-o> <yaml>",
    ),
    ("dep list -o w\t", "<dep> <list> <-o> <wide>"),
    ("completion gen\tz\t", "<completion> <generate> <zsh>"),
    ("auth use wo\t", "<auth> <use> <work>"),
    ("auth use llx\t", "<auth> <use> <llx-01****mnop>"),
    ("auth use llx-01\\*\\*\t", "<auth> <use> <llx-01****mnop>"),
    ("auth use \"llx\t", "<auth> <use> <llx-01****mnop>"),
    ("auth use 'llx\t", "<auth> <use> <llx-01****mnop>"),
    ("auth use ad\t", "<auth> <use> <ada@example.com>"),
    ("auth use ada@ex\t", "<auth> <use> <ada@example.com>"),
    ("auth use it\t", "<auth> <use> <it's>"),
    ("auth use ev\t", "<auth> <use> <EVIL>"),
    ("auth use -- wo\t", "<auth> <use> <--> <work>"),
    (
        "auth inject --profile llx\t",
        "<auth> <inject> <--profile> <llx-01****mnop>",
    ),
    (
        "auth inject --profile=llx\t",
        "<auth> <inject> <--profile=llx-01****mnop>",
    ),
    (
        "auth inject --profile=ada@e\t",
        "<auth> <inject> <--profile=ada@example.com>",
    ),
    ("env use e\t", "<env> <use> <eu>"),
    ("environments use u\t", "<environments> <use> <us>"),
    (
        "environments use https://l\t",
        "<environments> <use> <https://llama.example.com:8443>",
    ),
    (
        "env use https://llama.example.com:8\t",
        "<env> <use> <https://llama.example.com:8443>",
    ),
    ("env use https:\t", "<env> <use> <https://>"),
    (
        "auth inject --env-file su\tso\t",
        "<auth> <inject> <--env-file> <sub dir/some file.txt>",
    ),
    (
        "auth inject --env-file=su\tso\t",
        "<auth> <inject> <--env-file=sub dir/some file.txt>",
    ),
    ("auth exec zzpr\t", "<auth> <exec> <zzprogram>"),
    (
        "auth exec --profile wo\t-- zzpr\t",
        "<auth> <exec> <--profile> <work> <--> <zzprogram>",
    ),
    (
        "auth exec -- cat su\tso\t",
        "<auth> <exec> <--> <cat> <sub dir/some file.txt>",
    ),
];

fn completes(shell: &str, bash_completion: bool) {
    if !is_installed(shell) {
        return;
    }
    let sandbox = sandbox();
    let mut terminal = start(&sandbox, shell, bash_completion);
    for (typed, arguments) in TYPED {
        let arguments = arguments.replace("EVIL", EVIL);
        // fish expands a `*` even if it is quoted.
        if shell == "fish" && typed.contains('*') {
            continue;
        }
        terminal.send(format!("llamactl {typed}\r"));
        terminal.expect("ran: ").expect(".\r\n");
        let shown = terminal.transcript();
        let ran = shown.rsplit("ran: ").next().unwrap_or_default();
        let ran = ran.split(".\n").next().unwrap_or_default();
        // zsh appends `=` to an option that takes a value, until a space follows.
        let arguments = match shell {
            "zsh" => arguments.replace("<--output> ", "<--output="),
            _ => arguments,
        };
        assert_eq!(ran, arguments.replace("=<", "="), "{shell}: {typed:?}");
    }
    // Several candidates are listed.
    for (typed, listed) in [
        ("auth ", &["inject", "logout", "token"][..]),
        (
            "auth token --",
            &["--api-key-file", "--project", "--verbose"][..],
        ),
        ("auth export --format ", &["dotenv", "powershell"][..]),
        ("auth use ", &["ada@example.com", "work"][..]),
    ] {
        let before = terminal.transcript().len();
        terminal.send(format!("llamactl {typed}\t\t"));
        let mut seen = listed.to_vec();
        while let Some(name) = seen.pop() {
            // In any order: each is searched from the same position.
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while !terminal.transcript()[before..].contains(name) {
                assert!(
                    std::time::Instant::now() < deadline,
                    "{shell}: {typed:?} lists no {name}:\n{}",
                    &terminal.transcript()[before..]
                );
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        // Ctrl-U clears the line.
        terminal.send(b"\x15");
    }
    assert!(!sandbox.exists("pwned"), "{shell} evaluated a profile name");
    terminal.send("exit\r");
    terminal.wait();
}

#[test]
fn bash_completes() {
    completes("bash", false);
}

#[test]
fn bash_completes_with_bash_completion() {
    if fs::exists("/usr/share/bash-completion/bash_completion").is_ok_and(|found| found) {
        completes("bash", true);
    } else {
        say_skipped("bash-completion is not installed; bash is tested without it only");
    }
}

#[test]
fn zsh_completes() {
    completes("zsh", false);
}

#[test]
fn fish_completes() {
    completes("fish", false);
}

#[test]
fn scripts_are_printed() {
    let sandbox = Sandbox::new();
    for (shell, file) in [
        ("bash", "llamactl.bash"),
        ("zsh", "_llamactl"),
        ("fish", "llamactl.fish"),
    ] {
        let golden = format!(
            "{}/fixtures/golden/completions/{file}",
            env!("CARGO_MANIFEST_DIR")
        );
        let script = fs::read_to_string(golden).expect("a golden file");
        sandbox.cmd("completion").arg(shell).stdout(&script).run();
        let capitals = sandbox.cmd("completion generate").arg(shell.to_uppercase());
        capitals.stdout(&script).run();
    }
    let wrong = sandbox.cmd("completion generate tcsh").code(2);
    wrong
        .stderr(
            "error: SHELL must be bash, zsh or fish\nhint: see `llamactl completion generate --help`\n",
        )
        .run();
}

#[test]
fn names_come_from_the_store_without_messages() {
    let sandbox = sandbox();
    let all = format!("llx-01****mnop\nada@example.com\nwork\nit's\n{EVIL}\n");
    sandbox.cmd("completion names profiles").stdout(&all).run();
    let urls = "us\neu\nhttps://api.cloud.llamaindex.ai\nhttps://llama.example.com:8443\nhttp://127.0.0.1:8011\n";
    sandbox
        .cmd("completion names environments")
        .stdout(urls)
        .run();

    // Loose permissions are fixed and reported by other commands.
    let path = "../home/.config/llamactl/profiles.json";
    sandbox.set_mode(path, 0o644);
    sandbox.cmd("completion names profiles").stdout(&all).run();
    assert_eq!(sandbox.mode(path), 0o644);

    let profiles = serde_json::json!([
        {"name": "two\nlines", "project_id": "p"},
        {"name": "a\u{1b}[31m", "project_id": "p"},
        {"name": "--help", "project_id": "p"},
        {"name": "sound", "project_id": "p"},
    ]);
    let url = "https://api.cloud.llamaindex.ai";
    let environments = serde_json::json!([{"api_url": url, "profiles": profiles}]);
    let store = serde_json::json!({"version": 1, "environments": environments});
    sandbox.write(path, store.to_string());
    sandbox
        .cmd("completion names profiles")
        .stdout("sound\n")
        .run();

    sandbox.write(path, "{");
    sandbox.cmd("completion names profiles").run();
    sandbox
        .cmd("completion names profiles")
        .no_env("HOME")
        .run();
    fs::remove_file(sandbox.cwd().join(path)).expect("a file removed");
    sandbox.cmd("completion names profiles").run();
    sandbox
        .cmd("completion names environments")
        .stdout("us\neu\nhttps://api.cloud.llamaindex.ai\n")
        .run();
    assert_eq!(
        sandbox.home_tree(),
        ["755 .config/", "700 .config/llamactl/"]
    );
}

#[test]
fn install_writes_to_the_shell_s_completion_directory() {
    let sandbox = Sandbox::new();
    let bash = "
        wrote [HOME]/.local/share/bash-completion/completions/llamactl
        new shells load it if the bash-completion package is installed;
        otherwise add this line to ~/.bashrc:
            . '[HOME]/.local/share/bash-completion/completions/llamactl'
        ";
    let zsh = "
        wrote [HOME]/.zfunc/_llamactl
        new shells load it if these lines are in ~/.zshrc:
            fpath=(~/.zfunc $fpath)
            autoload -Uz compinit && compinit
        ";
    let fish = "
        wrote [HOME]/.config/fish/completions/llamactl.fish
        new shells load it
        ";
    for (shell, said, file) in [
        (
            "bash",
            bash,
            ".local/share/bash-completion/completions/llamactl",
        ),
        ("zsh", zsh, ".zfunc/_llamactl"),
        ("fish", fish, ".config/fish/completions/llamactl.fish"),
    ] {
        sandbox
            .cmd("completion install --dry-run")
            .arg(shell)
            .stderr(&format!("would write [HOME]/{file}\n"))
            .run();
        assert!(!sandbox.home().join(file).exists());
        sandbox
            .cmd("completion install")
            .arg(shell)
            .stderr(said)
            .run();
        let written = sandbox.read_home(file);
        sandbox.cmd("completion").arg(shell).stdout(&written).run();
        // Again, selected in other ways, over an existing file.
        sandbox.write(sandbox.home().join(file), "old");
        sandbox
            .cmd("completion install --shell")
            .arg(shell)
            .stderr(said)
            .run();
        sandbox
            .cmd("completion install")
            .env("SHELL", format!("/usr/bin/{shell}"))
            .stderr(said)
            .run();
        assert_eq!(sandbox.read_home(file), written);
    }
    for rc in [".bashrc", ".zshrc", ".config/fish/config.fish"] {
        assert!(!sandbox.home().join(rc).exists());
    }
}

#[test]
fn install_follows_environment_variables_and_the_python_tool() {
    let sandbox = Sandbox::new();
    let data = sandbox.cwd().join("data");
    sandbox
        .cmd("completion install bash --dry-run")
        .env("XDG_DATA_HOME", &data)
        .stderr("would write [CWD]/data/bash-completion/completions/llamactl\n")
        .run();
    sandbox
        .cmd("completion install bash --dry-run")
        .env("BASH_COMPLETION_USER_DIR", &data)
        .stderr("would write [CWD]/data/completions/llamactl\n")
        .run();
    sandbox
        .cmd("completion install fish --dry-run")
        .env("XDG_CONFIG_HOME", &data)
        .stderr("would write [CWD]/data/fish/completions/llamactl.fish\n")
        .run();
    sandbox
        .cmd("completion install zsh")
        .env("ZDOTDIR", &data)
        .stderr(
            "
            wrote [HOME]/.zfunc/_llamactl
            new shells load it if these lines are in [CWD]/data/.zshrc:
                fpath=(~/.zfunc $fpath)
                autoload -Uz compinit && compinit
            ",
        )
        .run();
    // The Python tool's start-up line sources this file.
    sandbox.write(
        "../home/.bash_completion.d/llamactl",
        "complete -F _old llamactl",
    );
    sandbox
        .cmd("completion install bash --dry-run")
        .stderr("would write [HOME]/.bash_completion.d/llamactl\n")
        .run();
}

#[test]
fn install_reports_unknown_shells_and_unwritable_files() {
    let sandbox = Sandbox::new();
    for shell in [None, Some("/bin/tcsh")] {
        let run = sandbox.cmd("completion install").code(2);
        let run = match shell {
            Some(path) => run.env("SHELL", path),
            None => run,
        };
        run.stderr(
            "
            error: the environment variable SHELL does not name a supported shell
            hint: pass bash, zsh or fish
            ",
        )
        .run();
    }
    sandbox
        .cmd("completion install zsh")
        .no_env("HOME")
        .code(1)
        .stderr("error: no home directory found\nhint: set HOME\n")
        .run();
    sandbox.write("../home/.zfunc", "a file");
    sandbox
        .cmd("completion install zsh")
        .code(1)
        .stderr(
            "
            error: cannot write '[HOME]/.zfunc/_llamactl': File exists
            hint: `llamactl completion zsh` prints the script; save it where zsh looks for completions
            ",
        )
        .run();
}

#[cfg(unix)]
#[test]
fn install_writes_mode_0644_whatever_the_umask() {
    for (umask, previous) in [
        ("0", None),
        ("077", None),
        ("0", Some(0o600)),
        ("022", Some(0o666)),
    ] {
        let sandbox = Sandbox::new();
        let file = "../home/.config/fish/completions/llamactl.fish";
        if let Some(mode) = previous {
            sandbox.write(file, "old");
            sandbox.set_mode(file, mode);
        }
        let script = format!("umask {umask}; exec '{LLAMACTL}' completion install fish");
        let run = sandbox.args(["-c", &script]).program("/bin/sh");
        run.any_stderr().run();
        assert_eq!(sandbox.mode(file), 0o644, "umask {umask}, {previous:?}");
    }
}

#[test]
fn completion_variable_of_the_python_tool_prints_the_script_or_nothing() {
    let sandbox = Sandbox::new();
    for (value, shell) in [
        ("bash_source", "bash"),
        ("zsh_source", "zsh"),
        ("fish_source", "fish"),
    ] {
        let script = sandbox
            .cmd("completion")
            .arg(shell)
            .any_stdout()
            .run()
            .stdout;
        let run = sandbox.cmd("").env("_LLAMACTL_COMPLETE", value);
        run.stdout(&script).run();
    }
    for value in [
        "bash_complete",
        "source_bash",
        "source",
        "BASH_SOURCE",
        "tcsh_source",
        "1",
        "bash",
    ] {
        sandbox.cmd("").env("_LLAMACTL_COMPLETE", value).run();
    }
    let help = sandbox.cmd("--help").any_stdout().run().stdout;
    let run = sandbox.cmd("").env("_LLAMACTL_COMPLETE", "");
    run.stdout(&help).run();
    let run = sandbox
        .cmd("--help")
        .env("_LLAMACTL_COMPLETE", "bash_source");
    run.stdout(&help).run();
    let run = sandbox
        .cmd("auth lgin")
        .env("_LLAMACTL_COMPLETE", "zsh_source");
    run.code(2)
        .stderr("error: unknown command 'llamactl auth lgin'\nhint: did you mean `llamactl auth login`?\n")
        .run();
}

/// The lines that the Python tool's documentation and click's put into start-up files.
#[test]
fn start_up_files_for_the_python_tool_stay_silent_and_complete() {
    for (shell, file, line) in [
        (
            "bash",
            ".bashrc",
            "eval \"$(_LLAMACTL_COMPLETE=bash_source llamactl)\"",
        ),
        (
            "zsh",
            ".zshrc",
            "autoload -Uz compinit && compinit -u -D; eval \"$(_LLAMACTL_COMPLETE=zsh_source llamactl)\"",
        ),
        (
            "fish",
            ".config/fish/config.fish",
            "function fish_prompt; echo '% '; end; _LLAMACTL_COMPLETE=fish_source llamactl | source",
        ),
    ] {
        if !is_installed(shell) {
            continue;
        }
        let sandbox = Sandbox::new();
        let program = sandbox.program(
            "llamactl",
            &format!(
                "case \"$_LLAMACTL_COMPLETE$2\" in ?*_source | names) exec '{LLAMACTL}' \"$@\" ;; esac\n\
                 printf 'ran:' && printf ' <%s>' \"$@\" && echo '.'"
            ),
        );
        let mut path = program
            .parent()
            .expect("a directory")
            .as_os_str()
            .to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        sandbox.write(format!("../home/{file}"), format!("{line}\n"));
        let silent = match shell {
            "bash" => format!(". ~/{file}"),
            "zsh" => format!("source ~/{file}"),
            _ => "true".to_string(),
        };
        sandbox
            .args(["-c", &silent])
            .program(shell)
            .env("PATH", &path)
            .run();
        let mut terminal = sandbox
            .args(["-i"])
            .program(shell)
            .env("PATH", &path)
            .env("PS1", "% ")
            .env("LC_ALL", "C.UTF-8")
            .env("INPUTRC", "/dev/null")
            .terminal();
        terminal.type_line("echo rea''dy");
        terminal.expect("ready");
        terminal.send("llamactl au\ttok\t--no-v\t\r");
        terminal.expect("ran: <auth> <token> <--no-verify>");
        terminal.send("exit\r");
        terminal.wait();
    }
}
