//! `auth inject`: what the command says and which variables it takes. The editor is tested in `dotenv.rs`, the file
//! around it in `env_file.rs`.

use pretty_assertions::assert_eq;

use crate::support::secrets::KEY;
use crate::support::{Sandbox, Stored};

const URL: &str = "http://127.0.0.1:4500";

fn signed_in(key: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    Stored::at(URL)
        .profile("work", "proj-web", key)
        .put(&sandbox);
    sandbox
}

/// With a profile of an environment that asks for no key.
fn keyless() -> Sandbox {
    let sandbox = Sandbox::new();
    let stored = Stored::at(URL).open().profile("work", "proj-web", "");
    stored.put(&sandbox);
    sandbox
}

#[test]
fn check_tells_what_inject_would_do() {
    let sandbox = signed_in(KEY);
    let check = || sandbox.cmd("auth inject --check");
    let outdated = "error: .env is not up to date\nhint: `llamactl auth inject` would write it\n";
    check().code(1).stderr(outdated).run();
    assert_eq!(sandbox.cwd_tree(), Vec::<String>::new());
    sandbox.write(".env", "A=1\nLLAMA_CLOUD_API_KEY=old\n");
    sandbox.set_mode(".env", 0o600);
    check().code(1).stderr(outdated).run();
    assert_eq!(sandbox.read(".env"), "A=1\nLLAMA_CLOUD_API_KEY=old\n");
    sandbox
        .cmd("auth inject")
        .stderr("wrote 3 variables to .env\n")
        .run();
    let written = format!(
        "A=1\nLLAMA_CLOUD_API_KEY={KEY}\nLLAMA_CLOUD_BASE_URL={URL}\nLLAMA_AGENTS_PROJECT_ID=proj-web\n"
    );
    assert_eq!(sandbox.read(".env"), written);
    check().stderr(".env is up to date\n").run();
    sandbox
        .cmd("auth inject")
        .stderr(".env is up to date\n")
        .run();
    assert_eq!(sandbox.read(".env"), written);
}

#[test]
fn standard_output_needs_no_check_and_safe_values() {
    let sandbox = signed_in("llx-'x\"0123456789");
    sandbox
        .cmd("auth inject --env-file - --check")
        .code(2)
        .stderr(
            "
            error: --check needs a file to compare with
            hint: leave `--env-file -` out
            ",
        )
        .run();
    sandbox
        .cmd("auth inject --env-file -")
        .code(1)
        .stderr(
            "
            error: the value of LLAMA_CLOUD_API_KEY has the character '\\'', which readers of .env files do not read alike
            hint: `llamactl auth exec` and `llamactl auth export --format sh` or `json` carry any value
            ",
        )
        .run();
}

#[test]
fn profile_without_key_gives_two_variables_and_refuses_an_assigned_key() {
    let sandbox = keyless();
    let two = format!("LLAMA_CLOUD_BASE_URL={URL}\nLLAMA_AGENTS_PROJECT_ID=proj-web\n");
    sandbox.cmd("auth inject --env-file -").stdout(&two).run();
    sandbox
        .cmd("auth inject")
        .stderr("wrote 2 variables to .env\n")
        .run();
    assert_eq!(sandbox.read(".env"), two);
    // The key would be sent to an address that it is not for.
    let left = "LLAMA_CLOUD_API_KEY=left\n";
    sandbox.write(".env", left);
    for line in ["auth inject", "auth inject --check"] {
        sandbox
            .cmd(line)
            .code(1)
            .stderr(
                "
                error: '.env' assigns LLAMA_CLOUD_API_KEY, which this profile does not have
                hint: remove that line, so that the key is not sent to another URL
                ",
            )
            .run();
        assert_eq!(sandbox.read(".env"), left);
    }
}

#[test]
fn git_that_hangs_is_ended_within_a_second() {
    let sandbox = signed_in(KEY);
    sandbox.program("git", "exec /bin/sleep 600");
    let output = sandbox
        .cmd("auth inject")
        .stderr(
            "
            warning: '.env' may not be ignored by git, which failed: it took too long
            wrote 3 variables to .env
            ",
        )
        .run();
    let seconds = output.took.as_secs();
    assert!((1..30).contains(&seconds), "{seconds}");
}

#[test]
fn leading_tilde_of_env_file_is_expanded() {
    let sandbox = signed_in(KEY);
    sandbox
        .cmd("auth inject --env-file=~/project/.env")
        .stderr("wrote 3 variables to [HOME]/project/.env\n")
        .run();
    assert!(sandbox.home().join("project/.env").exists());
    assert_eq!(sandbox.cwd_tree(), Vec::<String>::new());
}
