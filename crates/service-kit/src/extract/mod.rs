//! What handlers take, each checked as a whole and with every fault told at once: the caller with a role, a JSON body, the
//! ids in the path, the query parameters.

mod body;
mod caller;
mod declared;
mod if_match;
mod json;
mod path;
mod query;

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::problem::{Problem, ProblemCode};

pub use self::{
    body::{
        JsonBody, JsonOrCsvBody, JsonPartsBody, MAX_BODY_BYTES, MAX_UPLOAD_BYTES, OptionalJsonBody, is_csv,
    },
    caller::{
        Admin, Auditor, ChangedBy, Claimant, ClaimantOrKey, FromGateway, KeyScope, KeyWith, LoggedIn,
        LoggedInOrKey, NamedSubject, Operator, OperatorOrKey, Staff, scope,
    },
    declared::{DeclaredInputs, refuse_undeclared},
    if_match::IfMatch,
    path::{PathId, PathIdTuple, PathIds},
    query::{ListQuery, PageParams, TypedQuery},
};

/// Answers paths that no route has.
pub async fn not_found() -> Problem {
    Problem::new(ProblemCode::NotFound)
}

/// Answers methods a path does not have; axum adds `Allow`.
pub async fn method_not_allowed() -> Problem {
    Problem::new(ProblemCode::MethodNotAllowed)
}

/// 204 with nothing in it.
pub fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}
