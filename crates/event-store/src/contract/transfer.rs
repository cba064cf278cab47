use domain::{ClaimStatus, EventStatus, RewardKind};
use futures::TryStreamExt;

use super::{at, claims::new_claim, event, ids, reward, user};
use crate::{Attachment, EventTransfer, NewClaim, Record, RecordKind};

/// Records of every kind in every state, in the order they may be imported.
fn everything() -> Vec<Record> {
    let ids = ids();
    let mut records = Vec::new();
    let events = [
        event(&ids),
        domain::Event { description: None, period_end: None, status: EventStatus::Inactive, ..event(&ids) },
    ];
    records.extend(events.iter().cloned().map(Record::Event));
    let rewards = [
        reward(&ids, RewardKind::Point { points: 5 }),
        reward(&ids, RewardKind::Coupon { coupon_code: "C".into(), expiry: at("2027-01-01T00:00:00.123Z") }),
    ];
    records.extend(rewards.iter().cloned().map(Record::Reward));
    for reward in &rewards {
        let minted = ids.mint();
        let place = Attachment { id: minted.id, event: events[0].id, reward: reward.id, at: minted.at };
        records.push(Record::Attachment(place));
    }
    for (number, status) in (0_u32..).zip(ClaimStatus::ALL.iter().cycle().take(20)) {
        let mut new = new_claim(ids.mint(), user(number), events[0].id);
        new.request.status = *status;
        new.request.updated_at = new.request.created_at.plus_seconds(i64::from(number));
        new.idempotency_key = (number % 3 == 0).then(|| format!("key {number}"));
        records.push(Record::Request(new));
    }
    records
}

async fn all(db: &dyn EventTransfer) -> Vec<Record> {
    let mut found = Vec::new();
    for kind in RecordKind::ALL {
        found.extend(db.export(kind, None).try_collect::<Vec<_>>().await.unwrap());
    }
    found
}

fn by_kind(records: &[Record]) -> impl Iterator<Item = &[Record]> {
    records.chunk_by(|one, other| std::mem::discriminant(one) == std::mem::discriminant(other))
}

pub(crate) async fn what_is_imported_comes_out_the_same_wherever_one_begins(db: &dyn EventTransfer) {
    assert!(all(db).await.is_empty());
    let records = everything();
    for (kind, records) in RecordKind::ALL.into_iter().zip(by_kind(&records)) {
        db.import(records.to_vec()).await.unwrap();
        for begin in 0..records.len() {
            let rest: Vec<_> = db.export(kind, Some(records[begin].id())).try_collect().await.unwrap();
            assert_eq!(rest, records[begin + 1..]);
        }
    }
    assert_eq!(all(db).await, records);
}

pub(crate) async fn importing_again_changes_nothing_and_fills_gaps(db: &dyn EventTransfer) {
    let records = everything();
    let some: Vec<_> = records.iter().step_by(2).cloned().collect();
    for part in [&some, &records, &records] {
        for chunk in by_kind(part) {
            db.import(chunk.to_vec()).await.unwrap();
        }
    }
    assert_eq!(all(db).await, records);
    let Some(Record::Request(last)) = records.last().cloned() else { panic!("requests come last") };
    let mut changed: NewClaim = last.clone();
    changed.request.status = ClaimStatus::Revoked;
    db.import(vec![Record::Request(changed)]).await.unwrap();
    assert_eq!(all(db).await.last(), Some(&Record::Request(last)));
}

pub(crate) async fn what_anothers_key_keeps_out_is_left_out_and_the_others_are_stored(
    db: &dyn EventTransfer,
) {
    let ids = ids();
    let event = event(&ids);
    db.import(vec![Record::Event(event.clone())]).await.unwrap();
    let claims = |users: std::ops::Range<u32>| -> Vec<_> {
        users.map(|number| Record::Request(new_claim(ids.mint(), user(number), event.id))).collect()
    };
    let (there, wanted) = (claims(2..5), claims(0..9));
    db.import(there.clone()).await.unwrap();
    db.import(wanted.clone()).await.unwrap();
    let stored = [&there[..], &wanted[..2], &wanted[5..]].concat();
    assert_eq!(db.export(RecordKind::Request, None).try_collect::<Vec<_>>().await.unwrap(), stored);
}
