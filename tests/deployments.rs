//! `deployments`: all commands, against an in-memory control plane and a scripted server.

use std::fmt::Write as _;
use std::sync::mpsc::{Sender, channel};

use pretty_assertions::assert_eq;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{
    ControlPlane, Deployment, Reply, Sandbox, Server, Stored, Stub, World, delete, get, post,
    request,
};

const DEPLOYMENTS: &str = "/api/v1beta1/deployments";
const LOGS: &str = "/api/v1beta1/deployments/search/logs?project_id=proj-web&include_init_containers=false&follow=false&tail_lines=200";
const UNKNOWN: &str =
    "hint: `llamactl deployments get` lists the deployments; --project selects another project\n";

/// A profile for the project proj-web at this server.
fn signed_in(url: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.replace(url, "[SERVER]");
    Stored::at(url)
        .profile("work", "proj-web", KEY)
        .put(&sandbox);
    sandbox
}

fn with_stub() -> (Stub, Sandbox) {
    let stub = Stub::new();
    let sandbox = signed_in(&stub.url());
    sandbox.knows(&stub);
    (stub, sandbox)
}

fn with_plane(world: World) -> (ControlPlane, Sandbox) {
    let plane = ControlPlane::start(world);
    let sandbox = signed_in(&plane.url());
    (plane, sandbox)
}

/// One deployment with all fields, and one with as few as possible.
fn two() -> World {
    let mut world = World::populated(KEY);
    world.deployments = vec![
        Deployment::new("proj-web", "search")
            .with("display_name", json!("Search"))
            .with("repo_url", json!("https://github.com/acme/search"))
            .with("has_personal_access_token", json!(true))
            .with("secret_names", json!(["OPENAI_API_KEY", "B"])),
    ];
    let mut bare = Deployment::new("proj-web", "bare");
    bare.json = json!({
        "id": "bare", "display_name": "bare", "repo_url": "", "deployment_file_path": ".", "project_id": "proj-web",
        "status": "SomethingNew", "warning": "no sha", "suspended": true, "secret_names": [], "apiserver_url": null,
        "from_a_later_version": {"x": 1},
    });
    world.deployment(bare)
}

#[test]
fn get_lists_deployments_as_the_python_tool() {
    let (_plane, sandbox) = with_plane(two());
    for command in ["deployments get", "deployments list", "dep get -o TEXT"] {
        sandbox
            .cmd(command)
            .stdout(
                "
                NAME    REPO            GIT_REF  PHASE
                search  gh:acme/search  main     Running
                bare    -               -        SomethingNew
                ",
            )
            .run();
    }
    sandbox
        .cmd("deployments get -o wide")
        .stdout(
            "
            NAME    REPO            GIT_REF  APPSERVER  PHASE         GIT_SHA  APISERVER_URL                 PROJECT
            search  gh:acme/search  main     0.11.3     Running       2222222  https://search.apps.example/  proj-web
            bare    -               -        -          SomethingNew  -        -                             proj-web
            ",
        )
        .run();
    let search = json!({
        "name": "search",
        "generate_name": "Search",
        "spec": {
            "repo_url": "https://github.com/acme/search",
            "deployment_file_path": "llama_deploy.yaml",
            "git_ref": "main",
            "appserver_version": "0.11.3",
            "suspended": false,
            "secrets": {"OPENAI_API_KEY": "********", "B": "********"},
            "personal_access_token": "********",
        },
        "status": {
            "phase": "Running",
            "git_sha": "2222222222222222222222222222222222222222",
            "apiserver_url": "https://search.apps.example/",
            "project_id": "proj-web",
            "warning": null,
        },
    });
    let bare = json!({
        "name": "bare",
        "generate_name": "bare",
        "spec": {"repo_url": "", "deployment_file_path": ".", "suspended": true},
        "status": {"phase": "SomethingNew", "git_sha": null, "apiserver_url": null, "project_id": "proj-web", "warning": "no sha"},
    });
    let json = |command: &str| sandbox.cmd(command).any_stdout().run().json();
    assert_eq!(json("deployments get -o json"), json!([search, bare]));
    // One is an object, not a list.
    assert_eq!(json("deployments get search -o json"), search);
    sandbox
        .cmd("deployments get search")
        .stdout(
            "NAME    REPO            GIT_REF  PHASE\nsearch  gh:acme/search  main     Running\n",
        )
        .run();
    sandbox
        .cmd("deployments get search -o yaml")
        .stdout(
            "
            name: search
            generate_name: Search
            spec:
              repo_url: \"https://github.com/acme/search\"
              deployment_file_path: llama_deploy.yaml
              git_ref: main
              appserver_version: \"0.11.3\"
              suspended: false
              secrets:
                OPENAI_API_KEY: \"********\"
                B: \"********\"
              personal_access_token: \"********\"
            status:
              phase: Running
              git_sha: \"2222222222222222222222222222222222222222\"
              apiserver_url: \"https://search.apps.example/\"
              project_id: proj-web
              warning: null
            "
            .replace(
                ": \"https://github.com/acme/search\"",
                ": https://github.com/acme/search",
            )
            .replace(
                ": \"https://search.apps.example/\"",
                ": https://search.apps.example/",
            )
            .as_str(),
        )
        .run();
}

#[test]
fn get_of_an_empty_and_of_another_project() {
    let (plane, sandbox) = with_plane(World::populated(KEY));
    plane
        .world()
        .deployments
        .retain(|d| d.project != "proj-web");
    sandbox
        .cmd("deployments get")
        .stderr("no deployments in project 'proj-web'\n")
        .run();
    sandbox.cmd("deployments get -o json").stdout("[]\n").run();
    sandbox.cmd("deployments get -o yaml").stdout("[]\n").run();
    sandbox
        .cmd("deployments get --project proj-support")
        .stdout("NAME    REPO                        GIT_REF  PHASE\ntriage  https://git.example/triage  main     Running\n")
        .run();
}

#[test]
fn unknown_deployment_is_exit_1_and_rejected_key_exit_4() {
    let (plane, sandbox) = with_plane(World::populated(KEY));
    for command in [
        "deployments get gone",
        "deployments get gone -o json",
        "deployments history gone",
        "deployments logs gone",
        "deployments logs gone --follow",
        "deployments rollback gone --git-sha 1",
        "deployments delete gone --yes",
    ] {
        sandbox
            .cmd(command)
            .stderr(&format!(
                "error: no deployment named 'gone' in project 'proj-web' of [SERVER]\n{UNKNOWN}"
            ))
            .code(1)
            .run();
    }
    // A rejected key ends all of them alike.
    plane.world().keys.clear();
    for command in [
        "get",
        "get search",
        "history search",
        "logs search",
        "rollback search --git-sha 1",
        "delete search --yes",
    ] {
        sandbox
            .cmd(&format!("deployments {command}"))
            .stderr("error: [SERVER] rejected the API key of profile 'work' (401): Invalid API key\nhint: sign in with a valid key: `llamactl auth token`\n")
            .code(4)
            .run();
        sandbox
            .cmd(&format!("deployments {command}"))
            .env("LLAMA_CLOUD_API_KEY", OTHER_KEY)
            .env("LLAMA_AGENTS_PROJECT_ID", "p")
            .env("LLAMA_CLOUD_BASE_URL", plane.url())
            .stderr("warning: LLAMA_CLOUD_API_KEY is used, not profile 'work'; set LLAMA_CLOUD_USE_PROFILE=1 to use the profile\nerror: [SERVER] rejected the API key in LLAMA_CLOUD_API_KEY (401): Invalid API key\nhint: set LLAMA_CLOUD_API_KEY to a valid key, or unset it to use a profile\n")
            .code(4)
            .run();
    }
}

#[test]
fn name_is_percent_encoded_and_must_not_be_a_path() {
    let (stub, sandbox) = with_stub();
    for (name, why) in [
        ("", "is empty"),
        (" ", "is empty"),
        (".", "is a path"),
        ("..", "is a path"),
        ("a/b", "contains a slash"),
        ("../search", "contains a slash"),
        ("/", "contains a slash"),
        ("a b", "contains whitespace"),
        ("a\nb", "contains whitespace"),
    ] {
        for command in ["get", "history", "logs", "rollback", "delete"] {
            let more: &[&str] = match command {
                "rollback" => &["--git-sha", "1"],
                "delete" => &["--yes"],
                _ => &[],
            };
            let words = [&["deployments", command, name], more].concat();
            let shown = match name.trim() {
                "" => String::new(),
                name => format!(" '{}'", name.replace('\n', "\\n")),
            };
            let error = format!("error: the deployment name{shown} {why}\n");
            sandbox.args(words).code(2).stderr(&error).run();
        }
    }
    let one = r#"{"id": "x", "project_id": "p", "status": "Running"}"#;
    for (name, path) in [
        ("%2e%2e", "%252e%252e"),
        ("a%2fb", "a%252fb"),
        ("a?project_id=other#x", "a%3Fproject_id%3Dother%23x"),
        ("a\\b&c;d", "a%5Cb%26c%3Bd"),
        ("\u{e9}+\u{1f600}", "%C3%A9%2B%F0%9F%98%80"),
        ("...", "..."),
    ] {
        stub.expect(
            get(&format!("{DEPLOYMENTS}/{path}?include_events=false"))
                .query("project_id", "p&q=1#/+\u{e9}")
                .bearer(KEY)
                .json(200, one),
        );
        sandbox
            .args([
                "deployments",
                "get",
                name,
                "--project",
                "p&q=1#/+\u{e9}",
                "-o",
                "json",
            ])
            .any_stdout()
            .run();
        stub.verify();
    }
}

#[test]
fn control_characters_of_the_server_are_escaped() {
    let (plane, sandbox) = with_plane(two());
    plane.world().deployments[0].json["git_ref"] = json!("\u{1b}]0;x\u{7}a\u{202e}b\nc");
    plane.world().deployments[0].json["secret_names"] = json!(["\u{1b}[2J"]);
    let text = sandbox.cmd("deployments get search").any_stdout().run();
    assert_eq!(
        text.stdout.lines().last(),
        Some("search  gh:acme/search  \\u{1b}]0;x\\u{7}a\\u{202e}b\\nc  Running")
    );
    for format in ["json", "yaml"] {
        let run = sandbox.cmd("deployments get search -o").arg(format);
        let output = run.any_stdout().run();
        assert!(
            !output.stdout.contains(['\u{1b}', '\u{202e}', '\u{7}']),
            "{}",
            output.stdout
        );
        assert!(output.stdout.contains("\\u001b[2J"), "{}", output.stdout);
    }
}

#[test]
fn malformed_list_is_exit_3() {
    for (body, why) in [
        ("[]", "a field of the response has the wrong type"),
        ("{}", "the response lacks the field 'deployments'"),
        (
            r#"{"deployments": [{"id": "x"}]}"#,
            "the response lacks the field 'project_id'",
        ),
        ("<html>", "the response is an HTML page"),
        ("", "the response is empty"),
    ] {
        let (stub, sandbox) = with_stub();
        stub.expect(
            get(&format!("{DEPLOYMENTS}?project_id=proj-web"))
                .bearer(KEY)
                .json(200, body),
        );
        sandbox
            .cmd("deployments get")
            .stderr(&format!("error: [SERVER] does not respond like a control plane: {why}\nhint: check the URL; `llamactl environments get` lists the stored ones\n"))
            .code(3)
            .run();
    }
}

#[test]
fn history_keeps_order_and_times_as_sent() {
    let (plane, sandbox) = with_plane(World::populated(KEY));
    plane.world().deployments[0].history = vec![
        json!({"git_sha": "1111111111", "image_tag": "0.11.3", "released_at": "2026-01-01T12:00:00Z"}),
        json!({"git_sha": "abc", "image_tag": null, "released_at": "2026-01-02T12:00:00.500000+02:00"}),
        json!({"git_sha": "3333333333", "released_at": "2026-01-02T10:00:00Z"}),
        json!({"git_sha": "4444444444", "released_at": "once"}),
    ];
    sandbox
        .cmd("deployments history search")
        .stdout(
            "
            RELEASED_AT                       GIT_SHA  IMAGE_TAG
            2026-01-01T12:00:00Z              1111111  0.11.3
            2026-01-02T12:00:00.500000+02:00  abc      -
            2026-01-02T10:00:00Z              3333333  -
            once                              4444444  -
            ",
        )
        .run();
    let json = sandbox
        .cmd("deployments history search -o json")
        .any_stdout()
        .run()
        .json();
    assert_eq!(
        json[1],
        json!({"released_at": "2026-01-02T12:00:00.500000+02:00", "git_sha": "abc", "image_tag": null})
    );
    assert_eq!(
        json[0],
        json!({"released_at": "2026-01-01T12:00:00Z", "git_sha": "1111111111", "image_tag": "0.11.3"})
    );
    plane.world().deployments[0].history.clear();
    sandbox
        .cmd("deployments history search")
        .stderr("no releases of 'search' yet\n")
        .run();
    sandbox
        .cmd("deployments history search -o json")
        .stdout("[]\n")
        .run();
}

fn events(text: &str) -> Reply {
    Reply::with_body(200, "text/event-stream", text).chunked()
}

fn log(text: &str) -> String {
    let line =
        json!({"pod": "p", "container": "c", "text": text, "timestamp": "2026-01-01T00:00:00Z"});
    format!("event: log\ndata: {line}\n\n")
}

#[test]
fn logs_prints_one_line_per_event() {
    let (plane, sandbox) = with_plane(World::populated(KEY));
    sandbox
        .cmd("deployments logs search")
        .stdout("2026-01-02T12:00:00Z search-0/app listening\n2026-01-02T12:00:01Z search-0/app GET /health 200\n")
        .run();
    sandbox
        .cmd("deployments logs search --tail 1 --json")
        .stdout("{\"container\":\"app\",\"pod\":\"search-0\",\"text\":\"GET /health 200\",\"timestamp\":\"2026-01-02T12:00:01Z\"}\n")
        .run();
    sandbox
        .cmd("deployments logs chat")
        .stderr("no logs yet\n")
        .run();
    let lines = plane.server().lines();
    assert_eq!(lines[0], format!("GET {LOGS}"));
    assert_eq!(lines[1], format!("GET {}", LOGS.replace("200", "1")));
    let requests = plane.server().requests();
    assert_eq!(requests[0].header("accept"), Some("text/event-stream"));

    let (stub, sandbox) = with_stub();
    stub.expect(
        get(&format!(
            "{DEPLOYMENTS}/search/logs?project_id=other&follow=true&tail_lines=7&since_seconds=60"
        ))
        .query("include_init_containers", "true")
        .bearer(KEY)
        .header("accept", "text/event-stream")
        .reply(events(&log("x"))),
    );
    sandbox
        .cmd("deployments logs search --project other -f --tail=7 --since-seconds 60 --include-init-containers")
        .stdout("2026-01-01T00:00:00Z p/c x\n")
        .run();
    for (option, said) in [
        ("--tail 0", "error: --tail must be at least 1\n"),
        ("--tail -1", ""),
        ("--tail x", ""),
        ("--since-seconds 1.5", ""),
    ] {
        let run = sandbox
            .cmd(&format!("deployments logs search {option}"))
            .code(2);
        if said.is_empty() {
            run.any_stderr()
        } else {
            run.stderr(said)
        }
        .run();
    }
}

#[test]
fn logs_reads_every_form_of_server_sent_events() {
    let (stub, sandbox) = with_stub();
    let odd = [
        "\u{feff}: a comment\r\n\r\nretry: 1\r\n\r\n".to_string(),
        log("one"),
        log("two").replace('\n', "\r\n"),
        log("three").replace('\n', "\r"),
        log("four").replace(": ", ":"),
        "id: 9\ndata: {\"pod\":\"p\",\ndata: \"container\":\"c\",\"text\":\"five\",\"timestamp\":\"t\",\"more\":1}\nevent: log\n\n".to_string(),
        "event: ping\ndata: {\"text\":\"no\"}\n\ndata: {\"text\":\"no\"}\n\nevent: log\n\nevent: log\ndata:\n\n".to_string(),
        log("\u{1b}[31msix\u{1b}[0m\nand\tmore\r"),
        log(r#"{"event":"seven","level":"info","timestamp":"2026-01-01T09:08:07Z","port":80}"#),
        "event: log\ndata: not json\n\nevent: log\ndata: [1]\n\n".to_string(),
        format!("event: log\ndata: {{\"text\":\"{}\"}}\n\n", "x".repeat(2 << 20)),
        log("last"),
        "event: log\ndata: {\"text\":\"cut\"}".to_string(),
    ]
    .concat();
    stub.expect(get(LOGS).bearer(KEY).reply(events(&odd)).times(2));
    let warning = "warning: skipping log events that are too long or not JSON objects\n";
    sandbox
        .cmd("deployments logs search")
        .stdout(
            "
            2026-01-01T00:00:00Z p/c one
            2026-01-01T00:00:00Z p/c two
            2026-01-01T00:00:00Z p/c three
            2026-01-01T00:00:00Z p/c four
            t p/c five
            2026-01-01T00:00:00Z p/c \\u{1b}[31msix\\u{1b}[0m and more
            p/c 09:08:07 INFO     seven port=80
            2026-01-01T00:00:00Z p/c last
            ",
        )
        .stderr(warning)
        .run();
    let run = sandbox.cmd("deployments logs search --json").any_stdout();
    let output = run.stderr(warning).run();
    let lines: Vec<Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON in a line"))
        .collect();
    let texts: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["text"].as_str())
        .collect();
    assert_eq!(
        texts[..6],
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "\u{1b}[31msix\u{1b}[0m\nand\tmore\r"
        ]
    );
    assert_eq!((texts.len(), &lines[4]["more"]), (8, &json!(1)));
    assert!(!output.stdout.contains('\u{1b}'));
}

#[test]
fn logs_of_an_interrupted_stream_is_exit_3() {
    let text = [log("one"), log("two")].concat();
    for (name, reply) in [
        ("reset", events(&text).reset_after(text.len())),
        ("no last chunk", events(&text).close_after(text.len())),
        (
            "shorter than announced",
            Reply::with_body(200, "text/event-stream", text.as_str()).announce(100_000),
        ),
    ] {
        let (stub, sandbox) = with_stub();
        stub.expect(get(LOGS).bearer(KEY).reply(reply));
        let output = sandbox
            .cmd("deployments logs search")
            .any_stdout()
            .stderr_has("error: the log stream from [SERVER] was interrupted: ")
            .stderr_has(
                "\nhint: the output is complete up to there; run the command again for the rest\n",
            )
            .code(3)
            .run();
        // Not every reset lets the client read what came before it.
        let whole = "2026-01-01T00:00:00Z p/c one\n2026-01-01T00:00:00Z p/c two\n";
        assert!(
            whole.starts_with(&output.stdout),
            "{name}: {}",
            output.stdout
        );
        assert_eq!(
            output.stderr.lines().count(),
            2,
            "{name}: {}",
            output.stderr
        );
    }
    // The end of a connection that announced nothing is the end.
    let (stub, sandbox) = with_stub();
    let raw = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{}",
        log("one")
    );
    stub.expect(get(LOGS).bearer(KEY).reply(Reply::raw(raw)));
    sandbox
        .cmd("deployments logs search")
        .stdout("2026-01-01T00:00:00Z p/c one\n")
        .run();
}

#[test]
fn logs_of_a_deployment_that_has_not_started_says_so() {
    let (stub, sandbox) = with_stub();
    stub.expect(get(LOGS).bearer(KEY).reply(Reply::detail(
        409,
        "No ReplicaSet found for deployment search",
    )));
    sandbox
        .cmd("deployments logs search")
        .stderr("error: [SERVER] refused the request (409): No ReplicaSet found for deployment search\nhint: the deployment may not have started yet: `llamactl deployments get` shows its phase\n")
        .code(1)
        .run();
    // Retried like any GET.
    stub.expect(
        get(LOGS)
            .bearer(KEY)
            .reply(Reply::detail(503, "starting"))
            .reply(Reply::reset())
            .reply(events(&log("up"))),
    );
    sandbox
        .cmd("deployments logs search")
        .stdout("2026-01-01T00:00:00Z p/c up\n")
        .run();
    stub.expect(
        get(LOGS)
            .bearer(KEY)
            .reply(Reply::detail(503, "starting"))
            .times(3),
    );
    let run = sandbox.cmd("deployments logs search -v").code(3);
    let output = run
        .stderr_has("error: server error of [SERVER] (503): starting\n")
        .run();
    assert_eq!(
        output.stderr.matches("-> 503 in ").count(),
        3,
        "{}",
        output.stderr
    );
}

/// A server that streams what the test sends, until the sender is dropped.
fn with_stream() -> (Sender<Vec<u8>>, Server, Sandbox) {
    let (sender, messages) = channel();
    let reply = Reply::stream(200, "text/event-stream", messages);
    let server = Server::start(move |_| reply.clone());
    let sandbox = signed_in(&server.url());
    (sender, server, sandbox)
}

#[test]
fn logs_follow_prints_new_lines() {
    let (plane, sandbox) = with_plane(World::populated(KEY));
    let run = sandbox.cmd("deployments logs search --follow --tail 1");
    let running = run
        .stdout("2026-01-02T12:00:01Z search-0/app GET /health 200\n2026-01-02T12:00:02Z search-0/app new\n")
        .spawn();
    running.wait_for_stdout("/health 200\n");
    plane.log("search", "new");
    running.wait_for_stdout("new\n");
    // The end of the stream, as at a new rollout, ends the command: it does not reconnect.
    plane.end_logs();
    running.wait();
    assert_eq!(plane.server().lines().len(), 1);
}

#[test]
fn logs_follow_ends_with_a_signal() {
    let (sender, _server, sandbox) = with_stream();
    sender.send(log("one").into_bytes()).expect("a server");
    let mut terminal = sandbox.cmd("deployments logs search -f").terminal();
    terminal.expect("p/c one").send(b"\x03");
    let ended = terminal.wait();
    ended.assert_signal(Signal::INT).assert_restored();
    assert_eq!(ended.transcript, "2026-01-01T00:00:00Z p/c one\n^C");

    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (sender, _server, sandbox) = with_stream();
        sender.send(log("one").into_bytes()).expect("a server");
        let run = sandbox.cmd("deployments logs search -f").signal(signal);
        let mut running = run.stdout("2026-01-01T00:00:00Z p/c one\n").spawn();
        running.wait_for_stdout("one");
        running.signal(signal);
        running.wait();
    }
}

#[test]
fn logs_follow_keeps_ignored_signals_ignored() {
    let (sender, _server, sandbox) = with_stream();
    sandbox.program(
        "llamactl",
        &format!("exec '{}' \"$@\"", crate::support::LLAMACTL),
    );
    let script = "trap '' HUP INT; exec llamactl deployments logs search -f";
    let run = sandbox.args(["-c", script]).program("/bin/sh");
    let mut running = run
        .stdout("2026-01-01T00:00:00Z p/c one\n2026-01-01T00:00:00Z p/c two\n")
        .spawn();
    sender.send(log("one").into_bytes()).expect("a server");
    running.wait_for_stdout("one");
    running.signal(Signal::HUP);
    running.signal(Signal::INT);
    sender.send(log("two").into_bytes()).expect("a server");
    running.wait_for_stdout("two");
    drop(sender);
    running.wait();
}

#[test]
fn closed_pipe_is_no_error_and_full_disk_is_one() {
    let (stub, sandbox) = with_stub();
    sandbox.program(
        "llamactl",
        &format!("'{}' \"$@\"; echo \"$?\" >&2", crate::support::LLAMACTL),
    );
    let many = log("a line").repeat(10_000);
    for (follow, options) in [("false", ""), ("true", "-f")] {
        let path = LOGS.replace("follow=false", &format!("follow={follow}"));
        stub.expect(get(&path).bearer(KEY).reply(events(&many)));
        let script = format!("llamactl deployments logs search {options} | read -r line");
        sandbox
            .args(["-c", &script])
            .program("/bin/sh")
            .any_exit()
            .stderr("0\n")
            .run();
    }
    let plane = ControlPlane::start(two());
    Stored::at(&plane.url())
        .profile("work", "proj-web", KEY)
        .put(&sandbox);
    for command in ["get", "get -o json", "history search"] {
        let script = format!("llamactl deployments {command} | :");
        sandbox
            .args(["-c", &script])
            .program("/bin/sh")
            .stderr("0\n")
            .run();
    }
    // A full disk is one, also where it shows only at the end.
    if std::path::Path::new("/dev/full").exists() {
        let (stub, sandbox) = with_stub();
        stub.expect(get(LOGS).bearer(KEY).reply(events(&log("one"))));
        let script = format!(
            "exec '{}' deployments logs search > /dev/full",
            crate::support::LLAMACTL
        );
        sandbox
            .args(["-c", &script])
            .program("/bin/sh")
            .code(1)
            .stderr("error: standard output can't be written: No space left on device\n")
            .run();
    }
    if std::path::Path::new("/dev/full").exists() {
        for command in ["get", "get -o json", "logs search", "history search"] {
            let script = format!("llamactl deployments {command} > /dev/full");
            let run = sandbox.args(["-c", &script]).program("/bin/sh");
            let said = if command == "logs search" {
                "no logs yet\n0\n"
            } else {
                "error: standard output can't be written: No space left on device\n1\n"
            };
            run.stderr(said).run();
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn logs_memory_does_not_grow_with_the_number_of_events() {
    use std::time::{Duration, Instant};

    let highest = |count: usize, options: &str| {
        let (sender, _server, sandbox) = with_stream();
        sandbox.program(
            "llamactl",
            &format!("exec '{}' \"$@\" > log", crate::support::LLAMACTL),
        );
        let script = format!("exec llamactl deployments logs search {options}");
        let running = sandbox.args(["-c", &script]).program("/bin/sh").spawn();
        let mut written = 0;
        for batch in 0..count / 100 {
            let mut text = String::new();
            for i in 0..100 {
                let _ = write!(
                    text,
                    "{}",
                    log(&format!(
                        "event {batch:05} {i:02} with some more text to make a line of usual length"
                    ))
                );
            }
            sender.send(text.into_bytes()).expect("a server");
            written += 100;
        }
        // What is not yet a whole buffer of output comes with the end, and then it is too late to look.
        let expected = if options.contains("-f") {
            written
        } else {
            written - 100
        };
        let file = sandbox.cwd().join("log");
        let deadline = Instant::now() + Duration::from_secs(60);
        let lines = || std::fs::read_to_string(&file).map_or(0, |text| text.lines().count());
        let mut seen = lines();
        while seen < expected {
            assert!(Instant::now() < deadline, "only {seen} of {expected} lines");
            std::thread::sleep(Duration::from_millis(20));
            seen = lines();
        }
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", running.id())).expect("its status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .expect("its peak");
        let kilobytes: usize = line
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number");
        drop(sender);
        running.wait();
        assert_eq!(lines(), written);
        kilobytes
    };
    for options in ["", "-f --json"] {
        let (few, many) = (highest(1000, options), highest(100_000, options));
        assert!(
            many < few + 1024,
            "{options}: {few} kB for 1,000, {many} kB for 100,000"
        );
    }
}

#[test]
fn rollback_sends_the_commit() {
    let (plane, sandbox) = with_plane(World::populated(KEY));
    sandbox
        .cmd("deployments rollback search --git-sha 1111111")
        .stderr("rolled back 'search' to 1111111\n")
        .run();
    assert_eq!(plane.world().deployments[0].json["git_sha"], "1111111");
    assert_eq!(
        plane.server().requests()[0].text(),
        r#"{"git_sha":"1111111"}"#
    );
    sandbox
        .cmd("deployments rollback search")
        .stderr("error: --git-sha is missing\nhint: `llamactl deployments history search` lists the commits\n")
        .code(2)
        .run();
    sandbox
        .args(["deployments", "rollback", "search", "--git-sha", "a b"])
        .stderr("error: --git-sha 'a b' contains whitespace\n")
        .code(2)
        .run();
}

#[test]
fn rollback_is_never_sent_twice() {
    let path = format!("{DEPLOYMENTS}/search/rollback?project_id=proj-web");
    let may_be_done =
        "hint: the change may have been made: check with `llamactl deployments get search`\n";
    for (reply, code, said) in [
        (Reply::detail(502, "bad gateway"), 3, may_be_done),
        (Reply::detail(503, "down"), 3, may_be_done),
        (Reply::reset(), 3, may_be_done),
        (Reply::hang_up(), 3, may_be_done),
        (Reply::json(200, "{}").reset_in_head(), 3, may_be_done),
        (
            Reply::detail(429, "slow down"),
            3,
            "hint: try again later\n",
        ),
        (
            Reply::detail(422, "no such commit"),
            1,
            "error: [SERVER] refused the request (422): no such commit\n",
        ),
    ] {
        let (stub, sandbox) = with_stub();
        stub.expect(
            post(&path)
                .bearer(KEY)
                .json_body(json!({"git_sha": "1"}))
                .reply(reply),
        );
        let run = sandbox.cmd("deployments rollback search --git-sha 1");
        let output = run.stderr_has(said).code(code).run();
        assert!(output.stderr.lines().count() <= 2, "{}", output.stderr);
    }
}

#[test]
fn delete_requires_confirmation() {
    let (plane, sandbox) = with_plane(World::populated(KEY));
    let ids = |plane: &ControlPlane| -> Vec<String> {
        plane
            .world()
            .deployments
            .iter()
            .map(|d| d.id.clone())
            .collect()
    };
    let all = ids(&plane);
    sandbox
        .cmd("deployments delete search")
        .stdin("yes\n")
        .stderr("error: refusing to delete 'search' in project 'proj-web' of [SERVER] without --yes when not interactive\n")
        .code(2)
        .run();
    for answer in ["", "no", "n", "search", "yess"] {
        let mut terminal = sandbox.cmd("deployments delete search").terminal();
        terminal
            .expect("Delete 'search' in project 'proj-web' of ")
            .expect("? Type yes [no]: ")
            .type_line(answer)
            .expect("error: nothing was deleted");
        terminal.wait().assert_code(1).assert_restored();
    }
    let mut terminal = sandbox.cmd("deployments delete search").terminal();
    terminal.expect("[no]: ").send(b"\x03");
    terminal.wait().assert_signal(Signal::INT).assert_restored();
    let mut terminal = sandbox.cmd("deployments delete search").terminal();
    terminal.expect("[no]: ").send(b"\x04");
    terminal.wait().assert_code(1).assert_restored();
    assert_eq!((ids(&plane), plane.server().lines()), (all, Vec::new()));

    let mut terminal = sandbox.cmd("deployments delete search").terminal();
    terminal
        .expect("[no]: ")
        .type_line("Yes")
        .expect("deleted 'search'");
    terminal.wait().assert_code(0).assert_restored();
    sandbox
        .cmd("deployments delete --yes chat")
        .stderr("deleted 'chat'\n")
        .run();
    assert_eq!(ids(&plane), ["triage", "reader"]);
    assert_eq!(
        plane.server().lines(),
        ["search", "chat"].map(|id| format!("DELETE {DEPLOYMENTS}/{id}?project_id=proj-web"))
    );
}

#[test]
fn delete_after_a_lost_response_presumes_success() {
    let path = format!("{DEPLOYMENTS}/search?project_id=proj-web");
    let gone = || Reply::detail(404, "Deployment search not found");
    let presumed = "warning: 'search' no longer exists; the response to the first request was lost, so it was either deleted now or did not exist\n";
    let unknown =
        format!("error: no deployment named 'search' in project 'proj-web' of [SERVER]\n{UNKNOWN}");
    for (replies, code, said) in [
        (
            vec![Reply::detail(502, "bad gateway"), Reply::json(200, "null")],
            0,
            "deleted 'search'\n",
        ),
        (vec![Reply::detail(502, "bad gateway"), gone()], 0, presumed),
        (vec![Reply::reset(), gone()], 0, presumed),
        (
            vec![Reply::detail(504, "slow"), Reply::detail(503, "x"), gone()],
            0,
            presumed,
        ),
        // Refused for sure, so it was not there.
        (
            vec![Reply::detail(429, "slow down"), gone()],
            1,
            unknown.as_str(),
        ),
        (vec![gone()], 1, unknown.as_str()),
        // No control plane says that of a deployment.
        (
            vec![
                Reply::detail(502, "bad gateway"),
                Reply::detail(404, "Not Found"),
            ],
            3,
            "error: [SERVER] does not respond like a control plane: it has no such endpoint (404)\nhint: check the URL; `llamactl environments get` lists the stored ones\n",
        ),
        (
            vec![Reply::detail(503, "down"); 3],
            3,
            "error: server error of [SERVER] (503): down\nhint: try again later, or tell the server's operators\n",
        ),
    ] {
        let (stub, sandbox) = with_stub();
        let mut expected = delete(&path).bearer(KEY);
        for reply in replies {
            expected = expected.reply(reply);
        }
        stub.expect(expected);
        sandbox
            .cmd("deployments delete search --yes")
            .stderr(said)
            .code(code)
            .run();
    }
}

#[test]
fn logs_without_follow_time_out_after_30_seconds() {
    let (sender, _server, sandbox) = with_stream();
    sender.send(log("one").into_bytes()).expect("a reader");
    let output = sandbox
        .cmd("deployments logs search")
        .code(3)
        .stdout("2026-01-01T00:00:00Z p/c one\n")
        .stderr(
            "
            error: timed out reading the logs from [SERVER]
            hint: --tail and --since-seconds select fewer lines; --follow has no time limit
            ",
        )
        .run();
    let seconds = output.took.as_secs();
    assert!((29..45).contains(&seconds), "{seconds}");
}

/// A deployment at commit 2 whose branch `main` has moved on to commit 3.
fn outdated() -> Deployment {
    Deployment::new("proj-web", "app").commit("main", "3")
}

fn with_deployment(deployment: Deployment) -> (ControlPlane, Sandbox) {
    let mut world = World::populated(KEY);
    world.deployments = vec![deployment];
    with_plane(world)
}

const APP: &str = "/api/v1beta1/deployments/app?project_id=proj-web";

#[test]
fn update_prints_old_and_new_commit() {
    let (plane, sandbox) = with_deployment(outdated().commit("v2", "2").commit("next", "4"));
    for (command, stdout) in [
        ("deployments update app", "2222222 -> 3333333\n"),
        ("deployments update app", "no changes\n"),
        (
            "deployments update app --git-ref next",
            "3333333 -> 4444444\n",
        ),
        ("deployments update app", "no changes\n"),
        (
            "deployments update app --git-ref v2",
            "4444444 -> 2222222\n",
        ),
    ] {
        sandbox.cmd(command).stdout(stdout).run();
    }
    let each = [
        format!("GET {APP}&include_events=false"),
        format!("PATCH {APP}"),
    ];
    assert_eq!(
        plane.server().lines(),
        [&each; 5].map(Clone::clone).concat()
    );
    let requests = plane.server().requests();
    assert_eq!(requests[1].text(), r#"{"git_ref":"main"}"#);
    assert_eq!(requests[5].text(), r#"{"git_ref":"next"}"#);

    plane.world().deployments[0]
        .refs
        .insert("same".to_string(), "2".repeat(40));
    sandbox
        .cmd("deployments update app --git-ref same")
        .stdout("v2 -> same\n")
        .run();
    sandbox
        .cmd("deployments update app --git-ref gone")
        .stderr("error: [SERVER] refused the request (400): Could not resolve ref 'gone'\n")
        .code(1)
        .run();
}

#[test]
fn update_of_pushed_code_says_that_it_does_not_push() {
    let pushed = outdated().with("repo_url", json!("internal://"));
    let (_plane, sandbox) = with_deployment(pushed);
    sandbox
        .cmd("deployments update app")
        .stdout("2222222 -> 3333333\n")
        .stderr("'app' is deployed from pushed code: redeploying what was pushed last\n")
        .run();
    let (plane, sandbox) = with_deployment(outdated().with("git_ref", json!(null)));
    sandbox
        .cmd("deployments update app")
        .stdout("no changes\n")
        .stderr("warning: deployment 'app' has no Git reference; pass --git-ref to choose one\n")
        .run();
    assert_eq!(plane.server().requests()[1].text(), r#"{"git_ref":null}"#);
}

#[test]
fn suspend_and_resume_change_only_what_is_not_so_yet() {
    let (plane, sandbox) = with_deployment(outdated());
    for (command, stdout, requests) in [
        ("deployments resume app", "no changes\n", 1),
        ("deployments suspend app", "active -> suspended\n", 2),
        ("deployments suspend app", "no changes\n", 1),
        ("deployments resume app", "suspended -> active\n", 2),
    ] {
        let before = plane.server().requests().len();
        sandbox.cmd(command).stdout(stdout).run();
        assert_eq!(plane.server().requests().len() - before, requests);
    }
    let requests = plane.server().requests();
    assert_eq!(requests[2].text(), r#"{"suspended":true}"#);
    assert_eq!(requests[5].text(), r#"{"suspended":false}"#);
    // An update resumes.
    sandbox.cmd("deployments suspend app").any_stdout().run();
    plane.world().deployments[0]
        .refs
        .insert("main".to_string(), "2".repeat(40));
    sandbox
        .cmd("deployments update app")
        .stdout("suspended -> active\n")
        .run();
}

#[test]
fn update_is_never_sent_twice() {
    let unknown =
        "hint: the change may have been made: check with `llamactl deployments get app`\n";
    for (command, body) in [
        ("update app", json!({"git_ref": "main"})),
        ("suspend app", json!({"suspended": true})),
    ] {
        for (reply, code, stderr) in [
            (Reply::detail(502, "bad gateway"), 3, unknown),
            (Reply::detail(503, "down"), 3, unknown),
            (Reply::reset(), 3, unknown),
            (Reply::hang_up(), 3, unknown),
            (Reply::json(200, "{}").reset_in_head(), 3, unknown),
            (
                Reply::detail(429, "slow down"),
                3,
                "hint: try again later\n",
            ),
            (Reply::detail(422, "no such commit"), 1, "no such commit\n"),
            (Reply::detail(404, "Deployment app not found"), 1, UNKNOWN),
        ] {
            let (stub, sandbox) = with_stub();
            stub.expect(
                get(APP)
                    .query("include_events", "false")
                    .bearer(KEY)
                    .json(200, &outdated().json.to_string()),
            );
            stub.expect(
                request("PATCH", APP)
                    .bearer(KEY)
                    .json_body(body.clone())
                    .reply(reply),
            );
            let run = sandbox.cmd(&format!("deployments {command}"));
            let output = run.stderr_has(stderr).code(code).run();
            assert!(output.stderr.lines().count() <= 2, "{}", output.stderr);
            stub.verify();
        }
    }
}

#[test]
fn changes_refuse_half_a_pair_of_variables() {
    let (plane, sandbox) = with_deployment(outdated());
    for command in [
        "update",
        "suspend",
        "resume",
        "delete --yes",
        "rollback --git-sha 1",
    ] {
        for (set, value, missing) in [
            ("LLAMA_CLOUD_API_KEY", KEY, "LLAMA_AGENTS_PROJECT_ID"),
            ("LLAMA_AGENTS_PROJECT_ID", "p", "LLAMA_CLOUD_API_KEY"),
        ] {
            sandbox
                .cmd(&format!("deployments {command} app"))
                .env(set, value)
                .stderr_has(&format!("error: {set} is set, but {missing} is not\n"))
                .code(2)
                .run();
        }
    }
    assert!(plane.server().lines().is_empty());
}

#[test]
fn wait_ends_with_the_phase() {
    for (deployment, code, stdout, stderr) in [
        (outdated(), 0, "Running\n", "app: Running\n".to_string()),
        (
            outdated().phases(["Pending", "Running"]),
            0,
            "Running\n",
            "app: Pending\napp: Running\n".to_string(),
        ),
        (
            outdated().phases(["Sideways", "Running"]),
            0,
            "Running\n",
            "app: Sideways\napp: Running\n".to_string(),
        ),
        (
            outdated().phases(["Building"]).then(json!({
                "status": "BuildFailed",
                "warning": "npm: not found",
                "events": [
                    {"reason": "Pulled", "message": "Image pulled", "type": "Normal", "count": 2},
                    {"reason": "BackOff", "message": "Back-off\u{1b}[31m restarting"},
                    {"reason": null, "message": "bare"},
                ],
            })),
            1,
            "BuildFailed\n",
            "app: Building\napp: BuildFailed\nevent: Pulled: Image pulled\n\
            event: BackOff: Back-off\\u{1b}[31m restarting\nevent: bare\n\
            error: deployment 'app' failed: BuildFailed: npm: not found\n\
            hint: `llamactl deployments logs app` shows its logs\n"
                .to_string(),
        ),
        (
            outdated().with("status", json!("Suspended")),
            1,
            "Suspended\n",
            "app: Suspended\nerror: deployment 'app' is suspended\nhint: `llamactl deployments resume` resumes it\n"
                .to_string(),
        ),
    ] {
        let (_plane, sandbox) = with_deployment(deployment);
        sandbox
            .cmd("deployments wait app")
            .stdout(stdout)
            .stderr(&stderr)
            .code(code)
            .run();
    }
}

#[test]
fn wait_times_out_with_the_last_phase() {
    let pending = || {
        outdated()
            .with("status", json!("Pending"))
            .with("warning", json!("no nodes"))
    };
    for (timeout, requests) in [(0, 1), (1, 2)] {
        let (plane, sandbox) = with_deployment(pending());
        sandbox
            .cmd(&format!("deployments wait app --timeout {timeout}"))
            .stderr(&format!(
                "app: Pending\n\
                error: deployment 'app' did not settle within {timeout} seconds; its phase is 'Pending': no nodes\n\
                hint: wait longer with --timeout; `llamactl deployments logs app` shows its logs\n"
            ))
            .code(3)
            .run();
        let lines = plane.server().lines();
        assert_eq!(lines.len(), requests, "{lines:?}");
        assert_eq!(
            lines.last(),
            Some(&format!("GET {APP}&include_events=true"))
        );
    }
}

#[test]
fn wait_rides_out_what_does_not_last_and_nothing_else() {
    let reply = |phase: &str| {
        Reply::json(
            200,
            outdated().with("status", json!(phase)).json.to_string(),
        )
    };
    for (replies, code, stderr) in [
        (
            vec![
                reply("Pending"),
                Reply::detail(503, "x"),
                Reply::reset(),
                reply("Running"),
            ],
            0,
            "app: Pending\napp: Running\n",
        ),
        (
            vec![
                reply("Pending"),
                Reply::detail(404, "Deployment app not found"),
            ],
            1,
            "app: Pending\nerror: deployment 'app' was deleted while waiting for it\n",
        ),
        (
            vec![Reply::detail(404, "Deployment app not found")],
            1,
            "error: no deployment named 'app' in project 'proj-web' of [SERVER]\nhint: `llamactl deployments get` lists the deployments; --project selects another project\n",
        ),
        (
            vec![reply("Pending"), Reply::detail(401, "Invalid API key")],
            4,
            "app: Pending\nerror: [SERVER] rejected the API key of profile 'work' (401): Invalid API key\nhint: sign in with a valid key: `llamactl auth token`\n",
        ),
    ] {
        let (stub, sandbox) = with_stub();
        let mut expected = get(APP).query("include_events", "false").bearer(KEY);
        for reply in replies {
            expected = expected.reply(reply);
        }
        stub.expect(expected);
        sandbox
            .cmd("deployments wait app")
            .any_stdout()
            .stderr(stderr)
            .code(code)
            .run();
        stub.verify();
    }
}

#[test]
fn update_waits_for_the_new_phase() {
    let (plane, sandbox) =
        with_deployment(outdated().phases(["Running", "Running", "Pending", "Running"]));
    sandbox
        .cmd("deployments update app --wait --timeout 60")
        .stdout("2222222 -> 3333333\nRunning\n")
        .stderr("app: Running\napp: Pending\napp: Running\n")
        .run();
    assert_eq!(plane.server().lines().len(), 5);
    let (_plane, sandbox) = with_deployment(outdated().with("suspended", json!(true)).phases([
        "Suspended",
        "Suspended",
        "Pending",
        "Running",
    ]));
    sandbox
        .cmd("deployments resume app --wait")
        .stdout("suspended -> active\nRunning\n")
        .stderr("app: Suspended\napp: Pending\napp: Running\n")
        .run();
    let (_plane, sandbox) =
        with_deployment(outdated().phases(["Running", "RollingOut", "Running"]));
    sandbox
        .cmd("deployments rollback app --git-sha 1111111 --wait")
        .stdout("Running\n")
        .stderr("rolled back 'app' to 1111111\napp: RollingOut\napp: Running\n")
        .run();
    for command in ["update app", "resume app", "rollback app --git-sha 1"] {
        sandbox
            .cmd(&format!("deployments {command} --timeout 5"))
            .stderr("error: --timeout requires --wait\n")
            .code(2)
            .run();
    }
}

#[test]
fn rollback_on_a_terminal_offers_the_release_history() {
    let (plane, sandbox) = with_deployment(outdated());
    let mut terminal = sandbox.cmd("deployments rollback app").terminal();
    terminal
        .expect("1) 2222222 (2026-01-02T12:00:00Z, current)")
        .expect("2) 1111111 (2026-01-01T12:00:00Z)")
        .expect(": ")
        .type_line("2")
        .expect("rolled back 'app' to 1111111");
    terminal.wait().assert_code(0).assert_restored();
    let last = plane.server().requests().pop().expect("a request");
    assert_eq!(
        last.text(),
        format!(r#"{{"git_sha":"{}"}}"#, "1".repeat(40))
    );
    plane.world().deployments[0].history.clear();
    let mut terminal = sandbox.cmd("deployments rollback app").terminal();
    terminal.expect("error: no releases of 'app' yet");
    terminal.wait().assert_code(1);
}

/// The pipeline that the README shows, for a profile in place of the environment variables, and with the commit taken
/// from the JSON document.
fn readme_pipeline(app: &str) -> String {
    let readme = include_str!("../README.md");
    let (_, section) = readme.split_once("### In a pipeline").expect("the section");
    let (_, block) = section.split_once("```sh\n").expect("the script");
    let (script, _) = block.split_once("```").expect("its end");
    let lines = script.lines().filter(|line| !line.starts_with("export "));
    let script = lines.collect::<Vec<_>>().join("\n");
    assert!(script.contains("app=my-app\n"), "{script}");
    let commit = r#"-o json | /bin/sed -n 's/.*"git_sha": "\(.*\)",/\1/p'"#;
    script
        .replace("app=my-app\n", &format!("app={app}\n"))
        .replace("-o value=status.git_sha", commit)
}

#[test]
fn readme_pipeline_rolls_back_what_fails() {
    let rolled_back = ["RollingOut", "Running"];
    for (update, then, code, stdout, sha) in [
        (
            &["Pending", "Running"][..],
            &[][..],
            0,
            "2222222 -> 3333333\nRunning\n",
            "3",
        ),
        (
            &["Building", "BuildFailed", "BuildFailed"],
            &rolled_back[..],
            1,
            "2222222 -> 3333333\nBuildFailed\n2026-01-02T12:00:00Z app-0/app no such module\nRunning\n",
            "2",
        ),
        (
            &["RollingOut", "RolloutFailed", "RolloutFailed"],
            &rolled_back[..],
            1,
            "2222222 -> 3333333\nRolloutFailed\n2026-01-02T12:00:00Z app-0/app no such module\nRunning\n",
            "2",
        ),
    ] {
        let mut deployment = outdated().log("no such module");
        // `get`, `update` and `rollback` each read the deployment once before the phases of the wait.
        let failed = update.last().filter(|_| !then.is_empty());
        let phases = ["Running", "Running"]
            .iter()
            .chain(update)
            .chain(failed)
            .chain(then);
        let fields = phases.map(|phase| json!({ "status": phase }));
        deployment.upcoming.extend(fields);
        let (plane, sandbox) = with_deployment(deployment);
        sandbox.program(
            "llamactl",
            &format!("exec '{}' \"$@\"", crate::support::LLAMACTL),
        );
        sandbox
            .args(["-c", &readme_pipeline("app")])
            .program("/bin/sh")
            .env("COMMIT", "main")
            .code(code)
            .stdout(stdout)
            .any_stderr()
            .run();
        let json = plane.world().deployments[0].json.clone();
        assert_eq!(json["git_sha"], sha.repeat(40));
        assert_eq!(json["status"], "Running");
    }
    // An update that is refused changes nothing; the rollback is to the present release.
    let (plane, sandbox) = with_deployment(outdated());
    sandbox.program(
        "llamactl",
        &format!("exec '{}' \"$@\"", crate::support::LLAMACTL),
    );
    sandbox
        .args(["-c", &readme_pipeline("gone")])
        .program("/bin/sh")
        .env("COMMIT", "main")
        .code(1)
        .stderr_has("error: no deployment named 'gone'")
        .run();
    assert!(
        plane
            .server()
            .lines()
            .iter()
            .all(|line| !line.starts_with("PATCH"))
    );
}
