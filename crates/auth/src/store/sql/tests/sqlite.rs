use tempfile::TempDir;

use super::*;
use crate::store::sql::{api_keys as key_statements, users as statements};

async fn open_file() -> (SqlUserDb, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let db = SqlUserDb::open(&folder.path().join("user.db")).await.unwrap();
    (db, folder)
}

macro_rules! as_tests {
    ($($port:ident: $name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let (db, _folder) = open_file().await;
                $port::$name(Arc::new(db)).await;
            }
        )+
    };
}
every_suite!(as_tests);

#[test]
fn paging_sees_everybody_once_while_others_register() {
    check_paging(16, open_file);
}

#[tokio::test]
async fn every_list_and_lookup_walks_an_index() {
    let (db, _folder) = open_file().await;
    for (statement, index) in [
        (statements::LIST, "PRIMARY KEY"),
        (statements::LIST_USERS, "users_with_role_user"),
        (statements::LIST_OPERATORS, "users_with_role_operator"),
        (statements::LIST_AUDITORS, "users_with_role_auditor"),
        (statements::LIST_ADMINS, "users_with_role_admin"),
        (statements::FIND_BY_EMAIL, "email=?"),
        (statements::HAS_ADMIN, "users_with_role_admin"),
        (statements::SET_ROLES, "users_with_role_admin"),
        (key_statements::LIST, "PRIMARY KEY"),
        (key_statements::EXPORT, "PRIMARY KEY"),
        (key_statements::FIND_ONE, "hash=?"),
    ] {
        let explain = sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
        let plan: Vec<(i64, i64, i64, String)> =
            db.db.read(|connection| Box::pin(explain.fetch_all(connection))).await.unwrap();
        let plan: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{statement}: {plan:?}");
        assert!(plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{statement}: {plan:?}");
    }
}

#[tokio::test]
async fn the_store_is_known_to_operators_as_user_db() {
    let (db, _folder) = open_file().await;
    assert_eq!(db.name(), "user-db");
    assert!(db.answers().await);
}

#[tokio::test]
async fn a_user_who_cannot_be_read_spoils_no_list_and_no_move() {
    let (db, _folder) = open_file().await;
    let users = transfer::sample_records(5);
    db.import(users.clone()).await.unwrap();
    let damage = sqlx::query("UPDATE users SET id = id || 'x' WHERE email = 'user2@example.com'");
    db.db.write(move |connection| Box::pin(damage.execute(connection))).await.unwrap();
    transfer::lists_and_moves_leave_out_the_third(&db, &users).await;
}

#[tokio::test]
async fn a_key_that_cannot_be_read_spoils_no_list_no_look_up_and_no_move() {
    let (db, _folder) = open_file().await;
    let keys = api_keys::sample_keys(5);
    db.import_keys(keys.clone()).await.unwrap();
    let damage = sqlx::query("UPDATE api_keys SET scopes = 'everything' WHERE id = $1");
    let damage = damage.bind(keys[2].key.id.to_string());
    db.db.write(move |connection| Box::pin(damage.execute(connection))).await.unwrap();
    api_keys::a_damaged_key_is_left_out(&db, &keys).await;
}

/// A table that is forgotten here is forgotten by `migrate-data`.
#[tokio::test]
async fn every_table_is_moved_or_need_not_be() {
    let (db, _folder) = open_file().await;
    let moved = ["api_keys", "users"];
    // Users log in again, and the others hold nothing that lasts.
    let left = ["_sqlx_migrations", "readiness", "role_changes", "user_tokens"];
    let list = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    let tables: Vec<String> = db.db.read(|connection| Box::pin(list.fetch_all(connection))).await.unwrap();
    let forgotten = tables.iter().filter(|table| !moved.iter().chain(&left).any(|known| known == table));
    assert_eq!(forgotten.collect::<Vec<_>>(), [""; 0]);
}
