use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use domain::{ApiKeyScope, AuditActor, ChangeAuthor, Role, RoleSet};
use http::request::Parts;

use crate::{
    identity::{Caller, Identity, KeyCaller, Subject, UserOrKey},
    observe::CorrelationId,
    problem::{Problem, ProblemCode},
};

/// Anybody who is logged in.
#[derive(Debug, Clone, Copy)]
pub struct LoggedIn(pub Caller);

impl<S: Sync> FromRequestParts<S> for LoggedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Identity>() {
            Some(Identity::User(caller)) => Ok(Self(*caller)),
            Some(Identity::ApiKey(_)) => Err(Problem::keys_refused()),
            _ => Err(Problem::new(ProblemCode::Unauthenticated)),
        }
    }
}

/// The gateway itself, for routes that are not public.
#[derive(Debug, Clone, Copy)]
pub struct FromGateway;

impl<S: Sync> FromRequestParts<S> for FromGateway {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Identity>() {
            Some(Identity::Gateway) => Ok(Self),
            _ => Err(Problem::new(ProblemCode::Forbidden)),
        }
    }
}

macro_rules! caller_with_role {
    ($(#[$doc:meta])* $name:ident, $roles:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(pub Caller);

        impl<S: Sync> FromRequestParts<S> for $name {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let LoggedIn(caller) = LoggedIn::from_request_parts(parts, state).await?;
                if caller.roles.intersects($roles) {
                    Ok(Self(caller))
                } else {
                    Err(Problem::new(ProblemCode::Forbidden))
                }
            }
        }
    };
}

caller_with_role!(
    /// A caller who may claim: USER.
    Claimant,
    RoleSet::from_roles(&[Role::User])
);
caller_with_role!(
    /// A caller who defines events and decides requests: OPERATOR or ADMIN.
    Operator,
    RoleSet::from_roles(&[Role::Operator, Role::Admin])
);
caller_with_role!(
    /// A caller who works for the operators of the platform: OPERATOR, AUDITOR or ADMIN.
    Staff,
    RoleSet::STAFF
);
caller_with_role!(
    /// A caller who oversees what others do: AUDITOR or ADMIN.
    Auditor,
    RoleSet::AUDITORS
);
caller_with_role!(
    /// A caller who may change users: ADMIN.
    Admin,
    RoleSet::from_roles(&[Role::Admin])
);

/// A scope as a type, so that a handler's arguments say which one a key needs. The types are in [`scope`].
pub trait KeyScope: Send + Sync {
    /// The scope.
    const SCOPE: ApiKeyScope;
}

/// Each scope as a type.
pub mod scope {
    use super::{ApiKeyScope, KeyScope};

    macro_rules! scope_types {
        ($($name:ident),+ $(,)?) => {
            $(
                #[doc = concat!("[`ApiKeyScope::", stringify!($name), "`].")]
                #[derive(Debug, Clone, Copy)]
                pub struct $name;

                impl KeyScope for $name {
                    const SCOPE: ApiKeyScope = ApiKeyScope::$name;
                }
            )+
        };
    }

    scope_types!(
        ActivitiesWrite,
        AttributesWrite,
        EventsRead,
        RequestsRead,
        RequestsWrite,
        RequestsDecide,
        GrantsRead,
        UsersRead,
    );
}

/// A server whose key has this scope.
#[derive(Debug, Clone, Copy)]
pub struct KeyWith<K>(pub KeyCaller, pub PhantomData<K>);

impl<K: KeyScope, S: Sync> FromRequestParts<S> for KeyWith<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Identity>() {
            Some(Identity::ApiKey(key)) if key.may(K::SCOPE) => Ok(Self(*key, PhantomData)),
            Some(Identity::ApiKey(_)) => Err(Problem::scope_needed(K::SCOPE)),
            Some(Identity::User(_)) => Err(Problem::new(ProblemCode::Forbidden)),
            _ => Err(Problem::new(ProblemCode::Unauthenticated)),
        }
    }
}

macro_rules! user_or_key {
    ($(#[$doc:meta])* $name:ident, $user:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name<K>(pub UserOrKey, pub PhantomData<K>);

        impl<K: KeyScope, S: Sync> FromRequestParts<S> for $name<K> {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
                let caller = if let Some(Identity::ApiKey(_)) = parts.extensions.get() {
                    UserOrKey::Key(KeyWith::<K>::from_request_parts(parts, state).await?.0)
                } else {
                    UserOrKey::User($user::from_request_parts(parts, state).await?.0)
                };
                Ok(Self(caller, PhantomData))
            }
        }
    };
}

user_or_key!(
    /// Anybody who is logged in, or a server whose key has this scope.
    LoggedInOrKey,
    LoggedIn
);
user_or_key!(
    /// A caller who may claim, or a server whose key has this scope.
    ClaimantOrKey,
    Claimant
);
user_or_key!(
    /// A caller who decides requests, or a server whose key has this scope.
    OperatorOrKey,
    Operator
);

/// The user whom a request is about, if the gateway has looked one up: on routes that its table says are
/// about a user, for keys and staff who name one.
#[derive(Debug, Clone, Copy)]
pub struct NamedSubject(pub Option<Caller>);

impl<S: Sync> FromRequestParts<S> for NamedSubject {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(parts.extensions.get().map(|Subject(user)| *user)))
    }
}

/// On whose account a request changes something, for the audit log. It says nothing of what they may: that is
/// for the extractor beside it.
#[derive(Debug, Clone)]
pub struct ChangedBy(pub ChangeAuthor);

impl<S: Sync> FromRequestParts<S> for ChangedBy {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let actor = match parts.extensions.get::<Identity>() {
            Some(Identity::User(caller)) => AuditActor::User(caller.id),
            Some(Identity::ApiKey(key)) => AuditActor::Key(key.id),
            _ => return Err(Problem::new(ProblemCode::Unauthenticated)),
        };
        let request_id = parts.extensions.get().map(|CorrelationId(id)| id.to_string());
        Ok(Self(ChangeAuthor { actor, request_id }))
    }
}

#[cfg(test)]
mod tests {
    use domain::{ApiKeyId, ApiKeyScopeSet, ObjectId, UserId};
    use http::Request;

    use super::{scope::EventsRead, *};

    const ID: ObjectId = ObjectId::from_bytes([7; 12]);

    fn user(roles: &[Role]) -> Identity {
        Identity::User(Caller { id: UserId(ID), roles: RoleSet::from_roles(roles) })
    }

    fn key(scopes: &[ApiKeyScope]) -> Identity {
        Identity::ApiKey(KeyCaller { id: ApiKeyId(ID), scopes: ApiKeyScopeSet::from_scopes(scopes) })
    }

    async fn outcome<T: FromRequestParts<(), Rejection = Problem>>(who: Identity) -> Option<ProblemCode> {
        let mut parts = Request::builder().body(()).unwrap().into_parts().0;
        parts.extensions.insert(who);
        T::from_request_parts(&mut parts, &()).await.err().map(|problem| problem.code())
    }

    #[tokio::test]
    async fn a_key_counts_where_its_scope_is_named_and_nowhere_else() {
        let right = key(&[ApiKeyScope::UsersRead, ApiKeyScope::EventsRead]);
        let wrong = key(&[ApiKeyScope::UsersRead]);
        let forbidden = Some(ProblemCode::Forbidden);
        assert_eq!(outcome::<KeyWith<EventsRead>>(right).await, None);
        assert_eq!(outcome::<LoggedInOrKey<EventsRead>>(right).await, None);
        assert_eq!(outcome::<ClaimantOrKey<EventsRead>>(right).await, None);
        assert_eq!(outcome::<OperatorOrKey<EventsRead>>(right).await, None);
        assert_eq!(outcome::<KeyWith<EventsRead>>(wrong).await, forbidden);
        assert_eq!(outcome::<LoggedInOrKey<EventsRead>>(wrong).await, forbidden);
        assert_eq!(outcome::<LoggedIn>(right).await, forbidden);
        assert_eq!(outcome::<Admin>(right).await, forbidden);
        assert_eq!(outcome::<FromGateway>(right).await, forbidden);
    }

    #[tokio::test]
    async fn beside_keys_users_count_by_their_roles() {
        let (mina, olga) = (user(&[Role::User]), user(&[Role::Operator]));
        let forbidden = Some(ProblemCode::Forbidden);
        assert_eq!(outcome::<LoggedInOrKey<EventsRead>>(mina).await, None);
        assert_eq!(outcome::<ClaimantOrKey<EventsRead>>(mina).await, None);
        assert_eq!(outcome::<ClaimantOrKey<EventsRead>>(olga).await, forbidden);
        assert_eq!(outcome::<OperatorOrKey<EventsRead>>(olga).await, None);
        assert_eq!(outcome::<OperatorOrKey<EventsRead>>(mina).await, forbidden);
        assert_eq!(outcome::<KeyWith<EventsRead>>(olga).await, forbidden);
        for nobody in [Identity::Anonymous, Identity::Gateway] {
            let unauthenticated = Some(ProblemCode::Unauthenticated);
            assert_eq!(outcome::<LoggedInOrKey<EventsRead>>(nobody).await, unauthenticated);
            assert_eq!(outcome::<KeyWith<EventsRead>>(nobody).await, unauthenticated);
        }
    }

    #[tokio::test]
    async fn a_change_is_put_down_to_who_makes_it_and_to_their_request() {
        for (who, actor) in
            [(user(&[Role::Admin]), AuditActor::User(UserId(ID))), (key(&[]), AuditActor::Key(ApiKeyId(ID)))]
        {
            let mut parts = Request::builder().body(()).unwrap().into_parts().0;
            parts.extensions.insert(who);
            parts.extensions.insert(CorrelationId("r-42".into()));
            let ChangedBy(author) = ChangedBy::from_request_parts(&mut parts, &()).await.unwrap();
            assert_eq!(author, ChangeAuthor { actor, request_id: Some("r-42".to_owned()) });
        }
        for nobody in [Identity::Anonymous, Identity::Gateway] {
            assert_eq!(outcome::<ChangedBy>(nobody).await, Some(ProblemCode::Unauthenticated));
        }
    }

    #[test]
    fn a_key_sees_what_staff_sees_and_is_no_user() {
        let Identity::ApiKey(key) = key(&[]) else { panic!() };
        let server = UserOrKey::Key(key);
        assert!(server.sees_as_staff() && !server.is_user(UserId(ID)));
        let mina = UserOrKey::User(Caller { id: UserId(ID), roles: RoleSet::CLAIMANTS });
        assert!(!mina.sees_as_staff() && mina.is_user(UserId(ID)));
    }
}
