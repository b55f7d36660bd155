//! Any URL, proxy setting, NO_PROXY list, word and `Location`, one per line: no panic, a normalized URL is stable, ureq
//! sees the same host, and no message repeats a password.

use llamactl::error::Kind;
use llamactl::http::proxy::{Proxy, Settings};
use llamactl::secret::Secret;
use llamactl::url::{ApiUrl, host_of, is_loopback};
use llamactl::url::{encode, form, join, origin};
use llamactl::{shell_quote, validate};
use ureq::http::Uri;

const PASSWORD: &str = "hunter2hunter2";

pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (url, proxy, no_proxy, text, location) = (next(), next(), next(), next(), next());
    let url = ApiUrl::parse(url);
    if let Ok(url) = &url {
        assert_eq!(ApiUrl::parse(url.as_str()).as_ref(), Ok(url));
        assert_same_host(url.as_str());
    }
    let target = url.map_or("https://host.example".to_string(), |url| url.to_string());
    // A host of that name would be no leak.
    if !proxy.to_lowercase().contains("hunter2") {
        for setting in [
            proxy.to_string(),
            format!("http://user:{PASSWORD}@{proxy}"),
            format!("{proxy}{PASSWORD}@proxy.example:3128"),
        ] {
            through(&setting, no_proxy, &target);
        }
    }
    exemptions(no_proxy, &target);
    followed(&target, location);
    word(text);
}

/// If ureq saw another host, a request would go there.
fn assert_same_host(url: &str) {
    let uri: Uri = url.parse().expect("ureq parses what ApiUrl accepts");
    let host = uri.host().expect("it has a host");
    assert_eq!(bare(host), host_of(url), "{url}");
    assert_eq!(
        uri.authority().map(ureq::http::uri::Authority::as_str),
        origin(url).split("://").nth(1)
    );
}

/// Without the brackets of an IPv6 address.
fn bare(host: &str) -> &str {
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    inner.unwrap_or(host)
}

fn settings(proxy: &str, no_proxy: &str) -> Settings {
    let proxy = Secret::new(proxy.to_string());
    Settings {
        https: Some(("HTTPS_PROXY", proxy.clone())),
        http: Some(("HTTP_PROXY", proxy)),
        no_proxy: no_proxy.to_string(),
    }
}

fn through(proxy: &str, no_proxy: &str, target: &str) {
    match settings(proxy, no_proxy).choose(target) {
        Ok(Some(Proxy { url, shown, .. })) => {
            assert!(
                !shown.contains("hunter2") && !shown.contains('@'),
                "{shown}"
            );
            if shown.starts_with("http") {
                assert_same_host(&shown);
            }
            let (scheme, rest) = url.expose().split_once("://").expect("a URL");
            let authority = rest.rsplit('@').next().unwrap_or_default();
            assert_eq!(shown, format!("{scheme}://{authority}"));
            // ureq must not panic for any scheme or user.
            let _ = ureq::Proxy::new(url.expose());
        }
        Ok(None) => {}
        Err(error) => {
            super::assert_readable(&error);
            assert_eq!(error.kind, Kind::NoAnswer);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}

/// The order and the case of the items of NO_PROXY do not matter; an item that names the host itself counts.
fn exemptions(list: &str, target: &str) {
    let direct = |list: &str| {
        let chosen = settings("http://proxy.example:3128", list).choose(target);
        chosen.expect("a good proxy").is_none()
    };
    let host = host_of(target);
    let whole = direct(list);
    let items: Vec<&str> = list.split([',', ' ', '\t']).collect();
    let backwards: Vec<&str> = items.iter().rev().copied().collect();
    let counts = |item: &&str| direct(item);
    assert_eq!(whole, is_loopback(host) || items.iter().any(counts));
    assert_eq!(whole, direct(&backwards.join(",")));
    assert_eq!(whole, direct(&list.to_ascii_uppercase()));
    assert!(direct(&format!("{list},{host}")) && direct("*"));
    if is_loopback(host) {
        assert!(direct(""));
    } else {
        assert!(!direct("") && !direct(&format!("x{host}")), "{host}");
        // The end of a name is another name, unless it follows a dot.
        let end = &host[1..];
        if host.parse::<std::net::IpAddr>().is_err() && !end.starts_with('.') {
            assert!(!direct(end), "{end} is not {host}");
        }
    }
}

/// A redirect's URL is http or https; it leads to the host that it names, or stays on the same origin.
fn followed(base: &str, location: &str) {
    let Some(url) = join(base, location) else {
        return;
    };
    assert!(
        url.starts_with("https://") || url.starts_with("http://"),
        "{url}"
    );
    assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
    let location = location.trim();
    let first = location.split(['/', '?', '#']).next().unwrap_or_default();
    if first.contains(':') {
        assert!(url.to_lowercase() == location.to_lowercase(), "{url}");
    } else if location.starts_with("//") {
        assert!(
            url.ends_with(location) && url.find(location) == url.find("//"),
            "{url}"
        );
    } else {
        assert_eq!(origin(&url), origin(base));
    }
    if let Some(host) = url.parse::<Uri>().ok().as_ref().and_then(Uri::host) {
        assert_eq!(bare(host), host_of(&url), "{url}");
    }
}

/// A name, an id or a key; and any text, quoted for a shell or encoded in a URL.
fn word(text: &str) {
    let checked = [validate::id(text), validate::profile_name(text)];
    for word in checked.into_iter().flatten() {
        assert!((1..=512).contains(&word.len()));
        assert!(super::is_harmless(&word) && !word.contains(' '));
    }
    if let Some(name) = validate::fitted_name(text) {
        assert_eq!(validate::profile_name(&name).as_ref(), Ok(&name));
    }
    if let Ok(key) = validate::api_key(text) {
        assert!(key.expose().bytes().all(|byte| byte.is_ascii_graphic()));
        assert!(2 * (key.masked().len() - 4) <= key.expose().len());
    }

    let inner = |quoted: String| quoted[1..quoted.len() - 1].to_string();
    assert_eq!(inner(shell_quote::sh(text)).replace(r"'\''", "'"), text);
    assert!(
        !inner(shell_quote::sh(text))
            .replace(r"'\''", "")
            .contains('\'')
    );
    assert!(
        !inner(shell_quote::fish(text))
            .replace(r"\\", "")
            .replace(r"\'", "")
            .contains(['\'', '\\'])
    );
    let quotes = ['\'', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}'];
    let shell = inner(shell_quote::powershell(text));
    assert_eq!(
        shell.matches(quotes).count(),
        2 * text.matches(quotes).count()
    );

    let encoded = encode(text);
    assert!(
        encoded
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b))
    );
    let decoded = percent_encoding::percent_decode_str(&encoded).collect::<Vec<u8>>();
    assert_eq!(decoded, text.as_bytes());
    assert_eq!(
        form(&[("a", text), (text, "b")])
            .matches(['=', '&'])
            .count(),
        3
    );
}
