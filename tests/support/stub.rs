//! A server that expects an exact set of requests.
//!
//! An unexpected request gets a 500 response and fails the test at its end; so does an expectation that was not met. Query,
//! body and `Authorization` must be absent unless the expectation states them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::Value;

use super::reply::Reply;
use super::secrets::Secrets;
use super::server::{Request, Server, line, pairs};

/// Expects a GET. The path may have a query, in plain text: `/a?project_id=p1`.
pub fn get(path: &str) -> Expectation {
    request("GET", path)
}

/// Expects a POST.
pub fn post(path: &str) -> Expectation {
    request("POST", path)
}

/// Expects a DELETE.
pub fn delete(path: &str) -> Expectation {
    request("DELETE", path)
}

/// Expects any method; for CONNECT the path is `host:port`.
pub fn request(method: &str, path: &str) -> Expectation {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Expectation {
        method: method.to_string(),
        path: path.to_string(),
        query: pairs(query),
        any_authorization: false,
        headers: Vec::new(),
        absent: Vec::new(),
        body: Body::Empty,
        replies: Vec::new(),
        least: None,
        most: None,
        used: 0,
    }
}

/// One expected request and its replies.
pub struct Expectation {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    any_authorization: bool,
    headers: Vec<(String, String)>,
    absent: Vec<String>,
    body: Body,
    replies: Vec<Reply>,
    least: Option<usize>,
    most: Option<usize>,
    used: usize,
}

enum Body {
    Empty,
    Any,
    Text(String),
    Json(Value),
    Form(Vec<(String, String)>),
}

impl Expectation {
    /// With this query parameter; all of them must be named, in any order.
    pub fn query(mut self, name: &str, value: &str) -> Expectation {
        self.query.push((name.to_string(), value.to_string()));
        self
    }

    /// With `Authorization: Bearer …`.
    pub fn bearer(self, token: &str) -> Expectation {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With any `Authorization`, or none.
    pub fn any_authorization(mut self) -> Expectation {
        self.any_authorization = true;
        self
    }

    /// With this header.
    pub fn header(mut self, name: &str, value: &str) -> Expectation {
        self.headers.push((name.to_lowercase(), value.to_string()));
        self
    }

    /// Without this header.
    pub fn no_header(mut self, name: &str) -> Expectation {
        self.absent.push(name.to_lowercase());
        self
    }

    /// With exactly this body.
    pub fn body(mut self, text: &str) -> Expectation {
        self.body = Body::Text(text.to_string());
        self
    }

    /// With a body that is the same JSON value.
    pub fn json_body(mut self, value: Value) -> Expectation {
        self.body = Body::Json(value);
        self
    }

    /// With a form of exactly these fields, in any order.
    pub fn form(mut self, fields: &[(&str, &str)]) -> Expectation {
        let fields = fields
            .iter()
            .map(|(n, v)| ((*n).to_string(), (*v).to_string()));
        self.body = Body::Form(fields.collect());
        self
    }

    /// With any body.
    pub fn any_body(mut self) -> Expectation {
        self.body = Body::Any;
        self
    }

    /// Adds a reply; the first request gets the first reply, and so on.
    pub fn reply(mut self, reply: Reply) -> Expectation {
        self.replies.push(reply);
        self
    }

    /// Replies with this status and JSON text.
    pub fn json(self, status: u16, body: &str) -> Expectation {
        self.reply(Reply::json(status, body))
    }

    /// Expects this many requests and repeats the last reply. Default: the number of replies.
    pub fn times(mut self, times: usize) -> Expectation {
        (self.least, self.most) = (Some(times), Some(times));
        self
    }

    /// Expected any number of times, including zero.
    pub fn any_times(mut self) -> Expectation {
        (self.least, self.most) = (Some(0), Some(usize::MAX));
        self
    }

    /// Expected at least once.
    pub fn at_least_once(mut self) -> Expectation {
        (self.least, self.most) = (Some(1), Some(usize::MAX));
        self
    }

    fn least(&self) -> usize {
        self.least.unwrap_or(self.replies.len())
    }

    fn most(&self) -> usize {
        self.most.unwrap_or(self.replies.len())
    }

    /// The differences between a request and this expectation; empty if it matches.
    fn differences(&self, request: &Request) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare =
            |what: &str, expected: &dyn fmt::Debug, got: &dyn fmt::Debug, same: bool| {
                if !same {
                    found.push(format!("{what}: expected {expected:?}, got {got:?}"));
                }
            };
        compare(
            "method",
            &self.method,
            &request.method,
            self.method == request.method,
        );
        compare("path", &self.path, &request.path, self.path == request.path);
        let same = sorted(&self.query) == sorted(&request.query);
        compare("query", &self.query, &request.query, same);
        let named = self.headers.iter().any(|(name, _)| name == "authorization");
        if !named && !self.any_authorization {
            let got = request.header("authorization");
            compare("authorization", &None::<&str>, &got, got.is_none());
        }
        for (name, value) in &self.headers {
            let got = request.header(name);
            compare(name, &Some(value), &got, got == Some(value));
        }
        for name in &self.absent {
            let got = request.header(name);
            compare(name, &None::<&str>, &got, got.is_none());
        }
        let text = request.text();
        match &self.body {
            Body::Any => {}
            Body::Empty => compare("body", &"", &text, text.is_empty()),
            Body::Text(expected) => compare("body", expected, &text, *expected == text),
            Body::Json(expected) => {
                let same = request.json().as_ref() == Some(expected);
                compare("body", &expected.to_string(), &text, same);
            }
            Body::Form(expected) => {
                let got = request.form();
                compare("form", expected, &got, sorted(expected) == sorted(&got));
            }
        }
        found
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&line(&self.method, &self.path, &self.query))
    }
}

fn sorted(pairs: &[(String, String)]) -> Vec<&(String, String)> {
    let mut pairs: Vec<_> = pairs.iter().collect();
    pairs.sort();
    pairs
}

#[derive(Default)]
struct State {
    expectations: Vec<Expectation>,
    in_order: bool,
    problems: Vec<String>,
}

impl State {
    fn answer(&mut self, request: &Request) -> Reply {
        let mut close = Vec::new();
        for expectation in &mut self.expectations {
            if expectation.used == expectation.most() {
                continue;
            }
            let differences = expectation.differences(request);
            if differences.is_empty() {
                let last = expectation.replies.len() - 1;
                let reply = expectation.replies[expectation.used.min(last)].clone();
                expectation.used += 1;
                return reply;
            }
            close.push(format!("  not {expectation}: {}\n", differences.join("; ")));
            if self.in_order && expectation.used < expectation.least() {
                break;
            }
        }
        let problem = format!("unexpected request: {request}{}", close.concat());
        self.problems.push(problem);
        Reply::json(
            500,
            r#"{"detail": "the test's server did not expect this request"}"#,
        )
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = self.problems.clone();
        for expectation in &self.expectations {
            let (used, least) = (expectation.used, expectation.least());
            if used < least {
                problems.push(format!(
                    "{expectation}: expected {least} times, came {used} times\n"
                ));
            }
        }
        problems
    }
}

/// The strict server. Dropping it checks that all expectations were met.
pub struct Stub {
    server: Server,
    state: Arc<Mutex<State>>,
    secrets: Secrets,
}

impl Stub {
    pub fn new() -> Stub {
        let state = Arc::new(Mutex::new(State::default()));
        let answering = state.clone();
        Stub::over(
            Server::start(move |request| lock(&answering).answer(request)),
            state,
        )
    }

    /// The same over HTTPS.
    pub fn tls(config: Arc<rustls::ServerConfig>) -> Stub {
        let state = Arc::new(Mutex::new(State::default()));
        let answering = state.clone();
        let server = Server::start_tls(config, move |request| lock(&answering).answer(request));
        Stub::over(server, state)
    }

    fn over(server: Server, state: Arc<Mutex<State>>) -> Stub {
        let secrets = Secrets::default();
        Stub {
            server,
            state,
            secrets,
        }
    }

    /// Adds an expectation. If several match, the first that is not exhausted replies.
    pub fn expect(&self, expectation: Expectation) -> &Stub {
        assert!(!expectation.replies.is_empty(), "{expectation}: no reply");
        for (_, value) in &expectation.headers {
            if let Some(token) = value.strip_prefix("Bearer ") {
                self.secrets.add(token);
            }
        }
        lock(&self.state).expectations.push(expectation);
        self
    }

    /// From now on, requests must arrive in the order of registration.
    pub fn in_order(&self) -> &Stub {
        lock(&self.state).in_order = true;
        self
    }

    /// Checks the expectations now and clears them, for the next part of a test.
    pub fn verify(&self) {
        let state = std::mem::take(&mut *lock(&self.state));
        let problems = state.problems();
        assert!(
            problems.is_empty(),
            "the server at {}:\n{}",
            self.server.url(),
            problems.concat()
        );
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The tokens that the expectations name.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.verify();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
