//! Stock after crashes: states as a process leaves them that ends between a counter and a claim, made by hand.

use domain::{Event, IdGenerator, ObjectId as Id, Ruling, Timestamp};
use mongodb::bson::{DateTime, Document, doc};
use store_kit::mongo::{to_date, to_oid};
use test_servers::{Mongo as Server, MongoMode};

use super::{stock::STOCK, tests::open_below, *};
use crate::{
    ClaimOutcome, StockRepairs,
    contract::{
        new_ids,
        stock::{limited_claim, limited_event, remaining},
    },
};

struct World {
    stores: Stores,
    mongo: Mongo,
    ids: IdGenerator,
    event: Event,
    counter: Id,
}

impl World {
    /// An event with a stock of ten, of which two claims hold one each.
    async fn new(server: &Server) -> Self {
        let (stores, mongo) = open_below(server).await;
        let ids = new_ids();
        let event = limited_event(&stores, &ids, &[10]).await;
        for user in 0..2 {
            let outcome = stores.claims.claim_once(limited_claim(&ids, user, &event)).await.unwrap();
            assert_eq!(outcome, ClaimOutcome::Stored);
        }
        let counter = event.rewards[0].attachment;
        Self { stores, mongo, ids, event, counter }
    }

    fn now(&self) -> Timestamp {
        self.ids.mint().at
    }

    /// Takes seats as a batch does whose process then ends.
    async fn leave_hold(&self, seats: i64, at: DateTime) {
        let take = doc! {
            "$inc": { "remaining": -seats, "changes": 1_i64 },
            "$push": { "holds": { "id": to_oid(self.ids.mint().id), "at": at } },
        };
        self.change_counter(take).await;
    }

    async fn change_counter(&self, change: Document) {
        let stock = self.mongo.collection::<Document>(STOCK);
        let changed = stock.update_one(doc! { "_id": to_oid(self.counter) }, change).await.unwrap();
        assert_eq!(changed.matched_count, 1);
    }

    async fn counter(&self) -> Document {
        let stock = self.mongo.collection::<Document>(STOCK);
        stock.find_one(doc! { "_id": to_oid(self.counter) }).await.unwrap().unwrap()
    }

    async fn repair(&self, seconds_later: i64) -> StockRepairs {
        self.stores.stock.repair(self.now().plus_seconds(seconds_later)).await.unwrap()
    }

    async fn left(&self) -> i64 {
        remaining(&self.stores, &self.event).await[0]
    }

    /// Rejects a claim as a process does that ends before the seat is back, or after (`is_back`) it is.
    async fn leave_claim(&self, user: u32, is_back: bool, at: Timestamp) {
        let claims = self.mongo.collection::<Document>("reward_requests");
        let user = crate::contract::nth_user(user).to_string();
        let reject = doc! {
            "$set": { "status": "REJECTED", "updatedAt": to_date(at) },
            "$rename": { "seats": "leaving" },
        };
        let changed = claims.update_one(doc! { "userId": user }, reject).await.unwrap();
        assert_eq!(changed.modified_count, 1);
        if is_back {
            self.change_counter(doc! { "$inc": { "remaining": 1_i64, "changes": 1_i64 } }).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn seats_of_claims_that_were_never_stored_come_back_after_a_minute() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let world = World::new(&server).await;
    assert_eq!(world.counter().await.get_array("holds").unwrap().len(), 0, "nothing is in flight");
    world.leave_hold(3, to_date(world.now())).await;
    assert_eq!((world.left().await, world.repair(50).await), (5, StockRepairs::default()));
    assert_eq!(world.left().await, 5, "the batch may still be at work");
    assert_eq!(world.repair(61).await, StockRepairs { repaired: 1, waiting_since: None });
    assert_eq!(world.left().await, 8);
    assert_eq!(world.counter().await.get_array("holds").unwrap().len(), 0);
    assert_eq!(world.repair(61).await, StockRepairs::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stock_is_not_counted_while_somebody_is_at_work_on_it() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let world = World::new(&server).await;
    let now = world.now();
    world.leave_hold(3, to_date(now)).await;
    world.leave_hold(1, to_date(now.plus_seconds(30))).await;
    assert_eq!(world.repair(70).await, StockRepairs { repaired: 0, waiting_since: Some(now) });
    assert_eq!(world.left().await, 4);
    assert_eq!(world.repair(95).await.repaired, 1);
    assert_eq!(world.left().await, 8);
    world.leave_hold(2, to_date(now)).await;
    world.leave_claim(1, false, now.plus_seconds(30)).await;
    assert_eq!(world.repair(70).await.repaired, 0);
    assert_eq!(world.left().await, 6, "the seat of the rejected claim may still be on its way");
    assert_eq!(world.repair(95).await.repaired, 1);
    assert_eq!(world.left().await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seat_of_a_rejected_claim_comes_back_once_wherever_the_process_ended() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    for is_back in [false, true] {
        let world = World::new(&server).await;
        world.leave_claim(1, is_back, world.now()).await;
        assert_eq!(world.repair(50).await, StockRepairs::default());
        for _ in 0..2 {
            world.repair(61).await;
            assert_eq!(world.left().await, 9);
        }
        assert_eq!(world.repair(61).await, StockRepairs::default(), "the mark is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repairs_beside_claims_and_rejections_give_no_seat_twice() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let ids = new_ids();
    let event = limited_event(&stores, &ids, &[60]).await;
    let world = World { counter: event.rewards[0].attachment, stores: stores.clone(), mongo, ids, event };
    world.leave_hold(20, to_date(world.now().plus_seconds(-120))).await;
    let claims = (0..200_u32).map(|user| {
        let (db, claim) = (stores.clone(), limited_claim(&world.ids, user, &world.event));
        tokio::spawn(async move {
            let id = claim.request.id;
            let has_seat = db.claims.claim_once(claim).await.unwrap() == ClaimOutcome::Stored;
            if has_seat && user % 4 == 0 {
                db.claims
                    .decide(crate::contract::decisions::decision(id, Ruling::Rejected, user))
                    .await
                    .unwrap();
            }
        })
    });
    let claims: Vec<_> = claims.collect();
    for _ in 0..20 {
        world.repair(0).await;
    }
    for claim in claims {
        claim.await.unwrap();
    }
    world.repair(61).await;
    let held = stock::count_seats(&world.mongo, to_oid(world.counter)).await.unwrap();
    assert!(held <= 60, "{held} of 60");
    assert_eq!(world.left().await, 60 - held);
}
