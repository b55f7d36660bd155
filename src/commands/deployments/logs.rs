//! `deployments logs`: prints the log events that the server streams, one line each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write as _};

use serde_json::value::RawValue;

use super::{Project, ProjectArgs, required_name};
use crate::api::deployments::{LogLine, LogRange};
use crate::api::{ApiError, ApiErrorKind};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::error::{Error, Result, os_reason};
use crate::sanitize::{is_control_or_format, one_line, sanitize};
use crate::term::{message, prompt};

/// The Python tool's default for `--tail`.
const TAIL: u32 = 200;

struct Args {
    name: String,
    project: ProjectArgs,
    range: LogRange,
    json: bool,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        let tail = given.number(OptId::Tail).unwrap_or(TAIL);
        if tail == 0 {
            return Err(Error::usage("--tail must be at least 1"));
        }
        Ok(Args {
            name: required_name(given)?,
            project: ProjectArgs::from(given)?,
            range: LogRange {
                follow: given.has(OptId::Follow),
                tail,
                since_seconds: given.number(OptId::SinceSeconds),
                init_containers: given.has(OptId::InitContainers),
            },
            json: given.has(OptId::Json),
        })
    }
}

pub fn run(given: &Invocation, app: &mut App) -> Result<()> {
    let args = Args::from(given)?;
    let mut project = args.project.open(app)?;
    let mut events = project
        .ask(app, |api, id| api.logs(&args.name, id, args.range))
        .map_err(|error| not_started(&project, &args.name, error))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let (mut printed, mut skipped) = (0u64, 0u64);
    while let Some(event) = events.read().map_err(|e| interrupted(&project, &e))? {
        if event.name != "log" || event.data.is_empty() {
            continue;
        }
        let line = match args.json {
            true => json_line(&event.data),
            false => text_line(&event.data),
        };
        let Some(line) = line else {
            if skipped == 0 {
                prompt::warn("skipping log events that are too long or not JSON objects");
            }
            skipped += 1;
            continue;
        };
        printed += 1;
        let mut written = writeln!(out, "{line}");
        if args.range.follow {
            written = written.and_then(|()| out.flush());
        }
        if let Err(e) = written {
            return closed(&e);
        }
    }
    if let Err(e) = out.flush() {
        return closed(&e);
    }
    if printed + skipped == 0 && !args.range.follow {
        prompt::say("no logs yet");
    }
    Ok(())
}

/// The server refuses to stream the logs of a deployment that has not started.
fn not_started(project: &Project, name: &str, error: ApiError) -> Error {
    match error.kind {
        ApiErrorKind::Refused => Error::from(error).hint(
            "the deployment may not have started yet: `llamactl deployments get` shows its phase",
        ),
        _ => project.error(name, error),
    }
}

/// The stream ended before the server closed it.
fn interrupted(project: &Project, error: &io::Error) -> Error {
    let server = project.session.server();
    match error.kind() {
        io::ErrorKind::TimedOut => {
            Error::no_answer(format!("timed out reading the logs from {server}"))
                .hint("--tail and --since-seconds select fewer lines; --follow has no time limit")
        }
        _ => Error::no_answer(format!(
            "the log stream from {server} was interrupted: {}",
            os_reason(error)
        ))
        .hint("the output is complete up to there; run the command again for the rest"),
    }
}

/// A closed pipe ends the command without an error.
fn closed(error: &io::Error) -> Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Error::failed(format!(
            "standard output can't be written: {}",
            os_reason(error)
        ))),
    }
}

/// The event as the server spelled it, on one line, with control characters escaped; `None` if it is no JSON object.
fn json_line(event: &str) -> Option<String> {
    let object: &RawValue = serde_json::from_str(event).ok()?;
    let mut out = String::with_capacity(event.len());
    for c in object.get().starts_with('{').then(|| object.get())?.chars() {
        match c {
            // Whitespace between tokens: inside strings these characters are escaped.
            '\n' | '\r' | '\t' => {}
            c if is_control_or_format(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    Some(out)
}

/// `TIMESTAMP POD/CONTAINER TEXT`, with structured log records formatted; `None` if it is no JSON object.
fn text_line(event: &str) -> Option<String> {
    let line: LogLine =
        serde_json::from_str(event.trim_start().strip_prefix('{').map(|_| event)?).ok()?;
    let source = format!("{}/{}", line.pod, line.container);
    let (timestamp, text) = match Record::parse(&line.text) {
        // A record that has a timestamp shows its own.
        Some(record) if record.has_timestamp() => (None, record.format()),
        Some(record) => (line.timestamp, record.format()),
        None => (line.timestamp, line.text),
    };
    let timestamp = timestamp.unwrap_or_default();
    let line = sanitize(&one_line(&format!("{timestamp} {source} {text}")));
    Some(message::printable(&line))
}

/// A structlog record: a JSON object with an `event`. Values keep the server's spelling.
struct Record<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Record<'a> {
    fn parse(text: &'a str) -> Option<Record<'a>> {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text.trim()).ok()?;
        fields.contains_key("event").then_some(Record(fields))
    }

    fn has_timestamp(&self) -> bool {
        !self.text("timestamp").is_empty()
    }

    /// A field's value, empty if it is missing.
    fn text(&self, name: &str) -> String {
        self.0.get(name).map_or(String::new(), |value| plain(value))
    }

    /// `TIME LEVEL LOGGER EVENT req=ID NAME=VALUE…`, the other fields in alphabetical order.
    fn format(&self) -> String {
        let timestamp = self.text("timestamp");
        let time = timestamp
            .split_once('T')
            .map_or(&*timestamp, |(_, time)| time);
        let time = time.trim_end_matches('Z').trim_end_matches("+00:00");
        let level = match self.text("level").to_uppercase() {
            level if level.is_empty() => level,
            level => format!("{level:8}"),
        };
        let mut parts = vec![
            time.to_string(),
            level,
            self.text("logger"),
            self.text("event"),
        ];
        parts.retain(|part| !part.is_empty());
        if let Some(id) = self.0.get("request_id") {
            parts.push(format!("req={}", plain(id)));
        }
        for (name, value) in &self.0 {
            if !["event", "level", "timestamp", "logger", "request_id"].contains(&name.as_str()) {
                parts.push(format!("{name}={}", plain(value)));
            }
        }
        parts.join(" ")
    }
}

/// A string's content, or any other value's JSON.
fn plain(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_lines() {
        for (event, line) in [
            (
                r#"{"pod":"p","container":"c","text":"hi","timestamp":"2026-01-01T00:00:00Z"}"#,
                Some("2026-01-01T00:00:00Z p/c hi"),
            ),
            (
                r#"{"pod":"p","container":"c","text":"{\"event\":\"up\",\"level\":\"info\",\"timestamp\":\"2026-01-01T01:02:03Z\",\"port\":80}","timestamp":"x"}"#,
                Some("p/c 01:02:03 INFO     up port=80"),
            ),
            (r#"{"text":"a\u001b[31m\nb"}"#, Some("/ a\\u{1b}[31m b")),
            (
                r#"{"pod":"p","container":"c","text":"    at x ","timestamp":"t"}"#,
                Some("t p/c     at x"),
            ),
            ("not json", None),
        ] {
            assert_eq!(text_line(event).as_deref(), line, "{event}");
        }
        for (text, line) in [
            (
                r#"{"z":1.50,"event":"up","a":{"b":[null]},"request_id":"r","logger":"app","level":"warning","ok":true}"#,
                "t p/c WARNING  app up req=r a={\"b\":[null]} ok=true z=1.50",
            ),
            (
                r#"{"event":"up","timestamp":"2026-01-01T01:02:03.5+00:00"}"#,
                "p/c 01:02:03.5 up",
            ),
            (
                r#"{"event":"up","timestamp":"","n":1e400}"#,
                "t p/c up n=1e400",
            ),
            (r#"{"level":"info"}"#, r#"t p/c {"level":"info"}"#),
            (r#"["event"]"#, r#"t p/c ["event"]"#),
            ("", "t p/c"),
        ] {
            let event =
                serde_json::json!({"pod": "p", "container": "c", "text": text, "timestamp": "t"});
            assert_eq!(
                text_line(&event.to_string()).as_deref(),
                Some(line),
                "{text}"
            );
        }
        for (event, line) in [
            ("{\"b\":\n1, \"a\":1e400}", Some("{\"b\":1, \"a\":1e400}")),
            (
                " {\"a\":\"\u{9b}31m\u{202e}\u{7f}\\u001b\"}\r\n",
                Some("{\"a\":\"\\u009b31m\\u202e\\u007f\\u001b\"}"),
            ),
            ("{\"a\":\"\u{e0001}\"}", Some("{\"a\":\"\\udb40\\udc01\"}")),
            ("{\"a\":1", None),
        ] {
            assert_eq!(json_line(event).as_deref(), line, "{event}");
        }
    }
}
