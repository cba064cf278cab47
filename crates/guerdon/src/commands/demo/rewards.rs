use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{DemoResult, DemoStage, LOOK_AGAIN, MOST_LOOKS, PASSWORD, text_at};

/// Who is on the stage, by their access tokens.
pub(super) struct DemoStaff<'a> {
    pub(super) admin: &'a str,
    pub(super) operator: &'a str,
    pub(super) auditor: &'a str,
}

/// A request, and whose it is.
pub(super) struct DemoClaim {
    pub(super) id: String,
    pub(super) user: String,
}

/// Decisions, grants, and what takes them back.
impl DemoStage {
    pub(super) async fn hand_out_rewards(&self, staff: &DemoStaff<'_>, claim: &DemoClaim) -> DemoResult<()> {
        let path = format!("/events/requests/{}", claim.id);
        let approval = json!({"status": "APPROVED", "reason": "Welcome!"});
        self.call(Method::PATCH, &path, Some(staff.operator), &approval).await?.expect(StatusCode::OK)?;
        println!("13. Olga approves Mina's request. What Mina has now:");
        let wallet = self.await_wallet(staff.operator, &claim.user, |wallet| wallet["points"] == 500).await?;
        println!(
            "    {} points, {} of {}, coupon {}, badge {}.",
            wallet["points"],
            wallet["items"][0]["quantity"],
            text_at(&wallet, "/items/0/itemId")?,
            text_at(&wallet, "/coupons/0/couponCode")?,
            text_at(&wallet, "/badges/0/badgeId")?
        );
        self.race_for_the_last_one(staff.operator).await?;
        let revocation = json!({"reason": "Two accounts of one person"});
        let revoked = self
            .call(Method::POST, &format!("{path}/revoke"), Some(staff.admin), &revocation)
            .await?
            .expect(StatusCode::OK)?;
        println!("17. The administrator takes Mina's request back: it is {}.", text_at(&revoked, "/status")?);
        self.await_wallet(staff.operator, &claim.user, |wallet| wallet["points"] == 0).await?;
        println!(
            "    Her wallet is empty; but of \"{}\" Guerdon says: {}.",
            text_at(&revoked, "/notTakenBack/0/name")?,
            text_at(&revoked, "/notTakenBack/0/reason")?
        );
        self.look_it_over(staff.auditor).await
    }

    async fn race_for_the_last_one(&self, operator: &str) -> DemoResult<()> {
        let event = json!({
            "name": "The golden sword",
            "condition": {},
            "periodStart": "2020-01-01T00:00:00Z",
            "approval": "AUTO",
        });
        let event =
            self.call(Method::POST, "/events", Some(operator), &event).await?.expect(StatusCode::CREATED)?;
        let id = text_at(&event, "/id")?;
        let sword =
            json!({"type": "ITEM", "name": "Golden sword", "itemId": "sword", "quantity": 1, "stock": 1});
        let path = format!("/events/{id}/rewards");
        self.call(Method::POST, &path, Some(operator), &sword).await?.expect(StatusCode::CREATED)?;
        println!("14. Olga creates \"The golden sword\", which approves by itself. There is one.");
        let claim = format!("/events/{id}/request");
        let (first, token) = self.newcomer("sora@example.com").await?;
        self.call(Method::POST, &claim, Some(&token), &json!({})).await?.expect(StatusCode::CREATED)?;
        let has_sword = |wallet: &Value| wallet["items"][0]["itemId"] == "sword";
        self.await_wallet(operator, &first, has_sword).await?;
        println!("15. Sora claims, is approved at once, and has the sword.");
        let (_, token) = self.newcomer("kai@example.com").await?;
        let refused =
            self.call(Method::POST, &claim, Some(&token), &json!({})).await?.expect(StatusCode::CONFLICT)?;
        println!("16. Kai comes too late: 409 {}.", text_at(&refused, "/code")?);
        Ok(())
    }

    /// What an auditor can see of it all.
    async fn look_it_over(&self, auditor: &str) -> DemoResult<()> {
        let report = self
            .call(Method::GET, "/admin/invariants", Some(auditor), &Value::Null)
            .await?
            .expect(StatusCode::OK)?;
        if report["holds"] != true {
            return Err(format!("an invariant is violated: {report}").into());
        }
        println!(
            "18. Anna asks whether everything is as it must be: it is. Every change of rights has its entry:"
        );
        let changes = self
            .call(Method::GET, "/audit/users?limit=3", Some(auditor), &Value::Null)
            .await?
            .expect(StatusCode::OK)?;
        for entry in changes["items"].as_array().into_iter().flatten() {
            println!("    {} {} {}", entry["sequence"], text_at(entry, "/at")?, text_at(entry, "/action")?);
        }
        Ok(())
    }

    /// A wallet, once it is as expected: grants are made some moments after the decision.
    async fn await_wallet(
        &self,
        token: &str,
        user: &str,
        is_expected: impl Fn(&Value) -> bool,
    ) -> DemoResult<Value> {
        let path = format!("/users/{user}/wallet");
        for _ in 0..MOST_LOOKS {
            let wallet =
                self.call(Method::GET, &path, Some(token), &Value::Null).await?.expect(StatusCode::OK)?;
            if is_expected(&wallet) {
                return Ok(wallet);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Err("the wallet did not become what was expected in time".into())
    }

    async fn newcomer(&self, email: &str) -> DemoResult<(String, String)> {
        let id = self.register(email).await?;
        Ok((id, self.log_in(email, PASSWORD).await?))
    }
}
