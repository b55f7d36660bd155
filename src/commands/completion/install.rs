//! `completion install`: writes a completion script to the directory where the shell looks for one.
//!
//! It never edits the shell's start-up files; if they need a line, it prints that line.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::cli::complete::Shell;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::error::{Error, Result, os_reason};
use crate::sanitize::sanitize;
use crate::shell_quote;
use crate::term::prompt;
use crate::vars::Vars;

struct Args {
    shell: Option<Shell>,
    dry_run: bool,
}

impl Args {
    fn from(given: &Invocation) -> Args {
        let named = given.text(OptId::Shell).or_else(|| given.arg(0));
        Args {
            shell: named.and_then(Shell::from_name),
            dry_run: given.has(OptId::DryRun),
        }
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given);
    let shell = match args.shell {
        Some(shell) => shell,
        None => default_shell(app.vars)?,
    };
    let target = target(shell, app.vars)?;
    if args.dry_run {
        prompt::say(&format!(
            "would write {}",
            sanitize(&target.display().to_string())
        ));
        return Ok(());
    }
    write(&target, &shell.script()).map_err(|e| {
        let name = shell.name();
        Error::failed(format!(
            "cannot write '{}': {}",
            sanitize(&target.display().to_string()),
            os_reason(&e)
        ))
        .hint(format!(
            "`llamactl completion {name}` prints the script; save it where {name} looks for completions"
        ))
    })?;
    prompt::say(&format!(
        "wrote {}",
        sanitize(&target.display().to_string())
    ));
    for line in remaining_steps(shell, &target, app.vars) {
        prompt::say(&line);
    }
    Ok(())
}

/// Writes with mode 0644 whatever the umask: the shell executes the file, so nobody else may write to it, and it holds
/// no secret.
fn write(target: &Path, script: &str) -> io::Result<()> {
    if let Some(directory) = target.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    let mut file = options.open(target)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.set_len(0)?;
    file.write_all(script.as_bytes())
}

/// The shell named by the environment variable SHELL.
fn default_shell(vars: Vars) -> Result<Shell> {
    let path = vars.path("SHELL");
    let name = path.as_deref().and_then(Path::file_stem);
    name.and_then(|name| Shell::from_name(name.to_str()?))
        .ok_or_else(|| {
            Error::usage("the environment variable SHELL does not name a supported shell")
                .hint("pass bash, zsh or fish")
        })
}

/// The file that the shell loads, or the one that the Python tool installed and the start-up file already sources.
fn target(shell: Shell, vars: Vars) -> Result<PathBuf> {
    let home = vars
        .path("HOME")
        .ok_or_else(|| Error::failed("no home directory found").hint("set HOME"))?;
    let below = |variable: &str, default: &str| {
        let named = vars.path(variable).filter(|path| path.is_absolute());
        named.unwrap_or_else(|| home.join(default))
    };
    Ok(match shell {
        Shell::Bash => {
            let sourced = home.join(".bash_completion.d/llamactl");
            if sourced.is_file() {
                return Ok(sourced);
            }
            let user = vars.path("BASH_COMPLETION_USER_DIR");
            let base = user
                .filter(|path| path.is_absolute())
                .unwrap_or_else(|| below("XDG_DATA_HOME", ".local/share").join("bash-completion"));
            base.join("completions/llamactl")
        }
        Shell::Zsh => home.join(".zfunc/_llamactl"),
        Shell::Fish => below("XDG_CONFIG_HOME", ".config").join("fish/completions/llamactl.fish"),
    })
}

/// What the user has yet to do.
fn remaining_steps(shell: Shell, target: &Path, vars: Vars) -> Vec<String> {
    match shell {
        Shell::Bash => vec![
            "new shells load it if the bash-completion package is installed;".to_string(),
            "otherwise add this line to ~/.bashrc:".to_string(),
            format!("    . {}", shell_quote::sh(&target.display().to_string())),
        ],
        Shell::Zsh => {
            let rc = match vars.path("ZDOTDIR") {
                Some(directory) => directory.join(".zshrc").display().to_string(),
                None => "~/.zshrc".to_string(),
            };
            vec![
                format!("new shells load it if these lines are in {rc}:"),
                "    fpath=(~/.zfunc $fpath)".to_string(),
                "    autoload -Uz compinit && compinit".to_string(),
            ]
        }
        Shell::Fish => vec!["new shells load it".to_string()],
    }
}
