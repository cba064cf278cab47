//! Logins beside the reference implementation of Argon2.

use std::{process::Command, time::Duration};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use crate::{
    api_client::{PASSWORD, prepare_request},
    bench_error::{BenchError, BenchResult, NameWhat},
    contest::{Contestant, Schedule, Standing, hold_contest},
    guerdon_system::GuerdonSystem,
    load::{ExpectedAnswer, LoadResult},
    prepared_requests::PreparedRequests,
};

/// Users who log in, over and over.
const USERS: usize = 16;
/// Drives Debian's libargon2 on every core: it is the reference C implementation.
const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/reference_argon2.py");

/// How the two did.
#[derive(Debug)]
pub(crate) struct LoginStandings {
    pub(crate) logins: Standing,
    pub(crate) hashes: Standing,
}

/// What the script prints.
#[derive(Debug, Deserialize)]
struct ReferenceFigures {
    seconds: f64,
    cpu_seconds: f64,
    latencies_ms: Vec<f64>,
}

/// Hashes with the reference implementation.
#[derive(Debug)]
struct ReferenceHashing;

#[async_trait(?Send)]
impl Contestant for ReferenceHashing {
    async fn work(&mut self, duration: Duration, pace: Option<f64>) -> BenchResult<LoadResult> {
        let mut command = Command::new("python3");
        command.args([REFERENCE, &duration.as_secs_f64().to_string()]);
        command.args(pace.map(|pace| pace.to_string()));
        let output = command.output().about("python3")?;
        if !output.status.success() {
            return Err(BenchError::Unusable(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let figures: ReferenceFigures = serde_json::from_slice(&output.stdout)?;
        let mut result = LoadResult::new()?;
        result.done = figures.latencies_ms.len() as u64;
        result.elapsed = Duration::from_secs_f64(figures.seconds);
        result.cpu = Duration::from_secs_f64(figures.cpu_seconds);
        for latency in figures.latencies_ms {
            result.record_latency(Duration::from_secs_f64(latency / 1000.0));
        }
        Ok(result)
    }
}

/// The two take turns.
pub(crate) async fn measure_logins(
    system: &GuerdonSystem,
    schedule: Schedule,
    cores: usize,
) -> BenchResult<LoginStandings> {
    let users = system.api.members("regular", USERS).await?;
    let address = system.api.address;
    let requests = users.iter().map(|user| {
        let body = json!({"email": user.email, "password": PASSWORD});
        prepare_request(address, "POST", "/auth/login", None, &body)
    });
    let mut logins = PreparedRequests {
        target: address,
        pids: system.pids(),
        requests: requests.collect(),
        expected: ExpectedAnswer::new(200, "\"accessToken\""),
        // One login is hashed on each core while another waits.
        connections: cores * 2,
        next: 0.into(),
    };
    let [logins, hashes] = hold_contest([&mut logins, &mut ReferenceHashing], schedule).await?;
    Ok(LoginStandings { logins, hashes })
}

/// Whether the reference implementation is there.
pub(crate) fn reference_is_missing() -> bool {
    !Command::new("python3").args([REFERENCE, "0"]).output().is_ok_and(|run| run.status.success())
}
