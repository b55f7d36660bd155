//! Any answer of a server or a login provider: no panic. The first byte says what it is an answer to.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llamactl::http::api::{Organization, Project, Version};
use llamactl::http::deployments::{Deployment, LogLine, Release};
use llamactl::http::events::Events;
use llamactl::oidc::discovery::Provider;
use llamactl::oidc::{Refusal, Tokens};

fuzz_target!(|input: &[u8]| {
    let Some((kind, body)) = input.split_first() else {
        return;
    };
    match kind % 10 {
        0 => drop(serde_json::from_slice::<Version>(body).map(|v| v.asks_for_newer_client())),
        1 => drop(serde_json::from_slice::<Project>(body).map(|p| p.name().len())),
        2 => drop(serde_json::from_slice::<Organization>(body)),
        3 => drop(serde_json::from_slice::<Deployment>(body)),
        4 => drop(serde_json::from_slice::<Release>(body)),
        5 => drop(serde_json::from_slice::<LogLine>(body)),
        6 => drop(Tokens::parse(body)),
        7 => drop(Refusal::parse(body)),
        8 => drop(Provider::parse(
            "https://issuer.example/.well-known/openid-configuration",
            body,
        )),
        _ => {
            let mut events = Events::new(body);
            while let Ok(Some(_)) = events.read() {}
        }
    }
});
