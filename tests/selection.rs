//! `--environment`, `auth print-key` and keys in files: which credentials a single command uses.

use pretty_assertions::assert_eq;

use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{ControlPlane, STORE, Sandbox, Stored, World, parallel};

/// Two control planes, each with a profile named `work` of its own; the first is current.
fn two_environments() -> (ControlPlane, ControlPlane, Sandbox) {
    let one = ControlPlane::start(World::populated(KEY));
    let two = ControlPlane::start(World::populated(OTHER_KEY));
    let sandbox = Sandbox::new();
    sandbox.replace(&one.url(), "[ONE]");
    sandbox.replace(&two.url(), "[TWO]");
    Stored::at(&two.url())
        .profile("work", "proj-web", OTHER_KEY)
        .profile("staging", "proj-web", OTHER_KEY)
        .put(&sandbox);
    let second: serde_json::Value = serde_json::from_str(&sandbox.read(STORE)).expect("a store");
    Stored::at(&one.url())
        .profile("work", "proj-web", KEY)
        .put(&sandbox);
    let mut store: serde_json::Value = serde_json::from_str(&sandbox.read(STORE)).expect("a store");
    let environment = second["environments"][0].clone();
    store["environments"]
        .as_array_mut()
        .expect("environments")
        .push(environment);
    sandbox.write_store(&store);
    (one, two, sandbox)
}

#[test]
fn parallel_commands_in_two_environments_do_not_mix() {
    let (one, two, sandbox) = two_environments();
    let before = sandbox.read(STORE);
    let (first, second) = (one.url(), two.url());
    parallel(8, |index| {
        for _ in 0..5 {
            let run = sandbox.cmd("projects get -o json").any_stdout();
            match index % 4 {
                0 => run.arg("--environment").arg(&first).run(),
                1 => run.arg("--environment").arg(&second).run(),
                2 => run.env("LLAMACTL_ENVIRONMENT", &second).run(),
                _ => run.run(),
            };
        }
    });
    for (plane, key) in [(&one, KEY), (&two, OTHER_KEY)] {
        let requests = plane.server().requests();
        assert_eq!(requests.len(), 20);
        assert!(requests.iter().all(|request| request.bearer() == Some(key)));
    }
    assert_eq!(sandbox.read(STORE), before);
}

#[test]
fn unknown_environment_names_the_command_that_adds_it() {
    let (_one, _two, sandbox) = two_environments();
    for (url, hint) in [
        (
            "https://plane.example",
            "environments add https://plane.example",
        ),
        ("eu", "environments use eu"),
    ] {
        let output = sandbox
            .cmd("projects get --environment")
            .arg(url)
            .code(1)
            .any_stderr()
            .run();
        assert!(
            output
                .stderr
                .ends_with(&format!("hint: add it: `llamactl {hint}`\n")),
            "{}",
            output.stderr
        );
    }
    sandbox
        .cmd("auth get --environment plane.example")
        .code(2)
        .stderr(
            "
            error: --environment 'plane.example' must begin with https:// or http://; did you mean https://plane.example?
            hint: pass the URL of a stored environment, `us` or `eu`
            ",
        )
        .run();
}

#[test]
fn profile_of_another_environment_is_exit_4_and_names_it() {
    let (_one, _two, sandbox) = two_environments();
    sandbox
        .cmd("projects get --profile staging")
        .code(4)
        .stderr(
            "
            error: no profile named 'staging' in [ONE]
            hint: [TWO] has a profile of that name; select it with `--environment [TWO]`
            ",
        )
        .run();
}

#[test]
fn environment_and_key_of_another_url_conflict() {
    let (one, two, sandbox) = two_environments();
    let run = |environment: &str| {
        sandbox
            .cmd("projects get -o json --environment")
            .arg(environment)
            .env("LLAMA_CLOUD_API_KEY", KEY)
            .env("LLAMA_CLOUD_BASE_URL", one.url())
    };
    run(&two.url())
        .code(2)
        .stderr(
            "
            error: --environment is [TWO], but LLAMA_CLOUD_API_KEY is for [ONE]
            hint: set LLAMA_CLOUD_USE_PROFILE=1 to use a stored profile, or LLAMA_CLOUD_BASE_URL to the key's URL
            ",
        )
        .run();
    assert_eq!(two.server().connections(), 0);
    run(&one.url()).any_stdout().any_stderr().run();
    run(&two.url())
        .env("LLAMA_CLOUD_USE_PROFILE", "y")
        .any_stdout()
        .run();
    assert_eq!(two.server().connections(), 1);
}

#[test]
fn print_key_prints_the_key_in_effect() {
    let (_one, two, sandbox) = two_environments();
    let run = |line: &str| sandbox.cmd(line).may_show_keys();
    run("auth print-key").stdout(&format!("{KEY}\n")).run();
    run("auth print-key --header --environment")
        .arg(two.url())
        .stdout(&format!("Authorization: Bearer {OTHER_KEY}\n"))
        .run();
    // The key alone is enough, the project alone is refused.
    run("auth print-key")
        .env("LLAMA_CLOUD_API_KEY", OTHER_KEY)
        .stdout(&format!("{OTHER_KEY}\n"))
        .stderr("warning: LLAMA_CLOUD_API_KEY is used, not profile 'work'; set LLAMA_CLOUD_USE_PROFILE=1 to use the profile\n")
        .run();
    run("auth print-key")
        .env("LLAMA_AGENTS_PROJECT_ID", "p")
        .code(2)
        .stderr_has("error: LLAMA_AGENTS_PROJECT_ID is set, but LLAMA_CLOUD_API_KEY is not\n")
        .run();
}

#[test]
fn key_file_is_used_like_the_key() {
    let (one, _two, sandbox) = two_environments();
    sandbox.write("secret", format!("{KEY}\r\n"));
    let run = |line: &str, file: &str| {
        sandbox
            .cmd(line)
            .env("LLAMA_CLOUD_API_KEY_FILE", file)
            .env("LLAMA_CLOUD_BASE_URL", one.url())
            .env("LLAMA_CLOUD_USE_PROFILE", "off")
    };
    run("projects get -o json", "secret")
        .any_stdout()
        .stderr("warning: LLAMA_CLOUD_API_KEY_FILE is used, not profile 'work'; set LLAMA_CLOUD_USE_PROFILE=1 to use the profile\n")
        .run();
    assert_eq!(one.server().requests()[0].bearer(), Some(KEY));
    run("projects get", "missing")
        .code(4)
        .stderr(
            "
            error: LLAMA_CLOUD_API_KEY_FILE: cannot read the API key from 'missing': No such file or directory
            hint: check that the file is readable and contains only the key
            ",
        )
        .run();
    run("projects get", "secret")
        .env("LLAMA_CLOUD_API_KEY", KEY)
        .code(2)
        .stderr(
            "
            error: LLAMA_CLOUD_API_KEY and LLAMA_CLOUD_API_KEY_FILE are both set
            hint: unset one of them
            ",
        )
        .run();
    // With --profile the file is not read.
    run("projects get -o json --profile work", "missing")
        .any_stdout()
        .run();
}

#[test]
fn unverified_environment_is_verified_at_first_contact() {
    let plane = ControlPlane::start(World::open().project("proj-web", "Website", "default"));
    let sandbox = Sandbox::new();
    sandbox.knows(&plane);
    sandbox
        .cmd("environments add --no-verify")
        .arg(plane.url())
        .any_stderr()
        .run();
    assert_eq!(plane.server().connections(), 0);
    sandbox
        .cmd("projects get -o json")
        .any_stdout()
        .stderr("verified [SERVER]: it requires no authentication\n")
        .run();
    sandbox.cmd("projects get -o json").any_stdout().run();
    assert_eq!(sandbox.stored()["environments"][0]["requires_auth"], false);
}
