use std::sync::Arc;

use async_trait::async_trait;
use domain::{Activity, ActivityType, ActivityValue, ObjectId as Id, Timestamp, UserId};
use mongodb::{
    Collection,
    bson::{DateTime, Document, RawDocumentBuf, doc},
};
use serde::Deserialize;
use service_kit::page::{Page, PageRequest};
use store_kit::{
    mongo::{Mongo, from_date, to_date, to_oid},
    row::{StoredRow, readable_page},
};
use tokio::sync::Semaphore;

use super::{
    activity_count::{DAYS, DayDocument, count_activities, forget_counted},
    activity_document::{ActivityDocument, list_filter, read_activity},
    activity_sheets::{find_days, roll_days},
    insert_each::{InsertOutcome, insert_each},
    read_text,
    seen_names::SeenNames,
};
use crate::{
    ActiveDay, ActivityFilter, ActivitySpan, ActivityStore, ActivityTally, RecordOutcome, STORE, StoreError,
    active_day::{SpanParts, quarter_of},
};

/// The collection of the activities.
pub(super) const ACTIVITIES: &str = "activities";
/// Types there is activity of; the name is the id.
const TYPES: &str = "activity_types";
/// Users there is activity of; the user's id is the id.
const USERS: &str = "activity_users";
/// An activity that is not counted after so long was left behind by a process that died.
const LEFT_BEHIND_SECONDS: i64 = 10;
/// Batches that are stored at the same time; others wait for their turn.
const BATCHES_AT_ONCE: usize = 2;
/// How much is taken on at a time of what was left behind: as much as a batch has at most.
const TIDY_STEP: i64 = 1000;

/// The activities on a MongoDB server.
#[derive(Debug, Clone)]
pub(super) struct MongoActivities {
    mongo: Mongo,
    activities: Collection<ActivityDocument>,
    /// Batches under way: several that meet at the same days only hinder each other.
    turns: Arc<Semaphore>,
    types: SeenNames,
    users: SeenNames,
}

impl MongoActivities {
    pub(super) fn new(mongo: &Mongo) -> Self {
        Self {
            mongo: mongo.clone(),
            activities: mongo.collection(ACTIVITIES),
            turns: Arc::new(Semaphore::new(BATCHES_AT_ONCE)),
            types: SeenNames::new(mongo, TYPES),
            users: SeenNames::new(mongo, USERS),
        }
    }

    /// Of activities that were there before: those that may not be counted yet.
    async fn uncounted_of(&self, ids: Vec<&str>) -> Result<Vec<Activity>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.find_uncounted(doc! { "_id": { "$in": ids } }).await
    }

    /// Activities that match and may not be counted yet, some of them. One that cannot be read cannot be counted either: it
    /// is named in the log, and keeps no other from it.
    async fn find_uncounted(&self, mut filter: Document) -> Result<Vec<Activity>, StoreError> {
        filter.insert("uncounted", true);
        let activities = self.activities.clone_with_type::<RawDocumentBuf>();
        let find = activities.find(filter).sort(doc! { "recordedAt": -1 }).limit(TIDY_STEP);
        let found = self.mongo.all(find.max_time(self.mongo.limit())).await?;
        let readable = found.iter().map(read_activity).filter_map(|row| row.into_readable(ACTIVITIES));
        Ok(readable.collect())
    }

    /// Counts stored activities and takes their marks off.
    async fn count_and_mark(&self, activities: &[Activity], now: Timestamp) -> Result<(), StoreError> {
        if activities.is_empty() {
            return Ok(());
        }
        count_activities(&self.mongo, activities, now).await?;
        let ids: Vec<_> = activities.iter().map(|activity| activity.id.as_str()).collect();
        let unmark = doc! { "$unset": { "uncounted": "" } };
        self.mongo.run(self.activities.update_many(doc! { "_id": { "$in": ids } }, unmark)).await?;
        Ok(())
    }

    /// Notes which users and types there are.
    async fn note_names(&self, activities: &[Activity]) -> Result<(), StoreError> {
        self.types.note(activities.iter().map(|activity| activity.activity_type.to_string())).await?;
        self.users.note(activities.iter().map(|activity| activity.user_id.to_string())).await
    }

    async fn day_documents(
        &self,
        span: &ActivitySpan,
        days: Document,
    ) -> Result<Vec<DayDocument>, StoreError> {
        let filter =
            doc! { "userId": span.user.to_string(), "type": span.activity_type.as_str(), "day": days };
        let collection = self.mongo.collection::<DayDocument>(DAYS);
        let find = collection.find(filter).projection(doc! { "counted": 0 });
        self.mongo.all(find.max_time(self.mongo.limit())).await
    }

    async fn moments(
        &self,
        span: &ActivitySpan,
        moments: std::ops::Range<Timestamp>,
    ) -> Result<Vec<ActiveDay>, StoreError> {
        #[derive(Deserialize)]
        struct CountedMoment {
            at: DateTime,
            value: Option<i64>,
        }
        let filter = doc! {
            "userId": span.user.to_string(),
            "type": span.activity_type.as_str(),
            "place": { "$gte": to_oid(Id::floor(moments.start)), "$lte": to_oid(Id::ceiling(moments.end)) },
            "at": { "$gte": to_date(moments.start), "$lt": to_date(moments.end) },
        };
        let activities = self.activities.clone_with_type::<CountedMoment>();
        let find = activities.find(filter).projection(doc! { "at": 1, "value": 1 });
        let found = self.mongo.all(find.max_time(self.mongo.limit())).await?;
        let day = |moment: CountedMoment| {
            let value = moment.value.map(ActivityValue::from_ten_thousandths);
            ActiveDay::of_quarter(quarter_of(from_date(moment.at)), ActivityTally::of_value(value))
        };
        Ok(found.into_iter().map(day).collect())
    }
}

#[async_trait]
impl ActivityStore for MongoActivities {
    async fn record(
        &self,
        activities: Vec<Activity>,
        now: Timestamp,
    ) -> Result<Vec<RecordOutcome>, StoreError> {
        if activities.is_empty() {
            return Ok(Vec::new());
        }
        let _turn = self.turns.acquire().await.map_err(|closed| StoreError::unavailable(STORE, closed))?;
        self.note_names(&activities).await?;
        let documents = activities.iter().map(ActivityDocument::new).collect::<Result<Vec<_>, _>>()?;
        let inserted = insert_each(&self.mongo, &self.activities, documents).await;
        let mut outcomes = Vec::with_capacity(activities.len());
        let (mut new, mut earlier) = (Vec::new(), Vec::new());
        for (activity, inserted) in activities.iter().zip(inserted) {
            match inserted {
                InsertOutcome::Stored => {
                    new.push(activity.clone());
                    outcomes.push(RecordOutcome::Recorded);
                }
                InsertOutcome::KeyTaken => {
                    earlier.push(activity.id.as_str());
                    outcomes.push(RecordOutcome::Duplicate);
                }
                InsertOutcome::Failed(error) => return Err(error),
            }
        }
        let stored: std::collections::HashSet<_> = new.iter().map(|activity| activity.id.clone()).collect();
        let left = self.uncounted_of(earlier).await?;
        // Twice in one batch: it is counted once, as one of the new ones.
        new.extend(left.into_iter().filter(|activity| !stored.contains(&activity.id)));
        self.count_and_mark(&new, now).await?;
        Ok(outcomes)
    }

    async fn active_days(&self, span: &ActivitySpan) -> Result<Vec<ActiveDay>, StoreError> {
        let SpanParts { days, quarters, moments } = SpanParts::new(span.from, span.to);
        let mut found = find_days(&self.mongo, span, days).await?;
        for range in quarters {
            let days =
                [range.start, range.end - 1].map(|quarter| quarter.div_euclid(crate::QUARTERS_PER_DAY));
            let cut = self.day_documents(span, doc! { "$gte": days[0], "$lte": days[1] }).await?;
            let within =
                cut.iter().flat_map(DayDocument::to_quarters).filter(|(quarter, _)| range.contains(quarter));
            found.extend(within.map(|(quarter, tally)| ActiveDay::of_quarter(quarter, tally)));
        }
        for range in moments {
            found.extend(self.moments(span, range).await?);
        }
        Ok(found)
    }

    async fn list(&self, filter: &ActivityFilter, page: PageRequest) -> Result<Page<Activity>, StoreError> {
        let activities = self.activities.clone_with_type::<RawDocumentBuf>();
        let find = activities.find(list_filter(filter, page)).sort(doc! { "place": -1 });
        let found = self.mongo.all(find.limit(page.overfull()).max_time(self.mongo.limit())).await?;
        Ok(readable_page(ACTIVITIES, found.iter().map(read_activity).collect(), page.limit))
    }

    async fn types(&self, limit: usize) -> Result<Vec<ActivityType>, StoreError> {
        let names = self.types.list(None, limit).await?;
        names.iter().map(|name| read_text(name)).collect()
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<UserId>, StoreError> {
        let after = after.map(|user| user.to_string());
        let names = self.users.list(after, limit).await?;
        names.iter().map(|name| read_text(name)).collect()
    }

    async fn export(&self, after: Option<Id>, limit: usize) -> Result<Vec<StoredRow<Activity>>, StoreError> {
        let activities = self.activities.clone_with_type::<RawDocumentBuf>();
        let filter = after.map_or_else(Document::new, |place| doc! { "place": { "$gt": to_oid(place) } });
        let find = activities.find(filter).sort(doc! { "place": 1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.mongo.all(find.max_time(self.mongo.limit())).await?;
        Ok(found.iter().map(read_activity).collect())
    }

    async fn tidy(&self, now: Timestamp) -> Result<bool, StoreError> {
        let old = to_date(now.plus_seconds(-LEFT_BEHIND_SECONDS));
        let left = self.find_uncounted(doc! { "recordedAt": { "$lt": old } }).await?;
        if left.is_empty() {
            let more_to_roll = roll_days(&self.mongo, now).await?;
            return Ok(forget_counted(&self.mongo, now, TIDY_STEP).await? || more_to_roll);
        }
        tracing::info!(count = left.len(), "counting activities that a process left behind");
        self.count_and_mark(&left, now).await?;
        Ok(true)
    }
}
