//! What `auth logout` and `environments delete` share: revoking what a login created, and reporting it.

use crate::app::App;
use crate::login::revoke::{KeyRevocation, LoginRevocation, revoke};
use crate::sanitize::quoted;
use crate::store::Profile;
use crate::term::message;
use crate::url::ApiUrl;

/// Revokes what belongs to a profile, and prints what was revoked and what was not.
pub fn revoke_and_report(app: &mut App, url: &ApiUrl, profile: &Profile) {
    let revocation = revoke(app, url, profile);
    let name = quoted(&profile.name);
    match revocation.key {
        KeyRevocation::None => {}
        KeyRevocation::Deleted { id } => {
            message::status(&format!("deleted the API key {} on {url}", quoted(&id)));
        }
        KeyRevocation::AlreadyDeleted { id } => message::status(&format!(
            "the API key {} did not exist on {url} any more",
            quoted(&id)
        )),
        KeyRevocation::StillValid { key, reason } => message::warn_always(&format!(
            "the API key {} is still valid on {url}, delete it there: {reason}",
            quoted(&key)
        )),
    }
    match revocation.login {
        LoginRevocation::None => {}
        LoginRevocation::Revoked => {
            message::status(&format!("revoked the login of {name} at its provider"));
        }
        LoginRevocation::Unsupported => message::status(&format!(
            "the login of {name} cannot be revoked at its provider; it expires there by itself"
        )),
        LoginRevocation::Failed(error) => message::warn_always(&format!(
            "the login of {name} could not be revoked at its provider: {}",
            error.message
        )),
    }
}
