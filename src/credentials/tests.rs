//! All combinations of what can be given, against an oracle that says the rules again, one sentence at a time.

use pretty_assertions::assert_eq;

use super::*;
use crate::error::Kind;

const STORED_SERVER: &str = "https://stored.example";
const GIVEN_SERVER: &str = "https://given.example";
const LLAMA_CLOUD: &str = "https://api.cloud.llamaindex.ai";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kept {
    Nothing,
    NoCurrent,
    WorkIsCurrent,
    Unreadable,
}

/// What a command needs, by the commands that do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Need {
    /// `projects get`, `organizations get`, `auth status`.
    NoProject,
    /// `deployments get`, `history`, `logs`.
    Project,
    /// `deployments delete`, `rollback`.
    ProjectAndCare,
    /// `auth exec`, `export`.
    ExportedCredentials,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    need: Need,
    flag_profile: Option<&'static str>,
    flag_project: Option<&'static str>,
    key: Option<&'static str>,
    project: Option<&'static str>,
    base_url: Option<&'static str>,
    use_profile: Option<&'static str>,
    variable_profile: Option<&'static str>,
    kept: Kept,
}

/// Key, server and project, each with where it came from; or the kind of the error. And the warnings.
type Outcome = (std::result::Result<[String; 3], Kind>, Vec<String>);

fn store(kept: Kept) -> Result<Store> {
    let mut store = Store::default();
    match kept {
        Kept::Nothing => return Ok(store),
        Kept::Unreadable => return Err(Error::failed("unreadable")),
        Kept::NoCurrent | Kept::WorkIsCurrent => {}
    }
    let mut env = Environment::new(ApiUrl::parse(STORED_SERVER).unwrap());
    for name in ["work", "other"] {
        let mut profile = Profile::new(name.to_string(), format!("project-of-{name}"));
        profile.api_key = Some(Secret::new(format!("key-of-{name}")));
        env.profiles.push(profile);
    }
    env.current_profile = (kept == Kept::WorkIsCurrent).then(|| "work".to_string());
    store.current_environment = Some(env.api_url.clone());
    store.environments.push(env);
    Ok(store)
}

fn decide(case: &Case) -> Outcome {
    let ask = CredentialQuery {
        profile: case.flag_profile,
        project: case.flag_project,
        needs_project: case.need != Need::NoProject,
        needs_key: case.need == Need::ExportedCredentials,
        strict: matches!(case.need, Need::ProjectAndCare | Need::ExportedCredentials),
    };
    let owned = |text: Option<&str>| text.map(str::to_string);
    let given = EnvOverrides {
        key: owned(case.key),
        project: owned(case.project),
        base_url: owned(case.base_url),
        use_profile: owned(case.use_profile),
        profile: owned(case.variable_profile),
    };
    let mut warnings = Vec::new();
    let outcome = resolve(&ask, &given, || store(case.kept), &mut warnings);
    let outcome = outcome.map_err(|error| error.kind).map(|credentials| {
        let text = |text: &str, source: &Source| format!("{text} from {source:?}");
        let key = credentials.key.map(|key| (key.value, key.source));
        let project = credentials.project.map(|p| (p.value, p.source));
        [
            key.map_or("none".into(), |(key, source)| text(key.expose(), &source)),
            text(
                credentials.server.value.as_str(),
                &credentials.server.source,
            ),
            project.map_or("none".into(), |(id, source)| text(&id, &source)),
        ]
    });
    (outcome, warnings)
}

/// The rules, as the contract words them.
fn oracle(case: &Case) -> Outcome {
    let mut warnings = Vec::new();
    // An explicit --profile beats the key from the environment, and then none of the LLAMA_… variables counts.
    let explicit = case.flag_profile.is_some();
    // LLAMA_CLOUD_USE_PROFILE: ignore them, use the stored profile; anything that is neither true nor false: usage error.
    let opted_out = match case.use_profile {
        Some("maybe") if !explicit => return (Err(Kind::Usage), warnings),
        other => other == Some("1"),
    };
    let none_counts = explicit || opted_out;
    let key = case.key.filter(|_| !none_counts);
    let project = case.project.filter(|_| !none_counts);
    let base_url = case.base_url.filter(|_| !none_counts);
    // --project always beats LLAMA_AGENTS_PROJECT_ID.
    let flag_project = case
        .flag_project
        .map(|id| format!("{id} from Flag(\"--project\")"));
    // The profile that would be used: a flag beats a variable beats what is current.
    let current = (case.kept == Kept::WorkIsCurrent).then_some("work");
    let wanted = case.flag_profile.or(case.variable_profile).or(current);
    let is_stored = matches!(case.kept, Kept::NoCurrent | Kept::WorkIsCurrent);
    let profile = wanted.filter(|name| is_stored && ["work", "other"].contains(name));

    // Both set: used directly. With only the key: enough for commands that need no project, or with --project.
    let enough = project.is_some() || flag_project.is_some() || case.need == Need::NoProject;
    if let (Some(key), true) = (key, enough) {
        // When variables win over a stored profile, one warning says so and names LLAMA_CLOUD_USE_PROFILE=1.
        if let Some(name) = profile {
            warnings.push(format!(
                "LLAMA_CLOUD_API_KEY is used, not the profile '{name}'; set LLAMA_CLOUD_USE_PROFILE=1 to use the profile"
            ));
        }
        // LLAMA_CLOUD_BASE_URL: their control plane, default the built-in one.
        let server = match base_url {
            Some(url) => format!("{url} from Variable(\"LLAMA_CLOUD_BASE_URL\")"),
            None => format!("{LLAMA_CLOUD} from Default"),
        };
        let project = project.map(|id| format!("{id} from Variable(\"LLAMA_AGENTS_PROJECT_ID\")"));
        let project = flag_project.or(project).unwrap_or("none".into());
        let key = format!("{key} from Variable(\"LLAMA_CLOUD_API_KEY\")");
        return (Ok([key, server, project]), warnings);
    }

    // With half of the pair, delete and rollback, exec and export refuse rather than fall back on a profile.
    if key.is_some() != project.is_some() {
        if matches!(case.need, Need::ProjectAndCare | Need::ExportedCredentials) {
            return (Err(Kind::Usage), warnings);
        }
        // Else the stored profile is used, and stderr says which half is missing.
        warnings.push(match key {
            Some(_) => {
                "LLAMA_CLOUD_API_KEY is ignored because LLAMA_AGENTS_PROJECT_ID is not set".into()
            }
            None => {
                "LLAMA_AGENTS_PROJECT_ID is ignored because LLAMA_CLOUD_API_KEY is not set".into()
            }
        });
    }
    // LLAMA_CLOUD_BASE_URL without the key is ignored with a warning: a stored key never goes to another address.
    if base_url.is_some() && key.is_none() {
        warnings
            .push("LLAMA_CLOUD_BASE_URL is ignored because LLAMA_CLOUD_API_KEY is not set".into());
    }
    if case.kept == Kept::Unreadable {
        return (Err(Kind::Failed), warnings);
    }
    let Some(name) = profile else {
        return (Err(Kind::Auth), warnings);
    };
    let from = format!("Profile(\"{name}\")");
    let project = flag_project.unwrap_or(format!("project-of-{name} from {from}"));
    let key = format!("key-of-{name} from {from}");
    (
        Ok([key, format!("{STORED_SERVER} from {from}"), project]),
        warnings,
    )
}

/// Each case once with every one of the values.
fn times<T: Copy>(cases: &mut Vec<Case>, values: &[T], set: impl Fn(&mut Case, T)) {
    let before = std::mem::take(cases);
    for case in before {
        for value in values {
            let mut case = case;
            set(&mut case, *value);
            cases.push(case);
        }
    }
}

fn all_cases() -> Vec<Case> {
    let mut cases = vec![Case {
        need: Need::NoProject,
        flag_profile: None,
        flag_project: None,
        key: None,
        project: None,
        base_url: None,
        use_profile: None,
        variable_profile: None,
        kept: Kept::Nothing,
    }];
    let needs = [
        Need::NoProject,
        Need::Project,
        Need::ProjectAndCare,
        Need::ExportedCredentials,
    ];
    let kept = [
        Kept::Nothing,
        Kept::NoCurrent,
        Kept::WorkIsCurrent,
        Kept::Unreadable,
    ];
    times(&mut cases, &needs, |case, value| case.need = value);
    times(&mut cases, &kept, |case, value| case.kept = value);
    times(
        &mut cases,
        &[None, Some("other"), Some("gone")],
        |case, value| case.flag_profile = value,
    );
    times(
        &mut cases,
        &[None, Some("other"), Some("gone")],
        |case, value| case.variable_profile = value,
    );
    times(
        &mut cases,
        &[None, Some("1"), Some("0"), Some("maybe")],
        |case, value| case.use_profile = value,
    );
    times(&mut cases, &[None, Some("flag-project")], |case, value| {
        case.flag_project = value;
    });
    times(&mut cases, &[None, Some("given-key")], |case, value| {
        case.key = value;
    });
    times(&mut cases, &[None, Some("given-project")], |case, value| {
        case.project = value;
    });
    times(&mut cases, &[None, Some(GIVEN_SERVER)], |case, value| {
        case.base_url = value;
    });
    cases
}

#[test]
fn every_combination_is_decided_as_the_contract_says() {
    let cases = all_cases();
    assert_eq!(cases.len(), 4 * 4 * 3 * 3 * 4 * 2 * 2 * 2 * 2);
    for case in cases {
        let got = decide(&case);
        assert_eq!(got, oracle(&case), "{case:#?}");
        // Whatever the rules: no key goes to an address that it is not for.
        if let Ok([key, server, _]) = got.0 {
            let stored = (
                key.starts_with("key-of-"),
                server.starts_with(STORED_SERVER),
            );
            assert!(stored.0 == stored.1, "{case:#?}");
        }
    }
}

fn given(pairs: &[(&str, &str)]) -> EnvOverrides {
    let value = |name: &str| {
        let found = pairs.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| (*value).to_string())
    };
    EnvOverrides {
        key: value("key"),
        project: value("project"),
        base_url: value("base_url"),
        use_profile: value("use_profile"),
        profile: value("profile"),
    }
}

fn message(ask: &CredentialQuery, given: &EnvOverrides, store: Store) -> String {
    let mut warnings = Vec::new();
    match resolve(ask, given, || Ok(store), &mut warnings) {
        Ok(_) => "fine".to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_counts_is_checked_like_a_flag_and_what_does_not_is_not() {
    let wrong = |name, value| {
        let mut pairs = vec![("key", "k"), ("project", "p")];
        pairs.retain(|(n, _)| *n != name);
        pairs.push((name, value));
        given(&pairs)
    };
    for (name, value, said) in [
        (
            "key",
            "a b",
            "error: the environment variable LLAMA_CLOUD_API_KEY contains whitespace",
        ),
        (
            "key",
            "  ",
            "error: the environment variable LLAMA_CLOUD_API_KEY is empty",
        ),
        (
            "project",
            "a\nb",
            "error: the environment variable LLAMA_AGENTS_PROJECT_ID contains whitespace",
        ),
        (
            "project",
            " ",
            "error: the environment variable LLAMA_AGENTS_PROJECT_ID is empty",
        ),
        (
            "base_url",
            "ftp://x",
            "error: the environment variable LLAMA_CLOUD_BASE_URL must begin with https:// or http://",
        ),
        (
            "base_url",
            "https://u:p@h",
            "error: the environment variable LLAMA_CLOUD_BASE_URL must not contain a user name or password",
        ),
    ] {
        let given = wrong(name, value);
        let plain = CredentialQuery {
            needs_project: true,
            ..CredentialQuery::default()
        };
        assert_eq!(message(&plain, &given, Store::default()), said);
        let explicit = CredentialQuery {
            profile: Some("work"),
            ..plain
        };
        assert_eq!(
            message(&explicit, &given, store(Kept::WorkIsCurrent).unwrap()),
            "fine"
        );
        let opted_out = EnvOverrides {
            use_profile: Some("YES".into()),
            ..given.clone()
        };
        assert_eq!(
            message(&plain, &opted_out, store(Kept::WorkIsCurrent).unwrap()),
            "fine"
        );
        if name == "project" {
            let flag = CredentialQuery {
                project: Some("x"),
                ..plain
            };
            assert_eq!(message(&flag, &given, Store::default()), "fine");
        }
    }
    let trimmed = given(&[
        ("key", " k\n"),
        ("project", "\tp "),
        ("base_url", "HTTPS://H:443/"),
    ]);
    let found = resolve(
        &CredentialQuery::default(),
        &trimmed,
        || Ok(Store::default()),
        &mut Vec::new(),
    )
    .unwrap();
    assert_eq!(found.secret().unwrap().expose(), "k");
    assert_eq!(found.project.unwrap().value, "p");
    assert_eq!(found.server.value.as_str(), "https://h");
}

#[test]
fn a_profile_must_have_what_its_environment_asks_for() {
    let with = |requires_auth: bool, login: bool, key: bool| {
        let mut store = store(Kept::WorkIsCurrent).unwrap();
        let env = &mut store.environments[0];
        env.requires_auth = requires_auth;
        let profile = &mut env.profiles[0];
        profile.api_key = key.then(|| Secret::new("k".into()));
        profile.oidc = login.then(|| {
            let text =
                r#"{"subject":"s","client_id":"c","discovery_url":"https://d","access_token":"a"}"#;
            serde_json::from_str(text).unwrap()
        });
        store
    };
    let refused = "error: the profile 'work' has no API key, and https://stored.example asks for one\nhint: sign in with `llamactl auth login` or `llamactl auth token`";
    let talk = CredentialQuery::default();
    let hand_on = CredentialQuery {
        needs_project: true,
        needs_key: true,
        strict: true,
        ..CredentialQuery::default()
    };
    for (requires_auth, login, key, talks, hands_on) in [
        (true, false, true, "fine", "fine"),
        (true, true, true, "fine", "fine"),
        // A login without a key can talk by its access token, and has nothing to hand on.
        (true, true, false, "fine", refused),
        (true, false, false, refused, refused),
        (false, false, false, "fine", "fine"),
        (false, true, false, "fine", "fine"),
    ] {
        let case = format!("{requires_auth} {login} {key}");
        let store = || with(requires_auth, login, key);
        assert_eq!(
            message(&talk, &EnvOverrides::default(), store()),
            talks,
            "{case}"
        );
        assert_eq!(
            message(&hand_on, &EnvOverrides::default(), store()),
            hands_on,
            "{case}"
        );
    }
}

#[test]
fn an_environment_without_keys_can_be_looked_at_before_there_is_a_profile() {
    let open = || {
        let mut store = store(Kept::NoCurrent).unwrap();
        store.environments[0].requires_auth = false;
        store
    };
    let nobody = "error: no profile is current in https://stored.example\nhint: choose one with `llamactl auth use`; `llamactl auth get` lists the profiles";
    let needs_project = CredentialQuery {
        needs_project: true,
        ..CredentialQuery::default()
    };
    let with_project = CredentialQuery {
        project: Some("p"),
        ..needs_project
    };
    for (ask, said) in [
        (CredentialQuery::default(), "fine"),
        (needs_project, nobody),
        (with_project, "fine"),
    ] {
        assert_eq!(
            message(&ask, &EnvOverrides::default(), open()),
            said,
            "{ask:?}"
        );
    }
}

#[test]
fn errors_about_profiles_name_the_place_and_not_the_value() {
    let flag = CredentialQuery {
        profile: Some("llx-pasted-by-mistake"),
        ..CredentialQuery::default()
    };
    let variable = given(&[("profile", "llx-pasted-by-mistake")]);
    for (ask, given, kept, said) in [
        (
            flag,
            EnvOverrides::default(),
            Kept::WorkIsCurrent,
            "error: no profile in https://stored.example has the name in --profile\nhint: `llamactl auth get` lists the profiles",
        ),
        (
            CredentialQuery::default(),
            variable,
            Kept::WorkIsCurrent,
            "error: no profile in https://stored.example has the name in LLAMACTL_PROFILE\nhint: `llamactl auth get` lists the profiles",
        ),
        (
            flag,
            EnvOverrides::default(),
            Kept::Nothing,
            "error: no profile in https://api.cloud.llamaindex.ai has the name in --profile\nhint: sign in with `llamactl auth login` or `llamactl auth token`",
        ),
        (
            CredentialQuery::default(),
            EnvOverrides::default(),
            Kept::Nothing,
            "error: no profile is current in https://api.cloud.llamaindex.ai\nhint: sign in with `llamactl auth login` or `llamactl auth token`",
        ),
    ] {
        assert_eq!(message(&ask, &given, store(kept).unwrap()), said);
    }
}

#[test]
fn what_is_set_and_does_not_count_is_listed() {
    let all = given(&[
        ("key", "llx-0123456789abcdef"),
        ("project", "given-project"),
        ("base_url", "https://user:password@h"),
        ("profile", "other"),
    ]);
    let listed = |ask: &CredentialQuery, given: &EnvOverrides| {
        let store = || store(Kept::WorkIsCurrent);
        let found = resolve(ask, given, store, &mut Vec::new()).unwrap();
        let shadowed = found.shadowed.iter();
        shadowed
            .map(|one| format!("{} {} {:?}", one.name, one.value, one.source))
            .collect::<Vec<_>>()
    };
    let flag = CredentialQuery {
        profile: Some("work"),
        project: Some("flag-project"),
        ..CredentialQuery::default()
    };
    assert_eq!(
        listed(&flag, &all),
        [
            r#"project_id project-of-work Profile("work")"#,
            r#"environment (must not contain a user name or password) Variable("LLAMA_CLOUD_BASE_URL")"#,
            r#"profile other Variable("LLAMACTL_PROFILE")"#,
            r#"project_id given-project Variable("LLAMA_AGENTS_PROJECT_ID")"#,
            r#"key llx-01****cdef Variable("LLAMA_CLOUD_API_KEY")"#,
        ]
    );
    let variables = given(&[("key", "k"), ("project", "p"), ("profile", "other")]);
    assert_eq!(
        listed(&CredentialQuery::default(), &variables),
        [
            r#"profile other Profile("other")"#,
            r#"profile other Variable("LLAMACTL_PROFILE")"#,
        ]
    );
    assert_eq!(
        listed(&CredentialQuery::default(), &EnvOverrides::default()),
        [""; 0]
    );
}

#[test]
fn the_store_is_left_alone_where_it_has_no_say() {
    let given = given(&[("key", "k"), ("use_profile", "maybe")]);
    let never = || panic!("the store was read");
    let ask = CredentialQuery {
        needs_project: true,
        strict: true,
        ..CredentialQuery::default()
    };
    assert!(resolve(&ask, &given, never, &mut Vec::new()).is_err());
    let half = EnvOverrides {
        use_profile: None,
        ..given
    };
    assert!(resolve(&ask, &half, never, &mut Vec::new()).is_err());
}
