use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{Clock, IdGenerator, Role, RoleSet, SystemClock, Timestamp, UserId};
use futures::future::{BoxFuture, join_all};
use mongodb::bson::{Bson, Document};
use proptest::{prelude::*, test_runner::Config};
use service_kit::page::PageRequest;
use store_kit::mongo::{to_date, to_oid};
use test_servers::{Mongo as Server, MongoMode};

use super::*;
use crate::{
    refresh_token::RefreshToken,
    store::{
        ApiKeyStore, ApiKeyTransfer, NewUser, PasswordHashChange, RefreshRow, RefreshTokenStore,
        RegistrationOutcome, RoleChange, RotationOutcome, TokenRotation, UserFilter, UserStore, UserTransfer,
        contract::{
            api_keys as key_suite, audit as audit_suite, refresh_tokens as token_suite, stamp_at, stamp_now,
            transfer as transfer_suite, users as user_suite,
        },
    },
    test_app::{new_token, successor_of},
};

/// A database nobody else uses.
pub(super) async fn open_database(server: &Server) -> Arc<MongoUserDb> {
    let (uri, database) = server.fresh_database();
    open_patiently(&uri, &database).await
}

/// The suites ask what is stored, not how fast: a slow server on a busy machine is waited for.
pub(super) async fn open_patiently(uri: &str, database: &str) -> Arc<MongoUserDb> {
    let mongo = Mongo::connect(uri, STORE, Some(database)).await.unwrap();
    Arc::new(MongoUserDb::from_mongo(mongo.with_limit(Duration::from_mins(1))).await.unwrap())
}

pub(super) fn new_somebody(name: &str, roles: &[Role]) -> NewUser {
    let minted = IdGenerator::new(Arc::new(SystemClock)).mint();
    NewUser {
        id: UserId(minted.id),
        email: format!("{name}@example.com").parse().unwrap(),
        password_hash: format!("hash of {name}").into(),
        roles: RoleSet::from_roles(roles),
        at: minted.at,
    }
}

async fn users_keep_the_contract(mode: MongoMode) {
    let server = Server::shared_or_start(mode);
    let db = async || open_database(&server).await;
    user_suite::a_user_is_found_as_they_were_stored(db().await).await;
    user_suite::an_address_from_an_earlier_version_is_read_as_it_is(db().await).await;
    user_suite::of_two_who_change_a_password_hash_one_succeeds(db().await).await;
    user_suite::of_a_hundred_registrations_of_one_address_one_is_stored(db().await).await;
    user_suite::roles_change_and_the_last_administrator_stays(db().await).await;
    user_suite::filters_combine(db().await).await;
    user_suite::roles_are_told_for_many_users_at_once_and_in_order(db().await).await;
}

async fn administrators_keep_the_contract(mode: MongoMode) {
    let server = Server::shared_or_start(mode);
    let db = open_database(&server).await;
    // As its worker does: else the documents grow with every change.
    let log = db.audit_log();
    let chaining = tokio::spawn(async move {
        loop {
            log.chain_drafts().await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    user_suite::of_administrators_who_demote_each_other_one_remains(db).await;
    chaining.abort();
}

async fn refresh_tokens_keep_the_contract(mode: MongoMode) {
    let server = Server::shared_or_start(mode);
    let db = async || open_database(&server).await;
    token_suite::a_rotation_replaces_the_hash_and_keeps_the_rest(db().await).await;
    token_suite::a_token_that_was_rotated_away_deletes_the_row(db().await).await;
    token_suite::a_rotation_can_be_repeated_within_the_grace_until_the_successor_is_used(db().await).await;
    token_suite::without_a_grace_no_rotation_can_be_repeated(db().await).await;
    token_suite::a_row_gives_its_place_back_only_while_it_holds_it(db().await).await;
    token_suite::an_earlier_logins_token_is_unknown_and_changes_nothing(db().await).await;
    token_suite::an_expired_token_is_told_apart(db().await).await;
    token_suite::deleting_can_be_tied_to_a_family(db().await).await;
    token_suite::of_many_rotations_with_one_token_one_rotates_and_the_others_repeat(db().await).await;
    token_suite::of_many_logins_at_once_one_row_is_left(db().await).await;
}

async fn api_keys_keep_the_contract(mode: MongoMode) {
    let server = Server::shared_or_start(mode);
    let db = async || open_database(&server).await;
    key_suite::keys_are_found_by_their_hashes_one_answer_for_each_in_order(db().await).await;
    key_suite::keys_are_listed_newest_first_page_by_page(db().await).await;
    key_suite::of_many_who_delete_a_key_one_has_and_it_is_gone_at_once(db().await).await;
    key_suite::the_latest_use_stays_whoever_notes_it_last(db().await).await;
    key_suite::a_use_that_is_noted_while_its_key_is_deleted_brings_nothing_back(db().await).await;
    key_suite::of_keys_made_at_once_each_is_stored(db().await).await;
    key_suite::keys_are_moved_whole_and_count_where_they_have_come_to(db().await).await;
    let (db, keys) = (db().await, key_suite::sample_keys(5));
    db.import_keys(keys.clone()).await.unwrap();
    let third = doc! { "_id": to_oid(keys[2].key.id.0) };
    let damage = doc! { "$set": { "scopes": ["everything"] } };
    db.mongo.collection::<Document>("api_keys").update_one(third, damage).await.unwrap();
    key_suite::a_damaged_key_is_left_out(&*db, &keys).await;
}

async fn the_audit_log_keeps_the_contract(mode: MongoMode) {
    let server = Server::shared_or_start(mode);
    let db = async || open_database(&server).await;
    audit_suite::every_change_has_an_entry_and_what_changes_nothing_has_none(db().await).await;
    audit_suite::of_changes_that_race_each_has_one_entry(db().await).await;
    audit_suite::entries_are_filtered_and_paged_newest_first(db().await).await;
    audit_suite::a_log_is_moved_whole_and_goes_on(db().await, db().await).await;
}

async fn users_can_be_moved(mode: MongoMode) {
    let server = Server::shared_or_start(mode);
    let db = async || open_database(&server).await;
    transfer_suite::what_is_imported_comes_out_the_same_wherever_one_begins(db().await).await;
    transfer_suite::many_can_be_imported_at_once(db().await).await;
    transfer_suite::importing_again_changes_nothing_and_fills_gaps(db().await).await;
    transfer_suite::whose_address_another_has_is_left_out_and_the_others_are_stored(db().await).await;
    transfer_suite::who_was_imported_is_found_as_if_they_had_registered(db().await).await;
}

macro_rules! on {
    ($place:ident, $mode:expr) => {
        mod $place {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn users_keep_the_contract() {
                super::users_keep_the_contract($mode).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn administrators_keep_the_contract() {
                super::administrators_keep_the_contract($mode).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn refresh_tokens_keep_the_contract() {
                super::refresh_tokens_keep_the_contract($mode).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn api_keys_keep_the_contract() {
                super::api_keys_keep_the_contract($mode).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn the_audit_log_keeps_the_contract() {
                super::the_audit_log_keeps_the_contract($mode).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn users_can_be_moved() {
                super::users_can_be_moved($mode).await;
            }
        }
    };
}

/// Each with its own connections, as processes have.
async fn open_replicas(server: &Server) -> Vec<Arc<MongoUserDb>> {
    let (uri, database) = server.fresh_database();
    let mut replicas = Vec::new();
    for _ in 0..3 {
        replicas.push(open_patiently(&uri, &database).await);
    }
    replicas
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_over_replicas_each_has_one_entry_in_the_audit_log() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    audit_suite::of_changes_over_replicas_each_has_one_entry(&open_replicas(&server).await).await;
}

async fn only_draft(db: &MongoUserDb, collection: &str) -> Document {
    let mut found = db.mongo.collection::<Document>(collection).find_one(doc! {}).await.unwrap().unwrap();
    found.remove("_id");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_was_chained_by_somebody_who_died_is_only_taken_out() {
    let server = Server::shared_or_start(MongoMode::Standalone);
    let db = open_database(&server).await;
    let mina = new_somebody("mina", &[Role::User]);
    let id = to_oid(mina.id.0);
    db.create_audited(mina, stamp_now()).await.unwrap();
    let users = db.mongo.collection::<Document>("users");
    let waiting = only_draft(&db, "users").await.get_array("auditDrafts").unwrap().clone();
    let log = db.audit_log();
    assert!(log.oldest_draft().await.unwrap().is_some());
    assert_eq!(log.chain_drafts().await.unwrap(), 1);
    assert_eq!(log.chain_drafts().await.unwrap(), 0);
    // As it was before the last step, and with another change after it.
    users.update_one(doc! { "_id": id }, doc! { "$set": { "auditDrafts": waiting } }).await.unwrap();
    db.set_roles(UserId(store_kit::mongo::from_oid(id)), RoleSet::from_roles(&[Role::Admin]), stamp_now())
        .await
        .unwrap();
    let entries = audit_suite::whole_log(&*log).await;
    let actions: Vec<_> = entries.iter().map(|entry| entry.draft.action.name()).collect();
    assert_eq!(actions, ["user.created", "user.roles.replaced"]);
    assert!(only_draft(&db, "users").await.get_array("auditDrafts").unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_key_is_dead_and_invisible_until_its_draft_is_chained_and_then_gone() {
    let server = Server::shared_or_start(MongoMode::Standalone);
    let db = open_database(&server).await;
    let record = key_suite::sample_keys(1).remove(0);
    let (id, hash) = (record.key.id, record.hash);
    db.create_key(record, stamp_now()).await.unwrap();
    let keys = db.mongo.collection::<Document>("api_keys");
    let log = db.audit_log();
    assert!(db.delete_key(id, stamp_now()).await.unwrap());
    let marked = only_draft(&db, "api_keys").await;
    assert_eq!(marked.get_array("auditDrafts").unwrap().len(), 2);
    let is_unknown = async || {
        assert_eq!(db.find_keys(&[hash]).await.unwrap(), [None]);
        assert!(db.list_keys(PageRequest::default()).await.unwrap().items.is_empty());
        assert!(db.export_keys(None, 10).await.unwrap().is_empty());
        assert!(!db.delete_key(id, stamp_now()).await.unwrap());
        db.note_key_uses(&[id], SystemClock.now()).await.unwrap();
    };
    is_unknown().await;
    assert_eq!(log.chain_drafts().await.unwrap(), 2);
    assert_eq!(keys.count_documents(doc! {}).await.unwrap(), 0);
    // Whoever died before taking it away leaves it as it was.
    let mut left = marked;
    left.insert("_id", to_oid(id.0));
    keys.insert_one(left).await.unwrap();
    is_unknown().await;
    assert_eq!(audit_suite::whole_log(&*log).await.len(), 2);
    assert_eq!(keys.count_documents(doc! {}).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_cannot_be_read_waits_and_holds_up_no_other() {
    let server = Server::shared_or_start(MongoMode::Standalone);
    let db = open_database(&server).await;
    let keys = key_suite::sample_keys(3);
    for record in &keys {
        db.create_key(record.clone(), stamp_now()).await.unwrap();
    }
    let damage = doc! { "$set": { "auditDrafts.0.action": "something.else" } };
    let second = doc! { "_id": to_oid(keys[1].key.id.0) };
    db.mongo.collection::<Document>("api_keys").update_one(second, damage).await.unwrap();
    assert!(db.delete_key(keys[1].key.id, stamp_now()).await.unwrap());
    let log = db.audit_log();
    while log.chain_drafts().await.unwrap() > 0 {}
    assert_eq!(log.head().await.unwrap().sequence, 3);
    assert!(log.oldest_draft().await.unwrap().is_some(), "it is seen to wait");
    assert_eq!(db.mongo.collection::<Document>("api_keys").count_documents(doc! {}).await.unwrap(), 3);
    // Nor do more of them than are looked at in one step.
    for record in key_suite::sample_keys(40) {
        db.create_key(record, stamp_now()).await.unwrap();
    }
    let damage = doc! { "$set": { "auditDrafts.0.action": "something.else" } };
    let waiting = doc! { "auditDrafts.0": { "$exists": true } };
    db.mongo.collection::<Document>("api_keys").update_many(waiting, damage).await.unwrap();
    db.create_key(key_suite::sample_keys(1).remove(0), stamp_now()).await.unwrap();
    assert_eq!(log.chain_drafts().await.unwrap(), 1);
    assert_eq!(log.head().await.unwrap().sequence, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_in_the_collection_of_the_audit_log_is_found() {
    let server = Server::shared_or_start(MongoMode::Standalone);
    for change in [
        doc! { "$set": { "at": to_date(Timestamp::from_millis(7)) } },
        doc! { "$set": { "actorKind": "worker" } },
        doc! { "$set": { "action": "something.else" } },
        doc! { "$set": { "after": "{}" } },
        doc! { "$unset": { "after": "" } },
        doc! { "$set": { "requestId": "another" } },
        doc! { "$set": { "previousHash": "0".repeat(64) } },
        doc! { "$set": { "hash": 7 } },
    ] {
        let db = open_database(&server).await;
        for record in key_suite::sample_keys(3) {
            db.create_key(record, stamp_now()).await.unwrap();
        }
        let log = db.audit_log();
        assert_eq!(audit_suite::whole_log(&*log).await.len(), 3);
        let entries = db.mongo.collection::<Document>("audit_log");
        entries.update_one(doc! { "_id": 2_i64 }, change.clone()).await.unwrap();
        let found = store_kit::audit::verify_log(&*log, None).await.unwrap_err().to_string();
        assert!(found.starts_with("entry 2 "), "{change}: {found}");
    }
}

on!(a_replica_set, MongoMode::ReplicaSet);
on!(a_standalone_server, MongoMode::Standalone);

#[test]
fn paging_sees_everybody_once_while_others_register() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases: 6, failure_persistence: None, ..Config::default() };
    let roles = prop::option::of(prop::sample::select(vec![Role::User, Role::Admin]));
    proptest!(config, |(count in 0_usize..25, sizes in prop::collection::vec(1_usize..8, 1..5), role in roles)| {
        runtime.block_on(async {
            let db = open_database(&server).await;
            user_suite::paging_sees_everybody_once_while_others_register(db, count, &sizes, role).await;
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_create_the_indexes_without_a_quarrel() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let (uri, database) = server.fresh_database();
    let starts: Vec<_> = (0..5)
        .map(|_| {
            let (uri, database) = (uri.clone(), database.clone());
            tokio::spawn(async move { MongoUserDb::connect(&uri, Some(&database)).await.map(drop) })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    let db = MongoUserDb::connect(&uri, Some(&database)).await.unwrap();
    assert_eq!(
        db.users.list_index_names().await.unwrap(),
        ["_id_", "auditDrafts.at_1", "email_1", "roles_1__id_-1"]
    );
    assert_eq!(db.user_tokens.list_index_names().await.unwrap(), ["_id_", "userId_1"]);
    assert_eq!(db.api_keys.list_index_names().await.unwrap(), ["_id_", "auditDrafts.at_1", "hash_1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_the_given_one_else_the_one_in_the_url_else_user_db() {
    let server = Server::start(MongoMode::Standalone);
    let uri = server.uri();
    for (path, given, expected) in
        [("/", None, "user-db"), ("/people", None, "people"), ("/people", Some("staff"), "staff")]
    {
        let db = MongoUserDb::connect(&format!("{uri}{path}"), given).await.unwrap();
        assert_eq!((db.mongo.database().name(), db.name()), (expected, "user-db"));
        assert!(db.answers().await);
    }
}

fn sorted_fields(document: Document) -> BTreeMap<String, Bson> {
    document.into_iter().collect()
}

fn row_of(token: &RefreshToken, at: Timestamp) -> RefreshRow {
    RefreshRow {
        id: IdGenerator::new(Arc::new(SystemClock)).mint().id,
        user: token.user(),
        token: token.fingerprint(),
        previous: None,
        expires_at: at.plus_seconds(100),
        created_at: at,
        updated_at: at,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_have_exactly_the_shape_of_the_specification() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let db = open_database(&server).await;
    let mina = new_somebody("mina", &[Role::User, Role::Auditor]);
    let (id, at) = (mina.id, mina.at);
    db.create(mina).await.unwrap();
    let row = row_of(&new_token(id), at);
    db.put(row.clone()).await.unwrap();
    let only = async |collection: &str| {
        let found = db.mongo.collection::<Document>(collection).find_one(doc! {}).await.unwrap();
        sorted_fields(found.unwrap())
    };
    let user = doc! {
        "_id": to_oid(id.0),
        "createdAt": to_date(at),
        "email": "mina@example.com",
        "passwordHash": "hash of mina",
        "roles": ["USER", "AUDITOR"],
        "updatedAt": to_date(at),
    };
    assert_eq!(only("users").await, sorted_fields(user));
    let session = doc! {
        "_id": to_oid(row.id),
        "createdAt": to_date(at),
        "expiresAt": to_date(at.plus_seconds(100)),
        "family": row.token.family.as_str(),
        "refreshToken": row.token.hash.as_str(),
        "updatedAt": to_date(at),
        "userId": id.to_string(),
    };
    assert_eq!(only("user_tokens").await, sorted_fields(session));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_another_program_wrote_is_read_and_changed() {
    let server = Server::shared_or_start(MongoMode::Standalone);
    let db = open_database(&server).await;
    let mina = new_somebody("mina", &[Role::Admin]);
    let by_mongoose = doc! {
        "_id": to_oid(mina.id.0),
        "email": mina.email.as_str(),
        "passwordHash": "hash of mina",
        "roles": ["ADMIN"],
        "createdAt": to_date(mina.at),
        "updatedAt": to_date(mina.at),
        "__v": 0,
    };
    db.mongo.collection::<Document>("users").insert_one(by_mongoose).await.unwrap();
    db.create(new_somebody("jun", &[Role::Admin])).await.unwrap();
    assert_eq!(
        db.find_by_email(&mina.email).await.unwrap().unwrap().password_hash,
        "hash of mina".to_owned().into()
    );
    let changed = db.set_roles(mina.id, RoleSet::from_roles(&[Role::User]), stamp_at(mina.at)).await.unwrap();
    let found = UserStore::find(&*db, mina.id).await.unwrap().unwrap();
    assert_eq!(
        (changed, found.roles),
        (RoleChange::Updated(found.clone()), RoleSet::from_roles(&[Role::User]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_the_driver_repeats_is_recognised_as_ones_own() {
    let server = Server::shared_or_start(MongoMode::Standalone);
    let db = open_database(&server).await;
    let id = UserId(IdGenerator::new(Arc::new(SystemClock)).mint().id);
    let mina = || NewUser {
        id,
        at: Timestamp::from_millis(1_750_000_000_000),
        ..new_somebody("mina", &[Role::User])
    };
    let first = db.create(mina()).await.unwrap();
    assert!(matches!(first, RegistrationOutcome::Registered(_)));
    assert_eq!(db.create(mina()).await.unwrap(), first);
    assert_eq!(
        db.create(new_somebody("mina", &[Role::User])).await.unwrap(),
        RegistrationOutcome::EmailTaken
    );
    let token = new_token(id);
    let at = mina().at;
    db.put(row_of(&token, at)).await.unwrap();
    let rotation = TokenRotation {
        user: id,
        presented: token.fingerprint(),
        next: successor_of(&token).fingerprint().hash,
        expires_at: at.plus_seconds(100),
        now: at.plus_seconds(1),
        repeatable_since: at,
    };
    assert_eq!(db.rotate(&rotation).await.unwrap(), RotationOutcome::Rotated);
    assert_eq!(db.rotate(&rotation).await.unwrap(), RotationOutcome::Repeated);
    let change = PasswordHashChange {
        user: id,
        expected: "hash of mina".to_owned().into(),
        next: "another".to_owned().into(),
        at,
    };
    for _ in 0..2 {
        assert!(db.set_password_hash(change.clone()).await.unwrap());
    }
    assert!(RefreshTokenStore::find(&*db, id).await.unwrap().is_some());
}

/// What the planner says of a query, as the names of its stages.
async fn plan_stages(
    db: &MongoUserDb,
    collection: &str,
    filter: Document,
    hint: Option<Document>,
) -> Vec<String> {
    let mut find = doc! { "find": collection, "filter": filter, "sort": { "_id": -1 }, "limit": 21 };
    find.extend(hint.map(|hint| doc! { "hint": hint }).unwrap_or_default());
    let explain = doc! { "explain": find, "verbosity": "queryPlanner" };
    let plan = db.mongo.database().run_command(explain).await.unwrap();
    let plan = plan.get_document("queryPlanner").unwrap().get_document("winningPlan").unwrap();
    let (mut stages, mut open) = (Vec::new(), vec![plan.clone()]);
    while let Some(stage) = open.pop() {
        stages.push(stage.get_str("stage").unwrap_or_default().to_owned());
        open.extend(stage.get_document("inputStage").ok().cloned());
        let more = stage.get_array("inputStages").into_iter().flatten();
        open.extend(more.filter_map(Bson::as_document).cloned());
    }
    stages
}

#[tokio::test(flavor = "multi_thread")]
async fn every_lookup_and_list_walks_an_index() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let db = open_database(&server).await;
    let mina = new_somebody("mina", &[Role::Admin]);
    let id = mina.id;
    db.create(mina).await.unwrap();
    db.put(row_of(&new_token(id), Timestamp::from_millis(0))).await.unwrap();
    let first = PageRequest::default();
    let later = PageRequest { before: Some(id.0), ..first };
    // SecantusDB says COLLSCAN of a filter on `_id` ranges unless it is given the index; MongoDB finds it by itself.
    let by_id = Some(doc! { "_id": 1 });
    // That `{userId, refreshToken}` walks the index on userId cannot be shown here: SecantusDB's planner wants each
    // field of a filter in the index, MongoDB's does not.
    for (collection, filter, hint) in [
        ("users", doc! { "_id": to_oid(id.0) }, None),
        ("users", doc! { "email": "mina@example.com" }, None),
        ("users", users::list_query(Some(Role::Operator), first), None),
        ("users", users::list_query(Some(Role::Operator), later), None),
        ("users", users::list_query(None, first), by_id.clone()),
        ("users", users::list_query(None, later), by_id),
        ("users", role_changes::admins_only(), None),
        ("user_tokens", doc! { "userId": id.to_string() }, None),
        ("role_changes", doc! { "_id": "last-admin" }, None),
    ] {
        let stages = plan_stages(&db, collection, filter.clone(), hint).await;
        let walks = |stage: &String| ["IXSCAN", "IDHACK", "EXPRESS_IXSCAN"].contains(&stage.as_str());
        assert!(stages.iter().any(walks), "{collection} {filter}: {stages:?}");
        assert!(stages.iter().all(|stage| stage != "COLLSCAN"), "{collection} {filter}: {stages:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_an_absent_server_are_told_apart_without_the_password() {
    let server = Server::start_locked();
    let host = server.uri().trim_start_matches("mongodb://").to_owned();
    let connect = async |url: String| {
        let connect = MongoUserDb::connect(&url, None);
        tokio::time::timeout(Duration::from_secs(10), connect).await.expect("it is told").unwrap_err()
    };
    let wrong = connect(format!("mongodb://me:hunter2@{host}")).await;
    assert!(matches!(wrong, MongoConnectError::Credentials(_)), "{wrong}");
    let missing = connect(format!("mongodb://{host}")).await;
    assert!(matches!(missing, MongoConnectError::Credentials(_)), "{missing}");
    drop(server);
    let absent = connect(format!("mongodb://me:hunter2@{host}")).await;
    assert!(matches!(absent, MongoConnectError::Unreachable(_)), "{absent}");
    let nonsense = connect("mongodb://me:hunter2@".to_owned()).await;
    assert!(matches!(nonsense, MongoConnectError::Url), "{nonsense}");
    for error in [wrong, missing, absent, nonsense] {
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

/// One call of every verb at once, of which every one must say that the store is unavailable.
async fn everything_is_unavailable(db: &MongoUserDb, user: UserId) {
    let token = new_token(user);
    let at = Timestamp::from_millis(0);
    let rotation = TokenRotation {
        user,
        presented: token.fingerprint(),
        next: successor_of(&token).fingerprint().hash,
        expires_at: at,
        now: at,
        repeatable_since: at,
    };
    let change =
        PasswordHashChange { user, expected: "a".to_owned().into(), next: "b".to_owned().into(), at };
    let (email, filter) = ("mina@example.com".parse().unwrap(), UserFilter::default());
    let hash = token.fingerprint().hash;
    let verbs = async {
        let verbs: Vec<BoxFuture<'_, Result<(), StoreError>>> = vec![
            Box::pin(async { db.create(new_somebody("jun", &[Role::User])).await.map(drop) }),
            Box::pin(async { UserStore::find(db, user).await.map(drop) }),
            Box::pin(async { db.find_by_email(&email).await.map(drop) }),
            Box::pin(async { db.list(&filter, PageRequest::default()).await.map(drop) }),
            Box::pin(async {
                db.set_roles(user, RoleSet::from_roles(&[Role::User]), stamp_at(at)).await.map(drop)
            }),
            Box::pin(async { db.has_admin().await.map(drop) }),
            Box::pin(async { db.put(row_of(&token, at)).await.map(drop) }),
            Box::pin(async { db.take_back(user, &hash, None).await }),
            Box::pin(async { db.take_back(user, &hash, Some(row_of(&token, at))).await }),
            Box::pin(async { UserStore::find_confirmed(db, user).await.map(drop) }),
            Box::pin(async { RefreshTokenStore::find_confirmed(db, user).await.map(drop) }),
            Box::pin(async { db.set_password_hash(change).await.map(drop) }),
            Box::pin(async { db.rotate(&rotation).await.map(drop) }),
            Box::pin(async { RefreshTokenStore::find(db, user).await.map(drop) }),
            Box::pin(async { db.delete(user).await }),
            Box::pin(async { db.delete_family(user, &hash).await }),
        ];
        join_all(verbs).await
    };
    let told = tokio::time::timeout(Duration::from_secs(2), verbs).await;
    let told = told.expect("an outage is told within two seconds");
    for (verb, told) in told.into_iter().enumerate() {
        assert!(matches!(told, Err(StoreError::Unavailable { .. })), "verb {verb}: {told:?}");
    }
    assert!(!db.answers().await);
}

type ServerAction = fn(&mut Server);

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_in_time_by_every_verb_and_heals_by_itself() {
    for mode in [MongoMode::ReplicaSet, MongoMode::Standalone] {
        let mut server = Server::start(mode);
        let (uri, database) = server.fresh_database();
        let db = MongoUserDb::connect(&uri, Some(&database)).await.unwrap();
        let mina = new_somebody("mina", &[Role::User, Role::Admin]);
        let id = mina.id;
        db.create(mina).await.unwrap();
        let outages: [(ServerAction, ServerAction); 2] =
            [(Server::kill, Server::restart), (Server::freeze, Server::thaw)];
        for (strike, heal) in outages {
            strike(&mut server);
            everything_is_unavailable(&db, id).await;
            heal(&mut server);
            let healed = tokio::time::timeout(Duration::from_secs(5), async {
                while UserStore::find(&db, id).await.is_err() || !db.answers().await {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
            healed.await.expect("it heals within five seconds");
            let last = db
                .set_roles(id, RoleSet::from_roles(&[Role::User]), stamp_at(Timestamp::from_millis(0)))
                .await;
            assert_eq!(last.unwrap(), RoleChange::LastAdmin);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_cannot_be_read_on_mongo_spoils_no_list_and_no_move() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let db = open_database(&server).await;
    let users = transfer_suite::sample_records(5);
    db.import(users.clone()).await.unwrap();
    let damaged = doc! { "email": "user2@example.com" };
    db.users.update_one(damaged, doc! { "$set": { "roles": 7 } }).await.unwrap();
    transfer_suite::lists_and_moves_leave_out_the_third(&*db, &users).await;
}
