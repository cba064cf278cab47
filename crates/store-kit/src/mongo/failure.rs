use mongodb::error::{Error, ErrorKind, WriteFailure};

/// Another document has the same unique key (`DuplicateKey`).
const DUPLICATE_KEY: i32 = 11000;
/// `AuthenticationFailed`, `Unauthorized`.
const REFUSED: [i32; 2] = [18, 13];

/// Why a store could not be used at start-up. The URL is never repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum MongoConnectError {
    /// The URL does not read.
    #[error(
        "is not a MongoDB URL: mongodb://user:password@host:port/database, special characters percent-encoded"
    )]
    Url,
    /// The server refuses the credentials, or their user may not do what is needed.
    #[error("names a MongoDB server that refuses its credentials: {0}")]
    Credentials(String),
    /// No server answers.
    #[error("names a MongoDB server that cannot be reached: {0}")]
    Unreachable(String),
}

/// Whether a server's code says that another document has the unique key.
pub fn is_duplicate_code(code: i32) -> bool {
    code == DUPLICATE_KEY
}

/// Whether the error says that another document has the unique key.
pub fn is_duplicate(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(write)) => is_duplicate_code(write.code),
        ErrorKind::Command(command) => is_duplicate_code(command.code),
        ErrorKind::InsertMany(many) => {
            let errors = many.write_errors.as_deref().unwrap_or_default();
            !errors.is_empty() && errors.iter().all(|error| is_duplicate_code(error.code))
        }
        _ => false,
    }
}

pub(super) fn connect_error(error: &Error) -> MongoConnectError {
    match &*error.kind {
        ErrorKind::Authentication { message, .. } => MongoConnectError::Credentials(message.clone()),
        ErrorKind::Command(command) if REFUSED.contains(&command.code) => {
            MongoConnectError::Credentials(command.message.clone())
        }
        // The kind alone: the error itself also shows labels and causes that say nothing to an operator.
        kind => MongoConnectError::Unreachable(kind.to_string()),
    }
}
