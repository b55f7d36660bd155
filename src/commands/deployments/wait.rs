//! `deployments wait`: waits until a deployment is running or has failed.

use super::{ProjectArgs, required_name, rollout};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::error::Result;

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let name = required_name(given)?;
    let mut project = ProjectArgs::from(given)?.open(app)?;
    rollout::wait(app, &mut project, &name, rollout::timeout(given), None)
}
