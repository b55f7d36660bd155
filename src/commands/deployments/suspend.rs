//! `deployments suspend`: stops a deployment until it is resumed.

use serde_json::json;

use super::rollout::Change;
use super::{ProjectArgs, required_name};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::error::Result;
use crate::term::output;

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let name = required_name(given)?;
    let mut project = ProjectArgs::from(given)?.open_to_change(app)?;
    let change = Change::make(app, &mut project, &name, |deployment| {
        (!deployment.suspended).then(|| json!({ "suspended": true }))
    })?;
    output::text(&format!("{}\n", change.describe()))
}
