//! Talking to servers: `agent` sends one request under the rules of time, retries, redirects and limits, `proxy` and
//! `trust` say through what and on whose word, `api` knows the control plane's endpoints, `events` how
//! a stream of them is read.
//!
//! ureq stays in this room.

mod agent;
pub mod api;
pub mod deployments;
pub mod events;
pub mod login;
mod proxy;
mod trust;

pub use agent::{Body, Cause, Failure, Http, Method, Request, Response};
