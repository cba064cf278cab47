//! What the audit log says of each change. Never a coupon's code: what is written there stays for good.

use audit::{AuditDraft, ChangeStamp};
use domain::{AttributeMap, AuditAction, Claim, ClaimStatus, Event, EventId, Reward, Ruling, UserId};
use serde_json::{Map, Value, json};

use super::{
    EventChange, EventRevision, NewEvent, RewardChange, StockAuthor,
    field_changes::{comparable, list_changes},
};

/// An event was created, as a copy of another or not.
pub(crate) fn event_created(new: &NewEvent) -> AuditDraft {
    let mut after = show_event(&new.event);
    let action = match new.copy_of {
        Some(original) => {
            after.insert("copyOf".to_owned(), json!(original));
            AuditAction::EventCloned
        }
        None => AuditAction::EventCreated,
    };
    new.stamp.clone().into_draft(action, new.event.id, None, Some(after.into()))
}

/// An event was changed from what it was before: its fields, its rewards, or whether one of them is limited.
pub(crate) fn event_changed(change: &EventChange, before: &Event) -> AuditDraft {
    let (mut old, mut new) = changed_fields(before, &change.event);
    let action = match &change.rewards {
        RewardChange::Attach { new: created, stock, .. } => {
            new.extend(created.iter().map(|reward| ("created".to_owned(), show_reward(reward))));
            new.extend(stock.iter().map(|total| ("stock".to_owned(), json!(total))));
            AuditAction::RewardAttached
        }
        RewardChange::Detach(_) => AuditAction::RewardDetached,
        RewardChange::Limit { reward, is_limited } => {
            for (values, is_limited) in [(&mut old, !is_limited), (&mut new, *is_limited)] {
                values.insert("reward".to_owned(), json!(reward));
                values.insert("isLimited".to_owned(), json!(is_limited));
            }
            AuditAction::StockChanged
        }
        RewardChange::Same => AuditAction::EventChanged,
    };
    change.stamp.clone().into_draft(action, change.event.id, Some(old.into()), Some(new.into()))
}

/// An event was deleted. What it was is not known if it could not be read.
pub(crate) fn event_deleted(stamp: ChangeStamp, id: EventId, event: Option<&Event>) -> AuditDraft {
    stamp.into_draft(AuditAction::EventDeleted, id, event.map(|event| show_event(event).into()), None)
}

/// How many there are of an event's reward was set.
pub(crate) fn stock_changed(author: StockAuthor, before: Option<i64>, after: i64) -> AuditDraft {
    let StockAuthor { stamp, event, reward } = author;
    let show = |total: Option<i64>| json!({ "reward": reward, "stock": total });
    stamp.into_draft(AuditAction::StockChanged, event, Some(show(before)), Some(show(Some(after))))
}

/// A server made a claim for a user.
pub(crate) fn claim_created(stamp: ChangeStamp, claim: &Claim) -> AuditDraft {
    let after = json!({ "eventId": claim.event_id, "userId": claim.user_id, "status": claim.status });
    stamp.into_draft(AuditAction::ClaimCreated, claim.id, None, Some(after))
}

/// A claim was decided, for a reason or without one.
pub(crate) fn claim_decided(
    stamp: ChangeStamp,
    claim: domain::ClaimId,
    ruling: Ruling,
    reason: Option<&str>,
) -> AuditDraft {
    let action = match ruling {
        Ruling::Approved => AuditAction::ClaimApproved,
        Ruling::Rejected => AuditAction::ClaimRejected,
    };
    let before = json!({ "status": ClaimStatus::Pending });
    let after = json!({ "status": ruling.status(), "reason": reason });
    stamp.into_draft(action, claim, Some(before), Some(after))
}

/// An approved claim was taken back.
pub(crate) fn claim_revoked(stamp: ChangeStamp, claim: domain::ClaimId, reason: Option<&str>) -> AuditDraft {
    let before = json!({ "status": ClaimStatus::Approved });
    let after = json!({ "status": ClaimStatus::Revoked, "reason": reason });
    stamp.into_draft(AuditAction::ClaimRevoked, claim, Some(before), Some(after))
}

/// A user's attributes were replaced. Those before are not known if they could not be read.
pub(crate) fn attributes_replaced(
    stamp: ChangeStamp,
    user: UserId,
    before: Option<&AttributeMap>,
    after: &AttributeMap,
) -> AuditDraft {
    let show = |attributes: &AttributeMap| json!({ "attributes": attributes });
    stamp.into_draft(AuditAction::AttributesReplaced, user, before.map(show), Some(show(after)))
}

/// As what a revision is compared by.
fn show_event(event: &Event) -> Map<String, Value> {
    comparable(&EventRevision::from_event(event, event.created_by)).unwrap_or_default()
}

fn changed_fields(before: &Event, after: &Event) -> (Map<String, Value>, Map<String, Value>) {
    let [old, new] = [before, after].map(|event| EventRevision::from_event(event, event.created_by));
    let changes = list_changes(&old, &new);
    changes
        .into_iter()
        .map(|change| ((change.field.clone(), change.before), (change.field, change.after)))
        .unzip()
}

/// Without what it gives: a coupon's code is among that.
fn show_reward(reward: &Reward) -> Value {
    json!({ "id": reward.id, "name": reward.name, "type": reward.kind.reward_type() })
}

#[cfg(test)]
mod tests {
    use domain::{RewardKind, RewardType};

    use super::*;
    use crate::contract::{any_reward, attach_change, full_event, new_event, new_ids};

    #[test]
    fn a_new_reward_is_shown_without_its_code_and_a_change_by_what_differs() {
        let ids = new_ids();
        let event = full_event(&ids);
        let expiry = event.period_start;
        let reward = any_reward(&ids, RewardKind::Coupon { coupon_code: "SPRING10".into(), expiry });
        let draft = event_changed(&attach_change(&ids, &event, &reward, true), &event);
        assert_eq!(draft.action, AuditAction::RewardAttached);
        assert_eq!(draft.before, Some(json!({ "rewards": [] })));
        let created = json!({ "id": reward.id, "name": reward.name, "type": RewardType::Coupon });
        assert_eq!(draft.after, Some(json!({ "rewards": [reward.id], "created": created })));
        assert!(!format!("{draft:?}").contains("SPRING10"));
    }

    #[test]
    fn an_event_is_shown_whole_when_it_begins_and_a_copy_names_its_original() {
        let event = full_event(&new_ids());
        let mut new = new_event(event.clone());
        let draft = event_created(&new);
        assert_eq!((draft.action, draft.before), (AuditAction::EventCreated, None));
        assert_eq!(draft.after.as_ref().unwrap()["timezone"], "Asia/Seoul");
        new.copy_of = Some(event.id);
        let draft = event_created(&new);
        assert_eq!(draft.action, AuditAction::EventCloned);
        assert_eq!(draft.after.unwrap()["copyOf"], json!(event.id));
    }
}
