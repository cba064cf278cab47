//! Reports activities as a game's servers do.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use domain::{Clock, SystemClock, Timestamp};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::{
    bench_error::BenchResult,
    guerdon_system::GuerdonSystem,
    report::{Fact, count_whole},
};

/// Activities in a batch, and batches under way at once.
const BATCH: u64 = 1000;
const BATCHES_AT_ONCE: usize = 4;
/// Single activities under way at once.
const SINGLES_AT_ONCE: usize = 64;
/// How far a user's activities lie apart: a million of them are about a year.
const APART_MILLIS: i64 = 31_000;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// Whoever may report.
pub(crate) struct ActivityReporter<'a> {
    pub(crate) system: &'a GuerdonSystem,
    pub(crate) token: &'a str,
}

impl ActivityReporter<'_> {
    /// One user's last activities, in batches. How long it took.
    pub(crate) async fn report_batches(&self, user: &str, count: u64) -> BenchResult<Duration> {
        self.report(count, BATCH, BATCHES_AT_ONCE, history_of(user)).await
    }

    /// The same, each by itself.
    pub(crate) async fn report_singles(&self, user: &str, count: u64) -> BenchResult<Duration> {
        self.report(count, 1, SINGLES_AT_ONCE, history_of(user)).await
    }

    /// One activity of each of these users on each of these days, counted back from today. A batch is of as many users as
    /// it has activities.
    pub(crate) async fn report_days(&self, users: &[String], days: Range<u64>) -> BenchResult<Duration> {
        let (now, count) = (SystemClock.now().as_millis(), users.len() as u64);
        let activity = |number: u64| {
            let day = days.start + number / count;
            let user = &users[usize::try_from(number % count).unwrap_or(0)];
            let at = Timestamp::from_millis(now - i64::try_from(day).unwrap_or(0) * DAY_MILLIS);
            json!({"id": format!("{user}-{day}"), "userId": user, "type": "play", "at": at, "value": 1})
        };
        self.report(count * (days.end - days.start), BATCH, BATCHES_AT_ONCE, activity).await
    }

    async fn report(
        &self,
        count: u64,
        batch: u64,
        at_once: usize,
        activity: impl Fn(u64) -> Value,
    ) -> BenchResult<Duration> {
        let started = Instant::now();
        let activity = &activity;
        let batches = (0..count.div_ceil(batch)).map(|index| async move {
            let numbers = index * batch..count.min((index + 1) * batch);
            let body = json!({"activities": numbers.map(activity).collect::<Vec<_>>()});
            self.system.api.record_activities(self.token, &body).await
        });
        stream::iter(batches).buffer_unordered(at_once).try_collect::<Vec<()>>().await?;
        Ok(started.elapsed())
    }
}

fn history_of(user: &str) -> impl Fn(u64) -> Value {
    let now = SystemClock.now().as_millis();
    move |number| {
        let at = Timestamp::from_millis(now - i64::try_from(number).unwrap_or(0) * APART_MILLIS);
        json!({"id": format!("{user}-{number}"), "userId": user, "type": "play", "at": at, "value": 1})
    }
}

/// How many were taken in a second.
pub(crate) fn rate_fact(what: String, count: u64, took: Duration) -> Fact {
    let measured = format!("{} a second ({} in all)", count_whole(rate_of(count, took)), count_whole(count));
    Fact { what, measured, target: String::new(), reached: None }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rate"
)]
fn rate_of(count: u64, took: Duration) -> u64 {
    (count as f64 / took.as_secs_f64()) as u64
}
