//! That the workbench catches what it is there to catch. It runs shell scripts here, so that nothing of this depends on
//! what `llamactl` does.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::secrets::{KEY, OTHER_KEY, key_like};
use crate::support::tls::{Authority, CertFlaw};
use crate::support::{
    ControlPlane, Exit, Gate, Reply, Run, Sandbox, Server, Stub, World, get, parallel, post,
};

/// What a piece of a test fails with.
fn failure(task: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(task)).expect_err("this should have failed");
    *panic.downcast::<String>().expect("a panic with a text")
}

/// Runs a shell script in place of `llamactl`.
fn sh<'a>(sandbox: &'a Sandbox, script: &str) -> Run<'a> {
    sandbox.args(["-c", script]).program("/bin/sh")
}

/// Sends bytes to a server and reads what comes until the end.
fn exchange(server: &Server, request: &str) -> (Vec<u8>, io::Result<()>) {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream
        .write_all(request.as_bytes())
        .expect("a request sent");
    // Half closed: a server that keeps the connection open sees that nothing more will come.
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer).map(drop);
    (answer, end)
}

/// Status and body of a request, with this key if it is not empty.
fn call(server: &Server, request: &str, key: &str, body: &str) -> (u16, String) {
    let authorization = if key.is_empty() {
        String::new()
    } else {
        format!("authorization: Bearer {key}\r\n")
    };
    let length = body.len();
    let request = format!(
        "{request} HTTP/1.1\r\nhost: x\r\n{authorization}content-length: {length}\r\n\r\n{body}"
    );
    let (answer, end) = exchange(server, &request);
    end.expect("a whole answer");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head[9..12].parse().expect("a status"), body.to_string())
}

#[test]
fn run_compares_whole_outputs() {
    let sandbox = Sandbox::new();
    sh(&sandbox, "echo out; echo err >&2; exit 3")
        .stdout("out\n")
        .stderr("err\n")
        .code(3)
        .run();
    sh(&sandbox, "echo a; echo '  b'")
        .stdout("\n    a\n      b\n")
        .run();
    sh(&sandbox, "echo one; echo two").stdout_has("two").run();

    assert!(failure(|| drop(sh(&sandbox, "echo out").run())).contains("stdout"));
    assert!(failure(|| drop(sh(&sandbox, "echo err >&2").run())).contains("stderr"));
    assert!(
        failure(|| drop(sh(&sandbox, "exit 1").run())).contains("expected Code(0), got Code(1)")
    );
    assert!(
        failure(|| drop(sh(&sandbox, "echo a").stdout_has("b").run())).contains(r#"lacks ["b"]"#)
    );
    let hang = sh(&sandbox, "exec sleep 60")
        .machine_path()
        .limit(Duration::from_millis(100));
    assert!(failure(|| drop(hang.run())).contains("still running after"));
}

#[test]
fn run_starts_with_an_isolated_environment() {
    let sandbox = Sandbox::new().env("A", "1");
    let run = sh(&sandbox, "env; pwd; cat").env("B", "2").stdin("typed\n");
    let output = run.machine_path().any_stdout().run();
    // The shell adds PWD and the like by itself.
    let mut lines: Vec<&str> = output.stdout.lines().collect();
    lines.retain(|l| {
        !["PATH=", "OLDPWD=", "SHLVL=", "_=", "LLVM_"]
            .iter()
            .any(|own| l.starts_with(own))
    });
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "A=1",
            "B=2",
            "HOME=[HOME]",
            "PWD=[CWD]",
            "TERM=dumb",
            "[CWD]",
            "typed"
        ]
    );

    sandbox.write("sub/file", "text");
    sandbox.set_mode("sub/file", 0o600);
    sandbox.set_mode("sub", 0o700);
    sh(&sandbox, "cat file; command -v cat >&2 || exit 7")
        .cwd("sub")
        .no_env("HOME")
        .anything()
        .run();
    assert_eq!(sandbox.cwd_tree(), ["700 sub/", "600 sub/file"]);
    assert_eq!(sandbox.home_tree(), Vec::<String>::new());
    sandbox.program("tool", "echo \"tool $1\"");
    sh(&sandbox, "tool x").stdout("tool x\n").run();
}

#[test]
fn run_fails_if_a_key_is_printed() {
    let sandbox = Sandbox::new();
    let stub = Stub::new();
    sandbox.knows(&stub);
    stub.expect(
        get("/")
            .bearer("an unusual token")
            .any_times()
            .reply(Reply::status(204)),
    );
    for secret in [KEY, "an unusual token", "llx-never-registered-1"] {
        let run = sh(&sandbox, &format!("echo 'x{secret}y' >&2")).any_stderr();
        let message = failure(|| drop(run.run()));
        assert!(message.contains("full key"), "{message}");
        sh(&sandbox, &format!("echo '{secret}'"))
            .any_stdout()
            .may_show_keys()
            .run();
    }
    sh(&sandbox, "echo 'llx-01****mnop llx-... llx-your-api-key'")
        .any_stdout()
        .run();
    assert_eq!(
        key_like("--api-key llx-0123456789ab."),
        Some("llx-0123456789ab")
    );
}

#[test]
fn run_supports_waiting_signals_and_parallel_runs() {
    let sandbox = Sandbox::new();
    let mut running = sh(&sandbox, "echo ready; exec sleep 60")
        .machine_path()
        .stdout("ready\n");
    running = running.signal(Signal::TERM);
    let mut running = running.spawn();
    running.wait_for_stdout("ready");
    running.signal(Signal::TERM);
    running.wait();
    let numbers = parallel(8, |i| {
        sh(&sandbox, &format!("echo {i}")).any_stdout().run().stdout
    });
    assert_eq!(numbers.concat(), "0\n1\n2\n3\n4\n5\n6\n7\n");
}

#[test]
fn stub_fails_on_unexpected_and_missing_requests() {
    let stub = Stub::new();
    stub.expect(
        get("/a?x=1&y=%20")
            .bearer(KEY)
            .header("Accept", "*/*")
            .json(200, "[]"),
    );
    let text = failure(|| {
        assert_eq!(call(stub.server(), "GET /a?x=2", KEY, "").0, 500);
        stub.verify();
    });
    for part in [
        "unexpected request: GET /a?x=2",
        "query: expected",
        "accept: expected",
        "came 0 times",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // What is not mentioned must not be there.
    for (key, body) in [(KEY, ""), ("", "body")] {
        stub.expect(get("/").reply(Reply::status(204)).any_times());
        assert_eq!(call(stub.server(), "GET /", key, body).0, 500);
        assert!(failure(|| stub.verify()).contains("unexpected request"));
    }
    let unused = Stub::new();
    unused.expect(get("/never").json(200, "{}"));
    assert!(failure(|| drop(unused)).contains("GET /never: expected 1 times, came 0 times"));
}

#[test]
fn stub_sends_its_responses_in_order() {
    let stub = Stub::new();
    let form = [("grant_type", "a b"), ("code", "&")];
    stub.expect(
        post("/token")
            .form(&form)
            .json(400, "slow")
            .reply(Reply::html(502, "<p>"))
            .times(3),
    );
    stub.expect(
        post("/keys")
            .json_body(json!({"a": 1, "b": null}))
            .json(201, "made"),
    );
    let body = "code=%26&grant_type=a+b";
    let statuses: Vec<u16> = (0..3)
        .map(|_| call(stub.server(), "POST /token", "", body).0)
        .collect();
    assert_eq!(statuses, [400, 502, 502]);
    assert_eq!(
        call(stub.server(), "POST /keys", "", r#"{"b":null, "a":1}"#),
        (201, "made".to_string())
    );
    assert_eq!(
        stub.server().lines().last().map(String::as_str),
        Some("POST /keys")
    );
    assert_eq!(stub.server().connections(), 4);
    stub.verify();

    stub.in_order();
    stub.expect(get("/1").json(200, ""))
        .expect(get("/2").json(200, ""));
    assert_eq!(call(stub.server(), "GET /2", "", "").0, 500);
    assert!(failure(|| stub.verify()).contains("unexpected request: GET /2"));
}

#[test]
fn server_truncates_and_resets_as_configured() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let whole = Reply::json(200, "0123456789");
    for (reply, rest, reset) in [
        (whole.clone(), "content-length: 10\r\n\r\n0123456789", false),
        (
            whole.clone().close_after(4),
            "content-length: 10\r\nconnection: close\r\n\r\n0123",
            false,
        ),
        (
            whole.clone().announce(99),
            "content-length: 99\r\nconnection: close\r\n\r\n0123456789",
            false,
        ),
        (
            whole.clone().chunked(),
            "transfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
            false,
        ),
        (
            whole.clone().reset_after_head(),
            "content-length: 10\r\n\r\n",
            true,
        ),
        (
            whole.clone().reset_after(4),
            "content-length: 10\r\n\r\n0123",
            true,
        ),
    ] {
        let server = Server::start(move |_| reply.clone());
        let (answer, end) = exchange(&server, "GET / HTTP/1.1\r\n\r\n");
        assert_eq!(
            (String::from_utf8_lossy(&answer), end.is_err()),
            ((HEAD.to_string() + rest).into(), reset)
        );
    }
    for (reply, expected, reset) in [
        (Reply::raw("nonsense"), "nonsense", false),
        (Reply::hang_up(), "", false),
        (Reply::reset(), "", true),
        (whole.reset_in_head(), &HEAD[..35], true),
    ] {
        let server = Server::start(move |_| reply.clone());
        let (answer, end) = exchange(&server, "GET / HTTP/1.1\r\n\r\n");
        assert_eq!(
            (String::from_utf8_lossy(&answer), end.is_err()),
            (expected.into(), reset)
        );
    }
}

#[test]
fn server_delays_as_configured() {
    let drip = Duration::from_millis(5);
    let server = Server::start(move |_| {
        Reply::json(200, "0123456789")
            .delay(drip)
            .drip_head(drip / 5)
            .drip(drip)
    });
    let started = Instant::now();
    assert_eq!(call(&server, "GET /", "", "").0, 200);
    assert!(started.elapsed() > 11 * drip);

    let gate = Gate::default();
    let held = gate.clone();
    let server = Server::start(move |_| Reply::json(200, "").hold(&held));
    thread::scope(|scope| {
        let client = scope.spawn(|| call(&server, "GET /", "", ""));
        server.wait_for_requests(1);
        assert!(!client.is_finished());
        gate.open();
        assert_eq!(client.join().expect("an answer").0, 200);
    });

    // What never ends, ends with the server.
    let server = Server::start(|_| Reply::json(200, "x".repeat(1000)).endless());
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .expect("a request sent");
    let mut part = vec![0; 1_000_000];
    stream.read_exact(&mut part).expect("a million bytes");
    drop(stream);
    drop(server);
}

#[test]
fn server_acts_as_a_connect_proxy() {
    let target = Server::start(|request| Reply::json(200, request.line()));
    let to = target.address();
    let proxy = Server::start(move |_| Reply::tunnel(to));
    let mut stream = TcpStream::connect(proxy.address()).expect("a connection");
    stream
        .write_all(b"CONNECT a.example:80 HTTP/1.1\r\n\r\n")
        .expect("a request sent");
    let mut head = [0; 39];
    stream.read_exact(&mut head).expect("the proxy's answer");
    stream
        .write_all(b"GET /through HTTP/1.1\r\n\r\n")
        .expect("a request sent");
    stream.shutdown(Shutdown::Write).expect("half closed");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the target's answer");
    assert!(answer.ends_with("GET /through"), "{answer}");
    assert_eq!(proxy.lines(), ["CONNECT a.example:80"]);
}

#[test]
fn certificates_have_the_requested_defects() {
    let authority = Authority::new();
    let pem = authority.pem();
    for (flaw, reason) in [
        (CertFlaw::None, ""),
        (CertFlaw::Expired, "Expired"),
        (CertFlaw::WrongName, "NotValidForName"),
        (CertFlaw::SelfSigned, "UnknownIssuer"),
    ] {
        let server = Server::start_tls(authority.server_config(flaw), |_| Reply::json(200, "{}"));
        let roots = ureq::tls::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
        let roots = ureq::tls::RootCerts::Specific(Arc::new(vec![roots]));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ureq::tls::TlsConfig::builder()
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = ureq::Agent::config_builder()
            .proxy(None)
            .tls_config(tls)
            .build();
        let answer = ureq::Agent::new_with_config(config)
            .get(server.url())
            .call();
        match answer {
            Ok(_) => assert_eq!(flaw, CertFlaw::None),
            Err(error) => assert!(
                !reason.is_empty() && format!("{error:?}").contains(reason),
                "{flaw:?}: {error:?}"
            ),
        }
    }
}

#[test]
fn control_plane_responds_like_the_service() {
    let plane = ControlPlane::start(World::populated(KEY));
    let api = "/api/v1beta1/deployments";
    let ask = |request: &str, key: &str| {
        let (method, path) = request.split_once(' ').expect("a method and a path");
        let path = if path.starts_with('/') {
            path.to_string()
        } else {
            format!("{api}{}", path.trim_start_matches('.'))
        };
        let (status, body) = call(plane.server(), &format!("{method} {path}"), key, "");
        (
            status,
            serde_json::from_str::<serde_json::Value>(&body).unwrap_or_default(),
        )
    };
    let detail = |text: &str| json!({ "detail": text });
    assert_eq!(
        ask("GET ./list-projects", ""),
        (401, detail("Not authenticated"))
    );
    assert_eq!(
        ask("GET ./list-projects", OTHER_KEY),
        (401, detail("Invalid API key"))
    );
    let labs = json!([{"project_id": "proj-research", "project_name": "Research", "deployment_count": 1, "org_id": "org-labs"}]);
    assert_eq!(
        ask("GET ./list-projects?org_id=org-labs", KEY),
        (200, json!({"projects": labs}))
    );
    assert_eq!(
        ask("GET ./organizations", KEY).1["organizations"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(
        ask("GET /api/v1beta1/deployments-public/version", "").1["requires_auth"],
        json!(true)
    );
    assert_eq!(ask("GET .", KEY).0, 422);
    assert_eq!(
        ask("GET .?project_id=proj-web", KEY).1["deployments"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(
        ask("GET ./search/history?project_id=proj-web", KEY).1["history"][1]["git_sha"],
        json!("1".repeat(40))
    );
    assert_eq!(
        ask("GET ./search?project_id=proj-support", KEY),
        (404, detail("Deployment search not found"))
    );
    assert_eq!(
        ask("DELETE ./search?project_id=proj-web", KEY),
        (200, json!(null))
    );
    assert_eq!(ask("GET ./search?project_id=proj-web", KEY).0, 404);
    assert_eq!(ask("GET /api/v1/auth/oidc/discovery", "").0, 501);
    assert_eq!(ask("GET /elsewhere", KEY), (404, detail("Not Found")));

    let rollback = "POST /api/v1beta1/deployments/triage/rollback?project_id=proj-support";
    assert_eq!(call(plane.server(), rollback, KEY, "{}").0, 422);
    assert_eq!(
        call(plane.server(), rollback, KEY, r#"{"git_sha": "1"}"#).0,
        200
    );
    let (status, made) = call(
        plane.server(),
        "POST /api/v1/api-keys",
        KEY,
        r#"{"name": "n", "project_id": null}"#,
    );
    let made: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    let minted = made["redacted_api_key"].as_str().expect("a key");
    assert_eq!((status, ask("GET /api/v1/auth/me", minted).0), (201, 200));
    assert_eq!(ask("DELETE /api/v1/api-keys/key-1", KEY).0, 204);
    assert_eq!(ask("GET /api/v1/auth/me", minted).0, 401);
}

#[test]
fn control_plane_streams_logs() {
    let plane = ControlPlane::start(World::populated(KEY));
    let logs = "GET /api/v1beta1/deployments/search/logs?project_id=proj-web&tail_lines=1";
    let (_, body) = call(plane.server(), &format!("{logs}&follow=false"), KEY, "");
    assert_eq!(body.matches("event: log").count(), 1, "{body}");
    thread::scope(|scope| {
        let follower = scope.spawn(|| call(plane.server(), logs, KEY, "").1);
        plane.server().wait_for_requests(2);
        plane.log("search", "a new line");
        plane.end_logs();
        let body = follower.join().expect("an answer");
        assert!(
            body.contains("GET /health 200") && body.contains("a new line"),
            "{body}"
        );
    });
}

#[test]
fn terminal_is_a_pseudo_terminal() {
    let sandbox = Sandbox::new();
    let script = "test -t 0 && test -t 2 && stty size; printf 'name: ' >&2; read -r name; echo \"<$name>\"; exit 5";
    let mut terminal = sh(&sandbox, script).machine_path().terminal();
    terminal
        .expect("24 80")
        .expect("name: ")
        .type_line("Ada")
        .expect("<Ada>");
    let ended = terminal.wait();
    ended.assert_code(5).assert_restored();
    assert_eq!(ended.transcript, "24 80\nname: Ada\n<Ada>\n");

    let mut terminal = sh(&sandbox, "echo data; echo shown >&2").terminal_stdout_to("data.txt");
    terminal.expect("shown");
    assert_eq!(terminal.wait().transcript, "shown\n");
    assert_eq!(sandbox.read("data.txt"), "data\n");
}

#[test]
fn terminal_reports_its_final_settings() {
    let sandbox = Sandbox::new();
    let silent = "stty -echo; printf 'key: '; read -r key; echo; echo ${#key}";
    let mut terminal = sh(&sandbox, silent).machine_path().terminal();
    terminal.expect("key: ").type_line(KEY).expect("30");
    let ended = terminal.wait();
    ended.assert_code(0);
    assert!(failure(|| drop(ended.assert_restored().clone())).contains("the terminal's settings"));

    let mut terminal = sh(&sandbox, "echo ready; exec sleep 60")
        .machine_path()
        .terminal();
    terminal.expect("ready").send(b"\x03");
    let ended = terminal.wait();
    ended.assert_restored();
    assert_eq!(ended.exit, Exit::Signal(Signal::INT.as_raw()));

    let mut terminal = sh(
        &sandbox,
        "trap 'exit 130' INT; echo ready; while :; do sleep 1; done",
    )
    .machine_path()
    .terminal();
    terminal.expect("ready").send(b"\x03");
    terminal.wait().assert_code(130);

    let mut terminal = sh(&sandbox, &format!("echo {KEY}; read -r x")).terminal();
    terminal.expect("llx-").type_line("");
    assert!(failure(|| drop(terminal.wait())).contains("full key"));
}
