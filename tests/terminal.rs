//! Prompts on a terminal: what they show, what they accept, and that the terminal is restored.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{
    Closed, ControlPlane, Exit, Gate, LLAMACTL, Reply, STORE, Sandbox, Stub, Terminal, World,
    environment, get, profile, say_skipped, store,
};

const ASKED: &str = "API key (not shown): ";
const PROJECTS: &str = "/api/v1beta1/deployments/list-projects";
const PICK: &str = "Number or part of a name";

fn at(plane: &ControlPlane) -> Sandbox {
    let sandbox = Sandbox::new().at(&plane.url());
    sandbox.knows(plane);
    sandbox
}

/// Three profiles in an environment that is not contacted; `b-two` is the current one.
fn three_profiles() -> Sandbox {
    let sandbox = Sandbox::new();
    let profiles = ["a-one", "b-two", "c-two"].map(|name| profile(name, "p", KEY));
    let mut known = environment("https://llama.example.com", &profiles);
    known["current_profile"] = "b-two".into();
    sandbox.write_store(&store(&known));
    sandbox
}

fn first(sandbox: &Sandbox) -> Value {
    sandbox.stored()["environments"][0]["profiles"][0].clone()
}

fn current(sandbox: &Sandbox) -> Value {
    sandbox.stored()["environments"][0]["current_profile"].clone()
}

/// A transcript in which `~` at the end of a line stands for the space behind a prompt.
fn transcript(text: &str) -> String {
    unindent::unindent(text).replace("~\n", " \n")
}

/// Waits for the masked prompt and types a key.
fn type_key(terminal: &mut Terminal, key: &str) {
    terminal.expect(ASKED).type_line(key);
}

#[test]
fn key_prompt_does_not_echo_and_projects_are_listed() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    let mut terminal = sandbox.cmd("auth token").terminal();
    type_key(&mut terminal, KEY);
    terminal.expect(PICK).type_line("2");
    let ended = terminal.wait();
    ended.assert_code(0).assert_restored();
    pretty_assertions::assert_eq!(
        ended.transcript,
        transcript(
            "
            API key (not shown):~
            Projects:
            * 1) proj-web (Website, org-acme)
              2) proj-support (Support desk, org-acme)
              3) proj-research (Research, org-labs)
            Number or part of a name [1]: 2
            created profile 'llx-01****mnop' in [SERVER] and made it current
            "
        )
    );
    assert_eq!(first(&sandbox)["project_id"], "proj-support");
}

#[test]
fn items_are_selected_by_number_name_and_enter() {
    let plane = ControlPlane::start(World::populated(KEY));
    for (typed, selected) in [
        ("1", "proj-web"),
        ("3", "proj-research"),
        ("desk", "proj-support"),
        ("RESEARCH", "proj-research"),
        ("proj-web", "proj-web"),
        ("  2  ", "proj-support"),
        ("", "proj-web"),
    ] {
        let sandbox = at(&plane);
        let line = sandbox.cmd("auth token --api-key").arg(KEY);
        let mut terminal = line.terminal();
        terminal.expect(PICK).type_line(typed);
        terminal.wait().assert_code(0).assert_restored();
        assert_eq!(first(&sandbox)["project_id"], selected, "{typed:?}");
    }
}

#[test]
fn reply_that_matches_no_item_is_asked_again() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    let mut terminal = sandbox.cmd("auth token --api-key").arg(KEY).terminal();
    for (typed, said) in [
        ("4", "Nothing in the list contains"),
        ("0", "Nothing in the list contains"),
        ("-1", "Nothing in the list contains"),
        ("proj", "Several items contain"),
        ("\u{fc}ber", "Nothing in the list contains"),
    ] {
        terminal.expect(PICK).type_line(typed).expect(said);
    }
    terminal.expect(PICK).type_line("web");
    terminal.wait().assert_code(0).assert_restored();
    assert_eq!(first(&sandbox)["project_id"], "proj-web");
}

#[test]
fn rejected_key_is_asked_for_three_times() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    let before = sandbox.read(STORE);
    let mut terminal = sandbox.cmd("auth token --project proj-web").terminal();
    type_key(&mut terminal, "");
    terminal.expect("the API key from the prompt is empty; try again");
    type_key(&mut terminal, OTHER_KEY);
    terminal.expect("rejected the API key (401): Invalid API key; try again");
    type_key(&mut terminal, KEY);
    let ended = terminal.wait();
    ended.assert_code(0).assert_restored();
    assert_eq!(first(&sandbox)["api_key"], KEY);

    sandbox.write(STORE, &before);
    let mut terminal = sandbox.cmd("auth token --project proj-web").terminal();
    for key in [OTHER_KEY, "a b", OTHER_KEY] {
        type_key(&mut terminal, key);
    }
    let ended = terminal.wait();
    ended.assert_code(4).assert_restored();
    pretty_assertions::assert_eq!(
        ended.transcript,
        transcript(
            "
            API key (not shown):~
            [SERVER] rejected the API key (401): Invalid API key; try again
            API key (not shown):~
            the API key from the prompt contains whitespace; try again
            API key (not shown):~
            error: [SERVER] rejected the API key (401): Invalid API key
            hint: sign in with a valid key: `llamactl auth token`
            "
        )
    );
    assert_eq!(sandbox.read(STORE), before);
}

#[test]
fn unreachable_server_stores_the_key_with_a_warning() {
    let closed = Closed::new();
    let sandbox = Sandbox::new().at(&closed.url());
    sandbox.replace(&closed.url(), "[CLOSED]");
    let mut terminal = sandbox.cmd("auth token --project p").terminal();
    type_key(&mut terminal, KEY);
    let ended = terminal.wait();
    ended.assert_code(0).assert_restored();
    pretty_assertions::assert_eq!(
        ended.transcript,
        "API key (not shown): \nwarning: the key was not verified: [CLOSED] can't be reached: connection refused\ncreated profile 'llx-01****mnop' in [CLOSED] and made it current\n"
    );
}

#[test]
fn profiles_and_environments_are_selected() {
    let sandbox = three_profiles();
    let mut terminal = sandbox.cmd("auth use").terminal();
    terminal.expect(PICK).type_line("c");
    let ended = terminal.wait();
    ended.assert_code(0).assert_restored();
    pretty_assertions::assert_eq!(
        ended.transcript,
        transcript(
            "
            Profiles:
              1) a-one
            * 2) b-two
              3) c-two
            Number or part of a name [2]: c
            the current profile is c-two
            "
        )
    );
    assert_eq!(current(&sandbox), "c-two");

    let mut terminal = sandbox.cmd("auth logout").terminal();
    terminal.expect("* 3) c-two").expect(PICK).type_line("one");
    terminal.wait().assert_code(0).assert_restored();
    assert_eq!(first(&sandbox)["name"], "b-two");

    let mut terminal = sandbox.cmd("environments use").terminal();
    terminal
        .expect("* 2) https://llama.example.com")
        .expect(PICK)
        .type_line("1");
    terminal.wait().assert_code(0).assert_restored();
    let mut terminal = sandbox.cmd("environments delete").terminal();
    terminal
        .expect("* 1) https://api.cloud.llamaindex.ai")
        .expect(PICK)
        .type_line("example");
    terminal.wait().assert_code(0).assert_restored();
    assert_eq!(
        sandbox.stored(),
        json!({"version": 1, "current_environment": "https://api.cloud.llamaindex.ai"})
    );
}

#[test]
fn project_of_the_profile_is_the_default() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = Sandbox::new().signed_in(&plane.url());
    sandbox.knows(&plane);
    let mut terminal = sandbox.cmd("projects use").terminal();
    terminal.expect("* 1) proj-web (Website, org-acme)");
    terminal.expect(PICK).type_line("research");
    terminal.wait().assert_code(0).assert_restored();
    assert_eq!(first(&sandbox)["project_id"], "proj-research");
    let mut terminal = sandbox.cmd("projects use").terminal();
    terminal.expect("* 3) proj-research (Research, org-labs)");
    terminal.expect(PICK).type_line("");
    terminal.wait().assert_code(0).assert_restored();
    assert_eq!(first(&sandbox)["project_id"], "proj-research");
}

#[test]
fn environments_add_asks_for_the_url() {
    let plane = ControlPlane::start(World::default());
    let sandbox = Sandbox::new();
    sandbox.knows(&plane);
    let mut terminal = sandbox.cmd("environments add").terminal();
    terminal
        .expect("URL of the control plane: ")
        .type_line(&plane.url());
    let ended = terminal.wait();
    ended.assert_code(0).assert_restored();
    assert!(ended.transcript.ends_with(
        "added environment [SERVER], which requires authentication, and made it current\n"
    ));
    let mut terminal = sandbox.cmd("environments add").terminal();
    terminal
        .expect("URL of the control plane: ")
        .type_line("ftp://x");
    terminal.wait().assert_code(2).assert_restored();
}

#[test]
fn ctrl_c_and_ctrl_d_restore_the_terminal() {
    let plane = ControlPlane::start(World::populated(KEY));
    let sandbox = at(&plane);
    let before = sandbox.read(STORE);

    // At the masked prompt, with half a key typed.
    let mut terminal = sandbox.cmd("auth token").terminal();
    terminal.expect(ASKED).send("llx-01").send(b"\x03");
    let ended = terminal.wait();
    ended.assert_signal(Signal::INT).assert_restored();
    assert_eq!(ended.transcript.trim_end(), ASKED.trim_end());

    // At the picker.
    let mut terminal = sandbox.cmd("auth token --api-key").arg(KEY).terminal();
    terminal
        .expect(PICK)
        .expect("[1]: ")
        .send("w")
        .send(b"\x03");
    let ended = terminal.wait();
    ended.assert_signal(Signal::INT).assert_restored();
    assert!(!ended.transcript.contains("error"), "{}", ended.transcript);

    // The end of the input, which Ctrl-D types.
    let mut terminal = sandbox.cmd("auth token").terminal();
    terminal.expect(ASKED).send(b"\x04");
    let ended = terminal.wait();
    ended.assert_code(1).assert_restored();
    assert_eq!(
        ended.transcript,
        format!("{ASKED}\nerror: the input ended before a reply was given\n")
    );
    let mut terminal = sandbox.cmd("auth token --api-key").arg(KEY).terminal();
    terminal.expect(PICK).expect("[1]: ").send(b"\x04");
    let ended = terminal.wait();
    ended.assert_code(1).assert_restored();
    assert!(
        ended
            .transcript
            .ends_with("[1]: \nerror: the input ended before a reply was given\n"),
        "{}",
        ended.transcript
    );
    assert_eq!(sandbox.read(STORE), before);
}

/// The shells that are installed; the others are named on standard error.
fn shells() -> Vec<&'static str> {
    let (found, missing): (Vec<_>, Vec<_>) = ["bash", "dash", "zsh", "fish"]
        .into_iter()
        .partition(|shell| std::path::Path::new("/usr/bin").join(shell).exists());
    if !missing.is_empty() {
        say_skipped(&format!("not installed: {}", missing.join(", ")));
    }
    found
}

#[test]
fn ctrl_c_ends_the_script_in_every_shell() {
    const NEXT: &str = "echo next command ran";
    for shell in shells() {
        let plane = ControlPlane::start(World::populated(KEY));
        let sandbox = Sandbox::new().signed_in(&plane.url());
        let program = format!("/usr/bin/{shell}");
        for (command, shown) in [
            ("auth token", ASKED),
            ("projects use", "[1]: "),
            ("deployments delete search", "[no]: "),
            ("deployments logs search --follow", "/health 200"),
        ] {
            let script = format!("'{LLAMACTL}' {command}; {NEXT}");
            let run = sandbox.args(["-c", &script]).program(&program);
            let mut terminal = run.terminal();
            terminal.expect(shown).send(b"\x03");
            let ended = terminal.wait();
            ended.assert_restored();
            assert_ne!(ended.exit, Exit::Code(0), "{shell}: {command}");
            assert!(
                !ended.transcript.contains("next command ran"),
                "{shell}: {command}: {}",
                ended.transcript
            );
        }
        // While a request waits for its response; a loop is left, too.
        let gate = Gate::default();
        let stub = Stub::new();
        let projects = Reply::json(200, r#"{"projects": []}"#).hold(&gate);
        stub.expect(get(PROJECTS).bearer(KEY).reply(projects));
        let sandbox = Sandbox::new().signed_in(&stub.url());
        let body = format!("'{LLAMACTL}' projects get; {NEXT}");
        let script = match shell {
            "fish" => format!("while true; {body}; end"),
            _ => format!("while :; do {body}; done"),
        };
        let run = sandbox.args(["-c", &script]).program(&program);
        let mut terminal = run.terminal();
        stub.server().wait_for_requests(1);
        terminal.send(b"\x03");
        let ended = terminal.wait();
        gate.open();
        assert_ne!(ended.exit, Exit::Code(0), "{shell}");
        assert!(
            !ended.transcript.contains("next command ran"),
            "{shell}: {}",
            ended.transcript
        );
    }
}

#[test]
fn key_prompt_needs_no_controlling_terminal() {
    // As under `su -c` or `docker exec -t`: there is a terminal, but not as the controlling one.
    let plane = ControlPlane::start(World::populated(KEY));
    for arguments in [&[][..], &["--api-key", "-"]] {
        let sandbox = at(&plane);
        let command = ["-w", LLAMACTL, "auth", "token", "--project", "proj-web"];
        let run = sandbox.args([&command, arguments].concat());
        let mut terminal = run.program("/usr/bin/setsid").terminal();
        type_key(&mut terminal, KEY);
        let ended = terminal.wait();
        ended.assert_code(0).assert_restored();
        assert_eq!(first(&sandbox)["api_key"], KEY, "{arguments:?}");
    }
}

#[test]
fn ctrl_z_does_not_suspend_the_key_prompt() {
    let sandbox = Sandbox::new();
    let mut terminal = sandbox.cmd("auth token --project p --no-verify").terminal();
    terminal.expect(ASKED).send("llx-\u{1a}1\r");
    terminal.expect("contains control characters; try again");
    type_key(&mut terminal, KEY);
    terminal.wait().assert_code(0).assert_restored();
}

#[test]
fn signals_restore_the_terminal() {
    let sandbox = Sandbox::new();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let mut terminal = sandbox.cmd("auth token").terminal();
        terminal.expect(ASKED).signal(signal);
        terminal.wait().assert_signal(signal).assert_restored();
    }
}

#[test]
fn ci_and_dumb_terminals_are_not_interactive() {
    let sandbox = three_profiles();
    for (name, value) in [("CI", "1"), ("CI", "true"), ("TERM", "dumb")] {
        let terminal = sandbox.cmd("auth use").env(name, value).terminal();
        let ended = terminal.wait();
        ended.assert_code(2).assert_restored();
        assert_eq!(
            ended.transcript,
            "error: the profile's NAME is missing\nhint: pass one of: a-one, b-two, c-two\n"
        );
        let terminal = sandbox.cmd("auth token").env(name, value).terminal();
        let ended = terminal.wait();
        ended.assert_code(2);
        assert!(ended.transcript.contains("when not interactive"));
    }
    for (name, value) in [("CI", ""), ("CI", "false"), ("CI", "False"), ("CI", "0")] {
        // Data may go elsewhere while the user is asked.
        let run = sandbox.cmd("auth use").env(name, value);
        let mut terminal = run.terminal_stdout_to("out");
        terminal.expect(PICK).type_line("a");
        terminal.wait().assert_code(0).assert_restored();
        assert_eq!(current(&sandbox), "a-one");
        assert_eq!(sandbox.read("out"), "");
    }
}

#[test]
fn reply_that_is_not_utf_8_is_an_error() {
    let sandbox = three_profiles();
    let mut terminal = sandbox.cmd("auth use").terminal();
    terminal.expect(PICK).expect("[2]: ").send(b"\xff\n");
    let ended = terminal.wait();
    ended.assert_code(1).assert_restored();
    assert!(
        ended
            .transcript
            .ends_with("error: what was typed is not valid UTF-8\n"),
        "{}",
        ended.transcript
    );
    assert_eq!(current(&sandbox), "b-two");
}
