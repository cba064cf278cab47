use async_trait::async_trait;
use domain::{Claim, ClaimId, DecisionTrace, EventId, ObjectId as Id, UserId};
use mongodb::bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use serde::{Deserialize, Serialize};
use service_kit::page::{Page, PageRequest};
use store_kit::mongo::{from_date, from_oid, to_date, to_oid};

use super::{MongoEventDb, STORE, from_bson, read, to_bson};
use crate::{ClaimFilter, ClaimStore, Claimed, NewClaim, StoreError, Stored};

/// A claim as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClaimDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    user_id: String,
    event: ObjectId,
    status: String,
    event_revision: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    /// What it was decided on. Lists leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionDocument>,
    created_at: DateTime,
    updated_at: DateTime,
}

#[derive(Debug, Serialize, Deserialize)]
struct DecisionDocument {
    condition: Bson,
    facts: Bson,
    evaluation: Bson,
}

impl TryFrom<NewClaim> for ClaimDocument {
    type Error = StoreError;

    fn try_from(NewClaim { request, decision, idempotency_key }: NewClaim) -> Result<Self, StoreError> {
        Ok(Self {
            id: to_oid(request.id.0),
            user_id: request.user_id.to_string(),
            event: to_oid(request.event_id.0),
            status: request.status.name().to_owned(),
            event_revision: request.event_revision,
            idempotency_key,
            decision: Some(DecisionDocument {
                condition: to_bson(&decision.condition)?,
                facts: to_bson(&decision.facts)?,
                evaluation: to_bson(&decision.evaluation)?,
            }),
            created_at: to_date(request.created_at),
            updated_at: to_date(request.updated_at),
        })
    }
}

impl TryFrom<ClaimDocument> for Stored {
    type Error = StoreError;

    fn try_from(document: ClaimDocument) -> Result<Self, StoreError> {
        let request = Claim {
            id: ClaimId(from_oid(document.id)),
            event_id: EventId(from_oid(document.event)),
            user_id: read(&document.user_id)?,
            status: read(&document.status)?,
            event_revision: document.event_revision,
            created_at: from_date(document.created_at),
            updated_at: from_date(document.updated_at),
        };
        Ok(Stored { request, idempotency_key: document.idempotency_key })
    }
}

impl TryFrom<ClaimDocument> for NewClaim {
    type Error = StoreError;

    fn try_from(mut document: ClaimDocument) -> Result<Self, StoreError> {
        let lacking = format!("request {} lacks its decision", document.id);
        let decision = document.decision.take().ok_or_else(|| StoreError::corrupt(STORE, lacking))?;
        let Stored { request, idempotency_key } = document.try_into()?;
        let decision = DecisionTrace {
            event_revision: request.event_revision,
            condition: from_bson(decision.condition)?,
            facts: from_bson(decision.facts)?,
            evaluation: from_bson(decision.evaluation)?,
        };
        Ok(NewClaim { request, decision, idempotency_key })
    }
}

/// What a list asks for. Walks `{userId: 1, _id: -1}`, `{event: 1, _id: -1}`, `{event: 1, status: 1, _id: -1}`,
/// `{status: 1, _id: -1}` or `_id`, by what is given; user and event together are one document by their unique index.
pub(super) fn query(filter: &ClaimFilter, page: PageRequest) -> Document {
    let mut query = Document::new();
    if let Some(user) = filter.user {
        query.insert("userId", user.to_string());
    }
    if let Some(event) = filter.event {
        query.insert("event", to_oid(event.0));
    }
    if let Some(status) = filter.status {
        query.insert("status", status.name());
    }
    // IdGenerator know seconds and bound the walk; the times decide.
    let (mut ids, mut times) = (Document::new(), Document::new());
    if let Some(before) = page.before {
        ids.insert("$lt", to_oid(before));
    }
    if let Some(from) = filter.from {
        ids.insert("$gte", to_oid(Id::floor(from)));
        times.insert("$gte", to_date(from));
    }
    if let Some(to) = filter.to {
        ids.insert("$lte", to_oid(Id::ceiling(to)));
        times.insert("$lt", to_date(to));
    }
    for (field, bounds) in [("_id", ids), ("createdAt", times)] {
        if !bounds.is_empty() {
            query.insert(field, bounds);
        }
    }
    query
}

#[async_trait]
impl ClaimStore for MongoEventDb {
    async fn claim_once(&self, new: NewClaim) -> Result<Claimed, StoreError> {
        self.claims.ask(new).await.unwrap_or_else(|error| Err(StoreError::unavailable(STORE, error)))
    }

    /// By the unique index.
    async fn find_claim(&self, user: UserId, event: EventId) -> Result<Option<Stored>, StoreError> {
        let key = doc! { "userId": user.to_string(), "event": to_oid(event.0) };
        let find = self.requests.find_one(key).projection(doc! { "decision": 0 });
        self.mongo.run(find).await?.map(Stored::try_from).transpose()
    }

    /// By `_id`.
    async fn find(&self, id: ClaimId) -> Result<Option<(Claim, DecisionTrace)>, StoreError> {
        let found = self.mongo.run(self.requests.find_one(doc! { "_id": to_oid(id.0) })).await?;
        let found = found.map(NewClaim::try_from).transpose()?;
        Ok(found.map(|whole| (whole.request, whole.decision)))
    }

    async fn list(&self, filter: &ClaimFilter, page: PageRequest) -> Result<Page<Claim>, StoreError> {
        let find = self.requests.find(query(filter, page)).projection(doc! { "decision": 0 });
        let found = self.mongo.all(find.sort(doc! { "_id": -1 }).limit(page.overfull())).await?;
        let requests: Result<_, _> = found
            .into_iter()
            .map(|document| Stored::try_from(document).map(|stored| stored.request))
            .collect();
        Ok(Page::from_overfull(requests?, page.limit, |request: &Claim| request.id.0))
    }
}
