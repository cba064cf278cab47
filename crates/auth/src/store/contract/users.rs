use std::{collections::HashSet, sync::Arc};

use domain::{Email, IdGenerator, Role, RoleSet, SystemClock, Timestamp, User, UserId};
use service_kit::page::PageRequest;

use super::stamp_at;
use crate::store::{
    NewUser, PasswordHashChange, RegistrationOutcome, RoleChange, StoreError, UserFilter, UserStore,
};

const ADMIN: RoleSet = RoleSet::from_roles(&[Role::Admin]);
const USER: RoleSet = RoleSet::from_roles(&[Role::User]);

fn new_ids() -> IdGenerator {
    IdGenerator::new(Arc::new(SystemClock))
}

fn email_of(text: &str) -> Email {
    text.parse().unwrap()
}

fn new_user(ids: &IdGenerator, address: &str, roles: RoleSet) -> NewUser {
    let minted = ids.mint();
    NewUser {
        id: UserId(minted.id),
        email: email_of(address),
        password_hash: format!("hash of {address}").into(),
        roles,
        at: minted.at,
    }
}

async fn create_user(db: &dyn UserStore, user: NewUser) -> User {
    match db.create(user).await.unwrap() {
        RegistrationOutcome::Registered(user) => user,
        RegistrationOutcome::EmailTaken => panic!("the address is taken"),
    }
}

fn minute_after(at: Timestamp) -> Timestamp {
    at.plus_seconds(60)
}

pub(crate) async fn a_user_is_found_as_they_were_stored(db: Arc<dyn UserStore>) {
    let ids = new_ids();
    let roles = RoleSet::from_roles(&[Role::User, Role::Auditor]);
    let mina = create_user(&*db, new_user(&ids, "Mina@Example.com", roles)).await;
    assert_eq!((mina.roles, mina.email.as_str()), (roles, "mina@example.com"));
    assert_eq!(db.find(mina.id).await.unwrap(), Some(mina.clone()));
    let record = db.find_by_email(&email_of("MINA@example.com")).await.unwrap().unwrap();
    assert_eq!((record.user, record.password_hash.expose().as_str()), (mina, "hash of Mina@Example.com"));
    assert_eq!(db.find(UserId(ids.mint().id)).await.unwrap(), None);
    assert!(db.find_by_email(&email_of("jun@example.com")).await.unwrap().is_none());
}

pub(crate) async fn roles_are_told_for_many_users_at_once_and_in_order(db: Arc<dyn UserStore>) {
    let ids = new_ids();
    assert!(db.find_roles(&[]).await.unwrap().is_empty());
    let mina = create_user(&*db, new_user(&ids, "mina@example.com", USER)).await;
    let both = RoleSet::from_roles(&[Role::User, Role::Admin]);
    let olga = create_user(&*db, new_user(&ids, "olga@example.com", both)).await;
    let nobody = UserId(ids.mint().id);
    let asked = [olga.id, nobody, mina.id, olga.id, mina.id];
    let expected = [Some(both), None, Some(USER), Some(both), Some(USER)];
    assert_eq!(db.find_roles(&asked).await.unwrap(), expected);
    let many: Vec<_> = asked.into_iter().cycle().take(1024).collect();
    let found = db.find_roles(&many).await.unwrap();
    assert!(found.iter().zip(expected.iter().cycle()).all(|(found, expected)| found == expected));
    assert_eq!(found.len(), 1024);
}

/// Longer than an address may be, and not folded: it is not judged anew.
pub(crate) async fn an_address_from_an_earlier_version_is_read_as_it_is(db: Arc<dyn UserStore>) {
    let ids = new_ids();
    let former = Email::from_stored(format!("i\u{307}{}@Example.com", "a".repeat(300)));
    let user = NewUser { email: former.clone(), ..new_user(&ids, "mina@example.com", USER) };
    let mina = create_user(&*db, user).await;
    assert_eq!(db.find(mina.id).await.unwrap().unwrap().email, former);
    let listed = db.list(&UserFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(listed.items, std::slice::from_ref(&mina));
    let change = db.set_roles(mina.id, ADMIN, stamp_at(minute_after(mina.updated_at))).await.unwrap();
    assert!(matches!(change, RoleChange::Updated(_)), "{change:?}");
}

pub(crate) async fn of_two_who_change_a_password_hash_one_succeeds(db: Arc<dyn UserStore>) {
    let ids = new_ids();
    let mina = create_user(&*db, new_user(&ids, "mina@example.com", USER)).await;
    let before = db.find_confirmed(mina.id).await.unwrap().unwrap();
    assert_eq!(before.user, mina);
    let change = |next: &str| PasswordHashChange {
        user: mina.id,
        expected: before.password_hash.clone(),
        next: next.to_owned().into(),
        at: minute_after(mina.updated_at),
    };
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let (db, change) = (Arc::clone(&db), change(&format!("next {n}")));
            tokio::spawn(async move { (db.set_password_hash(change.clone()).await.unwrap(), change.next) })
        })
        .collect();
    let mut changed = Vec::new();
    for task in tasks {
        changed.push(task.await.unwrap());
    }
    let winners: Vec<_> = changed.into_iter().filter(|(won, _)| *won).map(|(_, next)| next).collect();
    assert_eq!(winners.len(), 1);
    let after = db.find_by_email(&mina.email).await.unwrap().unwrap();
    assert_eq!(after.password_hash, winners[0]);
    assert_eq!((after.user.updated_at, after.user.roles), (minute_after(mina.updated_at), mina.roles));
    assert!(!db.set_password_hash(change("late")).await.unwrap());
    let nobody = UserId(ids.mint().id);
    assert_eq!(db.find_confirmed(nobody).await.unwrap(), None);
    assert!(!db.set_password_hash(PasswordHashChange { user: nobody, ..change("x") }).await.unwrap());
}

pub(crate) async fn of_a_hundred_registrations_of_one_address_one_is_stored(db: Arc<dyn UserStore>) {
    let ids = new_ids();
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let (db, ids) = (Arc::clone(&db), ids.clone());
            let address = if n % 2 == 0 { "mina@example.com" } else { "MINA@example.com" };
            tokio::spawn(async move { db.create(new_user(&ids, address, USER)).await.unwrap() })
        })
        .collect();
    let mut stored = Vec::new();
    for task in tasks {
        if let RegistrationOutcome::Registered(user) = task.await.unwrap() {
            stored.push(user);
        }
    }
    assert_eq!(stored.len(), 1);
    let all = db.list(&UserFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(all.items, stored);
}

pub(crate) async fn roles_change_and_the_last_administrator_stays(db: Arc<dyn UserStore>) {
    let ids = new_ids();
    assert!(!db.has_admin().await.unwrap());
    let mina = create_user(&*db, new_user(&ids, "mina@example.com", USER)).await;
    assert!(!db.has_admin().await.unwrap());
    let at = minute_after(mina.updated_at);
    let nobody = UserId(ids.mint().id);
    assert_eq!(db.set_roles(nobody, ADMIN, stamp_at(at)).await.unwrap(), RoleChange::NotFound);
    let admin = User { roles: ADMIN, updated_at: at, ..mina.clone() };
    assert_eq!(db.set_roles(mina.id, ADMIN, stamp_at(at)).await.unwrap(), RoleChange::Updated(admin.clone()));
    assert!(db.has_admin().await.unwrap());
    assert_eq!(db.set_roles(mina.id, USER, stamp_at(minute_after(at))).await.unwrap(), RoleChange::LastAdmin);
    assert_eq!(db.find(mina.id).await.unwrap(), Some(admin));
    let more = RoleSet::from_roles(&[Role::Operator, Role::Admin]);
    assert!(matches!(db.set_roles(mina.id, more, stamp_at(at)).await.unwrap(), RoleChange::Updated(_)));
    let jun = create_user(&*db, new_user(&ids, "jun@example.com", ADMIN)).await;
    assert!(matches!(db.set_roles(mina.id, USER, stamp_at(at)).await.unwrap(), RoleChange::Updated(_)));
    assert_eq!(db.set_roles(jun.id, USER, stamp_at(at)).await.unwrap(), RoleChange::LastAdmin);
}

pub(crate) async fn of_administrators_who_demote_each_other_one_remains(db: Arc<dyn UserStore>) {
    let ids = new_ids();
    let mut admins = Vec::new();
    for n in 0..4 {
        admins.push(create_user(&*db, new_user(&ids, &format!("admin{n}@example.com"), ADMIN)).await.id);
    }
    let at = ids.mint().at;
    for _ in 0..200 {
        let tasks: Vec<_> = admins
            .iter()
            .map(|admin| {
                let (db, admin) = (Arc::clone(&db), *admin);
                tokio::spawn(async move { db.set_roles(admin, USER, stamp_at(at)).await.unwrap() })
            })
            .collect();
        let mut refused = 0;
        for task in tasks {
            refused += usize::from(task.await.unwrap() == RoleChange::LastAdmin);
        }
        assert_eq!(refused, 1);
        for admin in &admins {
            db.set_roles(*admin, ADMIN, stamp_at(at)).await.unwrap();
        }
    }
}

/// Who may be changed by everybody at once: at the start of a round the first two are administrators.
pub(crate) async fn four_users(db: &dyn UserStore) -> [UserId; 4] {
    let ids = new_ids();
    let mut users = [UserId(ids.mint().id); 4];
    for (n, user) in users.iter_mut().enumerate() {
        let roles = if n < 2 { ADMIN } else { USER };
        *user = create_user(db, new_user(&ids, &format!("user{n}@example.com"), roles)).await.id;
    }
    users
}

/// Demotes all four and promotes the last two, all at once, over as many replicas as there are.
pub(crate) async fn race_role_changes(
    replicas: &[Arc<dyn UserStore>],
    users: [UserId; 4],
) -> Vec<Result<RoleChange, StoreError>> {
    let [a, b, c, d] = users;
    let at = new_ids().mint().at;
    let changes =
        [(a, USER), (c, ADMIN), (b, USER), (c, USER), (d, ADMIN), (a, USER), (d, USER), (c, USER), (b, USER)];
    let tasks: Vec<_> = changes
        .into_iter()
        .zip(replicas.iter().cycle())
        .map(|((user, roles), db)| {
            let db = Arc::clone(db);
            tokio::spawn(async move { db.set_roles(user, roles, stamp_at(at)).await })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

pub(crate) async fn of_promotions_and_demotions_that_race_an_administrator_remains(db: Arc<dyn UserStore>) {
    an_administrator_remains_over_replicas(&[db], 100).await;
}

pub(crate) async fn an_administrator_remains_over_replicas(replicas: &[Arc<dyn UserStore>], rounds: usize) {
    let db = &replicas[0];
    let users = four_users(&**db).await;
    let at = new_ids().mint().at;
    for _ in 0..rounds {
        for outcome in race_role_changes(replicas, users).await {
            assert!(matches!(outcome.unwrap(), RoleChange::Updated(_) | RoleChange::LastAdmin));
        }
        assert!(db.has_admin().await.unwrap(), "nobody is left");
        for (user, roles) in users.into_iter().zip([ADMIN, ADMIN, USER, USER]) {
            assert!(matches!(db.set_roles(user, roles, stamp_at(at)).await.unwrap(), RoleChange::Updated(_)));
        }
    }
}

pub(crate) async fn filters_combine(db: Arc<dyn UserStore>) {
    let ids = new_ids();
    for (n, role) in (0..40).zip(Role::ALL.into_iter().cycle()) {
        create_user(&*db, new_user(&ids, &format!("user{n}@example.com"), RoleSet::from_roles(&[role])))
            .await;
    }
    let both = RoleSet::from_roles(&[Role::Operator, Role::Admin]);
    let mina = create_user(&*db, new_user(&ids, "mina@example.com", both)).await;
    let page = PageRequest { limit: 100, before: None };
    for role in Role::ALL {
        let filter = UserFilter { role: Some(role), email: None };
        let listed = db.list(&filter, page).await.unwrap();
        assert_eq!(listed.items.len(), if both.contains(role) { 11 } else { 10 });
        assert!(listed.items.iter().all(|user| user.roles.contains(role)));
        assert!(listed.items.is_sorted_by(|newer, older| newer.id > older.id));
        let filter = UserFilter { role: Some(role), email: Some(email_of("MINA@example.com")) };
        let found = db.list(&filter, page).await.unwrap();
        assert_eq!(found.items, if both.contains(role) { vec![mina.clone()] } else { vec![] });
        assert_eq!(found.next_cursor, None);
        let after = PageRequest { before: Some(mina.id.0), ..page };
        assert!(db.list(&filter, after).await.unwrap().items.is_empty());
    }
}

/// Pages of these sizes, over and over, while users keep registering: who was there at the start is seen exactly once,
/// newest first.
pub(crate) async fn paging_sees_everybody_once_while_others_register(
    db: Arc<dyn UserStore>,
    users: usize,
    sizes: &[usize],
    role: Option<Role>,
) {
    let ids = new_ids();
    let mut expected = Vec::new();
    for n in 0..users {
        let roles = if n % 3 == 0 { ADMIN } else { USER };
        let user = create_user(&*db, new_user(&ids, &format!("user{n}@example.com"), roles)).await;
        if role.is_none_or(|role| roles.contains(role)) {
            expected.push(user.id);
        }
    }
    expected.reverse();
    let filter = UserFilter { role, email: None };
    let (mut seen, mut before) = (Vec::new(), None);
    for (turn, limit) in sizes.iter().cycle().enumerate() {
        let page = db.list(&filter, PageRequest { limit: *limit, before }).await.unwrap();
        assert!(page.items.len() <= *limit);
        seen.extend(page.items.iter().map(|user| user.id));
        create_user(&*db, new_user(&ids, &format!("late{turn}@example.com"), ADMIN)).await;
        match page.next_cursor {
            Some(cursor) => before = Some(cursor.parse().unwrap()),
            None => break,
        }
    }
    let distinct: HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len());
    assert_eq!(seen, expected);
}
