use audit::AuditHead;
use clap::Args;
use store_kit::audit::verify_log;

use super::LogPlace;
use crate::{commands::Outcome, stores::close_stores};

#[derive(Debug, Args)]
pub(crate) struct VerifyLog {
    #[command(flatten)]
    place: LogPlace,
    /// A head that was kept elsewhere, SEQUENCE:HASH: without it, entries missing at the end are not noticed
    #[arg(long, value_name = "SEQUENCE:HASH")]
    head: Option<AuditHead>,
}

impl VerifyLog {
    pub(super) async fn run(self) -> Outcome {
        let (log, connection) = self.place.open().await?;
        let verified = verify_log(&*log, self.head).await;
        close_stores(&[connection]).await;
        let name = self.place.name();
        let head = verified.map_err(|fault| format!("the audit log {name} is not whole: {fault}"))?;
        println!("{name}: {} entries are as they were written. Head: {head}", head.sequence);
        Ok(())
    }
}
