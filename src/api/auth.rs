//! The control plane's endpoints for browser logins and the API keys that they make.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::client::{Api, detail, nonsense, refusal};
use super::{ApiError, ApiErrorKind};
use crate::error::Error;
use crate::http::{Body, Method, Request};
use crate::secret::Secret;
use crate::url::{UrlPolicy, encode};
use crate::validate;

const KEYS: &str = "/api/v1/api-keys";

/// Who does a server's browser logins.
#[derive(Clone, Debug, Deserialize)]
pub struct OidcDiscovery {
    /// Where the login provider's metadata is.
    pub discovery_url: String,
    /// The ids of the server's clients at the provider, by what they are for.
    #[serde(default)]
    pub client_ids: Option<BTreeMap<String, Box<RawValue>>>,
}

/// An API key that was just made; nobody shows it again.
#[derive(Clone, Debug)]
pub struct CreatedKey {
    /// What it is deleted by.
    pub id: String,
    /// The key itself.
    pub key: Secret,
}

impl Api<'_> {
    /// `GET …/auth/oidc/discovery`: who does the browser logins.
    ///
    /// # Errors
    /// The server gave nothing of use; Refused, where it has no browser login.
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
                let said = match detail(&response.body) {
                    Some(text) if text != "Not Found" => format!(": {text}"),
                    _ => String::new(),
                };
                Err(ApiError {
                    why: ApiErrorKind::Refused,
                    answer: Ok(response.status),
                    error: Error::failed(format!("{} has no browser login{said}", self.base))
                        .hint("sign in with an API key: `llamactl auth token`"),
                })
            }
            _ => Err(refusal(self.base, &response, None)),
        }
    }

    /// `GET …/auth/me`: whether the credentials are accepted.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn me(&mut self) -> Result<(), ApiError> {
        // An object, whatever is in it.
        self.get("/api/v1/auth/me")
            .map(|_: BTreeMap<String, Box<RawValue>>| ())
    }

    /// `POST …/api-keys`: makes an API key. It is sent again only where it can't have arrived.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn create_key(&mut self, name: &str) -> Result<CreatedKey, ApiError> {
        #[derive(Deserialize)]
        struct Answer {
            id: String,
            // The whole key, whatever the field is called.
            redacted_api_key: String,
        }
        let body = json!({"name": name, "project_id": null}).to_string();
        let response = self.with_key(Method::Post, KEYS, Body::Json(body))?;
        let answer: Answer = self.parse(&response)?;
        match (
            validate::path_id(&answer.id),
            validate::api_key(&answer.redacted_api_key),
        ) {
            (Ok(id), Ok(key)) => Ok(CreatedKey { id, key }),
            _ => Err(ApiError {
                why: ApiErrorKind::Nonsense,
                answer: Ok(response.status),
                error: nonsense(self.base, "the API key that it made is none", &response),
            }),
        }
    }

    /// `DELETE …/api-keys/{id}`: false where there was no such key any more.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn delete_key(&mut self, id: &str) -> Result<bool, ApiError> {
        let path = format!("{KEYS}/{}", encode(id));
        match self.with_key(Method::Delete, &path, Body::Empty) {
            Ok(_) => Ok(true),
            Err(trouble) if trouble.why == ApiErrorKind::NotFound => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }
}
