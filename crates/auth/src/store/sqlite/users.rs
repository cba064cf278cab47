use async_trait::async_trait;
use domain::{Email, ObjectId, Role, RoleSet, Timestamp, User, UserId};
use service_kit::page::{Page, PageRequest};

use super::{STORE, SqliteUserDb};
use crate::store::{Created, Credentials, NewUser, RolesChanged, StoreError, UserFilter, UserStore};

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, email, roles, created_at, updated_at FROM users WHERE ", $rest)
    };
}

// The literal predicates are those of the partial indexes.
pub(super) const LIST: &str = select!("id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_USERS: &str = select!("(roles & 1) <> 0 AND id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_OPERATORS: &str = select!("(roles & 2) <> 0 AND id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_AUDITORS: &str = select!("(roles & 4) <> 0 AND id < $1 ORDER BY id DESC LIMIT $2");
pub(super) const LIST_ADMINS: &str = select!("(roles & 8) <> 0 AND id < $1 ORDER BY id DESC LIMIT $2");

/// The condition and the change are one statement, and SQLite has one writer: nobody comes between.
pub(super) const SET_ROLES: &str = "UPDATE users SET roles = $2, updated_at = $3 \
    WHERE id = $1 AND (($2 & 8) <> 0 OR (roles & 8) = 0 \
        OR EXISTS (SELECT 1 FROM users AS other WHERE (other.roles & 8) <> 0 AND other.id <> $1)) \
    RETURNING id, email, roles, created_at, updated_at";

/// Greater than every id: where a list begins.
const ABOVE_ALL_IDS: &str = "g";

#[derive(sqlx::FromRow)]
struct UserRow {
    id: String,
    email: String,
    roles: i64,
    created_at: i64,
    updated_at: i64,
}

#[derive(sqlx::FromRow)]
struct CredentialsRow {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: String,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> Result<Self, StoreError> {
        Ok(User {
            id: row.id.parse::<UserId>().map_err(|error| StoreError::corrupt(STORE, error))?,
            email: row.email.parse::<Email>().map_err(|error| StoreError::corrupt(STORE, error))?,
            roles: roles(row.roles),
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

/// The stored bit of a role. Stored for good, so it does not follow the order of the enum.
const fn bit(role: Role) -> i64 {
    match role {
        Role::User => 1,
        Role::Operator => 2,
        Role::Auditor => 4,
        Role::Admin => 8,
    }
}

fn bits(roles: RoleSet) -> i64 {
    roles.iter().fold(0, |bits, role| bits | bit(role))
}

fn roles(bits: i64) -> RoleSet {
    Role::ALL.into_iter().filter(|role| bits & bit(*role) != 0).collect()
}

#[async_trait]
impl UserStore for SqliteUserDb {
    async fn create(&self, new: NewUser) -> Result<Created, StoreError> {
        let NewUser { id, email, password_hash, roles, at } = new;
        let user = User { id, email, roles, created_at: at, updated_at: at };
        let row = user.clone();
        let stored = self.0.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO users (id, email, password_hash, roles, created_at, updated_at) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email) DO NOTHING",
                )
                .bind(row.id.to_string())
                .bind(row.email.as_str())
                .bind(password_hash)
                .bind(bits(row.roles))
                .bind(row.created_at.as_millis())
                .bind(row.updated_at.as_millis())
                .execute(connection)
                .await
            })
        });
        Ok(if stored.await?.rows_affected() == 1 { Created::Created(user) } else { Created::EmailTaken })
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = sqlx::query_as(select!("id = $1"))
            .bind(id.to_string())
            .fetch_optional(self.0.readers())
            .await
            .map_err(|error| self.0.failed(error))?;
        row.map(User::try_from).transpose()
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Credentials>, StoreError> {
        let row: Option<CredentialsRow> = sqlx::query_as(
            "SELECT id, email, roles, created_at, updated_at, password_hash FROM users WHERE email = $1",
        )
        .bind(email.as_str())
        .fetch_optional(self.0.readers())
        .await
        .map_err(|error| self.0.failed(error))?;
        row.map(|row| Ok(Credentials { user: row.user.try_into()?, password_hash: row.password_hash }))
            .transpose()
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
        let rows: Vec<UserRow> = sqlx::query_as(statement)
            .bind(before)
            .bind(i64::try_from(page.limit).unwrap_or(i64::MAX).saturating_add(1))
            .fetch_all(self.0.readers())
            .await
            .map_err(|error| self.0.failed(error))?;
        let users = rows.into_iter().map(User::try_from).collect::<Result<_, _>>()?;
        Ok(Page::from_overfull(users, page.limit, |user: &User| user.id.0))
    }

    async fn set_roles(&self, id: UserId, roles: RoleSet, at: Timestamp) -> Result<RolesChanged, StoreError> {
        let (updated, known) = self
            .0
            .write(move |connection| {
                Box::pin(async move {
                    let updated: Option<UserRow> = sqlx::query_as(SET_ROLES)
                        .bind(id.to_string())
                        .bind(bits(roles))
                        .bind(at.as_millis())
                        .fetch_optional(&mut *connection)
                        .await?;
                    let known = sqlx::query("SELECT 1 FROM users WHERE id = $1")
                        .bind(id.to_string())
                        .fetch_optional(connection)
                        .await?;
                    Ok((updated, known.is_some()))
                })
            })
            .await?;
        match updated {
            Some(row) => Ok(RolesChanged::Updated(row.try_into()?)),
            None if known => Ok(RolesChanged::LastAdmin),
            None => Ok(RolesChanged::NotFound),
        }
    }

    async fn has_admin(&self) -> Result<bool, StoreError> {
        let admin = sqlx::query("SELECT 1 FROM users WHERE (roles & 8) <> 0 LIMIT 1")
            .fetch_optional(self.0.readers())
            .await
            .map_err(|error| self.0.failed(error))?;
        Ok(admin.is_some())
    }
}

impl SqliteUserDb {
    /// Addresses are unique: the list has one user at most.
    async fn list_one(
        &self,
        email: &Email,
        role: Option<Role>,
        page: PageRequest,
    ) -> Result<Page<User>, StoreError> {
        let found = self.find_by_email(email).await?.map(|credentials| credentials.user);
        let wanted = |user: &User| {
            role.is_none_or(|role| user.roles.contains(role))
                && page.before.is_none_or(|before: ObjectId| user.id.0 < before)
        };
        Ok(Page { items: found.into_iter().filter(wanted).collect(), next_cursor: None })
    }
}
