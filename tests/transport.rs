//! Connections: which certificates are trusted, SOCKS proxies, time limits whatever the other side sends, and the URLs
//! that a server names.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::secrets::KEY;
use crate::support::socks::{SocksProxy, SocksRequest};
use crate::support::tls::{Authority, CertFlaw};
use crate::support::{
    Reply, Run, Sandbox, Server, Stub, environment, get, parallel, profile, store, with,
};

const PROJECTS: &str = "/api/v1beta1/deployments/list-projects";
const EMPTY: &str = r#"{"projects": []}"#;

fn list(sandbox: &Sandbox) -> Run<'_> {
    sandbox.cmd("projects get -o json")
}

/// A TLS server with a flawed certificate, its URL in a sandbox that has the certificate in `server.pem`.
fn flawed(flaw: CertFlaw) -> (Sandbox, Stub) {
    let (config, pem) = Authority::new().server(flaw);
    let stub = Stub::tls(config);
    stub.expect(get(PROJECTS).bearer(KEY).json(200, EMPTY).any_times());
    let sandbox = Sandbox::new().signed_in(&stub.url());
    sandbox.knows(&stub);
    sandbox.write("server.pem", pem);
    (sandbox, stub)
}

/// Stores a CA file with the environment at `url`.
fn store_ca_file(sandbox: &Sandbox, url: &str, file: &str) {
    let path = sandbox.cwd().join(file);
    let environment = environment(url, &[profile("work", "proj-web", KEY)]);
    let environment = with(environment, "ca_file", path.to_string_lossy().into_owned());
    sandbox.write_store(&store(&environment));
    sandbox.replace(&path.to_string_lossy(), "[CA_FILE]");
}

#[test]
fn server_certificate_that_is_named_itself_is_trusted_but_for_dates_and_names() {
    for (flaw, reason) in [
        (CertFlaw::None, None),
        (CertFlaw::SelfSigned, None),
        (CertFlaw::SelfSignedCa, None),
        (
            CertFlaw::ExpiredCa,
            Some("its certificate expired on 2021-01-01"),
        ),
        (
            CertFlaw::Expired,
            Some("its certificate expired on 2021-01-01"),
        ),
        (
            CertFlaw::NotYetValid,
            Some("its certificate is not valid before 2999-01-01"),
        ),
        (
            CertFlaw::WrongName,
            Some("its certificate is for 'elsewhere.example', 'other.example'"),
        ),
    ] {
        for by_environment in [false, true] {
            let (sandbox, stub) = flawed(flaw);
            match by_environment {
                true => store_ca_file(&sandbox, &stub.url(), "server.pem"),
                false => sandbox.set_env("SSL_CERT_FILE", "server.pem"),
            }
            match reason {
                None => drop(list(&sandbox).stdout("[]\n").run()),
                Some(reason) => {
                    let error = format!("error: no secure connection to [SERVER]: {reason}");
                    list(&sandbox).code(3).stderr_has(&error).run();
                    assert!(stub.server().requests().is_empty(), "{flaw:?}");
                }
            }
        }
    }
}

#[test]
fn ca_file_is_trusted_for_its_environment_only() {
    let authority = Authority::new();
    let stub = Stub::tls(authority.server_config(CertFlaw::None));
    stub.expect(get(PROJECTS).bearer(KEY).json(200, EMPTY).any_times());
    let sandbox = Sandbox::new();
    sandbox.knows(&stub);
    sandbox.write("ca.pem", authority.pem());
    sandbox.write("other.pem", Authority::new().pem());
    store_ca_file(&sandbox, &stub.url(), "ca.pem");
    list(&sandbox).stdout("[]\n").run();
    // In addition to what SSL_CERT_FILE names, and with credentials from the environment variables.
    list(&sandbox)
        .env("SSL_CERT_FILE", "other.pem")
        .stdout("[]\n")
        .run();
    list(&sandbox)
        .env("LLAMA_CLOUD_API_KEY", KEY)
        .env("LLAMA_AGENTS_PROJECT_ID", "p")
        .env("LLAMA_CLOUD_BASE_URL", stub.url())
        .stdout("[]\n")
        .any_stderr()
        .run();
    // Another URL of the same server is another environment.
    let other = stub.url().replace("127.0.0.1", "localhost");
    list(&sandbox)
        .env("LLAMA_CLOUD_API_KEY", KEY)
        .env("LLAMA_AGENTS_PROJECT_ID", "p")
        .env("LLAMA_CLOUD_BASE_URL", &other)
        .env("SSL_CERT_FILE", "other.pem")
        .code(3)
        .stderr_has("its certificate is from an unknown issuer\n")
        .run();
}

#[test]
fn ca_file_that_cannot_be_used_is_named() {
    let stub = Stub::tls(Authority::new().server_config(CertFlaw::None));
    for (content, reason) in [
        (None, "No such file or directory"),
        (Some("no certificate"), "it contains no certificate"),
    ] {
        let sandbox = Sandbox::new();
        store_ca_file(&sandbox, &stub.url(), "ca.pem");
        if let Some(content) = content {
            sandbox.write("ca.pem", content);
        }
        list(&sandbox)
            .code(3)
            .stderr_has(&format!(
                "error: the CA file '[CA_FILE]' cannot be used: {reason}\n"
            ))
            .run();
    }
    assert_eq!(stub.server().connections(), 0);
}

fn socks_request(target: &str, user: Option<&str>) -> SocksRequest {
    SocksRequest {
        target: target.to_string(),
        user: user.map(str::to_string),
    }
}

#[test]
fn socks_proxy_resolves_the_name_if_it_is_socks5h() {
    let server = Server::start(|_| Reply::json(200, EMPTY));
    let run = |scheme: &str, host: &str| {
        let proxy = SocksProxy::start(Some(server.address()));
        let sandbox = Sandbox::new().signed_in(&format!("http://{host}"));
        sandbox.secret("hunter2");
        let run = list(&sandbox)
            .env("HTTP_PROXY", format!("{scheme}{}", proxy.address()))
            .anything()
            .run();
        (proxy.requests(), run)
    };
    let (requests, output) = run("socks5h://", "plane.invalid");
    assert_eq!(requests, [socks_request("plane.invalid:80", None)]);
    assert_eq!(output.stdout, "[]\n");
    let (requests, output) = run("socks5h://me:hunter2@", "plane.invalid:8000");
    assert_eq!(
        requests,
        [socks_request("plane.invalid:8000", Some("me:hunter2"))]
    );
    assert_eq!(output.stdout, "[]\n");
    let (requests, output) = run("socks5://", "10.255.255.1");
    assert_eq!(requests, [socks_request("10.255.255.1:80", None)]);
    assert_eq!(output.stdout, "[]\n");
    // `socks5` resolves here, where the name does not exist.
    let (requests, output) = run("socks5://", "plane.invalid");
    assert_eq!(requests, []);
    assert!(
        output.stderr.contains("there is no such host"),
        "{}",
        output.stderr
    );
}

#[test]
fn socks_proxy_that_refuses_is_named_without_its_password() {
    let proxy = SocksProxy::start(None);
    let sandbox = Sandbox::new().signed_in("https://plane.invalid");
    sandbox.secret("hunter2");
    sandbox.replace(&proxy.address().to_string(), "[PROXY]");
    list(&sandbox)
        .env("ALL_PROXY", format!("socks5h://me:hunter2@{}", proxy.address()))
        .env("SSL_CERT_FILE", sandbox.write("ca.pem", Authority::new().pem()))
        .code(3)
        .stderr(
            "
            error: the proxy socks5h://[PROXY] of ALL_PROXY refused to connect to https://plane.invalid: connection refused
            hint: check the URL, or list the server in NO_PROXY if it needs no proxy
            ",
        )
        .run();
}

/// A server that sends these bytes to every client, one each second.
fn dripping(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
    let address = listener.local_addr().expect("the port just bound");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                for byte in bytes.iter().cycle() {
                    if stream.write_all(&[*byte]).is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_secs(1));
                }
            });
        }
    });
    address
}

#[test]
fn byte_by_byte_responses_end_within_the_time_limits() {
    // Side by side: each waits for the real limit.
    parallel(3, |i| {
        let header: &[u8] = b"HTTP/1.1 200 OK\r\nX-Padding: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n";
        let sandbox = Sandbox::new();
        sandbox.write("ca.pem", Authority::new().pem());
        sandbox.set_env("SSL_CERT_FILE", "ca.pem");
        let sandbox = match i {
            // A proxy that responds to CONNECT.
            0 => {
                let proxy = dripping(header);
                sandbox.set_env("HTTP_PROXY", format!("http://{proxy}"));
                sandbox.signed_in("http://plane.invalid")
            }
            // A response head.
            1 => sandbox.signed_in(&format!("http://{}", dripping(header))),
            // A TLS record.
            _ => {
                let record = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xf0\x03\x03";
                sandbox.signed_in(&format!("https://{}", dripping(record)))
            }
        };
        let limit = Duration::from_secs(70);
        let output = list(&sandbox).code(3).any_stderr().limit(limit).run();
        let seconds = output.took.as_secs();
        assert!((8..65).contains(&seconds), "{i}: {seconds}");
    });
}

/// URLs that must not be requested on behalf of a remote control plane that uses https. `TRAP` is a port on loopback.
const HOSTILE: &[&str] = &[
    "http://localhost:TRAP/_shutdown?x=1",
    "http://127.0.0.1:TRAP/",
    "http://[::1]:TRAP/",
    "https://localhost:TRAP/",
    "https://127.0.0.1:TRAP/",
    "https://127.1:TRAP/",
    "https://127.0.0.2:TRAP/",
    "https://2130706433:TRAP/",
    "https://0x7f000001:TRAP/",
    "https://0x7f.0.0.1:TRAP/",
    "https://017700000001:TRAP/",
    "https://0177.0.0.1:TRAP/",
    "https://0:TRAP/",
    "https://0.0.0.0:TRAP/",
    "https://[::]:TRAP/",
    "https://[::1]:TRAP/",
    "https://[0:0:0:0:0:0:0:1]:TRAP/",
    "https://[::ffff:127.0.0.1]:TRAP/",
    "https://[::ffff:7f00:1]:TRAP/",
    "https://LOCALHOST:TRAP/",
    "https://localhost.:TRAP/",
    "https://x.localhost:TRAP/",
    "HTTPS://localhost:TRAP/",
    "HTTP://LocalHost:TRAP/",
    "http://plane.example/",
    "http://plane.example:443/",
    "http://plane.example:TRAP/",
    "http://other.example/",
    "http://10.0.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "https://user:password@other.example/",
    "https://user@plane.example/",
    "https://plane.example@localhost:TRAP/",
    "https://plane.example:443@other.example/",
    "https://other.example\\@plane.example/",
    "https://localhost:TRAP\\@plane.example/",
    "https://other.example:0/",
    "https://other.example:99999/",
    "https://other.example /",
    "https://[plane.example]/",
    "file:///etc/passwd",
    "ftp://other.example/",
    "gopher://localhost:TRAP/",
    "javascript:alert(1)",
    "data:application/json,{}",
];

#[test]
fn hostile_urls_of_a_remote_control_plane_are_not_requested() {
    let trap = Server::start(|_| Reply::status(404));
    let authority = Authority::new();
    let hostile = Arc::new(Mutex::new(String::new()));
    let named = hostile.clone();
    // Names the URL wherever it can: as a redirect, as discovery and as metadata.
    let plane = Server::start_tls(
        authority.server_config_for("plane.example"),
        move |request| {
            let url = named.lock().expect("the URL").clone();
            match request.path.as_str() {
                "/api/v1/auth/oidc/discovery" => Reply::json(
                    200,
                    json!({"discovery_url": url, "client_ids": {"cli": "c"}}).to_string(),
                ),
                _ => Reply::redirect(302, &url),
            }
        },
    );
    let address = plane.address();
    let proxy = Server::start(move |request| match request.line().as_str() {
        "CONNECT plane.example:443" => Reply::tunnel(address),
        _ => Reply::status(502),
    });
    let sandbox = Sandbox::new().signed_in("https://plane.example");
    sandbox.write("ca.pem", authority.pem());
    sandbox.set_env("SSL_CERT_FILE", "ca.pem");
    sandbox.set_env("ALL_PROXY", proxy.url());
    for url in HOSTILE {
        let url = url.replace("TRAP", &trap.address().port().to_string());
        hostile.lock().expect("the URL").clone_from(&url);
        parallel(5, |i| {
            let run = match i {
                0 => sandbox.cmd("environments add https://plane.example"),
                1 => sandbox.cmd("auth login --no-browser"),
                2 => sandbox
                    .cmd("auth token --project p --name new --api-key")
                    .arg(KEY),
                3 => sandbox.cmd("deployments get"),
                _ => list(&sandbox),
            };
            let output = run.code(3).any_stderr().run();
            assert!(
                output.stderr.starts_with("error: "),
                "{url}: {}",
                output.stderr
            );
        });
    }
    let asked = proxy.lines();
    assert!(
        asked.iter().all(|line| line == "CONNECT plane.example:443"),
        "{asked:?}"
    );
    assert_eq!(trap.connections(), 0);
}

#[test]
fn key_that_a_server_repeats_is_masked_after_decoding() {
    let escape = |text: String, c: char| text + &format!("\\u{:04x}", u32::from(c));
    let escaped = KEY.chars().fold(String::new(), escape);
    for (reply, stderr) in [
        (
            Reply::json(
                400,
                format!(r#"{{"detail":"bad {escaped}","correlation_id":"c-1"}}"#),
            ),
            "error: [SERVER] refused the request (400): bad **** (request c-1)\n",
        ),
        (
            Reply::json(
                400,
                format!(r#"{{"detail":"bad","request_id":"{escaped}"}}"#),
            ),
            "error: [SERVER] refused the request (400): bad (request ****)\n",
        ),
        (
            Reply::detail(400, "bad").header("x-request-id", KEY),
            "error: [SERVER] refused the request (400): bad (request ****)\n",
        ),
        (
            Reply::json(500, r#"{"detail":"broken","correlation_id":"c-2"}"#),
            "(500): broken (request c-2)\n",
        ),
        (
            Reply::redirect(302, &format!("https://h/{KEY}")),
            "error: [SERVER] redirects to https://h/**** (302)\n",
        ),
    ] {
        let stub = Stub::new();
        stub.expect(get(PROJECTS).bearer(KEY).reply(reply));
        let sandbox = Sandbox::new().signed_in(&stub.url());
        sandbox.knows(&stub);
        list(&sandbox).any_exit().stderr_has(stderr).run();
    }
}

#[test]
fn html_403_of_a_proxy_is_no_rejected_key() {
    let stub = Stub::new();
    let page = Reply::html(403, "<!DOCTYPE html><title>Blocked</title>");
    stub.expect(get(PROJECTS).bearer(KEY).reply(page).times(2));
    let sandbox = Sandbox::new().at(&stub.url());
    sandbox.knows(&stub);
    let before = sandbox.stored();
    for command in ["auth token --project p --api-key", "auth token --api-key"] {
        sandbox
            .cmd(command)
            .arg(KEY)
            .code(3)
            .stderr_has("error: [SERVER] responded with an HTML page (403), probably from a proxy in between\n")
            .run();
    }
    assert_eq!(sandbox.stored(), before);
}
