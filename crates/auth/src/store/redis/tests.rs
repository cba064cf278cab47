use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{Clock, ObjectId, SystemClock};
use redis::{aio::MultiplexedConnection, cmd};
use serde_json::{Value, json};
use test_servers::{Redis as Server, RedisCluster, RedisSentinel};

use super::*;
use crate::store::contract::access_tokens::{self as contract, issued_token};

async fn open_database(url: &str) -> Arc<RedisTokenDb> {
    Arc::new(RedisTokenDb::new(Redis::connect(url, "token-db").await.unwrap()))
}

/// Past this crate, as somebody with redis-cli would.
async fn open_raw(server: &Server) -> MultiplexedConnection {
    redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

fn test_time() -> Timestamp {
    "2026-05-01T09:00:00.250Z".parse().unwrap()
}

async fn is_valid(db: &RedisTokenDb, user: UserId, token: &str) -> bool {
    db.check_many(&[(user, token.to_owned())]).await.unwrap() == [true]
}

#[tokio::test]
async fn only_the_latest_token_of_a_user_counts() {
    let server = Server::start();
    let db = open_database(&server.url()).await;
    contract::only_the_latest_token_of_a_user_counts(&*db).await;
    contract::what_was_displaced_is_told_and_can_be_put_back(&*db, SystemClock.now()).await;
    contract::what_was_removed_is_told_and_can_be_given_back(&*db, SystemClock.now()).await;
}

#[tokio::test]
async fn a_token_that_is_put_back_expires_when_it_would_have_anyway() {
    let server = Server::start();
    let db = open_database(&server.url()).await;
    let (user, token) = issued_token(1, "a", SystemClock.now().plus_seconds(-600));
    let mut raw = open_raw(&server).await;
    db.put(user, &issued_token(1, "b", SystemClock.now()).1).await.unwrap();
    db.take_back(user, "b", Some(&token)).await.unwrap();
    let left: i64 = cmd("TTL").arg(token_key(user)).query_async(&mut raw).await.unwrap();
    assert!((200..=300).contains(&left), "{left}");
    let removed = db.remove(user).await.unwrap().unwrap();
    db.give_back(user, &removed).await.unwrap();
    let left: i64 = cmd("TTL").arg(token_key(user)).query_async(&mut raw).await.unwrap();
    assert!((200..=300).contains(&left), "{left}");
}

#[tokio::test]
async fn a_full_server_refuses_a_token_and_keeps_the_one_that_counts() {
    let server = Server::start();
    let db = open_database(&server.url()).await;
    let (user, token) = issued_token(1, "a", test_time());
    db.put(user, &token).await.unwrap();
    let mut raw = open_raw(&server).await;
    cmd("CONFIG").arg("SET").arg("maxmemory").arg("1").query_async::<()>(&mut raw).await.unwrap();
    let refused = db.put(user, &issued_token(1, "b", test_time()).1).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused}");
    assert!(is_valid(&db, user, "a").await);
    // Ending a session needs no room.
    assert_eq!(db.remove(user).await.unwrap().unwrap().token, "a");
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_ones_own_token_never_removes_a_later_one() {
    let server = Server::start();
    contract::removing_ones_own_token_never_removes_a_later_one(open_database(&server.url()).await).await;
}

#[tokio::test]
async fn a_key_is_what_the_specification_says_and_expires_with_the_token() {
    let server = Server::start();
    let (user, token) = issued_token(0xab, "header.claims.signature", test_time());
    open_database(&server.url()).await.put(user, &token).await.unwrap();
    let mut raw = open_raw(&server).await;
    let key = "access_token:abababababababababababab";
    assert_eq!(cmd("KEYS").arg("*").query_async::<Vec<String>>(&mut raw).await.unwrap(), [key]);
    let value: String = cmd("GET").arg(key).query_async(&mut raw).await.unwrap();
    let expected = json!({
        "token": "header.claims.signature",
        "issuedAt": "2026-05-01T09:00:00.250Z",
        "expiresAt": "2026-05-01T09:15:00.250Z",
    });
    assert_eq!(serde_json::from_str::<Value>(&value).unwrap(), expected);
    let milliseconds: i64 = cmd("PTTL").arg(key).query_async(&mut raw).await.unwrap();
    // Set in the same command; the rest is the time this test takes.
    assert!((860_000..=900_000).contains(&milliseconds), "{milliseconds}");
}

#[tokio::test]
async fn a_token_stops_counting_when_its_key_expires() {
    let server = Server::start();
    let db = open_database(&server.url()).await;
    let (user, token) = issued_token(1, "a", test_time());
    db.put(user, &token).await.unwrap();
    assert!(is_valid(&db, user, "a").await);
    let mut raw = open_raw(&server).await;
    cmd("EXPIRE").arg(token_key(user)).arg(1).query_async::<()>(&mut raw).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while is_valid(&db, user, "a").await {
        assert!(Instant::now() < deadline, "it never expires");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // A new login starts the time again.
    db.put(user, &token).await.unwrap();
    cmd("EXPIRE").arg(token_key(user)).arg(5).query_async::<()>(&mut raw).await.unwrap();
    db.put(user, &token).await.unwrap();
    let seconds: i64 = cmd("TTL").arg(token_key(user)).query_async(&mut raw).await.unwrap();
    assert!(seconds > 800, "{seconds}");
}

#[tokio::test]
async fn a_record_that_does_not_read_is_nobodys_token_and_spoils_no_other_answer() {
    let server = Server::start();
    let db = open_database(&server.url()).await;
    let mut raw = open_raw(&server).await;
    let (good, token) = issued_token(1, "good", test_time());
    db.put(good, &token).await.unwrap();
    let mut asked = vec![(good, "good".to_owned())];
    let records: [&[u8]; 6] =
        [b"", b"nonsense", b"\xff\xfe", b"[]", b"{\"token\":7}", b"{\"token\":\"bad\"}"];
    for (n, record) in (2..).zip(records) {
        let user = UserId(ObjectId::from_bytes([n; 12]));
        cmd("SET").arg(token_key(user)).arg(record).query_async::<()>(&mut raw).await.unwrap();
        asked.push((user, "bad".to_owned()));
    }
    let hash = UserId(ObjectId::from_bytes([9; 12]));
    cmd("HSET").arg(token_key(hash)).arg("token").arg("bad").query_async::<()>(&mut raw).await.unwrap();
    asked.push((hash, "bad".to_owned()));
    asked.push((good, "good".to_owned()));
    let answers = db.check_many(&asked).await.unwrap();
    assert_eq!(answers, [true, false, false, false, false, false, false, false, true]);
    // Only what is certainly this token is removed, and a login repairs the rest.
    for (user, token) in &asked[1..7] {
        db.take_back(*user, &format!("not {token}"), None).await.unwrap();
        db.put(*user, &issued_token(1, "new", test_time()).1).await.unwrap();
        assert!(is_valid(&db, *user, "new").await);
    }
}

#[tokio::test]
async fn an_outage_is_an_error_and_never_a_no() {
    let mut server = Server::start();
    let db = open_database(&server.url()).await;
    let (user, token) = issued_token(1, "a", test_time());
    db.put(user, &token).await.unwrap();
    for frozen in [false, true] {
        if frozen {
            server.freeze();
        } else {
            server.kill();
        }
        let asked = [(user, "a".to_owned())];
        let limit = Duration::from_secs(20);
        let errors = tokio::time::timeout(limit, async {
            [
                db.check_many(&asked).await.map(drop),
                db.put(user, &token).await.map(drop),
                db.remove(user).await.map(drop),
                db.take_back(user, "a", None).await,
                db.take_back(user, "a", Some(&token)).await,
                db.give_back(user, &token).await,
            ]
        });
        for outcome in errors.await.unwrap() {
            let error = outcome.unwrap_err();
            assert!(matches!(error, StoreError::Unavailable { store: "token-db", .. }), "{error}");
        }
        assert!(!db.answers().await);
        if frozen {
            server.thaw();
        } else {
            server.restart();
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        while !db.answers().await {
            assert!(Instant::now() < deadline, "it does not come back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if !frozen {
            // What was acknowledged before the kill is there; nothing was done during it.
            assert!(is_valid(&db, user, "a").await);
        }
        db.put(user, &token).await.unwrap();
        assert!(is_valid(&db, user, "a").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_keeps_every_promise_of_a_single_server() {
    let cluster = RedisCluster::start();
    let db = open_database(&cluster.url()).await;
    contract::only_the_latest_token_of_a_user_counts(&*db).await;
    contract::what_was_displaced_is_told_and_can_be_put_back(&*db, SystemClock.now()).await;
    contract::what_was_removed_is_told_and_can_be_given_back(&*db, SystemClock.now()).await;
    contract::removing_ones_own_token_never_removes_a_later_one(db.clone()).await;
    let mut asked = Vec::new();
    for n in 0..100 {
        let (user, token) = issued_token(n, &format!("token {n}"), test_time());
        db.put(user, &token).await.unwrap();
        asked.push((user, if n % 3 == 0 { "another".to_owned() } else { token.token }));
    }
    asked.push(asked[1].clone());
    let expected: Vec<_> = (0..100).map(|n| n % 3 != 0).chain([true]).collect();
    assert_eq!(db.check_many(&asked).await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_sentinels_tokens_survive_a_failover() {
    let mut servers = RedisSentinel::start();
    let db = open_database(&servers.url()).await;
    contract::only_the_latest_token_of_a_user_counts(&*db).await;
    contract::what_was_displaced_is_told_and_can_be_put_back(&*db, SystemClock.now()).await;
    contract::what_was_removed_is_told_and_can_be_given_back(&*db, SystemClock.now()).await;
    contract::removing_ones_own_token_never_removes_a_later_one(db.clone()).await;
    let (user, token) = issued_token(7, "a", test_time());
    db.put(user, &token).await.unwrap();
    servers.wait_until_the_replica_has(&token_key(user));
    servers.kill_master();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match db.check_many(&[(user, "a".to_owned())]).await {
            Ok(answer) => break assert_eq!(answer, [true]),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (user, token) = issued_token(8, "b", test_time());
    db.put(user, &token).await.unwrap();
    assert!(is_valid(&db, user, "b").await);
}
