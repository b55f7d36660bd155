//! Talking to servers: `agent` sends one request under the rules of time, retries, redirects and limits, `proxy` and
//! `trust` say through what and on whose word, `failure` why there is no answer; `api`, `deployments` and `login` know
//! the control plane's endpoints, `events` how a stream is read.
//!
//! ureq stays in this room.

mod agent;
pub mod api;
pub mod deployments;
pub mod events;
mod failure;
pub mod login;
pub mod proxy;
mod trust;
pub mod url;

pub use agent::{Body, Http, Method, Request, Response};
pub use failure::{Cause, Failure};
