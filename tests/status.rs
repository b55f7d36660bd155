//! `auth status`: who am I, from where, and does it work.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{ControlPlane, Reply, Sandbox, Server, Stored, Stub, World, get};

const PROJECTS: &str = "/api/v1beta1/deployments/list-projects";
const VERSION: &str = "/api/v1beta1/deployments-public/version";

/// A control plane that accepts KEY, and a profile there.
fn signed_in(key: &str, project: &str) -> (ControlPlane, Sandbox) {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = Sandbox::new();
    sandbox.knows(&plane);
    Stored::at(&plane.url())
        .profile("work", project, key)
        .put(&sandbox);
    (plane, sandbox)
}

/// Lines of up to three columns, the second as wide as it must be.
fn columns(lines: &[(&str, &str, &str)]) -> String {
    let with_source = lines.iter().filter(|(_, _, from)| !from.is_empty());
    let width = with_source
        .map(|(_, value, _)| value.len())
        .max()
        .unwrap_or(0);
    let line = |(name, value, from): &(&str, &str, &str)| match *from {
        "" => format!("{name:<11}  {value}\n"),
        from => format!("{name:<11}  {value:<width$}  {from}\n"),
    };
    lines.iter().map(line).collect()
}

fn field(value: impl Into<Value>, source: impl Into<Value>) -> Value {
    json!({"value": value.into(), "source": source.into()})
}

#[test]
fn a_good_key() {
    let (plane, sandbox) = signed_in(KEY, "proj-web");
    let url = plane.url();
    sandbox
        .cmd("auth status")
        .stdout(&sandbox.stable(&columns(&[
            ("environment", &url, "from the profile work"),
            ("profile", "work", "the current one"),
            ("project", "proj-web (Website)", "from the profile work"),
            ("auth type", "token", ""),
            ("key", "llx-01****mnop", "from the profile work"),
            ("check", "accepted by the server", ""),
            ("server", "0.10.4", ""),
        ])))
        .run();
    let json = sandbox.cmd("auth status -o json").any_stdout().run().json();
    assert_eq!(
        json,
        json!({
            "environment": field(plane.url(), "profile"),
            "profile": field("work", "default"),
            "project_id": field("proj-web", "profile"),
            "auth_type": field("token", "profile"),
            "key": field("llx-01****mnop", "profile"),
            "shadowed": [],
            "check": "accepted",
            "server_version": "0.10.4",
            "client_outdated": false,
        })
    );
    sandbox
        .cmd("auth status --output YAML")
        .stdout(
            "
            environment:
              value: [SERVER]
              source: profile
            profile:
              value: work
              source: default
            project_id:
              value: proj-web
              source: profile
            auth_type:
              value: token
              source: profile
            key:
              value: llx-01****mnop
              source: profile
            shadowed: []
            check: accepted
            server_version: \"0.10.4\"
            client_outdated: false
            ",
        )
        .run();
    let expected = [format!("GET {PROJECTS}"), format!("GET {VERSION}")];
    assert_eq!(plane.server().lines()[..2], expected);
    // One connection for each of the three runs.
    assert_eq!(plane.server().connections(), 3);
}

#[test]
fn a_revoked_key() {
    let (plane, sandbox) = signed_in(OTHER_KEY, "proj-web");
    let output = sandbox
        .cmd("auth status")
        .stdout_has("check        rejected by the server\nserver       0.10.4\n")
        .stderr("error: [SERVER] rejected the API key of profile 'work' (401): Invalid API key\nhint: sign in with a valid key: `llamactl auth token`\n")
        .code(4)
        .run();
    assert!(output.stdout.contains("key          llx-zy****10ab"));
    let run = sandbox.cmd("auth status -o json").any_stdout().any_stderr();
    let json = run.code(4).run().json();
    assert_eq!(
        [
            &json["check"],
            &json["server_version"],
            &json["client_outdated"]
        ],
        [&json!("rejected"), &json!("0.10.4"), &json!(false)]
    );
    // Without a profile the remedy is another one.
    Sandbox::new()
        .cmd("auth status")
        .env("LLAMA_CLOUD_API_KEY", OTHER_KEY)
        .env("LLAMA_CLOUD_BASE_URL", plane.url())
        .any_stdout()
        .stderr(&format!(
            "error: {} rejected the API key in LLAMA_CLOUD_API_KEY (401): Invalid API key\nhint: set LLAMA_CLOUD_API_KEY to a valid key, or unset it to use a profile\n",
            plane.url()
        ))
        .code(4)
        .run();
}

#[test]
fn a_server_that_does_not_answer() {
    let sandbox = Sandbox::new();
    let dead = Server::start(|_| Reply::hang_up()).url();
    sandbox.replace(&dead, "[DEAD]");
    Stored::at(&dead)
        .profile("work", "proj-web", KEY)
        .put(&sandbox);
    let run = sandbox.cmd("auth status -o json").any_stdout();
    let run = run.stderr_has("error: [DEAD] can't be reached: connection refused\nhint: ");
    let json = run.code(3).run().json();
    assert_eq!(
        json,
        json!({
            "environment": field(dead, "profile"),
            "profile": field("work", "default"),
            "project_id": field("proj-web", "profile"),
            "auth_type": field("token", "profile"),
            "key": field("llx-01****mnop", "profile"),
            "shadowed": [],
            "check": "unreachable",
            "server_version": null,
            "client_outdated": null,
        })
    );
    let run = sandbox.cmd("auth status").any_stderr().code(3);
    run.stdout_has("check        the server could not be asked\n")
        .run();

    // Whatever is no answer to the question is exit 3, whoever sent it.
    for reply in [
        Reply::detail(500, "boom"),
        Reply::detail(400, "bad"),
        Reply::detail(404, "no such thing"),
        Reply::status(404),
        Reply::html(200, "<html>"),
        Reply::redirect(302, "https://sso.example/login?next=x"),
        Reply::json(200, "{}"),
        Reply::raw("nonsense"),
    ] {
        let stub = Stub::new();
        let sandbox = Sandbox::new();
        sandbox.knows(&stub);
        Stored::at(&stub.url())
            .profile("work", "proj-web", KEY)
            .put(&sandbox);
        stub.expect(get(PROJECTS).bearer(KEY).reply(reply));
        let run = sandbox.cmd("auth status -o json").any_stdout();
        let output = run.stderr_has("error: ").code(3).run();
        assert_eq!(output.json()["check"], "unreachable");
        assert!(output.stderr.lines().count() <= 2, "{}", output.stderr);
    }
}

#[test]
fn a_setting_that_can_t_be_used() {
    let (plane, sandbox) = signed_in(KEY, "proj-web");
    let run = sandbox.cmd("auth status -o json").any_stdout();
    let run = run
        .env("HTTP_PROXY", "gopher://x")
        .env("NO_PROXY", "")
        .env("LLAMA_CLOUD_API_KEY", KEY)
        .env("LLAMA_CLOUD_BASE_URL", "http://control.example");
    let output = run.any_stderr().code(3).run();
    assert_eq!(output.json()["check"], "not_checked", "{}", output.stderr);
    assert_eq!(plane.server().connections(), 0);
}

#[test]
fn a_project_that_the_key_does_not_have() {
    let (_plane, sandbox) = signed_in(KEY, "proj-gone");
    sandbox
        .cmd("auth status")
        .stdout_has("check        accepted by the server\n")
        .stderr("error: no project 'proj-gone' in [SERVER], or no access to it\nhint: `llamactl projects get` lists the projects\n")
        .code(1)
        .run();
    let run = sandbox.cmd("auth status -o json --project proj-research");
    let json = run.any_stdout().run().json();
    assert_eq!(
        [&json["project_id"], &json["shadowed"], &json["check"]],
        [
            &field("proj-research", "--project"),
            &json!([{"name": "project_id", "value": "proj-gone", "source": "profile"}]),
            &json!("accepted")
        ]
    );
}

#[test]
fn nobody() {
    let sandbox = Sandbox::new();
    let error = "error: no current profile in https://api.cloud.llamaindex.ai\nhint: sign in with `llamactl auth login` or `llamactl auth token`\n";
    sandbox
        .cmd("auth status")
        .stdout(
            "
            environment  https://api.cloud.llamaindex.ai  the built-in one
            profile      -
            project      -
            auth type    -
            key          -
            check        not checked
            ",
        )
        .stderr(error)
        .code(4)
        .run();
    let run = sandbox
        .cmd("auth status -o json")
        .env("LLAMA_AGENTS_PROJECT_ID", "p");
    let run = run.stderr(&format!("warning: LLAMA_AGENTS_PROJECT_ID is ignored because LLAMA_CLOUD_API_KEY is not set\n{error}"));
    let none = field(Value::Null, Value::Null);
    assert_eq!(
        run.any_stdout().code(4).run().json(),
        json!({
            "environment": field("https://api.cloud.llamaindex.ai", "default"),
            "profile": none, "project_id": none, "auth_type": none, "key": none,
            "shadowed": [{"name": "project_id", "value": "p", "source": "LLAMA_AGENTS_PROJECT_ID"}],
            "check": "not_checked", "server_version": null, "client_outdated": null,
        })
    );
    assert_eq!(sandbox.home_tree(), [""; 0]);
    sandbox
        .cmd("auth status --project p1")
        .stdout(
            "
            environment  https://api.cloud.llamaindex.ai  the built-in one
            profile      -
            project      p1                               from --project
            auth type    -
            key          -
            check        not checked
            ",
        )
        .stderr(error)
        .code(4)
        .run();

    // Profiles, and none of them current.
    Stored::at("http://127.0.0.1:9")
        .profile("work", "p", KEY)
        .none_current()
        .put(&sandbox);
    sandbox
        .cmd("auth status --offline")
        .stdout_has("environment  http://127.0.0.1:9  the current one\nprofile      -\n")
        .stderr("error: no current profile in http://127.0.0.1:9\nhint: choose one with `llamactl auth use`; `llamactl auth get` lists the profiles\n")
        .code(4)
        .run();
}

#[test]
fn variables_that_shadow_a_profile() {
    let (plane, sandbox) = signed_in(OTHER_KEY, "proj-support");
    let url = plane.url();
    let variables = |command: &str| {
        sandbox
            .cmd(command)
            .env("LLAMA_CLOUD_API_KEY", KEY)
            .env("LLAMA_AGENTS_PROJECT_ID", "proj-web")
            .env("LLAMA_CLOUD_BASE_URL", plane.url())
    };
    let warning = "warning: LLAMA_CLOUD_API_KEY is used, not profile 'work'; set LLAMA_CLOUD_USE_PROFILE=1 to use the profile\n";
    variables("auth status")
        .stdout(&sandbox.stable(&columns(&[
            ("environment", &url, "from LLAMA_CLOUD_BASE_URL"),
            ("profile", "-", ""),
            (
                "project",
                "proj-web (Website)",
                "from LLAMA_AGENTS_PROJECT_ID",
            ),
            ("auth type", "token", ""),
            ("key", "llx-01****mnop", "from LLAMA_CLOUD_API_KEY"),
            ("check", "accepted by the server", ""),
            ("server", "0.10.4", ""),
            ("not used", "profile work", "stored"),
        ])))
        .stderr(warning)
        .run();
    let json = variables("auth status -o json")
        .any_stdout()
        .stderr(warning)
        .run()
        .json();
    assert_eq!(
        json,
        json!({
            "environment": field(plane.url(), "LLAMA_CLOUD_BASE_URL"),
            "profile": field(Value::Null, Value::Null),
            "project_id": field("proj-web", "LLAMA_AGENTS_PROJECT_ID"),
            "auth_type": field("token", "LLAMA_CLOUD_API_KEY"),
            "key": field("llx-01****mnop", "LLAMA_CLOUD_API_KEY"),
            "shadowed": [{"name": "profile", "value": "work", "source": "profile"}],
            "check": "accepted",
            "server_version": "0.10.4",
            "client_outdated": false,
        })
    );
    // The other way round.
    let run = variables("auth status -o json --offline").env("LLAMA_CLOUD_USE_PROFILE", "1");
    let json = run
        .env("LLAMACTL_PROFILE", "work")
        .any_stdout()
        .run()
        .json();
    assert_eq!(json["profile"], field("work", "LLAMACTL_PROFILE"));
    assert_eq!(
        json["shadowed"],
        json!([
            {"name": "environment", "value": plane.url(), "source": "LLAMA_CLOUD_BASE_URL"},
            {"name": "project_id", "value": "proj-web", "source": "LLAMA_AGENTS_PROJECT_ID"},
            {"name": "key", "value": "llx-01****mnop", "source": "LLAMA_CLOUD_API_KEY"},
        ])
    );
    // An explicit profile, in text.
    variables("auth status --offline --profile work --project flag")
        .stdout(&sandbox.stable(&columns(&[
            ("environment", &url, "from the profile work"),
            ("profile", "work", "from --profile"),
            ("project", "flag", "from --project"),
            ("auth type", "token", ""),
            ("key", "llx-zy****10ab", "from the profile work"),
            ("check", "not checked", ""),
            ("not used", "project proj-support", "from the profile work"),
            (
                "not used",
                &format!("environment {url}"),
                "from LLAMA_CLOUD_BASE_URL",
            ),
            (
                "not used",
                "project proj-web",
                "from LLAMA_AGENTS_PROJECT_ID",
            ),
            ("not used", "key llx-01****mnop", "from LLAMA_CLOUD_API_KEY"),
        ])))
        .run();
    // A variable that nobody checked is no place for a password to come out of.
    let run = sandbox
        .cmd("auth status --offline")
        .env("LLAMA_CLOUD_BASE_URL", "https://user:hunter2@x");
    let output = run.any_stdout().any_stderr().run();
    assert!(!output.stdout.contains("hunter2"), "{}", output.stdout);
}

#[test]
fn half_a_pair_says_what_other_commands_do() {
    let (plane, sandbox) = signed_in(OTHER_KEY, "proj-support");
    sandbox
        .cmd("auth status")
        .env("LLAMA_CLOUD_API_KEY", KEY)
        .env("LLAMA_CLOUD_BASE_URL", plane.url())
        .stdout_has(
            "  LLAMA_AGENTS_PROJECT_ID is not set: commands that need a project use the profile\n",
        )
        .stderr_has("warning: LLAMA_CLOUD_API_KEY is used, not profile 'work'")
        .run();
}

#[test]
fn offline_opens_no_socket() {
    let (plane, sandbox) = signed_in(OTHER_KEY, "proj-gone");
    sandbox
        .cmd("auth status --offline -v")
        .stdout_has("check        not checked\n")
        .run();
    let run = sandbox.cmd("auth status --offline -o json");
    let json = run.any_stdout().run().json();
    assert_eq!(
        [
            &json["check"],
            &json["server_version"],
            &json["client_outdated"]
        ],
        [&json!("not_checked"), &Value::Null, &Value::Null]
    );
    assert_eq!(plane.server().connections(), 0);
}

#[test]
fn a_server_without_keys() {
    let plane = ControlPlane::start(World::open());
    let sandbox = Sandbox::new();
    Stored::at(&plane.url())
        .open()
        .profile("default", "not-made-yet", "")
        .put(&sandbox);
    let json = sandbox.cmd("auth status -o json").any_stdout().run().json();
    assert_eq!(
        json,
        json!({
            "environment": field(plane.url(), "profile"),
            "profile": field("default", "default"),
            "project_id": field("not-made-yet", "profile"),
            "auth_type": field("none", "profile"),
            "key": field(Value::Null, Value::Null),
            "shadowed": [],
            "check": "accepted",
            "server_version": "0.10.4",
            "client_outdated": false,
        })
    );
    // It may be looked at before there is a profile.
    Stored::at(&plane.url()).open().put(&sandbox);
    let json = sandbox.cmd("auth status -o json").any_stdout().run().json();
    assert_eq!(
        [
            &json["environment"],
            &json["profile"],
            &json["auth_type"],
            &json["check"]
        ],
        [
            &field(plane.url(), "profile"),
            &field(Value::Null, Value::Null),
            &field("none", "profile"),
            &json!("accepted")
        ]
    );
    // It asks for one after all.
    plane.world().requires_auth = true;
    let run = sandbox.cmd("auth status").any_stdout().code(4);
    run.stderr_has("requires an API key (401)").run();
}

#[test]
fn a_server_that_wants_a_newer_client() {
    let (plane, sandbox) = signed_in(KEY, "proj-web");
    plane.world().min_llamactl_version = Some("0.11.0".to_string());
    let json = sandbox.cmd("auth status -o json").any_stdout().run().json();
    assert_eq!(json["client_outdated"], true);
    sandbox
        .cmd("auth status")
        .stdout_has("client       the server requires llamactl 0.11.0 or newer; this one is compatible with 0.10.4\n")
        .run();
    // What it says of itself is no reason to fail.
    let stub = Stub::new();
    Stored::at(&stub.url())
        .profile("work", "p", KEY)
        .put(&sandbox);
    stub.expect(get(PROJECTS).bearer(KEY).json(
        200,
        r#"{"projects": [{"project_id": "p", "project_name": "\u001b[31mred"}]}"#,
    ));
    stub.expect(get(VERSION).reply(Reply::status(404)));
    sandbox
        .cmd("auth status")
        .stdout_has("project      p (\\u{1b}[31mred)")
        .run();
}
