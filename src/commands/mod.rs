//! What each command does: one file each. No command calls another; what two share is in a room of its own.
mod auth {
    pub mod exec;
    pub mod export;
    pub mod exported;
    pub mod get;
    pub mod import;
    pub mod inject;
    pub mod login;
    pub mod logout;
    pub mod me;
    pub mod status;

    pub mod token;
    pub mod r#use;
}
mod completion;
mod config;
mod deployments;
mod environments;
mod organizations;
mod projects;
mod select;

use crate::app::App;
use crate::cli::complete::Shell;
use crate::cli::parse::Invocation;
use crate::cli::spec::Id;
use crate::error::Result;

/// Runs the command that was asked for.
///
/// # Errors
/// Whatever the command ends with.
pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    match given.id {
        Id::AuthToken => auth::token::run(&auth::token::Args::from(given)?, app),
        Id::AuthGet => auth::get::run(&auth::get::Args::from(given), app),
        Id::AuthUse => auth::r#use::run(&auth::r#use::Args::from(given), app),
        Id::AuthLogin => auth::login::run(&auth::login::Args::from(given)?, app),
        Id::AuthLogout => auth::logout::run(&auth::logout::Args::from(given)?, app),
        Id::AuthMe => auth::me::run(&auth::me::Args::from(given), app),
        Id::AuthImport => auth::import::run(&auth::import::Args::from(given), app),
        Id::AuthInject => auth::inject::run(&auth::inject::Args::from(given), app),

        Id::AuthStatus => auth::status::run(&auth::status::Args::from(given)?, app),
        Id::AuthExec => auth::exec::run(&auth::exec::Args::from(given)?, app),
        Id::AuthExport => auth::export::run(&auth::export::Args::from(given)?, app),
        Id::EnvironmentsGet => environments::get::run(&environments::get::Args::from(given)?, app),
        Id::EnvironmentsAdd => environments::add::run(&environments::add::Args::from(given)?, app),
        Id::EnvironmentsUse => {
            environments::r#use::run(&environments::r#use::Args::from(given)?, app)
        }
        Id::EnvironmentsDelete => {
            environments::delete::run(&environments::delete::Args::from(given)?, app)
        }
        Id::ProjectsGet => projects::get::run(&projects::get::Args::from(given)?, app),
        Id::ProjectsUse => projects::r#use::run(&projects::r#use::Args::from(given)?, app),
        Id::OrganizationsGet => organizations::run(&organizations::Args::from(given), app),
        Id::DeploymentsGet => deployments::get::run(&deployments::get::Args::from(given)?, app),
        Id::DeploymentsHistory => {
            deployments::history::run(&deployments::history::Args::from(given)?, app)
        }
        Id::DeploymentsLogs => deployments::logs::run(&deployments::logs::Args::from(given)?, app),
        Id::DeploymentsRollback => {
            deployments::rollback::run(&deployments::rollback::Args::from(given)?, app)
        }
        Id::DeploymentsDelete => {
            deployments::delete::run(&deployments::delete::Args::from(given)?, app)
        }
        Id::Config => config::run(&config::Args::from(given), app),
        Id::CompletionBash => completion::print(Shell::Bash),
        Id::CompletionZsh => completion::print(Shell::Zsh),
        Id::CompletionFish => completion::print(Shell::Fish),
        Id::CompletionGenerate => completion::generate(given),
        Id::CompletionInstall => {
            completion::install::run(&completion::install::Args::from(given), app)
        }
        Id::CompletionNames => completion::names(given, app),
    }
}
