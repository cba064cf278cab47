//! How fast activities are taken in, and whether counting them costs the same however many there are.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use domain::{Clock, SystemClock};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::{
    api_client::prepare_request,
    bench_error::BenchResult,
    contest::{Schedule, hold_contest},
    guerdon_system::{GuerdonSystem, Topology},
    load::ExpectedAnswer,
    prepared_requests::PreparedRequests,
    read_contest,
    report::{Fact, GrowthPoint, count_whole},
};

/// The short history.
const FEW: u64 = 1000;
/// Activities in a batch.
const BATCH: u64 = 1000;
/// Batches under way at once, and single activities.
const BATCHES_AT_ONCE: usize = 4;
const SINGLES_AT_ONCE: usize = 64;
/// How far activities lie apart: a million of them are about a year.
const APART_MILLIS: i64 = 31_000;

/// What was measured.
pub(crate) struct ActivityFindings {
    pub(crate) growth: Vec<GrowthPoint>,
    pub(crate) facts: Vec<Fact>,
}

/// Two users, one with a short history and one with a long one.
pub(crate) async fn measure_activities(
    program: &Path,
    folder: &Path,
    many: u64,
    schedule: Schedule,
) -> BenchResult<ActivityFindings> {
    let system = GuerdonSystem::start(program, &folder.join("activities"), Topology::All, &[]).await?;
    let (api, admin) = (system.api, system.admin().await?);
    let condition = json!({">=": [{"var": "activity.play.sum"}, 1]});
    let event = api.create_event(&admin.token, &condition).await?;
    let members = api.members("player", 2).await?;
    let ids = [api.user_id(&members[0].token).await?, api.user_id(&members[1].token).await?];
    let reporter = ActivityReporter { system: &system, token: &admin.token };
    reporter.report(&ids[0], FEW, BATCH, BATCHES_AT_ONCE).await?;
    let in_batches = reporter.report(&ids[1], many, BATCH, BATCHES_AT_ONCE).await?;
    let singles = many / 100;
    let alone =
        reporter.report(&system.api.user_id(&admin.token).await?, singles, 1, SINGLES_AT_ONCE).await?;
    let path = format!("/events/{event}/eligibility");
    let looking = |token: &str| PreparedRequests {
        target: api.address,
        pids: system.pids(),
        requests: vec![prepare_request(api.address, "GET", &path, Some(token), &Value::Null)],
        expected: ExpectedAnswer::new(200, "\"eligible\":true"),
        connections: read_contest::CONNECTIONS,
        next: 0.into(),
    };
    let (mut few, mut long) = (looking(&members[0].token), looking(&members[1].token));
    let standings = hold_contest([&mut few, &mut long], schedule).await?;
    let work = "eligibility, by activities of the user";
    let point = |(stored, standing)| GrowthPoint { work, stored, standing };
    Ok(ActivityFindings {
        growth: [FEW, many].into_iter().zip(standings).map(point).collect(),
        facts: vec![
            rate_fact("activities taken in, batches of 1,000", many, in_batches),
            rate_fact("activities taken in, one by one", singles, alone),
        ],
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rate"
)]
fn rate_fact(what: &str, count: u64, took: Duration) -> Fact {
    let rate = (count as f64 / took.as_secs_f64()) as u64;
    let measured = format!("{} a second ({} in all)", count_whole(rate), count_whole(count));
    Fact { what: what.to_owned(), measured, target: String::new(), reached: None }
}

struct ActivityReporter<'a> {
    system: &'a GuerdonSystem,
    token: &'a str,
}

impl ActivityReporter<'_> {
    /// Reports so many activities of a user, and tells how long it took.
    async fn report(&self, user: &str, count: u64, batch: u64, at_once: usize) -> BenchResult<Duration> {
        let now = SystemClock.now().as_millis();
        let activity = |number: u64| {
            let ago = i64::try_from(number).unwrap_or(0) * APART_MILLIS;
            let at = domain::Timestamp::from_millis(now - ago);
            json!({"id": format!("{user}-{number}"), "userId": user, "type": "play", "at": at, "value": 1})
        };
        let started = Instant::now();
        let batches = (0..count.div_ceil(batch)).map(|index| {
            let numbers = index * batch..count.min((index + 1) * batch);
            let body = json!({"activities": numbers.map(activity).collect::<Vec<_>>()});
            async move { self.system.api.record_activities(self.token, &body).await }
        });
        stream::iter(batches).buffer_unordered(at_once).try_collect::<Vec<()>>().await?;
        Ok(started.elapsed())
    }
}
