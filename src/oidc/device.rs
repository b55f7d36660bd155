//! The device authorization grant (RFC 8628): a code for the person, then questions to the token endpoint until the
//! person has decided.
//!
//! [`Polling`] is the whole of the rules: what to do after each answer, and when. [`wait`] does it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::discovery::Provider;
use super::{OAuthError, TokenSet, seconds, shown, unusable};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::http::{Body, Http, Method, Request, Response, TransportError, TransportErrorKind};
use crate::secret::Secret;
use crate::term::browser::is_web_address;
use crate::validate;

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
pub struct DeviceAuthorization {
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
pub fn authorize(
    http: &mut Http,
    provider: &Provider,
    client_id: &str,
) -> Result<DeviceAuthorization> {
    let Some(endpoint) = &provider.device_authorization_endpoint else {
        return Err(
            Error::failed("the login provider does not offer logins with a code")
                .hint("sign in with an API key: `llamactl auth token`"),
        );
    };
    let form = [("client_id", client_id), ("scope", SCOPE)];
    let response = post(http, endpoint, &form).map_err(|failure| failure.error)?;
    match DeviceAuthorization::parse(&response.body) {
        Some(Ok(grant)) if response.status == 200 => Ok(grant),
        Some(Err(what)) if response.status == 200 => {
            Err(Error::no_answer(format!("the login provider sent {what}"))
                .hint("nothing was opened; sign in with an API key: `llamactl auth token`"))
        }
        _ => Err(unusable("the request for a code", &response)),
    }
}

impl DeviceAuthorization {
    /// Reads the provider's answer; none where it is none, an error where it must not be followed.
    pub fn parse(body: &[u8]) -> Option<std::result::Result<DeviceAuthorization, &'static str>> {
        #[derive(Deserialize)]
        struct PollResult {
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
        let answer: PollResult = serde_json::from_slice(body).ok()?;
        let device_code = validate::api_key(&answer.device_code).ok()?;
        let user_code = shown(&answer.user_code);
        if user_code.is_empty() || user_code.chars().count() > LONGEST_CODE {
            return Some(Err("a code that can't be shown"));
        }
        if !is_web_address(&answer.verification_uri) {
            return Some(Err("an address that is none of the web"));
        }
        let complete = answer.verification_uri_complete.as_str();
        let complete = complete.filter(|url| is_web_address(url));
        Some(Ok(DeviceAuthorization {
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
pub enum PollResult {
    /// The person has said yes.
    Approved(Box<TokenSet>),
    /// The person has not decided yet.
    Pending,
    /// We ask too often.
    SlowDown,
    /// Nothing came back in time.
    TimedOut,
    /// Nothing of use came back, as it happens on the way: a broken connection, an overloaded server, a page of HTML.
    Transient,
    /// The person has said no.
    Denied,
    /// The code is no longer good.
    Expired,
    /// The provider will not have it.
    Rejected(String),
    /// No provider answers like that, and it won't get better.
    Malformed(Error),
}

impl PollResult {
    /// Reads what a request ended with.
    pub fn of(outcome: std::result::Result<&Response, &TransportError>) -> PollResult {
        let response = match outcome {
            Ok(response) => response,
            Err(failure) => {
                return match failure.cause {
                    TransportErrorKind::Setup => PollResult::Malformed(failure.error.clone()),
                    TransportErrorKind::TimedOut => PollResult::TimedOut,
                    TransportErrorKind::NoConnection
                    | TransportErrorKind::Broken
                    | TransportErrorKind::Garbled => PollResult::Transient,
                };
            }
        };
        if let Some(refusal) = OAuthError::parse(&response.body) {
            return match (response.status, refusal.code.as_str()) {
                (_, "authorization_pending") => PollResult::Pending,
                (_, "slow_down") | (429, _) => PollResult::SlowDown,
                (_, "access_denied") => PollResult::Denied,
                (_, "expired_token") => PollResult::Expired,
                (500.., _) | (_, "server_error" | "temporarily_unavailable") => {
                    PollResult::Transient
                }
                _ => PollResult::Rejected(refusal.said),
            };
        }
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(
            String::from_utf8_lossy(&response.body).as_bytes(),
        )
        .is_ok();
        match (response.status, TokenSet::parse(&response.body)) {
            (200, Some(tokens)) => PollResult::Approved(Box::new(tokens)),
            (429, _) => PollResult::SlowDown,
            (500.., _) => PollResult::Transient,
            _ if is_json => PollResult::Malformed(unusable("the question for tokens", response)),
            _ => PollResult::Transient,
        }
    }
}

/// How it ended without tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// The person has said no.
    Denied,
    /// Nobody said yes in time.
    Expired,
    /// The provider will not have it, and why.
    Refused(String),
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum PollAction {
    /// Wait so many seconds, then ask.
    Poll(u64),
    /// Wait so many seconds, then it is over: nobody said yes in time.
    GiveUp(u64),
    /// It is over.
    Over(LoginFailure),
    /// It is over, and nobody could have foreseen it.
    Failed(Error),
    /// It worked.
    Done(Box<TokenSet>),
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
    pub fn new(grant: &DeviceAuthorization, now: u64) -> Polling {
        Polling {
            interval: grant.interval,
            patience: 0,
            ends: now.saturating_add(grant.expires_in),
        }
    }

    /// Seconds until the code is no longer good.
    pub fn left(&self, now: u64) -> u64 {
        self.ends.saturating_sub(now)
    }

    /// What to do before the first answer.
    pub fn first(&self, now: u64) -> PollAction {
        self.ask_again(now)
    }

    /// What to do after an answer that came at `now`.
    pub fn after(&mut self, answer: PollResult, now: u64) -> PollAction {
        let slow = self.interval + self.patience;
        self.patience = 0;
        match answer {
            PollResult::Pending | PollResult::Transient => {}
            PollResult::SlowDown => self.interval += SLOWER,
            // §3.5: twice as long after each time-out.
            PollResult::TimedOut => {
                self.patience = (slow * 2)
                    .min(LONGEST_INTERVAL)
                    .saturating_sub(self.interval);
            }
            PollResult::Approved(tokens) => return PollAction::Done(tokens),
            PollResult::Denied => return PollAction::Over(LoginFailure::Denied),
            PollResult::Expired => return PollAction::Over(LoginFailure::Expired),
            PollResult::Rejected(said) => return PollAction::Over(LoginFailure::Refused(said)),
            PollResult::Malformed(error) => return PollAction::Failed(error),
        }
        self.ask_again(now)
    }

    fn ask_again(&self, now: u64) -> PollAction {
        let (wait, left) = (self.interval + self.patience, self.left(now));
        match wait < left {
            true => PollAction::Poll(wait),
            false => PollAction::GiveUp(left),
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
    grant: &DeviceAuthorization,
    tick: &mut dyn FnMut(u64),
) -> Result<TokenSet> {
    let mut polling = Polling::new(grant, clock.now());
    let form = [
        ("grant_type", GRANT_TYPE),
        ("device_code", grant.device_code.expose()),
        ("client_id", client_id),
    ];
    let mut next = polling.first(clock.now());
    loop {
        let seconds = match &next {
            PollAction::Poll(seconds) | PollAction::GiveUp(seconds) => *seconds,
            _ => 0,
        };
        for _ in 0..seconds {
            tick(polling.left(clock.now()));
            clock.sleep(Duration::from_secs(1));
        }
        match next {
            PollAction::Poll(_) => {}
            PollAction::Done(tokens) => return Ok(*tokens),
            PollAction::Failed(error) => return Err(error),
            PollAction::GiveUp(_) => return Err(ended(&LoginFailure::Expired)),
            PollAction::Over(end) => return Err(ended(&end)),
        }
        // The wait was the person's, not the command's.
        http.reset_deadline();
        let outcome = post(http, &provider.token_endpoint, &form);
        next = polling.after(PollResult::of(outcome.as_ref()), clock.now());
    }
}

fn ended(end: &LoginFailure) -> Error {
    match end {
        LoginFailure::Denied => Error::failed("the login was denied in the browser")
            .hint("nothing was stored; start again with `llamactl auth login`"),
        LoginFailure::Expired => Error::failed("the code expired before the login was approved")
            .hint("nothing was stored; start again with `llamactl auth login`"),
        LoginFailure::Refused(said) => Error::failed(format!(
            "the login provider refused the login: {said}"
        ))
        .hint("nothing was stored; start again, or sign in with an API key: `llamactl auth token`"),
    }
}

/// Sends a form to an endpoint of the provider.
pub fn post(
    http: &mut Http,
    url: &str,
    form: &[(&str, &str)],
) -> std::result::Result<Response, TransportError> {
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

    fn grant(expires_in: u64, interval: &str) -> DeviceAuthorization {
        let body = format!(
            r#"{{"device_code":"d","user_code":"AB-CD","verification_uri":"https://a/device","expires_in":{expires_in}{interval}}}"#
        );
        DeviceAuthorization::parse(body.as_bytes())
            .unwrap()
            .unwrap()
    }

    fn tokens() -> PollResult {
        PollResult::Approved(Box::new(
            TokenSet::parse(br#"{"access_token":"a"}"#).unwrap(),
        ))
    }

    fn told(next: &PollAction) -> String {
        match next {
            PollAction::Poll(seconds) => format!("ask in {seconds}"),
            PollAction::GiveUp(seconds) => format!("give up in {seconds}"),
            PollAction::Over(end) => format!("{end:?}"),
            PollAction::Failed(error) => error.message.clone(),
            PollAction::Done(_) => "done".to_string(),
        }
    }

    /// Plays the answers, each the moment it is asked for, and tells what was to be done.
    fn play(grant: &DeviceAuthorization, answers: Vec<PollResult>) -> Vec<String> {
        let mut now = 1000;
        let mut polling = Polling::new(grant, now);
        let mut next = polling.first(now);
        let mut story = vec![told(&next)];
        for answer in answers {
            if let PollAction::Poll(seconds) = next {
                now += seconds;
            }
            next = polling.after(answer, now);
            story.push(told(&next));
        }
        story
    }

    #[test]
    fn the_rules_of_asking() {
        use PollResult::{Denied, Expired, Pending, Rejected, SlowDown, TimedOut, Transient};
        let cases: Vec<(DeviceAuthorization, Vec<PollResult>, &[&str])> = vec![
            (grant(600, ""), vec![tokens()], &["ask in 5", "done"]),
            (
                grant(600, r#","interval":1"#),
                vec![
                    Pending,
                    SlowDown,
                    SlowDown,
                    Transient,
                    Transient,
                    Pending,
                    tokens(),
                ],
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
                    TimedOut, TimedOut, Transient, TimedOut, TimedOut, TimedOut, TimedOut, TimedOut,
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
                vec![PollResult::Malformed(Error::no_answer("nonsense"))],
                &["ask in 5", "nonsense"],
            ),
            (
                grant(600, ""),
                vec![Rejected("x".into())],
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
            let answer = PollResult::of(Ok(&Response::of(status, body.as_bytes())));
            assert_eq!(name(&answer), means, "{status} {body}");
        }
        let error = Error::no_answer("x");
        for (cause, means) in [
            (TransportErrorKind::Setup, "nonsense"),
            (TransportErrorKind::NoConnection, "lost"),
            (TransportErrorKind::Broken, "lost"),
            (TransportErrorKind::Garbled, "lost"),
            (TransportErrorKind::TimedOut, "timed out"),
        ] {
            let failure = TransportError {
                cause,
                lasts: false,
                error: error.clone(),
            };
            assert_eq!(name(&PollResult::of(Err(&failure))), means, "{cause:?}");
        }
    }

    fn name(answer: &PollResult) -> String {
        match answer {
            PollResult::Approved(_) => "tokens".to_string(),
            PollResult::Pending => "pending".to_string(),
            PollResult::SlowDown => "slow down".to_string(),
            PollResult::TimedOut => "timed out".to_string(),
            PollResult::Transient => "lost".to_string(),
            PollResult::Denied => "denied".to_string(),
            PollResult::Expired => "expired".to_string(),
            PollResult::Rejected(said) => format!("refused: {said}"),
            PollResult::Malformed(_) => "nonsense".to_string(),
        }
    }

    #[test]
    fn what_a_grant_may_say() {
        let with = |changed: &str, to: &str| {
            let text =
                r#"{"device_code":"d","user_code":"AB-CD","verification_uri":"https://a/device"}"#;
            DeviceAuthorization::parse(text.replace(changed, to).as_bytes())
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
        assert_eq!(code.user_code, "\\u{1b}[31mAB \\u{202e}-CD");
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
            let _ = DeviceAuthorization::parse(body.as_bytes());
        }

        #[test]
        fn asking_always_ends(answers in proptest::collection::vec(0..4u8, 0..200), expires in 0..4000u64) {
            let grant = grant(expires, "");
            let mut now = 1000u64;
            let mut polling = Polling::new(&grant, now);
            let mut next = polling.first(now);
            for answer in answers {
                let PollAction::Poll(wait) = next else { break };
                proptest::prop_assert!(wait >= 5);
                now += wait;
                proptest::prop_assert!(now < 1000 + grant.expires_in);
                let answer = match answer {
                    0 => PollResult::Pending,
                    1 => PollResult::SlowDown,
                    2 => PollResult::TimedOut,
                    _ => PollResult::Transient,
                };
                next = polling.after(answer, now);
            }
        }
    }
}
