//! The rows of the Python tool's database: what to ask for them, and what they become here.
//!
//! Every value is checked as if it were typed; a row that does not pass is given back with the reason.

use serde::Deserialize;

use crate::sanitize::sanitize;
use crate::secret::Secret;
use crate::store::{Login, Profile};
use crate::url::{ApiUrl, LLAMA_CLOUD};
use crate::validate;

/// The newest `user_version` that is known here.
const NEWEST: u64 = 2;
/// How much is kept of a text that is only shown, in characters.
const SHOWN: usize = 256;
const LONGEST_URL: usize = 2048;

/// Anything but `ok` is damage.
pub const CHECK: &str = "SELECT json_quote(integrity_check) FROM pragma_integrity_check(1)";

/// Which version this is, whether its tables are tables (a view could compute without end), and which columns its
/// profiles have: `api_key_id` and `device_oidc` came with version 2.
pub const COLUMNS: &str = "SELECT json_object('version', (SELECT user_version FROM pragma_user_version), \
    'tables', (SELECT count(*) FROM sqlite_master WHERE type = 'table' AND rootpage > 0 \
    AND name IN ('profiles', 'settings', 'environments')), \
    'columns', json_group_array(name)) FROM pragma_table_info('profiles')";

/// Every value is text or null there, whatever type it was stored as.
const ENVIRONMENTS: &str = "SELECT json_object('table', 'environment', 'api_url', CAST(api_url AS TEXT), \
    'requires_auth', CAST(requires_auth AS TEXT), 'min_llamactl_version', CAST(min_llamactl_version AS TEXT)) \
    FROM environments ORDER BY rowid";
const SETTINGS: &str = "SELECT json_object('table', 'setting', 'key', CAST(key AS TEXT), 'value', CAST(value AS TEXT)) \
    FROM settings WHERE key IN ('current_profile', 'current_environment_api_url')";
const PROFILE_COLUMNS: [&str; 6] = [
    "name",
    "api_url",
    "project_id",
    "api_key",
    "api_key_id",
    "device_oidc",
];

/// What the database is.
#[derive(Deserialize)]
pub struct Layout {
    version: u64,
    tables: u64,
    columns: Vec<String>,
}

impl Layout {
    /// Reads what the database says of its state, and of its tables and columns.
    ///
    /// # Errors
    /// What is wrong with the database, to stand behind a colon.
    pub fn parse(answer: &[u8]) -> Result<Layout, String> {
        let rubbish = || "what python3 or sqlite3 says of it can't be understood".to_string();
        let mut lines = answer.split(|byte| *byte == b'\n');
        let state: String =
            serde_json::from_slice(lines.next().unwrap_or_default()).map_err(|_| rubbish())?;
        if state != "ok" {
            return Err("it is damaged".to_string());
        }
        let layout: Layout =
            serde_json::from_slice(lines.next().unwrap_or_default()).map_err(|_| rubbish())?;
        let has = |name: &&str| layout.columns.iter().any(|column| column == name);
        match layout.tables == 3 && PROFILE_COLUMNS[..4].iter().all(has) {
            true => Ok(layout),
            false => Err("it holds no profiles of the Python tool".to_string()),
        }
    }

    /// Whether a version wrote it that this program has never seen.
    pub fn is_newer(&self) -> bool {
        self.version > NEWEST
    }

    /// What to ask for all that is taken over.
    pub fn questions(&self) -> [String; 3] {
        let pairs =
            PROFILE_COLUMNS.map(
                |name| match self.columns.iter().any(|column| column == name) {
                    true => format!("'{name}', CAST({name} AS TEXT)"),
                    false => format!("'{name}', NULL"),
                },
            );
        let profiles = format!(
            "SELECT json_object('table', 'profile', {}) FROM profiles ORDER BY rowid",
            pairs.join(", ")
        );
        [ENVIRONMENTS.to_string(), profiles, SETTINGS.to_string()]
    }
}

/// All that is taken over, as it stands there.
#[derive(Default)]
pub struct Database {
    /// The control planes.
    pub environments: Vec<EnvironmentRow>,
    /// The profiles, in the order in which they were made.
    pub profiles: Vec<ProfileRow>,
    /// The name of the current profile; it means one of the current environment.
    pub current_profile: Option<String>,
    current_environment: Option<String>,
    /// How many rows are no text.
    pub unreadable: usize,
    /// Whether there may be more in it than is known here.
    pub is_newer: bool,
}

/// One control plane.
#[derive(Deserialize)]
pub struct EnvironmentRow {
    api_url: Option<String>,
    requires_auth: Option<String>,
    min_llamactl_version: Option<String>,
}

/// One profile.
#[derive(Deserialize)]
pub struct ProfileRow {
    /// As it stands there.
    pub name: Option<String>,
    api_url: Option<String>,
    project_id: Option<String>,
    api_key: Option<String>,
    api_key_id: Option<String>,
    device_oidc: Option<String>,
}

#[derive(Deserialize)]
#[serde(tag = "table", rename_all = "lowercase")]
enum Row {
    Environment(EnvironmentRow),
    Profile(ProfileRow),
    Setting { key: String, value: Option<String> },
}

/// `device_oidc`, as that tool writes it.
#[derive(Deserialize)]
struct DeviceOidc {
    device_name: String,
    user_id: String,
    email: String,
    client_id: String,
    discovery_url: String,
    device_access_token: String,
    device_refresh_token: Option<String>,
    device_id_token: Option<String>,
}

impl Database {
    /// Reads the answers to [`Layout::questions`].
    pub fn parse(answer: &[u8], is_newer: bool) -> Database {
        let mut all = Database {
            is_newer,
            ..Database::default()
        };
        for line in answer.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Row::Environment(row)) => all.environments.push(row),
                Ok(Row::Profile(row)) => all.profiles.push(row),
                Ok(Row::Setting { key, value }) => match key.as_str() {
                    "current_profile" => all.current_profile = value,
                    _ => all.current_environment = value,
                },
                Err(_) if line.trim_ascii().is_empty() => {}
                Err(_) => all.unreadable += 1,
            }
        }
        all
    }

    /// The address of the current environment; none where it is no address.
    pub fn current_environment(&self) -> Option<ApiUrl> {
        match &self.current_environment {
            Some(_) => url(self.current_environment.as_deref()).ok(),
            None => Some(ApiUrl::llama_cloud()),
        }
    }

    /// Whether an environment asks for a key. One that has no row there asks for none, but for the built-in one.
    pub fn requires_auth(&self, of: &ApiUrl) -> bool {
        let row = self
            .environments
            .iter()
            .find(|row| row.url().as_ref() == Ok(of));
        row.map_or(of.as_str() == LLAMA_CLOUD, EnvironmentRow::requires_auth)
    }
}

impl EnvironmentRow {
    /// Its address.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn url(&self) -> Result<ApiUrl, &'static str> {
        url(self.api_url.as_deref())
    }

    /// Whether it asks for a key.
    pub fn requires_auth(&self) -> bool {
        self.requires_auth.as_deref() != Some("0")
    }

    /// The oldest client that it wants.
    pub fn min_llamactl_version(&self) -> Option<String> {
        self.min_llamactl_version.as_deref().map(shown)
    }
}

impl ProfileRow {
    /// Its environment's address.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn url(&self) -> Result<ApiUrl, &'static str> {
        url(self.api_url.as_deref())
    }

    /// Its name, fit to be shown whatever it is.
    pub fn shown_name(&self) -> String {
        shown(self.name.as_deref().unwrap_or_default())
    }

    /// The profile that it becomes. What only that tool needs (the row's own id) is left behind; when the access token
    /// ends is not known there.
    ///
    /// # Errors
    /// Why it can't be taken over, as a clause.
    pub fn profile(&self) -> Result<Profile, String> {
        let text = |value: &'static str| move |why: &str| format!("its {value} {why}");
        let name = validate::profile_name(self.name.as_deref().unwrap_or_default())
            .map_err(text("name"))?;
        let project_id = validate::id(self.project_id.as_deref().unwrap_or_default())
            .map_err(text("project id"))?;
        let mut profile = Profile::new(name, project_id);
        profile.api_key = given(self.api_key.as_deref())
            .map(validate::api_key)
            .transpose()
            .map_err(text("API key"))?;
        profile.api_key_id = given(self.api_key_id.as_deref())
            .map(validate::id)
            .transpose()
            .map_err(text("API key's id"))?;
        profile.oidc = given(self.device_oidc.as_deref()).map(login).transpose()?;
        Ok(profile)
    }
}

fn login(json: &str) -> Result<Login, String> {
    let found: DeviceOidc =
        serde_json::from_str(json).map_err(|_| "its login can't be understood")?;
    let id = |what: &str, value: &str| {
        validate::id(value).map_err(|why| format!("its login's {what} {why}"))
    };
    let token = |what: &str, value: &str| -> Result<Secret, String> {
        validate::api_key(value).map_err(|why| format!("its login's {what} {why}"))
    };
    let optional =
        |what: &str, value: Option<&str>| given(value).map(|value| token(what, value)).transpose();
    // It has a path, and may have a query; the host and the scheme are what matters here.
    let address = found.discovery_url.split('?').next().unwrap_or_default();
    url(Some(address)).map_err(|why| format!("its login's provider address {why}"))?;
    if !found
        .discovery_url
        .bytes()
        .all(|byte| byte.is_ascii_graphic())
    {
        return Err("its login's provider address has blanks in it".to_string());
    }
    Ok(Login {
        subject: id("user", &found.user_id)?,
        email: given(Some(&found.email)).map(shown),
        client_id: id("client id", &found.client_id)?,
        discovery_url: found.discovery_url,
        device_name: shown(&found.device_name),
        access_token: token("access token", &found.device_access_token)?,
        access_token_expires: None,
        refresh_token: optional("refresh token", found.device_refresh_token.as_deref())?,
        id_token: optional("id token", found.device_id_token.as_deref())?,
        unknown: serde_json::Map::new(),
    })
}

fn url(text: Option<&str>) -> Result<ApiUrl, &'static str> {
    match text.unwrap_or_default() {
        long if long.len() > LONGEST_URL => Err("is too long"),
        text => ApiUrl::parse(text),
    }
}

/// Nothing where there is nothing but blanks.
fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

fn shown(text: &str) -> String {
    sanitize(text).chars().take(SHOWN).collect()
}
