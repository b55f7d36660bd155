//! Any address, proxy setting, NO_PROXY list, name, id and key, a line each: no panic, what is normal stays as it is,
//! and no message repeats a password.

#![no_main]

use libfuzzer_sys::fuzz_target;
use llamactl::address::ApiUrl;
use llamactl::http::proxy::Settings;
use llamactl::{input, quote};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (address, proxy, exempt, word) = (next(), next(), next(), next());
    let url = ApiUrl::parse(address);
    if let Ok(url) = &url {
        assert_eq!(ApiUrl::parse(url.as_str()).as_ref(), Ok(url));
    }
    // A host of that name would be no leak.
    if proxy.to_lowercase().contains("hunter2") {
        return;
    }
    let proxy = format!("http://user:hunter2hunter2@{proxy}");
    let settings = Settings {
        https: Some(("HTTPS_PROXY", proxy.clone())),
        http: Some(("HTTP_PROXY", proxy)),
        exempt: exempt.to_string(),
    };
    let target = url.map_or("https://host.example".to_string(), |url| url.to_string());
    match settings.choose(&target) {
        Ok(Some(chosen)) => assert!(!chosen.shown.contains("hunter2")),
        Ok(None) => {}
        Err(error) => assert!(!error.to_string().contains("hunter2")),
    }
    for checked in [input::id(word), input::profile_name(word)]
        .into_iter()
        .flatten()
    {
        assert!(!checked.is_empty() && !checked.chars().any(input::is_invisible));
    }
    let _ = (
        input::api_key(word),
        quote::sh(word),
        quote::fish(word),
        quote::powershell(word),
    );
});
