//! Any address, proxy setting, NO_PROXY list, word and `Location`, a line each: no panic, what is normal stays as it is,
//! the HTTP library sees the host that we see, and no message repeats a password.

use llamactl::error::Kind;
use llamactl::http::proxy::{Proxy, Settings};
use llamactl::url::{ApiUrl, host_of, is_loopback};
use llamactl::url::{encode, form, join, origin};
use llamactl::{shell_quote, validate};
use ureq::http::Uri;

const PASSWORD: &str = "hunter2hunter2";

/// See the head of this file.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (address, proxy, exempt, text, location) = (next(), next(), next(), next(), next());
    let url = ApiUrl::parse(address);
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
            through(&setting, exempt, &target);
        }
    }
    exemptions(exempt, &target);
    followed(&target, location);
    word(text);
}

/// Were there two opinions on the host, what is for one would go to another.
fn assert_same_host(url: &str) {
    let uri: Uri = url.parse().expect("the HTTP library takes what we take");
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

fn settings(proxy: &str, exempt: &str) -> Settings {
    Settings {
        https: Some(("HTTPS_PROXY", proxy.to_string())),
        http: Some(("HTTP_PROXY", proxy.to_string())),
        exempt: exempt.to_string(),
    }
}

fn through(proxy: &str, exempt: &str, target: &str) {
    match settings(proxy, exempt).choose(target) {
        Ok(Some(Proxy { url, shown, .. })) => {
            assert!(
                !shown.contains("hunter2") && !shown.contains('@'),
                "{shown}"
            );
            assert_same_host(&shown);
            let (scheme, rest) = url.split_once("://").expect("an address");
            let place = rest.rsplit('@').next().unwrap_or_default();
            assert_eq!(shown, format!("{scheme}://{place}"));
            // Of some schemes and users it might panic rather than refuse.
            let _ = ureq::Proxy::new(&url);
        }
        Ok(None) => {}
        Err(error) => {
            super::assert_readable(&error);
            assert_eq!(error.kind, Kind::NoAnswer);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}

/// What NO_PROXY means does not hang on the order or the case of its items; one that names the host itself counts.
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
        // The end of a name is another name, but for what stands behind a dot.
        let end = &host[1..];
        if host.parse::<std::net::IpAddr>().is_err() && !end.starts_with('.') {
            assert!(!direct(end), "{end} is not {host}");
        }
    }
}

/// A redirect's address is one of http or https; it leads to the host that it names, or stays where it is.
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

/// A name, an id or a key; and any text in the spelling of a shell or of an address.
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
