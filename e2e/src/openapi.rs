//! Holds every answer that a test sees against the OpenAPI document: a status or code that the document does not name for
//! that route is a failure, whichever journey came upon it.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::api::Answer;

/// The snapshot that `make openapi-check` compares with the program.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../docs/openapi.json")).expect("docs/openapi.json is JSON")
});

/// What any path can answer that no route has, or any route that lacks the method.
const OUTSIDE_ROUTES: [&str; 3] = ["NOT_FOUND", "METHOD_NOT_ALLOWED", "RATE_LIMITED"];

/// Served on the operations address, which is no part of the public API.
const OPERATIONS_PATHS: [&str; 3] = ["/metrics", "/healthz", "/readyz"];

/// Fails unless the document foresees this answer of this route.
#[track_caller]
pub(crate) fn assert_documented(method: &str, path: &str, answer: &Answer) {
    let path = path.split('?').next().unwrap_or_default();
    let code = answer.body["code"].as_str();
    if OPERATIONS_PATHS.contains(&path) {
        return;
    }
    let Some(operation) = operation(method, path) else {
        let is_page = code.is_none() && answer.status < 400;
        let foreseen = is_page || code.is_some_and(|code| OUTSIDE_ROUTES.contains(&code));
        assert!(foreseen, "{method} {path} is no route, yet it answered {} {:#}", answer.status, answer.body);
        return;
    };
    let response = &operation["responses"][answer.status.to_string()];
    assert!(
        response.is_object(),
        "the document lacks {} of {method} {path}: {:#}",
        answer.status,
        answer.body
    );
    if answer.status >= 400 {
        let codes = response["x-codes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let named = code.is_some_and(|code| codes.iter().any(|known| known == code));
        assert!(named, "the document lacks {code:?} under {} of {method} {path}", answer.status);
    }
}

/// The description of a route. A path spelled out goes before one with a parameter, as in the router.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let paths = DOCUMENT["paths"].as_object()?;
    let item = paths.get(path).or_else(|| matching_item(paths, path))?;
    item.get(method.to_ascii_lowercase())
}

fn matching_item<'a>(paths: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let fitting = paths.iter().filter(|(template, _)| is_instance(template, path));
    // `/events/requests/{id}` rather than `/events/{id}/rewards`: the one with the fewest parameters.
    fitting.min_by_key(|(template, _)| template.matches('{').count()).map(|(_, item)| item)
}

fn is_instance(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let fits = |(wanted, given): (&&str, &&str)| wanted.starts_with('{') || wanted == given;
    template.len() == path.len() && template.iter().zip(&path).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> Answer {
        let body = serde_json::json!({ "code": code });
        Answer { status, headers: reqwest::header::HeaderMap::new(), text: body.to_string(), body }
    }

    #[test]
    fn a_code_that_the_document_names_passes() {
        assert_documented("POST", "/users", &answer(409, "EMAIL_TAKEN"));
        assert_documented("GET", "/nowhere", &answer(404, "NOT_FOUND"));
        assert_documented("GET", "/events/requests/6650f1a2c3d4e5f601234567", &answer(404, "NOT_FOUND"));
    }

    #[test]
    #[should_panic(expected = "the document lacks 418")]
    fn a_status_that_the_document_lacks_fails() {
        assert_documented("POST", "/users?x=1", &answer(418, "TEAPOT"));
    }

    #[test]
    #[should_panic(expected = "the document lacks Some(\"LAST_ADMIN\")")]
    fn a_code_that_the_document_lacks_fails() {
        assert_documented("POST", "/users", &answer(409, "LAST_ADMIN"));
    }

    #[test]
    #[should_panic(expected = "is no route")]
    fn an_answer_of_a_path_that_is_no_route_fails() {
        assert_documented("GET", "/nowhere", &answer(500, "INTERNAL"));
    }
}
