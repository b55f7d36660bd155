//! `deployments resume`: starts a suspended deployment again.

use serde_json::json;

use super::rollout::{self, Change};
use super::{ProjectArgs, required_name};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::error::Result;
use crate::term::output;

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let name = required_name(given)?;
    let project = ProjectArgs::from(given)?;
    let wait = rollout::timeout_of_wait(given)?;
    let mut project = project.open_to_change(app)?;
    let change = Change::make(app, &mut project, &name, |deployment| {
        deployment.suspended.then(|| json!({ "suspended": false }))
    })?;
    output::text(&format!("{}\n", change.describe()))?;
    match wait {
        Some(timeout) => rollout::wait(app, &mut project, &name, timeout, Some(change)),
        None => Ok(()),
    }
}
