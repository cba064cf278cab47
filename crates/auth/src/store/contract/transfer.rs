use std::sync::Arc;

use domain::{IdGenerator, ObjectId, Role, RoleSet, SystemClock, User, UserId};

use service_kit::page::{Page, PageRequest};

use crate::store::{UserFilter, UserRecord, UserStore, UserTransfer};

/// Users with roles of all kinds, in the order of their ids.
pub(crate) fn sample_records(count: usize) -> Vec<UserRecord> {
    let ids = IdGenerator::new(Arc::new(SystemClock));
    let roles = [
        RoleSet::from_roles(&[Role::User]),
        RoleSet::from_roles(&[Role::Admin]),
        RoleSet::from_roles(&[Role::User, Role::Operator, Role::Auditor, Role::Admin]),
    ];
    let record = |(n, roles): (usize, &RoleSet)| {
        let minted = ids.mint();
        let user = User {
            id: UserId(minted.id),
            email: format!("user{n}@example.com").parse().unwrap(),
            roles: *roles,
            created_at: minted.at,
            updated_at: minted.at.plus_seconds(i64::try_from(n).unwrap()),
        };
        UserRecord { user, password_hash: format!("$argon2id$v=19$hash of {n}").into() }
    };
    roles.iter().cycle().take(count).enumerate().map(record).collect()
}

async fn export_after(db: &dyn UserTransfer, mut after: Option<ObjectId>, step: usize) -> Vec<UserRecord> {
    let mut all = Vec::new();
    loop {
        let rows = db.export(after, step).await.unwrap();
        let is_last = rows.len() < step;
        all.extend(rows.into_iter().map(|row| row.value.unwrap()));
        if is_last {
            return all;
        }
        after = all.last().map(|record| record.user.id.0);
    }
}

async fn export_all(db: &dyn UserTransfer) -> Vec<UserRecord> {
    export_after(db, None, 1000).await
}

pub(crate) async fn what_is_imported_comes_out_the_same_wherever_one_begins(db: Arc<dyn UserTransfer>) {
    assert!(export_all(&*db).await.is_empty());
    db.import(Vec::new()).await.unwrap();
    let users = sample_records(20);
    db.import(users.clone()).await.unwrap();
    assert_eq!(export_all(&*db).await, users);
    for begin in 0..users.len() {
        let rest = export_after(&*db, Some(users[begin].user.id.0), 7).await;
        assert_eq!(rest, users[begin + 1..]);
    }
}

/// More at once than one statement or page takes.
pub(crate) async fn many_can_be_imported_at_once(db: Arc<dyn UserTransfer>) {
    let users = sample_records(2_345);
    db.import(users.clone()).await.unwrap();
    assert_eq!(export_all(&*db).await, users);
}

pub(crate) async fn importing_again_changes_nothing_and_fills_gaps(db: Arc<dyn UserTransfer>) {
    let users = sample_records(21);
    let some: Vec<_> = users.iter().step_by(2).cloned().collect();
    for part in [&some, &users, &users] {
        db.import(part.clone()).await.unwrap();
    }
    assert_eq!(export_all(&*db).await, users);
    let mut changed = users[3].clone();
    changed.user.roles = RoleSet::from_roles(&[Role::Auditor]);
    changed.password_hash = "another".to_owned().into();
    db.import(vec![changed]).await.unwrap();
    assert_eq!(export_all(&*db).await, users);
}

pub(crate) async fn whose_address_another_has_is_left_out_and_the_others_are_stored(
    db: Arc<dyn UserTransfer>,
) {
    let users = sample_records(9);
    let mut others = sample_records(2);
    others[0].user.email = users[2].user.email.clone();
    others[1].user.email = users[5].user.email.clone();
    db.import(others.clone()).await.unwrap();
    db.import(users.clone()).await.unwrap();
    let mut expected: Vec<_> =
        users.into_iter().enumerate().filter(|(n, _)| ![2, 5].contains(n)).map(|(_, user)| user).collect();
    expected.extend(others);
    expected.sort_by_key(|record| record.user.id.0);
    assert_eq!(export_all(&*db).await, expected);
}

/// For adapters, which damage the third of five users by their own means.
pub(crate) async fn lists_and_moves_leave_out_the_third<T>(db: &T, users: &[UserRecord])
where
    T: UserStore + UserTransfer,
{
    let readable = [0, 1, 3, 4].map(|n| users[n].user.id);
    let mut page = PageRequest { limit: 2, before: None };
    let mut listed = Vec::new();
    loop {
        let Page { items, next_cursor } = db.list(&UserFilter::default(), page).await.unwrap();
        listed.extend(items.into_iter().map(|user| user.id));
        let Some(cursor) = next_cursor else { break };
        page.before = Some(cursor.parse().unwrap());
    }
    listed.sort_by_key(|id| id.0);
    // Where the id itself is damaged, a page may show again what the page before has shown.
    listed.dedup();
    assert_eq!(listed, readable);
    let rows = db.export(None, 10).await.unwrap();
    let moved: Vec<_> = rows.iter().filter_map(|row| row.value.as_ref().ok()).collect();
    assert_eq!(moved.iter().map(|record| record.user.id).collect::<Vec<_>>(), readable);
    assert_eq!(rows.len(), 5);
}

pub(crate) async fn who_was_imported_is_found_as_if_they_had_registered<T>(db: Arc<T>)
where
    T: UserStore + UserTransfer,
{
    let users = sample_records(3);
    db.import(users.clone()).await.unwrap();
    for UserRecord { user, password_hash } in users {
        assert_eq!(UserStore::find(&*db, user.id).await.unwrap().as_ref(), Some(&user));
        let credentials = db.find_by_email(&user.email).await.unwrap().unwrap();
        assert_eq!((credentials.user, credentials.password_hash), (user, password_hash));
    }
    assert!(db.has_admin().await.unwrap());
}
