//! OpenID Connect with the device authorization grant: the protocol, without policy.
//!
//! `discovery` reads the identity provider's metadata, `device` obtains tokens (RFC 8628), `token` refreshes and revokes
//! them (RFC 6749, RFC 7009), `id_token` verifies who logged in. What is stored when, and what the user is told, is
//! decided in `login` and the commands.

pub mod device;
pub mod discovery;
mod error;
pub mod id_token;
pub mod token;

pub use error::{OAuthError, ProviderError, ResponseContext};
