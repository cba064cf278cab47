use async_trait::async_trait;
use domain::UserId;
use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use serde::{Deserialize, Serialize};
use store_kit::mongo::{from_date, from_oid, to_date, to_oid};

use super::{MongoUserDb, read_stored};
use crate::{
    refresh_token::{TokenFingerprint, TokenHash},
    store::{RefreshRow, RefreshTokenStore, RotationOutcome, StoreError, TokenRotation},
};

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
    /// The hash of the token that was rotated last.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_token: Option<String>,
    expires_at: DateTime,
    created_at: DateTime,
    updated_at: DateTime,
}

impl TryFrom<TokenDocument> for RefreshRow {
    type Error = StoreError;

    fn try_from(document: TokenDocument) -> Result<Self, StoreError> {
        Ok(RefreshRow {
            id: from_oid(document.id),
            user: read_stored(&document.user_id)?,
            token: TokenFingerprint {
                hash: TokenHash::from_stored(document.refresh_token),
                family: TokenHash::from_stored(document.family),
            },
            previous: document.previous_token.map(TokenHash::from_stored),
            expires_at: from_date(document.expires_at),
            created_at: from_date(document.created_at),
            updated_at: from_date(document.updated_at),
        })
    }
}

impl From<&RefreshRow> for TokenDocument {
    fn from(row: &RefreshRow) -> Self {
        Self {
            id: to_oid(row.id),
            user_id: row.user.to_string(),
            refresh_token: row.token.hash.as_str().to_owned(),
            family: row.token.family.as_str().to_owned(),
            previous_token: row.previous.as_ref().map(|previous| previous.as_str().to_owned()),
            expires_at: to_date(row.expires_at),
            created_at: to_date(row.created_at),
            updated_at: to_date(row.updated_at),
        }
    }
}

#[async_trait]
impl RefreshTokenStore for MongoUserDb {
    /// Looked at, and replaced if it still is as it was: whichever row this displaces, no other login displaces too.
    ///
    /// A user's row keeps the `_id` it was inserted with, since MongoDB changes none.
    async fn put(&self, row: RefreshRow) -> Result<Option<RefreshRow>, StoreError> {
        self.mongo
            .in_time(async {
                let mut seen = None;
                loop {
                    let Some(held) = RefreshTokenStore::find(self, row.user).await? else {
                        let insert = self.user_tokens.insert_one(TokenDocument::from(&row));
                        if self.mongo.unless_taken(insert).await?.is_some() {
                            return Ok(None);
                        }
                        continue;
                    };
                    if held.token.hash == row.token.hash {
                        // Put by an attempt the driver repeated: nobody else knows this hash yet.
                        return Ok(seen);
                    }
                    let replace =
                        self.user_tokens.update_one(by_token(row.user, &held.token.hash), update_to(&row));
                    if self.mongo.run(replace).await?.matched_count == 1 {
                        return Ok(Some(held));
                    }
                    seen = Some(held);
                }
            })
            .await
    }

    async fn take_back(
        &self,
        user: UserId,
        placed: &TokenHash,
        before: Option<RefreshRow>,
    ) -> Result<(), StoreError> {
        let held = by_token(user, placed);
        match before {
            Some(before) => {
                let update = self.user_tokens.update_one(held, update_to(&before));
                self.mongo.run(update).await.map(drop)
            }
            None => self.mongo.run(self.user_tokens.delete_one(held)).await.map(drop),
        }
    }

    async fn rotate(&self, rotation: &TokenRotation) -> Result<RotationOutcome, StoreError> {
        let TokenRotation { user, presented, next, repeatable_since, .. } = rotation;
        self.mongo
            .in_time(async {
                if self.replace_token(rotation).await? {
                    return Ok(RotationOutcome::Rotated);
                }
                let Some(held) = RefreshTokenStore::find(self, *user).await? else {
                    return Ok(RotationOutcome::Unknown);
                };
                if held.token.hash == presented.hash {
                    return Ok(RotationOutcome::Expired);
                }
                if held.token.family != presented.family {
                    return Ok(RotationOutcome::Unknown);
                }
                if held.repeats(&presented.hash, next, *repeatable_since) {
                    return Ok(RotationOutcome::Repeated);
                }
                let reused = self.remove_family(*user, &presented.family).await?;
                Ok(if reused { RotationOutcome::Reused } else { RotationOutcome::Unknown })
            })
            .await
    }

    async fn find(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError> {
        let found = self.mongo.run(self.user_tokens.find_one(by_user(user))).await?;
        found.map(RefreshRow::try_from).transpose()
    }

    async fn find_confirmed(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError> {
        let found = self.find_one_confirmed(&self.user_tokens, by_user(user)).await?;
        found.map(RefreshRow::try_from).transpose()
    }

    async fn delete(&self, user: UserId) -> Result<(), StoreError> {
        self.mongo.run(self.user_tokens.delete_one(by_user(user))).await.map(drop)
    }

    async fn delete_family(&self, user: UserId, family: &TokenHash) -> Result<(), StoreError> {
        self.remove_family(user, family).await.map(drop)
    }
}

impl MongoUserDb {
    /// Whether the presented hash was the stored one, in time, and has been replaced.
    async fn replace_token(&self, rotation: &TokenRotation) -> Result<bool, StoreError> {
        let mut held = by_token(rotation.user, &rotation.presented.hash);
        held.insert("expiresAt", doc! { "$gt": to_date(rotation.now) });
        let next = doc! { "$set": {
            "refreshToken": rotation.next.as_str(),
            "previousToken": rotation.presented.hash.as_str(),
            "expiresAt": to_date(rotation.expires_at),
            "updatedAt": to_date(rotation.now),
        } };
        let replaced = self.mongo.run(self.user_tokens.update_one(held, next)).await?;
        Ok(replaced.matched_count == 1)
    }

    /// Whether the user's session was of this family and has been deleted. A hash that was rotated away never returns,
    /// so whichever the row holds by now, the presented one is a used one.
    async fn remove_family(&self, user: UserId, family: &TokenHash) -> Result<bool, StoreError> {
        let mut held = by_user(user);
        held.insert("family", family.as_str());
        let deleted = self.mongo.run(self.user_tokens.delete_one(held)).await?;
        Ok(deleted.deleted_count == 1)
    }
}

fn by_user(user: UserId) -> Document {
    doc! { "userId": user.to_string() }
}

fn by_token(user: UserId, token: &TokenHash) -> Document {
    doc! { "userId": user.to_string(), "refreshToken": token.as_str() }
}

/// Makes a document the same as a row, but for its `_id`.
fn update_to(row: &RefreshRow) -> Document {
    let mut fields = doc! {
        "refreshToken": row.token.hash.as_str(),
        "family": row.token.family.as_str(),
        "expiresAt": to_date(row.expires_at),
        "createdAt": to_date(row.created_at),
        "updatedAt": to_date(row.updated_at),
    };
    let Some(previous) = &row.previous else {
        return doc! { "$set": fields, "$unset": { "previousToken": "" } };
    };
    fields.insert("previousToken", previous.as_str());
    doc! { "$set": fields }
}
