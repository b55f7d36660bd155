//! `deployments logs`: prints the log lines that the server streams, one line each.

use std::fmt::{self, Write as _};
use std::io::{BufWriter, Write as _};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::api::deployments::{LogLine, LogRange};
use crate::api::{ApiError, ApiErrorKind};
use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::deployments::{Target, explain};
use crate::error::{Error, Result, os_reason};
use crate::sanitize::is_control_or_format;
use crate::sanitize::sanitize;
use crate::term::{prompt, signals};

/// As the Python tool begins.
const TAIL: u32 = 200;

/// What the line says.
struct Args {
    target: Target,
    range: LogRange,
    json: bool,
}

impl Args {
    fn from(given: &Invocation) -> Result<Args> {
        let tail = given.number(OptId::Tail).unwrap_or(TAIL);
        if tail == 0 {
            return Err(Error::usage("option '--tail' takes a number from 1 on"));
        }
        Ok(Args {
            target: Target::from(given)?,
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
    let (mut session, project) = args.target.session(app, false)?;
    let _interruptible = signals::restore_terminal_when_killed();
    let mut events = session
        .ask(app, |api| {
            api.logs(args.target.required_name(), &project, args.range)
        })
        .map_err(not_now)?;
    let broke = |e: std::io::Error| {
        if e.kind() == std::io::ErrorKind::TimedOut {
            return Error::no_answer(format!(
                "the log stream of {} was not at its end in time",
                session.server()
            ))
            .hint("--tail and --since-seconds make it shorter; --follow waits for ever");
        }
        Error::no_answer(format!(
            "the log stream of {} broke: {}",
            session.server(),
            os_reason(&e)
        ))
        .hint("what was printed is complete up to there; run it again for the rest")
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let (mut printed, mut left_out) = (0u64, 0u64);
    while let Some(event) = events.read().map_err(broke)? {
        if event.name != "log" || event.data.is_empty() {
            continue;
        }
        let is_object = event.data.trim_start().starts_with('{');
        let line = match args.json {
            _ if !is_object => None,
            true => one_line_of_json(&event.data),
            false => render(&event.data),
        };
        let Some(line) = line else {
            if left_out == 0 {
                prompt::warn("log events that are too long or no JSON are left out");
            }
            left_out += 1;
            continue;
        };
        printed += 1;
        let written = writeln!(out, "{line}");
        // A reader of a live log wants each line at once.
        let written = written.and_then(|()| {
            if args.range.follow {
                out.flush()
            } else {
                Ok(())
            }
        });
        if let Err(e) = written {
            return ended(&e);
        }
    }
    if let Err(e) = out.flush() {
        return ended(&e);
    }
    if printed + left_out == 0 && !args.range.follow {
        prompt::say("no logs yet");
    }
    Ok(())
}

/// A deployment that has not started has no log to refuse.
fn not_now(trouble: ApiError) -> Error {
    match trouble.why {
        ApiErrorKind::Refused => trouble
            .error
            .hint("it may not have started yet; `llamactl deployments get` shows its phase"),
        _ => explain(trouble),
    }
}

/// A reader that went away is no error.
fn ended(error: &std::io::Error) -> Result<()> {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Error::failed(format!(
            "standard output can't be written: {}",
            os_reason(error)
        ))),
    }
}

/// A JSON object as the server spelled it, in one line and with nothing in it that a terminal would act on.
fn one_line_of_json(event: &str) -> Option<String> {
    let raw: &RawValue = serde_json::from_str(event).ok()?;
    let mut out = String::with_capacity(event.len());
    for c in raw.get().chars() {
        match c {
            // Only blanks between the parts; within a string they are escaped already.
            '\n' | '\r' | '\t' => {}
            c if is_control_or_format(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Some(out)
}

/// `TIME POD/CONTAINER TEXT`; where the text is a structured record, its own time, level and message.
fn render(event: &str) -> Option<String> {
    let line: LogLine = serde_json::from_str(event).ok()?;
    let place = format!("{}/{}", line.pod, line.container);
    let record: Option<Record> = serde_json::from_str(line.text.trim()).ok();
    let record = record.filter(|record| record.has("event"));
    let body = record
        .as_ref()
        .map_or(line.text.clone(), Record::in_one_line);
    // One time in a line is enough.
    let time = match record.is_some_and(|record| !record.text("timestamp").is_empty()) {
        true => String::new(),
        false => line.timestamp.unwrap_or_default(),
    };
    Some(sanitize(format!("{time} {place} {body}").trim()))
}

/// A structlog record: its fields in the order in which they were written, each as it was spelled.
struct Record<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Record<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Fields).map(Record)
    }
}

impl Record<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| field == name)
    }

    /// A field as text; empty where there is none.
    fn text(&self, name: &str) -> String {
        let found = self.0.iter().rev().find(|(field, _)| field == name);
        found.map_or(String::new(), |(_, value)| shown(value))
    }

    fn in_one_line(&self) -> String {
        let time = self.text("timestamp");
        let time = time
            .split_once('T')
            .map_or(time.as_str(), |(_, clock)| clock);
        let time = time.trim_end_matches('Z').trim_end_matches("+00:00");
        let level = match self.text("level").to_uppercase() {
            level if level.is_empty() => level,
            level => format!("{level:8}"),
        };
        let (logger, event) = (self.text("logger"), self.text("event"));
        let parts = [time, level.as_str(), logger.as_str(), event.as_str()];
        let mut line = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        if self.has("request_id") {
            let _ = write!(line, " req={}", self.text("request_id"));
        }
        for (name, value) in &self.0 {
            if !["event", "level", "timestamp", "logger", "request_id"].contains(&name.as_str()) {
                let _ = write!(line, " {name}={}", shown(value));
            }
        }
        line
    }
}

/// A string's text; anything else as JSON spells it.
fn shown(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_rendered() {
        for (event, line) in [
            (
                r#"{"pod":"p","container":"c","text":"hi","timestamp":"2026-01-01T00:00:00Z"}"#,
                Some("2026-01-01T00:00:00Z p/c hi"),
            ),
            (
                r#"{"pod":"p","container":"c","text":"{\"event\":\"up\",\"level\":\"info\",\"timestamp\":\"2026-01-01T01:02:03Z\",\"port\":80}","timestamp":"x"}"#,
                Some("p/c 01:02:03 INFO     up port=80"),
            ),
            (r#"{"text":"a\u001b[31m\nb"}"#, Some("/ a[31m b")),
            (
                r#"{"pod":"p","container":"c","text":"    at x ","timestamp":"t"}"#,
                Some("t p/c     at x"),
            ),
            ("not json", None),
        ] {
            assert_eq!(render(event).as_deref(), line, "{event}");
        }
        for (text, line) in [
            (
                r#"{"z":1.50,"event":"up","a":{"b":[null]},"request_id":"r","logger":"app","level":"warning","ok":true}"#,
                "t p/c WARNING  app up req=r z=1.50 a={\"b\":[null]} ok=true",
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
            assert_eq!(render(&event.to_string()).as_deref(), Some(line), "{text}");
        }
        for (event, line) in [
            ("{\"b\":\n1, \"a\":1e400}", Some("{\"b\":1, \"a\":1e400}")),
            (
                " {\"a\":\"\u{9b}31m\u{202e}\u{7f}\\u001b\"}\r\n",
                Some("{\"a\":\"\\u009b31m\\u202e\\u007f\\u001b\"}"),
            ),
            ("{\"a\":1", None),
        ] {
            assert_eq!(one_line_of_json(event).as_deref(), line, "{event}");
        }
    }
}
