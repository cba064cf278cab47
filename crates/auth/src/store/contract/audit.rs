use std::{collections::HashSet, sync::Arc};

use audit::{AuditEntry, AuditHead, ChangeStamp};
use domain::{
    AuditAction, AuditActor, AuditObjectKind, ChangeAuthor, IdGenerator, ObjectId, Role, RoleSet,
    SystemClock, Timestamp, UserId,
};
use serde_json::{Value, json};
use service_kit::page::PageRequest;
use store_kit::audit::verify_log;

use super::{api_keys::sample_keys, stamp_at};
use crate::store::{
    ApiKeyStore, AuditFilter, AuditStore, MongoUserDb, NewUser, RegistrationOutcome, RoleChange, SqlUserDb,
    UserStore,
};

const ADMIN: RoleSet = RoleSet::from_roles(&[Role::Admin]);
const USER: RoleSet = RoleSet::from_roles(&[Role::User]);

/// What changes users and keys, and the log beside it.
pub(crate) trait AuditedStore: UserStore + ApiKeyStore + 'static {
    fn log(&self) -> Arc<dyn AuditStore>;
}

impl AuditedStore for SqlUserDb {
    fn log(&self) -> Arc<dyn AuditStore> {
        self.audit_log()
    }
}

impl AuditedStore for MongoUserDb {
    fn log(&self) -> Arc<dyn AuditStore> {
        self.audit_log()
    }
}

fn new_user(name: &str, roles: RoleSet) -> NewUser {
    let minted = IdGenerator::new(Arc::new(SystemClock)).mint();
    NewUser {
        id: UserId(minted.id),
        email: format!("{name}@example.com").parse().unwrap(),
        password_hash: format!("hash of {name}").into(),
        roles,
        at: minted.at,
    }
}

async fn register(db: &dyn UserStore, name: &str, roles: RoleSet) -> UserId {
    match db.create(new_user(name, roles)).await.unwrap() {
        RegistrationOutcome::Registered(user) => user.id,
        RegistrationOutcome::EmailTaken => panic!("{name} is there"),
    }
}

/// A change by this user, at that minute.
fn stamp_by(actor: UserId, minute: i64) -> ChangeStamp {
    let author = ChangeAuthor { actor: AuditActor::User(actor), request_id: Some(format!("r-{minute}")) };
    let at = Timestamp::from_millis(1_760_000_000_000 + minute * 60_000);
    ChangeStamp { author, ..stamp_at(at) }
}

async fn chain_everything(log: &dyn AuditStore) {
    while log.chain_drafts().await.unwrap() > 0 {}
    assert_eq!(log.oldest_draft().await.unwrap(), None);
}

/// The whole log, which must verify.
pub(crate) async fn whole_log(log: &dyn AuditStore) -> Vec<AuditEntry> {
    chain_everything(log).await;
    let rows = log.export_entries(None, 10_000).await.unwrap();
    let entries: Vec<_> = rows.into_iter().map(|row| row.value.unwrap()).collect();
    let head = entries.last().map_or(AuditHead::EMPTY, AuditEntry::head);
    assert_eq!(log.head().await.unwrap(), head);
    assert_eq!(verify_log(log, Some(head)).await.unwrap(), head);
    entries
}

pub(crate) async fn every_change_has_an_entry_and_what_changes_nothing_has_none<T: AuditedStore>(db: Arc<T>) {
    let log = db.log();
    assert_eq!(log.head().await.unwrap(), AuditHead::EMPTY);
    let admin = register(&*db, "admin", ADMIN).await;
    let key = sample_keys(2).remove(1);
    let (key_id, minute) = (key.key.id, |minute| stamp_by(admin, minute));
    let mina = new_user("mina", USER);
    let mina_id = mina.id;
    let created = db.create_audited(mina, minute(1)).await.unwrap();
    assert!(matches!(created, RegistrationOutcome::Registered(_)));
    let taken = db.create_audited(new_user("mina", USER), minute(2)).await.unwrap();
    assert_eq!(taken, RegistrationOutcome::EmailTaken);
    let both = RoleSet::from_roles(&[Role::User, Role::Auditor]);
    assert!(matches!(db.set_roles(mina_id, both, minute(3)).await.unwrap(), RoleChange::Updated(_)));
    assert_eq!(db.set_roles(admin, USER, minute(4)).await.unwrap(), RoleChange::LastAdmin);
    assert_eq!(db.set_roles(UserId(key_id.0), USER, minute(5)).await.unwrap(), RoleChange::NotFound);
    db.create_key(key.clone(), minute(6)).await.unwrap();
    assert!(db.delete_key(key_id, minute(7)).await.unwrap());
    assert!(!db.delete_key(key_id, minute(8)).await.unwrap());

    let entries = whole_log(&*log).await;
    let shown: Vec<_> = entries
        .iter()
        .map(|AuditEntry { draft, .. }| {
            (draft.action, draft.object.id, draft.before.clone(), draft.after.clone())
        })
        .collect();
    let shown_key = Some(json!({
        "name": key.key.name,
        "scopes": key.key.scopes,
        "createdBy": key.key.created_by,
        "createdAt": key.key.created_at,
        "expiresAt": key.key.expires_at,
    }));
    let roles = |roles: &[&str]| Some(json!({ "roles": roles }));
    let expected = [
        (AuditAction::UserCreated, mina_id.0, None, roles(&["USER"])),
        (AuditAction::UserRolesReplaced, mina_id.0, roles(&["USER"]), roles(&["USER", "AUDITOR"])),
        (AuditAction::ApiKeyCreated, key_id.0, None, shown_key.clone()),
        (AuditAction::ApiKeyDeleted, key_id.0, shown_key, None),
    ];
    assert_eq!(shown, expected);
    let requests = entries.iter().map(|entry| entry.draft.request_id.clone().unwrap());
    assert_eq!(requests.collect::<Vec<_>>(), ["r-1", "r-3", "r-6", "r-7"]);
    assert!(entries.iter().all(|entry| entry.draft.actor == AuditActor::User(admin)));
    assert_eq!(entries[2].draft.at, minute(6).at);
    assert_eq!(entries[3].draft.object.kind, AuditObjectKind::ApiKey);
    let text = serde_json::to_string(&entries).unwrap();
    assert!(
        !text.contains("hash of") && !text.contains(&key.hash.to_string()) && !text.contains('@'),
        "{text}"
    );
}

/// Changes of roles, keys made and keys deleted, 50 in all, over as many replicas as there are, while each of
/// them chains as well.
pub(crate) async fn of_changes_over_replicas_each_has_one_entry<T: AuditedStore>(replicas: &[Arc<T>]) {
    let db = &replicas[0];
    let admin = register(&**db, "admin", ADMIN).await;
    let mina = register(&**db, "mina", USER).await;
    let keys = sample_keys(20);
    let tasks: Vec<_> = (0..30_usize)
        .zip(replicas.iter().cycle())
        .map(|(number, db)| {
            let (db, key) = (Arc::clone(db), keys.get(number).cloned());
            tokio::spawn(async move {
                let minute = i64::try_from(number).unwrap();
                let Some(record) = key else {
                    let roles = Role::ALL[number % 3];
                    let changed =
                        db.set_roles(mina, RoleSet::from_roles(&[roles]), stamp_by(admin, minute)).await;
                    assert!(matches!(changed.unwrap(), RoleChange::Updated(_)));
                    return;
                };
                let id = record.key.id;
                db.create_key(record, stamp_by(admin, minute)).await.unwrap();
                db.log().chain_drafts().await.unwrap();
                assert!(db.delete_key(id, stamp_by(admin, minute)).await.unwrap());
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let entries = whole_log(&*db.log()).await;
    let ids: HashSet<_> = entries.iter().map(|entry| entry.draft.id).collect();
    assert_eq!((entries.len(), ids.len()), (50, 50));
    // What was before is what the change before has left, for everything that was changed.
    let mut state = std::collections::HashMap::from([(mina.0, Some(json!({ "roles": ["USER"] })))]);
    for AuditEntry { draft, sequence, .. } in &entries {
        let before: Option<Value> = state.remove(&draft.object.id).flatten();
        assert_eq!(draft.before, before, "entry {sequence}");
        state.insert(draft.object.id, draft.after.clone());
    }
    assert!(db.list_keys(PageRequest::default()).await.unwrap().items.is_empty());
}

pub(crate) async fn of_changes_that_race_each_has_one_entry<T: AuditedStore>(db: Arc<T>) {
    of_changes_over_replicas_each_has_one_entry(&[db]).await;
}

async fn list_all(log: &dyn AuditStore, filter: &AuditFilter, limit: usize) -> Vec<AuditEntry> {
    let (mut page, mut listed) = (PageRequest { limit, before: None }, Vec::new());
    loop {
        let found = log.list_entries(filter, page).await.unwrap();
        assert!(found.items.len() <= limit);
        listed.extend(found.items);
        let Some(cursor) = found.next_cursor else { return listed };
        page.before = Some(cursor.parse().unwrap());
    }
}

pub(crate) async fn entries_are_filtered_and_paged_newest_first<T: AuditedStore>(db: Arc<T>) {
    let (log, keys) = (db.log(), sample_keys(6));
    let (ada, bo) = (register(&*db, "ada", ADMIN).await, register(&*db, "bo", ADMIN).await);
    for (record, minute) in keys.iter().zip(0..) {
        db.create_key(record.clone(), stamp_by(if minute % 2 == 0 { ada } else { bo }, minute))
            .await
            .unwrap();
    }
    // Out of order: what is written down late stands where it was done.
    db.set_roles(bo, ADMIN, stamp_by(ada, 2)).await.unwrap();
    db.delete_key(keys[0].key.id, stamp_by(bo, 9)).await.unwrap();
    let mut newest_first = whole_log(&*log).await;
    newest_first.sort_by_key(|entry| std::cmp::Reverse((entry.draft.at, entry.sequence)));
    assert_eq!(newest_first.len(), 8);
    let at = |minute| Some(stamp_by(ada, minute).at);
    let any = AuditFilter::default();
    let filters = [
        any,
        AuditFilter { actor: Some(ada.0), ..any },
        AuditFilter { object: Some(keys[0].key.id.0), ..any },
        AuditFilter { object: Some(bo.0), actor: Some(bo.0), ..any },
        AuditFilter { action: Some(AuditAction::ApiKeyCreated), ..any },
        AuditFilter { action: Some(AuditAction::ApiKeyCreated), actor: Some(bo.0), to: at(4), ..any },
        AuditFilter { from: at(2), ..any },
        AuditFilter { to: at(2), ..any },
        AuditFilter { from: at(2), to: at(5), ..any },
        AuditFilter { from: at(5), to: at(2), ..any },
    ];
    let mut sizes = Vec::new();
    for filter in filters {
        let wanted = |AuditEntry { draft, .. }: &&AuditEntry| {
            filter.actor.is_none_or(|id| draft.actor.id() == Some(id))
                && filter.object.is_none_or(|id| draft.object.id == id)
                && filter.action.is_none_or(|action| draft.action == action)
                && filter.from.is_none_or(|from| draft.at >= from)
                && filter.to.is_none_or(|to| draft.at < to)
        };
        let expected: Vec<_> = newest_first.iter().filter(wanted).cloned().collect();
        for limit in [1, 3, 100] {
            assert_eq!(list_all(&*log, &filter, limit).await, expected, "{filter:?}");
        }
        sizes.push(expected.len());
    }
    assert_eq!(sizes, [8, 4, 2, 0, 6, 2, 6, 2, 4, 0]);
}

/// A log can be moved into a store that has none, and goes on there.
pub(crate) async fn a_log_is_moved_whole_and_goes_on<T: AuditedStore>(from: Arc<T>, to: Arc<T>) {
    let admin = register(&*from, "admin", ADMIN).await;
    for (record, minute) in sample_keys(25).into_iter().zip(0..) {
        from.create_key(record, stamp_by(admin, minute)).await.unwrap();
    }
    let entries = whole_log(&*from.log()).await;
    let target = to.log();
    target.import_entries(Vec::new()).await.unwrap();
    // Parts in any order, and again.
    for part in [&entries[10..20], &entries[..10], &entries[5..]] {
        target.import_entries(part.to_vec()).await.unwrap();
    }
    assert_eq!(whole_log(&*target).await, entries);
    let keys: Vec<ObjectId> = entries.iter().map(AuditEntry::key).collect();
    let rows = target.export_entries(Some(keys[6]), 4).await.unwrap();
    assert_eq!(rows.into_iter().map(|row| row.id.unwrap()).collect::<Vec<_>>(), keys[7..11]);
    to.create_key(sample_keys(1).remove(0), stamp_by(admin, 99)).await.unwrap();
    let longer = whole_log(&*target).await;
    assert_eq!((longer.len(), &longer[..25]), (26, entries.as_slice()));
}
