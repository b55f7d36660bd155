//! Any `profiles.json`: no panic, no message with a part of it, and nothing lost: unknown fields
//! keep their value, known ones their meaning.

use std::collections::BTreeMap;

use llamactl::store::{Profile, Store, describe};
use llamactl::url::ApiUrl;
use serde_json::Value;
use serde_json::value::RawValue;

/// The known fields of each level, and what a missing one stands for.
const KNOWN: [&[(&str, &str)]; 4] = [
    &[
        ("version", ""),
        ("current_environment", "null"),
        ("environments", "[]"),
    ],
    &[
        ("api_url", ""),
        ("requires_auth", "true"),
        ("verified", "true"),
        ("ca_file", "null"),
        ("min_llamactl_version", "null"),
        ("capabilities", "[]"),
        ("current_profile", "null"),
        ("profiles", "[]"),
    ],
    &[
        ("name", ""),
        ("project_id", ""),
        ("project_name", "null"),
        ("api_key", "null"),
        ("api_key_id", "null"),
        ("oidc", "null"),
    ],
    &[
        ("subject", ""),
        ("email", "null"),
        ("client_id", ""),
        ("discovery_url", ""),
        ("device_name", "\"\""),
        ("access_token", ""),
        ("access_token_expires", "null"),
        ("refresh_token", "null"),
        ("id_token", "null"),
    ],
];

/// See the head of this file.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let store = match serde_json::from_str::<Store>(text) {
        Ok(store) => store,
        Err(error) => {
            // Of all that stood there, only the name of a field may be in it.
            let said = describe(&error);
            assert!(super::is_harmless(&said) && said.len() < 150, "{said}");
            assert!(!said.contains("llx-"), "{said}");
            return;
        }
    };
    let written = serde_json::to_string(&store).expect("it can be written");
    let mut again: Store = serde_json::from_str(&written).expect("it can be read again");
    assert_eq!(serde_json::to_string(&again).expect("written"), written);
    assert_eq!(facts(text), facts(&written), "something was lost");

    for url in again.urls() {
        let env = again.environment(&url).expect("it is listed");
        let name = env.free_name("default");
        assert!(env.profile(&name).is_none());
    }
    assert_eq!(again.current().api_url, again.current_url());

    // A profile that comes and goes leaves the rest alone.
    let url = again.current_url();
    if again.environments.iter().any(|env| env.api_url == url) {
        let env = again.environment_mut(&url);
        let name = env.free_name("default");
        env.profiles
            .push(Profile::new(name.clone(), "p".to_string()));
        // Named before it was there, it would be the current one, and that is forgotten with it.
        if env.current_profile.as_ref() != Some(&name) {
            assert!(env.remove(&name).is_some());
            assert_eq!(serde_json::to_string(&again).expect("written"), written);
        }
    }
}

/// All that a file says, each with its place: unknown fields as they stand, known ones by what they mean.
fn facts(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let file = serde_json::from_str(text).expect("it was read");
    collect(file, 0, "", &mut found);
    found
}

fn collect(object: &RawValue, level: usize, place: &str, found: &mut Vec<String>) {
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_str(object.get()).expect("it is an object");
    for (name, value) in &fields {
        if !KNOWN[level].iter().any(|(known, _)| known == name) {
            let value: Value = serde_json::from_str(value.get()).expect("it is JSON");
            found.push(format!("{place}.{name:?} is {value}"));
        }
    }
    for (name, missing) in KNOWN[level] {
        let text = fields.get(*name).map_or(*missing, |value| value.get());
        let below: Vec<&RawValue> = match *name {
            "environments" | "profiles" => serde_json::from_str(text).expect("it is a list"),
            "oidc" => serde_json::from_str(text)
                .ok()
                .flatten()
                .into_iter()
                .collect(),
            _ => {
                let mut value: Value = serde_json::from_str(text).expect("it is there");
                if let (Some(url), "api_url" | "current_environment") = (value.as_str(), *name) {
                    value = ApiUrl::parse(url).expect("it was read").as_str().into();
                }
                found.push(format!("{place}.{name} is {value}"));
                continue;
            }
        };
        for (at, inner) in below.into_iter().enumerate() {
            collect(inner, level + 1, &format!("{place}.{name}[{at}]"), found);
        }
    }
}
