//! Policy around browser logins: which client this program is, the profile that a login is stored in, refreshing its
//! tokens, and revoking it.

pub mod client;
pub mod profile;
pub mod refresh;
pub mod revoke;
