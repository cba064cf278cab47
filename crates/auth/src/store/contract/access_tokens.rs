use std::sync::Arc;

use domain::{ObjectId, Timestamp, UserId};
use service_kit::access_token::{ACCESS_TOKEN_SECONDS, IssuedToken};

use crate::store::AccessTokenStore;

pub(crate) fn issued(user: u8, token: &str, at: Timestamp) -> (UserId, IssuedToken) {
    let expires_at = at.plus_seconds(ACCESS_TOKEN_SECONDS);
    let token = IssuedToken { token: token.to_owned(), issued_at: at, expires_at };
    (UserId(ObjectId::from_bytes([user; 12])), token)
}

fn now() -> Timestamp {
    "2026-05-01T09:00:00Z".parse().unwrap()
}

pub(crate) async fn only_the_latest_token_of_a_user_counts(db: &dyn AccessTokenStore) {
    let (mina, first) = issued(1, "first", now());
    let (_, second) = issued(1, "second", now());
    let (jun, other) = issued(2, "other", now());
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

pub(crate) async fn removing_ones_own_token_never_removes_a_later_one(db: Arc<dyn AccessTokenStore>) {
    let user = issued(1, "", now()).0;
    let tasks: Vec<_> = (0..300)
        .map(|n| {
            let db = Arc::clone(&db);
            tokio::spawn(async move {
                let (_, token) = issued(1, &format!("token {n}"), now());
                db.put(user, &token).await.unwrap();
                // Everybody but one takes its token back.
                if n != 137 {
                    db.remove_if(user, &token.token).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (_, last) = issued(1, "last", now());
    db.put(user, &last).await.unwrap();
    db.remove_if(user, "token 137").await.unwrap();
    assert_eq!(db.check_many(&[(user, "last".to_owned())]).await.unwrap(), [true]);
}
