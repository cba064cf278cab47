//! Sessions: who logs in, stays logged in, logs out.
//!
//! A session is two records in two stores: the refresh row in user-db says that it lives, the access token in token-db
//! is what requests are checked against. No transaction spans them, so the order of steps does the work:
//!
//! * Access is given by putting the token **first** and looking **then** whether the row is still one's own and the
//!   roles are still those in the token. If not, the token is taken back before anybody has seen it.
//! * Access is ended by changing the row or the roles **first** and removing the token **then**.
//!
//! Whichever way the two interleave, one sees the other: either the token was there to be removed, or the change was
//! there to be seen. So when a change of roles has returned, no token with the old ones is valid; when a logout has
//! returned, no earlier token is; and since both stores hold one record per user, at most one session lives. What a
//! race can cost is a token that is refused early, and then a refresh gets the next one.

use domain::{Role, RoleSet, User, UserId};
use service_kit::{
    access_token::IssuedToken,
    page::PageRequest,
    problem::{Code, Problem},
};
use store_kit::error::StoreError;

use crate::{
    Auth,
    refresh_token::{Fingerprint, REFRESH_TOKEN_SECONDS, RefreshToken, TokenHash},
    store::{RefreshRow, RolesChanged, Rotated, Rotation, UserFilter},
};

/// How often to start again when somebody keeps changing the user's roles.
const ATTEMPTS: usize = 5;

/// Carries work on to its end even if whoever asked goes away: a client that leaves between two steps must not leave a
/// token behind that the second step would have removed.
pub(crate) async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is ending and takes this task with it.
        Err(_) => std::future::pending().await,
    }
}

/// A session just begun or renewed.
pub(crate) struct Session {
    pub(crate) access: IssuedToken,
    pub(crate) refresh: RefreshToken,
    pub(crate) user: User,
}

/// Whether a token that was put may be handed out.
enum Standing {
    Good,
    RolesChanged(User),
    Ended,
}

impl Auth {
    /// Begins a session in place of any other this user has.
    ///
    /// Of logins at the same moment the last wins. The others are answered as well: they were replaced before they could
    /// be used, and their tokens are dead.
    pub(crate) async fn log_in(&self, mut user: User) -> Result<Session, Problem> {
        // Before the row: if token-db is down, no session has been ended for nothing.
        self.access_tokens.remove(user.id).await?;
        let refresh = RefreshToken::begin(user.id);
        let token = refresh.fingerprint();
        self.refresh_tokens.put(self.first_row(user.id, token.clone())).await?;
        // Looked at before as well: a login that was overtaken would knock out the access token of the one that wins.
        let access = match self.standing(&user, &token.hash).await? {
            Standing::Ended => None,
            Standing::Good | Standing::RolesChanged(_) => self.give_access(&mut user, &token.hash).await?,
        };
        let access = access.map_or_else(|| self.issue(&user), Ok)?;
        Ok(Session { access, refresh, user })
    }

    /// Rotates a refresh token and gives the next access token with it.
    ///
    /// A token works once. Presenting it again, also at the same moment, means that two hold it: of two concurrent
    /// refreshes one succeeds and the other revokes the session, the winner's new tokens included (RFC 9700, 4.14.2).
    pub(crate) async fn refresh(&self, presented: &RefreshToken) -> Result<Session, Problem> {
        let found = self.users.find(presented.user()).await?;
        let user = found.ok_or_else(|| Problem::new(Code::Unauthenticated))?;
        let refresh = presented.next();
        let row = refresh.fingerprint().hash;
        let access = self.issue(&user)?;
        self.before_rotation(user.id, &presented.fingerprint(), &access).await?;
        let rotated = self.rotate(presented, &row).await?;
        if rotated != Rotated::Rotated {
            return Err(self.refuse(rotated, user.id, &access).await?);
        }
        let standing = self.standing(&user, &row).await?;
        if matches!(standing, Standing::Good) {
            return Ok(Session { access, refresh, user });
        }
        self.access_tokens.remove_if(user.id, &access.token).await?;
        let revoked = || Problem::new(Code::SessionRevoked);
        let Standing::RolesChanged(mut user) = standing else { return Err(revoked()) };
        let access = self.give_access(&mut user, &row).await?.ok_or_else(revoked)?;
        Ok(Session { access, refresh, user })
    }

    /// Does in token-db what the rotation will ask for. If token-db is down, the row stays as it is: the presented token
    /// has not been used up for nothing, and if it is a used one, the next attempt finds that out again.
    async fn before_rotation(
        &self,
        user: UserId,
        presented: &Fingerprint,
        access: &IssuedToken,
    ) -> Result<(), StoreError> {
        match self.refresh_tokens.find(user).await? {
            Some(held) if held.token == *presented => self.access_tokens.put(user, access).await,
            Some(held) if held.token.family == presented.family => self.access_tokens.remove(user).await,
            _ => Ok(()),
        }
    }

    /// Cleans up after a rotation that was refused, and says why it was.
    async fn refuse(&self, why: Rotated, user: UserId, access: &IssuedToken) -> Result<Problem, StoreError> {
        if why == Rotated::Reused {
            self.access_tokens.remove(user).await?;
            tracing::warn!(user_id = %user, "a used refresh token was presented: session revoked");
            return Ok(Problem::new(Code::SessionRevoked));
        }
        self.access_tokens.remove_if(user, &access.token).await?;
        let expired = why == Rotated::Expired;
        Ok(Problem::new(if expired { Code::TokenExpired } else { Code::Unauthenticated }))
    }

    /// Ends the user's session. The row goes first: a refresh that comes between finds it gone.
    pub(crate) async fn log_out(&self, user: UserId) -> Result<(), StoreError> {
        self.refresh_tokens.delete(user).await?;
        self.access_tokens.remove(user).await
    }

    /// Replaces a user's roles and ends their access token, so that the new roles count at once; a refresh gets a token
    /// with them.
    ///
    /// The token is removed before as well: if token-db is down or this process dies halfway, no change was made that
    /// an old token outlives.
    pub(crate) async fn change_roles(
        &self,
        user: UserId,
        roles: RoleSet,
    ) -> Result<RolesChanged, StoreError> {
        if let Some(refused) = self.refused_roles(user, roles).await? {
            return Ok(refused);
        }
        self.access_tokens.remove(user).await?;
        let changed = self.users.set_roles(user, roles, self.ids.clock().now()).await?;
        self.access_tokens.remove(user).await?;
        Ok(changed)
    }

    /// What can be told without changing anything: a refused change should not log anybody out. The store decides.
    async fn refused_roles(&self, user: UserId, roles: RoleSet) -> Result<Option<RolesChanged>, StoreError> {
        let Some(now) = self.users.find(user).await? else {
            return Ok(Some(RolesChanged::NotFound));
        };
        if roles.contains(Role::Admin) || !now.roles.contains(Role::Admin) {
            return Ok(None);
        }
        let admins = UserFilter { role: Some(Role::Admin), email: None };
        let two = PageRequest { limit: 2, before: None };
        let alone = self.users.list(&admins, two).await?.items.len() < 2;
        Ok(alone.then_some(RolesChanged::LastAdmin))
    }

    /// Puts an access token and hands it out once it is sure to be good; `None` if the session has ended meanwhile.
    /// Follows changes of roles, and leaves `user` as they were when it was sure.
    async fn give_access(&self, user: &mut User, row: &TokenHash) -> Result<Option<IssuedToken>, Problem> {
        for _ in 0..ATTEMPTS {
            let access = self.issue(user)?;
            self.access_tokens.put(user.id, &access).await?;
            let standing = self.standing(user, row).await?;
            if matches!(standing, Standing::Good) {
                return Ok(Some(access));
            }
            self.access_tokens.remove_if(user.id, &access.token).await?;
            match standing {
                Standing::RolesChanged(now) => *user = now,
                Standing::Good | Standing::Ended => return Ok(None),
            }
        }
        self.refresh_tokens.delete_if(user.id, row).await?;
        Err(contended())
    }

    async fn standing(&self, user: &User, row: &TokenHash) -> Result<Standing, StoreError> {
        let held = self.refresh_tokens.find(user.id).await?;
        if held.is_none_or(|held| held.token.hash != *row) {
            return Ok(Standing::Ended);
        }
        Ok(match self.users.find(user.id).await? {
            Some(now) if now.roles == user.roles => Standing::Good,
            Some(now) => Standing::RolesChanged(now),
            None => Standing::Ended,
        })
    }

    async fn rotate(&self, presented: &RefreshToken, next: &TokenHash) -> Result<Rotated, StoreError> {
        let now = self.ids.clock().now();
        let rotation = Rotation {
            user: presented.user(),
            presented: presented.fingerprint(),
            next: next.clone(),
            expires_at: now.plus_seconds(REFRESH_TOKEN_SECONDS),
            now,
        };
        self.refresh_tokens.rotate(&rotation).await
    }

    fn issue(&self, user: &User) -> Result<IssuedToken, Problem> {
        let issued = self.access_key.issue(user.id, user.roles);
        issued.map_err(|error| Problem::new(Code::Internal).caused_by(error))
    }

    fn first_row(&self, user: UserId, token: Fingerprint) -> RefreshRow {
        let minted = self.ids.mint();
        RefreshRow {
            id: minted.id,
            user,
            token,
            expires_at: minted.at.plus_seconds(REFRESH_TOKEN_SECONDS),
            created_at: minted.at,
            updated_at: minted.at,
        }
    }
}

fn contended() -> Problem {
    Problem::new(Code::Unavailable).detail("This user's roles are being changed, try again")
}

#[cfg(test)]
mod tests;
