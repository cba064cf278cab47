use http::StatusCode;
use serde::{Serialize, Serializer};

/// The one table of codes: variant, name on the wire, status, title.
macro_rules! problem_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:ident, $title:literal;)+) => {
        /// Every code an answer can carry. Clients switch on codes; a code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, utoipa::ToSchema)]
        pub enum ProblemCode {
            $(
                #[doc = $title]
                #[schema(rename = $name)]
                $variant,
            )+
        }

        impl ProblemCode {
            /// All codes, in the order of their statuses.
            pub const ALL: &[ProblemCode] = &[$(ProblemCode::$variant),+];

            /// The code as it is written in answers, in upper snake case.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The HTTP status that goes with this code.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status),+ }
            }

            /// A short summary, the same for every occurrence (RFC 9457, 3.1.3).
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

problem_codes! {
    ValidationFailed = "VALIDATION_FAILED", BAD_REQUEST, "The request has invalid values";
    MalformedBody = "MALFORMED_BODY", BAD_REQUEST, "The body is not valid JSON";
    MalformedRequest = "MALFORMED_REQUEST", BAD_REQUEST, "The request does not follow HTTP";
    Unauthenticated = "UNAUTHENTICATED", UNAUTHORIZED, "A valid access token is required";
    TokenExpired = "TOKEN_EXPIRED", UNAUTHORIZED, "The token has expired";
    SessionRevoked = "SESSION_REVOKED", UNAUTHORIZED, "The session is no longer valid";
    InvalidCredentials = "INVALID_CREDENTIALS", UNAUTHORIZED, "Email or password is wrong";
    Forbidden = "FORBIDDEN", FORBIDDEN, "Your roles do not allow this";
    NotFound = "NOT_FOUND", NOT_FOUND, "There is nothing here";
    MethodNotAllowed = "METHOD_NOT_ALLOWED", METHOD_NOT_ALLOWED, "This path has no such method";
    RequestTimeout = "REQUEST_TIMEOUT", REQUEST_TIMEOUT, "The request took too long to arrive";
    EmailTaken = "EMAIL_TAKEN", CONFLICT, "The email address is already registered";
    LastAdmin = "LAST_ADMIN", CONFLICT, "The last administrator must remain";
    RewardAttached = "REWARD_ATTACHED", CONFLICT, "The reward is already attached to this event";
    EventNotActive = "EVENT_NOT_ACTIVE", CONFLICT, "The event is not active";
    EventNotStarted = "EVENT_NOT_STARTED", CONFLICT, "The event has not started";
    EventEnded = "EVENT_ENDED", CONFLICT, "The event has ended";
    AlreadyRequested = "ALREADY_REQUESTED", CONFLICT, "This event's reward was already requested";
    EventHasRequests = "EVENT_HAS_REQUESTS", CONFLICT, "The event has been claimed";
    NotApproved = "NOT_APPROVED", CONFLICT, "The request is not approved";
    PreconditionFailed = "PRECONDITION_FAILED", PRECONDITION_FAILED, "It has changed since it was read";
    SoldOut = "SOLD_OUT", CONFLICT, "Nothing is left";
    StockTaken = "STOCK_TAKEN", CONFLICT, "More than that are taken";
    AlreadyDecided = "ALREADY_DECIDED", CONFLICT, "The request was already decided";
    NotAPool = "NOT_A_POOL", CONFLICT, "The reward is no pool of coupons";
    CountChanged = "COUNT_CHANGED", CONFLICT, "Other requests match than were seen";
    BodyTooLarge = "BODY_TOO_LARGE", PAYLOAD_TOO_LARGE, "The body is too large";
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", UNSUPPORTED_MEDIA_TYPE,
        "The body must be application/json without a content encoding";
    ConditionNotMet = "CONDITION_NOT_MET", UNPROCESSABLE_ENTITY, "The event's condition is not met";
    RateLimited = "RATE_LIMITED", TOO_MANY_REQUESTS, "Too many requests";
    Internal = "INTERNAL", INTERNAL_SERVER_ERROR, "Something went wrong on our side";
    Unavailable = "UNAVAILABLE", SERVICE_UNAVAILABLE, "Temporarily unavailable, try again";
}

impl Serialize for ProblemCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_an_error_status() {
        let names: HashSet<_> = ProblemCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), ProblemCode::ALL.len());
        for code in ProblemCode::ALL {
            let status = code.status();
            assert!(status.is_client_error() || status.is_server_error(), "{}", code.title());
        }
    }

    #[test]
    fn the_document_lists_the_names_that_answers_carry() {
        let schema = serde_json::to_value(ProblemCode::schema()).unwrap();
        let names: Vec<_> = ProblemCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(schema["enum"], serde_json::json!(names));
        for code in ProblemCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        }
    }
}
