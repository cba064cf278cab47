use domain::{Approval, ChangeAuthor, Event, EventId, EventStatus, ObjectId, RewardPlace, Timestamp};
use event_store::{ChangeOutcome, DeleteOutcome, EventChange, NewEvent, RewardChange, StoreError};
use serde_json::Value;
use service_kit::expected_revision::ExpectedRevision;

use super::audit::Editor;
use crate::service::EventService;

/// Changes of one event that came in between are taken up so often; then it is as if the store did not answer.
const MOST_TRIES: usize = 200;

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldEdit<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It gets this value.
    Set(T),
}

impl<T> FieldEdit<T> {
    /// The same with the value turned into another.
    pub(crate) fn map<U>(self, turn: impl FnOnce(T) -> U) -> FieldEdit<U> {
        match self {
            Self::Keep => FieldEdit::Keep,
            Self::Set(value) => FieldEdit::Set(turn(value)),
        }
    }

    /// Whether the field stays as it is.
    pub(crate) const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    fn apply_to(self, field: &mut T) {
        if let Self::Set(value) = self {
            *field = value;
        }
    }
}

/// What is to be different in an event.
#[derive(Debug, Default, Clone)]
pub(crate) struct EventEdit {
    pub(crate) name: FieldEdit<String>,
    pub(crate) description: FieldEdit<Option<String>>,
    pub(crate) condition: FieldEdit<Value>,
    pub(crate) period_start: FieldEdit<Timestamp>,
    pub(crate) period_end: FieldEdit<Option<Timestamp>>,
    pub(crate) timezone: FieldEdit<String>,
    pub(crate) status: FieldEdit<EventStatus>,
    pub(crate) approval: FieldEdit<Approval>,
}

/// Why an event is not changed. `E` is what the change itself refuses.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeEventError<E = EmptyPeriod> {
    #[error("there is no such event")]
    UnknownEvent,
    /// It is not at a revision that may be changed.
    #[error("the event has changed since it was read")]
    Outdated,
    #[error("the change is refused")]
    Refused(E),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Nobody could ever claim the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the period ends before it begins")]
pub(crate) struct EmptyPeriod;

/// Why an event is not deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeleteEventError {
    #[error("there is no such event")]
    UnknownEvent,
    #[error("the event has changed since it was read")]
    Outdated,
    #[error("the event has been claimed")]
    HasClaims,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an event is not cloned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CloneEventError {
    #[error("there is no such event")]
    UnknownEvent,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventEdit {
    fn apply(self, event: &mut Event) -> Result<(), EmptyPeriod> {
        self.name.apply_to(&mut event.name);
        self.description.apply_to(&mut event.description);
        self.condition.apply_to(&mut event.condition);
        self.period_start.apply_to(&mut event.period_start);
        self.period_end.apply_to(&mut event.period_end);
        self.timezone.apply_to(&mut event.timezone);
        self.status.apply_to(&mut event.status);
        self.approval.apply_to(&mut event.approval);
        if event.period_end.is_some_and(|end| end <= event.period_start) { Err(EmptyPeriod) } else { Ok(()) }
    }
}

impl EventService {
    /// Changes an event's own fields. All others stay as they are, whoever changes them at the same time.
    pub(crate) async fn edit_event(
        &self,
        editor: &Editor,
        id: EventId,
        at: &ExpectedRevision,
        edit: EventEdit,
    ) -> Result<Event, ChangeEventError> {
        let change = |event: &mut Event| edit.clone().apply(event).map(|()| RewardChange::Same);
        self.change_event(editor, id, at, change).await
    }

    /// Makes an event's next revision of its present one. What others change meanwhile is taken up by changing their
    /// revision, unless `at` forbids it.
    pub(super) async fn change_event<E>(
        &self,
        editor: &Editor,
        id: EventId,
        at: &ExpectedRevision,
        change: impl Fn(&mut Event) -> Result<RewardChange, E>,
    ) -> Result<Event, ChangeEventError<E>> {
        for _ in 0..MOST_TRIES {
            let found = self.catalogue.find_event(id).await?.ok_or(ChangeEventError::UnknownEvent)?;
            if !at.admits(found.event.revision) {
                return Err(ChangeEventError::Outdated);
            }
            let mut event = found.event.clone();
            let rewards = change(&mut event).map_err(ChangeEventError::Refused)?;
            event.revision += 1;
            // Also after the clock was set back no revision is older than the one before.
            event.updated_at = self.now().max(event.updated_at);
            let (changed_by, stamp) = (editor.user, self.stamp(editor.author.clone()));
            let change = EventChange { event: event.clone(), changed_by, stamp, rewards };
            match self.stores.events.change(change).await? {
                ChangeOutcome::Changed => {
                    self.unchained.call();
                    return Ok(event);
                }
                ChangeOutcome::UnknownEvent => return Err(ChangeEventError::UnknownEvent),
                ChangeOutcome::Outdated => {}
            }
        }
        Err(StoreError::unavailable("event-db", "too many change the event at the same time").into())
    }

    /// Deletes an event that nobody has claimed.
    pub(crate) async fn delete_event(
        &self,
        id: EventId,
        at: &ExpectedRevision,
        author: ChangeAuthor,
    ) -> Result<(), DeleteEventError> {
        let at_revision = match at {
            ExpectedRevision::Any => None,
            ExpectedRevision::OneOf(_) => {
                let found = self.catalogue.find_event(id).await?.ok_or(DeleteEventError::UnknownEvent)?;
                if !at.admits(found.event.revision) {
                    return Err(DeleteEventError::Outdated);
                }
                Some(found.event.revision)
            }
        };
        match self.stores.events.delete(id, at_revision, self.stamp(author)).await? {
            DeleteOutcome::Deleted => {
                self.unchained.call();
                Ok(())
            }
            DeleteOutcome::HasClaims => Err(DeleteEventError::HasClaims),
            DeleteOutcome::Outdated => Err(DeleteEventError::Outdated),
            DeleteOutcome::UnknownEvent => Err(DeleteEventError::UnknownEvent),
        }
    }

    /// A new event like this one, with the same rewards, switched off: its first revision.
    pub(crate) async fn clone_event(&self, editor: Editor, id: EventId) -> Result<Event, CloneEventError> {
        let found = self.catalogue.find_event(id).await?.ok_or(CloneEventError::UnknownEvent)?;
        let minted = self.ids.mint();
        let place = |place: &RewardPlace| RewardPlace { attachment: self.mint_id(), ..*place };
        let copy = Event {
            id: EventId(minted.id),
            status: EventStatus::Inactive,
            rewards: found.event.rewards.iter().map(place).collect(),
            revision: 1,
            created_by: editor.user,
            created_at: minted.at,
            updated_at: minted.at,
            ..found.event.clone()
        };
        self.copy_stocks(&found.event.rewards, &copy.rewards).await?;
        let new = NewEvent { event: copy.clone(), stamp: self.stamp(editor.author), copy_of: Some(id) };
        self.stores.events.create(new).await?;
        self.unchained.call();
        Ok(copy)
    }

    fn mint_id(&self) -> ObjectId {
        self.ids.mint().id
    }
}
