use std::collections::HashMap;

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{Email, InvalidId, ObjectId, Role, RoleSet, Secret, Timestamp, User, UserId};
use service_kit::page::{Page, PageRequest};
use sqlx::{AnyConnection, AssertSqlSafe, FromRow, Row, any::AnyRow};
use store_kit::{
    audit::sql::append_draft,
    row::{StoredRow, readable_page},
};

use super::{
    STORE, SqlUserDb, parameter_list,
    role_changes::{RowChange, replace_roles},
};
use crate::store::{
    NewUser, PasswordHashChange, RegistrationOutcome, RoleChange, StoreError, UserFilter, UserRecord,
    UserStore, audit::user_created,
};

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, email, roles, created_at, updated_at FROM users WHERE ", $rest)
    };
}

// The literal predicates are those of the partial indexes. With `<> 0` PostgreSQL would take each role for one that
// nearly everybody has, and walk the table to find an administrator.
pub(super) const LIST: &str = select!("id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_USERS: &str = select!("(roles & 1) = 1 AND id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_OPERATORS: &str = select!("(roles & 2) = 2 AND id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_AUDITORS: &str = select!("(roles & 4) = 4 AND id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_ADMINS: &str = select!("(roles & 8) = 8 AND id < $1 ORDER BY id DESC LIMIT $2");

/// Without it, two administrators who demote each other at once would each still see the other as one, where several
/// transactions write at a time: under READ COMMITTED a condition on rows that a statement does not change is judged by
/// what was committed when the statement began. This row is locked until the commit, and [`SET_ROLES`] begins after that.
pub(super) const ONE_CHANGE_AT_A_TIME: &str = "INSERT INTO role_changes (id, changes) VALUES ('roles', 1) \
    ON CONFLICT (id) DO UPDATE SET changes = role_changes.changes + 1";

/// The condition and the change in one statement.
pub(super) const SET_ROLES: &str = "UPDATE users SET roles = $2, updated_at = $3 \
    WHERE id = $1 AND (($2 & 8) = 8 OR (roles & 8) = 0 \
        OR EXISTS (SELECT 1 FROM users AS other WHERE (other.roles & 8) = 8 AND other.id <> $1)) \
    RETURNING id, email, roles, created_at, updated_at";

pub(super) const FIND_BY_EMAIL: &str =
    "SELECT id, email, roles, created_at, updated_at, password_hash FROM users WHERE email = $1";
const FIND_RECORD: &str =
    "SELECT id, email, roles, created_at, updated_at, password_hash FROM users WHERE id = $1";
const SET_PASSWORD_HASH: &str =
    "UPDATE users SET password_hash = $3, updated_at = $4 WHERE id = $1 AND password_hash = $2";
pub(super) const HAS_ADMIN: &str = "SELECT id FROM users WHERE (roles & 8) = 8 LIMIT 1";

/// Greater than every id: where a list begins.
pub(super) const ABOVE_ALL_IDS: &str = "g";

#[derive(sqlx_macros::FromRow)]
pub(super) struct UserRow {
    id: String,
    email: String,
    roles: i64,
    created_at: i64,
    updated_at: i64,
}

#[derive(sqlx_macros::FromRow)]
pub(super) struct UserRecordRow {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: String,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        Ok(User {
            id: row.id.parse::<UserId>().map_err(|error| StoreError::corrupt(STORE, error))?,
            email: Email::from_stored(row.email),
            roles: roles_from_bits(row.roles),
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

impl TryFrom<UserRecordRow> for UserRecord {
    type Error = StoreError;

    fn try_from(row: UserRecordRow) -> Result<Self, StoreError> {
        Ok(UserRecord { user: row.user.try_into()?, password_hash: Secret::new(row.password_hash) })
    }
}

/// Reads a row by itself: what is damaged in it spoils no other.
pub(super) fn read_row<R, T>(row: &AnyRow) -> StoredRow<T>
where
    R: for<'r> FromRow<'r, AnyRow>,
    T: TryFrom<R, Error = StoreError>,
{
    let corrupt = |error| StoreError::corrupt(STORE, error);
    let id = row.try_get::<String, _>("id").map_err(corrupt);
    StoredRow {
        id: id.and_then(|id| id.parse().map_err(|error: InvalidId| StoreError::corrupt(STORE, error))),
        value: R::from_row(row).map_err(corrupt).and_then(T::try_from),
    }
}

/// The stored bit of a role. Stored for good, so it does not follow the order of the enum.
const fn role_bit(role: Role) -> i64 {
    match role {
        Role::User => 1,
        Role::Operator => 2,
        Role::Auditor => 4,
        Role::Admin => 8,
    }
}

pub(super) fn role_bits(roles: RoleSet) -> i64 {
    roles.iter().fold(0, |bits, role| bits | role_bit(role))
}

pub(super) fn roles_from_bits(bits: i64) -> RoleSet {
    Role::ALL.into_iter().filter(|role| bits & role_bit(*role) != 0).collect()
}

/// Whether nobody had the address, or the id.
pub(super) async fn insert_user(
    connection: &mut AnyConnection,
    user: User,
    password_hash: Secret<String>,
) -> Result<bool, sqlx::Error> {
    let stored = sqlx::query(
        "INSERT INTO users (id, email, password_hash, roles, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(user.id.to_string())
    .bind(user.email.as_str())
    .bind(password_hash.into_inner())
    .bind(role_bits(user.roles))
    .bind(user.created_at.as_millis())
    .bind(user.updated_at.as_millis())
    .execute(connection)
    .await?;
    Ok(stored.rows_affected() == 1)
}

#[async_trait]
impl UserStore for SqlUserDb {
    async fn create(&self, new: NewUser) -> Result<RegistrationOutcome, StoreError> {
        self.store_user(new, None).await
    }

    async fn create_audited(
        &self,
        new: NewUser,
        stamp: ChangeStamp,
    ) -> Result<RegistrationOutcome, StoreError> {
        self.store_user(new, Some(stamp)).await
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let read = async {
            let find = sqlx::query_as::<_, UserRow>(select!("id = $1")).bind(id.to_string());
            let row = self.db.read(|connection| Box::pin(find.fetch_optional(connection))).await?;
            row.map(User::try_from).transpose()
        };
        self.kept_users.find(id, read).await
    }

    async fn find_roles(&self, ids: &[UserId]) -> Result<Vec<Option<RoleSet>>, StoreError> {
        let Some(last) = ids.last() else { return Ok(Vec::new()) };
        let (parameters, room) = parameter_list(ids.len());
        let padded = ids.iter().chain(std::iter::repeat(last)).take(room);
        let find =
            sqlx::query_as(AssertSqlSafe(format!("SELECT id, roles FROM users WHERE id IN ({parameters})")));
        let find = padded.fold(find, |find, id| find.bind(id.to_string()));
        let found: Vec<(String, i64)> =
            self.db.read(|connection| Box::pin(find.fetch_all(connection))).await?;
        let found: HashMap<_, _> = found.into_iter().collect();
        Ok(ids.iter().map(|id| found.get(&id.to_string()).copied().map(roles_from_bits)).collect())
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        let find = sqlx::query_as::<_, UserRecordRow>(FIND_BY_EMAIL).bind(email.as_str().to_owned());
        let row = self.db.read(|connection| Box::pin(find.fetch_optional(connection))).await?;
        row.map(UserRecord::try_from).transpose()
    }

    /// There is one server.
    async fn find_confirmed(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        let find = sqlx::query_as::<_, UserRecordRow>(FIND_RECORD).bind(id.to_string());
        let row = self.db.read(|connection| Box::pin(find.fetch_optional(connection))).await?;
        row.map(UserRecord::try_from).transpose()
    }

    async fn list(&self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError> {
        if let Some(email) = &filter.email {
            return self.list_one(email, filter.role, page).await;
        }
        let statement = match filter.role {
            None => LIST,
            Some(Role::User) => LIST_USERS,
            Some(Role::Operator) => LIST_OPERATORS,
            Some(Role::Auditor) => LIST_AUDITORS,
            Some(Role::Admin) => LIST_ADMINS,
        };
        let before = page.before.map_or_else(|| ABOVE_ALL_IDS.to_owned(), |id| id.to_string());
        let list = sqlx::query(statement)
            .bind(before)
            .bind(i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1));
        let rows = self.db.read(|connection| Box::pin(list.fetch_all(connection))).await?;
        let users = rows.iter().map(read_row::<UserRow, _>).collect();
        Ok(readable_page("users", users, page.limit))
    }

    async fn set_roles(
        &self,
        id: UserId,
        roles: RoleSet,
        stamp: ChangeStamp,
    ) -> Result<RoleChange, StoreError> {
        let change = self.db.write(move |connection| Box::pin(replace_roles(connection, id, roles, stamp)));
        match change.await? {
            RowChange::Updated(row) => Ok(RoleChange::Updated(row.try_into()?)),
            RowChange::Refused => Ok(RoleChange::LastAdmin),
            RowChange::NotFound => Ok(RoleChange::NotFound),
        }
    }

    async fn set_password_hash(&self, change: PasswordHashChange) -> Result<bool, StoreError> {
        let changed = self.db.write(move |connection| {
            Box::pin(async move {
                sqlx::query(SET_PASSWORD_HASH)
                    .bind(change.user.to_string())
                    .bind(change.expected.into_inner())
                    .bind(change.next.into_inner())
                    .bind(change.at.as_millis())
                    .execute(connection)
                    .await
            })
        });
        Ok(changed.await?.rows_affected() == 1)
    }

    async fn has_admin(&self) -> Result<bool, StoreError> {
        let find = sqlx::query(HAS_ADMIN);
        Ok(self.db.read(|connection| Box::pin(find.fetch_optional(connection))).await?.is_some())
    }
}

impl SqlUserDb {
    async fn store_user(
        &self,
        new: NewUser,
        stamp: Option<ChangeStamp>,
    ) -> Result<RegistrationOutcome, StoreError> {
        let NewUser { id, email, password_hash, roles, at } = new;
        let user = User { id, email, roles, created_at: at, updated_at: at };
        let row = user.clone();
        let stored = self.db.write(move |connection| {
            Box::pin(async move {
                let is_stored = insert_user(&mut *connection, row, password_hash).await?;
                if let Some(stamp) = stamp
                    && is_stored
                {
                    append_draft(connection, user_created(stamp, id, roles)).await?;
                }
                Ok(is_stored)
            })
        });
        Ok(if stored.await? {
            RegistrationOutcome::Registered(user)
        } else {
            RegistrationOutcome::EmailTaken
        })
    }

    /// Addresses are unique: the list has one user at most.
    async fn list_one(
        &self,
        email: &Email,
        role: Option<Role>,
        page: PageRequest,
    ) -> Result<Page<User>, StoreError> {
        let found = self.find_by_email(email).await?.map(|record| record.user);
        let wanted = |user: &User| {
            role.is_none_or(|role| user.roles.contains(role))
                && page.before.is_none_or(|before: ObjectId| user.id.0 < before)
        };
        Ok(Page { items: found.into_iter().filter(wanted).collect(), next_cursor: None })
    }
}
