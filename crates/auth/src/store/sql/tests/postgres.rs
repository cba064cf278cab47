use std::{collections::HashSet, time::Duration};

use domain::{ObjectId, RoleSet, SystemClock, User, UserId};
use futures::future::join_all;
use sqlx::{Connection, PgConnection};
use test_servers::Postgres;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::*;
use crate::store::{
    NewUser, RefreshTokenStore, RegistrationOutcome, StoreError, UserStore, sql::users as statements,
};

/// Callers are answered within this time, whatever the server does.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// A server that is back is used again within this time.
const RECOVERY_LIMIT: Duration = Duration::from_secs(5);

async fn open_fresh(server: &Postgres, name: &str) -> SqlUserDb {
    SqlUserDb::connect(&server.fresh_database(name)).await.unwrap()
}

/// With all its connections, one after another: without optimisation, logging in on many at once takes longer than a
/// caller waits.
async fn open_warm(server: &Postgres) -> SqlUserDb {
    let db = open_fresh(server, "user-db").await;
    warm_up(&db).await;
    db
}

async fn warm_up(db: &SqlUserDb) {
    for connections in 1..=16 {
        while !join_all((0..connections).map(|_| db.answers())).await.into_iter().all(|answered| answered) {}
    }
}

async fn emptied_copy(db: &SqlUserDb) -> SqlUserDb {
    db.db
        .write(|connection| {
            Box::pin(
                sqlx::query("TRUNCATE users, user_tokens, api_keys, role_changes, audit_log, audit_turns")
                    .execute(connection),
            )
        })
        .await
        .unwrap();
    db.clone()
}

fn new_somebody(name: &str) -> NewUser {
    let minted = domain::IdGenerator::new(Arc::new(SystemClock)).mint();
    NewUser {
        id: UserId(minted.id),
        email: format!("{name}@example.com").parse().unwrap(),
        password_hash: "a hash".to_owned().into(),
        roles: RoleSet::from_roles(&[Role::User]),
        at: minted.at,
    }
}

async fn within_limit<T>(operation: impl Future<Output = T>) -> T {
    timeout(ANSWER_LIMIT, operation).await.expect("an answer within two seconds")
}

async fn wait_until_it_answers(db: &SqlUserDb) {
    let answered = async {
        while !db.answers().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(RECOVERY_LIMIT, answered).await.expect("it is used again");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_suite_holds() {
    let server = Postgres::start();
    let db = open_warm(&server).await;
    macro_rules! one_by_one {
        ($($port:ident: $name:ident),+ $(,)?) => {
            $( $port::$name(Arc::new(emptied_copy(&db).await)).await; )+
        };
    }
    every_suite!(one_by_one);
}

#[test]
fn paging_sees_everybody_once_while_others_register() {
    let server = Postgres::start();
    let db = tokio::sync::OnceCell::new();
    check_paging(16, async || (emptied_copy(db.get_or_init(|| open_warm(&server)).await).await, ()));
}

#[tokio::test]
async fn every_list_and_lookup_walks_an_index_however_rare_a_role() {
    let server = Postgres::start();
    let url = server.fresh_database("plans");
    SqlUserDb::connect(&url).await.unwrap();
    let mut session = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO users SELECT lpad(to_hex(n), 24, '0'), n || '@example.com', 'a hash', \
            CASE n WHEN 50000 THEN 2 WHEN 50001 THEN 4 WHEN 50002 THEN 8 WHEN 50003 THEN 8 ELSE 1 END, 0, 0 \
            FROM generate_series(1, 100000) AS n; \
         ANALYZE users",
    )
    .execute(&mut session)
    .await
    .unwrap();
    let page = "('g', 21)";
    for (statement, parameters, index) in [
        (statements::LIST, page, "users_pkey"),
        (statements::LIST_USERS, page, "users_with_role_user"),
        (statements::LIST_OPERATORS, page, "users_with_role_operator"),
        (statements::LIST_AUDITORS, page, "users_with_role_auditor"),
        (statements::LIST_ADMINS, page, "users_with_role_admin"),
        (statements::FIND_BY_EMAIL, "('7@example.com')", "users_email_key"),
        (statements::HAS_ADMIN, "", "users_with_role_admin"),
        (statements::SET_ROLES, "('00000000000000000000c352', 1, 0)", "users_with_role_admin"),
    ] {
        // What the server makes of a statement it has seen often, and of one with just these parameters.
        for mode in ["force_generic_plan", "force_custom_plan"] {
            let explain = format!(
                "SET plan_cache_mode = {mode}; PREPARE it AS {statement}; EXPLAIN EXECUTE it {parameters}; DEALLOCATE it"
            );
            let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(explain)).fetch_all(&mut session).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, 0)).collect();
            let plan = plan.join("\n");
            assert!(plan.contains(index), "{statement}, {mode}:\n{plan}");
            assert!(!plan.contains("Seq Scan") && !plan.contains("Sort"), "{statement}, {mode}:\n{plan}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_administrators_who_demote_each_other_over_replicas_one_remains() {
    let server = Postgres::start();
    let url = server.fresh_database("user-db");
    let mut replicas: Vec<Arc<dyn UserStore>> = Vec::new();
    for _ in 0..2 {
        replicas.push(Arc::new(SqlUserDb::connect(&url).await.unwrap()));
    }
    users::an_administrator_remains_over_replicas(&replicas, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_over_replicas_each_has_one_entry_in_the_audit_log() {
    let server = Postgres::start();
    let url = server.fresh_database("user-db");
    let mut replicas = Vec::new();
    for _ in 0..3 {
        let replica = SqlUserDb::connect(&url).await.unwrap();
        warm_up(&replica).await;
        replicas.push(Arc::new(replica));
    }
    audit::of_changes_over_replicas_each_has_one_entry(&replicas).await;
    let to = Arc::new(open_fresh(&server, "other").await);
    let from = Arc::new(open_fresh(&server, "from").await);
    audit::a_log_is_moved_whole_and_goes_on(from, to).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_do_not_trip_over_each_other() {
    let server = Postgres::start();
    for round in 0..5 {
        let url = server.fresh_database(&format!("round{round}"));
        let replicas: Vec<_> = (0..8)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { SqlUserDb::connect(&url).await.map(drop) })
            })
            .collect();
        for replica in replicas {
            replica.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_url_is_said_without_its_password() {
    let server = Postgres::start();
    let refused = |url: String| async move { SqlUserDb::connect(&url).await.unwrap_err() };
    let credentials = refused(server.url_with_password("hunter2")).await;
    assert!(matches!(credentials, PostgresConnectError::Credentials(_)), "{credentials:?}");
    let database = refused(server.url("nowhere")).await;
    assert!(matches!(&database, PostgresConnectError::Database(_)), "{database:?}");
    assert!(database.to_string().contains("nowhere"), "{database}");
    let unreachable = refused("postgres://guerdon:hunter2@127.0.0.1:1/user-db".to_owned()).await;
    assert!(matches!(unreachable, PostgresConnectError::Unreachable(_)), "{unreachable:?}");
    let no_tls = refused(format!("{}?sslmode=require", server.url("postgres"))).await;
    assert!(
        matches!(&no_tls, PostgresConnectError::Unreachable(reason) if reason.contains("TLS")),
        "{no_tls:?}"
    );
    let mut errors = vec![credentials, database, unreachable, no_tls];
    for url in [
        "postgres://guerdon:hunter2@[::/user-db",
        "postgres://guerdon:hunter2@localhost:port/user-db",
        "postgres://guerdon:hunter2@localhost/user-db?sslmode=hunter2",
        "mysql://guerdon:hunter2@localhost/user-db",
        "hunter2",
        "",
    ] {
        let error = refused(url.to_owned()).await;
        assert!(matches!(error, PostgresConnectError::Url), "{url}: {error:?}");
        errors.push(error);
    }
    for error in errors {
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2") && !said.contains("a%20password"), "{said}");
    }
}

#[tokio::test]
async fn a_user_who_may_not_create_tables_is_told_so() {
    let server = Postgres::start();
    server.query("CREATE ROLE reader LOGIN PASSWORD 'hunter2'");
    let url = server.url("postgres").replacen("guerdon:", "reader:", 1);
    let url = url.replacen(url.split([':', '@']).nth(2).unwrap(), "hunter2", 1);
    let error = SqlUserDb::connect(&url).await.unwrap_err();
    assert!(
        matches!(&error, PostgresConnectError::Credentials(reason) if reason.contains("permission")),
        "{error:?}"
    );
}

/// Stores users one after another and sends those that were acknowledged, as long as somebody receives them.
async fn store_users(db: SqlUserDb, writer: u32, stored: mpsc::UnboundedSender<User>) {
    for n in 0.. {
        match within_limit(db.create(new_somebody(&format!("user{writer}.{n}")))).await {
            Ok(RegistrationOutcome::Registered(user)) => {
                if stored.send(user).is_err() {
                    return;
                }
            }
            Err(StoreError::Unavailable { .. }) => sleep(Duration::from_millis(20)).await,
            otherwise => panic!("neither stored nor an outage: {otherwise:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_writes_nothing_acknowledged_is_lost_and_it_recovers() {
    let mut server = Postgres::start();
    let db = open_fresh(&server, "user-db").await;
    let (stored, mut acknowledged) = mpsc::unbounded_channel();
    let writers: Vec<_> =
        (0..24).map(|writer| tokio::spawn(store_users(db.clone(), writer, stored.clone()))).collect();
    let mut users = Vec::new();
    for round in 1..=3 {
        while users.len() < 200 * round {
            users.extend(acknowledged.recv().await);
        }
        server.kill();
        // Its other processes end by themselves.
        while within_limit(db.answers()).await {
            sleep(Duration::from_millis(20)).await;
        }
        while let Ok(user) = acknowledged.try_recv() {
            users.push(user);
        }
        server.restart();
        users.extend(timeout(RECOVERY_LIMIT, acknowledged.recv()).await.expect("it is used again"));
    }
    drop(acknowledged);
    for writer in writers {
        writer.await.unwrap();
    }
    for user in users {
        assert_eq!(UserStore::find(&db, user.id).await.unwrap(), Some(user));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_an_outage_until_it_goes_on() {
    let server = Postgres::start();
    let db = open_fresh(&server, "user-db").await;
    let RegistrationOutcome::Registered(user) = db.create(new_somebody("mina")).await.unwrap() else {
        panic!("nobody was there")
    };
    server.freeze();
    for _ in 0..3 {
        // More at once than there are connections.
        let calls: Vec<_> = (0..40)
            .map(|n| {
                let db = db.clone();
                tokio::spawn(async move {
                    let read = within_limit(UserStore::find(&db, user.id)).await.map(drop);
                    let written = within_limit(db.create(new_somebody(&format!("jun{n}")))).await.map(drop);
                    [read, written]
                })
            })
            .collect();
        for call in calls {
            for answer in call.await.unwrap() {
                assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
            }
        }
        assert!(!within_limit(db.answers()).await);
    }
    server.thaw();
    wait_until_it_answers(&db).await;
    assert_eq!(UserStore::find(&db, user.id).await.unwrap(), Some(user));
    assert!(matches!(db.create(new_somebody("last")).await, Ok(RegistrationOutcome::Registered(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_hang_are_replaced() {
    let server = Postgres::start();
    let db = open_fresh(&server, "user-db").await;
    for round in 0..2 {
        let calls: Vec<_> = (0..8)
            .map(|n| {
                let db = db.clone();
                tokio::spawn(async move { db.create(new_somebody(&format!("user{round}.{n}"))).await })
            })
            .collect();
        for call in calls {
            assert!(matches!(call.await.unwrap(), Ok(RegistrationOutcome::Registered(_))));
        }
        server.hang_connections();
    }
    assert!(db.answers().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_anothers_lock_ends_with_the_time_limit() {
    let server = Postgres::start();
    let url = server.fresh_database("user-db");
    let db = SqlUserDb::connect(&url).await.unwrap();
    let mut other = PgConnection::connect(&url).await.unwrap();
    let mut held = other.begin().await.unwrap();
    sqlx::raw_sql("LOCK TABLE users, user_tokens, readiness").execute(&mut *held).await.unwrap();
    for n in 0..3 {
        let user = UserId(ObjectId::from_bytes([n; 12]));
        let (read, written, deleted) = tokio::join!(
            within_limit(UserStore::find(&db, user)),
            within_limit(db.create(new_somebody("mina"))),
            within_limit(RefreshTokenStore::delete(&db, user)),
        );
        for answer in [read.map(drop), written.map(drop), deleted] {
            assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
        }
    }
    assert!(!within_limit(db.answers()).await);
    held.rollback().await.unwrap();
    // What was cut off has left nothing behind.
    assert!(matches!(db.create(new_somebody("mina")).await, Ok(RegistrationOutcome::Registered(_))));
}

#[tokio::test]
async fn a_server_set_to_lose_commits_is_told_not_to() {
    let server = Postgres::start();
    let url = server.fresh_database("user-db");
    server.query("ALTER DATABASE \"user-db\" SET synchronous_commit = off");
    server.query("ALTER DATABASE \"user-db\" SET default_transaction_isolation = 'repeatable read'");
    let db = SqlUserDb::connect(&url).await.unwrap();
    let mut settings = HashSet::new();
    for setting in ["SHOW synchronous_commit", "SHOW transaction_isolation"] {
        let (value,): (String,) = db
            .db
            .write(move |connection| Box::pin(sqlx::query_as(setting).fetch_one(connection)))
            .await
            .unwrap();
        settings.insert(value);
    }
    assert_eq!(settings, HashSet::from(["on".to_owned(), "read committed".to_owned()]));
    assert_eq!((db.name(), db.answers().await), ("user-db", true));
}
