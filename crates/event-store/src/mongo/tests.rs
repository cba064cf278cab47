use std::{sync::Arc, time::Duration};

use domain::{ClaimStatus, EventId, EventStatus, IdGenerator, ObjectId, SystemClock, Timestamp, UserId};
use mongodb::bson::{Bson, Document};
use service_kit::page::PageRequest;
use test_servers::{Mongo as Server, MongoMode};

use super::*;
use crate::{
    ClaimFilter, ClaimStore, EventFilter,
    contract::{
        claims as claim_suite, events as event_suite, rewards as reward_suite, transfer as transfer_suite,
    },
};

/// A fresh database. The suites ask what is stored, not how fast: a slow server on a busy machine is waited for.
async fn open(server: &Server) -> Arc<MongoEventDb> {
    const LIMIT: Duration = Duration::from_mins(1);
    let (uri, database) = server.fresh_database();
    let mongo = Mongo::connect(&uri, STORE, Some(&database)).await.unwrap().with_limit(LIMIT);
    Arc::new(MongoEventDb::over(mongo, Limits { patience: LIMIT, ..CLAIMS }).await.unwrap())
}

macro_rules! suites {
    ($($name:ident in $mode:expr;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let server = Server::shared_or_start($mode);
                event_suite::an_event_is_found_as_it_was_stored(open(&server).await).await;
                event_suite::event_filters_combine(open(&server).await).await;
                let rewards = open(&server).await;
                reward_suite::rewards_of_every_kind_come_back_in_the_order_they_were_attached(rewards).await;
                reward_suite::an_existing_reward_is_attached_to_each_event_once(open(&server).await).await;
                reward_suite::of_many_who_attach_one_reward_one_succeeds(open(&server).await).await;
                claim_suite::a_claim_is_found_as_it_was_stored(open(&server).await).await;
                let requests = open(&server).await;
                claim_suite::of_five_hundred_claims_of_one_user_and_event_one_is_stored(requests).await;
                claim_suite::of_a_storm_of_claims_each_pair_is_stored_once(open(&server).await).await;
                claim_suite::request_filters_combine(open(&server).await).await;
                let transfer = open(&server).await;
                transfer_suite::what_is_imported_comes_out_the_same_wherever_one_begins(&*transfer).await;
                let transfer = open(&server).await;
                transfer_suite::importing_again_changes_nothing_and_fills_gaps(&*transfer).await;
                let transfer = open(&server).await;
                transfer_suite::what_anothers_key_keeps_out_is_left_out_and_the_others_are_stored(&*transfer).await;
            }
        )+
    };
}

suites! {
    a_replica_set_keeps_the_contract in MongoMode::ReplicaSet;
    a_standalone_server_keeps_the_contract in MongoMode::Standalone;
}

#[tokio::test(flavor = "multi_thread")]
async fn paging_sees_everything_once() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    for (count, sizes, status) in
        [(0, vec![3], None), (17, vec![1, 4, 2], None), (23, vec![5], Some(EventStatus::Inactive))]
    {
        let db = open(&server).await;
        event_suite::paging_sees_every_event_once_while_others_appear(db, count, &sizes, status).await;
    }
    for (count, sizes, by) in [
        (19, vec![2, 3], [false, false, false]),
        (21, vec![4], [true, false, false]),
        (30, vec![1, 5], [false, true, false]),
        (30, vec![3], [false, true, true]),
        (18, vec![7, 2], [false, false, true]),
    ] {
        claim_suite::paging_sees_every_request_once_while_others_claim(
            open(&server).await,
            count,
            &sizes,
            by,
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_create_the_indexes_without_a_quarrel() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (uri, database) = server.fresh_database();
    let starts: Vec<_> = (0..5)
        .map(|_| {
            let (uri, database) = (uri.clone(), database.clone());
            tokio::spawn(async move { MongoEventDb::connect(&uri, Some(&database)).await.map(drop) })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    let db = MongoEventDb::connect(&uri, Some(&database)).await.unwrap();
    assert_eq!(db.requests.list_index_names().await.unwrap().len(), 6);
    assert_eq!(db.event_rewards.list_index_names().await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_have_the_shape_of_the_specification() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let db = open(&server).await;
    let (event, coupon, request) = crate::contract::one_of_each(&*db).await;
    let raw = async |collection: &str, id: ObjectId| {
        let found = db.mongo.collection::<Document>(collection);
        found.find_one(doc! { "_id": store_kit::mongo::to_oid(id) }).await.unwrap().unwrap()
    };
    let event = raw("events", event.0).await;
    assert!(event.get_document("condition").unwrap().contains_key("and"));
    assert!(event.get_datetime("periodStart").is_ok() && event.get_datetime("createdAt").is_ok());
    assert_eq!(event.get_str("status").unwrap(), "ACTIVE");
    let coupon = raw("rewards", coupon.0).await;
    assert_eq!(coupon.get_str("type").unwrap(), "COUPON");
    assert!(coupon.get_str("couponCode").is_ok() && coupon.get_datetime("expiry").is_ok());
    let request = raw("reward_requests", request.0).await;
    assert_eq!(request.get_object_id("event").unwrap(), event.get_object_id("_id").unwrap());
    assert_eq!(request.get_str("userId").unwrap().len(), 24);
    assert_eq!(request.get_str("status").unwrap(), "PENDING");
    assert!(request.get_datetime("updatedAt").is_ok());
    let placed = db.event_rewards.clone_with_type::<Document>().find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(placed.get_object_id("event").unwrap(), event.get_object_id("_id").unwrap());
    assert_eq!(placed.get_object_id("reward").unwrap(), coupon.get_object_id("_id").unwrap());
}

/// What the planner says of a query, as the names of its stages.
async fn stages(db: &MongoEventDb, collection: &str, filter: Document) -> Vec<String> {
    let find = doc! { "find": collection, "filter": filter, "sort": { "_id": -1 }, "limit": 21 };
    let plan =
        db.mongo.database().run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await.unwrap();
    let mut stages = Vec::new();
    let mut open =
        vec![plan.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap().clone()];
    while let Some(stage) = open.pop() {
        stages.push(stage.get_str("stage").unwrap_or_default().to_owned());
        open.extend(stage.get_document("inputStage").ok().cloned());
        let more = stage.get_array("inputStages").into_iter().flatten();
        open.extend(more.filter_map(Bson::as_document).cloned());
    }
    stages
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_filter_walks_an_index() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let db = open(&server).await;
    crate::contract::one_of_each(&*db).await;
    let ids = IdGenerator::new(Arc::new(SystemClock));
    let event = Some(EventId(ids.mint().id));
    let user = Some(UserId(ids.mint().id));
    let status = Some(ClaimStatus::Pending);
    let page = PageRequest::default();
    // A user's requests of one status walk the user's; SecantusDB's planner, unlike MongoDB's, does not say so: for it an
    // index must have every field of the filter.
    for (user, event, status) in [
        (user, None, None),
        (user, event, None),
        (None, event, None),
        (None, event, status),
        (None, None, status),
    ] {
        let filter = ClaimFilter { user, event, status, from: None, to: None };
        let stages = stages(&db, "reward_requests", claims::query(&filter, page)).await;
        assert!(stages.iter().all(|stage| stage != "COLLSCAN"), "{filter:?}: {stages:?}");
        assert!(stages.iter().any(|stage| stage == "IXSCAN"), "{filter:?}: {stages:?}");
    }
    let filter = EventFilter { status: Some(EventStatus::Active), ..EventFilter::default() };
    let stages = stages(&db, "events", events::query(&filter, page)).await;
    assert!(stages.iter().any(|stage| stage == "IXSCAN"), "{stages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_range_bounds_the_walk_by_ids() {
    let at: Timestamp = "2026-05-01T09:00:00Z".parse().unwrap();
    let filter = ClaimFilter { from: Some(at), to: Some(at.plus_seconds(60)), ..ClaimFilter::default() };
    let query = claims::query(&filter, PageRequest { limit: 20, before: Some(ObjectId::ceiling(at)) });
    let ids = query.get_document("_id").unwrap();
    assert_eq!(ids.keys().collect::<Vec<_>>(), ["$lt", "$gte", "$lte"]);
    assert_eq!(query.get_document("createdAt").unwrap().keys().collect::<Vec<_>>(), ["$gte", "$lt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_an_absent_server_are_told_apart_without_the_password() {
    let server = Server::start_locked();
    let host = server.uri().trim_start_matches("mongodb://").to_owned();
    let locked = MongoEventDb::connect(&format!("mongodb://me:hunter2@{host}"), None).await.unwrap_err();
    assert!(matches!(locked, MongoConnectError::Credentials(_)), "{locked}");
    drop(server);
    let absent = MongoEventDb::connect(&format!("mongodb://me:hunter2@{host}"), None).await.unwrap_err();
    assert!(matches!(absent, MongoConnectError::Unreachable(_)), "{absent}");
    let nonsense = MongoEventDb::connect("mongodb://me:hunter2@", None).await.unwrap_err();
    assert!(matches!(nonsense, MongoConnectError::Url), "{nonsense}");
    for error in [locked, absent, nonsense] {
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_in_time_and_heals_by_itself() {
    let mut server = Server::start(MongoMode::ReplicaSet);
    let (uri, database) = server.fresh_database();
    let db = MongoEventDb::connect(&uri, Some(&database)).await.unwrap();
    let claim = async || {
        let answer = claim_suite::claim_by_somebody(&db).await;
        answer.map_err(|error| assert!(matches!(error, StoreError::Unavailable { .. }), "{error}"))
    };
    claim().await.unwrap();
    for freeze in [false, true] {
        if freeze {
            server.freeze();
        } else {
            server.kill();
        }
        let filter = ClaimFilter::default();
        let (claimed, listed) = tokio::time::timeout(Duration::from_secs(2), async {
            tokio::join!(claim(), db.list(&filter, PageRequest::default()))
        })
        .await
        .expect("an outage is told within two seconds");
        assert!(claimed.is_err() && matches!(listed, Err(StoreError::Unavailable { .. })));
        assert!(!db.answers().await);
        if freeze {
            server.thaw();
        } else {
            server.restart();
        }
        let healed = tokio::time::timeout(Duration::from_secs(5), async {
            while claim().await.is_err() || !db.answers().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        healed.await.expect("it heals within five seconds");
    }
}
