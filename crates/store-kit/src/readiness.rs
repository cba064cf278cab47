//! Whether a store can do its work: asked by a write that must reach its disk, and not too often.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use service_kit::health::Dependency;
use tokio::{sync::Mutex, time::Instant};

/// How long a verdict counts: probes, however many, cost a store one small write a second.
const VERDICT_LIFE: Duration = Duration::from_secs(1);

/// The table of one row that readiness writes to. On SQLite and PostgreSQL alike.
pub(crate) const CREATE_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS readiness (id BIGINT NOT NULL PRIMARY KEY, checks BIGINT NOT NULL)";
/// Changes that row, so that the write cannot be left out.
pub(crate) const COUNT_CHECK: &str = "INSERT INTO readiness (id, checks) VALUES (1, 1) \
    ON CONFLICT (id) DO UPDATE SET checks = readiness.checks + 1";
/// The row, and where the schema begins.
pub(crate) const READ_CHECK: &str = "SELECT checks FROM readiness WHERE id = 1";

/// A dependency that is asked at most once a second; who asks in between gets the last verdict.
pub struct CachedReadiness {
    dependency: Arc<dyn Dependency>,
    /// Held while the dependency is asked, so that many who ask together are one question.
    verdict: Mutex<Option<(Instant, bool)>>,
}

impl CachedReadiness {
    /// Asks this dependency.
    pub fn new(dependency: Arc<dyn Dependency>) -> Self {
        Self { dependency, verdict: Mutex::new(None) }
    }
}

impl fmt::Debug for CachedReadiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedReadiness").field("dependency", &self.dependency.name()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Dependency for CachedReadiness {
    fn name(&self) -> &'static str {
        self.dependency.name()
    }

    async fn answers(&self) -> bool {
        let mut verdict = self.verdict.lock().await;
        if let Some((at, answers)) = *verdict
            && at.elapsed() < VERDICT_LIFE
        {
            return answers;
        }
        let answers = self.dependency.answers().await;
        *verdict = Some((Instant::now(), answers));
        answers
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;

    /// Answers every second question.
    #[derive(Default)]
    struct CountingDependency(AtomicUsize);

    #[async_trait]
    impl Dependency for CountingDependency {
        fn name(&self) -> &'static str {
            "test-db"
        }

        async fn answers(&self) -> bool {
            tokio::task::yield_now().await;
            self.0.fetch_add(1, Ordering::SeqCst).is_multiple_of(2)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_probes_within_a_second_are_one_question() {
        let asked = Arc::new(CountingDependency::default());
        let cached = CachedReadiness::new(Arc::<CountingDependency>::clone(&asked));
        for expected in [true, false, true] {
            let verdicts = join_all((0..1000).map(|_| cached.answers())).await;
            assert!(verdicts.into_iter().all(|verdict| verdict == expected));
            tokio::time::advance(VERDICT_LIFE).await;
        }
        assert_eq!(asked.0.load(Ordering::SeqCst), 3);
    }
}
