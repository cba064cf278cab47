use std::sync::Arc;

use domain::{ObjectId, Timestamp, UserId};

use crate::{
    refresh_token::RefreshToken,
    store::{RefreshRow, RefreshTokenStore, Rotated, Rotation},
};

const USER: UserId = UserId(ObjectId::from_bytes([9; 12]));

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_750_000_000_000).plus_seconds(seconds)
}

fn row(token: &RefreshToken) -> RefreshRow {
    RefreshRow {
        id: ObjectId::from_bytes(std::array::from_fn(|_| rand::random())),
        user: token.user(),
        token: token.fingerprint(),
        expires_at: at(100),
        created_at: at(0),
        updated_at: at(0),
    }
}

fn rotation(presented: &RefreshToken, next: &RefreshToken, seconds: i64) -> Rotation {
    Rotation {
        user: presented.user(),
        presented: presented.fingerprint(),
        next: next.fingerprint().hash,
        expires_at: at(seconds + 100),
        now: at(seconds),
    }
}

pub(crate) async fn a_rotation_replaces_the_hash_and_keeps_the_rest(db: Arc<dyn RefreshTokenStore>) {
    let token = RefreshToken::begin(USER);
    let next = token.next();
    let stored = row(&token);
    db.put(stored.clone()).await.unwrap();
    assert_eq!(db.find(USER).await.unwrap(), Some(stored.clone()));
    assert_eq!(db.rotate(&rotation(&token, &next, 5)).await.unwrap(), Rotated::Rotated);
    let expected = RefreshRow { token: next.fingerprint(), expires_at: at(105), updated_at: at(5), ..stored };
    assert_eq!(db.find(USER).await.unwrap(), Some(expected));
}

pub(crate) async fn a_token_that_was_rotated_away_deletes_the_row(db: Arc<dyn RefreshTokenStore>) {
    let token = RefreshToken::begin(USER);
    let next = token.next();
    db.put(row(&token)).await.unwrap();
    db.rotate(&rotation(&token, &next, 1)).await.unwrap();
    assert_eq!(db.rotate(&rotation(&token, &token.next(), 2)).await.unwrap(), Rotated::Reused);
    assert_eq!(db.find(USER).await.unwrap(), None);
    assert_eq!(db.rotate(&rotation(&next, &next.next(), 3)).await.unwrap(), Rotated::Unknown);
}

pub(crate) async fn an_earlier_logins_token_is_unknown_and_changes_nothing(db: Arc<dyn RefreshTokenStore>) {
    let (earlier, token) = (RefreshToken::begin(USER), RefreshToken::begin(USER));
    assert_eq!(db.rotate(&rotation(&earlier, &earlier.next(), 1)).await.unwrap(), Rotated::Unknown);
    db.put(row(&earlier)).await.unwrap();
    db.put(row(&token)).await.unwrap();
    assert_eq!(db.rotate(&rotation(&earlier, &earlier.next(), 1)).await.unwrap(), Rotated::Unknown);
    assert_eq!(db.find(USER).await.unwrap().map(|row| row.token), Some(token.fingerprint()));
}

pub(crate) async fn an_expired_token_is_told_apart(db: Arc<dyn RefreshTokenStore>) {
    let token = RefreshToken::begin(USER);
    db.put(row(&token)).await.unwrap();
    assert_eq!(db.rotate(&rotation(&token, &token.next(), 100)).await.unwrap(), Rotated::Expired);
    assert_eq!(db.rotate(&rotation(&token, &token.next(), 99)).await.unwrap(), Rotated::Rotated);
}

pub(crate) async fn deleting_can_be_tied_to_a_hash(db: Arc<dyn RefreshTokenStore>) {
    let (one, two) = (RefreshToken::begin(USER), RefreshToken::begin(USER));
    db.put(row(&one)).await.unwrap();
    db.delete_if(USER, &two.fingerprint().hash).await.unwrap();
    assert!(db.find(USER).await.unwrap().is_some());
    db.delete_if(USER, &one.fingerprint().hash).await.unwrap();
    assert_eq!(db.find(USER).await.unwrap(), None);
    db.put(row(&two)).await.unwrap();
    db.delete(USER).await.unwrap();
    db.delete(USER).await.unwrap();
    assert_eq!(db.find(USER).await.unwrap(), None);
}

pub(crate) async fn of_many_rotations_with_one_token_exactly_one_succeeds(db: Arc<dyn RefreshTokenStore>) {
    for _ in 0..10 {
        let token = RefreshToken::begin(USER);
        db.put(row(&token)).await.unwrap();
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (db, token) = (Arc::clone(&db), token.clone());
                tokio::spawn(async move { db.rotate(&rotation(&token, &token.next(), 1)).await.unwrap() })
            })
            .collect();
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap());
        }
        let count = |outcome| outcomes.iter().filter(|seen| **seen == outcome).count();
        assert_eq!((count(Rotated::Rotated), count(Rotated::Reused)), (1, 1), "{outcomes:?}");
        assert_eq!(db.find(USER).await.unwrap(), None);
    }
}

pub(crate) async fn of_many_logins_at_once_one_row_is_left(db: Arc<dyn RefreshTokenStore>) {
    let tokens: Vec<_> = (0..100).map(|_| RefreshToken::begin(USER)).collect();
    let tasks: Vec<_> = tokens
        .iter()
        .map(|token| {
            let (db, row) = (Arc::clone(&db), row(token));
            tokio::spawn(async move { db.put(row).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut usable = 0;
    for token in &tokens {
        usable +=
            usize::from(db.rotate(&rotation(token, &token.next(), 1)).await.unwrap() == Rotated::Rotated);
    }
    assert_eq!(usable, 1);
}
