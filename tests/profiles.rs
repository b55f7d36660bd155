//! Profiles, environments, projects and organizations: listed, chosen and deleted, in text, JSON and YAML.

use serde_json::{Value, json};

use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{
    ControlPlane, Deployment, Gate, Reply, STORE, Sandbox, Stub, World, environment, get, profile,
    store, with,
};

const BUILT_IN: &str = "https://api.cloud.llamaindex.ai";
const ORGANIZATIONS: &str = "/api/v1beta1/deployments/organizations";
const VERSION: &str = "/api/v1beta1/deployments-public/version";
const PROJECTS: &str = "/api/v1beta1/deployments/list-projects";

/// An address that is stored and never asked.
const SELF_HOSTED: &str = "https://llama.example.com";

/// Two profiles, `work` (current) and `home`, in an environment that no command of this file asks.
fn two_profiles() -> Sandbox {
    let sandbox = Sandbox::new();
    let work = with(profile("work", "proj-web", KEY), "project_name", "Website");
    let home = profile("home", "proj-2", OTHER_KEY);
    sandbox.write_store(&store(&environment(SELF_HOSTED, &[work, home])));
    sandbox
}

/// Signed in at a control plane, which the outputs call `[SERVER]`.
fn at(plane: &ControlPlane) -> Sandbox {
    let sandbox = Sandbox::new().signed_in(&plane.url());
    sandbox.knows(plane);
    sandbox
}

fn current(sandbox: &Sandbox) -> Value {
    sandbox.stored()["environments"][0]["current_profile"].clone()
}

#[test]
fn auth_get_lists_profiles() {
    let sandbox = two_profiles();
    sandbox
        .cmd("auth get")
        .stdout(
            "
            NAME  API_URL                    PROJECT_ID  ACTIVE  AUTH
            work  https://llama.example.com  proj-web    yes     token
            home  https://llama.example.com  proj-2      no      token
            ",
        )
        .run();
    sandbox
        .cmd("auth get -o json")
        .stdout(
            r#"
            [
              {
                "name": "work",
                "api_url": "https://llama.example.com",
                "project_id": "proj-web",
                "active": true,
                "auth_type": "token"
              },
              {
                "name": "home",
                "api_url": "https://llama.example.com",
                "project_id": "proj-2",
                "active": false,
                "auth_type": "token"
              }
            ]
            "#,
        )
        .run();
    sandbox
        .cmd("auth get -o yaml")
        .stdout(
            "
            - name: work
              api_url: https://llama.example.com
              project_id: proj-web
              active: true
              auth_type: token
            - name: home
              api_url: https://llama.example.com
              project_id: proj-2
              active: false
              auth_type: token
            ",
        )
        .run();
    sandbox
        .cmd("auth get home")
        .stdout(
            "
            NAME  API_URL                    PROJECT_ID  ACTIVE  AUTH
            home  https://llama.example.com  proj-2      no      token
            ",
        )
        .run();
    sandbox
        .cmd("auth get home -o yaml")
        .stdout(
            "
            name: home
            api_url: https://llama.example.com
            project_id: proj-2
            active: false
            auth_type: token
            ",
        )
        .run();
    let one = sandbox.cmd("auth get home -o json").any_stdout().run();
    assert_eq!(one.json()["name"], "home");
    sandbox
        .cmd("auth get nobody -o json")
        .code(1)
        .stderr(
            "
            error: no profile named 'nobody' in https://llama.example.com
            hint: its profiles are: work, home
            ",
        )
        .run();
    assert!(
        !sandbox.exists(STORE.to_string() + ".lock"),
        "a read locks nothing"
    );
}

#[test]
fn empty_lists_are_empty_in_every_format() {
    let sandbox = Sandbox::new();
    sandbox
        .cmd("auth get")
        .stderr(
            "
            no profiles in https://api.cloud.llamaindex.ai
            create one with `llamactl auth login` or `llamactl auth token`
            ",
        )
        .run();
    for format in ["json", "yaml"] {
        sandbox.cmd("auth get -o").arg(format).stdout("[]\n").run();
    }
    sandbox
        .cmd("auth get work")
        .code(1)
        .stderr(
            "
            error: no profile named 'work' in https://api.cloud.llamaindex.ai
            hint: sign in with `llamactl auth login` or `llamactl auth token`
            ",
        )
        .run();
    for line in ["auth use", "auth logout"] {
        sandbox
            .cmd(line)
            .code(1)
            .stderr(
                "
                error: no profiles in https://api.cloud.llamaindex.ai
                hint: sign in with `llamactl auth login` or `llamactl auth token`
                ",
            )
            .run();
    }
    assert_eq!(sandbox.home_tree(), Vec::<String>::new());

    let plane = ControlPlane::start(World::default().key(KEY));
    let sandbox = at(&plane);
    sandbox.cmd("projects get").stderr("no projects\n").run();
    sandbox
        .cmd("organizations get")
        .stderr("no organizations\n")
        .run();
    for line in ["projects get -o", "organizations get -o"] {
        for format in ["json", "yaml"] {
            sandbox.cmd(line).arg(format).stdout("[]\n").run();
        }
    }
}

#[test]
fn auth_use_chooses_a_profile() {
    let sandbox = two_profiles();
    sandbox
        .cmd("auth use home")
        .stderr("the current profile is home\n")
        .run();
    assert_eq!(current(&sandbox), "home");
    let before = sandbox.read(STORE);
    sandbox
        .cmd("auth use nobody")
        .code(1)
        .stderr(
            "
            error: no profile named 'nobody' in https://llama.example.com
            hint: its profiles are: work, home
            ",
        )
        .run();
    sandbox
        .cmd("auth use")
        .code(2)
        .stderr(
            "
            error: the profile's NAME is missing
            hint: pass one of: work, home
            ",
        )
        .run();
    // The variable is for one command, not for what is stored.
    sandbox
        .cmd("auth use home")
        .env("LLAMACTL_PROFILE", "work")
        .stderr("the current profile is home\n")
        .run();
    assert_eq!(sandbox.read(STORE), before);
}

#[test]
fn auth_logout_deletes_a_profile() {
    let sandbox = two_profiles();
    sandbox
        .cmd("auth logout")
        .code(2)
        .stderr(
            "
            error: the profile's NAME is missing
            hint: pass one of: work, home
            ",
        )
        .run();
    sandbox
        .cmd("auth logout nobody")
        .code(1)
        .stderr(
            "
            error: no profile named 'nobody' in https://llama.example.com
            hint: its profiles are: work, home
            ",
        )
        .run();
    sandbox
        .cmd("auth logout home")
        .stderr("deleted profile 'home'\n")
        .run();
    assert_eq!(current(&sandbox), "work");
    sandbox
        .cmd("auth logout work")
        .env("LLAMA_CLOUD_API_KEY", KEY)
        .stderr(
            "
            deleted profile 'work'
            no profile is current now
            warning: LLAMA_CLOUD_API_KEY is still set, and commands will use it
            ",
        )
        .run();
    assert_eq!(sandbox.stored(), store(&environment(SELF_HOSTED, &[])));
    assert!(!sandbox.read(STORE).contains("llx-"));
}

#[test]
fn config_shows_what_is_current() {
    let sandbox = two_profiles();
    sandbox
        .cmd("config")
        .stdout(
            "
            environment:  https://llama.example.com
            profile:      work
            project:      Website (proj-web)
            ",
        )
        .run();
    sandbox
        .cmd("config -o json")
        .stdout(
            r#"
            {
              "environment": "https://llama.example.com",
              "profile": "work",
              "project_id": "proj-web",
              "project_name": "Website"
            }
            "#,
        )
        .run();
    sandbox
        .cmd("config -o yaml")
        .stdout(
            "
            environment: https://llama.example.com
            profile: work
            project_id: proj-web
            project_name: Website
            ",
        )
        .run();
    sandbox.cmd("auth use home").any_stderr().run();
    sandbox
        .cmd("config")
        .stdout(
            "
            environment:  https://llama.example.com
            profile:      home
            project:      proj-2
            ",
        )
        .run();
    // It shows what is stored; no variable counts.
    let nobody = Sandbox::new();
    nobody
        .cmd("config")
        .env("LLAMA_CLOUD_API_KEY", KEY)
        .env("LLAMA_AGENTS_PROJECT_ID", "p")
        .env("LLAMA_CLOUD_BASE_URL", SELF_HOSTED)
        .stdout(
            "
            environment:  https://api.cloud.llamaindex.ai
            profile:      (none)
            project:      (none)
            ",
        )
        .run();
    nobody
        .cmd("config -o json")
        .stdout(
            r#"
            {
              "environment": "https://api.cloud.llamaindex.ai",
              "profile": null,
              "project_id": null,
              "project_name": null
            }
            "#,
        )
        .run();
}

#[test]
fn environments_are_added_listed_chosen_and_deleted() {
    let plane = ControlPlane::start(World::populated(KEY));
    let open = ControlPlane::start(World::open());
    let sandbox = Sandbox::new();
    sandbox.knows(&plane);
    sandbox.knows_as("OPEN", &open);
    let line = |verb: &str, url: &str| sandbox.cmd("environments").arg(verb).arg(url);
    line("add", &plane.url())
        .stderr("added environment [SERVER], which requires authentication, and made it current\n")
        .run();
    let first = with(
        environment("[SERVER]", &[]),
        "capabilities",
        json!(["organizations"]),
    );
    assert_eq!(sandbox.stored(), store(&first));
    assert_eq!(plane.server().lines(), [format!("GET {VERSION}")]);
    line("add", &(open.url() + "/"))
        .stderr("added environment [OPEN], which requires no authentication, and made it current\n")
        .run();
    let listed = json!([
        {"api_url": BUILT_IN, "requires_auth": true, "active": false},
        {"api_url": "[SERVER]", "requires_auth": true, "active": false},
        {"api_url": "[OPEN]", "requires_auth": false, "active": true},
    ]);
    let output = sandbox.cmd("environments get -o json").any_stdout().run();
    let shown: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(shown, listed);
    sandbox
        .cmd("environments get")
        .stdout_has("API_URL ")
        .stdout_has("REQUIRES_AUTH  ACTIVE\n")
        .run();
    line("get", &open.url())
        .arg("-oyaml")
        .stdout("api_url: [OPEN]\nrequires_auth: false\nactive: true\n")
        .run();

    // Where there is a profile, going back says which.
    sandbox
        .cmd("environments use")
        .arg(plane.url())
        .stderr("the current environment is [SERVER]\nit has no current profile\n")
        .run();
    sandbox
        .cmd("auth token --project proj-web --api-key")
        .arg(KEY)
        .any_stderr()
        .run();
    line("use", BUILT_IN)
        .stderr(&format!(
            "the current environment is {BUILT_IN}\nit has no current profile\n"
        ))
        .run();
    let before = plane.server().lines().len();
    line("use", &plane.url())
        .stderr(
            "
            the current environment is [SERVER]
            its current profile is 'llx-01****mnop'
            ",
        )
        .run();
    assert_eq!(plane.server().lines().len(), before, "use asks nobody");

    // Adding it again keeps its profiles.
    line("add", &plane.url()).any_stderr().run();
    assert_eq!(current(&sandbox), "llx-01****mnop");

    line("delete", &plane.url())
        .stderr(&format!(
            "deleted profile 'llx-01****mnop'\ndeleted environment [SERVER]\nthe current environment is now {BUILT_IN}\n"
        ))
        .run();
    line("delete", &open.url())
        .stderr("deleted environment [OPEN]\n")
        .run();
    assert_eq!(sandbox.stored(), json!({"version": 1}));
    assert!(!sandbox.read(STORE).contains("llx-"));
}

#[test]
fn built_in_environment_cannot_be_removed() {
    let sandbox = Sandbox::new();
    let table = "
        API_URL                          REQUIRES_AUTH  ACTIVE
        https://api.cloud.llamaindex.ai  yes            yes
        ";
    sandbox.cmd("environments get").stdout(table).run();
    sandbox.write_store(&store(&environment(
        BUILT_IN,
        &[profile("work", "p", KEY), profile("home", "p", OTHER_KEY)],
    )));
    sandbox
        .cmd("environments delete https://API.cloud.llamaindex.ai:443/")
        .stderr(
            "
            deleted profile 'work'
            deleted profile 'home'
            kept environment https://api.cloud.llamaindex.ai, which is built in
            ",
        )
        .run();
    sandbox.cmd("environments get").stdout(table).run();
    assert_eq!(sandbox.stored(), json!({"version": 1}));
}

#[test]
fn invalid_environment_urls_are_usage_errors() {
    let sandbox = two_profiles();
    let before = sandbox.read(STORE);
    for verb in ["get", "use", "delete"] {
        sandbox
            .cmd("environments")
            .arg(verb)
            .arg("https://elsewhere.example")
            .code(1)
            .stderr(
                "
                error: no environment https://elsewhere.example
                hint: `llamactl environments add https://elsewhere.example` adds it; stored are: https://api.cloud.llamaindex.ai, https://llama.example.com
                ",
            )
            .run();
    }
    for verb in ["use", "delete"] {
        sandbox
            .cmd("environments")
            .arg(verb)
            .code(2)
            .stderr(
                "
                error: the environment's URL is missing
                hint: pass one of: https://api.cloud.llamaindex.ai, https://llama.example.com
                ",
            )
            .run();
    }
    sandbox
        .cmd("environments add")
        .code(2)
        .stderr(
            "
            error: the control plane's URL is missing
            hint: pass it: `llamactl environments add URL`
            ",
        )
        .run();
    assert_eq!(sandbox.read(STORE), before);
}

#[test]
fn server_that_is_no_control_plane_is_not_added() {
    for (reply, said) in [
        (
            Reply::html(200, "<html>"),
            "[SERVER] does not respond like a control plane: the response is an HTML page",
        ),
        (
            Reply::json(200, "{}"),
            "[SERVER] does not respond like a control plane: the response lacks the field 'version'",
        ),
        (
            Reply::detail(404, "Not Found"),
            "[SERVER] does not respond like a control plane: it has no such endpoint (404)",
        ),
        (Reply::status(500), "server error of [SERVER] (500)"),
    ] {
        let stub = Stub::new();
        stub.expect(get(VERSION).reply(reply));
        let sandbox = Sandbox::new();
        sandbox.knows(&stub);
        sandbox
            .cmd("environments add")
            .arg(stub.url())
            .code(3)
            .stderr_has(&format!("error: {said}\nhint: "))
            .run();
        assert_eq!(sandbox.home_tree(), Vec::<String>::new());
    }
}

#[test]
fn version_response_is_stored_and_may_warn() {
    let mut world = World::default();
    world.min_llamactl_version = Some("9.1".to_string());
    world.capabilities = vec!["\u{1b}[31mred".to_string()];
    let plane = ControlPlane::start(world);
    let sandbox = Sandbox::new();
    sandbox.knows(&plane);
    sandbox
        .cmd("environments add")
        .arg(plane.url())
        .stderr(
            "
            added environment [SERVER], which requires authentication, and made it current
            warning: the server requires llamactl 9.1 or newer; this one is compatible with 0.10.4
            ",
        )
        .run();
    let known = with(
        environment("[SERVER]", &[]),
        "capabilities",
        json!(["\u{1b}[31mred"]),
    );
    let known = with(known, "min_llamactl_version", "9.1");
    assert_eq!(sandbox.stored(), store(&known));
}

#[test]
fn projects_get_lists_projects() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    sandbox
        .cmd("projects get")
        .stdout(
            "
            NAME          PROJECT_ID     DEPLOYMENTS  ACTIVE
            Website       proj-web       2            yes
            Support desk  proj-support   1            no
            Research      proj-research  1            no
            ",
        )
        .run();
    sandbox
        .cmd("projects get --org org-labs -o json")
        .stdout(
            r#"
            [
              {
                "project_id": "proj-research",
                "project_name": "Research",
                "deployment_count": 1,
                "active": false,
                "org_id": "org-labs"
              }
            ]
            "#,
        )
        .run();
    sandbox
        .cmd("projects get proj-support -o yaml")
        .stdout(
            "
            project_id: proj-support
            project_name: \"Support desk\"
            deployment_count: 1
            active: false
            org_id: org-acme
            ",
        )
        .run();
    sandbox
        .cmd("projects get proj-support")
        .stdout(
            "
            NAME          PROJECT_ID    DEPLOYMENTS  ACTIVE
            Support desk  proj-support  1            no
            ",
        )
        .run();
    for (line, code, said) in [
        (
            "projects get nothing",
            1,
            "error: no project 'nothing' in [SERVER], or no access to it\nhint: `llamactl projects get` lists the projects\n",
        ),
        ("projects get --org org-none", 0, "no projects\n"),
    ] {
        sandbox.cmd(line).code(code).stderr(said).run();
    }
    // One request each, whatever is asked.
    let lines = plane.server().lines();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[1], format!("GET {PROJECTS}?org_id=org-labs"));
    for arguments in [["projects", "get", ""], ["projects", "get", "--org="]] {
        sandbox
            .args(arguments)
            .code(2)
            .stderr_has("is empty\n")
            .run();
    }
}

#[test]
fn projects_use_changes_the_project_of_the_profile() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    sandbox
        .cmd("projects use proj-support")
        .stderr("profile 'work' now uses project Support desk (proj-support)\n")
        .run();
    let changed = with(
        profile("work", "proj-support", KEY),
        "project_name",
        "Support desk",
    );
    let expected = store(&environment("[SERVER]", &[changed]));
    assert_eq!(sandbox.stored(), expected);
    sandbox
        .cmd("projects use nothing")
        .code(1)
        .stderr(
            "
            error: no project 'nothing' in [SERVER], or no access to it
            hint: `llamactl projects get` lists the projects
            ",
        )
        .run();
    sandbox
        .cmd("projects use proj-support --org org-labs")
        .code(1)
        .any_stderr()
        .run();
    sandbox
        .cmd("projects use")
        .code(2)
        .stderr(
            "
            error: the credentials give access to several projects
            hint: pass the project's ID with one of: proj-web (Website, org-acme), proj-support (Support desk, org-acme), proj-research (Research, org-labs)
            ",
        )
        .run();
    // It changes what is stored: variables do not stand in for that.
    sandbox
        .cmd("projects use proj-support")
        .env("LLAMA_CLOUD_API_KEY", OTHER_KEY)
        .env("LLAMA_AGENTS_PROJECT_ID", "p")
        .env("LLAMA_CLOUD_BASE_URL", "http://nowhere.invalid")
        .stderr("profile 'work' now uses project Support desk (proj-support)\n")
        .run();
    assert_eq!(sandbox.stored(), expected);
    sandbox
        .cmd("projects use --org org-labs")
        .stderr("profile 'work' now uses project Research (proj-research)\n")
        .run();
    Sandbox::new()
        .cmd("projects use p")
        .code(4)
        .stderr(
            "
            error: no current profile in https://api.cloud.llamaindex.ai
            hint: sign in with `llamactl auth login` or `llamactl auth token`
            ",
        )
        .run();
}

#[test]
fn profile_option_selects_another_profile() {
    let plane = ControlPlane::start(World::populated(KEY).key(OTHER_KEY));
    let sandbox = at(&plane);
    let work = profile("work", "proj-web", KEY);
    let home = profile("home", "proj-support", OTHER_KEY);
    sandbox.write_store(&store(&environment(
        &plane.url(),
        &[work.clone(), home.clone()],
    )));
    let active = |run: crate::support::Run| {
        let projects = run.any_stdout().run().json();
        let mut all = projects.as_array().expect("a list").iter();
        let found = all.find(|p| p["active"] == true);
        found.expect("an active project")["project_id"].clone()
    };
    let list = || sandbox.cmd("projects get -o json");
    assert_eq!(active(list()), "proj-web");
    assert_eq!(active(list().arg("--profile").arg("home")), "proj-support");
    assert_eq!(
        active(list().env("LLAMACTL_PROFILE", "home")),
        "proj-support"
    );
    assert_eq!(
        active(list().env("LLAMACTL_PROFILE", "home").arg("--profile=work")),
        "proj-web"
    );
    let keys: Vec<String> = plane
        .server()
        .requests()
        .iter()
        .filter_map(|r| r.bearer().map(str::to_string))
        .collect();
    assert_eq!(keys, [KEY, OTHER_KEY, OTHER_KEY, KEY]);
    list()
        .arg("--profile=nobody")
        .code(4)
        .stderr(
            "
            error: no profile named 'nobody' in [SERVER]
            hint: `llamactl auth get` lists the profiles
            ",
        )
        .run();
    list()
        .env("LLAMACTL_PROFILE", "nobody")
        .code(4)
        .stderr(
            "
            error: no profile named 'nobody' in [SERVER] (LLAMACTL_PROFILE)
            hint: `llamactl auth get` lists the profiles
            ",
        )
        .run();
    sandbox
        .cmd("projects use proj-research --profile home")
        .stderr("profile 'home' now uses project Research (proj-research)\n")
        .run();
    let home = with(
        with(home, "project_id", "proj-research"),
        "project_name",
        "Research",
    );
    assert_eq!(
        sandbox.stored(),
        store(&environment("[SERVER]", &[work, home]))
    );
}

#[test]
fn organizations_get_lists_organizations() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    sandbox
        .cmd("organizations get")
        .stdout(
            "
            NAME       ORG_ID    DEFAULT  ACTIVE
            Acme       org-acme  yes      yes
            Acme Labs  org-labs  no       no
            ",
        )
        .run();
    sandbox
        .cmd("organizations get -o json")
        .stdout(
            r#"
            [
              {
                "org_id": "org-acme",
                "org_name": "Acme",
                "is_default": true,
                "active": true
              },
              {
                "org_id": "org-labs",
                "org_name": "Acme Labs",
                "is_default": false,
                "active": false
              }
            ]
            "#,
        )
        .run();
    sandbox
        .cmd("organizations get -o yaml")
        .stdout(
            "
            - org_id: org-acme
              org_name: Acme
              is_default: true
              active: true
            - org_id: org-labs
              org_name: \"Acme Labs\"
              is_default: false
              active: false
            ",
        )
        .run();
    let once = format!("GET {ORGANIZATIONS}");
    assert_eq!(plane.server().lines(), [once.as_str(); 3]);
}

#[test]
fn server_without_organizations_is_a_warning() {
    let mut world = World::populated(KEY);
    world.capabilities.clear();
    let plane = ControlPlane::start(world);
    let sandbox = at(&plane);
    let warning = "warning: [SERVER] does not support organizations\n";
    sandbox.cmd("organizations get").stderr(warning).run();
    for format in ["json", "yaml"] {
        sandbox
            .cmd("organizations get -o")
            .arg(format)
            .stdout("[]\n")
            .run();
    }
    // The same answer of a server that says it has them is an error.
    let stub = Stub::new();
    stub.expect(
        get(ORGANIZATIONS)
            .bearer(KEY)
            .reply(Reply::detail(404, "Not Found")),
    )
    .expect(get(VERSION).json(
        200,
        r#"{"version": "1", "capabilities": ["organizations"]}"#,
    ));
    let sandbox = Sandbox::new().signed_in(&stub.url());
    sandbox.knows(&stub);
    sandbox
        .cmd("organizations get")
        .code(3)
        .stderr(
            "
            error: [SERVER] does not respond like a control plane: it has no such endpoint (404)
            hint: check the URL; `llamactl environments get` lists the stored ones
            ",
        )
        .run();
}

#[test]
fn rejected_key_is_exit_4() {
    let plane = ControlPlane::start(World::populated(OTHER_KEY));
    let sandbox = at(&plane);
    let before = sandbox.read(STORE);
    for line in [
        "projects get",
        "projects get x -o json",
        "projects use proj-web",
        "organizations get -o yaml",
    ] {
        sandbox
            .cmd(line)
            .code(4)
            .stderr(
                "
                error: [SERVER] rejected the API key of profile 'work' (401): Invalid API key
                hint: sign in with a valid key: `llamactl auth token`
                ",
            )
            .run();
    }
    assert_eq!(sandbox.read(STORE), before);
}

#[test]
fn profile_without_a_required_key_is_exit_4() {
    let sandbox = two_profiles();
    let bare = with(profile("bare", "p", KEY), "api_key", Value::Null);
    sandbox.write_store(&store(&environment(SELF_HOSTED, &[bare])));
    for line in ["projects get", "organizations get", "projects use p"] {
        sandbox
            .cmd(line)
            .code(4)
            .stderr(
                "
                error: profile 'bare' has no API key, and https://llama.example.com requires one
                hint: sign in with `llamactl auth login` or `llamactl auth token`
                ",
            )
            .run();
    }
}

#[test]
fn server_without_authentication_needs_no_key() {
    let world = World::open().project("proj-web", "Website", "default");
    let plane = ControlPlane::start(world.deployment(Deployment::new("proj-web", "search")));
    let sandbox = Sandbox::new();
    sandbox.knows(&plane);
    sandbox
        .cmd("environments add")
        .arg(plane.url())
        .any_stderr()
        .run();
    sandbox
        .cmd("projects get")
        .stdout(
            "
            NAME     PROJECT_ID  DEPLOYMENTS  ACTIVE
            Website  proj-web    1            no
            ",
        )
        .run();
    assert!(
        plane
            .server()
            .requests()
            .iter()
            .all(|r| r.bearer().is_none())
    );
    sandbox.cmd("auth token").any_stderr().run();
    sandbox
        .cmd("projects use later")
        .stderr(
            "
            warning: project 'later' has no deployments on [SERVER] yet
            profile 'default' now uses project later
            ",
        )
        .run();
}

#[test]
fn text_of_servers_and_files_is_escaped() {
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2Jred\u{202e}\nline\u{9b}";
    let shown = "\\u{1b}]0;owned\\u{7}\\u{1b}[2Jred\\u{202e}";
    let mut world = World::populated(KEY);
    world.projects.truncate(1);
    world.projects[0].name = Some(evil.to_string());
    world.organizations = vec![json!({"org_id": evil, "org_name": evil})];
    let plane = ControlPlane::start(world);
    let sandbox = at(&plane);
    let named = profile(evil, "proj-web", KEY);
    let named = with(named, "project_name", evil);
    sandbox.write_store(&store(&environment(&plane.url(), &[named])));

    for line in [
        "projects get",
        "organizations get",
        "auth get",
        "config",
        "auth use",
        "auth use nobody",
        "projects get -o json",
        "projects get -o yaml",
        "organizations get -o json",
        "organizations get -o yaml",
        "auth get -o json",
        "auth get -o yaml",
        "config -o json",
        "config -o yaml",
        "projects use proj-web",
    ] {
        let output = sandbox.cmd(line).anything().run();
        for text in [&output.stdout, &output.stderr] {
            let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(harmful), "{line}: {text:?}");
        }
        if line.ends_with("json") {
            // To a program it is what it was.
            let name = match output.json() {
                Value::Array(items) => items[0].clone(),
                whole => whole,
            };
            let fields = ["project_name", "org_name", "name"];
            let found = fields.iter().find_map(|field| name.get(field));
            assert_eq!(found, Some(&json!(evil)), "{line}");
        } else if !line.ends_with("yaml") {
            let all = format!("{}{}", output.stdout, output.stderr);
            assert!(all.contains(shown), "{line}: {all}");
        }
    }
    // An error body is no better.
    let stub = Stub::new();
    let detail = json!({"detail": format!("{evil}{}", "x".repeat(5000))}).to_string();
    stub.expect(get(PROJECTS).bearer(KEY).json(403, &detail));
    let sandbox = Sandbox::new().signed_in(&stub.url());
    sandbox.knows(&stub);
    let output = sandbox.cmd("projects get").code(4).stderr_has(shown).run();
    assert!(output.stderr.len() < 600 && output.stderr.lines().count() == 2);
}

#[test]
fn long_list_of_choices_is_shortened() {
    let mut world = World::default().key(KEY);
    for number in 1..=23 {
        world = world.project(&format!("p{number}"), &format!("p{number}"), "org");
    }
    let plane = ControlPlane::start(world);
    let sandbox = at(&plane);
    let said = |more: &str| {
        let shown: Vec<String> = (1..=20).map(|number| format!("p{number}")).collect();
        format!(
            "error: the credentials give access to several projects\nhint: pass the project's ID with one of: {}{more}\n",
            shown.join(", ")
        )
    };
    let refused = |more: &str| {
        let run = sandbox.cmd("projects use").code(2);
        run.stderr(&said(more)).run();
    };
    refused(" and 3 more");
    plane.world().projects.truncate(20);
    refused("");
}

#[test]
fn project_with_an_invalid_id_is_an_error() {
    let plane = ControlPlane::start(World::default().key(KEY).project("a b", "A", "org"));
    let sandbox = at(&plane);
    let before = sandbox.stored();
    sandbox
        .cmd("projects use")
        .code(3)
        .stderr("error: [SERVER] sent an invalid project ID 'a b': it contains whitespace\n")
        .run();
    assert_eq!(sandbox.stored(), before);
}

/// What another process deletes while the server is asked stays deleted.
#[test]
fn profile_deleted_meanwhile_is_an_error() {
    let stub = Stub::new();
    let gate = Gate::default();
    let projects = r#"{"projects": [{"project_id": "p2", "deployment_count": 0}]}"#;
    let held = Reply::json(200, projects).hold(&gate);
    stub.expect(get(PROJECTS).bearer(KEY).reply(held));
    let sandbox = Sandbox::new().signed_in(&stub.url());
    sandbox.knows(&stub);
    let running = sandbox
        .cmd("projects use p2")
        .code(1)
        .stderr(
            "
            error: no profile named 'work' in [SERVER]
            hint: sign in with `llamactl auth login` or `llamactl auth token`
            ",
        )
        .spawn();
    stub.server().wait_for_requests(1);
    let left = store(&environment(&stub.url(), &[]));
    sandbox.write_store(&left);
    gate.open();
    running.wait();
    assert_eq!(sandbox.stored(), store(&environment("[SERVER]", &[])));
}
