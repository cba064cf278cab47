use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use deserr::Deserr;
use domain::{EventId, Faults, Role, UserId};
use http::{HeaderMap, header};
use service_kit::{
    extract::{LoggedIn, NamedSubject, PathId, TypedQuery},
    identity::UserOrKey,
    problem::{Problem, ProblemCode, Refused},
    subject::{SubjectError, SubjectRule, choose_subject},
};

use super::{language::asked_language, view::EligibilityView};
use crate::{app::eligibility::EligibilityError, service::EventService};

/// Whose eligibility to look at.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase", parameter_in = Query)]
pub(crate) struct EligibilityQuery {
    /// Staff must name the user, unless they have the role USER and look at themselves. Others can name themselves alone.
    #[deserr(default)]
    user_id: Option<UserId>,
}

service_kit::refusals! {
    /// Why nobody's eligibility is shown.
    pub(crate) enum EligibilityRefusal {
        /// There is no such event or user.
        UnknownEvent = NotFound,
        /// Only staff sees the eligibility of others.
        NotForThem = Forbidden,
    }
}

impl From<EligibilityError> for Refused<EligibilityRefusal> {
    fn from(error: EligibilityError) -> Self {
        match error {
            EligibilityError::UnknownEvent => EligibilityRefusal::UnknownEvent.into(),
            EligibilityError::Subject(SubjectError::Unnamed | SubjectError::OthersForbidden) => {
                EligibilityRefusal::NotForThem.into()
            }
            EligibilityError::Subject(error @ SubjectError::NotLookedUp) => {
                Problem::new(ProblemCode::Internal).caused_by(error).into()
            }
            EligibilityError::Store(error) => error.into(),
        }
    }
}

/// Show whether an event can be claimed
///
/// Tells why not, and how far the user is, by the same facts that a claim would be decided on. Nothing is stored.
#[utoipa::path(
    get,
    path = "/events/{eventId}/eligibility",
    operation_id = "getEligibility",
    tag = "Requests",
    params(
        ("eventId" = EventId, Path, description = "The event's id"),
        EligibilityQuery,
        ("accept-language" = Option<String>, Header, description = "en or ko, for the reasons"),
    ),
    responses((status = 200, description = "How things stand", body = EligibilityView), EligibilityRefusal)
)]
pub(crate) async fn get_eligibility(
    State(service): State<EventService>,
    LoggedIn(caller): LoggedIn,
    NamedSubject(looked_up): NamedSubject,
    PathId(event): PathId<EventId>,
    TypedQuery(query): TypedQuery<EligibilityQuery>,
    headers: HeaderMap,
) -> Result<Response, Refused<EligibilityRefusal>> {
    let viewer = UserOrKey::User(caller);
    if query.user_id.is_none() && !caller.is(Role::User) {
        return Err(Faults::new("?userId", "is required for callers without the role USER").into());
    }
    let user = choose_subject(viewer, query.user_id, looked_up, SubjectRule::KeysAndStaff)
        .map_err(EligibilityError::from)?;
    let found = service.check_eligibility(&viewer, &user, event).await?;
    let language = asked_language(&headers);
    let view = Json(EligibilityView::new(found, language));
    Ok(([(header::CONTENT_LANGUAGE, language.tag())], view).into_response())
}
