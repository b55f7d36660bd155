//! Any answer of a server or a login provider: no panic, what is believed of it has the form that it must have, and what
//! is said of it can be shown.
//!
//! The first byte says what it is an answer to, by the first letter of it where no other has that: the **v**ersion,
//! **p**rojects, **o**rganizations, **d**eployments, a **h**istory, a **l**og; who the **c**lient is at the provider, its
//! **m**etadata, a **g**rant of a code, **t**okens, the a**n**swer to a poll; an **e**rror; an **i**nstant.

use std::io::BufReader;

use llamactl::api::ApiErrorKind;
use llamactl::api::auth::OidcDiscovery;
use llamactl::api::client::{
    CredentialOrigin, Organization, Project, Version, parse_json, status_error,
};
use llamactl::api::deployments::{Deployment, LogLine, Release};
use llamactl::error::{Error, Kind};
use llamactl::http::Response;
use llamactl::http::sse::Events;
use llamactl::login::client::OidcClient;
use llamactl::oidc::device::{DeviceAuthorization, PollAction, PollResult, Polling};
use llamactl::oidc::discovery::Provider;
use llamactl::oidc::token::TokenSet;
use llamactl::oidc::{OAuthError, ProviderError};
use llamactl::sanitize::sanitize;
use llamactl::url;
use llamactl::url::{ApiUrl, UrlPolicy, host_of, is_loopback};
use llamactl::{secret::Secret, validate};
use serde::de::DeserializeOwned;

const ISSUER: &str = "https://issuer.example/.well-known/openid-configuration";

/// See the head of this file.
pub fn check(input: &[u8]) {
    let Some((kind, body)) = input.split_first() else {
        return;
    };
    match kind {
        b'v' => {
            if let Some(version) = json::<Version>(body) {
                let _ = version.requires_newer_client();
                assert!(super::is_harmless(&version.client_warning()));
            }
        }
        b'p' => drop(
            json::<Vec<Project>>(body).map(|all| all.iter().map(|p| p.name().len()).sum::<usize>()),
        ),
        b'o' => drop(json::<Vec<Organization>>(body)),
        b'd' => drop(json::<Vec<Deployment>>(body)),
        b'h' => drop(json::<Vec<Release>>(body)),
        b'c' => client(body),
        b'm' => metadata(body),
        b'g' => grant(body),
        b't' => tokens(body),
        b'n' => polled(body),
        b'e' => refused(body),
        b'l' => log(body),
        _ => {}
    }
}

fn base() -> ApiUrl {
    ApiUrl::llama_cloud()
}

fn policy() -> UrlPolicy {
    UrlPolicy::for_control_plane(&base())
}

/// A body with the status that its first three digits say, and what headers may say.
fn answer(body: &[u8]) -> Response {
    let digits = body
        .get(..3)
        .and_then(|text| std::str::from_utf8(text).ok());
    let status = digits.and_then(|text| text.parse().ok());
    let text: String = sanitize(&String::from_utf8_lossy(body))
        .chars()
        .take(500)
        .collect();
    Response {
        status: status.unwrap_or(400),
        body: body.get(3..).unwrap_or_default().to_vec(),
        location: Some(text.clone()),
        request_id: Some(text),
        url: base().to_string(),
        is_event_stream: false,
        retry_after: None,
    }
}

/// An answer of the control plane that is a success.
fn json<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let mut response = answer(b"200");
    response.body = body.to_vec();
    match parse_json::<T>(&base(), &response) {
        Ok(value) => Some(value),
        Err(error) => {
            assert_eq!(error.kind, ApiErrorKind::Malformed);
            let error = Error::from(error);
            assert_eq!(error.kind, Kind::NoAnswer);
            super::assert_readable(&error);
            // The value may have been a key.
            assert!(!error.message.contains("llx-"), "{error}");
            None
        }
    }
}

/// An answer that is a refusal.
fn refused(body: &[u8]) {
    let response = answer(body);
    for whose in [
        None,
        Some(CredentialOrigin::Provided),
        Some(CredentialOrigin::Profile("work")),
    ] {
        let error = status_error(&base(), &response, whose);
        assert_eq!(error.status, Some(response.status));
        let kind = error.kind;
        let error = Error::from(error);
        super::assert_readable(&error);
        let expected = match response.status {
            403 => matches!(kind, ApiErrorKind::Rejected | ApiErrorKind::Malformed),
            401 => kind == ApiErrorKind::Rejected,
            408 | 429 | 500.. => kind == ApiErrorKind::Unreachable,
            404 => matches!(kind, ApiErrorKind::Malformed | ApiErrorKind::NotFound),
            400..500 => kind == ApiErrorKind::Refused,
            _ => kind == ApiErrorKind::Malformed,
        };
        assert!(expected, "{}: {kind:?}", response.status);
    }
    let location = response.location.unwrap_or_default();
    if let Some((place, query)) = location.split_once('?') {
        // What is asked there may be a secret.
        let mut response = answer(b"302");
        response.request_id = None;
        response.location = Some(format!("{place}?{query}SECRET"));
        let said = status_error(&base(), &response, None).message;
        assert!(
            place.contains("SECRET") || !said.contains("SECRET"),
            "{said}"
        );
    }
}

/// The client that a control plane names.
fn client(body: &[u8]) {
    let Some(response) = json::<OidcDiscovery>(body) else {
        return;
    };
    match OidcClient::from_response(&base(), response) {
        Ok(client) => {
            assert_eq!(validate::id(&client.id).as_ref(), Ok(&client.id));
            assert_secure(&client.discovery_url);
        }
        Err(error) => super::assert_readable(&error),
    }
}

fn metadata(body: &[u8]) {
    match Provider::parse(ISSUER, &policy(), body) {
        Ok(provider) => {
            assert_eq!(
                provider.issuer.trim_end_matches('/'),
                "https://issuer.example"
            );
            let optional = [
                provider.device_authorization_endpoint,
                provider.revocation_endpoint,
            ];
            let required = [provider.token_endpoint, provider.jwks_uri];
            for url in optional.into_iter().flatten().chain(required) {
                assert_secure(&url);
            }
        }
        Err(problem) => assert!(
            super::is_harmless(&problem) && problem.len() < 1500,
            "{problem}"
        ),
    }
}

/// With another parser than ours.
fn assert_secure(url: &str) {
    assert!(super::is_harmless(url) && url::join("https://a", url).as_deref().is_some());
    let Ok(uri) = url.parse::<ureq::http::Uri>() else {
        return; // It cannot be requested.
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    assert_eq!(host, host_of(url));
    assert!(
        uri.scheme_str() == Some("https") && !is_loopback(host),
        "{url}"
    );
}

/// A device authorization response, and the polling that follows.
fn grant(body: &[u8]) {
    let Ok(authorization) = DeviceAuthorization::parse(body, &policy()) else {
        return;
    };
    let code = &authorization.user_code;
    assert!(super::is_harmless(code) && !code.is_empty() && code.chars().count() <= 64);
    assert!(authorization.expires_in <= 3600);
    assert!(policy().check(&authorization.verification_uri).is_ok());
    let complete = authorization.verification_uri_complete.as_deref();
    assert!(complete.is_none_or(|url| policy().check(url).is_ok()));
    let mut now = 1000;
    let mut polling = Polling::new(&authorization, now);
    let mut action = polling.next(now);
    for byte in body.iter().rev() {
        let PollAction::Poll(wait) = action else {
            break;
        };
        assert!(wait >= 1);
        now += wait;
        assert!(now < 1000 + authorization.expires_in, "polled too late");
        let result = match byte % 4 {
            0 => PollResult::Pending,
            1 => PollResult::SlowDown,
            2 => PollResult::TimedOut,
            _ => PollResult::Transient,
        };
        action = polling.after(result, now);
    }
}

fn tokens(body: &[u8]) {
    let Ok(tokens) = TokenSet::parse(body) else {
        return;
    };
    let is_valid = |token: &Secret| validate::api_key(token.expose()).as_ref() == Ok(token);
    assert!(is_valid(&tokens.access_token));
    assert!(tokens.refresh_token.as_ref().is_none_or(is_valid));
    assert!(tokens.id_token.as_ref().is_none_or(is_valid));
    assert!(
        tokens
            .expires_in
            .is_none_or(|seconds| seconds < 9_000_000_000_000_000)
    );
}

/// A response of the token endpoint.
fn polled(body: &[u8]) {
    let response = answer(body);
    if let Some(error) = OAuthError::parse(&response.body) {
        let text = error.to_string();
        assert!(super::is_harmless(&error.code) && super::is_harmless(&text));
        assert!(text.chars().count() <= 700, "{text}");
    }
    let metadata = br#"{"issuer":"https://issuer.example","token_endpoint":"https://issuer.example/token","jwks_uri":"https://issuer.example/jwks"}"#;
    let provider = Provider::parse(ISSUER, &policy(), metadata).expect("metadata");
    match PollResult::from_outcome(&provider, Ok(&response)) {
        PollResult::Approved(_) => assert_eq!(response.status, 200),
        PollResult::Failed(ProviderError::Rejected(context, _)) => {
            assert!((400..500).contains(&context.status));
        }
        PollResult::Failed(error) => super::assert_readable(&Error::from(error)),
        PollResult::Transient
        | PollResult::Pending
        | PollResult::SlowDown
        | PollResult::Denied
        | PollResult::Expired => {}
        PollResult::TimedOut => panic!("there was a response"),
    }
}

/// Server-sent events: the same however they come in, and as the standard reads them.
fn log(body: &[u8]) {
    let mut whole = Events::new(body);
    let mut found = Vec::new();
    while let Ok(Some(event)) = whole.read() {
        found.push((event.name, event.data));
    }
    for size in [1, 2, 7] {
        let mut parts = Events::new(BufReader::with_capacity(size, body));
        for (name, data) in &found {
            let event = parts
                .read()
                .expect("memory does not break")
                .expect("as before");
            assert_eq!((&event.name, &event.data), (name, data));
        }
        assert_eq!(parts.read().expect("memory does not break"), None);
    }
    assert_eq!(found, as_the_standard_says(body));
    for (_, data) in &found {
        let _ = serde_json::from_str::<LogLine>(data);
    }
}

/// WHATWG HTML, section 9.2.6, all at once.
fn as_the_standard_says(body: &[u8]) -> Vec<(String, String)> {
    // A byte that is no UTF-8 is no line end either; each field is made text on its own.
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text: String = body.iter().copied().map(char::from).collect();
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let own = |text: &str| {
        let bytes: Vec<u8> = text.chars().filter_map(|c| u8::try_from(c).ok()).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut events = Vec::new();
    let (mut name, mut data) = (String::new(), String::new());
    let mut lines: Vec<&str> = text.split('\n').collect();
    // What no line end ends is not looked at.
    lines.pop();
    for line in lines {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if line.is_empty() => {
                if let Some(data) = data.strip_suffix('\n') {
                    events.push((own(&name), own(data)));
                }
                (name, data) = (String::new(), String::new());
            }
            "event" => name = value.to_string(),
            "data" => data.extend([value, "\n"]),
            _ => {}
        }
    }
    events
}
