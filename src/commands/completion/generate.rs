//! `completion bash`, `zsh`, `fish` and `generate SHELL`: prints a completion script.

use crate::app::App;
use crate::cli::complete::Shell;
use crate::cli::parse::Invocation;
use crate::cli::spec::Id;
use crate::error::{Error, Result};
use crate::term::output;

pub fn run(given: &Invocation, _app: &mut App) -> Result<()> {
    let shell = match given.id {
        Id::CompletionBash => Some(Shell::Bash),
        Id::CompletionZsh => Some(Shell::Zsh),
        Id::CompletionFish => Some(Shell::Fish),
        _ => given.arg(0).and_then(Shell::from_name),
    };
    let shell = shell.ok_or_else(|| Error::usage("SHELL is missing"))?;
    output::data(&shell.script())
}
