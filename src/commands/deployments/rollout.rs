//! Waits until a deployment has settled, for `wait` and for `--wait` after a change.
//!
//! The API has no generation number that would tell whether a phase belongs to the change just made. So after a change
//! a final phase counts only once a response has shown another phase or commit, or after [`SETTLING_TIME`].

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Project, short_sha};
use crate::api::deployments::{Deployment, Event};
use crate::api::{ApiError, ApiErrorKind};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::error::{Error, Result};
use crate::sanitize::{quoted, sanitize};
use crate::term::output;
use crate::term::{ProgressLine, message, prompt};

const DEFAULT_TIMEOUT: u32 = 600;
/// After this time a phase is taken to be the result of the change.
const SETTLING_TIME: Duration = Duration::from_secs(30);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What a request may take even if the time-out is shorter.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// How many of the deployment's events an error is preceded by.
const EVENTS_SHOWN: usize = 5;

/// `--timeout`.
pub fn timeout(given: &Invocation) -> Duration {
    let seconds = given.number(OptId::Timeout).unwrap_or(DEFAULT_TIMEOUT);
    Duration::from_secs(seconds.into())
}

/// `--timeout` if there is `--wait`.
pub fn timeout_of_wait(given: &Invocation) -> Result<Option<Duration>> {
    match (given.has(OptId::Wait), given.number(OptId::Timeout)) {
        (true, _) => Ok(Some(timeout(given))),
        (false, None) => Ok(None),
        (false, Some(_)) => Err(Error::usage("--timeout requires --wait")),
    }
}

/// A deployment before and after a request that changed it.
pub struct Change {
    pub before: Deployment,
    pub after: Deployment,
}

impl Change {
    /// Reads a deployment and sends the update made from it. `None`: nothing needs to be changed.
    pub fn make(
        app: &mut App,
        project: &mut Project,
        name: &str,
        update: impl FnOnce(&Deployment) -> Option<Value>,
    ) -> Result<Change> {
        let before = project.ask_about(name, app, |api, id| api.deployment(name, id))?;
        let after = match update(&before) {
            None => before.clone(),
            Some(update) => project
                .ask(app, |api, id| api.update_deployment(name, id, &update))
                .map_err(|error| project.error_after_change(name, app, error))?,
        };
        Ok(Change { before, after })
    }

    /// `OLD -> NEW` or `no changes`.
    pub fn describe(&self) -> String {
        let (before, after) = (&self.before, &self.after);
        let changed = |old: &str, new: &str| format!("{} -> {}", sanitize(old), sanitize(new));
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_string());
        if before.git_sha != after.git_sha {
            let [old, new] = [before, after].map(|one| short_sha(&text(&one.git_sha)));
            changed(&old, &new)
        } else if before.git_ref != after.git_ref {
            changed(&text(&before.git_ref), &text(&after.git_ref))
        } else if before.suspended != after.suspended {
            let [old, new] = [before, after].map(|one| match one.suspended {
                true => "suspended",
                false => "active",
            });
            changed(old, new)
        } else {
            "no changes".to_string()
        }
    }

    fn is_none(&self) -> bool {
        let state = |one: &Deployment| {
            (
                one.git_sha.clone(),
                one.git_ref.clone(),
                one.suspended,
                one.status.clone(),
            )
        };
        state(&self.before) == state(&self.after)
    }
}

/// Waits until the deployment has settled and reports how: the final phase on standard output, anything but `Running`
/// as an error. `change` is the change that was just made, if any.
pub fn wait(
    app: &mut App,
    project: &mut Project,
    name: &str,
    timeout: Duration,
    change: Option<Change>,
) -> Result<()> {
    let is_tty = message::stderr_is_tty();
    let mut progress = ProgressLine::new(is_tty);
    let settling = Settling::after(change);
    let time = Elapsed(Instant::now());
    let outcome = settle(
        &time,
        timeout,
        settling,
        |poll| {
            app.http.poll_within(poll.time.max(REQUEST_TIME));
            project.ask(app, |api, id| match poll.with_events {
                true => api.deployment_with_events(name, id),
                false => api.deployment(name, id),
            })
        },
        |phase| {
            let line = format!("{}: {}", sanitize(name), sanitize(phase));
            match is_tty {
                true => progress.show(&line),
                false => prompt::say(&line),
            }
        },
    );
    progress.end();
    let outcome = outcome.map_err(|error| project.error(name, error))?;
    report(name, timeout, outcome)
}

fn report(name: &str, timeout: Duration, outcome: Outcome) -> Result<()> {
    let logs = format!(
        "`llamactl deployments logs {}` shows its logs",
        sanitize(name)
    );
    let name = quoted(name);
    match outcome {
        Outcome::Running(last) => output::text(&format!("{}\n", sanitize(&last.status))),
        Outcome::Suspended(last) => {
            output::text(&format!("{}\n", sanitize(&last.status)))?;
            Err(Error::failed(format!("deployment {name} is suspended"))
                .hint("`llamactl deployments resume` resumes it"))
        }
        Outcome::Failed(last) => {
            output::text(&format!("{}\n", sanitize(&last.status)))?;
            show_events(&last);
            let phase = sanitize(&last.status);
            let error = format!("deployment {name} failed: {phase}{}", reason(&last));
            Err(Error::failed(error).hint(logs))
        }
        Outcome::Deleted => Err(Error::failed(format!(
            "deployment {name} was deleted while waiting for it"
        ))),
        Outcome::TimedOut(last, error) => {
            let seconds = timeout.as_secs();
            let mut message = vec![format!(
                "deployment {name} did not settle within {seconds} seconds"
            )];
            if let Some(last) = &last {
                show_events(last);
                message.push(format!(
                    "its phase is {}{}",
                    quoted(&last.status),
                    reason(last)
                ));
            }
            if let Some(error) = error {
                message.push(format!("the last request failed: {}", error.message));
            }
            Err(Error::no_answer(message.join("; "))
                .hint(format!("wait longer with --timeout; {logs}")))
        }
    }
}

/// The server's warning, as the end of a sentence.
fn reason(deployment: &Deployment) -> String {
    match deployment.warning.as_deref().map(str::trim) {
        None | Some("") => String::new(),
        Some(warning) => format!(": {}", sanitize(warning)),
    }
}

fn show_events(deployment: &Deployment) {
    let events = deployment.events.as_deref().unwrap_or_default();
    let skipped = events.len().saturating_sub(EVENTS_SHOWN);
    for Event { reason, message } in &events[skipped..] {
        let parts: Vec<&str> = [reason, message]
            .into_iter()
            .filter_map(|part| part.as_deref())
            .collect();
        prompt::say(&format!("event: {}", sanitize(&parts.join(": "))));
    }
}

/// How a deployment settled, with the last response.
#[derive(Debug)]
enum Outcome {
    Running(Deployment),
    /// `Failed`, `BuildFailed` or `RolloutFailed`.
    Failed(Deployment),
    Suspended(Deployment),
    Deleted,
    /// The last response, and the error of the last request if that failed.
    TimedOut(Option<Deployment>, Option<ApiError>),
}

/// Decides whether a phase counts.
struct Settling {
    /// Phase and commit that say nothing about the change yet; `None`: every phase counts.
    stale: Option<(String, Option<String>)>,
    /// Whether the deployment is known to have existed.
    existed: bool,
}

impl Settling {
    /// The commit is that of the response to the change: servers set it at once, before the phase follows.
    fn after(change: Option<Change>) -> Settling {
        let existed = change.is_some();
        let Some(Change { before, after }) = change.filter(|change| !change.is_none()) else {
            return Settling {
                stale: None,
                existed,
            };
        };
        let mut settling = Settling {
            stale: Some((before.status, after.git_sha.clone())),
            existed,
        };
        settling.observe(&after, Duration::ZERO);
        settling
    }

    /// Takes note of a response, `elapsed` after the change; returns whether its phase counts.
    fn observe(&mut self, seen: &Deployment, elapsed: Duration) -> bool {
        let is_stale = |(phase, git_sha): &mut (String, Option<String>)| {
            elapsed < SETTLING_TIME && seen.status == *phase && seen.git_sha == *git_sha
        };
        self.stale.take_if(|stale| !is_stale(stale));
        self.stale.is_none()
    }

    fn outcome(&mut self, seen: &Deployment, elapsed: Duration) -> Option<Outcome> {
        if !self.observe(seen, elapsed) {
            return None;
        }
        match seen.status.as_str() {
            "Running" => Some(Outcome::Running(seen.clone())),
            "Failed" | "BuildFailed" | "RolloutFailed" => Some(Outcome::Failed(seen.clone())),
            "Suspended" => Some(Outcome::Suspended(seen.clone())),
            _ => None,
        }
    }
}

/// One request for the deployment.
struct Poll {
    with_events: bool,
    /// How much of the time-out is left.
    time: Duration,
}

/// Time since the wait began; tests have a clock of their own.
trait Time {
    fn elapsed(&self) -> Duration;
    fn sleep(&self, time: Duration);
}

struct Elapsed(Instant);

impl Time for Elapsed {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Polls until the deployment has settled or `timeout` is over. Requests start at least a second apart; the last one
/// asks for events, so a failure is confirmed by a second request. `show` gets each phase that differs from the one
/// before it.
fn settle(
    time: &impl Time,
    timeout: Duration,
    mut settling: Settling,
    mut poll: impl FnMut(Poll) -> std::result::Result<Deployment, ApiError>,
    mut show: impl FnMut(&str),
) -> std::result::Result<Outcome, ApiError> {
    let mut pause = SHORTEST_PAUSE;
    let mut last: Option<Deployment> = None;
    let mut has_failed = false;
    let mut is_first = true;
    loop {
        let left = timeout.saturating_sub(time.elapsed());
        // There is no time for another request after this one.
        let is_last = match is_first {
            true => timeout.is_zero(),
            false => left < SHORTEST_PAUSE,
        };
        is_first = false;
        let with_events = is_last || has_failed;
        let mut error = None;
        match poll(Poll {
            with_events,
            time: left,
        }) {
            Ok(seen) => {
                if last.as_ref().is_none_or(|last| last.status != seen.status) {
                    show(&seen.status);
                    pause = SHORTEST_PAUSE;
                }
                let outcome = settling.outcome(&seen, time.elapsed());
                last = Some(seen);
                has_failed = matches!(outcome, Some(Outcome::Failed(_)));
                match outcome {
                    // Once more, for the events.
                    Some(Outcome::Failed(_)) if !with_events => pause = SHORTEST_PAUSE,
                    Some(outcome) => return Ok(outcome),
                    None => {}
                }
            }
            Err(failed) => match failed.kind {
                ApiErrorKind::NotFound if settling.existed || last.is_some() => {
                    return Ok(Outcome::Deleted);
                }
                ApiErrorKind::Unreachable => error = Some(failed),
                _ => return Err(failed),
            },
        }
        if is_last {
            return Ok(match last {
                Some(last) if has_failed => Outcome::Failed(last),
                last => Outcome::TimedOut(last, error),
            });
        }
        time.sleep(pause.min(timeout.saturating_sub(time.elapsed())));
        pause = (pause * 5 / 4).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use serde_json::json;

    use super::*;

    #[derive(Default)]
    struct FakeTime(Cell<Duration>);

    impl Time for FakeTime {
        fn elapsed(&self) -> Duration {
            self.0.get()
        }

        fn sleep(&self, time: Duration) {
            self.0.set(self.0.get() + time);
        }
    }

    fn deployment(phase: &str, sha: &str) -> Deployment {
        let json = json!({"id": "x", "project_id": "p", "status": phase, "git_sha": sha});
        serde_json::from_value(json).unwrap()
    }

    fn failure(kind: ApiErrorKind) -> ApiError {
        ApiError {
            kind,
            status: None,
            was_sent: false,
            message: "connection refused".to_string(),
            hint: None,
        }
    }

    fn changed(before: (&str, &str), after: (&str, &str)) -> Change {
        Change {
            before: deployment(before.0, before.1),
            after: deployment(after.0, after.1),
        }
    }

    /// What a server responds from a second on: a phase and a commit, or an error.
    type Response = std::result::Result<(&'static str, &'static str), ApiErrorKind>;

    /// Waits for a server with this script; returns the outcome, when it was known, and the requests as second and
    /// whether they asked for events.
    fn run(
        change: Option<Change>,
        timeout: u64,
        script: &[(u64, Response)],
    ) -> (String, u64, Vec<(u64, bool)>) {
        let time = FakeTime::default();
        let requests = RefCell::new(Vec::new());
        let outcome = settle(
            &time,
            Duration::from_secs(timeout),
            Settling::after(change),
            |poll| {
                let now = time.elapsed().as_secs();
                requests.borrow_mut().push((now, poll.with_events));
                let (_, response) = script.iter().rev().find(|(from, _)| *from <= now).unwrap();
                match response {
                    Ok((phase, sha)) => Ok(deployment(phase, sha)),
                    Err(kind) => Err(failure(*kind)),
                }
            },
            |_| {},
        );
        let outcome = match outcome {
            Ok(Outcome::Running(last)) => format!("{} {}", last.status, last.git_sha.unwrap()),
            Ok(Outcome::Failed(last)) => format!("failed: {}", last.status),
            Ok(Outcome::Suspended(_)) => "suspended".to_string(),
            Ok(Outcome::Deleted) => "deleted".to_string(),
            Ok(Outcome::TimedOut(last, error)) => format!(
                "time-out: {:?}, {:?}",
                last.map(|last| last.status),
                error.map(|error| error.kind)
            ),
            Err(error) => format!("error: {:?}", error.kind),
        };
        (outcome, time.elapsed().as_secs(), requests.into_inner())
    }

    const DOWN: Response = Err(ApiErrorKind::Unreachable);

    #[test]
    fn outcome_without_a_change_is_the_first_final_phase() {
        for (script, outcome, at) in [
            (&[(0, Ok(("Running", "1")))][..], "Running 1", 0),
            (&[(0, Ok(("Suspended", "1")))], "suspended", 0),
            (&[(0, Ok(("Failed", "1")))], "failed: Failed", 1),
            (
                &[(0, Ok(("Pending", "1"))), (3, Ok(("Running", "1")))],
                "Running 1",
                3,
            ),
            (
                &[
                    (0, Ok(("Pending", "1"))),
                    (1, Ok(("Building", "1"))),
                    (2, Ok(("BuildFailed", "1"))),
                ],
                "failed: BuildFailed",
                3,
            ),
            // A phase of a later version of the server.
            (
                &[(0, Ok(("Sideways", "1"))), (5, Ok(("Running", "1")))],
                "Running 1",
                5,
            ),
            (
                &[
                    (0, Ok(("Pending", "1"))),
                    (1, DOWN),
                    (3, Ok(("Running", "1"))),
                ],
                "Running 1",
                3,
            ),
            (&[(0, DOWN), (20, Ok(("Running", "1")))], "Running 1", 20),
            (
                &[(0, Ok(("Pending", "1"))), (2, Err(ApiErrorKind::NotFound))],
                "deleted",
                2,
            ),
            (&[(0, Err(ApiErrorKind::NotFound))], "error: NotFound", 0),
            (
                &[(0, Ok(("Pending", "1"))), (2, Err(ApiErrorKind::Rejected))],
                "error: Rejected",
                2,
            ),
            (&[(0, Err(ApiErrorKind::Malformed))], "error: Malformed", 0),
            (
                &[(0, Ok(("Pending", "1")))],
                "time-out: Some(\"Pending\"), None",
                58,
            ),
            (&[(0, DOWN)], "time-out: None, Some(Unreachable)", 58),
            // Recovered between the two requests that confirm a failure.
            (
                &[(0, Ok(("RolloutFailed", "1"))), (1, Ok(("Running", "1")))],
                "Running 1",
                1,
            ),
        ] {
            let (seen, ended, _) = run(None, 60, script);
            assert_eq!(seen, outcome, "{script:?}");
            assert!((at..at + 5).contains(&ended), "{script:?}: at {ended}");
        }
    }

    #[test]
    fn outcome_after_a_change_is_not_a_phase_from_before_it() {
        let running = Ok(("Running", "2"));
        for (before, after, script, outcome, at) in [
            (
                ("Running", "1"),
                ("Running", "2"),
                &[(0, running), (4, Ok(("Pending", "2"))), (8, running)][..],
                "Running 2",
                8,
            ),
            // The response to the change already shows another phase.
            (
                ("Running", "1"),
                ("RollingOut", "2"),
                &[(0, running)],
                "Running 2",
                0,
            ),
            // Another commit than the one the change was answered with.
            (
                ("Running", "1"),
                ("Running", "1"),
                &[(0, running)],
                "Running 2",
                0,
            ),
            // Too fast to be seen: it counts after 30 seconds.
            (
                ("Running", "1"),
                ("Running", "2"),
                &[(0, running)],
                "Running 2",
                30,
            ),
            (
                ("BuildFailed", "1"),
                ("BuildFailed", "2"),
                &[
                    (0, Ok(("BuildFailed", "2"))),
                    (9, Ok(("Building", "2"))),
                    (14, running),
                ],
                "Running 2",
                14,
            ),
            (
                ("Failed", "1"),
                ("Failed", "2"),
                &[(0, Ok(("Failed", "2")))],
                "failed: Failed",
                31,
            ),
            (
                ("Suspended", "1"),
                ("Suspended", "2"),
                &[
                    (0, Ok(("Suspended", "2"))),
                    (3, Ok(("Pending", "2"))),
                    (6, running),
                ],
                "Running 2",
                6,
            ),
            (
                ("Running", "1"),
                ("Running", "2"),
                &[(0, Err(ApiErrorKind::NotFound))],
                "deleted",
                0,
            ),
        ] {
            let (seen, ended, _) = run(Some(changed(before, after)), 60, script);
            assert_eq!(seen, outcome, "{before:?} {after:?} {script:?}");
            assert!((at..at + 5).contains(&ended), "{script:?}: at {ended}");
        }
    }

    #[test]
    fn outcome_of_an_update_without_changes_is_known_at_once() {
        let same = Some(changed(("Running", "1"), ("Running", "1")));
        let (outcome, _, requests) = run(same, 60, &[(0, Ok(("Running", "1")))]);
        assert_eq!(
            (outcome.as_str(), requests),
            ("Running 1", vec![(0, false)])
        );
    }

    #[test]
    fn requests_back_off_and_the_last_one_asks_for_events() {
        let (_, _, requests) = run(None, 60, &[(0, Ok(("Pending", "1")))]);
        let (last, others) = requests.split_last().unwrap();
        assert!(*last >= (59, true), "{last:?}");
        assert!(others.iter().all(|(_, events)| !events));
        assert!(
            requests.windows(2).all(|pair| pair[1].0 > pair[0].0),
            "{requests:?}"
        );
        assert!((13..=20).contains(&requests.len()), "{requests:?}");

        let failed = [(0, Ok(("Pending", "1"))), (1, Ok(("Failed", "1")))];
        assert_eq!(
            run(None, 60, &failed).2,
            [(0, false), (1, false), (2, true)]
        );
    }

    #[test]
    fn timeout_0_checks_once() {
        for (phase, outcome) in [
            ("Running", "Running 1"),
            ("Failed", "failed: Failed"),
            ("Pending", "time-out: Some(\"Pending\"), None"),
        ] {
            let (seen, _, requests) = run(None, 0, &[(0, Ok((phase, "1")))]);
            assert_eq!((seen.as_str(), requests), (outcome, vec![(0, true)]));
        }
    }
}
