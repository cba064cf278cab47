use domain::LedgerKind;
use serde_json::{Value, json};
use service_kit::worker::Worker;
use test_kit::callers::{as_admin, as_auditor, as_operator, as_user};

use crate::{grant_plan::plan_entries, test_app::TestApp};

async fn report(app: &TestApp) -> Value {
    let answer = app.get(as_auditor(), "/admin/invariants").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

/// What the report says of one of them: whether it holds, and how many were looked at.
fn of(report: &Value, name: &str) -> (bool, u64) {
    let all = report["invariants"].as_array().unwrap();
    let found = all.iter().find(|invariant| invariant["name"] == name).unwrap();
    (found["holds"].as_bool().unwrap(), found["checked"].as_u64().unwrap())
}

async fn approved_claim(app: &TestApp, event: &str, user: u8) -> String {
    let claim = app.claim(as_user(user), event, None).await.str("id").to_owned();
    app.patch(as_operator(), &format!("/events/requests/{claim}"), &json!({"status": "APPROVED"})).await;
    claim
}

#[tokio::test]
async fn what_is_as_it_should_be_is_green_and_what_is_in_flight_is_told() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let points = json!({"type": "POINT", "name": "p", "points": 5, "stock": 10});
    app.post(as_operator(), &format!("/events/{event}/rewards"), &points).await;
    let claim = approved_claim(&app, &event, 1).await;
    app.clock.advance_seconds(5);
    let before = report(&app).await;
    assert_eq!(before["holds"], true);
    assert_eq!(before["invariants"][0]["inFlightSince"], "2026-05-01T09:00:00.000Z");
    app.events.claim_settler().1.step().await.unwrap();
    approved_claim(&app, &event, 2).await;
    app.events.claim_settler().1.step().await.unwrap();
    app.post(as_admin(), &format!("/events/requests/{claim}/revoke"), &json!({"reason": "x"})).await;
    app.events.claim_settler().1.step().await.unwrap();
    let after = report(&app).await;
    assert_eq!(after["holds"], true, "{after}");
    assert_eq!(after["invariants"][0]["inFlightSince"], Value::Null);
    assert_eq!(of(&after, "stock_matches_claims"), (true, 1));
    assert_eq!(app.get(as_operator(), "/admin/invariants").await.outcome(), (403, "FORBIDDEN"));
}

#[tokio::test]
async fn a_grant_too_many_and_one_too_few_are_found() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let points = json!({"type": "POINT", "name": "p", "points": 5});
    app.post(as_operator(), &format!("/events/{event}/rewards"), &points).await;
    let claim = approved_claim(&app, &event, 1).await.parse().unwrap();
    let stores = &app.events.stores;
    // Noted as done, and nothing was granted.
    stores.claims.finish_work(vec![claim], domain::ClaimWork::Grant).await.unwrap();
    let found = report(&app).await;
    assert!(!of(&found, "decisions_match_ledger").0);
    assert!(found["invariants"][0]["examples"][0].as_str().unwrap().contains("0 entries"), "{found}");
    let (claim, _) = stores.claims.find(claim).await.unwrap().unwrap();
    let rewards = app.events.rewards_of_claims(std::slice::from_ref(&claim)).await.unwrap();
    let rewards = rewards[&claim.id].as_ref().unwrap();
    let entries = |kind| plan_entries(&claim, rewards, kind, || app.events.ids.mint());
    stores.ledger.add(entries(LedgerKind::Grant)).await.unwrap();
    assert!(of(&report(&app).await, "decisions_match_ledger").0);
    stores.ledger.add(entries(LedgerKind::Reversal)).await.unwrap();
    assert!(!of(&report(&app).await, "decisions_match_ledger").0);
}

#[tokio::test]
async fn a_wallet_that_is_not_what_the_ledger_comes_to_is_found() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let points = json!({"type": "POINT", "name": "p", "points": 5});
    app.post(as_operator(), &format!("/events/{event}/rewards"), &points).await;
    approved_claim(&app, &event, 1).await;
    app.events.claim_settler().1.step().await.unwrap();
    let user = test_kit::callers::user_id(1);
    let through = app.events.stores.ledger.of_user_after(user, None, 1).await.unwrap()[0].id;
    let holding = json!({"points": 6, "items": {}, "badges": {}, "coupons": []});
    let forged = event_store::WalletBalance { user, through, holding };
    app.events.stores.ledger.save_balance(forged).await.unwrap();
    assert_eq!(of(&report(&app).await, "wallets_match_ledger"), (false, 1));
}

#[tokio::test]
async fn an_entry_of_the_audit_log_that_was_changed_is_named_as_long_as_it_is() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        app.new_event(&json!({})).await;
    }
    assert_eq!(of(&report(&app).await, "audit_chain_intact"), (true, 3));
    app.new_event(&json!({})).await;
    // What was looked at before is not looked at again.
    assert_eq!(of(&report(&app).await, "audit_chain_intact"), (true, 1));
    let stores = &app.events.stores;
    let mut forged = stores.audit.export_entries(None, 4).await.unwrap().pop().unwrap().value.unwrap();
    forged.sequence = 5;
    forged.draft.id = domain::ObjectId::from_bytes([5; 12]);
    stores.audit.import_entries(vec![forged]).await.unwrap();
    for _ in 0..2 {
        let found = report(&app).await;
        assert_eq!(of(&found, "audit_chain_intact"), (false, 1));
        assert!(found.to_string().contains("entry 5 "), "{found}");
    }
}
