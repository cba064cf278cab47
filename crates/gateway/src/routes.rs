//! THE route table: path, method, who may, which service answers, how often, how large a body.

use domain::{Role, RoleSet};
use http::Method;
use service_kit::ratelimit::RateClass;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody, logged in or not.
    Anyone,
    /// Everybody who is logged in.
    LoggedIn,
    /// Those who have one of these roles.
    Roles(RoleSet),
    /// Those who have one of these roles, and whoever the resource belongs to: only its service knows who that is.
    OwnerOr(RoleSet),
}

/// Which service answers a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Users and sessions.
    Auth,
    /// Events, rewards, claims.
    Event,
}

/// One route of the public API.
#[derive(Debug, Clone)]
pub struct Route {
    /// The HTTP method.
    pub method: Method,
    /// The path, parameters in braces.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// Who answers it.
    pub service: Service,
    /// A limit of its own, besides those every route has.
    pub rate: Option<RateClass>,
    /// The largest body in bytes; 0 for none.
    pub body_limit: usize,
}

/// The largest body of most routes, in bytes.
const BODY: usize = 256 * 1024;
/// Operators and administrators: who runs events.
const OPERATORS: RoleSet = RoleSet::from_roles(&[Role::Operator, Role::Admin]);
const ADMINS: RoleSet = RoleSet::from_roles(&[Role::Admin]);
const CLAIMANTS: RoleSet = RoleSet::from_roles(&[Role::User]);

use Access::{Anyone, LoggedIn, OwnerOr, Roles};

/// Every route of the public API.
pub static ROUTES: &[Route] = &[
    post("/users", Anyone, Service::Auth).at_most(RateClass::Register),
    get("/users", Roles(ADMINS), Service::Auth),
    get("/users/me", LoggedIn, Service::Auth),
    get("/users/{id}", OwnerOr(RoleSet::STAFF), Service::Auth),
    put("/users/{id}/roles", Roles(ADMINS), Service::Auth),
    post("/auth/login", Anyone, Service::Auth).at_most(RateClass::Login),
    post("/auth/refresh", Anyone, Service::Auth).at_most(RateClass::Refresh),
    post("/auth/logout", LoggedIn, Service::Auth),
    post("/events", Roles(OPERATORS), Service::Event),
    get("/events", LoggedIn, Service::Event),
    get("/events/requests", LoggedIn, Service::Event),
    get("/events/requests/{requestId}", OwnerOr(RoleSet::STAFF), Service::Event),
    get("/events/{eventId}", LoggedIn, Service::Event),
    post("/events/{eventId}/rewards", Roles(OPERATORS), Service::Event),
    get("/events/{eventId}/rewards", LoggedIn, Service::Event),
    post("/events/{eventId}/request", Roles(CLAIMANTS), Service::Event),
];

const fn get(path: &'static str, access: Access, service: Service) -> Route {
    Route { method: Method::GET, path, access, service, rate: None, body_limit: 0 }
}

const fn post(path: &'static str, access: Access, service: Service) -> Route {
    Route { method: Method::POST, path, access, service, rate: None, body_limit: BODY }
}

const fn put(path: &'static str, access: Access, service: Service) -> Route {
    Route { method: Method::PUT, path, access, service, rate: None, body_limit: BODY }
}

impl Route {
    const fn at_most(mut self, class: RateClass) -> Self {
        self.rate = Some(class);
        self
    }
}

impl Access {
    /// The roles a logged-in caller needs one of, where the gateway itself can tell.
    pub fn required_roles(self) -> Option<RoleSet> {
        match self {
            Access::Roles(roles) => Some(roles),
            Access::Anyone | Access::LoggedIn | Access::OwnerOr(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_method_and_path_has_two_rules() {
        let mut seen = HashSet::new();
        for route in ROUTES {
            assert!(seen.insert((route.method.clone(), route.path)), "{} {}", route.method, route.path);
        }
    }
}
