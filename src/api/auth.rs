//! Endpoints of the control plane for browser logins and the API keys that they create.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::client::{Api, error_detail, malformed, status_error};
use super::{ApiError, ApiErrorKind};
use crate::http::{Body, Method, Request};
use crate::secret::Secret;
use crate::url::{UrlPolicy, encode};
use crate::validate;

const KEYS: &str = "/api/v1/api-keys";

/// Which identity provider a control plane uses.
#[derive(Clone, Debug, Deserialize)]
pub struct OidcDiscovery {
    /// URL of the provider's metadata.
    pub discovery_url: String,
    /// Client IDs at the provider, by purpose.
    #[serde(default)]
    pub client_ids: Option<BTreeMap<String, Box<RawValue>>>,
}

/// A new API key. The server shows it only once.
#[derive(Clone, Debug)]
pub struct CreatedKey {
    /// For deleting it.
    pub id: String,
    pub key: Secret,
}

impl Api<'_> {
    /// `GET /api/v1/auth/oidc/discovery`; `Refused` if the server has no browser login.
    pub fn oidc_discovery(&mut self) -> Result<OidcDiscovery, ApiError> {
        let policy = UrlPolicy::for_control_plane(self.base);
        let request = Request {
            method: Method::Get,
            url: format!("{}/api/v1/auth/oidc/discovery", self.base),
            bearer: None,
            body: Body::Empty,
            policy: &policy,
        };
        let response = self.http.send(&request)?;
        match response.status {
            200..300 => self.parse(&response),
            400 | 404 | 501 => {
                let detail = match error_detail(&response.body) {
                    Some(text) if text != "Not Found" => format!(": {text}"),
                    _ => String::new(),
                };
                Err(ApiError::of_response(
                    ApiErrorKind::Refused,
                    response.status,
                    format!("{} has no browser login{detail}", self.base),
                    "sign in with an API key: `llamactl auth token`",
                ))
            }
            _ => Err(status_error(self.base, &response, None)),
        }
    }

    /// `GET /api/v1/auth/me`: whether the credentials are accepted.
    pub fn me(&mut self) -> Result<(), ApiError> {
        let _: BTreeMap<String, Box<RawValue>> = self.get("/api/v1/auth/me")?;
        Ok(())
    }

    /// `POST /api/v1/api-keys`. It is sent again only if it cannot have reached the server.
    pub fn create_key(&mut self, name: &str) -> Result<CreatedKey, ApiError> {
        #[derive(Deserialize)]
        struct KeyResponse {
            id: String,
            /// The whole key, in spite of its name.
            redacted_api_key: Secret,
        }
        let body = json!({"name": name, "project_id": null}).to_string();
        let response = self.with_key(Method::Post, KEYS, Body::Json(body))?;
        let created: KeyResponse = self.parse(&response)?;
        match (
            validate::path_id(&created.id),
            validate::api_key(created.redacted_api_key.expose()),
        ) {
            (Ok(id), Ok(key)) => Ok(CreatedKey { id, key }),
            _ => Err(malformed(
                self.base,
                &response,
                "it created an invalid API key",
            )),
        }
    }

    /// `DELETE /api/v1/api-keys/{id}`; false if the key no longer existed.
    pub fn delete_key(&mut self, id: &str) -> Result<bool, ApiError> {
        let path = format!("{KEYS}/{}", encode(id));
        match self.with_key(Method::Delete, &path, Body::Empty) {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ApiErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}
