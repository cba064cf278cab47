//! Stores that cannot be used at start-up: which variable is wrong, why, and never the password.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use e2e::{Finished, PASSWORD, Process, SECRET};
use futures::future::join_all;
use test_servers::{Mongo, Postgres, Redis};
use tokio::net::TcpListener;

const SERVE: [&str; 1] = ["serve"];
const CREATE: [&str; 5] = ["user", "create", "--email", "mina@example.com", "--password-stdin"];

/// What is set, and what the message has to say of it.
struct Fault {
    settings: Vec<(&'static str, String)>,
    variable: &'static str,
    reason: &'static str,
}

fn fault(variable: &'static str, value: impl Into<String>, reason: &'static str) -> Fault {
    Fault { settings: vec![(variable, value.into())], variable, reason }
}

/// Runs a command with nothing else set.
async fn fails(arguments: &[&str], secret: Option<&str>, fault: &Fault) -> Finished {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let defaults = [("HTTP_PORT", "0"), ("GATEWAY_PORT", "0"), ("GUERDON_DATA_DIR", data.as_str())];
    let defaults = defaults.into_iter().chain(secret.map(|secret| ("JWT_SECRET", secret)));
    let environment = defaults.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let more = fault.settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let environment: Vec<_> = environment.chain(more).collect();
    Process::run(arguments, &environment, PASSWORD).await
}

/// Every fault ends with exit code 1 and one line that names the variable and the reason, and no password anywhere.
async fn check(arguments: &[&str], faults: &[Fault]) {
    let failed = join_all(faults.iter().map(|fault| fails(arguments, Some(SECRET), fault))).await;
    for (Fault { settings, variable, reason }, Finished { code, stdout, stderr }) in faults.iter().zip(failed)
    {
        let told = format!("{settings:?}:\n{stdout}{stderr}");
        assert_eq!(code, Some(1), "{told}");
        assert_eq!(stderr.lines().count(), 1, "{told}");
        assert!(stderr.contains(variable) && stderr.contains(reason), "{told}");
        for secret in ["hunter", "for tests", "for%20tests", SECRET, PASSWORD] {
            assert!(!stdout.contains(secret) && !stderr.contains(secret), "{told}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_that_name_no_store_such_as_mongo_postgres_or_redis() {
    let schemes = "known:";
    let (mongo, postgres, redis) = ("is not a MongoDB URL", "is not a PostgreSQL URL", "TOKEN_DB_URL");
    let users = [
        fault("USER_DB_URL", "oracle://me:hunter2@db/users", schemes),
        fault("USER_DB_URL", "me:hunter2@db/users", schemes),
        fault("USER_DB_URL", "redis://me:hunter2@db", schemes),
        fault("USER_DB_URL", "mongodb://me:hunter/2@db/users", mongo),
        fault("USER_DB_URL", "postgres://me:hunter2@db:many/users", postgres),
        fault("MONGODB_URI", "oracle://me:hunter2@db", mongo),
        fault("MONGODB_URI", "me:hunter2@db", mongo),
    ];
    let others = [
        fault("EVENT_DB_URL", "oracle://me:hunter2@db/events", schemes),
        fault("EVENT_DB_URL", "postgres://me:hunter2@db/events", schemes),
        fault("EVENT_DB_URL", "mongodb://me:hunter2@db:many/events", mongo),
        fault("TOKEN_DB_URL", "carrier-pigeon://me:hunter2@roof", schemes),
        fault("TOKEN_DB_URL", "mongodb://me:hunter2@db", schemes),
        fault("TOKEN_DB_URL", "redis://me:hunter2@db:many", redis),
    ];
    check(&SERVE, &users).await;
    check(&SERVE, &others).await;
    check(&CREATE, &users).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongo_postgres_or_redis_that_refuses_the_credentials() {
    let (mongo, postgres) = (Mongo::start_locked(), Postgres::start());
    let redis = Redis::start_with(Some("the password for tests"));
    let refused = "refuses its credentials";
    let wrong_mongo = mongo.uri().replace("://", "://me:hunter2@");
    let wrong_redis = redis.url().replacen("the password for tests", "hunter2", 1);
    assert!(wrong_redis.contains("hunter2"), "{wrong_redis}");
    let users = [
        fault("USER_DB_URL", &wrong_mongo, refused),
        fault("USER_DB_URL", postgres.url_with_password("hunter2"), refused),
        fault("USER_DB_URL", postgres.url("no-such-database"), "no-such-database"),
        fault("MONGODB_URI", &wrong_mongo, refused),
        // Without any.
        fault("MONGODB_URI", mongo.uri(), refused),
    ];
    let others = [
        fault("EVENT_DB_URL", &wrong_mongo, refused),
        fault("TOKEN_DB_URL", &wrong_redis, refused),
        fault("TOKEN_DB_URL", format!("redis://127.0.0.1:{}", redis.port()), refused),
        Fault {
            settings: vec![("REDIS_HOST", "127.0.0.1".to_owned()), ("REDIS_PORT", redis.port().to_string())],
            variable: "REDIS_HOST",
            reason: refused,
        },
    ];
    check(&SERVE, &users).await;
    check(&SERVE, &others).await;
    check(&CREATE, &users).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mongo_postgres_or_redis_that_cannot_be_reached() {
    // Nobody accepts there; and nobody answers here.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = silent.local_addr().expect("an address").to_string();
    let unreachable = "cannot be reached";
    let faults = ["127.0.0.1:1", silent.as_str()].map(|host| {
        let url = |scheme: &str| format!("{scheme}://me:hunter2@{host}/");
        let port = host.rsplit(':').next().expect("a port").to_owned();
        [
            fault("USER_DB_URL", url("mongodb"), unreachable),
            fault("USER_DB_URL", url("postgres") + "users", unreachable),
            fault("EVENT_DB_URL", url("mongodb"), unreachable),
            fault("MONGODB_URI", url("mongodb"), unreachable),
            fault("TOKEN_DB_URL", url("redis"), unreachable),
            Fault {
                settings: vec![("REDIS_HOST", "127.0.0.1".to_owned()), ("REDIS_PORT", port)],
                variable: "REDIS_HOST",
                reason: unreachable,
            },
        ]
    });
    // Each waits for its store to come up, for a while: so all at once.
    check(&SERVE, faults.as_flattened()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_secret_would_not_do_beside_mongo_postgres_or_redis() {
    for (variable, value) in [
        ("USER_DB_URL", "mongodb://me:hunter2@db"),
        ("USER_DB_URL", "postgres://me:hunter2@db/users"),
        ("EVENT_DB_URL", "mongodb://me:hunter2@db"),
        ("TOKEN_DB_URL", "redis://:hunter2@db"),
        ("MONGODB_URI", "mongodb://me:hunter2@db"),
        ("REDIS_HOST", "db"),
    ] {
        for (secret, reason) in [(None, "JWT_SECRET is required"), (Some("hunter, too short"), "at least 32")]
        {
            let failed = fails(&SERVE, secret, &fault(variable, value, reason)).await;
            assert_eq!(failed.code, Some(1), "{}", failed.stderr);
            assert!(failed.stderr.contains(reason), "{}", failed.stderr);
            assert!(secret.is_some() || failed.stderr.contains(variable), "{}", failed.stderr);
            assert!(
                !failed.stderr.contains("hunter") && !failed.stdout.contains("hunter"),
                "{}",
                failed.stderr
            );
        }
    }
}
