//! Any key set and any id token, in two lines: no panic, and nothing is believed that no key of ours signed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llamactl::oidc::id_token::{Expected, Keys, verify};

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fuzz_target!(|input: &[u8]| {
    let (keys, token) = match input.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (KEYS.as_bytes(), input),
    };
    let expected = Expected {
        issuer: "https://issuer.example",
        client_id: "cli",
        now: 1_800_000_000,
    };
    let token = String::from_utf8_lossy(token);
    if let Some(keys) = Keys::parse(keys) {
        let _ = verify(&token, &keys, &expected);
    }
    if let Some(keys) = Keys::parse(KEYS.as_bytes()) {
        assert!(
            verify(&token, &keys, &expected).is_err(),
            "nobody signed this"
        );
    }
});
