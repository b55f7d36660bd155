//! `-o value=FIELD` and `--quiet`, which work alike in all commands.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{ControlPlane, Deployment, Sandbox, World};

/// A name with everything that could break a line or act on a terminal.
const HOSTILE: &str = "\u{1b}[31m\u{202e}two\nlines\ttab \"quoted\" \\ ##[error] \u{feff}東京";
const HOSTILE_LINE: &str =
    "\\u{1b}[31m\\u{202e}two\\nlines\\ttab \"quoted\" \\ ##[error] \\u{feff}東京";

/// A control plane whose names are hostile, and a profile for it.
fn hostile() -> (ControlPlane, Sandbox) {
    let mut world = World::populated(KEY);
    for project in &mut world.projects {
        project.name = Some(HOSTILE.to_string());
    }
    for organization in &mut world.organizations {
        organization["org_name"] = HOSTILE.into();
    }
    world.deployments = vec![
        Deployment::new("proj-web", "search")
            .with("display_name", HOSTILE.into())
            .with("git_ref", HOSTILE.into())
            .with("warning", HOSTILE.into())
            .with("secret_names", json!([HOSTILE])),
        Deployment::new("proj-web", "plain"),
    ];
    world.deployments[0].history = vec![
        json!({"released_at": "2026-01-01T00:00:00Z", "git_sha": "abc", "image_tag": HOSTILE}),
        json!({"released_at": HOSTILE, "git_sha": "def"}),
    ];
    let plane = ControlPlane::start(world);
    let sandbox = Sandbox::new().signed_in(&plane.url());
    sandbox.knows(&plane);
    (plane, sandbox)
}

/// The line that `-o value=FIELD` prints for a JSON value.
fn line(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.replace(HOSTILE, HOSTILE_LINE),
        other => other.to_string(),
    }
}

/// Each command with structured output and the fields of its documents.
const COMMANDS: &[(&str, &[&str])] = &[
    (
        "auth get",
        &["name", "api_url", "project_id", "active", "auth_type"],
    ),
    (
        "auth get work",
        &["name", "api_url", "project_id", "active", "auth_type"],
    ),
    ("environments get", &["api_url", "requires_auth", "active"]),
    (
        "projects get",
        &[
            "project_id",
            "project_name",
            "deployment_count",
            "active",
            "org_id",
        ],
    ),
    (
        "organizations get",
        &["org_id", "org_name", "is_default", "active"],
    ),
    (
        "config",
        &["environment", "profile", "project_id", "project_name"],
    ),
    (
        "deployments get",
        &["name", "generate_name", "spec", "status"],
    ),
    (
        "deployments get search",
        &["name", "generate_name", "spec", "status"],
    ),
    (
        "deployments history search",
        &["released_at", "git_sha", "image_tag"],
    ),
];

#[test]
fn value_prints_each_json_field_in_one_line() {
    let (_plane, sandbox) = hostile();
    sandbox.cmd("projects use proj-web").any_stderr().run();
    for (command, fields) in COMMANDS {
        let documents = sandbox
            .cmd(&format!("{command} -o json"))
            .any_stdout()
            .run()
            .json();
        let documents = match documents {
            Value::Array(documents) => documents,
            one => vec![one],
        };
        for document in &documents {
            for name in document.as_object().expect("an object").keys() {
                assert!(fields.contains(&name.as_str()), "{command}: {name}");
            }
        }
        for field in *fields {
            let output = sandbox
                .cmd(&format!("{command} -o value={field}"))
                .any_stdout()
                .run();
            let printed = String::from_utf8(output.raw_stdout).expect("UTF-8");
            let lines: Vec<&str> = printed.lines().collect();
            assert_eq!(lines.len(), documents.len(), "{command} {field}");
            for (printed, document) in lines.iter().zip(&documents) {
                match &document[*field] {
                    // Compact JSON, escaped where a string would be.
                    value @ (Value::Object(_) | Value::Array(_)) => {
                        assert_eq!(&serde_json::from_str::<Value>(printed).unwrap(), value);
                        assert!(
                            !printed.contains(['\u{1b}', '\u{202e}', ' '])
                                || printed.contains("tab ")
                        );
                    }
                    value => assert_eq!(*printed, line(value), "{command} {field}"),
                }
            }
        }
    }
}

#[test]
fn value_reaches_into_deployments() {
    let (_plane, sandbox) = hostile();
    for (field, stdout) in [
        ("spec.git_ref", format!("{HOSTILE_LINE}\n")),
        ("spec.suspended", "false\n".to_string()),
        ("status.phase", "Running\n".to_string()),
        ("status.warning", format!("{HOSTILE_LINE}\n")),
    ] {
        sandbox
            .cmd(&format!("deployments get search -o value={field}"))
            .stdout(&stdout)
            .run();
    }
}

#[test]
fn value_in_auth_status_is_the_value_alone() {
    let (plane, sandbox) = hostile();
    sandbox.replace(&plane.url(), "[SERVER]");
    for (field, stdout) in [
        ("environment", "[SERVER]\n"),
        ("profile", "work\n"),
        ("project_id", "proj-web\n"),
        ("auth_type", "token\n"),
        ("key", "llx-01****mnop\n"),
        ("shadowed", "[]\n"),
        ("check", "accepted\n"),
        ("client_outdated", "false\n"),
    ] {
        sandbox
            .cmd(&format!("auth status -o value={field}"))
            .stdout(stdout)
            .run();
    }
    let command = "auth status --offline -o value=server_version";
    let unknown = sandbox.cmd(command).any_stdout().run();
    assert_eq!(unknown.stdout, "\n");
}

#[test]
fn unknown_value_field_is_exit_2_and_lists_the_fields() {
    // Not even a store is read: the fields are fixed, for an empty list, too.
    let sandbox = Sandbox::new();
    for (command, fields) in COMMANDS {
        let error = sandbox
            .cmd(&format!("{command} -o value=nmae"))
            .code(2)
            .any_stderr()
            .run();
        let lines: Vec<&str> = error.stderr.lines().collect();
        assert_eq!(lines[0], "error: unknown field 'nmae'", "{command}");
        assert!(
            lines[1].starts_with(&format!("hint: the fields are: {}", fields[0])),
            "{command}: {}",
            lines[1]
        );
    }
    sandbox
        .cmd("auth get -o value=")
        .code(2)
        .stderr("error: option '--output' names no field\nhint: the fields are: name, api_url, project_id, active, auth_type\n")
        .run();
    sandbox.cmd("auth get -o VALUE=Name").run();
}

#[test]
fn value_cannot_be_a_ci_command() {
    let mut world = World::populated(KEY);
    world.projects.truncate(1);
    world.projects[0].name = Some("::add-path::/tmp ##[x]".to_string());
    let plane = ControlPlane::start(world);
    let sandbox = Sandbox::new().signed_in(&plane.url());
    for (variable, line) in [
        ("GITHUB_ACTIONS", ": :add-path::/tmp # #[x]\n"),
        ("TF_BUILD", ": :add-path::/tmp # #[x]\n"),
        ("OTHER", "::add-path::/tmp ##[x]\n"),
    ] {
        sandbox
            .cmd("projects get -o value=project_name")
            .env(variable, "true")
            .stdout(line)
            .run();
    }
}

/// Commands that print status lines or warnings, in an order in which all of them succeed.
const TALKATIVE: &[&str] = &[
    "environments add SERVER",
    "auth token --api-key-file key --project proj-web",
    "auth token --api-key-file other --project proj-web --name second",
    "auth use second",
    "auth inject",
    "auth inject",
    "projects use proj-web",
    "environments use SERVER",
    "auth get",
    "auth status",
    "config",
    "projects get",
    "organizations get",
    "deployments get",
    "deployments logs search",
    "auth logout second",
    "environments delete SERVER",
    "auth get",
];

#[test]
fn quiet_drops_status_lines_and_warnings() {
    let run_all = |option: &str| {
        let mut world = World::populated(KEY).key(OTHER_KEY);
        world.min_llamactl_version = Some("99".to_string());
        world.deployments = vec![Deployment::new("proj-web", "search")];
        let plane = ControlPlane::start(world);
        let sandbox = Sandbox::new();
        sandbox.knows(&plane);
        sandbox.write("key", KEY);
        sandbox.write("other", OTHER_KEY);
        let url = plane.url();
        let outputs = TALKATIVE.iter().map(|command| {
            let command = command.replace("SERVER", &url);
            sandbox.cmd(&format!("{command} {option}")).anything().run()
        });
        outputs.collect::<Vec<_>>()
    };
    let (loud, quiet) = (run_all(""), run_all("--quiet"));
    let mut said = 0;
    for ((command, loud), quiet) in TALKATIVE.iter().zip(&loud).zip(&quiet) {
        assert_eq!(quiet.stderr, "", "{command}");
        assert_eq!(quiet.exit, loud.exit, "{command}");
        assert_eq!(quiet.stdout, loud.stdout, "{command}");
        said += usize::from(!loud.stderr.is_empty());
    }
    assert!(said > 10, "only {said} of the commands print something");
}

#[test]
fn quiet_keeps_errors_and_hints() {
    let sandbox = Sandbox::new();
    for command in [
        "auth get nobody",
        "auth use nobody",
        "projects get",
        "auth token --project p",
        "deployments delete search",
        "auth exec -- true",
        "environments use https://gone.example",
    ] {
        let loud = sandbox.cmd(command).anything().run();
        let (program, rest) = command.split_once(' ').unwrap();
        let quiet = sandbox
            .cmd(&format!("{program} -q {rest}"))
            .anything()
            .run();
        assert_eq!(quiet.stderr, loud.stderr, "{command}");
        assert_eq!(quiet.exit, loud.exit, "{command}");
        assert!(quiet.stderr.starts_with("error: "), "{command}");
    }
}

#[test]
fn quiet_keeps_the_lines_of_verbose() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = Sandbox::new().signed_in(&plane.url());
    sandbox
        .cmd("projects get -q -v")
        .any_stdout()
        .stderr_has("GET ")
        .run();
}
