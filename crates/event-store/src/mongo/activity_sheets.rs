//! Days that were left alone, gathered on sheets of 32: without transactions, yet none is lacking or counted twice.
//!
//! A sheet holds copies of how its days stood. A worker writes a day's copy first and marks the day as `rolled` then, unless
//! it has changed meanwhile; whatever is added to a day takes the mark off. So whoever reads the days without the mark
//! first, and the sheets then, has each day as it stood or stands: activities are only ever added to a day, and of two
//! copies of it the one that counts more is the later. Any of these steps may be repeated.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    time::Duration,
};

use domain::Timestamp;
use mongodb::bson::{Binary, Bson, Document, RawDocumentBuf, doc, oid::ObjectId, spec::BinarySubtype};
use serde::Deserialize;
use store_kit::{
    error::StoreError,
    mongo::{Mongo, to_date},
    row::log_unreadable,
};

use super::{
    activity_count::{DAYS, DayDocument},
    corrupt_document,
    update_each::update_each,
};
use crate::{
    ActiveDay, ActivitySpan,
    day_sheet::{DaySheet, sheet_of, sheets_of},
};

/// The collection of the sheets. Their ids say whose they are, of which type and which of all.
pub(super) const SHEETS: &str = "activity_sheets";
/// How long a day is left alone before it is put on its sheet: one that goes on is not written twice for every activity.
const ROLL_AFTER: Duration = Duration::from_mins(10);
/// Days that are put on their sheets at a time.
const ROLL_STEP: i64 = 200;

#[derive(Debug, Deserialize)]
struct SheetDocument {
    #[serde(rename = "_id")]
    id: String,
    days: Binary,
    /// Counts how often it was written: of two who change it at the same time, one is refused.
    version: i64,
}

impl SheetDocument {
    /// Which of all the sheet is, by the last part of its id.
    fn number(&self) -> Result<i64, StoreError> {
        let number = self.id.rsplit(':').next().unwrap_or_default();
        number.parse().map_err(corrupt_document)
    }

    fn read(&self) -> Result<DaySheet, StoreError> {
        DaySheet::from_bytes(self.number()?, &self.days.bytes)
    }
}

/// Ids are in the order of the sheets' numbers.
fn sheet_id(user: &str, activity_type: &str, number: i64) -> String {
    format!("{user}:{activity_type}:{number:06}")
}

/// Whole days with activity.
pub(super) async fn find_days(
    mongo: &Mongo,
    span: &ActivitySpan,
    days: Range<i64>,
) -> Result<Vec<ActiveDay>, StoreError> {
    if days.is_empty() {
        return Ok(Vec::new());
    }
    let (user, name) = (span.user.to_string(), span.activity_type.as_str());
    // In this order: a day that is put on its sheet meanwhile is found twice and not missed.
    let filter = doc! { "userId": &user, "type": name, "rolled": null, "day": { "$gte": days.start, "$lt": days.end } };
    let collection = mongo.collection::<DayDocument>(DAYS);
    let find = collection.find(filter).projection(doc! { "counted": 0 });
    let unrolled = mongo.all(find.max_time(mongo.limit())).await?;
    let numbers = sheets_of(&days);
    let ids = [numbers.start, numbers.end - 1].map(|number| sheet_id(&user, name, number));
    let filter = doc! { "_id": { "$gte": &ids[0], "$lte": &ids[1] } };
    let collection = mongo.collection::<SheetDocument>(SHEETS);
    let stored = mongo.all(collection.find(filter).max_time(mongo.limit())).await?;
    let read = |stored: &SheetDocument| Ok((stored.number()?, stored.read()?));
    let mut sheets = stored.iter().map(read).collect::<Result<BTreeMap<_, _>, StoreError>>()?;
    for day in unrolled.iter().map(DayDocument::to_day) {
        sheets.entry(sheet_of(day.day)).or_default().put(&day);
    }
    let found = sheets.into_values().flat_map(DaySheet::into_days);
    Ok(found.filter(|day| days.contains(&day.day)).collect())
}

/// A day that is to be put on its sheet.
#[derive(Debug)]
struct WaitingDay {
    id: ObjectId,
    sheet: String,
    stands: ActiveDay,
}

impl WaitingDay {
    fn read(document: &RawDocumentBuf) -> Result<Self, StoreError> {
        let text = |field| document.get_str(field).map_err(corrupt_document);
        let day: DayDocument =
            mongodb::bson::deserialize_from_slice(document.as_bytes()).map_err(corrupt_document)?;
        let stands = day.to_day();
        Ok(Self {
            id: document.get_object_id("_id").map_err(corrupt_document)?,
            sheet: sheet_id(text("userId")?, text("type")?, sheet_of(stands.day)),
            stands,
        })
    }

    /// Matches the day as long as nothing is added to it.
    fn mark(&self) -> Document {
        let filter = doc! { "_id": self.id, "count": self.stands.tally.count };
        doc! { "q": filter, "u": { "$set": { "rolled": true } } }
    }
}

/// Puts days that were left alone on their sheets, some of them. Returns whether there may be more.
pub(super) async fn roll_days(mongo: &Mongo, now: Timestamp) -> Result<bool, StoreError> {
    let waiting = find_waiting(mongo, now).await?;
    let mut by_sheet = BTreeMap::<&str, Vec<&WaitingDay>>::new();
    for day in &waiting {
        by_sheet.entry(&day.sheet).or_default().push(day);
    }
    let stored = find_sheets(mongo, by_sheet.keys().copied()).await?;
    let (mut updates, mut marks) = (Vec::new(), Vec::new());
    for (id, days) in by_sheet {
        match update_sheet(id, &days, stored.get(id)) {
            Ok(update) => {
                updates.push(update);
                marks.push(days);
            }
            // Its days stay what they are, and are counted from there.
            Err(error) => log_unreadable(SHEETS, id, &error),
        }
    }
    // Another replica does the same at the same moment: what it was faster with waits for the next time.
    let overtaken = update_each(mongo, SHEETS, updates).await?;
    let marks = marks.iter().enumerate().filter(|(place, _)| !overtaken.contains(place));
    let marks: Vec<_> = marks.flat_map(|(_, days)| days.iter().map(|day| day.mark())).collect();
    let has_more = !marks.is_empty() && i64::try_from(waiting.len()).is_ok_and(|found| found == ROLL_STEP);
    update_each(mongo, DAYS, marks).await?;
    Ok(has_more)
}

async fn find_waiting(mongo: &Mongo, now: Timestamp) -> Result<Vec<WaitingDay>, StoreError> {
    let seconds = i64::try_from(ROLL_AFTER.as_secs()).unwrap_or(i64::MAX);
    let before = to_date(now.plus_seconds(-seconds));
    let days = mongo.collection::<RawDocumentBuf>(DAYS);
    let mut found = Vec::new();
    // Those of earlier versions, which had no sheets, may have been left alone for so long that they no longer say since when.
    for touched in [Bson::Document(doc! { "$lt": before }), Bson::Null] {
        let find = days.find(doc! { "rolled": null, "touchedAt": touched }).sort(doc! { "touchedAt": -1 });
        let find = find.projection(doc! { "counted": 0 }).limit(ROLL_STEP);
        found = mongo.all(find.max_time(mongo.limit())).await?;
        if !found.is_empty() {
            break;
        }
    }
    let read = |document: &RawDocumentBuf| match WaitingDay::read(document) {
        Ok(day) => Some(day),
        Err(error) => {
            log_unreadable(DAYS, &format!("{:?}", document.get("_id")), &error);
            None
        }
    };
    Ok(found.iter().filter_map(read).collect())
}

async fn find_sheets(
    mongo: &Mongo,
    ids: impl Iterator<Item = &str>,
) -> Result<HashMap<String, SheetDocument>, StoreError> {
    let ids: Vec<_> = ids.collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let collection = mongo.collection::<SheetDocument>(SHEETS);
    let find = collection.find(doc! { "_id": { "$in": ids } });
    let found = mongo.all(find.max_time(mongo.limit())).await?;
    Ok(found.into_iter().map(|sheet| (sheet.id.clone(), sheet)).collect())
}

/// Puts days down on the sheet that is stored, unless somebody else has written it since.
fn update_sheet(
    id: &str,
    days: &[&WaitingDay],
    stored: Option<&SheetDocument>,
) -> Result<Document, StoreError> {
    let mut sheet = stored.map(SheetDocument::read).transpose()?.unwrap_or_default();
    for day in days {
        sheet.put(&day.stands);
    }
    let bytes = Binary { subtype: BinarySubtype::Generic, bytes: sheet.to_bytes()? };
    Ok(doc! {
        "q": { "_id": id, "version": stored.map_or(0, |stored| stored.version) },
        "u": { "$set": { "days": bytes }, "$inc": { "version": 1_i64 } },
        "upsert": true,
    })
}
