//! What every place for buckets must do.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use service_kit::ratelimit::{RateClass, RateLimits, RateQuotas, RetryAfter};

pub(super) fn equal_quotas(text: &str) -> RateQuotas {
    let quota = text.parse().unwrap();
    RateQuotas::from_fn(|_| quota)
}

/// With quotas of `3/h`.
pub(super) async fn an_empty_bucket_refuses_its_own_key_and_class_only(limits: &dyn RateLimits) {
    for _ in 0..3 {
        assert_eq!(limits.take(RateClass::Login, "a").await, Ok(()));
    }
    for _ in 0..3 {
        let Err(RetryAfter(time)) = limits.take(RateClass::Login, "a").await else { panic!("not refused") };
        // The first of three comes back after a third of the hour, and a refusal does not put that off.
        assert!(time > Duration::from_secs(1000) && time <= Duration::from_mins(20), "{time:?}");
    }
    assert_eq!(limits.take(RateClass::Login, "b").await, Ok(()));
    for class in [
        RateClass::LoginAccount,
        RateClass::Register,
        RateClass::Refresh,
        RateClass::Client,
        RateClass::Account,
    ] {
        assert_eq!(limits.take(class, "a").await, Ok(()), "{class:?}");
    }
}

/// With quotas of `4/s`.
pub(super) async fn a_bucket_of_four_a_second_refills_evenly(limits: &dyn RateLimits) {
    for round in 0..3 {
        let mut taken = 0;
        let RetryAfter(time) = loop {
            match limits.take(RateClass::Client, "a").await {
                Ok(()) => taken += 1,
                Err(wait) => break wait,
            }
            assert!(taken < 100, "no limit");
        };
        assert!(round > 0 || taken >= 4, "{taken}");
        assert!(time <= Duration::from_millis(250), "{time:?}");
        tokio::time::sleep(time).await;
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Err(RetryAfter(time)) = limits.take(RateClass::Client, "a").await {
            assert!(Instant::now() < deadline, "it does not refill");
            tokio::time::sleep(time).await;
        }
    }
}

/// With quotas of `20/h`, on replicas that share their buckets.
pub(super) async fn a_hundred_tasks_together_take_what_a_bucket_of_twenty_holds(
    replicas: &[Arc<dyn RateLimits>],
) {
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let limits = Arc::clone(&replicas[n % replicas.len()]);
            tokio::spawn(async move { limits.take(RateClass::LoginAccount, "a").await.is_ok() })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        passed += usize::from(task.await.unwrap());
    }
    assert_eq!(passed, 20);
}
