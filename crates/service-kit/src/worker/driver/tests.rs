use std::sync::atomic::{AtomicU64, Ordering};

use domain::ManualClock;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::{sync::Semaphore, task::JoinHandle, time::Instant};

use super::*;

const PERIOD: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
#[error("the store is down")]
struct StoreDown;

/// What the worker of these tests meets.
#[derive(Default)]
struct Surroundings {
    steps: AtomicU64,
    waiting: AtomicU64,
    failing: AtomicU64,
    panicking: AtomicU64,
}

struct TestWorker(Arc<Surroundings>);

impl Worker for TestWorker {
    type Error = StoreDown;

    fn name(&self) -> &'static str {
        "test_worker"
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    async fn step(&self) -> Result<StepReport, StoreDown> {
        self.0.steps.fetch_add(1, Ordering::SeqCst);
        assert_eq!(self.0.panicking.load(Ordering::SeqCst), 0, "told to panic");
        if self.0.failing.load(Ordering::SeqCst) > 0 {
            return Err(StoreDown);
        }
        let Ok(waited) = self.0.waiting.try_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
        else {
            return Ok(StepReport::default());
        };
        let oldest_waiting = (waited > 1).then_some(Duration::from_secs(3));
        Ok(StepReport { processed: 1, oldest_waiting })
    }
}

struct Running {
    surroundings: Arc<Surroundings>,
    wake_up: WakeUp,
    stop: CancellationToken,
    ended: JoinHandle<()>,
}

impl Running {
    fn start(surroundings: Surroundings) -> Self {
        let (surroundings, wake_up, stop) = (Arc::new(surroundings), WakeUp::new(), CancellationToken::new());
        let clock = ManualClock::new("2026-05-01T09:00:00Z".parse().unwrap());
        let mut workers = WorkerSet::new(stop.clone(), Arc::new(clock));
        workers.start_woken_by(wake_up.clone(), TestWorker(Arc::clone(&surroundings)));
        Self { surroundings, wake_up, stop, ended: tokio::spawn(workers.run_to_end()) }
    }

    /// The steps done once this time has gone by.
    async fn steps_after(&self, time: Duration) -> u64 {
        sleep(time).await;
        self.surroundings.steps.load(Ordering::SeqCst)
    }
}

const A_MOMENT: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn a_worker_steps_at_once_and_then_every_period() {
    let running = Running::start(Surroundings::default());
    assert_eq!(running.steps_after(A_MOMENT).await, 1);
    assert_eq!(running.steps_after(Duration::from_secs(8)).await, 1);
    assert_eq!(running.steps_after(Duration::from_secs(4)).await, 2);
    let later = running.steps_after(PERIOD * 100).await;
    assert!((90..=115).contains(&later), "{later}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_goes_on_while_there_is_more_to_do() {
    let running = Running::start(Surroundings { waiting: 50.into(), ..Surroundings::default() });
    assert_eq!(running.steps_after(A_MOMENT).await, 50);
}

#[tokio::test(start_paused = true)]
async fn a_wake_up_makes_a_waiting_worker_step_at_once() {
    let running = Running::start(Surroundings::default());
    assert_eq!(running.steps_after(A_MOMENT).await, 1);
    running.wake_up.call();
    assert_eq!(running.steps_after(A_MOMENT).await, 2);
    for _ in 0..100 {
        running.wake_up.call();
    }
    // One call is remembered while the step for another is under way, and no more.
    assert!(running.steps_after(A_MOMENT).await <= 4);
}

#[tokio::test(start_paused = true)]
async fn a_failing_worker_is_tried_ever_more_rarely_whoever_calls_it_and_recovers() {
    let running = Running::start(Surroundings { failing: 1.into(), ..Surroundings::default() });
    for (after, steps) in [(10, 1), (600, 2), (1_200, 3), (2_400, 4), (4_800, 5)] {
        running.wake_up.call();
        assert_eq!(running.steps_after(Duration::from_millis(after)).await, steps);
    }
    let before = running.steps_after(Duration::from_mins(10)).await;
    let after = running.steps_after(Duration::from_mins(10)).await;
    assert!((9..=12).contains(&(after - before)), "about once a minute, not {} in 10", after - before);
    running.surroundings.failing.store(0, Ordering::SeqCst);
    running.surroundings.waiting.store(100, Ordering::SeqCst);
    let recovered = running.steps_after(Duration::from_secs(67)).await;
    assert!(recovered >= after + 100, "{recovered}");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_panics_does_not_end_the_worker() {
    let running = Running::start(Surroundings { panicking: 1.into(), ..Surroundings::default() });
    running.steps_after(A_MOMENT).await;
    running.surroundings.panicking.store(0, Ordering::SeqCst);
    assert!(running.steps_after(PERIOD * 3).await >= 3);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stops_wakes_its_waiting_workers_to_end() {
    let running = Running::start(Surroundings::default());
    running.steps_after(A_MOMENT).await;
    let before = Instant::now();
    running.stop.cancel();
    running.ended.await.unwrap();
    assert!(before.elapsed() < A_MOMENT);
    assert_eq!(running.surroundings.steps.load(Ordering::SeqCst), 1);
}

/// Steps until it is let go.
struct SlowWorker {
    go: Arc<Semaphore>,
    finished: Arc<AtomicU64>,
}

impl Worker for SlowWorker {
    type Error = StoreDown;

    fn name(&self) -> &'static str {
        "slow_worker"
    }

    fn period(&self) -> Duration {
        PERIOD
    }

    async fn step(&self) -> Result<StepReport, StoreDown> {
        let _go = self.go.acquire().await;
        self.finished.fetch_add(1, Ordering::SeqCst);
        Ok(StepReport::finished(1))
    }
}

fn slow() -> (Arc<Semaphore>, Arc<AtomicU64>, CancellationToken, JoinHandle<()>) {
    let (go, finished, stop) = (Arc::new(Semaphore::new(0)), Arc::default(), CancellationToken::new());
    let clock = ManualClock::new("2026-05-01T09:00:00Z".parse().unwrap());
    let mut workers = WorkerSet::new(stop.clone(), Arc::new(clock));
    workers.start(SlowWorker { go: Arc::clone(&go), finished: Arc::clone(&finished) });
    (go, finished, stop, tokio::spawn(workers.run_to_end()))
}

#[tokio::test(start_paused = true)]
async fn a_step_under_way_is_finished_before_the_end() {
    let (go, finished, stop, ended) = slow();
    sleep(A_MOMENT).await;
    stop.cancel();
    sleep(budget::DRAIN / 2).await;
    assert!(!ended.is_finished());
    go.add_permits(1);
    ended.await.unwrap();
    assert_eq!(finished.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_hangs_does_not_keep_the_process_from_ending() {
    let (_go, finished, stop, ended) = slow();
    sleep(A_MOMENT).await;
    stop.cancel();
    let before = Instant::now();
    ended.await.unwrap();
    assert_eq!(before.elapsed(), budget::DRAIN);
    assert_eq!(finished.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn runs_failures_backlog_and_last_success_are_told() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _local = metrics::set_default_local_recorder(&recorder);
    let shown = |line: &str| {
        let text = recorder.handle().render();
        assert!(text.lines().any(|shown| shown == line), "no {line} in\n{text}");
    };
    let running = Running::start(Surroundings { waiting: 2.into(), ..Surroundings::default() });
    running.steps_after(A_MOMENT).await;
    shown("guerdon_worker_runs_total{worker=\"test_worker\"} 2");
    shown("guerdon_worker_processed_total{worker=\"test_worker\"} 2");
    shown("guerdon_worker_backlog_age_seconds{worker=\"test_worker\"} 0");
    shown("guerdon_worker_last_success_timestamp_seconds{worker=\"test_worker\"} 1777626000");
    running.surroundings.failing.store(1, Ordering::SeqCst);
    running.wake_up.call();
    running.steps_after(A_MOMENT).await;
    shown("guerdon_worker_runs_total{worker=\"test_worker\"} 3");
    shown("guerdon_worker_failures_total{worker=\"test_worker\"} 1");
}
