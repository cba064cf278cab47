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

/// As the command line does beside the services.
#[tokio::test(flavor = "multi_thread")]
async fn of_changes_by_several_processes_each_has_one_entry_in_the_audit_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(Arc::new(SqlUserDb::open(&folder.path().join("user.db")).await.unwrap()));
    }
    audit::of_changes_over_replicas_each_has_one_entry(&processes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_moved_whole_and_goes_on() {
    let ((from, _one), (to, _other)) = (open_file().await, open_file().await);
    audit::a_log_is_moved_whole_and_goes_on(Arc::new(from), Arc::new(to)).await;
}

#[tokio::test]
async fn every_list_of_the_audit_log_walks_an_index_whatever_it_asks_for() {
    use store_kit::audit::{AuditFilter, sql as statements};
    let (db, _folder) = open_file().await;
    let (id, any) = (Some(domain::ObjectId::from_bytes([1; 12])), AuditFilter::default());
    let action = Some(domain::AuditAction::UserCreated);
    for (statement, index) in [
        (statements::list_statement(&any), "(place>? AND place<?)"),
        (
            statements::list_statement(&AuditFilter { actor: id, ..any }),
            "audit_log_by_actor (actor_id=? AND place>?",
        ),
        (
            statements::list_statement(&AuditFilter { object: id, ..any }),
            "audit_log_by_object (object_id=? AND place>?",
        ),
        (
            statements::list_statement(&AuditFilter { action, ..any }),
            "audit_log_by_action (action=? AND place>?",
        ),
        (statements::EXPORT.to_owned(), "PRIMARY KEY"),
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
async fn whatever_is_changed_in_the_table_of_the_audit_log_is_found() {
    use crate::store::{ApiKeyStore, contract::stamp_now};
    use store_kit::audit::{AuditFault, verify_log};
    for change in [
        "at = at + 1",
        "place = '000000000000000000000000'",
        "actor_kind = 'worker'",
        "action = 'user.created'",
        "action = 'something.else'",
        "object_id = '000000000000000000000000'",
        "value_after = value_after || ' '",
        "value_after = NULL",
        "request_id = 'another'",
        "previous_hash = hash",
        "hash = previous_hash",
        "hash = 'none'",
        "sequence = 30",
    ] {
        let (db, _folder) = open_file().await;
        for record in api_keys::sample_keys(5) {
            db.create_key(record, stamp_now()).await.unwrap();
        }
        verify_log(&*db.audit_log(), None).await.unwrap();
        let damage = format!("UPDATE audit_log SET {change} WHERE sequence = 3");
        let damage = sqlx::query(sqlx::AssertSqlSafe(damage));
        db.db.write(move |connection| Box::pin(damage.execute(connection))).await.unwrap();
        let found = verify_log(&*db.audit_log(), None).await.unwrap_err();
        assert!(found.to_string().starts_with("entry 3 "), "{change}: {found}");
        assert!(!matches!(found, AuditFault::Store(_)), "{change}: {found}");
    }
}

/// A table that is forgotten here is forgotten by `migrate-data`.
#[tokio::test]
async fn every_table_is_moved_or_need_not_be() {
    let (db, _folder) = open_file().await;
    let moved = ["api_keys", "audit_log", "users"];
    // Users log in again, and the others hold nothing that lasts.
    let left = ["_sqlx_migrations", "audit_turns", "readiness", "role_changes", "user_tokens"];
    let list = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
    let tables: Vec<String> = db.db.read(|connection| Box::pin(list.fetch_all(connection))).await.unwrap();
    let forgotten = tables.iter().filter(|table| !moved.iter().chain(&left).any(|known| known == table));
    assert_eq!(forgotten.collect::<Vec<_>>(), [""; 0]);
}
