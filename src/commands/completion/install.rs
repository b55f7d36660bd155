//! `completion install`: writes a completion script to where the user's shell looks for one.
//!
//! A shell's own start-up files are the user's: a line that is missing there is said, not written.

use std::fs;
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::cli::complete::Shell;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::error::{Error, Result, os_reason};
use crate::shell_quote;
use crate::term::prompt;
use crate::vars::Vars;

/// What the line says.
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
        None => used_shell(app.vars)?,
    };
    let target = target(shell, app.vars)?;
    if args.dry_run {
        prompt::say(&format!("would write {}", target.display()));
        return Ok(());
    }
    let written = match target.parent() {
        Some(directory) => fs::create_dir_all(directory),
        None => Ok(()),
    }
    .and_then(|()| fs::write(&target, shell.script()));
    written.map_err(|e| {
        let said = format!("{} can't be written: {}", target.display(), os_reason(&e));
        let name = shell.name();
        Error::failed(said).hint(format!(
            "`llamactl completion {name}` prints the script; put it where {name} finds it"
        ))
    })?;
    prompt::say(&format!("wrote {}", target.display()));
    for line in what_is_left(shell, &target, app.vars) {
        prompt::say(&line);
    }
    Ok(())
}

/// The shell that the variable SHELL names.
fn used_shell(vars: Vars) -> Result<Shell> {
    let path = vars.path("SHELL");
    let name = path.as_deref().and_then(Path::file_stem);
    name.and_then(|name| Shell::from_name(name.to_str()?))
        .ok_or_else(|| {
            Error::usage("the variable SHELL names no shell that there are completions for")
                .hint("pass bash, zsh or fish")
        })
}

/// Where the shell looks, or where the Python tool already made it look.
fn target(shell: Shell, vars: Vars) -> Result<PathBuf> {
    let home = vars
        .path("HOME")
        .ok_or_else(|| Error::failed("there is no home directory to write to").hint("set HOME"))?;
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
fn what_is_left(shell: Shell, target: &Path, vars: Vars) -> Vec<String> {
    match shell {
        Shell::Bash => vec![
            "new shells load it, where the bash-completion package is installed;".to_string(),
            "where it is not, add this line to ~/.bashrc:".to_string(),
            format!("    . {}", shell_quote::sh(&target.display().to_string())),
        ],
        Shell::Zsh => {
            let rc = match vars.path("ZDOTDIR") {
                Some(directory) => directory.join(".zshrc").display().to_string(),
                None => "~/.zshrc".to_string(),
            };
            vec![
                format!("new shells load it, if these lines are in {rc}:"),
                "    fpath=(~/.zfunc $fpath)".to_string(),
                "    autoload -Uz compinit && compinit".to_string(),
            ]
        }
        Shell::Fish => vec!["new shells load it".to_string()],
    }
}
