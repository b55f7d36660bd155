//! The columns of the fault matrix: the requests of all commands, and the exit codes allowed when one of them fails.

use std::time::Duration;

use super::rows::Fault;
use super::rows::{
    BadGateway, Busy, BusyForLong, BusyNow, Chunked, Conflict, Controls, CutOff, Deep, Echoed,
    Empty, Endless, FieldTwice, Forbidden, GatewayTimeout, Gzip, HangUp, HugeNumber, InternalError,
    MissingField, NoHttp, NoRoute, NoRoutePage, NotFound, NotUtf8, OtherContentType, Page,
    RedirectEchoed, RedirectElsewhere, RedirectHere, Reset, ResetAfterHead, ResetInBody,
    ResetInHead, SlowBody, SlowHead, TooLong, TooLongAnnounced, Unauthorized, Unavailable,
    UnknownFields, Unprocessable, WrongType,
};

/// The purpose of a request, which decides what its failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The command prints its response.
    Asked,
    /// The command needs only its status.
    Done,
    /// Verifies a key before it is stored.
    Check,
    /// Checks whether a key is still valid; if not, a new one is created.
    StillGood,
    /// `auth status`: every outcome is reported.
    Shown,
    /// Optional information.
    Extra,
    /// Server-sent events.
    Stream,
    /// Whether the server offers browser login.
    Offer,
    /// A request to the identity provider.
    Provider,
    /// Polling for the user's approval.
    Poll,
    /// Revokes something before local data is deleted.
    TakenBack,
}

/// The store before the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// A profile with a key.
    SignedIn,
    /// The profile of a browser login.
    LoggedIn,
    /// The same without a key and with an expired access token.
    Ended,
}

/// One request of one command: a column.
pub struct Column {
    pub name: &'static str,
    pub line: &'static str,
    pub before: Before,
    pub request: (&'static str, &'static str),
    pub role: Role,
    /// A field that the response must have.
    pub field: &'static str,
    /// The outcome of control characters in strings.
    pub controls: i32,
    /// Whether the request changes the store.
    pub writes: bool,
}

pub const fn column(
    name: &'static str,
    line: &'static str,
    request: (&'static str, &'static str),
    field: &'static str,
) -> Column {
    Column {
        name,
        line,
        before: Before::SignedIn,
        request,
        role: Role::Asked,
        field,
        controls: 0,
        writes: false,
    }
}

impl Column {
    pub const fn role(mut self, role: Role) -> Column {
        self.role = role;
        self
    }

    pub const fn after(mut self, before: Before) -> Column {
        self.before = before;
        self
    }

    pub const fn controls(mut self, code: i32) -> Column {
        self.controls = code;
        self
    }

    pub const fn writes(mut self) -> Column {
        self.writes = true;
        self
    }

    pub fn is_login(&self) -> bool {
        self.line.starts_with("auth login")
    }
}

pub const LIST: (&str, &str) = ("GET", "/api/v1beta1/deployments/list-projects");
pub const VERSION: (&str, &str) = ("GET", "/api/v1beta1/deployments-public/version");
pub const METADATA: (&str, &str) = ("GET", "/.well-known/openid-configuration");
pub const JWKS: (&str, &str) = ("GET", "/jwks");
pub const TOKENS: (&str, &str) = ("POST", "/token");
pub const SEARCH: &str = "/api/v1beta1/deployments/search";
pub const LOGIN: &str = "auth login --project proj-web --name ada";

const fn deployment(
    name: &'static str,
    line: &'static str,
    method: &'static str,
    path: &'static str,
) -> Column {
    column(name, line, (method, path), "/status")
}

pub static COLUMNS: [Column; 31] = [
    column(
        "token",
        "auth token --project proj-web --name new --api-key llx-zyxwvutsrqponm9876543210ab",
        LIST,
        "/projects/0/project_id",
    )
    .role(Role::Check)
    .controls(1)
    .writes(),
    column(
        "environments add",
        "environments add [SERVER]/",
        VERSION,
        "/version",
    )
    .writes(),
    column(
        "status: key",
        "auth status -o json",
        LIST,
        "/projects/0/project_id",
    )
    .role(Role::Shown)
    .controls(1),
    column(
        "status: version",
        "auth status -o json",
        VERSION,
        "/version",
    )
    .role(Role::Extra),
    column(
        "projects get",
        "projects get -o json",
        LIST,
        "/projects/0/project_id",
    ),
    column(
        "projects use",
        "projects use proj-support",
        LIST,
        "/projects/0/project_id",
    )
    .controls(1)
    .writes(),
    column(
        "organizations get",
        "organizations get -o json",
        ("GET", "/api/v1beta1/deployments/organizations"),
        "/organizations/0/org_id",
    ),
    column(
        "deployments get",
        "deployments get -o json",
        ("GET", "/api/v1beta1/deployments"),
        "/deployments/0/status",
    ),
    deployment(
        "deployments get NAME",
        "deployments get search -o json",
        "GET",
        SEARCH,
    ),
    column(
        "history",
        "deployments history search -o json",
        ("GET", "/api/v1beta1/deployments/search/history"),
        "/history/0/git_sha",
    ),
    column(
        "logs",
        "deployments logs search",
        ("GET", "/api/v1beta1/deployments/search/logs"),
        "/text",
    )
    .role(Role::Stream),
    deployment(
        "rollback",
        "deployments rollback search --git-sha 1111",
        "POST",
        "/api/v1beta1/deployments/search/rollback",
    ),
    deployment("update: before", "deployments update search", "GET", SEARCH).controls(1),
    deployment("update", "deployments update search", "PATCH", SEARCH),
    deployment("suspend", "deployments suspend search", "PATCH", SEARCH),
    deployment("wait", "deployments wait search --timeout 0", "GET", SEARCH).controls(3),
    deployment(
        "delete",
        "deployments delete search --yes",
        "DELETE",
        SEARCH,
    )
    .role(Role::Done),
    column(
        "login: discovery",
        LOGIN,
        ("GET", "/api/v1/auth/oidc/discovery"),
        "/discovery_url",
    )
    .role(Role::Offer)
    .controls(1)
    .writes(),
    column("login: metadata", LOGIN, METADATA, "/token_endpoint")
        .role(Role::Provider)
        .controls(3)
        .writes(),
    column(
        "login: code",
        LOGIN,
        ("POST", "/device/auth"),
        "/device_code",
    )
    .role(Role::Provider)
    .controls(3)
    .writes(),
    column("login: poll", LOGIN, TOKENS, "/access_token")
        .role(Role::Poll)
        .controls(3)
        .writes(),
    column("login: keys", LOGIN, JWKS, "/keys")
        .role(Role::Provider)
        .controls(1)
        .writes(),
    column("login: projects", LOGIN, LIST, "/projects/0/project_id")
        .controls(1)
        .writes(),
    column(
        "login: new key",
        LOGIN,
        ("POST", "/api/v1/api-keys"),
        "/redacted_api_key",
    )
    .controls(3)
    .writes(),
    column(
        "login again: old key",
        LOGIN,
        ("GET", "/api/v1/auth/me"),
        "/id",
    )
    .after(Before::LoggedIn)
    .role(Role::StillGood)
    .writes(),
    column("refresh", "projects get -o json", TOKENS, "/access_token")
        .after(Before::Ended)
        .role(Role::Provider)
        .controls(3)
        .writes(),
    column("me: metadata", "auth me", METADATA, "/token_endpoint")
        .after(Before::LoggedIn)
        .role(Role::Provider)
        .controls(3),
    column("me: keys", "auth me", JWKS, "/keys")
        .after(Before::LoggedIn)
        .role(Role::Provider)
        .controls(1),
    column(
        "logout: key",
        "auth logout ada",
        ("DELETE", "/api/v1/api-keys/key-1"),
        "",
    )
    .after(Before::LoggedIn)
    .role(Role::TakenBack)
    .writes(),
    column(
        "logout: metadata",
        "auth logout ada",
        METADATA,
        "/token_endpoint",
    )
    .after(Before::LoggedIn)
    .role(Role::TakenBack)
    .writes(),
    column("logout: login", "auth logout ada", ("POST", "/revoke"), "")
        .after(Before::LoggedIn)
        .role(Role::TakenBack)
        .writes(),
];

/// The allowed exit codes: 0 success, 1 failure, 3 no usable response, 4 rejected.
#[allow(clippy::match_same_arms, reason = "each arm is a rule of its own")]
pub fn exits(column: &Column, fault: Fault, answer_has_numbers: bool) -> Vec<i32> {
    let general = match fault {
        UnknownFields | OtherContentType | Chunked => 0,
        Unauthorized | Forbidden | Echoed => 4,
        NotFound | Conflict | Unprocessable => 1,
        Controls => column.controls,
        HugeNumber if !answer_has_numbers => 0,
        _ => 3,
    };
    let by_role = match (column.role, fault) {
        (Role::TakenBack | Role::Extra, _) => 0,
        // A success status suffices, whatever the body.
        (
            Role::Done,
            Page | Empty | CutOff | Gzip | WrongType | MissingField | FieldTwice | HugeNumber
            | Deep | NotUtf8,
        ) => 0,
        // The server is unreachable: the key is stored unverified.
        (
            Role::Check,
            BusyNow | BusyForLong | Busy | InternalError | BadGateway | Unavailable
            | GatewayTimeout | SlowHead | SlowBody | Reset | ResetInHead | ResetAfterHead
            | ResetInBody | HangUp | TooLongAnnounced,
        ) => 0,
        // Every control plane lists projects.
        (_, NotFound) if column.request == LIST => 3,
        // A rejected key is replaced; the body of a success is not used.
        (
            Role::StillGood,
            Unauthorized | Forbidden | Echoed | WrongType | MissingField | FieldTwice,
        ) => 0,
        (Role::StillGood, NotUtf8) => return vec![0, 3],
        // The server's failure is reported; it does not tell whether the key is accepted.
        (Role::Shown, NotFound | Conflict | Unprocessable) => 3,
        // Events that cannot be parsed are skipped; a truncated log is not an error.
        (
            Role::Stream,
            Empty | CutOff | WrongType | MissingField | FieldTwice | HugeNumber | Deep | NotUtf8
            | TooLong,
        ) => 0,
        (Role::Stream, OtherContentType) => 3,
        (Role::Offer, NotFound | NoRoute | NoRoutePage) => 1,
        // An OAuth error is final unless its code means to continue.
        (Role::Provider | Role::Poll, Echoed) => 1,
        // Anything but an OAuth error object is not a usable response.
        (Role::Provider, _) if general != 0 && fault != Controls => 3,
        // No approval in time.
        (
            Role::Poll,
            NoRoutePage | BusyNow | BusyForLong | Busy | InternalError | BadGateway | Unavailable
            | GatewayTimeout | RedirectHere | RedirectElsewhere | RedirectEchoed | Page | Empty
            | CutOff | Gzip | TooLong | Endless | TooLongAnnounced | SlowHead | SlowBody | Reset
            | ResetInHead | ResetAfterHead | ResetInBody | HangUp | NoHttp,
        ) => 1,
        (Role::Poll, _) if general != 0 => 3,
        _ => general,
    };
    vec![by_role]
}

/// How long a command may take: 30 s for a request without a response, plus slack for a busy machine.
pub fn patience(column: &Column, fault: Fault) -> Duration {
    match is_slow(column, fault) {
        true => Duration::from_secs(38),
        false => Duration::from_secs(25),
    }
}

pub fn is_slow(column: &Column, fault: Fault) -> bool {
    matches!(fault, SlowHead | SlowBody) || (column.role == Role::Stream && fault == Endless)
}
