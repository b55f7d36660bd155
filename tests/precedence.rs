//! Which key, project and server a command uses: a flag beats a variable beats the profile. Every command that talks to a
//! server or hands credentials on, and those that must not care.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use pretty_assertions::assert_eq;

use crate::support::secrets::{KEY, OTHER_KEY, TWIN_KEY};
use crate::support::tls::Authority;
use crate::support::{Exit, Reply, Sandbox, Server, Stored, Stub, get};

/// The profile's key, the other profile's, and the one in the variable.
const KEYS: [(&str, &str); 3] = [
    (KEY, "key of work"),
    (TWIN_KEY, "key of other"),
    (OTHER_KEY, "given key"),
];

/// A sandbox with two profiles at one server, and another server that the variables name.
struct Scene {
    sandbox: Sandbox,
    stored: Server,
    given: Server,
}

impl Scene {
    fn new() -> Scene {
        let scene = Scene::without_profiles();
        Stored::at(&scene.stored.url())
            .profile("work", "project-of-work", KEY)
            .profile("other", "project-of-other", TWIN_KEY)
            .put(&scene.sandbox);
        scene
    }

    fn without_profiles() -> Scene {
        let [stored, given] = [(); 2].map(|()| {
            Server::start(|request| {
                let project = r#"{"project_id": "ID", "deployment_count": 0}"#;
                let ids = [
                    "project-of-work",
                    "project-of-other",
                    "given-project",
                    "flag-project",
                ];
                match request.path.rsplit('/').next() {
                    Some("list-projects") => {
                        let projects = ids.map(|id| project.replace("ID", id)).join(",");
                        Reply::json(200, format!(r#"{{"projects": [{projects}]}}"#))
                    }
                    Some("organizations") => Reply::json(200, r#"{"organizations": []}"#),
                    Some("version") => Reply::json(200, r#"{"version": "1"}"#),
                    Some("deployments") => Reply::json(200, r#"{"deployments": []}"#),
                    _ => Reply::detail(500, "unexpected"),
                }
            })
        });
        let sandbox = Sandbox::new();
        for (name, server) in [("STORED", &stored), ("GIVEN", &given)] {
            sandbox.replace(&server.url(), &format!("[{name}]"));
        }
        let names = [
            "LLAMA_CLOUD_BASE_URL",
            "LLAMA_CLOUD_API_KEY",
            "LLAMA_AGENTS_PROJECT_ID",
        ];
        let printed = names.map(|name| format!("${{{name}-unset}}")).join(" ");
        sandbox.program(
            "show",
            &format!(
                "echo \"{printed}\"; echo \"${{LLAMA_CLOUD_USE_PROFILE-}}${{LLAMACTL_PROFILE-}}\""
            ),
        );
        Scene {
            sandbox,
            stored,
            given,
        }
    }

    /// What the command used, as `server, key, project`, or how it ended; and its stderr.
    fn used(&self, command: &str, flags: &[&str], variables: &[(&str, &str)]) -> (String, String) {
        let before = [self.stored.requests().len(), self.given.requests().len()];
        let (words, rest) = command.split_once(" -- ").unwrap_or((command, ""));
        let mut run = self.sandbox.cmd(words);
        for flag in flags {
            run = run.arg(flag);
        }
        if !rest.is_empty() {
            run = run.arg("--").arg(rest);
        }
        for (name, value) in variables {
            let value = if *value == "[GIVEN]" {
                self.given.url()
            } else {
                (*value).to_string()
            };
            run = run.env(name, value);
        }
        let output = run.anything().may_show_keys().run();
        self.sandbox.assert_no_key(command, &output.stderr);
        let mut seen = Vec::new();
        for (name, server, before) in [
            ("[STORED]", &self.stored, before[0]),
            ("[GIVEN]", &self.given, before[1]),
        ] {
            for request in &server.requests()[before..] {
                let key = request.bearer().unwrap_or("no key").to_string();
                let project = request.query("project_id").unwrap_or_default();
                if !request.path.ends_with("/version") {
                    seen.push(format!("{name} {key} {project}"));
                }
            }
        }
        if command.starts_with("auth exec") && output.exit == Exit::Code(0) {
            let (line, rest) = output.stdout.split_once('\n').expect("two lines");
            assert_eq!(rest, "\n", "what chooses a profile is not inherited");
            seen.push(line.to_string());
        }
        if command.starts_with("auth export") && output.exit == Exit::Code(0) {
            let json = output.json();
            let part = |name: &str| json[name].as_str().expect("a text").to_string();
            let line = format!(
                "{} {} {}",
                part("LLAMA_CLOUD_BASE_URL"),
                part("LLAMA_CLOUD_API_KEY"),
                part("LLAMA_AGENTS_PROJECT_ID")
            );
            seen.push(self.sandbox.stable(&line));
        }
        if command.starts_with("auth status") && output.exit == Exit::Code(0) {
            let project = output.json()["project_id"]["value"]
                .as_str()
                .unwrap_or_default()
                .to_string();
            for line in &mut seen {
                line.push_str(&project);
            }
        }
        assert!(seen.len() < 2, "{command}: {seen:?}");
        let mut line = match (output.exit, seen.pop()) {
            (Exit::Code(0), Some(line)) => line,
            (exit, seen) => {
                assert_eq!(seen, None, "{command}: a request before {exit:?}");
                format!("{exit:?}")
            }
        };
        for (key, name) in KEYS {
            line = line.replace(key, name);
        }
        (line.trim_end().to_string(), output.stderr)
    }
}

const NO_PROJECT: [&str; 3] = [
    "projects get -o json",
    "organizations get -o json",
    "auth status -o json",
];
const PROJECT: [&str; 1] = ["deployments get -o json"];
const HANDOVER: [&str; 2] = ["auth exec -- show", "auth export --format json"];
/// Those of them that send or show no project.
const SHOWS_NO_PROJECT: [&str; 2] = ["projects get -o json", "organizations get -o json"];

const K: (&str, &str) = ("LLAMA_CLOUD_API_KEY", OTHER_KEY);
const P: (&str, &str) = ("LLAMA_AGENTS_PROJECT_ID", "given-project");
const B: (&str, &str) = ("LLAMA_CLOUD_BASE_URL", "[GIVEN]");
const ALL: [(&str, &str); 3] = [K, P, B];

const WORK: &str = "[STORED] key of work project-of-work";
const OTHER: &str = "[STORED] key of other project-of-other";
const GIVEN: &str = "[GIVEN] given key given-project";
const REFUSED: &str = "Code(2)";

const WON: &str = "warning: LLAMA_CLOUD_API_KEY is used, not profile 'work'; set LLAMA_CLOUD_USE_PROFILE=1 to use the profile\n";
const NO_KEY: &str =
    "warning: LLAMA_AGENTS_PROJECT_ID is ignored because LLAMA_CLOUD_API_KEY is not set\n";
const NO_PROJECT_ID: &str =
    "warning: LLAMA_CLOUD_API_KEY is ignored because LLAMA_AGENTS_PROJECT_ID is not set\n";
const NO_KEY_FOR_URL: &str =
    "warning: LLAMA_CLOUD_BASE_URL is ignored because LLAMA_CLOUD_API_KEY is not set\n";
const HALF_A_KEY: &str = "error: LLAMA_CLOUD_API_KEY is set, but LLAMA_AGENTS_PROJECT_ID is not
hint: set both or neither, or use the profile with LLAMA_CLOUD_USE_PROFILE=1 or --profile NAME\n";
const HALF_A_PROJECT: &str = "error: LLAMA_AGENTS_PROJECT_ID is set, but LLAMA_CLOUD_API_KEY is not
hint: set both or neither, or use the profile with LLAMA_CLOUD_USE_PROFILE=1 or --profile NAME\n";
const NEITHER: &str =
    "error: the environment variable LLAMA_CLOUD_USE_PROFILE is neither true nor false
hint: set LLAMA_CLOUD_USE_PROFILE to 1 or 0, or unset it\n";

/// What each kind of command must use, and say.
struct Rule<'a> {
    flags: &'a [&'a str],
    variables: Vec<(&'a str, &'a str)>,
    no_project: (&'a str, &'a str),
    project: (&'a str, &'a str),
    handover: (&'a str, &'a str),
}

fn check(scene: &Scene, rule: &Rule) {
    let kinds = [
        (&NO_PROJECT[..], rule.no_project),
        (&PROJECT[..], rule.project),
        (&HANDOVER[..], rule.handover),
    ];
    for (commands, (used, said)) in kinds {
        for command in commands {
            let is_bare = SHOWS_NO_PROJECT.contains(command);
            if is_bare && rule.flags.contains(&"--project") {
                continue;
            }
            let used = match used.rsplit_once(' ') {
                Some((head, project)) if is_bare && project.contains("project") => head,
                _ => used,
            };
            let got = scene.used(command, rule.flags, &rule.variables);
            assert_eq!(
                got,
                (used.to_string(), said.to_string()),
                "{command} with {:?}, {:?}",
                rule.flags,
                rule.variables
            );
        }
    }
}

/// The same for all kinds.
fn all<'a>(
    flags: &'a [&'a str],
    variables: &[(&'a str, &'a str)],
    outcome: (&'a str, &'a str),
) -> Rule<'a> {
    Rule {
        flags,
        variables: variables.to_vec(),
        no_project: outcome,
        project: outcome,
        handover: outcome,
    }
}

#[test]
#[allow(clippy::too_many_lines)]
fn a_flag_beats_a_variable_beats_the_profile() {
    let scene = Scene::new();
    let own_project = "[STORED] key of work flag-project";
    let given_flag = "[GIVEN] given key flag-project";
    for rule in [
        all(&[], &[], (WORK, "")),
        all(&[], &ALL, (GIVEN, WON)),
        all(&["--project", "flag-project"], &[], (own_project, "")),
        all(&["--project", "flag-project"], &ALL, (given_flag, WON)),
        // With only the key.
        Rule {
            flags: &[],
            variables: vec![K, B],
            no_project: ("[GIVEN] given key", WON),
            project: (WORK, NO_PROJECT_ID),
            handover: (REFUSED, HALF_A_KEY),
        },
        all(&["--project", "flag-project"], &[K, B], (given_flag, WON)),
        // With only the project.
        Rule {
            flags: &[],
            variables: vec![P],
            no_project: (WORK, NO_KEY),
            project: (WORK, NO_KEY),
            handover: (REFUSED, HALF_A_PROJECT),
        },
        Rule {
            flags: &["--project", "flag-project"],
            variables: vec![P],
            no_project: (own_project, NO_KEY),
            project: (own_project, NO_KEY),
            handover: (REFUSED, HALF_A_PROJECT),
        },
        // A stored key never goes to another address.
        all(&[], &[B], (WORK, NO_KEY_FOR_URL)),
    ] {
        check(&scene, &rule);
    }
}

#[test]
fn which_profile_and_whether_at_all_can_be_said() {
    let scene = Scene::new();
    let with = |more: &[(&'static str, &'static str)]| [&ALL[..], more].concat();
    for rule in [
        // The profile on demand.
        all(&[], &with(&[("LLAMA_CLOUD_USE_PROFILE", "1")]), (WORK, "")),
        all(
            &[],
            &with(&[("LLAMA_CLOUD_USE_PROFILE", "Yes")]),
            (WORK, ""),
        ),
        all(
            &[],
            &with(&[("LLAMA_CLOUD_USE_PROFILE", "off")]),
            (GIVEN, WON),
        ),
        all(
            &[],
            &with(&[("LLAMA_CLOUD_USE_PROFILE", "maybe")]),
            (REFUSED, NEITHER),
        ),
        all(
            &[],
            &[("LLAMA_CLOUD_USE_PROFILE", "maybe")],
            (REFUSED, NEITHER),
        ),
        all(&[], &[P, ("LLAMA_CLOUD_USE_PROFILE", "1")], (WORK, "")),
        // Which profile.
        all(&["--profile", "other"], &[], (OTHER, "")),
        all(&["--profile", "other"], &ALL, (OTHER, "")),
        all(&["--profile", "other"], &[P], (OTHER, "")),
        all(
            &["--profile", "other"],
            &[K, ("LLAMA_CLOUD_USE_PROFILE", "maybe")],
            (OTHER, ""),
        ),
        all(&[], &[("LLAMACTL_PROFILE", "other")], (OTHER, "")),
        all(
            &["--profile", "work"],
            &[("LLAMACTL_PROFILE", "other")],
            (WORK, ""),
        ),
        all(
            &[],
            &with(&[
                ("LLAMA_CLOUD_USE_PROFILE", "1"),
                ("LLAMACTL_PROFILE", "other"),
            ]),
            (OTHER, ""),
        ),
        all(
            &[],
            &with(&[("LLAMACTL_PROFILE", "other")]),
            (GIVEN, &WON.replace("work", "other")),
        ),
        all(&[], &with(&[("LLAMACTL_PROFILE", "gone")]), (GIVEN, "")),
    ] {
        check(&scene, &rule);
    }
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let scene = Scene::new();
    for rule in [
        all(
            &[],
            &[
                (K.0, ""),
                (P.0, ""),
                (B.0, ""),
                ("LLAMA_CLOUD_USE_PROFILE", ""),
                ("LLAMACTL_PROFILE", ""),
            ],
            (WORK, ""),
        ),
        Rule {
            flags: &[],
            variables: vec![K, (P.0, ""), B],
            no_project: ("[GIVEN] given key", WON),
            project: (WORK, NO_PROJECT_ID),
            handover: (REFUSED, HALF_A_KEY),
        },
    ] {
        check(&scene, &rule);
    }
}

#[test]
fn what_comes_in_by_a_variable_is_checked_like_a_flag() {
    let scene = Scene::new();
    for (name, value, said) in [
        (
            K.0,
            "llx 0",
            "error: the environment variable LLAMA_CLOUD_API_KEY contains whitespace\n",
        ),
        (
            P.0,
            "a b",
            "error: the environment variable LLAMA_AGENTS_PROJECT_ID contains whitespace\n",
        ),
        (
            B.0,
            "http://u:p@h",
            "error: the environment variable LLAMA_CLOUD_BASE_URL must not contain a user name or password\n",
        ),
    ] {
        let mut variables = ALL.to_vec();
        variables.retain(|(n, _)| *n != name);
        variables.push((name, value));
        check(&scene, &all(&[], &variables, (REFUSED, said)));
        check(&scene, &all(&["--profile", "work"], &variables, (WORK, "")));
    }
    for name in [K.0, P.0, B.0, "LLAMA_CLOUD_USE_PROFILE", "LLAMACTL_PROFILE"] {
        let run = |line: &str| {
            let run = scene.sandbox.cmd(line).may_show_keys();
            run.env(name, OsStr::from_bytes(b"\xff"))
        };
        let said = format!("error: the environment variable {name} is not valid UTF-8\n");
        for command in HANDOVER.iter().chain(&NO_PROJECT).chain(&PROJECT) {
            run(command).code(2).stderr(&said).run();
            if let Some((words, rest)) = command.split_once(" -- ") {
                run(&format!("{words} --profile work -- {rest}"))
            } else {
                run(&format!("{command} --profile work"))
            }
            .any_stdout()
            .run();
        }
    }
    for (flag, value, said) in [
        (
            "--project",
            "a b",
            "error: --project 'a b' contains whitespace\n",
        ),
        ("--profile", "gone", ""),
    ] {
        for command in [
            "deployments get",
            "auth status",
            "auth exec -- show",
            "auth export",
        ] {
            let (used, stderr) = scene.used(command, &[flag, value], &[]);
            let gone = "error: no profile named 'gone' in [STORED]\nhint: `llamactl auth get` lists the profiles\n";
            let (code, said) = if said.is_empty() {
                ("Code(4)", gone)
            } else {
                (REFUSED, said)
            };
            assert_eq!((used.as_str(), stderr.as_str()), (code, said), "{command}");
        }
    }
}

#[test]
fn variables_need_no_profile_and_no_home() {
    let nobody = "error: no current profile in https://api.cloud.llamaindex.ai\nhint: sign in with `llamactl auth login` or `llamactl auth token`\n";
    let scene = Scene::without_profiles();
    check(&scene, &all(&[], &ALL, (GIVEN, "")));
    check(&scene, &all(&[], &[], ("Code(4)", nobody)));
    let said = format!("{NO_KEY_FOR_URL}{nobody}");
    check(&scene, &all(&[], &[B], ("Code(4)", &said)));
    let said = format!("{NO_KEY}{nobody}");
    let both = format!("{NO_PROJECT_ID}{nobody}");
    check(
        &scene,
        &Rule {
            flags: &[],
            variables: vec![P],
            no_project: ("Code(4)", &said),
            project: ("Code(4)", &said),
            handover: (REFUSED, HALF_A_PROJECT),
        },
    );
    check(
        &scene,
        &Rule {
            flags: &[],
            variables: vec![K, B],
            no_project: ("[GIVEN] given key", ""),
            project: ("Code(4)", &both),
            handover: (REFUSED, HALF_A_KEY),
        },
    );
    assert_eq!(scene.sandbox.home_tree(), [""; 0]);

    // Whatever is wrong with the store is no business of theirs.
    let path = "../home/.config/llamactl/profiles.json";
    for content in ["{", "[]", r#"{"version": 99}"#] {
        scene.sandbox.write(path, content);
        scene.sandbox.set_mode(path, 0o600);
        scene.sandbox.set_mode("../home/.config/llamactl", 0o700);
        check(&scene, &all(&[], &ALL, (GIVEN, "")));
    }
    let homeless = Sandbox::new();
    for (name, value) in ALL {
        homeless.set_env(
            name,
            if name == B.0 {
                scene.given.url()
            } else {
                value.to_string()
            },
        );
    }
    for command in [
        "projects get -o json",
        "deployments get -o json",
        "auth status",
        "auth export",
    ] {
        let run = homeless
            .cmd(command)
            .no_env("HOME")
            .any_stdout()
            .may_show_keys();
        run.run();
    }
}

#[test]
fn the_reference_s_example_works_as_it_stands() {
    let authority = Authority::new();
    let cloud = Stub::tls(authority.server_config_for("api.cloud.llamaindex.ai"));
    cloud.expect(
        get("/api/v1beta1/deployments?project_id=your-project-id")
            .bearer(KEY)
            .json(200, r#"{"deployments": [{"id": "search", "project_id": "your-project-id", "status": "Running"}]}"#),
    );
    let to = cloud.server().address();
    let proxy = Server::start(move |_| Reply::tunnel(to));
    let sandbox = Sandbox::new();
    let pem = sandbox.write("authority.pem", authority.pem());
    let script = format!(
        "export LLAMA_CLOUD_API_KEY=\"{KEY}\"\nexport LLAMA_AGENTS_PROJECT_ID=\"your-project-id\"\nllamactl deployments get\n"
    );
    sandbox.program(
        "llamactl",
        &format!("exec {} \"$@\"", crate::support::LLAMACTL),
    );
    sandbox
        .args(["-c", &script])
        .program("/bin/sh")
        .env("SSL_CERT_FILE", pem)
        .env("HTTPS_PROXY", proxy.url())
        .stdout("NAME    REPO  GIT_REF  PHASE\nsearch  -     -        Running\n")
        .run();
    assert_eq!(proxy.lines(), ["CONNECT api.cloud.llamaindex.ai:443"]);
    assert_eq!(sandbox.home_tree(), [""; 0]);
}

#[test]
fn what_can_t_be_undone_refuses_half_a_pair() {
    let scene = Scene::new();
    for command in [
        "deployments delete search --yes",
        "deployments rollback search --git-sha 1234567",
        "auth exec -- show",
        "auth export",
    ] {
        for (variable, said) in [(K, HALF_A_KEY), (P, HALF_A_PROJECT)] {
            let got = scene.used(command, &[], &[variable, B]);
            assert_eq!(got, (REFUSED.to_string(), said.to_string()), "{command}");
        }
    }
}

#[test]
fn commands_that_manage_profiles_never_read_the_variables() {
    let broken = [
        (K.0, "not a key"),
        (P.0, "not a project"),
        (B.0, "nonsense"),
        ("LLAMA_CLOUD_USE_PROFILE", "maybe"),
    ];
    let key_file = |scene: &Scene| scene.sandbox.write("key", OTHER_KEY);
    for command in [
        "auth get -o json",
        "auth get work",
        "auth use other",
        "auth use gone",
        "auth token --api-key-file key --project flag-project",
        "auth token --api-key-file key --project flag-project --no-verify",
        "auth inject --env-file -",
        "auth inject",
        "auth logout other",
        "projects use given-project",
        "projects use gone",
        "environments get -o json",
        "environments use https://api.cloud.llamaindex.ai",
        "environments delete https://api.cloud.llamaindex.ai",
        "config -o json",
    ] {
        let outcomes: Vec<_> = [&[][..], &ALL[..], &broken[..]]
            .into_iter()
            .map(|variables| {
                let scene = Scene::new();
                key_file(&scene);
                let mut run = scene.sandbox.cmd(command).anything().may_show_keys();
                for (name, value) in variables {
                    let value = if *value == "[GIVEN]" {
                        scene.given.url()
                    } else {
                        (*value).to_string()
                    };
                    run = run.env(name, value);
                }
                let output = run.run();
                assert_eq!(scene.given.lines(), [""; 0], "{command}");
                let keys = scene.stored.requests();
                let keys: Vec<_> = keys
                    .iter()
                    .map(|r| (r.line(), r.bearer().map(str::to_string)))
                    .collect();
                // That the key of the variable lives on is said.
                let still_set =
                    "warning: LLAMA_CLOUD_API_KEY is still set, and commands will use it\n";
                let stderr = output.stderr.replace(still_set, "");
                let store = scene
                    .sandbox
                    .stable(&scene.sandbox.read_home(".config/llamactl/profiles.json"));
                (
                    output.stdout,
                    stderr,
                    output.exit,
                    keys,
                    store,
                    scene.sandbox.cwd_tree(),
                )
            })
            .collect();
        assert_eq!(outcomes[0], outcomes[1], "{command}");
        assert_eq!(outcomes[0], outcomes[2], "{command}");
    }
}

#[test]
fn the_profile_s_variable_counts_for_stored_profiles_too() {
    let scene = Scene::new();
    let run = |command: &str| scene.sandbox.cmd(command).env("LLAMACTL_PROFILE", "other");
    let printed = run("auth inject --env-file -")
        .any_stdout()
        .may_show_keys()
        .run();
    assert!(printed.stdout.contains(TWIN_KEY));
    run("projects use given-project")
        .stderr_has("profile 'other' now uses project given-project")
        .run();
}
