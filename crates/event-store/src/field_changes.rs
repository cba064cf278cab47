use serde_json::{Map, Value, json};

use super::{EventRevision, RevisionDetails};

/// A field that a revision of an event changed.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// As the field is called in an event; `rewards` are the ids of its rewards.
    pub field: String,
    /// What it was.
    pub before: Value,
    /// What it became.
    pub after: Value,
}

/// What is different between two revisions of an event. Nothing where one of them is not known whole.
pub fn list_changes(before: &EventRevision, after: &EventRevision) -> Vec<FieldChange> {
    let (Some(old), Some(new)) = (comparable(before), comparable(after)) else { return Vec::new() };
    let changed = new.into_iter().filter_map(|(field, after)| {
        let before = old.get(&field).cloned().unwrap_or_default();
        (before != after).then_some(FieldChange { field, before, after })
    });
    changed.collect()
}

/// What of a revision is compared, by the names the fields have in answers.
pub(crate) fn comparable(revision: &EventRevision) -> Option<Map<String, Value>> {
    let details: &RevisionDetails = revision.details.as_ref()?;
    let rewards: Vec<_> = details.rewards.iter().map(|place| place.reward).collect();
    let fields = json!({
        "name": details.name,
        "description": details.description,
        "condition": revision.condition,
        "periodStart": details.period_start,
        "periodEnd": details.period_end,
        "timezone": details.timezone,
        "status": details.status,
        "approval": details.approval,
        "rewards": rewards,
    });
    match fields {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}
