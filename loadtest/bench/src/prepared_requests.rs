//! Requests that can be sent again and again, in turn, to one server.

use std::{cell::Cell, net::SocketAddr, time::Duration};

use async_trait::async_trait;

use crate::{
    bench_error::BenchResult,
    contest::Contestant,
    http_connection::HttpConnection,
    load::{ExpectedAnswer, LoadPlan, LoadResult, hold_connections, run_load},
    process_figures::cpu_time,
};

/// Requests, and what their answers must be.
#[derive(Debug)]
pub(crate) struct PreparedRequests {
    pub(crate) target: SocketAddr,
    /// The processes that work on them.
    pub(crate) pids: Vec<u32>,
    pub(crate) requests: Vec<Vec<u8>>,
    pub(crate) expected: ExpectedAnswer,
    pub(crate) connections: usize,
    /// Which is sent next.
    pub(crate) next: Cell<usize>,
}

impl PreparedRequests {
    fn cpu_time(&self) -> BenchResult<Duration> {
        self.pids.iter().map(|pid| cpu_time(*pid)).sum()
    }

    fn fill(&self, request: &mut Vec<u8>) -> bool {
        let number = self.next.replace((self.next.get() + 1) % self.requests.len());
        request.clear();
        request.extend_from_slice(&self.requests[number]);
        true
    }

    /// Connections that were used once and then stay open and silent, as long as they are held.
    pub(crate) async fn hold(&self, connections: usize) -> BenchResult<Vec<HttpConnection>> {
        hold_connections(&self.plan(connections, Duration::ZERO, None, &|request| self.fill(request))).await
    }

    fn plan<'a>(
        &'a self,
        connections: usize,
        duration: Duration,
        pace: Option<f64>,
        source: &'a dyn Fn(&mut Vec<u8>) -> bool,
    ) -> LoadPlan<'a> {
        LoadPlan { target: self.target, connections, duration, pace, source, expected: &self.expected }
    }
}

#[async_trait(?Send)]
impl Contestant for PreparedRequests {
    async fn work(&mut self, duration: Duration, pace: Option<f64>) -> BenchResult<LoadResult> {
        let before = self.cpu_time()?;
        let source = |request: &mut Vec<u8>| self.fill(request);
        let mut result = run_load(&self.plan(self.connections, duration, pace, &source)).await?;
        result.cpu = self.cpu_time()?.saturating_sub(before);
        Ok(result)
    }
}
