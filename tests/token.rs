//! `auth token`: what becomes a profile, and what does not.

use std::fs;

use serde_json::{Value, json};

use crate::support::secrets::{KEY, OTHER_KEY, TWIN_KEY};
use crate::support::{
    Closed, ControlPlane, Reply, STORE, Sandbox, Stub, World, environment, get, profile, store,
    with,
};

const LIST: &str = "/api/v1beta1/deployments/list-projects";
const CREATED: &str = "created profile 'llx-01****mnop' in [SERVER] and made it current\n";
const UPDATED: &str = "updated profile 'llx-01****mnop' in [SERVER] and made it current\n";
const TWO: &str = "--api-key KEY --project proj-web";

/// The words of a line, with the key for `KEY`.
fn words(line: &str) -> Vec<&str> {
    let key = |word| if word == "KEY" { KEY } else { word };
    let words = ["auth", "token"].into_iter();
    words.chain(line.split_whitespace().map(key)).collect()
}

fn at(plane: &ControlPlane) -> Sandbox {
    let sandbox = Sandbox::new().at(&plane.url());
    sandbox.knows(plane);
    sandbox
}

fn profiles(sandbox: &Sandbox) -> Value {
    sandbox.stored()["environments"][0]["profiles"].clone()
}

#[test]
fn the_seed_page_s_examples_hold_without_a_network() {
    // The proxy stands for a network that is not there.
    let closed = Closed::new();
    let sandbox = Sandbox::new().env("HTTPS_PROXY", closed.url());
    sandbox.replace(&closed.url(), "[CLOSED]");
    sandbox
        .cmd("auth token --api-key llx-... --project your-project-id")
        .stderr(
            "
            warning: the key was not verified: the proxy [CLOSED] of HTTPS_PROXY can't be reached: connection refused
            created profile 'll****.' in https://api.cloud.llamaindex.ai and made it current
            ",
        )
        .run();
    sandbox
        .cmd("auth get -o yaml")
        .stdout(
            "
            - name: ll****.
              api_url: https://api.cloud.llamaindex.ai
              project_id: your-project-id
              active: true
              auth_type: token
            ",
        )
        .run();
    sandbox
        .cmd("auth use ll****.")
        .stderr("the current profile is ll****.\n")
        .run();
    sandbox
        .cmd("auth inject --env-file sub/dir/.env")
        .any_stderr()
        .run();
    assert_eq!(
        sandbox.read("sub/dir/.env"),
        "LLAMA_CLOUD_API_KEY=llx-...\nLLAMA_CLOUD_BASE_URL=https://api.cloud.llamaindex.ai\nLLAMA_AGENTS_PROJECT_ID=your-project-id\n"
    );
    sandbox
        .cmd("auth logout ll****.")
        .stderr("deleted profile 'll****.'\nno profile is current now\n")
        .run();
    let store = store(&environment("https://api.cloud.llamaindex.ai", &[]));
    assert_eq!(
        sandbox.stored(),
        with(store, "current_environment", Value::Null)
    );
    assert_eq!(
        sandbox.home_tree(),
        [
            "700 .config/",
            "700 .config/llamactl/",
            "600 .config/llamactl/profiles.json",
            "600 .config/llamactl/profiles.json.lock"
        ]
    );
}

#[test]
fn a_key_becomes_the_current_profile() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    sandbox.args(words(TWO)).stderr(CREATED).run();
    let made = profile("llx-01****mnop", "proj-web", KEY);
    let made = with(made, "project_name", "Website");
    let expected = store(&environment("[SERVER]", &[made]));
    assert_eq!(sandbox.stored(), expected);
    assert_eq!(plane.server().lines(), [format!("GET {LIST}")]);

    // The same again is the same, and not two.
    sandbox.args(words(TWO)).stderr(UPDATED).run();
    assert_eq!(sandbox.stored(), expected);
    let line = "--api-key KEY --project proj-support";
    sandbox.args(words(line)).stderr(UPDATED).run();
    let made = profile("llx-01****mnop", "proj-support", KEY);
    let made = with(made, "project_name", "Support desk");
    assert_eq!(sandbox.stored(), store(&environment("[SERVER]", &[made])));
}

#[test]
fn keys_with_equal_ends_are_two_profiles() {
    let plane = ControlPlane::start(World::populated(KEY).key(TWIN_KEY));
    let sandbox = at(&plane);
    sandbox.args(words(TWO)).stderr(CREATED).run();
    let twin = || {
        sandbox
            .cmd("auth token --project proj-web --api-key")
            .arg(TWIN_KEY)
    };
    twin()
        .stderr("created profile 'llx-01****mnop-2' in [SERVER] and made it current\n")
        .run();
    twin()
        .stderr("updated profile 'llx-01****mnop-2' in [SERVER] and made it current\n")
        .run();
    sandbox.args(words(TWO)).stderr(UPDATED).run();
    sandbox
        .cmd("auth get")
        .stdout(&format!(
            "NAME              {:width$}  PROJECT_ID  ACTIVE  AUTH\nllx-01****mnop    [SERVER]  proj-web    yes     token\nllx-01****mnop-2  [SERVER]  proj-web    no      token\n",
            "API_URL",
            width = plane.url().len()
        ))
        .run();
}

#[test]
fn a_refused_key_is_not_stored() {
    let plane = ControlPlane::start(World::populated(OTHER_KEY));
    let sandbox = at(&plane);
    let before = sandbox.read(STORE);
    for line in [TWO, "--api-key KEY", "--api-key KEY --name work"] {
        sandbox
            .args(words(line))
            .code(4)
            .stderr(
                "
                error: [SERVER] rejected the API key (401): Invalid API key
                hint: sign in with a valid key: `llamactl auth token`
                ",
            )
            .run();
    }
    let stub = Stub::new();
    stub.expect(
        get(LIST)
            .bearer(KEY)
            .reply(Reply::detail(403, "Not for you")),
    );
    let other = Sandbox::new().at(&stub.url());
    other.knows(&stub);
    other
        .args(words(TWO))
        .code(4)
        .stderr(
            "
            error: [SERVER] rejected the API key (403): Not for you
            hint: sign in with a valid key: `llamactl auth token`
            ",
        )
        .run();
    assert_eq!(sandbox.read(STORE), before);
    assert_eq!(sandbox.home_tree().len(), 3, "no lock, nothing");
}

#[test]
fn a_project_must_be_among_those_of_the_key() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    let before = sandbox.read(STORE);
    sandbox
        .args(words("--api-key KEY --project proj-none"))
        .code(1)
        .stderr(
            "
            error: no project 'proj-none' in [SERVER], or no access to it
            hint: `llamactl projects get` lists the projects
            ",
        )
        .run();
    sandbox
        .args(words("--api-key KEY"))
        .code(2)
        .stderr(
            "
            error: the credentials give access to several projects
            hint: pass --project with one of: proj-web (Website, org-acme), proj-support (Support desk, org-acme), proj-research (Research, org-labs)
            ",
        )
        .run();
    assert_eq!(sandbox.read(STORE), before);

    plane.world().projects.truncate(1);
    sandbox.args(words("--api-key KEY")).stderr(CREATED).run();
    assert_eq!(profiles(&sandbox)[0]["project_id"], "proj-web");

    plane.world().projects[0].id = "a b".to_string();
    sandbox
        .args(words("--api-key KEY --name other"))
        .code(3)
        .stderr("error: [SERVER] sent an invalid project ID 'a b': it contains whitespace\n")
        .run();
    plane.world().projects.clear();
    sandbox
        .args(words("--api-key KEY --name other"))
        .code(1)
        .stderr(
            "
            error: the credentials give access to no project
            hint: create a project on the server first, or ask its owner for access to one
            ",
        )
        .run();
}

#[test]
fn what_no_control_plane_answers_stores_nothing() {
    const NOT_ONE: &str = "check the URL; `llamactl environments get` lists the stored ones";
    let refused = "credentials never follow a redirect; if that URL is right, add it with `llamactl environments add`";
    let page = "<!DOCTYPE html><html><body>Sign in</body></html>";
    for (reply, said, hint) in [
        (
            Reply::redirect(302, "https://login.example/?key=x"),
            "redirects to https://login.example/ (302)",
            refused,
        ),
        (
            Reply::redirect(308, "/elsewhere"),
            "redirects to /elsewhere (308)",
            refused,
        ),
        (Reply::status(301), "redirects to nowhere (301)", refused),
        (
            Reply::detail(404, "Not Found"),
            "does not respond like a control plane: it has no such endpoint (404)",
            NOT_ONE,
        ),
        (
            Reply::html(404, page),
            "does not respond like a control plane: it has no such endpoint (404)",
            NOT_ONE,
        ),
        (
            Reply::html(200, page),
            "does not respond like a control plane: the response is an HTML page",
            NOT_ONE,
        ),
        (
            Reply::json(200, ""),
            "does not respond like a control plane: the response is empty",
            NOT_ONE,
        ),
        (
            Reply::status(204),
            "does not respond like a control plane: the response is empty",
            NOT_ONE,
        ),
        (
            Reply::json(200, "{}"),
            "does not respond like a control plane: the response lacks the field 'projects'",
            NOT_ONE,
        ),
        (
            Reply::json(200, r#"{"projects": [{"project_id": 7}]}"#),
            "does not respond like a control plane: a field of the response has the wrong type",
            NOT_ONE,
        ),
        (
            Reply::json(200, r#"{"projects": [{"project_id": "proj-web""#),
            "does not respond like a control plane: the response is truncated",
            NOT_ONE,
        ),
        (
            Reply::json(200, "projects"),
            "does not respond like a control plane: the response is not JSON",
            NOT_ONE,
        ),
        (
            Reply::raw("SSH-2.0-OpenSSH_9.9\r\n"),
            "did not respond in HTTP",
            "check that the URL is that of a control plane",
        ),
    ] {
        let stub = Stub::new();
        stub.expect(get(LIST).bearer(KEY).reply(reply));
        let sandbox = Sandbox::new().at(&stub.url());
        sandbox.knows(&stub);
        let before = sandbox.read(STORE);
        let stderr = format!("error: [SERVER] {said}\nhint: {hint}\n");
        sandbox.args(words(TWO)).code(3).stderr(&stderr).run();
        assert_eq!(sandbox.read(STORE), before);
    }
}

#[test]
fn a_server_in_trouble_gets_a_profile_with_a_warning() {
    let hurry = |reply: Reply| reply.header("retry-after", "0");
    for (reply, times, said) in [
        (
            hurry(Reply::detail(429, "Slow down")),
            3,
            "[SERVER] is overloaded (429): Slow down",
        ),
        (
            hurry(Reply::html(503, "<html>busy")),
            3,
            "server error of [SERVER] (503): an HTML page, perhaps from a proxy",
        ),
        (
            hurry(Reply::status(502)),
            3,
            "server error of [SERVER] (502)",
        ),
        (
            Reply::detail(500, "Oops").header("x-request-id", "r-1"),
            1,
            "server error of [SERVER] (500): Oops (request r-1)",
        ),
    ] {
        let stub = Stub::new();
        let sandbox = Sandbox::new().at(&stub.url());
        sandbox.knows(&stub);
        stub.expect(get(LIST).bearer(KEY).reply(reply.clone()).times(times));
        let stderr = format!("warning: the key was not verified: {said}\n{CREATED}");
        sandbox.args(words(TWO)).stderr(&stderr).run();
        let made = profile("llx-01****mnop", "proj-web", KEY);
        let expected = store(&environment("[SERVER]", &[made]));
        assert_eq!(sandbox.stored(), expected);
        stub.verify();

        // Without a project there is nothing to store.
        stub.expect(get(LIST).bearer(KEY).reply(reply).times(times));
        sandbox
            .args(words("--api-key KEY --name other"))
            .code(3)
            .stderr_has(&format!("error: {said}\nhint: try again later"))
            .run();
        assert_eq!(sandbox.stored(), expected);
    }
}

#[test]
fn a_server_out_of_reach_gets_a_profile_with_a_warning() {
    let closed = Closed::new();
    let sandbox = Sandbox::new().at(&closed.url());
    sandbox.replace(&closed.url(), "[CLOSED]");
    let warned = format!(
        "warning: the key was not verified: [CLOSED] can't be reached: connection refused\n{}",
        CREATED.replace("[SERVER]", "[CLOSED]")
    );
    sandbox.args(words(TWO)).stderr(&warned).run();
    sandbox
        .args(words("--api-key KEY"))
        .code(3)
        .stderr(
            "
            error: [CLOSED] can't be reached: connection refused
            hint: check the URL, the network and the proxy settings
            ",
        )
        .run();
    assert_eq!(
        sandbox.stable(&sandbox.stored().to_string()),
        store(&environment(
            "[CLOSED]",
            &[profile("llx-01****mnop", "proj-web", KEY)]
        ))
        .to_string()
    );
}

#[test]
fn no_verify_asks_nobody() {
    let stub = Stub::new();
    let sandbox = Sandbox::new().at(&stub.url());
    sandbox.knows(&stub);
    sandbox
        .args(words("--api-key KEY --no-verify"))
        .code(2)
        .stderr(
            "
            error: --no-verify requires --project
            hint: the server is not asked for its projects; pass --project ID
            ",
        )
        .run();
    sandbox
        .args(words("--no-verify --api-key KEY --project p9"))
        .stderr(CREATED)
        .run();
    assert_eq!(
        profiles(&sandbox),
        json!([profile("llx-01****mnop", "p9", KEY)])
    );
    assert_eq!(stub.server().connections(), 0);
}

#[test]
fn a_key_comes_from_standard_input() {
    let plane = ControlPlane::start(World::populated(KEY));
    for typed in [
        KEY.to_string(),
        format!("{KEY}\n"),
        format!("\r\n  {KEY}\t\r\n\n"),
    ] {
        let sandbox = at(&plane);
        sandbox
            .cmd("auth token --project proj-web --api-key -")
            .stdin(typed)
            .stderr(CREATED)
            .run();
        assert_eq!(profiles(&sandbox)[0]["api_key"], KEY);
    }
    let sandbox = at(&plane);
    let before = sandbox.read(STORE);
    for (typed, why) in [
        (String::new(), "is empty"),
        ("\n\n".to_string(), "is empty"),
        (format!("{KEY}\n{OTHER_KEY}\n"), "contains whitespace"),
        ("k".repeat(20_000), "is longer than any API key"),
        ("k\n".repeat(1_000_000), "is longer than any API key"),
    ] {
        sandbox
            .cmd("auth token --project proj-web --api-key -")
            .stdin(typed)
            .code(2)
            .stderr(&format!(
                "error: the API key from standard input {why}\nhint: a key is a single line such as llx-...\n"
            ))
            .run();
    }
    assert_eq!(sandbox.read(STORE), before);
}

#[test]
fn a_key_comes_from_a_file() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    let from = |path: &str| {
        sandbox
            .cmd("auth token --project proj-web --api-key-file")
            .arg(path)
    };
    sandbox.write("key.txt", format!("{KEY}\n"));
    from("key.txt").stderr(CREATED).run();

    // What a shell makes of <(cat key.txt), and a FIFO.
    let script = "mkfifo pipe; (cat key.txt >pipe) & exec \"$@\" --api-key-file pipe";
    let line = ["-c", script, "sh", crate::support::LLAMACTL];
    sandbox
        .args(
            line.into_iter()
                .chain(["auth", "token", "--project", "proj-web"]),
        )
        .program("/bin/sh")
        .machine_path()
        .stderr(UPDATED)
        .run();
    let script = "cat key.txt | \"$@\" --api-key-file /dev/stdin";
    let line = ["-c", script, "sh", crate::support::LLAMACTL];
    sandbox
        .args(
            line.into_iter()
                .chain(["auth", "token", "--project", "proj-web"]),
        )
        .program("/bin/sh")
        .machine_path()
        .stderr(UPDATED)
        .run();

    let before = sandbox.read(STORE);
    sandbox.write("empty", "");
    sandbox.write("bytes", b"llx-\xff\xfe0123456789");
    sandbox.write("two", format!("{KEY}\n{OTHER_KEY}\n"));
    sandbox.write("huge", "k".repeat(3_000_000));
    fs::create_dir(sandbox.cwd().join("directory")).expect("a directory");
    for (path, code, said) in [
        ("empty", 2, "the API key from 'empty' is empty"),
        ("bytes", 2, "the API key from 'bytes' is not valid UTF-8"),
        ("two", 2, "the API key from 'two' contains whitespace"),
        (
            "huge",
            2,
            "the API key from 'huge' is longer than any API key",
        ),
        (
            "/dev/zero",
            2,
            "the API key from '/dev/zero' is longer than any API key",
        ),
        (
            "missing",
            1,
            "cannot read the API key from 'missing': No such file or directory",
        ),
        (
            "directory",
            1,
            "cannot read the API key from 'directory': Is a directory",
        ),
    ] {
        let hint = match code {
            2 => "a key is a single line such as llx-...",
            _ => "check that the file is readable and contains only the key",
        };
        from(path)
            .code(code)
            .stderr(&format!("error: {said}\nhint: {hint}\n"))
            .run();
    }
    assert_eq!(sandbox.read(STORE), before);
}

#[test]
fn what_is_no_key_project_or_name_is_refused() {
    let sandbox = Sandbox::new();
    let key_hint = "a key is a single line such as llx-...";
    for (key, why) in [
        ("llx-1 2", "contains whitespace"),
        ("llx-1\n2", "contains whitespace"),
        ("llx-1\t2", "contains whitespace"),
        ("llx-\u{1b}[31m", "contains control characters"),
        ("llx-\u{7f}", "contains control characters"),
        ("llx-\u{f6}", "contains non-ASCII characters"),
        ("llx-\u{200b}1", "contains non-ASCII characters"),
        ("\"llx-1\"", "has quotes around it; remove them"),
        ("'llx-1'", "has quotes around it; remove them"),
        (
            "Bearer llx-1",
            "begins with 'Bearer'; pass only what follows",
        ),
        (
            "LLAMA_CLOUD_API_KEY=llx-1",
            "begins with 'NAME='; pass only what follows",
        ),
        (
            "\u{feff}llx-1",
            "begins with a byte order mark (BOM); remove it",
        ),
    ] {
        sandbox
            .args(["auth", "token", "--project", "p", "--api-key", key])
            .code(2)
            .stderr(&format!(
                "error: the API key from --api-key {why}\nhint: {key_hint}\n"
            ))
            .run();
    }
    for key in ["", " ", "\n"] {
        sandbox
            .args(["auth", "token", "--project", "p", "--api-key", key])
            .code(2)
            .stderr(&format!(
                "error: the API key from --api-key is empty\nhint: {key_hint}\n"
            ))
            .run();
    }
    let id_hint = "`llamactl projects get` lists the project IDs";
    for (project, why) in [
        ("", " is empty"),
        ("  ", " is empty"),
        ("p 1", " 'p 1' contains whitespace"),
        ("p\n1", " 'p\\n1' contains whitespace"),
        (
            "p\u{1b}[31m",
            " 'p\\u{1b}[31m' contains control or invisible characters",
        ),
    ] {
        sandbox
            .args(["auth", "token", "--api-key", KEY, "--project", project])
            .code(2)
            .stderr(&format!("error: --project{why}\nhint: {id_hint}\n"))
            .run();
    }
    let name_hint = "a name has at most 128 characters, no whitespace, and does not begin with '-'";
    let long = "n".repeat(129);
    let long_name = format!(" '{long}' is longer than 128 characters");
    for (name, why) in [
        ("", " is empty"),
        ("a b", " 'a b' contains whitespace"),
        (
            "a\u{202e}b",
            " 'a\\u{202e}b' contains control or invisible characters",
        ),
        ("-x", " '-x' begins with '-'"),
        (long.as_str(), long_name.as_str()),
    ] {
        sandbox
            .args(["auth", "token", "--api-key", KEY, "--project", "p"])
            .arg(format!("--name={name}"))
            .code(2)
            .stderr(&format!("error: --name{why}\nhint: {name_hint}\n"))
            .run();
    }
    sandbox
        .args(words("--project p --api-key KEY --api-key-file f"))
        .code(2)
        .stderr("error: --api-key and --api-key-file are both given\nhint: pass one of them\n")
        .run();
    sandbox
        .cmd("auth token --project p")
        .code(2)
        .stderr(
            "
            error: an API key is required when not interactive
            hint: pass --api-key KEY, --api-key - with the key on standard input, or --api-key-file PATH, and --project ID
            ",
        )
        .run();
    assert_eq!(sandbox.home_tree(), Vec::<String>::new());
}

#[test]
fn blanks_around_a_key_and_a_project_are_cut_off() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    sandbox
        .args(["auth", "token", "--project", " proj-web\n", "--api-key"])
        .arg(format!("\t{KEY} \r\n"))
        .stderr(CREATED)
        .run();
    assert_eq!(profiles(&sandbox)[0]["api_key"], KEY);
    assert_eq!(profiles(&sandbox)[0]["project_id"], "proj-web");
}

#[test]
fn a_name_is_kept_replaced_or_refused() {
    let plane = ControlPlane::start(World::populated(KEY).key(OTHER_KEY));
    let sandbox = at(&plane);
    let named = |key: &str, name: &str| {
        sandbox
            .args(["auth", "token", "--project", "proj-web", "--api-key"])
            .arg(key)
            .arg("--name")
            .arg(name)
    };
    named(KEY, "work")
        .stderr("created profile 'work' in [SERVER] and made it current\n")
        .run();
    // The key is known by now, whatever its profile is called.
    sandbox
        .args(words(TWO))
        .stderr("updated profile 'work' in [SERVER] and made it current\n")
        .run();
    named(OTHER_KEY, "work")
        .stderr("replaced profile 'work' in [SERVER] and made it current\n")
        .run();
    named(OTHER_KEY, "other")
        .stderr("created profile 'other' in [SERVER] and made it current\n")
        .run();
    named(KEY, "grüße-✓")
        .stderr("created profile 'grüße-✓' in [SERVER] and made it current\n")
        .run();
    let kept: Vec<(Value, Value)> = profiles(&sandbox)
        .as_array()
        .expect("a list")
        .iter()
        .map(|p| (p["name"].clone(), p["api_key"].clone()))
        .collect();
    let expected = [("work", OTHER_KEY), ("other", OTHER_KEY), ("grüße-✓", KEY)];
    assert_eq!(kept, expected.map(|(n, k)| (json!(n), json!(k))));

    // What a login made stays.
    let login = json!({
        "subject": "s",
        "email": "a@b.example",
        "client_id": "c",
        "discovery_url": "https://issuer.example/",
        "access_token": "made up for this test",
    });
    let made = with(
        profile("ada", "proj-web", "llx-minted-0000000000"),
        "oidc",
        login,
    );
    let text = sandbox.read(STORE);
    let mut whole: Value = serde_json::from_str(&text).expect("JSON");
    whole["environments"][0]["profiles"]
        .as_array_mut()
        .expect("a list")
        .push(made);
    sandbox.write_store(&whole);
    let before = sandbox.read(STORE);
    named(KEY, "ada")
        .code(1)
        .stderr(
            "
            error: profile 'ada' in [SERVER] was created by `auth login` and cannot be replaced by a key
            hint: pass another --name, or log out of that profile first
            ",
        )
        .run();
    assert_eq!(sandbox.read(STORE), before);
}

#[test]
fn a_server_that_needs_no_key_gets_a_profile_without_one() {
    let plane = ControlPlane::start(World::open().project("proj-web", "Website", "default"));
    let sandbox = Sandbox::new();
    sandbox.knows(&plane);
    let none = with(environment(&plane.url(), &[]), "requires_auth", false);
    sandbox.write_store(&store(&none));
    sandbox
        .cmd("auth token --project new")
        .stderr("warning: [SERVER] has no deployment in project 'new' yet\ncreated profile 'default' in [SERVER] and made it current\n")
        .run();
    sandbox
        .cmd("auth token")
        .stderr("updated profile 'default' in [SERVER] and made it current\n")
        .run();
    let list = format!("GET {LIST}");
    assert_eq!(plane.server().lines(), [list.clone(), list]);
    sandbox
        .cmd("auth token --project p2 --name second")
        .stderr("warning: [SERVER] has no deployment in project 'p2' yet\ncreated profile 'second' in [SERVER] and made it current\n")
        .run();
    sandbox.args(words(TWO)).stderr(CREATED).run();
    sandbox
        .cmd("auth get -o json")
        .stdout_has("\"auth_type\": \"none\"")
        .run();
    let default = with(profile("default", "proj-web", KEY), "api_key", Value::Null);
    let default = with(default, "project_name", "Website");
    let second = with(profile("second", "p2", KEY), "api_key", Value::Null);
    let third = with(
        profile("llx-01****mnop", "proj-web", KEY),
        "project_name",
        "Website",
    );
    assert_eq!(profiles(&sandbox), json!([default, second, third]));

    plane
        .world()
        .projects
        .push(crate::support::control_plane::Project {
            id: "two".to_string(),
            name: None,
            organization: "default".to_string(),
        });
    sandbox
        .cmd("auth token --name third")
        .code(2)
        .stderr(
            "
            error: the credentials give access to several projects
            hint: pass --project with one of: proj-web (Website), two
            ",
        )
        .run();
}
