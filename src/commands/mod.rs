//! The commands, one file each. No command calls another; what several share is in a module beside them.

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
    pub mod print_key;
    pub mod status;
    pub mod token;
    pub mod r#use;
}
mod completion;
mod config;
mod deployments;
mod environments;
mod log_out;
mod organizations;
mod projects;
mod select;

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::{Id, OptId};
use crate::error::{Error, Result};
use crate::sanitize::quoted;
use crate::validate;

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    match given.id {
        Id::AuthToken => auth::token::run(given, app),
        Id::AuthGet => auth::get::run(given, app),
        Id::AuthUse => auth::r#use::run(given, app),
        Id::AuthLogin => auth::login::run(given, app),
        Id::AuthLogout => auth::logout::run(given, app),
        Id::AuthMe => auth::me::run(given, app),
        Id::AuthImport => auth::import::run(given, app),
        Id::AuthInject => auth::inject::run(given, app),
        Id::AuthStatus => auth::status::run(given, app),
        Id::AuthExec => auth::exec::run(given, app),
        Id::AuthExport => auth::export::run(given, app),
        Id::AuthPrintKey => auth::print_key::run(given, app),
        Id::EnvironmentsGet => environments::get::run(given, app),
        Id::EnvironmentsAdd => environments::add::run(given, app),
        Id::EnvironmentsUse => environments::r#use::run(given, app),
        Id::EnvironmentsDelete => environments::delete::run(given, app),
        Id::ProjectsGet => projects::get::run(given, app),
        Id::ProjectsUse => projects::r#use::run(given, app),
        Id::OrganizationsGet => organizations::run(given, app),
        Id::DeploymentsGet => deployments::get::run(given, app),
        Id::DeploymentsHistory => deployments::history::run(given, app),
        Id::DeploymentsLogs => deployments::logs::run(given, app),
        Id::DeploymentsRollback => deployments::rollback::run(given, app),
        Id::DeploymentsUpdate => deployments::update::run(given, app),
        Id::DeploymentsSuspend => deployments::suspend::run(given, app),
        Id::DeploymentsResume => deployments::resume::run(given, app),
        Id::DeploymentsWait => deployments::wait::run(given, app),
        Id::DeploymentsDelete => deployments::delete::run(given, app),
        Id::Config => config::run(given, app),
        Id::CompletionBash | Id::CompletionZsh | Id::CompletionFish | Id::CompletionGenerate => {
            completion::generate::run(given, app)
        }
        Id::CompletionInstall => completion::install::run(given, app),
        Id::CompletionNames => completion::names::run(given, app),
    }
}

/// The ID given with an option, checked; `name` is the option with its dashes.
fn id_option(given: &Invocation, option: OptId, name: &str) -> Result<Option<String>> {
    given
        .text(option)
        .map(|text| valid_id(name, text))
        .transpose()
}

/// An ID from the command line, checked; `what` names it in the error.
fn valid_id(what: &str, text: &str) -> Result<String> {
    validate::id(text).map_err(|why| invalid(what, text, why))
}

/// The error for a value on the command line that cannot be used; `why` ends the sentence.
fn invalid(what: &str, text: &str, why: &str) -> Error {
    Error::usage(match text.trim() {
        "" => format!("{what} {why}"),
        text => format!("{what} {} {why}", quoted(text)),
    })
}
