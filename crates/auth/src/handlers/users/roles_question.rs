use axum::{Json, extract::State};
use domain::Faults;
use service_kit::{
    extract::{FromGateway, JsonBody},
    internal_api::{MAX_USERS, UserRolesAnswer, UserRolesQuestion},
    problem::Problem,
};

use crate::AuthService;

/// Tells the gateway the roles of users whom requests are about. Not public: only the gateway itself may ask.
pub(crate) async fn answer_roles(
    State(auth): State<AuthService>,
    _: FromGateway,
    JsonBody(question): JsonBody<UserRolesQuestion>,
) -> Result<Json<UserRolesAnswer>, Problem> {
    if question.users.len() > MAX_USERS {
        return Err(Faults::new("/users", format!("must have at most {MAX_USERS} entries")).into());
    }
    Ok(Json(UserRolesAnswer { roles: auth.users.find_roles(&question.users).await? }))
}

#[cfg(test)]
mod tests {
    use domain::{IdGenerator, Role, SystemClock};
    use serde_json::json;
    use service_kit::identity::Identity;

    use crate::test_app::{TestApp, identity_of};

    const PATH: &str = "/internal/users/roles";

    #[tokio::test]
    async fn the_gateway_alone_learns_each_users_roles_in_order() {
        let app = TestApp::start().await;
        let mina = app.user("mina@example.com", &[Role::User, Role::Auditor]).await;
        let olga = app.user("olga@example.com", &[Role::Operator]).await;
        let nobody = IdGenerator::new(std::sync::Arc::new(SystemClock)).mint().id;
        let asked = json!({ "users": [olga.id, nobody, mina.id, olga.id] });
        let answer = app.post(Identity::Gateway, PATH, &asked).await;
        assert_eq!(answer.body, json!({ "roles": [["OPERATOR"], null, ["USER", "AUDITOR"], ["OPERATOR"]] }));
        for who in [Identity::Anonymous, identity_of(&olga)] {
            assert_eq!(app.post(who, PATH, &asked).await.outcome(), (403, "FORBIDDEN"));
        }
        let many = json!({ "users": vec![mina.id; 1025] });
        let refused = app.post(Identity::Gateway, PATH, &many).await;
        assert_eq!((refused.outcome(), refused.pointers()), ((400, "VALIDATION_FAILED"), vec!["/users"]));
        let none = app.post(Identity::Gateway, PATH, &json!({ "users": [] })).await;
        assert_eq!(none.body, json!({ "roles": [] }));
    }
}
