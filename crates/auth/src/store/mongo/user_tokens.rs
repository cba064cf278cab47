use async_trait::async_trait;
use domain::UserId;
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use serde::{Deserialize, Serialize};
use store_kit::mongo::{from_date, from_oid, to_date, to_oid};

use super::{MongoUserDb, STORE, read};
use crate::{
    refresh_token::{Fingerprint, TokenHash},
    store::{RefreshRow, RefreshTokenStore, Rotated, Rotation, StoreError},
};

/// How often to put a row that another login inserts at the same moment; the next attempt finds it there.
const ATTEMPTS: usize = 3;

/// A session as it is stored. All filters have its unique `userId`, and so walk that index.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    user_id: String,
    /// The token's hash.
    refresh_token: String,
    /// The family's hash.
    family: String,
    expires_at: DateTime,
    created_at: DateTime,
    updated_at: DateTime,
}

impl TryFrom<TokenDocument> for RefreshRow {
    type Error = StoreError;

    fn try_from(document: TokenDocument) -> Result<Self, StoreError> {
        Ok(RefreshRow {
            id: from_oid(document.id),
            user: read(&document.user_id)?,
            token: Fingerprint {
                hash: TokenHash::stored(document.refresh_token),
                family: TokenHash::stored(document.family),
            },
            expires_at: from_date(document.expires_at),
            created_at: from_date(document.created_at),
            updated_at: from_date(document.updated_at),
        })
    }
}

#[async_trait]
impl RefreshTokenStore for MongoUserDb {
    /// A user's row keeps the `_id` it was inserted with, since MongoDB changes none.
    async fn put(&self, row: RefreshRow) -> Result<(), StoreError> {
        let update = doc! {
            "$setOnInsert": { "_id": to_oid(row.id) },
            "$set": {
                "refreshToken": row.token.hash.as_str(),
                "family": row.token.family.as_str(),
                "expiresAt": to_date(row.expires_at),
                "createdAt": to_date(row.created_at),
                "updatedAt": to_date(row.updated_at),
            },
        };
        self.mongo
            .in_time(async {
                for _ in 0..ATTEMPTS {
                    let put = self.user_tokens.update_one(of(row.user), update.clone()).upsert(true);
                    if self.mongo.unless_taken(put).await?.is_some() {
                        return Ok(());
                    }
                }
                Err(StoreError::unavailable(STORE, "the user's sessions come and go too fast"))
            })
            .await
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        self.mongo
            .in_time(async {
                if self.replace(rotation).await? {
                    return Ok(Rotated::Rotated);
                }
                let Some(held) = RefreshTokenStore::find(self, rotation.user).await? else {
                    return Ok(Rotated::Unknown);
                };
                if held.token.hash == rotation.next {
                    // Replaced by an attempt the driver repeated: nobody else knows this hash yet.
                    return Ok(Rotated::Rotated);
                }
                if held.token.hash == rotation.presented.hash {
                    return Ok(Rotated::Expired);
                }
                if held.token.family != rotation.presented.family {
                    return Ok(Rotated::Unknown);
                }
                let reused = self.delete_family(rotation.user, &rotation.presented.family).await?;
                Ok(if reused { Rotated::Reused } else { Rotated::Unknown })
            })
            .await
    }

    async fn find(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError> {
        let found = self.mongo.run(self.user_tokens.find_one(of(user))).await?;
        found.map(RefreshRow::try_from).transpose()
    }

    async fn delete(&self, user: UserId) -> Result<(), StoreError> {
        self.mongo.run(self.user_tokens.delete_one(of(user))).await.map(drop)
    }

    async fn delete_if(&self, user: UserId, token: &TokenHash) -> Result<(), StoreError> {
        let mut held = of(user);
        held.insert("refreshToken", token.as_str());
        self.mongo.run(self.user_tokens.delete_one(held)).await.map(drop)
    }
}

impl MongoUserDb {
    /// Whether the presented hash was the stored one, in time, and has been replaced.
    async fn replace(&self, rotation: &Rotation) -> Result<bool, StoreError> {
        let mut held = of(rotation.user);
        held.insert("refreshToken", rotation.presented.hash.as_str());
        held.insert("expiresAt", doc! { "$gt": to_date(rotation.now) });
        let next = doc! { "$set": {
            "refreshToken": rotation.next.as_str(),
            "expiresAt": to_date(rotation.expires_at),
            "updatedAt": to_date(rotation.now),
        } };
        let replaced = self.mongo.run(self.user_tokens.update_one(held, next)).await?;
        Ok(replaced.matched_count == 1)
    }

    /// Whether the user's session was of this family and has been deleted. A hash that was rotated away never returns,
    /// so whichever the row holds by now, the presented one is a used one.
    async fn delete_family(&self, user: UserId, family: &TokenHash) -> Result<bool, StoreError> {
        let mut held = of(user);
        held.insert("family", family.as_str());
        let deleted = self.mongo.run(self.user_tokens.delete_one(held)).await?;
        Ok(deleted.deleted_count == 1)
    }
}

fn of(user: UserId) -> Document {
    doc! { "userId": user.to_string() }
}
