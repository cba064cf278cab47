use domain::{ActivityType, AttributeName};
use event_store::StoreError;

use crate::service::EventService;

/// The most names of each kind that are looked up.
const MOST_NAMES: usize = 1000;

/// What was ever reported.
#[derive(Debug)]
pub(crate) struct SeenNames {
    pub(crate) activity_types: Vec<ActivityType>,
    pub(crate) attribute_names: Vec<AttributeName>,
}

impl EventService {
    /// The activity types and names of attributes that were ever reported, at most 1,000 of each.
    pub(crate) async fn find_seen_names(&self) -> Result<SeenNames, StoreError> {
        let (activity_types, attribute_names) = tokio::try_join!(
            self.stores.activities.types(MOST_NAMES),
            self.stores.attributes.names(MOST_NAMES)
        )?;
        Ok(SeenNames { activity_types, attribute_names })
    }
}
