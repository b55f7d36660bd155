//! `auth logout` and `environments delete`: what a login created is revoked, and what is not is reported.

use serde_json::{Value, json};

use crate::login::{Setup, setup};
use crate::support::secrets::KEY;
use crate::support::{Gate, Reply, Stub, post};

#[test]
fn logout_deletes_the_key_and_revokes_the_login() {
    let setup = setup();
    setup.log_in();
    setup
        .sandbox
        .cmd("auth logout ada@acme.example")
        .stderr(
            "deleted the API key 'key-1' on [SERVER]\n\
            revoked the login of 'ada@acme.example' at its provider\n\
            deleted profile 'ada@acme.example'\n\
            no profile is current now\n",
        )
        .run();
    assert!(setup.plane.world().minted.is_empty());
    assert_eq!(setup.provider.script().revoked, ["refresh-1"]);
    let revocation = setup.provider.server().requests().pop().unwrap();
    assert!(
        revocation
            .form()
            .contains(&("token_type_hint".into(), "refresh_token".into()))
    );
    assert_eq!(setup.profiles(), json!([]));
    for secret in ["llx-minted", "access-1", "refresh-1"] {
        assert!(!setup.store().contains(secret));
    }
}

#[test]
fn logout_refreshes_an_expired_access_token() {
    let setup = setup();
    setup.provider.script().lifetime = 0;
    setup.log_in();
    setup.provider.script().lifetime = 3600;
    setup
        .sandbox
        .cmd("auth logout ada@acme.example")
        .any_stderr()
        .run();
    assert!(setup.plane.world().minted.is_empty());
    assert_eq!(setup.provider.script().revoked, ["refresh-2"]);
}

#[test]
fn logout_reports_a_deleted_key_and_a_missing_revocation_endpoint() {
    let setup = setup();
    setup.log_in();
    setup.plane.world().minted.clear();
    setup.provider.script().revocation = false;
    setup
        .sandbox
        .cmd("auth logout ada@acme.example")
        .stderr(
            "the API key 'key-1' did not exist on [SERVER] any more\n\
            the login of 'ada@acme.example' cannot be revoked at its provider; it expires there by itself\n\
            deleted profile 'ada@acme.example'\n\
            no profile is current now\n",
        )
        .run();
    setup.log_in();
    setup.provider.script().lifetime = 0;
    setup.log_in();
    setup.provider.script().refresh = Some(Reply::json(400, r#"{"error":"invalid_grant"}"#));
    setup.provider.script().revocation = true;
    setup
        .sandbox
        .cmd("auth logout ada@acme.example")
        .stderr_has("warning: the API key 'key-2' is still valid on [SERVER], delete it there: the login of the profile")
        .stderr_has("deleted profile 'ada@acme.example'\n")
        .run();
    assert_eq!(setup.profiles(), json!([]));
}

#[test]
fn logout_without_a_network_deletes_the_profile_and_warns() {
    let setup = setup();
    setup.log_in();
    let (sandbox, plane, provider) = (setup.sandbox, setup.plane, setup.provider);
    drop(plane);
    drop(provider);
    sandbox
        .cmd("auth logout ada@acme.example")
        .env("LLAMA_CLOUD_API_KEY", "x")
        .stderr(
            "warning: the API key 'key-1' is still valid on [SERVER], delete it there: \
            [SERVER] can't be reached: connection refused\n\
            warning: the login of 'ada@acme.example' could not be revoked at its provider: \
            [PROVIDER] can't be reached: connection refused\n\
            deleted profile 'ada@acme.example'\n\
            no profile is current now\n\
            warning: LLAMA_CLOUD_API_KEY is still set, and commands will use it\n",
        )
        .run();
    let left = sandbox.cmd("auth get -o json").any_stdout().run().json();
    assert_eq!(left, json!([]));
}

#[test]
fn logout_all_and_environments_delete_revoke_every_profile() {
    for line in ["auth logout --all", "environments delete"] {
        let setup = setup();
        setup.log_in();
        setup.provider.script().claims = json!({"sub": "bob", "email": "bob@acme.example"});
        setup.log_in();
        setup
            .sandbox
            .cmd("auth token --no-verify --project p --name pasted --api-key")
            .arg(KEY)
            .any_stderr()
            .run();
        let run = setup.sandbox.cmd(line);
        let run = if line.starts_with("env") {
            run.arg(setup.plane.url())
        } else {
            run
        };
        let output = run.any_stderr().run();
        for name in ["ada@acme.example", "bob@acme.example", "pasted"] {
            assert!(
                output
                    .stderr
                    .contains(&format!("deleted profile '{name}'\n")),
                "{}",
                output.stderr
            );
        }
        assert!(setup.plane.world().minted.is_empty());
        assert_eq!(setup.provider.script().revoked, ["refresh-1", "refresh-2"]);
        assert!(!setup.store().contains("llx-"));
    }
    let setup = setup();
    setup
        .sandbox
        .cmd("auth logout --all")
        .stderr("no profiles in [SERVER]\n")
        .run();
    setup
        .sandbox
        .cmd("auth logout x --all")
        .code(2)
        .stderr_has("error: NAME and --all exclude each other\n")
        .run();
}

/// Changes the only profile in the store.
fn change(setup: &Setup, change: impl Fn(&mut Value)) {
    let path = setup.sandbox.home().join(".config/llamactl/profiles.json");
    let mut store = setup.sandbox.json_home(&path);
    change(&mut store["environments"][0]["profiles"][0]);
    setup.sandbox.write(path, store.to_string());
}

#[test]
fn key_that_is_still_valid_is_named_with_the_reason() {
    let gone = "deleted profile 'ada@acme.example'\nno profile is current now\n";
    let revoked = "revoked the login of 'ada@acme.example' at its provider\n";
    let still_valid = |key: &str, reason: &str| {
        format!(
            "warning: the API key '{key}' is still valid on [SERVER], delete it there: {reason}\n"
        )
    };
    let null = Value::Null;
    let (parent, sibling) = (json!(".."), json!("../projects/p"));
    for (fields, said) in [
        // No login to delete the key with.
        (
            vec![("oidc", &null)],
            still_valid("key-1", "the profile has no login to delete it with"),
        ),
        (vec![("oidc", &null), ("api_key_id", &null)], String::new()),
        // An ID that would be another path on the server.
        (
            vec![("api_key_id", &parent)],
            still_valid("..", "its ID is a path") + revoked,
        ),
        (
            vec![("api_key_id", &sibling)],
            still_valid("../projects/p", "its ID is a path") + revoked,
        ),
        // A login, and a key that is not known by its id.
        (
            vec![("api_key_id", &null)],
            still_valid("llx-mi****0001", "its ID is not known") + revoked,
        ),
        (
            vec![("api_key_id", &null), ("api_key", &null)],
            revoked.to_string(),
        ),
    ] {
        let setup = setup();
        setup.log_in();
        change(&setup, |profile| {
            for (field, value) in &fields {
                profile[*field] = (*value).clone();
            }
        });
        setup
            .sandbox
            .cmd("auth logout ada@acme.example")
            .stderr(&format!("{said}{gone}"))
            .run();
        assert_eq!(setup.profiles(), json!([]));
        assert_eq!(setup.plane.world().minted.len(), 1);
    }
    // A login without a refresh token cannot be revoked.
    let setup = setup();
    setup.log_in();
    change(&setup, |profile| {
        profile["oidc"]["refresh_token"] = json!(null);
    });
    setup
        .sandbox
        .cmd("auth logout ada@acme.example")
        .stderr(&format!("deleted the API key 'key-1' on [SERVER]\n{gone}"))
        .run();
    assert_eq!(setup.provider.script().revoked, [""; 0]);
}

#[test]
fn environment_deleted_by_another_process_is_reported() {
    let stub = Stub::new();
    let gate = Gate::default();
    let setup = setup();
    setup.log_in();
    setup.provider.script().metadata =
        json!({"revocation_endpoint": format!("{}/revoke", stub.url())});
    let held = post("/revoke")
        .any_body()
        .reply(Reply::status(200).hold(&gate));
    stub.expect(held);
    let running = setup
        .sandbox
        .cmd("environments delete")
        .arg(setup.plane.url())
        .code(1)
        .stderr(
            "deleted the API key 'key-1' on [SERVER]\n\
            revoked the login of 'ada@acme.example' at its provider\n\
            error: environment [SERVER] was deleted while this command was running\n\
            hint: add it again: `llamactl environments add [SERVER]`\n",
        )
        .spawn();
    stub.server().wait_for_requests(1);
    let path = setup.sandbox.home().join(".config/llamactl/profiles.json");
    setup.sandbox.write(&path, r#"{"version": 1}"#);
    gate.open();
    running.wait();
    assert_eq!(setup.sandbox.json_home(path), json!({"version": 1}));
}
