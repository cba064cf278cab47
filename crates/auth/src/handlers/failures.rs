//! How failures that any operation can meet are answered.

use service_kit::problem::{Problem, ProblemCode, Refused};

use crate::{app::sessions::SessionError, password::PasswordError};

impl<R> From<PasswordError> for Refused<R> {
    fn from(error: PasswordError) -> Self {
        Problem::from(error).into()
    }
}

impl<R> From<SessionError> for Refused<R> {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Contended => Problem::new(ProblemCode::Unavailable)
                .detail("This user's roles are being changed, try again")
                .into(),
            SessionError::Unsigned(_) => Problem::new(ProblemCode::Internal).caused_by(error).into(),
            SessionError::Store(error) => error.into(),
        }
    }
}
