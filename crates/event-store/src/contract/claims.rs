use std::collections::{HashMap, HashSet};

use domain::{Claim, ClaimId, ClaimStatus, DecisionTrace, EventId, IdGenerator, MintedId, UserId};
use serde_json::json;
use service_kit::page::PageRequest;

use super::{full_event, new_event, new_ids, nth_user};
use crate::{ClaimFilter, ClaimOutcome, NewClaim, StoreError, StoredClaim, Stores};

pub(crate) fn new_claim(minted: MintedId, user: UserId, event: EventId) -> NewClaim {
    NewClaim {
        request: Claim {
            id: ClaimId(minted.id),
            event_id: event,
            user_id: user,
            status: ClaimStatus::Pending,
            event_revision: 3,
            created_at: minted.at,
            updated_at: minted.at,
            verdict: None,
            revocation: None,
            work: None,
            seats: Vec::new(),
        },
        decision: DecisionTrace {
            event_revision: 3,
            facts: json!({"user": {"id": user.to_string(), "roles": ["USER"], "ageDays": 7.5}, "now": "x"}),
            evaluation: json!({"eligible": true, "progress": [], "trace": {"operator": "in", "value": null}}),
        },
        idempotency_key: None,
        stamp: None,
    }
}

/// A new event.
pub(super) async fn any_event(db: &Stores, ids: &IdGenerator) -> EventId {
    let event = full_event(ids);
    db.events.create(new_event(event.clone())).await.unwrap();
    event.id
}

/// Moments apart: ids and times of a list differ by whole minutes.
fn minutes_later(minted: MintedId, minutes: u32) -> MintedId {
    let at = minted.at.plus_seconds(i64::from(minutes) * 60);
    let mut id = minted.id.bytes();
    id[..4].copy_from_slice(&u32::try_from(at.as_seconds()).unwrap().to_be_bytes());
    MintedId { id: domain::ObjectId::from_bytes(id), at }
}

pub(crate) async fn a_claim_is_found_as_it_was_stored(db: Stores) {
    let ids = new_ids();
    let claim = NewClaim {
        idempotency_key: Some("k-1".into()),
        ..new_claim(ids.mint(), nth_user(1), any_event(&db, &ids).await)
    };
    let (request, decision) = (claim.request.clone(), claim.decision.clone());
    assert_eq!(db.claims.claim_once(claim).await.unwrap(), ClaimOutcome::Stored);
    assert_eq!(db.claims.find(request.id).await.unwrap(), Some((request.clone(), decision)));
    let stored = StoredClaim { request: request.clone(), idempotency_key: Some("k-1".into()) };
    assert_eq!(db.claims.find_claim(request.user_id, request.event_id).await.unwrap(), Some(stored.clone()));
    assert_eq!(db.claims.find_claim(nth_user(2), request.event_id).await.unwrap(), None);
    assert_eq!(db.claims.find_claim(nth_user(1), any_event(&db, &ids).await).await.unwrap(), None);
    assert_eq!(db.claims.find(ClaimId(ids.mint().id)).await.unwrap(), None);
    let second = new_claim(ids.mint(), request.user_id, request.event_id);
    assert_eq!(db.claims.claim_once(second.clone()).await.unwrap(), ClaimOutcome::Already(Box::new(stored)));
    assert_eq!(db.claims.find(second.request.id).await.unwrap(), None);
}

pub(crate) async fn of_five_hundred_claims_of_one_user_and_event_one_is_stored(db: Stores) {
    let ids = new_ids();
    let event = any_event(&db, &ids).await;
    let tasks: Vec<_> = (0..500)
        .map(|_| {
            let (db, claim) = (db.clone(), new_claim(ids.mint(), nth_user(1), event));
            tokio::spawn(async move { (claim.request.id, db.claims.claim_once(claim).await.unwrap()) })
        })
        .collect();
    let (mut winners, mut named) = (Vec::new(), HashSet::new());
    for task in tasks {
        match task.await.unwrap() {
            (id, ClaimOutcome::Stored) => winners.push(id),
            (_, ClaimOutcome::Already(stored)) => drop(named.insert(stored.request.id)),
            (_, other) => panic!("{other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(named.into_iter().collect::<Vec<_>>(), winners);
    let filter = ClaimFilter { event: Some(event), ..ClaimFilter::default() };
    let listed = db.claims.list(&filter, PageRequest::default()).await.unwrap();
    assert_eq!(listed.items.iter().map(|request| request.id).collect::<Vec<_>>(), winners);
}

/// Twenty users and twenty events, each pair claimed four times in no particular order.
pub(crate) async fn of_a_storm_of_claims_each_pair_is_stored_once(db: Stores) {
    let ids = new_ids();
    let mut events = Vec::new();
    for _ in 0..20 {
        events.push(any_event(&db, &ids).await);
    }
    let tasks: Vec<_> = (0..1600_usize)
        .map(|n| {
            let pair = n * 7 % 400;
            let who = nth_user(u32::try_from(pair / 20).unwrap());
            let (db, claim) = (db.clone(), new_claim(ids.mint(), who, events[pair % 20]));
            tokio::spawn(async move {
                let key = (claim.request.user_id, claim.request.event_id);
                (key, claim.request.id, db.claims.claim_once(claim).await.unwrap())
            })
        })
        .collect();
    let (mut winners, mut named) = (HashMap::new(), HashSet::new());
    for task in tasks {
        let (pair, id, claimed) = task.await.unwrap();
        match claimed {
            ClaimOutcome::Stored => assert_eq!(winners.insert(pair, id), None, "{pair:?} was stored twice"),
            ClaimOutcome::Already(stored) => drop(named.insert((pair, stored.request.id))),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(winners.len(), 400);
    assert!(named.into_iter().all(|(pair, id)| winners[&pair] == id));
}

pub(crate) async fn request_filters_combine(db: Stores) {
    let ids = new_ids();
    let start = ids.mint();
    let events = [any_event(&db, &ids).await, any_event(&db, &ids).await, any_event(&db, &ids).await];
    let mut all = Vec::new();
    for minute in 0..12 {
        let claim =
            new_claim(minutes_later(ids.mint(), minute), nth_user(minute % 4), events[minute as usize / 4]);
        all.insert(0, claim.request.clone());
        assert_eq!(db.claims.claim_once(claim).await.unwrap(), ClaimOutcome::Stored);
    }
    let times =
        [None, Some(start.at.plus_seconds(150)), Some(all[6].created_at), Some(start.at.plus_seconds(9000))];
    let page = PageRequest { limit: 100, before: None };
    for who in [None, Some(nth_user(1)), Some(nth_user(99))] {
        for event in [None, Some(events[1])] {
            for status in [None, Some(ClaimStatus::Pending), Some(ClaimStatus::Rejected)] {
                for (from, to) in times.iter().flat_map(|from| times.iter().map(move |to| (*from, *to))) {
                    let filter = ClaimFilter { user: who, event, status, from, to };
                    for before in [None, Some(all[4].id.0)] {
                        let page = PageRequest { before, ..page };
                        let admitted = all.iter().filter(|request| filter.admits(request, page));
                        let expected: Vec<_> = admitted.cloned().collect();
                        let listed = db.claims.list(&filter, page).await.unwrap();
                        assert_eq!(listed.items, expected, "{filter:?} {page:?}");
                        assert_eq!(listed.next_cursor, None);
                    }
                }
            }
        }
    }
}

/// Pages of these sizes, over and over, while claims keep coming: what was there at the start is seen exactly once,
/// newest first.
pub(crate) async fn paging_sees_every_request_once_while_others_claim(
    db: Stores,
    count: usize,
    sizes: &[usize],
    by: [bool; 3],
) {
    let ids = new_ids();
    let (mina, spring) = (nth_user(1), any_event(&db, &ids).await);
    let [by_user, by_event, by_status] = by;
    let filter = ClaimFilter {
        user: by_user.then_some(mina),
        event: by_event.then_some(spring),
        status: by_status.then_some(ClaimStatus::Pending),
        ..ClaimFilter::default()
    };
    let mut expected = Vec::new();
    for n in 0..count {
        let who = if n % 2 == 0 { mina } else { nth_user(100 + u32::try_from(n).unwrap()) };
        let what = if n % 3 == 0 && who != mina { spring } else { any_event(&db, &ids).await };
        let claim = new_claim(ids.mint(), who, what);
        if filter.admits(&claim.request, PageRequest::default()) {
            expected.insert(0, claim.request.id);
        }
        db.claims.claim_once(claim).await.unwrap();
    }
    let (mut seen, mut before) = (Vec::new(), None);
    for (turn, limit) in sizes.iter().cycle().enumerate() {
        let page = db.claims.list(&filter, PageRequest { limit: *limit, before }).await.unwrap();
        assert!(page.items.len() <= *limit);
        seen.extend(page.items.iter().map(|request| request.id));
        let late = nth_user(1000 + u32::try_from(turn).unwrap());
        db.claims.claim_once(new_claim(ids.mint(), late, spring)).await.unwrap();
        db.claims.claim_once(new_claim(ids.mint(), mina, any_event(&db, &ids).await)).await.unwrap();
        match page.next_cursor {
            Some(cursor) => before = Some(cursor.parse().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

/// A claim that nobody made before.
pub(crate) async fn claim_by_somebody(db: &Stores) -> Result<(), StoreError> {
    let ids = new_ids();
    let event = full_event(&ids);
    db.events.create(new_event(event.clone())).await?;
    let claimed = db.claims.claim_once(new_claim(ids.mint(), UserId(ids.mint().id), event.id)).await?;
    assert_eq!(claimed, ClaimOutcome::Stored);
    Ok(())
}

/// The answers to claims of [`super::store_one_of_each`]'s user, made at the same time.
pub(crate) async fn second_claims_of_one_user<const N: usize>(
    db: &Stores,
    events: [EventId; N],
) -> [Result<ClaimOutcome, StoreError>; N] {
    let ids = new_ids();
    let claims = events.map(|event| db.claims.claim_once(new_claim(ids.mint(), nth_user(1), event)));
    futures::future::join_all(claims).await.try_into().expect("as many answers as questions")
}
