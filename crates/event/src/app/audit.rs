use audit::{AuditEntry, AuditHead, ChangeStamp};
use domain::{ChangeAuthor, UserId};
use event_store::{AuditFilter, StoreError};
use service_kit::{
    page::{Page, PageRequest},
    worker::WakeUp,
};
use store_kit::audit::{AuditChainer, AuditLogName};

use crate::service::EventService;

/// Somebody of the staff who changes events, and by which request.
#[derive(Debug, Clone)]
pub(crate) struct Editor {
    pub(crate) user: UserId,
    pub(crate) author: ChangeAuthor,
}

impl EventService {
    /// The worker that gives changes their places in the audit log, and what wakes it.
    pub fn audit_chainer(&self) -> (WakeUp, AuditChainer) {
        let clock = self.ids.clock().clone();
        let chainer = AuditChainer::new(AuditLogName::Events, self.stores.audit.clone(), clock);
        (self.unchained.clone(), chainer)
    }

    /// What a store is told of a change that is made now.
    pub(crate) fn stamp(&self, author: ChangeAuthor) -> ChangeStamp {
        ChangeStamp::new(self.ids.mint(), author)
    }

    /// A page of the audit log. What was answered before is in it.
    pub(crate) async fn show_audit(
        &self,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError> {
        self.stores.audit.chain_drafts().await?;
        self.stores.audit.list_entries(filter, page).await
    }

    /// The end of the audit log. What was answered before is in front of it.
    pub(crate) async fn show_audit_head(&self) -> Result<AuditHead, StoreError> {
        self.stores.audit.chain_drafts().await?;
        self.stores.audit.head().await
    }
}
