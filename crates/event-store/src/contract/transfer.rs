use serde_json::json;

use domain::{ClaimId, ClaimStatus, ClaimWork, Decider, EventStatus, LedgerKind, RewardKind, Verdict};

use super::{
    activities::new_activity, any_reward, attributes::new_attributes, claims::new_claim, full_event, ledger,
    new_ids, nth_user, parse_time,
};
use crate::{
    Attachment, CouponCode, EventRevision, NewClaim, RecordKey, StockCounter, TransferRecord,
    TransferRegistry, TransferTable,
};

/// Records of every kind in every state, in the order they may be imported.
fn records_of_every_table() -> Vec<TransferRecord> {
    let ids = new_ids();
    let mut records = Vec::new();
    let events = [
        full_event(&ids),
        domain::Event {
            description: None,
            period_end: None,
            status: EventStatus::Inactive,
            ..full_event(&ids)
        },
    ];
    records.extend(events.iter().cloned().map(TransferRecord::Event));
    let [first, second] = events.each_ref().map(|event| EventRevision::from_event(event, nth_user(4)));
    // Beyond nine, so that they are ordered as numbers.
    let revisions = (1..12)
        .map(|revision| EventRevision {
            revision,
            details: first.details.clone().filter(|_| revision % 4 > 0),
            ..first.clone()
        })
        .chain([second]);
    records.extend(revisions.map(TransferRecord::Revision));
    let rewards = [
        any_reward(&ids, RewardKind::Point { points: 5 }),
        any_reward(
            &ids,
            RewardKind::Coupon { coupon_code: "C".into(), expiry: parse_time("2027-01-01T00:00:00.123Z") },
        ),
        any_reward(&ids, RewardKind::CouponPool { expiry: parse_time("2027-01-01T00:00:00.123Z") }),
        any_reward(&ids, RewardKind::Badge { badge_id: "b".into() }),
    ];
    records.extend(rewards.iter().cloned().map(TransferRecord::Reward));
    for reward in &rewards {
        let minted = ids.mint();
        let place = Attachment { id: minted.id, event: events[0].id, reward: reward.id, at: minted.at };
        records.push(TransferRecord::Attachment(place));
    }
    let counters = [ids.mint().id, ids.mint().id, ids.mint().id];
    let mut left = [1000, 10, 5];
    for (number, status) in (0_u32..).zip(ClaimStatus::ALL.iter().cycle().take(20)) {
        let mut new = new_claim(ids.mint(), nth_user(number), events[0].id);
        new.request.status = *status;
        new.request.updated_at = new.request.created_at.plus_seconds(i64::from(number));
        let verdict = |reason: &str| Verdict {
            by: [Decider::Auto, Decider::User(nth_user(9))][number as usize % 2],
            at: new.request.created_at,
            reason: (number % 5 == 0).then(|| reason.to_owned()),
        };
        new.request.verdict = (*status != ClaimStatus::Pending).then(|| verdict("그럴 만해서"));
        new.request.revocation = (*status == ClaimStatus::Revoked).then(|| verdict("fraud"));
        new.request.work = ClaimWork::ALL.get(number as usize % 5).copied();
        let seats = number as usize % 3;
        new.request.seats = counters[..seats].to_vec();
        left[..seats].iter_mut().for_each(|left| *left -= 1);
        new.idempotency_key = (number % 3 == 0).then(|| format!("key {number}"));
        records.push(TransferRecord::Claim(new));
    }
    let entries = (0..6_u32).map(|number| {
        let kind = if number % 2 == 0 { LedgerKind::Grant } else { LedgerKind::Reversal };
        ledger::new_entry(&ids, number / 2, events[0].id, &rewards[1], kind)
    });
    records.extend(entries.map(TransferRecord::LedgerEntry));
    let codes = (0..9_u32).map(|number| CouponCode {
        id: ids.mint().id,
        reward: rewards[number as usize % 3].id,
        code: format!("코드-{number}"),
        holder: (number % 2 == 0).then(|| (ClaimId(ids.mint().id), nth_user(number))),
    });
    records.extend(codes.map(TransferRecord::Code));
    let totals = counters.into_iter().zip([1000, 10, 5]).zip(left);
    let stock = totals.map(|((id, total), remaining)| StockCounter { id, total, remaining });
    records.extend(stock.map(TransferRecord::Stock));
    let activities = (0..20_u32).map(|number| {
        let at = format!("2026-05-{:02}T10:00:00.001Z", number + 1);
        new_activity(
            &format!("a{number}"),
            number % 3,
            "login",
            &at,
            (number % 2 == 0).then_some(i64::from(number)),
        )
    });
    records.extend(activities.map(TransferRecord::Activity));
    let attributes = (0..5).map(|user| new_attributes(user, &json!({"level": user, "name": null})));
    records.extend(attributes.map(TransferRecord::Attributes));
    records
}

/// Everything in a table, read in steps of this size.
async fn export_all(table: &dyn TransferTable, after: Option<RecordKey>, step: usize) -> Vec<TransferRecord> {
    let (mut found, mut after) = (Vec::new(), after);
    loop {
        let rows = table.export(after, step).await.unwrap();
        let is_last = rows.len() < step;
        for row in rows {
            let record = row.record.unwrap();
            assert_eq!(row.key.unwrap(), record.key());
            after = Some(record.key());
            found.push(record);
        }
        if is_last {
            return found;
        }
    }
}

async fn export_registry(db: &TransferRegistry) -> Vec<TransferRecord> {
    let mut found = Vec::new();
    for table in db.tables() {
        found.extend(export_all(&**table, None, 7).await);
    }
    found
}

fn split_by_table(records: &[TransferRecord]) -> impl Iterator<Item = &[TransferRecord]> {
    records.chunk_by(|one, other| std::mem::discriminant(one) == std::mem::discriminant(other))
}

pub(crate) async fn what_is_imported_comes_out_the_same_wherever_one_begins(db: &TransferRegistry) {
    assert!(export_registry(db).await.is_empty());
    let records = records_of_every_table();
    assert_eq!(db.tables().len(), split_by_table(&records).count(), "a table without a record in this test");
    for (table, records) in db.tables().iter().zip(split_by_table(&records)) {
        table.import(records.to_vec()).await.unwrap();
        for begin in 0..records.len() {
            let rest = export_all(&**table, Some(records[begin].key()), 3).await;
            assert_eq!(rest, records[begin + 1..]);
        }
    }
    assert_eq!(export_registry(db).await, records);
}

pub(crate) async fn importing_again_changes_nothing_and_fills_gaps(db: &TransferRegistry) {
    let records = records_of_every_table();
    let some: Vec<_> = records.iter().step_by(2).cloned().collect();
    for part in [&some, &records, &records] {
        for (table, chunk) in db.tables().iter().zip(split_by_table(part)) {
            table.import(chunk.to_vec()).await.unwrap();
        }
    }
    assert_eq!(export_registry(db).await, records);
    let claim = records.iter().find_map(|record| match record {
        TransferRecord::Claim(claim) if claim.request.status != ClaimStatus::Revoked => Some(claim.clone()),
        _ => None,
    });
    let mut changed: NewClaim = claim.unwrap();
    changed.request.status = ClaimStatus::Revoked;
    let claims = db.table("reward_requests").unwrap();
    claims.import(vec![TransferRecord::Claim(changed)]).await.unwrap();
    assert_eq!(export_registry(db).await, records);
}

pub(crate) async fn what_anothers_key_keeps_out_is_left_out_and_the_others_are_stored(db: &TransferRegistry) {
    let ids = new_ids();
    let event = full_event(&ids);
    let new_claims = |users: std::ops::Range<u32>| -> Vec<_> {
        users.map(|number| TransferRecord::Claim(new_claim(ids.mint(), nth_user(number), event.id))).collect()
    };
    let (there, wanted) = (new_claims(2..5), new_claims(0..9));
    let claims = db.table("reward_requests").unwrap();
    claims.import(there.clone()).await.unwrap();
    claims.import(wanted.clone()).await.unwrap();
    let stored = [&there[..], &wanted[..2], &wanted[5..]].concat();
    assert_eq!(export_all(claims, None, 100).await, stored);
}

pub(crate) async fn a_record_of_another_table_is_refused(db: &TransferRegistry) {
    let event = TransferRecord::Event(full_event(&new_ids()));
    for table in &db.tables()[1..] {
        assert!(table.import(vec![event.clone()]).await.is_err(), "{}", table.name());
    }
}
