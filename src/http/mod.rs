//! One HTTP request: time limits, retries and redirects (`agent`), proxies, trusted certificates (`tls`), server-sent
//! events (`sse`), and why there was no response (`error`). ureq is used in this module only.

mod agent;
mod error;
pub mod proxy;
pub mod sse;
mod tls;

pub use agent::{Body, Http, Method, Request, Response};
pub use error::{TransportError, TransportErrorKind};
