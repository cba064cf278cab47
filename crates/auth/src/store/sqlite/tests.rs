use std::sync::Arc;

use domain::Role;
use proptest::{prelude::*, test_runner::Config};
use tempfile::TempDir;

use super::*;
use crate::store::contract::{refresh_tokens, users};

async fn open() -> (Arc<SqliteUserDb>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let db = SqliteUserDb::open(&folder.path().join("user.db")).await.unwrap();
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

suite!(users:
    a_user_is_found_as_they_were_stored,
    of_a_hundred_registrations_of_one_address_one_is_stored,
    roles_change_and_the_last_administrator_stays,
    of_administrators_who_demote_each_other_one_remains,
    filters_combine,
);

suite!(refresh_tokens:
    a_rotation_replaces_the_hash_and_keeps_the_rest,
    a_token_that_was_rotated_away_deletes_the_row,
    an_earlier_logins_token_is_unknown_and_changes_nothing,
    an_expired_token_is_told_apart,
    deleting_can_be_tied_to_a_hash,
    of_many_rotations_with_one_token_exactly_one_succeeds,
    of_many_logins_at_once_one_row_is_left,
);

proptest! {
    #![proptest_config(Config { cases: 16, failure_persistence: None, ..Config::default() })]

    #[test]
    fn paging_sees_everybody_once_while_others_register(
        count in 0_usize..40,
        sizes in prop::collection::vec(1_usize..8, 1..5),
        role in prop::option::of(prop::sample::select(vec![Role::User, Role::Admin])),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (db, _folder) = open().await;
            users::paging_sees_everybody_once_while_others_register(db, count, &sizes, role).await;
        });
    }
}

#[tokio::test]
async fn every_list_and_lookup_walks_an_index() {
    let (db, _folder) = open().await;
    for (statement, index) in [
        (super::users::LIST, "PRIMARY KEY"),
        (super::users::LIST_USERS, "users_with_role_user"),
        (super::users::LIST_OPERATORS, "users_with_role_operator"),
        (super::users::LIST_AUDITORS, "users_with_role_auditor"),
        (super::users::LIST_ADMINS, "users_with_role_admin"),
        (super::users::SET_ROLES, "users_with_role_admin"),
    ] {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(explain).fetch_all(db.0.readers()).await.unwrap();
        let plan: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{statement}: {plan:?}");
        assert!(plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{statement}: {plan:?}");
    }
}

#[tokio::test]
async fn the_store_is_known_to_operators_as_user_db() {
    let (db, _folder) = open().await;
    assert_eq!(db.name(), "user-db");
    assert!(db.answers().await);
}
