use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use domain::{Activity, ActivityType, ActivityValue, Timestamp};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use service_kit::page::PageRequest;

use super::{nth_user, parse_time};
use crate::{
    ActivityFilter, ActivitySpan, ActivityStore, ActivityTally, RecordOutcome,
    active_day::{quarter_of, tally_quarters},
    activity_place,
};

pub(crate) fn new_activity(
    id: &str,
    user: u32,
    activity_type: &str,
    at: &str,
    value: Option<i64>,
) -> Activity {
    Activity {
        id: id.parse().unwrap(),
        user_id: nth_user(user),
        activity_type: activity_type.parse().unwrap(),
        at: parse_time(at),
        value: value.map(ActivityValue::from_ten_thousandths),
        properties: None,
        recorded_at: parse_time("2026-05-20T00:00:00.005Z"),
    }
}

fn now() -> Timestamp {
    parse_time("2026-05-20T00:00:00Z")
}

async fn record(db: &dyn ActivityStore, activities: Vec<Activity>) -> Vec<RecordOutcome> {
    db.record(activities, now()).await.unwrap()
}

fn span(user: u32, activity_type: &str, from: Timestamp, to: Timestamp) -> ActivitySpan {
    ActivitySpan { user: nth_user(user), activity_type: activity_type.parse().unwrap(), from, to }
}

/// What there was in a span: the total, and the quarters with activity.
async fn count(db: &dyn ActivityStore, span: &ActivitySpan) -> (ActivityTally, BTreeSet<i64>) {
    let (mut total, mut quarters) = (ActivityTally::default(), BTreeSet::new());
    for day in db.active_days(span).await.unwrap() {
        total.add(&day.tally);
        quarters.extend(
            (0..96).filter(|n| day.quarters.has_within(*n..*n + 1)).map(|n| day.day * 96 + i64::from(n)),
        );
    }
    (total, quarters)
}

/// The same, from the activities themselves.
fn count_naively(all: &[Activity], span: &ActivitySpan) -> (ActivityTally, BTreeSet<i64>) {
    let within = all.iter().filter(|activity| {
        activity.user_id == span.user
            && activity.activity_type == span.activity_type
            && (span.from..span.to).contains(&activity.at)
    });
    let within: Vec<_> = within.cloned().collect();
    let mut total = ActivityTally::default();
    for tally in tally_quarters(within.iter()).values() {
        total.add(tally);
    }
    (total, within.iter().map(|activity| quarter_of(activity.at)).collect())
}

pub(crate) async fn an_activity_is_listed_as_it_was_recorded(db: Arc<dyn ActivityStore>) {
    let mut full = new_activity("a/1", 1, "purchase", "2026-05-02T10:00:00.123Z", Some(-12_345));
    full.properties = serde_json::json!({"$item": "sword", "a.b": [1, 2.5, null]}).as_object().cloned();
    let plain = new_activity("b", 2, "login", "1970-01-01T00:00:00Z", None);
    assert_eq!(record(&*db, vec![full.clone(), plain.clone()]).await, [RecordOutcome::Recorded; 2]);
    let page = db.list(&ActivityFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(page.items, [full, plain]);
    assert_eq!(
        db.types(10).await.unwrap(),
        ["login", "purchase"].map(|name| name.parse::<ActivityType>().unwrap())
    );
    assert_eq!(db.users(None, 10).await.unwrap(), [nth_user(1), nth_user(2)]);
    assert_eq!(db.users(Some(nth_user(1)), 10).await.unwrap(), [nth_user(2)]);
}

pub(crate) async fn an_id_seen_before_changes_nothing_whomever_it_was_for(db: Arc<dyn ActivityStore>) {
    let first = new_activity("same", 1, "login", "2026-05-02T10:00:00Z", Some(10_000));
    let others = [
        first.clone(),
        new_activity("same", 2, "login", "2026-05-02T10:00:00Z", Some(20_000)),
        new_activity("same", 1, "purchase", "2026-05-03T10:00:00Z", Some(30_000)),
    ];
    assert_eq!(
        record(&*db, vec![first.clone(), others[1].clone()]).await,
        [RecordOutcome::Recorded, RecordOutcome::Duplicate]
    );
    for other in others {
        assert_eq!(record(&*db, vec![other]).await, [RecordOutcome::Duplicate]);
    }
    let all = (Timestamp::MIN, Timestamp::MAX);
    assert_eq!(count(&*db, &span(1, "login", all.0, all.1)).await.0.count, 1);
    assert_eq!(count(&*db, &span(2, "login", all.0, all.1)).await.0.count, 0);
    assert_eq!(count(&*db, &span(1, "purchase", all.0, all.1)).await.0.count, 0);
}

pub(crate) async fn a_batch_from_eight_at_the_same_moment_counts_once(db: Arc<dyn ActivityStore>) {
    let batch: Vec<_> = (0..200_u32)
        .map(|n| {
            let at = format!("2026-05-{:02}T{:02}:07:00Z", n % 3 + 1, n % 24);
            new_activity(&format!("id-{n}"), n % 4, "login", &at, Some(i64::from(n)))
        })
        .collect();
    let tasks: Vec<_> = (0..8)
        .map(|shift: usize| {
            let (db, mut batch) = (Arc::clone(&db), batch.clone());
            batch.rotate_left(shift * 25);
            tokio::spawn(async move { record(&*db, batch).await })
        })
        .collect();
    let mut recorded = 0;
    for task in tasks {
        recorded +=
            task.await.unwrap().into_iter().filter(|outcome| *outcome == RecordOutcome::Recorded).count();
    }
    assert_eq!(recorded, batch.len());
    for user in 0..4 {
        let span = span(user, "login", Timestamp::MIN, Timestamp::MAX);
        assert_eq!(count(&*db, &span).await, count_naively(&batch, &span));
    }
}

/// Whatever the order, the batches and the repetitions, each span counts what a naive count of the activities says.
pub(crate) async fn every_span_counts_what_lies_within_it(db: Arc<dyn ActivityStore>) {
    let mut runner = TestRunner::deterministic();
    let start = parse_time("2026-03-07T00:00:00Z").as_millis();
    // Mostly near borders of quarters and days.
    let moment = prop_oneof![
        (0_i64..400, -2_i64..3).prop_map(|(quarter, off)| quarter * 900_000 + off),
        0_i64..400 * 900_000,
    ]
    .prop_map(move |millis| Timestamp::from_millis(start + millis));
    let value = proptest::option::of(-10_000_000_000_000_i64..=10_000_000_000_000);
    let mut draw = |n: usize| {
        let at = moment.new_tree(&mut runner).unwrap().current();
        let value = value.new_tree(&mut runner).unwrap().current();
        Activity {
            at,
            value: value.map(ActivityValue::from_ten_thousandths),
            ..new_activity(
                &format!("n{n}"),
                u32::try_from(n % 2).unwrap(),
                "play",
                "2026-05-01T00:00:00Z",
                None,
            )
        }
    };
    let all: Vec<_> = (0..300).map(&mut draw).collect();
    for batch in all.chunks(37) {
        record(&*db, [batch, &batch[..batch.len() / 3]].concat()).await;
    }
    record(&*db, all[50..120].to_vec()).await;
    for _ in 0..40 {
        let ends = [(); 2].map(|()| moment.new_tree(&mut runner).unwrap().current());
        let span = span(1, "play", ends[0].min(ends[1]), ends[0].max(ends[1]));
        assert_eq!(count(&*db, &span).await, count_naively(&all, &span), "{span:?}");
    }
}

/// Of two users, over about two years, mostly on borders of the 32 days that are counted together.
pub(crate) fn activities_of_years(count: u32) -> Vec<Activity> {
    let mut runner = TestRunner::deterministic();
    let moment = moment_of_years();
    let values = proptest::option::of(-10_000_000_000_000_i64..=10_000_000_000_000);
    let mut draw = |n: u32| Activity {
        at: moment.new_tree(&mut runner).unwrap().current(),
        value: values.new_tree(&mut runner).unwrap().current().map(ActivityValue::from_ten_thousandths),
        ..new_activity(&format!("y{n}"), n % 2, "play", "2026-05-01T00:00:00Z", None)
    };
    (0..count).map(&mut draw).collect()
}

fn moment_of_years() -> impl Strategy<Value = Timestamp> {
    const DAY: i64 = 24 * 60 * 60 * 1000;
    // A first day of 32.
    let start = 640 * 32 * DAY;
    let millis = prop_oneof![
        (0_i64..23, -2_i64..3).prop_map(|(sheet, off)| sheet * 32 * DAY + off),
        (0_i64..736, -2_i64..3).prop_map(|(day, off)| day * DAY + off),
        0_i64..736 * DAY,
    ];
    millis.prop_map(move |millis| Timestamp::from_millis(start + millis))
}

/// Whatever lies between two moments is what the activities themselves add up to.
pub(crate) async fn spans_count_as_naively(db: &dyn ActivityStore, all: &[Activity]) {
    let mut runner = TestRunner::deterministic();
    let moment = moment_of_years();
    let whole = span(1, "play", Timestamp::MIN, Timestamp::MAX);
    assert_eq!(count(db, &whole).await, count_naively(all, &whole));
    for _ in 0..20 {
        let ends = [(); 2].map(|()| moment.new_tree(&mut runner).unwrap().current());
        let span = span(1, "play", ends[0].min(ends[1]), ends[0].max(ends[1]));
        assert_eq!(count(db, &span).await, count_naively(all, &span), "{span:?}");
    }
}

/// Also while a worker gathers what was left alone, and more is added to that.
pub(crate) async fn a_history_of_years_counts_what_lies_within_each_span(db: Arc<dyn ActivityStore>) {
    let all = activities_of_years(600);
    let mut later = now();
    for (n, batch) in all.chunks(150).enumerate() {
        record(&*db, [batch, &batch[..batch.len() / 3]].concat()).await;
        spans_count_as_naively(&*db, &all[..(n + 1) * 150]).await;
        later = later.plus_seconds(3600);
        while db.tidy(later).await.unwrap() {}
        spans_count_as_naively(&*db, &all[..(n + 1) * 150]).await;
    }
    assert!(record(&*db, all.clone()).await.iter().all(|outcome| *outcome == RecordOutcome::Duplicate));
    spans_count_as_naively(&*db, &all).await;
}

pub(crate) async fn activity_filters_combine(db: Arc<dyn ActivityStore>) {
    let all: Vec<_> = (0..60_u32)
        .map(|n| {
            let at = format!("2026-05-02T10:00:{:02}.{:03}Z", n % 20, n * 7);
            new_activity(&format!("id-{n}"), n % 3, ["login", "purchase"][n as usize % 2], &at, None)
        })
        .collect();
    record(&*db, all.clone()).await;
    let times = ["2026-05-02T10:00:05.100Z", "2026-05-02T10:00:15.300Z"].map(parse_time);
    for (user, activity_type, from, to) in [
        (None, None, None, None),
        (Some(1), None, None, Some(times[1])),
        (None, Some("login"), Some(times[0]), None),
        (Some(2), Some("purchase"), Some(times[0]), Some(times[1])),
    ] {
        let filter = ActivityFilter {
            user: user.map(nth_user),
            activity_type: activity_type.map(|name| name.parse().unwrap()),
            from,
            to,
        };
        let mut expected: Vec<_> = all
            .iter()
            .filter(|activity| {
                filter.user.is_none_or(|user| activity.user_id == user)
                    && filter.activity_type.as_ref().is_none_or(|name| activity.activity_type == *name)
                    && from.is_none_or(|from| activity.at >= from)
                    && to.is_none_or(|to| activity.at < to)
            })
            .cloned()
            .collect();
        expected.sort_by_key(|activity| std::cmp::Reverse(activity_place(activity)));
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let page = db.list(&filter, PageRequest { limit: 7, before }).await.unwrap();
            found.extend(page.items);
            let Some(cursor) = page.next_cursor else { break };
            before = Some(cursor.parse().unwrap());
        }
        assert_eq!(found, expected, "{filter:?}");
        assert!(!expected.is_empty());
    }
}

/// Each user's activity by itself: what one has does not change what another's costs or counts.
pub(crate) async fn sums_beyond_64_bits_are_exact(db: Arc<dyn ActivityStore>) {
    let largest = 10_000_000_000_000;
    let batch: Vec<_> = (0..3)
        .map(|n| new_activity(&format!("x{n}"), 1, "score", "2026-05-02T10:00:00Z", Some(largest - n)))
        .collect();
    record(&*db, batch).await;
    let (total, _) = count(&*db, &span(1, "score", Timestamp::MIN, Timestamp::MAX)).await;
    assert_eq!(i128::from(total.whole) * 10_000 + i128::from(total.fraction), i128::from(largest) * 3 - 3);
    assert_eq!(total.max, Some(largest));
}

/// The places of all activities are different: a list by them leaves none out.
pub(crate) async fn places_tell_activities_of_one_second_apart(db: Arc<dyn ActivityStore>) {
    let batch: Vec<_> =
        (0..500).map(|n| new_activity(&format!("p{n}"), 1, "login", "2026-05-02T10:00:00Z", None)).collect();
    let places: BTreeMap<_, _> =
        batch.iter().map(|activity| (activity_place(activity), activity.id.clone())).collect();
    assert_eq!(places.len(), batch.len());
    record(&*db, batch).await;
    let exported = db.export(None, 1000).await.unwrap();
    let found: HashSet<_> = exported.into_iter().map(|row| row.value.unwrap().id).collect();
    assert_eq!(found, places.into_values().collect());
}
