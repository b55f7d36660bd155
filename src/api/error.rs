//! Why a control plane gave no usable response.

use crate::error::Error;
use crate::http::{TransportError, TransportErrorKind};

/// Why the server gave nothing of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiErrorKind {
    /// A setting of ours can't be used; nothing was sent.
    Setup,
    /// It can't be reached, is overloaded or broken; it may be another time.
    OutOfReach,
    /// It does not accept the credentials (401, 403).
    Rejected,
    /// It does not know what was asked for.
    NotFound,
    /// It understood, and refuses.
    Refused,
    /// No control plane answers like that.
    Nonsense,
}

/// The server gave nothing of use: why, and what to tell the user.
#[derive(Clone, Debug)]
pub struct ApiError {
    /// Why.
    pub why: ApiErrorKind,
    /// The status of the answer, or why there was none.
    pub answer: std::result::Result<u16, TransportErrorKind>,
    /// What to tell.
    pub error: Error,
}

impl From<ApiError> for Error {
    fn from(trouble: ApiError) -> Error {
        trouble.error
    }
}

impl From<TransportError> for ApiError {
    fn from(failure: TransportError) -> ApiError {
        let why = match failure.kind {
            TransportErrorKind::Setup => ApiErrorKind::Setup,
            TransportErrorKind::NoConnection
            | TransportErrorKind::ConnectionLost
            | TransportErrorKind::TimedOut => ApiErrorKind::OutOfReach,
            TransportErrorKind::Malformed => ApiErrorKind::Nonsense,
        };
        ApiError {
            why,
            answer: Err(failure.kind),
            error: failure.into(),
        }
    }
}
