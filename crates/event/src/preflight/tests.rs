use domain::ObjectId;
use serde_json::{Value, json};

use super::*;
use crate::test_app::{parse_time, spring_event};

fn offer(kind: RewardKind, stock: Option<(i64, i64)>) -> OfferedReward {
    let at = parse_time("2026-04-01T00:00:00Z");
    let id = RewardId(ObjectId::from_bytes([9; 12]));
    let reward = Reward { id, name: "A reward".into(), kind, created_at: at, updated_at: at };
    let stock = stock.map(|(total, remaining)| OfferedStock { total, remaining });
    OfferedReward { reward, stock, pool: None }
}

fn points(stock: Option<(i64, i64)>) -> OfferedReward {
    offer(RewardKind::Point { points: 5 }, stock)
}

fn coupon(expiry: &str) -> OfferedReward {
    offer(RewardKind::Coupon { coupon_code: "C".into(), expiry: parse_time(expiry) }, None)
}

fn pool(stock: Option<(i64, i64)>, (total, remaining): (i64, i64)) -> OfferedReward {
    let kind = RewardKind::CouponPool { expiry: parse_time("2027-01-01T00:00:00Z") };
    OfferedReward { pool: Some(OfferedStock { total, remaining }), ..offer(kind, stock) }
}

fn codes(event: &Event, rewards: &[OfferedReward]) -> Vec<Value> {
    let found = inspect_event(event, rewards, parse_time("2026-05-10T00:00:00Z"));
    found.findings.iter().map(|finding| json!(finding.code)).collect()
}

#[test]
fn an_event_that_is_as_it_should_be_has_no_findings() {
    assert_eq!(codes(&spring_event(json!({})), &[points(None), coupon("2026-06-01T00:00:00Z")]), [""; 0]);
}

#[test]
fn each_fault_and_each_risk_is_found_and_errors_come_first() {
    let spring = spring_event(json!({}));
    assert_eq!(codes(&spring, &[]), ["NO_REWARDS"]);
    assert_eq!(codes(&spring, &[coupon("2026-05-31T23:59:59Z")]), ["COUPON_EXPIRES_EARLY"]);
    assert_eq!(codes(&spring, &[coupon("2026-05-10T00:00:00Z")]), ["COUPON_EXPIRED"]);
    assert_eq!(codes(&spring, &[points(Some((10, 0)))]), ["SOLD_OUT"]);
    let over = Event { period_end: Some(parse_time("2026-05-10T00:00:00Z")), ..spring.clone() };
    let over = Event { status: EventStatus::Inactive, ..over };
    assert_eq!(codes(&over, &[points(None)]), ["PERIOD_ENDED", "INACTIVE"]);
    let endless = Event { period_end: None, ..spring.clone() };
    assert_eq!(codes(&endless, &[coupon("2027-01-01T00:00:00Z")]), ["COUPON_EXPIRES_EARLY"]);
    let auto = Event { approval: Approval::Auto, ..spring };
    assert_eq!(codes(&auto, &[points(None)]), ["UNBOUNDED_PAYOUT"]);
    assert_eq!(codes(&auto, &[points(Some((10, 10)))]), [""; 0]);
}

#[test]
fn the_worst_case_is_what_the_smallest_stock_lets_through() {
    let rewards = [points(Some((100, 40))), points(Some((70, 70))), coupon("2026-06-01T00:00:00Z")];
    let found = inspect_event(&spring_event(json!({})), &rewards, parse_time("2026-05-10T00:00:00Z"));
    assert_eq!(found.worst_case.claims, Some(70));
    let payout: Vec<_> = found.worst_case.payout.iter().map(|(_, amount)| *amount).collect();
    assert_eq!(payout, [Some(350), Some(350), Some(70)]);
    let unlimited =
        inspect_event(&spring_event(json!({})), &rewards[2..], parse_time("2026-05-10T00:00:00Z"));
    assert_eq!((unlimited.worst_case.claims, unlimited.worst_case.payout[0].1), (None, None));
}

#[test]
fn a_condition_that_nobody_can_meet_is_found_and_no_other() {
    let var = |name: &str| json!({ "var": name });
    let never: Vec<Value> = vec![
        json!({"==": [1, 2]}),
        json!({"and": [{">=": [var("attributes.level"), 30]}, {"<": [var("attributes.level"), 30]}]}),
        json!({"and": [{"and": [{">": [var("attributes.level"), 3]}]}, {"==": [3, var("attributes.level")]}]}),
        // May has 31 days.
        json!({">=": [var("activity.login.streak"), 32]}),
        json!({">": [var("activity.login.days"), 31]}),
        json!({"<": [var("activity.login.count"), 0]}),
        json!({"or": [{">": [var("activity.login.days"), 31]}, {"<": [var("user.ageDays"), 0]}]}),
        json!({"<": [{"var": ["user.ageDays"]}, 0]}),
    ];
    for condition in never {
        let found = codes(&spring_event(condition.clone()), &[points(None)]);
        assert_eq!(found, ["CONDITION_NEVER_HOLDS"], "{condition}");
    }
    let possible = vec![
        json!({"==": [1, 1]}),
        json!({"and": [{">=": [var("attributes.level"), 30]}, {"<=": [var("attributes.level"), 30]}]}),
        json!({">=": [var("activity.login.streak"), 31]}),
        json!({"<": [var("activity.shop.sum"), 0]}),
        json!({"or": [{">": [var("activity.login.days"), 31]}, {">": [var("user.ageDays"), 0]}]}),
        json!({"!": {">": [var("activity.login.days"), 31]}}),
    ];
    for condition in possible {
        assert_eq!(codes(&spring_event(condition.clone()), &[points(None)]), [""; 0], "{condition}");
    }
    let endless =
        Event { period_end: None, ..spring_event(json!({">=": [var("activity.login.streak"), 400]})) };
    assert_eq!(codes(&endless, &[points(None)]), [""; 0]);
}

#[test]
fn a_pool_that_is_empty_or_smaller_than_the_stock_is_found_and_bounds_the_payout() {
    let event = spring_event(json!({}));
    for (offered, expected, claims) in [
        (pool(None, (100, 100)), vec![], 100),
        (pool(None, (0, 0)), vec!["POOL_EMPTY"], 0),
        (pool(None, (100, 0)), vec!["POOL_EMPTY"], 100),
        (pool(Some((100, 100)), (0, 0)), vec!["POOL_EMPTY"], 0),
        (pool(Some((100, 100)), (100, 99)), vec!["POOL_SMALLER_THAN_STOCK"], 100),
        (pool(Some((50, 50)), (100, 50)), vec![], 50),
        (pool(Some((50, 0)), (100, 50)), vec!["SOLD_OUT"], 50),
    ] {
        assert_eq!(codes(&event, std::slice::from_ref(&offered)), expected, "{offered:?}");
        let found = inspect_event(&event, &[offered], parse_time("2026-05-10T00:00:00Z"));
        assert_eq!(found.worst_case.claims, Some(claims));
    }
}
