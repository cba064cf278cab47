use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{Faults, UserId};
use serde::Serialize;
use service_kit::{
    extract::{FromGateway, JsonBody},
    problem::Problem,
};

use crate::Auth;

/// Most sessions in one question.
const MOST: usize = 1024;

/// A user and the access token they showed.
#[derive(Deserr)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub(crate) struct Shown {
    user_id: UserId,
    token: String,
}

/// What the gateway wants to know.
#[derive(Deserr)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
pub(crate) struct Question {
    sessions: Vec<Shown>,
}

/// Whether each is current, in the order they were asked.
#[derive(Serialize)]
pub(crate) struct Answer {
    current: Vec<bool>,
}

/// Tells the gateway which sessions are current. Not public: only the gateway itself may ask.
pub(crate) async fn handle(
    State(auth): State<Auth>,
    _: FromGateway,
    JsonBody(question): JsonBody<Question>,
) -> Result<Json<Answer>, Problem> {
    if question.sessions.len() > MOST {
        return Err(Problem::invalid(Faults::new("/sessions", format!("must have at most {MOST} entries"))));
    }
    let sessions: Vec<_> = question.sessions.into_iter().map(|shown| (shown.user_id, shown.token)).collect();
    let current = auth.check_sessions(&sessions).await?;
    Ok(Json(Answer { current }))
}

#[cfg(test)]
mod tests;
