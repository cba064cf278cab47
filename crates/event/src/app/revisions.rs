use domain::{EventId, ObjectId};
use event_store::{EventRevision, FieldChange, StoreError, list_changes};
use service_kit::page::{Page, PageRequest};

use crate::service::EventService;

/// A revision, and what it changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RevisionWithChanges {
    pub(crate) revision: EventRevision,
    /// Nothing for the first one, and where the one before is not known.
    pub(crate) changes: Vec<FieldChange>,
}

/// Why revisions are not listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListRevisionsError {
    #[error("there is no such event")]
    UnknownEvent,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventService {
    /// One page of an event's revisions, newest first.
    pub(crate) async fn list_revisions(
        &self,
        event: EventId,
        page: PageRequest,
    ) -> Result<Page<RevisionWithChanges>, ListRevisionsError> {
        if self.catalogue.find_event(event).await?.is_none() {
            return Err(ListRevisionsError::UnknownEvent);
        }
        let below = page.before.map_or(i64::MAX, read_cursor);
        let found = self.stores.revisions.list(event, below, page.limit + 1).await?;
        let next_cursor = (found.len() > page.limit).then(|| found.get(page.limit - 1)).flatten();
        let next_cursor = next_cursor.map(|last| write_cursor(last.revision).to_string());
        let before = found.iter().skip(1).map(Some).chain([None]);
        let with_changes =
            |(revision, before): (&EventRevision, Option<&EventRevision>)| RevisionWithChanges {
                changes: before.map(|before| list_changes(before, revision)).unwrap_or_default(),
                revision: revision.clone(),
            };
        let items = found.iter().zip(before).take(page.limit).map(with_changes).collect();
        Ok(Page { items, next_cursor })
    }
}

/// A page's cursor has the form of an id: here it holds a revision.
fn write_cursor(revision: i64) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&revision.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn read_cursor(cursor: ObjectId) -> i64 {
    let [_, _, _, _, revision @ ..] = cursor.bytes();
    i64::from_be_bytes(revision)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::test_app::spring_event;

    #[test]
    fn a_cursor_holds_any_revision() {
        for revision in [1, 2, 300, i64::MAX] {
            assert_eq!(read_cursor(write_cursor(revision)), revision);
        }
    }

    #[test]
    fn only_fields_that_differ_are_changes() {
        let spring = spring_event(json!({}));
        let before = EventRevision::from_event(&spring, spring.created_by);
        let mut later = spring.clone();
        later.period_end = None;
        later.condition = json!({"==": [1, 1]});
        later.updated_at = later.updated_at.plus_seconds(60);
        let after = EventRevision::from_event(&later, later.created_by);
        let changes = list_changes(&before, &after);
        let fields: Vec<_> = changes.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(fields, ["condition", "periodEnd"]);
        assert_eq!((&changes[1].before, &changes[1].after), (&json!(spring.period_end), &Value::Null));
        assert_eq!(list_changes(&before, &before), []);
    }
}
