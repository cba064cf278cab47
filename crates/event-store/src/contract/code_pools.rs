use std::collections::HashSet;

use domain::{
    Claim, ClaimId, ClaimStatus, Event, IdGenerator, ObjectId, Reward, RewardId, RewardKind, RewardPlace,
    Ruling, Verdict,
};
use futures::future::join_all;

use super::{
    any_reward, claims::new_claim, decisions::decision, full_event, new_event, new_ids, nth_user, parse_time,
    stamp_now,
};
use crate::{
    ClaimOutcome, CodeCounts, NewClaim, NewCode, Revocation, RevokeOutcome, SetTotalOutcome, StockCounter,
    Stores,
};

fn some_pool(ids: &IdGenerator) -> Reward {
    any_reward(ids, RewardKind::CouponPool { expiry: parse_time("2027-01-01T00:00:00Z") })
}

fn new_codes(ids: &IdGenerator, codes: impl IntoIterator<Item = impl Into<String>>) -> Vec<NewCode> {
    codes.into_iter().map(|code| NewCode { id: ids.mint().id, code: code.into() }).collect()
}

fn numbered(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("CODE-{number:06}"))
}

/// Puts codes into a pool and raises its counter, as an import does.
async fn fill(db: &Stores, ids: &IdGenerator, pool: RewardId, count: usize) {
    assert_eq!(db.code_pools.import(pool, new_codes(ids, numbered(count))).await.unwrap(), count);
    let counts = db.code_pools.count(pool).await.unwrap();
    db.stock.raise_total(pool.0, counts.total).await.unwrap();
}

/// A new event that has this pool.
async fn pool_event(db: &Stores, ids: &IdGenerator, pool: RewardId) -> Event {
    let mut event = full_event(ids);
    db.events.create(new_event(event.clone())).await.unwrap();
    let attachment = ids.mint().id;
    event.rewards.push(RewardPlace { attachment, reward: pool, has_stock: false, is_pool: true });
    event
}

fn pool_claim(ids: &IdGenerator, user: u32, event: &Event) -> NewClaim {
    let mut new = new_claim(ids.mint(), nth_user(user), event.id);
    new.request.seats = event.rewards.iter().map(|place| place.reward.0).collect();
    new
}

async fn find_counter(db: &Stores, id: ObjectId) -> StockCounter {
    db.stock.find_many(&[id]).await.unwrap()[&id]
}

/// All these users claim at the same moment; the claims that are stored.
async fn race(replicas: &[Stores], ids: &IdGenerator, events: &[Event], users: u32) -> Vec<Claim> {
    let tasks: Vec<_> = (0..users)
        .map(|user| {
            let db = replicas[user as usize % replicas.len()].clone();
            let claim = pool_claim(ids, user, &events[user as usize % events.len()]);
            tokio::spawn(async move {
                let request = claim.request.clone();
                match db.claims.claim_once(claim).await.unwrap() {
                    ClaimOutcome::Stored => Some(request),
                    ClaimOutcome::SoldOut => None,
                    other => panic!("{other:?}"),
                }
            })
        })
        .collect();
    join_all(tasks).await.into_iter().filter_map(Result::unwrap).collect()
}

/// Every replica takes a code for each of the claims, all at the same moment; the codes, each claim's once.
async fn take_all(replicas: &[Stores], pool: RewardId, claims: &[Claim]) -> Vec<String> {
    let take = async |claim: &Claim| {
        let takes = replicas.iter().map(|db| db.code_pools.take(pool, claim.id, claim.user_id));
        let codes: HashSet<_> =
            join_all(takes).await.into_iter().map(|code| code.unwrap().unwrap()).collect();
        assert_eq!(codes.len(), 1, "a claim has one code, whoever asks");
        codes.into_iter().next().unwrap()
    };
    join_all(claims.iter().map(take)).await
}

pub(crate) async fn of_five_hundred_who_race_for_a_hundred_codes_a_hundred_get_one_each(
    replicas: [Stores; 3],
) {
    let (ids, db) = (new_ids(), &replicas[0]);
    let pool = some_pool(&ids).id;
    fill(db, &ids, pool, 100).await;
    // Two events share the pool.
    let events = [pool_event(db, &ids, pool).await, pool_event(db, &ids, pool).await];
    let claims = race(&replicas, &ids, &events, 500).await;
    let counter = StockCounter { id: pool.0, total: 100, remaining: 0 };
    assert_eq!((claims.len(), find_counter(db, pool.0).await), (100, counter));
    let codes = take_all(&replicas, pool, &claims).await;
    let distinct: HashSet<_> = codes.iter().cloned().collect();
    assert_eq!(distinct, numbered(100).collect());
    assert_eq!(db.code_pools.count(pool).await.unwrap(), CodeCounts { total: 100, taken: 100 });
    assert_eq!(take_all(&replicas, pool, &claims).await, codes);
    let held = db.code_pools.find_holders(pool, numbered(101).collect()).await.unwrap();
    let given = codes.iter().cloned().zip(claims.iter().map(|claim| claim.id));
    assert_eq!(held, given.collect());
    let nobody = db.code_pools.take(pool, ClaimId(ids.mint().id), nth_user(1)).await.unwrap();
    assert_eq!(nobody, None);
    assert_eq!(db.stock.count_held(None, pool.0).await.unwrap(), 100);
}

pub(crate) async fn of_the_same_codes_from_eight_clients_each_is_imported_once(replicas: [Stores; 3]) {
    let (ids, pool) = (new_ids(), some_pool(&new_ids()).id);
    let import = async |client: usize| {
        let (db, mut imported) = (&replicas[client % 3], 0);
        let codes: Vec<_> = numbered(500).collect();
        for chunk in codes.chunks(100) {
            imported += db.code_pools.import(pool, new_codes(&ids, chunk.to_vec())).await.unwrap();
        }
        let total = db.code_pools.count(pool).await.unwrap().total;
        db.stock.raise_total(pool.0, total).await.unwrap();
        imported
    };
    let imported = join_all((0..8).map(import)).await;
    assert_eq!(imported.iter().sum::<usize>(), 500);
    let db = &replicas[0];
    assert_eq!(db.code_pools.count(pool).await.unwrap(), CodeCounts { total: 500, taken: 0 });
    let counter = StockCounter { id: pool.0, total: 500, remaining: 500 };
    assert_eq!(find_counter(db, pool.0).await, counter);
    // Within one import too, and a code may be in several pools.
    let again = new_codes(&ids, ["NEW", "CODE-000001", "NEW"]);
    assert_eq!(db.code_pools.import(pool, again).await.unwrap(), 1);
    let other = some_pool(&ids).id;
    assert_eq!(db.code_pools.import(other, new_codes(&ids, ["NEW"])).await.unwrap(), 1);
    assert_eq!(db.code_pools.import(other, Vec::new()).await.unwrap(), 0);
    assert_eq!(db.code_pools.count(some_pool(&ids).id).await.unwrap(), CodeCounts::default());
}

pub(crate) async fn codes_are_given_out_in_the_order_they_came([db, ..]: [Stores; 3]) {
    let (ids, pool) = (new_ids(), some_pool(&new_ids()).id);
    let other = some_pool(&ids).id;
    let claims = [0, 1, 2].map(|_| ClaimId(ids.mint().id));
    for pool in [pool, other] {
        db.code_pools.import(pool, new_codes(&ids, ["z", "a", "한"])).await.unwrap();
    }
    for (claim, expected) in claims.into_iter().zip(["z", "a", "한"]) {
        for pool in [pool, other] {
            assert_eq!(
                db.code_pools.take(pool, claim, nth_user(1)).await.unwrap().as_deref(),
                Some(expected)
            );
        }
    }
    // What was imported before is not free again.
    assert_eq!(db.code_pools.import(pool, new_codes(&ids, ["a", "b"])).await.unwrap(), 1);
    let next = db.code_pools.take(pool, ClaimId(ids.mint().id), nth_user(1)).await.unwrap();
    assert_eq!(next.as_deref(), Some("b"));
}

pub(crate) async fn a_total_is_raised_and_never_lowered(replicas: [Stores; 3]) {
    let (ids, db) = (new_ids(), &replicas[0]);
    let id = ids.mint().id;
    let counter = |total| StockCounter { id, total, remaining: total };
    assert_eq!(db.stock.raise_total(id, 0).await.unwrap(), counter(0));
    let raises = (0..30_i64).zip(replicas.iter().cycle()).map(|(total, db)| db.stock.raise_total(id, total));
    join_all(raises).await.into_iter().for_each(|raised| assert!(raised.unwrap().total < 30));
    assert_eq!(db.stock.raise_total(id, 5).await.unwrap(), counter(29));
    assert_eq!(db.stock.set_total(id, 30, None).await.unwrap(), SetTotalOutcome::Set(counter(30)));
}

pub(crate) async fn a_rejection_gives_a_pools_seat_back_and_a_revocation_does_not([db, ..]: [Stores; 3]) {
    let (ids, pool, limited) = (new_ids(), some_pool(&new_ids()).id, new_ids().mint().id);
    fill(&db, &ids, pool, 5).await;
    db.stock.set_total(limited, 5, None).await.unwrap();
    let event = pool_event(&db, &ids, pool).await;
    let mut claims = Vec::new();
    for user in 0..3 {
        let mut new = pool_claim(&ids, user, &event);
        new.request.seats.push(limited);
        claims.push(new.request.id);
        assert_eq!(db.claims.claim_once(new).await.unwrap(), ClaimOutcome::Stored);
    }
    db.claims.decide(decision(claims[0], Ruling::Rejected, 1)).await.unwrap();
    let left =
        async || (find_counter(&db, pool.0).await.remaining, find_counter(&db, limited).await.remaining);
    assert_eq!(left().await, (3, 3));
    for (claim, returned, kept) in
        [(claims[1], vec![limited], vec![pool.0]), (claims[2], Vec::new(), vec![pool.0, limited])]
    {
        db.claims.decide(decision(claim, Ruling::Approved, 1)).await.unwrap();
        let verdict: Verdict = decision(claim, Ruling::Approved, 1).verdict;
        let revocation = Revocation { claim, mark: ids.mint().id, verdict, stamp: stamp_now(), returned };
        let outcome = db.claims.revoke(revocation).await.unwrap();
        let RevokeOutcome::Revoked(revoked) = outcome else { panic!("{outcome:?}") };
        assert_eq!((revoked.status, &revoked.seats), (ClaimStatus::Revoked, &kept));
        assert_eq!(db.claims.find(claim).await.unwrap().unwrap().0, revoked);
    }
    assert_eq!(left().await, (3, 4));
    assert_eq!(db.stock.count_held(None, pool.0).await.unwrap(), 2);
    assert_eq!(db.stock.count_held(Some(event.id), pool.0).await.unwrap(), 2);
    assert_eq!(db.stock.count_held(None, limited).await.unwrap(), 1);
}
