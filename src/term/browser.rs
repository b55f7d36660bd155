//! Opens a web address in the user's browser, where there is one that can't get in the way.
//!
//! A browser is another program: it gets no terminal to read from or to print to, and its address as one argument that
//! no shell ever sees.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::url::host_of;
use crate::vars::{self, Vars};

/// The longest address that is opened or shown.
const LONGEST: usize = 2048;

/// Whether an address leads into the web: http or https, with a host, and nothing in it that a terminal or a program
/// could take for something else.
pub fn is_web_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or("");
    (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
        && url.len() <= LONGEST
        && url.bytes().all(|b| b.is_ascii_graphic())
        && !url.contains(['"', '\'', '<', '>', '`', '\\'])
        && !authority.contains('@')
        && !host_of(url).is_empty()
}

/// Opens the address, where this machine has a screen in front of its user. True where a browser was started; the rest
/// is up to it.
pub fn open(vars: Vars, url: &str) -> bool {
    if !is_web_address(url) || is_remote(vars) || !has_screen(vars) {
        return false;
    }
    candidates(vars)
        .iter()
        .any(|words| start(&command_line(words, url)))
}

fn is_remote(vars: Vars) -> bool {
    ["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"]
        .iter()
        .any(|name| vars.raw(name).is_some())
}

fn has_screen(vars: Vars) -> bool {
    cfg!(any(windows, target_os = "macos"))
        || vars.raw("DISPLAY").is_some()
        || vars.raw("WAYLAND_DISPLAY").is_some()
}

/// The programs to try, each with its arguments: those that `BROWSER` lists, else what the system has for it.
fn candidates(vars: Vars) -> Vec<Vec<String>> {
    match vars.raw("BROWSER") {
        Some(listed) => from_list(&listed.to_string_lossy()),
        None if cfg!(windows) => vec![words("rundll32.exe url.dll,FileProtocolHandler")],
        None if cfg!(target_os = "macos") => vec![words("open")],
        None => vec![words("xdg-open")],
    }
}

/// `BROWSER`: commands with a colon between two of them. One that takes over the terminal is left out.
fn from_list(listed: &str) -> Vec<Vec<String>> {
    let separator = if cfg!(windows) { ';' } else { ':' };
    listed
        .split(separator)
        .map(words)
        .filter(|words| words.first().is_some_and(|program| !is_text(program)))
        .collect()
}

fn words(command: &str) -> Vec<String> {
    command.split_whitespace().map(str::to_string).collect()
}

/// Whether it would take over the terminal.
fn is_text(program: &str) -> bool {
    let name = Path::new(program).file_stem().and_then(OsStr::to_str);
    matches!(
        name,
        Some("w3m" | "lynx" | "links" | "links2" | "elinks" | "www-browser" | "browsh")
    )
}

/// The command with the address at `%s`, or at its end.
fn command_line(words: &[String], url: &str) -> Vec<String> {
    let mut line: Vec<String> = words.iter().map(|word| word.replace("%s", url)).collect();
    if !words.iter().skip(1).any(|word| word.contains("%s")) {
        line.push(url.to_string());
    }
    line
}

fn start(line: &[String]) -> bool {
    let Some((program, arguments)) = line.split_first() else {
        return false;
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        // It outlives us, and others may look at its variables.
        .env_remove(vars::API_KEY)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // A group of its own: a Ctrl-C that is meant for us does not close the browser.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_web_is_opened() {
        for (url, is_web) in [
            ("https://a.example/device?user_code=AB-CD", true),
            ("http://127.0.0.1:80/x", true),
            ("HTTPS://a.example", true),
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
            assert_eq!(is_web_address(url), is_web, "{url}");
        }
        assert!(!is_web_address(&format!(
            "https://a/{}",
            "x".repeat(LONGEST)
        )));
    }

    #[test]
    fn browser_lists() {
        let url = "https://a/?b=c&d";
        let lines = |listed| -> Vec<String> {
            let found = from_list(listed);
            found
                .iter()
                .map(|words| command_line(words, url).join(" "))
                .collect()
        };
        for (listed, expected) in [
            ("firefox", &["firefox https://a/?b=c&d"][..]),
            (
                "w3m:/usr/bin/lynx:a --new %s:b",
                &["a --new https://a/?b=c&d", "b https://a/?b=c&d"],
            ),
            ("www-browser", &[]),
            (" :: ", &[]),
            ("sh -c %s", &["sh -c https://a/?b=c&d"]),
        ] {
            assert_eq!(lines(listed), expected, "{listed}");
        }
    }
}
