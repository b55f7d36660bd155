//! The control plane: typed endpoints, the session that calls them with the right credentials, and their errors.

pub mod auth;
pub mod client;
pub mod deployments;
mod error;
pub mod session;

pub use error::{ApiError, ApiErrorKind};
