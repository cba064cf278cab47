use std::collections::HashMap;

use domain::{ClaimStatus, Event, IdGenerator, ObjectId, RewardId, RewardPlace, Ruling};

use service_kit::page::PageRequest;

use super::{claims::new_claim, decisions::decision, full_event, new_event, new_ids, nth_user, stamp_now};
use crate::{
    ClaimFilter, ClaimOutcome, DecideOutcome, NewClaim, Revocation, RevokeOutcome, SetTotalOutcome,
    StockCounter, Stores,
};

/// A new event whose rewards have these stocks.
pub(crate) async fn limited_event(db: &Stores, ids: &IdGenerator, totals: &[i64]) -> Event {
    let place = |_: &i64| RewardPlace {
        attachment: ids.mint().id,
        reward: RewardId(ids.mint().id),
        has_stock: true,
        is_pool: false,
    };
    let mut event = full_event(ids);
    // Their attachments are not stored: nothing here asks for rewards.
    let places: Vec<_> = totals.iter().map(place).collect();
    db.events.create(new_event(event.clone())).await.unwrap();
    for (place, total) in places.iter().zip(totals) {
        let set = db.stock.set_total(place.attachment, *total, None).await.unwrap();
        let counter = StockCounter { id: place.attachment, total: *total, remaining: *total };
        assert_eq!(set, SetTotalOutcome::Set(counter));
    }
    event.rewards = places;
    event
}

/// A claim that needs a seat in each of the event's stocks.
pub(crate) fn limited_claim(ids: &IdGenerator, user: u32, event: &Event) -> NewClaim {
    let mut new = new_claim(ids.mint(), nth_user(user), event.id);
    new.request.seats = event.rewards.iter().map(|place| place.attachment).collect();
    new
}

/// What is left of each of the event's stocks.
pub(crate) async fn remaining(db: &Stores, event: &Event) -> Vec<i64> {
    let ids: Vec<_> = event.rewards.iter().map(|place| place.attachment).collect();
    let found: HashMap<ObjectId, StockCounter> = db.stock.find_many(&ids).await.unwrap();
    ids.iter().map(|id| found[id].remaining).collect()
}

async fn pending(db: &Stores, event: &Event) -> u64 {
    db.claims.count(None, Some(event.id)).await.unwrap().with_status(ClaimStatus::Pending)
}

/// How many of these users get a claim stored and how many find everything sold out, all at the same moment.
async fn race(
    replicas: &[Stores],
    ids: &IdGenerator,
    event: &Event,
    users: std::ops::Range<u32>,
) -> (usize, usize) {
    let tasks: Vec<_> = users
        .map(|user| {
            let db = replicas[user as usize % replicas.len()].clone();
            let claim = limited_claim(ids, user, event);
            tokio::spawn(async move { db.claims.claim_once(claim).await.unwrap() })
        })
        .collect();
    let (mut stored, mut sold_out) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            ClaimOutcome::Stored => stored += 1,
            ClaimOutcome::SoldOut => sold_out += 1,
            other => panic!("{other:?}"),
        }
    }
    (stored, sold_out)
}

pub(crate) async fn of_five_thousand_who_race_for_a_hundred_seats_a_hundred_get_one(replicas: [Stores; 3]) {
    let (ids, db) = (new_ids(), &replicas[0]);
    let event = limited_event(db, &ids, &[100]).await;
    assert_eq!(race(&replicas, &ids, &event, 0..5000).await, (100, 4900));
    assert_eq!((remaining(db, &event).await, pending(db, &event).await), (vec![0], 100));
}

pub(crate) async fn where_a_later_stock_is_sold_out_the_earlier_ones_are_back(replicas: [Stores; 3]) {
    let (ids, db) = (new_ids(), &replicas[0]);
    let event = limited_event(db, &ids, &[50, 7, 20]).await;
    assert_eq!(race(&replicas, &ids, &event, 0..200).await, (7, 193));
    assert_eq!((remaining(db, &event).await, pending(db, &event).await), (vec![43, 0, 13], 7));
    // Of a stock whose counter is lost nothing is given.
    let mut lost = event.clone();
    lost.rewards[1].attachment = ids.mint().id;
    assert_eq!(db.claims.claim_once(limited_claim(&ids, 999, &lost)).await.unwrap(), ClaimOutcome::SoldOut);
    assert_eq!(remaining(db, &event).await, [43, 0, 13]);
}

pub(crate) async fn a_claim_that_is_not_stored_keeps_no_seat(replicas: [Stores; 3]) {
    let (ids, db) = (new_ids(), &replicas[0]);
    let event = limited_event(db, &ids, &[100, 300]).await;
    let tasks: Vec<_> = (0..300_u32)
        .map(|n| {
            let db = replicas[n as usize % 3].clone();
            let claim = limited_claim(&ids, n % 3, &event);
            tokio::spawn(async move { db.claims.claim_once(claim).await.unwrap() })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        match task.await.unwrap() {
            ClaimOutcome::Stored => stored += 1,
            ClaimOutcome::Already(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((stored, remaining(db, &event).await), (3, vec![97, 297]));
    let unlimited = new_claim(ids.mint(), nth_user(9), event.id);
    assert_eq!(db.claims.claim_once(unlimited).await.unwrap(), ClaimOutcome::Stored);
    assert_eq!(remaining(db, &event).await, [97, 297]);
}

/// As where a limit is set while they claim.
pub(crate) async fn claims_with_and_without_a_limit_at_the_same_moment_take_what_they_hold(
    replicas: [Stores; 3],
) {
    let (ids, db) = (new_ids(), &replicas[0]);
    let event = limited_event(db, &ids, &[100]).await;
    let claims = (0..40_u32).flat_map(|user| {
        let unlimited = new_claim(ids.mint(), nth_user(user), event.id);
        if user % 2 == 0 {
            [unlimited, limited_claim(&ids, user, &event)]
        } else {
            [limited_claim(&ids, user, &event), unlimited]
        }
    });
    let claims = claims.map(|claim| db.claims.claim_once(claim));
    let outcomes = futures::future::join_all(claims).await;
    let count = outcomes.iter().filter(|outcome| matches!(outcome, Ok(ClaimOutcome::Stored))).count();
    assert_eq!(count, 40);
    let filter = ClaimFilter { event: Some(event.id), ..ClaimFilter::default() };
    let listed = db.claims.list(&filter, PageRequest { limit: 100, before: None }).await.unwrap();
    let held = listed.items.iter().map(|claim| i64::try_from(claim.seats.len()).unwrap()).sum::<i64>();
    assert_eq!(remaining(db, &event).await, [100 - held]);
}

pub(crate) async fn a_rejection_gives_one_seat_back_however_many_reject(replicas: [Stores; 3]) {
    let (ids, db) = (new_ids(), &replicas[0]);
    let event = limited_event(db, &ids, &[1, 5]).await;
    let claim = async |user| db.claims.claim_once(limited_claim(&ids, user, &event)).await.unwrap();
    let first = limited_claim(&ids, 1, &event);
    let id = first.request.id;
    assert_eq!(db.claims.claim_once(first.clone()).await.unwrap(), ClaimOutcome::Stored);
    assert_eq!(db.claims.find(id).await.unwrap().unwrap().0, first.request);
    assert_eq!(claim(2).await, ClaimOutcome::SoldOut);
    // Whoever has a claim is told so, and not that nothing is left.
    assert!(matches!(claim(1).await, ClaimOutcome::Already(stored) if stored.request.id == id));
    assert_eq!(remaining(db, &event).await, [0, 4]);
    let tasks: Vec<_> = (0..30)
        .map(|by| {
            let db = replicas[by as usize % 3].clone();
            tokio::spawn(async move { db.claims.decide(decision(id, Ruling::Rejected, by)).await.unwrap() })
        })
        .collect();
    let mut decided = 0;
    for task in tasks {
        if let DecideOutcome::Decided(claim) = task.await.unwrap() {
            assert!(claim.seats.is_empty());
            decided += 1;
        }
    }
    assert_eq!((decided, remaining(db, &event).await), (1, vec![1, 5]));
    assert!(
        matches!(claim(1).await, ClaimOutcome::Already(stored) if stored.request.status == ClaimStatus::Rejected)
    );
    let second = limited_claim(&ids, 2, &event);
    assert_eq!(db.claims.claim_once(second.clone()).await.unwrap(), ClaimOutcome::Stored);
    assert_eq!(claim(3).await, ClaimOutcome::SoldOut);
    let approved = db.claims.decide(decision(second.request.id, Ruling::Approved, 1)).await.unwrap();
    let DecideOutcome::Decided(approved) = approved else { panic!("{approved:?}") };
    assert_eq!((approved.seats, remaining(db, &event).await), (second.request.seats, vec![0, 4]));
}

pub(crate) async fn a_revocation_gives_one_seat_back_however_many_revoke(replicas: [Stores; 3]) {
    let (ids, db) = (new_ids(), &replicas[0]);
    let event = limited_event(db, &ids, &[1, 5]).await;
    let first = limited_claim(&ids, 1, &event);
    let id = first.request.id;
    assert_eq!(db.claims.claim_once(first).await.unwrap(), ClaimOutcome::Stored);
    db.claims.decide(decision(id, Ruling::Approved, 1)).await.unwrap();
    let tasks: Vec<_> = (0..10)
        .map(|by| {
            // Half of them say the same at the same moment.
            let verdict = decision(id, Ruling::Approved, by / 2).verdict;
            let returned = event.rewards.iter().map(|place| place.attachment).collect();
            let (mark, stamp) = (ids.mint().id, stamp_now());
            let revocation = Revocation { claim: id, mark, verdict, stamp, returned };
            let db = replicas[by as usize % 3].clone();
            tokio::spawn(async move { db.claims.revoke(revocation).await.unwrap() })
        })
        .collect();
    let mut revoked = 0;
    for task in tasks {
        if let RevokeOutcome::Revoked(claim) = task.await.unwrap() {
            assert!(claim.seats.is_empty());
            revoked += 1;
        }
    }
    assert_eq!((revoked, remaining(db, &event).await), (1, vec![1, 5]));
    assert_eq!(db.claims.claim_once(limited_claim(&ids, 2, &event)).await.unwrap(), ClaimOutcome::Stored);
}

pub(crate) async fn many_rejections_give_all_their_seats_back([db, ..]: [Stores; 3]) {
    let ids = new_ids();
    let events = [limited_event(&db, &ids, &[40]).await, limited_event(&db, &ids, &[9, 50]).await];
    let mut claims = Vec::new();
    for (event, count) in events.iter().zip([40, 9]) {
        for user in 0..count {
            let claim = limited_claim(&ids, user, event);
            claims.push(claim.request.id);
            assert_eq!(db.claims.claim_once(claim).await.unwrap(), ClaimOutcome::Stored);
        }
    }
    let rejections = claims.iter().map(|id| decision(*id, Ruling::Rejected, 1)).collect();
    let outcomes = db.claims.decide_many(rejections).await.unwrap();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(DecideOutcome::Decided(_)))));
    assert_eq!((remaining(&db, &events[0]).await, remaining(&db, &events[1]).await), (vec![40], vec![9, 50]));
}

pub(crate) async fn a_total_changes_what_is_left_but_not_what_is_taken([db, ..]: [Stores; 3]) {
    let ids = new_ids();
    let event = limited_event(&db, &ids, &[10]).await;
    assert_eq!(race(std::slice::from_ref(&db), &ids, &event, 0..4).await, (4, 0));
    let id = event.rewards[0].attachment;
    for (total, remaining) in [(12, 8), (4, 0), (4, 0), (1_000_000_000, 999_999_996)] {
        let set = db.stock.set_total(id, total, None).await.unwrap();
        assert_eq!(set, SetTotalOutcome::Set(StockCounter { id, total, remaining }));
    }
    let before = StockCounter { id, total: 1_000_000_000, remaining: 999_999_996 };
    assert_eq!(db.stock.set_total(id, 3, None).await.unwrap(), SetTotalOutcome::BelowTaken(before));
    assert_eq!(db.stock.find_many(&[id, ids.mint().id]).await.unwrap(), HashMap::from([(id, before)]));
}

pub(crate) async fn a_claim_on_an_event_that_is_gone_is_not_stored([db, ..]: [Stores; 3]) {
    let ids = new_ids();
    let (there, gone) = (limited_event(&db, &ids, &[5]).await, limited_event(&db, &ids, &[5]).await);
    db.events.delete(gone.id, None, stamp_now()).await.unwrap();
    let claims = [
        limited_claim(&ids, 1, &gone),
        limited_claim(&ids, 1, &there),
        new_claim(ids.mint(), nth_user(2), gone.id),
    ];
    let outcomes = futures::future::join_all(claims.map(|claim| db.claims.claim_once(claim))).await;
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes, [ClaimOutcome::UnknownEvent, ClaimOutcome::Stored, ClaimOutcome::UnknownEvent]);
    assert_eq!((pending(&db, &gone).await, pending(&db, &there).await), (0, 1));
    assert_eq!((remaining(&db, &gone).await, remaining(&db, &there).await), (vec![5], vec![4]));
}
