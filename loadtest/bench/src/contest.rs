//! Things that are compared take turns, so that whatever else the machine does meets all of them alike.

use std::time::Duration;

use async_trait::async_trait;

use crate::{bench_error::BenchResult, load::LoadResult};

/// Something whose speed is measured.
#[async_trait(?Send)]
pub(crate) trait Contestant {
    /// Works for this long, as fast as it can or at this pace.
    async fn work(&mut self, duration: Duration, pace: Option<f64>) -> BenchResult<LoadResult>;
}

/// How long and how often everything is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) rounds: usize,
    /// Of one turn at full load; a turn at half load takes the same.
    pub(crate) turn: Duration,
    /// Users who claim: each costs two password hashes to prepare.
    pub(crate) claimants: usize,
    /// Whether there are turns at half load.
    pub(crate) at_half: bool,
}

/// The turns of one contestant.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) full: Vec<LoadResult>,
    pub(crate) half: Vec<LoadResult>,
}

/// Everybody's turns at full load, then at half of what each reached. One turn each before that is not counted: it fills
/// caches.
pub(crate) async fn hold_contest<const COUNT: usize>(
    mut contestants: [&mut dyn Contestant; COUNT],
    schedule: Schedule,
) -> BenchResult<[Standing; COUNT]> {
    for contestant in &mut contestants {
        contestant.work(schedule.turn / 3, None).await?;
    }
    let mut standings = [const { Standing { full: Vec::new(), half: Vec::new() } }; COUNT];
    for _ in 0..schedule.rounds {
        for (contestant, standing) in contestants.iter_mut().zip(&mut standings) {
            standing.full.push(contestant.work(schedule.turn, None).await?);
        }
    }
    let half_rounds = if schedule.at_half { schedule.rounds.div_ceil(2) } else { 0 };
    for _ in 0..half_rounds {
        for (contestant, standing) in contestants.iter_mut().zip(&mut standings) {
            let pace = standing.rate() / 2.0;
            standing.half.push(contestant.work(schedule.turn, Some(pace)).await?);
        }
    }
    Ok(standings)
}

impl Standing {
    /// Work done a second at full load: the median of the turns.
    pub(crate) fn rate(&self) -> f64 {
        median(self.full.iter().map(LoadResult::rate))
    }

    /// Microseconds of processor time for a piece of work at full load: the median of the turns.
    pub(crate) fn cpu_each(&self) -> f64 {
        median(self.full.iter().map(LoadResult::cpu_each))
    }

    /// Answers of all turns that were not as expected.
    pub(crate) fn unexpected(&self) -> u64 {
        self.full.iter().chain(&self.half).map(|result| result.unexpected).sum()
    }

    /// The first of them.
    pub(crate) fn sample(&self) -> Option<&str> {
        self.full.iter().chain(&self.half).find_map(|result| result.sample.as_deref())
    }

    /// How its rate compares with another's, turn by turn: the median, the least and the most.
    pub(crate) fn ratios_to(&self, other: &Self) -> [f64; 3] {
        let ratios = || self.full.iter().zip(&other.full).map(|(own, other)| own.rate() / other.rate());
        [median(ratios()), ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max)]
    }
}

/// A latency in milliseconds below which this share of the work lay: the median of the turns.
#[allow(clippy::cast_precision_loss, reason = "latencies are far below 2^52 microseconds")]
pub(crate) fn latency_quantile(turns: &[LoadResult], share: f64) -> f64 {
    median(turns.iter().map(|turn| turn.latencies.value_at_quantile(share) as f64 / 1000.0))
}

/// Not a number if there is none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_middle_ones() {
        assert!((median([3.0, 1.0, 2.0].into_iter()) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0, 2.0, 3.0].into_iter()) - 2.5).abs() < 1e-9);
        assert!(median(std::iter::empty()).is_nan());
    }

    /// Takes as long as it is told for each piece, unless a pace makes it slower.
    struct Sleeper(u64);

    #[async_trait(?Send)]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundreds")]
    impl Contestant for Sleeper {
        async fn work(&mut self, duration: Duration, pace: Option<f64>) -> BenchResult<LoadResult> {
            let mut result = LoadResult::new()?;
            result.done = pace.map_or(self.0, |pace| (pace * duration.as_secs_f64()).round() as u64);
            result.elapsed = duration;
            Ok(result)
        }
    }

    #[tokio::test]
    async fn everybody_has_turns_at_full_load_and_at_half_of_it() {
        let (mut slow, mut fast) = (Sleeper(100), Sleeper(400));
        let schedule = Schedule { rounds: 3, turn: Duration::from_secs(1), claimants: 1, at_half: true };
        let standings = hold_contest([&mut slow, &mut fast], schedule).await.unwrap();
        let done = |turns: &[LoadResult]| turns.iter().map(|turn| turn.done).collect::<Vec<_>>();
        assert_eq!((done(&standings[0].full), done(&standings[1].half)), (vec![100; 3], vec![200; 2]));
        assert!(standings[0].ratios_to(&standings[1]).iter().all(|ratio| (ratio - 0.25).abs() < 1e-9));
    }
}
