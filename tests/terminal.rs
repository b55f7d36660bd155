//! A person at a terminal: what is asked, what is shown while typing, and how the terminal is left.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::secrets::{KEY, OTHER_KEY};
use crate::support::{
    Closed, ControlPlane, STORE, Sandbox, Terminal, World, environment, profile, store,
};

const ASKED: &str = "API key (not shown): ";
const PICK: &str = "Number or part of a name";

fn at(plane: &ControlPlane) -> Sandbox {
    let sandbox = Sandbox::new().at(&plane.url());
    sandbox.knows(plane);
    sandbox
}

/// Three profiles in an environment that is not asked; `b-two` is the current one.
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

/// A transcript in which `~` at the end of a line is the blank that a prompt leaves there.
fn transcript(text: &str) -> String {
    unindent::unindent(text).replace("~\n", " \n")
}

/// Waits for the masked prompt and types a key.
fn type_key(terminal: &mut Terminal, key: &str) {
    terminal.expect(ASKED).type_line(key);
}

#[test]
fn a_key_is_asked_for_without_showing_it_and_a_project_from_a_list() {
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
fn projects_are_picked_by_number_by_name_and_by_enter() {
    let plane = ControlPlane::start(World::populated(KEY));
    for (typed, picked) in [
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
        assert_eq!(first(&sandbox)["project_id"], picked, "{typed:?}");
    }
}

#[test]
fn an_answer_that_fits_nothing_is_asked_again() {
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
fn a_wrong_key_is_asked_for_again_three_times_in_all() {
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
fn a_server_out_of_reach_does_not_ask_again() {
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
fn profiles_and_environments_are_picked_too() {
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
fn a_project_is_picked_with_the_profile_s_own_marked() {
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
fn an_address_is_asked_for() {
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
fn interrupting_leaves_the_terminal_as_it_was() {
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

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let sandbox = Sandbox::new();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let mut terminal = sandbox.cmd("auth token").terminal();
        terminal.expect(ASKED).signal(signal);
        terminal.wait().assert_signal(signal).assert_restored();
    }
}

#[test]
fn nobody_is_asked_in_ci_or_at_a_dumb_terminal() {
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
        assert!(ended.transcript.contains("nobody can be asked"));
    }
    // An empty variable is an unset one; and data may go elsewhere while a person answers.
    let run = sandbox.cmd("auth use").env("CI", "");
    let mut terminal = run.terminal_stdout_to("out");
    terminal.expect(PICK).type_line("a");
    terminal.wait().assert_code(0).assert_restored();
    assert_eq!(current(&sandbox), "a-one");
    assert_eq!(sandbox.read("out"), "");
}

#[test]
fn an_answer_that_is_no_text() {
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
