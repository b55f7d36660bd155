//! `completion names KIND`: prints stored names for the completion scripts.

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::error::Result;
use crate::sanitize::is_control_or_format;
use crate::store::StoreFile;
use crate::term::output;

/// Runs each time the user presses Tab, so it reports no errors and changes nothing.
pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let store = StoreFile::locate(app.vars)
        .ok()
        .and_then(|file| file.peek());
    let store = store.unwrap_or_default();
    let names: Vec<String> = match given.arg(0) {
        Some("environments") => {
            let aliases = ["us", "eu"].map(String::from).into_iter();
            aliases
                .chain(store.urls().iter().map(ToString::to_string))
                .collect()
        }
        _ => {
            let profiles = store.current().profiles;
            profiles.into_iter().map(|profile| profile.name).collect()
        }
    };
    // Only a hand-edited store contains such names. They would break the list or the user's command line.
    let is_valid = |name: &String| {
        !name.starts_with('-')
            && !name
                .chars()
                .any(|c| c.is_whitespace() || is_control_or_format(c))
    };
    let lines = names.into_iter().filter(is_valid).map(|name| name + "\n");
    output::data(&lines.collect::<String>())
}
