//! The description of the public API.

use std::collections::BTreeSet;

use domain::Role;
use http::Method;
use service_kit::problem::{CODES_EXTENSION, ProblemCode, add_problem_schemas, refusal_responses};
use utoipa::openapi::{
    OpenApi, RefOr, Response, Schema,
    path::Operation,
    schema::AdditionalProperties,
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

use crate::routes::{ROUTES, Route, RouteAccess};

const BEARER: &str = "accessToken";
const API_KEY: &str = "apiKey";

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
    add_security_schemes(&mut document);
    document.paths.paths.retain(|path, _| ROUTES.iter().any(|route| route.path == path));
    for route in ROUTES {
        if let Some(operation) = find_operation(&mut document, route) {
            describe_access(operation, route);
            add_shared_refusals(operation, route);
        }
    }
    add_problem_schemas(&mut document);
    close_request_bodies(&mut document);
    document
}

fn add_security_schemes(document: &mut OpenApi) {
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("gdn_…")
        .description(Some(
            "An API key, for servers. Where a route takes keys, it names the scope a key needs.",
        ))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(BEARER, SecurityScheme::Http(token));
    components.add_security_scheme(API_KEY, SecurityScheme::Http(key));
}

fn find_operation<'a>(document: &'a mut OpenApi, route: &Route) -> Option<&'a mut Operation> {
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
        RouteAccess::Anyone => "Open to anyone.".to_owned(),
        RouteAccess::OptionalLogin => "For anyone who is logged in, or has a refresh token.".to_owned(),
        RouteAccess::LoggedIn => "For anyone who is logged in.".to_owned(),
        RouteAccess::Roles(roles) => format!("For {}.", role_names(roles.iter())),
        RouteAccess::OwnerOr(roles) => {
            format!("For {} and the user it belongs to.", role_names(roles.iter()))
        }
    };
    let told = operation.description.take().unwrap_or_default();
    let servers = route.key_scope.map(|scope| format!(" API keys need the scope `{scope}`."));
    let who = who + servers.as_deref().unwrap_or_default();
    operation.description = Some(format!("{told}\n\n{who}").trim().to_owned());
    let bearer = || SecurityRequirement::new(BEARER, Vec::<String>::new());
    let mut security = match route.access {
        RouteAccess::Anyone => vec![],
        RouteAccess::OptionalLogin => vec![SecurityRequirement::default(), bearer()],
        RouteAccess::LoggedIn | RouteAccess::Roles(_) | RouteAccess::OwnerOr(_) => vec![bearer()],
    };
    security.extend(route.key_scope.map(|scope| SecurityRequirement::new(API_KEY, [scope.name()])));
    operation.security = Some(security);
}

fn role_names(roles: impl Iterator<Item = Role>) -> String {
    roles.map(Role::name).collect::<Vec<_>>().join(", ")
}

/// What every route of a kind can answer: the one place that says so.
fn shared_refusals(route: &Route) -> Vec<(ProblemCode, &'static str)> {
    let mut refusals = vec![
        (ProblemCode::ValidationFailed, "A value is not valid, or not known here."),
        (ProblemCode::MalformedRequest, "The request does not follow HTTP."),
        (ProblemCode::RateLimited, "Too many requests; see Retry-After."),
        (ProblemCode::Internal, "A fault of the server."),
        (ProblemCode::Unavailable, "Something the server needs does not answer; see Retry-After."),
    ];
    if route.body_limit > 0 {
        refusals.extend([
            (ProblemCode::MalformedBody, "The body is not JSON, or ended early."),
            (ProblemCode::RequestTimeout, "The body took too long to arrive."),
            (ProblemCode::BodyTooLarge, "The body is too large."),
            (ProblemCode::UnsupportedMediaType, "The body must be JSON, without a content encoding."),
        ]);
    }
    if route.access != RouteAccess::Anyone {
        refusals.extend([
            (ProblemCode::Unauthenticated, "There is no access token or API key, or no valid one."),
            (ProblemCode::TokenExpired, "The access token or API key has expired."),
            (ProblemCode::SessionRevoked, "The session has ended."),
        ]);
    }
    if route.access != RouteAccess::Anyone {
        refusals
            .push((ProblemCode::Forbidden, "The caller's roles, or the key's scopes, do not allow this."));
    }
    if route.is_same_site {
        refusals.push((ProblemCode::Forbidden, "A page of another site has sent this."));
    }
    if route.path.contains('{') || route.subject.is_some() {
        refusals.push((ProblemCode::NotFound, "There is no such thing."));
    }
    refusals
}

/// Adds them to what the service described itself. Where both have a status, the codes come together and the
/// service's words stay.
fn add_shared_refusals(operation: &mut Operation, route: &Route) {
    for (status, shared) in refusal_responses(&shared_refusals(route)) {
        match operation.responses.responses.get_mut(&status) {
            Some(RefOr::T(described)) => merge_codes(described, shared),
            Some(RefOr::Ref(_)) => {}
            None => {
                operation.responses.responses.insert(status, shared);
            }
        }
    }
}

fn merge_codes(described: &mut Response, shared: RefOr<Response>) {
    let RefOr::T(shared) = shared else { return };
    let codes: BTreeSet<String> = [described.extensions.as_ref(), shared.extensions.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|extensions| extensions.get(CODES_EXTENSION)?.as_array())
        .flatten()
        .filter_map(|code| code.as_str().map(str::to_owned))
        .collect();
    described
        .extensions
        .get_or_insert_default()
        .insert(CODES_EXTENSION.to_owned(), codes.into_iter().collect());
    if described.content.is_empty() {
        described.content = shared.content;
    }
}

/// Unknown fields of a body are always refused, so its schema says so.
fn close_request_bodies(document: &mut OpenApi) {
    let mut names = BTreeSet::new();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let Some(RefOr::T(body)) = operation.request_body.as_mut() else { continue };
            for content in body.content.values_mut() {
                let RefOr::T(content) = content else { continue };
                content.schema.iter_mut().for_each(|schema| close_schema(schema, &mut names));
            }
        }
    }
    let Some(components) = document.components.as_mut() else { return };
    while let Some(name) = names.pop_first() {
        if let Some(schema) = components.schemas.get_mut(&name) {
            close_schema(schema, &mut names);
        }
    }
}

/// Closes an object, or each of its alternatives; `names` gets the components they refer to.
fn close_schema(schema: &mut RefOr<Schema>, names: &mut BTreeSet<String>) {
    match schema {
        RefOr::Ref(reference) => {
            names.extend(reference.ref_location.rsplit('/').next().map(str::to_owned));
        }
        RefOr::T(Schema::Object(object)) if !object.properties.is_empty() => {
            object
                .additional_properties
                .get_or_insert_with(|| Box::new(AdditionalProperties::FreeForm(false)));
        }
        RefOr::T(Schema::OneOf(alternatives)) => {
            alternatives.items.iter_mut().for_each(|item| close_schema(item, names));
        }
        RefOr::T(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn described() -> Value {
        let service = json!({
            "openapi": "3.1.0",
            "info": { "title": "auth", "version": "1" },
            "paths": { "/users/{id}/roles": { "put": {
                "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/SetRoles" }
                } } },
                "responses": { "404": { "description": "No such user.", "x-codes": ["ANOTHER"] } }
            } } },
            "components": { "schemas": { "SetRoles": {
                "type": "object",
                "properties": { "roles": { "type": "object" } }
            } } }
        });
        serde_json::to_value(document([serde_json::from_value(service).unwrap()])).unwrap()
    }

    #[test]
    fn what_every_route_of_a_kind_can_answer_is_added_and_the_services_own_words_stay() {
        let document = described();
        let responses = &document["paths"]["/users/{id}/roles"]["put"]["responses"];
        let statuses: Vec<_> = responses.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(statuses, ["400", "401", "403", "404", "408", "413", "415", "429", "500", "503"]);
        assert_eq!(responses["404"]["description"], "No such user.");
        assert_eq!(responses["404"]["x-codes"], json!(["ANOTHER", "NOT_FOUND"]));
        assert_eq!(
            responses["401"]["x-codes"],
            json!(["SESSION_REVOKED", "TOKEN_EXPIRED", "UNAUTHENTICATED"])
        );
    }

    #[test]
    fn a_request_body_is_closed_and_what_is_inside_stays_as_it_is() {
        let schema = &described()["components"]["schemas"]["SetRoles"];
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["roles"], json!({ "type": "object" }));
    }
}
