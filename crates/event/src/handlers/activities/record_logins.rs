use axum::{extract::State, response::Response};
use domain::{ActivityType, Faults};
use service_kit::{
    extract::{FromGateway, JsonBody, no_content},
    internal_api::{LoginsReport, MAX_LOGINS, ReportedLogin},
    problem::Problem,
};

use crate::{app::activities::ActivityReport, service::EventService};

/// Records logins as activities. Not public: only the gateway itself may report.
pub(crate) async fn record_logins(
    State(service): State<EventService>,
    _: FromGateway,
    JsonBody(report): JsonBody<LoginsReport>,
) -> Result<Response, Problem> {
    if report.logins.len() > MAX_LOGINS {
        return Err(Faults::new("/logins", format!("must have at most {MAX_LOGINS} entries")).into());
    }
    let reports = report.logins.into_iter().map(read_login).collect::<Result<Vec<_>, _>>()?;
    service.record_activities(reports).await?;
    Ok(no_content())
}

/// The id has a form that no reporter's is likely to have.
fn read_login(login: ReportedLogin) -> Result<ActivityReport, Faults> {
    let id = format!("guerdon:login:{}", login.id).parse();
    Ok(ActivityReport {
        id: id.map_err(|error: domain::InvalidActivityId| Faults::new("/logins", error.to_string()))?,
        user_id: login.user_id,
        activity_type: ActivityType::login(),
        at: Some(login.at),
        value: None,
        properties: None,
    })
}
