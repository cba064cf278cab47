//! Claims beside rows that SQLite stores by itself.

use std::{cell::Cell, path::Path, time::Duration};

use async_trait::async_trait;
use serde_json::Value;

use crate::{
    api_client::{Member, prepare_request},
    bench_error::{BenchError, BenchResult},
    contest::{Contestant, Schedule, Standing, hold_contest},
    guerdon_system::GuerdonSystem,
    load::{ExpectedAnswer, LoadPlan, LoadResult, run_load},
    raw_sqlite::{RawSqlite, count_claims},
};

/// Guerdon stores up to two groups of 256 at once; fewer connections could not fill them.
pub(crate) const CONNECTIONS: usize = 512;
/// What is prepared for before anything was measured: claims a second.
const FIRST_GUESS: f64 = 8_000.0;
/// Prepared in excess of what is expected.
const RESERVE: f64 = 1.5;

/// How the two did.
#[derive(Debug)]
pub(crate) struct ClaimStandings {
    pub(crate) claims: Standing,
    pub(crate) rows: Standing,
}

/// Users who claim event after event.
#[derive(Debug)]
pub(crate) struct Claiming<'a> {
    system: &'a GuerdonSystem,
    connections: usize,
    staff: Member,
    /// One request for each user; the event's id is put in its place.
    requests: Vec<Vec<u8>>,
    expected_rate: f64,
    /// Claims that were acknowledged, to be compared with what the file holds.
    acknowledged: u64,
}

/// Where the event's id begins in a request.
const ID_AT: usize = "POST /events/".len();
const ID_LENGTH: usize = 24;

impl<'a> Claiming<'a> {
    pub(crate) async fn prepare(
        system: &'a GuerdonSystem,
        claimants: &[Member],
        connections: usize,
    ) -> BenchResult<Self> {
        Ok(Self::prepare_as(system, system.admin().await?, claimants, connections))
    }

    /// With staff who is logged in already: another login would end that session.
    pub(crate) fn prepare_as(
        system: &'a GuerdonSystem,
        staff: Member,
        claimants: &[Member],
        connections: usize,
    ) -> Self {
        let requests = claimants.iter().map(|claimant| {
            let path = format!("/events/{}/request", "0".repeat(ID_LENGTH));
            prepare_request(system.api.address, "POST", &path, Some(&claimant.token), &Value::Null)
        });
        Self {
            system,
            connections,
            staff,
            requests: requests.collect(),
            expected_rate: FIRST_GUESS,
            acknowledged: 0,
        }
    }

    /// Events enough for a turn: nobody can claim one twice.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    async fn create_events(&self, duration: Duration, pace: Option<f64>) -> BenchResult<Vec<String>> {
        let rate = pace.unwrap_or(self.expected_rate * RESERVE);
        let claims = rate * duration.as_secs_f64() + self.connections as f64;
        let count = (claims / self.requests.len() as f64).ceil() as usize + 1;
        self.system.api.events(&self.staff.token, count).await
    }
}

#[async_trait(?Send)]
impl Contestant for Claiming<'_> {
    async fn work(&mut self, duration: Duration, pace: Option<f64>) -> BenchResult<LoadResult> {
        let events = self.create_events(duration, pace).await?;
        let next = Cell::new(0);
        let before = self.system.cpu_time()?;
        let mut result = run_load(&LoadPlan {
            target: self.system.api.address,
            connections: self.connections,
            duration,
            pace,
            source: &|request| {
                let number = next.replace(next.get() + 1);
                let (user, event) = (number % self.requests.len(), number / self.requests.len());
                let Some(event) = events.get(event) else { return false };
                request.clear();
                request.extend_from_slice(&self.requests[user]);
                request[ID_AT..ID_AT + ID_LENGTH].copy_from_slice(event.as_bytes());
                true
            },
            expected: &ExpectedAnswer::new(201, "\"PENDING\""),
        })
        .await?;
        result.cpu = self.system.cpu_time()?.saturating_sub(before);
        self.acknowledged += result.done;
        if pace.is_none() {
            self.expected_rate = result.rate();
        }
        Ok(result)
    }
}

/// The two take turns. Afterwards every claim that was acknowledged must be in the file.
pub(crate) async fn measure_claims(
    system: &GuerdonSystem,
    folder: &Path,
    schedule: Schedule,
) -> BenchResult<ClaimStandings> {
    let claimants = system.api.members("claimant", schedule.claimants).await?;
    let mut claiming = Claiming::prepare(system, &claimants, CONNECTIONS).await?;
    // The raw rows are copies of one that is there.
    claiming.work(Duration::from_millis(300), None).await?;
    let database = system.database("event.db");
    let mut rows = RawSqlite::create(&folder.join("raw.db"), &database, schedule.claimants)?;
    let [claims, rows] = hold_contest([&mut claiming, &mut rows], schedule).await?;
    let (stored, acknowledged) = (count_claims(&database)?, claiming.acknowledged);
    if stored != acknowledged {
        return Err(BenchError::Unusable(format!(
            "{acknowledged} claims were acknowledged, {stored} are stored"
        )));
    }
    Ok(ClaimStandings { claims, rows })
}
