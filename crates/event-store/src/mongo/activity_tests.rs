//! What a process that dies between two steps of recording leaves behind.

use domain::{Activity, Timestamp};
use mongodb::bson::{Document, doc};
use test_servers::{Mongo as Server, MongoMode};

use super::{
    activities::ACTIVITIES,
    activity_count::{DAYS, count_activities},
    tests::open_below,
};
use crate::{ActivitySpan, ActivityStore, RecordOutcome, contract::activities::new_activity};

fn parse_time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOW: &str = "2026-05-20T00:00:00Z";

/// Makes activities what they are when their process dies after storing them.
async fn mark_uncounted(mongo: &store_kit::mongo::Mongo) {
    let activities = mongo.collection::<Document>(ACTIVITIES);
    activities.update_many(doc! {}, doc! { "$set": { "uncounted": true } }).await.unwrap();
}

async fn count(db: &dyn ActivityStore, activity: &Activity) -> i64 {
    let span = ActivitySpan {
        user: activity.user_id,
        activity_type: activity.activity_type.clone(),
        from: Timestamp::MIN,
        to: Timestamp::MAX,
    };
    db.active_days(&span).await.unwrap().iter().map(|day| day.tally.count).sum()
}

fn some_activities() -> Vec<Activity> {
    (0..5).map(|n| new_activity(&format!("c{n}"), 1, "login", "2026-05-02T10:00:00Z", Some(n))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_uncounted_is_counted_once_by_whoever_meets_it() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    for is_reported_again in [true, false] {
        for was_added in [true, false] {
            let (stores, mongo) = open_below(&server).await;
            let (db, batch) = (stores.activities, some_activities());
            db.record(batch.clone(), parse_time(NOW)).await.unwrap();
            mark_uncounted(&mongo).await;
            if !was_added {
                mongo.collection::<Document>(DAYS).delete_many(doc! {}).await.unwrap();
                assert_eq!(count(&*db, &batch[0]).await, 0);
            }
            if is_reported_again {
                let outcomes = db.record(batch.clone(), parse_time(NOW)).await.unwrap();
                assert_eq!(outcomes, [RecordOutcome::Duplicate; 5]);
            } else {
                assert!(
                    db.tidy(parse_time("2026-05-20T00:00:11Z")).await.unwrap(),
                    "there was something to do"
                );
            }
            assert!(!db.tidy(parse_time("2026-05-20T00:00:11Z")).await.unwrap(), "nothing is left to do");
            assert_eq!(count(&*db, &batch[0]).await, 5);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_was_left_alone_forgets_which_activities_it_holds_and_keeps_its_totals() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let (db, batch) = (stores.activities, some_activities());
    db.record(batch.clone(), parse_time(NOW)).await.unwrap();
    let counted = async || {
        let day = mongo.collection::<Document>(DAYS).find_one(doc! {}).await.unwrap().unwrap();
        day.get_array("counted").unwrap().len()
    };
    db.tidy(parse_time("2026-05-20T23:59:59Z")).await.unwrap();
    assert_eq!(counted().await, 5);
    db.tidy(parse_time("2026-05-21T00:00:01Z")).await.unwrap();
    assert_eq!(counted().await, 0);
    assert_eq!(db.record(batch.clone(), parse_time(NOW)).await.unwrap(), [RecordOutcome::Duplicate; 5]);
    assert_eq!(count(&*db, &batch[0]).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_count_the_same_activities_count_each_once() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let batch = some_activities();
    let tasks: Vec<_> = (0..16_usize)
        .map(|n| {
            let (mongo, mut batch) = (mongo.clone(), batch.clone());
            batch.truncate(n % 5 + 1);
            tokio::spawn(async move { count_activities(&mongo, &batch, parse_time(NOW)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(count(&*stores.activities, &batch[0]).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_that_cannot_be_read_keeps_no_other_from_being_counted() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let (db, batch) = (stores.activities, some_activities());
    db.record(batch.clone(), parse_time(NOW)).await.unwrap();
    mark_uncounted(&mongo).await;
    mongo.collection::<Document>(DAYS).delete_many(doc! {}).await.unwrap();
    let spoil = doc! { "$set": { "userId": 7 } };
    let activities = mongo.collection::<Document>(ACTIVITIES);
    activities.update_one(doc! { "_id": "c2" }, spoil).await.unwrap();
    assert_eq!(
        db.record(batch[1..4].to_vec(), parse_time(NOW)).await.unwrap(),
        [RecordOutcome::Duplicate; 3]
    );
    assert_eq!(count(&*db, &batch[0]).await, 2);
    assert!(db.tidy(parse_time("2026-05-20T00:00:11Z")).await.unwrap());
    assert_eq!(count(&*db, &batch[0]).await, 4);
    assert!(!db.tidy(parse_time("2026-05-20T00:00:11Z")).await.unwrap());
}
