//! A loopback HTTP/1.1 server that sends exactly what a test specifies, including invalid responses.
//!
//! A handler turns each [`Request`] into a [`Reply`]. [`stub`](super::stub) and [`control_plane`](super::control_plane)
//! are built on it and decide which requests are correct.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::reply::{Cut, End, Framing, Gate, Reply};

/// One received request.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// As sent, still percent-encoded, without the query.
    pub path: String,
    /// Decoded, in the order sent.
    pub query: Vec<(String, String)>,
    /// Names in lower case, in the order sent.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The number of the connection, from 1.
    pub connection: usize,
    pub at: Instant,
}

impl Request {
    /// The first header of that name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name)?;
        Some(&found.1)
    }

    /// The first value of that name in the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(n, _)| n == name)?;
        Some(&found.1)
    }

    /// The token of `Authorization: Bearer …`.
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `None` if it is not.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The body as `application/x-www-form-urlencoded`.
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&self.text())
    }

    /// Method, path and query: `GET /a?b=c`.
    pub fn line(&self) -> String {
        line(&self.method, &self.path, &self.query)
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (connection {})", self.line(), self.connection)?;
        for (name, value) in &self.headers {
            writeln!(f, "  {name}: {value}")?;
        }
        if !self.body.is_empty() {
            writeln!(f, "  {}", self.text())?;
        }
        Ok(())
    }
}

/// Turns a request into a reply.
pub type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// The state shared by the server's threads.
struct Shared {
    handler: Box<Handler>,
    tls: Option<Arc<rustls::ServerConfig>>,
    connections: AtomicUsize,
    requests: Mutex<Vec<Request>>,
    arrived: Condvar,
    /// Opens when the server is dropped, which ends all waits.
    stop: Gate,
}

impl Shared {
    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps; false if the server was dropped meanwhile.
    fn pause(&self, time: Duration) -> bool {
        !self.stop.pass(time)
    }
}

/// A running server; it ends when dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Serves on a free port of loopback.
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        Server::launch(Box::new(handler), None)
    }

    /// Serves HTTPS on a free port of loopback.
    pub fn start_tls(
        config: Arc<rustls::ServerConfig>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Server {
        Server::launch(Box::new(handler), Some(config))
    }

    fn launch(handler: Box<Handler>, tls: Option<Arc<rustls::ServerConfig>>) -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
        let address = listener.local_addr().expect("the port just bound");
        let shared = Arc::new(Shared {
            handler,
            tls,
            connections: AtomicUsize::new(0),
            requests: Mutex::default(),
            arrived: Condvar::new(),
            stop: Gate::default(),
        });
        let accepting = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stop.pass(Duration::ZERO) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let number = accepting.connections.fetch_add(1, Ordering::SeqCst) + 1;
                let shared = accepting.clone();
                thread::spawn(move || serve(&shared, stream, number));
            }
        });
        Server { address, shared }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL, without a trailing slash.
    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests().clone()
    }

    /// All requests so far, each as `METHOD /path?query`.
    pub fn lines(&self) -> Vec<String> {
        self.shared.requests().iter().map(Request::line).collect()
    }

    /// How many connections were opened, used or not.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until so many requests came in; fails the test if they do not within 20 seconds.
    pub fn wait_for_requests(&self, count: usize) {
        let limit = Duration::from_secs(20);
        let requests = self.shared.requests();
        let waited = self
            .shared
            .arrived
            .wait_timeout_while(requests, limit, |all| all.len() < count);
        let (requests, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        let came = requests.len();
        drop(requests);
        assert!(
            !timeout.timed_out(),
            "waited for {count} requests, got {came}"
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.open();
        // Wakes up the accepting thread, which then ends.
        let _ = TcpStream::connect(self.address);
    }
}

trait Connection: Read + Write + Send {}
impl<T: Read + Write + Send> Connection for T {}

/// One connection, from its first request to its end.
fn serve(shared: &Shared, stream: TcpStream, number: usize) {
    // Small writes must be sent at once, or slow replies would be merged.
    let _ = stream.set_nodelay(true);
    let stream = Arc::new(stream);
    let connection: Box<dyn Connection> = match &shared.tls {
        None => Box::new(SharedStream(stream.clone())),
        Some(config) => match rustls::ServerConnection::new(config.clone()) {
            Ok(tls) => Box::new(rustls::StreamOwned::new(tls, SharedStream(stream.clone()))),
            Err(_) => return,
        },
    };
    let mut connection = BufReader::new(connection);
    while let Some(request) = read_request(&mut connection, number) {
        shared.requests().push(request.clone());
        let reply = (shared.handler)(&request);
        // After the handler, so that a test that waits for the request also sees the handler's effects.
        shared.arrived.notify_all();
        let headless = request.method == "HEAD";
        let sent = send(shared, connection.get_mut(), &reply, headless);
        if let (Ok(()), Some(to)) = (&sent, reply.tunnel) {
            tunnel(&stream, to);
            return;
        }
        if sent.is_err() || reply.end != End::KeepAlive {
            if reply.end == End::Reset {
                // Closing with a linger time of zero sends a reset.
                #[cfg(unix)]
                let _ = rustix::net::sockopt::set_socket_linger(&*stream, Some(Duration::ZERO));
            }
            return;
        }
    }
}

/// Keeps access to the TCP stream below TLS.
struct SharedStream(Arc<TcpStream>);

impl Read for SharedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for SharedStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

fn tunnel(client: &TcpStream, to: SocketAddr) {
    let Ok(target) = TcpStream::connect(to) else {
        return;
    };
    let copy = |mut from: &TcpStream, mut to: &TcpStream| {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    };
    thread::scope(|scope| {
        scope.spawn(|| copy(client, &target));
        copy(&target, client);
    });
}

/// Reads one request; `None` at the end of the connection or if it is not HTTP.
fn read_request(connection: &mut impl BufRead, number: usize) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if connection.read_until(b'\n', &mut head).ok()? == 0 {
            return None;
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(&head).ok()?;
    let target = parsed.path?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = parsed.headers.iter();
    let mut request = Request {
        method: parsed.method?.to_string(),
        path: path.to_string(),
        query: pairs(query),
        headers: headers
            .map(|h| {
                (
                    h.name.to_lowercase(),
                    String::from_utf8_lossy(h.value).into_owned(),
                )
            })
            .collect(),
        body: Vec::new(),
        connection: number,
        at: Instant::now(),
    };
    request.body = read_body(connection, &request)?;
    Some(request)
}

fn read_body(connection: &mut impl BufRead, request: &Request) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    if request.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            connection.read_line(&mut line).ok()?;
            let size = usize::from_str_radix(line.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            connection.read_exact(&mut chunk).ok()?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Some(body);
            }
        }
    }
    if let Some(length) = request.header("content-length") {
        body.resize(length.parse().ok()?, 0);
        connection.read_exact(&mut body).ok()?;
    }
    Some(body)
}

/// Sends a reply, possibly truncated. An error means that the client disconnected or the server was dropped.
fn send(
    shared: &Shared,
    out: &mut dyn Connection,
    reply: &Reply,
    headless: bool,
) -> io::Result<()> {
    if !reply.delay.is_zero() && !shared.pause(reply.delay) {
        return Err(dropped());
    }
    if let Some(gate) = &reply.gate {
        while !gate.pass(Duration::from_millis(50)) {
            if shared.stop.pass(Duration::ZERO) {
                return Err(dropped());
            }
        }
    }
    let mut head = reply.head();
    match reply.cut {
        Some(Cut::BeforeHead) => return Ok(()),
        Some(Cut::InHead) => head.truncate(head.len() / 2),
        _ => {}
    }
    paced(shared, out, &head, reply.head_pace)?;
    if headless || matches!(reply.cut, Some(Cut::InHead | Cut::AfterHead)) {
        return Ok(());
    }
    let mut body = match &reply.framing {
        Framing::Length | Framing::Announced(_) | Framing::UntilClose => reply.body.clone(),
        Framing::Chunked => [chunk(&reply.body), chunk(b"")].concat(),
        Framing::Endless => loop {
            paced(shared, out, &chunk(&reply.body), reply.body_pace)?;
        },
        Framing::Stream(messages) => return stream(shared, out, messages),
    };
    if let Some(Cut::InBody(length)) = reply.cut {
        body.truncate(length);
    }
    paced(shared, out, &body, reply.body_pace)
}

fn stream(
    shared: &Shared,
    out: &mut dyn Connection,
    messages: &Mutex<Receiver<Vec<u8>>>,
) -> io::Result<()> {
    let messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        match messages.recv_timeout(Duration::from_millis(50)) {
            Ok(message) => paced(shared, out, &chunk(&message), None)?,
            Err(RecvTimeoutError::Disconnected) => return paced(shared, out, &chunk(b""), None),
            Err(RecvTimeoutError::Timeout) if shared.stop.pass(Duration::ZERO) => {
                return Err(dropped());
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn paced(
    shared: &Shared,
    out: &mut dyn Connection,
    bytes: &[u8],
    pace: Option<Duration>,
) -> io::Result<()> {
    let Some(pause) = pace else {
        out.write_all(bytes)?;
        return out.flush();
    };
    for byte in bytes.chunks(1) {
        out.write_all(byte)?;
        out.flush()?;
        if !shared.pause(pause) {
            return Err(dropped());
        }
    }
    Ok(())
}

fn dropped() -> io::Error {
    io::Error::other("the server was dropped")
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// A request in one line: `GET /a?b=c`.
pub fn line(method: &str, path: &str, query: &[(String, String)]) -> String {
    let pairs: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("{method} {path}{mark}{}", pairs.join("&"))
}

/// Splits `a=b&c=d` and decodes both sides.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}
