//! The control plane's endpoints for browser logins and the API keys that they make.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::agent::{Body, Method, Request};
use super::api::{Api, Trouble, Why, detail, nonsense, refusal};
use super::url::encode;
use crate::error::Error;
use crate::input;
use crate::secret::Secret;

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
pub struct Minted {
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
    pub fn oidc_discovery(&mut self) -> Result<OidcDiscovery, Trouble> {
        let request = Request {
            method: Method::Get,
            url: format!("{}/api/v1/auth/oidc/discovery", self.base),
            bearer: None,
            body: Body::Empty,
        };
        let response = self.http.send(&request)?;
        match response.status {
            200..300 => self.parse(&response),
            400 | 404 | 501 => {
                let said = match detail(&response.body) {
                    Some(text) if text != "Not Found" => format!(": {text}"),
                    _ => String::new(),
                };
                Err(Trouble {
                    why: Why::Refused,
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
    pub fn me(&mut self) -> Result<(), Trouble> {
        // An object, whatever is in it.
        self.get("/api/v1/auth/me")
            .map(|_: BTreeMap<String, Box<RawValue>>| ())
    }

    /// `POST …/api-keys`: makes an API key. It is sent again only where it can't have arrived.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn mint_key(&mut self, name: &str) -> Result<Minted, Trouble> {
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
            input::id(&answer.id),
            input::api_key(&answer.redacted_api_key),
        ) {
            (Ok(id), Ok(key)) => Ok(Minted { id, key }),
            _ => Err(Trouble {
                why: Why::Nonsense,
                answer: Ok(response.status),
                error: nonsense(self.base, "the API key that it made is none", &response),
            }),
        }
    }

    /// `DELETE …/api-keys/{id}`: false where there was no such key any more.
    ///
    /// # Errors
    /// The server gave nothing of use.
    pub fn delete_key(&mut self, id: &str) -> Result<bool, Trouble> {
        let path = format!("{KEYS}/{}", encode(id));
        match self.with_key(Method::Delete, &path, Body::Empty) {
            Ok(_) => Ok(true),
            Err(trouble) if trouble.why == Why::NotFound => Ok(false),
            Err(trouble) => Err(trouble),
        }
    }
}
