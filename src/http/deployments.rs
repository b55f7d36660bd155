//! The control plane's endpoints for deployments, as the vendor's router has them.

use std::io::BufRead;

use serde::Deserialize;

use super::agent::{Body, Method, encode};
use super::api::{Api, DEPLOYMENTS, Trouble};

/// The longest line of a log stream that is kept, in bytes.
const LONGEST_LINE: u64 = 1024 * 1024;

/// A deployment.
#[derive(Clone, Debug, Deserialize)]
pub struct Deployment {
    /// Its id, which is its name.
    pub id: String,
    /// What its id was made from.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Where its source is.
    #[serde(default)]
    pub repo_url: Option<String>,
    /// Its configuration, within the source.
    #[serde(default)]
    pub deployment_file_path: Option<String>,
    /// The branch or tag that is deployed.
    #[serde(default)]
    pub git_ref: Option<String>,
    /// The commit that is deployed.
    #[serde(default)]
    pub git_sha: Option<String>,
    /// Whether it has a token for its source.
    #[serde(default)]
    pub has_personal_access_token: bool,
    /// The project that it belongs to.
    pub project_id: String,
    /// The names of its secrets.
    #[serde(default)]
    pub secret_names: Option<Vec<String>>,
    /// Where it answers.
    #[serde(default)]
    pub apiserver_url: Option<String>,
    /// What it is doing.
    pub status: String,
    /// What is amiss with it.
    #[serde(default)]
    pub warning: Option<String>,
    /// What it runs on.
    #[serde(default)]
    pub appserver_version: Option<String>,
    /// Whether it is scaled to nothing.
    #[serde(default)]
    pub suspended: bool,
}

/// A release of a deployment.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    /// Its commit.
    pub git_sha: String,
    /// What it ran on.
    #[serde(default)]
    pub image_tag: Option<String>,
    /// When, in ISO 8601.
    pub released_at: String,
}

/// A line of a log.
#[derive(Clone, Debug, Deserialize)]
pub struct LogLine {
    /// Where it was written.
    #[serde(default)]
    pub pod: String,
    /// Where in the pod.
    #[serde(default)]
    pub container: String,
    /// What was written.
    #[serde(default)]
    pub text: String,
    /// When, in ISO 8601.
    #[serde(default)]
    pub timestamp: Option<String>,
}

/// Which lines of a log are wanted.
#[derive(Clone, Copy, Debug)]
pub struct LogRange {
    /// Go on with what is written from now on.
    pub follow: bool,
    /// Begin with so many last lines.
    pub tail: u32,
    /// Only lines of so many last seconds.
    pub since_seconds: Option<u32>,
    /// Those of init containers too.
    pub init_containers: bool,
}

impl Api<'_> {
    /// `GET …/deployments?project_id=`.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn deployments(&mut self, project: &str) -> std::result::Result<Vec<Deployment>, Trouble> {
        #[derive(Deserialize)]
        struct Answer {
            deployments: Vec<Deployment>,
        }
        let answer: Answer = self.get(&format!("{DEPLOYMENTS}?project_id={}", encode(project)))?;
        Ok(answer.deployments)
    }

    /// `GET …/deployments/{id}?project_id=&include_events=false`.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn deployment(
        &mut self,
        id: &str,
        project: &str,
    ) -> std::result::Result<Deployment, Trouble> {
        self.get(&format!("{}&include_events=false", one(id, "", project)))
    }

    /// `GET …/deployments/{id}/history?project_id=`.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn releases(
        &mut self,
        id: &str,
        project: &str,
    ) -> std::result::Result<Vec<Release>, Trouble> {
        #[derive(Deserialize)]
        struct Answer {
            history: Vec<Release>,
        }
        let answer: Answer = self.get(&one(id, "/history", project))?;
        Ok(answer.history)
    }

    /// `POST …/deployments/{id}/rollback?project_id=` with the commit.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn roll_back(
        &mut self,
        id: &str,
        project: &str,
        git_sha: &str,
    ) -> std::result::Result<Deployment, Trouble> {
        let body = Body::Json(serde_json::json!({ "git_sha": git_sha }).to_string());
        let response = self.with_key(Method::Post, &one(id, "/rollback", project), body)?;
        self.parse(&response)
    }

    /// `DELETE …/deployments/{id}?project_id=`.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn delete_deployment(
        &mut self,
        id: &str,
        project: &str,
    ) -> std::result::Result<(), Trouble> {
        self.with_key(Method::Delete, &one(id, "", project), Body::Empty)?;
        Ok(())
    }

    /// `GET …/deployments/{id}/logs?project_id=…`: server-sent events, each a line of the log.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn logs(
        &mut self,
        id: &str,
        project: &str,
        range: LogRange,
    ) -> std::result::Result<impl BufRead + use<>, Trouble> {
        use std::fmt::Write as _;
        let mut path = one(id, "/logs", project);
        let _ = write!(
            path,
            "&include_init_containers={}&follow={}&tail_lines={}",
            range.init_containers, range.follow, range.tail
        );
        if let Some(seconds) = range.since_seconds {
            let _ = write!(path, "&since_seconds={seconds}");
        }
        self.stream(&path)
    }
}

fn one(id: &str, below: &str, project: &str) -> String {
    format!(
        "{DEPLOYMENTS}/{}{below}?project_id={}",
        encode(id),
        encode(project)
    )
}

/// Reads the next event called `log` from a stream of server-sent events; none at its end. A line that is longer than
/// a mebibyte is cut off.
///
/// # Errors
/// The stream broke.
pub fn next_log_event(stream: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut is_log = false;
    let mut data = String::new();
    loop {
        let Some(line) = next_line(stream)? else {
            return Ok(None);
        };
        if line.is_empty() {
            if is_log && !data.is_empty() {
                return Ok(Some(data));
            }
            is_log = false;
            data.clear();
        } else if let Some(name) = line.strip_prefix("event:") {
            is_log = name.trim() == "log";
        } else if let Some(text) = line.strip_prefix("data:") {
            if !data.is_empty() {
                data.push('\n');
            }
            data.push_str(text.strip_prefix(' ').unwrap_or(text));
            data.truncate(data.floor_boundary(LONGEST_LINE));
        }
    }
}

trait Floor {
    fn floor_boundary(&self, at: u64) -> usize;
}

impl Floor for String {
    fn floor_boundary(&self, at: u64) -> usize {
        let mut at = usize::try_from(at).unwrap_or(usize::MAX).min(self.len());
        while !self.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

fn next_line(stream: &mut impl BufRead) -> std::io::Result<Option<String>> {
    let mut line = Vec::new();
    std::io::Read::take(&mut *stream, LONGEST_LINE).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else {
        skip_line(stream)?;
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

/// Passes over the rest of a line that is too long.
fn skip_line(stream: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = stream.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (used, ended) = match buffer.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        stream.consume(used);
        if ended {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &[u8]) -> Vec<String> {
        let mut stream = text;
        std::iter::from_fn(|| next_log_event(&mut stream).unwrap()).collect()
    }

    #[test]
    fn events_are_read_one_by_one() {
        let text = b"event: log\ndata: {\"a\":1}\n\n: comment\n\nevent: ping\ndata: x\n\nevent:log\r\ndata:one\r\ndata:two\r\n\r\nevent: log\ndata: cut";
        assert_eq!(events(text), ["{\"a\":1}", "one\ntwo"]);
    }

    #[test]
    fn a_line_without_end_stays_bounded() {
        let mut text = b"event: log\ndata: ".to_vec();
        text.extend(std::iter::repeat_n(b'x', 3 << 20));
        text.extend(b"\n\nevent: log\ndata: next\n\n");
        let events = events(&text);
        assert_eq!(events.len(), 2);
        assert!(events[0].len() <= 1 << 20);
        assert_eq!(events[1], "next");
    }

    proptest::proptest! {
        #[test]
        fn no_stream_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut stream = &bytes[..];
            while let Ok(Some(_)) = next_log_event(&mut stream) {}
        }
    }
}
