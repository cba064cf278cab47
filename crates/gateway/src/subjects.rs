//! The users whom requests are about: found in the request, looked up in auth.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use domain::{RoleSet, UserId};
use http::Request;
use serde_json::Value;
use service_kit::{
    batch::{Batcher, Limits},
    budget,
    identity::{Caller, Identity, Subject},
    problem::{Problem, ProblemCode},
};

use crate::routes::SubjectPlace;

/// What the user is called whom a request is about, in its body or query.
const USER_ID: &str = "userId";

/// Nobody could say which roles a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("users cannot be looked up at the moment")]
pub struct SubjectsUnavailable;

/// Tells which roles users have.
#[async_trait]
pub trait UserRoles: Send + Sync {
    /// One answer for each user, in order; nothing where there is no such user. Every call asks anew.
    async fn roles_of(&self, users: Vec<UserId>) -> Result<Vec<Option<RoleSet>>, SubjectsUnavailable>;
}

/// Where requests look up whom they are about. Cheap to clone.
#[derive(Clone)]
pub struct SubjectLookup(LookupRoute);

#[derive(Clone)]
enum LookupRoute {
    /// Gathers the questions of many requests into few calls.
    Batched(Batcher<UserId, Result<Option<RoleSet>, SubjectsUnavailable>>),
    /// Asks at once, where auth is in this process.
    Direct(Arc<dyn UserRoles>),
}

impl SubjectLookup {
    const LIMITS: Limits =
        Limits { batch: 512, waiting: 16_384, concurrent: 2, patience: budget::QUEUE_WAIT };

    /// Asks `users` at once, for each request by itself.
    pub fn direct(users: Arc<dyn UserRoles>) -> Self {
        Self(LookupRoute::Direct(users))
    }

    /// Starts gathering for `users`.
    pub fn batched(users: Arc<dyn UserRoles>) -> Self {
        let batcher = Batcher::spawn("subject_lookups", Self::LIMITS, move |asked: Vec<UserId>| {
            let users = Arc::clone(&users);
            async move {
                let count = asked.len();
                match users.roles_of(asked).await {
                    Ok(roles) if roles.len() == count => roles.into_iter().map(Ok).collect(),
                    _ => vec![Err(SubjectsUnavailable); count],
                }
            }
        });
        Self(LookupRoute::Batched(batcher))
    }

    /// The user as auth has them; nothing if there is no such user.
    pub(crate) async fn find(&self, id: UserId) -> Result<Option<Caller>, SubjectsUnavailable> {
        let roles = match &self.0 {
            LookupRoute::Batched(batcher) => batcher.ask(id).await.unwrap_or(Err(SubjectsUnavailable))?,
            LookupRoute::Direct(users) => {
                users.roles_of(vec![id]).await?.first().copied().ok_or(SubjectsUnavailable)?
            }
        };
        Ok(roles.map(|roles| Caller { id, roles }))
    }

    /// Whom a request is about, if it names somebody and its caller may name others: a key or staff. For all
    /// others there is nothing to look up, and what they name must not tell them whether there is such a
    /// user. What is malformed is left to the service, which says so.
    pub(crate) async fn find_subject(
        &self,
        place: SubjectPlace,
        request: &Request<Bytes>,
        identity: Identity,
    ) -> Result<Option<Subject>, Problem> {
        let may_name_others = match identity {
            Identity::ApiKey(_) => true,
            Identity::User(caller) => caller.roles.is_staff(),
            Identity::Anonymous | Identity::Gateway => false,
        };
        let Some(user) = may_name_others.then(|| named_user(place, request)).flatten() else {
            return Ok(None);
        };
        match self.find(user).await {
            Ok(Some(user)) => Ok(Some(Subject(user))),
            Ok(None) => Err(Problem::new(ProblemCode::NotFound).detail("There is no user with this userId")),
            Err(error) => Err(Problem::new(ProblemCode::Unavailable).caused_by(error)),
        }
    }
}

impl std::fmt::Debug for SubjectLookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            LookupRoute::Batched(_) => "SubjectLookup::batched",
            LookupRoute::Direct(_) => "SubjectLookup::direct",
        })
    }
}

/// The user whom a request names, if it names one in a form that can be read.
fn named_user(place: SubjectPlace, request: &Request<Bytes>) -> Option<UserId> {
    match place {
        SubjectPlace::Body => {
            let body: Value = serde_json::from_slice(request.body()).ok()?;
            body.get(USER_ID)?.as_str()?.parse().ok()
        }
        SubjectPlace::Query => {
            let query = request.uri().query()?;
            let named = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == USER_ID);
            named?.1.parse().ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use domain::{ApiKeyId, ApiKeyScopeSet, ObjectId, Role};
    use service_kit::identity::KeyCaller;

    use super::*;

    const MINA: UserId = UserId(ObjectId::from_bytes([7; 12]));
    const NOBODY: UserId = UserId(ObjectId::from_bytes([8; 12]));

    /// Knows Mina alone.
    #[derive(Default)]
    struct MinaAlone {
        asked: AtomicUsize,
        is_down: bool,
    }

    #[async_trait]
    impl UserRoles for MinaAlone {
        async fn roles_of(&self, users: Vec<UserId>) -> Result<Vec<Option<RoleSet>>, SubjectsUnavailable> {
            self.asked.fetch_add(users.len(), Ordering::SeqCst);
            if self.is_down {
                return Err(SubjectsUnavailable);
            }
            Ok(users.into_iter().map(|user| (user == MINA).then_some(RoleSet::CLAIMANTS)).collect())
        }
    }

    fn server() -> Identity {
        let id = ApiKeyId(ObjectId::from_bytes([1; 12]));
        Identity::ApiKey(KeyCaller { id, scopes: ApiKeyScopeSet::EMPTY })
    }

    fn person(role: Role) -> Identity {
        Identity::User(Caller { id: MINA, roles: RoleSet::from_roles(&[role]) })
    }

    fn with_body(body: &str) -> Request<Bytes> {
        Request::post("/events/x/request").body(Bytes::from(body.to_owned())).unwrap()
    }

    fn with_query(query: &str) -> Request<Bytes> {
        Request::get(format!("/events/x/eligibility?{query}")).body(Bytes::new()).unwrap()
    }

    #[tokio::test]
    async fn keys_and_staff_get_whom_they_name_and_others_look_nobody_up() {
        let users = Arc::new(MinaAlone::default());
        for lookup in [
            SubjectLookup::direct(Arc::<MinaAlone>::clone(&users)),
            SubjectLookup::batched(Arc::<MinaAlone>::clone(&users)),
        ] {
            let find = async |identity, user: UserId| {
                let request = with_body(&format!("{{\"userId\": \"{user}\"}}"));
                lookup.find_subject(SubjectPlace::Body, &request, identity).await
            };
            let mina = Subject(Caller { id: MINA, roles: RoleSet::CLAIMANTS });
            for who in [server(), person(Role::Operator), person(Role::Auditor)] {
                assert_eq!(find(who, MINA).await.unwrap(), Some(mina));
                assert_eq!(find(who, NOBODY).await.unwrap_err().code(), ProblemCode::NotFound);
            }
            users.asked.store(0, Ordering::SeqCst);
            for who in [person(Role::User), Identity::Anonymous] {
                assert_eq!(find(who, MINA).await.unwrap(), None);
                assert_eq!(find(who, NOBODY).await.unwrap(), None);
            }
            assert_eq!(users.asked.load(Ordering::SeqCst), 0);
        }
    }

    #[tokio::test]
    async fn an_outage_is_no_unknown_user() {
        let users = Arc::new(MinaAlone { is_down: true, ..MinaAlone::default() });
        let lookup = SubjectLookup::batched(users);
        let query = with_query(&format!("userId={MINA}"));
        let outcome = lookup.find_subject(SubjectPlace::Query, &query, server()).await;
        assert_eq!(outcome.unwrap_err().code(), ProblemCode::Unavailable);
    }

    #[test]
    fn a_user_is_named_in_the_body_or_the_query_and_what_cannot_be_read_names_nobody() {
        let body = |text: &str| named_user(SubjectPlace::Body, &with_body(text));
        assert_eq!(body(&format!("{{\"x\": 1, \"userId\": \"{MINA}\"}}")), Some(MINA));
        for text in ["", "{", "[]", "null", "{}", "{\"userId\": 7}", "{\"userId\": \"mina\"}"] {
            assert_eq!(body(text), None, "{text}");
        }
        let query = |text: &str| named_user(SubjectPlace::Query, &with_query(text));
        assert_eq!(query(&format!("x=1&user%49d={MINA}")), Some(MINA));
        for text in ["", "userId", "userId=", "userId=mina", "x=y"] {
            assert_eq!(query(text), None, "{text}");
        }
    }
}
