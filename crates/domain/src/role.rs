//! Roles and sets of roles: who may do what.

use serde::{Deserialize, Serialize};

crate::named_values::named_values! {
    /// What a user may do. A user has one or more.
    pub enum Role {
        /// Claims rewards.
        User = "USER",
        /// Defines events and rewards, decides requests.
        Operator = "OPERATOR",
        /// Sees everything, changes nothing.
        Auditor = "AUDITOR",
        /// Everything an operator may, and users' roles.
        Admin = "ADMIN",
    }
}

/// The roles of one user: a set, kept in a fixed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RoleSet(u8);

impl RoleSet {
    /// No role at all: what an anonymous caller has.
    pub const EMPTY: RoleSet = RoleSet(0);
    /// Those who claim rewards.
    pub const CLAIMANTS: RoleSet = RoleSet::from_roles(&[Role::User]);
    /// Those who define events and rewards and decide claims.
    pub const OPERATORS: RoleSet = RoleSet::from_roles(&[Role::Operator, Role::Admin]);
    /// Those who read the audit log.
    pub const AUDITORS: RoleSet = RoleSet::from_roles(&[Role::Auditor, Role::Admin]);
    /// Administrators.
    pub const ADMINS: RoleSet = RoleSet::from_roles(&[Role::Admin]);
    /// Operators, auditors and administrators: everybody who works for the service.
    pub const STAFF: RoleSet = RoleSet::from_roles(&[Role::Operator, Role::Auditor, Role::Admin]);

    /// The set of these roles.
    pub const fn from_roles(roles: &[Role]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < roles.len() {
            bits |= 1 << roles[index] as u8;
            index += 1;
        }
        Self(bits)
    }

    /// Whether this role is in the set.
    pub const fn contains(self, role: Role) -> bool {
        self.0 & (1 << role as u8) != 0
    }

    /// Whether the two sets share a role.
    pub const fn intersects(self, other: RoleSet) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is no role in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The roles in their fixed order.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.contains(*role))
    }

    /// Whether the set has OPERATOR, AUDITOR or ADMIN.
    pub const fn is_staff(self) -> bool {
        self.intersects(Self::STAFF)
    }
}

impl FromIterator<Role> for RoleSet {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |bits, role| bits | 1 << role as u8))
    }
}

impl Serialize for RoleSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for RoleSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Role>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl utoipa::PartialSchema for RoleSet {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let role = <Role as utoipa::PartialSchema>::schema();
        utoipa::openapi::ArrayBuilder::new().items(role).into()
    }
}

impl utoipa::ToSchema for RoleSet {
    fn name() -> std::borrow::Cow<'static, str> {
        "RoleSet".into()
    }

    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
        schemas.push(("Role".to_owned(), <Role as utoipa::PartialSchema>::schema()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_set_is_written_as_names_in_a_fixed_order_without_repeats() {
        let roles: RoleSet = [Role::Admin, Role::User, Role::Admin].into_iter().collect();
        assert_eq!(serde_json::to_string(&roles).unwrap(), r#"["USER","ADMIN"]"#);
        assert_eq!(serde_json::from_str::<RoleSet>(r#"["ADMIN","USER"]"#).unwrap(), roles);
    }

    #[test]
    fn each_named_set_has_its_roles() {
        for (set, names) in [
            (RoleSet::EMPTY, ""),
            (RoleSet::CLAIMANTS, "USER"),
            (RoleSet::OPERATORS, "OPERATOR ADMIN"),
            (RoleSet::AUDITORS, "AUDITOR ADMIN"),
            (RoleSet::ADMINS, "ADMIN"),
            (RoleSet::STAFF, "OPERATOR AUDITOR ADMIN"),
        ] {
            assert_eq!(set.iter().map(Role::name).collect::<Vec<_>>().join(" "), names);
        }
    }

    #[test]
    fn only_operators_auditors_and_admins_are_staff() {
        for role in Role::ALL {
            assert_eq!(RoleSet::from_roles(&[role]).is_staff(), role != Role::User);
        }
    }
}
