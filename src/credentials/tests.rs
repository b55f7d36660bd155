//! Every combination of options, environment variables and stored profiles, against an oracle that states the rules of the
//! contract again, one sentence at a time.

use pretty_assertions::assert_eq;

use super::*;
use crate::error::Kind;

const STORED_SERVER: &str = "https://stored.example";
const GIVEN_SERVER: &str = "https://given.example";
const LLAMA_CLOUD: &str = "https://api.cloud.llamaindex.ai";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stored {
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
    /// `--environment`.
    environment: Option<&'static str>,
    stored: Stored,
}

/// Key, server and project, each with where it came from; or the kind of the error. And the warnings.
type Outcome = (std::result::Result<[String; 3], Kind>, Vec<String>);

fn store(stored: Stored) -> Result<Store> {
    let mut store = Store::default();
    match stored {
        Stored::Nothing => return Ok(store),
        Stored::Unreadable => return Err(Error::failed("unreadable")),
        Stored::NoCurrent | Stored::WorkIsCurrent => {}
    }
    let mut env = Environment::new(ApiUrl::parse(STORED_SERVER).unwrap());
    for name in ["work", "other"] {
        let mut profile = Profile::new(name.to_string(), format!("project-of-{name}"));
        profile.api_key = Some(Secret::new(format!("key-of-{name}")));
        env.profiles.push(profile);
    }
    env.current_profile = (stored == Stored::WorkIsCurrent).then(|| "work".to_string());
    store.current_environment = Some(env.api_url.clone());
    store.environments.push(env);
    Ok(store)
}

/// As [`crate::app::App`] does.
fn select(mut store: Store, case: &Case) -> Result<Store> {
    store.selected_environment = case.environment.map(|url| ApiUrl::parse(url).unwrap());
    match store.environment(&store.current_url()) {
        Some(_) => Ok(store),
        None => Err(unknown_environment(&store.current_url())),
    }
}

fn decide(case: &Case) -> Outcome {
    let selected = case.environment.map(|url| Sourced {
        value: ApiUrl::parse(url).unwrap(),
        source: Source::Option("--environment"),
    });
    let query = CredentialQuery {
        environment: selected.as_ref(),
        profile: case.flag_profile,
        project: case.flag_project,
        needs_project: case.need != Need::NoProject,
        needs_key: case.need == Need::ExportedCredentials,
        strict: matches!(case.need, Need::ProjectAndCare | Need::ExportedCredentials),
    };
    let owned = |text: Option<&str>| text.map(str::to_string);
    let overrides = EnvOverrides {
        key: case
            .key
            .map(|key| (Secret::new(key.to_string()), vars::API_KEY)),
        project: owned(case.project),
        base_url: owned(case.base_url),
        use_profile: owned(case.use_profile),
        profile: owned(case.variable_profile),
        project_near_miss: None,
    };
    let mut warnings = Vec::new();
    let outcome = resolve(
        &query,
        &overrides,
        || select(store(case.stored)?, case),
        &mut warnings,
    );
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
        .map(|id| format!("{id} from Option(\"--project\")"));
    // The profile that would be used: a flag beats a variable beats what is current.
    let current = (case.stored == Stored::WorkIsCurrent).then_some("work");
    let wanted = case.flag_profile.or(case.variable_profile).or(current);
    let is_stored = matches!(case.stored, Stored::NoCurrent | Stored::WorkIsCurrent);
    let is_elsewhere = case.environment.is_some_and(|url| url != STORED_SERVER);
    let profile =
        wanted.filter(|name| is_stored && !is_elsewhere && ["work", "other"].contains(name));

    // Both set: used directly. With only the key: enough for commands that need no project, or with --project.
    let enough = project.is_some() || flag_project.is_some() || case.need == Need::NoProject;
    if let (Some(key), true) = (key, enough) {
        // --environment must be the same URL as LLAMA_CLOUD_BASE_URL (or its default).
        let server = base_url.unwrap_or(LLAMA_CLOUD);
        if case.environment.is_some_and(|selected| selected != server) {
            return (Err(Kind::Usage), warnings);
        }
        // When variables win over a stored profile, one warning says so and names LLAMA_CLOUD_USE_PROFILE=1.
        if let Some(name) = profile {
            warnings.push(format!(
                "LLAMA_CLOUD_API_KEY is used, not profile '{name}'; set LLAMA_CLOUD_USE_PROFILE=1 to use the profile"
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
    // An environment that is not in the store is an error.
    let is_unknown = case.environment.is_some_and(|url| {
        url == GIVEN_SERVER || (url == STORED_SERVER && case.stored == Stored::Nothing)
    });
    if case.stored == Stored::Unreadable || is_unknown {
        return (Err(Kind::Failed), warnings);
    }
    let Some(name) = profile else {
        return (Err(Kind::Auth), warnings);
    };
    let from = format!("Profile(\"{name}\")");
    let project = flag_project.unwrap_or(format!("project-of-{name} from {from}"));
    let key = format!("key-of-{name} from {from}");
    let server = match case.environment {
        Some(url) => format!("{url} from Option(\"--environment\")"),
        None => format!("{STORED_SERVER} from {from}"),
    };
    (Ok([key, server, project]), warnings)
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
        environment: None,
        stored: Stored::Nothing,
    }];
    let needs = [
        Need::NoProject,
        Need::Project,
        Need::ProjectAndCare,
        Need::ExportedCredentials,
    ];
    let stored = [
        Stored::Nothing,
        Stored::NoCurrent,
        Stored::WorkIsCurrent,
        Stored::Unreadable,
    ];
    times(&mut cases, &needs, |case, value| case.need = value);
    times(&mut cases, &stored, |case, value| case.stored = value);
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
    times(
        &mut cases,
        &[
            None,
            Some(STORED_SERVER),
            Some(GIVEN_SERVER),
            Some(LLAMA_CLOUD),
        ],
        |case, value| case.environment = value,
    );
    cases
}

#[test]
fn every_combination_is_decided_as_the_contract_says() {
    let cases = all_cases();
    assert_eq!(cases.len(), 4 * 4 * 3 * 3 * 4 * 2 * 2 * 2 * 2 * 4);
    for case in cases {
        let got = decide(&case);
        assert_eq!(got, oracle(&case), "{case:#?}");
        // Whatever the rules are, a key never goes to another server than its own.
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
        key: value("key").map(|key| (Secret::new(key), vars::API_KEY)),
        project: value("project"),
        base_url: value("base_url"),
        use_profile: value("use_profile"),
        profile: value("profile"),
        project_near_miss: None,
    }
}

fn message(query: &CredentialQuery, given: &EnvOverrides, store: Store) -> String {
    let mut warnings = Vec::new();
    match resolve(query, given, || Ok(store), &mut warnings) {
        Ok(_) => "ok".to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn used_variables_are_validated_and_unused_ones_are_not() {
    let wrong = |name, value| {
        let mut pairs = vec![("key", "k"), ("project", "p")];
        pairs.retain(|(n, _)| *n != name);
        pairs.push((name, value));
        given(&pairs)
    };
    for (name, value, expected) in [
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
        assert_eq!(message(&plain, &given, Store::default()), expected);
        let explicit = CredentialQuery {
            profile: Some("work"),
            ..plain
        };
        assert_eq!(
            message(&explicit, &given, store(Stored::WorkIsCurrent).unwrap()),
            "ok"
        );
        let opted_out = EnvOverrides {
            use_profile: Some("YES".into()),
            ..given.clone()
        };
        assert_eq!(
            message(&plain, &opted_out, store(Stored::WorkIsCurrent).unwrap()),
            "ok"
        );
        if name == "project" {
            let flag = CredentialQuery {
                project: Some("x"),
                ..plain
            };
            assert_eq!(message(&flag, &given, Store::default()), "ok");
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
fn profile_without_required_key_is_refused() {
    let with = |requires_auth: bool, login: bool, key: bool| {
        let mut store = store(Stored::WorkIsCurrent).unwrap();
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
    let refused = "error: profile 'work' has no API key, and https://stored.example requires one\nhint: sign in with `llamactl auth login` or `llamactl auth token`";
    let talk = CredentialQuery::default();
    let hand_on = CredentialQuery {
        needs_project: true,
        needs_key: true,
        strict: true,
        ..CredentialQuery::default()
    };
    for (requires_auth, login, key, talks, hands_on) in [
        (true, false, true, "ok", "ok"),
        (true, true, true, "ok", "ok"),
        // A login without a key can talk by its access token, and has nothing to hand on.
        (true, true, false, "ok", refused),
        (true, false, false, refused, refused),
        (false, false, false, "ok", "ok"),
        (false, true, false, "ok", "ok"),
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
fn environment_without_authentication_needs_no_profile() {
    let open = || {
        let mut store = store(Stored::NoCurrent).unwrap();
        store.environments[0].requires_auth = false;
        store
    };
    let nobody = "error: no current profile in https://stored.example\nhint: choose one with `llamactl auth use`; `llamactl auth get` lists the profiles";
    let needs_project = CredentialQuery {
        needs_project: true,
        ..CredentialQuery::default()
    };
    let with_project = CredentialQuery {
        project: Some("p"),
        ..needs_project
    };
    for (query, expected) in [
        (CredentialQuery::default(), "ok"),
        (needs_project, nobody),
        (with_project, "ok"),
    ] {
        assert_eq!(
            message(&query, &EnvOverrides::default(), open()),
            expected,
            "{query:?}"
        );
    }
}

#[test]
fn unknown_profile_is_named() {
    let option = CredentialQuery {
        profile: Some("gone"),
        ..CredentialQuery::default()
    };
    let pasted_key = CredentialQuery {
        profile: Some("llx-0123456789abcdefghijklmnop"),
        ..CredentialQuery::default()
    };
    let plain = CredentialQuery::default();
    let variable = given(&[("profile", "gone")]);
    let none = EnvOverrides::default();
    for (query, overrides, stored, expected) in [
        (
            option,
            &none,
            Stored::WorkIsCurrent,
            "error: no profile named 'gone' in https://stored.example\nhint: `llamactl auth get` lists the profiles",
        ),
        (
            plain,
            &variable,
            Stored::WorkIsCurrent,
            "error: no profile named 'gone' in https://stored.example (LLAMACTL_PROFILE)\nhint: `llamactl auth get` lists the profiles",
        ),
        (
            option,
            &none,
            Stored::Nothing,
            "error: no profile named 'gone' in https://api.cloud.llamaindex.ai\nhint: sign in with `llamactl auth login` or `llamactl auth token`",
        ),
        (
            plain,
            &none,
            Stored::Nothing,
            "error: no current profile in https://api.cloud.llamaindex.ai\nhint: sign in with `llamactl auth login` or `llamactl auth token`",
        ),
    ] {
        assert_eq!(message(&query, overrides, store(stored).unwrap()), expected);
    }
    let shown = message(&pasted_key, &none, store(Stored::WorkIsCurrent).unwrap());
    assert!(!shown.contains("0123456789abcdefghijklmnop"), "{shown}");
}

#[test]
fn profile_of_another_environment_is_pointed_out() {
    let mut store = store(Stored::WorkIsCurrent).unwrap();
    store.selected_environment = Some(ApiUrl::llama_cloud());
    let option = CredentialQuery {
        profile: Some("other"),
        ..CredentialQuery::default()
    };
    let hint = "hint: https://stored.example has a profile of that name; select it with `--environment https://stored.example`";
    assert_eq!(
        message(&option, &EnvOverrides::default(), store.clone()),
        format!("error: no profile named 'other' in https://api.cloud.llamaindex.ai\n{hint}")
    );
    assert_eq!(
        message(
            &CredentialQuery::default(),
            &given(&[("profile", "work")]),
            store
        ),
        format!(
            "error: no profile named 'work' in https://api.cloud.llamaindex.ai (LLAMACTL_PROFILE)\n{hint}"
        )
    );
}

#[test]
fn environment_conflict_names_both_urls() {
    let selected = Sourced {
        value: ApiUrl::parse(STORED_SERVER).unwrap(),
        source: Source::Variable(vars::ENVIRONMENT),
    };
    let query = CredentialQuery {
        environment: Some(&selected),
        ..CredentialQuery::default()
    };
    let hint = "hint: set LLAMA_CLOUD_USE_PROFILE=1 to use a stored profile, or LLAMA_CLOUD_BASE_URL to the key's URL";
    for (overrides, url) in [
        (given(&[("key", "k")]), LLAMA_CLOUD),
        (
            given(&[("key", "k"), ("base_url", "eu")]),
            "https://api.cloud.eu.llamaindex.ai",
        ),
    ] {
        assert_eq!(
            message(&query, &overrides, store(Stored::WorkIsCurrent).unwrap()),
            format!(
                "error: LLAMACTL_ENVIRONMENT is https://stored.example, but LLAMA_CLOUD_API_KEY is for {url}\n{hint}"
            )
        );
    }
}

#[test]
fn near_miss_of_the_project_is_mentioned() {
    let mut overrides = given(&[("key", "k")]);
    overrides.project_near_miss = Some("LLAMA_CLOUD_PROJECT_ID");
    let query = CredentialQuery {
        needs_project: true,
        ..CredentialQuery::default()
    };
    let mut warnings = Vec::new();
    let store = || store(Stored::WorkIsCurrent);
    assert!(resolve(&query, &overrides, store, &mut warnings).is_ok());
    assert_eq!(
        warnings,
        [
            "LLAMA_CLOUD_API_KEY is ignored because LLAMA_AGENTS_PROJECT_ID is not set (LLAMA_CLOUD_PROJECT_ID is set, but not used)"
        ]
    );
    let strict = CredentialQuery {
        strict: true,
        ..query
    };
    assert_eq!(
        message(&strict, &overrides, Store::default()),
        "error: LLAMA_CLOUD_API_KEY is set, but LLAMA_AGENTS_PROJECT_ID is not (LLAMA_CLOUD_PROJECT_ID is set, but not used)\nhint: set both or neither, or use the profile with LLAMA_CLOUD_USE_PROFILE=1 or --profile NAME"
    );
}

#[test]
fn unused_values_are_listed() {
    let all = given(&[
        ("key", "llx-0123456789abcdef"),
        ("project", "given-project"),
        ("base_url", "https://user:password@h"),
        ("profile", "other"),
    ]);
    let listed = |query: &CredentialQuery, given: &EnvOverrides| {
        let store = || store(Stored::WorkIsCurrent);
        let found = resolve(query, given, store, &mut Vec::new()).unwrap();
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
fn usage_errors_do_not_read_the_store() {
    let given = given(&[("key", "k"), ("use_profile", "maybe")]);
    let never = || panic!("the store was read");
    let query = CredentialQuery {
        needs_project: true,
        strict: true,
        ..CredentialQuery::default()
    };
    assert!(resolve(&query, &given, never, &mut Vec::new()).is_err());
    let half = EnvOverrides {
        use_profile: None,
        ..given
    };
    assert!(resolve(&query, &half, never, &mut Vec::new()).is_err());
}
