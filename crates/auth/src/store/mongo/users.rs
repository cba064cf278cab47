use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{Email, Role, RoleSet, Secret, User, UserId};
use mongodb::bson::{DateTime, Document, RawDocumentBuf, doc, oid::ObjectId};
use serde::{Deserialize, Serialize};
use service_kit::page::{Page, PageRequest};
use store_kit::{
    audit::mongo::{DRAFTS, draft_document},
    mongo::{from_date, from_oid, read_document, to_date, to_oid},
    row::{StoredRow, readable_page},
};

use super::{MongoUserDb, STORE, read_stored, role_changes::admins_only};
use crate::store::{
    NewUser, PasswordHashChange, RegistrationOutcome, RoleChange, StoreError, UserFilter, UserRecord,
    UserStore, audit::user_created,
};

/// A user as they are stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserDocument {
    #[serde(rename = "_id")]
    pub(super) id: ObjectId,
    email: String,
    /// A PHC string. Only a login reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) password_hash: Option<String>,
    pub(super) roles: Vec<String>,
    /// Ascends when ADMIN is taken away; see `role_changes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) roles_version: Option<i64>,
    created_at: DateTime,
    updated_at: DateTime,
    /// What the audit log does not have yet. Only its own port reads it.
    #[serde(default, skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    audit_drafts: Vec<Document>,
}

impl fmt::Debug for UserDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserDocument")
            .field("id", &self.id)
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

impl From<NewUser> for UserDocument {
    fn from(new: NewUser) -> Self {
        Self {
            id: to_oid(new.id.0),
            email: new.email.as_str().to_owned(),
            password_hash: Some(new.password_hash.into_inner()),
            roles: role_names(new.roles),
            roles_version: None,
            created_at: to_date(new.at),
            updated_at: to_date(new.at),
            audit_drafts: Vec::new(),
        }
    }
}

impl From<UserRecord> for UserDocument {
    fn from(UserRecord { user, password_hash }: UserRecord) -> Self {
        Self {
            id: to_oid(user.id.0),
            email: user.email.as_str().to_owned(),
            password_hash: Some(password_hash.into_inner()),
            roles: role_names(user.roles),
            roles_version: None,
            created_at: to_date(user.created_at),
            updated_at: to_date(user.updated_at),
            audit_drafts: Vec::new(),
        }
    }
}

impl TryFrom<UserDocument> for User {
    type Error = StoreError;

    fn try_from(document: UserDocument) -> Result<Self, StoreError> {
        Ok(User {
            id: UserId(from_oid(document.id)),
            email: Email::from_stored(document.email),
            roles: document.roles.iter().map(|role| read_stored::<Role>(role)).collect::<Result<_, _>>()?,
            created_at: from_date(document.created_at),
            updated_at: from_date(document.updated_at),
        })
    }
}

/// Roles as they are stored.
pub(super) fn role_names(roles: RoleSet) -> Vec<String> {
    roles.iter().map(|role| role.name().to_owned()).collect()
}

/// What a list asks for. Walks `{roles: 1, _id: -1}` where a role is given, else `_id`.
pub(super) fn list_query(role: Option<Role>, page: PageRequest) -> Document {
    let mut query = Document::new();
    if let Some(role) = role {
        query.insert("roles", role.name());
    }
    if let Some(before) = page.before {
        query.insert("_id", doc! { "$lt": to_oid(before) });
    }
    query
}

#[async_trait]
impl UserStore for MongoUserDb {
    async fn create(&self, new: NewUser) -> Result<RegistrationOutcome, StoreError> {
        self.store_user(new, Vec::new()).await
    }

    async fn create_audited(
        &self,
        new: NewUser,
        stamp: ChangeStamp,
    ) -> Result<RegistrationOutcome, StoreError> {
        let draft = draft_document(STORE, &user_created(stamp, new.id, new.roles))?;
        self.store_user(new, vec![draft]).await
    }

    /// By `_id`.
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.find_document(by_id(id)).await?.map(User::try_from).transpose()
    }

    /// By `_id`.
    async fn find_roles(&self, ids: &[UserId]) -> Result<Vec<Option<RoleSet>>, StoreError> {
        let listed: Vec<_> = ids.iter().map(|id| to_oid(id.0)).collect();
        let users = self.users.clone_with_type::<RawDocumentBuf>();
        let find = users.find(doc! { "_id": { "$in": listed } }).projection(without_hash());
        let found = self.mongo.all(find).await?;
        let found = found.iter().map(|document| read_document(STORE, document, UserDocument::try_into));
        let found = found.filter_map(|row: StoredRow<User>| row.into_readable("users"));
        let found: HashMap<_, _> = found.map(|user| (user.id, user.roles)).collect();
        Ok(ids.iter().map(|id| found.get(id).copied()).collect())
    }

    /// By the unique index.
    async fn find_by_email(&self, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        let found = self.mongo.run(self.users.find_one(by_email(email))).await?;
        found.map(UserRecord::try_from).transpose()
    }

    /// By `_id`.
    async fn find_confirmed(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        let found = self.find_one_confirmed(&self.users, by_id(id)).await?;
        found.map(UserRecord::try_from).transpose()
    }

    async fn list(&self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError> {
        if let Some(email) = &filter.email {
            return self.list_one(email, filter.role, page).await;
        }
        let users = self.users.clone_with_type::<RawDocumentBuf>();
        let find = users.find(list_query(filter.role, page)).projection(without_hash());
        let found = self.mongo.all(find.sort(doc! { "_id": -1 }).limit(page.overfull())).await?;
        let users = found.iter().map(|document| read_document(STORE, document, UserDocument::try_into));
        Ok(readable_page("users", users.collect(), page.limit))
    }

    async fn set_roles(
        &self,
        id: UserId,
        roles: RoleSet,
        stamp: ChangeStamp,
    ) -> Result<RoleChange, StoreError> {
        self.mongo.in_time(self.change_roles(id, roles, stamp)).await
    }

    async fn set_password_hash(&self, change: PasswordHashChange) -> Result<bool, StoreError> {
        let PasswordHashChange { user, expected, next, at } = change;
        let with_hash = |hash: &Secret<String>| doc! { "_id": to_oid(user.0), "passwordHash": hash.expose() };
        let update = doc! { "$set": { "passwordHash": next.expose(), "updatedAt": to_date(at) } };
        self.mongo
            .in_time(async {
                let changed = self.mongo.run(self.users.update_one(with_hash(&expected), update)).await?;
                if changed.matched_count == 1 {
                    return Ok(true);
                }
                // It may have been changed by an attempt the driver repeated: nobody else has this salt.
                Ok(self.find_document(with_hash(&next)).await?.is_some())
            })
            .await
    }

    /// Walks `{roles: 1, _id: -1}`.
    async fn has_admin(&self) -> Result<bool, StoreError> {
        Ok(self.find_document(admins_only()).await?.is_some())
    }
}

impl MongoUserDb {
    async fn store_user(
        &self,
        new: NewUser,
        drafts: Vec<Document>,
    ) -> Result<RegistrationOutcome, StoreError> {
        let user = User {
            id: new.id,
            email: new.email.clone(),
            roles: new.roles,
            created_at: new.at,
            updated_at: new.at,
        };
        let document = UserDocument { audit_drafts: drafts, ..UserDocument::from(new) };
        let insert = self.users.insert_one(document);
        self.mongo
            .in_time(async {
                if self.mongo.unless_taken(insert).await?.is_some() {
                    return Ok(RegistrationOutcome::Registered(user));
                }
                // The one in the way may be this very user, inserted by an attempt the driver repeated.
                let there = self.find_document(by_email(&user.email)).await?;
                let there =
                    there.ok_or_else(|| StoreError::unavailable(STORE, "the user in the way is gone"))?;
                let ours = there.id == to_oid(user.id.0);
                Ok(if ours { RegistrationOutcome::Registered(user) } else { RegistrationOutcome::EmailTaken })
            })
            .await
    }

    /// Whether a change was made: its draft waits in the document, or is in the audit log already.
    pub(super) async fn is_recorded(
        &self,
        collection: &str,
        id: ObjectId,
        draft: ObjectId,
    ) -> Result<bool, StoreError> {
        let documents = self.mongo.collection::<RawDocumentBuf>(collection);
        let holder = documents.find_one(doc! { "_id": id, format!("{DRAFTS}.id"): draft });
        // In this order: a draft is taken out of the document after it got its place in the log.
        let waits = self.mongo.run(holder.projection(doc! { "_id": 1 })).await?.is_some();
        Ok(waits || self.audit.is_chained(from_oid(draft)).await?)
    }

    pub(super) async fn find_document(&self, filter: Document) -> Result<Option<UserDocument>, StoreError> {
        self.mongo.run(self.users.find_one(filter).projection(without_hash())).await
    }

    /// Addresses are unique: the list has one user at most. By the unique index.
    async fn list_one(
        &self,
        email: &Email,
        role: Option<Role>,
        page: PageRequest,
    ) -> Result<Page<User>, StoreError> {
        let found = self.find_document(by_email(email)).await?.map(User::try_from).transpose()?;
        let wanted = |user: &User| {
            role.is_none_or(|role| user.roles.contains(role))
                && page.before.is_none_or(|before| user.id.0 < before)
        };
        Ok(Page { items: found.into_iter().filter(wanted).collect(), next_cursor: None })
    }
}

pub(super) fn by_id(id: UserId) -> Document {
    doc! { "_id": to_oid(id.0) }
}

fn by_email(email: &Email) -> Document {
    doc! { "email": email.as_str() }
}

pub(super) fn without_hash() -> Document {
    doc! { "passwordHash": 0, DRAFTS: 0 }
}
