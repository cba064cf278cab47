use domain::{
    Claim, ClaimId, ClaimStatus, ClaimWork, Decider, EventId, IdGenerator, Ruling, Timestamp, UserId, Verdict,
};

use super::{
    claims::{any_event, new_claim},
    new_ids, nth_user,
};
use crate::{ClaimOutcome, DecideOutcome, Decision, MOST_DECISIONS, OldestClaim, Stores};

/// By this user, at a moment that ids do not reach.
pub(crate) fn decision(claim: ClaimId, ruling: Ruling, by: u32) -> Decision {
    let at = Timestamp::from_millis(4_000_000_000_000 + i64::from(by));
    Decision {
        claim,
        mark: nth_user(by).0,
        ruling,
        verdict: Verdict { by: Decider::User(nth_user(by)), at, reason: None },
        stamp: None,
    }
}

/// Claims of that many users on a new event, the oldest first.
async fn store_claims(
    db: &Stores,
    ids: &IdGenerator,
    count: u32,
    work: Option<ClaimWork>,
) -> (EventId, Vec<Claim>) {
    let event = any_event(db, ids).await;
    let mut claims = Vec::new();
    for user in 0..count {
        let mut new = new_claim(ids.mint(), nth_user(user), event);
        new.request.work = work;
        claims.push(new.request.clone());
        assert_eq!(db.claims.claim_once(new).await.unwrap(), ClaimOutcome::Stored);
    }
    (event, claims)
}

pub(crate) async fn a_decision_is_kept_with_who_made_it_and_what_follows(db: Stores) {
    let ids = new_ids();
    let (_, claims) = store_claims(&db, &ids, 4, Some(ClaimWork::Decide)).await;
    let reasons = [Some("그럴 만해서"), None];
    for (claim, (ruling, reason)) in claims.iter().zip(Ruling::ALL.into_iter().zip(reasons)) {
        let mut made = decision(claim.id, ruling, 9);
        made.verdict.reason = reason.map(str::to_owned);
        let expected = Claim {
            status: ruling.status(),
            updated_at: made.verdict.at,
            verdict: Some(made.verdict.clone()),
            work: (ruling == Ruling::Approved).then_some(ClaimWork::Grant),
            ..claim.clone()
        };
        let decided = db.claims.decide(made.clone()).await.unwrap();
        assert_eq!(decided, DecideOutcome::Decided(expected.clone()));
        assert_eq!(db.claims.find(claim.id).await.unwrap().unwrap().0, expected);
        let again = Decision { mark: ids.mint().id, ..made };
        assert_eq!(db.claims.decide(again).await.unwrap(), DecideOutcome::AlreadyDecided(expected.clone()));
        assert_eq!(db.claims.find(claim.id).await.unwrap().unwrap().0, expected);
    }
    let unknown = ClaimId(ids.mint().id);
    assert_eq!(
        db.claims.decide(decision(unknown, Ruling::Approved, 1)).await.unwrap(),
        DecideOutcome::Unknown
    );
    assert_eq!(db.claims.find(claims[2].id).await.unwrap().unwrap().0, claims[2]);
}

pub(crate) async fn of_a_hundred_who_decide_one_claim_one_does(db: Stores) {
    let ids = new_ids();
    let (_, claims) = store_claims(&db, &ids, 1, None).await;
    let tasks: Vec<_> = (0..100)
        .map(|by| {
            let (db, ruling) = (db.clone(), Ruling::ALL[by as usize % 2]);
            let made = decision(claims[0].id, ruling, by);
            tokio::spawn(async move { (made.clone(), db.claims.decide(made).await.unwrap()) })
        })
        .collect();
    let (mut winners, mut told) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            (made, DecideOutcome::Decided(claim)) => {
                assert_eq!(claim.verdict, Some(made.verdict));
                assert_eq!(claim.status, made.ruling.status());
                winners.push(claim);
            }
            (_, DecideOutcome::AlreadyDecided(claim)) => told.push(claim),
            (_, DecideOutcome::Unknown) => panic!("the claim is there"),
        }
    }
    assert_eq!((winners.len(), told.len()), (1, 99));
    assert!(told.iter().all(|claim| *claim == winners[0]));
    assert_eq!(db.claims.find(claims[0].id).await.unwrap().unwrap().0, winners[0]);
}

/// Four who decide the same five hundred at the same moment.
pub(crate) async fn many_are_decided_each_by_itself(db: Stores) {
    let ids = new_ids();
    let (event, claims) = store_claims(&db, &ids, 60, None).await;
    let mut wanted: Vec<_> = claims.iter().map(|claim| claim.id).collect();
    wanted.extend((wanted.len()..MOST_DECISIONS).map(|_| ClaimId(ids.mint().id)));
    let tasks: Vec<_> = (0..4)
        .map(|by| {
            let (db, ruling) = (db.clone(), Ruling::ALL[by as usize % 2]);
            let made: Vec<_> = wanted.iter().map(|id| decision(*id, ruling, by)).collect();
            tokio::spawn(async move { db.claims.decide_many(made).await.unwrap() })
        })
        .collect();
    let mut decided = [0; 60];
    for task in tasks {
        let outcomes = task.await.unwrap();
        assert_eq!(outcomes.len(), MOST_DECISIONS);
        for (place, outcome) in outcomes.into_iter().enumerate() {
            match outcome.unwrap() {
                DecideOutcome::Decided(claim) => {
                    assert_eq!(claim.id, wanted[place]);
                    decided[place] += 1;
                }
                DecideOutcome::AlreadyDecided(claim) => assert_eq!(claim.id, wanted[place]),
                DecideOutcome::Unknown => assert!(place >= 60),
            }
        }
    }
    assert_eq!(decided, [1; 60]);
    let counts = db.claims.count(None, Some(event)).await.unwrap();
    let decided = counts.with_status(ClaimStatus::Approved) + counts.with_status(ClaimStatus::Rejected);
    assert_eq!((decided, counts.with_status(ClaimStatus::Pending)), (60, 0));
}

pub(crate) async fn work_is_listed_until_it_is_done(db: Stores) {
    let ids = new_ids();
    store_claims(&db, &ids, 3, None).await;
    let (_, claims) = store_claims(&db, &ids, 7, Some(ClaimWork::Decide)).await;
    let waiting = async |work, limit| {
        let found = db.claims.list_work(work, limit).await.unwrap();
        found.iter().map(|claim| claim.id).collect::<Vec<_>>()
    };
    let all: Vec<_> = claims.iter().map(|claim| claim.id).collect();
    assert_eq!(waiting(ClaimWork::Decide, 100).await, all);
    assert_eq!(waiting(ClaimWork::Decide, 2).await, all[..2]);
    assert!(waiting(ClaimWork::Grant, 100).await.is_empty());
    db.claims.decide(decision(all[1], Ruling::Approved, 1)).await.unwrap();
    db.claims.decide(decision(all[2], Ruling::Rejected, 1)).await.unwrap();
    assert_eq!(waiting(ClaimWork::Decide, 100).await, [&all[..1], &all[3..]].concat());
    assert_eq!(waiting(ClaimWork::Grant, 100).await, [all[1]]);
    assert_eq!(db.claims.list_work(ClaimWork::Decide, 1).await.unwrap(), claims[..1]);
}

pub(crate) async fn counts_are_exact(db: Stores) {
    let ids = new_ids();
    assert_eq!(db.claims.count(None, None).await.unwrap(), crate::ClaimCounts::default());
    let mut all: Vec<Claim> = Vec::new();
    for count in [5, 3, 8] {
        all.extend(store_claims(&db, &ids, count, None).await.1);
    }
    for (place, ruling) in
        [(0, Ruling::Approved), (1, Ruling::Rejected), (6, Ruling::Rejected), (9, Ruling::Approved)]
    {
        let Ok(DecideOutcome::Decided(claim)) = db.claims.decide(decision(all[place].id, ruling, 1)).await
        else {
            panic!("it was pending")
        };
        all[place] = claim;
    }
    let users: [Option<UserId>; 4] = [None, Some(nth_user(0)), Some(nth_user(4)), Some(nth_user(99))];
    let events = [None, Some(all[0].event_id), Some(all[15].event_id), Some(EventId(ids.mint().id))];
    for (user, event) in users.iter().flat_map(|user| events.iter().map(move |event| (*user, *event))) {
        let matching = |claim: &&Claim| {
            user.is_none_or(|user| claim.user_id == user) && event.is_none_or(|event| claim.event_id == event)
        };
        let counts = db.claims.count(user, event).await.unwrap();
        for status in ClaimStatus::ALL {
            let count = all.iter().filter(matching).filter(|claim| claim.status == status).count();
            assert_eq!(counts.with_status(status), count as u64, "{user:?} {event:?} {status}");
        }
        let oldest = all.iter().filter(matching).find(|claim| claim.status == ClaimStatus::Pending);
        let oldest = oldest.map(|claim| OldestClaim { id: claim.id, created_at: claim.created_at });
        assert_eq!(counts.oldest_pending, oldest, "{user:?} {event:?}");
    }
}
