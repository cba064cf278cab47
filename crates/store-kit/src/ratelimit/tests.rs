use std::{io, sync::Arc, time::Instant as StdInstant};

use test_servers::{Redis as Server, RedisCluster};
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::ratelimit::contract::{self, equal_quotas};

async fn shared_limits(url: &str, quota: &str) -> RedisRateLimits {
    RedisRateLimits::new(Redis::connect(url, "token-db").await.unwrap(), &equal_quotas(quota))
}

async fn two_replicas(url: &str, quota: &str) -> [Arc<dyn RateLimits>; 2] {
    [Arc::new(shared_limits(url, quota).await), Arc::new(shared_limits(url, quota).await)]
}

async fn count_passed(limits: &RedisRateLimits, key: &str, tries: usize) -> usize {
    let mut passed = 0;
    for _ in 0..tries {
        passed += usize::from(limits.take(RateClass::Client, key).await.is_ok());
    }
    passed
}

#[tokio::test]
async fn an_empty_bucket_refuses_its_own_key_and_class_only() {
    let server = Server::start();
    contract::an_empty_bucket_refuses_its_own_key_and_class_only(&shared_limits(&server.url(), "3/h").await)
        .await;
    // Another replica, whose own buckets are full: it is Redis that refuses.
    let Err(RetryAfter(time)) = shared_limits(&server.url(), "3/h").await.take(RateClass::Login, "a").await
    else {
        panic!("not refused")
    };
    assert!(time > Duration::from_secs(1000) && time <= Duration::from_mins(20), "{time:?}");
}

#[tokio::test]
async fn a_bucket_refills_evenly() {
    let server = Server::start();
    contract::a_bucket_of_four_a_second_refills_evenly(&shared_limits(&server.url(), "4/s").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_tasks_on_two_replicas_take_no_more_than_the_bucket_holds() {
    let server = Server::start();
    let replicas = two_replicas(&server.url(), "20/h").await;
    contract::a_hundred_tasks_together_take_what_a_bucket_of_twenty_holds(&replicas).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_shares_buckets_too() {
    let cluster = RedisCluster::start();
    let replicas = two_replicas(&cluster.url(), "20/h").await;
    contract::a_hundred_tasks_together_take_what_a_bucket_of_twenty_holds(&replicas).await;
    for n in 0..50 {
        assert_eq!(replicas[n % 2].take(RateClass::Client, &n.to_string()).await, Ok(()));
    }
}

#[tokio::test]
async fn keys_expire_and_hold_no_addresses() {
    let server = Server::start();
    let redis = Redis::connect(&server.url(), "token-db").await.unwrap();
    let limits = RedisRateLimits::new(redis.clone(), &equal_quotas("3/h"));
    limits.take(RateClass::LoginAccount, "mina@example.com").await.unwrap();
    limits.take(RateClass::LoginAccount, "mina@example.com").await.unwrap();
    let keys: Vec<String> = redis.run(redis::cmd("KEYS").arg("*")).await.unwrap();
    let [key] = keys.as_slice() else { panic!("{keys:?}") };
    assert!(key.starts_with("rate_limit:login_account:") && !key.contains("mina"), "{key}");
    // Two of three taken: full again in forty minutes.
    let seconds: i64 = redis.run(redis::cmd("TTL").arg(key)).await.unwrap();
    assert!((2390..=2400).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn whatever_a_key_holds_a_bucket_is_never_emptier_than_empty() {
    let server = Server::start();
    let redis = Redis::connect(&server.url(), "token-db").await.unwrap();
    let limits = RedisRateLimits::new(redis.clone(), &equal_quotas("3/h"));
    // A clock that was a year ahead, and nonsense.
    let key = bucket_key(RateClass::Client, "a");
    redis.run::<()>(redis::cmd("SET").arg(&key).arg("9999999999999999")).await.unwrap();
    let Err(RetryAfter(time)) = limits.take(RateClass::Client, "a").await else { panic!("not refused") };
    assert!(time <= Duration::from_mins(20), "{time:?}");
    redis.run::<()>(redis::cmd("SET").arg(&key).arg("nonsense")).await.unwrap();
    assert_eq!(limits.take(RateClass::Client, "a").await, Ok(()));
}

/// Collects the log of a test.
#[derive(Clone, Default)]
struct CapturedLog(Arc<std::sync::Mutex<Vec<u8>>>);

impl io::Write for CapturedLog {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for CapturedLog {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl CapturedLog {
    fn count(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).matches(text).count()
    }
}

#[tokio::test]
async fn without_redis_each_process_holds_the_limits_and_says_so_once() {
    let mut server = Server::start();
    let log = CapturedLog::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let limits = shared_limits(&server.url(), "20/h").await;
    assert_eq!(count_passed(&limits, "a", 5).await, 5);
    for round in 1..=2 {
        server.kill();
        // What was taken before the outage counts in it.
        assert_eq!(count_passed(&limits, "a", 100).await, if round == 1 { 15 } else { 0 });
        assert_eq!(count_passed(&limits, &round.to_string(), 100).await, 20);
        assert_eq!(log.count("rate limits are not shared until Redis answers"), round);
        server.restart();
        let deadline = StdInstant::now() + Duration::from_secs(5);
        let mut other = 0;
        while log.count("rate limits are shared again") < round {
            assert!(StdInstant::now() < deadline, "Redis is not asked again");
            tokio::time::sleep(Duration::from_millis(50)).await;
            other += 1;
            limits.take(RateClass::Register, &other.to_string()).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_never_answers_delays_few_requests_and_no_more_pass() {
    let mut server = Server::start();
    let limits = Arc::new(shared_limits(&server.url(), "20/h").await);
    server.freeze();
    // One of them waits; a thousand times that would be minutes.
    let passed = tokio::time::timeout(Duration::from_mins(1), count_passed(&limits, "a", 1000)).await;
    assert_eq!(passed.expect("not every request waits"), 20);
    server.thaw();
}

mod memory {
    use service_kit::ratelimit::{MemoryRateLimits, RateClass, RateLimits};

    use super::{Arc, contract, equal_quotas};

    #[tokio::test]
    async fn an_empty_bucket_refuses_its_own_key_and_class_only() {
        let limits = MemoryRateLimits::new(&equal_quotas("3/h"));
        contract::an_empty_bucket_refuses_its_own_key_and_class_only(&limits).await;
        limits.sweep();
        assert!(limits.take(RateClass::Login, "a").await.is_err());
    }

    #[tokio::test]
    async fn a_bucket_refills_evenly() {
        contract::a_bucket_of_four_a_second_refills_evenly(&MemoryRateLimits::new(&equal_quotas("4/s")))
            .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_hundred_tasks_together_take_no_more_than_the_bucket_holds() {
        let limits: Arc<dyn RateLimits> = Arc::new(MemoryRateLimits::new(&equal_quotas("20/h")));
        contract::a_hundred_tasks_together_take_what_a_bucket_of_twenty_holds(&[limits]).await;
    }
}
