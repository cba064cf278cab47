use domain::{ChangeAuthor, Role, RoleSet, User, UserId};
use service_kit::page::PageRequest;

use super::run_to_end;
use crate::{
    AuthService,
    store::{RoleChange, StoreError, UserFilter},
};

/// Why a user's roles were not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeRolesError {
    /// There is no such user.
    #[error("there is no such user")]
    UnknownUser,
    /// Nobody would be ADMIN.
    #[error("nobody would be ADMIN")]
    LastAdmin,
    /// A store did not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthService {
    /// Replaces a user's roles and ends their access token, so that the new roles count at once; a refresh gets a token
    /// with them.
    pub(crate) async fn change_roles(
        &self,
        user: UserId,
        roles: RoleSet,
        author: ChangeAuthor,
    ) -> Result<User, ChangeRolesError> {
        let auth = self.clone();
        run_to_end(async move { auth.replace_roles(user, roles, author).await }).await
    }

    /// The access token is removed before as well: if token-db is down or this process dies halfway, no change was made that
    /// an old token outlives. A change that fails gives it back.
    async fn replace_roles(
        &self,
        user: UserId,
        roles: RoleSet,
        author: ChangeAuthor,
    ) -> Result<User, ChangeRolesError> {
        let before = self.view_session(user).await?.ok_or(ChangeRolesError::UnknownUser)?;
        if self.is_last_admin(&before.record().user, roles).await? {
            return Err(ChangeRolesError::LastAdmin);
        }
        let removed = self.access_tokens.remove(user).await?;
        let refused = match self.users.set_roles(user, roles, self.stamp(author)).await {
            Ok(RoleChange::Updated(changed)) => {
                self.audit_wake_up.call();
                self.access_tokens.remove(user).await?;
                return Ok(changed);
            }
            Ok(RoleChange::NotFound) => ChangeRolesError::UnknownUser,
            Ok(RoleChange::LastAdmin) => ChangeRolesError::LastAdmin,
            Err(error) => error.into(),
        };
        self.give_access_back(user, &before, removed).await;
        Err(refused)
    }

    /// What can be told without changing anything. The store decides.
    async fn is_last_admin(&self, user: &User, roles: RoleSet) -> Result<bool, StoreError> {
        if roles.contains(Role::Admin) || !user.roles.contains(Role::Admin) {
            return Ok(false);
        }
        let admins = UserFilter { role: Some(Role::Admin), email: None };
        let two = PageRequest { limit: 2, before: None };
        Ok(self.users.list(&admins, two).await?.items.len() < 2)
    }
}
