use clap::Args;

use super::LogPlace;
use crate::{commands::Outcome, stores::close_stores};

#[derive(Debug, Args)]
pub(crate) struct ShowHead {
    #[command(flatten)]
    place: LogPlace,
}

impl ShowHead {
    pub(super) async fn run(self) -> Outcome {
        let (log, connection) = self.place.open().await?;
        let head = log.head().await;
        close_stores(&[connection]).await;
        println!("{}", head?);
        Ok(())
    }
}
