//! What a process that dies between two steps of recording leaves behind.

use domain::{Activity, Timestamp};
use mongodb::bson::{Document, doc, oid::ObjectId};
use test_servers::{Mongo as Server, MongoMode};

use super::{
    activities::ACTIVITIES,
    activity_count::{DAYS, MOST_HELD, count_activities},
    activity_sheets::{SHEETS, roll_days},
    tests::open_below,
};
use crate::{
    ActivitySpan, ActivityStore, RecordOutcome,
    contract::activities::{activities_of_years, new_activity, spans_count_as_naively},
};

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
async fn a_day_with_ever_so_many_activities_takes_more_and_still_knows_the_last_of_them() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let (db, batch) = (stores.activities, some_activities());
    db.record(batch[..1].to_vec(), parse_time(NOW)).await.unwrap();
    let days = mongo.collection::<Document>(DAYS);
    let others: Vec<_> = (0..MOST_HELD).map(|n| ObjectId::parse_str(format!("{n:024}")).unwrap()).collect();
    days.update_one(doc! {}, doc! { "$set": { "counted": others } }).await.unwrap();
    for _ in 0..2 {
        count_activities(&mongo, &batch[1..], parse_time(NOW)).await.unwrap();
        assert_eq!(count(&*db, &batch[0]).await, 5);
    }
    let day = days.find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(day.get_array("counted").unwrap().len(), usize::try_from(MOST_HELD).unwrap());
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

const LATER: &str = "2026-05-20T01:00:00Z";

/// How many days are on their sheet and marked so, and how many are not.
async fn rolled_and_not(mongo: &store_kit::mongo::Mongo) -> (u64, u64) {
    let days = mongo.collection::<Document>(DAYS);
    let rolled = days.count_documents(doc! { "rolled": true }).await.unwrap();
    (rolled, days.count_documents(doc! { "rolled": null }).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_put_on_its_sheet_once_it_was_left_alone_and_again_when_something_is_added() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let (db, batch) = (stores.activities, some_activities());
    db.record(batch[..3].to_vec(), parse_time(NOW)).await.unwrap();
    roll_days(&mongo, parse_time("2026-05-20T00:09:59Z")).await.unwrap();
    assert_eq!(rolled_and_not(&mongo).await, (0, 1));
    roll_days(&mongo, parse_time("2026-05-20T00:10:01Z")).await.unwrap();
    assert_eq!(rolled_and_not(&mongo).await, (1, 0));
    assert_eq!(count(&*db, &batch[0]).await, 3);
    db.record(batch.clone(), parse_time(LATER)).await.unwrap();
    assert_eq!(rolled_and_not(&mongo).await, (0, 1));
    assert_eq!(count(&*db, &batch[0]).await, 5);
    roll_days(&mongo, parse_time("2026-05-20T02:00:00Z")).await.unwrap();
    assert_eq!(rolled_and_not(&mongo).await, (1, 0));
    assert_eq!(count(&*db, &batch[0]).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_crash_left_of_putting_days_on_sheets_is_counted_once_and_finished_later() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let (db, all) = (stores.activities, activities_of_years(200));
    db.record(all.clone(), parse_time(NOW)).await.unwrap();
    while roll_days(&mongo, parse_time(LATER)).await.unwrap() {}
    assert_eq!(rolled_and_not(&mongo).await.1, 0);
    let days = mongo.collection::<Document>(DAYS);
    // Its sheets were written and its days not marked; or nothing was done; or an earlier version left the days.
    for (lost_sheets, mark) in [
        (false, doc! { "$unset": { "rolled": "" } }),
        (true, doc! { "$unset": { "rolled": "" } }),
        (true, doc! { "$unset": { "rolled": "", "touchedAt": "" } }),
    ] {
        days.update_many(doc! {}, mark).await.unwrap();
        if lost_sheets {
            mongo.collection::<Document>(SHEETS).delete_many(doc! {}).await.unwrap();
        }
        spans_count_as_naively(&*db, &all).await;
        while roll_days(&mongo, parse_time(LATER)).await.unwrap() {}
        assert_eq!(rolled_and_not(&mongo).await.1, 0);
        spans_count_as_naively(&*db, &all).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_misses_a_day_while_many_put_it_on_its_sheet_and_others_add_to_it() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let db = stores.activities;
    let activity = |n: i64| {
        new_activity(&format!("r{n}"), 1, "login", &format!("2026-05-0{}T10:00:00Z", n % 8 + 1), None)
    };
    let rolling: Vec<_> = (0..4)
        .map(|_| {
            let mongo = mongo.clone();
            tokio::spawn(async move {
                for _ in 0..30 {
                    roll_days(&mongo, parse_time(LATER)).await.unwrap();
                }
            })
        })
        .collect();
    for n in 0..60 {
        db.record(vec![activity(n)], parse_time(NOW)).await.unwrap();
        assert_eq!(count(&*db, &activity(0)).await, n + 1);
    }
    for roller in rolling {
        roller.await.unwrap();
    }
    while roll_days(&mongo, parse_time(LATER)).await.unwrap() {}
    assert_eq!(rolled_and_not(&mongo).await, (8, 0));
    assert_eq!(count(&*db, &activity(0)).await, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_that_cannot_be_read_keeps_no_other_from_being_written() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let db = stores.activities;
    let of_user = |user| {
        let activity =
            move |n: i64| new_activity(&format!("{user}-{n}"), user, "login", "2026-05-02T10:00:00Z", None);
        [activity(0), activity(1)]
    };
    let (spoilt, fine) = (of_user(1), of_user(2));
    for n in 0..2 {
        db.record(vec![spoilt[n].clone(), fine[n].clone()], parse_time(NOW)).await.unwrap();
        roll_days(&mongo, parse_time(LATER)).await.unwrap();
        let sheets = mongo.collection::<Document>(SHEETS);
        let spoil = doc! { "$set": { "days": mongodb::bson::Binary { subtype: 0.into(), bytes: vec![9] } } };
        let of_spoilt = doc! { "_id": { "$regex": format!("^{}:", spoilt[0].user_id) } };
        assert_eq!(sheets.update_one(of_spoilt, spoil).await.unwrap().matched_count, 1);
    }
    assert_eq!(count(&*db, &fine[0]).await, 2);
    assert_eq!(rolled_and_not(&mongo).await, (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_processes_that_die_while_they_put_days_on_sheets_leave_each_activity_counted_once() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let (db, all) = (stores.activities, activities_of_years(400));
    for (n, batch) in all.chunks(20).enumerate() {
        db.record(batch.to_vec(), parse_time(NOW)).await.unwrap();
        let mongo = mongo.clone();
        let dying = tokio::spawn(async move { roll_days(&mongo, parse_time(LATER)).await });
        tokio::time::sleep(std::time::Duration::from_micros(u64::try_from(n).unwrap() * 700)).await;
        dying.abort();
        let of_user = all[..(n + 1) * 20].iter().filter(|activity| activity.user_id == all[0].user_id);
        assert_eq!(count(&*db, &all[0]).await, i64::try_from(of_user.count()).unwrap());
    }
    while roll_days(&mongo, parse_time(LATER)).await.unwrap() {}
    assert_eq!(rolled_and_not(&mongo).await.1, 0);
    spans_count_as_naively(&*db, &all).await;
}
