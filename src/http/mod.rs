//! HTTP: time limits, retries and redirects (`agent`), requests and responses (`request`), connections (`connect`,
//! `lookup`), proxies, trusted certificates (`tls`), server-sent events (`sse`), and why there was no response (`error`).
//! ureq is used in this module only.

mod agent;
mod connect;
mod date;
mod error;
mod lookup;
pub mod proxy;
mod request;
pub mod sse;
mod tls;

pub use agent::{CaFileOf, Http, Reporter};
pub use error::{TransportError, TransportErrorKind};
pub use request::{Body, Method, Request, Response, RetryAfter};
pub use tls::read_ca_file;
