//! `deployments logs`: prints the log lines that the server streams, one line each.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};

use serde_json::Value;

use crate::app::App;
use crate::cli::parse::Invocation;
use crate::cli::spec::OptId;
use crate::commands::deployments::{Target, api, project_of};
use crate::error::{Error, Result, os_reason};
use crate::http::deployments::{LogLine, LogRange, next_log_event};
use crate::output::plain;
use crate::{signals, terminal};

/// As the Python tool begins.
const TAIL: u32 = 200;

/// What the line says.
pub struct Args {
    target: Target,
    range: LogRange,
    json: bool,
}

impl Args {
    pub fn from(given: &Invocation) -> Result<Args> {
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

pub fn run(args: &Args, app: &mut App) -> Result<()> {
    let credentials = args.target.credentials(app, false)?;
    let (project, whose) = (project_of(&credentials), credentials.whose());
    let _interruptible = signals::restore_terminal_when_killed();
    let mut stream =
        api(app, &credentials, &whose).logs(args.target.required_name(), project, args.range)?;
    let broke = |e: std::io::Error| {
        Error::no_answer(format!(
            "the log stream of {} broke: {}",
            credentials.server.value,
            os_reason(&e)
        ))
        .hint("what was printed is complete up to there; run it again for the rest")
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut count: u64 = 0;
    while let Some(event) = next_log_event(&mut stream).map_err(broke)? {
        let line = match args.json {
            true => one_line_of_json(&event),
            false => render(&event),
        };
        let Some(line) = line else { continue };
        count += 1;
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
    if count == 0 && !args.range.follow {
        terminal::say("no logs yet");
    }
    Ok(())
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

fn one_line_of_json(event: &str) -> Option<String> {
    let value: Value = serde_json::from_str(event).ok()?;
    value.is_object().then(|| value.to_string())
}

/// `TIME POD/CONTAINER TEXT`; where the text is a structured record, its own time, level and message.
fn render(event: &str) -> Option<String> {
    let line: LogLine = serde_json::from_str(event).ok()?;
    let place = format!("{}/{}", line.pod, line.container);
    let record: Option<serde_json::Map<String, Value>> =
        serde_json::from_str(line.text.trim()).ok();
    let text = match record.filter(|record| record.contains_key("event")) {
        None => format!(
            "{} {place} {}",
            line.timestamp.unwrap_or_default(),
            line.text
        ),
        Some(record) => {
            let own_time = field(&record, "timestamp");
            let time = if own_time.is_empty() {
                line.timestamp.unwrap_or_default()
            } else {
                String::new()
            };
            format!("{time} {place} {}", structured(&record))
        }
    };
    Some(plain(text.trim()))
}

fn field(record: &serde_json::Map<String, Value>, name: &str) -> String {
    record.get(name).map_or(String::new(), text_of)
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_string)
}

/// A structlog record in one line.
fn structured(record: &serde_json::Map<String, Value>) -> String {
    let time = field(record, "timestamp");
    let time = time
        .split_once('T')
        .map_or(time.as_str(), |(_, clock)| clock);
    let time = time.trim_end_matches('Z').trim_end_matches("+00:00");
    let level = match field(record, "level").to_uppercase() {
        level if level.is_empty() => level,
        level => format!("{level:8}"),
    };
    let (logger, event) = (field(record, "logger"), field(record, "event"));
    let parts = [time, level.as_str(), logger.as_str(), event.as_str()];
    let mut line = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if record.contains_key("request_id") {
        let _ = write!(line, " req={}", field(record, "request_id"));
    }
    for (name, value) in record {
        if !["event", "level", "timestamp", "logger", "request_id"].contains(&name.as_str()) {
            let _ = write!(line, " {name}={}", text_of(value));
        }
    }
    line
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
            ("not json", None),
        ] {
            assert_eq!(render(event).as_deref(), line, "{event}");
        }
        assert_eq!(
            one_line_of_json("{\"a\":\n1}").as_deref(),
            Some("{\"a\":1}")
        );
    }
}
