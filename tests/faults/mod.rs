//! The fault matrix: every fault of a server against every request of every command.
//!
//! [`columns::exits`] derives the allowed exit codes from the fault and the purpose of the request. The table is written to
//! `faults.md` in the target directory.

mod columns;
mod rows;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use self::columns::{Before, COLUMNS, Column, LOGIN, METADATA, Role, exits, is_slow, patience};
use self::rows::{FAULTS, Fault, has_numbers, remove, spoil};
use crate::support::provider::{CLIENT, Provider};
use crate::support::secrets::{KEY, Secrets};
use crate::support::{Exit, Output, Reply, STORE, Sandbox, Server, World};

/// How many cells without long waits run at once.
const WORKERS: usize = 24;

/// A control plane and identity provider in one, with a fault that can be enabled.
struct Scene {
    server: Server,
    elsewhere: Server,
    sandbox: Sandbox,
    is_on: Arc<AtomicBool>,
    hits: Arc<AtomicUsize>,
    numbers: Arc<AtomicBool>,
}

fn scene(column: &'static Column, fault: Fault) -> Scene {
    let sandbox = Sandbox::new();
    sandbox.secret("device-code");
    let mut world = World::populated(KEY).key("llx-zyxwvutsrqponm9876543210ab");
    for number in 1..10 {
        world = world.key(&format!("access-{number}"));
        sandbox.secret(&format!("access-{number}"));
        sandbox.secret(&format!("refresh-{number}"));
    }
    let elsewhere = Server::start(|_| Reply::html(200, "<html>Welcome"));
    let (script, provider) = Provider::unserved();
    if column.role == Role::Poll {
        script.lock().expect("the script").device = json!({"expires_in": 3});
    }
    if column.before == Before::Ended {
        script.lock().expect("the script").lifetime = 0;
    }
    let is_on = Arc::new(AtomicBool::new(false));
    let hits = Arc::new(AtomicUsize::new(0));
    let numbers = Arc::new(AtomicBool::new(false));
    let world = Mutex::new(world);
    let flags = (is_on.clone(), hits.clone(), numbers.clone());
    let target = elsewhere.url();
    let server = Server::start(move |request| {
        let (is_on, hits, numbers) = &flags;
        let host = format!("http://{}", request.header("host").unwrap_or_default());
        let good = if request.path.starts_with("/api/") {
            let mut world = world.lock().unwrap_or_else(PoisonError::into_inner);
            world.oidc = Some(
                json!({"discovery_url": format!("{host}{}", METADATA.1), "client_ids": {"cli": CLIENT}}),
            );
            world.answer(request, &Secrets::default())
        } else {
            provider(request)
        };
        let is_meant = (request.method.as_str(), request.path.as_str()) == column.request;
        if !is_meant || !is_on.load(Ordering::SeqCst) {
            return good;
        }
        hits.fetch_add(1, Ordering::SeqCst);
        numbers.fetch_or(has_numbers(good.content()), Ordering::SeqCst);
        spoil(column, fault, request, good, &target)
    });
    Scene {
        server,
        elsewhere,
        sandbox,
        is_on,
        hits,
        numbers,
    }
}

impl Scene {
    fn prepare(&self, before: Before) {
        let url = self.server.url();
        if before == Before::SignedIn {
            let sandbox = &self.sandbox;
            let profile = crate::support::profile("work", "proj-web", KEY);
            sandbox.write_store(&crate::support::store(&crate::support::environment(
                &url,
                &[profile],
            )));
            return;
        }
        let environment = crate::support::environment(&url, &[]);
        self.sandbox
            .write_store(&crate::support::store(&environment));
        self.sandbox.cmd(LOGIN).any_stderr().run();
        if before == Before::Ended {
            let mut store: Value =
                serde_json::from_str(&self.sandbox.read(STORE)).expect("the store");
            let profile = &mut store["environments"][0]["profiles"][0];
            for field in ["/api_key", "/api_key_id"] {
                remove(profile, field);
            }
            self.sandbox.write_store(&store);
        }
    }

    /// The store and the list of files, without lock files.
    fn kept(&self) -> (String, BTreeSet<String>) {
        let files = [self.sandbox.home_tree(), self.sandbox.cwd_tree()].concat();
        let files = files.into_iter().filter(|file| !file.contains(".lock"));
        (self.sandbox.read(STORE), files.collect())
    }
}

/// Runs a cell; returns what is wrong and the exit code.
fn cell(column: &'static Column, fault: Fault) -> Result<i32, String> {
    let scene = scene(column, fault);
    scene.prepare(column.before);
    let before = scene.kept();
    scene.is_on.store(true, Ordering::SeqCst);
    let line = column.line.replace("[SERVER]", &scene.server.url());
    let run = scene.sandbox.cmd(&line).anything();
    let output = run
        .limit(patience(column, fault) + Duration::from_secs(10))
        .run();
    let problems = problems(column, fault, &scene, &before, &output);
    match (problems.is_empty(), output.exit) {
        (true, Exit::Code(code)) => Ok(code),
        _ => Err(format!(
            "{}stdout: {}\nstderr: {}",
            problems.concat(),
            output.stdout,
            output.stderr
        )),
    }
}

fn problems(
    column: &Column,
    fault: Fault,
    scene: &Scene,
    before: &(String, BTreeSet<String>),
    output: &Output,
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |holds: bool, what: String| {
        if !holds {
            problems.push(what + "\n");
        }
    };
    check(
        scene.hits.load(Ordering::SeqCst) > 0,
        "the request never came".to_string(),
    );
    let expected = exits(column, fault, scene.numbers.load(Ordering::SeqCst));
    let code = match output.exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => 128 + signal,
    };
    check(
        expected.contains(&code),
        format!("exit {code}, expected {expected:?}"),
    );
    check(
        output.took <= patience(column, fault),
        format!("took {:?}", output.took),
    );
    let lines: Vec<&str> = output.stderr.lines().collect();
    for line in speech(column, &lines, code) {
        check(false, line);
    }
    for (stream, bytes) in [
        ("stdout", &output.raw_stdout),
        ("stderr", &output.raw_stderr),
    ] {
        let text = String::from_utf8_lossy(bytes);
        let is_harmless = |c: char| c == '\n' || !llamactl::sanitize::is_control_or_format(c);
        check(
            text.chars().all(is_harmless) && !text.contains('\u{fffd}') || fault == Fault::NotUtf8,
            format!("{stream} has control characters"),
        );
        check(!text.contains("panicked"), "a panic".to_string());
    }
    let is_json = serde_json::from_slice::<Value>(&output.raw_stdout).is_ok();
    let prints_a_line = ["update", "suspend", "wait"]
        .iter()
        .any(|command| column.line.starts_with(&format!("deployments {command} ")));
    let is_data = column.line.ends_with("json") || column.line == "auth me";
    check(
        match (code, column.role) {
            (_, Role::Shown | Role::Extra) => is_json,
            (_, Role::Stream) => true,
            (0, _) if is_data => is_json,
            (0, _) if prints_a_line => output.stdout.lines().count() == 1,
            _ => output.stdout.is_empty(),
        },
        "stdout is not what it should be".to_string(),
    );
    let after = scene.kept();
    if column.writes && code == 0 {
        check(before.0 != after.0, "nothing was stored".to_string());
    } else {
        check(
            *before == after,
            format!("changed: {before:?} to {after:?}"),
        );
    }
    check(before.1 == after.1, format!("files: {:?}", after.1));
    if column.role == Role::TakenBack {
        check(
            !after.0.contains("ada"),
            "the profile is still there".to_string(),
        );
        let is_done = exits(
            &Column {
                role: Role::Done,
                ..column_of(column)
            },
            fault,
            false,
        ) == [0]
            || (fault == Fault::NotFound && column.name == "logout: key");
        let warns = output.stderr.contains("warning: ");
        // If the corruption of the metadata is harmless, the login succeeds.
        check(
            warns != is_done || (column.name == "logout: metadata" && warns),
            "taken back or not, it is not said".to_string(),
        );
    }
    for request in scene.elsewhere.requests() {
        let is_clean = request.header("authorization").is_none() && request.body.is_empty();
        check(
            is_clean,
            format!("went to another host with credentials: {request}"),
        );
    }
    problems
}

fn column_of(column: &Column) -> Column {
    Column { ..*column }
}

/// What is wrong with the output.
fn speech(column: &Column, lines: &[&str], code: i32) -> Vec<String> {
    let mut wrong = Vec::new();
    let errors = lines.iter().filter(|l| l.starts_with("error: ")).count();
    let hints = lines.iter().filter(|l| l.starts_with("hint: ")).count();
    if errors != usize::from(code != 0) {
        wrong.push(format!("{errors} errors"));
    }
    if hints > errors {
        wrong.push(format!("{hints} hints"));
    }
    let last = lines.len().saturating_sub(errors + hints);
    for (i, line) in lines.iter().enumerate() {
        let is_fit = match () {
            () if i >= last => line.starts_with(["error: ", "hint: "][usize::from(i > last)]),
            () if line.starts_with("warning: ") => true,
            // The status lines of a success, and the URL and code of a login.
            () => {
                (code == 0 || column.is_login() || column.name == "wait")
                    && !line.starts_with("error")
                    && !line.starts_with("hint")
            }
        };
        if !is_fit {
            wrong.push(format!("unfit line: {line}"));
        }
        if line.chars().count() > 600 {
            wrong.push("a line that is too long".to_string());
        }
    }
    wrong
}

#[test]
fn whatever_a_server_does() {
    let columns = &COLUMNS;
    let only = std::env::var("FAULT").unwrap_or_default();
    let all: Vec<(usize, usize)> = (0..FAULTS.len())
        .flat_map(|row| (0..columns.len()).map(move |at| (row, at)))
        .filter(|(row, at)| {
            only.is_empty() || format!("{:?} {}", FAULTS[*row].0, columns[*at].name).contains(&only)
        })
        .collect();
    let (slow, fast): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|(row, at)| is_slow(&columns[*at], FAULTS[*row].0));
    let outcomes = Mutex::new(vec![vec![None; columns.len()]; FAULTS.len()]);
    let run = |(row, at): (usize, usize)| {
        let (column, fault) = (&columns[at], FAULTS[row].0);
        let outcome = catch_unwind(AssertUnwindSafe(|| cell(column, fault)));
        let outcome = outcome.unwrap_or_else(|why| {
            let text = why.downcast_ref::<String>().cloned();
            Err(text.unwrap_or_else(|| "a panic in the test".to_string()))
        });
        outcomes.lock().expect("the outcomes")[row][at] = Some(outcome);
    };
    let started = Instant::now();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        // These wait for the program's time limits, all at the same time.
        for one in slow {
            scope.spawn(move || run(one));
        }
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(one) = fast.get(next.fetch_add(1, Ordering::SeqCst)) {
                    run(*one);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().expect("the outcomes");
    let (table, wrong) = table(columns, &outcomes, started.elapsed());
    println!("{table}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    if only.is_empty() {
        let target = target.expect("the target directory");
        fs::write(target.join("faults.md"), &table).expect("faults.md");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

type Outcome = Option<Result<i32, String>>;

/// The table with its counts, and the failures by cell.
fn table(columns: &[Column], outcomes: &[Vec<Outcome>], took: Duration) -> (String, Vec<String>) {
    let mut out = String::from("| fault |");
    for column in columns {
        let _ = write!(out, " {} |", column.name);
    }
    out.push_str("\n| --- |");
    out.push_str(&" --- |".repeat(columns.len()));
    out.push('\n');
    let mut wrong = Vec::new();
    let mut cells = 0;
    for ((fault, name), row) in FAULTS.iter().zip(outcomes) {
        let _ = write!(out, "| {name} |");
        for (column, outcome) in columns.iter().zip(row) {
            cells += usize::from(outcome.is_some());
            let mark = match outcome {
                None => String::new(),
                Some(Ok(code)) => code.to_string(),
                Some(Err(why)) => {
                    wrong.push(format!("== {fault:?} {}\n{why}", column.name));
                    "**wrong**".to_string()
                }
            };
            let _ = write!(out, " {mark} |");
        }
        out.push('\n');
    }
    let _ = write!(
        out,
        "\n{} faults, {} requests of {} commands, {cells} cells, {} wrong, in {} seconds. A number is the exit code of a cell where all held: \
        the right code, in time, one error and at most one hint, nothing stored that should not be, no key, no control character.\n",
        FAULTS.len(),
        columns.len(),
        columns
            .iter()
            .map(|column| column.line)
            .collect::<BTreeSet<_>>()
            .len(),
        wrong.len(),
        took.as_secs(),
    );
    (out, wrong)
}
