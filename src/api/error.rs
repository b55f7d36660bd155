//! Why a request to a control plane failed.

use crate::error::{Error, Kind};
use crate::http::{TransportError, TransportErrorKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiErrorKind {
    /// A local problem, such as an unusable proxy setting or an expired login; nothing was sent.
    Setup(Kind),
    /// No connection, a time-out, or an overloaded or failing server; a later attempt may succeed.
    Unreachable,
    /// 401 or 403: the credentials were rejected.
    Rejected,
    /// 404 for the resource, not for the endpoint.
    NotFound,
    /// Any other 4xx status.
    Refused,
    /// Not a response that a control plane sends.
    Malformed,
}

#[derive(Clone, Debug)]
pub struct ApiError {
    pub kind: ApiErrorKind,
    /// `None` if there was no response.
    pub status: Option<u16>,
    /// False if the request cannot have reached the server.
    pub was_sent: bool,
    pub message: String,
    pub hint: Option<String>,
}

impl ApiError {
    /// An error about a response.
    pub fn of_response(kind: ApiErrorKind, status: u16, message: String, hint: &str) -> ApiError {
        ApiError {
            kind,
            status: Some(status),
            was_sent: true,
            message,
            hint: (!hint.is_empty()).then(|| hint.to_string()),
        }
    }

    /// Credentials could not be obtained, so nothing was sent.
    pub fn without_request(error: Error) -> ApiError {
        ApiError {
            kind: match error.kind {
                Kind::Auth => ApiErrorKind::Rejected,
                Kind::NoAnswer => ApiErrorKind::Unreachable,
                kind => ApiErrorKind::Setup(kind),
            },
            status: None,
            was_sent: false,
            message: error.message,
            hint: error.hint,
        }
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Error {
        Error {
            kind: match error.kind {
                ApiErrorKind::Setup(kind) => kind,
                ApiErrorKind::Unreachable | ApiErrorKind::Malformed => Kind::NoAnswer,
                ApiErrorKind::Rejected => Kind::Auth,
                ApiErrorKind::NotFound | ApiErrorKind::Refused => Kind::Failed,
            },
            message: error.message,
            hint: error.hint,
        }
    }
}

impl From<TransportError> for ApiError {
    fn from(error: TransportError) -> ApiError {
        let kind = error.kind;
        let was_sent = !matches!(
            kind,
            TransportErrorKind::Setup | TransportErrorKind::NoConnection
        );
        let error = Error::from(error);
        ApiError {
            kind: match kind {
                TransportErrorKind::Setup => ApiErrorKind::Setup(error.kind),
                TransportErrorKind::NoConnection
                | TransportErrorKind::ConnectionLost
                | TransportErrorKind::TimedOut => ApiErrorKind::Unreachable,
                TransportErrorKind::Malformed => ApiErrorKind::Malformed,
            },
            status: None,
            was_sent,
            message: error.message,
            hint: error.hint,
        }
    }
}
