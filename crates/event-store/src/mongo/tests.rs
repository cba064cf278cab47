use std::{sync::Arc, time::Duration};

use domain::{
    ClaimStatus, ClaimWork, EventId, EventStatus, IdGenerator, ObjectId, SystemClock, Timestamp, UserId,
};
use mongodb::bson::Document;
use service_kit::{health::Dependency, page::PageRequest};
use test_servers::{Mongo as Server, MongoMode};

use super::*;
use crate::{
    ChangeOutcome, ClaimFilter, ClaimOutcome, DeleteOutcome, EventChange, EventFilter, EventRevision,
    RevisionKey, RewardChange, RewardFilter,
    contract::{
        activities as activity_suite, attributes as attribute_suite, audit as audit_suite,
        claims as claim_suite, code_pools as code_suite, decisions as decision_suite, events as event_suite,
        ledger as ledger_suite, new_event, revisions as revision_suite, rewards as reward_suite, stamp_now,
        stock as stock_suite, transfer as transfer_suite,
    },
};

/// A fresh database, and what is below its ports. The suites ask what is stored, not how fast: a slow server on a busy
/// machine is waited for.
pub(super) async fn open_below(server: &Server) -> (Stores, Mongo) {
    const LIMIT: Duration = Duration::from_mins(1);
    let (uri, database) = server.fresh_database();
    let mongo = Mongo::connect(&uri, STORE, Some(&database)).await.unwrap().with_limit(LIMIT);
    let audit = prepare_database(&mongo).await.unwrap();
    (start_stores(&mongo, audit, Limits { patience: LIMIT, ..CLAIM_LIMITS }), mongo)
}

/// A fresh database as three processes have it.
async fn open_replicas(server: &Server) -> [Stores; 3] {
    const LIMIT: Duration = Duration::from_mins(1);
    let (uri, database) = server.fresh_database();
    let mongo = Mongo::connect(&uri, STORE, Some(&database)).await.unwrap().with_limit(LIMIT);
    let audit = prepare_database(&mongo).await.unwrap();
    let mut stores = Vec::new();
    for _ in 0..3 {
        let mongo = Mongo::connect(&uri, STORE, Some(&database)).await.unwrap().with_limit(LIMIT);
        stores.push(start_stores(&mongo, audit.clone(), Limits { patience: LIMIT, ..CLAIM_LIMITS }));
    }
    stores.try_into().expect("three were opened")
}

async fn open_fresh(server: &Server) -> Stores {
    open_below(server).await.0
}

macro_rules! suites {
    ($($name:ident in $mode:expr;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let server = Server::shared_or_start($mode);
                event_suite::an_event_is_found_as_it_was_stored(open_fresh(&server).await.events).await;
                event_suite::event_filters_combine(open_fresh(&server).await.events).await;
                event_suite::a_change_replaces_the_revision_it_was_made_from(open_fresh(&server).await).await;
                event_suite::of_many_who_change_one_revision_one_does(open_fresh(&server).await).await;
                event_suite::an_event_that_nobody_has_claimed_can_be_deleted(open_fresh(&server).await).await;
                let replicas = open_replicas(&server).await;
                audit_suite::every_change_has_an_entry_and_what_changes_nothing_has_none(replicas).await;
                audit_suite::of_changes_over_replicas_each_has_one_entry(open_replicas(&server).await).await;
                audit_suite::of_many_decisions_each_claim_has_one_entry(open_replicas(&server).await).await;
                let (from, to) = (open_fresh(&server).await, open_fresh(&server).await);
                audit_suite::a_log_is_moved_whole_and_goes_on(from, to).await;
                revision_suite::an_event_has_its_revision_from_the_beginning(open_fresh(&server).await).await;
                revision_suite::revisions_are_listed_newest_first(open_fresh(&server).await).await;
                let rewards = open_fresh(&server).await;
                reward_suite::rewards_of_every_kind_come_back_in_the_order_they_were_attached(rewards).await;
                let rewards = open_fresh(&server).await;
                reward_suite::a_reward_is_attached_to_many_events_and_taken_from_one(rewards).await;
                reward_suite::a_new_event_can_have_rewards_at_once(open_fresh(&server).await).await;
                reward_suite::reward_filters_combine(open_fresh(&server).await).await;
                claim_suite::a_claim_is_found_as_it_was_stored(open_fresh(&server).await).await;
                let requests = open_fresh(&server).await;
                claim_suite::of_five_hundred_claims_of_one_user_and_event_one_is_stored(requests).await;
                ledger_suite::each_claim_reward_and_kind_is_entered_once(open_fresh(&server).await).await;
                ledger_suite::ledger_filters_combine(open_fresh(&server).await).await;
                ledger_suite::a_saved_balance_never_goes_back(open_fresh(&server).await).await;
                claim_suite::of_a_storm_of_claims_each_pair_is_stored_once(open_fresh(&server).await).await;
                claim_suite::request_filters_combine(open_fresh(&server).await).await;
                let stores = async || open_fresh(&server).await;
                decision_suite::a_decision_is_kept_with_who_made_it_and_what_follows(stores().await).await;
                decision_suite::of_a_hundred_who_decide_one_claim_one_does(stores().await).await;
                decision_suite::many_are_decided_each_by_itself(stores().await).await;
                decision_suite::work_is_listed_until_it_is_done(stores().await).await;
                decision_suite::counts_are_exact(stores().await).await;
                let replicas = async || open_replicas(&server).await;
                stock_suite::of_five_thousand_who_race_for_a_hundred_seats_a_hundred_get_one(replicas().await).await;
                stock_suite::where_a_later_stock_is_sold_out_the_earlier_ones_are_back(replicas().await).await;
                stock_suite::a_claim_that_is_not_stored_keeps_no_seat(replicas().await).await;
                stock_suite::claims_with_and_without_a_limit_at_the_same_moment_take_what_they_hold(replicas().await).await;
                stock_suite::a_rejection_gives_one_seat_back_however_many_reject(replicas().await).await;
                stock_suite::a_revocation_gives_one_seat_back_however_many_revoke(replicas().await).await;
                stock_suite::many_rejections_give_all_their_seats_back(replicas().await).await;
                stock_suite::a_total_changes_what_is_left_but_not_what_is_taken(replicas().await).await;
                stock_suite::a_claim_on_an_event_that_is_gone_is_not_stored(replicas().await).await;
                code_suite::of_five_hundred_who_race_for_a_hundred_codes_a_hundred_get_one_each(replicas().await).await;
                code_suite::of_the_same_codes_from_eight_clients_each_is_imported_once(replicas().await).await;
                code_suite::codes_are_given_out_in_the_order_they_came(replicas().await).await;
                code_suite::a_total_is_raised_and_never_lowered(replicas().await).await;
                code_suite::a_rejection_gives_a_pools_seat_back_and_a_revocation_does_not(replicas().await).await;
                let activities = async || open_fresh(&server).await.activities;
                activity_suite::an_activity_is_listed_as_it_was_recorded(activities().await).await;
                activity_suite::an_id_seen_before_changes_nothing_whomever_it_was_for(activities().await).await;
                activity_suite::a_batch_from_eight_at_the_same_moment_counts_once(activities().await).await;
                activity_suite::every_span_counts_what_lies_within_it(activities().await).await;
                activity_suite::a_history_of_years_counts_what_lies_within_each_span(activities().await).await;
                activity_suite::activity_filters_combine(activities().await).await;
                activity_suite::sums_beyond_64_bits_are_exact(activities().await).await;
                activity_suite::places_tell_activities_of_one_second_apart(activities().await).await;
                attribute_suite::attributes_are_found_as_they_were_put(open_fresh(&server).await.attributes).await;
                let attributes = open_fresh(&server).await.attributes;
                attribute_suite::of_many_who_put_at_the_same_moment_one_is_last(attributes).await;
                let transfer = open_fresh(&server).await.transfer;
                transfer_suite::what_is_imported_comes_out_the_same_wherever_one_begins(&transfer).await;
                let transfer = open_fresh(&server).await.transfer;
                transfer_suite::importing_again_changes_nothing_and_fills_gaps(&transfer).await;
                let transfer = open_fresh(&server).await.transfer;
                transfer_suite::what_anothers_key_keeps_out_is_left_out_and_the_others_are_stored(&transfer).await;
                transfer_suite::a_record_of_another_table_is_refused(&transfer).await;
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
        let db = open_fresh(&server).await;
        event_suite::paging_sees_every_event_once_while_others_appear(db.events, count, &sizes, status).await;
    }
    for (count, sizes, by) in [
        (19, vec![2, 3], [false, false, false]),
        (21, vec![4], [true, false, false]),
        (30, vec![1, 5], [false, true, false]),
        (30, vec![3], [false, true, true]),
        (18, vec![7, 2], [false, false, true]),
    ] {
        claim_suite::paging_sees_every_request_once_while_others_claim(
            open_fresh(&server).await,
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
            tokio::spawn(async move { Stores::connect_mongo(&uri, Some(&database)).await.map(drop) })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    let mongo = Mongo::connect(&uri, STORE, Some(&database)).await.unwrap();
    for (name, indexes) in
        [("reward_requests", 10), ("event_rewards", 3), ("event_revisions", 2), ("coupon_codes", 4)]
    {
        let collection = mongo.collection::<Document>(name);
        assert_eq!(collection.list_index_names().await.unwrap().len(), indexes, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_have_the_shape_of_the_specification() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let (event, coupon, request) = crate::contract::store_one_of_each(&stores).await;
    let raw = async |collection: &str, id: ObjectId| {
        let found = mongo.collection::<Document>(collection);
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
    assert!(!request.get_document("decision").unwrap().contains_key("condition"));
    let placed = mongo.collection::<Document>("event_rewards").find_one(doc! {}).await.unwrap().unwrap();
    assert_eq!(placed.get_object_id("event").unwrap(), event.get_object_id("_id").unwrap());
    assert_eq!(placed.get_object_id("reward").unwrap(), coupon.get_object_id("_id").unwrap());
}

/// What the planner says of a query, as the names of its stages.
async fn plan_stages(mongo: &Mongo, collection: &str, filter: Document) -> Vec<String> {
    let find = doc! { "find": collection, "filter": filter, "sort": { "_id": -1 }, "limit": 21 };
    let plan =
        mongo.database().run_command(doc! { "explain": find, "verbosity": "queryPlanner" }).await.unwrap();
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
    let (stores, mongo) = open_below(&server).await;
    crate::contract::store_one_of_each(&stores).await;
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
        let stages = plan_stages(&mongo, "reward_requests", claims::list_filter(&filter, page)).await;
        assert!(stages.iter().all(|stage| stage != "COLLSCAN"), "{filter:?}: {stages:?}");
        assert!(stages.iter().any(|stage| stage == "IXSCAN"), "{filter:?}: {stages:?}");
    }
    for filter in [
        decisions::work_filter(ClaimWork::Decide, None),
        doc! { "seats": store_kit::mongo::to_oid(ids.mint().id) },
        stock_repair::leaving_filter(),
    ] {
        let stages = plan_stages(&mongo, "reward_requests", filter.clone()).await;
        assert!(stages.iter().any(|stage| stage == "IXSCAN"), "{filter}: {stages:?}");
    }
    let filter = EventFilter { status: Some(EventStatus::Active), ..EventFilter::default() };
    let stages = plan_stages(&mongo, "events", events::list_filter(&filter, page)).await;
    assert!(stages.iter().any(|stage| stage == "IXSCAN"), "{stages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_range_bounds_the_walk_by_ids() {
    let at: Timestamp = "2026-05-01T09:00:00Z".parse().unwrap();
    let filter = ClaimFilter { from: Some(at), to: Some(at.plus_seconds(60)), ..ClaimFilter::default() };
    let query = claims::list_filter(&filter, PageRequest { limit: 20, before: Some(ObjectId::ceiling(at)) });
    let ids = query.get_document("_id").unwrap();
    assert_eq!(ids.keys().collect::<Vec<_>>(), ["$lt", "$gte", "$lte"]);
    assert_eq!(query.get_document("createdAt").unwrap().keys().collect::<Vec<_>>(), ["$gte", "$lt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_an_absent_server_are_told_apart_without_the_password() {
    let server = Server::start_locked();
    let host = server.uri().trim_start_matches("mongodb://").to_owned();
    let locked = Stores::connect_mongo(&format!("mongodb://me:hunter2@{host}"), None).await.unwrap_err();
    assert!(matches!(locked, MongoConnectError::Credentials(_)), "{locked}");
    drop(server);
    let absent = Stores::connect_mongo(&format!("mongodb://me:hunter2@{host}"), None).await.unwrap_err();
    assert!(matches!(absent, MongoConnectError::Unreachable(_)), "{absent}");
    let nonsense = Stores::connect_mongo("mongodb://me:hunter2@", None).await.unwrap_err();
    assert!(matches!(nonsense, MongoConnectError::Url), "{nonsense}");
    for error in [locked, absent, nonsense] {
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_in_time_and_heals_by_itself() {
    let mut server = Server::start(MongoMode::ReplicaSet);
    let (uri, database) = server.fresh_database();
    let db = Stores::connect_mongo(&uri, Some(&database)).await.unwrap();
    let mongo = Mongo::connect(&uri, STORE, Some(&database)).await.unwrap();
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
            tokio::join!(claim(), db.claims.list(&filter, PageRequest::default()))
        })
        .await
        .expect("an outage is told within two seconds");
        assert!(claimed.is_err() && matches!(listed, Err(StoreError::Unavailable { .. })));
        assert!(!mongo.answers().await);
        if freeze {
            server.thaw();
        } else {
            server.restart();
        }
        let healed = tokio::time::timeout(Duration::from_secs(5), async {
            while claim().await.is_err() || !mongo.answers().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        healed.await.expect("it heals within five seconds");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_collection_there_is_can_be_moved() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    crate::contract::store_one_of_each(&stores).await;
    assert!(stores.readiness.answers().await);
    // Days that were left alone for long are on sheets.
    stores.activities.tidy("2026-06-01T00:00:00Z".parse().unwrap()).await.unwrap();
    let mut there = mongo.database().list_collection_names().await.unwrap();
    there.retain(|name| {
        !["readiness", store_kit::audit::AUDIT_LOG, upgrade::UPGRADES].contains(&name.as_str())
    });
    there.sort_unstable();
    let mut known: Vec<_> = stores.transfer.tables().iter().map(|table| table.name()).collect();
    known.extend(crate::contract::DERIVED_TABLES);
    known.push(activity_count::DAYS);
    known.sort_unstable();
    assert_eq!(known, there);
}

#[test]
fn both_stores_move_the_same_tables_in_the_same_order() {
    let there: Vec<_> = TABLES.iter().map(|table| table.name).collect();
    assert_eq!(there, crate::sqlite::table_names());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_read_spoils_no_other() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(crate::contract::store_one_of_each(&stores).await);
    }
    let [(first, ..), (spoilt, coupon, claim), (last, ..)] = made[..] else { panic!("three were made") };
    for (collection, filter, change) in [
        ("events", doc! { "_id": store_kit::mongo::to_oid(spoilt.0) }, doc! { "status": 7 }),
        (
            "event_revisions",
            doc! { "event": store_kit::mongo::to_oid(spoilt.0) },
            doc! { "condition": bson::Timestamp { time: 1, increment: 1 } },
        ),
        ("rewards", doc! { "_id": store_kit::mongo::to_oid(coupon.0) }, doc! { "type": "NONSENSE" }),
        ("reward_requests", doc! { "_id": store_kit::mongo::to_oid(claim.0) }, doc! { "status": "NONSENSE" }),
    ] {
        let collection = mongo.collection::<Document>(collection);
        let changed = collection.update_one(filter, doc! { "$set": change }).await.unwrap();
        assert_eq!(changed.modified_count, 1);
    }
    let events = stores.events.find_many(&[spoilt, last]).await.unwrap();
    assert!(matches!(events[&spoilt], Err(StoreError::Corrupt { .. })) && events[&last].is_ok());
    let rewards = stores.rewards.of_events(&[spoilt, last]).await.unwrap();
    assert!(matches!(rewards[&spoilt], Err(StoreError::Corrupt { .. })) && rewards[&last].is_ok());
    let key = |event| RevisionKey { event, revision: 1 };
    assert!(stores.revisions.find(key(last)).await.unwrap().is_some());
    let page = PageRequest { limit: 2, before: None };
    let listed = stores.events.list(&EventFilter::default(), page).await.unwrap();
    assert_eq!(listed.items.iter().map(|event| event.id).collect::<Vec<_>>(), [last]);
    assert_eq!(listed.next_cursor, Some(spoilt.to_string()));
    let listed = stores.claims.list(&ClaimFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(listed.items.iter().map(|claim| claim.event_id).collect::<Vec<_>>(), [last, first]);
    let [one, other] = claim_suite::second_claims_of_one_user(&stores, [spoilt, last]).await;
    assert!(matches!(one, Err(StoreError::Corrupt { .. })) && matches!(other, Ok(ClaimOutcome::Already(_))));
    let rows = stores.transfer.table("reward_requests").unwrap().export(None, 10).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.record.is_ok()).collect::<Vec<_>>(), [true, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_version_stored_is_brought_up_to_date() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let (event, _, claim) = crate::contract::store_one_of_each(&stores).await;
    let one = doc! { "_id": store_kit::mongo::to_oid(event.0) };
    let events = mongo.collection::<Document>("events");
    let old = doc! { "$set": { "name": "ΟΔΥΣΣΕΥΣ", "nameFolded": "οδυσσευς" } };
    events.update_one(one, old).await.unwrap();
    let before = stores.events.find_many(&[event]).await.unwrap().remove(&event).unwrap().unwrap();
    assert_eq!(before.rewards.len(), 1);
    events.update_many(doc! {}, doc! { "$unset": { "rewards": "" } }).await.unwrap();
    let rewards = mongo.collection::<Document>("rewards");
    rewards.update_many(doc! {}, doc! { "$unset": { "nameFolded": "" } }).await.unwrap();
    mongo.collection::<Document>("event_revisions").drop().await.unwrap();
    mongo.collection::<Document>(upgrade::UPGRADES).drop().await.unwrap();
    let claims = mongo.collection::<Document>("reward_requests");
    claims.update_many(doc! {}, doc! { "$set": { "decision.condition": {} } }).await.unwrap();
    for _ in 0..2 {
        prepare_database(&mongo).await.unwrap();
        let filter = EventFilter { name: Some("ΟΔΥΣ".into()), ..EventFilter::default() };
        let found = stores.events.list(&filter, PageRequest::default()).await.unwrap();
        assert_eq!(found.items[0].rewards, before.rewards);
        let revision = stores.revisions.find(RevisionKey { event, revision: 2 }).await.unwrap().unwrap();
        assert!(revision.condition.get("and").is_some());
        assert_eq!(revision.details.unwrap().rewards, before.rewards);
        let by_name = RewardFilter { name: Some("REWARD".into()), ..RewardFilter::default() };
        let rewards = stores.rewards.list(&by_name, PageRequest::default()).await.unwrap();
        assert_eq!(rewards.items.len(), 1);
        assert_eq!(found.items.len(), 1);
        assert!(stores.claims.find(claim).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_a_crash_left_is_put_into_force_by_the_next_change() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let (id, ..) = crate::contract::store_one_of_each(&stores).await;
    let find = async || stores.events.find_many(&[id]).await.unwrap().remove(&id).unwrap().unwrap();
    let before = find().await;
    let author = before.created_by;
    let next = |name: &str, rewards| domain::Event {
        name: name.into(),
        revision: before.revision + 1,
        rewards,
        ..before.clone()
    };
    let left = EventRevision::from_event(&next("Left", Vec::new()), author);
    let document = revisions::TABLE.write;
    let document = document(crate::TransferRecord::Revision(left)).unwrap();
    mongo.collection::<Document>("event_revisions").insert_one(document).await.unwrap();
    assert_eq!(find().await, before);
    let change = EventChange {
        event: next("Mine", before.rewards.clone()),
        changed_by: author,
        stamp: stamp_now(),
        rewards: RewardChange::Same,
    };
    assert_eq!(stores.events.change(change).await.unwrap(), ChangeOutcome::Outdated);
    assert_eq!(find().await, next("Left", Vec::new()));
    let placed = mongo.collection::<Document>("event_rewards");
    assert_eq!(placed.count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_a_crash_cut_off_is_finished_by_deleting_again() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (stores, mongo) = open_below(&server).await;
    let (claimed, ..) = crate::contract::store_one_of_each(&stores).await;
    let ids = IdGenerator::new(Arc::new(SystemClock));
    let found = stores.events.find_many(&[claimed]).await.unwrap().remove(&claimed).unwrap().unwrap();
    let unclaimed = domain::Event { id: EventId(ids.mint().id), revision: 1, rewards: Vec::new(), ..found };
    stores.events.create(new_event(unclaimed.clone())).await.unwrap();
    let hide = doc! { "$set": { "deletedAt": bson::DateTime::from_millis(0) } };
    mongo.collection::<Document>("events").update_many(doc! {}, hide).await.unwrap();
    for (id, outcome) in [(unclaimed.id, DeleteOutcome::Deleted), (claimed, DeleteOutcome::HasClaims)] {
        assert!(stores.events.find_many(&[id]).await.unwrap().is_empty());
        assert_eq!(stores.events.delete(id, None, stamp_now()).await.unwrap(), outcome);
    }
    assert!(stores.events.find_many(&[claimed]).await.unwrap()[&claimed].is_ok());
    // The deleted one stays until the audit log has its draft.
    while stores.audit.chain_drafts().await.unwrap() > 0 {}
    assert_eq!(mongo.collection::<Document>("events").count_documents(doc! {}).await.unwrap(), 1);
}
