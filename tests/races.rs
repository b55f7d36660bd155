//! Concurrency: sixteen processes that change the store at once, each in another way.

use serde_json::{Value, json};

use crate::support::secrets::KEY;
use crate::support::{
    ControlPlane, Exit, Output, Run, STORE, Sandbox, World, environment, parallel, profile,
};

/// One command and its result.
struct Done {
    line: String,
    output: Output,
}

impl Done {
    fn succeeded(&self) -> bool {
        self.output.exit == Exit::Code(0)
    }
}

/// The profiles of an environment; `None` if it was deleted.
fn profiles<'s>(store: &'s Value, url: &str) -> Option<&'s Vec<Value>> {
    let environments = store["environments"].as_array()?;
    let found = environments.iter().find(|env| env["api_url"] == url)?;
    Some(
        found["profiles"]
            .as_array()
            .unwrap_or(const { &Vec::new() }),
    )
}

fn has(store: &Value, url: &str, name: &str) -> bool {
    profiles(store, url).is_some_and(|all| all.iter().any(|one| one["name"] == name))
}

#[test]
fn sixteen_commands_at_once_lose_no_update() {
    let plane = ControlPlane::start(World::populated(KEY));
    let added = ControlPlane::start(World::populated(KEY));
    let doomed = ControlPlane::start(World::populated(KEY));
    let [a, b, c] = [plane.url(), added.url(), doomed.url()];
    for round in 0..10 {
        let sandbox = Sandbox::new();
        let base = ["base0", "base1", "base2", "base3"].map(|name| profile(name, "proj-web", KEY));
        let before = json!({
            "version": 1,
            "current_environment": a,
            "environments": [environment(&a, &base), environment(&c, &[profile("gone", "p", KEY)])],
        });
        sandbox.write_store(&crate::support::profiles::said(before));
        sandbox.write(".env", "# mine\n");
        let command = |i: usize| -> Run<'_> {
            let key = format!("llx-race-{round}-{i:02}-0123456789");
            match i {
                0..=3 => sandbox
                    .cmd("auth token --no-verify --project p --name")
                    .arg(format!("new{i}"))
                    .arg("--api-key")
                    .arg(key),
                4 => sandbox.cmd("auth logout base0"),
                5 => sandbox.cmd("auth logout base1"),
                6 => sandbox.cmd("auth use base2"),
                7 => sandbox.cmd("auth use base0"),
                8 | 9 => sandbox.cmd("environments add").arg(&b),
                10 => sandbox.cmd("environments delete").arg(&c),
                11 => sandbox.cmd("environments use").arg(&c),
                12 => sandbox.cmd("projects use proj-support --profile base2"),
                13 => sandbox.cmd("auth inject"),
                14 => sandbox.cmd("config -o json"),
                _ => sandbox.cmd("auth get -o json"),
            }
        };
        let done = parallel(16, |i| {
            let run = command(i).anything();
            let line = run.to_string();
            Done {
                line,
                output: run.run(),
            }
        });
        for one in &done {
            let errors = one.output.stderr.matches("error: ").count();
            assert_eq!(
                errors,
                usize::from(!one.succeeded()),
                "{}: {}",
                one.line,
                one.output.stderr
            );
            let is_known = matches!(one.output.exit, Exit::Code(0 | 1 | 4));
            assert!(
                is_known,
                "{}: {:?} {}",
                one.line, one.output.exit, one.output.stderr
            );
        }
        let text = sandbox.read(STORE);
        let store: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        check(&store, &done, &[&a, &b, &c]);
        let env = sandbox.read(".env");
        let assigned = env.matches("LLAMA_CLOUD_API_KEY=").count();
        assert_eq!(assigned, usize::from(done[13].succeeded()), "{env}");
        assert!(env.starts_with("# mine\n"), "{env}");
        assert!(
            sandbox
                .home_tree()
                .iter()
                .all(|file| !file.contains(".tmp"))
        );
    }
}

/// No update was lost: what each command reported is in the store, unless another one reported that it deleted it.
fn check(store: &Value, done: &[Done], [a, b, c]: &[&str; 3]) {
    let what = || format!("{store:#}");
    assert!(
        profiles(store, a).is_some() && profiles(store, b).is_some(),
        "{}",
        what()
    );
    assert!(done[8].succeeded() && done[9].succeeded() && done[10].succeeded());
    assert!(profiles(store, c).is_none(), "{}", what());
    let deleted = &done[10].output.stderr;
    assert!(deleted.contains("deleted profile 'gone'\n"), "{deleted}");
    for (i, one) in done[..4].iter().enumerate() {
        let name = format!("new{i}");
        let times = [*a, *b, *c, "https://api.cloud.llamaindex.ai"]
            .iter()
            .filter(|url| has(store, url, &name))
            .count();
        let is_gone = deleted.contains(&format!("deleted profile '{name}'\n"));
        assert_eq!(
            times,
            usize::from(one.succeeded() && !is_gone),
            "{name} {}",
            what()
        );
    }
    assert_eq!(has(store, a, "base0"), !done[4].succeeded(), "{}", what());
    assert_eq!(has(store, a, "base1"), !done[5].succeeded(), "{}", what());
    assert!(
        has(store, a, "base2") && has(store, a, "base3"),
        "{}",
        what()
    );
    let base2 = profiles(store, a)
        .into_iter()
        .flatten()
        .find(|one| one["name"] == "base2");
    let project = if done[12].succeeded() {
        "proj-support"
    } else {
        "proj-web"
    };
    assert_eq!(
        base2.map(|one| &one["project_id"]),
        Some(&json!(project)),
        "{}",
        what()
    );
    for env in store["environments"].as_array().into_iter().flatten() {
        if let Some(current) = env["current_profile"].as_str() {
            let url = env["api_url"].as_str().unwrap_or_default();
            assert!(has(store, url, current), "{current} {}", what());
        }
    }
}

#[test]
fn creating_using_and_deleting_one_profile_at_once_is_consistent() {
    for _ in 0..10 {
        let sandbox = Sandbox::new().signed_in("https://llama.example.com");
        let made = |i: usize| format!("llx-again-{i:02}-0123456789");
        let outputs = parallel(12, |i| {
            let run = match i % 3 {
                0 => sandbox.cmd("auth logout work"),
                1 => sandbox.cmd("auth use work"),
                _ => sandbox
                    .cmd("auth token --no-verify --project p --name work --api-key")
                    .arg(made(i)),
            };
            run.anything().run()
        });
        let text = sandbox.read(STORE);
        let store: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let url = "https://llama.example.com";
        let left = profiles(&store, url).expect("the environment");
        assert!(left.len() <= 1, "{store:#}");
        // The first logout, or one after a key was given again; never more of them than profiles there were.
        let count = |rest: usize| {
            let of_kind = outputs.iter().skip(rest).step_by(3);
            of_kind
                .filter(|output| output.exit == Exit::Code(0))
                .count()
        };
        let created = outputs
            .iter()
            .filter(|o| o.stderr.contains("created profile 'work'"));
        assert_eq!(1 + created.count(), count(0) + left.len(), "{store:#}");
        let current = &store["environments"][0]["current_profile"];
        assert!(
            current.is_null() || (left.len() == 1 && current == "work"),
            "{store:#}"
        );
    }
}

#[test]
fn concurrent_injects_leave_one_complete_result() {
    for _ in 0..20 {
        let sandbox = Sandbox::new();
        let url = "https://llama.example.com";
        let both = [
            profile("one", "proj-one", KEY),
            profile("two", "proj-two", &KEY.replace('0', "9")),
        ];
        sandbox.write_store(&crate::support::store(&environment(url, &both)));
        sandbox.write(".env", "A=1\nLLAMA_AGENTS_PROJECT_ID=old\nB=2\n");
        sandbox.set_mode(".env", 0o600);
        let names = ["one", "two"];
        parallel(8, |i| {
            let run = sandbox.cmd("auth inject --profile").arg(names[i % 2]);
            run.anything().run()
        });
        let text = sandbox.read(".env");
        let whole = |name: &str, key: &str| {
            format!(
                "A=1\nLLAMA_AGENTS_PROJECT_ID=proj-{name}\nB=2\nLLAMA_CLOUD_API_KEY={key}\nLLAMA_CLOUD_BASE_URL={url}\n"
            )
        };
        let results = [whole("one", KEY), whole("two", &KEY.replace('0', "9"))];
        assert!(results.contains(&text), "{text}");
        assert_eq!(sandbox.cwd_tree(), ["600 .env"]);
    }
}
