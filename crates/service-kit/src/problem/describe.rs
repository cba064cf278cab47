use std::collections::{BTreeMap, BTreeSet};

use domain::Fault;
use serde::Serialize;
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Content, OpenApi, Ref, RefOr, Response, ResponseBuilder, extensions::Extensions, schema::Schema,
    },
};

use super::ProblemCode;

/// The extension of a response in the OpenAPI document that lists the codes it can have, sorted, as a JSON array.
pub const CODES_EXTENSION: &str = "x-codes";

/// How problems look in the OpenAPI document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`: the `code` tells problems apart.
    #[schema(example = "about:blank")]
    pub r#type: String,
    /// A short summary of the code.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 409)]
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// Stable, for programs.
    pub code: ProblemCode,
    /// The `x-request-id` of this HTTP request.
    pub request_id: String,
    /// One entry per fault, at most 100, with `VALIDATION_FAILED`.
    #[schema(max_items = 100)]
    pub errors: Option<Vec<Fault>>,
}

/// A response in the document that carries a problem with one of these codes.
pub fn problem_response(description: &str, codes: impl IntoIterator<Item = ProblemCode>) -> Response {
    let names: BTreeSet<&str> = codes.into_iter().map(ProblemCode::name).collect();
    let problem = Content::new(Some(RefOr::<Schema>::Ref(Ref::from_schema_name("Problem"))));
    let codes = Extensions::from_iter([(CODES_EXTENSION, Value::from_iter(names))]);
    let response =
        ResponseBuilder::new().description(description).content("application/problem+json", problem);
    response.extensions(Some(codes)).build()
}

/// The responses for these refusals, each a code and a sentence: one response for each status, which tells all its codes.
pub fn refusal_responses(refusals: &[(ProblemCode, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<(ProblemCode, &str)>> = BTreeMap::new();
    for (code, sentence) in refusals {
        by_status.entry(code.status().as_u16()).or_default().push((*code, sentence));
    }
    let responses = by_status.into_iter().map(|(status, refusals)| {
        let told: Vec<_> =
            refusals.iter().map(|(code, sentence)| format!("{}: {sentence}", code.name())).collect();
        let response = problem_response(&told.join(" "), refusals.iter().map(|(code, _)| *code));
        (status.to_string(), RefOr::T(response))
    });
    responses.collect()
}

/// Adds the schemas that responses with problems refer to. To be called once for the document as a whole.
pub fn add_problem_schemas(document: &mut OpenApi) {
    let mut schemas = vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    let components = document.components.get_or_insert_default();
    components.schemas.extend(schemas);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_of_one_status_share_a_response_that_lists_them() {
        let responses = refusal_responses(&[
            (ProblemCode::EventEnded, "The period is over."),
            (ProblemCode::NotFound, "There is no such event."),
            (ProblemCode::AlreadyRequested, "You have it already."),
        ]);
        let responses = serde_json::to_value(responses).unwrap();
        assert_eq!(responses["404"]["x-codes"], json!(["NOT_FOUND"]));
        assert_eq!(responses["409"]["x-codes"], json!(["ALREADY_REQUESTED", "EVENT_ENDED"]));
        assert_eq!(
            responses["409"]["description"],
            "EVENT_ENDED: The period is over. ALREADY_REQUESTED: You have it already."
        );
        let schema = &responses["409"]["content"]["application/problem+json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/Problem");
    }

    #[test]
    fn all_schemas_that_a_problem_refers_to_are_added() {
        let mut document = OpenApi::default();
        add_problem_schemas(&mut document);
        let document = serde_json::to_value(document).unwrap();
        for name in ["Problem", "ProblemCode", "Fault"] {
            assert!(document["components"]["schemas"][name].is_object(), "{name} in {document}");
        }
    }
}
