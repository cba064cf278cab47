use futures::future::join_all;
use serde_json::{Value, json};
use service_kit::worker::Worker;
use test_kit::callers::{as_admin, as_operator, as_user, user_id};

use crate::test_app::TestApp;

/// An event with a reward of each kind.
async fn generous_event(app: &TestApp) -> String {
    let event = app.new_event(&json!({})).await;
    for reward in [
        json!({"type": "POINT", "name": "Points", "points": 500}),
        json!({"type": "ITEM", "name": "Potions", "itemId": "potion", "quantity": 3}),
        json!({"type": "COUPON", "name": "Ten percent", "couponCode": "SPRING10", "expiry": "2027-01-01T00:00:00Z"}),
        json!({"type": "BADGE", "name": "Early", "badgeId": "early"}),
    ] {
        let attached = app.post(as_operator(), &format!("/events/{event}/rewards"), &reward).await;
        assert_eq!(attached.status, 201, "{}", attached.text);
    }
    event
}

async fn approve(app: &TestApp, claim: &str) {
    let path = format!("/events/requests/{claim}");
    assert_eq!(app.patch(as_operator(), &path, &json!({"status": "APPROVED"})).await.status, 200);
}

async fn settle(app: &TestApp) -> u64 {
    app.events.claim_settler().1.step().await.unwrap().processed
}

async fn wallet(app: &TestApp, user: u8) -> Value {
    app.get(as_user(user), &format!("/users/{}/wallet", user_id(user))).await.body
}

async fn ledger(app: &TestApp) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut path = "/grants?limit=100".to_owned();
    loop {
        let page = app.get(as_operator(), &path).await.body;
        entries.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["nextCursor"].as_str() else { return entries };
        path = format!("/grants?limit=100&cursor={cursor}");
    }
}

#[tokio::test]
async fn an_approved_claim_gives_each_reward_of_its_revision_once_and_a_revoked_one_takes_it_back() {
    let app = TestApp::start().await;
    let event = generous_event(&app).await;
    let claim = app.claim(as_user(1), &event, None).await.str("id").to_owned();
    // What is attached later is not part of the claim's revision.
    let late = json!({"type": "POINT", "name": "Late", "points": 7});
    app.post(as_operator(), &format!("/events/{event}/rewards"), &late).await;
    let nothing = json!({"points": 0, "items": [], "coupons": [], "badges": []});
    assert_eq!(wallet(&app, 1).await, nothing);
    approve(&app, &claim).await;
    for finished in [1, 0] {
        assert_eq!(settle(&app).await, finished);
        let has = wallet(&app, 1).await;
        assert_eq!(has["points"], 500);
        assert_eq!(has["items"], json!([{"itemId": "potion", "quantity": 3}]));
        assert_eq!(has["badges"], json!([{"badgeId": "early", "count": 1}]));
        assert_eq!(
            (&has["coupons"][0]["couponCode"], &has["coupons"][1]),
            (&json!("SPRING10"), &Value::Null)
        );
        assert_eq!(ledger(&app).await.len(), 4);
    }
    let path = format!("/events/requests/{claim}/revoke");
    let revoked = app.post(as_admin(), &path, &json!({"reason": "Fraud"})).await;
    assert_eq!((revoked.status.as_u16(), revoked.str("status")), (200, "REVOKED"), "{}", revoked.text);
    assert_eq!(revoked.body["notTakenBack"].as_array().unwrap().len(), 1);
    assert_eq!(revoked.body["notTakenBack"][0]["name"], "Ten percent");
    for finished in [1, 0] {
        assert_eq!(settle(&app).await, finished);
        assert_eq!(wallet(&app, 1).await, nothing);
        assert_eq!(ledger(&app).await.len(), 8);
    }
    let again = app.post(as_admin(), &path, &json!({"reason": "Fraud"})).await;
    assert_eq!((again.outcome(), &again.body["currentStatus"]), ((409, "NOT_APPROVED"), &json!("REVOKED")));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_workers_grant_and_take_back_each_claim_once() {
    let app = TestApp::start().await;
    let event = generous_event(&app).await;
    let mut claims = Vec::new();
    for user in 1..=60 {
        let claim = app.claim(as_user(user), &event, None).await.str("id").to_owned();
        approve(&app, &claim).await;
        claims.push(claim);
    }
    let revocations = async {
        join_all(claims[..20].iter().chain(&claims[..20]).map(async |claim| {
            let path = format!("/events/requests/{claim}/revoke");
            app.post(as_admin(), &path, &json!({"reason": "Fraud"})).await.status.as_u16()
        }))
        .await
    };
    let (_, statuses) = tokio::join!(join_all((0..8).map(|_| settle(&app))), revocations);
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 20);
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 20);
    while settle(&app).await > 0 {}
    let entries = ledger(&app).await;
    let of_kind = |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).count();
    assert_eq!((of_kind("GRANT"), of_kind("REVERSAL")), (60 * 4, 20 * 4));
    for user in 1..=60 {
        assert_eq!(wallet(&app, user).await["points"], if user <= 20 { 0 } else { 500 });
    }
}

#[tokio::test]
async fn a_wallet_is_the_same_before_and_after_its_balance_is_saved() {
    let app = TestApp::start().await;
    for _ in 0..30 {
        let event = generous_event(&app).await;
        let claim = app.claim(as_user(1), &event, None).await.str("id").to_owned();
        approve(&app, &claim).await;
        settle(&app).await;
        app.clock.advance_seconds(300);
    }
    let before = wallet(&app, 1).await;
    assert_eq!((&before["points"], before["coupons"].as_array().unwrap().len()), (&json!(15_000), 30));
    let saved = app.events.stores.ledger.find_balance(user_id(1)).await.unwrap().unwrap();
    for _ in 0..2 {
        assert_eq!(wallet(&app, 1).await, before);
    }
    // What came before the balance is not read again: it is taken at its word.
    let through = saved.through;
    let forged = event_store::WalletBalance {
        user: user_id(1),
        through: domain::ObjectId::from_bytes({
            let mut bytes = through.bytes();
            bytes[11] = bytes[11].saturating_add(1);
            bytes
        }),
        holding: json!({"points": 1, "items": {}, "badges": {}, "coupons": []}),
    };
    app.events.stores.ledger.save_balance(forged).await.unwrap();
    assert!(wallet(&app, 1).await["points"].as_i64().unwrap() < 15_000);
}
