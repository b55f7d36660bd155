//! Finds full keys in what a program printed.
//!
//! Every output that a [`Sandbox`](super::Sandbox) captures is searched for registered secrets and for anything that looks
//! like a key.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A key in the service's format, for tests that need just one.
pub const KEY: &str = "llx-0123456789abcdefghijklmnop";

/// Another key with another mask.
pub const OTHER_KEY: &str = "llx-zyxwvutsrqponm9876543210ab";

/// Another key with the same mask as [`KEY`].
pub const TWIN_KEY: &str = "llx-01xxxxxxxxxxxxxxxxxxxxmnop";

/// A mask keeps at most six characters before the stars, so more characters after `llx-` are a key.
const LOOKS_LIKE_A_KEY: usize = 12;

/// A set of texts that must not be printed. Clones share the set.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<Mutex<BTreeSet<String>>>);

impl Secrets {
    /// Adds a text that must not be printed.
    pub fn add(&self, secret: &str) {
        assert!(secret.len() >= 6, "too short to look for: {secret:?}");
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(secret.to_string());
    }

    /// The first registered text found in `output`.
    pub fn found_in(&self, output: &str) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|s| output.contains(s.as_str())).cloned()
    }
}

/// The first thing in `output` that looks like a full key.
pub fn key_like(output: &str) -> Option<&str> {
    output.match_indices("llx-").find_map(|(start, prefix)| {
        let rest = &output[start + prefix.len()..];
        let len = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .unwrap_or(rest.len());
        // A digit tells a key from the `llx-your-api-key` of a help text.
        let is_key = len >= LOOKS_LIKE_A_KEY && rest[..len].contains(|c: char| c.is_ascii_digit());
        is_key.then(|| &output[start..start + prefix.len() + len])
    })
}
