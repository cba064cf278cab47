use std::sync::Arc;

use domain::{ObjectId, RandomSource, Timestamp, UserId};

use crate::{
    refresh_token::RefreshToken,
    store::{RefreshRow, RefreshTokenStore, RotationOutcome, TokenRotation},
    test_app::{new_token, successor_of},
};

const USER: UserId = UserId(ObjectId::from_bytes([9; 12]));
/// For how long a rotation can be repeated, in seconds.
const GRACE: i64 = 10;

fn time_at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_750_000_000_000).plus_seconds(seconds)
}

fn row_of(token: &RefreshToken) -> RefreshRow {
    RefreshRow {
        id: ObjectId::from_bytes(RandomSource::new().bytes()),
        user: token.user(),
        token: token.fingerprint(),
        previous: None,
        expires_at: time_at(100),
        created_at: time_at(0),
        updated_at: time_at(0),
    }
}

fn rotation_of(presented: &RefreshToken, seconds: i64) -> TokenRotation {
    TokenRotation {
        user: presented.user(),
        presented: presented.fingerprint(),
        next: successor_of(presented).fingerprint().hash,
        expires_at: time_at(seconds + 100),
        now: time_at(seconds),
        repeatable_since: time_at(seconds - GRACE),
    }
}

async fn rotate_at(db: &dyn RefreshTokenStore, presented: &RefreshToken, seconds: i64) -> RotationOutcome {
    db.rotate(&rotation_of(presented, seconds)).await.unwrap()
}

async fn held_row(db: &dyn RefreshTokenStore) -> Option<RefreshRow> {
    let held = db.find(USER).await.unwrap();
    assert_eq!(db.find_confirmed(USER).await.unwrap(), held);
    // The `_id` is MongoDB's own affair: see its `put`.
    held.as_ref().map(without_id)
}

fn without_id(row: &RefreshRow) -> RefreshRow {
    RefreshRow { id: ObjectId::from_bytes([0; 12]), ..row.clone() }
}

pub(crate) async fn a_rotation_replaces_the_hash_and_keeps_the_rest(db: Arc<dyn RefreshTokenStore>) {
    let token = new_token(USER);
    let stored = row_of(&token);
    assert_eq!(db.put(stored.clone()).await.unwrap(), None);
    assert_eq!(db.find(USER).await.unwrap(), Some(stored.clone()));
    assert_eq!(rotate_at(&*db, &token, 5).await, RotationOutcome::Rotated);
    let expected = RefreshRow {
        token: successor_of(&token).fingerprint(),
        previous: Some(token.fingerprint().hash),
        expires_at: time_at(105),
        updated_at: time_at(5),
        ..stored
    };
    assert_eq!(db.find(USER).await.unwrap(), Some(expected));
}

pub(crate) async fn a_token_that_was_rotated_away_deletes_the_row(db: Arc<dyn RefreshTokenStore>) {
    let token = new_token(USER);
    let next = successor_of(&token);
    db.put(row_of(&token)).await.unwrap();
    rotate_at(&*db, &token, 1).await;
    assert_eq!(rotate_at(&*db, &token, 1 + GRACE).await, RotationOutcome::Reused);
    assert_eq!(db.find(USER).await.unwrap(), None);
    assert_eq!(rotate_at(&*db, &next, 3).await, RotationOutcome::Unknown);
}

pub(crate) async fn a_rotation_can_be_repeated_within_the_grace_until_the_successor_is_used(
    db: Arc<dyn RefreshTokenStore>,
) {
    let token = new_token(USER);
    let next = successor_of(&token);
    db.put(row_of(&token)).await.unwrap();
    assert_eq!(rotate_at(&*db, &token, 1).await, RotationOutcome::Rotated);
    let rotated = held_row(&*db).await;
    for _ in 0..2 {
        assert_eq!(rotate_at(&*db, &token, GRACE).await, RotationOutcome::Repeated);
        assert_eq!(held_row(&*db).await, rotated, "nothing was changed");
    }
    assert_eq!(rotate_at(&*db, &next, GRACE).await, RotationOutcome::Rotated);
    assert_eq!(rotate_at(&*db, &token, GRACE).await, RotationOutcome::Reused);
    assert_eq!(held_row(&*db).await, None);
}

pub(crate) async fn without_a_grace_no_rotation_can_be_repeated(db: Arc<dyn RefreshTokenStore>) {
    let token = new_token(USER);
    db.put(row_of(&token)).await.unwrap();
    let rotation = TokenRotation { repeatable_since: time_at(1), ..rotation_of(&token, 1) };
    assert_eq!(db.rotate(&rotation).await.unwrap(), RotationOutcome::Rotated);
    assert_eq!(db.rotate(&rotation).await.unwrap(), RotationOutcome::Reused);
}

pub(crate) async fn an_earlier_logins_token_is_unknown_and_changes_nothing(db: Arc<dyn RefreshTokenStore>) {
    let (earlier, token) = (new_token(USER), new_token(USER));
    assert_eq!(rotate_at(&*db, &earlier, 1).await, RotationOutcome::Unknown);
    db.put(row_of(&earlier)).await.unwrap();
    db.put(row_of(&token)).await.unwrap();
    assert_eq!(rotate_at(&*db, &earlier, 1).await, RotationOutcome::Unknown);
    assert_eq!(db.find(USER).await.unwrap().map(|row| row.token), Some(token.fingerprint()));
}

pub(crate) async fn an_expired_token_is_told_apart(db: Arc<dyn RefreshTokenStore>) {
    let token = new_token(USER);
    db.put(row_of(&token)).await.unwrap();
    assert_eq!(rotate_at(&*db, &token, 100).await, RotationOutcome::Expired);
    assert_eq!(rotate_at(&*db, &token, 99).await, RotationOutcome::Rotated);
}

pub(crate) async fn a_row_gives_its_place_back_only_while_it_holds_it(db: Arc<dyn RefreshTokenStore>) {
    let (one, two) = (new_token(USER), new_token(USER));
    db.put(row_of(&one)).await.unwrap();
    rotate_at(&*db, &one, 1).await;
    let rotated = db.find(USER).await.unwrap().unwrap();
    let displaced = db.put(row_of(&two)).await.unwrap();
    assert_eq!(displaced.as_ref().map(without_id), Some(without_id(&rotated)));
    // Whoever has rotated it since keeps it.
    rotate_at(&*db, &two, 2).await;
    let held = held_row(&*db).await;
    assert_eq!(held.as_ref().unwrap().token, successor_of(&two).fingerprint());
    db.take_back(USER, &two.fingerprint().hash, displaced.clone()).await.unwrap();
    db.take_back(USER, &two.fingerprint().hash, None).await.unwrap();
    assert_eq!(held_row(&*db).await, held);
    let current = successor_of(&two).fingerprint().hash;
    db.take_back(USER, &current, displaced).await.unwrap();
    assert_eq!(held_row(&*db).await, Some(without_id(&rotated)), "with all that belongs to it");
    db.take_back(USER, &rotated.token.hash, None).await.unwrap();
    assert_eq!(held_row(&*db).await, None);
    db.take_back(USER, &current, Some(rotated)).await.unwrap();
    assert_eq!(held_row(&*db).await, None, "a session that was ended does not come back");
}

pub(crate) async fn deleting_can_be_tied_to_a_family(db: Arc<dyn RefreshTokenStore>) {
    let (one, two) = (new_token(USER), new_token(USER));
    db.put(row_of(&one)).await.unwrap();
    rotate_at(&*db, &one, 1).await;
    db.delete_family(USER, &two.fingerprint().family).await.unwrap();
    assert!(db.find(USER).await.unwrap().is_some());
    db.delete_family(USER, &one.fingerprint().family).await.unwrap();
    assert_eq!(db.find(USER).await.unwrap(), None);
    db.put(row_of(&two)).await.unwrap();
    db.delete(USER).await.unwrap();
    db.delete(USER).await.unwrap();
    assert_eq!(db.find(USER).await.unwrap(), None);
}

pub(crate) async fn of_many_rotations_with_one_token_one_rotates_and_the_others_repeat(
    db: Arc<dyn RefreshTokenStore>,
) {
    for _ in 0..10 {
        let token = new_token(USER);
        db.put(row_of(&token)).await.unwrap();
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (db, token) = (Arc::clone(&db), token.clone());
                tokio::spawn(async move { rotate_at(&*db, &token, 1).await })
            })
            .collect();
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.await.unwrap());
        }
        let count = |outcome| outcomes.iter().filter(|seen| **seen == outcome).count();
        assert_eq!(
            (count(RotationOutcome::Rotated), count(RotationOutcome::Repeated)),
            (1, 49),
            "{outcomes:?}"
        );
        let held = db.find(USER).await.unwrap().unwrap();
        assert_eq!(held.token, successor_of(&token).fingerprint());
    }
}

/// Each put displaces the row of another, and none is displaced twice.
pub(crate) async fn of_many_logins_at_once_one_row_is_left(db: Arc<dyn RefreshTokenStore>) {
    let tokens: Vec<_> = (0..100).map(|_| new_token(USER)).collect();
    let tasks: Vec<_> = tokens
        .iter()
        .map(|token| {
            let (db, row) = (Arc::clone(&db), row_of(token));
            tokio::spawn(async move { db.put(row).await.unwrap() })
        })
        .collect();
    let mut gone = Vec::new();
    for task in tasks {
        gone.extend(task.await.unwrap().map(|row| row.token.hash.as_str().to_owned()));
    }
    gone.extend(db.find(USER).await.unwrap().map(|row| row.token.hash.as_str().to_owned()));
    gone.sort_unstable();
    let mut expected: Vec<_> =
        tokens.iter().map(|token| token.fingerprint().hash.as_str().to_owned()).collect();
    expected.sort_unstable();
    assert_eq!(gone, expected);
}
