use std::{collections::HashMap, sync::Arc};

use axum::{
    body::{Body, HttpBody},
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{Fault, Faults};
use http::Method;
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, ParameterIn},
};

use super::{
    body::{is_nothing, read_bytes},
    query::given_names,
};
use crate::problem::{Problem, ProblemCode};

/// The most a body may have where none is taken, in bytes: `{}` and some blanks.
const MOST_NOTHING: usize = 64;
/// The most faults that are noted.
const MOST_FAULTS: usize = 100;

/// Which routes take a query and which take a body, as the OpenAPI document of a service says. Cheap to clone.
///
/// It comes from the document, so that a new route needs no thought: what it does not describe it does not take.
#[derive(Debug, Clone, Default)]
pub struct DeclaredInputs(Arc<HashMap<String, Vec<(Method, OperationInputs)>>>);

#[derive(Debug, Clone, Copy)]
struct OperationInputs {
    query: bool,
    body: bool,
}

impl DeclaredInputs {
    /// What the operations of this document take.
    pub fn from_document(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter().map(|(path, item)| {
            let operations = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            let inputs = operations.into_iter().filter_map(|(method, operation)| {
                Some((method, OperationInputs::from_operation(operation.as_ref()?)))
            });
            (path.clone(), inputs.collect())
        });
        Self(Arc::new(paths.collect()))
    }

    fn find(&self, request: &Request) -> Option<OperationInputs> {
        let path = request.extensions().get::<MatchedPath>()?;
        let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
        let operations = self.0.get(path.as_str())?;
        operations.iter().find(|(declared, _)| declared == method).map(|(_, inputs)| *inputs)
    }
}

impl OperationInputs {
    fn from_operation(operation: &Operation) -> Self {
        let mut params = operation.parameters.iter().flatten();
        Self {
            query: params
                .any(|param| matches!(param, RefOr::T(param) if param.parameter_in == ParameterIn::Query)),
            body: operation.request_body.is_some(),
        }
    }
}

/// Middleware that answers 400 to query parameters on a route that takes none, and to a body on a route that takes none
/// (an empty JSON object passes as nothing). Routes the document does not have are left alone.
///
/// [`protect_service`](crate::identity_gate::protect_service) puts it around a service.
pub async fn refuse_undeclared(
    State(declared): State<DeclaredInputs>,
    request: Request,
    next: Next,
) -> Response {
    let has_query = request.uri().query().is_some_and(|query| !query.is_empty());
    let has_body = !request.body().is_end_stream();
    // Nearly all requests have either nothing or a body that is taken: only a closer look needs the table.
    let inputs = if has_query || has_body { declared.find(&request) } else { None };
    let Some(inputs) = inputs else { return next.run(request).await };
    match without_undeclared(inputs, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn without_undeclared(inputs: OperationInputs, request: Request) -> Result<Request, Problem> {
    if !inputs.query {
        let names = given_names(request.uri().query().unwrap_or_default());
        let faults = names.take(MOST_FAULTS).map(|name| Fault {
            pointer: format!("?{name}"),
            message: "is not known here; this route takes no query parameters".to_owned(),
        });
        let faults: Vec<_> = faults.collect();
        if !faults.is_empty() {
            return Err(Problem::invalid(Faults::from_iter(faults)));
        }
    }
    if inputs.body {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let nothing = match read_bytes(body, MOST_NOTHING).await {
        Ok(bytes) => is_nothing(&bytes),
        Err(problem) if problem.code() == ProblemCode::BodyTooLarge => false,
        Err(problem) => return Err(problem),
    };
    if nothing {
        Ok(Request::from_parts(parts, Body::empty()))
    } else {
        Err(Problem::invalid(Faults::new("", "must be left out: this route takes no body")))
    }
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        middleware::from_fn_with_state,
        routing::{get, post},
    };
    use http::StatusCode;
    use tower::ServiceExt;
    use utoipa::openapi::{
        HttpMethod, PathItem, PathsBuilder,
        path::{OperationBuilder, ParameterBuilder},
        request_body::RequestBody,
    };

    use super::*;

    fn router() -> Router {
        let nothing = OperationBuilder::new;
        let query = OperationBuilder::new()
            .parameter(ParameterBuilder::new().name("q").parameter_in(ParameterIn::Query));
        let body = OperationBuilder::new().request_body(Some(RequestBody::new()));
        let paths = PathsBuilder::new()
            .path("/things/{id}", PathItem::new(HttpMethod::Get, nothing()))
            .path("/things/{id}/claim", PathItem::new(HttpMethod::Post, nothing()))
            .path("/things", PathItem::new(HttpMethod::Get, query))
            .path("/bodies", PathItem::new(HttpMethod::Post, body));
        let mut document = OpenApi::default();
        document.paths = paths.build();
        Router::new()
            .route("/things/{id}", get(async || "ok"))
            .route("/things/{id}/claim", post(async |body: String| body))
            .route("/things", get(async || "ok"))
            .route("/bodies", post(async |body: String| body))
            .route("/internal", post(async |body: String| body))
            .layer(from_fn_with_state(DeclaredInputs::from_document(&document), refuse_undeclared))
    }

    async fn status(method: Method, path: &str, body: impl Into<Body>) -> StatusCode {
        let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
        router().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_route_without_parameters_refuses_every_query_parameter() {
        assert_eq!(status(Method::GET, "/things/1", "").await, 200);
        assert_eq!(status(Method::GET, "/things/1?", "").await, 200);
        for query in ["x=1", "x", "%ff=1", "="] {
            assert_eq!(status(Method::GET, &format!("/things/1?{query}"), "").await, 400, "{query}");
            assert_eq!(status(Method::HEAD, &format!("/things/1?{query}"), "").await, 400, "{query}");
            assert_eq!(status(Method::POST, &format!("/bodies?{query}"), "b").await, 400, "{query}");
        }
        assert_eq!(
            status(Method::GET, "/things?q=1&other=2", "").await,
            200,
            "its extractor checks the names"
        );
    }

    #[tokio::test]
    async fn a_route_without_a_body_takes_nothing_or_an_empty_object() {
        for body in ["", " ", "{}", " {\n} "] {
            assert_eq!(status(Method::POST, "/things/1/claim", body).await, 200, "{body:?}");
        }
        let large = "x".repeat(100_000);
        for body in ["{", "null", "[]", "{\"a\":1}", "x", "{}{}", large.as_str()] {
            assert_eq!(status(Method::POST, "/things/1/claim", body.to_owned()).await, 400, "{body:.20}");
            assert_eq!(status(Method::GET, "/things/1", body.to_owned()).await, 400, "{body:.20}");
        }
    }

    #[tokio::test]
    async fn what_is_declared_or_not_in_the_document_passes() {
        assert_eq!(status(Method::POST, "/bodies", "anything").await, 200);
        assert_eq!(status(Method::POST, "/internal?x=1", "anything").await, 200);
        assert_eq!(status(Method::GET, "/nowhere?x=1", "").await, 404);
    }
}
