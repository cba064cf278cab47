use std::{pin::pin, time::Duration};

use futures::future::join_all;

use super::*;

fn tried_password(text: &str) -> Password {
    Password::try_from(text.to_owned()).unwrap()
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_what_was_accepted_is_answered() {
    let pool = PasswordPool::with(1, 2);
    let full = pool.fill_queue().await;
    let refused = futures::poll!(pin!(pool.verify(tried_password("x"), None)));
    assert!(matches!(refused, std::task::Poll::Ready(Err(PasswordError::Busy))), "{refused:?}");
    drop(full);
    // The places become free one by one.
    let phc = loop {
        match pool.hash(tried_password("correct horse")).await {
            Err(PasswordError::Busy) => tokio::task::yield_now().await,
            answer => break answer.unwrap(),
        }
    };
    assert!(pool.verify(tried_password("correct horse"), Some(phc)).await.unwrap());
}

#[tokio::test]
async fn every_password_in_a_flood_is_answered_or_refused() {
    let pool = PasswordPool::with(1, 2);
    let answers = join_all((0..20).map(|_| pool.verify(tried_password("x"), None))).await;
    let refused = answers.iter().filter(|answer| matches!(answer, Err(PasswordError::Busy))).count();
    let answered = answers.iter().filter(|answer| matches!(answer, Ok(false))).count();
    assert_eq!(refused + answered, 20);
    assert!(answered >= 1, "{answered}");
}

#[tokio::test]
async fn a_queue_that_is_too_long_in_time_refuses_although_it_has_places() {
    let (pool, _jobs) = PasswordPool::without_threads(1, 1000);
    for _ in 0..100 {
        pool.load.record_cost(Duration::from_mins(1));
    }
    assert!(pool.enqueue_task(|_| Ok(())).is_ok());
    assert!(matches!(pool.enqueue_task(|_| Ok(())), Err(PasswordError::Busy)));
}

#[tokio::test]
async fn a_refused_password_leaves_its_place_to_others() {
    let (pool, jobs) = PasswordPool::without_threads(1, 1);
    let kept = pool.enqueue_task(|_| Ok(()));
    for _ in 0..1000 {
        assert!(matches!(pool.enqueue_task(|_| Ok(())), Err(PasswordError::Busy)));
    }
    assert!(jobs.recv().unwrap().run_at(Instant::now(), &mut Hasher::default()));
    assert!(pool.enqueue_task(|_| Ok(())).is_ok());
    drop(kept);
}

#[tokio::test]
async fn a_password_whose_turn_comes_too_late_is_not_hashed_and_its_caller_is_refused() {
    let (pool, jobs) = PasswordPool::without_threads(1, 10);
    let waiting = pool.enqueue_task(|_| -> Result<(), HashError> { panic!("worked for nobody") }).unwrap();
    let job = jobs.recv().unwrap();
    assert!(!job.run_at(Instant::now() + QUEUE_WAIT, &mut Hasher::default()));
    assert!(matches!(waiting.await, Ok(Err(PasswordError::Busy))));
}

#[tokio::test(start_paused = true)]
async fn a_caller_stops_waiting_for_a_thread_that_does_not_come() {
    let (pool, jobs) = PasswordPool::without_threads(1, 10);
    let began = tokio::time::Instant::now();
    let answer = pool.verify(tried_password("x"), None).await;
    assert!(matches!(answer, Err(PasswordError::Busy)), "{answer:?}");
    // On the test's own clock, which stands still but for the wait.
    assert!(began.elapsed() <= QUEUE_WAIT + Duration::from_millis(2), "{:?}", began.elapsed());
    assert!(!jobs.recv().unwrap().run_at(Instant::now(), &mut Hasher::default()), "worked for nobody");
}

#[tokio::test]
async fn nobody_waits_for_the_passwords_of_those_who_left() {
    let (pool, jobs) = PasswordPool::without_threads(1, 201);
    for _ in 0..20 {
        let left = pool.enqueue_task(|_| -> Result<(), HashError> { panic!("worked for somebody who left") });
        drop(left.unwrap());
    }
    let mut stays = pin!(pool.verify(tried_password("x"), None));
    assert!(futures::poll!(&mut stays).is_pending());
    let (load, figures) = (Arc::clone(&pool.load), pool.figures.clone());
    thread::spawn(move || run_jobs(&Mutex::new(jobs), &load, &figures, Hasher::default()));
    assert!(!stays.await.unwrap());
}

#[tokio::test]
async fn a_pool_without_threads_refuses() {
    let answer = PasswordPool::with(0, 10).hash(tried_password("x")).await;
    assert!(matches!(answer, Err(PasswordError::Stopped)), "{answer:?}");
}
