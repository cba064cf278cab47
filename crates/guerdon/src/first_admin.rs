//! An embedded installation would be unusable without somebody who can give roles.

use std::sync::Arc;

use auth::{CreateUserError, store::UserStore};
use domain::{ChangeAuthor, Email, IdGenerator, RandomSource, Role, RoleSet};

/// Who the first administrator of an embedded installation is.
pub(crate) const EMAIL: &str = "admin@guerdon.local";

/// Makes sure that there is an administrator.
pub(crate) struct FirstAdmin {
    pub(crate) users: Arc<dyn UserStore>,
    pub(crate) ids: IdGenerator,
}

impl FirstAdmin {
    /// Creates one with a generated password if nobody is ADMIN, and returns the password. It is stored nowhere, so call
    /// this last, when nothing can fail any more before it is shown.
    pub(crate) async fn ensure(&self) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
        if self.users.has_admin().await? {
            return Ok(None);
        }
        let (email, password): (Email, _) = (EMAIL.parse()?, generated_password());
        let roles = RoleSet::from_roles(&[Role::Admin]);
        let author = ChangeAuthor::WORKER;
        match auth::create_user(self.users.as_ref(), &self.ids, email, &password, roles, author).await {
            Ok(_) => Ok(Some(password)),
            // Somebody has the address without being ADMIN, or another process was faster.
            Err(CreateUserError::EmailTaken) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// A password nobody will guess: 120 random bits.
pub(crate) fn generated_password() -> String {
    hex::encode(RandomSource::new().bytes::<15>())
}
