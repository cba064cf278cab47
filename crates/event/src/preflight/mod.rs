//! What is wrong with an event, or risky, before it is published. Pure.

mod possibility;

use domain::{Approval, Event, EventStatus, Reward, RewardId, RewardKind, Timestamp};
use serde::Serialize;

use self::possibility::can_ever_hold;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FindingSeverity {
    /// The event cannot do what it is for.
    Error,
    /// It works, but perhaps not as meant.
    Warning,
}

/// What is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FindingCode {
    /// Nobody gets anything.
    NoRewards,
    /// Nobody can ever meet the condition.
    ConditionNeverHolds,
    /// The period is over.
    PeriodEnded,
    /// Users do not see the event.
    Inactive,
    /// A coupon can no longer be used when it is granted.
    CouponExpired,
    /// A coupon expires before the event ends.
    CouponExpiresEarly,
    /// A reward has no stock left, so nobody can claim the event.
    SoldOut,
    /// A pool of coupons has no code left, so nobody can claim the event.
    PoolEmpty,
    /// A pool has fewer codes left than the event has of it.
    PoolSmallerThanStock,
    /// Claims are approved by themselves, and nothing bounds what they give.
    UnboundedPayout,
}

/// One thing that is wrong or risky.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) severity: FindingSeverity,
    pub(crate) code: FindingCode,
    pub(crate) message: String,
    /// The reward it is about.
    pub(crate) reward: Option<RewardId>,
}

/// A reward of the event, and how many there are of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedReward {
    pub(crate) reward: Reward,
    /// None: as many as are claimed.
    pub(crate) stock: Option<OfferedStock>,
    /// The codes, if it is a pool of coupons.
    pub(crate) pool: Option<OfferedStock>,
}

/// How many there are of a limited reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OfferedStock {
    pub(crate) total: i64,
    pub(crate) remaining: i64,
}

/// The most that the event can give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorstCase {
    /// How many can claim it. None: nothing bounds them.
    pub(crate) claims: Option<i64>,
    /// Each reward with what all of them get of it together.
    pub(crate) payout: Vec<(Reward, Option<i64>)>,
}

/// What an event looks like before it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preflight {
    /// Errors first.
    pub(crate) findings: Vec<Finding>,
    pub(crate) worst_case: WorstCase,
}

/// Looks at an event with its rewards at the moment `now`.
pub(crate) fn inspect_event(event: &Event, rewards: &[OfferedReward], now: Timestamp) -> Preflight {
    let stocks = rewards.iter().flat_map(|offered| [offered.stock, offered.pool]).flatten();
    let claims = stocks.map(|stock| stock.total).min();
    let mut findings = inspect_period(event, now);
    if !can_ever_hold(event) {
        findings.push(error(FindingCode::ConditionNeverHolds, "Nobody can ever meet the condition"));
    }
    if rewards.is_empty() {
        findings.push(error(FindingCode::NoRewards, "The event has no rewards: claimants get nothing"));
    }
    findings.extend(rewards.iter().flat_map(|offered| inspect_reward(event, offered, now)));
    if claims.is_none() && event.approval == Approval::Auto && !rewards.is_empty() {
        let message =
            "Claims are approved by themselves and no reward has a stock: nothing bounds the payout";
        findings.push(warning(FindingCode::UnboundedPayout, message));
    }
    findings.sort_by_key(|finding| finding.severity == FindingSeverity::Warning);
    let payout =
        rewards.iter().map(|offered| (offered.reward.clone(), claims.map(|claims| give(offered, claims))));
    Preflight { findings, worst_case: WorstCase { claims, payout: payout.collect() } }
}

fn inspect_period(event: &Event, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if event.period_end.is_some_and(|end| end <= now) {
        findings.push(error(FindingCode::PeriodEnded, "The period is over: nobody can claim any more"));
    }
    if event.status == EventStatus::Inactive {
        findings.push(warning(FindingCode::Inactive, "The event is INACTIVE: users do not see it"));
    }
    findings
}

fn inspect_reward(event: &Event, offered: &OfferedReward, now: Timestamp) -> Vec<Finding> {
    let found = [inspect_stock(offered), inspect_expiry(event, &offered.reward.kind, now)];
    let of_reward = |finding| Finding { reward: Some(offered.reward.id), ..finding };
    found.into_iter().flatten().map(of_reward).collect()
}

fn inspect_stock(offered: &OfferedReward) -> Option<Finding> {
    if offered.stock.is_some_and(|stock| stock.remaining <= 0) {
        return Some(error(FindingCode::SoldOut, "Nothing is left of it: nobody can claim the event"));
    }
    let pool = offered.pool?;
    if pool.remaining <= 0 {
        return Some(error(FindingCode::PoolEmpty, "The pool has no code left: nobody can claim the event"));
    }
    let message = "The pool has fewer codes left than the event has of it";
    let is_smaller = offered.stock.is_some_and(|stock| pool.remaining < stock.remaining);
    is_smaller.then(|| warning(FindingCode::PoolSmallerThanStock, message))
}

fn inspect_expiry(event: &Event, kind: &RewardKind, now: Timestamp) -> Option<Finding> {
    let (RewardKind::Coupon { expiry, .. } | RewardKind::CouponPool { expiry }) = *kind else { return None };
    if expiry <= now {
        return Some(error(FindingCode::CouponExpired, "The coupon has expired"));
    }
    let outlives = event.period_end.is_none_or(|end| expiry < end);
    outlives.then(|| warning(FindingCode::CouponExpiresEarly, "The coupon expires before the event ends"))
}

/// What so many claims give of a reward: points or pieces, else how many times.
fn give(offered: &OfferedReward, claims: i64) -> i64 {
    match offered.reward.kind {
        RewardKind::Point { points } => claims.saturating_mul(points),
        RewardKind::Item { quantity, .. } => claims.saturating_mul(quantity),
        RewardKind::Coupon { .. } | RewardKind::CouponPool { .. } | RewardKind::Badge { .. } => claims,
    }
}

fn error(code: FindingCode, message: &str) -> Finding {
    Finding { severity: FindingSeverity::Error, code, message: message.to_owned(), reward: None }
}

fn warning(code: FindingCode, message: &str) -> Finding {
    Finding { severity: FindingSeverity::Warning, code, message: message.to_owned(), reward: None }
}

#[cfg(test)]
mod tests;
