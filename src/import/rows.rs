//! The rows of the Python tool's database: the queries, and what the rows become here.
//!
//! Values are validated as if they had been typed. A profile's name is made to fit; a row with another invalid value is
//! skipped with the reason.

use serde::Deserialize;

use crate::sanitize::sanitize;
use crate::secret::Secret;
use crate::store::{Login, Profile};
use crate::url::{ApiUrl, LLAMA_CLOUD};
use crate::validate;

/// The newest schema (`user_version`) that this program knows.
const NEWEST_VERSION: u64 = 2;
/// The longest text that is kept or shown without being validated, in characters.
const MAX_TEXT: usize = 256;
const MAX_URL: usize = 2048;
/// The name of a profile whose own has no usable character.
const FALLBACK_NAME: &str = "imported";

/// Anything but `ok` means damage.
pub const CHECK: &str = "SELECT json_quote(integrity_check) FROM pragma_integrity_check(1)";

/// The schema version, the number of our three tables that are tables (a view could compute endlessly), and the columns
/// of `profiles`: `api_key_id` and `device_oidc` came with version 2.
pub const LAYOUT: &str = "SELECT json_object('version', (SELECT user_version FROM pragma_user_version), \
    'tables', (SELECT count(*) FROM sqlite_master WHERE type = 'table' AND rootpage > 0 \
    AND name IN ('profiles', 'settings', 'environments')), \
    'columns', json_group_array(name)) FROM pragma_table_info('profiles')";

/// `CAST`, because SQLite stores values of any type in any column.
pub const ENVIRONMENTS: &str = "SELECT json_object('table', 'environment', 'api_url', CAST(api_url AS TEXT), \
    'requires_auth', CAST(requires_auth AS TEXT), 'min_llamactl_version', CAST(min_llamactl_version AS TEXT)) \
    FROM environments ORDER BY rowid";
pub const SETTINGS: &str = "SELECT json_object('table', 'setting', 'key', CAST(key AS TEXT), 'value', CAST(value AS TEXT)) \
    FROM settings WHERE key IN ('current_profile', 'current_environment_api_url')";
const PROFILE_COLUMNS: [&str; 6] = [
    "name",
    "api_url",
    "project_id",
    "api_key",
    "api_key_id",
    "device_oidc",
];

/// The response to `CHECK` and `LAYOUT`.
#[derive(Deserialize)]
pub struct Layout {
    version: u64,
    tables: u64,
    columns: Vec<String>,
}

impl Layout {
    /// The error is a reason to print behind a colon.
    pub fn parse(output: &[u8]) -> Result<Layout, String> {
        let malformed = |_| "python3 or sqlite3 printed malformed output".to_string();
        let mut lines = output
            .split(|byte| *byte == b'\n')
            .map(serde_json::from_slice::<serde_json::Value>);
        let mut next = || lines.next().unwrap_or(Ok(serde_json::Value::Null));
        if next().map_err(malformed)? != "ok" {
            return Err("it is damaged, or was being written; try again".to_string());
        }
        let layout: Layout = next().and_then(serde_json::from_value).map_err(malformed)?;
        let is_present = |name: &&str| layout.columns.iter().any(|column| column == name);
        match layout.tables == 3 && PROFILE_COLUMNS[..4].iter().all(is_present) {
            true => Ok(layout),
            false => Err("it is not a database of the Python tool".to_string()),
        }
    }

    /// Whether a newer Python tool than this program knows wrote the database.
    pub fn is_newer(&self) -> bool {
        self.version > NEWEST_VERSION
    }

    pub fn profiles_query(&self) -> String {
        let pairs =
            PROFILE_COLUMNS.map(
                |name| match self.columns.iter().any(|column| column == name) {
                    true => format!("'{name}', CAST({name} AS TEXT)"),
                    false => format!("'{name}', NULL"),
                },
            );
        let pairs = pairs.join(", ");
        format!("SELECT json_object('table', 'profile', {pairs}) FROM profiles ORDER BY rowid")
    }
}

/// The rows, not yet validated.
#[derive(Default)]
pub struct Database {
    pub environments: Vec<EnvironmentRow>,
    /// In the order in which they were created.
    pub profiles: Vec<ProfileRow>,
    /// A profile of the current environment.
    pub current_profile: Option<String>,
    current_environment: Option<String>,
    /// How many rows could not be parsed.
    pub unreadable: usize,
    pub is_newer: bool,
}

#[derive(Deserialize)]
pub struct EnvironmentRow {
    api_url: Option<String>,
    requires_auth: Option<String>,
    min_llamactl_version: Option<String>,
}

#[derive(Deserialize)]
pub struct ProfileRow {
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

/// The JSON in `device_oidc`.
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
    /// Parses the rows of `ENVIRONMENTS`, [`Layout::profiles_query`] and `SETTINGS`.
    pub fn parse(output: &[u8], is_newer: bool) -> Database {
        let mut database = Database {
            is_newer,
            ..Database::default()
        };
        for line in output.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Row::Environment(row)) => database.environments.push(row),
                Ok(Row::Profile(row)) => database.profiles.push(row),
                Ok(Row::Setting { key, value }) => match key.as_str() {
                    "current_profile" => database.current_profile = value,
                    _ => database.current_environment = value,
                },
                Err(_) if line.trim_ascii().is_empty() => {}
                Err(_) => database.unreadable += 1,
            }
        }
        database
    }

    /// The URL of the current environment; `None` if it is invalid.
    pub fn current_environment(&self) -> Option<ApiUrl> {
        match &self.current_environment {
            Some(text) => url(Some(text)).ok(),
            None => Some(ApiUrl::llama_cloud()),
        }
    }

    /// An environment without a row of its own requires no key, except the built-in one.
    pub fn requires_auth(&self, environment: &ApiUrl) -> bool {
        let is_it = |row: &&EnvironmentRow| row.url().is_ok_and(|url| url == *environment);
        match self.environments.iter().find(is_it) {
            Some(row) => row.requires_auth(),
            None => environment.as_str() == LLAMA_CLOUD,
        }
    }
}

impl EnvironmentRow {
    /// The error is what is wrong with the URL, as the end of a sentence.
    pub fn url(&self) -> Result<ApiUrl, String> {
        url(self.api_url.as_deref())
    }

    pub fn requires_auth(&self) -> bool {
        self.requires_auth.as_deref() != Some("0")
    }

    pub fn min_llamactl_version(&self) -> Option<String> {
        self.min_llamactl_version.as_deref().map(shortened)
    }
}

impl ProfileRow {
    /// The error is what is wrong with the URL, as the end of a sentence.
    pub fn url(&self) -> Result<ApiUrl, String> {
        url(self.api_url.as_deref())
    }

    /// The name in the database, fit to be printed.
    pub fn original_name(&self) -> String {
        shortened(self.name.as_deref().unwrap_or_default())
    }

    /// The profile that the row becomes, its name made to fit. The error is the reason why it cannot be imported.
    pub fn profile(&self) -> Result<Profile, String> {
        let invalid = |field: &'static str| move |reason| format!("its {field} {reason}");
        let name = validate::fitted_name(self.name.as_deref().unwrap_or_default());
        let project_id = validate::id(self.project_id.as_deref().unwrap_or_default())
            .map_err(invalid("project id"))?;
        let mut profile = Profile::new(name.unwrap_or(FALLBACK_NAME.to_string()), project_id);
        profile.api_key = not_blank(self.api_key.as_deref())
            .map(validate::api_key)
            .transpose()
            .map_err(invalid("API key"))?;
        profile.api_key_id = not_blank(self.api_key_id.as_deref())
            .map(validate::id)
            .transpose()
            .map_err(invalid("API key's id"))?;
        profile.oidc = not_blank(self.device_oidc.as_deref())
            .map(login)
            .transpose()?;
        Ok(profile)
    }
}

fn login(json: &str) -> Result<Login, String> {
    let device: DeviceOidc =
        serde_json::from_str(json).map_err(|_| "its login is not valid JSON of the Python tool")?;
    let id = |field: &str, value: &str| {
        validate::id(value).map_err(|reason| format!("its login's {field} {reason}"))
    };
    let token = |field: &str, value: &str| -> Result<Secret, String> {
        validate::api_key(value).map_err(|reason| format!("its login's {field} {reason}"))
    };
    let optional = |field: &str, value: Option<&str>| {
        not_blank(value)
            .map(|value| token(field, value))
            .transpose()
    };
    // Unlike an environment's URL, this one may have a query.
    let without_query = device.discovery_url.split('?').next();
    url(without_query).map_err(|reason| format!("its login's discovery URL {reason}"))?;
    if !device
        .discovery_url
        .bytes()
        .all(|byte| byte.is_ascii_graphic())
    {
        return Err("its login's discovery URL contains whitespace".to_string());
    }
    Ok(Login {
        subject: id("user", &device.user_id)?,
        email: not_blank(Some(&device.email)).map(shortened),
        client_id: id("client id", &device.client_id)?,
        discovery_url: device.discovery_url,
        device_name: shortened(&device.device_name),
        access_token: token("access token", &device.device_access_token)?,
        access_token_expires: None,
        refresh_token: optional("refresh token", device.device_refresh_token.as_deref())?,
        id_token: optional("ID token", device.device_id_token.as_deref())?,
        unknown: serde_json::Map::new(),
    })
}

fn url(text: Option<&str>) -> Result<ApiUrl, String> {
    match text.unwrap_or_default() {
        long if long.len() > MAX_URL => Err("is too long".to_string()),
        text => ApiUrl::parse(text).map_err(Into::into),
    }
}

fn not_blank(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

fn shortened(text: &str) -> String {
    sanitize(text).chars().take(MAX_TEXT).collect()
}
