//! The profile that a login creates or updates.

use crate::error::{Error, Result};
use crate::login::refresh::is_same_user;
use crate::oidc::id_token::Claims;
use crate::sanitize::sanitize;
use crate::store::{Environment, Login, Profile};
use crate::validate;

/// The profile that a login updates: the one that `name` names, or else one of the same user. None: a new one.
pub fn to_update<'e>(
    env: &'e Environment,
    name: Option<&str>,
    login: &Login,
) -> Result<Option<&'e Profile>> {
    let is_of_user = |profile: &&Profile| {
        profile
            .oidc
            .as_ref()
            .is_some_and(|known| is_same_user(known, login))
    };
    match name {
        Some(name) => match env.profile(name) {
            Some(profile) if !is_of_user(&profile) => Err(name_is_taken(name)),
            found => Ok(found),
        },
        None => Ok(env
            .current()
            .filter(is_of_user)
            .or_else(|| env.profiles.iter().find(is_of_user))),
    }
}

/// The error if `--name` names a profile that this login must not replace.
pub fn name_is_taken(name: &str) -> Error {
    let name = sanitize(name);
    Error::failed(format!(
        "there is already a profile named '{name}', and it does not belong to this login"
    ))
    .hint(format!(
        "pass another --name, or delete that profile: `llamactl auth logout {name}`"
    ))
}

/// The email, else the preferred username, else the subject, as a profile name.
pub fn proposed_name(claims: &Claims) -> String {
    let candidates = [
        claims.email.as_deref(),
        claims.preferred_username.as_deref(),
        Some(claims.subject.as_str()),
    ];
    let mut fitted = candidates
        .into_iter()
        .flatten()
        .filter_map(validate::fitted_name);
    fitted.next().unwrap_or_else(|| "login".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::ApiUrl;

    fn login(subject: &str) -> Login {
        serde_json::from_value(serde_json::json!({
            "subject": subject, "client_id": "c", "discovery_url": "https://id/x", "access_token": "a"
        }))
        .unwrap()
    }

    #[test]
    fn login_updates_the_named_profile_or_one_of_the_same_user() {
        let mut env = Environment::new(ApiUrl::llama_cloud());
        for (name, subject) in [
            ("key", None),
            ("a", Some("ada")),
            ("a2", Some("ada")),
            ("b", Some("bob")),
        ] {
            let mut profile = Profile::new(name.into(), "p".into());
            profile.oidc = subject.map(login);
            env.profiles.push(profile);
        }
        let found = |env: &Environment, name, subject| match to_update(env, name, &login(subject)) {
            Ok(profile) => profile.map(|profile| profile.name.clone()),
            Err(error) => Some(error.message),
        };
        for (name, subject, expected) in [
            (None, "ada", Some("a".to_string())),
            (None, "bob", Some("b".into())),
            (None, "eve", None),
            (Some("a2"), "ada", Some("a2".into())),
            (Some("new"), "ada", None),
            (Some("b"), "ada", Some(name_is_taken("b").message)),
            (Some("key"), "ada", Some(name_is_taken("key").message)),
        ] {
            assert_eq!(found(&env, name, subject), expected, "{name:?} {subject}");
        }
        env.current_profile = Some("a2".into());
        assert_eq!(found(&env, None, "ada").as_deref(), Some("a2"));
    }

    #[test]
    fn profile_is_named_after_email_username_or_subject() {
        let claims = |email: Option<&str>, username: Option<&str>| Claims {
            subject: "sub-1".into(),
            email: email.map(Into::into),
            preferred_username: username.map(Into::into),
            all: serde_json::Map::new(),
        };
        for (email, username, name) in [
            (Some("ada@acme.example"), Some("ada"), "ada@acme.example"),
            (None, Some(" Ada L. "), "Ada-L."),
            (Some("\u{1b}"), Some("-"), "sub-1"),
            (None, None, "sub-1"),
        ] {
            assert_eq!(proposed_name(&claims(email, username)), name);
        }
    }
}
