use std::sync::Arc;

use domain::Timestamp;

use test_servers::{Mongo as Server, MongoMode};

use super::*;
use crate::store::{
    UserStore,
    contract::{stamp_at, users as user_suite},
    mongo::tests::{new_somebody, open_database, open_patiently},
};

const USER: RoleSet = RoleSet::from_roles(&[Role::User]);
const ADMIN: RoleSet = RoleSet::from_roles(&[Role::Admin]);

async fn two_admins(db: &MongoUserDb) -> (User, User) {
    let (mina, jun) = (new_somebody("mina", &[Role::Admin]), new_somebody("jun", &[Role::Admin]));
    let (one, other) = (mina.id, jun.id);
    db.create(mina).await.unwrap();
    db.create(jun).await.unwrap();
    let find = async |id| db.find(id).await.unwrap().unwrap();
    (find(one).await, find(other).await)
}

/// The lock as somebody leaves it who stops halfway; it lasts for so many more seconds.
async fn leave_lock(db: &MongoUserDb, target: UserId, version: Option<i64>, seconds: i64) {
    let until = to_date(SystemClock.now().plus_seconds(seconds));
    let lock = LockDocument { until, ..LockDocument::new(target, version, &RandomSource::new()) };
    db.role_changes.insert_one(lock).await.unwrap();
}

/// As somebody decided it who has read the user as they are now.
fn demotion_of(user: &User, roles: RoleSet) -> ReplacedRoles {
    let draft = roles_replaced(stamp_at(user.updated_at), user.id, user.roles, roles);
    ReplacedRoles {
        changed: User { roles, ..user.clone() },
        before: role_names(user.roles),
        version: None,
        draft: draft_document(STORE, &draft).unwrap(),
    }
}

async fn is_locked(db: &MongoUserDb) -> bool {
    db.role_changes.find_one(doc! { "_id": LOCK }).await.unwrap().is_some()
}

async fn roles_version(db: &MongoUserDb, id: UserId) -> Option<i64> {
    db.find_document(by_id(id)).await.unwrap().unwrap().roles_version
}

async fn set_roles_now(db: &MongoUserDb, id: UserId, roles: RoleSet) -> Result<RoleChange, StoreError> {
    db.set_roles(id, roles, stamp_at(SystemClock.now())).await
}

fn is_updated(changed: &Result<RoleChange, StoreError>) -> bool {
    matches!(changed, Ok(RoleChange::Updated(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demotion_that_stopped_before_its_write_heals_and_its_late_write_finds_nothing() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    // Past its time, or written by a clock that is an hour ahead.
    for seconds in [-1, 3600] {
        let db = open_database(&server).await;
        let (mina, jun) = two_admins(&db).await;
        assert!(db.has_other_admin(mina.id).await.unwrap());
        leave_lock(&db, mina.id, None, seconds).await;
        assert!(is_updated(&set_roles_now(&db, jun.id, USER).await));
        assert!(!is_locked(&db).await);
        let late = demotion_of(&mina, USER);
        assert!(!db.replace_roles_of(&late).await.unwrap());
        assert_eq!(db.find(mina.id).await.unwrap(), Some(mina.clone()));
        assert_eq!(roles_version(&db, mina.id).await, Some(1));
        assert_eq!(set_roles_now(&db, mina.id, USER).await.unwrap(), RoleChange::LastAdmin);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demotion_that_stopped_after_its_write_or_after_fencing_heals() {
    let server = Server::shared_or_start(MongoMode::Standalone);
    let db = open_database(&server).await;
    let (mina, jun) = two_admins(&db).await;
    assert!(is_updated(&set_roles_now(&db, mina.id, USER).await));
    assert_eq!(roles_version(&db, mina.id).await, Some(1));
    leave_lock(&db, mina.id, None, -1).await;
    assert_eq!(set_roles_now(&db, jun.id, USER).await.unwrap(), RoleChange::LastAdmin);
    assert!(!is_locked(&db).await);
    assert_eq!(roles_version(&db, mina.id).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demotion_that_stopped_is_repeated_for_the_same_user() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let db = open_database(&server).await;
    let (mina, _) = two_admins(&db).await;
    leave_lock(&db, mina.id, None, -1).await;
    assert!(is_updated(&set_roles_now(&db, mina.id, USER).await));
    assert!(!is_locked(&db).await);
    assert_eq!(roles_version(&db, mina.id).await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_lock_lasts_demotions_are_refused_in_time_and_nothing_else_waits() {
    let server = Server::shared_or_start(MongoMode::Standalone);
    let db = open_database(&server).await;
    let (mina, jun) = two_admins(&db).await;
    leave_lock(&db, mina.id, None, LIFETIME_SECONDS).await;
    let refused = tokio::time::timeout(Duration::from_secs(2), set_roles_now(&db, jun.id, USER)).await;
    let refused = refused.expect("it is told within two seconds");
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    let sora = new_somebody("sora", &[Role::User]);
    let id = sora.id;
    db.create(sora).await.unwrap();
    assert!(is_updated(&set_roles_now(&db, id, RoleSet::from_roles(&[Role::Auditor])).await));
    assert!(is_updated(&set_roles_now(&db, id, ADMIN).await));
    assert!(is_updated(
        &set_roles_now(&db, mina.id, RoleSet::from_roles(&[Role::Operator, Role::Admin])).await
    ));
    let healed = tokio::time::timeout(Duration::from_secs(6), async {
        while !is_updated(&set_roles_now(&db, jun.id, USER).await) {}
    });
    healed.await.expect("the lock runs out");
    assert!(!is_locked(&db).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_became_an_administrator_meanwhile_loses_that_only_under_the_lock() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let db = open_database(&server).await;
    let (mina, _) = two_admins(&db).await;
    let stale = ReplacedRoles {
        before: role_names(USER),
        ..demotion_of(&mina, RoleSet::from_roles(&[Role::Auditor]))
    };
    assert!(!db.replace_roles(&stale).await.unwrap());
    assert_eq!(db.find(mina.id).await.unwrap(), Some(mina));
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

fn as_ports(replicas: &[Arc<MongoUserDb>]) -> Vec<Arc<dyn UserStore>> {
    replicas.iter().map(|db| Arc::clone(db) as Arc<dyn UserStore>).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_remains_whatever_replicas_do_at_once() {
    let server = Server::shared_or_start(MongoMode::ReplicaSet);
    let replicas = open_replicas(&server).await;
    user_suite::an_administrator_remains_over_replicas(&as_ports(&replicas), 40).await;
    assert!(!is_locked(&replicas[0]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_remains_even_if_every_lock_is_taken_over_while_it_is_used() {
    let server = Server::shared_or_start(MongoMode::Standalone);
    let replicas = open_replicas(&server).await;
    let (db, ports) = (Arc::clone(&replicas[0]), as_ports(&replicas));
    let users = user_suite::four_users(&*db).await;
    let wrong_clock = tokio::spawn(async move {
        loop {
            let past = doc! { "$set": { "until": to_date(Timestamp::from_millis(0)) } };
            db.role_changes.update_one(doc! { "_id": LOCK }, past).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let mut updated = 0;
    for _ in 0..30 {
        // Some may lose their lock again and again until their time is up.
        let outcomes = user_suite::race_role_changes(&ports, users).await;
        updated += outcomes.iter().filter(|outcome| is_updated(outcome)).count();
        assert!(replicas[0].has_admin().await.unwrap(), "nobody is left: {outcomes:?}");
        for user in &users[..2] {
            assert!(is_updated(&set_roles_now(&replicas[0], *user, ADMIN).await));
        }
    }
    // Two promotions a round always succeed; so must demotions.
    assert!(updated > 60, "{updated}");
    wrong_clock.abort();
}
