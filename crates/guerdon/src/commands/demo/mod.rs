//! The specification's scenario (8.2), told step by step against a fresh instance of this very program.

mod rewards;

use std::time::Duration;

use domain::Role;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use service_kit::traces::TraceExport;
use tokio_util::sync::CancellationToken;

use self::rewards::{DemoClaim, DemoStaff};
use super::Outcome;
use crate::{assembly, first_admin, http_client::DirectClient, settings::Settings};

type DemoResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How often, and how long apart, to look whether a login counts.
const MOST_LOOKS: usize = 100;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

const PASSWORD: &str = "correct horse battery";

/// Starts an instance in a throw-away folder on free ports, plays the story, stops it.
pub(crate) async fn play_demo() -> Outcome {
    let folder = tempfile::tempdir()?;
    let settings = Settings::throw_away(folder.path());
    let assembly = assembly::assemble_services(assembly::Topology::All, &settings).await?;
    let address = assembly.listeners.first().ok_or("nothing was started")?.bound.address()?;
    let first_admin = assembly.first_admin.as_ref().ok_or("the instance has no administrator")?;
    let password = first_admin.ensure().await?.ok_or("the instance is not fresh")?;
    let stop = CancellationToken::new();
    let serving = assembly.run(stop.clone(), TraceExport::off());
    let telling = async {
        let told = DemoStage { client: DirectClient::new(), base: format!("http://{address}") }
            .play(&password)
            .await;
        stop.cancel();
        told
    };
    tokio::join!(serving, telling).1
}

struct DemoStage {
    client: DirectClient,
    base: String,
}

impl DemoStage {
    async fn play(&self, admin_password: &str) -> DemoResult<()> {
        println!("A fresh Guerdon runs at {}.\n", self.base);
        let admin = self.log_in(first_admin::EMAIL, admin_password).await?;
        println!("1. The administrator logs in with the password printed at the first start.");
        let operator = self.staff(&admin, "olga@example.com", Role::Operator).await?;
        println!("2. They make Olga an OPERATOR and Anna an AUDITOR.");
        let auditor = self.staff(&admin, "anna@example.com", Role::Auditor).await?;
        let event = self.define(&operator).await?;
        let claim = self.claim_and_look(&event, &auditor).await?;
        self.attend_a_week(&operator).await?;
        let staff = DemoStaff { admin: &admin, operator: &operator, auditor: &auditor };
        self.hand_out_rewards(&staff, &claim).await?;
        println!("\nThat was the whole story. Run it yourself: make run, then http://127.0.0.1:3333/docs");
        Ok(())
    }

    async fn define(&self, operator: &str) -> DemoResult<String> {
        let event = self
            .call(
                Method::POST,
                "/events",
                Some(operator),
                &json!({
                    "name": "Spring welcome",
                    "description": "For everybody who plays this spring.",
                    "condition": {"in": ["USER", {"var": "user.roles"}]},
                    "periodStart": "2020-01-01T00:00:00Z",
                    "periodEnd": "2099-01-01T00:00:00Z",
                    "timezone": "Asia/Seoul",
                }),
            )
            .await?
            .expect(StatusCode::CREATED)?;
        let id = text_at(&event, "/id")?;
        println!(
            "3. Olga creates the event \"{}\" ({id}): who has the role USER may claim.",
            text_at(&event, "/name")?
        );
        for reward in [
            json!({"type": "POINT", "name": "Starter points", "points": 500}),
            json!({"type": "ITEM", "name": "Potions", "itemId": "potion-s", "quantity": 3}),
            json!({"type": "COUPON", "name": "Ten percent off", "couponCode": "SPRING10", "expiry": "2099-01-01T00:00:00Z"}),
            json!({"type": "BADGE", "name": "Early bird", "badgeId": "early-bird"}),
        ] {
            let path = format!("/events/{id}/rewards");
            self.call(Method::POST, &path, Some(operator), &reward).await?.expect(StatusCode::CREATED)?;
            println!("   She attaches {} \"{}\".", text_at(&reward, "/type")?, text_at(&reward, "/name")?);
        }
        Ok(id)
    }

    async fn claim_and_look(&self, event: &str, auditor: &str) -> DemoResult<DemoClaim> {
        let mina = self.register("mina@example.com").await?;
        println!("4. Mina registers ({mina}) and logs in: 200.");
        let token = self.log_in("mina@example.com", PASSWORD).await?;
        let claim = format!("/events/{event}/request");
        let request =
            self.call(Method::POST, &claim, Some(&token), &json!({})).await?.expect(StatusCode::CREATED)?;
        let id = text_at(&request, "/id")?;
        println!("5. She claims: 201, request {id} is {}.", text_at(&request, "/status")?);
        let again =
            self.call(Method::POST, &claim, Some(&token), &json!({})).await?.expect(StatusCode::CONFLICT)?;
        println!(
            "6. She claims again: 409 {}, naming request {}.",
            text_at(&again, "/code")?,
            text_at(&again, "/rewardRequestId")?
        );
        let path = format!("/events/requests?userId={mina}");
        let list = self.call(Method::GET, &path, Some(&token), &Value::Null).await?.expect(StatusCode::OK)?;
        let count = list["items"].as_array().map_or(0, Vec::len);
        println!("7. She lists her requests: {count} item, {}.", text_at(&list, "/items/0/status")?);
        let path = format!("/events/requests/{id}");
        let seen =
            self.call(Method::GET, &path, Some(auditor), &Value::Null).await?.expect(StatusCode::OK)?;
        println!("8. Anna, the auditor, looks at what it was decided on:");
        println!("   condition {}", seen["decision"]["condition"]);
        println!("   facts     {}", seen["decision"]["facts"]);
        let refused = self
            .call(Method::POST, &claim, Some(auditor), &json!({}))
            .await?
            .expect(StatusCode::FORBIDDEN)?;
        println!("9. She may look but not claim: 403 {}.", text_at(&refused, "/code")?);
        Ok(DemoClaim { id, user: mina })
    }

    /// Seven days in a row: six that the game reports, and today's login, which is recorded by itself.
    async fn attend_a_week(&self, operator: &str) -> DemoResult<()> {
        let event = json!({
            "name": "Seven days in a row",
            "condition": {">=": [{"var": "activity.login.streak"}, 7]},
            "periodStart": "2020-01-01T00:00:00Z",
        });
        let event =
            self.call(Method::POST, "/events", Some(operator), &event).await?.expect(StatusCode::CREATED)?;
        let id = text_at(&event, "/id")?;
        println!(
            "10. Olga creates \"{}\": who logs in on seven days in a row may claim.",
            text_at(&event, "/name")?
        );
        let jun = self.register("jun@example.com").await?;
        let token = self.log_in("jun@example.com", PASSWORD).await?;
        println!(
            "11. Jun registers and logs in, which counts. The game's server reports his logins of the days before:"
        );
        let today = assembly::system_clock().now();
        for days_ago in 0..7 {
            if days_ago > 0 {
                let at = today.plus_seconds(-days_ago * 24 * 60 * 60);
                let login =
                    json!({"id": format!("jun-{days_ago}"), "userId": jun, "type": "login", "at": at});
                let batch = json!({"activities": [login]});
                self.call(Method::POST, "/activities", Some(operator), &batch)
                    .await?
                    .expect(StatusCode::OK)?;
            }
            self.show_progress(&id, &token, days_ago + 1).await?;
        }
        let claim = format!("/events/{id}/request");
        let request =
            self.call(Method::POST, &claim, Some(&token), &json!({})).await?.expect(StatusCode::CREATED)?;
        println!(
            "12. He claims: 201, request {} is {}.",
            text_at(&request, "/id")?,
            text_at(&request, "/status")?
        );
        Ok(())
    }

    /// Shows how far a user is, once so many days count: a login is recorded some moments after it.
    async fn show_progress(&self, event: &str, token: &str, days: i64) -> DemoResult<()> {
        let path = format!("/events/{event}/eligibility");
        for _ in 0..MOST_LOOKS {
            let seen =
                self.call(Method::GET, &path, Some(token), &Value::Null).await?.expect(StatusCode::OK)?;
            let step = &seen["progress"][0];
            if step["actual"] == days {
                let why = seen["reasons"][0]["message"].as_str().unwrap_or("Nothing is lacking.");
                println!("    {} of {}: {why}", step["actual"], step["target"]);
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err(format!("{days} days did not count in time").into())
    }

    async fn staff(&self, admin: &str, email: &str, role: Role) -> DemoResult<String> {
        let id = self.register(email).await?;
        let path = format!("/users/{id}/roles");
        self.call(Method::PUT, &path, Some(admin), &json!({"roles": [role]}))
            .await?
            .expect(StatusCode::OK)?;
        self.log_in(email, PASSWORD).await
    }

    async fn register(&self, email: &str) -> DemoResult<String> {
        let body = json!({"email": email, "password": PASSWORD});
        let user = self.call(Method::POST, "/users", None, &body).await?.expect(StatusCode::CREATED)?;
        text_at(&user, "/id")
    }

    async fn log_in(&self, email: &str, password: &str) -> DemoResult<String> {
        let body = json!({"email": email, "password": password});
        let session = self.call(Method::POST, "/auth/login", None, &body).await?.expect(StatusCode::OK)?;
        text_at(&session, "/accessToken")
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> DemoResult<DemoAnswer> {
        let what = format!("{method} {path}");
        let answer = self.client.send(method, &format!("{}{path}", self.base), token, body).await?;
        Ok(DemoAnswer { what, status: answer.status, body: serde_json::from_str(&answer.text)? })
    }
}

struct DemoAnswer {
    what: String,
    status: StatusCode,
    body: Value,
}

impl DemoAnswer {
    fn expect(self, status: StatusCode) -> DemoResult<Value> {
        if self.status == status {
            Ok(self.body)
        } else {
            Err(format!("{} answered {} instead of {status}: {}", self.what, self.status, self.body).into())
        }
    }
}

fn text_at(body: &Value, pointer: &str) -> DemoResult<String> {
    let value = body.pointer(pointer).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| format!("the answer has no {pointer}: {body}").into())
}
