use std::sync::Arc;

use domain::EventStatus;
use proptest::{prelude::*, test_runner::Config};
use tempfile::TempDir;

use super::*;
use crate::{
    ClaimFilter, EventFilter, RevisionKey,
    contract::{
        activities as activity_suite, attributes as attribute_suite, audit as audit_suite,
        claims as claim_suite, code_pools as code_suite, decisions as decision_suite, events as event_suite,
        ledger as ledger_suite, revisions as revision_suite, rewards as reward_suite, stock as stock_suite,
        transfer as transfer_suite,
    },
};

async fn open_fresh() -> (Stores, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let db = Stores::open_sqlite(&folder.path().join("event.db")).await.unwrap();
    (db, folder)
}

/// Its ports, and the file below them.
async fn open_below() -> (Stores, Sqlite, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&folder.path().join("event.db"), STORE, &MIGRATIONS).await.unwrap();
    prepare_rows(&db).await.unwrap();
    (start_stores(&db), db, folder)
}

/// Runs a statement with the id in place of `$1`, and tells how many rows it changed.
async fn change_rows(db: &Sqlite, statement: &'static str, id: impl ToString) -> u64 {
    let id = id.to_string();
    let write = db.write(move |connection| {
        Box::pin(async move { sqlx::query(statement).bind(id).execute(connection).await })
    });
    write.await.unwrap().rows_affected()
}

macro_rules! suite {
    ($port:ident by $field:ident: $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (db, _folder) = open_fresh().await;
                $port::$name(db.$field).await;
            }
        )+
    };
    ($port:ident: $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (db, _folder) = open_fresh().await;
                $port::$name(db).await;
            }
        )+
    };
}

suite!(event_suite by events: an_event_is_found_as_it_was_stored, event_filters_combine);

suite!(event_suite:
    a_change_replaces_the_revision_it_was_made_from,
    of_many_who_change_one_revision_one_does,
    an_event_that_nobody_has_claimed_can_be_deleted,
);

suite!(revision_suite:
    an_event_has_its_revision_from_the_beginning,
    revisions_are_listed_newest_first,
);

suite!(reward_suite:
    rewards_of_every_kind_come_back_in_the_order_they_were_attached,
    a_reward_is_attached_to_many_events_and_taken_from_one,
    a_new_event_can_have_rewards_at_once,
    reward_filters_combine,
);

suite!(claim_suite:
    a_claim_is_found_as_it_was_stored,
    of_five_hundred_claims_of_one_user_and_event_one_is_stored,
    of_a_storm_of_claims_each_pair_is_stored_once,
    request_filters_combine,
);

suite!(decision_suite:
    a_decision_is_kept_with_who_made_it_and_what_follows,
    of_a_hundred_who_decide_one_claim_one_does,
    many_are_decided_each_by_itself,
    work_is_listed_until_it_is_done,
    counts_are_exact,
);

suite!(ledger_suite:
    each_claim_reward_and_kind_is_entered_once,
    ledger_filters_combine,
    a_saved_balance_never_goes_back,
);

macro_rules! replica_suite {
    ($port:ident: $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                // A file belongs to one process.
                let (db, _folder) = open_fresh().await;
                $port::$name([db.clone(), db.clone(), db]).await;
            }
        )+
    };
}

replica_suite!(code_suite:
    of_five_hundred_who_race_for_a_hundred_codes_a_hundred_get_one_each,
    of_the_same_codes_from_eight_clients_each_is_imported_once,
    codes_are_given_out_in_the_order_they_came,
    a_total_is_raised_and_never_lowered,
    a_rejection_gives_a_pools_seat_back_and_a_revocation_does_not,
);

replica_suite!(audit_suite:
    every_change_has_an_entry_and_what_changes_nothing_has_none,
    of_changes_over_replicas_each_has_one_entry,
    of_many_decisions_each_claim_has_one_entry,
);

#[tokio::test]
async fn an_audit_log_is_moved_whole_and_goes_on() {
    let ((from, _one), (to, _other)) = (open_fresh().await, open_fresh().await);
    audit_suite::a_log_is_moved_whole_and_goes_on(from, to).await;
}

#[tokio::test]
async fn a_change_that_is_not_stored_has_no_entry_and_one_without_its_entry_is_not_stored() {
    let (stores, db, _folder) = open_below().await;
    let event = crate::contract::full_event(&crate::contract::new_ids());
    let create = async || stores.events.create(crate::contract::new_event(event.clone())).await;
    let run = async |statement: &'static str| {
        let write = db.write(move |connection| {
            Box::pin(async move { sqlx::query(statement).execute(connection).await.map(drop) })
        });
        write.await.unwrap();
    };
    run("CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'full'); END").await;
    create().await.unwrap_err();
    assert!(stores.events.find_many(&[event.id]).await.unwrap().is_empty());
    run("DROP TRIGGER full").await;
    run("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'full'); END").await;
    create().await.unwrap_err();
    assert!(audit_suite::whole_log(&*stores.audit).await.is_empty());
    run("DROP TRIGGER full").await;
    create().await.unwrap();
    assert_eq!(audit_suite::whole_log(&*stores.audit).await.len(), 1);
}

replica_suite!(stock_suite:
    of_five_thousand_who_race_for_a_hundred_seats_a_hundred_get_one,
    where_a_later_stock_is_sold_out_the_earlier_ones_are_back,
    a_claim_that_is_not_stored_keeps_no_seat,
    claims_with_and_without_a_limit_at_the_same_moment_take_what_they_hold,
    a_rejection_gives_one_seat_back_however_many_reject,
    a_revocation_gives_one_seat_back_however_many_revoke,
    many_rejections_give_all_their_seats_back,
    a_total_changes_what_is_left_but_not_what_is_taken,
    a_claim_on_an_event_that_is_gone_is_not_stored,
);

suite!(activity_suite by activities:
    an_activity_is_listed_as_it_was_recorded,
    an_id_seen_before_changes_nothing_whomever_it_was_for,
    a_batch_from_eight_at_the_same_moment_counts_once,
    every_span_counts_what_lies_within_it,
    a_history_of_years_counts_what_lies_within_each_span,
    activity_filters_combine,
    sums_beyond_64_bits_are_exact,
    places_tell_activities_of_one_second_apart,
);

suite!(attribute_suite by attributes:
    attributes_are_found_as_they_were_put,
    of_many_who_put_at_the_same_moment_one_is_last,
);

#[tokio::test]
async fn everything_can_be_moved() {
    let (db, _folder) = open_fresh().await;
    transfer_suite::what_is_imported_comes_out_the_same_wherever_one_begins(&db.transfer).await;
    let (db, _folder) = open_fresh().await;
    transfer_suite::importing_again_changes_nothing_and_fills_gaps(&db.transfer).await;
    let (db, _folder) = open_fresh().await;
    transfer_suite::what_anothers_key_keeps_out_is_left_out_and_the_others_are_stored(&db.transfer).await;
    transfer_suite::a_record_of_another_table_is_refused(&db.transfer).await;
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
            let (db, _folder) = open_fresh().await;
            event_suite::paging_sees_every_event_once_while_others_appear(db.events, count, &sizes, status).await;
            let (db, _folder) = open_fresh().await;
            claim_suite::paging_sees_every_request_once_while_others_claim(db, count, &sizes, by).await;
        });
    }
}

#[tokio::test]
async fn every_list_and_lookup_walks_an_index() {
    let (_, db, _folder) = open_below().await;
    for (statement, index) in [
        (events::FIND_MANY, "sqlite_autoindex_events_1 (id=?)"),
        (events::LIST, "sqlite_autoindex_events_1 (id<?)"),
        (events::LIST_BY_STATUS, "events_by_status (status=? AND id<?)"),
        (revisions::LIST, "PRIMARY KEY (event_id=? AND revision<?)"),
        (rewards::FIND_MANY, "sqlite_autoindex_rewards_1 (id=?)"),
        (rewards::LIST, "sqlite_autoindex_rewards_1 (id<?)"),
        (rewards::LIST_BY_TYPE, "rewards_by_type (type=? AND id<?)"),
        (revisions::FIND_MANY, "PRIMARY KEY (event_id=? AND revision=?)"),
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
        (ledger::OF_CLAIMS, "sqlite_autoindex_grants_2 (user_id=? AND request_id=?)"),
        (ledger::AFTER, "grants_by_user (user_id=? AND id>?)"),
        (ledger::LIST, "sqlite_autoindex_grants_1 (id<?)"),
        (ledger::LIST_BY_USER, "grants_by_user (user_id=? AND id<?)"),
        (ledger::LIST_BY_EVENT, "grants_by_event (event_id=? AND id<?)"),
        (ledger::LIST_BY_USER_EVENT, "grants_by_user_event (user_id=? AND event_id=? AND id<?)"),
        (activities::SHEETS, "PRIMARY KEY (user_id=? AND type=? AND sheet>? AND sheet<?)"),
        (activity_sheets::FIND, "PRIMARY KEY (user_id=? AND type=? AND sheet=?)"),
        (activities::QUARTERS, "PRIMARY KEY (user_id=? AND type=? AND quarter>? AND quarter<?)"),
        (activities::MOMENTS, "activities_by_user_type (user_id=? AND type=? AND place>? AND place<?)"),
        (activities::LIST, "activities_by_place (place>? AND place<?)"),
        (activities::LIST_BY_USER, "activities_by_user (user_id=? AND place>? AND place<?)"),
        (activities::LIST_BY_TYPE, "activities_by_type (type=? AND place>? AND place<?)"),
        (
            activities::LIST_BY_USER_TYPE,
            "activities_by_user_type (user_id=? AND type=? AND place>? AND place<?)",
        ),
        (activities::EXPORT, "activities_by_place (place>?)"),
        (claims::FIND_REQUEST, "sqlite_autoindex_reward_requests_1 (id=?)"),
        (claims::LIST_WORK, "reward_requests_by_work (work=? AND id>?)"),
        (decisions::COUNT_BY_EVENT, "PRIMARY KEY (event_id=?)"),
        (decisions::OLDEST, "reward_requests_by_status (status=?)"),
        (decisions::OLDEST_BY_EVENT, "reward_requests_by_event_status (event_id=? AND status=?)"),
        (decisions::OLDEST_BY_USER, "reward_requests_by_user (user_id=?)"),
        (claim_batch::EVENTS, "sqlite_autoindex_events_1 (id=?)"),
        (claim_batch::TAKEN, "sqlite_autoindex_reward_requests_2 (user_id=? AND event_id=?)"),
        (stock::FIND_MANY, "PRIMARY KEY (id=?)"),
        (code_pools::FIND_TAKEN, "coupon_codes_taken (reward_id=? AND claim_id=?)"),
        (code_pools::FIND_HOLDERS, "sqlite_autoindex_coupon_codes_2 (reward_id=? AND code=?)"),
        (code_pools::TAKE, "coupon_codes_free (reward_id=?)"),
        (claims::EARLIER, "sqlite_autoindex_reward_requests_2 (user_id=? AND event_id=?)"),
    ] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan: Vec<(i64, i64, i64, String)> =
            db.look_up(|connection| Box::pin(sqlx::query_as(explain).fetch_all(connection))).await.unwrap();
        let plan: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{statement}: {plan:?}");
        assert!(plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{statement}: {plan:?}");
        // json_each is the list of ids itself.
        let scans = plan.iter().filter(|step| step.starts_with("SCAN"));
        assert!(
            scans
                .clone()
                .all(|step| step.contains("json_each") || step.contains("claim") || step.contains("wanted")),
            "{plan:?}"
        );
    }
}

#[tokio::test]
async fn totals_of_an_earlier_version_are_taken_over_once() {
    let (stores, db, _folder) = open_below().await;
    let all = activity_suite::activities_of_years(600);
    stores.activities.record(all.clone(), "2026-05-20T00:00:00Z".parse().unwrap()).await.unwrap();
    // What the version before had in place of the sheets.
    let earlier = "DELETE FROM activity_sheets;
        CREATE TABLE activity_days (user_id TEXT NOT NULL, type TEXT NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL,
            whole INTEGER NOT NULL, fraction INTEGER NOT NULL, max INTEGER, early_quarters INTEGER NOT NULL,
            late_quarters INTEGER NOT NULL, PRIMARY KEY (user_id, type, day)) STRICT, WITHOUT ROWID;
        INSERT INTO activity_days SELECT user_id, type, quarter / 96, sum(count), sum(whole), sum(fraction), max(max),
            sum(CASE WHEN quarter % 96 < 48 THEN 1 << (quarter % 96) ELSE 0 END),
            sum(CASE WHEN quarter % 96 >= 48 THEN 1 << (quarter % 96 - 48) ELSE 0 END)
            FROM activity_quarters GROUP BY user_id, type, quarter / 96;";
    let write = db.write(move |connection| {
        Box::pin(async move { sqlx::raw_sql(earlier).execute(connection).await.map(drop) })
    });
    write.await.unwrap();
    for _ in 0..2 {
        prepare_rows(&db).await.unwrap();
        activity_suite::spans_count_as_naively(&*stores.activities, &all).await;
    }
}

#[tokio::test]
async fn the_store_is_known_to_operators_as_event_db() {
    let (db, _folder) = open_fresh().await;
    assert_eq!(db.readiness.name(), "event-db");
    assert!(db.readiness.answers().await);
}

#[tokio::test]
async fn every_table_there_is_can_be_moved() {
    let (stores, db, _folder) = open_below().await;
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
        AND name NOT IN ('_sqlx_migrations', 'readiness') ORDER BY name";
    let there: Vec<String> =
        db.look_up(|connection| Box::pin(sqlx::query_scalar(names).fetch_all(connection))).await.unwrap();
    let mut known: Vec<_> = stores.transfer.tables().iter().map(|table| table.name()).collect();
    known.extend(crate::contract::DERIVED_TABLES);
    known.extend(["activity_quarters", "request_counts", "audit_log", "audit_turns"]);
    known.sort_unstable();
    assert_eq!(known, there);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_spoils_no_other() {
    let (stores, db, _folder) = open_below().await;
    let (spoilt, ..) = crate::contract::store_one_of_each(&stores).await;
    let (fine, ..) = crate::contract::store_one_of_each(&stores).await;
    for statement in [
        "UPDATE events SET condition = '{' WHERE id = $1",
        "UPDATE event_revisions SET condition = '{' WHERE event_id = $1 AND revision = 2",
        "UPDATE rewards SET gives = '{' WHERE id IN (SELECT reward_id FROM event_rewards WHERE event_id = $1)",
    ] {
        assert_eq!(change_rows(&db, statement, spoilt).await, 1);
    }
    let events = stores.events.find_many(&[spoilt, fine]).await.unwrap();
    assert!(matches!(events[&spoilt], Err(StoreError::Corrupt { .. })) && events[&fine].is_ok());
    let keys = [spoilt, fine].map(|event| RevisionKey { event, revision: 2 });
    let revisions = stores.revisions.find_many(&keys).await.unwrap();
    assert!(matches!(revisions[&keys[0]], Err(StoreError::Corrupt { .. })) && revisions[&keys[1]].is_ok());
    let rewards = stores.rewards.of_events(&[spoilt, fine]).await.unwrap();
    assert!(matches!(rewards[&spoilt], Err(StoreError::Corrupt { .. })) && rewards[&fine].is_ok());
}

#[tokio::test]
async fn a_list_leaves_out_what_cannot_be_read_and_goes_on_after_it() {
    let (stores, db, _folder) = open_below().await;
    let mut made = Vec::new();
    for _ in 0..6 {
        made.push(crate::contract::store_one_of_each(&stores).await);
    }
    for (event, _, claim) in [made[1], made[3], made[4]] {
        assert_eq!(change_rows(&db, "UPDATE events SET created_by = '?' WHERE id = $1", event).await, 1);
        assert_eq!(
            change_rows(&db, "UPDATE reward_requests SET event_id = '?' || id WHERE id = $1", claim).await,
            1
        );
    }
    let readable: Vec<_> = [5, 2, 0].into_iter().map(|n| made[n]).collect();
    for limit in 1..8 {
        let (mut events, mut claims) = (Vec::new(), Vec::new());
        let mut before = None;
        loop {
            let page = PageRequest { limit, before };
            let found = stores.events.list(&EventFilter::default(), page).await.unwrap();
            events.extend(found.items.iter().map(|event| event.id));
            let Some(next) = found.next_cursor else { break };
            before = Some(next.parse().unwrap());
        }
        before = None;
        loop {
            let page = PageRequest { limit, before };
            let found = stores.claims.list(&ClaimFilter::default(), page).await.unwrap();
            claims.extend(found.items.iter().map(|claim| claim.id));
            let Some(next) = found.next_cursor else { break };
            before = Some(next.parse().unwrap());
        }
        assert_eq!(events, readable.iter().map(|(event, ..)| *event).collect::<Vec<_>>());
        assert_eq!(claims, readable.iter().map(|(.., claim)| *claim).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_second_claim_on_one_that_cannot_be_read_fails_alone() {
    let (stores, db, _folder) = open_below().await;
    let (spoilt, _, claim) = crate::contract::store_one_of_each(&stores).await;
    let (fine, ..) = crate::contract::store_one_of_each(&stores).await;
    assert_eq!(change_rows(&db, "UPDATE reward_requests SET id = '?' WHERE id = $1", claim).await, 1);
    let [first, second, third] =
        claim_suite::second_claims_of_one_user(&stores, [spoilt, fine, spoilt]).await;
    assert!(
        matches!(first, Err(StoreError::Corrupt { .. })) && matches!(third, Err(StoreError::Corrupt { .. }))
    );
    assert!(matches!(second, Ok(crate::ClaimOutcome::Already(_))));
}

#[tokio::test]
async fn a_move_names_the_rows_it_cannot_read_and_reads_the_others() {
    let (stores, db, _folder) = open_below().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(crate::contract::store_one_of_each(&stores).await.2);
    }
    assert_eq!(change_rows(&db, "UPDATE reward_requests SET facts = '{' WHERE id = $1", made[1]).await, 1);
    let rows = stores.transfer.table("reward_requests").unwrap().export(None, 10).await.unwrap();
    let keys: Vec<_> = rows.iter().map(|row| row.key.as_ref().unwrap().id).collect();
    assert_eq!(keys, made.iter().map(|id| id.0).collect::<Vec<_>>());
    assert_eq!(rows.iter().map(|row| row.record.is_ok()).collect::<Vec<_>>(), [true, false, true]);
}

#[tokio::test]
async fn what_an_earlier_version_stored_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("event.db");
    let first = MIGRATIONS.iter().take(1).cloned().collect();
    let old = Sqlite::open(&path, STORE, &sqlx::migrate::Migrator::with_migrations(first)).await.unwrap();
    let id = ObjectId::from_bytes([7; 12]);
    for statement in [
        "INSERT INTO events VALUES ($1, 'ΟΔΥΣΣΕΥΣ', 'οδυσσευς', NULL, '{\"==\":[1,1]}', 0, NULL, 'UTC', 'ACTIVE', \
            'MANUAL', 2, $1, 0, 0)",
        "INSERT INTO reward_requests VALUES ($1, $1, $1, 'PENDING', 2, NULL, '{\"==\":[1,1]}', '{}', '{\"a\":1}', 0, 0)",
        "INSERT INTO reward_requests VALUES ('07', $1, '8', 'PENDING', 1, NULL, '{\"==\":[2,2]}', '{}', '{}', 0, 0)",
    ] {
        assert_eq!(change_rows(&old, statement, id).await, 1);
    }
    drop(old);
    for _ in 0..2 {
        let stores = Stores::open_sqlite(&path).await.unwrap();
        let filter = EventFilter { name: Some("ΟΔΥΣ".into()), ..EventFilter::default() };
        let found = stores.events.list(&filter, PageRequest::default()).await.unwrap();
        assert_eq!(found.items.len(), 1);
        for (revision, number) in [(1, 2), (2, 1)] {
            let key = RevisionKey { event: domain::EventId(id), revision };
            let found = stores.revisions.find(key).await.unwrap().unwrap();
            assert_eq!(found.condition, serde_json::json!({ "==": [number, number] }));
        }
        let (claim, decision) = stores.claims.find(domain::ClaimId(id)).await.unwrap().unwrap();
        assert_eq!((claim.event_revision, decision.evaluation), (2, serde_json::json!({ "a": 1 })));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_through_fifty_thousand_events_keep_nobody_from_claiming() {
    let (stores, db, _folder) = open_below().await;
    let (event, ..) = crate::contract::store_one_of_each(&stores).await;
    // In parts, as the queue of writes takes them.
    let fill = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000) \
        INSERT INTO events SELECT printf('7%023x', n.n + (SELECT count(*) FROM events)), 'Event', 'event', NULL, '{}', 0, \
        NULL, 'UTC', 'ACTIVE', 'MANUAL', 1, $1, 0, 0, '[]' FROM n";
    for _ in 0..10 {
        assert_eq!(change_rows(&db, fill, event).await, 5000);
    }
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let searches: Vec<_> = (0..3)
        .map(|_| {
            let (events, done) = (Arc::clone(&stores.events), Arc::clone(&done));
            tokio::spawn(async move {
                let filter = EventFilter { name: Some("zzzz".into()), ..EventFilter::default() };
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    match events.list(&filter, PageRequest::default()).await {
                        Ok(page) => assert!(page.items.is_empty() && page.next_cursor.is_none()),
                        Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error}"),
                    }
                }
            })
        })
        .collect();
    for _ in 0..50 {
        claim_suite::claim_by_somebody(&stores).await.unwrap();
        assert!(stores.events.find_many(&[event]).await.unwrap()[&event].is_ok());
        assert_eq!(
            stores.events.list(&EventFilter::default(), PageRequest::default()).await.unwrap().items.len(),
            20
        );
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    for search in searches {
        search.await.unwrap();
    }
}
