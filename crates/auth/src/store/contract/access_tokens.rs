use std::sync::Arc;

use domain::{ObjectId, Timestamp, UserId};
use service_kit::access_token::{ACCESS_TOKEN_SECONDS, IssuedToken};

use crate::store::AccessTokenStore;

pub(crate) fn issued_token(user: u8, token: &str, at: Timestamp) -> (UserId, IssuedToken) {
    let expires_at = at.plus_seconds(ACCESS_TOKEN_SECONDS);
    let token = IssuedToken { token: token.to_owned(), issued_at: at, expires_at };
    (UserId(ObjectId::from_bytes([user; 12])), token)
}

fn test_time() -> Timestamp {
    "2026-05-01T09:00:00Z".parse().unwrap()
}

pub(crate) async fn only_the_latest_token_of_a_user_counts(db: &dyn AccessTokenStore) {
    let (mina, first) = issued_token(1, "first", test_time());
    let (_, second) = issued_token(1, "second", test_time());
    let (jun, other) = issued_token(2, "other", test_time());
    for (user, token) in [(mina, &first), (jun, &other), (mina, &second)] {
        db.put(user, token).await.unwrap();
    }
    let asked = [(mina, "first"), (mina, "second"), (jun, "other"), (jun, "second"), (mina, "")];
    let asked: Vec<_> = asked.into_iter().map(|(user, token)| (user, token.to_owned())).collect();
    assert_eq!(db.check_many(&asked).await.unwrap(), [false, true, true, false, false]);
    assert_eq!(db.check_many(&[]).await.unwrap(), [false; 0]);
    db.remove(mina).await.unwrap();
    db.remove(mina).await.unwrap();
    assert_eq!(db.check_many(&asked).await.unwrap(), [false, false, true, false, false]);
}

pub(crate) async fn what_was_displaced_is_told_and_can_be_put_back(
    db: &dyn AccessTokenStore,
    now: Timestamp,
) {
    let (mina, first) = issued_token(1, "first", now);
    let (_, second) = issued_token(1, "second", now);
    assert!(db.put(mina, &first).await.unwrap().is_none());
    let displaced = db.put(mina, &second).await.unwrap().unwrap();
    assert_eq!((displaced.token.as_str(), displaced.issued_at), ("first", first.issued_at));
    assert_eq!(displaced.expires_at, first.expires_at);
    // Only from whoever holds the place.
    db.take_back(mina, "third", Some(&first)).await.unwrap();
    assert_eq!(valid_among(db, mina, &["first", "second"]).await, ["second"]);
    db.take_back(mina, "second", Some(&displaced)).await.unwrap();
    assert_eq!(valid_among(db, mina, &["first", "second"]).await, ["first"]);
    db.take_back(mina, "first", None).await.unwrap();
    assert!(valid_among(db, mina, &["first", "second"]).await.is_empty());
    db.take_back(mina, "first", Some(&first)).await.unwrap();
    assert!(valid_among(db, mina, &["first"]).await.is_empty(), "what was removed does not come back");
}

pub(crate) async fn what_was_removed_is_told_and_can_be_given_back(
    db: &dyn AccessTokenStore,
    now: Timestamp,
) {
    let (mina, first) = issued_token(1, "first", now);
    let (_, second) = issued_token(1, "second", now);
    assert!(db.remove(mina).await.unwrap().is_none());
    db.put(mina, &first).await.unwrap();
    let removed = db.remove(mina).await.unwrap().unwrap();
    assert_eq!(removed.token, "first");
    db.give_back(mina, &removed).await.unwrap();
    assert_eq!(valid_among(db, mina, &["first"]).await, ["first"]);
    db.remove(mina).await.unwrap();
    db.put(mina, &second).await.unwrap();
    db.give_back(mina, &removed).await.unwrap();
    assert_eq!(valid_among(db, mina, &["first", "second"]).await, ["second"], "a later one stays");
}

async fn valid_among<'t>(db: &dyn AccessTokenStore, user: UserId, tokens: &[&'t str]) -> Vec<&'t str> {
    let asked: Vec<_> = tokens.iter().map(|token| (user, (*token).to_owned())).collect();
    let answers = db.check_many(&asked).await.unwrap();
    tokens.iter().zip(answers).filter_map(|(token, valid)| valid.then_some(*token)).collect()
}

pub(crate) async fn removing_ones_own_token_never_removes_a_later_one(db: Arc<dyn AccessTokenStore>) {
    let user = issued_token(1, "", test_time()).0;
    let tasks: Vec<_> = (0..300)
        .map(|n| {
            let db = Arc::clone(&db);
            tokio::spawn(async move {
                let (_, token) = issued_token(1, &format!("token {n}"), test_time());
                db.put(user, &token).await.unwrap();
                // Everybody but one takes its token back.
                if n != 137 {
                    db.take_back(user, &token.token, None).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (_, last) = issued_token(1, "last", test_time());
    db.put(user, &last).await.unwrap();
    db.take_back(user, "token 137", None).await.unwrap();
    assert_eq!(db.check_many(&[(user, "last".to_owned())]).await.unwrap(), [true]);
}
