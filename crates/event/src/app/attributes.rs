use domain::{AttributeMap, ChangeAuthor, UserId};
use event_store::{StoreError, UserAttributes};

use crate::service::EventService;

impl EventService {
    /// Puts a user's attributes in the place of those there were.
    pub(crate) async fn put_attributes(
        &self,
        user: UserId,
        attributes: AttributeMap,
        author: ChangeAuthor,
    ) -> Result<UserAttributes, StoreError> {
        let put = UserAttributes { user_id: user, attributes, updated_at: self.now() };
        self.stores.attributes.put(put.clone(), self.stamp(author)).await?;
        self.unchained.call();
        Ok(put)
    }

    /// The user's attributes; none if nothing was ever said of them.
    pub(crate) async fn find_attributes(&self, user: UserId) -> Result<Option<UserAttributes>, StoreError> {
        self.stores.attributes.find(user).await
    }
}
