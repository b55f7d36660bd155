//! `environments`: adding control planes offline and behind a private CA.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::support::tls::{Authority, CertFlaw};
use crate::support::{ControlPlane, Sandbox, Stub, World, get, say_skipped};

const URL: &str = "https://llama.example.com";

fn stored(sandbox: &Sandbox) -> Value {
    let store: Value =
        serde_json::from_str(&sandbox.read(crate::support::STORE)).expect("the store");
    store["environments"].clone()
}

#[test]
fn add_without_verification_contacts_no_server() {
    let sandbox = Sandbox::new();
    sandbox
        .cmd("environments add https://llama.example.com/ --no-verify")
        .stderr("added environment https://llama.example.com, without verifying that it requires authentication, and made it current\n")
        .run();
    assert_eq!(
        stored(&sandbox),
        json!([{"api_url": URL, "requires_auth": true, "verified": false}])
    );
    sandbox
        .cmd("environments add --no-auth --no-verify https://llama.example.com")
        .stderr("added environment https://llama.example.com, without verifying that it requires no authentication, and made it current\n")
        .run();
    assert_eq!(
        stored(&sandbox),
        json!([{"api_url": URL, "requires_auth": false, "verified": false}])
    );
    sandbox
        .cmd("environments get -o json https://llama.example.com")
        .stdout("{\n  \"api_url\": \"https://llama.example.com\",\n  \"requires_auth\": false,\n  \"active\": true\n}\n")
        .run();
}

#[test]
fn no_auth_requires_no_verify() {
    let sandbox = Sandbox::new();
    sandbox
        .cmd("environments add https://llama.example.com --no-auth")
        .stderr(
            "
            error: --no-auth requires --no-verify
            hint: without --no-verify the server says whether it requires authentication
            ",
        )
        .code(2)
        .run();
    assert!(!sandbox.exists(crate::support::STORE));
}

#[test]
fn adding_again_with_verification_corrects_what_was_assumed() {
    let plane = ControlPlane::start(World::open());
    let sandbox = Sandbox::new();
    sandbox.knows(&plane);
    let add = |options: &str| {
        let run = sandbox.cmd(&format!("environments add {options}"));
        run.arg(plane.url()).any_stderr().run();
        stored(&sandbox)[0]["requires_auth"].clone()
    };
    assert_eq!(add("--no-verify"), json!(true));
    assert!(plane.server().lines().is_empty());
    assert_eq!(add(""), json!(false));
    assert_eq!(stored(&sandbox)[0].get("verified"), None);
}

#[test]
fn an_image_is_built_without_a_network() {
    let offline = ["--net", "--map-root-user", "true"];
    let can_unshare = std::process::Command::new("unshare")
        .args(offline)
        .output()
        .is_ok_and(|output| output.status.success());
    if !can_unshare {
        return say_skipped("an image built without a network: unshare --net is not permitted");
    }
    let sandbox = Sandbox::new();
    let arguments = ["--net", "--map-root-user", crate::support::LLAMACTL];
    let add = ["environments", "add", URL, "--no-verify"];
    sandbox
        .args([&arguments[..], &add[..]].concat())
        .program("/usr/bin/unshare")
        .any_stderr()
        .run();
    assert_eq!(
        stored(&sandbox),
        json!([{"api_url": URL, "requires_auth": true, "verified": false}])
    );
}

const VERSION: &str = "/api/v1beta1/deployments-public/version";
const PROJECTS: &str = "/api/v1beta1/deployments/list-projects";

/// A control plane behind a private CA, and the URL as it is stored.
fn private(authority: &Authority) -> (Stub, String) {
    let stub = Stub::tls(authority.server_config(CertFlaw::None));
    let version = json!({"version": "0.10.4", "requires_auth": false}).to_string();
    stub.expect(get(VERSION).json(200, &version).any_times());
    stub.expect(get(PROJECTS).json(200, r#"{"projects": []}"#).any_times());
    let url = stub.url();
    (stub, url)
}

#[test]
fn ca_file_is_trusted_for_its_environment_only() {
    let authority = Authority::new();
    let (_stub, url) = private(&authority);
    let (_other_stub, other) = private(&authority);
    let sandbox = Sandbox::new();
    sandbox.write("certs/ca.pem", authority.pem());
    let add = |url: &str, options: &str| {
        let run = sandbox.cmd(&format!("environments add {options}"));
        run.arg(url).any_stderr()
    };
    add(&url, "").code(3).stderr_has("--ca-file").run();
    assert!(!sandbox.exists(crate::support::STORE));

    add(&url, "--ca-file certs/ca.pem").run();
    let path = sandbox.cwd().join("certs/ca.pem");
    let ca_file = || stored(&sandbox)[0].get("ca_file").cloned();
    assert_eq!(ca_file(), Some(json!(path)));
    let projects = || sandbox.cmd("projects get");
    projects().stderr("no projects\n").run();
    // Again without the option: it is kept.
    add(&url, "").run();
    assert_eq!(ca_file(), Some(json!(path)));

    add(&other, "").code(3).run();
    add(&other, "--no-verify --no-auth").run();
    projects().code(3).stderr_has("error: ").run();
    sandbox.cmd("environments use").arg(&url).any_stderr().run();
    projects().stderr("no projects\n").run();

    std::fs::remove_file(&path).expect("remove the CA file");
    projects().code(3).stderr_has("[CWD]/certs/ca.pem").run();
    add(&url, "--no-ca-file --no-verify --no-auth").run();
    assert_eq!(ca_file(), None);
    projects().code(3).stderr_has("--ca-file").run();
}

#[test]
fn unusable_ca_file_is_exit_2_and_named() {
    let sandbox = Sandbox::new();
    sandbox.write("empty.pem", "no certificate\n");
    for (options, named) in [
        ("--ca-file missing.pem", "missing.pem"),
        ("--ca-file empty.pem", "empty.pem"),
        ("--ca-file .", "CA file"),
        ("--ca-file empty.pem --no-ca-file", "--no-ca-file"),
    ] {
        sandbox
            .cmd(&format!("environments add {URL} {options} --no-verify"))
            .code(2)
            .stderr_has("error: ")
            .stderr_has(named)
            .run();
    }
    assert!(!sandbox.exists(crate::support::STORE));
}
