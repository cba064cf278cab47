use std::{collections::HashSet, sync::Arc};

use domain::{
    ApiKey, ApiKeyId, ApiKeyScope, ApiKeyScopeSet, IdGenerator, ObjectId, RandomSource, SystemClock,
    Timestamp, UserId,
};
use service_kit::{
    api_key::{ApiKeyHash, ApiKeyToken},
    page::PageRequest,
};

use super::stamp_now;
use crate::store::{ApiKeyRecord, ApiKeyStore, ApiKeyTransfer};

/// Keys of all kinds, in the order of their ids.
pub(crate) fn sample_keys(count: usize) -> Vec<ApiKeyRecord> {
    let (ids, random) = (IdGenerator::new(Arc::new(SystemClock)), RandomSource::new());
    let record = |number: usize| {
        let minted = ids.mint();
        let kind = number % 3;
        let key = ApiKey {
            id: ApiKeyId(minted.id),
            name: format!("상점 {number}"),
            scopes: match kind {
                0 => ApiKeyScopeSet::from_scopes(&ApiKeyScope::ALL),
                _ => ApiKeyScopeSet::from_scopes(&[ApiKeyScope::ALL[number % ApiKeyScope::ALL.len()]]),
            },
            created_by: UserId(ids.mint().id),
            created_at: minted.at,
            expires_at: (kind == 1).then(|| minted.at.plus_seconds(60)),
            last_used_at: (kind == 2).then(|| minted.at.plus_seconds(120)),
        };
        ApiKeyRecord { key, hash: ApiKeyToken::from_random(&random).hash() }
    };
    (0..count).map(record).collect()
}

async fn create_all(db: &dyn ApiKeyStore, keys: &[ApiKeyRecord]) {
    for record in keys {
        db.create_key(record.clone(), stamp_now()).await.unwrap();
    }
}

async fn list_all(db: &dyn ApiKeyStore, limit: usize) -> Vec<ApiKey> {
    let mut page = PageRequest { limit, before: None };
    let mut listed = Vec::new();
    loop {
        let found = db.list_keys(page).await.unwrap();
        assert!(found.items.len() <= limit);
        listed.extend(found.items);
        let Some(cursor) = found.next_cursor else { return listed };
        page.before = Some(cursor.parse().unwrap());
    }
}

async fn find_one(db: &dyn ApiKeyStore, hash: ApiKeyHash) -> Option<ApiKey> {
    db.find_keys(&[hash]).await.unwrap().remove(0)
}

pub(crate) async fn keys_are_found_by_their_hashes_one_answer_for_each_in_order(db: Arc<dyn ApiKeyStore>) {
    assert!(db.find_keys(&[]).await.unwrap().is_empty());
    let keys = sample_keys(7);
    let unknown = sample_keys(1)[0].hash;
    assert_eq!(find_one(&*db, unknown).await, None);
    create_all(&*db, &keys).await;
    let order = [3, 0, 6, 3, 5];
    let mut asked: Vec<_> = order.iter().map(|place| keys[*place].hash).collect();
    asked.insert(2, unknown);
    let found = db.find_keys(&asked).await.unwrap();
    let mut expected: Vec<_> = order.iter().map(|place| Some(keys[*place].key.clone())).collect();
    expected.insert(2, None);
    assert_eq!(found, expected);
    // As many as the gateway may ask for at once.
    let many: Vec<_> = keys.iter().map(|record| record.hash).cycle().take(1024).collect();
    let found = db.find_keys(&many).await.unwrap();
    assert!(found.iter().zip(keys.iter().cycle()).all(|(found, record)| found.as_ref() == Some(&record.key)));
}

pub(crate) async fn keys_are_listed_newest_first_page_by_page(db: Arc<dyn ApiKeyStore>) {
    assert!(list_all(&*db, 5).await.is_empty());
    let keys = sample_keys(11);
    create_all(&*db, &keys).await;
    let newest_first: Vec<_> = keys.iter().rev().map(|record| record.key.clone()).collect();
    for limit in [1, 4, 11, 100] {
        assert_eq!(list_all(&*db, limit).await, newest_first);
    }
}

pub(crate) async fn of_many_who_delete_a_key_one_has_and_it_is_gone_at_once(db: Arc<dyn ApiKeyStore>) {
    let keys = sample_keys(3);
    create_all(&*db, &keys).await;
    let (gone, id) = (keys[1].hash, keys[1].key.id);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let db = Arc::clone(&db);
            tokio::spawn(async move {
                let deleted = db.delete_key(id, stamp_now()).await.unwrap();
                (deleted, find_one(&*db, gone).await)
            })
        })
        .collect();
    let mut deleted = 0;
    for task in tasks {
        let (has_deleted, found) = task.await.unwrap();
        assert_eq!(found, None, "a look-up after a deletion finds nothing, whoever deleted");
        deleted += usize::from(has_deleted);
    }
    assert_eq!(deleted, 1);
    assert!(!db.delete_key(id, stamp_now()).await.unwrap());
    assert_eq!(list_all(&*db, 100).await, [keys[2].key.clone(), keys[0].key.clone()]);
}

pub(crate) async fn the_latest_use_stays_whoever_notes_it_last(db: Arc<dyn ApiKeyStore>) {
    let keys = sample_keys(4);
    create_all(&*db, &keys).await;
    let ids: Vec<_> = keys.iter().map(|record| record.key.id).collect();
    let minute = |number: i64| Timestamp::from_millis(4_000_000_000_000 + number * 60_000);
    let tasks: Vec<_> = (0..30)
        .map(|number| {
            let db = Arc::clone(&db);
            let mut noted = ids[..3].to_vec();
            noted.rotate_left(usize::try_from(number).unwrap() % 3);
            tokio::spawn(async move { db.note_key_uses(&noted, minute(number)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    db.note_key_uses(&ids[..3], minute(7)).await.unwrap();
    db.note_key_uses(&[], minute(99)).await.unwrap();
    let found = db.find_keys(&keys.iter().map(|record| record.hash).collect::<Vec<_>>()).await.unwrap();
    for (found, record) in found.into_iter().zip(&keys).take(3) {
        assert_eq!(found, Some(ApiKey { last_used_at: Some(minute(29)), ..record.key.clone() }));
    }
    assert_eq!(find_one(&*db, keys[3].hash).await.as_ref(), Some(&keys[3].key));
}

pub(crate) async fn a_use_that_is_noted_while_its_key_is_deleted_brings_nothing_back(
    db: Arc<dyn ApiKeyStore>,
) {
    let keys = sample_keys(20);
    create_all(&*db, &keys).await;
    let at = Timestamp::from_millis(4_000_000_000_000);
    for record in &keys {
        let id = record.key.id;
        let used = [id];
        let (noted, deleted) = tokio::join!(db.note_key_uses(&used, at), db.delete_key(id, stamp_now()));
        noted.unwrap();
        assert!(deleted.unwrap());
        db.note_key_uses(&[id], at).await.unwrap();
        assert_eq!(find_one(&*db, record.hash).await, None);
    }
    assert!(list_all(&*db, 100).await.is_empty());
}

pub(crate) async fn of_keys_made_at_once_each_is_stored(db: Arc<dyn ApiKeyStore>) {
    let keys = sample_keys(50);
    let tasks: Vec<_> = keys
        .iter()
        .cloned()
        .map(|record| {
            let db = Arc::clone(&db);
            tokio::spawn(async move { db.create_key(record, stamp_now()).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let listed: HashSet<_> = list_all(&*db, 7).await.into_iter().map(|key| key.id).collect();
    assert_eq!(listed, keys.iter().map(|record| record.key.id).collect());
}

async fn export_after(
    db: &dyn ApiKeyTransfer,
    mut after: Option<ObjectId>,
    step: usize,
) -> Vec<ApiKeyRecord> {
    let mut all = Vec::new();
    loop {
        let rows = db.export_keys(after, step).await.unwrap();
        let is_last = rows.len() < step;
        all.extend(rows.into_iter().map(|row| row.value.unwrap()));
        if is_last {
            return all;
        }
        after = all.last().map(|record| record.key.id.0);
    }
}

pub(crate) async fn keys_are_moved_whole_and_count_where_they_have_come_to<T>(db: Arc<T>)
where
    T: ApiKeyStore + ApiKeyTransfer,
{
    assert!(export_after(&*db, None, 10).await.is_empty());
    db.import_keys(Vec::new()).await.unwrap();
    let keys = sample_keys(25);
    let some: Vec<_> = keys.iter().step_by(2).cloned().collect();
    for part in [&some, &keys, &keys] {
        db.import_keys(part.clone()).await.unwrap();
    }
    assert_eq!(export_after(&*db, None, 10).await, keys);
    assert_eq!(export_after(&*db, Some(keys[6].key.id.0), 4).await, keys[7..]);
    let mut changed = keys[3].clone();
    changed.key.name = "another".to_owned();
    db.import_keys(vec![changed]).await.unwrap();
    assert_eq!(export_after(&*db, None, 1000).await, keys);
    assert_eq!(find_one(&*db, keys[3].hash).await.as_ref(), Some(&keys[3].key));
}

/// For adapters, which damage the third of five keys by their own means.
pub(crate) async fn a_damaged_key_is_left_out<T>(db: &T, keys: &[ApiKeyRecord])
where
    T: ApiKeyStore + ApiKeyTransfer,
{
    let readable: Vec<_> = [4, 3, 1, 0].map(|place: usize| keys[place].key.clone()).into();
    assert_eq!(list_all(db, 2).await, readable);
    let found = db.find_keys(&keys.iter().map(|record| record.hash).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(found.into_iter().flatten().count(), 4);
    let rows = db.export_keys(None, 10).await.unwrap();
    assert_eq!((rows.len(), rows.iter().filter(|row| row.value.is_ok()).count()), (5, 4));
}
