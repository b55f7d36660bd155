//! The replies of a [`Server`](super::Server): complete or truncated, at once or byte by byte.

use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Delays a reply until the test opens the gate, to synchronize two programs. Clones share the gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Waits until the gate opens; false on time-out.
    pub(super) fn pass(&self, limit: Duration) -> bool {
        let closed = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(closed, limit, |open| !*open);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// How the end of the body is indicated.
#[derive(Clone, Debug)]
pub(super) enum Framing {
    Length,
    /// A wrong `Content-Length`.
    Announced(u64),
    Chunked,
    /// The body repeated, chunked, until the client disconnects.
    Endless,
    /// Each message as a chunk, until the sender is dropped.
    Stream(Arc<Mutex<Receiver<Vec<u8>>>>),
    /// By the end of the connection.
    UntilClose,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cut {
    BeforeHead,
    InHead,
    AfterHead,
    InBody(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    KeepAlive,
    Close,
    Reset,
}

/// A reply and how it is sent.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) framing: Framing,
    /// Replaces status line and headers.
    pub(super) raw_head: Option<Vec<u8>>,
    pub(super) delay: Duration,
    pub(super) gate: Option<Gate>,
    pub(super) head_pace: Option<Duration>,
    pub(super) body_pace: Option<Duration>,
    pub(super) cut: Option<Cut>,
    pub(super) end: End,
    pub(super) tunnel: Option<SocketAddr>,
}

impl Reply {
    /// A status without a body.
    pub fn status(status: u16) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length,
            raw_head: None,
            delay: Duration::ZERO,
            gate: None,
            head_pace: None,
            body_pace: None,
            cut: None,
            end: End::KeepAlive,
            tunnel: None,
        }
    }

    pub fn with_body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        let mut reply = Reply::status(status).header("content-type", content_type);
        reply.body = body.into();
        reply
    }

    /// A JSON text, sent unchanged even if invalid.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply::with_body(status, "application/json", body)
    }

    pub fn html(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply::with_body(status, "text/html; charset=utf-8", body)
    }

    /// An error in the service's format: `{"detail": "…"}`.
    pub fn detail(status: u16, detail: &str) -> Reply {
        Reply::json(status, serde_json::json!({ "detail": detail }).to_string())
    }

    pub fn redirect(status: u16, location: &str) -> Reply {
        Reply::status(status).header("location", location)
    }

    /// Exactly these bytes, then the end of the connection.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Reply {
        let mut reply = Reply::status(0);
        reply.raw_head = Some(bytes.into());
        reply.framing = Framing::UntilClose;
        reply.end = End::Close;
        reply
    }

    /// A streamed body that ends when the sender is dropped.
    pub fn stream(status: u16, content_type: &str, messages: Receiver<Vec<u8>>) -> Reply {
        let mut reply = Reply::with_body(status, content_type, "");
        reply.framing = Framing::Stream(Arc::new(Mutex::new(messages)));
        reply
    }

    /// Resets the connection before sending anything.
    pub fn reset() -> Reply {
        let mut reply = Reply::status(200).reset_after(0);
        reply.cut = Some(Cut::BeforeHead);
        reply
    }

    /// Closes the connection before sending anything.
    pub fn hang_up() -> Reply {
        Reply::raw("")
    }

    /// A proxy's response to CONNECT: bytes are then forwarded to and from that address.
    pub fn tunnel(to: SocketAddr) -> Reply {
        let mut reply = Reply::raw("HTTP/1.1 200 Connection established\r\n\r\n");
        reply.tunnel = Some(to);
        reply
    }

    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    /// Waits before the first byte.
    pub fn delay(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }

    /// Waits before the first byte until the gate is opened.
    pub fn hold(mut self, gate: &Gate) -> Reply {
        self.gate = Some(gate.clone());
        self
    }

    /// Sends the head one byte at a time with this pause.
    pub fn drip_head(mut self, pause: Duration) -> Reply {
        self.head_pace = Some(pause);
        self
    }

    /// Sends the body one byte at a time with this pause.
    pub fn drip(mut self, pause: Duration) -> Reply {
        self.body_pace = Some(pause);
        self
    }

    pub fn chunked(mut self) -> Reply {
        self.framing = Framing::Chunked;
        self
    }

    /// Repeats the body endlessly.
    pub fn endless(mut self) -> Reply {
        self.framing = Framing::Endless;
        self
    }

    /// Sends this `Content-Length` regardless of the body, then closes.
    pub fn announce(mut self, length: u64) -> Reply {
        self.framing = Framing::Announced(length);
        self.close()
    }

    /// Closes the connection after the reply.
    pub fn close(mut self) -> Reply {
        self.end = End::Close;
        self
    }

    /// Closes after this many bytes of the body, although `Content-Length` announced more.
    pub fn close_after(mut self, body_bytes: usize) -> Reply {
        self.cut = Some(Cut::InBody(body_bytes));
        self.close()
    }

    /// Resets the connection in the middle of the head.
    pub fn reset_in_head(mut self) -> Reply {
        self.cut = Some(Cut::InHead);
        self.end = End::Reset;
        self
    }

    /// Resets the connection between head and body.
    pub fn reset_after_head(mut self) -> Reply {
        self.cut = Some(Cut::AfterHead);
        self.end = End::Reset;
        self
    }

    /// Resets the connection after that many bytes of the body (with its framing).
    pub fn reset_after(mut self, body_bytes: usize) -> Reply {
        self.cut = Some(Cut::InBody(body_bytes));
        self.end = End::Reset;
        self
    }

    /// The body, for tests that corrupt it.
    pub fn content(&self) -> &[u8] {
        &self.body
    }

    /// With another body.
    pub fn with_content(mut self, body: impl Into<Vec<u8>>) -> Reply {
        self.body = body.into();
        self
    }

    /// Turns a 204, which cannot have a body, into a 200.
    pub fn with_room(mut self) -> Reply {
        self.status = if self.status == 204 { 200 } else { self.status };
        self
    }

    /// With another content type.
    pub fn kind(mut self, content_type: &str) -> Reply {
        self.headers.retain(|(name, _)| name != "content-type");
        self.header("content-type", content_type)
    }

    /// Status line and headers as bytes.
    pub(super) fn head(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw_head {
            return raw.clone();
        }
        let mut lines = vec![format!("HTTP/1.1 {} {}", self.status, reason(self.status))];
        lines.extend(
            self.headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}")),
        );
        match &self.framing {
            // 204 and 304 have no body and no `Content-Length`.
            Framing::Length if matches!(self.status, 204 | 304) => {}
            Framing::Length => lines.push(format!("content-length: {}", self.body.len())),
            Framing::Announced(length) => lines.push(format!("content-length: {length}")),
            Framing::Chunked | Framing::Endless | Framing::Stream(_) => {
                lines.push("transfer-encoding: chunked".to_string());
            }
            Framing::UntilClose => {}
        }
        if self.end == End::Close {
            lines.push("connection: close".to_string());
        }
        format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        409 => "Conflict",
        422 => "Unprocessable Entity",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
