use domain::{Activity, ActivityValue, ObjectId as Id};
use mongodb::bson::{DateTime, Document, RawDocumentBuf, doc, oid::ObjectId};
use serde::{Deserialize, Serialize};
use service_kit::page::PageRequest;
use store_kit::{
    mongo::{from_date, from_oid, to_date, to_oid},
    row::StoredRow,
};

use super::{activity_count::place_of, corrupt_document, read_text};
use crate::{ActivityFilter, STORE, StoreError};

/// An activity as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActivityDocument {
    #[serde(rename = "_id")]
    id: String,
    user_id: String,
    #[serde(rename = "type")]
    activity_type: String,
    at: DateTime,
    place: ObjectId,
    /// In ten-thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<i64>,
    /// JSON: names may hold what MongoDB gives a meaning of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    properties: Option<String>,
    recorded_at: DateTime,
    /// As long as its day's totals may lack it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    uncounted: bool,
}

impl ActivityDocument {
    /// As it is stored first.
    pub(super) fn new(activity: &Activity) -> Result<Self, StoreError> {
        let properties = activity.properties.as_ref().map(serde_json::to_string).transpose();
        Ok(Self {
            id: activity.id.to_string(),
            user_id: activity.user_id.to_string(),
            activity_type: activity.activity_type.to_string(),
            at: to_date(activity.at),
            place: place_of(activity),
            value: activity.value.map(ActivityValue::ten_thousandths),
            properties: properties.map_err(|error| StoreError::corrupt(STORE, error))?,
            recorded_at: to_date(activity.recorded_at),
            uncounted: true,
        })
    }
}

impl TryFrom<ActivityDocument> for Activity {
    type Error = StoreError;

    fn try_from(document: ActivityDocument) -> Result<Self, StoreError> {
        let properties = document.properties.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            id: read_text(&document.id)?,
            user_id: read_text(&document.user_id)?,
            activity_type: read_text(&document.activity_type)?,
            at: from_date(document.at),
            value: document.value.map(ActivityValue::from_ten_thousandths),
            properties: properties.map_err(|error| StoreError::corrupt(STORE, error))?,
            recorded_at: from_date(document.recorded_at),
        })
    }
}

/// Reads a document by itself.
pub(super) fn read_activity(document: &RawDocumentBuf) -> StoredRow<Activity> {
    let id = document.get_object_id("place").map(from_oid).map_err(corrupt_document);
    let read = mongodb::bson::deserialize_from_slice::<ActivityDocument>(document.as_bytes());
    StoredRow { id, value: read.map_err(corrupt_document).and_then(Activity::try_from) }
}

/// Walks `{userId: 1, type: 1, place: -1}`, `{userId: 1, place: -1}`, `{type: 1, place: -1}` or `{place: -1}`.
pub(super) fn list_filter(filter: &ActivityFilter, page: PageRequest) -> Document {
    let mut query = Document::new();
    if let Some(user) = filter.user {
        query.insert("userId", user.to_string());
    }
    if let Some(activity_type) = &filter.activity_type {
        query.insert("type", activity_type.as_str());
    }
    // Places know seconds and bound the walk; the times decide.
    let (mut places, mut times) = (Document::new(), Document::new());
    if let Some(before) = page.before {
        places.insert("$lt", to_oid(before));
    }
    if let Some(from) = filter.from {
        places.insert("$gte", to_oid(Id::floor(from)));
        times.insert("$gte", to_date(from));
    }
    if let Some(to) = filter.to {
        places.insert("$lte", to_oid(Id::ceiling(to)));
        times.insert("$lt", to_date(to));
    }
    for (field, bounds) in [("place", places), ("at", times)] {
        if !bounds.is_empty() {
            query.insert(field, bounds);
        }
    }
    query
}
