//! Requests: connections, retries, time limits, redirects, response sizes, proxies, certificates, and what is shown.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use crate::support::secrets::KEY;
use crate::support::stub::Expectation;
use crate::support::tls::{Authority, CertFlaw};
use crate::support::{
    Closed, ControlPlane, Gate, Output, Reply, Run, STORE, Sandbox, Server, Stub, World,
    environment, get, parallel, request, store,
};

const PROJECTS: &str = "/api/v1beta1/deployments/list-projects";
const VERSION: &str = "/api/v1beta1/deployments-public/version";
const EMPTY: &str = r#"{"projects": []}"#;

/// A control plane that is reachable only through a proxy.
const FAR: &str = "http://plane.invalid";
const FAR_WARNING: &str =
    "warning: credentials go to http://plane.invalid unencrypted; use https if the server has it\n";

/// A sandbox with a profile for that server, whose URL is `[SERVER]` in outputs.
fn at(stub: &Stub) -> Sandbox {
    let sandbox = Sandbox::new().signed_in(&stub.url());
    sandbox.knows(stub);
    sandbox
}

fn list(sandbox: &Sandbox) -> Run<'_> {
    sandbox.cmd("projects get -o json")
}

/// Runs `projects get` against a server that sends these replies one after the other, and checks its output.
fn answered(replies: impl IntoIterator<Item = Reply>, code: i32, stderr: &str) -> Output {
    let stub = Stub::new();
    let expected = get(PROJECTS).bearer(KEY);
    stub.expect(replies.into_iter().fold(expected, Expectation::reply));
    let sandbox = at(&stub);
    let stdout = if code == 0 { "[]\n" } else { "" };
    list(&sandbox)
        .code(code)
        .stdout(stdout)
        .stderr(stderr)
        .run()
}

fn busy(status: u16) -> Reply {
    Reply::status(status).header("retry-after", "0")
}

#[test]
fn one_connection_is_used_again() {
    let mut world = World::populated(KEY);
    world.capabilities.clear();
    let plane = ControlPlane::start(world);
    let sandbox = Sandbox::new().signed_in(&plane.url());
    // One request for the organizations, and one for whether there are any.
    sandbox
        .cmd("organizations get -o json")
        .stdout("[]\n")
        .run();
    assert_eq!(plane.server().requests().len(), 2);
    assert_eq!(plane.server().connections(), 1);
}

#[test]
fn overloaded_server_is_tried_three_times() {
    for status in [429, 502, 503, 504] {
        answered([busy(status), busy(status), Reply::json(200, EMPTY)], 0, "");
    }
    answered(
        [busy(503), busy(503), Reply::detail(429, "Slow down")],
        3,
        "error: [SERVER] is overloaded (429): Slow down\nhint: try again later\n",
    );
    // Other statuses are not retried.
    let error = "error: server error of [SERVER] (500)\nhint: try again later, or tell the server's operators\n";
    answered([busy(500)], 3, error);
    answered(
        [busy(408)],
        3,
        "error: [SERVER] is overloaded (408)\nhint: try again later\n",
    );
}

#[test]
fn retry_after_is_obeyed_up_to_ten_seconds() {
    let wait = |text: &str| Reply::status(503).header("retry-after", text);
    let output = answered([wait("1"), Reply::json(200, EMPTY)], 0, "");
    assert!(output.took >= Duration::from_secs(1), "{:?}", output.took);
    answered([wait("0.2"), Reply::json(200, EMPTY)], 0, "");
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    answered([wait(past), Reply::json(200, EMPTY)], 0, "");
    // A longer wait than 10 seconds is quoted instead.
    for long in [
        "11",
        "10.5",
        "3600",
        "18446744073709551615",
        "Fri, 31 Dec 2100 23:59:59 GMT",
    ] {
        let error = format!(
            "error: server error of [SERVER] (503)\nhint: try again later; the server sent Retry-After: {long}, or tell the server's operators\n"
        );
        let output = answered([wait(long)], 3, &error);
        assert!(output.took < Duration::from_secs(5), "{:?}", output.took);
    }
    // An invalid value is ignored.
    for text in ["-1", "soon", ""] {
        answered([wait(text), Reply::json(200, EMPTY)], 0, "");
    }
}

#[test]
fn lost_connection_is_retried() {
    let whole = || Reply::json(200, EMPTY);
    let rows = [
        Reply::reset(),
        Reply::hang_up(),
        whole().reset_in_head(),
        whole().reset_after_head(),
        whole().reset_after(3),
        whole().close_after(3),
        whole().announce(1 << 40),
    ];
    // In parallel: each waits a second between the attempts.
    parallel(rows.len(), |i| {
        answered([rows[i].clone(), rows[i].clone(), whole()], 0, "");
    });
    let stub = Stub::new();
    stub.expect(get(PROJECTS).bearer(KEY).reply(Reply::reset()).times(3));
    let sandbox = at(&stub);
    list(&sandbox)
        .code(3)
        .stderr(
            "error: the connection to [SERVER] broke: connection reset by peer\nhint: try again\n",
        )
        .run();
}

#[test]
fn refused_connection_is_exit_3_and_changes_nothing() {
    let closed = Closed::new();
    let sandbox = Sandbox::new().signed_in(&closed.url());
    sandbox.replace(&closed.url(), "[CLOSED]");
    let lines = [
        "projects get",
        "organizations get -o yaml",
        "projects use x",
        "auth token --api-key llx-short",
    ];
    parallel(lines.len(), |i| {
        sandbox
            .cmd(lines[i])
            .code(3)
            .stderr(
                "
                error: [CLOSED] can't be reached: connection refused
                hint: check the URL, the network and the proxy settings
                ",
            )
            .run();
    });
    let before = sandbox.read(STORE);
    let line = sandbox.cmd("environments add").arg(closed.url());
    line.code(3).any_stderr().run();
    assert_eq!(sandbox.read(STORE), before);
}

#[test]
fn request_times_out_after_30_seconds() {
    // In parallel: both wait for the real limit.
    parallel(2, |i| {
        let gate = Gate::default();
        let reply = match i {
            0 => Reply::json(200, EMPTY).hold(&gate),
            _ => Reply::json(200, vec![b' '; 1000]).drip(Duration::from_secs(1)),
        };
        let stub = Stub::new();
        // Once: a time-out is not retried.
        stub.expect(get(PROJECTS).bearer(KEY).reply(reply));
        let sandbox = Sandbox::new().at(&stub.url());
        sandbox.knows(&stub);
        let line = sandbox.cmd("auth token -v --project p --api-key");
        let output = line.arg(KEY).any_stderr().run();
        pretty_assertions::assert_eq!(
            untimed(&output.stderr),
            format!(
                "GET [SERVER]{PROJECTS} -> timed out in N ms\n\
                warning: the key was not verified: [SERVER] did not respond within 30 seconds\n\
                created profile 'llx-01****mnop' in [SERVER] and made it current\n"
            )
        );
        let seconds = output.took.as_secs();
        assert!((29..45).contains(&seconds), "{seconds}");
        gate.open();
    });
}

#[test]
fn credentials_follow_no_redirect() {
    let thief = Stub::new();
    for status in [301, 302, 303, 307, 308] {
        for target in [format!("{}/x?k=v", thief.url()), "/elsewhere".to_string()] {
            let stub = Stub::new();
            stub.expect(
                get(PROJECTS)
                    .bearer(KEY)
                    .reply(Reply::redirect(status, &target)),
            );
            let sandbox = at(&stub);
            sandbox.knows_as("THIEF", &thief);
            let shown = match target.starts_with('/') {
                true => "/elsewhere",
                false => "[THIEF]/x",
            };
            list(&sandbox)
                .code(3)
                .stderr(&format!(
                    "error: [SERVER] redirects to {shown} ({status})\nhint: credentials never follow a redirect; if that URL is right, add it with `llamactl environments add`\n"
                ))
                .run();
        }
    }
    assert_eq!(thief.server().connections(), 0);
}

#[test]
fn redirects_without_credentials_are_followed_three_times() {
    let version = || Reply::json(200, r#"{"version": "1", "requires_auth": true}"#);
    let add = |stub: &Stub| {
        let sandbox = Sandbox::new();
        sandbox.knows(stub);
        sandbox
    };
    let stub = Stub::new();
    let based = format!("/base{VERSION}");
    stub.expect(get(VERSION).reply(Reply::redirect(301, "/a")))
        .expect(get("/a").reply(Reply::redirect(302, "b?c=d")))
        .expect(get("/b?c=d").reply(Reply::redirect(308, &(stub.url() + &based))))
        .expect(get(&based).reply(version()));
    let sandbox = add(&stub);
    sandbox
        .cmd("environments add")
        .arg(stub.url())
        .stderr(
            "
            [SERVER] redirects to [SERVER]/base
            added environment [SERVER]/base, which requires authentication, and made it current
            ",
        )
        .run();
    assert_eq!(sandbox.stored(), store(&environment("[SERVER]/base", &[])));

    // A fourth redirect is not followed.
    let stub = Stub::new();
    stub.expect(get(VERSION).reply(Reply::redirect(307, VERSION)).times(4));
    let sandbox = add(&stub);
    sandbox
        .cmd("environments add")
        .arg(stub.url())
        .code(3)
        .stderr_has(&format!("error: [SERVER] redirects to {VERSION} (307)\n"))
        .run();
    assert_eq!(sandbox.home_tree(), Vec::<String>::new());

    // Other schemes, and an empty target.
    for target in ["javascript:alert(1)", "file:///etc/passwd", "ftp://x/", ""] {
        let stub = Stub::new();
        stub.expect(get(VERSION).reply(Reply::redirect(302, target)));
        let run = add(&stub);
        let run = run.cmd("environments add").arg(stub.url());
        run.code(3)
            .stderr_has("error: [SERVER] redirects to ")
            .run();
    }
}

#[test]
fn redirect_to_a_url_with_a_query_is_not_stored() {
    let stub = Stub::new();
    stub.expect(get(VERSION).reply(Reply::redirect(302, "/b?c=d")))
        .expect(get("/b?c=d").json(200, r#"{"version": "1"}"#));
    let sandbox = Sandbox::new();
    sandbox.knows(&stub);
    sandbox
        .cmd("environments add")
        .arg(stub.url())
        .code(3)
        .stderr(
            "
            error: [SERVER] redirects to '[SERVER]/b?c=d'
            hint: if that is the control plane, add that URL instead
            ",
        )
        .run();
    assert_eq!(sandbox.home_tree(), Vec::<String>::new());
}

#[test]
fn redirect_to_another_host_is_not_stored() {
    let other = Stub::new();
    other.expect(get(VERSION).json(200, r#"{"version": "1"}"#));
    let elsewhere = other.url().replace("127.0.0.1", "localhost");
    let stub = Stub::new();
    stub.expect(get(VERSION).reply(Reply::redirect(302, &(elsewhere.clone() + VERSION))));
    let sandbox = Sandbox::new();
    sandbox.knows(&stub);
    sandbox.replace(&elsewhere, "[OTHER]");
    sandbox
        .cmd("environments add")
        .arg(stub.url())
        .code(3)
        .stderr(
            "
            error: [SERVER] redirects to '[OTHER]'
            hint: if that is the control plane, add that URL instead
            ",
        )
        .run();
    assert_eq!(sandbox.home_tree(), Vec::<String>::new());
}

#[test]
fn redirect_from_https_to_http_is_refused() {
    let plain = Stub::new();
    let authority = Authority::new();
    let stub = Stub::tls(authority.server_config(CertFlaw::None));
    let target = plain.url() + VERSION;
    stub.expect(get(VERSION).reply(Reply::redirect(302, &target)));
    let sandbox = Sandbox::new().env("SSL_CERT_FILE", "ca.pem");
    sandbox.write("ca.pem", authority.pem());
    sandbox.knows(&stub);
    sandbox.knows_as("PLAIN", &plain);
    sandbox
        .cmd("environments add")
        .arg(stub.url())
        .code(3)
        .stderr_has(&format!(
            "error: [SERVER] redirects to '[PLAIN]{VERSION}', which is not https\n"
        ))
        .run();
    assert_eq!(plain.server().connections(), 0);
}

#[test]
fn response_is_limited_to_8_mib() {
    let limit = 8 * 1024 * 1024;
    let padded = |length: usize| {
        let mut body = EMPTY.as_bytes().to_vec();
        body.resize(length, b' ');
        Reply::json(200, body)
    };
    answered([padded(limit)], 0, "");
    answered([padded(limit).chunked()], 0, "");
    let too_long = "error: [SERVER] sent more than 8 MiB\nhint: no control plane sends that much; check the URL\n";
    for reply in [
        padded(limit + 1),
        padded(limit + 1).chunked(),
        Reply::json(200, "x".repeat(10_000)).endless(),
        // The limit holds for error responses, too.
        Reply::html(404, "x".repeat(10_000)).endless(),
    ] {
        let output = answered([reply], 3, too_long);
        assert!(output.took < Duration::from_secs(20), "{:?}", output.took);
    }
}

#[test]
fn unrequested_encodings_are_not_decoded() {
    let not_json = "error: [SERVER] does not respond like a control plane: the response is not JSON\nhint: check the URL; `llamactl environments get` lists the stored ones\n";
    let gzip: &[u8] =
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xabV*(\xca\xcfJM.)V\xb2R\x88\x8e\xad\x05\x00";
    answered(
        [Reply::json(200, gzip).header("content-encoding", "gzip")],
        3,
        not_json,
    );
    answered(
        [Reply::json(200, b"\xff\xfe{\x00}\x00".as_slice())],
        3,
        not_json,
    );
    answered([Reply::json(200, "{\"projects\": [\0]}")], 3, not_json);
    // The content type does not matter.
    answered([Reply::with_body(200, "text/plain", EMPTY)], 0, "");
    let stub = Stub::new();
    let expected = get(PROJECTS)
        .bearer(KEY)
        .header("accept", "application/json");
    stub.expect(expected.no_header("accept-encoding").json(200, EMPTY));
    list(&at(&stub)).stdout("[]\n").run();
}

/// A proxy, and a sandbox with a profile for [`FAR`].
fn behind_a_proxy() -> (Stub, Sandbox) {
    let proxy = Stub::new();
    let sandbox = Sandbox::new().signed_in(FAR);
    sandbox.replace(&proxy.server().address().to_string(), "[PROXY]");
    (proxy, sandbox)
}

#[test]
fn proxy_gets_a_connect_request() {
    let plane = ControlPlane::start(World::populated(KEY));
    let (proxy, sandbox) = behind_a_proxy();
    for (variable, value) in [
        ("HTTP_PROXY", proxy.url()),
        ("http_proxy", proxy.url()),
        ("ALL_PROXY", proxy.url()),
        ("all_proxy", proxy.server().address().to_string()),
        ("HTTP_PROXY", proxy.url().to_uppercase() + "/"),
    ] {
        let connect = request("CONNECT", "plane.invalid:80").no_header("proxy-authorization");
        proxy.expect(connect.reply(Reply::tunnel(plane.server().address())));
        sandbox
            .cmd("projects get proj-web")
            .env(variable, value)
            .stdout(
                "
                NAME     PROJECT_ID  DEPLOYMENTS  ACTIVE
                Website  proj-web    2            yes
                ",
            )
            .stderr(FAR_WARNING)
            .run();
        proxy.verify();
    }
    let heard = plane.server().requests();
    assert!(
        heard
            .iter()
            .all(|r| r.header("host") == Some("plane.invalid"))
    );
    assert!(
        heard
            .iter()
            .all(|r| r.header("proxy-authorization").is_none())
    );

    // The lower-case name counts before the upper-case one, the scheme's own before the one for all.
    let connect = request("CONNECT", "plane.invalid:80").times(2);
    proxy.expect(connect.reply(Reply::tunnel(plane.server().address())));
    for wrong in ["HTTP_PROXY", "ALL_PROXY"] {
        list(&sandbox)
            .env("http_proxy", proxy.url())
            .env(wrong, "http://wrong.invalid")
            .env("HTTPS_PROXY", "http://wrong.invalid")
            .any_stdout()
            .stderr(FAR_WARNING)
            .run();
    }
}

#[test]
fn proxy_credentials_go_to_the_proxy_only() {
    let plane = ControlPlane::start(World::populated(KEY));
    let (proxy, sandbox) = behind_a_proxy();
    sandbox.secret("hunter2");
    // ada:hunter2@x, of which the last part is percent-encoded.
    let connect = request("CONNECT", "plane.invalid:80");
    let connect = connect.header("proxy-authorization", "Basic YWRhOmh1bnRlcjJAeA==");
    proxy.expect(connect.reply(Reply::tunnel(plane.server().address())));
    let url = proxy.url().replace("http://", "http://ada:hunter2%40x@");
    list(&sandbox)
        .arg("-v")
        .env("HTTP_PROXY", &url)
        .any_stdout()
        .stderr_has(FAR_WARNING)
        .run();
    let heard = &plane.server().requests()[0];
    assert!(heard.header("proxy-authorization").is_none());

    // Refused, it is said who refused.
    let connect = request("CONNECT", "plane.invalid:80")
        .header("proxy-authorization", "Basic YWRhOmh1bnRlcjI=");
    proxy.expect(connect.reply(Reply::status(407).close()));
    let url = proxy.url().replace("http://", "http://ada:hunter2@");
    list(&sandbox)
        .env("HTTP_PROXY", &url)
        .code(3)
        .stderr(&format!(
            "{FAR_WARNING}error: the proxy http://[PROXY] of HTTP_PROXY requires another user or password to connect to http://plane.invalid (407)\nhint: set them in the proxy's URL, http://USER:PASSWORD@HOST:PORT, percent-encoded\n"
        ))
        .run();
}

#[test]
fn failing_proxy_is_named() {
    let (proxy, sandbox) = behind_a_proxy();
    let closed = Closed::new();
    sandbox.replace(&closed.url(), "[CLOSED]");
    let run = |url: &str| list(&sandbox).env("HTTP_PROXY", url).code(3);
    run(&closed.url())
        .stderr(&format!(
            "{FAR_WARNING}error: the proxy [CLOSED] of HTTP_PROXY can't be reached: connection refused\nhint: check the URL, the network and the proxy settings\n"
        ))
        .run();
    run("http://proxy.invalid:3128")
        .stderr(&format!(
            "{FAR_WARNING}error: the proxy http://proxy.invalid:3128 of HTTP_PROXY can't be reached: there is no such host\nhint: check the URL, the network and the proxy settings\n"
        ))
        .run();
    for reply in [
        Reply::status(502).close(),
        Reply::raw("not HTTP\r\n\r\n"),
        Reply::hang_up(),
        Reply::reset(),
    ] {
        proxy.expect(
            request("CONNECT", "plane.invalid:80")
                .reply(reply)
                .at_least_once(),
        );
        run(&proxy.url())
            .stderr_has("the proxy http://[PROXY] of HTTP_PROXY")
            .run();
        proxy.verify();
    }
}

#[test]
fn certificate_of_the_proxy_is_verified() {
    let authority = Authority::new();
    let proxy = Stub::tls(authority.server_config(CertFlaw::Expired));
    let sandbox = Sandbox::new().signed_in(FAR);
    sandbox.knows_as("PROXY", &proxy);
    sandbox.write("ca.pem", authority.pem());
    list(&sandbox)
        .env("SSL_CERT_FILE", "ca.pem")
        .env("HTTP_PROXY", proxy.url())
        .code(3)
        .stderr_has("error: no secure connection to http://plane.invalid (through the proxy [PROXY] of HTTP_PROXY): its certificate expired on 2021-01-01 00:00 UTC ")
        .run();
    assert_eq!(proxy.server().requests().len(), 0);
}

#[test]
fn invalid_proxy_setting_is_an_error_not_a_direct_connection() {
    // The server is reachable: a direct connection would succeed.
    let plane = ControlPlane::start(World::populated(KEY));
    let direct = plane.url().replace("127.0.0.1", "0.0.0.0");
    let sandbox = Sandbox::new().signed_in(&direct);
    sandbox.secret("hunter2");
    let scheme = "has a scheme other than http, https, socks5 and socks5h";
    for (value, why) in [
        ("socks4://u:hunter2@proxy:1080", scheme),
        ("socks4a://proxy", scheme),
        ("ftp://u:hunter2@proxy", scheme),
        ("socks5://u:hunter2@proxy:99999", "has no valid port"),
        ("http://", "has no valid host name"),
        ("http://u:hunter2@", "has no valid host name"),
        ("http://u:hunter2@proxy:99999", "has no valid port"),
        ("http://u:hunter2@proxy:port", "has no valid port"),
        ("http://u:hunter2@proxy/path", "has a path"),
        (
            "http://u:hunt er2@proxy",
            "contains characters that URLs do not have",
        ),
        (
            "http://u:hunter2\u{f6}@proxy",
            "contains characters that URLs do not have",
        ),
        (
            "http://u:h@unter2@proxy",
            "has a user or password that must be percent-encoded",
        ),
        ("proxy:hunter2", "has no valid port"),
        ("://", scheme),
    ] {
        for variable in ["HTTP_PROXY", "all_proxy"] {
            list(&sandbox)
                .env(variable, value)
                .code(3)
                .stderr(&format!(
                    "error: the proxy in {variable} {why}\nhint: set {variable} to http://HOST:PORT or socks5h://HOST:PORT, or unset it, or list the server in NO_PROXY\n"
                ))
                .run();
        }
    }
    assert_eq!(plane.server().connections(), 0);
    // It does not matter where it is not used.
    for (name, value) in [
        ("NO_PROXY", "0.0.0.0"),
        ("no_proxy", "elsewhere, 0.0.0.0/8"),
        ("NO_PROXY", "*"),
        ("HTTP_PROXY", ""),
    ] {
        list(&sandbox)
            .env("HTTP_PROXY", "socks5://proxy")
            .env(name, value)
            .any_stdout()
            .any_stderr()
            .run();
    }
    let loopback = Sandbox::new().signed_in(&plane.url());
    list(&loopback)
        .env("HTTP_PROXY", "socks5://proxy")
        .any_stdout()
        .run();
    list(&loopback)
        .env("HTTPS_PROXY", "socks5://proxy")
        .any_stdout()
        .run();
}

/// A server with a certificate, and what a run says with those variables.
fn trusted(flaw: CertFlaw, named: &str, set: impl Fn(&Sandbox, &Authority)) -> (Sandbox, Stub) {
    let authority = Authority::new();
    let stub = Stub::tls(authority.server_config(flaw));
    let url = stub.url().replace("127.0.0.1", named);
    let sandbox = Sandbox::new().signed_in(&url);
    sandbox.replace(&url, "[SERVER]");
    sandbox.write("ca.pem", authority.pem());
    set(&sandbox, &authority);
    (sandbox, stub)
}

#[test]
fn authority_in_ssl_cert_file_or_dir_is_trusted() {
    let file = |sandbox: &Sandbox, _: &Authority| sandbox.set_env("SSL_CERT_FILE", "ca.pem");
    let bundle = |sandbox: &Sandbox, authority: &Authority| {
        // Among others, with text around it, as distributions ship them.
        let other = Authority::new().pem();
        // A server's key lies there, too, in some places.
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let text = format!("# Ours\n{key}{other}\r\n{}", authority.pem());
        sandbox.write("bundle.pem", text);
        sandbox.set_env("SSL_CERT_FILE", "bundle.pem");
    };
    let directory = |sandbox: &Sandbox, _: &Authority| {
        sandbox.write("certs/README", "nothing in here");
        sandbox.write("certs/other.pem", Authority::new().pem());
        let link = sandbox.cwd().join("certs/0a1b2c3d.0");
        std::os::unix::fs::symlink("../ca.pem", link).expect("a link");
        sandbox.set_env("SSL_CERT_DIR", "certs");
    };
    let both = |sandbox: &Sandbox, _: &Authority| {
        sandbox.write("other.pem", Authority::new().pem());
        sandbox.write("certs/0a1b2c3d.0", sandbox.read("ca.pem"));
        sandbox.set_env("SSL_CERT_FILE", "other.pem");
        sandbox.set_env("SSL_CERT_DIR", "certs");
    };
    for named in ["127.0.0.1", "localhost"] {
        for (flaw, set) in [
            (CertFlaw::None, &file as &dyn Fn(&Sandbox, &Authority)),
            (CertFlaw::None, &bundle),
            (CertFlaw::None, &directory),
            (CertFlaw::None, &both),
        ] {
            let (sandbox, stub) = trusted(flaw, named, set);
            stub.expect(get(PROJECTS).bearer(KEY).json(200, EMPTY).times(2));
            for more in ["-v", "--native-tls"] {
                list(&sandbox).arg(more).stdout("[]\n").any_stderr().run();
            }
        }
    }
}

#[test]
fn flawed_certificate_is_explained_and_no_key_is_sent() {
    for (flaw, why, hint) in [
        (
            CertFlaw::Expired,
            "its certificate expired on 2021-01-01 00:00 UTC (this machine's clock: NOW)",
            "if the clock is right, the server needs a new certificate",
        ),
        (
            CertFlaw::NotYetValid,
            "its certificate is not valid before 2999-01-01 00:00 UTC (this machine's clock: NOW)",
            "check this machine's clock",
        ),
        (
            CertFlaw::WrongName,
            "its certificate is for 'elsewhere.example', 'other.example'",
            "check the host in the URL",
        ),
        (
            CertFlaw::SelfSigned,
            "its certificate is from an unknown issuer",
            UNKNOWN_ISSUER,
        ),
        (
            CertFlaw::SelfSignedCa,
            "its certificate is from an unknown issuer",
            UNKNOWN_ISSUER,
        ),
    ] {
        let (sandbox, stub) = trusted(flaw, "127.0.0.1", |sandbox, _| {
            sandbox.set_env("SSL_CERT_FILE", "ca.pem");
        });
        let output = list(&sandbox).code(3).any_stderr().run();
        pretty_assertions::assert_eq!(
            without_clock(&output.stderr),
            format!("error: no secure connection to [SERVER]: {why}\nhint: {hint}\n")
        );
        // `auth token` treats the server as unreachable.
        let run = sandbox.cmd("auth token --project p --name new --api-key");
        run.arg(KEY)
            .stderr_has("warning: the key was not verified: no secure connection to [SERVER]: its certificate ")
            .run();
        assert!(stub.server().requests().is_empty());
        // Not retried: two commands, two connections.
        assert_eq!(stub.server().connections(), 2);
    }
    // The system's store, if there is one, does not contain the authority.
    for native in ["-v", "--native-tls"] {
        let (sandbox, stub) = trusted(CertFlaw::None, "127.0.0.1", |_, _| {});
        list(&sandbox)
            .arg(native)
            .code(3)
            .stderr_has("error: ")
            .run();
        assert!(stub.server().requests().is_empty());
    }
}

#[test]
fn unusable_certificate_files_are_named() {
    let check = |name: &'static str, value: &'static str, why: &str| {
        let (sandbox, stub) = trusted(CertFlaw::None, "127.0.0.1", |sandbox, _| {
            sandbox.write("text.pem", "no certificate");
            sandbox.write("empty.pem", "");
            fs::create_dir(sandbox.cwd().join("empty")).expect("a directory");
            sandbox.set_env(name, value);
        });
        for native in ["-v", "--native-tls"] {
            list(&sandbox)
                .arg(native)
                .code(3)
                .stderr_has(&format!(
                    "error: the certificates of {name}, '{value}', cannot be used: {why}\nhint: set {name} to PEM certificates, or unset it to trust the system's store\n"
                ))
                .run();
        }
        assert_eq!(stub.server().connections(), 0);
    };
    check("SSL_CERT_FILE", "missing.pem", "No such file or directory");
    check("SSL_CERT_FILE", "text.pem", "it contains no certificate");
    check("SSL_CERT_FILE", "empty.pem", "it contains no certificate");
    check("SSL_CERT_FILE", "empty", "Is a directory");
    check(
        "SSL_CERT_DIR",
        "empty",
        "it contains no certificate with a hashed name, as `openssl rehash` makes",
    );
    check("SSL_CERT_DIR", "missing", "No such file or directory");
    check("SSL_CERT_DIR", "ca.pem", "Not a directory");
    // LLAMACTL_NATIVE_TLS is read when TLS is needed.
    let sandbox = Sandbox::new().signed_in("https://127.0.0.1:1");
    list(&sandbox)
        .env("LLAMACTL_NATIVE_TLS", "perhaps")
        .code(2)
        .stderr(
            "
            error: the environment variable LLAMACTL_NATIVE_TLS is neither true nor false
            hint: set LLAMACTL_NATIVE_TLS to 1 or 0, or unset it
            ",
        )
        .run();
    // Without TLS, no certificate is read.
    let plane = ControlPlane::start(World::default().key(KEY));
    let sandbox = Sandbox::new().signed_in(&plane.url());
    list(&sandbox)
        .env("SSL_CERT_FILE", "missing")
        .stdout("[]\n")
        .run();
}

#[test]
fn https_to_a_plain_http_server_is_explained() {
    // As web servers respond to a TLS handshake.
    handshake(b"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak TLS");
}

#[test]
fn https_goes_through_the_proxy() {
    // A certificate for elsewhere.example, which is where the proxy leads from.
    let authority = Authority::new();
    let target = Stub::tls(authority.server_config(CertFlaw::WrongName));
    target.expect(get(PROJECTS).bearer(KEY).json(200, EMPTY));
    let proxy = Stub::new();
    let connect = request("CONNECT", "elsewhere.example:443");
    proxy.expect(connect.reply(Reply::tunnel(target.server().address())));
    let sandbox = Sandbox::new().signed_in("https://elsewhere.example");
    sandbox.write("ca.pem", authority.pem());
    list(&sandbox)
        .env("SSL_CERT_FILE", "ca.pem")
        .env("HTTPS_PROXY", proxy.url())
        .env("HTTP_PROXY", "http://wrong.invalid")
        .stdout("[]\n")
        .run();
}

#[test]
fn cleartext_key_warns_once() {
    let plane = ControlPlane::start(World::populated(KEY));
    let (proxy, sandbox) = behind_a_proxy();
    sandbox.set_env("HTTP_PROXY", proxy.url());
    let connect =
        || request("CONNECT", "plane.invalid:80").reply(Reply::tunnel(plane.server().address()));
    // Once, although the request is retried.
    let slow = Server::start({
        let asked = std::sync::atomic::AtomicUsize::new(0);
        move |_| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => busy(503),
            _ => Reply::json(200, EMPTY),
        }
    });
    let through = request("CONNECT", "plane.invalid:80").reply(Reply::tunnel(slow.address()));
    proxy.expect(through.at_least_once());
    list(&sandbox).stdout("[]\n").stderr(FAR_WARNING).run();
    assert_eq!(slow.requests().len(), 2);
    proxy.verify();

    proxy.expect(connect());
    sandbox
        .cmd("auth token --project proj-web --api-key")
        .arg(KEY)
        .stderr(&format!(
            "{FAR_WARNING}updated profile 'work' in http://plane.invalid and made it current\n"
        ))
        .run();
    proxy.verify();
    // The version is requested without a key: no warning.
    proxy.expect(connect());
    sandbox
        .cmd("environments add")
        .arg(FAR)
        .stderr(
            "added environment http://plane.invalid, which requires authentication, and made it current\n",
        )
        .run();
}

#[test]
fn verbose_prints_one_line_per_request_without_secrets() {
    let stub = Stub::new();
    stub.expect(
        get(PROJECTS)
            .query("org_id", "o1")
            .bearer(KEY)
            .reply(busy(503))
            .reply(Reply::reset())
            .json(200, EMPTY),
    );
    let sandbox = at(&stub);
    let run = list(&sandbox).arg("-v").arg("--org=o1");
    let output = run.stdout("[]\n").any_stderr().run();
    let line = format!("GET [SERVER]{PROJECTS}?org_id=o1 ->");
    pretty_assertions::assert_eq!(
        untimed(&output.stderr),
        format!("{line} 503 in N ms\n{line} connection lost in N ms\n{line} 200 in N ms\n")
    );
    let malformed = Reply::raw("not HTTP\r\n\r\n");
    stub.expect(get(PROJECTS).bearer(KEY).reply(malformed).at_least_once());
    let output = list(&sandbox).arg("-v").code(3).any_stderr().run();
    pretty_assertions::assert_eq!(
        untimed(&output.stderr),
        format!(
            "GET [SERVER]{PROJECTS} -> malformed response in N ms\n\
            error: [SERVER] did not respond in HTTP\n\
            hint: check that the URL is that of a control plane\n"
        )
    );
}

const UNKNOWN_ISSUER: &str = "if the issuer is a private authority, add its certificate: `llamactl environments add URL --ca-file PATH`, or SSL_CERT_FILE";

/// The time of this machine's clock replaced.
fn without_clock(text: &str) -> String {
    match text.split_once("clock: ") {
        Some((before, after)) => {
            let end = after.find(" UTC)").expect("the end of a time");
            format!("{before}clock: NOW{}", &after[end + 4..])
        }
        None => text.to_string(),
    }
}

/// The lines of `--verbose` without their times.
fn untimed(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with(" in N") => {}
            true if out.ends_with(" in ") => out.push('N'),
            _ => out.push(c),
        }
    }
    out
}

/// A listener whose queue is full: the system does not respond to connection attempts.
#[cfg(target_os = "linux")]
#[test]
fn connection_attempt_times_out_after_10_seconds() {
    use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    bind(&listener, &any).expect("a free port on loopback");
    listen(&listener, 0).expect("a listener");
    let address = getsockname(&listener).expect("its address");
    let address = std::net::SocketAddr::try_from(address).expect("an address of the internet");
    let wait = Duration::from_millis(500);
    let mut queue = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, wait) {
        queue.push(stream);
        assert!(queue.len() < 100, "the queue has no end");
    }
    let sandbox = Sandbox::new().signed_in(&format!("http://{address}"));
    sandbox.replace(&address.to_string(), "[SERVER]");
    let run = list(&sandbox).arg("-v").code(3).any_stderr();
    let output = run.run();
    let line = format!("GET http://[SERVER]{PROJECTS} -> no connection in N ms\n");
    pretty_assertions::assert_eq!(
        untimed(&output.stderr),
        format!(
            "{}error: http://[SERVER] can't be reached: no connection within 10 seconds\n\
            hint: check the URL, the network and the proxy settings\n",
            line.repeat(3)
        )
    );
    let seconds = output.took.as_secs();
    assert!((30..50).contains(&seconds), "{seconds}");
}

/// Sends these bytes in response to a TLS handshake, and checks the error.
fn handshake(response: &'static [u8], reason: &str) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
    let url = format!("https://{}", listener.local_addr().expect("its address"));
    let sandbox = Sandbox::new().signed_in(&url);
    sandbox.replace(&url, "[SERVER]");
    sandbox.write("ca.pem", Authority::new().pem());
    sandbox.set_env("SSL_CERT_FILE", "ca.pem");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(response);
    });
    list(&sandbox)
        .code(3)
        .stderr_has(&format!(
            "error: no secure connection to [SERVER]: {reason}\nhint: check the "
        ))
        .run();
}

#[test]
fn tls_alert_is_quoted() {
    // An alert: fatal, handshake_failure.
    let alert = b"\x15\x03\x03\x00\x02\x02\x28";
    handshake(alert, "received fatal alert: HandshakeFailure");
}

#[test]
fn environment_variables_replace_a_profile() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = Sandbox::new();
    sandbox.knows(&plane);
    let alone = |line: &str| {
        sandbox
            .cmd(line)
            .no_env("HOME")
            .cwd("/")
            .env("LLAMA_CLOUD_API_KEY", KEY)
            .env("LLAMA_CLOUD_BASE_URL", plane.url() + "/")
    };
    let projects = "
        NAME          PROJECT_ID     DEPLOYMENTS  ACTIVE
        Website       proj-web       2            no
        Support desk  proj-support   1            yes
        Research      proj-research  1            no
        ";
    alone("projects get")
        .env("LLAMA_AGENTS_PROJECT_ID", "proj-support")
        .stdout(projects)
        .run();
    // The key alone is enough for commands that need no project.
    alone("projects get -o json").any_stdout().run();
    alone("organizations get").any_stdout().run();
    // A stored profile is not used; a warning says so.
    let sandbox = Sandbox::new().signed_in("https://llama.example.com");
    let stored = |line: &str| {
        sandbox
            .cmd(line)
            .env("LLAMA_CLOUD_API_KEY", KEY)
            .env("LLAMA_CLOUD_BASE_URL", plane.url())
            .env("LLAMA_AGENTS_PROJECT_ID", "proj-support")
    };
    stored("projects get")
        .stdout(projects)
        .stderr("warning: LLAMA_CLOUD_API_KEY is used, not profile 'work'; set LLAMA_CLOUD_USE_PROFILE=1 to use the profile\n")
        .run();
    // An unreadable store does not matter.
    sandbox.write(STORE, "not JSON");
    stored("projects get").stdout(projects).run();
    assert_eq!(sandbox.read(STORE), "not JSON");
}

#[test]
fn half_of_the_variables_is_ignored_with_a_warning() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = Sandbox::new().signed_in(&plane.url());
    list(&sandbox)
        .env("LLAMA_AGENTS_PROJECT_ID", "proj-support")
        .env("LLAMA_CLOUD_BASE_URL", "http://elsewhere.invalid")
        .stdout_has("proj-support")
        .stderr(
            "
            warning: LLAMA_AGENTS_PROJECT_ID is ignored because LLAMA_CLOUD_API_KEY is not set
            warning: LLAMA_CLOUD_BASE_URL is ignored because LLAMA_CLOUD_API_KEY is not set
            ",
        )
        .run();
    let both = || {
        list(&sandbox)
            .env("LLAMA_CLOUD_API_KEY", "llx-wrong")
            .env("LLAMA_AGENTS_PROJECT_ID", "p")
            .any_stdout()
    };
    for yes in ["1", "true", "YES", "on"] {
        both().env("LLAMA_CLOUD_USE_PROFILE", yes).run();
    }
    both().arg("--profile=work").run();
    both()
        .env("LLAMA_CLOUD_USE_PROFILE", "maybe")
        .code(2)
        .stderr(
            "
            error: the environment variable LLAMA_CLOUD_USE_PROFILE is neither true nor false
            hint: set LLAMA_CLOUD_USE_PROFILE to 1 or 0, or unset it
            ",
        )
        .run();
    assert!(
        plane
            .server()
            .requests()
            .iter()
            .all(|r| r.bearer() == Some(KEY))
    );
}
