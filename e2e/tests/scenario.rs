//! The specification's scenario (8.2), with its check points.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use e2e::{EventDb, PASSWORD, Setup, System, UserDb, on_every_setup, on_setup, text};
use mongodb::{
    Database,
    bson::{Bson, Document, doc, oid::ObjectId},
};
use redis::AsyncCommands;
use serde_json::{Value, json};

on_every_setup!(a_user_logs_in_claims_and_finds_the_one_stored_request, all_kinds_of_reward_can_be_attached,);

on_setup!(
    embedded_split,
    EmbeddedSplit,
    a_user_logs_in_claims_and_finds_the_one_stored_request,
    all_kinds_of_reward_can_be_attached,
);

on_setup!(
    specified_mongo_redis,
    Specified,
    a_user_logs_in_claims_and_finds_the_one_stored_request,
    the_stores_hold_what_the_specification_says_where_its_variables_say,
);

async fn a_user_logs_in_claims_and_finds_the_one_stored_request(setup: Setup) {
    let system = System::start(setup).await;
    let api = &system.api;
    let operator = system.operator().await;
    let event =
        api.event(&operator, &json!({ "condition": { "in": ["USER", { "var": "user.roles" }] } })).await;
    api.post(&format!("/events/{event}/rewards"), &operator, &points()).await.expect(201);
    let mina = api.register("mina@example.com").await;

    let session = api.log_in_with("mina@example.com", PASSWORD).await.expect(200);
    assert_eq!((&session["tokenType"], &session["expiresIn"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(session["user"]["id"], json!(mina));
    let token = text(&session, "/accessToken");

    let request = api.claim(&token, &event).await.expect(201);
    assert_eq!(request["eventId"], json!(event));
    assert_eq!(request["userId"], json!(mina));
    assert_eq!(request["status"], json!("PENDING"));

    let list = api.get(&format!("/events/requests?userId={mina}"), &token).await.expect(200);
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["items"][0]["id"], request["id"]);
    assert_eq!(list["nextCursor"], Value::Null);
    assert_eq!(stored_requests(&system, &event, &mina).await, (1, 1));

    let again = api.claim(&token, &event).await.expect_problem(409, "ALREADY_REQUESTED");
    assert_eq!(again["rewardRequestId"], request["id"]);
    assert_eq!(stored_requests(&system, &event, &mina).await, (1, 1));

    auditor_sees_what_it_was_decided_on(&system, &request).await;
}

async fn auditor_sees_what_it_was_decided_on(system: &System, request: &Value) {
    let api = &system.api;
    let (_, auditor) = api.member(&system.admin().await, "anna@example.com", &["AUDITOR"]).await;
    let path = format!("/events/requests/{}", text(request, "/id"));
    let seen = api.get(&path, &auditor).await.expect(200);
    assert_eq!(seen["id"], request["id"]);
    let decision = &seen["decision"];
    // Attaching its reward made the second.
    assert_eq!(decision["eventRevision"], json!(2));
    assert_eq!(decision["condition"], json!({ "in": ["USER", { "var": "user.roles" }] }));
    assert_eq!(decision["facts"]["user"]["id"], request["userId"]);
    assert_eq!(decision["facts"]["user"]["roles"], json!(["USER"]));
    let evaluation = &decision["evaluation"];
    assert_eq!(evaluation["eligible"], json!(true));
    assert_eq!(
        (&evaluation["trace"]["operator"], &evaluation["trace"]["value"]),
        (&json!("in"), &json!(true))
    );
    api.claim(&auditor, &text(request, "/eventId")).await.expect_problem(403, "FORBIDDEN");
}

async fn all_kinds_of_reward_can_be_attached(setup: Setup) {
    let system = System::start(setup).await;
    let api = &system.api;
    let operator = system.operator().await;
    let (_, user) = api.member(&system.admin().await, "mina@example.com", &["USER"]).await;
    let event = api.event(&operator, &json!({})).await;
    let path = format!("/events/{event}/rewards");
    let rewards = [
        points(),
        json!({ "type": "ITEM", "name": "Potions", "itemId": "potion-s", "quantity": 3 }),
        json!({ "type": "COUPON", "name": "Ten percent", "couponCode": "SPRING10",
            "expiry": "2099-01-01T00:00:00.000Z" }),
        json!({ "type": "BADGE", "name": "Early bird", "badgeId": "early-bird" }),
    ];
    for reward in &rewards {
        let made = api.post(&path, &operator, reward).await.expect(201);
        holds(&made, reward);
        assert_eq!(made["stock"], Value::Null);
    }
    let mut listed = api.get(&path, &operator).await.expect(200);
    let listed = listed.as_array_mut().map(std::mem::take).unwrap_or_default();
    assert_eq!(listed.len(), rewards.len());
    for reward in &rewards {
        let same = listed.iter().find(|listed| listed["type"] == reward["type"]);
        holds(same.unwrap_or(&Value::Null), reward);
    }
    let seen = api.get(&path, &user).await.expect(200);
    assert!(!seen.to_string().contains("SPRING10"), "a coupon's code is for staff only: {seen:#}");
    assert_eq!(seen.as_array().map(Vec::len), Some(rewards.len()));
}

fn points() -> Value {
    json!({ "type": "POINT", "name": "Starter points", "points": 500 })
}

/// What somebody with mongosh and redis-cli finds, by the specification's names (4.2, 7.3).
async fn the_stores_hold_what_the_specification_says_where_its_variables_say(setup: Setup) {
    let system = System::start(setup).await;
    let api = &system.api;
    let event = api.event(&system.operator().await, &json!({})).await;
    let mina = api.register("mina@example.com").await;
    let session = api.log_in_with("mina@example.com", PASSWORD).await.expect(200);
    let request = api.claim(&text(&session, "/accessToken"), &event).await.expect(201);

    let (UserDb::Mongo(users), EventDb::Mongo(events)) = (system.user_db().await, system.event_db().await)
    else {
        panic!("MONGODB_URI names both")
    };
    assert_eq!((users.name(), events.name()), ("user-db", "event-db"));
    let one = async |database: &Database, collection: &str, filter: Document| {
        let found = database.collection::<Document>(collection).find_one(filter).await;
        found.expect("an answer").unwrap_or_else(|| panic!("nothing in {collection}"))
    };
    let user = one(&users, "users", doc! { "_id": oid(&mina) }).await;
    assert_eq!(user.get("email"), Some(&Bson::from("mina@example.com")));
    assert!(user.get_str("passwordHash").is_ok_and(|hash| hash.starts_with("$argon2id$")), "{user}");
    assert_eq!(user.get("roles"), Some(&Bson::from(["USER"].as_slice())));
    let token = one(&users, "user_tokens", doc! { "userId": &mina }).await;
    let hash = token.get_str("refreshToken").expect("a hash");
    assert!(!hash.contains(&text(&session, "/refreshToken")) && hash.len() >= 64, "only its hash");
    let stored = one(&events, "reward_requests", doc! { "userId": &mina, "event": oid(&event) }).await;
    assert_eq!(stored.get("_id"), Some(&Bson::from(oid(&text(&request, "/id")))));

    let (mut redis, key) = (system.token_db().await, format!("access_token:{mina}"));
    let access: String = redis.get(&key).await.expect("the key is there");
    let access: Value = serde_json::from_str(&access).expect("JSON");
    assert_eq!(access["token"], session["accessToken"]);
    let names: Vec<_> = access.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["expiresAt", "issuedAt", "token"]);
    assert!((1..=900).contains(&redis.ttl::<_, i64>(&key).await.expect("an expiry")));
}

fn oid(id: &str) -> ObjectId {
    ObjectId::parse_str(id).expect("ids are ObjectIds")
}

/// The answer has everything that was sent.
#[track_caller]
fn holds(answer: &Value, sent: &Value) {
    for (name, value) in sent.as_object().into_iter().flatten() {
        assert_eq!(&answer[name], value, "{name} of {answer:#}");
    }
}

/// How many requests are stored, and how many of them are this user's for this event.
async fn stored_requests(system: &System, event: &str, user: &str) -> (u64, u64) {
    match system.event_db().await {
        EventDb::Sqlite(mut database) => {
            let counted = sqlx::query_as(
                "SELECT COUNT(*), COALESCE(SUM(event_id = $1 AND user_id = $2), 0) FROM reward_requests",
            );
            let counted: (i64, i64) =
                counted.bind(event).bind(user).fetch_one(&mut database).await.expect("the table is there");
            (counted.0.unsigned_abs(), counted.1.unsigned_abs())
        }
        EventDb::Mongo(database) => {
            let requests = database.collection::<Document>("reward_requests");
            let theirs = requests.count_documents(doc! { "userId": user, "event": oid(event) });
            let all = requests.count_documents(doc! {}).await.expect("an answer");
            (all, theirs.await.expect("an answer"))
        }
    }
}
