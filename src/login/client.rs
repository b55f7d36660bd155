//! Which OpenID Connect client this program is: the control plane names the identity provider and the client ID.

use crate::api::auth::OidcDiscovery;
use crate::api::client::Api;
use crate::error::{Error, Result};
use crate::http::Http;
use crate::url::{ApiUrl, UrlPolicy};
use crate::validate;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcClient {
    /// Where the provider's metadata is.
    pub discovery_url: String,
    pub id: String,
}

impl OidcClient {
    /// Requests it from the control plane.
    pub fn discover(http: &mut Http, control_plane: &ApiUrl) -> Result<OidcClient> {
        let response = Api::without_key(http, control_plane).oidc_discovery()?;
        OidcClient::from_response(control_plane, response)
    }

    pub fn from_response(control_plane: &ApiUrl, response: OidcDiscovery) -> Result<OidcClient> {
        let ids = response.client_ids.unwrap_or_default();
        let id = match (ids.get("cli"), ids.len()) {
            (Some(id), _) => Some(id),
            (None, 1) => ids.values().next(),
            (None, _) => None,
        };
        let id = id
            .and_then(|id| serde_json::from_str::<String>(id.get()).ok())
            .and_then(|id| validate::id(&id).ok());
        let Some(id) = id else {
            return Err(Error::failed(format!(
                "{control_plane} does not name a client ID for the command line"
            ))
            .hint("sign in with an API key: `llamactl auth token`"));
        };
        let policy = UrlPolicy::for_control_plane(control_plane);
        policy.check(&response.discovery_url).map_err(|problem| {
            Error::no_answer(format!(
                "{control_plane} names an identity provider whose URL {problem}"
            ))
            .hint("tell its administrator, or sign in with an API key: `llamactl auth token`")
        })?;
        Ok(OidcClient {
            discovery_url: response.discovery_url,
            id,
        })
    }
}
