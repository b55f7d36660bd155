//! The columns: the requests of all commands, and what a command must end with when one of them goes wrong.

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

/// What a request is for, as far as it decides what its failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its answer is what the command is about.
    Asked,
    /// The status of its answer is.
    Done,
    /// Checks a key that is to be stored.
    Check,
    /// Checks whether a key is still good; another is made where it is not.
    StillGood,
    /// `auth status`: any answer is one to show.
    Shown,
    /// Nice to know.
    Extra,
    /// Server-sent events.
    Stream,
    /// Whether there is a browser login at all.
    Offer,
    /// A question to the login provider.
    Provider,
    /// Whether the person has said yes by now.
    Poll,
    /// Takes something back before local data goes.
    TakenBack,
}

/// What the sandbox holds before the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// A profile with a key.
    SignedIn,
    /// The profile of a browser login.
    LoggedIn,
    /// The same without a key, and its access token has ended.
    Ended,
}

/// One request of one command: a column.
pub struct Column {
    pub name: &'static str,
    pub line: &'static str,
    pub before: Before,
    pub request: (&'static str, &'static str),
    pub role: Role,
    /// A field that its answer must have.
    pub field: &'static str,
    /// What strings with control characters in them come to.
    pub controls: i32,
    /// Whether it changes what is stored.
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

/// The codes that a command may end with: 0 done, 1 failed, 3 no usable answer, 4 rejected.
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
        // Whatever comes with a success, it was one.
        (
            Role::Done,
            Page | Empty | CutOff | Gzip | WrongType | MissingField | FieldTwice | HugeNumber
            | Deep | NotUtf8,
        ) => 0,
        // The server is out of reach: the key is stored all the same.
        (
            Role::Check,
            BusyNow | BusyForLong | Busy | InternalError | BadGateway | Unavailable
            | GatewayTimeout | SlowHead | SlowBody | Reset | ResetInHead | ResetAfterHead
            | ResetInBody | HangUp | TooLongAnnounced,
        ) => 0,
        // A control plane always has projects to list.
        (_, NotFound) if column.request == LIST => 3,
        // A key that is refused is replaced; what a good one's owner is called is no matter.
        (
            Role::StillGood,
            Unauthorized | Forbidden | Echoed | WrongType | MissingField | FieldTwice,
        ) => 0,
        (Role::StillGood, NotUtf8) => return vec![0, 3],
        // It is said what the server did, and that is no answer to whether it takes the key.
        (Role::Shown, NotFound | Conflict | Unprocessable) => 3,
        // Each event stands for itself, and one that can't be read is left out; a short log is one.
        (
            Role::Stream,
            Empty | CutOff | WrongType | MissingField | FieldTwice | HugeNumber | Deep | NotUtf8
            | TooLong,
        ) => 0,
        (Role::Stream, OtherContentType) => 3,
        (Role::Offer, NotFound | NoRoute | NoRoutePage) => 1,
        // Unless it is one of the codes with a meaning, a refusal is final.
        (Role::Provider | Role::Poll, Echoed) => 1,
        // A provider's refusals have a form of their own; what has not is no answer.
        (Role::Provider, _) if general != 0 && fault != Controls => 3,
        // Nobody says yes in time.
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

/// How long a command may take: 30 seconds for a request that gets no answer, and a moment on a busy machine.
pub fn patience(column: &Column, fault: Fault) -> Duration {
    match is_slow(column, fault) {
        true => Duration::from_secs(38),
        false => Duration::from_secs(25),
    }
}

pub fn is_slow(column: &Column, fault: Fault) -> bool {
    matches!(fault, SlowHead | SlowBody) || (column.role == Role::Stream && fault == Endless)
}
