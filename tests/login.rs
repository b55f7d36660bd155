//! `auth login`: the device flow, from the code on the screen to the stored profile.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::provider::{CLIENT, Provider, refusal};
use crate::support::secrets::KEY;
use crate::support::{
    ControlPlane, Gate, Reply, Run, Running, Sandbox, Stub, World, delete, get, post,
};

const MINTED: &str = "llx-minted000000000000000001";
const PROFILES: &str = ".config/llamactl/profiles.json";
const DISCOVERY: &str = "/api/v1/auth/oidc/discovery";
const LIST: &str = "/api/v1beta1/deployments/list-projects";

/// A control plane with a provider, and a sandbox whose current environment it is.
pub struct Setup {
    pub sandbox: Sandbox,
    pub plane: ControlPlane,
    pub provider: Provider,
}

/// One organization with one project.
pub fn setup() -> Setup {
    setup_with(
        World::default()
            .organization("org-acme", "Acme", true)
            .project("proj-web", "Website", "org-acme"),
    )
}

pub fn setup_with(world: World) -> Setup {
    let provider = Provider::start();
    let mut world = world.oidc(&provider.discovery_url(), CLIENT);
    for number in 1..10 {
        world = world.key(&format!("access-{number}"));
    }
    let plane = ControlPlane::start(world);
    let sandbox = sandbox(&provider);
    sandbox.knows(&plane);
    sandbox
        .cmd("environments add")
        .arg(plane.url())
        .any_stderr()
        .run();
    Setup {
        sandbox,
        plane,
        provider,
    }
}

fn sandbox(provider: &Provider) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.replace(&provider.url(), "[PROVIDER]");
    sandbox.secret("device-code");
    for number in 1..10 {
        sandbox.secret(&format!("access-{number}"));
        sandbox.secret(&format!("refresh-{number}"));
    }
    sandbox
}

impl Setup {
    /// Logs in, whatever it prints.
    pub fn log_in(&self) {
        self.sandbox.cmd("auth login").any_stderr().run();
    }

    pub fn profiles(&self) -> Value {
        self.sandbox
            .cmd("auth get -o json")
            .any_stdout()
            .run()
            .json()
    }

    /// The only profile in the store.
    pub fn stored(&self) -> Value {
        let store = self.sandbox.json_home(PROFILES);
        let profiles = &store["environments"][0]["profiles"];
        assert_eq!(profiles.as_array().map(Vec::len), Some(1), "{profiles}");
        profiles[0].clone()
    }

    pub fn store(&self) -> String {
        self.sandbox.read_home(PROFILES)
    }

    /// Runs a login that must fail with this error, and leave everything as it was.
    fn fails(&self, line: &str, code: i32, error: &str) {
        let before = (self.store(), self.plane.world().minted.len());
        let run = self.sandbox.cmd(line).code(code).any_stderr();
        let output = run.limit(Duration::from_secs(90)).run();
        let start = output.stderr.find("error: ").unwrap_or_default();
        let stderr = self.sandbox.stable(&output.stderr[start..]);
        assert_eq!(stderr, error);
        assert_eq!(before, (self.store(), self.plane.world().minted.len()));
    }
}

const SHOWN: &str = "identity provider:  [PROVIDER]\n\
    open this URL:      [PROVIDER]/device\n\
    enter this code:    WDJB-MJHT\n\
    both in one:        [PROVIDER]/device?user_code=WDJB-MJHT\n";

#[test]
fn login_shows_the_code_and_creates_a_profile() {
    let setup = setup();
    let requests = setup.plane.server().requests().len();
    setup
        .sandbox
        .cmd("auth login")
        .stderr(&format!(
            "{SHOWN}waiting for approval, for at most 10:00\ncreated profile 'ada@acme.example' in [SERVER] and made it current\n"
        ))
        .run();
    let stored = setup.stored();
    assert_eq!(stored["name"], "ada@acme.example");
    assert_eq!(stored["project_id"], "proj-web");
    assert_eq!(stored["project_name"], "Website");
    assert_eq!(stored["api_key"], MINTED);
    assert_eq!(stored["api_key_id"], "key-1");
    assert_eq!(stored["oidc"]["subject"], "ada");
    assert_eq!(stored["oidc"]["refresh_token"], "refresh-1");
    // No more requests than needed: after the approval the token endpoint, the projects and the key.
    assert_eq!(
        setup.provider.server().lines(),
        [
            "GET /.well-known/openid-configuration",
            "GET /jwks",
            "POST /device/auth",
            "POST /token"
        ]
    );
    let ours = &setup.plane.server().requests()[requests..];
    let lines: Vec<String> = ours
        .iter()
        .map(crate::support::server::Request::line)
        .collect();
    assert_eq!(
        lines,
        [
            format!("GET {DISCOVERY}"),
            format!("GET {LIST}"),
            "POST /api/v1/api-keys".to_string()
        ]
    );
    assert!(
        ours.iter()
            .all(|request| request.connection == ours[0].connection)
    );
    assert_eq!(setup.provider.server().connections(), 1);
    let form = setup.provider.server().requests()[2].form();
    assert!(form.contains(&("scope".into(), "openid profile email offline_access".into())));
    let body = ours[2].json().unwrap();
    let name = body["name"].as_str().unwrap();
    assert!(name.starts_with("ada@acme.example llamactl on "), "{name}");
    assert_eq!(body["project_id"], Value::Null);

    setup.sandbox.cmd("projects get").any_stdout().run();
    assert_eq!(
        setup.plane.server().requests().last().unwrap().bearer(),
        Some(MINTED)
    );
}

const TRY_AGAIN: &str =
    "hint: try again later, or sign in with an API key: `llamactl auth token`\n";
const START_AGAIN: &str = "hint: nothing was stored; start again with `llamactl auth login`\n";

#[test]
fn denied_expired_and_rejected_logins_store_nothing() {
    let setup = setup();
    for (reply, code, error) in [
        (
            refusal("access_denied"),
            1,
            format!("error: the login was denied in the browser\n{START_AGAIN}"),
        ),
        (
            refusal("expired_token"),
            1,
            format!("error: the code expired before the login was approved\n{START_AGAIN}"),
        ),
        (
            Reply::json(
                400,
                r#"{"error":"invalid_request","error_description":"no\nsuch code"}"#,
            ),
            1,
            format!(
                "error: the identity provider [PROVIDER] rejected the token request (400): \
                no such code (invalid_request)\n{TRY_AGAIN}"
            ),
        ),
        (
            refusal("unauthorized_client"),
            1,
            "error: the identity provider [PROVIDER] rejected the token request (400): unauthorized_client\n\
            hint: the client's settings at the provider do not allow this login; tell the provider's administrator, \
            or sign in with an API key: `llamactl auth token`\n"
                .to_string(),
        ),
        (
            Reply::json(404, r#"{"detail":"Not Found"}"#),
            3,
            format!(
                "error: the identity provider [PROVIDER] responded to the token request with status 404\n{TRY_AGAIN}"
            ),
        ),
        (
            Reply::json(200, r#"{"access_token":"access-1","token_type":"mac"}"#),
            3,
            format!(
                "error: the identity provider [PROVIDER] sent a malformed response to the token request: \
                the token_type is not Bearer\n{TRY_AGAIN}"
            ),
        ),
    ] {
        setup.provider.script().polls.push_back(reply);
        setup.fails("auth login", code, &error);
    }
    setup.provider.script().device = json!({"expires_in": 3});
    let pending = std::iter::repeat_with(|| refusal("authorization_pending"));
    setup.provider.script().polls.extend(pending.take(9));
    setup.fails(
        "auth login",
        1,
        &format!("error: the code expired before the login was approved\n{START_AGAIN}"),
    );
    assert_eq!(setup.provider.script().revoked, [""; 0]);
}

#[test]
fn rejected_device_authorization_names_whose_settings_are_wrong() {
    let setup = setup();
    for (code, hint) in [
        (
            "invalid_client",
            "the provider does not accept the client ID that the control plane names; \
            tell the control plane's administrator",
        ),
        (
            "invalid_scope",
            "the client's settings at the provider must allow the scopes 'openid profile email offline_access'; \
            tell the provider's administrator",
        ),
        (
            "unauthorized_client",
            "the client's settings at the provider do not allow this login; tell the provider's administrator",
        ),
    ] {
        setup.provider.script().authorization = Some(refusal(code));
        setup.fails(
            "auth login",
            1,
            &format!(
                "error: the identity provider [PROVIDER] rejected the device authorization request (400): {code}\n\
                hint: {hint}, or sign in with an API key: `llamactl auth token`\n"
            ),
        );
    }
}

#[test]
fn control_plane_without_browser_login_points_to_api_keys() {
    let provider = Provider::start();
    for (status, body, said) in [
        (
            501,
            r#"{"detail":"OIDC is not set up"}"#,
            ": OIDC is not set up",
        ),
        (404, r#"{"detail":"Not Found"}"#, ""),
        (400, r#"{"detail":"no\nlogin"}"#, ": no login"),
    ] {
        let (sandbox, stub) = (sandbox(&provider), Stub::new());
        sandbox.knows(&stub);
        stub.expect(
            get("/api/v1beta1/deployments-public/version")
                .json(200, r#"{"version":"1","requires_auth":true}"#),
        );
        stub.expect(get(DISCOVERY).json(status, body));
        sandbox
            .cmd("environments add")
            .arg(stub.url())
            .any_stderr()
            .run();
        sandbox
            .cmd("auth login")
            .code(1)
            .stderr(&format!(
                "error: [SERVER] has no browser login{said}\nhint: sign in with an API key: `llamactl auth token`\n"
            ))
            .run();
    }
    let setup = setup_with(World::open());
    setup
        .sandbox
        .cmd("auth login")
        .code(1)
        .stderr(
            "error: [SERVER] does not require a login\nhint: create a profile with `llamactl auth token --project ID`\n",
        )
        .run();
}

#[test]
fn client_id_is_the_one_for_the_command_line() {
    for (ids, works) in [
        (json!({"cli": CLIENT, "web": "other"}), true),
        (json!({"native": CLIENT}), true),
        (json!({"web": "other", "app": CLIENT}), false),
        (json!({}), false),
        (Value::Null, false),
        (json!({"cli": 7}), false),
    ] {
        let setup = setup();
        let discovery_url = setup.provider.discovery_url();
        setup.plane.world().oidc = Some(json!({"discovery_url": discovery_url, "client_ids": ids}));
        match works {
            true => setup.log_in(),
            false => setup.fails(
                "auth login",
                1,
                "error: [SERVER] does not name a client ID for the command line\n\
                hint: sign in with an API key: `llamactl auth token`\n",
            ),
        }
    }
}

#[test]
fn discovery_url_must_be_https_without_userinfo() {
    let setup = setup();
    for (url, problem) in [
        (
            "http://id.example/.well-known/openid-configuration",
            "is not https",
        ),
        ("file:///etc/passwd", "is not a valid URL"),
        ("", "is not a valid URL"),
        (
            "https://user:password@id.example/.well-known/openid-configuration",
            "contains a user name or password",
        ),
    ] {
        setup.plane.world().oidc = Some(json!({"discovery_url": url, "client_ids": {"cli": "x"}}));
        setup.fails(
            "auth login",
            3,
            &format!(
                "error: [SERVER] names an identity provider whose URL {problem}\n\
                hint: tell its administrator, or sign in with an API key: `llamactl auth token`\n"
            ),
        );
    }
}

/// A run with a browser that records its arguments.
fn with_browser<'a>(setup: &'a Setup, line: &str) -> Run<'a> {
    let log = setup.sandbox.cwd().join("opened");
    setup.sandbox.program(
        "spy",
        &format!(
            "for a; do echo \"$a\" >>'{}'; done; echo noise; echo noise >&2",
            log.display()
        ),
    );
    setup
        .sandbox
        .cmd(line)
        .env("BROWSER", "lynx:spy")
        .env("DISPLAY", ":0")
}

#[test]
fn invalid_verification_url_is_not_opened() {
    let setup = setup();
    for bad in [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://a.example/\u{1b}]0;x\u{7}",
        "https://good.example@evil.example/",
        "",
    ] {
        setup.provider.script().device = json!({"verification_uri": bad});
        let mut terminal = with_browser(&setup, "auth login").terminal();
        terminal
            .expect("device authorization request: the verification_uri is not a valid https URL");
        terminal.wait().assert_code(3);
        assert!(!setup.sandbox.exists("opened"), "{bad}");
    }
    // An invalid verification_uri_complete is ignored.
    setup.provider.script().device = json!({"verification_uri_complete": "javascript:alert(1)"});
    let mut terminal = with_browser(&setup, "auth login").terminal();
    terminal.expect("created profile");
    let ended = terminal.wait();
    ended.assert_code(0);
    assert!(
        !ended.transcript.contains("javascript"),
        "{}",
        ended.transcript
    );
    let opened = setup.sandbox.stable(&setup.sandbox.read("opened"));
    assert_eq!(opened, "[PROVIDER]/device\n");
}

#[test]
fn browser_is_opened_if_interactive_and_graphical() {
    let shown = "both in one:        [PROVIDER]/device?user_code=WDJB-MJHT\n";
    let opened = |change: &dyn for<'a> Fn(Run<'a>) -> Run<'a>, line: &str| {
        let setup = setup();
        let run = change(with_browser(&setup, line));
        let mut terminal = run.terminal();
        terminal.expect("created profile");
        let ended = terminal.wait();
        ended.assert_code(0).assert_restored();
        assert!(ended.transcript.contains(shown), "{}", ended.transcript);
        assert!(!ended.transcript.contains("noise"), "{}", ended.transcript);
        setup
            .sandbox
            .exists("opened")
            .then(|| setup.sandbox.stable(&setup.sandbox.read("opened")))
    };
    let complete = Some("[PROVIDER]/device?user_code=WDJB-MJHT\n".to_string());
    assert_eq!(opened(&|run| run, "auth login"), complete);
    assert_eq!(
        opened(
            &|run| run.no_env("DISPLAY").env("WAYLAND_DISPLAY", "w"),
            "auth login"
        ),
        complete
    );
    assert_eq!(opened(&|run| run, "auth login --no-browser"), None);
    // Without BROWSER, the system's opener; a browser that cannot be started is skipped.
    assert_eq!(opened(&|run| run.no_env("BROWSER"), "auth login"), None);
    assert_eq!(
        opened(&|run| run.env("BROWSER", "gone::spy"), "auth login"),
        complete
    );
    // With BROWSER set, over SSH and without a display, too.
    for (name, value) in [
        ("SSH_CONNECTION", "1.2.3.4 1 5.6.7.8 22"),
        ("SSH_TTY", "/dev/pts/1"),
        ("DISPLAY", ""),
    ] {
        assert_eq!(
            opened(&|run| run.env(name, value), "auth login"),
            complete,
            "{name}"
        );
        assert_eq!(
            opened(&|run| run.env(name, value).no_env("BROWSER"), "auth login"),
            None,
            "{name}"
        );
    }
    // A browser that fails is not reported as started.
    assert_eq!(
        opened(&|run| run.env("BROWSER", "false"), "auth login"),
        None
    );
    for (name, value) in [
        ("CI", "true"),
        ("TERM", "dumb"),
        ("BROWSER", "www-browser:w3m %s"),
    ] {
        assert_eq!(
            opened(&|run| run.env(name, value), "auth login"),
            None,
            "{name}"
        );
    }
    let setup = setup();
    with_browser(&setup, "auth login").any_stderr().run();
    assert!(!setup.sandbox.exists("opened"), "without a terminal");
}

#[test]
fn text_from_servers_is_sanitized() {
    let setup = setup();
    setup.provider.script().device = json!({"user_code": "\u{1b}[2JAB\r\nCD\u{202e}\u{9b}31m"});
    setup.provider.script().claims = json!({"email": "ada\u{1b}[31m @acme\n.example"});
    setup.plane.world().projects[0].name = Some("\u{1b}]0;title\u{7}Web\nsite".into());
    let output = setup.sandbox.cmd("auth login").any_stderr().run();
    assert!(
        output
            .stderr
            .contains("enter this code:    \\u{1b}[2JAB CD\\u{202e}\\u{9b}31m\n"),
        "{}",
        output.stderr
    );
    assert!(
        output
            .stderr
            .lines()
            .last()
            .unwrap()
            .contains("created profile 'ada[31m-@acme-.example' in")
    );
    let harmless = |c: char| c == '\n' || !c.is_control();
    assert!(output.stderr.chars().all(harmless), "{:?}", output.stderr);
    // Stored as sent: text output sanitizes, JSON escapes.
    assert_eq!(
        setup.stored()["project_name"],
        "\u{1b}]0;title\u{7}Web\nsite"
    );
}

#[test]
fn invalid_id_token_ends_the_login() {
    let setup = setup();
    let error = |problem: &str, hint: &str| {
        format!("error: the identity provider's ID token {problem}\nhint: {hint}\n")
    };
    let clock = "check this machine's clock, then log in again: `llamactl auth login`";
    let trust = "this login cannot be trusted; tell the control plane's administrator";
    for (claims, problem, hint) in [
        (
            json!({"aud": "other"}),
            "was issued for another client",
            trust,
        ),
        (
            json!({"aud": ["other", CLIENT]}),
            "was issued for another client",
            trust,
        ),
        (
            json!({"iss": "https://evil.example"}),
            "was issued by another issuer",
            trust,
        ),
        (json!({"exp": 1_000_000_000}), "has expired", clock),
        (json!({"sub": null}), "has no valid subject", trust),
    ] {
        setup.provider.script().claims = claims;
        setup.fails("auth login", 1, &error(problem, hint));
    }
    setup.provider.script().claims = json!({});
    setup.provider.script().forge = true;
    setup.fails("auth login", 1, &error("has an invalid signature", trust));
    // The unused logins are revoked.
    assert_eq!(setup.provider.script().revoked.len(), 6);
    setup.provider.script().forge = false;
    setup.provider.script().claims = json!({"email": null, "preferred_username": " Ada L. "});
    setup.log_in();
    assert_eq!(setup.stored()["name"], "Ada-L.");
}

#[test]
fn second_login_updates_the_profile_of_the_same_user() {
    let setup = setup();
    setup.log_in();
    setup.plane.world().projects[0].id = "proj-new".into();
    setup
        .sandbox
        .cmd("auth login")
        .stderr_has("updated profile 'ada@acme.example' in [SERVER] and made it current\n")
        .run();
    let stored = setup.stored();
    assert_eq!(stored["project_id"], "proj-new");
    assert_eq!(stored["api_key"], MINTED);
    assert_eq!(stored["oidc"]["refresh_token"], "refresh-2");
    let lines = setup.plane.server().lines();
    assert_eq!(
        lines[lines.len() - 3..],
        [
            format!("GET {DISCOVERY}"),
            format!("GET {LIST}"),
            "GET /api/v1/auth/me".to_string()
        ]
    );
    // A key that the server rejects is replaced.
    setup.plane.world().keys.remove(MINTED);
    setup.log_in();
    assert_eq!(setup.stored()["api_key"], "llx-minted000000000000000002");
    // Another user gets another profile.
    setup.provider.script().claims = json!({"sub": "eve"});
    setup.log_in();
    let names: Vec<Value> = setup
        .profiles()
        .as_array()
        .unwrap()
        .iter()
        .map(|profile| profile["name"].clone())
        .collect();
    assert_eq!(names, ["ada@acme.example", "ada@acme.example-2"]);
}

#[test]
fn name_of_another_profile_is_rejected() {
    let setup = setup();
    setup
        .sandbox
        .cmd("auth token --no-verify --project p --name ada@acme.example --api-key")
        .arg(KEY)
        .any_stderr()
        .run();
    setup.fails(
        "auth login --name ada@acme.example",
        1,
        "error: there is already a profile named 'ada@acme.example', and it does not belong to this login\n\
        hint: pass another --name, or delete that profile: `llamactl auth logout ada@acme.example`\n",
    );
    setup.log_in();
    assert_eq!(setup.profiles()[1]["name"], "ada@acme.example-2");
    setup
        .sandbox
        .cmd("auth login --name work")
        .stderr_has("created profile 'work' in [SERVER] and made it current\n")
        .run();
    assert_eq!(setup.profiles()[2]["name"], "work");
    let output = setup
        .sandbox
        .cmd("auth login --name=-x")
        .code(2)
        .any_stderr();
    assert!(
        output
            .run()
            .stderr
            .starts_with("error: the value of --name ")
    );
}

#[test]
fn login_with_several_projects_requires_project_or_choice() {
    let setup = setup_with(World::populated(KEY));
    setup.fails(
        "auth login",
        2,
        "error: the credentials give access to several projects\nhint: pass --project with one of: \
        proj-web (Website, org-acme), proj-support (Support desk, org-acme), proj-research (Research, org-labs)\n",
    );
    for line in [
        "auth login --project proj-nowhere",
        "auth login --org org-labs --project proj-web",
    ] {
        let run = setup.sandbox.cmd(line).code(1);
        run.stderr_has("or no access to it").run();
    }
    setup
        .sandbox
        .cmd("auth login --org org-labs")
        .any_stderr()
        .run();
    assert_eq!(setup.stored()["project_id"], "proj-research");
    setup
        .sandbox
        .cmd("auth login --project proj-web")
        .any_stderr()
        .run();
    assert_eq!(setup.stored()["project_id"], "proj-web");

    // Without a terminal the project stays.
    setup.log_in();
    assert_eq!(setup.stored()["project_id"], "proj-web");

    let mut terminal = setup.sandbox.cmd("auth login").terminal();
    terminal.expect("* 1) Acme (org-acme)\n".trim_end());
    terminal
        .expect("2) Acme Labs (org-labs)")
        .expect("[1]: ")
        .type_line("");
    terminal
        .expect("* 1) proj-web (Website)")
        .expect("[1]: ")
        .type_line("support");
    terminal.expect("updated profile 'ada@acme.example'");
    terminal.wait().assert_code(0).assert_restored();
    assert_eq!(setup.stored()["project_id"], "proj-support");
}

#[test]
fn interrupted_wait_stores_nothing_and_restores_the_terminal() {
    let setup = setup();
    let pending = std::iter::repeat_with(|| refusal("authorization_pending"));
    setup.provider.script().polls.extend(pending.take(60));
    let before = setup.store();
    let mut terminal = setup.sandbox.cmd("auth login").terminal();
    terminal.expect("enter this code:    WDJB-MJHT");
    terminal.expect("\rwaiting for approval, 10:00 left");
    terminal.expect("\rwaiting for approval, 9:5");
    terminal.send(b"\x03");
    let ended = terminal.wait();
    ended.assert_signal(Signal::INT).assert_restored();
    assert!(!ended.transcript.contains("error"), "{}", ended.transcript);
    assert_eq!(setup.store(), before);
    for signal in [Signal::INT, Signal::TERM] {
        let mut running = setup
            .sandbox
            .cmd("auth login")
            .any_stderr()
            .signal(signal)
            .spawn();
        running.wait_for_stderr("enter this code");
        running.signal(signal);
        running.wait();
    }
    assert_eq!(setup.store(), before);
}

/// A control plane whose responses the test scripts.
fn scripted(provider: &Provider) -> (Sandbox, Stub) {
    let (sandbox, stub) = (sandbox(provider), Stub::new());
    sandbox.knows(&stub);
    stub.expect(
        get("/api/v1beta1/deployments-public/version")
            .json(200, r#"{"version":"1","requires_auth":true}"#),
    );
    sandbox
        .cmd("environments add")
        .arg(stub.url())
        .any_stderr()
        .run();
    (sandbox, stub)
}

fn expect_login(stub: &Stub, provider: &Provider, token: &str, minting: Reply) {
    let discovery =
        json!({"discovery_url": provider.discovery_url(), "client_ids": {"cli": CLIENT}});
    stub.expect(get(DISCOVERY).json(200, &discovery.to_string()));
    let projects = r#"{"projects":[{"project_id":"p","project_name":"P","deployment_count":0}]}"#;
    stub.expect(get(LIST).bearer(token).json(200, projects));
    stub.expect(
        post("/api/v1/api-keys")
            .bearer(token)
            .any_body()
            .reply(minting),
    );
}

fn minted() -> Reply {
    Reply::json(
        201,
        json!({"id": "key-7", "redacted_api_key": MINTED}).to_string(),
    )
}

#[test]
fn failed_key_creation_revokes_the_login() {
    let provider = Provider::start();
    let (sandbox, stub) = scripted(&provider);
    expect_login(&stub, &provider, "access-1", minted());
    sandbox.cmd("auth login").any_stderr().run();
    let before = sandbox.read_home(PROFILES);
    for (token, reply, code, said) in [
        ("access-2", Reply::detail(503, "busy"), 3, "(503): busy"),
        (
            "access-3",
            Reply::detail(403, "no"),
            4,
            "rejected this login (403): no",
        ),
        (
            "access-4",
            Reply::json(201, "{}"),
            3,
            "hint: an API key named 'ada@acme.example llamactl on ",
        ),
        // An ID that would be another path on the server.
        (
            "access-5",
            Reply::json(
                201,
                json!({"id": "..", "redacted_api_key": MINTED}).to_string(),
            ),
            3,
            "hint: an API key named 'ada@acme.example llamactl on ",
        ),
        // Sent once: the request may have arrived.
        (
            "access-6",
            Reply::reset(),
            3,
            "hint: an API key named 'ada@acme.example llamactl on ",
        ),
    ] {
        expect_login(&stub, &provider, token, reply);
        stub.expect(get("/api/v1/auth/me").bearer(MINTED).json(401, "{}"));
        sandbox.cmd("auth login").code(code).stderr_has(said).run();
        assert_eq!(sandbox.read_home(PROFILES), before);
        stub.verify();
    }
    assert_eq!(
        provider.script().revoked,
        [
            "refresh-2",
            "refresh-3",
            "refresh-4",
            "refresh-5",
            "refresh-6"
        ]
    );
    stub.expect(get(LIST).bearer(MINTED).json(200, r#"{"projects":[]}"#));
    sandbox.cmd("projects get").stderr("no projects\n").run();
}

#[test]
fn key_is_deleted_if_the_profile_cannot_be_stored() {
    let provider = Provider::start();
    provider
        .script()
        .polls
        .push_back(refusal("authorization_pending"));
    let (sandbox, stub) = scripted(&provider);
    expect_login(&stub, &provider, "access-1", minted());
    stub.expect(
        delete("/api/v1/api-keys/key-7")
            .bearer("access-1")
            .reply(Reply::status(204)),
    );
    let running = sandbox
        .cmd("auth login")
        .code(1)
        .stderr_has("profiles.json' is invalid")
        .spawn();
    running.wait_for_stderr("waiting for approval");
    sandbox.write(sandbox.home().join(PROFILES), "not JSON");
    running.wait();
    assert_eq!(sandbox.read_home(PROFILES), "not JSON");
    stub.verify();
    assert_eq!(provider.script().revoked, ["refresh-1"]);
}

#[test]
fn key_that_cannot_be_deleted_is_named() {
    let provider = Provider::start();
    provider
        .script()
        .polls
        .push_back(refusal("authorization_pending"));
    let (sandbox, stub) = scripted(&provider);
    expect_login(&stub, &provider, "access-1", minted());
    stub.expect(
        delete("/api/v1/api-keys/key-7")
            .bearer("access-1")
            .reply(Reply::detail(500, "no")),
    );
    let running = sandbox
        .cmd("auth login")
        .code(1)
        .stderr_has("warning: the API key 'key-7' is still valid on [SERVER], delete it there: ")
        .spawn();
    running.wait_for_stderr("waiting for approval");
    sandbox.write(sandbox.home().join(PROFILES), "not JSON");
    running.wait();
}

#[test]
fn signal_during_key_creation_deletes_the_key() {
    for signal in [Signal::INT, Signal::TERM] {
        let provider = Provider::start();
        let (sandbox, stub) = scripted(&provider);
        let before = sandbox.read_home(PROFILES);
        let gate = Gate::default();
        expect_login(&stub, &provider, "access-1", minted().hold(&gate));
        stub.expect(
            delete("/api/v1/api-keys/key-7")
                .bearer("access-1")
                .reply(Reply::status(204)),
        );
        let mut running: Running = sandbox
            .cmd("auth login")
            .any_stderr()
            .signal(signal)
            .spawn();
        stub.server().wait_for_requests(4);
        running.signal(signal);
        running.wait_for_stderr("stopping as soon as the current step is complete\n");
        gate.open();
        running.wait();
        assert_eq!(sandbox.read_home(PROFILES), before);
        stub.verify();
    }
}

#[test]
fn provider_without_id_token_or_device_flow_is_named() {
    let setup = setup();
    let unsaid = Reply::json(200, r#"{"access_token":"access-1","token_type":"Bearer"}"#);
    setup.provider.script().polls.push_back(unsaid);
    let before = setup.store();
    setup
        .sandbox
        .cmd("auth login")
        .code(3)
        .stderr(&format!(
            "{SHOWN}waiting for approval, for at most 10:00\n\
            error: the identity provider [PROVIDER] did not send an ID token\n\
            hint: tell its administrator, or sign in with an API key: `llamactl auth token`\n"
        ))
        .run();
    setup.provider.script().metadata = json!({"device_authorization_endpoint": null});
    setup
        .sandbox
        .cmd("auth login")
        .code(1)
        .stderr(
            "error: the identity provider [PROVIDER] does not support the device flow\n\
            hint: sign in with an API key: `llamactl auth token`\n",
        )
        .run();
    assert_eq!(setup.store(), before);
}

#[test]
fn metadata_that_redirects_to_plain_http_is_rejected() {
    let provider = Stub::new();
    let known = "/.well-known/openid-configuration";
    let target = "http://id.invalid/metadata";
    provider.expect(get(known).reply(Reply::redirect(302, target)));
    let setup = setup();
    setup.sandbox.replace(&provider.url(), "[ID]");
    let discovery_url = provider.url() + known;
    setup.plane.world().oidc =
        Some(json!({"discovery_url": discovery_url, "client_ids": {"cli": CLIENT}}));
    setup.fails(
        "auth login",
        3,
        "error: [ID] redirects to 'http://id.invalid/metadata', which is not https\n\
        hint: it was not followed; tell the operator of the control plane\n",
    );
    provider.verify();
}

/// Runs a login that fails because `change` is applied to the store meanwhile.
fn change_store_during_login(setup: &Setup, change: impl Fn(&mut Value), error: &str) {
    let pending = refusal("authorization_pending");
    setup.provider.script().polls.push_back(pending);
    let waiting = format!("{SHOWN}waiting for approval, for at most 10:00\n{error}");
    let running = setup.sandbox.cmd("auth login").code(1).stderr(&waiting);
    let running = running.spawn();
    running.wait_for_stderr("waiting for approval");
    let mut store = setup.sandbox.json_home(PROFILES);
    change(&mut store);
    let path = setup.sandbox.home().join(PROFILES);
    setup.sandbox.write(path, store.to_string());
    running.wait();
    assert_eq!(setup.sandbox.json_home(PROFILES), store);
}

#[test]
fn profile_or_environment_deleted_during_login_stays_deleted() {
    let setup = setup();
    change_store_during_login(
        &setup,
        |store| store["environments"] = json!([]),
        "error: environment [SERVER] was deleted while this command was running\n\
        hint: add it again: `llamactl environments add [SERVER]`\n",
    );
    // The new key is deleted, too.
    assert!(setup.plane.world().minted.is_empty());

    let setup = self::setup();
    setup.log_in();
    change_store_during_login(
        &setup,
        |store| store["environments"][0]["profiles"] = json!([]),
        "error: the profile 'ada@acme.example' was deleted during the login\n\
        hint: log in again: `llamactl auth login`\n",
    );
    // Its key is still valid, so no other was created.
    assert_eq!(setup.plane.world().minted.len(), 1);
}

#[test]
fn xdg_open_is_used_without_browser_variable() {
    let setup = setup();
    let run = with_browser(&setup, "auth login").no_env("BROWSER");
    let browser = setup.sandbox.home().join("../bin/spy");
    std::fs::rename(&browser, browser.with_file_name("xdg-open")).expect("the browser");
    let mut terminal = run.terminal();
    terminal.expect("created profile");
    terminal.wait().assert_code(0).assert_restored();
    let opened = setup.sandbox.stable(&setup.sandbox.read("opened"));
    assert_eq!(opened, "[PROVIDER]/device?user_code=WDJB-MJHT\n");
}

/// Only status 200 is a success, and not if the body is an OAuth error.
#[test]
fn malformed_responses_of_the_provider_are_named() {
    let device = |url: &str| json!({"device_code": "device-code", "user_code": "AB", "verification_uri": url});
    let status = |request: &str| format!("responded to the {request} with status 203");
    let malformed = |request: &str, problem: &str| {
        format!("sent a malformed response to the {request}{problem}")
    };
    for (message, responses) in [
        (status("metadata request"), vec![(203, None)]),
        (status("key set request"), vec![(200, None), (203, None)]),
        (
            malformed("key set request", ": it is not a JWK set"),
            vec![(200, None), (200, Some(("keys", json!(7))))],
        ),
        (
            status("device authorization request"),
            vec![(200, None), (200, None), (203, None)],
        ),
        (
            malformed(
                "device authorization request",
                ": the verification_uri is not a valid https URL",
            ),
            vec![
                (200, None),
                (200, None),
                (200, Some(("verification_uri", json!("file:///x")))),
            ],
        ),
    ] {
        let id = Stub::new();
        let metadata = json!({
            "issuer": id.url(),
            "device_authorization_endpoint": id.url() + "/device",
            "token_endpoint": id.url() + "/token",
            "jwks_uri": id.url() + "/jwks",
        });
        let all = [
            (get("/.well-known/openid-configuration"), metadata),
            (get("/jwks"), json!({"keys": []})),
            (
                post("/device").any_body(),
                device("https://id.example/device"),
            ),
        ];
        for ((expected, mut body), (status, change)) in all.into_iter().zip(responses) {
            if let Some((field, value)) = change {
                body[field] = value;
            }
            id.expect(expected.json(status, &body.to_string()));
        }
        let setup = setup();
        setup.sandbox.replace(&id.url(), "[ID]");
        let discovery_url = id.url() + "/.well-known/openid-configuration";
        setup.plane.world().oidc =
            Some(json!({"discovery_url": discovery_url, "client_ids": {"cli": CLIENT}}));
        let error = format!("error: the identity provider [ID] {message}\n{TRY_AGAIN}");
        setup.fails("auth login", 3, &error);
    }
}
