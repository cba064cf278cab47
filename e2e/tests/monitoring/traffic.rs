//! A bit of everything that users, operators and strangers do.

use e2e::{Api, PASSWORD, System, text};
use reqwest::Method;
use serde_json::{Value, json};

/// Those who do it, and what they do it to.
pub(crate) struct Traffic {
    operator: String,
    open_event: String,
    staff_event: String,
    ended_event: String,
}

impl Traffic {
    /// Makes the events: one for everybody, one whose condition users do not meet, one that is over.
    pub(crate) async fn prepare(system: &System) -> Self {
        let (api, operator) = (&system.api, system.operator().await);
        let staff_only = json!({ "condition": { "and": [
            { "in": ["ADMIN", { "var": "user.roles" }] }, { ">=": [{ "var": "activity.play.count" }, 1] },
        ] } });
        let over = json!({ "periodEnd": "2021-01-01T00:00:00Z" });
        let open_event = api.event(&operator, &json!({})).await;
        let staff_event = api.event(&operator, &staff_only).await;
        let ended_event = api.event(&operator, &over).await;
        Self { operator, open_event, staff_event, ended_event }
    }

    /// One user's story, and what an operator does beside it. `number` tells the users apart.
    pub(crate) async fn play_round(&self, api: &Api, number: usize) {
        let email = format!("user-{number}@example.com");
        api.register(&email).await;
        api.log_in_with(&email, "a wrong password").await.expect(401);
        let session = api.log_in_with(&email, PASSWORD).await.expect(200);
        let token = text(&session, "/accessToken");
        let event = format!("/events/{}", self.open_event);
        for path in ["/users/me", "/events", &event, &format!("{event}/rewards"), "/events/requests"] {
            api.get(path, &token).await.expect(200);
        }
        api.claim(&token, &self.open_event).await.expect(201);
        api.claim(&token, &self.open_event).await.expect(409);
        api.claim(&token, &self.staff_event).await.expect(422);
        api.claim(&token, &self.ended_event).await.expect(409);
        api.call(Method::GET, "/no/such/page", None, &Value::Null).await.expect(404);
        let refresh = json!({ "refreshToken": session["refreshToken"] });
        let renewed = api.post_anonymously("/auth/refresh", &refresh).await.expect(200);
        api.post("/auth/logout", &text(&renewed, "/accessToken"), &Value::Null).await.expect(204);
        let activity =
            json!({ "id": format!("play-{number}"), "userId": text(&session, "/user/id"), "type": "play" });
        let batch = json!({ "activities": [activity, activity, {}] });
        api.post("/activities", &self.operator, &batch).await.expect(200);
        let new_event = api.event(&self.operator, &json!({})).await;
        let reward = json!({ "type": "POINT", "name": "Starter points", "points": 100 });
        api.post(&format!("/events/{new_event}/rewards"), &self.operator, &reward).await.expect(201);
    }
}

/// A service that does not answer: the gateway does, for it.
pub(crate) async fn meet_an_outage(system: &System) {
    let token = system.admin().await;
    system.processes[2].pause().await;
    system.api.get("/events", &token).await.expect(503);
    system.processes[2].resume().await;
    system.until_ready().await;
}
