//! The use cases: what the service decides. They know ports, clocks and typed errors, but no HTTP.

pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod passwords;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod users;

use tracing::Instrument;

/// Carries work on to its end even if whoever asked goes away: a client that leaves between two steps must not leave a
/// token behind that the second step would have removed.
async fn run_to_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work.in_current_span()).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is ending and takes this task with it.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn work_goes_on_when_whoever_asked_goes_away() {
        let (start, started) = tokio::sync::oneshot::channel();
        let (end, ended) = tokio::sync::oneshot::channel();
        let asked = tokio::spawn(super::run_to_end(async move {
            started.await.unwrap();
            end.send(()).unwrap();
        }));
        tokio::task::yield_now().await;
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        start.send(()).unwrap();
        ended.await.unwrap();
    }
}
