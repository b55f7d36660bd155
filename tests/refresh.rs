//! Access tokens that have expired and keys that are rejected: refreshing a login, and `auth me`.

use std::fs::File;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::login::{Setup, setup};
use crate::support::provider::refusal;
use crate::support::secrets::KEY;
use crate::support::{Exit, Gate, Reply, parallel};

const LIST: &str = "GET /api/v1beta1/deployments/list-projects";
pub const REFUSED: &str = "warning: the server rejected the API key of profile 'ada@acme.example'; the profile's login is used instead\n";

/// Logged in; then the key was deleted on the server. The access token has expired or not.
pub fn signed_in(is_expired: bool) -> Setup {
    let setup = setup();
    if is_expired {
        setup.provider.script().lifetime = 0;
    }
    setup.log_in();
    setup.provider.script().lifetime = 3600;
    setup
        .plane
        .world()
        .keys
        .remove("llx-minted000000000000000001");
    setup
}

fn bearers(setup: &Setup) -> Vec<String> {
    let requests = setup.plane.server().requests();
    let listings = requests.iter().filter(|request| request.line() == LIST);
    // The first one is the login's own.
    listings
        .skip(1)
        .filter_map(|request| request.bearer().map(str::to_string))
        .collect()
}

const MINTED: &str = "llx-minted000000000000000001";

#[test]
fn rejected_key_is_replaced_by_the_login() {
    let setup = signed_in(false);
    setup
        .sandbox
        .cmd("projects get")
        .any_stdout()
        .stderr(REFUSED)
        .run();
    assert_eq!(bearers(&setup), [MINTED, "access-1"]);
    setup
        .sandbox
        .cmd("organizations get")
        .any_stdout()
        .stderr(REFUSED)
        .run();
    setup
        .sandbox
        .cmd("projects use proj-web")
        .stderr(&format!(
            "{REFUSED}profile 'ada@acme.example' now uses project Website (proj-web)\n"
        ))
        .run();
    assert_eq!(setup.provider.script().refreshes, 0);
}

#[test]
fn access_token_rejected_before_its_expiry_is_refreshed_once() {
    let setup = signed_in(false);
    setup.plane.world().keys.remove("access-1");
    setup
        .sandbox
        .cmd("projects get")
        .any_stdout()
        .stderr(REFUSED)
        .run();
    assert_eq!(bearers(&setup), [MINTED, "access-1", "access-2"]);
    assert_eq!(setup.stored()["oidc"]["refresh_token"], "refresh-2");
    setup.plane.world().keys.remove("access-2");
    setup.plane.world().keys.remove("access-3");
    setup
        .sandbox
        .cmd("projects get")
        .code(4)
        .stderr(&format!(
            "{REFUSED}error: [SERVER] rejected the login of profile 'ada@acme.example' (401): Invalid API key\n\
            hint: log in again: `llamactl auth login`\n"
        ))
        .run();
    assert_eq!(setup.provider.script().refreshes, 2);
}

/// Makes the stored access token an expired one.
fn expire_access_token(setup: &Setup) {
    let path = setup.sandbox.home().join(".config/llamactl/profiles.json");
    let mut store = setup.sandbox.json_home(&path);
    store["environments"][0]["profiles"][0]["oidc"]["access_token_expires"] = json!(1);
    setup.sandbox.write(path, store.to_string());
}

#[test]
fn eight_processes_refresh_once() {
    let setup = signed_in(false);
    for round in 1..=20 {
        expire_access_token(&setup);
        setup
            .plane
            .world()
            .keys
            .insert(format!("access-{}", round + 1), json!({}));
        let outputs = parallel(8, |_| {
            setup
                .sandbox
                .cmd("projects get -o json")
                .any_stdout()
                .any_stderr()
                .run()
        });
        assert!(outputs.iter().all(|output| output.exit == Exit::Code(0)));
        assert_eq!(setup.provider.script().refreshes, round, "round {round}");
        let token = setup.provider.script().refresh_token();
        assert_eq!(setup.stored()["oidc"]["refresh_token"], token.as_str());
    }
}

#[test]
fn store_can_be_written_while_a_refresh_waits_for_the_provider() {
    let setup = signed_in(true);
    let gate = Gate::default();
    setup.provider.script().gate = Some(gate.clone());
    let before = setup.provider.server().requests().len();
    let running = setup
        .sandbox
        .cmd("projects get")
        .any_stdout()
        .any_stderr()
        .spawn();
    setup.provider.server().wait_for_requests(before + 2);
    let output = setup
        .sandbox
        .cmd("auth token --no-verify --project p --api-key")
        .arg(KEY)
        .any_stderr()
        .run();
    assert!(output.took < Duration::from_secs(2), "{:?}", output.took);
    gate.open();
    running.wait();
    let names = setup.profiles();
    assert_eq!(names.as_array().map(Vec::len), Some(2), "{names}");
}

#[test]
fn failed_refresh_changes_nothing_and_is_sent_once() {
    let setup = signed_in(true);
    let before = setup.store();
    for (reply, code, said) in [
        (
            Reply::reset(),
            3,
            "error: the connection to [PROVIDER] broke",
        ),
        (
            Reply::html(502, "<html>"),
            3,
            "error: the identity provider [PROVIDER] responded to the token request with status 502\n",
        ),
        (
            Reply::detail(200, "x"),
            3,
            "error: the identity provider [PROVIDER] sent a malformed response to the token request: there is no access_token\n",
        ),
        (
            Reply::json(203, r#"{"access_token":"access-9","expires_in":3600}"#),
            3,
            "error: the identity provider [PROVIDER] responded to the token request with status 203\n",
        ),
        (
            refusal("invalid_client").header("x-request-id", "r-7"),
            1,
            "error: the identity provider [PROVIDER] rejected the token request (400): invalid_client (request r-7)\n",
        ),
        (
            Reply::json(
                400,
                r#"{"error":"invalid_grant","error_description":"gone"}"#,
            ),
            4,
            "error: the login of the profile 'ada@acme.example' was ended by the identity provider: gone (invalid_grant)\n\
            hint: log in again: `llamactl auth login`\n",
        ),
    ] {
        setup.provider.script().refresh = Some(reply);
        let asked = setup.provider.server().requests().len();
        setup
            .sandbox
            .cmd("projects get")
            .code(code)
            .stderr_has(said)
            .run();
        assert_eq!(setup.store(), before);
        // The metadata and one token request: if the response is lost, the request is not repeated.
        assert_eq!(setup.provider.server().requests().len(), asked + 2);
    }
    setup.provider.script().refresh = None;
    setup
        .sandbox
        .cmd("projects get")
        .any_stdout()
        .stderr(REFUSED)
        .run();
}

#[test]
fn status_reports_a_login_that_cannot_be_refreshed() {
    let setup = signed_in(true);
    for (reply, code, check, version) in [
        // The version request needs no credentials.
        (refusal("invalid_grant"), 4, "rejected", json!("0.10.4")),
        (Reply::reset(), 3, "unreachable", Value::Null),
        (refusal("invalid_client"), 1, "not_checked", Value::Null),
    ] {
        setup.provider.script().refresh = Some(reply);
        let run = setup.sandbox.cmd("auth status -o json").any_stdout();
        let json = run.any_stderr().code(code).run().json();
        assert_eq!(
            (&json["check"], &json["server_version"]),
            (&json!(check), &version)
        );
    }
}

#[test]
fn refresh_token_is_not_spent_if_the_result_cannot_be_stored() {
    let setup = signed_in(true);
    let directory = setup.sandbox.home().join(".config/llamactl");
    std::fs::remove_file(directory.join("profiles.json.refresh.lock")).ok();
    std::fs::create_dir(directory.join("profiles.json.refresh.lock")).unwrap();
    setup
        .sandbox
        .cmd("projects get")
        .code(1)
        .stderr(&format!(
            "{REFUSED}error: the login cannot be refreshed, because its new tokens could not be stored: Is a directory\n\
            hint: nothing was changed; check the permissions of the configuration directory and the free disk space\n"
        ))
        .run();
    std::fs::remove_dir(directory.join("profiles.json.refresh.lock")).unwrap();
    let store = setup.store();
    setup.sandbox.write(
        directory.join("profiles.json"),
        store.replace("\"version\": 1", "\"version\": 2"),
    );
    setup
        .sandbox
        .cmd("projects get")
        .code(1)
        .stderr_has("was written by a newer llamactl")
        .run();
    assert_eq!(setup.provider.script().refreshes, 0);
    assert_eq!(setup.provider.script().refresh_token(), "refresh-1");
}

#[test]
fn refreshed_tokens_are_lost_only_if_the_store_cannot_be_written() {
    let setup = signed_in(true);
    let gate = Gate::default();
    setup.provider.script().gate = Some(gate.clone());
    let before = setup.provider.server().requests().len();
    let run = setup.sandbox.cmd("projects get").code(1);
    let running = run
        .stderr_has(
            "hint: the login's new tokens are lost; when this is fixed, log in again: `llamactl auth login`\n",
        )
        .spawn();
    setup.provider.server().wait_for_requests(before + 2);
    let path = setup.sandbox.home().join(".config/llamactl/profiles.json");
    setup.sandbox.write(&path, "broken");
    gate.open();
    running.wait();
    assert_eq!(setup.store(), "broken");
    assert_no_temporary_files(&setup);
}

#[test]
fn store_lock_is_waited_for_with_new_tokens() {
    let setup = signed_in(true);
    let gate = Gate::default();
    setup.provider.script().gate = Some(gate.clone());
    let before = setup.provider.server().requests().len();
    let run = setup.sandbox.cmd("projects get").any_stdout();
    let running = run.stderr(REFUSED).spawn();
    setup.provider.server().wait_for_requests(before + 2);
    let lock = hold_lock(&setup, "profiles.json.lock");
    gate.open();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(setup.stored()["oidc"]["refresh_token"], "refresh-1");
    drop(lock);
    running.wait();
    assert_eq!(setup.stored()["oidc"]["refresh_token"], "refresh-2");
    assert_eq!(bearers(&setup), [MINTED, "access-2"]);
    assert_no_temporary_files(&setup);
}

fn assert_no_temporary_files(setup: &Setup) {
    let files = setup.sandbox.home_tree();
    assert!(!files.iter().any(|file| file.contains(".tmp")), "{files:?}");
}

#[test]
fn signal_during_refresh_waits_until_the_tokens_are_stored() {
    let setup = signed_in(true);
    let gate = Gate::default();
    setup.provider.script().gate = Some(gate.clone());
    let before = setup.provider.server().requests().len();
    let run = setup
        .sandbox
        .cmd("projects get")
        .signal(Signal::INT)
        .any_stderr();
    let mut running = run.spawn();
    setup.provider.server().wait_for_requests(before + 2);
    running.signal(Signal::INT);
    running.wait_for_stderr("stopping");
    gate.open();
    running.wait();
    assert_eq!(setup.stored()["oidc"]["refresh_token"], "refresh-2");
}

/// Measures how often `kill -9` loses a login. Not a test: the number depends on the machine.
#[test]
#[ignore = "a measurement; run it with --ignored --nocapture"]
fn measure_kills_between_answer_and_write() {
    const ROUNDS: u64 = 200;
    let setup = signed_in(false);
    let accept_next = || {
        let current = setup.provider.script().refresh_token();
        let number: u64 = current["refresh-".len()..].parse().unwrap();
        for next in number + 1..number + 3 {
            let token = format!("access-{next}");
            setup.plane.world().keys.insert(token, json!({}));
        }
    };
    let (mut before, mut lost, mut saved) = (0, Vec::new(), 0);
    for round in 0..ROUNDS {
        expire_access_token(&setup);
        accept_next();
        let refreshed = setup.provider.script().refreshes;
        let asked = setup.provider.server().requests().len();
        let mut running = setup.sandbox.cmd("projects get").anything().spawn();
        setup.provider.server().wait_for_requests(asked + 2);
        let delay = Duration::from_micros(round % 20 * 250);
        let start = Instant::now();
        while start.elapsed() < delay {
            std::hint::spin_loop();
        }
        running.kill();
        drop(running);
        let output = setup.sandbox.cmd("projects get").anything().run();
        match output.exit {
            Exit::Code(0) if setup.provider.script().refreshes == refreshed + 1 => saved += 1,
            Exit::Code(0) => before += 1,
            _ => {
                lost.push(delay.as_micros());
                accept_next();
                setup.log_in();
                setup
                    .plane
                    .world()
                    .keys
                    .retain(|key, _| !key.starts_with("llx-"));
            }
        }
    }
    lost.sort_unstable();
    let latest = lost.last();
    println!(
        "{ROUNDS} kills, 0 to 5 ms after the request came in: {before} before the request was sent, {saved} saved, {} lost, \
        the last of them {latest:?} µs after the request",
        lost.len()
    );
}

#[test]
fn login_without_a_key_uses_the_access_token() {
    let setup = signed_in(true);
    let path = ".config/llamactl/profiles.json";
    let store = setup.store().replace(&format!("\"{MINTED}\""), "null");
    setup.sandbox.write(setup.sandbox.home().join(path), store);
    setup.sandbox.cmd("projects get").any_stdout().run();
    assert_eq!(bearers(&setup), ["access-2"]);
}

#[test]
fn me_prints_verified_claims_and_refreshes_an_expired_token() {
    let setup = setup();
    setup.log_in();
    let output = setup.sandbox.cmd("auth me").any_stdout().run();
    let claims = output.json();
    assert_eq!(claims["sub"], "ada");
    assert_eq!(claims["email"], "ada@acme.example");
    assert_eq!(setup.provider.script().refreshes, 0);

    let mut store = setup.sandbox.json_home(".config/llamactl/profiles.json");
    let token = &mut store["environments"][0]["profiles"][0]["oidc"]["id_token"];
    let good = token.as_str().unwrap().to_string();
    *token = json!(format!("{}x{}", &good[..70], &good[71..]));
    let path = setup.sandbox.home().join(".config/llamactl/profiles.json");
    setup.sandbox.write(&path, store.to_string());
    setup
        .sandbox
        .cmd("auth me")
        .code(1)
        .stderr_has("error: the identity provider's ID token ")
        .run();

    store["environments"][0]["profiles"][0]["oidc"]["id_token"] = json!(null);
    setup.sandbox.write(&path, store.to_string());
    setup.provider.script().claims = json!({"name": "A\u{9b}\n"});
    let output = setup.sandbox.cmd("auth me").any_stdout().run();
    assert_eq!(output.json()["name"], "A\u{9b}\n");
    assert!(output.stdout.contains("A\\u009b\\n"), "{}", output.stdout);
    assert_eq!(setup.provider.script().refreshes, 1);

    // A refresh need not bring an ID token.
    let unsaid = r#"{"access_token":"access-3","token_type":"Bearer","expires_in":3600}"#;
    setup.provider.script().refresh = Some(Reply::json(200, unsaid));
    setup.sandbox.write(&path, store.to_string());
    setup
        .sandbox
        .cmd("auth me")
        .code(4)
        .stderr(
            "error: the ID token of the profile 'ada@acme.example' has expired, and its provider sent no new one\n\
            hint: log in again: `llamactl auth login`\n",
        )
        .run();
    setup.provider.script().refresh = None;

    setup.provider.script().claims = json!({"sub": "eve"});
    store["environments"][0]["profiles"][0]["oidc"]["refresh_token"] = json!("refresh-2");
    setup.sandbox.write(&path, store.to_string());
    setup
        .sandbox
        .cmd("auth me")
        .code(1)
        .stderr_has("ID token was issued for another user\n")
        .run();

    setup
        .sandbox
        .cmd("auth token --no-verify --project p --name key --api-key")
        .arg(KEY)
        .any_stderr()
        .run();
    setup
        .sandbox
        .cmd("auth me")
        .code(1)
        .stderr_has("error: the profile 'key' was not created by `llamactl auth login`\n")
        .run();
}

/// Changes the only profile in the store.
fn change(setup: &Setup, change: impl Fn(&mut Value)) {
    let path = setup.sandbox.home().join(".config/llamactl/profiles.json");
    let mut store = setup.sandbox.json_home(&path);
    change(&mut store["environments"][0]["profiles"]);
    setup.sandbox.write(path, store.to_string());
}

#[test]
fn login_without_refresh_token_or_valid_provider_url_has_ended() {
    for (field, value, code, said) in [
        (
            "refresh_token",
            Value::Null,
            4,
            "error: the login of the profile 'ada@acme.example' has expired\n\
            hint: log in again: `llamactl auth login`\n",
        ),
        (
            "discovery_url",
            json!("http://id.example/.well-known/openid-configuration"),
            3,
            "error: the identity provider's metadata at 'http://id.example/.well-known/openid-configuration' \
            cannot be used: this URL is not https\n\
            hint: tell the provider's administrator, or sign in with an API key: `llamactl auth token`\n",
        ),
    ] {
        let setup = signed_in(true);
        change(&setup, |profiles| {
            profiles[0]["oidc"][field] = value.clone();
        });
        let before = setup.store();
        let run = setup.sandbox.cmd("projects get").code(code);
        run.stderr(&format!("{REFUSED}{said}")).run();
        assert_eq!(setup.store(), before);
        assert_eq!(setup.provider.script().refreshes, 0);
    }
}

const GONE: &str = "error: the profile 'ada@acme.example' was changed or deleted by another process\n\
    hint: `llamactl auth get` lists the profiles\n";

#[test]
fn profile_deleted_during_a_refresh_stays_deleted() {
    let setup = signed_in(true);
    let gate = Gate::default();
    setup.provider.script().gate = Some(gate.clone());
    let before = setup.provider.server().requests().len();
    let run = setup.sandbox.cmd("projects get").code(1);
    let running = run.stderr(&format!("{REFUSED}{GONE}")).spawn();
    setup.provider.server().wait_for_requests(before + 2);
    change(&setup, |profiles| *profiles = json!([]));
    gate.open();
    running.wait();
    assert_eq!(setup.profiles(), json!([]));
    assert_no_temporary_files(&setup);
}

/// Holds a lock in the configuration directory, as another process would.
fn hold_lock(setup: &Setup, name: &str) -> File {
    let path = setup.sandbox.home().join(".config/llamactl").join(name);
    let lock = File::create(path).expect("the lock's file");
    flock(&lock, FlockOperation::LockExclusive).expect("the lock");
    lock
}

#[test]
fn profile_deleted_while_waiting_for_the_refresh_lock_is_not_refreshed() {
    for which in [
        json!([]),
        json!([{"name": "ada@acme.example", "project_id": "p"}]),
        json!([{"name": "ada@acme.example", "project_id": "p", "oidc": {"subject": "eve",
            "client_id": "llamactl-cli", "discovery_url": "x", "access_token": "t"}}]),
    ] {
        let setup = signed_in(true);
        let lock = hold_lock(&setup, "profiles.json.refresh.lock");
        let run = setup.sandbox.cmd("projects get").code(1);
        let running = run.stderr(&format!("{REFUSED}{GONE}")).spawn();
        // By then it has read the store.
        running.wait_for_stderr(REFUSED.split(" is refused").next().unwrap());
        change(&setup, |profiles| *profiles = which.clone());
        drop(lock);
        running.wait();
        assert_eq!(setup.provider.script().refreshes, 0);
    }
}
