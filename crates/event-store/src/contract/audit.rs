use std::collections::{HashMap, HashSet};

use ::audit::{AuditEntry, AuditHead, ChangeStamp};
use domain::{
    ApiKeyId, AuditAction, AuditActor, AuditObjectKind, ChangeAuthor, Claim, ClaimId, Decider, Event,
    IdGenerator, ObjectId, RewardKind, RewardPlace, Ruling, Timestamp, Verdict,
};
use serde_json::{Value, json};
use store_kit::audit::{AuditStore, verify_log, verify_onward};

use super::{
    any_reward, attach_change, attributes::new_attributes, claims::new_claim, decisions::decision,
    full_event, new_event, new_ids, nth_user, parse_time,
};
use crate::{
    AuditFilter, ChangeOutcome, ClaimOutcome, DecideOutcome, Decision, DeleteOutcome, EventChange, NewEvent,
    Revocation, RevokeOutcome, RewardChange, SetTotalOutcome, StockAuthor, Stores,
};

const STAFF: u32 = 9;

/// A change by staff, at that minute.
fn stamp_at(minute: i64) -> ChangeStamp {
    let author =
        ChangeAuthor { actor: AuditActor::User(nth_user(STAFF)), request_id: Some(format!("r-{minute}")) };
    let at = Timestamp::from_millis(1_760_000_000_000 + minute * 60_000);
    ChangeStamp { id: new_ids().mint().id, at, author }
}

/// The same by a server.
fn key_stamp(minute: i64) -> ChangeStamp {
    let mut stamp = stamp_at(minute);
    stamp.author.actor = AuditActor::Key(ApiKeyId(nth_user(77).0));
    stamp
}

fn change_at(minute: i64, event: Event, rewards: RewardChange) -> EventChange {
    EventChange { event, changed_by: nth_user(STAFF), stamp: stamp_at(minute), rewards }
}

fn renamed(event: &Event, name: &str) -> Event {
    Event { name: name.into(), revision: event.revision + 1, ..event.clone() }
}

fn decision_at(minute: i64, claim: ClaimId, ruling: Ruling, reason: Option<&str>) -> Decision {
    let mut made = decision(claim, ruling, STAFF);
    made.mark = new_ids().mint().id;
    made.verdict.reason = reason.map(str::to_owned);
    Decision { stamp: Some(stamp_at(minute)), ..made }
}

/// The whole log, which must verify, and waits for nothing.
pub(crate) async fn whole_log(log: &dyn AuditStore) -> Vec<AuditEntry> {
    while log.chain_drafts().await.unwrap() > 0 {}
    assert_eq!(log.oldest_draft().await.unwrap(), None);
    let rows = log.export_entries(None, 10_000).await.unwrap();
    let entries: Vec<_> = rows.into_iter().map(|row| row.value.unwrap()).collect();
    let head = entries.last().map_or(AuditHead::EMPTY, AuditEntry::head);
    assert_eq!(log.head().await.unwrap(), head);
    assert_eq!(verify_log(log, Some(head)).await.unwrap(), head);
    entries
}

async fn claim_of(db: &Stores, ids: &IdGenerator, user: u32, event: &Event, by_key: bool) -> Claim {
    let mut new = new_claim(ids.mint(), nth_user(user), event.id);
    new.stamp = by_key.then(|| key_stamp(7));
    assert_eq!(db.claims.claim_once(new.clone()).await.unwrap(), ClaimOutcome::Stored);
    new.request
}

type ShownEntry = (AuditAction, ObjectId, Option<Value>, Option<Value>);

/// Changes that an event goes through, each beside one that changes nothing.
async fn edit_event(db: &Stores, ids: &IdGenerator, expected: &mut Vec<ShownEntry>) -> Event {
    let event = full_event(ids);
    let new = NewEvent { event: event.clone(), stamp: stamp_at(1), copy_of: None };
    db.events.create(new).await.unwrap();
    let shown = json!({
        "name": event.name, "description": event.description, "condition": event.condition,
        "periodStart": event.period_start, "periodEnd": event.period_end, "timezone": "Asia/Seoul",
        "status": "ACTIVE", "approval": "MANUAL", "rewards": [],
    });
    expected.push((AuditAction::EventCreated, event.id.0, None, Some(shown)));
    let coupon =
        RewardKind::Coupon { coupon_code: "SPRING10".into(), expiry: parse_time("2027-01-01T00:00:00Z") };
    let reward = any_reward(ids, coupon);
    let mut attach = attach_change(ids, &event, &reward, true);
    attach.stamp = stamp_at(2);
    if let RewardChange::Attach { stock, .. } = &mut attach.rewards {
        *stock = Some(5);
    }
    assert_eq!(db.events.change(attach.clone()).await.unwrap(), ChangeOutcome::Changed);
    let created = json!({ "id": reward.id, "name": reward.name, "type": "COUPON" });
    let after = json!({ "rewards": [reward.id], "created": created, "stock": 5 });
    let before = json!({ "rewards": [] });
    expected.push((AuditAction::RewardAttached, event.id.0, Some(before), Some(after)));
    let late = change_at(3, renamed(&event, "Late"), RewardChange::Same);
    assert_eq!(db.events.change(late).await.unwrap(), ChangeOutcome::Outdated);
    let later = Event { description: None, ..renamed(&attach.event, "Later") };
    let change = change_at(4, later.clone(), RewardChange::Same);
    assert_eq!(db.events.change(change).await.unwrap(), ChangeOutcome::Changed);
    let before = json!({ "name": event.name, "description": event.description });
    let after = json!({ "name": "Later", "description": null });
    expected.push((AuditAction::EventChanged, event.id.0, Some(before), Some(after)));
    let place = later.rewards[0];
    for (minute, total, before) in [(5, 10, Value::Null), (6, 12, json!(10))] {
        let author = StockAuthor { stamp: stamp_at(minute), event: event.id, reward: reward.id };
        let set = db.stock.set_total(place.attachment, total, Some(author)).await.unwrap();
        assert!(matches!(set, SetTotalOutcome::Set(_)));
        let [before, after] =
            [before, json!(total)].map(|stock| json!({ "reward": reward.id, "stock": stock }));
        expected.push((AuditAction::StockChanged, event.id.0, Some(before), Some(after)));
    }
    let mut limited = renamed(&later, "Later");
    limited.rewards[0].has_stock = true;
    let limit = RewardChange::Limit { reward: reward.id, is_limited: true };
    assert_eq!(db.events.change(change_at(7, limited.clone(), limit)).await.unwrap(), ChangeOutcome::Changed);
    let [before, after] = [false, true].map(|is| json!({ "reward": reward.id, "isLimited": is }));
    expected.push((AuditAction::StockChanged, event.id.0, Some(before), Some(after)));
    limited
}

/// What is done with claims, each beside one that changes nothing.
async fn decide_claims(db: &Stores, ids: &IdGenerator, event: &Event, expected: &mut Vec<ShownEntry>) {
    claim_of(db, ids, 1, event, false).await;
    let claim = claim_of(db, ids, 2, event, true).await;
    let shown = json!({ "eventId": event.id, "userId": claim.user_id, "status": "PENDING" });
    expected.push((AuditAction::ClaimCreated, claim.id.0, None, Some(shown)));
    let mut again = new_claim(ids.mint(), claim.user_id, event.id);
    again.stamp = Some(key_stamp(7));
    assert!(matches!(db.claims.claim_once(again).await.unwrap(), ClaimOutcome::Already(_)));
    let approve = decision_at(8, claim.id, Ruling::Approved, Some("well played"));
    assert!(matches!(db.claims.decide(approve).await.unwrap(), DecideOutcome::Decided(_)));
    let [pending, approved] = ["PENDING", "APPROVED"].map(|status| json!({ "status": status }));
    let after = json!({ "status": "APPROVED", "reason": "well played" });
    expected.push((AuditAction::ClaimApproved, claim.id.0, Some(pending.clone()), Some(after)));
    let reject = decision_at(8, claim.id, Ruling::Rejected, None);
    assert!(matches!(db.claims.decide(reject).await.unwrap(), DecideOutcome::AlreadyDecided(_)));
    let (automatic, refused) =
        (claim_of(db, ids, 3, event, false).await, claim_of(db, ids, 4, event, false).await);
    let mut approval = decision(automatic.id, Ruling::Approved, 0);
    approval.verdict.by = Decider::Auto;
    assert!(matches!(db.claims.decide(approval).await.unwrap(), DecideOutcome::Decided(_)));
    let reject = decision_at(9, refused.id, Ruling::Rejected, None);
    assert!(matches!(db.claims.decide(reject).await.unwrap(), DecideOutcome::Decided(_)));
    let after = json!({ "status": "REJECTED", "reason": null });
    expected.push((AuditAction::ClaimRejected, refused.id.0, Some(pending), Some(after)));
    for (minute, is_first) in [(10, true), (11, false)] {
        let at = stamp_at(minute).at;
        let verdict = Verdict { by: Decider::User(nth_user(STAFF)), at, reason: Some("by mistake".into()) };
        let revocation = Revocation {
            claim: claim.id,
            mark: ids.mint().id,
            verdict,
            stamp: stamp_at(minute),
            returned: Vec::new(),
        };
        let outcome = db.claims.revoke(revocation).await.unwrap();
        assert_eq!(matches!(outcome, RevokeOutcome::Revoked(_)), is_first);
    }
    let after = json!({ "status": "REVOKED", "reason": "by mistake" });
    expected.push((AuditAction::ClaimRevoked, claim.id.0, Some(approved), Some(after)));
}

/// A copy, which is deleted again.
async fn copy_and_delete(db: &Stores, ids: &IdGenerator, event: &Event, expected: &mut Vec<ShownEntry>) {
    let place = |place: &RewardPlace| RewardPlace { attachment: ids.mint().id, ..*place };
    let copy = Event {
        id: full_event(ids).id,
        rewards: event.rewards.iter().map(place).collect(),
        revision: 1,
        ..event.clone()
    };
    let new = NewEvent { event: copy.clone(), stamp: stamp_at(14), copy_of: Some(event.id) };
    db.events.create(new).await.unwrap();
    let mut bare = renamed(&copy, &copy.name);
    let detached = bare.rewards.remove(0);
    let detach = change_at(15, bare.clone(), RewardChange::Detach(detached.attachment));
    assert_eq!(db.events.change(detach).await.unwrap(), ChangeOutcome::Changed);
    let outcomes = [
        (event.id, None, DeleteOutcome::HasClaims),
        (copy.id, Some(1), DeleteOutcome::Outdated),
        (copy.id, Some(2), DeleteOutcome::Deleted),
        (copy.id, None, DeleteOutcome::UnknownEvent),
    ];
    for (id, at, outcome) in outcomes {
        assert_eq!(db.events.delete(id, at, stamp_at(16)).await.unwrap(), outcome);
    }
    let mut shown = json!({
        "name": copy.name, "description": null, "condition": copy.condition,
        "periodStart": copy.period_start, "periodEnd": copy.period_end, "timezone": "Asia/Seoul",
        "status": "ACTIVE", "approval": "MANUAL", "rewards": [],
    });
    let deleted = (AuditAction::EventDeleted, copy.id.0, Some(shown.clone()), None);
    shown["rewards"] = json!([detached.reward]);
    shown["copyOf"] = json!(event.id);
    let [before, after] = [vec![detached.reward], vec![]].map(|rewards| json!({ "rewards": rewards }));
    expected.extend([
        (AuditAction::EventCloned, copy.id.0, None, Some(shown)),
        (AuditAction::RewardDetached, copy.id.0, Some(before), Some(after)),
        deleted,
    ]);
}

pub(crate) async fn every_change_has_an_entry_and_what_changes_nothing_has_none([db, ..]: [Stores; 3]) {
    let (ids, mut expected) = (new_ids(), Vec::new());
    assert_eq!(db.audit.head().await.unwrap(), AuditHead::EMPTY);
    let event = edit_event(&db, &ids, &mut expected).await;
    let half = whole_log(&*db.audit).await;
    decide_claims(&db, &ids, &event, &mut expected).await;
    let [level_1, level_2] = [1, 2].map(|level| json!({ "level": level }));
    let user = nth_user(5).0;
    for (minute, level, before) in [(12, &level_1, None), (13, &level_2, Some(&level_1))] {
        db.attributes.put(new_attributes(5, level), stamp_at(minute)).await.unwrap();
        let show = |attributes: &Value| json!({ "attributes": attributes });
        expected.push((AuditAction::AttributesReplaced, user, before.map(show), Some(show(level))));
    }
    copy_and_delete(&db, &ids, &event, &mut expected).await;
    let entries = whole_log(&*db.audit).await;
    let shown = entries.iter().map(|AuditEntry { draft, .. }| {
        (draft.action, draft.object.id, draft.before.clone(), draft.after.clone())
    });
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    let minutes = entries.iter().map(|entry| entry.draft.request_id.clone().unwrap()).collect::<Vec<_>>();
    let made = [1, 2, 4, 5, 6, 7, 7, 8, 9, 10, 12, 13, 14, 15, 16].map(|minute| format!("r-{minute}"));
    assert_eq!(minutes, made);
    assert!(matches!(entries[6].draft.actor, AuditActor::Key(_)));
    let kinds = [0, 6, 10].map(|place| entries[place].draft.object.kind);
    assert_eq!(kinds, [AuditObjectKind::Event, AuditObjectKind::Claim, AuditObjectKind::User]);
    assert!(!serde_json::to_string(&entries).unwrap().contains("SPRING10"));
    let filter = AuditFilter { object: Some(event.id.0), ..AuditFilter::default() };
    let page = service_kit::page::PageRequest { limit: 2, before: None };
    let listed = db.audit.list_entries(&filter, page).await.unwrap();
    assert_eq!(listed.items, [entries[5].clone(), entries[4].clone()]);
    goes_on_where_it_was_right(&*db.audit, &half, &entries).await;
}

/// What is new is verified in steps, and a head that was never there is refused.
async fn goes_on_where_it_was_right(log: &dyn AuditStore, half: &[AuditEntry], entries: &[AuditEntry]) {
    let (middle, end) = (half[half.len() - 1].head(), entries[entries.len() - 1].head());
    let mut head = AuditHead::EMPTY;
    for expected in [entries[3].head(), entries[7].head(), entries[11].head(), end, end] {
        head = verify_onward(log, head, 4).await.unwrap();
        assert_eq!(head, expected);
    }
    assert_eq!(verify_onward(log, middle, 100).await.unwrap(), end);
    let replaced = AuditHead { hash: end.hash, ..middle };
    let beyond = AuditHead { sequence: end.sequence + 1, ..end };
    for (wrong, told) in [(replaced, "has another hash"), (beyond, "is missing")] {
        let fault = verify_onward(log, wrong, 100).await.unwrap_err().to_string();
        assert!(fault.starts_with(&format!("entry {} {told}", wrong.sequence)), "{fault}");
    }
}

/// Renames one event until the name counts.
async fn rename_in_turn(db: &Stores, event: &Event, number: i64) {
    loop {
        let found = db.events.find_many(&[event.id]).await.unwrap().remove(&event.id).unwrap().unwrap();
        let change = change_at(number, renamed(&found, &format!("Name {number}")), RewardChange::Same);
        if db.events.change(change).await.unwrap() == ChangeOutcome::Changed {
            return;
        }
    }
}

/// Names, stocks, attributes, decisions and deletions, 50 in all, over three replicas that chain meanwhile.
pub(crate) async fn of_changes_over_replicas_each_has_one_entry(replicas: [Stores; 3]) {
    let (ids, db) = (new_ids(), &replicas[0]);
    let event = full_event(&ids);
    db.events.create(new_event(event.clone())).await.unwrap();
    let (counter, reward) = (ids.mint().id, domain::RewardId(ids.mint().id));
    let mut claims = Vec::new();
    for user in 0..10 {
        claims.push(claim_of(db, &ids, user, &event, false).await.id);
    }
    let mut gone = Vec::new();
    for _ in 0..10 {
        let event = full_event(&ids);
        db.events.create(new_event(event.clone())).await.unwrap();
        gone.push(event.id);
    }
    let tasks: Vec<_> = (0..10_i64)
        .flat_map(|number| (0..5).map(move |kind| (number, kind)))
        .zip(replicas.iter().cycle())
        .map(|((number, kind), db)| {
            let (db, event, place) = (db.clone(), event.clone(), usize::try_from(number).unwrap());
            let (claim, gone) = (claims[place], gone[place]);
            tokio::spawn(async move {
                let stamp = stamp_at(number);
                match kind {
                    0 => rename_in_turn(&db, &event, number).await,
                    1 => {
                        let author = StockAuthor { stamp, event: event.id, reward };
                        let set = db.stock.set_total(counter, 100 + number, Some(author)).await.unwrap();
                        assert!(matches!(set, SetTotalOutcome::Set(_)));
                    }
                    2 => {
                        let level = new_attributes(5, &json!({ "level": number }));
                        db.attributes.put(level, stamp).await.unwrap();
                    }
                    3 => {
                        let decided = decision_at(number, claim, Ruling::Approved, None);
                        db.claims.decide(decided).await.unwrap();
                    }
                    _ => {
                        assert_eq!(
                            db.events.delete(gone, None, stamp).await.unwrap(),
                            DeleteOutcome::Deleted
                        );
                    }
                }
                db.audit.chain_drafts().await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let entries = whole_log(&*db.audit).await;
    let ids: HashSet<_> = entries.iter().map(|entry| entry.draft.id).collect();
    // The eleven events were created before.
    assert_eq!((entries.len(), ids.len()), (61, 61));
    // What was before is what the change before has left.
    let mut state: HashMap<AuditAction, Option<Value>> = HashMap::new();
    for AuditEntry { draft, sequence, .. } in &entries {
        let field = match draft.action {
            AuditAction::EventChanged => "name",
            AuditAction::StockChanged => "stock",
            AuditAction::AttributesReplaced => "attributes",
            _ => continue,
        };
        let of = |value: &Option<Value>| value.as_ref().map(|value| value[field].clone());
        if let Some(left) = state.insert(draft.action, of(&draft.after)) {
            assert_eq!(of(&draft.before), left, "entry {sequence}");
        }
    }
    assert_eq!(state.len(), 3);
}

/// Two who decide the same claims at the same moment: each claim has the entry of the decision that counts.
pub(crate) async fn of_many_decisions_each_claim_has_one_entry([db, other, _]: [Stores; 3]) {
    let ids = new_ids();
    let event = full_event(&ids);
    db.events.create(new_event(event.clone())).await.unwrap();
    let mut claims = Vec::new();
    for user in 0..40 {
        claims.push(claim_of(&db, &ids, user, &event, false).await.id);
    }
    let together = |ruling| -> Vec<_> {
        let mark = new_ids().mint().id;
        claims.iter().map(|id| Decision { mark, ..decision_at(1, *id, ruling, None) }).collect()
    };
    let (one, two) = tokio::join!(
        db.claims.decide_many(together(Ruling::Approved)),
        other.claims.decide_many(together(Ruling::Rejected))
    );
    let is_decided = |outcome: &&Result<DecideOutcome, _>| matches!(outcome, Ok(DecideOutcome::Decided(_)));
    let counts = [one.unwrap(), two.unwrap()].map(|outcomes| outcomes.iter().filter(is_decided).count());
    let entries = whole_log(&*db.audit).await;
    let of = |action| entries.iter().filter(|entry| entry.draft.action == action).count();
    assert_eq!([of(AuditAction::ClaimApproved), of(AuditAction::ClaimRejected)], counts);
    assert_eq!(counts.iter().sum::<usize>(), 40);
    for entry in entries.iter().filter(|entry| entry.draft.object.kind == AuditObjectKind::Claim) {
        let (claim, _) = db.claims.find(ClaimId(entry.draft.object.id)).await.unwrap().unwrap();
        assert_eq!(entry.draft.after.as_ref().unwrap()["status"], claim.status.name());
    }
}

/// A log can be moved into a store that has none, and goes on there.
pub(crate) async fn a_log_is_moved_whole_and_goes_on(from: Stores, to: Stores) {
    let ids = new_ids();
    for _ in 0..12 {
        from.events.create(new_event(full_event(&ids))).await.unwrap();
    }
    let entries = whole_log(&*from.audit).await;
    // Parts in any order, and again.
    for part in [&entries[5..10], &entries[..5], &entries[2..]] {
        to.audit.import_entries(part.to_vec()).await.unwrap();
    }
    assert_eq!(whole_log(&*to.audit).await, entries);
    to.events.create(new_event(full_event(&ids))).await.unwrap();
    let longer = whole_log(&*to.audit).await;
    assert_eq!((longer.len(), &longer[..12]), (13, entries.as_slice()));
}
