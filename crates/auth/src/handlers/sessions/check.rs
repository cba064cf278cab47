use axum::{Json, extract::State};
use domain::Faults;
use service_kit::{
    extract::{FromGateway, JsonBody},
    internal_api::{MAX_SESSIONS, SessionsAnswer, SessionsQuestion},
    problem::Problem,
};

use crate::AuthService;

/// Tells the gateway which sessions are current, and what has become of API keys. Not public: only the
/// gateway itself may ask.
pub(crate) async fn check_sessions(
    State(auth): State<AuthService>,
    _: FromGateway,
    JsonBody(question): JsonBody<SessionsQuestion>,
) -> Result<Json<SessionsAnswer>, Problem> {
    if question.sessions.len() > MAX_SESSIONS {
        return Err(Faults::new("/sessions", format!("must have at most {MAX_SESSIONS} entries")).into());
    }
    if question.keys.len() > MAX_SESSIONS {
        return Err(Faults::new("/keys", format!("must have at most {MAX_SESSIONS} entries")).into());
    }
    let sessions: Vec<_> = question.sessions.into_iter().map(|shown| (shown.user_id, shown.token)).collect();
    let (current, keys) =
        tokio::try_join!(auth.check_sessions(&sessions), auth.check_api_keys(&question.keys))?;
    Ok(Json(SessionsAnswer { current, keys }))
}

#[cfg(test)]
mod tests;
