use std::time::{Duration, Instant};

use redis::{Pipeline, Script};
use test_servers::{Redis as Server, RedisCluster, RedisSentinel};

use super::*;

async fn connect_to(url: &str) -> Redis {
    Redis::connect(url, "token-db").await.unwrap()
}

async fn refuse_connection(url: &str) -> RedisConnectError {
    Redis::connect(url, "token-db").await.unwrap_err()
}

fn set_command(key: &str, value: u32) -> Cmd {
    let mut command = redis::cmd("SET");
    command.arg(key).arg(value);
    command
}

fn get_command(key: &str) -> Cmd {
    let mut command = redis::cmd("GET");
    command.arg(key);
    command
}

/// Asks until Redis answers again, for at most five seconds.
async fn answers_within_five_seconds(redis: &Redis) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while let Err(error) = redis.run::<()>(&set_command("again", 1)).await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(redis.answers().await);
}

#[tokio::test]
async fn commands_pipelines_and_scripts_run_on_one_server() {
    let server = Server::start();
    let redis = connect_to(&format!("{}/1", server.url())).await;
    redis.run::<()>(&set_command("a", 1)).await.unwrap();
    assert_eq!(redis.run::<u32>(&get_command("a")).await.unwrap(), 1);
    let mut pipeline = Pipeline::new();
    pipeline.add_command(set_command("b", 2)).ignore().add_command(get_command("b"));
    assert_eq!(redis.run::<(u32,)>(&pipeline).await.unwrap(), (2,));
    let script = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    let mut invocation = script.key("a");
    assert_eq!(redis.run::<u32>(invocation.arg(41)).await.unwrap(), 42);
    assert_eq!(redis.run::<Option<u32>>(&get_command("c")).await.unwrap(), None);
    // The database of the URL is the one used.
    assert_eq!(connect_to(&server.url()).await.run::<Option<u32>>(&get_command("a")).await.unwrap(), None);
}

#[tokio::test]
async fn start_up_says_what_is_wrong_and_never_the_password() {
    let locked = Server::start_with(Some("right"));
    let open = Server::start();
    let host = |server: &Server| format!("127.0.0.1:{}", server.port());
    for url in [
        format!("redis://:wr0ng@{}", host(&locked)),
        format!("redis://{}", host(&locked)),
        format!("redis://guerdon:wr0ng@{}", host(&locked)),
        format!("redis+cluster://:wr0ng@{}", host(&locked)),
        // A server that knows no password takes none.
        format!("redis://:wr0ng@{}", host(&open)),
    ] {
        let error = refuse_connection(&url).await;
        assert!(matches!(error, RedisConnectError::Credentials(_)), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("wr0ng"), "{error}");
    }
    let mut gone = Server::start();
    gone.kill();
    for url in [
        gone.url(),
        format!("redis+cluster://:wr0ng@{}", host(&gone)),
        format!("redis+sentinel://:wr0ng@{}/guerdon", host(&gone)),
        // No Sentinel, no node of a cluster, no TLS.
        format!("redis+sentinel://{}/guerdon", host(&open)),
        format!("redis+cluster://{}", host(&open)),
        format!("rediss://{}", host(&open)),
        format!("rediss+cluster://{}", host(&open)),
    ] {
        let error = refuse_connection(&url).await;
        assert!(matches!(error, RedisConnectError::Unreachable(_)), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("wr0ng"), "{error}");
    }
    assert!(matches!(refuse_connection("redis://:wr0ng").await, RedisConnectError::Url(_)));
    assert!(connect_to(&locked.url()).await.answers().await);
}

#[tokio::test]
async fn a_killed_server_is_an_outage_until_it_is_back() {
    let mut server = Server::start();
    let redis = connect_to(&server.url()).await;
    redis.run::<()>(&set_command("a", 1)).await.unwrap();
    server.kill();
    for _ in 0..3 {
        let error = redis.run::<u32>(&get_command("a")).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { store: "token-db", .. }), "{error}");
    }
    assert!(!redis.answers().await);
    server.restart();
    answers_within_five_seconds(&redis).await;
    assert_eq!(redis.run::<u32>(&get_command("a")).await.unwrap(), 1);
}

#[tokio::test]
async fn a_restart_while_nobody_asks_is_not_noticed() {
    let mut server = Server::start();
    let redis = connect_to(&server.url()).await;
    for n in 0..5 {
        server.kill();
        server.restart();
        redis.run::<()>(&set_command("a", n)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_holds_nobody_for_long() {
    let mut server = Server::start();
    let redis = connect_to(&server.url()).await;
    server.freeze();
    // More than fit into the queue of the connection.
    let tasks: Vec<_> = (0..3000)
        .map(|_| {
            let redis = redis.clone();
            tokio::spawn(async move { redis.run::<Option<u32>>(&get_command("a")).await.is_err() })
        })
        .collect();
    let all = async {
        for task in tasks {
            assert!(task.await.unwrap());
        }
    };
    timeout(Duration::from_secs(30), all).await.unwrap();
    assert!(!redis.answers().await);
    server.thaw();
    answers_within_five_seconds(&redis).await;
}

#[tokio::test]
async fn errors_never_repeat_what_was_sent() {
    let server = Server::start();
    let redis = connect_to(&server.url()).await;
    let mut unknown = redis::cmd("NOSUCHCOMMAND");
    unknown.arg("secret token");
    let error = redis.run::<()>(&unknown).await.unwrap_err().to_string();
    assert!(error.contains("unknown command") && !error.contains("secret"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_takes_every_key_and_comes_back_after_losing_a_node() {
    let mut cluster = RedisCluster::start();
    // Any node leads to the others.
    let redis = connect_to(&format!("redis+cluster://{}", cluster.addresses()[1])).await;
    let script = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for n in 0..100 {
        redis.run::<()>(&set_command(&n.to_string(), n)).await.unwrap();
        let key = n.to_string();
        assert_eq!(redis.run::<u32>(script.key(&key).arg(1000)).await.unwrap(), 1000 + n);
    }
    assert!(redis.answers().await);
    cluster.kill(0);
    let mut failed = 0;
    for n in 0..10 {
        failed += usize::from(redis.run::<u32>(&get_command(&n.to_string())).await.is_err());
    }
    assert!(failed > 0);
    // The others notice within their own time limit.
    let deadline = Instant::now() + Duration::from_secs(10);
    while redis.answers().await {
        assert!(Instant::now() < deadline, "a lost node goes unnoticed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cluster.restart(0);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !redis.answers().await {
        assert!(Instant::now() < deadline, "the cluster does not come back");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for n in 0..100 {
        redis.run::<()>(&set_command(&n.to_string(), n)).await.unwrap();
    }
}

/// Writes until a write arrives at the former replica.
async fn writes_reach_the_replica(redis: &Redis, servers: &RedisSentinel) {
    let replica = connect_to(&servers.replica_url()).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut info = redis::cmd("INFO");
    info.arg("replication");
    while !replica.run::<String>(&info).await.is_ok_and(|info| info.contains("role:master")) {
        assert!(Instant::now() < deadline, "no failover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    while redis.run::<()>(&set_command("a", 3)).await.is_err()
        || replica.run::<Option<u32>>(&get_command("a")).await.unwrap() != Some(3)
    {
        assert!(Instant::now() < deadline, "no write arrives");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn when_the_master_is_gone_the_sentinels_are_asked_again() {
    let mut servers = RedisSentinel::start();
    let redis = connect_to(&servers.url()).await;
    redis.run::<()>(&set_command("a", 1)).await.unwrap();
    servers.kill_master();
    assert!(redis.run::<()>(&set_command("a", 2)).await.is_err());
    writes_reach_the_replica(&redis, &servers).await;
}

#[tokio::test]
async fn when_the_master_becomes_a_replica_the_sentinels_are_asked_again() {
    let servers = RedisSentinel::start();
    let redis = connect_to(&servers.url()).await;
    redis.run::<()>(&set_command("a", 1)).await.unwrap();
    servers.fail_over();
    writes_reach_the_replica(&redis, &servers).await;
}

#[tokio::test]
async fn sentinels_with_other_credentials_are_refused_at_start_up() {
    let servers = RedisSentinel::start();
    for (right, wrong) in [("of-the-servers", "wr0ng"), ("of-the-sentinel", "wr0ng")] {
        let error = refuse_connection(&servers.url().replace(right, wrong)).await;
        assert!(matches!(error, RedisConnectError::Credentials(_)), "{error}");
        assert!(!error.to_string().contains(wrong), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_writes_is_not_ready() {
    let (server, other) = (Server::start(), Server::start());
    let redis = connect_to(&server.url()).await;
    let configure =
        async |arguments: &[&str]| redis.run::<()>(redis::cmd("CONFIG").arg("SET").arg(arguments)).await;
    assert!(redis.answers().await);
    // Full.
    configure(&["maxmemory-policy", "noeviction"]).await.unwrap();
    configure(&["maxmemory", "1"]).await.unwrap();
    assert!(!redis.answers().await);
    configure(&["maxmemory", "0"]).await.unwrap();
    assert!(redis.answers().await);
    // A replica, which does not take writes.
    let port = other.port().to_string();
    redis.run::<()>(redis::cmd("REPLICAOF").arg("127.0.0.1").arg(port)).await.unwrap();
    assert!(!redis.answers().await);
}
