//! Whom a request is about, where it may name somebody else than its caller.

use domain::UserId;

use crate::identity::{Caller, UserOrKey};

/// Who may name somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectRule {
    /// Servers alone: what people do here they do for themselves.
    Keys,
    /// Servers and staff.
    KeysAndStaff,
}

/// Why it is not known whom a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// A server has to name the user: it is none itself.
    #[error("a request with an API key must name a user")]
    Unnamed,
    /// The caller may name themselves alone.
    #[error("the caller may name nobody else")]
    OthersForbidden,
    /// The gateway has let somebody be named without looking them up: its table lacks a line.
    #[error("the gateway has not looked up the user whom the request names")]
    NotLookedUp,
}

/// The user a request is about, with their roles: the caller, unless they name somebody else and may.
///
/// `named` is the `userId` of the body or query, and `looked_up` whom the gateway has found under it
/// ([`NamedSubject`](crate::extract::NamedSubject)).
pub fn choose_subject(
    caller: UserOrKey,
    named: Option<UserId>,
    looked_up: Option<Caller>,
    rule: SubjectRule,
) -> Result<Caller, SubjectError> {
    let named = match (caller, named) {
        (UserOrKey::User(user), None) => return Ok(user),
        (UserOrKey::User(user), Some(named)) if named == user.id => return Ok(user),
        (UserOrKey::User(user), Some(_)) if rule == SubjectRule::Keys || !user.roles.is_staff() => {
            return Err(SubjectError::OthersForbidden);
        }
        (UserOrKey::Key(_), None) => return Err(SubjectError::Unnamed),
        (UserOrKey::User(_) | UserOrKey::Key(_), Some(named)) => named,
    };
    looked_up.filter(|user| user.id == named).ok_or(SubjectError::NotLookedUp)
}

#[cfg(test)]
mod tests {
    use domain::{ApiKeyId, ApiKeyScopeSet, ObjectId, Role, RoleSet};

    use super::*;
    use crate::identity::KeyCaller;

    fn person(number: u8, role: Role) -> Caller {
        let id = UserId(ObjectId::from_bytes([number; 12]));
        Caller { id, roles: RoleSet::from_roles(&[role]) }
    }

    fn server() -> UserOrKey {
        let id = ApiKeyId(ObjectId::from_bytes([1; 12]));
        UserOrKey::Key(KeyCaller { id, scopes: ApiKeyScopeSet::EMPTY })
    }

    #[test]
    fn people_mean_themselves_unless_they_are_staff_who_may_name_others() {
        let (mina, juno) = (person(1, Role::User), person(2, Role::User));
        let olga = person(3, Role::Operator);
        for rule in [SubjectRule::Keys, SubjectRule::KeysAndStaff] {
            let choose = |caller: Caller, named: Option<Caller>| {
                choose_subject(UserOrKey::User(caller), named.map(|user| user.id), named, rule)
            };
            assert_eq!(choose(mina, None), Ok(mina));
            assert_eq!(choose(mina, Some(mina)), Ok(mina));
            assert_eq!(choose(mina, Some(juno)), Err(SubjectError::OthersForbidden));
            assert_eq!(choose(olga, Some(olga)), Ok(olga));
            let by_staff = match rule {
                SubjectRule::Keys => Err(SubjectError::OthersForbidden),
                SubjectRule::KeysAndStaff => Ok(juno),
            };
            assert_eq!(choose(olga, Some(juno)), by_staff);
        }
    }

    #[test]
    fn a_server_must_name_somebody_and_gets_whom_the_gateway_has_found_under_that_id_alone() {
        let (mina, juno) = (person(1, Role::User), person(2, Role::User));
        let choose = |named: Option<Caller>, looked_up: Option<Caller>| {
            choose_subject(server(), named.map(|user| user.id), looked_up, SubjectRule::Keys)
        };
        assert_eq!(choose(Some(mina), Some(mina)), Ok(mina));
        assert_eq!(choose(None, None), Err(SubjectError::Unnamed));
        assert_eq!(choose(None, Some(mina)), Err(SubjectError::Unnamed));
        assert_eq!(choose(Some(mina), None), Err(SubjectError::NotLookedUp));
        assert_eq!(choose(Some(mina), Some(juno)), Err(SubjectError::NotLookedUp));
    }
}
