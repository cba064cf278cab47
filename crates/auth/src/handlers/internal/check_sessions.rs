use axum::{Json, extract::State};
use domain::Faults;
use service_kit::{
    extract::{FromGateway, JsonBody},
    internal_api::{MAX_SESSIONS, SessionsAnswer, SessionsQuestion},
    problem::Problem,
};

use crate::Auth;

/// Tells the gateway which sessions are current. Not public: only the gateway itself may ask.
pub(crate) async fn handle(
    State(auth): State<Auth>,
    _: FromGateway,
    JsonBody(question): JsonBody<SessionsQuestion>,
) -> Result<Json<SessionsAnswer>, Problem> {
    if question.sessions.len() > MAX_SESSIONS {
        return Err(Problem::invalid(Faults::new(
            "/sessions",
            format!("must have at most {MAX_SESSIONS} entries"),
        )));
    }
    let sessions: Vec<_> = question.sessions.into_iter().map(|shown| (shown.user_id, shown.token)).collect();
    let current = auth.check_sessions(&sessions).await?;
    Ok(Json(SessionsAnswer { current }))
}

#[cfg(test)]
mod tests;
