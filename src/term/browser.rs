//! Opens a URL in the user's browser.
//!
//! The URL is one argument that no shell sees, and the browser gets no terminal to read from or print to.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::child;
use crate::url::{host_of, is_https, is_loopback};
use crate::vars::Vars;

/// The longest URL that is opened, in bytes.
const MAX_URL: usize = 2048;
/// A browser that fails within this time counts as not started.
const FAILS_WITHIN: Duration = Duration::from_secs(1);
/// Browsers that take over the terminal.
const TEXT_BROWSERS: [&str; 7] = [
    "browsh",
    "elinks",
    "links",
    "links2",
    "lynx",
    "w3m",
    "www-browser",
];

/// Whether the URL may be handed to a browser: https, or http to this machine, without userinfo and without characters
/// that another program could interpret.
fn is_openable(url: &str) -> bool {
    let authority = url
        .split_once("://")
        .map_or("", |(_, rest)| rest)
        .split(['/', '?', '#', '\\'])
        .next()
        .unwrap_or_default();
    let is_http = url
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("http://"));
    let host = host_of(url);
    url.len() <= MAX_URL
        && !host.is_empty()
        && (is_https(url) || (is_http && is_loopback(host)))
        && url.bytes().all(|b| b.is_ascii_graphic())
        && !url.contains(['"', '\'', '<', '>', '`', '\\'])
        && !authority.contains('@')
}

/// Opens the URL; true if a browser was started. With `BROWSER` set it is used, over SSH and without a display, too, as in
/// development containers. Otherwise the system's default is used on a machine with a display in front of the user.
pub fn open(vars: Vars, url: &str) -> bool {
    if !is_openable(url) {
        return false;
    }
    let commands = match vars.raw("BROWSER") {
        Some(value) => browser_variable(&value),
        None if has_display(vars) => vec![words(DEFAULT)],
        None => Vec::new(),
    };
    commands.iter().any(|command| start(command, url))
}

const DEFAULT: &str = if cfg!(windows) {
    "rundll32.exe url.dll,FileProtocolHandler"
} else if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

fn has_display(vars: Vars) -> bool {
    let is_set = |name: &str| vars.raw(name).is_some();
    let is_remote = ["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"]
        .into_iter()
        .any(is_set);
    let has_screen =
        cfg!(any(windows, target_os = "macos")) || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
    has_screen && !is_remote
}

/// The commands in `BROWSER`: one program if the whole value is the absolute path of a file, which may have spaces in it,
/// else a list with arguments, separated by `:`.
fn browser_variable(value: &OsStr) -> Vec<Vec<String>> {
    let text = value.to_string_lossy();
    let path = Path::new(value);
    if path.is_absolute() && path.is_file() {
        return vec![vec![text.into_owned()]];
    }
    let separator = if cfg!(windows) { ';' } else { ':' };
    text.split(separator)
        .map(words)
        .filter(|words| !words.is_empty())
        .collect()
}

/// The words of a command. `&` at its end, which would run it in the background of a shell, is dropped.
fn words(command: &str) -> Vec<String> {
    let command = command.trim_end().trim_end_matches('&');
    command.split_whitespace().map(str::to_string).collect()
}

fn is_text_browser(program: &str) -> bool {
    let is_text = |path: &Path| {
        let name = path.file_stem().and_then(OsStr::to_str);
        name.is_some_and(|name| TEXT_BROWSERS.contains(&name))
    };
    let path = Path::new(program);
    // `www-browser` and the like are symlinks to one.
    is_text(path) || path.canonicalize().is_ok_and(|path| is_text(&path))
}

/// The arguments with the URL at `%s`, or at the end.
fn arguments(words: &[String], url: &str) -> Vec<String> {
    let mut arguments: Vec<String> = words.iter().map(|word| word.replace("%s", url)).collect();
    if !words.iter().any(|word| word.contains("%s")) {
        arguments.push(url.to_string());
    }
    arguments
}

/// Starts the command; false if it could not be started or failed within a second.
fn start(words: &[String], url: &str) -> bool {
    let Some((program, words)) = words.split_first() else {
        return false;
    };
    let Some(mut command) = child::inheriting(program) else {
        return false;
    };
    if is_text_browser(program) || is_text_browser(&command.get_program().to_string_lossy()) {
        return false;
    }
    command.args(arguments(words, url).into_iter().map(OsString::from));
    let Ok(mut browser) = child::spawn_detached(command) else {
        return false;
    };
    let end = Instant::now() + FAILS_WITHIN;
    loop {
        match browser.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < end => thread::sleep(Duration::from_millis(20)),
            // It runs, as far as can be seen.
            _ => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_urls_are_openable() {
        for (url, openable) in [
            ("https://a.example/device?user_code=AB-CD", true),
            ("HTTPS://a.example", true),
            ("http://127.0.0.1:80/x", true),
            ("http://localhost/x", true),
            ("http://[::1]/x", true),
            ("http://a.example/x", false),
            ("file:///etc/passwd", false),
            ("javascript:alert(1)", false),
            ("javascript://a.example/%0aalert(1)", false),
            ("https://", false),
            ("https:///x", false),
            ("https://a.example@evil.example/", false),
            ("https://a.example\\@evil.example/", false),
            ("https://a.example/\u{1b}[31m", false),
            ("https://a.example/ x", false),
            ("https://a.example/'\"", false),
            ("-https://a.example", false),
            ("data:text/html,x", false),
            ("", false),
        ] {
            assert_eq!(is_openable(url), openable, "{url}");
        }
        assert!(!is_openable(&format!("https://a/{}", "x".repeat(MAX_URL))));
    }

    #[test]
    fn browser_variable_is_a_program_or_a_list() {
        let url = "https://a/?b=c&d";
        let directory = tempfile::tempdir().unwrap();
        let spaced = directory.path().join("my browser:1 %s");
        std::fs::write(&spaced, "").unwrap();
        let spaced = spaced.to_str().unwrap();
        for (value, expected) in [
            ("firefox", &["firefox https://a/?b=c&d"][..]),
            (
                "a --new %s:b",
                &["a --new https://a/?b=c&d", "b https://a/?b=c&d"],
            ),
            ("firefox %s &", &["firefox https://a/?b=c&d"]),
            (" :: ", &[]),
            ("sh -c %s", &["sh -c https://a/?b=c&d"]),
            (spaced, &[&format!("{spaced} https://a/?b=c&d")]),
        ] {
            let commands = browser_variable(OsStr::new(value));
            let lines: Vec<String> = commands
                .iter()
                .map(|words| format!("{} {}", words[0], arguments(&words[1..], url).join(" ")))
                .collect();
            assert_eq!(lines, expected, "{value}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn text_browsers_are_recognized_behind_symlinks() {
        let directory = tempfile::tempdir().unwrap();
        let lynx = directory.path().join("lynx");
        let link = directory.path().join("browser");
        std::fs::write(&lynx, "").unwrap();
        std::os::unix::fs::symlink(&lynx, &link).unwrap();
        for (program, is_text) in [
            ("w3m", true),
            ("/usr/bin/links2", true),
            ("firefox", false),
            (link.to_str().unwrap(), true),
        ] {
            assert_eq!(is_text_browser(program), is_text, "{program}");
        }
    }
}
