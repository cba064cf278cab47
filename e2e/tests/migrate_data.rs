//! `guerdon migrate-data`: an installation moves to other stores, whatever happens on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::{path::Path, sync::Arc, time::Duration};

use auth::store::{SqlUserDb, UserTransfer};
use domain::{
    Claim, ClaimId, ClaimStatus, ClaimWork, Decider, DecisionTrace, EventId, IdGenerator, SystemClock,
    UserId, Verdict,
};
use e2e::{Api, Finished, Process, SECRET, Setup, System, sqlite_journals, text};
use event_store::{NewClaim, Stores, TransferRecord, TransferTable};
use futures::TryStreamExt;
use mongodb::{
    Client, Collection,
    bson::{self, Document, doc},
};
use serde_json::json;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use test_servers::{Mongo, MongoMode, Postgres, Redis};

const MINA: &str = "mina@example.com";
/// How long a copy may take, on a busy machine.
const COPY_LIMIT: Duration = Duration::from_mins(4);
/// Requests that a copy has sent and not seen stored yet, at most: three steps of a thousand.
const IN_FLIGHT: u64 = 3000;

/// An embedded installation that has been in use.
struct Installation {
    data: tempfile::TempDir,
    event: EventId,
    /// Mina's claim.
    request: String,
    /// A server's key, which reads events.
    key: String,
}

impl Installation {
    /// Three users, an API key, an event with a reward, Mina's claim and attributes, and everybody's logins.
    async fn new() -> Self {
        let mut system = System::start(Setup::Embedded).await;
        let operator = system.operator().await;
        let event = system.api.event(&operator, &json!({})).await;
        let reward = json!({ "type": "POINT", "name": "Points", "points": 10 });
        system.api.post(&format!("/events/{event}/rewards"), &operator, &reward).await.expect(201);
        system.api.register(MINA).await;
        let mina = system.api.log_in(MINA).await;
        let request = text(&system.api.claim(&mina, &event).await.expect(201), "/id");
        let attributes = format!(
            "/users/{}/attributes",
            text(&system.api.get("/users/me", &mina).await.expect(200), "/id")
        );
        system.api.put(&attributes, &operator, &json!({ "attributes": { "level": 3 } })).await.expect(200);
        let key = json!({ "name": "Shop", "scopes": ["events:read"] });
        let key = system.api.post("/api-keys", &system.admin().await, &key).await.expect(201);
        let key = text(&key, "/key");
        system.processes[0].terminate().await;
        let data = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(system.data()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), data.path().join(file.file_name())).unwrap();
        }
        Self { data, event: EventId(event.parse().unwrap()), request, key }
    }

    fn folder(&self) -> &str {
        self.data.path().to_str().unwrap()
    }

    async fn event_db(&self) -> Stores {
        Stores::open_sqlite(&self.data.path().join("event.db")).await.unwrap()
    }

    async fn user_db(&self) -> SqlUserDb {
        SqlUserDb::open(&self.data.path().join("user.db")).await.unwrap()
    }

    /// Stores claims of as many other users.
    async fn add_requests(&self, count: usize) {
        let (db, ids) = (self.event_db().await, IdGenerator::new(Arc::new(SystemClock)));
        let claims = (0..count).map(|n| TransferRecord::Claim(claim(&ids, self.event, n))).collect();
        claim_table(&db).import(claims).await.unwrap();
    }
}

/// A claim in any state.
fn claim(ids: &IdGenerator, event: EventId, number: usize) -> NewClaim {
    let (user, minted) = (UserId(ids.mint().id), ids.mint());
    let request = Claim {
        id: ClaimId(minted.id),
        event_id: event,
        user_id: user,
        status: ClaimStatus::ALL[number % 4],
        event_revision: 1,
        created_at: minted.at,
        updated_at: minted.at.plus_seconds(1),
        verdict: number.is_multiple_of(4).then(|| Verdict {
            by: Decider::User(user),
            at: minted.at,
            reason: number.is_multiple_of(8).then(|| "looks right".to_owned()),
        }),
        revocation: None,
        work: number.is_multiple_of(5).then_some(ClaimWork::Grant),
        seats: Vec::new(),
    };
    let decision = DecisionTrace {
        event_revision: 1,
        facts: json!({ "user": { "id": user, "roles": ["USER"], "ageDays": number % 900 }, "now": minted.at }),
        evaluation: json!({ "eligible": true, "progress": [], "steps": [{ "operator": "in", "value": true }] }),
    };
    let idempotency_key = number.is_multiple_of(3).then(|| format!("attempt {number}"));
    NewClaim { request, decision, idempotency_key, stamp: None }
}

fn claim_table(db: &Stores) -> &dyn TransferTable {
    db.transfer.table("reward_requests").unwrap()
}

/// Everything in a table that can be read.
async fn export_all(table: &dyn TransferTable) -> Vec<TransferRecord> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let rows = table.export(after, 1000).await.unwrap();
        let is_last = rows.len() < 1000;
        for row in rows {
            after = Some(row.key.unwrap());
            found.extend(row.record.ok());
        }
        if is_last {
            return found;
        }
    }
}

/// Both sides hold the same records in every table. Returns how many claims.
async fn equal_event_dbs(one: &Stores, other: &Stores) -> usize {
    for (ours, theirs) in one.transfer.tables().iter().zip(other.transfer.tables()) {
        assert_eq!(export_all(&**ours).await, export_all(&**theirs).await);
    }
    requests(one).await.len()
}

async fn equal_user_dbs(one: &dyn UserTransfer, other: &dyn UserTransfer) -> usize {
    let all = async |db: &dyn UserTransfer| {
        let rows = db.export(None, 1000).await.unwrap();
        assert!(rows.len() < 1000);
        rows.into_iter().map(|row| row.value.unwrap()).collect::<Vec<_>>()
    };
    let (ours, theirs) = (all(one).await, all(other).await);
    assert_eq!(ours, theirs);
    ours.len()
}

async fn requests(db: &Stores) -> Vec<TransferRecord> {
    export_all(claim_table(db)).await
}

async fn audit(arguments: &[&str]) -> String {
    succeeded(Process::run(&[&["audit"], arguments].concat(), &[], "").await)
}

async fn migrate(arguments: &[&str]) -> Finished {
    Process::run(&[&["migrate-data"], arguments].concat(), &[], "").await
}

fn succeeded(finished: Finished) -> String {
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{}", finished.stdout);
    finished.stdout
}

fn failed(finished: Finished) -> String {
    assert_eq!(finished.code, Some(1), "{}{}", finished.stdout, finished.stderr);
    assert_eq!(finished.stdout, "");
    finished.stderr
}

/// Starts a system on these stores.
async fn start_on(stores: &[(&str, &str)]) -> (Process, Api) {
    let common = [("JWT_SECRET", SECRET), ("HTTP_PORT", "0"), ("GATEWAY_PORT", "0")];
    let settings: Vec<_> = common.iter().chain(stores).map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let mut process = Process::start(&["serve", "all"], &settings);
    let api = Api::new(&process.address("gateway").await);
    (process, api)
}

/// A server uses the key it had before. That is noted, so the stores differ from what they were copied from.
async fn server_goes_on(stores: &[(&str, &str)], installation: &Installation) {
    let (mut process, api) = start_on(stores).await;
    api.get("/events", &installation.key).await.expect(200);
    assert_eq!(process.terminate().await, Some(0));
}

/// Starts a system on these stores and plays Mina, who was there before.
async fn mina_goes_on(stores: &[(&str, &str)], installation: &Installation) {
    let (mut process, api) = start_on(stores).await;
    let mina = api.log_in(MINA).await;
    let list = api.get("/events/requests", &mina).await.expect(200);
    let (items, event) = (list["items"].as_array().unwrap(), installation.event.to_string());
    assert_eq!((items.len(), text(&items[0], "/id")), (1, installation.request.clone()));
    let detail = api.get(&format!("/events/requests/{}", installation.request), &mina).await.expect(200);
    assert_eq!(detail["decision"]["facts"]["user"]["roles"], json!(["USER"]));
    let again = api.claim(&mina, &event).await.expect_problem(409, "ALREADY_REQUESTED");
    assert_eq!(text(&again, "/rewardRequestId"), installation.request);
    let rewards = api.get(&format!("/events/{event}/rewards"), &mina).await.expect(200);
    assert_eq!(rewards[0]["points"], json!(10));
    assert_eq!(process.terminate().await, Some(0));
}

/// Waits for the process's last line and its end.
async fn finish(mut process: Process) -> Vec<String> {
    let ended = |line: &String| line.starts_with("Everything") || line.starts_with("guerdon:");
    let waited = tokio::time::timeout(COPY_LIMIT, async {
        while !process.printed().iter().any(ended) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("it never ends: {:#?}", process.printed()));
    assert_eq!(process.wait().await, Some(0), "{:#?}", process.printed());
    process.printed()
}

const REQUESTS: u32 = 100_000;

/// Fills the table without anything of guerdon's between. The n-th has [`nth_id`].
const FILL: &str = r#"
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2)
    INSERT INTO reward_requests (id, event_id, user_id, status, event_revision, idempotency_key, facts, evaluation,
        created_at, updated_at)
    SELECT printf('7%023x', n), $1, printf('%024x', n * 7919),
        CASE n % 4 WHEN 0 THEN 'PENDING' WHEN 1 THEN 'APPROVED' WHEN 2 THEN 'REJECTED' ELSE 'REVOKED' END, 1,
        CASE n % 3 WHEN 0 THEN 'attempt ' || n END,
        '{"user":{"id":"' || printf('%024x', n * 7919) || '","roles":["USER"],"ageDays":' || n % 900 || '},"now":"x"}',
        '{"eligible":true,"progress":[],"steps":[{"operator":"in","value":true},{"operator":">=","value":true}]}',
        1795000000000 + n, 1795000000000 + 2 * n
    FROM numbers"#;

fn nth_id(n: u32) -> bson::oid::ObjectId {
    bson::oid::ObjectId::parse_str(format!("7{n:023x}")).unwrap()
}

/// Each request's id, user, status and times, as the stores themselves have them.
async fn requests_in_sqlite(file: &Path) -> Vec<(String, String, String, i64, i64)> {
    let mut db = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    let rows = "SELECT id, user_id, status, created_at, updated_at FROM reward_requests ORDER BY id";
    sqlx::query_as(rows).fetch_all(&mut db).await.unwrap()
}

async fn requests_in_mongodb(collection: &Collection<Document>) -> Vec<(String, String, String, i64, i64)> {
    let read = |document: Document| {
        let text = |name| document.get_str(name).unwrap().to_owned();
        let time = |name| document.get_datetime(name).unwrap().timestamp_millis();
        let id = document.get_object_id("_id").unwrap().to_hex();
        (id, text("userId"), text("status"), time("createdAt"), time("updatedAt"))
    };
    let mut found: Vec<_> = collection.find(doc! {}).await.unwrap().map_ok(read).try_collect().await.unwrap();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_requests_reach_mongodb_though_the_copy_is_killed_twice() {
    let installation = Installation::new().await;
    let file = installation.data.path().join("event.db");
    let mut db = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let insert = sqlx::query(FILL).bind(installation.event.to_string()).bind(REQUESTS);
    insert.execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    let mut server = Mongo::start(MongoMode::Standalone);
    let uri = server.uri().to_owned();
    let arguments = ["migrate-data", "--from", installation.folder(), "--to", &uri];
    // As patient as guerdon is: the server may be busy.
    let client = Client::with_uri_str(format!("{uri}/?connectTimeoutMS=60000")).await.unwrap();
    let requests = client.database("event-db").collection::<Document>("reward_requests");
    let until_copied = async |n: u32, copying: &Process| {
        let waited = tokio::time::timeout(COPY_LIMIT, async {
            while !matches!(requests.find_one(doc! { "_id": nth_id(n) }).await, Ok(Some(_))) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("it does not come so far: {:#?}", copying.printed()));
        assert!(!copying.printed().iter().any(|line| line.starts_with("reward_requests")));
    };
    let mut there = 0;
    for moment in [1, 45_000] {
        let mut copying = Process::start(&arguments, &[]);
        until_copied(moment, &copying).await;
        copying.kill().await;
        there = requests.count_documents(doc! {}).await.unwrap();
        assert!((u64::from(moment)..u64::from(REQUESTS)).contains(&there), "{there}");
    }
    // A server that is away for a moment does not end it.
    let copying = Process::start(&arguments, &[]);
    until_copied(75_000, &copying).await;
    server.kill();
    server.restart();
    let printed = finish(copying).await;
    let line = printed.iter().find(|line| line.starts_with("reward_requests: 100001 ")).expect("it is told");
    let copied: u64 = line.split(' ').rev().nth(1).and_then(|number| number.parse().ok()).expect("a number");
    // Fewer than what was missing when it was counted, since the server still stored what it had received.
    let rest = u64::from(REQUESTS) + 1 - there;
    assert!((rest.saturating_sub(IN_FLIGHT)..=rest).contains(&copied), "{rest}: {printed:#?}");
    assert!(requests_in_sqlite(&file).await == requests_in_mongodb(&requests).await);

    let redis = Redis::start();
    let port = redis.port().to_string();
    let stores = [("MONGODB_URI", uri.as_str()), ("REDIS_HOST", "127.0.0.1"), ("REDIS_PORT", &port)];
    mina_goes_on(&stores, &installation).await;
    server_goes_on(&stores, &installation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copying_again_changes_nothing_and_never_mixes_with_other_data() {
    let installation = Installation::new().await;
    let server = Mongo::start(MongoMode::ReplicaSet);
    let both = ["--from", installation.folder(), "--to", server.uri()];
    let first = succeeded(migrate(&both).await);
    assert!(first.contains("users: 3 ") && first.contains("3 copied"), "{first}");
    assert!(first.contains("api_keys: 1 "), "{first}");
    // The first administrator, a change of roles, and the key.
    assert!(first.contains("audit_log: 3 "), "{first}");
    let head = audit(&["head", "users", "--data-dir", installation.folder()]).await;
    let there = ["verify", "users", "--mongodb-uri", server.uri(), "--head", head.trim()];
    assert!(audit(&there).await.contains("3 entries"));
    let events = Stores::connect_mongo(server.uri(), None).await.unwrap();
    assert_eq!(equal_event_dbs(&installation.event_db().await, &events).await, 1);
    let again = succeeded(migrate(&both).await);
    assert_eq!(again.matches("all there before").count(), 14, "{again}");
    assert!(again.ends_with("Nothing was missing: both sides hold the same.\n"), "{again}");

    // A new claim at the source is all that is copied.
    installation.add_requests(1).await;
    let more = succeeded(migrate(&both).await);
    assert!(more.contains("reward_requests: 2 ") && more.contains("1 copied"), "{more}");

    // A request the source lacks.
    let ids = IdGenerator::new(Arc::new(SystemClock));
    let foreign = claim(&ids, installation.event, 4);
    claim_table(&events).import(vec![TransferRecord::Claim(foreign.clone())]).await.unwrap();
    installation.add_requests(1).await;
    let refused = failed(migrate(&both).await);
    let named =
        format!("reward_requests: the target holds {}, which the source does not", foreign.request.id);
    assert!(refused.contains(&named), "{refused}");
    let there = requests(&events).await;
    assert_eq!(there.len(), 3, "nothing was written");

    // The source gets it too, but in another state.
    let mut changed = foreign.clone();
    changed.request.status = ClaimStatus::Revoked;
    let source = installation.event_db().await;
    claim_table(&source).import(vec![TransferRecord::Claim(changed)]).await.unwrap();
    let refused = failed(migrate(&both).await);
    let named = format!("reward_requests: {} is not the same at both sides", foreign.request.id);
    assert!(refused.contains(&named), "{refused}");
    assert_eq!(requests(&events).await, there);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_go_to_postgresql_and_everything_comes_back_into_a_folder() {
    let installation = Installation::new().await;
    let (mongo, postgres) = (Mongo::start(MongoMode::Standalone), Postgres::start());
    let users_url = postgres.fresh_database("user-db");
    let stores = ["--to", mongo.uri(), "--to-user-db", &users_url];
    let there = succeeded(migrate(&[&["--from", installation.folder()], &stores[..]].concat()).await);
    assert!(there.contains("users: 3 ") && there.contains("reward_requests: 1 "), "{there}");
    let users = SqlUserDb::connect(&users_url).await.unwrap();
    assert_eq!(equal_user_dbs(&installation.user_db().await, &users).await, 3);
    let events = format!("{}/event-db", mongo.uri());
    mina_goes_on(&[("USER_DB_URL", &users_url), ("EVENT_DB_URL", &events)], &installation).await;

    let folder = tempfile::tempdir().unwrap();
    let back = folder.path().join("data");
    let back = back.to_str().unwrap();
    let from = ["--from-event-db", &events, "--from-user-db", &users_url, "--to", back];
    succeeded(migrate(&from).await);
    assert_eq!(sqlite_journals(Path::new(back)), Vec::<String>::new(), "each file is whole by itself");
    // Mina's login over there is an activity more than the first folder has.
    let compared = succeeded(migrate(&from).await);
    assert!(compared.contains("Nothing was missing"), "{compared}");
    assert!(compared.contains("user_attributes: 1 "), "{compared}");
    mina_goes_on(&[("GUERDON_DATA_DIR", back)], &installation).await;
    server_goes_on(&[("GUERDON_DATA_DIR", back)], &installation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_copied_is_told_by_its_flag_and_without_a_password() {
    let installation = Installation::new().await;
    let (data, folder) = (installation.folder(), tempfile::tempdir().unwrap());
    let absent = folder.path().join("absent");
    let absent = absent.to_str().unwrap();
    let locked = Mongo::start_locked();
    let refusing = locked.uri().replace("mongodb://", "mongodb://me:hunter2@");
    let postgres = Postgres::start();
    let wrong = postgres.url_with_password("hunter2");
    for (arguments, said) in [
        (["--from", absent, "--to", absent].as_slice(), "the source and the target are the same"),
        (&["--from", absent, "--to", data], "there is no "),
        (&["--from", data, "--from-user-db", "sqlite:absent.db", "--to", absent], "there is no absent.db"),
        (&["--from", data, "--to", &refusing], "--to names a MongoDB server that refuses its credentials"),
        (&["--from", data, "--to", "mongodb://me:hunter2@"], "--to is not a MongoDB URL"),
        (&["--from", data, "--to", "mysql://me:hunter2@host"], "--to must be a data folder or mongodb://"),
        (
            &["--from", data, "--to", absent, "--to-user-db", &wrong],
            "--to-user-db names a PostgreSQL server that refuses its credentials",
        ),
        (
            &["--from", data, "--to-user-db", "x:hunter2", "--to-event-db", "x:hunter2"],
            "--to-user-db has the scheme",
        ),
    ] {
        let refused = failed(migrate(arguments).await);
        assert!(refused.starts_with("guerdon: ") && refused.contains(said), "{said}: {refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    assert!(!Path::new("absent.db").exists() && !Path::new(absent).join("event.db").exists());
    let nothing = tempfile::tempdir().unwrap();
    Stores::open_sqlite(&nothing.path().join("event.db")).await.unwrap();
    SqlUserDb::open(&nothing.path().join("user.db")).await.unwrap();
    let refused = failed(migrate(&["--from", nothing.path().to_str().unwrap(), "--to", absent]).await);
    assert!(refused.contains("the source holds nothing"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_read_is_named_and_the_others_are_copied() {
    let installation = Installation::new().await;
    installation.add_requests(2).await;
    let file = installation.data.path().join("event.db");
    let mut db = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let damage =
        sqlx::query("UPDATE reward_requests SET facts = '{' WHERE id = $1").bind(&installation.request);
    assert_eq!(damage.execute(&mut db).await.unwrap().rows_affected(), 1);
    db.close().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("copy");
    for _ in 0..2 {
        let both = ["--from", installation.folder(), "--to", target.to_str().unwrap()];
        let moved = migrate(&both).await;
        assert_eq!(moved.code, Some(1), "{}", moved.stdout);
        let named = format!("reward_requests {}", installation.request);
        assert!(moved.stderr.contains(&named), "{}", moved.stderr);
        assert!(!moved.stdout.contains("Everything is copied"), "{}", moved.stdout);
    }
    let copy = Stores::open_sqlite(&target.join("event.db")).await.unwrap();
    assert_eq!(requests(&copy).await, requests(&installation.event_db().await).await);
    assert_eq!(requests(&copy).await.len(), 2);
}
