//! Totals of days, kept beside the activities: without transactions, yet each activity is counted once.
//!
//! An activity is stored first, marked as uncounted; then it is added to its day's document, whose list `counted` says
//! which it holds already, in one update; then the mark is taken off. Whoever meets the mark, another reporter of the same
//! activity or a worker after a crash, does the rest again: the list makes a repetition change nothing. A day that was left
//! alone for long, is on its sheet, and none of whose activities can still be uncounted, forgets the list.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use domain::{Activity, Timestamp};
use futures::{TryStreamExt, stream};
use mongodb::{
    Collection,
    bson::{DateTime, Document, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use store_kit::{
    error::StoreError,
    mongo::{Mongo, to_date, to_oid},
};

use super::update_each::update_each;
use crate::{
    ActiveDay, ActivityTally, QUARTERS_PER_DAY, QuarterSet, STORE,
    active_day::{quarter_of, tally_quarters},
    activities::activity_place,
};

/// The collection of the totals.
pub(super) const DAYS: &str = "activity_days";

/// How long after its last change a day forgets which activities it holds: far longer than any attempt to count one.
const FORGET_AFTER: Duration = Duration::from_hours(24);
/// Activities that a day knows to hold, the last ones: a document is bounded, and nobody wants to count one that is followed
/// by so many of the same user, type and day. What a crash left is made up for within some ten seconds.
pub(super) const MOST_HELD: i32 = if cfg!(test) { 2_000 } else { 250_000 };
/// Attempts to add to a day that others change at the same moment.
const ATTEMPTS: usize = 20;
/// Days that are looked at by themselves at the same time.
const AT_ONCE: usize = 8;

/// The totals of a user's day, as they are read.
#[derive(Debug, Deserialize)]
pub(super) struct DayDocument {
    day: i64,
    #[serde(flatten)]
    tally: TallyDocument,
    /// By the number of the quarter within the day.
    #[serde(default)]
    quarters: BTreeMap<String, TallyDocument>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct TallyDocument {
    count: i64,
    whole: i64,
    fraction: i64,
    max: Option<i64>,
}

impl From<TallyDocument> for ActivityTally {
    fn from(TallyDocument { count, whole, fraction, max }: TallyDocument) -> Self {
        Self { count, whole, fraction, max }
    }
}

impl DayDocument {
    /// The whole day.
    pub(super) fn to_day(&self) -> ActiveDay {
        let mut quarters = QuarterSet::default();
        for (quarter, _) in self.numbered_quarters() {
            quarters.insert(quarter);
        }
        ActiveDay { day: self.day, tally: self.tally.into(), quarters }
    }

    /// The quarters of the day, counted from 1970.
    pub(super) fn to_quarters(&self) -> impl Iterator<Item = (i64, ActivityTally)> {
        let first = self.day * QUARTERS_PER_DAY;
        self.numbered_quarters().map(move |(quarter, tally)| (first + quarter, tally))
    }

    fn numbered_quarters(&self) -> impl Iterator<Item = (i64, ActivityTally)> {
        self.quarters.iter().filter_map(|(name, tally)| Some((name.parse().ok()?, (*tally).into())))
    }
}

/// Activities of one user, type and day, to be counted together.
#[derive(Debug)]
struct DayAddition<'a> {
    key: Document,
    activities: Vec<&'a Activity>,
}

impl DayAddition<'_> {
    fn places(&self) -> Vec<ObjectId> {
        self.activities.iter().map(|activity| place_of(activity)).collect()
    }

    /// Matches the day unless it holds one of these already.
    fn filter(&self) -> Document {
        let mut filter = self.key.clone();
        filter.insert("counted", doc! { "$nin": self.places() });
        filter
    }

    fn update(&self, now: Timestamp) -> Document {
        let (mut increments, mut maxima) = (Document::new(), Document::new());
        let mut enter = |prefix: &str, tally: &ActivityTally| {
            for (name, value) in
                [("count", tally.count), ("whole", tally.whole), ("fraction", tally.fraction)]
            {
                increments.insert(format!("{prefix}{name}"), value);
            }
            if let Some(max) = tally.max {
                maxima.insert(format!("{prefix}max"), max);
            }
        };
        let mut whole_day = ActivityTally::default();
        for (quarter, tally) in tally_quarters(self.activities.iter().copied()) {
            whole_day.add(&tally);
            enter(&format!("quarters.{}.", quarter.rem_euclid(QUARTERS_PER_DAY)), &tally);
        }
        enter("", &whole_day);
        let mut update = doc! {
            "$inc": increments,
            "$push": { "counted": { "$each": self.places(), "$slice": -MOST_HELD } },
            "$set": { "touchedAt": to_date(now) },
            // What its sheet has of it is no longer the latest.
            "$unset": { "rolled": "" },
        };
        if !maxima.is_empty() {
            update.insert("$max", maxima);
        }
        update
    }
}

/// Adds stored activities to the totals, each once, whoever else does the same. When it returns, all are counted.
pub(super) async fn count_activities(
    mongo: &Mongo,
    activities: &[Activity],
    now: Timestamp,
) -> Result<(), StoreError> {
    let additions = group_by_day(activities);
    if additions.is_empty() {
        return Ok(());
    }
    let unsure = add_together(mongo, &additions, now).await?;
    let unsure = unsure.into_iter().filter_map(|index| additions.get(index)).map(Ok);
    stream::iter(unsure).try_for_each_concurrent(AT_ONCE, |addition| add_missing(mongo, addition, now)).await
}

fn group_by_day(activities: &[Activity]) -> Vec<DayAddition<'_>> {
    let mut groups = HashMap::new();
    for activity in activities {
        let key = (activity.user_id, &activity.activity_type, day_of(activity));
        groups.entry(key).or_insert_with(Vec::new).push(activity);
    }
    let additions = groups.into_values().filter_map(|activities: Vec<&Activity>| {
        Some(DayAddition { key: day_key(activities.first()?), activities })
    });
    additions.collect()
}

fn day_of(activity: &Activity) -> i64 {
    quarter_of(activity.at).div_euclid(QUARTERS_PER_DAY)
}

fn day_key(activity: &Activity) -> Document {
    let user = activity.user_id.to_string();
    doc! { "userId": user, "type": activity.activity_type.as_str(), "day": day_of(activity) }
}

/// One command for all. Returns which of them met a day that holds one of theirs, or that was created at the same moment.
async fn add_together(
    mongo: &Mongo,
    additions: &[DayAddition<'_>],
    now: Timestamp,
) -> Result<Vec<usize>, StoreError> {
    let update = |addition: &DayAddition<'_>| doc! { "q": addition.filter(), "u": addition.update(now), "upsert": true };
    let updates: Vec<_> = additions.iter().map(update).collect();
    update_each(mongo, DAYS, updates).await
}

/// Adds to a day those activities that it does not hold yet.
async fn add_missing(mongo: &Mongo, addition: &DayAddition<'_>, now: Timestamp) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct HeldActivities {
        #[serde(default)]
        counted: HashSet<ObjectId>,
    }
    let days = mongo.collection::<HeldActivities>(DAYS);
    for _ in 0..ATTEMPTS {
        let find = days.find_one(addition.key.clone()).projection(doc! { "counted": 1 });
        let held = mongo.run(find.max_time(mongo.limit())).await?.map(|day| day.counted).unwrap_or_default();
        let missing = addition.activities.iter().filter(|activity| !held.contains(&place_of(activity)));
        let missing = DayAddition { key: addition.key.clone(), activities: missing.copied().collect() };
        if missing.activities.is_empty() {
            return Ok(());
        }
        let update = days.update_one(missing.filter(), missing.update(now)).upsert(true);
        // None: another process added one of them, or created the day, since it was read.
        if mongo.unless_taken(update).await?.is_some() {
            return Ok(());
        }
    }
    Err(StoreError::unavailable(STORE, "a day's totals change too often"))
}

/// Lets days forget which activities they hold, when nobody can still want to count one of them. Returns whether there may
/// be more.
pub(super) async fn forget_counted(mongo: &Mongo, now: Timestamp, limit: i64) -> Result<bool, StoreError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct TouchedDay {
        #[serde(rename = "_id")]
        id: ObjectId,
        touched_at: DateTime,
    }
    let seconds = i64::try_from(FORGET_AFTER.as_secs()).unwrap_or(i64::MAX);
    let before = to_date(now.plus_seconds(-seconds));
    let days: Collection<TouchedDay> = mongo.collection(DAYS);
    let find = days
        .find(doc! { "rolled": true, "touchedAt": { "$lt": before } })
        .projection(doc! { "touchedAt": 1 });
    let found = mongo.all(find.limit(limit).max_time(mongo.limit())).await?;
    for TouchedDay { id, touched_at } in &found {
        let unchanged = doc! { "_id": id, "touchedAt": touched_at };
        let forget = doc! { "$set": { "counted": [] }, "$unset": { "touchedAt": "" } };
        mongo.run(days.update_one(unchanged, forget)).await?;
    }
    Ok(i64::try_from(found.len()).is_ok_and(|found| found == limit))
}

/// Where an activity stands among all, as MongoDB has it.
pub(super) fn place_of(activity: &Activity) -> ObjectId {
    to_oid(activity_place(activity))
}
