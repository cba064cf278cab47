use std::sync::Arc;

use domain::EventStatus;
use proptest::{prelude::*, test_runner::Config};
use tempfile::TempDir;

use super::*;
use crate::contract::{
    claims as claim_suite, events as event_suite, rewards as reward_suite, transfer as transfer_suite,
};
use crate::{EventStore, RewardStore};

async fn open() -> (Arc<SqliteEventDb>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let db = SqliteEventDb::open(&folder.path().join("event.db")).await.unwrap();
    (Arc::new(db), folder)
}

macro_rules! suite {
    ($port:ident: $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (db, _folder) = open().await;
                $port::$name(db).await;
            }
        )+
    };
}

suite!(event_suite: an_event_is_found_as_it_was_stored, event_filters_combine);

suite!(reward_suite:
    rewards_of_every_kind_come_back_in_the_order_they_were_attached,
    an_existing_reward_is_attached_to_each_event_once,
    of_many_who_attach_one_reward_one_succeeds,
);

suite!(claim_suite:
    a_claim_is_found_as_it_was_stored,
    of_five_hundred_claims_of_one_user_and_event_one_is_stored,
    of_a_storm_of_claims_each_pair_is_stored_once,
    request_filters_combine,
);

#[tokio::test]
async fn everything_can_be_moved() {
    let (db, _folder) = open().await;
    transfer_suite::what_is_imported_comes_out_the_same_wherever_one_begins(&*db).await;
    let (db, _folder) = open().await;
    transfer_suite::importing_again_changes_nothing_and_fills_gaps(&*db).await;
    let (db, _folder) = open().await;
    transfer_suite::what_anothers_key_keeps_out_is_left_out_and_the_others_are_stored(&*db).await;
}

proptest! {
    #![proptest_config(Config { cases: 16, failure_persistence: None, ..Config::default() })]

    #[test]
    fn paging_sees_everything_once(
        count in 0_usize..40,
        sizes in prop::collection::vec(1_usize..8, 1..5),
        status in prop::option::of(prop::sample::select(&EventStatus::ALL)),
        by in prop::array::uniform3(any::<bool>()),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (db, _folder) = open().await;
            event_suite::paging_sees_every_event_once_while_others_appear(db, count, &sizes, status).await;
            let (db, _folder) = open().await;
            claim_suite::paging_sees_every_request_once_while_others_claim(db, count, &sizes, by).await;
        });
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_spoils_no_other() {
    let (db, _folder) = open().await;
    let (spoilt, ..) = crate::contract::one_of_each(&*db).await;
    let (fine, ..) = crate::contract::one_of_each(&*db).await;
    for statement in [
        "UPDATE events SET condition = '{' WHERE id = $1",
        "UPDATE rewards SET gives = '{' WHERE id IN (SELECT reward_id FROM event_rewards WHERE event_id = $1)",
    ] {
        let write = db.db.write(move |connection| {
            Box::pin(async move { sqlx::query(statement).bind(spoilt.to_string()).execute(connection).await })
        });
        assert_eq!(write.await.unwrap().rows_affected(), 1);
    }
    let events = EventStore::find_many(&*db, &[spoilt, fine]).await.unwrap();
    assert!(matches!(events[&spoilt], Err(StoreError::Corrupt { .. })) && events[&fine].is_ok());
    let rewards = db.of_events(&[spoilt, fine]).await.unwrap();
    assert!(matches!(rewards[&spoilt], Err(StoreError::Corrupt { .. })) && rewards[&fine].is_ok());
}

#[tokio::test]
async fn every_list_and_lookup_walks_an_index() {
    let (db, _folder) = open().await;
    for (statement, index) in [
        (events::FIND_MANY, "sqlite_autoindex_events_1 (id=?)"),
        (events::LIST, "sqlite_autoindex_events_1 (id<?)"),
        (events::LIST_BY_STATUS, "events_by_status (status=? AND id<?)"),
        (rewards::OF_EVENTS, "event_rewards_by_event (event_id=?)"),
        (claims::LIST, "sqlite_autoindex_reward_requests_1 (id>? AND id<?)"),
        (claims::LIST_BY_USER, "reward_requests_by_user (user_id=? AND id>? AND id<?)"),
        (claims::LIST_BY_USER_STATUS, "reward_requests_by_user (user_id=? AND id>? AND id<?)"),
        (claims::LIST_BY_EVENT, "reward_requests_by_event (event_id=? AND id>? AND id<?)"),
        (
            claims::LIST_BY_EVENT_STATUS,
            "reward_requests_by_event_status (event_id=? AND status=? AND id>? AND id<?)",
        ),
        (claims::LIST_BY_STATUS, "reward_requests_by_status (status=? AND id>? AND id<?)"),
        (claims::FIND_CLAIM, "sqlite_autoindex_reward_requests_2 (user_id=? AND event_id=?)"),
        (claim_batch::EARLIER, "sqlite_autoindex_reward_requests_2 (user_id=? AND event_id=?)"),
    ] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(explain).fetch_all(db.db.readers()).await.unwrap();
        let plan: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{statement}: {plan:?}");
        assert!(plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{statement}: {plan:?}");
        // json_each is the list of ids itself.
        let scans = plan.iter().filter(|step| step.starts_with("SCAN"));
        assert!(scans.clone().all(|step| step.contains("json_each") || step.contains("claim")), "{plan:?}");
    }
}

#[tokio::test]
async fn the_store_is_known_to_operators_as_event_db() {
    let (db, _folder) = open().await;
    assert_eq!(db.name(), "event-db");
    assert!(db.answers().await);
}
