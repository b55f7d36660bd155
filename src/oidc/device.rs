//! OAuth 2.0 device authorization grant (RFC 8628): obtain a user code, then poll the token endpoint until the user
//! approves or denies it, or the code expires.
//!
//! [`Polling`] decides what to do after each response and when, without IO. [`wait`] carries it out.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::discovery::Provider;
use super::error::sanitize_line;
use super::token::{TOKEN_REQUEST, TokenSet, post, seconds};
use super::{OAuthError, ProviderError};
use crate::clock::Clock;
use crate::http::{Http, Response, TransportError, TransportErrorKind};
use crate::secret::Secret;
use crate::url::UrlPolicy;
use crate::validate;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub(super) const SCOPE: &str = "openid profile email offline_access";
/// Polling interval in seconds if the provider sends none (RFC 8628 §3.2).
const DEFAULT_INTERVAL: u64 = 5;
/// Added to the interval at each `slow_down` (§3.5).
const SLOW_DOWN: u64 = 5;
/// The longest interval in seconds, whatever the provider sends.
const MAX_INTERVAL: u64 = 60;
/// Lifetime of a code in seconds if the provider sends none. It is required (§3.2), but not every provider sends it.
const DEFAULT_LIFETIME: u64 = 600;
const MAX_LIFETIME: u64 = 3600;
const MAX_USER_CODE: usize = 64;

/// The device authorization response (§3.2).
#[derive(Clone, Debug)]
pub struct DeviceAuthorization {
    device_code: Secret,
    /// What the user enters or compares, sanitized.
    pub user_code: String,
    pub verification_uri: String,
    /// The verification URI with the user code in it.
    pub verification_uri_complete: Option<String>,
    /// Seconds until the codes expire.
    pub expires_in: u64,
    interval: u64,
}

/// Why a device authorization ended without tokens.
#[derive(Clone, Debug)]
pub enum DeviceError {
    Denied,
    Expired,
    Provider(ProviderError),
}

/// Requests a user code (§3.1) at the provider's device authorization endpoint.
pub fn authorize(
    http: &mut Http,
    provider: &Provider,
    endpoint: &str,
    client_id: &str,
) -> Result<DeviceAuthorization, ProviderError> {
    let form = [("client_id", client_id), ("scope", SCOPE)];
    let response = post(http, endpoint, &provider.policy, &form)?;
    match DeviceAuthorization::parse(&response.body, &provider.policy) {
        Ok(authorization) if response.status == 200 => Ok(authorization),
        parsed => Err(provider.error("device authorization request", &response, parsed.err())),
    }
}

impl DeviceAuthorization {
    /// Parses the response. The error is what is wrong with it.
    pub fn parse(body: &[u8], policy: &UrlPolicy) -> Result<DeviceAuthorization, &'static str> {
        #[derive(Deserialize)]
        struct DeviceAuthorizationResponse {
            device_code: String,
            user_code: String,
            // Some providers still use the name of an early draft.
            #[serde(alias = "verification_url")]
            verification_uri: String,
            #[serde(default, alias = "verification_url_complete")]
            verification_uri_complete: Value,
            #[serde(default)]
            expires_in: Value,
            #[serde(default)]
            interval: Value,
        }
        let response: DeviceAuthorizationResponse = serde_json::from_slice(body)
            .map_err(|_| "device_code, user_code or verification_uri is missing")?;
        let device_code =
            validate::token(&response.device_code).map_err(|_| "the device_code is not valid")?;
        let user_code = sanitize_line(&response.user_code);
        if user_code.is_empty() || user_code.chars().count() > MAX_USER_CODE {
            return Err("the user_code cannot be shown");
        }
        if policy.check(&response.verification_uri).is_err() {
            return Err("the verification_uri is not a valid https URL");
        }
        let complete = response.verification_uri_complete.as_str();
        let complete = complete.filter(|url| policy.check(url).is_ok());
        Ok(DeviceAuthorization {
            device_code,
            user_code,
            verification_uri: response.verification_uri,
            verification_uri_complete: complete.map(str::to_string),
            expires_in: seconds(&response.expires_in)
                .unwrap_or(DEFAULT_LIFETIME)
                .min(MAX_LIFETIME),
            interval: seconds(&response.interval)
                .unwrap_or(DEFAULT_INTERVAL)
                .clamp(1, MAX_INTERVAL),
        })
    }
}

/// The outcome of one request to the token endpoint.
#[derive(Clone, Debug)]
pub enum PollResult {
    Approved(Box<TokenSet>),
    Pending,
    SlowDown,
    TimedOut,
    /// Likely to go away: a lost connection, a 5xx response, an HTML page from a proxy.
    Transient,
    Denied,
    Expired,
    /// The provider rejected the request, or sent what no provider sends. Retrying will not help.
    Failed(ProviderError),
}

impl PollResult {
    pub fn from_outcome(
        provider: &Provider,
        outcome: Result<&Response, &TransportError>,
    ) -> PollResult {
        let response = match outcome {
            Ok(response) => response,
            Err(error) => {
                return match error.kind {
                    TransportErrorKind::Setup => PollResult::Failed(error.clone().into()),
                    TransportErrorKind::TimedOut => PollResult::TimedOut,
                    TransportErrorKind::NoConnection
                    | TransportErrorKind::ConnectionLost
                    | TransportErrorKind::Malformed => PollResult::Transient,
                };
            }
        };
        let failed = |problem| PollResult::Failed(provider.error(TOKEN_REQUEST, response, problem));
        if let Some(error) = OAuthError::parse(&response.body) {
            return match (response.status, error.code.as_str()) {
                (_, "authorization_pending") => PollResult::Pending,
                (_, "slow_down") | (429, _) => PollResult::SlowDown,
                (_, "access_denied") => PollResult::Denied,
                (_, "expired_token") => PollResult::Expired,
                (500.., _) | (_, "server_error" | "temporarily_unavailable") => {
                    PollResult::Transient
                }
                _ => failed(None),
            };
        }
        let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&response.body).is_ok();
        match (response.status, TokenSet::parse(&response.body)) {
            (200, Ok(tokens)) => PollResult::Approved(Box::new(tokens)),
            (429, _) => PollResult::SlowDown,
            (500.., _) => PollResult::Transient,
            (_, tokens) if is_json => failed(tokens.err()),
            _ => PollResult::Transient,
        }
    }
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum PollAction {
    /// Poll after so many seconds.
    Poll(u64),
    /// Give up after so many seconds: the code expires before the next request would be sent.
    GiveUp(u64),
    Finish(Result<Box<TokenSet>, DeviceError>),
}

/// When to poll, and when to stop (§3.5).
#[derive(Clone, Debug)]
pub struct Polling {
    interval: u64,
    /// Added to the interval after time-outs.
    backoff: u64,
    expires_at: u64,
}

impl Polling {
    /// Starts polling for an authorization that was received at `now`.
    pub fn new(authorization: &DeviceAuthorization, now: u64) -> Polling {
        Polling {
            interval: authorization.interval,
            backoff: 0,
            expires_at: now.saturating_add(authorization.expires_in),
        }
    }

    /// Seconds until the code expires.
    pub fn remaining(&self, now: u64) -> u64 {
        self.expires_at.saturating_sub(now)
    }

    /// What to do next, without a new result.
    pub fn next(&self, now: u64) -> PollAction {
        let wait = self.interval + self.backoff;
        match self.remaining(now) {
            remaining if remaining <= wait => PollAction::GiveUp(remaining),
            _ => PollAction::Poll(wait),
        }
    }

    /// What to do after a result that was received at `now`.
    pub fn after(&mut self, result: PollResult, now: u64) -> PollAction {
        let last_wait = self.interval + self.backoff;
        self.backoff = 0;
        match result {
            PollResult::Pending | PollResult::Transient => {}
            PollResult::SlowDown => self.interval += SLOW_DOWN,
            // §3.5: exponential backoff after time-outs.
            PollResult::TimedOut => {
                self.backoff = (last_wait * 2)
                    .min(MAX_INTERVAL)
                    .saturating_sub(self.interval);
            }
            PollResult::Approved(tokens) => return PollAction::Finish(Ok(tokens)),
            PollResult::Denied => return PollAction::Finish(Err(DeviceError::Denied)),
            PollResult::Expired => return PollAction::Finish(Err(DeviceError::Expired)),
            PollResult::Failed(error) => {
                return PollAction::Finish(Err(DeviceError::Provider(error)));
            }
        }
        self.next(now)
    }
}

/// Polls the token endpoint once.
pub fn poll(
    http: &mut Http,
    provider: &Provider,
    client_id: &str,
    authorization: &DeviceAuthorization,
) -> PollResult {
    let form = [
        ("grant_type", GRANT_TYPE),
        ("device_code", authorization.device_code.expose()),
        ("client_id", client_id),
    ];
    let outcome = post(http, &provider.token_endpoint, &provider.policy, &form);
    PollResult::from_outcome(provider, outcome.as_ref())
}

/// Polls with `poll` until the user decides or the code expires. `on_wait` gets the remaining seconds, every second.
pub fn wait(
    clock: &impl Clock,
    authorization: &DeviceAuthorization,
    mut poll: impl FnMut() -> PollResult,
    mut on_wait: impl FnMut(u64),
) -> Result<TokenSet, DeviceError> {
    let mut polling = Polling::new(authorization, clock.now());
    let mut pause = |polling: &Polling, seconds| {
        for _ in 0..seconds {
            on_wait(polling.remaining(clock.now()));
            clock.sleep(Duration::from_secs(1));
        }
    };
    let mut action = polling.next(clock.now());
    loop {
        match action {
            PollAction::Poll(seconds) => {
                pause(&polling, seconds);
                action = polling.after(poll(), clock.now());
            }
            PollAction::GiveUp(seconds) => {
                pause(&polling, seconds);
                return Err(DeviceError::Expired);
            }
            PollAction::Finish(result) => return result.map(|tokens| *tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::Error;
    use crate::url::ApiUrl;

    fn policy() -> UrlPolicy {
        UrlPolicy::for_control_plane(&ApiUrl::parse("https://api.example").unwrap())
    }

    fn provider() -> Provider {
        let metadata = br#"{"issuer":"https://id.example","token_endpoint":"https://id.example/token","jwks_uri":"https://id.example/jwks"}"#;
        let url = "https://id.example/.well-known/openid-configuration";
        Provider::parse(url, &policy(), metadata).unwrap()
    }

    fn authorization(expires_in: u64, interval: &str) -> DeviceAuthorization {
        let body = format!(
            r#"{{"device_code":"d","user_code":"AB-CD","verification_uri":"https://a/device","expires_in":{expires_in}{interval}}}"#
        );
        DeviceAuthorization::parse(body.as_bytes(), &policy()).unwrap()
    }

    fn approved() -> PollResult {
        PollResult::Approved(Box::new(
            TokenSet::parse(br#"{"access_token":"a"}"#).unwrap(),
        ))
    }

    fn rejected(code: &str) -> PollResult {
        let body = format!(r#"{{"error":"{code}"}}"#);
        PollResult::from_outcome(&provider(), Ok(&Response::of(400, body.as_bytes())))
    }

    fn description(action: &PollAction) -> String {
        match action {
            PollAction::Poll(seconds) => format!("poll in {seconds}"),
            PollAction::GiveUp(seconds) => format!("give up in {seconds}"),
            PollAction::Finish(Ok(_)) => "approved".to_string(),
            PollAction::Finish(Err(DeviceError::Provider(error))) => {
                Error::from(error.clone()).message
            }
            PollAction::Finish(Err(error)) => format!("{error:?}"),
        }
    }

    /// The actions that follow these results, each of them received as soon as it is requested.
    fn actions(authorization: &DeviceAuthorization, results: Vec<PollResult>) -> Vec<String> {
        let mut now = 1000;
        let mut polling = Polling::new(authorization, now);
        let mut action = polling.next(now);
        let mut all = vec![description(&action)];
        for result in results {
            if let PollAction::Poll(seconds) = action {
                now += seconds;
            }
            action = polling.after(result, now);
            all.push(description(&action));
        }
        all
    }

    #[test]
    fn polling_follows_interval_slow_down_and_expiry() {
        use PollResult::{Denied, Expired, Pending, SlowDown, TimedOut, Transient};
        let cases: Vec<(DeviceAuthorization, Vec<PollResult>, &[&str])> = vec![
            (
                authorization(600, ""),
                vec![approved()],
                &["poll in 5", "approved"],
            ),
            (
                authorization(600, r#","interval":1"#),
                vec![
                    Pending,
                    SlowDown,
                    SlowDown,
                    Transient,
                    Transient,
                    Pending,
                    approved(),
                ],
                &[
                    "poll in 1",
                    "poll in 1",
                    "poll in 6",
                    "poll in 11",
                    "poll in 11",
                    "poll in 11",
                    "poll in 11",
                    "approved",
                ],
            ),
            (
                authorization(600, ""),
                vec![
                    TimedOut, TimedOut, Transient, TimedOut, TimedOut, TimedOut, TimedOut, TimedOut,
                ],
                &[
                    "poll in 5",
                    "poll in 10",
                    "poll in 20",
                    "poll in 5",
                    "poll in 10",
                    "poll in 20",
                    "poll in 40",
                    "poll in 60",
                    "poll in 60",
                ],
            ),
            (
                authorization(600, ""),
                vec![Pending, Denied],
                &["poll in 5", "poll in 5", "Denied"],
            ),
            (
                authorization(600, ""),
                vec![Expired],
                &["poll in 5", "Expired"],
            ),
            (
                authorization(600, ""),
                vec![rejected("x")],
                &[
                    "poll in 5",
                    "the identity provider https://id.example rejected the token request (400): x",
                ],
            ),
            (
                authorization(12, ""),
                vec![Pending, Pending],
                &["poll in 5", "poll in 5", "give up in 2"],
            ),
            (authorization(0, ""), vec![], &["give up in 0"]),
            (
                authorization(600, r#","interval":0"#),
                vec![],
                &["poll in 1"],
            ),
            (
                authorization(600, r#","interval":"7""#),
                vec![],
                &["poll in 7"],
            ),
            (
                authorization(600, r#","interval":99999999"#),
                vec![],
                &["poll in 60"],
            ),
            (
                authorization(600, r#","interval":-5"#),
                vec![],
                &["poll in 5"],
            ),
        ];
        for (authorization, results, expected) in cases {
            assert_eq!(
                actions(&authorization, results.clone()),
                expected,
                "{results:?}"
            );
        }
    }

    /// A clock that moves on at once.
    struct TestClock(Cell<u64>);

    impl Clock for TestClock {
        fn now(&self) -> u64 {
            self.0.get()
        }

        fn sleep(&self, duration: Duration) {
            self.0.set(self.0.get() + duration.as_secs());
        }
    }

    /// When each request was sent, what `on_wait` got, and the end, for requests that take `latency` seconds.
    fn wait_for(
        authorization: &DeviceAuthorization,
        results: Vec<PollResult>,
        latency: u64,
    ) -> (Vec<u64>, Vec<u64>, Result<TokenSet, DeviceError>) {
        let clock = TestClock(Cell::new(0));
        let (mut requests, mut waits) = (Vec::new(), Vec::new());
        let mut results = results.into_iter();
        let end = wait(
            &clock,
            authorization,
            || {
                requests.push(clock.now());
                clock.sleep(Duration::from_secs(latency));
                results.next().unwrap_or(PollResult::Pending)
            },
            |remaining| waits.push(remaining),
        );
        (requests, waits, end)
    }

    #[test]
    fn wait_polls_through_slow_down_and_a_bad_network() {
        use PollResult::{Pending, SlowDown, TimedOut, Transient};
        let results = vec![
            Pending,
            SlowDown,
            SlowDown,
            Transient,
            TimedOut,
            Transient,
            approved(),
        ];
        let (requests, _, end) = wait_for(&authorization(600, r#","interval":1"#), results, 0);
        assert_eq!(requests, [1, 2, 8, 19, 30, 52, 63]);
        assert!(end.is_ok());
    }

    #[test]
    fn wait_ends_when_the_code_expires() {
        let (requests, waits, end) = wait_for(&authorization(17, ""), vec![], 2);
        assert_eq!(requests, [5, 12]);
        assert_eq!(waits, [17, 16, 15, 14, 13, 10, 9, 8, 7, 6, 3, 2, 1]);
        assert!(matches!(end, Err(DeviceError::Expired)));
    }

    #[test]
    fn token_response_decides_the_poll_result() {
        let tokens = r#"{"access_token":"a"}"#;
        let malformed = "sent a malformed response to the token request: there is no access_token";
        for (status, body, result) in [
            (200, tokens, "approved"),
            (
                201,
                tokens,
                "responded to the token request with status 201",
            ),
            (
                200,
                r#"{"access_token":"a","token_type":"mac"}"#,
                "sent a malformed response to the token request: the token_type is not Bearer",
            ),
            (429, tokens, "slow down"),
            (500, tokens, "transient"),
            (400, r#"{"error":"authorization_pending"}"#, "pending"),
            (200, r#"{"error":"authorization_pending"}"#, "pending"),
            (400, r#"{"error":"slow_down"}"#, "slow down"),
            (429, r#"{"error":"too_many"}"#, "slow down"),
            (403, r#"{"error":"access_denied"}"#, "denied"),
            (400, r#"{"error":"expired_token"}"#, "expired"),
            (400, r#"{"error":"server_error"}"#, "transient"),
            (400, r#"{"error":"temporarily_unavailable"}"#, "transient"),
            (500, r#"{"error":"x"}"#, "transient"),
            (502, r#"{"error":"x"}"#, "transient"),
            (
                499,
                r#"{"error":"x"}"#,
                "rejected the token request (499): x",
            ),
            (
                400,
                r#"{"error":"x","error_description":"why"}"#,
                "rejected the token request (400): why (x)",
            ),
            (429, "<html>", "slow down"),
            (200, "<html>", "transient"),
            (404, "<html>", "transient"),
            (503, "{}", "transient"),
            (200, "{}", malformed),
            (404, "{}", "responded to the token request with status 404"),
        ] {
            let outcome =
                PollResult::from_outcome(&provider(), Ok(&Response::of(status, body.as_bytes())));
            assert_eq!(name(&outcome), result, "{status} {body}");
        }
        for (kind, result) in [
            (
                TransportErrorKind::Setup,
                "https://h did not respond in HTTP",
            ),
            (TransportErrorKind::NoConnection, "transient"),
            (TransportErrorKind::ConnectionLost, "transient"),
            (TransportErrorKind::Malformed, "transient"),
            (TransportErrorKind::TimedOut, "timed out"),
        ] {
            let error = TransportError::of(kind);
            let outcome = PollResult::from_outcome(&provider(), Err(&error));
            assert_eq!(name(&outcome), result, "{kind:?}");
        }
    }

    fn name(result: &PollResult) -> String {
        match result {
            PollResult::Approved(_) => "approved".to_string(),
            PollResult::Pending => "pending".to_string(),
            PollResult::SlowDown => "slow down".to_string(),
            PollResult::TimedOut => "timed out".to_string(),
            PollResult::Transient => "transient".to_string(),
            PollResult::Denied => "denied".to_string(),
            PollResult::Expired => "expired".to_string(),
            PollResult::Failed(error) => {
                let message = Error::from(error.clone()).message;
                let start = "the identity provider https://id.example ";
                message.strip_prefix(start).unwrap_or(&message).to_string()
            }
        }
    }

    #[test]
    fn device_authorization_response_is_validated() {
        let parse = |changed: &str, to: &str| {
            let text =
                r#"{"device_code":"d","user_code":"AB-CD","verification_uri":"https://a/device"}"#;
            DeviceAuthorization::parse(text.replace(changed, to).as_bytes(), &policy())
        };
        let minimal = parse("not in it", "").unwrap();
        assert_eq!((minimal.expires_in, minimal.interval), (600, 5));
        for uri in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "http://a/device",
            "http://localhost:631/",
            "https://good@evil/",
            "",
            "https://a/\\u001b[31m",
        ] {
            assert_eq!(
                parse("https://a/device", uri).err(),
                Some("the verification_uri is not a valid https URL"),
                "{uri}"
            );
        }
        let code = parse("AB-CD", "\\u001b[31mAB\\n\\u202e-CD")
            .unwrap()
            .user_code;
        assert_eq!(code, "\\u{1b}[31mAB \\u{202e}-CD");
        assert!(parse("AB-CD", "").is_err());
        assert!(parse("AB-CD", &"A".repeat(64)).is_ok());
        assert!(parse("AB-CD", &"A".repeat(65)).is_err());
        assert!(parse("device_code", "x").is_err());
        let complete = r#"https://a/device","verification_uri_complete":"javascript:x"#;
        let authorization = parse("https://a/device", complete).unwrap();
        assert_eq!(authorization.verification_uri_complete, None);
    }

    proptest::proptest! {
        #[test]
        fn any_response_is_parsed_without_panic(body in "\\PC{0,60}|\\{\"device_code\":\"\\PC{0,9}\",\"user_code\":\"\\PC{0,9}\",\"verification_uri\":\"\\PC{0,9}\",\"interval\":[-0-9e.]{1,8}\\}") {
            let _ = DeviceAuthorization::parse(body.as_bytes(), &policy());
        }

        #[test]
        fn polling_ends_before_the_code_expires(results in proptest::collection::vec(0..4u8, 0..200), expires in 0..4000u64) {
            let authorization = authorization(expires, "");
            let mut now = 1000u64;
            let mut polling = Polling::new(&authorization, now);
            let mut action = polling.next(now);
            for result in results {
                let PollAction::Poll(wait) = action else { break };
                proptest::prop_assert!(wait >= 5);
                now += wait;
                proptest::prop_assert!(now < 1000 + authorization.expires_in);
                let result = match result {
                    0 => PollResult::Pending,
                    1 => PollResult::SlowDown,
                    2 => PollResult::TimedOut,
                    _ => PollResult::Transient,
                };
                action = polling.after(result, now);
            }
        }
    }
}
