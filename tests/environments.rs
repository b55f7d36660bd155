//! `environments`: adding a control plane without contacting it.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::support::{ControlPlane, Sandbox, World, say_skipped};

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
