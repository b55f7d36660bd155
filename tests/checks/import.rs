//! Any output of `python3` or `sqlite3` for the Python tool's database: no panic, no row lost, and every imported value
//! is valid.
//!
//! The first two lines are the layout, the others are the rows.

use llamactl::import::{Database, Layout};
use llamactl::store::{Environment, Login, Profile, Store};
use llamactl::validate;

/// See the head of this file.
pub fn check(input: &[u8]) {
    let tables_end = input
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(1)
        .map_or(input.len(), |(at, _)| at);
    let (tables, rows) = input.split_at(tables_end);
    match Layout::parse(tables) {
        Ok(layout) => {
            // No name from the database gets into the query.
            let query = layout.profiles_query();
            assert!(query.starts_with("SELECT json_object('table', "), "{query}");
            assert!(query.len() < 400 && !query.contains(';'), "{query}");
        }
        Err(why) => assert!(super::is_harmless(&why) && why.len() < 100, "{why}"),
    }

    let database = Database::parse(rows, false);
    let printed = |line: &&[u8]| !line.trim_ascii().is_empty();
    let printed = rows.split(|byte| *byte == b'\n').filter(printed);
    let is_setting = |line: &&[u8]| line.windows(9).any(|part| part == b"\"setting\"");
    let (settings, others): (Vec<&[u8]>, Vec<&[u8]>) = printed.partition(is_setting);
    let seen = database.environments.len() + database.profiles.len() + database.unreadable;
    assert!(seen >= others.len(), "a row vanished");
    assert!(
        seen <= others.len() + settings.len(),
        "a row came from nowhere"
    );

    let _ = database.current_environment();
    let mut store = Store::default();
    for row in &database.environments {
        match row.url() {
            Ok(url) => drop(database.requires_auth(&url)),
            Err(why) => assert!(super::is_harmless(&why)),
        }
        let wanted = row.min_llamactl_version().unwrap_or_default();
        assert!(super::is_harmless(&wanted));
    }
    for row in &database.profiles {
        assert!(super::is_harmless(&row.original_name()));
        match (row.url(), row.profile()) {
            (Ok(url), Ok(profile)) => {
                assert_fit(&profile);
                let mut environment = Environment::new(url);
                environment.profiles.push(profile);
                store.environments.push(environment);
            }
            (_, Err(why)) => assert!(super::is_harmless(&why) && why.len() < 150, "{why}"),
            (Err(_), Ok(_)) => {}
        }
    }
    let written = serde_json::to_string(&store).expect("it can be written");
    let again: Store = serde_json::from_str(&written).expect("it can be read again");
    assert_eq!(serde_json::to_string(&again).expect("written"), written);
}

fn assert_fit(profile: &Profile) {
    assert_eq!(
        validate::profile_name(&profile.name).as_ref(),
        Ok(&profile.name)
    );
    let ids = [Some(&profile.project_id), profile.api_key_id.as_ref()];
    for id in ids.into_iter().flatten() {
        assert_eq!(validate::id(id).as_ref(), Ok(id));
    }
    let login = profile.oidc.as_ref();
    let tokens = |login: &Login| {
        let access = Some(login.access_token.clone());
        [access, login.refresh_token.clone(), login.id_token.clone()]
    };
    let tokens = login.map(tokens).into_iter().flatten().flatten();
    for key in profile.api_key.clone().into_iter().chain(tokens) {
        assert_eq!(validate::api_key(key.expose()).as_ref(), Ok(&key));
    }
    if let Some(login) = login {
        assert!(
            login
                .discovery_url
                .bytes()
                .all(|byte| byte.is_ascii_graphic())
        );
        for text in [&login.subject, &login.client_id, &login.device_name] {
            assert!(super::is_harmless(text));
        }
        assert!(super::is_harmless(
            login.email.as_deref().unwrap_or_default()
        ));
    }
}
