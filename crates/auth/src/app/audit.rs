use audit::{AuditEntry, AuditHead, ChangeStamp};
use domain::ChangeAuthor;
use service_kit::{
    page::{Page, PageRequest},
    worker::WakeUp,
};
use store_kit::audit::{AuditChainer, AuditLogName};

use crate::{
    AuthService,
    store::{AuditFilter, StoreError},
};

impl AuthService {
    /// The worker that gives changes their places in the audit log.
    pub fn audit_chainer(&self) -> AuditChainer {
        let clock = self.ids.clock().clone();
        AuditChainer::new(AuditLogName::Users, self.audit.clone(), clock)
    }

    /// Wakes that worker when something was changed.
    pub fn audit_wake_up(&self) -> WakeUp {
        self.audit_wake_up.clone()
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
        self.audit.chain_drafts().await?;
        self.audit.list_entries(filter, page).await
    }

    /// The end of the audit log. What was answered before is in front of it.
    pub(crate) async fn show_audit_head(&self) -> Result<AuditHead, StoreError> {
        self.audit.chain_drafts().await?;
        self.audit.head().await
    }
}
