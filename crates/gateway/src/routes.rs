//! THE route table: path, method, who may, which service answers, how often, how large a body.

use domain::RoleSet;
use http::Method;
use service_kit::ratelimit::RateClass;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteAccess {
    /// Everybody, logged in or not.
    Anyone,
    /// Everybody; whoever shows a valid access token is known to the service, and any other token counts as
    /// none.
    OptionalLogin,
    /// Everybody who is logged in.
    LoggedIn,
    /// Those who have one of these roles.
    Roles(RoleSet),
    /// Those who have one of these roles, and whoever the resource belongs to: only its service knows who
    /// that is.
    OwnerOr(RoleSet),
}

/// Which service answers a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceName {
    /// Users and sessions.
    Auth,
    /// Events, rewards, claims.
    Event,
}

impl ServiceName {
    /// What operators call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Event => "event",
        }
    }
}

/// One route of the public API.
#[derive(Debug, Clone)]
pub struct Route {
    /// The HTTP method.
    pub method: Method,
    /// The path, parameters in braces.
    pub path: &'static str,
    /// Who may use it.
    pub access: RouteAccess,
    /// Who answers it.
    pub service: ServiceName,
    /// A limit of its own, besides those every route has.
    pub rate: Option<RateClass>,
    /// The largest body in bytes; 0 for none, then any body is refused.
    pub body_limit: usize,
    /// Whether pages of other sites are refused: where a cookie alone gives rights.
    pub is_same_site: bool,
}

/// The largest body of most routes, in bytes.
const BODY: usize = 256 * 1024;
/// Operators and administrators: who runs events.
use RouteAccess::{Anyone, LoggedIn, OptionalLogin, OwnerOr, Roles};

/// Every route of the public API.
pub static ROUTES: &[Route] = &[
    post("/users", Anyone, ServiceName::Auth).at_most(RateClass::Register),
    get("/users", Roles(RoleSet::STAFF), ServiceName::Auth),
    get("/users/me", LoggedIn, ServiceName::Auth),
    put("/users/me/password", LoggedIn, ServiceName::Auth).at_most(RateClass::PasswordChange),
    get("/users/{id}", OwnerOr(RoleSet::STAFF), ServiceName::Auth),
    put("/users/{id}/roles", Roles(RoleSet::ADMINS), ServiceName::Auth),
    post("/auth/login", Anyone, ServiceName::Auth).at_most(RateClass::Login).same_site(),
    post("/auth/refresh", Anyone, ServiceName::Auth).at_most(RateClass::Refresh).same_site(),
    post("/auth/logout", OptionalLogin, ServiceName::Auth).same_site(),
    post("/events", Roles(RoleSet::OPERATORS), ServiceName::Event),
    get("/events", LoggedIn, ServiceName::Event),
    get("/events/requests", LoggedIn, ServiceName::Event),
    get("/events/requests/{requestId}", OwnerOr(RoleSet::STAFF), ServiceName::Event),
    get("/events/{eventId}", LoggedIn, ServiceName::Event),
    post("/events/{eventId}/rewards", Roles(RoleSet::OPERATORS), ServiceName::Event),
    get("/events/{eventId}/rewards", LoggedIn, ServiceName::Event),
    post("/events/{eventId}/request", Roles(RoleSet::CLAIMANTS), ServiceName::Event),
];

const fn get(path: &'static str, access: RouteAccess, service: ServiceName) -> Route {
    Route { method: Method::GET, path, access, service, rate: None, body_limit: 0, is_same_site: false }
}

const fn post(path: &'static str, access: RouteAccess, service: ServiceName) -> Route {
    Route { method: Method::POST, path, access, service, rate: None, body_limit: BODY, is_same_site: false }
}

const fn put(path: &'static str, access: RouteAccess, service: ServiceName) -> Route {
    Route { method: Method::PUT, path, access, service, rate: None, body_limit: BODY, is_same_site: false }
}

impl Route {
    const fn at_most(mut self, class: RateClass) -> Self {
        self.rate = Some(class);
        self
    }

    const fn same_site(mut self) -> Self {
        self.is_same_site = true;
        self
    }
}

impl RouteAccess {
    /// The roles a logged-in caller needs one of, where the gateway itself can tell.
    pub fn required_roles(self) -> Option<RoleSet> {
        match self {
            RouteAccess::Roles(roles) => Some(roles),
            RouteAccess::Anyone
            | RouteAccess::OptionalLogin
            | RouteAccess::LoggedIn
            | RouteAccess::OwnerOr(_) => None,
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
