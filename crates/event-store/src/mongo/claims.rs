use async_trait::async_trait;
use domain::{Claim, ClaimId, ClaimWork, DecisionTrace, EventId, ObjectId as Id, UserId, Verdict};
use mongodb::{
    Collection,
    bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use service_kit::{
    batch::{Batcher, Limits},
    page::{Page, PageRequest},
};
use store_kit::{
    mongo::{Mongo, from_date, from_oid, to_date, to_oid},
    row::{StoredRow, readable_page},
};

use super::{
    claim_batch::store_batch, decisions, from_bson, read_row, read_text, revocations, to_bson, to_draft,
    transfer::MongoTable,
};
use crate::{
    ClaimCounts, ClaimFilter, ClaimOutcome, ClaimStore, DecideOutcome, Decision, NewClaim, Revocation,
    RevokeOutcome, STORE, StoreError, StoredClaim, TransferRecord, audit::claim_created,
};

/// The claims on a MongoDB server.
#[derive(Debug, Clone)]
pub(super) struct MongoClaims {
    mongo: Mongo,
    claims: Collection<ClaimDocument>,
    batches: Batcher<NewClaim, Result<ClaimOutcome, StoreError>>,
}

impl MongoClaims {
    /// Starts the task that stores claims in batches. It ends, after what waits, when the last clone is dropped.
    pub(super) fn start(mongo: &Mongo, limits: Limits) -> Self {
        let claims = mongo.collection(TABLE.name);
        let (writer, target) = (mongo.clone(), claims.clone());
        let batches =
            Batcher::spawn("claims", limits, move |batch| store_batch(writer.clone(), target.clone(), batch));
        Self { mongo: mongo.clone(), claims, batches }
    }
}

pub(super) const TABLE: MongoTable = MongoTable {
    name: "reward_requests",
    order: super::transfer::ID_ORDER,
    read: |document| read_decided(document).map(TransferRecord::Claim),
    write: |record| match record {
        TransferRecord::Claim(new) => super::to_document(&ClaimDocument::try_from(new)?),
        _ => Err(super::wrong_table("reward_requests")),
    },
};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<VerdictDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation: Option<VerdictDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    work: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seats: Vec<ObjectId>,
    /// What the audit log does not have yet. Only its own port reads it.
    #[serde(default, skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    audit_drafts: Vec<Document>,
}

/// Who decided, when and why.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct VerdictDocument {
    by: String,
    at: DateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<&Verdict> for VerdictDocument {
    fn from(verdict: &Verdict) -> Self {
        Self { by: verdict.by.to_string(), at: to_date(verdict.at), reason: verdict.reason.clone() }
    }
}

impl TryFrom<VerdictDocument> for Verdict {
    type Error = StoreError;

    fn try_from(document: VerdictDocument) -> Result<Self, StoreError> {
        Ok(Self { by: read_text(&document.by)?, at: from_date(document.at), reason: document.reason })
    }
}

/// An earlier version repeated the condition here; now the event's revision has it.
#[derive(Debug, Serialize, Deserialize)]
struct DecisionDocument {
    facts: Bson,
    evaluation: Bson,
}

impl TryFrom<NewClaim> for ClaimDocument {
    type Error = StoreError;

    fn try_from(new: NewClaim) -> Result<Self, StoreError> {
        let NewClaim { request, decision, idempotency_key, stamp } = new;
        let draft = stamp.map(|stamp| to_draft(&claim_created(stamp, &request))).transpose()?;
        Ok(Self {
            id: to_oid(request.id.0),
            user_id: request.user_id.to_string(),
            event: to_oid(request.event_id.0),
            status: request.status.name().to_owned(),
            event_revision: request.event_revision,
            idempotency_key,
            decision: Some(DecisionDocument {
                facts: to_bson(&decision.facts)?,
                evaluation: to_bson(&decision.evaluation)?,
            }),
            created_at: to_date(request.created_at),
            updated_at: to_date(request.updated_at),
            verdict: request.verdict.as_ref().map(VerdictDocument::from),
            revocation: request.revocation.as_ref().map(VerdictDocument::from),
            work: request.work.map(|work| work.name().to_owned()),
            seats: request.seats.into_iter().map(to_oid).collect(),
            audit_drafts: draft.into_iter().collect(),
        })
    }
}

impl TryFrom<ClaimDocument> for StoredClaim {
    type Error = StoreError;

    fn try_from(document: ClaimDocument) -> Result<Self, StoreError> {
        let request = Claim {
            id: ClaimId(from_oid(document.id)),
            event_id: EventId(from_oid(document.event)),
            user_id: read_text(&document.user_id)?,
            status: read_text(&document.status)?,
            event_revision: document.event_revision,
            created_at: from_date(document.created_at),
            updated_at: from_date(document.updated_at),
            verdict: document.verdict.map(Verdict::try_from).transpose()?,
            revocation: document.revocation.map(Verdict::try_from).transpose()?,
            work: document.work.as_deref().map(read_text).transpose()?,
            seats: document.seats.into_iter().map(from_oid).collect(),
        };
        Ok(StoredClaim { request, idempotency_key: document.idempotency_key })
    }
}

impl TryFrom<ClaimDocument> for NewClaim {
    type Error = StoreError;

    fn try_from(mut document: ClaimDocument) -> Result<Self, StoreError> {
        let lacking = format!("request {} lacks its decision", document.id);
        let decision = document.decision.take().ok_or_else(|| StoreError::corrupt(STORE, lacking))?;
        let StoredClaim { request, idempotency_key } = document.try_into()?;
        let decision = DecisionTrace {
            event_revision: request.event_revision,
            facts: from_bson(decision.facts)?,
            evaluation: from_bson(decision.evaluation)?,
        };
        Ok(NewClaim { request, decision, idempotency_key, stamp: None })
    }
}

/// What a list asks for. Walks `{userId: 1, _id: -1}`, `{event: 1, _id: -1}`, `{event: 1, status: 1, _id: -1}`,
/// `{status: 1, _id: -1}` or `_id`, by what is given; user and event together are one document by their unique index.
pub(super) fn list_filter(filter: &ClaimFilter, page: PageRequest) -> Document {
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
    // Ids know seconds and bound the walk; the times decide.
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

/// As lists need it, without the decision.
pub(super) fn read_claim(document: &RawDocumentBuf) -> StoredRow<StoredClaim> {
    read_row::<ClaimDocument, _>(document, StoredClaim::try_from)
}

fn read_decided(document: &RawDocumentBuf) -> Result<NewClaim, StoreError> {
    read_row::<ClaimDocument, _>(document, NewClaim::try_from).value
}

#[async_trait]
impl ClaimStore for MongoClaims {
    async fn claim_once(&self, new: NewClaim) -> Result<ClaimOutcome, StoreError> {
        self.batches.ask(new).await.unwrap_or_else(|error| Err(StoreError::unavailable(STORE, error)))
    }

    /// By the unique index.
    async fn find_claim(&self, user: UserId, event: EventId) -> Result<Option<StoredClaim>, StoreError> {
        let key = doc! { "userId": user.to_string(), "event": to_oid(event.0) };
        let claims = self.claims.clone_with_type::<RawDocumentBuf>();
        let find = claims.find_one(key).projection(doc! { "decision": 0 }).max_time(self.mongo.limit());
        self.mongo.run(find).await?.map(|found| read_claim(&found).value).transpose()
    }

    /// By `_id`.
    async fn find(&self, id: ClaimId) -> Result<Option<(Claim, DecisionTrace)>, StoreError> {
        let claims = self.claims.clone_with_type::<RawDocumentBuf>();
        let find = claims.find_one(doc! { "_id": to_oid(id.0) }).max_time(self.mongo.limit());
        let found = self.mongo.run(find).await?.map(|found| read_decided(&found)).transpose()?;
        Ok(found.map(|whole| (whole.request, whole.decision)))
    }

    async fn list(&self, filter: &ClaimFilter, page: PageRequest) -> Result<Page<Claim>, StoreError> {
        let claims = self.claims.clone_with_type::<RawDocumentBuf>();
        let find = claims.find(list_filter(filter, page)).projection(doc! { "decision": 0 });
        let find = find.sort(doc! { "_id": -1 }).limit(page.overfull()).max_time(self.mongo.limit());
        let found = self.mongo.all(find).await?;
        let rows = found.iter().map(read_claim).collect();
        Ok(readable_page(TABLE.name, rows, page.limit).map(|stored| stored.request))
    }

    async fn decide_many(
        &self,
        decisions: Vec<Decision>,
    ) -> Result<Vec<Result<DecideOutcome, StoreError>>, StoreError> {
        decisions::decide_many(&self.mongo, decisions).await
    }

    async fn revoke(&self, revocation: Revocation) -> Result<RevokeOutcome, StoreError> {
        revocations::revoke(&self.mongo, revocation).await
    }

    async fn finish_work(&self, claims: Vec<ClaimId>, work: ClaimWork) -> Result<(), StoreError> {
        revocations::finish_work(&self.mongo, claims, work).await
    }

    async fn count(&self, user: Option<UserId>, event: Option<EventId>) -> Result<ClaimCounts, StoreError> {
        decisions::count_claims(&self.mongo, user, event).await
    }

    async fn list_work(&self, work: ClaimWork, limit: usize) -> Result<Vec<Claim>, StoreError> {
        decisions::list_work(&self.mongo, work, limit).await
    }
}
