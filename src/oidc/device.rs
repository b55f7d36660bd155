//! The device authorization grant (RFC 8628): a code for the person, then questions to the token endpoint until the
//! person has decided.
//!
//! [`Polling`] is the whole of the rules: what to do after each answer, and when. [`wait`] does it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::discovery::Provider;
use super::{Refusal, Tokens, seconds, shown, unusable};
use crate::browser::is_web_address;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::http::{Body, Cause, Failure, Http, Method, Request, Response};
use crate::input;
use crate::json;
use crate::secret::Secret;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const SCOPE: &str = "openid profile email offline_access";
/// Between two questions, where the provider names no time (§3.2).
const INTERVAL: u64 = 5;
/// What `slow_down` adds to it (§3.5).
const SLOWER: u64 = 5;
/// The longest time between two questions, whatever the provider says.
const LONGEST_INTERVAL: u64 = 60;
/// How long a code is good for, where the provider does not say, and at most.
const LIFETIME: u64 = 600;
const LONGEST_LIFETIME: u64 = 3600;
const LONGEST_CODE: usize = 64;

/// What the person is asked to do, and for how long (§3.2).
#[derive(Clone, Debug)]
pub struct Grant {
    device_code: Secret,
    /// What the person types or compares; harmless to print.
    pub user_code: String,
    /// Where; a web address.
    pub verification_uri: String,
    /// The same with the code in it; a web address.
    pub verification_uri_complete: Option<String>,
    /// For how many seconds from now.
    pub expires_in: u64,
    interval: u64,
}

/// Asks for a code (§3.1).
///
/// # Errors
/// What the request ends with; Failed, where the provider has no device authorization.
pub fn authorize(http: &mut Http, provider: &Provider, client_id: &str) -> Result<Grant> {
    let Some(endpoint) = &provider.device_authorization_endpoint else {
        return Err(
            Error::failed("the login provider does not offer logins with a code")
                .hint("sign in with an API key: `llamactl auth token`"),
        );
    };
    let form = [("client_id", client_id), ("scope", SCOPE)];
    let response = post(http, endpoint, &form).map_err(|failure| failure.error)?;
    match Grant::parse(&response.body) {
        Some(Ok(grant)) if response.status == 200 => Ok(grant),
        Some(Err(what)) if response.status == 200 => {
            Err(Error::no_answer(format!("the login provider sent {what}"))
                .hint("nothing was opened; sign in with an API key: `llamactl auth token`"))
        }
        _ => Err(unusable("the request for a code", &response)),
    }
}

impl Grant {
    /// Reads the provider's answer; none where it is none, an error where it must not be followed.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<std::result::Result<Grant, &'static str>> {
        #[derive(Deserialize)]
        struct Answer {
            device_code: String,
            user_code: String,
            // The draft's name, which some providers kept.
            #[serde(alias = "verification_url")]
            verification_uri: String,
            #[serde(default, alias = "verification_url_complete")]
            verification_uri_complete: Value,
            #[serde(default)]
            expires_in: Value,
            #[serde(default)]
            interval: Value,
        }
        let answer: Answer = json::read(body).ok()?;
        let device_code = input::api_key(&answer.device_code).ok()?;
        let user_code = shown(&answer.user_code);
        if user_code.is_empty() || user_code.chars().count() > LONGEST_CODE {
            return Some(Err("a code that can't be shown"));
        }
        if !is_web_address(&answer.verification_uri) {
            return Some(Err("an address that is none of the web"));
        }
        let complete = answer.verification_uri_complete.as_str();
        let complete = complete.filter(|url| is_web_address(url));
        Some(Ok(Grant {
            device_code,
            user_code,
            verification_uri: answer.verification_uri,
            verification_uri_complete: complete.map(str::to_string),
            expires_in: seconds(&answer.expires_in)
                .unwrap_or(LIFETIME)
                .min(LONGEST_LIFETIME),
            interval: seconds(&answer.interval)
                .unwrap_or(INTERVAL)
                .clamp(1, LONGEST_INTERVAL),
        }))
    }
}

/// What came back from the token endpoint.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The person has said yes.
    Tokens(Box<Tokens>),
    /// The person has not decided yet.
    Pending,
    /// We ask too often.
    SlowDown,
    /// Nothing came back in time.
    TimedOut,
    /// Nothing of use came back, as it happens on the way: a broken connection, an overloaded server, a page of HTML.
    Lost,
    /// The person has said no.
    Denied,
    /// The code is no longer good.
    Expired,
    /// The provider will not have it.
    Refused(String),
    /// No provider answers like that, and it won't get better.
    Nonsense(Error),
}

impl Answer {
    /// Reads what a request ended with.
    #[must_use]
    pub fn of(outcome: std::result::Result<&Response, &Failure>) -> Answer {
        let response = match outcome {
            Ok(response) => response,
            Err(failure) => {
                return match failure.cause {
                    Cause::Setup => Answer::Nonsense(failure.error.clone()),
                    Cause::TimedOut => Answer::TimedOut,
                    Cause::NoConnection | Cause::Broken | Cause::Garbled => Answer::Lost,
                };
            }
        };
        if let Some(refusal) = Refusal::parse(&response.body) {
            return match (response.status, refusal.code.as_str()) {
                (_, "authorization_pending") => Answer::Pending,
                (_, "slow_down") | (429, _) => Answer::SlowDown,
                (_, "access_denied") => Answer::Denied,
                (_, "expired_token") => Answer::Expired,
                (500.., _) | (_, "server_error" | "temporarily_unavailable") => Answer::Lost,
                _ => Answer::Refused(refusal.said),
            };
        }
        let is_json = json::is_json(&response.body);
        match (response.status, Tokens::parse(&response.body)) {
            (200, Some(tokens)) => Answer::Tokens(Box::new(tokens)),
            (429, _) => Answer::SlowDown,
            (500.., _) => Answer::Lost,
            _ if is_json => Answer::Nonsense(unusable("the question for tokens", response)),
            _ => Answer::Lost,
        }
    }
}

/// How it ended without tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The person has said no.
    Denied,
    /// Nobody said yes in time.
    Expired,
    /// The provider will not have it, and why.
    Refused(String),
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Next {
    /// Wait so many seconds, then ask.
    Ask(u64),
    /// Wait so many seconds, then it is over: nobody said yes in time.
    GiveUp(u64),
    /// It is over.
    Over(End),
    /// It is over, and nobody could have foreseen it.
    Failed(Error),
    /// It worked.
    Done(Box<Tokens>),
}

/// When to ask, and when to stop (§3.5).
#[derive(Clone, Debug)]
pub struct Polling {
    interval: u64,
    /// Added while nothing comes back in time.
    patience: u64,
    ends: u64,
}

impl Polling {
    /// Starts with a grant that came at `now`.
    #[must_use]
    pub fn new(grant: &Grant, now: u64) -> Polling {
        Polling {
            interval: grant.interval,
            patience: 0,
            ends: now.saturating_add(grant.expires_in),
        }
    }

    /// Seconds until the code is no longer good.
    #[must_use]
    pub fn left(&self, now: u64) -> u64 {
        self.ends.saturating_sub(now)
    }

    /// What to do before the first answer.
    #[must_use]
    pub fn first(&self, now: u64) -> Next {
        self.ask_again(now)
    }

    /// What to do after an answer that came at `now`.
    pub fn after(&mut self, answer: Answer, now: u64) -> Next {
        let slow = self.interval + self.patience;
        self.patience = 0;
        match answer {
            Answer::Pending | Answer::Lost => {}
            Answer::SlowDown => self.interval += SLOWER,
            // §3.5: twice as long after each time-out.
            Answer::TimedOut => {
                self.patience = (slow * 2)
                    .min(LONGEST_INTERVAL)
                    .saturating_sub(self.interval);
            }
            Answer::Tokens(tokens) => return Next::Done(tokens),
            Answer::Denied => return Next::Over(End::Denied),
            Answer::Expired => return Next::Over(End::Expired),
            Answer::Refused(said) => return Next::Over(End::Refused(said)),
            Answer::Nonsense(error) => return Next::Failed(error),
        }
        self.ask_again(now)
    }

    fn ask_again(&self, now: u64) -> Next {
        let (wait, left) = (self.interval + self.patience, self.left(now));
        match wait < left {
            true => Next::Ask(wait),
            false => Next::GiveUp(left),
        }
    }
}

/// Waits for the person. `tick` is told the seconds left, every second.
///
/// # Errors
/// Failed, where the person said no, nobody said yes in time, or the provider will not have it.
pub fn wait(
    http: &mut Http,
    clock: Clock,
    provider: &Provider,
    client_id: &str,
    grant: &Grant,
    tick: &mut dyn FnMut(u64),
) -> Result<Tokens> {
    let mut polling = Polling::new(grant, clock.now());
    let form = [
        ("grant_type", GRANT_TYPE),
        ("device_code", grant.device_code.expose()),
        ("client_id", client_id),
    ];
    let mut next = polling.first(clock.now());
    loop {
        let seconds = match &next {
            Next::Ask(seconds) | Next::GiveUp(seconds) => *seconds,
            _ => 0,
        };
        for _ in 0..seconds {
            tick(polling.left(clock.now()));
            clock.sleep(Duration::from_secs(1));
        }
        match next {
            Next::Ask(_) => {}
            Next::Done(tokens) => return Ok(*tokens),
            Next::Failed(error) => return Err(error),
            Next::GiveUp(_) => return Err(ended(&End::Expired)),
            Next::Over(end) => return Err(ended(&end)),
        }
        // The wait was the person's, not the command's.
        http.restart_clock();
        let outcome = post(http, &provider.token_endpoint, &form);
        next = polling.after(Answer::of(outcome.as_ref()), clock.now());
    }
}

fn ended(end: &End) -> Error {
    match end {
        End::Denied => Error::failed("the login was denied in the browser")
            .hint("nothing was stored; start again with `llamactl auth login`"),
        End::Expired => Error::failed("the code expired before the login was approved")
            .hint("nothing was stored; start again with `llamactl auth login`"),
        End::Refused(said) => Error::failed(format!(
            "the login provider refused the login: {said}"
        ))
        .hint("nothing was stored; start again, or sign in with an API key: `llamactl auth token`"),
    }
}

/// Sends a form to an endpoint of the provider.
pub(super) fn post(
    http: &mut Http,
    url: &str,
    form: &[(&str, &str)],
) -> std::result::Result<Response, Failure> {
    http.send(&Request {
        method: Method::Post,
        url: url.to_string(),
        bearer: None,
        body: Body::Form(form),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(expires_in: u64, interval: &str) -> Grant {
        let body = format!(
            r#"{{"device_code":"d","user_code":"AB-CD","verification_uri":"https://a/device","expires_in":{expires_in}{interval}}}"#
        );
        Grant::parse(body.as_bytes()).unwrap().unwrap()
    }

    fn tokens() -> Answer {
        Answer::Tokens(Box::new(Tokens::parse(br#"{"access_token":"a"}"#).unwrap()))
    }

    fn told(next: &Next) -> String {
        match next {
            Next::Ask(seconds) => format!("ask in {seconds}"),
            Next::GiveUp(seconds) => format!("give up in {seconds}"),
            Next::Over(end) => format!("{end:?}"),
            Next::Failed(error) => error.message.clone(),
            Next::Done(_) => "done".to_string(),
        }
    }

    /// Plays the answers, each the moment it is asked for, and tells what was to be done.
    fn play(grant: &Grant, answers: Vec<Answer>) -> Vec<String> {
        let mut now = 1000;
        let mut polling = Polling::new(grant, now);
        let mut next = polling.first(now);
        let mut story = vec![told(&next)];
        for answer in answers {
            if let Next::Ask(seconds) = next {
                now += seconds;
            }
            next = polling.after(answer, now);
            story.push(told(&next));
        }
        story
    }

    #[test]
    fn the_rules_of_asking() {
        use Answer::{Denied, Expired, Lost, Pending, Refused, SlowDown, TimedOut};
        let cases: Vec<(Grant, Vec<Answer>, &[&str])> = vec![
            (grant(600, ""), vec![tokens()], &["ask in 5", "done"]),
            (
                grant(600, r#","interval":1"#),
                vec![Pending, SlowDown, SlowDown, Lost, Lost, Pending, tokens()],
                &[
                    "ask in 1",
                    "ask in 1",
                    "ask in 6",
                    "ask in 11",
                    "ask in 11",
                    "ask in 11",
                    "ask in 11",
                    "done",
                ],
            ),
            (
                grant(600, ""),
                vec![
                    TimedOut, TimedOut, Lost, TimedOut, TimedOut, TimedOut, TimedOut, TimedOut,
                ],
                &[
                    "ask in 5",
                    "ask in 10",
                    "ask in 20",
                    "ask in 5",
                    "ask in 10",
                    "ask in 20",
                    "ask in 40",
                    "ask in 60",
                    "ask in 60",
                ],
            ),
            (
                grant(600, ""),
                vec![Pending, Denied],
                &["ask in 5", "ask in 5", "Denied"],
            ),
            (grant(600, ""), vec![Expired], &["ask in 5", "Expired"]),
            (
                grant(600, ""),
                vec![Answer::Nonsense(Error::no_answer("nonsense"))],
                &["ask in 5", "nonsense"],
            ),
            (
                grant(600, ""),
                vec![Refused("x".into())],
                &["ask in 5", "Refused(\"x\")"],
            ),
            (
                grant(12, ""),
                vec![Pending, Pending],
                &["ask in 5", "ask in 5", "give up in 2"],
            ),
            (grant(0, ""), vec![], &["give up in 0"]),
            (grant(600, r#","interval":0"#), vec![], &["ask in 1"]),
            (grant(600, r#","interval":"7""#), vec![], &["ask in 7"]),
            (
                grant(600, r#","interval":99999999"#),
                vec![],
                &["ask in 60"],
            ),
            (grant(600, r#","interval":-5"#), vec![], &["ask in 5"]),
        ];
        for (grant, answers, expected) in cases {
            assert_eq!(play(&grant, answers.clone()), expected, "{answers:?}");
        }
    }

    #[test]
    fn what_an_answer_means() {
        let tokens = r#"{"access_token":"a"}"#;
        for (status, body, means) in [
            (200, tokens, "tokens"),
            (201, tokens, "nonsense"),
            (429, tokens, "slow down"),
            (500, tokens, "lost"),
            (400, r#"{"error":"authorization_pending"}"#, "pending"),
            (200, r#"{"error":"authorization_pending"}"#, "pending"),
            (400, r#"{"error":"slow_down"}"#, "slow down"),
            (429, r#"{"error":"too_many"}"#, "slow down"),
            (403, r#"{"error":"access_denied"}"#, "denied"),
            (400, r#"{"error":"expired_token"}"#, "expired"),
            (400, r#"{"error":"server_error"}"#, "lost"),
            (400, r#"{"error":"temporarily_unavailable"}"#, "lost"),
            (500, r#"{"error":"x"}"#, "lost"),
            (502, r#"{"error":"x"}"#, "lost"),
            (499, r#"{"error":"x"}"#, "refused: x"),
            (
                400,
                r#"{"error":"x","error_description":"why"}"#,
                "refused: why (x)",
            ),
            (429, "<html>", "slow down"),
            (200, "<html>", "lost"),
            (404, "<html>", "lost"),
            (503, "{}", "lost"),
            (200, "{}", "nonsense"),
            (404, "{}", "nonsense"),
        ] {
            let answer = Answer::of(Ok(&Response::of(status, body.as_bytes())));
            assert_eq!(name(&answer), means, "{status} {body}");
        }
        let error = Error::no_answer("x");
        for (cause, means) in [
            (Cause::Setup, "nonsense"),
            (Cause::NoConnection, "lost"),
            (Cause::Broken, "lost"),
            (Cause::Garbled, "lost"),
            (Cause::TimedOut, "timed out"),
        ] {
            let failure = Failure {
                cause,
                lasts: false,
                error: error.clone(),
            };
            assert_eq!(name(&Answer::of(Err(&failure))), means, "{cause:?}");
        }
    }

    fn name(answer: &Answer) -> String {
        match answer {
            Answer::Tokens(_) => "tokens".to_string(),
            Answer::Pending => "pending".to_string(),
            Answer::SlowDown => "slow down".to_string(),
            Answer::TimedOut => "timed out".to_string(),
            Answer::Lost => "lost".to_string(),
            Answer::Denied => "denied".to_string(),
            Answer::Expired => "expired".to_string(),
            Answer::Refused(said) => format!("refused: {said}"),
            Answer::Nonsense(_) => "nonsense".to_string(),
        }
    }

    #[test]
    fn what_a_grant_may_say() {
        let with = |changed: &str, to: &str| {
            let text =
                r#"{"device_code":"d","user_code":"AB-CD","verification_uri":"https://a/device"}"#;
            Grant::parse(text.replace(changed, to).as_bytes())
        };
        let plain = with("x-not-there", "").unwrap().unwrap();
        assert_eq!((plain.expires_in, plain.interval), (600, 5));
        for bad in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "",
            "https://a/\\u001b[31m",
        ] {
            assert!(with("https://a/device", bad).unwrap().is_err(), "{bad}");
        }
        let code = with("AB-CD", "\\u001b[31mAB\\n\\u202e-CD")
            .unwrap()
            .unwrap();
        assert_eq!(code.user_code, "[31mAB -CD");
        assert!(with("AB-CD", "").unwrap().is_err());
        assert!(with("AB-CD", &"A".repeat(64)).unwrap().is_ok());
        assert!(with("AB-CD", &"A".repeat(65)).unwrap().is_err());
        assert!(with("device_code", "x").is_none());
        let complete = r#"https://a/device","verification_uri_complete":"javascript:x"#;
        let grant = with("https://a/device", complete).unwrap().unwrap();
        assert_eq!(grant.verification_uri_complete, None);
    }

    proptest::proptest! {
        #[test]
        fn no_grant_panics(body in "\\PC{0,60}|\\{\"device_code\":\"\\PC{0,9}\",\"user_code\":\"\\PC{0,9}\",\"verification_uri\":\"\\PC{0,9}\",\"interval\":[-0-9e.]{1,8}\\}") {
            let _ = Grant::parse(body.as_bytes());
        }

        #[test]
        fn asking_always_ends(answers in proptest::collection::vec(0..4u8, 0..200), expires in 0..4000u64) {
            let grant = grant(expires, "");
            let mut now = 1000u64;
            let mut polling = Polling::new(&grant, now);
            let mut next = polling.first(now);
            for answer in answers {
                let Next::Ask(wait) = next else { break };
                proptest::prop_assert!(wait >= 5);
                now += wait;
                proptest::prop_assert!(now < 1000 + grant.expires_in);
                let answer = match answer {
                    0 => Answer::Pending,
                    1 => Answer::SlowDown,
                    2 => Answer::TimedOut,
                    _ => Answer::Lost,
                };
                next = polling.after(answer, now);
            }
        }
    }
}
