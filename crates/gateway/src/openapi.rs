use axum::Router;
use domain::Role;
use http::Method;
use utoipa::openapi::{
    Content, OpenApi, Ref, RefOr, ResponseBuilder,
    path::Operation,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::routes::{Access, ROUTES, Route};

const BEARER: &str = "accessToken";

/// The document of the public API: the services' own descriptions, with who may do what from the route table.
///
/// What the services describe but the table does not have is left out: it cannot be reached.
pub fn document(services: impl IntoIterator<Item = OpenApi>) -> OpenApi {
    let mut document = services.into_iter().fold(OpenApi::default(), |mut whole, part| {
        whole.merge(part);
        whole
    });
    document.info = utoipa::openapi::InfoBuilder::new()
        .title("Guerdon")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Reward events for live services: define, claim, decide, audit."))
        .license(Some(
            utoipa::openapi::LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
        ))
        .build();
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    document.components.get_or_insert_default().add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    document.paths.paths.retain(|path, _| ROUTES.iter().any(|route| route.path == path));
    for route in ROUTES {
        if let Some(operation) = operation(&mut document, route) {
            describe_access(operation, route);
        }
    }
    document
}

fn operation<'a>(document: &'a mut OpenApi, route: &Route) -> Option<&'a mut Operation> {
    let item = document.paths.paths.get_mut(route.path)?;
    let slot = match route.method {
        Method::GET => &mut item.get,
        Method::POST => &mut item.post,
        Method::PUT => &mut item.put,
        Method::PATCH => &mut item.patch,
        Method::DELETE => &mut item.delete,
        _ => return None,
    };
    slot.as_mut()
}

fn describe_access(operation: &mut Operation, route: &Route) {
    let who = match route.access {
        Access::Anyone => "Open to anyone.".to_owned(),
        Access::LoggedIn => "For anyone who is logged in.".to_owned(),
        Access::Roles(roles) => format!("For {}.", names(roles.iter())),
        Access::OwnerOr(roles) => format!("For {} and the user it belongs to.", names(roles.iter())),
    };
    let told = operation.description.take().unwrap_or_default();
    operation.description = Some(format!("{told}\n\n{who}").trim().to_owned());
    if route.access == Access::Anyone {
        operation.security = Some(vec![]);
    } else {
        operation.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
        add_problem(operation, "401", "Not logged in: UNAUTHENTICATED, TOKEN_EXPIRED or SESSION_REVOKED");
    }
    if matches!(route.access, Access::Roles(_) | Access::OwnerOr(_)) {
        add_problem(operation, "403", "FORBIDDEN");
    }
    add_problem(operation, "429", "RATE_LIMITED; see Retry-After");
    add_problem(operation, "503", "UNAVAILABLE; see Retry-After");
}

fn names(roles: impl Iterator<Item = Role>) -> String {
    roles.map(Role::name).collect::<Vec<_>>().join(", ")
}

/// Adds an answer every route like this can give, unless its service described it itself.
fn add_problem(operation: &mut Operation, status: &str, description: &str) {
    let problem = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
    let response =
        ResponseBuilder::new().description(description).content("application/problem+json", problem).build();
    operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
}

/// `/openapi.json` and, from files inside the binary, `/docs`.
pub(crate) fn pages(document: OpenApi) -> Router {
    SwaggerUi::new("/docs")
        .url("/openapi.json", document)
        .config(Config::default().try_it_out_enabled(true).persist_authorization(false).validator_url("none"))
        .into()
}
