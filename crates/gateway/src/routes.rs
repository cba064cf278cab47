//! THE route table: path, method, who may, with which scope a key may, which service answers, how often, how
//! large a body.

use domain::{ApiKeyScope, RoleSet};
use http::Method;
use service_kit::{extract::MAX_UPLOAD_BYTES, ratelimit::RateClass};

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

/// Where a request names the user it is about, as `userId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectPlace {
    /// In its body, a JSON object.
    Body,
    /// In its query.
    Query,
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
    /// The scope an API key needs for it. None: keys are refused, unless the route is open to everybody.
    pub key_scope: Option<ApiKeyScope>,
    /// Where a key or staff may name the user a request is about. The gateway then looks up that user's roles
    /// for the service.
    pub subject: Option<SubjectPlace>,
    /// Who answers it.
    pub service: ServiceName,
    /// A limit of its own, besides those every route has.
    pub rate: Option<RateClass>,
    /// The largest body in bytes; 0 for none, then any body is refused.
    pub body_limit: usize,
    /// The largest body of lines (`text/csv`) in bytes; 0 where such a body is as any other.
    pub upload_limit: usize,
    /// Whether pages of other sites are refused: where a cookie alone gives rights.
    pub is_same_site: bool,
    /// Whether a success is a login, to be recorded as an activity of the user.
    pub is_login: bool,
}

/// The largest body of most routes, in bytes.
const BODY: usize = 256 * 1024;
/// The largest body of a batch of activities, in bytes.
const BATCH_BODY: usize = 1024 * 1024;
/// Operators and administrators: who runs events.
use RouteAccess::{Anyone, LoggedIn, OptionalLogin, OwnerOr, Roles};

/// Every route of the public API.
pub static ROUTES: &[Route] = &[
    post("/users", Anyone, ServiceName::Auth).at_most(RateClass::Register),
    get("/users", Roles(RoleSet::STAFF), ServiceName::Auth),
    get("/users/me", LoggedIn, ServiceName::Auth),
    put("/users/me/password", LoggedIn, ServiceName::Auth).at_most(RateClass::PasswordChange),
    get("/users/{id}", OwnerOr(RoleSet::STAFF), ServiceName::Auth).for_keys(ApiKeyScope::UsersRead),
    put("/users/{id}/roles", Roles(RoleSet::ADMINS), ServiceName::Auth),
    post("/auth/login", Anyone, ServiceName::Auth).at_most(RateClass::Login).same_site().recorded_as_login(),
    post("/auth/refresh", Anyone, ServiceName::Auth).at_most(RateClass::Refresh).same_site(),
    post("/auth/logout", OptionalLogin, ServiceName::Auth).same_site(),
    post("/api-keys", Roles(RoleSet::ADMINS), ServiceName::Auth),
    get("/api-keys", Roles(RoleSet::AUDITORS), ServiceName::Auth),
    delete("/api-keys/{id}", Roles(RoleSet::ADMINS), ServiceName::Auth),
    get("/audit/users", Roles(RoleSet::AUDITORS), ServiceName::Auth),
    get("/audit/users/head", Roles(RoleSet::AUDITORS), ServiceName::Auth),
    get("/audit/events", Roles(RoleSet::AUDITORS), ServiceName::Event),
    get("/audit/events/head", Roles(RoleSet::AUDITORS), ServiceName::Event),
    post("/events", Roles(RoleSet::OPERATORS), ServiceName::Event),
    get("/events", LoggedIn, ServiceName::Event).for_keys(ApiKeyScope::EventsRead),
    get("/events/{eventId}/eligibility", LoggedIn, ServiceName::Event).about_user(SubjectPlace::Query),
    post("/events/{eventId}/condition/backtest", Roles(RoleSet::STAFF), ServiceName::Event),
    get("/facts", Roles(RoleSet::STAFF), ServiceName::Event),
    post("/conditions/evaluate", Roles(RoleSet::STAFF), ServiceName::Event).about_user(SubjectPlace::Body),
    post("/activities", Roles(RoleSet::OPERATORS), ServiceName::Event)
        .for_keys(ApiKeyScope::ActivitiesWrite)
        .with_batch_body(),
    get("/activities", Roles(RoleSet::STAFF), ServiceName::Event),
    put("/users/{id}/attributes", Roles(RoleSet::OPERATORS), ServiceName::Event)
        .for_keys(ApiKeyScope::AttributesWrite),
    get("/users/{id}/attributes", Roles(RoleSet::STAFF), ServiceName::Event),
    get("/events/requests", LoggedIn, ServiceName::Event).for_keys(ApiKeyScope::RequestsRead),
    get("/events/requests/counts", Roles(RoleSet::STAFF), ServiceName::Event),
    post("/events/requests/decisions", Roles(RoleSet::OPERATORS), ServiceName::Event)
        .for_keys(ApiKeyScope::RequestsDecide),
    patch("/events/requests/{requestId}", Roles(RoleSet::OPERATORS), ServiceName::Event)
        .for_keys(ApiKeyScope::RequestsDecide),
    get("/events/requests/{requestId}", OwnerOr(RoleSet::STAFF), ServiceName::Event)
        .for_keys(ApiKeyScope::RequestsRead),
    get("/events/{eventId}", LoggedIn, ServiceName::Event).for_keys(ApiKeyScope::EventsRead),
    patch("/events/{eventId}", Roles(RoleSet::OPERATORS), ServiceName::Event),
    delete("/events/{eventId}", Roles(RoleSet::ADMINS), ServiceName::Event),
    get("/events/{eventId}/revisions", Roles(RoleSet::STAFF), ServiceName::Event),
    post("/events/{eventId}/preflight", Roles(RoleSet::STAFF), ServiceName::Event).without_body(),
    post("/events/{eventId}/clone", Roles(RoleSet::OPERATORS), ServiceName::Event).without_body(),
    post("/events/requests/{requestId}/revoke", Roles(RoleSet::ADMINS), ServiceName::Event),
    get("/admin/invariants", Roles(RoleSet::AUDITORS), ServiceName::Event),
    get("/grants", LoggedIn, ServiceName::Event).for_keys(ApiKeyScope::GrantsRead),
    get("/users/{id}/wallet", OwnerOr(RoleSet::STAFF), ServiceName::Event).for_keys(ApiKeyScope::GrantsRead),
    get("/rewards", Roles(RoleSet::STAFF), ServiceName::Event),
    post("/rewards/{rewardId}/codes", Roles(RoleSet::OPERATORS), ServiceName::Event).with_uploads(),
    patch("/events/{eventId}/rewards/{rewardId}", Roles(RoleSet::OPERATORS), ServiceName::Event),
    delete("/events/{eventId}/rewards/{rewardId}", Roles(RoleSet::OPERATORS), ServiceName::Event),
    post("/events/{eventId}/rewards", Roles(RoleSet::OPERATORS), ServiceName::Event),
    get("/events/{eventId}/rewards", LoggedIn, ServiceName::Event).for_keys(ApiKeyScope::EventsRead),
    post("/events/{eventId}/request", Roles(RoleSet::CLAIMANTS), ServiceName::Event)
        .for_keys(ApiKeyScope::RequestsWrite)
        .about_user(SubjectPlace::Body),
];

const fn get(path: &'static str, access: RouteAccess, service: ServiceName) -> Route {
    route(Method::GET, path, access, service)
}

const fn post(path: &'static str, access: RouteAccess, service: ServiceName) -> Route {
    route(Method::POST, path, access, service).with_body()
}

const fn put(path: &'static str, access: RouteAccess, service: ServiceName) -> Route {
    route(Method::PUT, path, access, service).with_body()
}

const fn patch(path: &'static str, access: RouteAccess, service: ServiceName) -> Route {
    route(Method::PATCH, path, access, service).with_body()
}

const fn delete(path: &'static str, access: RouteAccess, service: ServiceName) -> Route {
    route(Method::DELETE, path, access, service)
}

const fn route(method: Method, path: &'static str, access: RouteAccess, service: ServiceName) -> Route {
    Route {
        method,
        path,
        access,
        key_scope: None,
        subject: None,
        service,
        rate: None,
        body_limit: 0,
        upload_limit: 0,
        is_same_site: false,
        is_login: false,
    }
}

impl Route {
    const fn with_body(mut self) -> Self {
        self.body_limit = BODY;
        self
    }

    const fn without_body(mut self) -> Self {
        self.body_limit = 0;
        self
    }

    const fn with_batch_body(mut self) -> Self {
        self.body_limit = BATCH_BODY;
        self
    }

    const fn with_uploads(mut self) -> Self {
        self.body_limit = BATCH_BODY;
        self.upload_limit = MAX_UPLOAD_BYTES;
        self
    }

    const fn recorded_as_login(mut self) -> Self {
        self.is_login = true;
        self
    }

    const fn for_keys(mut self, scope: ApiKeyScope) -> Self {
        self.key_scope = Some(scope);
        self
    }

    const fn about_user(mut self, place: SubjectPlace) -> Self {
        self.subject = Some(place);
        self
    }

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

    #[test]
    fn only_routes_that_somebody_must_log_in_for_name_a_scope_and_those_with_a_body_a_user_in_it() {
        for Route { method, path, access, key_scope, subject, body_limit, .. } in ROUTES {
            let needs_login =
                matches!(access, RouteAccess::LoggedIn | RouteAccess::Roles(_) | RouteAccess::OwnerOr(_));
            assert!(key_scope.is_none() || needs_login, "{method} {path}");
            assert!(*subject != Some(SubjectPlace::Body) || *body_limit > 0, "{method} {path}");
        }
    }
}
