use std::sync::Arc;

use domain::{Approval, Event, EventId, EventStatus, Timestamp};
use event_store::{EventFilter, NewEvent, StoreError};
use serde_json::Value;
use service_kit::{
    identity::UserOrKey,
    page::{Page, PageRequest},
};

use super::audit::Editor;
use crate::{catalogue::EventWithCondition, service::EventService};

/// An event to be, each field valid by itself.
#[derive(Debug)]
pub(crate) struct EventDraft {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) condition: Value,
    pub(crate) period_start: Timestamp,
    pub(crate) period_end: Option<Timestamp>,
    pub(crate) timezone: String,
    pub(crate) status: EventStatus,
    pub(crate) approval: Approval,
}

/// Why an event is not created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateEventError {
    /// Nobody could ever claim it.
    #[error("the period ends before it begins")]
    EmptyPeriod,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an event is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindEventError {
    /// There is none, or only staff may know of it.
    #[error("there is no such event for this caller")]
    Unknown,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventService {
    /// Creates an event in its first revision.
    pub(crate) async fn create_event(
        &self,
        editor: Editor,
        draft: EventDraft,
    ) -> Result<Event, CreateEventError> {
        if draft.period_end.is_some_and(|end| end <= draft.period_start) {
            return Err(CreateEventError::EmptyPeriod);
        }
        let minted = self.ids.mint();
        let event = Event {
            id: EventId(minted.id),
            name: draft.name,
            description: draft.description,
            condition: draft.condition,
            period_start: draft.period_start,
            period_end: draft.period_end,
            timezone: draft.timezone,
            status: draft.status,
            approval: draft.approval,
            rewards: Vec::new(),
            revision: 1,
            created_by: editor.user,
            created_at: minted.at,
            updated_at: minted.at,
        };
        let new = NewEvent { event: event.clone(), stamp: self.stamp(editor.author), copy_of: None };
        self.stores.events.create(new).await?;
        self.unchained.call();
        Ok(event)
    }

    /// The event as it is now, if this caller may see it.
    pub(crate) async fn find_event(
        &self,
        viewer: &UserOrKey,
        id: EventId,
    ) -> Result<Arc<EventWithCondition>, FindEventError> {
        let found = self.catalogue.find_event(id).await?;
        found.filter(|found| is_visible(found.event.status, viewer)).ok_or(FindEventError::Unknown)
    }

    /// One page of the events that this caller may see, newest first.
    pub(crate) async fn list_events(
        &self,
        viewer: &UserOrKey,
        filter: EventFilter,
        page: PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        let status = match filter.status {
            status if viewer.sees_as_staff() => status,
            None | Some(EventStatus::Active) => Some(EventStatus::Active),
            Some(EventStatus::Inactive) => return Ok(Page { items: Vec::new(), next_cursor: None }),
        };
        self.stores.events.list(&EventFilter { status, ..filter }, page).await
    }
}

/// Events that are switched off are seen by staff and servers only.
pub(super) fn is_visible(status: EventStatus, viewer: &UserOrKey) -> bool {
    viewer.sees_as_staff() || status == EventStatus::Active
}
